// SPDX-License-Identifier: MIT
#include "bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "buffer.h"
#include "read_memory.h"

namespace simdgres {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{512} << 20;
constexpr int kPasses = 7;

} // namespace

BandwidthMeasurement::BandwidthMeasurement(Callback on_done) : on_done_(std::move(on_done)) {
    SetUnits(1);
}

void BandwidthMeasurement::RunUnit(std::size_t) {
    using Clock = std::chrono::steady_clock;
    try {
        const Buffer buffer(kBufferBytes);
        auto *data = static_cast<char *>(buffer.data());
        std::memset(data, 1, kBufferBytes); // real pages: unwritten memory is one shared page of zeros
        const ReadFn read = WidestRead();
        volatile std::uint64_t sink = 0;
        double best_seconds = 0;
        for (int pass = 0; pass < kPasses && !is_cancelled(); pass++) {
            const auto start = Clock::now();
            sink = sink | read(data, kBufferBytes);
            const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
            best_seconds = best_seconds == 0 ? seconds : std::min(best_seconds, seconds);
        }
        if (best_seconds > 0)
            gigabytes_per_second_ = static_cast<double>(kBufferBytes) / best_seconds / 1e9;
    } catch (const std::bad_alloc &) {
        gigabytes_per_second_ = 0;
    }
}

} // namespace simdgres
