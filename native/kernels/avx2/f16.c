/* SPDX-License-Identifier: MIT
 *
 * Contract: simd/float_distances.h, L = LANES; halves are widened to float exactly as they are loaded.
 */
#include "float_lanes.h"

#define TYPE f16
#define ELEMENT sg_f16
#define LOAD(p) load_f16(p)
#define LOAD_TAIL(p, count) load_tail_f16(p, count)
#include "../simd/float_distances.h"
