/* SPDX-License-Identifier: MIT
 *
 * Contract: simd/b1_distances.h.
 */
#include "b1_lanes.h"

#define ISA avx512
#include "../simd/b1_distances.h"
