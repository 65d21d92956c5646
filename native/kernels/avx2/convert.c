/* SPDX-License-Identifier: MIT
 *
 * Bit for bit what half.h does, NaN included.
 */
#include "../half.h"

#include <immintrin.h>

void sg_f16_to_f32_avx2(const sg_f16 *from, float *to, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
    for (; i < n; i++)
        to[i] = sg_widen_f16(from[i]);
}

void sg_f32_to_f16_avx2(const float *from, sg_f16 *to, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(to + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        to[i] = sg_narrow_f32(from[i]);
}
