/* SPDX-License-Identifier: MIT
 *
 * Private: the words that simd/float_distances.h is written in, for sixteen floats in a 512-bit register.
 */
#ifndef SG_FLOAT_LANES_H
#define SG_FLOAT_LANES_H

#include "../kernels.h"

#include <immintrin.h>

#define ISA avx512
#define LANES 16
/* 24 accumulators, 4 rows and a query fill 29 of the 32 registers. */
#define TILE_QUERIES 6

typedef __m512 vec;
typedef __m512d vec_f64;

SG_ALWAYS_INLINE vec vec_zero(void) {
    return _mm512_setzero_ps();
}
SG_ALWAYS_INLINE vec vec_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}
SG_ALWAYS_INLINE vec vec_sub(vec a, vec b) {
    return _mm512_sub_ps(a, b);
}
SG_ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
SG_ALWAYS_INLINE vec vec_abs(vec a) {
    return _mm512_abs_ps(a);
}

/* count < LANES; masked lanes are neither read nor able to fault, and come out as zero. */
SG_ALWAYS_INLINE __mmask16 first_lanes(size_t count) {
    return (__mmask16)((1u << count) - 1);
}

SG_ALWAYS_INLINE vec load_f32(const float *p) {
    return _mm512_loadu_ps(p);
}
SG_ALWAYS_INLINE vec load_tail_f32(const float *p, size_t count) {
    return _mm512_maskz_loadu_ps(first_lanes(count), p);
}
SG_ALWAYS_INLINE vec load_f16(const sg_f16 *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
SG_ALWAYS_INLINE vec load_tail_f16(const sg_f16 *p, size_t count) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(count), p));
}

/* Sums of all lanes, log2(LANES) additions deep; four at once cost little more than one. */
SG_ALWAYS_INLINE float vec_sum(vec a) {
    return _mm512_reduce_add_ps(a);
}

SG_ALWAYS_INLINE __m256 fold_halves(vec a) {
    return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}
SG_ALWAYS_INLINE __m128 vec_sum4(vec a, vec b, vec c, vec d) {
    const __m256 ab = _mm256_hadd_ps(fold_halves(a), fold_halves(b));
    const __m256 cd = _mm256_hadd_ps(fold_halves(c), fold_halves(d));
    const __m256 abcd = _mm256_hadd_ps(ab, cd);
    return _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
}

SG_ALWAYS_INLINE vec_f64 vec_zero_f64(void) {
    return _mm512_setzero_pd();
}
SG_ALWAYS_INLINE double vec_sum_f64(vec_f64 low, vec_f64 high) {
    return _mm512_reduce_add_pd(_mm512_add_pd(low, high));
}
/* Adds the squares of the lower and upper half of a, exact products in double. */
SG_ALWAYS_INLINE void add_squares_f64(vec a, vec_f64 *low, vec_f64 *high) {
    const vec_f64 a_low = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
    const vec_f64 a_high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
    *low = _mm512_fmadd_pd(a_low, a_low, *low);
    *high = _mm512_fmadd_pd(a_high, a_high, *high);
}

#endif
