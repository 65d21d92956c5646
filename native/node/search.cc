// SPDX-License-Identifier: MIT
#include "search.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include "scan.h"

namespace simdgres {
namespace {

// Queries that share one pass over the rows. More would push the queries, the block and the scores out of
// the L2 cache, fewer would read the rows more often than the arithmetic can hide.
std::size_t LargestGroup(std::size_t dims) {
    constexpr std::size_t kQueryBytes = 256 << 10;
    return std::clamp<std::size_t>(kQueryBytes / (dims * sizeof(float)), 8, 128);
}

// Below this many queries per thread, reading memory costs more than comparing: threads share the rows.
constexpr std::size_t kQueriesToSplit = 32;

// A part smaller than this is scanned faster than another thread wakes up.
constexpr std::size_t kSmallestPartBytes = std::size_t{1} << 20;

std::size_t DivideUp(std::size_t value, std::size_t by) {
    return (value + by - 1) / by;
}

// By codes a unit takes milliseconds, and nothing stops it: this many rows and queries at most, or one query.
constexpr std::size_t kCodedRowsOfUnit = std::size_t{1} << 20;
constexpr std::size_t kMostRowsOfPart = std::size_t{4} << 20;

// Queries that read codes together; more would push their bounds out of the caches.
constexpr std::size_t kMostCodedQueries = 16;

// A part smaller than this is searched by codes faster than another thread wakes up.
constexpr std::size_t kSmallestCodedPart = 16384;

// Within a radius: to measure rows goes on between two looks at whether to stop, but other searches wait for the whole unit.
constexpr std::size_t kMostRowsOfPartWithin = std::size_t{1} << 18;

const Codes *CodesFor(const SearchRequest &request) {
    const Codes *codes = request.set->codes();
    const std::size_t rows = request.filter != nullptr ? request.filter->count() : request.set->rows();
    // With a radius k says nothing about how many there are.
    const std::size_t k = request.radius ? std::min<std::size_t>(request.k, 1) : request.k;
    return codes != nullptr && codes->CanSearch(request.queries, k, rows) ? codes : nullptr;
}

sg_stop StopOf(const Job &job) {
    return {[](void *context) -> int { return static_cast<const Job *>(context)->is_cancelled(); },
            const_cast<Job *>(&job)};
}

} // namespace

Search::Plan Search::MakePlanForCodes(const SearchRequest &request) {
    const std::size_t rows = request.set->rows(), queries = request.queries.count();
    const std::size_t most = std::clamp<std::size_t>(kCodedRowsOfUnit / rows, 1, kMostCodedQueries);
    Plan plan{};
    plan.queries_per_group = std::min(most, DivideUp(queries, request.threads));
    plan.groups = DivideUp(queries, plan.queries_per_group);
    // Each part looks for k rows of its own, so there are no more than the threads need.
    const std::size_t wanted = DivideUp(request.threads, plan.groups);
    const std::size_t most_rows = request.radius ? kMostRowsOfPartWithin : kMostRowsOfPart;
    const std::size_t parts =
        std::max(std::min(wanted, DivideUp(rows, kSmallestCodedPart)), DivideUp(rows, most_rows));
    plan.rows_per_part = DivideUp(DivideUp(rows, parts), Codes::kRowsPerBlock) * Codes::kRowsPerBlock;
    plan.parts = DivideUp(rows, plan.rows_per_part);
    return plan;
}

Search::Plan Search::MakePlan(const SearchRequest &request) {
    const std::size_t rows = request.set->rows(), dims = request.set->dims();
    const std::size_t queries = request.queries.count();
    if (request.k == 0)
        return {queries, 1, rows, 1};
    Plan plan{};
    std::size_t parts = 1;
    if (queries >= request.threads * kQueriesToSplit) {
        plan.queries_per_group = std::min(LargestGroup(dims), DivideUp(queries, request.threads));
    } else {
        plan.queries_per_group = std::min(LargestGroup(dims), queries);
        parts = std::min(request.threads, DivideUp(rows * dims * sizeof(float), kSmallestPartBytes));
    }
    plan.groups = DivideUp(queries, plan.queries_per_group);
    // Parts begin where blocks begin.
    const std::size_t block = RowsPerBlock(dims);
    plan.rows_per_part = DivideUp(DivideUp(rows, parts), block) * block;
    plan.parts = DivideUp(rows, plan.rows_per_part);
    return plan;
}

Search::Search(SearchRequest request, std::function<void(Search &)> on_done)
    : request_(std::move(request)), codes_(CodesFor(request_)),
      plan_(codes_ != nullptr ? MakePlanForCodes(request_) : MakePlan(request_)),
      on_done_(std::move(on_done)) {
    SetUnits(plan_.groups * plan_.parts);
    if (request_.radius)
        within_.assign(request_.queries.count(), Nearest(request_.k, request_.radius));
    else if (plan_.parts > 1)
        unmerged_.resize(plan_.groups * plan_.parts);
}

std::size_t Search::usable_threads() const {
    return std::min(request_.threads, plan_.groups * plan_.parts);
}

void Search::RunUnit(std::size_t unit) {
    if (request_.k == 0)
        return;
    try {
        const std::size_t group = unit / plan_.parts;
        std::vector<Nearest> nearest = ScanPart(group, unit % plan_.parts);
        if (request_.radius)
            MergeWithin(group, nearest);
        else if (plan_.parts > 1)
            unmerged_[unit] = std::move(nearest);
        else if (!is_cancelled())
            WriteGroup(group, nearest);
    } catch (const std::bad_alloc &) {
        is_out_of_memory_ = true;
        Cancel();
    } catch (const std::length_error &) { // a result that no vector can hold
        is_out_of_memory_ = true;
        Cancel();
    }
}

std::vector<Nearest> Search::ScanPart(std::size_t group, std::size_t part) {
    const VectorSet &set = *request_.set;
    const std::size_t first_query = group * plan_.queries_per_group;
    const std::size_t query_count = std::min(plan_.queries_per_group, request_.queries.count() - first_query);
    const std::size_t first_row = part * plan_.rows_per_part;
    const std::size_t end = std::min(first_row + plan_.rows_per_part, set.rows());
    SearchStats stats;
    if (codes_ != nullptr && request_.radius) {
        auto nearest = ScanWithinByCodes(first_query, query_count, first_row, end - first_row, stats);
        AddStats(stats);
        return nearest;
    }
    if (codes_ != nullptr) {
        auto nearest = codes_->Search(request_.queries, first_query, query_count, request_.k, first_row,
                                      end - first_row, request_.filter.get(), stats);
        AddStats(stats);
        return nearest;
    }
    Scan scan(set, request_.queries, first_query, query_count, Nearest(request_.k, request_.radius));
    const std::size_t visit = scan.rows_per_visit();
    std::size_t scanned = end - first_row;
    if (request_.filter != nullptr) {
        scanned = ScanPassing(scan, first_row, end);
    } else {
        for (std::size_t row = first_row; row < end && !is_cancelled(); row += visit) {
            scan.Visit(row, std::min(visit, end - row));
            CheckFound(scan.nearest());
        }
    }
    stats.scanned = scanned * query_count;
    stats.exact = scan.measured();
    stats.bytes = (scanned + stats.exact) * set.dims() * sizeof(float);
    AddStats(stats);
    return scan.TakeNearest();
}

// Rows that do not pass are not even read. Returns how many do.
std::size_t Search::ScanPassing(Scan &scan, std::size_t first_row, std::size_t end) {
    const Filter &filter = *request_.filter;
    const std::size_t block = RowsPerBlock(request_.set->dims());
    std::size_t scanned = 0;
    for (std::size_t row = filter.FindPassing(first_row, end); row < end && !is_cancelled();) {
        const std::size_t stop = filter.FindRefused(row, std::min(end, (row / block + 1) * block));
        scan.Visit(row, stop - row);
        CheckFound(scan.nearest());
        scanned += stop - row;
        row = filter.FindPassing(stop, end);
    }
    return scanned;
}

void Search::AddStats(const SearchStats &stats) {
    const std::lock_guard<std::mutex> lock(stats_mutex_);
    stats_.Add(stats);
}

void Search::WriteGroup(std::size_t group, std::vector<Nearest> &nearest) {
    // Allocated only when there is something to write, so that a search cancelled early costs no memory.
    std::call_once(result_is_allocated_, [this] {
        result_.ids.resize(request_.queries.count() * request_.k);
        result_.distances.resize(request_.queries.count() * request_.k);
    });
    std::size_t out = group * plan_.queries_per_group * request_.k;
    for (Nearest &of_query : nearest) {
        if (is_cancelled()) // sorting many large results takes a while
            return;
        for (const Neighbour &neighbour : of_query.Sort()) {
            result_.ids[out] = neighbour.id;
            result_.distances[out] = neighbour.distance;
            out++;
        }
    }
}

void Search::MergeParts() {
    for (std::size_t group = 0; group < plan_.groups && !is_cancelled(); group++) {
        std::vector<Nearest> &merged = unmerged_[group * plan_.parts];
        for (std::size_t part = 1; part < plan_.parts; part++) {
            const std::vector<Nearest> &other = unmerged_[group * plan_.parts + part];
            for (std::size_t q = 0; q < merged.size(); q++)
                merged[q].Merge(other[q]);
        }
        WriteGroup(group, merged);
    }
}

std::vector<Nearest> Search::ScanWithinByCodes(std::size_t first_query, std::size_t query_count,
                                               std::size_t first_row, std::size_t row_count,
                                               SearchStats &stats) {
    const sg_stop stop = StopOf(*this);
    std::vector<Nearest> nearest;
    nearest.reserve(query_count);
    for (std::size_t q = 0; q < query_count && !is_cancelled(); q++) {
        nearest.push_back(codes_->SearchWithin(request_.queries.at(first_query + q), *request_.radius,
                                               request_.k, first_row, row_count, request_.filter.get(), stop,
                                               stats));
        CheckFound(nearest);
    }
    return nearest;
}

// Of one unit: no query finds fewer in the end, so too much here is too much whatever the other threads find.
void Search::CheckFound(const std::vector<Nearest> &nearest) {
    if (!request_.radius)
        return;
    std::size_t found = 0;
    for (const Nearest &of_query : nearest)
        found += of_query.size();
    if (found <= kMostWithin)
        return;
    is_too_much_ = true;
    Cancel();
}

// At once, so that no more is held than is found and what the threads have in hand.
void Search::MergeWithin(std::size_t group, std::vector<Nearest> &nearest) {
    const std::lock_guard<std::mutex> lock(within_mutex_);
    for (std::size_t q = 0; q < nearest.size() && !is_cancelled(); q++) {
        Nearest &merged = within_[group * plan_.queries_per_group + q];
        found_ -= merged.size();
        if (merged.size() == 0)
            merged = std::move(nearest[q]);
        else
            merged.Merge(nearest[q]);
        found_ += merged.size();
        if (found_ > kMostWithin) {
            is_too_much_ = true;
            Cancel();
        }
    }
}

void Search::WriteWithin() {
    result_.ids.reserve(found_);
    result_.distances.reserve(found_);
    result_.offsets.reserve(within_.size() + 1);
    result_.offsets.push_back(0);
    for (Nearest &of_query : within_) {
        if (is_cancelled())
            return;
        for (const Neighbour &neighbour : of_query.Sort()) {
            result_.ids.push_back(neighbour.id);
            result_.distances.push_back(neighbour.distance);
        }
        of_query = Nearest(0);
        result_.offsets.push_back(static_cast<std::uint32_t>(result_.ids.size()));
    }
}

void Search::OnDone() {
    try {
        if (request_.radius && is_complete())
            WriteWithin();
        else if (plan_.parts > 1 && is_complete())
            MergeParts();
    } catch (const std::bad_alloc &) {
        is_out_of_memory_ = true;
    } catch (const std::length_error &) {
        is_out_of_memory_ = true;
    }
    unmerged_ = {};
    within_ = {};
    result_.stats = stats_;
    // JavaScript may hold a search that it has aborted until its event loop turns.
    if (!is_complete())
        result_ = {};
    on_done_(*this);
}

} // namespace simdgres
