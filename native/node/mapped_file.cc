// SPDX-License-Identifier: MIT
#include "mapped_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_error.h"

namespace simdgres {

MappedFile::MappedFile(const std::string &path, std::size_t least_bytes) {
    // O_NONBLOCK: a pipe must not keep its reader waiting before it is known to be one.
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        throw SystemFailure("open", path, errno);
    struct stat status {};
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(file);
        throw FileError(kCorruptData, path + " is not a file",
                        "Name a file that VectorSet.save has written.");
    }
    bytes_ = static_cast<std::size_t>(status.st_size);
    if (bytes_ < least_bytes) {
        close(file);
        throw FileError(kCorruptData,
                        path + " is cut short: it has " + std::to_string(bytes_) +
                            " bytes and a set has at least " + std::to_string(least_bytes),
                        "Copy it again, or write it again by VectorSet.save.");
    }
    data_ = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file, 0);
    const int error = errno;
    close(file);
    if (data_ == MAP_FAILED)
        throw SystemFailure("map", path, error);
}

MappedFile::~MappedFile() {
    munmap(data_, bytes_);
}

} // namespace simdgres
