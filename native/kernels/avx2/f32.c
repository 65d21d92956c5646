/* SPDX-License-Identifier: MIT
 *
 * Contract: simd/float_distances.h, L = LANES.
 */
#include "float_lanes.h"

#define TYPE f32
#define ELEMENT float
#define LOAD(p) load_f32(p)
#define LOAD_TAIL(p, count) load_tail_f32(p, count)
#include "../simd/float_distances.h"
