// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "aligned_vectors.h"
#include "filter.h"
#include "nearest.h"
#include "pool.h"
#include "search_stats.h"
#include "snapshot.h"

namespace simdgres {

class Scan;

struct SearchRequest {
    std::shared_ptr<const Snapshot> set;
    AlignedVectors queries; // at least one
    std::size_t k;          // at most as many as there are rows that pass; 0: there are none
    std::size_t threads;    // at least 1
    // Of each segment, the rows that are there and pass; null: all of them.
    std::vector<std::shared_ptr<const Filter>> passing;
    // A finite number: of those not farther than this the k nearest, be there fewer. Nothing: the k nearest.
    std::optional<double> radius;
};

// What each query has found, one after the other, nearest first: k of them, or with a radius as many as there are, and then
// offsets has where each query begins, and the end.
struct SearchResult {
    std::vector<std::uint32_t> ids;
    std::vector<double> distances;
    std::vector<std::uint32_t> offsets;
    SearchStats stats;
};

// One exact search, by codes where the set has them. Its units are pairs of a group of queries and a part of the
// rows: many queries are split by query (each thread reads all rows once per group), few by rows (all threads share
// the reading of memory, which is what a search for few queries waits for).
class Search : public Job, public std::enable_shared_from_this<Search> {
  public:
    // on_done is called once, on the thread that ends the search, also after Cancel or failure.
    Search(SearchRequest request, std::function<void(Search &)> on_done);

    // Rows within a radius that one search finds at most, over all its queries: they take a quarter of a GiB.
    static constexpr std::size_t kMostWithin = std::size_t{1} << 24;

    // Threads that can be of use: no more than asked for, no more than there are units.
    std::size_t usable_threads() const;

    // After on_done. False: it was cancelled, had too little memory, or found too much; there is no result.
    bool is_complete() const { return !is_cancelled() && !is_out_of_memory_ && !is_too_much_; }
    bool is_too_much() const { return is_too_much_; }
    bool is_out_of_memory() const { return is_out_of_memory_; }
    SearchResult &result() { return result_; }

  private:
    // Rows of a segment that one thread looks at, by codes or by a scan.
    struct Part {
        std::size_t segment, first_row, end;
        bool is_coded;
    };
    struct Plan {
        std::size_t queries_per_group;
        std::size_t groups;
        std::vector<Part> parts; // at least one
    };
    static Plan MakePlan(const SearchRequest &request);
    static bool IsCoded(const SearchRequest &request, std::size_t segment);
    static void SplitCoded(const SearchRequest &request, std::size_t segment, std::size_t threads,
                           Plan &plan);
    static void SplitScanned(const SearchRequest &request, std::size_t segment, std::size_t first_row,
                             std::size_t parts, Plan &plan);

    void RunUnit(std::size_t unit) override;
    void OnDone() override;
    std::size_t ScanRows(Scan &scan, const Part &part);
    std::size_t ScanPassing(Scan &scan, const Part &part);
    std::vector<Nearest> ScanPart(std::size_t group, std::size_t part);
    void WriteGroup(std::size_t group, std::vector<Nearest> &nearest);
    void MergeParts();
    std::vector<Nearest> SearchCodes(const Part &part, std::size_t first_query, std::size_t query_count,
                                     SearchStats &stats);
    void CheckFound(const std::vector<Nearest> &nearest);
    void MergeWithin(std::size_t group, std::vector<Nearest> &nearest);
    void WriteWithin();
    void AddStats(const SearchStats &stats);

    const SearchRequest request_;
    const Plan plan_;
    const std::function<void(Search &)> on_done_;
    std::vector<std::vector<Nearest>> unmerged_; // by unit, when the rows are in several parts
    std::mutex within_mutex_;
    std::vector<Nearest> within_; // by query, of a search with a radius
    std::size_t found_ = 0;       // rows in it
    std::atomic<bool> is_out_of_memory_{false};
    std::atomic<bool> is_too_much_{false};
    std::once_flag result_is_allocated_;
    SearchResult result_;
    std::mutex stats_mutex_;
    SearchStats stats_;
};

} // namespace simdgres
