/* SPDX-License-Identifier: MIT */
#ifndef SIMDGRES_BENCH_AUTO_VECTORISED_H
#define SIMDGRES_BENCH_AUTO_VECTORISED_H

#include "simdgres.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Only pair and many are filled. v3 needs AVX2, FMA and F16C; v4 what the avx512 kernels need, VNNI and
 * VPOPCNTDQ. */
extern const sg_kernels sg_auto_v3;
extern const sg_kernels sg_auto_v4;

#ifdef __cplusplus
}
#endif

#endif
