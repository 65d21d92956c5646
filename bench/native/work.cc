// SPDX-License-Identifier: MIT
#include "work.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "buffer.h"
#include "read_memory.h"

namespace simdgres {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kCachedBytes = 16 << 10;               // half of a 32 KiB L1
constexpr std::size_t kMemoryBytes = std::size_t{256} << 20; // several times any L3 of one socket half

// Behind the last vector: a masked load that touches the page after the last is handled by microcode, which takes
// fifty times as long.
constexpr std::size_t kSlackBytes = 64;

// Every bit of the result of a measured loop ends here, so that none can be left out.
volatile double sink = 0;

// Ordinary numbers of each type: neither denormal (slow on some CPUs) nor overflowing. For halves the
// pattern 0 01111 xxxxxxxxxx or its negative: 1 to 2.
void Fill(sg_type type, void *data, std::size_t bytes) {
    std::uint32_t state = 12345;
    const auto next = [&state] { return state = state * 1664525u + 1013904223u; };
    switch (type) {
    case SG_F32:
        for (std::size_t i = 0; i < bytes / sizeof(float); i++)
            static_cast<float *>(data)[i] = static_cast<float>(static_cast<std::int32_t>(next())) * 0x1p-31f;
        return;
    case SG_F16:
        for (std::size_t i = 0; i < bytes / sizeof(sg_f16); i++) {
            const std::uint32_t bits = next() >> 16;
            static_cast<sg_f16 *>(data)[i] =
                static_cast<sg_f16>((bits & 0x8000u) | 0x3c00u | (bits & 0x3ffu));
        }
        return;
    default:
        for (std::size_t i = 0; i < bytes; i++)
            static_cast<std::uint8_t *>(data)[i] = static_cast<std::uint8_t>(next() >> 24);
    }
}

// The kernels count elements; an element of a bit vector is a byte.
std::size_t Elements(sg_type type, std::size_t dims) {
    return type == SG_B1 ? (dims + 7) / 8 : dims;
}

// One vector at the start of a cache line, as those of a search are.
std::unique_ptr<Buffer> MakeQuery(sg_type type, std::size_t bytes) {
    auto query = std::make_unique<Buffer>(bytes + kSlackBytes);
    Fill(type, query->data(), bytes);
    return query;
}

double NanosecondsSince(Clock::time_point start) {
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

// One buffer, filled for the last type asked for: filling takes longer than a scan.
const Buffer &MemoryOf(sg_type type) {
    static std::unique_ptr<Buffer> buffer;
    static sg_type filled_type = SG_TYPE_COUNT;
    if (buffer == nullptr)
        buffer = std::make_unique<Buffer>(kMemoryBytes);
    if (filled_type != type)
        Fill(type, buffer->data(), kMemoryBytes);
    filled_type = type;
    return *buffer;
}

} // namespace

std::size_t VectorBytes(sg_type type, std::size_t dims) {
    constexpr std::size_t kElementBytes[SG_TYPE_COUNT] = {sizeof(float), sizeof(sg_f16), 1, 1};
    return Elements(type, dims) * kElementBytes[type];
}

Work TimePairs(sg_pair_fn pair, sg_type type, std::size_t dims, double milliseconds) {
    const std::size_t bytes = VectorBytes(type, dims), n = Elements(type, dims);
    const std::size_t rows = std::max<std::size_t>(1, kCachedBytes / bytes - 1);
    const Buffer buffer(rows * bytes + kSlackBytes);
    Fill(type, buffer.data(), rows * bytes);
    const std::unique_ptr<Buffer> query = MakeQuery(type, bytes);

    const Clock::time_point start = Clock::now();
    double sum = 0, calls = 0;
    do {
        const char *row = static_cast<const char *>(buffer.data());
        for (std::size_t i = 0; i < rows; i++, row += bytes)
            sum += pair(query->data(), row, n);
        calls += static_cast<double>(rows);
    } while (NanosecondsSince(start) < milliseconds * 1e6);
    const double nanoseconds = NanosecondsSince(start);
    sink = sum;
    return {nanoseconds, calls, calls * static_cast<double>(bytes)};
}

Work TimeScan(sg_many_fn many, sg_type type, std::size_t dims) {
    const std::size_t bytes = VectorBytes(type, dims), n = Elements(type, dims);
    const char *rows = static_cast<const char *>(MemoryOf(type).data());
    const std::size_t count = (kMemoryBytes - kSlackBytes) / bytes;
    const std::unique_ptr<Buffer> query = MakeQuery(type, bytes);
    constexpr std::size_t kBlockRows = 256;
    std::vector<float> out(kBlockRows);

    const Clock::time_point start = Clock::now();
    double sum = 0;
    for (std::size_t first = 0; first < count; first += kBlockRows) {
        many(query->data(), rows + first * bytes, std::min(kBlockRows, count - first), bytes, n, out.data());
        sum += static_cast<double>(out[0]);
    }
    const double nanoseconds = NanosecondsSince(start);
    sink = sum;
    return {nanoseconds, static_cast<double>(count), static_cast<double>(count * bytes)};
}

Work TimeRead(std::size_t bytes) {
    constexpr std::size_t kMultiple = 512; // of the reading loop
    const std::size_t rounded = bytes / kMultiple * kMultiple;
    static std::unique_ptr<Buffer> buffer;
    if (buffer == nullptr || buffer->bytes() != rounded) {
        buffer = std::make_unique<Buffer>(rounded);
        Fill(SG_F32, buffer->data(), rounded); // unwritten memory is one shared page of zeros
    }
    const ReadFn read = WidestRead();

    const Clock::time_point start = Clock::now();
    const std::uint64_t bits = read(static_cast<const char *>(buffer->data()), rounded);
    const double nanoseconds = NanosecondsSince(start);
    sink = static_cast<double>(bits);
    return {nanoseconds, 1, static_cast<double>(rounded)};
}

} // namespace simdgres
