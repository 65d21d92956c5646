// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace simdgres {

// The order is that of `metrics` in src/vectors/metric.ts; test/node checks that both agree.
enum class Metric { kL2, kCosine, kIp, kL1 };
constexpr std::size_t kMetrics = 4;

} // namespace simdgres
