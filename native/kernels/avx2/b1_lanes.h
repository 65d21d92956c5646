/* SPDX-License-Identifier: MIT
 *
 * Private: the words that simd/b1_distances.h is written in, for 32 bytes in a 256-bit register.
 */
#ifndef SG_B1_LANES_H
#define SG_B1_LANES_H

#include "tail.h"

#define LANES 32

typedef __m256i vec;

SG_ALWAYS_INLINE vec vec_zero(void) {
    return _mm256_setzero_si256();
}
SG_ALWAYS_INLINE vec vec_and(vec a, vec b) {
    return _mm256_and_si256(a, b);
}
SG_ALWAYS_INLINE vec vec_or(vec a, vec b) {
    return _mm256_or_si256(a, b);
}
SG_ALWAYS_INLINE vec vec_xor(vec a, vec b) {
    return _mm256_xor_si256(a, b);
}
SG_ALWAYS_INLINE vec vec_add_u64(vec a, vec b) {
    return _mm256_add_epi64(a, b);
}
SG_ALWAYS_INLINE uint64_t vec_sum_u64(vec a) {
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    return (uint64_t)_mm_cvtsi128_si64(two) + (uint64_t)_mm_extract_epi64(two, 1);
}

SG_ALWAYS_INLINE vec load_b1(const unsigned char *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}
SG_ALWAYS_INLINE vec load_tail_b1(const unsigned char *p, size_t count) {
    return load_up_to_31(p, count);
}

/* Adds the number of one bits of a to 64-bit lanes, by a table of half bytes in a register. */
SG_ALWAYS_INLINE vec add_bits(vec sum, vec a) {
    const vec table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const vec half = _mm256_set1_epi8(0x0f);
    const vec low = _mm256_shuffle_epi8(table, _mm256_and_si256(a, half));
    const vec high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(a, 4), half));
    return _mm256_add_epi64(sum, _mm256_sad_epu8(_mm256_add_epi8(low, high), vec_zero()));
}

#endif
