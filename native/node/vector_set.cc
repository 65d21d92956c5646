// SPDX-License-Identifier: MIT
#include "vector_set.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "exact_distance.h"
#include "score_limit.h"

namespace simdgres {

std::size_t RowsPerBlock(std::size_t dims) {
    constexpr std::size_t kBlockBytes = 64 << 10;
    return std::max<std::size_t>(16, kBlockBytes / (dims * sizeof(float)));
}

std::size_t VectorSet::NegatedInverseNormsBytes(std::size_t rows, Metric metric) {
    return metric == Metric::kCosine ? rows * sizeof(float) : 0;
}

std::size_t VectorSet::LargestNormsBytes(std::size_t rows, std::size_t dims, Metric metric) {
    const std::size_t block = RowsPerBlock(dims);
    return metric == Metric::kIp ? (rows + block - 1) / block * sizeof(double) : 0;
}

VectorSet::VectorSet(std::size_t rows, std::size_t dims, Metric metric)
    : rows_(rows), dims_(dims), metric_(metric), rows_per_block_(RowsPerBlock(dims)),
      values_(std::make_unique<Buffer>(rows * dims * sizeof(float))) {
    if (metric == Metric::kCosine)
        negated_inverse_norms_ = std::make_unique<Buffer>(NegatedInverseNormsBytes(rows, metric));
    if (metric == Metric::kIp)
        largest_norms_ = std::make_unique<Buffer>(LargestNormsBytes(rows, dims, metric));
}

VectorSet::VectorSet(std::size_t rows, std::size_t dims, Metric metric, Parts parts)
    : rows_(rows), dims_(dims), metric_(metric), rows_per_block_(RowsPerBlock(dims)),
      values_(std::move(parts.values)), negated_inverse_norms_(std::move(parts.negated_inverse_norms)),
      largest_norms_(std::move(parts.largest_norms)) {
    wants_codes_ = parts.wants_codes || parts.model != nullptr;
    if (parts.model != nullptr)
        codes_ = std::make_unique<Codes>(row(0), rows, std::move(parts.model), std::move(parts.blocks),
                                         std::move(parts.level2), std::move(parts.level3));
}

void VectorSet::Derive(std::size_t first_row, std::size_t count) {
    if (metric_ == Metric::kCosine)
        DeriveInverseNorms(first_row, count);
    if (metric_ == Metric::kIp)
        DeriveLargestNorms(first_row, count);
}

std::size_t VectorSet::bytes() const {
    std::size_t sum = codes_ != nullptr ? codes_->bytes() : 0;
    for (const auto *buffer : {&values_, &negated_inverse_norms_, &largest_norms_})
        sum += *buffer != nullptr ? (*buffer)->owned_bytes() : 0;
    return sum;
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
    auto *const factors = static_cast<float *>(negated_inverse_norms_->data());
    for (std::size_t r = first_row; r < first_row + count; r++) {
        const double norm = Norm(row(r), dims_);
        factors[r] = IsScalableNorm(norm) ? static_cast<float>(-1.0 / norm)
                     : norm == 0          ? 0.0f
                                          : std::numeric_limits<float>::quiet_NaN();
    }
}

void VectorSet::DeriveLargestNorms(std::size_t first_row, std::size_t count) {
    auto *const largest_norms = static_cast<double *>(largest_norms_->data());
    for (std::size_t r = first_row; r < first_row + count; r++) {
        const double norm = Norm(row(r), dims_);
        if (norm > largest_norm(r))
            __atomic_store(largest_norms + r / rows_per_block_, &norm, __ATOMIC_RELAXED);
    }
}

} // namespace simdgres
