// SPDX-License-Identifier: MIT
#include "read_memory.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "simdgres.h"

namespace simdgres {
namespace {

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

} // namespace

ReadFn WidestRead() {
#if defined(__x86_64__)
    if (sg_for_isa(SG_ISA_AVX512) != nullptr)
        return ReadAvx512;
    if (sg_for_isa(SG_ISA_AVX2) != nullptr)
        return ReadAvx2;
#endif
    return ReadWords;
}

} // namespace simdgres
