/* SPDX-License-Identifier: MIT */
#ifndef SIMDGRES_BENCH_PLAIN_H
#define SIMDGRES_BENCH_PLAIN_H

#include "simdgres.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Only pair and many are filled. */
extern const sg_kernels sg_plain;

#ifdef __cplusplus
}
#endif

#endif
