/* SPDX-License-Identifier: MIT
 *
 * Private: IEEE 754 binary16 to and from binary32 by integer arithmetic, bit for bit what F16C does: rounding
 * to nearest even, overflow to infinity, subnormals kept, NaN made quiet with the top of its payload kept.
 */
#ifndef SG_HALF_H
#define SG_HALF_H

#include "kernels.h"

#include <string.h>

SG_ALWAYS_INLINE float sg_widen_f16(sg_f16 half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = (half >> 10) & 0x1f;
    const uint32_t mantissa = half & 0x3ff;
    uint32_t bits;
    if (exponent == 0) {
        const float magnitude = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &magnitude, sizeof bits);
    } else if (exponent == 0x1f) {
        bits = 0x7f800000 | mantissa << 13 | (mantissa ? 0x400000 : 0);
    } else {
        bits = (exponent + 127 - 15) << 23 | mantissa << 13;
    }
    bits |= sign;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* magnitude >> shift, to nearest, ties to even. */
SG_ALWAYS_INLINE uint32_t sg_shift_to_nearest_even(uint32_t magnitude, uint32_t shift) {
    const uint32_t half = 1u << (shift - 1);
    const uint32_t kept = magnitude >> shift;
    const uint32_t lost = magnitude & (2 * half - 1);
    return kept + (lost > half || (lost == half && (kept & 1)));
}

SG_ALWAYS_INLINE sg_f16 sg_narrow_f32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000;
    const uint32_t magnitude = bits & 0x7fffffff;
    const uint32_t exponent = magnitude >> 23;
    if (magnitude > 0x7f800000)
        return (sg_f16)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x47800000) /* 2^16 and more; the half just below it rounds up to infinity by itself */
        return (sg_f16)(sign | 0x7c00);
    if (exponent >= 127 - 14)
        return (sg_f16)(sign | sg_shift_to_nearest_even(magnitude - ((127 - 15) << 23), 13));
    if (exponent < 127 - 25)
        return (sg_f16)sign;
    /* Subnormal: in units of 2^-24, with the leading one made explicit. */
    return (sg_f16)(sign | sg_shift_to_nearest_even((magnitude & 0x7fffff) | 0x800000, 126 - exponent));
}

#endif
