/* SPDX-License-Identifier: MIT
 *
 * Level 1 of l1: each code looks its distance up in a table of 16 bytes. 256-bit registers hold one coordinate of all 32
 * rows. Bytes are added as 16-bit numbers, rows with even numbers apart from odd ones: 256 coordinates of 255 fit.
 */
#ifndef SG_SIMD_SUMS_H
#define SG_SIMD_SUMS_H

#include "scan.h"

SG_CODES_INLINE __m256i load_table(const int8_t *table) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

SG_CODES_INLINE void block_sums(const sg_level1_query *q, const uint8_t *block,
                                uint16_t sums[SG_BLOCK_ROWS]) {
    const __m256i halves = _mm256_set1_epi8(15), bytes = _mm256_set1_epi16(255);
    __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
    const int8_t *table = q->weights;
    for (uint32_t pair = 0; pair < 4 * q->chunks; pair++, block += SG_BLOCK_ROWS, table += 32) {
        const __m256i codes = _mm256_loadu_si256((const __m256i *)(const void *)block);
        const __m256i low = _mm256_and_si256(codes, halves);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), halves);
        const __m256i first = _mm256_shuffle_epi8(load_table(table), low);
        const __m256i second = _mm256_shuffle_epi8(load_table(table + 16), high);
        even = _mm256_add_epi16(
            even, _mm256_add_epi16(_mm256_and_si256(first, bytes), _mm256_and_si256(second, bytes)));
        odd = _mm256_add_epi16(odd,
                               _mm256_add_epi16(_mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8)));
    }
    /* Rows 0-7 and 16-23, rows 8-15 and 24-31. */
    const __m256i a = _mm256_unpacklo_epi16(even, odd), b = _mm256_unpackhi_epi16(even, odd);
    _mm256_storeu_si256((__m256i *)(void *)sums, _mm256_permute2x128_si256(a, b, 0x20));
    _mm256_storeu_si256((__m256i *)(void *)(sums + 16), _mm256_permute2x128_si256(a, b, 0x31));
}

SG_CODES_INLINE void scan_sums(const sg_level1_query *q, const void *blocks, size_t count, float limit,
                               float *bounds, float *estimates, uint32_t *masks) {
    const size_t code_bytes = (size_t)q->chunks * 128, bytes = code_bytes + SG_BLOCK_ROWS * 6;
    const uint8_t *block = blocks;
    const fvec zero = fvec_set(0.0f);
    for (size_t b = 0; b < count; b++, block += bytes) {
        uint16_t sums[SG_BLOCK_ROWS];
        block_sums(q, block, sums);
        uint32_t mask = 0;
        for (int row = 0; row < SG_BLOCK_ROWS; row += ROWS) {
            const uint8_t *scalars = block + code_bytes + 2 * row;
            const fvec near = fvec_mul(fvec_set(q->per_dot), fvec_integers((const uint8_t *)(sums + row)));
            const fvec error = fvec_widen(scalars + 64), dropped = fvec_widen(scalars + 128);
            const fvec kept = fvec_max(fvec_sub(near, fvec_add(error, fvec_set(q->error))), zero);
            const fvec gap = wide_gap(fvec_set(q->dropped_low), fvec_set(q->dropped_high), dropped);
            const fvec bound = fvec_add(kept, gap), estimate = fvec_add(near, fvec_max(dropped, zero));
            fvec_store(bounds + b * SG_BLOCK_ROWS + row, bound);
            if (estimates != NULL)
                fvec_store(estimates + b * SG_BLOCK_ROWS + row, estimate);
            mask |= fvec_not_above(estimates != NULL ? estimate : bound, fvec_set(limit)) << row;
        }
        masks[b] = mask;
    }
}

#endif
