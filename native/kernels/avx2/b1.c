/* SPDX-License-Identifier: MIT
 *
 * Contract: simd/b1_distances.h.
 */
#include "b1_lanes.h"

#define ISA avx2
#include "../simd/b1_distances.h"
