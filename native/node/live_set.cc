// SPDX-License-Identifier: MIT
#include "live_set.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace simdgres {
namespace {

constexpr std::size_t kFewestRows = 1024; // of a new segment, unless they are long
constexpr std::size_t kFewestBytes = std::size_t{4} << 20;
constexpr std::size_t kMostBytes = std::size_t{1} << 30; // unless more come at once
constexpr std::size_t kFewestRemoved = 1024;             // that are worth a copy of the others

std::size_t WordsOf(std::size_t rows) {
    return (rows + 31) / 32;
}

// All ones, up to rows.
void FillPresent(std::vector<std::uint32_t> &words, std::size_t from, std::size_t rows) {
    words.resize(WordsOf(rows));
    for (; from < rows && from % 32 != 0; from++)
        words[from / 32] |= std::uint32_t{1} << (from % 32);
    for (; from + 32 <= rows; from += 32)
        words[from / 32] = ~std::uint32_t{0};
    for (; from < rows; from++)
        words[from / 32] |= std::uint32_t{1} << (from % 32);
}

std::size_t CountOf(const std::vector<std::uint32_t> &words) {
    std::size_t sum = 0;
    for (const std::uint32_t word : words)
        sum += static_cast<std::size_t>(__builtin_popcount(word));
    return sum;
}

} // namespace

LiveSet::Tail::Tail(std::size_t capacity, const VectorSet &like)
    : set(capacity, like.dims(), like.metric()), ids(capacity) {
    if (like.codes() != nullptr)
        set.AddCodes(like.codes()->shared_model());
}

LiveSet::LiveSet(SavedSet made) : base_(std::move(made.set)) {
    State first;
    first.rows = base_->rows();
    first.coded = base_->codes() != nullptr ? base_->rows() : 0;
    first.removed = made.present.empty() ? 0 : first.rows - CountOf(made.present);
    if (first.removed > 0)
        first.present = std::move(made.present);
    states_.push_back(std::move(first));
    snapshot_ = Take(base_->rows());
}

std::size_t LiveSet::bytes() const {
    std::size_t sum = base_->bytes();
    for (const State &state : states_) {
        sum += state.present.size() * sizeof(std::uint32_t);
        if (state.tail != nullptr) // memory that no row has come to is not there yet
            sum += state.tail->set.bytes() / state.tail->set.rows() * state.rows +
                   state.rows * (sizeof(std::uint32_t) + sizeof(Place));
    }
    return sum;
}

std::optional<LiveSet::Place> LiveSet::Find(std::uint32_t id) const {
    const auto found = places_.find(id);
    const Place place = found != places_.end() ? found->second : Place{0, id};
    if (found == places_.end() && id >= base_->rows())
        return std::nullopt;
    return IsPresent(place) ? std::optional(place) : std::nullopt;
}

bool LiveSet::IsPresent(const Place &place) const {
    const State &state = states_[place.segment];
    return state.present.empty() || (state.present[place.row / 32] >> (place.row % 32) & 1) != 0;
}

void LiveSet::KeepPresent(State &state) {
    if (state.present.empty())
        FillPresent(state.present, 0, state.rows);
}

// KeepPresent comes first.
void LiveSet::Drop(const Place &place) {
    State &state = states_[place.segment];
    state.present[place.row / 32] &= ~(std::uint32_t{1} << (place.row % 32));
    state.removed++;
}

// Segments grow with the set, so that there are few.
void LiveSet::MakeRoom(std::size_t count) {
    if (states_.size() > 1)
        count -= std::min(count, states_.back().tail->set.rows() - states_.back().rows);
    if (count == 0)
        return;
    const std::size_t row_bytes = base_->dims() * sizeof(float);
    const std::size_t fewest = std::clamp<std::size_t>(kFewestBytes / row_bytes, 64, kFewestRows);
    const std::size_t most = std::max(fewest, kMostBytes / row_bytes);
    State state;
    state.tail =
        std::make_shared<Tail>(std::max(std::clamp(snapshot_->ids / 2, fewest, most), count), *base_);
    states_.push_back(std::move(state));
}

// Copies rows behind those that are there, in the last two segments: without their places, and nobody sees them
// before the next Take. Returns the row that can have no codes, if there is one.
std::optional<std::size_t> LiveSet::Append(const float *rows, std::size_t count, std::uint32_t first_id) {
    const std::size_t dims = base_->dims();
    std::size_t done = 0;
    for (std::size_t s =
             std::max<std::size_t>(1, states_.size() - std::min<std::size_t>(2, states_.size() - 1));
         s < states_.size() && done < count; s++) {
        State &state = states_[s];
        VectorSet &set = state.tail->set;
        const std::size_t part = std::min(count - done, set.rows() - state.rows);
        if (part == 0)
            continue;
        std::memcpy(set.values() + state.rows * dims, rows + done * dims, part * dims * sizeof(float));
        if (base_->wants_codes()) {
            if (const auto broken = set.FindNotFinite(state.rows, part))
                return done + *broken - state.rows;
        }
        for (std::size_t i = 0; i < part; i++)
            state.tail->ids[state.rows + i] = static_cast<std::uint32_t>(first_id + done + i);
        set.Derive(state.rows, part);
        if (!state.present.empty())
            FillPresent(state.present, state.rows, state.rows + part);
        state.rows += part;
        done += part;
        Encode(state);
    }
    return std::nullopt;
}

// Of whole blocks: running searches read none of them.
void LiveSet::Encode(State &state) {
    const std::size_t whole = state.rows / Codes::kRowsPerBlock * Codes::kRowsPerBlock;
    Codes *const codes = state.tail->set.codes_to_fill();
    if (codes == nullptr || whole == state.coded)
        return;
    try {
        codes->Encode(state.coded, whole - state.coded);
        state.coded = whole;
    } catch (const std::bad_alloc &) {
        // They are scanned, and coded with the next ones.
    }
}

std::optional<std::size_t> LiveSet::Add(const float *rows, std::size_t count, std::size_t *not_finite) {
    const std::size_t first_id = snapshot_->ids;
    MakeRoom(count);
    struct Mark {
        std::size_t rows, coded;
    };
    std::vector<Mark> marks;
    for (const State &state : states_)
        marks.push_back({state.rows, state.coded});
    const auto undo = [&] {
        for (std::size_t s = 0; s < states_.size(); s++) {
            states_[s].rows = marks[s].rows;
            states_[s].coded = marks[s].coded;
            if (!states_[s].present.empty()) {
                states_[s].present.resize(WordsOf(marks[s].rows));
                if (marks[s].rows % 32 != 0)
                    states_[s].present.back() &= (std::uint32_t{1} << (marks[s].rows % 32)) - 1;
            }
        }
        for (std::size_t i = 0; i < count; i++)
            places_.erase(static_cast<std::uint32_t>(first_id + i));
    };
    try {
        if (const auto broken = Append(rows, count, static_cast<std::uint32_t>(first_id))) {
            undo();
            *not_finite = *broken;
            return std::nullopt;
        }
        places_.reserve(places_.size() + count);
        for (std::size_t s = 1; s < states_.size(); s++) {
            for (std::size_t row = marks[s].rows; row < states_[s].rows; row++)
                places_[states_[s].tail->ids[row]] = {static_cast<std::uint32_t>(s),
                                                      static_cast<std::uint32_t>(row)};
        }
        snapshot_ = Take(first_id + count);
    } catch (...) {
        undo();
        throw;
    }
    return first_id;
}

std::size_t LiveSet::Remove(const std::vector<std::uint32_t> &ids) {
    std::vector<State> before = states_; // rows stay shared
    std::size_t removed = 0;
    try {
        for (const std::uint32_t id : ids) {
            if (const auto place = Find(id)) {
                KeepPresent(states_[place->segment]);
                Drop(*place);
                removed++;
            }
        }
        if (removed > 0)
            snapshot_ = Take(snapshot_->ids);
    } catch (...) {
        states_ = std::move(before);
        throw;
    }
    Compact();
    return removed;
}

LiveSet::Outcome LiveSet::Set(std::uint32_t id, const float *row) {
    const auto old = Find(id);
    if (!old)
        return Outcome::kGone;
    MakeRoom(1);
    std::vector<State> before = states_;
    try {
        if (Append(row, 1, id)) {
            states_ = std::move(before);
            return Outcome::kNotFinite;
        }
        KeepPresent(states_[old->segment]);
        Drop(*old);
        auto snapshot = Take(snapshot_->ids);
        std::size_t s = before.size() - 1; // the one that has grown
        while (states_[s].rows == before[s].rows)
            s--;
        places_[id] = {static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(before[s].rows)};
        snapshot_ = std::move(snapshot);
    } catch (...) {
        states_ = std::move(before);
        throw;
    }
    Compact();
    return Outcome::kDone;
}

// Once most rows of the tails are gone, the others are copied together: a set whose rows are replaced again and again
// stays as large as its rows.
void LiveSet::Compact() {
    std::size_t rows = 0, removed = 0;
    for (std::size_t s = 1; s < states_.size(); s++) {
        rows += states_[s].rows;
        removed += states_[s].removed;
    }
    if (removed < kFewestRemoved || 2 * removed < rows)
        return;
    try {
        State merged;
        merged.tail =
            std::make_shared<Tail>(std::max<std::size_t>(rows - removed, 1) + kFewestRemoved, *base_);
        std::unordered_map<std::uint32_t, Place> places;
        places.reserve(rows - removed);
        VectorSet &set = merged.tail->set;
        for (std::size_t s = 1; s < states_.size(); s++) {
            for (std::size_t row = 0; row < states_[s].rows; row++) {
                if (!IsPresent({static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(row)}))
                    continue;
                const std::uint32_t id = states_[s].tail->ids[row];
                std::memcpy(set.values() + merged.rows * set.dims(), states_[s].tail->set.row(row),
                            set.dims() * sizeof(float));
                merged.tail->ids[merged.rows] = id;
                places[id] = {1, static_cast<std::uint32_t>(merged.rows++)};
            }
        }
        set.Derive(0, merged.rows);
        Encode(merged);
        std::vector<State> states{states_.front(), std::move(merged)};
        states_.swap(states);
        try {
            snapshot_ = Take(snapshot_->ids);
        } catch (...) {
            states_.swap(states);
            throw;
        }
        places_.swap(places);
    } catch (const std::bad_alloc &) {
        // The set is right as it is, and the next change tries again.
    }
}

std::shared_ptr<const Filter> LiveSet::FilterOf(const State &state) const {
    return state.removed == 0 ? nullptr : std::make_shared<const Filter>(state.rows, state.present);
}

std::shared_ptr<const Snapshot> LiveSet::Take(std::size_t ids) const {
    auto taken = std::make_shared<Snapshot>();
    taken->ids = ids;
    taken->segments.reserve(states_.size());
    for (const State &state : states_) {
        Segment segment;
        segment.rows = state.rows;
        segment.coded = state.coded;
        segment.present = FilterOf(state);
        if (state.tail != nullptr) {
            segment.set = std::shared_ptr<const VectorSet>(state.tail, &state.tail->set);
            segment.ids = state.tail->ids.data();
        } else {
            segment.set = base_;
        }
        taken->present += state.rows - state.removed;
        if (segment.rows > 0)
            taken->segments.push_back(std::move(segment));
    }
    return taken;
}

SavedSet Fold(const Snapshot &snapshot) {
    const Segment &first = snapshot.segments.front();
    SavedSet saved{first.set, {}};
    // Ids of later rows stay given once those rows are gone.
    if (snapshot.segments.size() == 1 && snapshot.ids == first.rows) {
        if (first.present != nullptr)
            saved.present.assign(first.present->words(0), first.present->words(0) + WordsOf(first.rows));
        return saved;
    }
    const auto set = std::make_shared<VectorSet>(snapshot.ids, snapshot.dims(), snapshot.metric());
    std::vector<std::uint32_t> present(WordsOf(snapshot.ids));
    for (const Segment &segment : snapshot.segments) {
        for (std::size_t row = 0; row < segment.rows; row++) {
            if (segment.present != nullptr && !segment.present->Has(row))
                continue;
            const std::size_t id = segment.ids != nullptr ? segment.ids[row] : row;
            std::memcpy(set->values() + id * set->dims(), segment.set->row(row), set->dims() * sizeof(float));
            present[id / 32] |= std::uint32_t{1} << (id % 32);
        }
    }
    set->Derive(0, set->rows());
    if (first.set->wants_codes())
        set->WantCodes();
    if (first.set->codes() != nullptr)
        set->AddCodes(first.set->codes()->shared_model());
    else if (set->wants_codes() && set->rows() >= Codes::kFewestRows)
        set->AddCodes().Train(nullptr);
    if (Codes *codes = set->codes_to_fill())
        codes->Encode(0, set->rows());
    if (CountOf(present) < snapshot.ids)
        saved.present = std::move(present);
    saved.set = set;
    return saved;
}

} // namespace simdgres
