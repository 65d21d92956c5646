/* SPDX-License-Identifier: MIT
 *
 * Private: the words that simd/i8_distances.h is written in, for 32 bytes in a 256-bit register.
 */
#ifndef SG_I8_LANES_H
#define SG_I8_LANES_H

#include "tail.h"

#define LANES 32
/* 8 accumulators, and the widened halves of rows and queries, in 16 registers. */
#define TILE_QUERIES 2

typedef __m256i vec; /* 32 int8, 16 int16 or 8 int32 */

SG_ALWAYS_INLINE vec vec_zero(void) {
    return _mm256_setzero_si256();
}
SG_ALWAYS_INLINE vec vec_add_i32(vec a, vec b) {
    return _mm256_add_epi32(a, b);
}
SG_ALWAYS_INLINE vec vec_sub_i32(vec a, vec b) {
    return _mm256_sub_epi32(a, b);
}
SG_ALWAYS_INLINE vec vec_abs_i8(vec a) {
    return _mm256_abs_epi8(a);
}

SG_ALWAYS_INLINE vec load_i8(const int8_t *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}
SG_ALWAYS_INLINE vec load_tail_i8(const int8_t *p, size_t count, size_t before) {
    return load_last(p, count, before);
}

/* |a - b|, 0 to 255, as unsigned bytes. */
SG_ALWAYS_INLINE vec distance_u8(vec a, vec b) {
    return _mm256_sub_epi8(_mm256_max_epi8(a, b), _mm256_min_epi8(a, b));
}

/* Adds products of int16 pairs to int32 sums. */
SG_ALWAYS_INLINE vec add_products_i16(vec sum, vec a, vec b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

/* Adds a^2 for unsigned bytes a. */
SG_ALWAYS_INLINE vec add_squares_u8(vec sum, vec a) {
    const vec low = _mm256_unpacklo_epi8(a, vec_zero()), high = _mm256_unpackhi_epi8(a, vec_zero());
    return add_products_i16(add_products_i16(sum, low, low), high, high);
}

SG_ALWAYS_INLINE vec add_sum_u8(vec sum, vec a) {
    return _mm256_add_epi32(sum, _mm256_sad_epu8(a, vec_zero()));
}

/* Adds a * b; there is no bias here, see avx512/i8_lanes.h. */
SG_ALWAYS_INLINE vec add_biased_dot(vec sum, vec a, vec b) {
    const vec a_low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(a));
    const vec b_low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(b));
    const vec a_high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(a, 1));
    const vec b_high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(b, 1));
    return add_products_i16(add_products_i16(sum, a_low, b_low), a_high, b_high);
}

SG_ALWAYS_INLINE vec add_bias(vec sum, vec b) {
    (void)b;
    return sum;
}

/* Sum of the int32 lanes, widened first. */
SG_ALWAYS_INLINE int64_t vec_sum_i64(vec a) {
    const vec low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(a));
    const vec high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256(a, 1));
    const vec four = _mm256_add_epi64(low, high);
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    return _mm_cvtsi128_si64(two) + _mm_extract_epi64(two, 1);
}

/* Sums of the int32 lanes of four registers, in int32. */
SG_ALWAYS_INLINE __m128i vec_sum4_i32(vec a, vec b, vec c, vec d) {
    const __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1));
}

#endif
