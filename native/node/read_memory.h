// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace simdgres {

// Reads memory from one end to the other and does nothing else. bytes is a multiple of 512, data is aligned to 64.
// Returns a value that depends on every byte, so that no load can be dropped.
using ReadFn = std::uint64_t (*)(const char *data, std::size_t bytes);

// The widest loads this machine runs, whatever set of kernels is forced: the machine is measured, not the kernels.
ReadFn WidestRead();

} // namespace simdgres
