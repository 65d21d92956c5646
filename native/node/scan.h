// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

#include "simdgres.h"

#include "nearest.h"
#include "score_limit.h"
#include "vector_set.h"

namespace simdgres {

// Passes blocks of rows by a few queries and keeps the nearest of each. A block is scored in f32 by the
// kernels; rows whose score does not exclude them are measured in float64 at once, while they are in cache.
// In a set in no special order that is about k * ln(rows / k) rows, so the scan runs at the kernels' speed;
// where no order of rows can hurt correctness, rows sorted from far to near cost a float64 distance each.
class Scan {
  public:
    // queries: query_count vectors, copied. Throws std::bad_alloc.
    Scan(const VectorSet &set, const float *queries, std::size_t query_count, std::size_t k);

    // first_row is a multiple of RowsPerBlock(dims); row_count at most that.
    void Visit(std::size_t first_row, std::size_t row_count);

    std::vector<Nearest> TakeNearest() { return std::move(nearest_); }

  private:
    // A query that lies across cache lines makes every load of a 512-bit register read two of them, which
    // costs a quarter of the speed of memory; JavaScript's arrays are aligned by chance.
    struct alignas(64) CacheLine {
        float lanes[16];
    };

    const float *query(std::size_t q) const { return queries_[q * lines_per_query_].lanes; }
    void Score(const float *rows, std::size_t row_count);
    void MakeSmallerNearer(float *scores, std::size_t first_row, std::size_t row_count) const;
    void OfferNear(std::size_t q, const float *scores, std::size_t first_row, std::size_t row_count);

    const VectorSet &set_;
    std::size_t query_count_;
    std::size_t lines_per_query_;
    std::vector<CacheLine> queries_;
    std::size_t scores_per_query_;
    sg_many_fn many_;
    sg_tile_fn tile_; // NULL: there is none for the metric, or there is only one query
    std::vector<float> scores_;
    std::vector<ScoreLimit> limits_;
    std::vector<Nearest> nearest_;
};

} // namespace simdgres
