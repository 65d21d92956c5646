// SPDX-License-Identifier: MIT
#include "buffer.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace simdgres {
namespace {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

std::size_t RoundUp(std::size_t value, std::size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

// Maps one huge page more than needed and gives the unaligned ends back: mmap aligns to 4 KiB only.
void *MapAligned(std::size_t bytes) {
    const std::size_t padded = bytes + kHugePageBytes;
    void *mapped = mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        throw std::bad_alloc();
    const auto start = reinterpret_cast<std::uintptr_t>(mapped);
    const std::size_t before = RoundUp(start, kHugePageBytes) - start;
    char *aligned = static_cast<char *>(mapped) + before;
    if (before > 0)
        munmap(mapped, before);
    if (before < kHugePageBytes)
        munmap(aligned + bytes, kHugePageBytes - before);
#ifdef MADV_HUGEPAGE
    // Advice: a kernel without transparent huge pages refuses it and the memory works all the same.
    (void)madvise(aligned, bytes, MADV_HUGEPAGE);
#endif
    return aligned;
}

// Below this, memory comes from the heap: a process has 65,530 mappings, and a set for each tenant would use them up.
constexpr std::size_t kSmallestMapping = std::size_t{128} << 10;
constexpr std::align_val_t kAlignment{64};

void *Allocate(std::size_t bytes, bool is_mapped) {
    return is_mapped ? MapAligned(bytes) : std::memset(::operator new(bytes, kAlignment), 0, bytes);
}

} // namespace

// Below one huge page a mapping is rounded to 4 KiB only, so that many small sets stay small.
Buffer::Buffer(std::size_t bytes)
    : bytes_(bytes), is_mapped_(bytes >= kSmallestMapping),
      allocated_bytes_(RoundUp(std::max<std::size_t>(bytes, 1), bytes >= kHugePageBytes ? kHugePageBytes
                                                                : is_mapped_            ? 4096
                                                                                        : 64)),
      data_(Allocate(allocated_bytes_, is_mapped_)) {}

Buffer::Buffer(std::shared_ptr<const void> owner, const void *data, std::size_t bytes)
    : owner_(std::move(owner)), bytes_(bytes), is_mapped_(false), allocated_bytes_(0),
      data_(const_cast<void *>(data)) {}

Buffer::~Buffer() {
    if (owner_ != nullptr)
        return;
    if (is_mapped_)
        munmap(data_, allocated_bytes_);
    else
        ::operator delete(data_, kAlignment);
}

} // namespace simdgres
