// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

namespace simdgres {

// A copy of a few vectors, each at the start of a cache line. A query that lies across lines makes every load
// of a 512-bit register read two of them, which costs a quarter of the speed of memory; JavaScript's arrays are
// aligned by chance.
class AlignedVectors {
  public:
    // data: count * dims values, row-major, dims >= 1. Throws std::bad_alloc.
    AlignedVectors(const float *data, std::size_t count, std::size_t dims);

    std::size_t count() const { return count_; }
    std::size_t stride_bytes() const { return lines_each_ * sizeof(CacheLine); }
    const float *at(std::size_t index) const { return lines_[index * lines_each_].lanes; }

  private:
    struct alignas(64) CacheLine {
        float lanes[16];
    };

    std::size_t count_;
    std::size_t lines_each_;
    std::vector<CacheLine> lines_;
};

} // namespace simdgres
