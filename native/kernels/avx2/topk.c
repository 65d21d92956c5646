/* SPDX-License-Identifier: MIT */
#include "../kernels.h"

#include <immintrin.h>

#define ISA avx2
#define LANES 8

SG_ALWAYS_INLINE uint32_t find_below(const float *p, float limit) {
    const __m256 wanted = _mm256_cmp_ps(_mm256_loadu_ps(p), _mm256_set1_ps(limit), _CMP_LT_OQ);
    return (uint32_t)_mm256_movemask_ps(wanted);
}
SG_ALWAYS_INLINE uint32_t find_at_most(const float *p, float limit) {
    const __m256 wanted = _mm256_cmp_ps(_mm256_loadu_ps(p), _mm256_set1_ps(limit), _CMP_LE_OQ);
    return (uint32_t)_mm256_movemask_ps(wanted);
}

#include "../simd/topk_push.h"
