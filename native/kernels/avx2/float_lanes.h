/* SPDX-License-Identifier: MIT
 *
 * Private: the words that simd/float_distances.h is written in, for eight floats in a 256-bit register.
 */
#ifndef SG_FLOAT_LANES_H
#define SG_FLOAT_LANES_H

#include "tail.h"

#define ISA avx2
#define LANES 8
/* 12 accumulators, 3 queries and a row fill the 16 registers. */
#define TILE_QUERIES 3

typedef __m256 vec;
typedef __m256d vec_f64;

SG_ALWAYS_INLINE vec vec_zero(void) {
    return _mm256_setzero_ps();
}
SG_ALWAYS_INLINE vec vec_add(vec a, vec b) {
    return _mm256_add_ps(a, b);
}
SG_ALWAYS_INLINE vec vec_sub(vec a, vec b) {
    return _mm256_sub_ps(a, b);
}
SG_ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}
SG_ALWAYS_INLINE vec vec_abs(vec a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

SG_ALWAYS_INLINE vec load_f32(const float *p) {
    return _mm256_loadu_ps(p);
}
/* count < LANES; the lanes after it are not read, and come out as zero. */
SG_ALWAYS_INLINE vec load_tail_f32(const float *p, size_t count) {
    return _mm256_castsi256_ps(load_up_to_31(p, count * sizeof *p));
}
SG_ALWAYS_INLINE vec load_f16(const sg_f16 *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
SG_ALWAYS_INLINE vec load_tail_f16(const sg_f16 *p, size_t count) {
    return _mm256_cvtph_ps(load_up_to_15(p, count * sizeof *p));
}

/* Sums of all lanes, log2(LANES) additions deep; four at once cost little more than one. */
SG_ALWAYS_INLINE float vec_sum(vec a) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
SG_ALWAYS_INLINE __m128 vec_sum4(vec a, vec b, vec c, vec d) {
    const __m256 abcd = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
}

SG_ALWAYS_INLINE vec_f64 vec_zero_f64(void) {
    return _mm256_setzero_pd();
}
SG_ALWAYS_INLINE double vec_sum_f64(vec_f64 low, vec_f64 high) {
    const vec_f64 four = _mm256_add_pd(low, high);
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}
/* Adds the squares of the lower and upper half of a, exact products in double. */
SG_ALWAYS_INLINE void add_squares_f64(vec a, vec_f64 *low, vec_f64 *high) {
    const vec_f64 a_low = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
    const vec_f64 a_high = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
    *low = _mm256_fmadd_pd(a_low, a_low, *low);
    *high = _mm256_fmadd_pd(a_high, a_high, *high);
}

#endif
