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

// A copy of row-major f32 vectors, and what a search needs to know about each. Each row is filled, derived from and
// coded once, in this order and by one thread at a time, and never changes after that; searches read only rows that
// are ready.
class VectorSet {
  public:
    // Zeros, rows * dims of them, rows >= 1, dims >= 1. Throws std::bad_alloc.
    VectorSet(std::size_t rows, std::size_t dims, Metric metric);

    // What a file holds: it is ready to be searched.
    struct Parts {
        std::unique_ptr<Buffer> values, negated_inverse_norms, largest_norms;
        std::shared_ptr<const CodesModel> model; // null: there are no codes
        std::unique_ptr<Buffer> blocks, level2, level3;
        bool wants_codes = false;
    };
    VectorSet(std::size_t rows, std::size_t dims, Metric metric, Parts parts);

    // To fill it.
    float *values() { return static_cast<float *>(values_->data()); }

    // What searches need of count rows; from the first row to the last, each once. Throws std::bad_alloc.
    void Derive(std::size_t first_row, std::size_t count);

    std::size_t rows() const { return rows_; }
    std::size_t dims() const { return dims_; }
    Metric metric() const { return metric_; }
    const float *row(std::size_t index) const {
        return static_cast<const float *>(values_->data()) + index * dims_;
    }
    // Of memory; a file that is mapped does not count.
    std::size_t bytes() const;

    // The first of these rows that holds NaN or infinity, of which there are no codes.
    std::optional<std::size_t> FindNotFinite(std::size_t first_row, std::size_t count) const;

    // It is to have codes as soon as there are enough rows: they have to be finite.
    void WantCodes() { wants_codes_ = true; }
    bool wants_codes() const { return wants_codes_; }

    // To be trained, and made of all rows, before the first search; for finite rows of at most Codes::kMostDims.
    Codes &AddCodes() {
        codes_ = std::make_unique<Codes>(row(0), rows_, dims_, metric_);
        return *codes_;
    }
    // Of a model that there is already.
    void AddCodes(std::shared_ptr<const CodesModel> model) {
        codes_ = std::make_unique<Codes>(row(0), rows_, std::move(model));
    }
    Codes *codes_to_fill() { return codes_.get(); }
    const Codes *codes() const { return codes_.get(); } // null: there are none

    // Cosine only, per row: -1 / norm; 0 for a zero vector, whose distance is NaN, and so last, whatever the query; or NaN
    // where f32 cannot hold what a scan multiplies with it (a norm that is not finite, or outside 2^-40..2^40), which makes the search look at the row in float64.
    const float *negated_inverse_norms() const {
        return static_cast<const float *>(negated_inverse_norms_->data());
    }

    // Inner product only: the largest norm in the block of rows that starts at this row (a multiple of
    // RowsPerBlock). Rows whose norm is NaN do not count: their scores are NaN.
    double largest_norm(std::size_t first_row) const {
        // Rows that come to the block meanwhile only make it larger, and a larger one is right, too.
        double norm;
        __atomic_load(static_cast<double *>(largest_norms_->data()) + first_row / rows_per_block_, &norm,
                      __ATOMIC_RELAXED);
        return norm;
    }

    // What a file keeps; null where the metric has none.
    const Buffer &values_buffer() const { return *values_; }
    const Buffer *negated_inverse_norms_buffer() const { return negated_inverse_norms_.get(); }
    const Buffer *largest_norms_buffer() const { return largest_norms_.get(); }
    static std::size_t NegatedInverseNormsBytes(std::size_t rows, Metric metric);
    static std::size_t LargestNormsBytes(std::size_t rows, std::size_t dims, Metric metric);

  private:
    void DeriveInverseNorms(std::size_t first_row, std::size_t count);
    void DeriveLargestNorms(std::size_t first_row, std::size_t count);

    std::size_t rows_;
    std::size_t dims_;
    Metric metric_;
    std::size_t rows_per_block_;
    std::unique_ptr<Buffer> values_, negated_inverse_norms_, largest_norms_;
    std::unique_ptr<Codes> codes_;
    bool wants_codes_ = false;
};

} // namespace simdgres
