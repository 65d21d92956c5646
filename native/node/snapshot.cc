// SPDX-License-Identifier: MIT
#include "snapshot.h"

#include <utility>

namespace simdgres {

std::shared_ptr<const Filter> PassingIn(const Segment &segment, const Filter *filter) {
    if (filter == nullptr)
        return segment.present;
    std::vector<std::uint32_t> words((segment.rows + 31) / 32);
    if (segment.ids == nullptr) {
        for (std::size_t word = 0; word < words.size(); word++)
            words[word] = *filter->words(word * 32);
        if (segment.rows % 32 != 0)
            words.back() &= (std::uint32_t{1} << (segment.rows % 32)) - 1;
    } else {
        for (std::size_t row = 0; row < segment.rows; row++)
            words[row / 32] |= static_cast<std::uint32_t>(filter->Has(segment.ids[row])) << (row % 32);
    }
    for (std::size_t word = 0; segment.present != nullptr && word < words.size(); word++)
        words[word] &= *segment.present->words(word * 32);
    return std::make_shared<const Filter>(segment.rows, std::move(words));
}

} // namespace simdgres
