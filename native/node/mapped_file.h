// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace simdgres {

// A file in memory, read-only, whose pages all processes share. One that is cut short while it is mapped ends the process
// that reads past its end (SIGBUS); files that are replaced by rename, as set files are, never are cut.
class MappedFile {
  public:
    // Throws FileError; also for what is no regular file or shorter than least_bytes.
    MappedFile(const std::string &path, std::size_t least_bytes);
    ~MappedFile();
    MappedFile(const MappedFile &) = delete;
    MappedFile &operator=(const MappedFile &) = delete;

    const std::uint8_t *data() const { return static_cast<const std::uint8_t *>(data_); }
    std::size_t bytes() const { return bytes_; }

  private:
    std::size_t bytes_ = 0;
    void *data_ = nullptr;
};

} // namespace simdgres
