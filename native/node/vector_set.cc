// SPDX-License-Identifier: MIT
#include "vector_set.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "exact_distance.h"
#include "score_limit.h"

namespace simdgres {

std::size_t RowsPerBlock(std::size_t dims) {
    constexpr std::size_t kBlockBytes = 64 << 10;
    return std::max<std::size_t>(16, kBlockBytes / (dims * sizeof(float)));
}

VectorSet::VectorSet(std::size_t rows, std::size_t dims, Metric metric)
    : rows_(rows), dims_(dims), metric_(metric), rows_per_block_(RowsPerBlock(dims)),
      buffer_(rows * dims * sizeof(float)) {}

void VectorSet::Derive(std::size_t first_row, std::size_t count) {
    if (metric_ == Metric::kCosine)
        DeriveInverseNorms(first_row, count);
    if (metric_ == Metric::kIp)
        DeriveLargestNorms(first_row, count);
}

std::size_t VectorSet::bytes() const {
    return buffer_.bytes() + negated_inverse_norms_.size() * sizeof(float) +
           largest_norms_.size() * sizeof(double) + (codes_ != nullptr ? codes_->bytes() : 0);
}

std::optional<std::size_t> VectorSet::FindNotFinite(std::size_t first_row, std::size_t count) const {
    const float *const end = row(first_row) + count * dims_;
    const float *const found =
        std::find_if(row(first_row), end, [](float value) { return !std::isfinite(value); });
    if (found == end)
        return std::nullopt;
    return static_cast<std::size_t>(found - row(0)) / dims_;
}

void VectorSet::DeriveInverseNorms(std::size_t first_row, std::size_t count) {
    if (negated_inverse_norms_.empty())
        negated_inverse_norms_.resize(rows_);
    for (std::size_t r = first_row; r < first_row + count; r++) {
        const double norm = Norm(row(r), dims_);
        negated_inverse_norms_[r] = IsScalableNorm(norm) ? static_cast<float>(-1.0 / norm)
                                    : norm == 0          ? 0.0f
                                                         : std::numeric_limits<float>::quiet_NaN();
    }
}

void VectorSet::DeriveLargestNorms(std::size_t first_row, std::size_t count) {
    if (largest_norms_.empty())
        largest_norms_.resize((rows_ + rows_per_block_ - 1) / rows_per_block_);
    for (std::size_t r = first_row; r < first_row + count; r++) {
        double &largest = largest_norms_[r / rows_per_block_];
        const double norm = Norm(row(r), dims_);
        if (norm > largest)
            largest = norm;
    }
}

} // namespace simdgres
