// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace simdgres {

// Memory for vectors: 64-byte aligned, on huge pages where the system gives them (one TLB entry per 2 MiB
// instead of per 4 KiB is worth 10-20 % of a scan from memory), or from the heap where it is little. The contents start as
// zeros.
class Buffer {
  public:
    // Throws std::bad_alloc.
    explicit Buffer(std::size_t bytes);
    ~Buffer();
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;

    void *data() const { return data_; }
    std::size_t bytes() const { return bytes_; }

  private:
    std::size_t bytes_;
    bool is_mapped_;
    std::size_t allocated_bytes_;
    void *data_;
};

} // namespace simdgres
