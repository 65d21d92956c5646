// SPDX-License-Identifier: MIT
#include "filter.h"

#include <algorithm>
#include <string>

#include "arguments.h"

namespace simdgres {

Filter::Filter(const Napi::Value &value, std::size_t rows) : rows_(rows), words_((rows + 31) / 32) {
    if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array)
        ReadIds(value);
    else
        ReadBitmap(value);
}

void Filter::ReadBitmap(const Napi::Value &value) {
    const View view = ReadView("filter", value, napi_uint8_array);
    const std::size_t bytes = (rows_ + 7) / 8;
    if (view.length != bytes)
        throw InvalidArgument(value.Env(), "Expected " + std::to_string(bytes) +
                                               " bytes for filter but received " +
                                               std::to_string(view.length) + " of them");
    for (std::size_t i = 0; i < bytes; i++)
        words_[i / 4] |= static_cast<std::uint32_t>(view.as<std::uint8_t>()[i]) << (i % 4 * 8);
    if (rows_ % 32 != 0)
        words_.back() &= (std::uint32_t{1} << (rows_ % 32)) - 1;
}

void Filter::ReadIds(const Napi::Value &value) {
    const View view = ReadView("filter", value, napi_uint32_array);
    // Another thread may write to shared memory between the check and the use: each is read once.
    const volatile std::uint32_t *const ids = view.as<std::uint32_t>();
    for (std::size_t i = 0; i < view.length; i++) {
        const std::uint32_t id = ids[i];
        if (id >= rows_)
            throw InvalidArgument(value.Env(), "Expected ids below " + std::to_string(rows_) +
                                                   " for filter but number " + std::to_string(i) + " is " +
                                                   std::to_string(id));
        words_[id / 32] |= std::uint32_t{1} << (id % 32);
    }
}

std::size_t Filter::CountIn(std::size_t first, std::size_t count) const {
    std::size_t sum = 0;
    const std::size_t last = (first + count + 31) / 32;
    for (std::size_t word = first / 32; word < last; word++)
        sum += static_cast<std::size_t>(__builtin_popcount(words_[word]));
    return sum;
}

std::size_t Filter::Find(std::size_t row, std::size_t end, std::uint32_t flip) const {
    while (row < end) {
        const std::uint32_t left = (words_[row / 32] ^ flip) >> (row % 32);
        if (left != 0)
            return std::min(end, row + static_cast<std::size_t>(__builtin_ctz(left)));
        row = (row / 32 + 1) * 32;
    }
    return end;
}

} // namespace simdgres
