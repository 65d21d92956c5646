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

// A copy of row-major f32 vectors, and what a search needs to know about each. It is filled, derived from and coded once,
// in this order and by one thread at a time, and never changes after that.
class VectorSet {
  public:
    // Zeros, rows * dims of them, rows >= 1, dims >= 1. Throws std::bad_alloc.
    VectorSet(std::size_t rows, std::size_t dims, Metric metric);

    // To fill it.
    float *values() { return static_cast<float *>(buffer_.data()); }

    // What searches need of count rows; from the first row to the last, each once. Throws std::bad_alloc.
    void Derive(std::size_t first_row, std::size_t count);

    std::size_t rows() const { return rows_; }
    std::size_t dims() const { return dims_; }
    Metric metric() const { return metric_; }
    const float *row(std::size_t index) const {
        return static_cast<const float *>(buffer_.data()) + index * dims_;
    }
    std::size_t bytes() const;

    // The first of these rows that holds NaN or infinity, of which there are no codes.
    std::optional<std::size_t> FindNotFinite(std::size_t first_row, std::size_t count) const;

    // To be trained, and made of all rows, before the first search; for finite rows of at most Codes::kMostDims.
    Codes &AddCodes() {
        codes_ = std::make_unique<Codes>(row(0), rows_, dims_, metric_);
        return *codes_;
    }
    const Codes *codes() const { return codes_.get(); } // null: there are none

    // Cosine only, per row: -1 / norm; 0 for a zero vector, whose distance is NaN, and so last, whatever the query; or NaN
    // where f32 cannot hold what a scan multiplies with it (a norm that is not finite, or outside 2^-40..2^40), which makes the search look at the row in float64.
    const float *negated_inverse_norms() const { return negated_inverse_norms_.data(); }

    // Inner product only: the largest norm in the block of rows that starts at this row (a multiple of
    // RowsPerBlock). Rows whose norm is NaN do not count: their scores are NaN.
    double largest_norm(std::size_t first_row) const { return largest_norms_[first_row / rows_per_block_]; }

  private:
    void DeriveInverseNorms(std::size_t first_row, std::size_t count);
    void DeriveLargestNorms(std::size_t first_row, std::size_t count);

    std::size_t rows_;
    std::size_t dims_;
    Metric metric_;
    std::size_t rows_per_block_;
    Buffer buffer_;
    std::vector<float> negated_inverse_norms_;
    std::vector<double> largest_norms_;
    std::unique_ptr<Codes> codes_;
};

} // namespace simdgres
