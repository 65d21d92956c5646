// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "set_file.h"
#include "snapshot.h"

namespace simdgres {

// A set whose rows come and go, on the JavaScript thread. The rows it was made of stay where they are, in memory or
// in a mapped file; those that come later lie behind them, in segments that are only ever appended to. Searches read
// no row that came after they began, so nobody waits for anybody.
class LiveSet {
  public:
    // Throws std::bad_alloc, as all of this does; a change that fails has changed nothing.
    explicit LiveSet(SavedSet made);

    const std::shared_ptr<const Snapshot> &snapshot() const { return snapshot_; }
    std::size_t bytes() const;

    // Nothing, and nothing has changed: row number *not_finite of those to be added can have no codes. Else the first
    // id.
    std::optional<std::size_t> Add(const float *rows, std::size_t count, std::size_t *not_finite);

    // Ids are below snapshot()->ids; those that are gone already do not count. How many have been removed.
    std::size_t Remove(const std::vector<std::uint32_t> &ids);

    enum class Outcome { kDone, kGone, kNotFinite };
    Outcome Set(std::uint32_t id, const float *row);

  private:
    // Rows that came later. Ids lie beside them.
    struct Tail {
        Tail(std::size_t capacity, const VectorSet &like);
        VectorSet set;
        std::vector<std::uint32_t> ids;
    };
    // What is known of a segment; the first is that of the rows the set was made of.
    struct State {
        std::uint32_t number = 0;   // of no other one; they ascend
        std::shared_ptr<Tail> tail; // null: the first
        std::size_t rows = 0, coded = 0;
        std::size_t removed = 0;
        bool is_leaving = false;            // its rows are moved to others, and it takes no more
        std::vector<std::uint32_t> present; // empty: all

        std::size_t Room() const { return tail == nullptr || is_leaving ? 0 : tail->set.rows() - rows; }
    };
    struct Place {
        std::uint32_t segment, row;
    };

    State *StateOf(const Place &place);
    const State *StateOf(const Place &place) const { return const_cast<LiveSet *>(this)->StateOf(place); }
    std::optional<Place> Find(std::uint32_t id) const;
    bool IsPresent(const Place &place) const;
    void KeepPresent(State &state);
    void Drop(const Place &place);
    void MakeRoom(std::size_t count);
    std::optional<std::size_t> Append(const float *rows, const std::vector<std::uint32_t> &ids);
    bool Replace(const std::vector<Place> &old, const float *rows, const std::vector<std::uint32_t> &ids);
    void Locate(const std::vector<State> &before);
    void Encode(State &state);
    void Compact(std::size_t rows);
    void ForgetEmpty();
    State *ChooseLeaving();
    std::size_t Move(State &from, std::size_t most);
    std::shared_ptr<const Snapshot> Take(std::size_t ids) const;
    std::shared_ptr<const Filter> FilterOf(const State &state) const;

    std::shared_ptr<const VectorSet> base_;
    std::vector<State> states_;
    std::uint32_t next_number_ = 1;
    std::unordered_map<std::uint32_t, Place> places_; // of rows that are there in tails
    std::shared_ptr<const Snapshot> snapshot_;
};

// All rows in the order of their ids, those that are gone as zeros: what a file keeps. Codes are made anew with the
// same model, or with a first one of a set that was too small for codes, so it takes a while. Throws std::bad_alloc.
SavedSet Fold(const Snapshot &snapshot);

} // namespace simdgres
