// SPDX-License-Identifier: MIT
#include "bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "simdgres.h"

#include "buffer.h"

namespace simdgres {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{512} << 20;
constexpr int kPasses = 7;

// Each returns a value that depends on every byte read, so that no load can be dropped. bytes is a multiple
// of 512, data is aligned to 64.
using ReadFn = std::uint64_t (*)(const char *data, std::size_t bytes);

std::uint64_t ReadWords(const char *data, std::size_t bytes) {
    std::uint64_t a = 0, b = 0, c = 0, d = 0;
    const auto *words = reinterpret_cast<const std::uint64_t *>(data);
    for (std::size_t i = 0; i < bytes / sizeof(std::uint64_t); i += 4) {
        a |= words[i];
        b |= words[i + 1];
        c |= words[i + 2];
        d |= words[i + 3];
    }
    return a | b | c | d;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) std::uint64_t ReadAvx2(const char *data, std::size_t bytes) {
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (std::size_t i = 0; i < bytes; i += 128) {
        const auto *at = reinterpret_cast<const __m256i *>(data + i);
        a = _mm256_or_si256(a, _mm256_load_si256(at));
        b = _mm256_or_si256(b, _mm256_load_si256(at + 1));
        c = _mm256_or_si256(c, _mm256_load_si256(at + 2));
        d = _mm256_or_si256(d, _mm256_load_si256(at + 3));
    }
    const __m256i all = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
    return static_cast<std::uint64_t>(_mm256_movemask_epi8(all));
}

__attribute__((target("avx512f"))) std::uint64_t ReadAvx512(const char *data, std::size_t bytes) {
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (std::size_t i = 0; i < bytes; i += 256) {
        const char *at = data + i;
        a = _mm512_or_si512(a, _mm512_load_si512(at));
        b = _mm512_or_si512(b, _mm512_load_si512(at + 64));
        c = _mm512_or_si512(c, _mm512_load_si512(at + 128));
        d = _mm512_or_si512(d, _mm512_load_si512(at + 192));
    }
    const __m512i all = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
    return static_cast<std::uint64_t>(_mm512_test_epi64_mask(all, all));
}
#endif

// The widest this machine runs, whatever set of kernels is forced: the machine is measured, not the kernels.
ReadFn WidestRead() {
#if defined(__x86_64__)
    if (sg_for_isa(SG_ISA_AVX512) != nullptr)
        return ReadAvx512;
    if (sg_for_isa(SG_ISA_AVX2) != nullptr)
        return ReadAvx2;
#endif
    return ReadWords;
}

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
