// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
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

// The k nearest of what was offered, in float64: a max-heap.
class Nearest {
  public:
    explicit Nearest(std::size_t k) : k_(k) {}

    // No row with a greater exact distance can still enter; infinity while there is room.
    double worst() const {
        return heap_.size() < k_ ? std::numeric_limits<double>::infinity() : heap_.front().distance;
    }

    void Offer(const Neighbour &neighbour) {
        if (heap_.size() == k_) {
            if (!IsNearer(neighbour, heap_.front()))
                return;
            std::pop_heap(heap_.begin(), heap_.end(), IsNearer);
            heap_.pop_back();
        }
        heap_.push_back(neighbour);
        std::push_heap(heap_.begin(), heap_.end(), IsNearer);
    }

    void Merge(const Nearest &other) {
        for (const Neighbour &neighbour : other.heap_)
            Offer(neighbour);
    }

    // Nearest first; offer no more after it.
    const std::vector<Neighbour> &Sort() {
        std::sort_heap(heap_.begin(), heap_.end(), IsNearer);
        return heap_;
    }

  private:
    std::size_t k_;
    std::vector<Neighbour> heap_;
};

} // namespace simdgres
