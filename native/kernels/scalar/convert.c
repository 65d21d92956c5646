/* SPDX-License-Identifier: MIT */
#include "../half.h"

void sg_f16_to_f32_scalar(const sg_f16 *from, float *to, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = sg_widen_f16(from[i]);
}

void sg_f32_to_f16_scalar(const float *from, sg_f16 *to, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = sg_narrow_f32(from[i]);
}
