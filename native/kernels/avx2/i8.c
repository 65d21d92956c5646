/* SPDX-License-Identifier: MIT
 *
 * Contract: simd/i8_distances.h.
 */
#include "i8_lanes.h"

#define ISA avx2
#include "../simd/i8_distances.h"
