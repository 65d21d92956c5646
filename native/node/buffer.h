// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

namespace simdgres {

// Memory for vectors: 64-byte aligned, on huge pages where the system gives them (one TLB entry per 2 MiB
// instead of per 4 KiB is worth 10-20 % of a scan from memory), or from the heap where it is little. The contents start as
// zeros.
class Buffer {
  public:
    // Throws std::bad_alloc.
    explicit Buffer(std::size_t bytes);
    // Memory that owner keeps, a mapped file: it is only read.
    Buffer(std::shared_ptr<const void> owner, const void *data, std::size_t bytes);
    ~Buffer();
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;

    void *data() const { return data_; }
    std::size_t bytes() const { return bytes_; }
    std::size_t owned_bytes() const { return owner_ == nullptr ? bytes_ : 0; }

  private:
    std::shared_ptr<const void> owner_; // null: the memory is this object's own
    std::size_t bytes_;
    bool is_mapped_;
    std::size_t allocated_bytes_;
    void *data_;
};

} // namespace simdgres
