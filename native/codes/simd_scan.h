/* SPDX-License-Identifier: MIT
 *
 * The scans and refinements of AVX2 and wider, in words that the including file defines for its registers:
 *   ROWS  rows of a block whose sums fill one register of int32 (8 or 16); a load takes 4 * ROWS bytes
 *   ivec, fvec and the operations below
 * Accumulators are kept apart for the low and high halves of bytes (the high ones stay 16 times too large, which saves
 * the shift) and for the high and low part of weights; a chunk adds at most 4 * 240 * 128 to a lane, so 256
 * coordinates stay below 2^22.
 */
#ifndef SG_SIMD_SCAN_H
#define SG_SIMD_SCAN_H

#include "scan.h"

SG_CODES_INLINE int32_t load_weights(const int8_t *from) {
    int32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* Sums of rows group * ROWS ... of two neighbouring groups, so that each broadcast weight serves both. */
SG_CODES_INLINE void two_dots(const sg_level1_query *q, const uint8_t *codes, ivec out[2]) {
    ivec low_high[2], low_low[2], high_high[2], high_low[2];
    for (int g = 0; g < 2; g++)
        low_high[g] = low_low[g] = high_high[g] = high_low[g] = ivec_zero();
    const int8_t *w = q->weights;
    for (uint32_t chunk = 0; chunk < q->chunks; chunk++, codes += 128, w += 16) {
        const ivec w0 = ivec_set(load_weights(w)), w1 = ivec_set(load_weights(w + 4));
        const ivec w2 = ivec_set(load_weights(w + 8)), w3 = ivec_set(load_weights(w + 12));
        for (int g = 0; g < 2; g++) {
            const ivec bytes = ivec_load(codes + g * 4 * ROWS);
            const ivec low = ivec_low_halves(bytes), high = ivec_high_halves(bytes);
            low_high[g] = ivec_dot(low_high[g], low, w0);
            low_low[g] = ivec_dot(low_low[g], low, w1);
            high_high[g] = ivec_dot(high_high[g], high, w2);
            high_low[g] = ivec_dot(high_low[g], high, w3);
        }
    }
    for (int g = 0; g < 2; g++) {
        const ivec h = ivec_add(low_high[g], ivec_scale_high(high_high[g]));
        const ivec l = ivec_add(low_low[g], ivec_scale_high(high_low[g]));
        out[g] = ivec_add(ivec_times_128(h), l);
    }
}

SG_CODES_INLINE fvec wide_gap(fvec low, fvec high, fvec dropped) {
    const fvec above = fvec_sub(low, dropped);
    const fvec below = fvec_sub(fvec_mul(dropped, fvec_set(SG_DROPPED_LOW)), high);
    return fvec_max(fvec_max(above, below), fvec_set(0.0f));
}

/* estimates NULL, a constant where it is inlined: the masks are of the bounds. */
SG_CODES_INLINE void scan_blocks(const sg_level1_query *q, const void *blocks, size_t count, float limit,
                                 float *bounds, float *estimates, uint32_t *masks, int is_product) {
    const size_t code_bytes = (size_t)q->chunks * 128, bytes = code_bytes + SG_BLOCK_ROWS * 6;
    const uint8_t *block = blocks;
    const fvec zero = fvec_set(0.0f);
    for (size_t b = 0; b < count; b++, block += bytes) {
        /* Four KiB ahead: the hardware's own prefetching stops at pages. */
        for (size_t at = 0; at < bytes; at += 64)
            __builtin_prefetch(block + 4096 + at);
        uint32_t mask = 0;
        for (int first = 0; first < SG_BLOCK_ROWS; first += 2 * ROWS) {
            ivec dots[2];
            two_dots(q, block + first * 4, dots);
            for (int g = 0; g < 2; g++) {
                const int row = first + g * ROWS;
                const uint8_t *scalars = block + code_bytes + 2 * row;
                const fvec dot = fvec_mul(fvec_set(q->per_dot), fvec_from(dots[g]));
                const fvec error = fvec_widen(scalars + 64), dropped = fvec_widen(scalars + 128);
                fvec bound, estimate;
                if (is_product) {
                    const fvec charge = fvec_add(fvec_mul(fvec_set(q->per_error), error),
                                                 fvec_mul(fvec_set(q->per_dropped), dropped));
                    estimate = fvec_sub(fvec_set(q->constant), dot);
                    bound = fvec_sub(estimate, charge);
                } else {
                    const fvec square = fvec_mul(fvec_set(q->per_square), fvec_integers(scalars));
                    const fvec left = fvec_add(fvec_set(q->constant), square);
                    const fvec near = fvec_max(fvec_sub(left, dot), zero);
                    const fvec off = fvec_add(error, fvec_set(q->error));
                    const fvec kept = fvec_max(fvec_sub(fvec_sqrt(near), off), zero);
                    const fvec gap = wide_gap(fvec_set(q->dropped_low), fvec_set(q->dropped_high), dropped);
                    estimate = fvec_add(near, fvec_max(fvec_mul(dropped, dropped), zero));
                    bound = fvec_add(fvec_mul(kept, kept), fvec_mul(gap, gap));
                }
                fvec_store(bounds + b * SG_BLOCK_ROWS + row, bound);
                if (estimates != NULL)
                    fvec_store(estimates + b * SG_BLOCK_ROWS + row, estimate);
                mask |= fvec_not_above(estimates != NULL ? estimate : bound, fvec_set(limit)) << row;
            }
        }
        masks[b] = mask;
    }
}

#include "simd_sums.h"

/* Records are a whole number of 64 bytes; the weights of the scalars at their end are 0. */
static int64_t dot2(const sg_codes_query *query, const uint8_t *record) {
    const size_t width = 64 * (size_t)query->level2.lines;
    const int8_t *w = query->level2.weights;
    ivec low_high = ivec_zero(), low_low = ivec_zero(), high_high = ivec_zero(), high_low = ivec_zero();
    for (size_t i = 0; i < width; i += 4 * ROWS) {
        const ivec bytes = ivec_load(record + i);
        const ivec low = ivec_low_halves(bytes), high = ivec_high_halves(bytes);
        low_high = ivec_dot(low_high, low, ivec_load(w + i));
        low_low = ivec_dot(low_low, low, ivec_load(w + width + i));
        high_high = ivec_dot(high_high, high, ivec_load(w + 2 * width + i));
        high_low = ivec_dot(high_low, high, ivec_load(w + 3 * width + i));
    }
    /* High halves are 16 times too large, in every lane: the shift has no remainder. */
    const ivec h = ivec_add(low_high, ivec_scale_high(high_high));
    const ivec l = ivec_add(low_low, ivec_scale_high(high_low));
    return ivec_sum(ivec_add(ivec_times_128(h), l));
}

#endif
