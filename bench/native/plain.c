/* SPDX-License-Identifier: MIT
 *
 * Baseline: the scalar kernels of native/kernels, compiled so that the compiler uses no SIMD (see CMakeLists.txt).
 */
#include "plain.h"

#include "kernels.h"

SG_DECLARE_NUMERIC(f32, plain)
SG_DECLARE_NUMERIC(f16, plain)
SG_DECLARE_NUMERIC(i8, plain)
SG_DECLARE_BITS(plain)

const sg_kernels sg_plain = {
    .name = "plain",
    .pair = {[SG_F32] = SG_NUMERIC_ENTRIES(_, f32, plain),
             [SG_F16] = SG_NUMERIC_ENTRIES(_, f16, plain),
             [SG_I8] = SG_NUMERIC_ENTRIES(_, i8, plain),
             [SG_B1] = SG_BITS_ENTRIES(_, plain)},
    .many = {[SG_F32] = SG_NUMERIC_ENTRIES(_many_, f32, plain),
             [SG_F16] = SG_NUMERIC_ENTRIES(_many_, f16, plain),
             [SG_I8] = SG_NUMERIC_ENTRIES(_many_, i8, plain),
             [SG_B1] = SG_BITS_ENTRIES(_many_, plain)},
};
