// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace simdgres {

// What a search looked at, over all its queries. Bytes that queries share are counted once.
struct SearchStats {
    std::uint64_t scanned = 0; // rows whose floats were compared in f32
    std::uint64_t level1 = 0;  // rows whose codes were: of each level
    std::uint64_t level2 = 0;
    std::uint64_t level3 = 0;
    std::uint64_t exact = 0; // rows measured in float64
    std::uint64_t bytes = 0;

    void Add(const SearchStats &other) {
        scanned += other.scanned;
        level1 += other.level1;
        level2 += other.level2;
        level3 += other.level3;
        exact += other.exact;
        bytes += other.bytes;
    }
};

} // namespace simdgres
