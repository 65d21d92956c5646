// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace simdgres {

// CRC-32C (Castagnoli) of what came before and of these bytes; before the first it is 0.
std::uint32_t Crc32c(std::uint32_t crc, const void *data, std::size_t bytes);

} // namespace simdgres
