// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace simdgres {

// A file that appears under its name when it is whole, in place of one that has been there, or not at all. Until then it
// has no name where the system can do that, so that a process that is killed leaves nothing; elsewhere one beside it.
// It has the permissions of the file that it replaces.
// Throws FileError.
class NewFile {
  public:
    explicit NewFile(const std::string &path);
    ~NewFile();
    NewFile(const NewFile &) = delete;
    NewFile &operator=(const NewFile &) = delete;

    void Write(std::size_t offset, const void *data, std::size_t bytes);
    // With zeros, up to so many bytes.
    void Extend(std::size_t bytes);
    // All of it is on the disk, and then under the name.
    void Publish();

  private:
    std::string path_;
    std::string folder_;
    std::string temporary_; // empty: it has no name
    int file_;
};

} // namespace simdgres
