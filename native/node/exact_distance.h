// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "vector_set.h"

namespace simdgres {

// The distance that a search orders by and returns: float64 arithmetic, one sum from the first element to
// the last, so that any plain float64 loop gives the same bits. NaN for a cosine with a norm of zero.
double ExactDistance(Metric metric, const float *query, const float *row, std::size_t dims);

// sqrt(sum a*a) in float64, for bounds: several sums at once, so its last bits are not those of a plain loop.
double Norm(const float *a, std::size_t dims);

} // namespace simdgres
