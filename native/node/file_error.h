// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace simdgres {

// What is wrong with a file: a code of src/errors.ts, what and where, and the next step.
struct FileError : std::runtime_error {
    FileError(const char *code, const std::string &message, std::string hint)
        : std::runtime_error(message), code(code), hint(std::move(hint)) {}

    const char *code;
    std::string hint;
};

constexpr const char *kCorruptData = "ERR_CORRUPT_DATA";
constexpr const char *kUnavailable = "ERR_UNAVAILABLE";

// Of errno: `doing` is "open", "write" and so on.
FileError SystemFailure(const char *doing, const std::string &path, int error);

} // namespace simdgres
