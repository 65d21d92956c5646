/* SPDX-License-Identifier: MIT */
#define USE_VNNI
#include "scan_lanes.h"

SG_DEFINE_CODES_KERNELS(sg_codes_avx2vnni, "avx2 vnni");
