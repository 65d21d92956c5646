/* SPDX-License-Identifier: MIT
 *
 * Bit for bit what half.h does, NaN included.
 */
#include "../kernels.h"

#include <immintrin.h>

void sg_f16_to_f32_avx512(const sg_f16 *from, float *to, size_t n) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(to + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(from + i))));
    const __mmask16 rest = (__mmask16)((1u << (n - i)) - 1);
    _mm512_mask_storeu_ps(to + i, rest, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(rest, from + i)));
}

void sg_f32_to_f16_avx512(const float *from, sg_f16 *to, size_t n) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(to + i),
                            _mm512_cvtps_ph(_mm512_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    const __mmask16 rest = (__mmask16)((1u << (n - i)) - 1);
    _mm256_mask_storeu_epi16(
        to + i, rest, _mm512_cvtps_ph(_mm512_maskz_loadu_ps(rest, from + i), _MM_FROUND_TO_NEAREST_INT));
}
