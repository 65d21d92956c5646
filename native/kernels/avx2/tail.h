/* SPDX-License-Identifier: MIT */
#ifndef SG_AVX2_TAIL_H
#define SG_AVX2_TAIL_H

#include "../kernels.h"

#include <immintrin.h>
#include <string.h>

/*
 * Loads of the last, incomplete register. AVX2 has no masked load below 32 bits, emulators read the masked
 * lanes of the wider ones (QEMU 7.2), and a copy through the stack would stall on store forwarding: so the
 * pieces that are there are loaded one by one and put together. The branches follow count, which is the same
 * for all rows.
 */

/* The first count < 8 bytes, the rest zero. */
SG_ALWAYS_INLINE uint64_t load_up_to_7(const char *p, size_t count) {
    uint64_t word = 0;
    size_t shift = 0;
    if (count & 4) {
        uint32_t part;
        memcpy(&part, p, sizeof part);
        word = part;
        shift = 32;
        p += 4;
    }
    if (count & 2) {
        uint16_t part;
        memcpy(&part, p, sizeof part);
        word |= (uint64_t)part << shift;
        shift += 16;
        p += 2;
    }
    if (count & 1)
        word |= (uint64_t)(unsigned char)*p << shift;
    return word;
}

/* The first count < 16 bytes, the rest zero. */
SG_ALWAYS_INLINE __m128i load_up_to_15(const void *from, size_t count) {
    const char *p = from;
    if (!(count & 8))
        return _mm_set_epi64x(0, (long long)load_up_to_7(p, count));
    uint64_t low;
    memcpy(&low, p, sizeof low);
    return _mm_set_epi64x((long long)load_up_to_7(p + 8, count & 7), (long long)low);
}

/* The first count < 32 bytes, the rest zero. */
SG_ALWAYS_INLINE __m256i load_up_to_31(const void *from, size_t count) {
    const char *p = from;
    if (!(count & 16))
        return _mm256_zextsi128_si256(load_up_to_15(p, count));
    const __m128i low = _mm_loadu_si128((const __m128i *)p);
    return _mm256_set_m128i(load_up_to_15(p + 16, count & 15), low);
}

#endif
