// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "vector_set.h"

namespace simdgres {

// The proof that a search in f32 is exact. A scan gives every row an f32 score: the squared L2 distance,
// the L1 distance, -q.r (inner product), or -q.r / |r| (cosine). The kernels' rounding error of a score has
// a bound, so a row whose exact distance is at most `worst` has a score of at most ScoreLimit(worst): rows
// above it cannot be among the nearest, all others are measured again in float64.
class ScoreLimit {
  public:
    ScoreLimit(const VectorSet &set, const float *query);

    // For the block that starts at first_row. +infinity when nothing can be excluded: worst is not a finite
    // number, or query or rows are so large or small that f32 could overflow or lose digits.
    float For(double worst, std::size_t first_row) const;

  private:
    const VectorSet &set_;
    double query_norm_;
    double relative_error_;
    double absolute_error_;
};

// Norms within 2^-40..2^40: products of two such vectors neither overflow in f32 nor vanish beside the
// rounding error that is accounted for.
bool IsScalableNorm(double norm);

} // namespace simdgres
