/* SPDX-License-Identifier: MIT
 *
 * The words of simd_scan.h for 256-bit registers. USE_VNNI: VPDPBUSD of AVX-VNNI; without it VPMADDUBSW, whose 16-bit
 * sums of two products of 15 * 128 at most cannot saturate, if the high halves are shifted down.
 */
#ifndef SG_SCAN_LANES_H
#define SG_SCAN_LANES_H

#include <immintrin.h>

#include "../scan.h"

#define ROWS 8

typedef __m256i ivec;
typedef __m256 fvec;

SG_CODES_INLINE ivec ivec_zero(void) {
    return _mm256_setzero_si256();
}
SG_CODES_INLINE ivec ivec_set(int32_t value) {
    return _mm256_set1_epi32(value);
}
SG_CODES_INLINE ivec ivec_load(const void *from) {
    return _mm256_loadu_si256(from);
}
SG_CODES_INLINE ivec ivec_add(ivec a, ivec b) {
    return _mm256_add_epi32(a, b);
}
SG_CODES_INLINE ivec ivec_low_halves(ivec bytes) {
    return _mm256_and_si256(bytes, _mm256_set1_epi8(15));
}
SG_CODES_INLINE ivec ivec_times_128(ivec a) {
    return _mm256_slli_epi32(a, 7);
}
#ifdef USE_VNNI
SG_CODES_INLINE ivec ivec_high_halves(ivec bytes) {
    return _mm256_and_si256(bytes, _mm256_set1_epi8((char)0xf0));
}
SG_CODES_INLINE ivec ivec_scale_high(ivec sums) {
    return _mm256_srai_epi32(sums, 4);
}
SG_CODES_INLINE ivec ivec_dot(ivec sum, ivec codes, ivec weights) {
    return _mm256_dpbusd_avx_epi32(sum, codes, weights);
}
#else
SG_CODES_INLINE ivec ivec_high_halves(ivec bytes) {
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
}
SG_CODES_INLINE ivec ivec_scale_high(ivec sums) {
    return sums;
}
SG_CODES_INLINE ivec ivec_dot(ivec sum, ivec codes, ivec weights) {
    const ivec pairs = _mm256_maddubs_epi16(codes, weights);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif
SG_CODES_INLINE int32_t ivec_sum(ivec a) {
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
SG_CODES_INLINE fvec fvec_set(float value) {
    return _mm256_set1_ps(value);
}
SG_CODES_INLINE fvec fvec_from(ivec a) {
    return _mm256_cvtepi32_ps(a);
}
SG_CODES_INLINE fvec fvec_integers(const uint8_t *from) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)from)));
}
SG_CODES_INLINE fvec fvec_widen(const uint8_t *from) {
    const ivec wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 15));
}
SG_CODES_INLINE fvec fvec_add(fvec a, fvec b) {
    return _mm256_add_ps(a, b);
}
SG_CODES_INLINE fvec fvec_sub(fvec a, fvec b) {
    return _mm256_sub_ps(a, b);
}
SG_CODES_INLINE fvec fvec_mul(fvec a, fvec b) {
    return _mm256_mul_ps(a, b);
}
SG_CODES_INLINE fvec fvec_max(fvec a, fvec b) {
    return _mm256_max_ps(a, b);
}
SG_CODES_INLINE fvec fvec_sqrt(fvec a) {
    return _mm256_sqrt_ps(a);
}
SG_CODES_INLINE void fvec_store(float *to, fvec a) {
    _mm256_storeu_ps(to, a);
}
SG_CODES_INLINE uint32_t fvec_not_above(fvec a, fvec limit) {
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, limit, _CMP_NGT_UQ));
}

#include "../simd_scan.h"

/* 16 elements a step, as 16-bit numbers; whole bytes would saturate VPMADDUBSW. int64 after 2^31 / (2 * 255 * 128). */
static int64_t dot3(const sg_codes_query *query, const uint8_t *record) {
    const size_t bytes = sg_round_to(query->model->header.dims, 16);
    const uint8_t *codes = record + SG_LEVEL3_HEADER_BYTES;
    const int8_t *h = query->level3.high, *l = query->level3.low;
    ivec high = ivec_zero(), low = ivec_zero();
    size_t i = 0;
#ifdef USE_VNNI
    for (; i + 32 <= bytes; i += 32) {
        const ivec part = ivec_load(codes + i);
        high = ivec_dot(high, part, ivec_load(h + i));
        low = ivec_dot(low, part, ivec_load(l + i));
    }
#endif
    for (; i < bytes; i += 16) {
        const ivec part = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(codes + i)));
        const ivec high_part = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(h + i)));
        const ivec low_part = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(l + i)));
        high = ivec_add(high, _mm256_madd_epi16(part, high_part));
        low = ivec_add(low, _mm256_madd_epi16(part, low_part));
    }
    return (int64_t)ivec_sum(high) * 128 + ivec_sum(low);
}

/* Most groups of 32 have nothing below the limit. */
static size_t collect(const float *bounds, size_t count, float limit, uint32_t *ids, float *kept) {
    size_t found = 0, i = 0;
    for (; i + 32 <= count; i += 32) {
        uint32_t mask = 0;
        for (int part = 0; part < 4; part++)
            mask |= fvec_not_above(_mm256_loadu_ps(bounds + i + 8 * part), fvec_set(limit)) << 8 * part;
        for (; mask != 0; mask &= mask - 1) {
            const uint32_t row = (uint32_t)i + (uint32_t)__builtin_ctz(mask);
            ids[found] = row;
            kept[found++] = bounds[row];
        }
    }
    return sg_collect_rest(bounds, i, count, limit, ids, kept, found);
}

#endif
