// SPDX-License-Identifier: MIT
#include "aligned_vectors.h"

#include <cstring>

namespace simdgres {

AlignedVectors::AlignedVectors(const float *data, std::size_t count, std::size_t dims)
    : count_(count), lines_each_((dims * sizeof(float) + sizeof(CacheLine) - 1) / sizeof(CacheLine)),
      lines_(count * lines_each_) {
    for (std::size_t i = 0; i < count; i++)
        std::memcpy(&lines_[i * lines_each_], data + i * dims, dims * sizeof(float));
}

} // namespace simdgres
