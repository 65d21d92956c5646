// SPDX-License-Identifier: MIT
#include "score_limit.h"

#include <cfloat>
#include <cmath>
#include <limits>

#include "exact_distance.h"

namespace simdgres {
namespace {

constexpr float kNoLimit = std::numeric_limits<float>::infinity();

// Sums of n rounded terms in any order are off by at most g = n*u / (1 - n*u) of the sum of the terms'
// magnitudes, u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1).
// 8 more roundings cover the terms themselves (difference, square), the norm's reciprocal, the product with
// it, the result's rounding to float and all float64 rounding. It holds for every kernel, whatever its
// accumulators: those that sum in several lanes or wider types only do better.
double RelativeError(std::size_t dims) {
    const double roundings = (static_cast<double>(dims) + 8.0) * 0x1p-24;
    return roundings / (1.0 - roundings);
}

} // namespace

bool IsScalableNorm(double norm) {
    return norm >= 0x1p-40 && norm <= 0x1p40;
}

ScoreLimit::ScoreLimit(const VectorSet &set, const float *query)
    : set_(set), query_norm_(Norm(query, set.dims())), relative_error_(RelativeError(set.dims())),
      // Each term below the smallest normal number may lose all it has.
      absolute_error_(static_cast<double>(set.dims()) * FLT_MIN) {}

float ScoreLimit::For(double worst, std::size_t first_row) const {
    double limit = 0;
    switch (set_.metric()) {
    case Metric::kL2:
        limit = worst * worst * (1.0 + relative_error_) + absolute_error_;
        break;
    case Metric::kL1:
        limit = worst * (1.0 + relative_error_) + absolute_error_;
        break;
    case Metric::kIp: {
        const double largest_product = query_norm_ * set_.largest_norm(first_row);
        if (!(largest_product < 0x1p120))
            return kNoLimit;
        limit = worst + relative_error_ * largest_product + absolute_error_;
        break;
    }
    case Metric::kCosine:
        if (!IsScalableNorm(query_norm_))
            return kNoLimit;
        limit = (worst - 1.0 + relative_error_) * query_norm_;
        break;
    }
    // Also NaN and infinity. Near FLT_MAX a score may have overflowed although its distance has not.
    if (!(limit < 0x1p120))
        return kNoLimit;
    return std::nextafterf(static_cast<float>(limit), kNoLimit);
}

} // namespace simdgres
