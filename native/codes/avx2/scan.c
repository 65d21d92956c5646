/* SPDX-License-Identifier: MIT */
#include "scan_lanes.h"

SG_DEFINE_CODES_KERNELS(sg_codes_avx2, "avx2");
