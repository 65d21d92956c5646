// SPDX-License-Identifier: MIT
#include "live_set.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>
#include <utility>

namespace simdgres {
namespace {

constexpr std::size_t kFewestRows = 1024; // of a new segment, unless they are long
constexpr std::size_t kFewestBytes = std::size_t{4} << 20;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;    // unless more come at once
constexpr std::size_t kFewestRemoved = 1024;                // that are worth moving others for
constexpr std::size_t kMovedBytes = std::size_t{256} << 10; // in one change: with codes a millisecond or two
constexpr std::size_t kFewestMoved = 4;

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

LiveSet::State *LiveSet::StateOf(const Place &place) {
    const auto found =
        std::lower_bound(states_.begin(), states_.end(), place.segment,
                         [](const State &state, std::uint32_t number) { return state.number < number; });
    return found != states_.end() && found->number == place.segment ? &*found : nullptr;
}

std::optional<LiveSet::Place> LiveSet::Find(std::uint32_t id) const {
    const auto found = places_.find(id);
    const Place place = found != places_.end() ? found->second : Place{0, id};
    if (found == places_.end() && id >= base_->rows())
        return std::nullopt;
    return IsPresent(place) ? std::optional(place) : std::nullopt;
}

bool LiveSet::IsPresent(const Place &place) const {
    const State *const state = StateOf(place);
    return state != nullptr &&
           (state->present.empty() || (state->present[place.row / 32] >> (place.row % 32) & 1) != 0);
}

void LiveSet::KeepPresent(State &state) {
    if (state.present.empty())
        FillPresent(state.present, 0, state.rows);
}

void LiveSet::Drop(const Place &place) {
    State &state = *StateOf(place);
    KeepPresent(state);
    state.present[place.row / 32] &= ~(std::uint32_t{1} << (place.row % 32));
    state.removed++;
}

// Segments grow with the set, so that there are few.
void LiveSet::MakeRoom(std::size_t count) {
    count -= std::min(count, states_.back().Room());
    if (count == 0)
        return;
    const std::size_t row_bytes = base_->dims() * sizeof(float);
    const std::size_t fewest = std::clamp<std::size_t>(kFewestBytes / row_bytes, 64, kFewestRows);
    const std::size_t most = std::max(fewest, kMostBytes / row_bytes);
    State state;
    state.number = next_number_;
    state.tail =
        std::make_shared<Tail>(std::max(std::clamp(snapshot_->present / 2, fewest, most), count), *base_);
    states_.push_back(std::move(state));
    next_number_++;
}

// Copies rows behind those that are there, in the last two segments: without their places, and nobody sees them
// before the next Take. Returns the row that can have no codes, if there is one.
std::optional<std::size_t> LiveSet::Append(const float *rows, const std::vector<std::uint32_t> &ids) {
    const std::size_t dims = base_->dims(), count = ids.size();
    std::size_t done = 0;
    for (std::size_t s = states_.size() - std::min<std::size_t>(2, states_.size());
         s < states_.size() && done < count; s++) {
        State &state = states_[s];
        const std::size_t part = std::min(count - done, state.Room());
        if (part == 0)
            continue;
        VectorSet &set = state.tail->set;
        std::memcpy(set.values() + state.rows * dims, rows + done * dims, part * dims * sizeof(float));
        if (base_->wants_codes()) {
            if (const auto broken = set.FindNotFinite(state.rows, part))
                return done + *broken - state.rows;
        }
        std::copy_n(ids.data() + done, part, state.tail->ids.data() + state.rows);
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

// Those that have been appended since.
void LiveSet::Locate(const std::vector<State> &before) {
    for (std::size_t s = 1; s < states_.size(); s++) {
        for (std::size_t row = before[s].rows; row < states_[s].rows; row++)
            places_[states_[s].tail->ids[row]] = {states_[s].number, static_cast<std::uint32_t>(row)};
    }
}

std::optional<std::size_t> LiveSet::Add(const float *rows, std::size_t count, std::size_t *not_finite) {
    const std::size_t first_id = snapshot_->ids;
    MakeRoom(count);
    std::vector<std::uint32_t> ids(count);
    std::iota(ids.begin(), ids.end(), static_cast<std::uint32_t>(first_id));
    std::vector<State> before = states_; // rows stay shared
    try {
        if (const auto broken = Append(rows, ids)) {
            states_ = std::move(before);
            *not_finite = *broken;
            return std::nullopt;
        }
        places_.reserve(places_.size() + count);
        Locate(before);
        snapshot_ = Take(first_id + count);
    } catch (...) {
        states_ = std::move(before);
        for (const std::uint32_t id : ids)
            places_.erase(id);
        throw;
    }
    Compact(count);
    return first_id;
}

std::size_t LiveSet::Remove(const std::vector<std::uint32_t> &ids) {
    std::vector<State> before = states_;
    std::size_t removed = 0;
    try {
        for (const std::uint32_t id : ids) {
            if (const auto place = Find(id)) {
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
    for (const std::uint32_t id : ids)
        places_.erase(id);
    Compact(0);
    return removed;
}

LiveSet::Outcome LiveSet::Set(std::uint32_t id, const float *row) {
    const auto old = Find(id);
    if (!old)
        return Outcome::kGone;
    if (!Replace({*old}, row, {id}))
        return Outcome::kNotFinite;
    Compact(1);
    return Outcome::kDone;
}

// Rows under ids that are there already, in place of those at `old`: all of it or, with false where one is not finite, nothing.
bool LiveSet::Replace(const std::vector<Place> &old, const float *rows,
                      const std::vector<std::uint32_t> &ids) {
    MakeRoom(ids.size());
    std::vector<State> before = states_;
    try {
        if (Append(rows, ids)) {
            states_ = std::move(before);
            return false;
        }
        for (const Place &place : old)
            Drop(place);
        auto snapshot = Take(snapshot_->ids);
        Locate(before);
        snapshot_ = std::move(snapshot);
    } catch (...) {
        states_ = std::move(before);
        throw;
    }
    return true;
}

// The memory of later rows that are gone comes back a segment at a time: those that are left in the emptiest one are added
// again behind the others. Each change moves few of them, or as many as rows came with it, so that none takes long, and a
// set whose rows are replaced again and again stays about twice as large as its rows.
void LiveSet::Compact(std::size_t rows) {
    std::size_t most = std::max({rows, kMovedBytes / (base_->dims() * sizeof(float)), kFewestMoved});
    ForgetEmpty();
    try {
        while (most > 0) {
            State *const from = ChooseLeaving();
            if (from == nullptr)
                break;
            most -= Move(*from, most);
            ForgetEmpty();
        }
    } catch (const std::bad_alloc &) {
        // The set is right as it is, and the next change tries again.
    }
}

// Segments without a row, but not one that has just begun.
void LiveSet::ForgetEmpty() {
    const auto is_empty = [](const State &state) {
        return state.tail != nullptr && state.removed == state.rows &&
               (state.Room() == 0 || state.rows >= kFewestRemoved);
    };
    states_.erase(std::remove_if(states_.begin(), states_.end(), is_empty), states_.end());
}

// Of those with rows: the one whose rows are being moved, or whose rows are to be, now that most in tails are gone; or null.
LiveSet::State *LiveSet::ChooseLeaving() {
    std::size_t rows = 0, removed = 0;
    State *emptiest = nullptr;
    for (State &state : states_) {
        if (state.is_leaving)
            return &state;
        if (state.tail == nullptr || state.removed == state.rows)
            continue;
        rows += state.rows;
        removed += state.removed;
        if (emptiest == nullptr || state.removed * emptiest->rows > emptiest->removed * state.rows)
            emptiest = &state;
    }
    if (removed < kFewestRemoved || 2 * removed < rows)
        return nullptr;
    emptiest->is_leaving = true;
    return emptiest;
}

// How many; at least one, of a segment that has some and has lost some.
std::size_t LiveSet::Move(State &from, std::size_t most) {
    const std::size_t dims = base_->dims();
    std::vector<Place> places;
    std::vector<std::uint32_t> ids;
    std::vector<float> values;
    for (std::size_t row = 0; row < from.rows && ids.size() < most; row++) {
        const std::uint32_t word = from.present[row / 32] >> (row % 32);
        if (word == 0) {
            row |= 31; // the last of them
        } else if ((word & 1) != 0) {
            places.push_back({from.number, static_cast<std::uint32_t>(row)});
            ids.push_back(from.tail->ids[row]);
            values.insert(values.end(), from.tail->set.row(row), from.tail->set.row(row) + dims);
        }
    }
    Replace(places, values.data(), ids); // which have been finite before
    return ids.size();
}

std::shared_ptr<const Filter> LiveSet::FilterOf(const State &state) const {
    return state.removed == 0 ? nullptr : std::make_shared<const Filter>(state.rows, state.present);
}

std::shared_ptr<const Snapshot> LiveSet::Take(std::size_t ids) const {
    auto taken = std::make_shared<Snapshot>();
    taken->ids = ids;
    taken->segments.reserve(states_.size());
    for (const State &state : states_) {
        if (state.tail != nullptr && state.removed == state.rows)
            continue;
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
