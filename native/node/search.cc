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

sg_stop StopOf(const Job &job) {
    return {[](void *context) -> int { return static_cast<const Job *>(context)->is_cancelled(); },
            const_cast<Job *>(&job)};
}

} // namespace

bool Search::IsCoded(const SearchRequest &request, std::size_t index) {
    const Segment &segment = request.set->segments[index];
    const std::shared_ptr<const Filter> &passing = request.passing[index];
    const std::size_t rows = passing != nullptr ? passing->count() : segment.rows;
    // With a radius k says nothing about how many there are.
    const std::size_t k = request.radius ? std::min<std::size_t>(request.k, 1) : request.k;
    return segment.coded > 0 && segment.set->codes()->CanSearch(request.queries, k, rows);
}

// Each part looks for k rows of its own, so there are no more than the threads need.
void Search::SplitCoded(const SearchRequest &request, std::size_t index, std::size_t threads, Plan &plan) {
    const std::size_t rows = request.set->segments[index].coded;
    const std::size_t most_rows = request.radius ? kMostRowsOfPartWithin : kMostRowsOfPart;
    const std::size_t parts =
        std::max(std::min(threads, DivideUp(rows, kSmallestCodedPart)), DivideUp(rows, most_rows));
    const std::size_t step = DivideUp(DivideUp(rows, parts), Codes::kRowsPerBlock) * Codes::kRowsPerBlock;
    for (std::size_t row = 0; row < rows; row += step)
        plan.parts.push_back({index, row, std::min(row + step, rows), true});
}

// Parts begin where blocks begin, but for the first.
void Search::SplitScanned(const SearchRequest &request, std::size_t index, std::size_t first_row,
                          std::size_t parts, Plan &plan) {
    const Segment &segment = request.set->segments[index];
    const std::size_t rows = segment.rows - first_row, dims = request.set->dims();
    const std::size_t block = RowsPerBlock(dims);
    const std::size_t most = DivideUp(rows * dims * sizeof(float), kSmallestPartBytes);
    const std::size_t step = DivideUp(DivideUp(rows, std::min(parts, most)), block) * block;
    for (std::size_t row = first_row; row < segment.rows;) {
        const std::size_t end = std::min((row / block) * block + step, segment.rows);
        plan.parts.push_back({index, row, end, false});
        row = end;
    }
}

Search::Plan Search::MakePlan(const SearchRequest &request) {
    const std::vector<Segment> &segments = request.set->segments;
    const std::size_t queries = request.queries.count(), dims = request.set->dims();
    Plan plan{};
    if (request.k == 0) {
        plan.queries_per_group = queries;
        plan.groups = 1;
        plan.parts.push_back({0, 0, 0, false});
        return plan;
    }
    // Most of the work is that of the largest segment: it decides how queries share it.
    std::size_t largest = 0, rows = 0;
    for (std::size_t s = 0; s < segments.size(); s++) {
        largest = segments[s].rows > segments[largest].rows ? s : largest;
        rows += segments[s].rows;
    }
    std::size_t parts = 1;
    if (IsCoded(request, largest)) {
        const std::size_t most = std::clamp<std::size_t>(kCodedRowsOfUnit / rows, 1, kMostCodedQueries);
        plan.queries_per_group = std::min(most, DivideUp(queries, request.threads));
        plan.groups = DivideUp(queries, plan.queries_per_group);
        parts = DivideUp(request.threads, plan.groups);
    } else if (queries >= request.threads * kQueriesToSplit) {
        plan.queries_per_group = std::min(LargestGroup(dims), DivideUp(queries, request.threads));
        plan.groups = DivideUp(queries, plan.queries_per_group);
    } else {
        plan.queries_per_group = std::min(LargestGroup(dims), queries);
        plan.groups = DivideUp(queries, plan.queries_per_group);
        parts = request.threads;
    }
    for (std::size_t s = 0; s < segments.size(); s++) {
        if (!IsCoded(request, s)) {
            SplitScanned(request, s, 0, parts, plan);
            continue;
        }
        SplitCoded(request, s, parts, plan);
        if (segments[s].coded < segments[s].rows)
            SplitScanned(request, s, segments[s].coded, 1, plan);
    }
    return plan;
}

Search::Search(SearchRequest request, std::function<void(Search &)> on_done)
    : request_(std::move(request)), plan_(MakePlan(request_)), on_done_(std::move(on_done)) {
    SetUnits(plan_.groups * plan_.parts.size());
    if (request_.radius)
        within_.assign(request_.queries.count(), Nearest(request_.k, request_.radius));
    else if (plan_.parts.size() > 1)
        unmerged_.resize(plan_.groups * plan_.parts.size());
}

std::size_t Search::usable_threads() const {
    return std::min(request_.threads, plan_.groups * plan_.parts.size());
}

void Search::RunUnit(std::size_t unit) {
    if (request_.k == 0)
        return;
    try {
        const std::size_t group = unit / plan_.parts.size();
        std::vector<Nearest> nearest = ScanPart(group, unit % plan_.parts.size());
        if (request_.radius)
            MergeWithin(group, nearest);
        else if (plan_.parts.size() > 1)
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

std::vector<Nearest> Search::ScanPart(std::size_t group, std::size_t index) {
    const Part &part = plan_.parts[index];
    const Segment &segment = request_.set->segments[part.segment];
    const std::size_t first_query = group * plan_.queries_per_group;
    const std::size_t query_count = std::min(plan_.queries_per_group, request_.queries.count() - first_query);
    SearchStats stats;
    if (part.is_coded) {
        auto nearest = SearchCodes(part, first_query, query_count, stats);
        AddStats(stats);
        return nearest;
    }
    Scan scan(*segment.set, segment.ids, request_.queries, first_query, query_count,
              Nearest(request_.k, request_.radius));
    const std::size_t scanned =
        request_.passing[part.segment] != nullptr ? ScanPassing(scan, part) : ScanRows(scan, part);
    stats.scanned = scanned * query_count;
    stats.exact = scan.measured();
    stats.bytes = (scanned + stats.exact) * request_.set->dims() * sizeof(float);
    AddStats(stats);
    return scan.TakeNearest();
}

std::size_t Search::ScanRows(Scan &scan, const Part &part) {
    const std::size_t block = RowsPerBlock(request_.set->dims()), visit = scan.rows_per_visit();
    for (std::size_t row = part.first_row; row < part.end && !is_cancelled();) {
        const std::size_t most = row % block == 0 ? visit : block - row % block;
        const std::size_t count = std::min(most, part.end - row);
        scan.Visit(row, count);
        CheckFound(scan.nearest());
        row += count;
    }
    return part.end - part.first_row;
}

// Rows that do not pass are not even read. Returns how many do.
std::size_t Search::ScanPassing(Scan &scan, const Part &part) {
    const Filter &filter = *request_.passing[part.segment];
    const std::size_t block = RowsPerBlock(request_.set->dims());
    std::size_t scanned = 0;
    for (std::size_t row = filter.FindPassing(part.first_row, part.end); row < part.end && !is_cancelled();) {
        const std::size_t stop = filter.FindRefused(row, std::min(part.end, (row / block + 1) * block));
        scan.Visit(row, stop - row);
        CheckFound(scan.nearest());
        scanned += stop - row;
        row = filter.FindPassing(stop, part.end);
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
    const std::size_t parts = plan_.parts.size();
    for (std::size_t group = 0; group < plan_.groups && !is_cancelled(); group++) {
        std::vector<Nearest> &merged = unmerged_[group * parts];
        for (std::size_t part = 1; part < parts; part++) {
            const std::vector<Nearest> &other = unmerged_[group * parts + part];
            for (std::size_t q = 0; q < merged.size(); q++)
                merged[q].Merge(other[q]);
        }
        WriteGroup(group, merged);
    }
}

std::vector<Nearest> Search::SearchCodes(const Part &part, std::size_t first_query, std::size_t query_count,
                                         SearchStats &stats) {
    const Segment &segment = request_.set->segments[part.segment];
    const Codes &codes = *segment.set->codes();
    const Filter *const passing = request_.passing[part.segment].get();
    const std::size_t rows = part.end - part.first_row;
    if (!request_.radius)
        return codes.Search(request_.queries, first_query, query_count, request_.k, part.first_row, rows,
                            passing, segment.ids, stats);
    const sg_stop stop = StopOf(*this);
    std::vector<Nearest> nearest;
    nearest.reserve(query_count);
    for (std::size_t q = 0; q < query_count && !is_cancelled(); q++) {
        nearest.push_back(codes.SearchWithin(request_.queries.at(first_query + q), *request_.radius,
                                             request_.k, part.first_row, rows, passing, segment.ids, stop,
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
        else if (plan_.parts.size() > 1 && is_complete())
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
