/* SPDX-License-Identifier: MIT */
#ifndef SG_AVX2_TAIL_H
#define SG_AVX2_TAIL_H

#include "../kernels.h"

#include <immintrin.h>
#include <string.h>

/*
 * Loads of the last, incomplete register. AVX2 has no masked load below 32 bits, emulators read the masked
 * lanes of the wider ones (QEMU 7.2), and a copy through the stack would stall on store forwarding: so what is
 * there is loaded as two words that overlap. The branches follow count, which is the same for all rows.
 */

SG_ALWAYS_INLINE uint64_t load_word16(const char *p) {
    uint16_t word;
    memcpy(&word, p, sizeof word);
    return word;
}
SG_ALWAYS_INLINE uint64_t load_word32(const char *p) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}
SG_ALWAYS_INLINE uint64_t load_word64(const char *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* The first count < 8 bytes, the rest zero. */
SG_ALWAYS_INLINE uint64_t load_up_to_7(const char *p, size_t count) {
    if (count >= 4)
        return load_word32(p) | load_word32(p + count - 4) << 8 * (count - 4);
    if (count >= 2)
        return load_word16(p) | load_word16(p + count - 2) << 8 * (count - 2);
    return count == 1 ? (unsigned char)*p : 0;
}

/* The first count < 16 bytes, the rest zero. */
SG_ALWAYS_INLINE __m128i load_up_to_15(const void *from, size_t count) {
    const char *p = from;
    if (count < 8)
        return _mm_cvtsi64_si128((long long)load_up_to_7(p, count));
    /* Twice, as a shift by all 64 bits is not defined. */
    const uint64_t high = load_word64(p + count - 8) >> 8 >> 8 * (15 - count);
    return _mm_set_epi64x((long long)high, (long long)load_word64(p));
}

/* The first count < 32 bytes, the rest zero. */
SG_ALWAYS_INLINE __m256i load_up_to_31(const void *from, size_t count) {
    const char *p = from;
    if (count < 16)
        return _mm256_zextsi128_si256(load_up_to_15(p, count));
    const __m128i low = _mm_loadu_si128((const __m128i *)p);
    return _mm256_set_m128i(load_up_to_15(p + 16, count - 16), low);
}

/*
 * The last count < 32 bytes of a vector that has `before` more in front of p, the rest zero. Where that makes a whole
 * register, it is loaded at once, and what was there before is masked out: the bytes are then at its end, for every
 * vector of that length.
 */
SG_ALWAYS_INLINE __m256i load_last(const void *from, size_t count, size_t before) {
    static const uint64_t masks[8] = {0, 0, 0, 0, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    const char *p = from;
    if (before + count < 32)
        return load_up_to_31(p, count);
    const __m256i mask = _mm256_loadu_si256((const __m256i *)((const char *)masks + count));
    return _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(p + count - 32)), mask);
}

#endif
