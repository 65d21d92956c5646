// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "simdgres.h"

namespace simdgres {

// What a measured loop did: nanoseconds for `calls` distances that read `bytes` of rows.
struct Work {
    double nanoseconds;
    double calls;
    double bytes;
};

// Bytes of one vector; dims of bit vectors count bits.
std::size_t VectorBytes(sg_type type, std::size_t dims);

// Calls pair for one query and rows that stay in the nearest cache, for about `milliseconds`.
Work TimePairs(sg_pair_fn pair, sg_type type, std::size_t dims, double milliseconds);

// Calls many once over rows that no cache holds. Throws std::bad_alloc.
Work TimeScan(sg_many_fn many, sg_type type, std::size_t dims);

// Reads `bytes` of memory once, as many each time, and does nothing else. Throws std::bad_alloc.
Work TimeRead(std::size_t bytes);

} // namespace simdgres
