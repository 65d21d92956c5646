// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simdgres.h"

#include "aligned_vectors.h"
#include "nearest.h"
#include "score_limit.h"
#include "vector_set.h"

namespace simdgres {

// Passes blocks of rows by a few queries and keeps the nearest of each. A block is scored in f32 by the
// kernels; rows whose score does not exclude them are measured in float64 soon after, while they are in cache.
// In a set in no special order that is about k * ln(rows / k) rows, so the scan runs at the kernels' speed.
// The order of rows never affects correctness, but rows sorted from far to near cost a float64 distance each.
class Scan {
  public:
    // For query_count of the queries, which have to live as long as this. ids: of each row of the set, or null, and
    // then it is its number. empty: what each query finds begins as a copy of it. Throws std::bad_alloc.
    Scan(const VectorSet &set, const std::uint32_t *ids, const AlignedVectors &queries,
         std::size_t first_query, std::size_t query_count, const Nearest &empty);

    std::size_t rows_per_visit() const { return rows_per_visit_; }

    // first_row is a multiple of RowsPerBlock(dims) and row_count at most rows_per_visit(), or the rows lie in one block.
    void Visit(std::size_t first_row, std::size_t row_count);

    // What each query has found so far.
    const std::vector<Nearest> &nearest() const { return nearest_; }
    std::vector<Nearest> TakeNearest() { return std::move(nearest_); }

    // Rows measured in float64 so far.
    std::size_t measured() const { return measured_; }

  private:
    const float *query(std::size_t q) const { return queries_.at(first_query_ + q); }
    void Score(const float *rows, std::size_t row_count);
    void MakeSmallerNearer(float *scores, std::size_t first_row, std::size_t row_count) const;
    // Of one block of rows.
    void OfferNear(std::size_t q, const float *scores, std::size_t first_row, std::size_t row_count);

    const VectorSet &set_;
    const std::uint32_t *const ids_;
    const AlignedVectors &queries_;
    std::size_t first_query_;
    std::size_t query_count_;
    std::size_t rows_per_block_;
    std::size_t rows_per_visit_;
    sg_many_fn many_;
    sg_tile_fn tile_; // NULL: there is none for the metric, or there is only one query
    std::vector<float> scores_;
    std::vector<ScoreLimit> limits_;
    std::vector<Nearest> nearest_;
    std::size_t measured_ = 0;
};

} // namespace simdgres
