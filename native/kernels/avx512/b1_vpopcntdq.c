/* SPDX-License-Identifier: MIT
 *
 * Contract: simd/b1_distances.h.
 */
#define USE_VPOPCNTDQ
#include "b1_lanes.h"

#define ISA avx512vpopcntdq
#include "../simd/b1_distances.h"
