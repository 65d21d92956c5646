/* SPDX-License-Identifier: MIT
 *
 * Contract: simd/i8_distances.h. For CPUs that have AVX-512 without VNNI (Skylake-X).
 */
#include "i8_lanes.h"

#define ISA avx512
#include "../simd/i8_distances.h"
