// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "buffer.h"
#include "codes.h"
#include "vector_metric.h"

namespace simdgres {

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

    // The first row that holds NaN or infinity, of which there are no codes.
    std::optional<std::size_t> FindNotFinite() const;

    // Before the first search, for finite rows of at most Codes::kMostDims. Takes a while. Throws std::bad_alloc.
    void AddCodes() { codes_ = std::make_unique<const Codes>(row(0), rows_, dims_, metric_); }
    const Codes *codes() const { return codes_.get(); } // null: there are none

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
    std::unique_ptr<const Codes> codes_;
};

} // namespace simdgres
