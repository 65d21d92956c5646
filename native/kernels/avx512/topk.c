/* SPDX-License-Identifier: MIT */
#include "../kernels.h"

#include <immintrin.h>

#define ISA avx512
#define LANES 16

SG_ALWAYS_INLINE uint32_t find_below(const float *p, float limit) {
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(p), _mm512_set1_ps(limit), _CMP_LT_OQ);
}
SG_ALWAYS_INLINE uint32_t find_at_most(const float *p, float limit) {
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(p), _mm512_set1_ps(limit), _CMP_LE_OQ);
}

#include "../simd/topk_push.h"
