// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vector_set.h"

namespace simdgres {

// A set as a file: a header of 4 KiB, and sections that begin on pages, so that a mapped file is searched as it is.
//
//   0     "SGVECSET"
//   8     version, 1; 12 the number 0x01020304, in the order of bytes of the machine that wrote it
//   16    metric, type of the elements (0: float32), rows of a block of norms, number of sections: 32 bits each
//   32    rows, dims, bytes of the file, and 1 where there are to be codes once there are 512 rows: 64 bits each
//   64    the sections, 32 bytes each: kind, CRC-32C, offset, bytes, reserved
//   4092  CRC-32C of the bytes before it
//
// Sections lie in the order of their kinds: values, negated inverse norms (cosine), largest norms (ip), model, blocks, levels
// 2 and 3 of codes, and a bit for each row that is still there.
constexpr std::uint32_t kSetFileVersion = 1;

struct SavedSet {
    std::shared_ptr<const VectorSet> set;
    std::vector<std::uint32_t> present; // a bit for each row; empty: all are there
};

// Off the JavaScript thread. Throws FileError: the path holds what it held before.
void SaveSet(const std::string &path, const SavedSet &saved);

// Maps the file. The header and what steers bounds are always verified, the rest where it is asked for: that reads all of
// the file. Throws FileError, std::bad_alloc.
SavedSet OpenSet(const std::string &path, bool verifies_all);

} // namespace simdgres
