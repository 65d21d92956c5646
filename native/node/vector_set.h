// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

#include "buffer.h"

namespace simdgres {

// The order is that of `metrics` in src/vectors/metric.ts; test/node checks that both agree.
enum class Metric { kL2, kCosine, kIp, kL1 };
constexpr std::size_t kMetrics = 4;

// The unit in which a search takes rows: 64 KiB of them, or 16 rows, so that they stay in the nearest caches from one
// query to the next.
std::size_t RowsPerBlock(std::size_t dims);

// An immutable copy of row-major f32 vectors, and what a search needs to know about each.
class VectorSet {
  public:
    // data holds rows * dims values, rows >= 1, dims >= 1. Throws std::bad_alloc.
    VectorSet(const float *data, std::size_t rows, std::size_t dims, Metric metric);

    std::size_t rows() const { return rows_; }
    std::size_t dims() const { return dims_; }
    Metric metric() const { return metric_; }
    const float *row(std::size_t index) const {
        return static_cast<const float *>(buffer_.data()) + index * dims_;
    }
    std::size_t bytes() const;

    // Cosine only, per row: -1 / norm, or NaN where f32 cannot hold what a scan multiplies with it (a norm
    // of zero, not finite, or outside 2^-40..2^40), which makes the search look at the row in float64.
    const float *negated_inverse_norms() const { return negated_inverse_norms_.data(); }

    // Inner product only: the largest norm in the block of rows that starts at this row (a multiple of
    // RowsPerBlock). Rows whose norm is NaN do not count: their scores are NaN.
    double largest_norm(std::size_t first_row) const { return largest_norms_[first_row / rows_per_block_]; }

  private:
    void DeriveInverseNorms();
    void DeriveLargestNorms();

    std::size_t rows_;
    std::size_t dims_;
    Metric metric_;
    std::size_t rows_per_block_;
    Buffer buffer_;
    std::vector<float> negated_inverse_norms_;
    std::vector<double> largest_norms_;
};

} // namespace simdgres
