// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <napi.h>

namespace simdgres {

// The rows that a search is about: a bit for each, in words of 32 rows, which is a block of codes.
class Filter {
  public:
    // A bitmap (Uint8Array, row r is bit r % 8 of byte r / 8) or ids (Uint32Array, in any order), of which it keeps no
    // memory. Throws a JavaScript error for anything else, another length, and ids that no row has.
    Filter(const Napi::Value &value, std::size_t rows);

    // Of such words, with 0 for rows that there are not.
    Filter(std::size_t rows, std::vector<std::uint32_t> words) : rows_(rows), words_(std::move(words)) {}

    bool Has(std::size_t row) const { return (words_[row / 32] >> (row % 32) & 1) != 0; }
    std::size_t count() const { return CountIn(0, rows_); }
    // first is a multiple of 32.
    std::size_t CountIn(std::size_t first, std::size_t count) const;
    // From the word of this row on, a multiple of 32. Bits that no row has are 0.
    const std::uint32_t *words(std::size_t first) const { return words_.data() + first / 32; }

    // The first row from `row` on that passes, or that does not; `end` if there is none before it.
    std::size_t FindPassing(std::size_t row, std::size_t end) const { return Find(row, end, 0); }
    std::size_t FindRefused(std::size_t row, std::size_t end) const { return Find(row, end, ~0u); }

  private:
    void ReadBitmap(const Napi::Value &value);
    void ReadIds(const Napi::Value &value);
    std::size_t Find(std::size_t row, std::size_t end, std::uint32_t flip) const;

    std::size_t rows_;
    std::vector<std::uint32_t> words_;
};

} // namespace simdgres
