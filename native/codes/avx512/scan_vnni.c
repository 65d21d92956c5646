/* SPDX-License-Identifier: MIT */
#include <immintrin.h>

#include "../scan.h"

#define ROWS 16

typedef __m512i ivec;
typedef __m512 fvec;

SG_CODES_INLINE ivec ivec_zero(void) {
    return _mm512_setzero_si512();
}
SG_CODES_INLINE ivec ivec_set(int32_t value) {
    return _mm512_set1_epi32(value);
}
SG_CODES_INLINE ivec ivec_load(const void *from) {
    return _mm512_loadu_si512(from);
}
SG_CODES_INLINE ivec ivec_add(ivec a, ivec b) {
    return _mm512_add_epi32(a, b);
}
SG_CODES_INLINE ivec ivec_low_halves(ivec bytes) {
    return _mm512_and_si512(bytes, _mm512_set1_epi8(15));
}
SG_CODES_INLINE ivec ivec_high_halves(ivec bytes) {
    return _mm512_and_si512(bytes, _mm512_set1_epi8((char)0xf0));
}
SG_CODES_INLINE ivec ivec_scale_high(ivec sums) {
    return _mm512_srai_epi32(sums, 4);
}
SG_CODES_INLINE ivec ivec_times_128(ivec a) {
    return _mm512_slli_epi32(a, 7);
}
SG_CODES_INLINE ivec ivec_dot(ivec sum, ivec codes, ivec weights) {
    return _mm512_dpbusd_epi32(sum, codes, weights);
}
SG_CODES_INLINE int32_t ivec_sum(ivec a) {
    return _mm512_reduce_add_epi32(a);
}
SG_CODES_INLINE fvec fvec_set(float value) {
    return _mm512_set1_ps(value);
}
SG_CODES_INLINE fvec fvec_from(ivec a) {
    return _mm512_cvtepi32_ps(a);
}
SG_CODES_INLINE fvec fvec_integers(const uint8_t *from) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)from)));
}
SG_CODES_INLINE fvec fvec_widen(const uint8_t *from) {
    const ivec wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 15));
}
SG_CODES_INLINE fvec fvec_add(fvec a, fvec b) {
    return _mm512_add_ps(a, b);
}
SG_CODES_INLINE fvec fvec_sub(fvec a, fvec b) {
    return _mm512_sub_ps(a, b);
}
SG_CODES_INLINE fvec fvec_mul(fvec a, fvec b) {
    return _mm512_mul_ps(a, b);
}
SG_CODES_INLINE fvec fvec_max(fvec a, fvec b) {
    return _mm512_max_ps(a, b);
}
SG_CODES_INLINE fvec fvec_sqrt(fvec a) {
    return _mm512_sqrt_ps(a);
}
SG_CODES_INLINE void fvec_store(float *to, fvec a) {
    _mm512_storeu_ps(to, a);
}
SG_CODES_INLINE uint32_t fvec_not_above(fvec a, fvec limit) {
    return _mm512_cmp_ps_mask(a, limit, _CMP_NGT_UQ);
}

#include "../simd_scan.h"

/* Records end at a multiple of 16 bytes, and their last bytes meet weights of 0. */
static int64_t dot3(const sg_codes_query *query, const uint8_t *record) {
    const size_t bytes = sg_round_to(query->model->header.dims, 16);
    const uint8_t *codes = record + SG_LEVEL3_HEADER_BYTES;
    const int8_t *h = query->level3.high, *l = query->level3.low;
    ivec high0 = ivec_zero(), low0 = ivec_zero(), high1 = ivec_zero(), low1 = ivec_zero();
    size_t i = 0;
    for (; i + 128 <= bytes; i += 128) {
        const ivec first = ivec_load(codes + i), second = ivec_load(codes + i + 64);
        high0 = ivec_dot(high0, first, ivec_load(h + i));
        low0 = ivec_dot(low0, first, ivec_load(l + i));
        high1 = ivec_dot(high1, second, ivec_load(h + i + 64));
        low1 = ivec_dot(low1, second, ivec_load(l + i + 64));
    }
    for (; i < bytes; i += 64) {
        const size_t left = bytes - i;
        const __mmask64 mask = left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1;
        const ivec part = _mm512_maskz_loadu_epi8(mask, codes + i);
        high0 = ivec_dot(high0, part, ivec_load(h + i));
        low0 = ivec_dot(low0, part, ivec_load(l + i));
    }
    return (int64_t)ivec_sum(ivec_add(high0, high1)) * 128 + ivec_sum(ivec_add(low0, low1));
}

static size_t collect(const float *bounds, size_t count, float limit, uint32_t *ids, float *kept) {
    const ivec lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    size_t found = 0, i = 0;
    for (; i + 16 <= count; i += 16) {
        const fvec part = _mm512_loadu_ps(bounds + i);
        const __mmask16 mask = _mm512_cmp_ps_mask(part, fvec_set(limit), _CMP_NGT_UQ);
        if (mask == 0)
            continue;
        /* Compressed in a register: storing through a mask takes microcode on Zen 4. There is room: found <= i. */
        const ivec rows = _mm512_add_epi32(lanes, ivec_set((int32_t)i));
        _mm512_storeu_si512(ids + found, _mm512_maskz_compress_epi32(mask, rows));
        _mm512_storeu_ps(kept + found, _mm512_maskz_compress_ps(mask, part));
        found += (size_t)__builtin_popcount(mask);
    }
    return sg_collect_rest(bounds, i, count, limit, ids, kept, found);
}

SG_DEFINE_CODES_KERNELS(sg_codes_avx512vnni, "avx512 vnni");
