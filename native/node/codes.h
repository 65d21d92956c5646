// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "sg_search.h"

#include "aligned_vectors.h"
#include "buffer.h"
#include "filter.h"
#include "nearest.h"
#include "search_stats.h"
#include "vector_metric.h"

namespace simdgres {

// A trained model, which sets may share. centre, rotation, low and step are those of sg_codes_model, and hold at least what it
// says they do.
struct CodesModel {
    sg_codes_model model{};
    std::vector<float> centre, rotation, low, step;

    const sg_codes_header &header() const { return model.header; }
    void PointToArrays();
    std::size_t bytes() const {
        return (centre.size() + rotation.size() + low.size() + step.size()) * sizeof(float);
    }
};

// Levelled codes of the rows of a set (native/codes): from a few bytes a row follows a proved bound of its distance, so
// that a search reads the floats of a handful of rows, and still finds what a loop over all of them finds.
class Codes {
  public:
    static constexpr std::size_t kMostDims = 65535;

    // Fewer rows are scanned: of 512 rows of 512 dims a search by codes takes 27 us in place of 46, and training takes half
    // a second.
    static constexpr std::size_t kFewestRows = 512;

    // rows: count * dims finite values, dims <= kMostDims; they live as long as this. There are no codes before Train, and
    // then Encode of all rows; searches come after both.
    Codes(const float *rows, std::size_t count, std::size_t dims, Metric metric);

    // Codes that are there already, of a valid model: blocks, and records of levels 2 and 3 of all rows.
    Codes(const float *rows, std::size_t count, std::shared_ptr<const CodesModel> model,
          std::unique_ptr<Buffer> blocks, std::unique_ptr<Buffer> level2, std::unique_ptr<Buffer> level3);

    // Room for codes of rows that will come.
    Codes(const float *rows, std::size_t count, std::shared_ptr<const CodesModel> model);

    // Takes up to a second. What `stop` (may be null) has stopped can only be thrown away. Throws std::bad_alloc.
    void Train(const sg_stop *stop);

    // Rows from first, a multiple of kRowsPerBlock, on. Throws std::bad_alloc.
    void Encode(std::size_t first, std::size_t count);

    std::size_t bytes() const;

    // What a file keeps.
    const CodesModel &model() const { return *model_; }
    const std::shared_ptr<const CodesModel> &shared_model() const { return model_; }
    const Buffer &blocks() const { return *blocks_; }
    const Buffer &level2() const { return *level2_; }
    const Buffer &level3() const { return *level3_; }
    static std::size_t BlocksBytes(const sg_codes_header &header, std::size_t rows);

    // Rows that a part of a search begins with are multiples of this.
    static constexpr std::size_t kRowsPerBlock = SG_BLOCK_ROWS;

    // Not for queries that are not finite, of which no bound holds, nor for so large a share of the rows that nothing
    // could be ruled out: those are scanned.
    // rows: those that pass. Not for k = 0.
    bool CanSearch(const AlignedVectors &queries, std::size_t k, std::size_t rows) const;

    // The k nearest among row_count rows, or those of them that pass the filter (may be null). ids: of each row of
    // the set, or null, and then it is its number. Threads may search at the same time. Throws std::bad_alloc.
    std::vector<Nearest> Search(const AlignedVectors &queries, std::size_t first_query,
                                std::size_t query_count, std::size_t k, std::size_t first_row,
                                std::size_t row_count, const Filter *filter, const std::uint32_t *ids,
                                SearchStats &stats) const;

    // The k nearest of those not farther than the radius, a finite number, for one query. Incomplete where `stop` says so.
    // Threads may search at the same time. Throws std::bad_alloc.
    Nearest SearchWithin(const float *query, double radius, std::size_t k, std::size_t first_row,
                         std::size_t row_count, const Filter *filter, const std::uint32_t *ids,
                         const sg_stop &stop, SearchStats &stats) const;

  private:
    void Reserve();
    sg_coded_rows Part(std::size_t first_row, std::size_t row_count, const Filter *filter,
                       const std::uint32_t *ids) const;
    void AddStats(const sg_search_stats &looked, SearchStats &stats) const;
    std::unique_ptr<Buffer> TakeScratch(std::size_t bytes) const;
    void KeepScratch(std::unique_ptr<Buffer> scratch) const;

    const float *rows_;
    std::size_t count_;
    std::size_t dims_;
    Metric metric_;
    std::shared_ptr<const CodesModel> model_;
    std::unique_ptr<Buffer> blocks_, level2_, level3_;

    // Of searches that have ended: fresh pages would cost a tenth of the next one.
    mutable std::mutex mutex_;
    mutable std::vector<std::unique_ptr<Buffer>> scratch_;
};

} // namespace simdgres
