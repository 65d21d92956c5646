/* SPDX-License-Identifier: MIT
 *
 * Private: the words that simd/i8_distances.h is written in, for 64 bytes in a 512-bit register. The
 * including file may define USE_VNNI, when it is compiled for AVX512_VNNI.
 */
#ifndef SG_I8_LANES_H
#define SG_I8_LANES_H

#include "../kernels.h"

#include <immintrin.h>

#define LANES 64
/* 20 accumulators (4 rows and the bias, times 4), 4 rows and a query: 25 of the 32 registers. */
#define TILE_QUERIES 4

typedef __m512i vec; /* 64 int8, 32 int16 or 16 int32 */

SG_ALWAYS_INLINE vec vec_zero(void) {
    return _mm512_setzero_si512();
}
SG_ALWAYS_INLINE vec vec_add_i32(vec a, vec b) {
    return _mm512_add_epi32(a, b);
}
SG_ALWAYS_INLINE vec vec_sub_i32(vec a, vec b) {
    return _mm512_sub_epi32(a, b);
}
SG_ALWAYS_INLINE vec vec_abs_i8(vec a) {
    return _mm512_abs_epi8(a);
}

SG_ALWAYS_INLINE vec load_i8(const int8_t *p) {
    return _mm512_loadu_si512(p);
}
/* count < LANES; masked lanes are neither read nor able to fault, and come out as zero. */
SG_ALWAYS_INLINE vec load_tail_i8(const int8_t *p, size_t count, size_t before) {
    (void)before;
    return _mm512_maskz_loadu_epi8(((__mmask64)1 << count) - 1, p);
}

/* |a - b|, 0 to 255, as unsigned bytes. */
SG_ALWAYS_INLINE vec distance_u8(vec a, vec b) {
    return _mm512_sub_epi8(_mm512_max_epi8(a, b), _mm512_min_epi8(a, b));
}

/* Adds products of int16 pairs to int32 sums. */
SG_ALWAYS_INLINE vec add_products_i16(vec sum, vec a, vec b) {
#ifdef USE_VNNI
    return _mm512_dpwssd_epi32(sum, a, b);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

/* Adds a^2 for unsigned bytes a. */
SG_ALWAYS_INLINE vec add_squares_u8(vec sum, vec a) {
    const vec low = _mm512_unpacklo_epi8(a, vec_zero()), high = _mm512_unpackhi_epi8(a, vec_zero());
    return add_products_i16(add_products_i16(sum, low, low), high, high);
}

SG_ALWAYS_INLINE vec add_sum_u8(vec sum, vec a) {
    return _mm512_add_epi32(sum, _mm512_sad_epu8(a, vec_zero()));
}

/*
 * Adds a * b, plus a bias that depends on b alone. VNNI multiplies unsigned by signed bytes: (a + 128) * b is
 * exact, and 128 * sum of b is subtracted at the end.
 */
SG_ALWAYS_INLINE vec add_biased_dot(vec sum, vec a, vec b) {
#ifdef USE_VNNI
    return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(a, _mm512_set1_epi8((char)0x80)), b);
#else
    const vec a_low = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(a));
    const vec b_low = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(b));
    const vec a_high = _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(a, 1));
    const vec b_high = _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(b, 1));
    return add_products_i16(add_products_i16(sum, a_low, b_low), a_high, b_high);
#endif
}

SG_ALWAYS_INLINE vec add_bias(vec sum, vec b) {
#ifdef USE_VNNI
    return _mm512_dpbusd_epi32(sum, _mm512_set1_epi8((char)0x80), b);
#else
    (void)b;
    return sum;
#endif
}

/* Sum of the int32 lanes, widened first. */
SG_ALWAYS_INLINE int64_t vec_sum_i64(vec a) {
    const vec low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(a));
    const vec high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(a, 1));
    return _mm512_reduce_add_epi64(_mm512_add_epi64(low, high));
}

/* Sums of the int32 lanes of four registers, in int32. */
SG_ALWAYS_INLINE __m256i fold_halves_i32(vec a) {
    return _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
}
SG_ALWAYS_INLINE __m128i vec_sum4_i32(vec a, vec b, vec c, vec d) {
    const __m256i ab = _mm256_hadd_epi32(fold_halves_i32(a), fold_halves_i32(b));
    const __m256i cd = _mm256_hadd_epi32(fold_halves_i32(c), fold_halves_i32(d));
    const __m256i abcd = _mm256_hadd_epi32(ab, cd);
    return _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1));
}

#endif
