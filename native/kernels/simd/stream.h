/* SPDX-License-Identifier: MIT */
#ifndef SG_STREAM_H
#define SG_STREAM_H

#include "../kernels.h"

#include <immintrin.h>

#define CACHE_LINE_BYTES 64

/*
 * How far in front of the rows being read the one-to-many kernels ask for memory, where sg_fetches_ahead says so.
 * 3 to 6 KiB are about equally fast (Zen 5, rows of 400 and of 3,136 bytes), less and more are slower.
 */
#define AHEAD_BYTES 5120

/*
 * Asks for what lies AHEAD_BYTES past the next `bytes` at p, for the innermost cache alone, because most scans pass by
 * once. Rows that are there already cost up to 15 % more. Beyond the last row it changes nothing and cannot fault.
 */
SG_ALWAYS_INLINE void fetch_ahead(const void *p, size_t bytes) {
    const char *ahead = (const char *)p + AHEAD_BYTES;
#pragma GCC unroll 4
    for (size_t i = 0; i < bytes; i += CACHE_LINE_BYTES)
        _mm_prefetch(ahead + i, _MM_HINT_NTA);
}

/* The exported one-to-many form, in both ways: many is inlined twice, with fetches_ahead a constant. */
#define DEFINE_MANY(op, id)                                                                                  \
    void NAME(op##_many)(const void *query, const void *rows, size_t count, size_t stride_bytes, size_t n,   \
                         float *out) {                                                                       \
        if (sg_fetches_ahead)                                                                                \
            many(id, query, rows, count, stride_bytes, n, out, 1);                                           \
        else                                                                                                 \
            many(id, query, rows, count, stride_bytes, n, out, 0);                                           \
    }

#endif
