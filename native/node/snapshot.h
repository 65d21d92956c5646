// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "filter.h"
#include "vector_set.h"

namespace simdgres {

// Rows that lie together: those a set was made of, or some that came later.
struct Segment {
    std::shared_ptr<const VectorSet> set;
    std::size_t rows = 0;               // the first so many of the set's
    std::size_t coded = 0;              // the first so many of them have codes: all, or a multiple of a block
    const std::uint32_t *ids = nullptr; // of each row, kept by the set; null: its number
    std::shared_ptr<const Filter> present; // null: no row has been removed
};

// A set between two changes. It never changes itself, so a search sees one state from beginning to end.
struct Snapshot {
    std::vector<Segment> segments; // at least one
    std::size_t ids = 0;           // that have been given: 0 up to this
    std::size_t present = 0;       // rows that are there

    std::size_t dims() const { return segments.front().set->dims(); }
    Metric metric() const { return segments.front().set->metric(); }
};

// The rows of a segment that are there and pass; null: all of them. filter is of ids, and may be null.
std::shared_ptr<const Filter> PassingIn(const Segment &segment, const Filter *filter);

} // namespace simdgres
