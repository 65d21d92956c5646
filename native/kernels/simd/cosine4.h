/* SPDX-License-Identifier: MIT */
#ifndef SG_COSINE4_H
#define SG_COSINE4_H

#include "../cosine.h"

#include <immintrin.h>

/*
 * sg_cosine_distance of four rows: one square root and one division for all, where four of each would cost
 * more than the sums of a vector of 100 floats. max and min return their second operand when one is NaN.
 */
SG_ALWAYS_INLINE __m128 cosine_distance4(__m256d ab, double aa, __m256d bb) {
    const __m256d norms = _mm256_sqrt_pd(_mm256_mul_pd(_mm256_set1_pd(aa), bb));
    const __m256d distance = _mm256_sub_pd(_mm256_set1_pd(1.0), _mm256_div_pd(ab, norms));
    const __m256d clamped = _mm256_min_pd(_mm256_set1_pd(2.0), _mm256_max_pd(_mm256_setzero_pd(), distance));
    return _mm256_cvtpd_ps(clamped);
}

#endif
