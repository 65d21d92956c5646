// SPDX-License-Identifier: MIT
#include "crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace simdgres {
namespace {

constexpr std::uint32_t kReversedPolynomial = 0x82f63b78;

// tables[t][b]: what byte b does to the remainder when t more bytes follow it.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

Tables MakeTables() {
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; byte++) {
        std::uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++)
            rest = (rest >> 1) ^ ((rest & 1) != 0 ? kReversedPolynomial : 0);
        tables[0][byte] = rest;
    }
    for (std::size_t t = 1; t < tables.size(); t++) {
        for (std::size_t byte = 0; byte < 256; byte++)
            tables[t][byte] = (tables[t - 1][byte] >> 8) ^ tables[0][tables[t - 1][byte] & 0xff];
    }
    return tables;
}

std::uint32_t ByTables(std::uint32_t rest, const std::uint8_t *at, std::size_t bytes) {
    static const Tables tables = MakeTables();
    for (; bytes >= 8; at += 8, bytes -= 8) {
        const std::uint32_t first =
            rest ^ (static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
                    static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24);
        rest = tables[7][first & 0xff] ^ tables[6][first >> 8 & 0xff] ^ tables[5][first >> 16 & 0xff] ^
               tables[4][first >> 24] ^ tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^
               tables[0][at[7]];
    }
    for (; bytes > 0; at++, bytes--)
        rest = (rest >> 8) ^ tables[0][(rest ^ *at) & 0xff];
    return rest;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t ByInstruction(std::uint32_t rest, const std::uint8_t *at,
                                                              std::size_t bytes) {
    std::uint64_t wide = rest;
    for (; bytes >= 8; at += 8, bytes -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    rest = static_cast<std::uint32_t>(wide);
    for (; bytes > 0; at++, bytes--)
        rest = _mm_crc32_u8(rest, *at);
    return rest;
}
#endif

} // namespace

std::uint32_t Crc32c(std::uint32_t crc, const void *data, std::size_t bytes) {
    const auto *const at = static_cast<const std::uint8_t *>(data);
#if defined(__x86_64__)
    static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
    if (has_instruction)
        return ~ByInstruction(~crc, at, bytes);
#endif
    return ~ByTables(~crc, at, bytes);
}

} // namespace simdgres
