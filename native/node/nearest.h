// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace simdgres {

struct Neighbour {
    double distance;
    std::uint32_t id;
};

// Total order of results: smaller distance, then smaller id; NaN after every number.
inline bool IsNearer(const Neighbour &a, const Neighbour &b) {
    if (a.distance < b.distance)
        return true;
    if (b.distance < a.distance)
        return false;
    if (std::isnan(a.distance) != std::isnan(b.distance))
        return std::isnan(b.distance);
    return a.id < b.id;
}

// The k nearest of what was offered, in float64; with a radius, of what is not farther than that. A max-heap once it is full:
// those within a radius may be millions, and seldom are more than k.
class Nearest {
  public:
    // radius: a finite number, or nothing, and then distances that are NaN count, too.
    explicit Nearest(std::size_t k, std::optional<double> radius = std::nullopt) : k_(k), radius_(radius) {}

    // No row with a greater exact distance can still enter; infinity while there is room for any.
    double worst() const {
        return heap_.size() < k_ ? radius_.value_or(std::numeric_limits<double>::infinity())
                                 : heap_.front().distance;
    }

    std::size_t size() const { return heap_.size(); }

    void Offer(const Neighbour &neighbour) {
        if (radius_ && !(neighbour.distance <= *radius_)) // also NaN
            return;
        if (heap_.size() < k_) {
            heap_.push_back(neighbour);
            if (heap_.size() == k_)
                std::make_heap(heap_.begin(), heap_.end(), IsNearer);
            return;
        }
        if (!IsNearer(neighbour, heap_.front()))
            return;
        std::pop_heap(heap_.begin(), heap_.end(), IsNearer);
        heap_.back() = neighbour;
        std::push_heap(heap_.begin(), heap_.end(), IsNearer);
    }

    void Merge(const Nearest &other) {
        for (const Neighbour &neighbour : other.heap_)
            Offer(neighbour);
    }

    // Nearest first; offer no more after it.
    const std::vector<Neighbour> &Sort() {
        std::sort(heap_.begin(), heap_.end(), IsNearer);
        return heap_;
    }

  private:
    std::size_t k_;
    std::optional<double> radius_;
    std::vector<Neighbour> heap_;
};

} // namespace simdgres
