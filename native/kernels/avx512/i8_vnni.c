/* SPDX-License-Identifier: MIT
 *
 * Contract: simd/i8_distances.h. VPDPBUSD takes 64 products at once where VPMADDWD takes 32, and needs no
 * widening.
 */
#define USE_VNNI
#include "i8_lanes.h"

#define ISA avx512vnni
#include "../simd/i8_distances.h"
