/* SPDX-License-Identifier: MIT
 *
 * Every CPU: plain loops over the 32 rows of a block, which a compiler can turn into whatever SIMD it has.
 */
#include "../scan.h"

/* Sums of one block, exact in int32: a chunk adds at most 8 * 15 * 16256, and there are 32 chunks at most. */
static void block_dots(const sg_level1_query *q, const uint8_t *block, int32_t dots[SG_BLOCK_ROWS]) {
    for (int r = 0; r < SG_BLOCK_ROWS; r++)
        dots[r] = 0;
    for (uint32_t chunk = 0; chunk < q->chunks; chunk++, block += 128) {
        int32_t w[8];
        const int8_t *from = q->weights + chunk * 16;
        for (int b = 0; b < 4; b++) {
            w[b] = from[b] * 128 + from[4 + b];
            w[4 + b] = from[8 + b] * 128 + from[12 + b];
        }
        for (int r = 0; r < SG_BLOCK_ROWS; r++) {
            const uint8_t *codes = block + 4 * r;
            int32_t sum = 0;
            for (int b = 0; b < 4; b++)
                sum += (codes[b] & 15) * w[b] + (codes[b] >> 4) * w[4 + b];
            dots[r] += sum;
        }
    }
}

/* estimates NULL: the masks are of the bounds. */
SG_CODES_INLINE void scan_blocks(const sg_level1_query *q, const void *blocks, size_t count, float limit,
                                 float *bounds, float *estimates, uint32_t *masks, int is_product) {
    const size_t codes = (size_t)q->chunks * 128, bytes = codes + SG_BLOCK_ROWS * 6;
    for (size_t b = 0; b < count; b++, bounds += SG_BLOCK_ROWS) {
        const uint8_t *block = (const uint8_t *)blocks + b * bytes;
        int32_t dots[SG_BLOCK_ROWS];
        uint16_t squares[SG_BLOCK_ROWS], errors[SG_BLOCK_ROWS], dropped[SG_BLOCK_ROWS];
        block_dots(q, block, dots);
        memcpy(squares, block + codes, 64);
        memcpy(errors, block + codes + 64, 64);
        memcpy(dropped, block + codes + 128, 64);
        uint32_t mask = 0;
        for (int r = 0; r < SG_BLOCK_ROWS; r++) {
            float estimate;
            bounds[r] = is_product
                            ? sg_level1_product(q, dots[r], errors[r], dropped[r], &estimate)
                            : sg_level1_distance(q, dots[r], squares[r], errors[r], dropped[r], &estimate);
            if (estimates != NULL)
                estimates[b * SG_BLOCK_ROWS + (size_t)r] = estimate;
            mask |= (uint32_t) !((estimates != NULL ? estimate : bounds[r]) > limit) << r;
        }
        masks[b] = mask;
    }
}

static void scan_sums(const sg_level1_query *q, const void *blocks, size_t count, float limit, float *bounds,
                      float *estimates, uint32_t *masks) {
    const size_t codes = (size_t)q->chunks * 128, bytes = codes + SG_BLOCK_ROWS * 6;
    for (size_t b = 0; b < count; b++) {
        const uint8_t *block = (const uint8_t *)blocks + b * bytes;
        uint16_t sums[SG_BLOCK_ROWS] = {0}, errors[SG_BLOCK_ROWS], dropped[SG_BLOCK_ROWS];
        for (uint32_t pair = 0; pair < 4 * q->chunks; pair++) {
            const uint8_t *first = (const uint8_t *)q->weights + pair * 32, *second = first + 16;
            for (int r = 0; r < SG_BLOCK_ROWS; r++) {
                const uint8_t byte = block[pair * SG_BLOCK_ROWS + (uint32_t)r];
                sums[r] = (uint16_t)(sums[r] + first[byte & 15] + second[byte >> 4]);
            }
        }
        memcpy(errors, block + codes + 64, 64);
        memcpy(dropped, block + codes + 128, 64);
        uint32_t mask = 0;
        for (size_t r = 0; r < SG_BLOCK_ROWS; r++) {
            float estimate;
            const float bound = sg_level1_sum(q, sums[r], errors[r], dropped[r], &estimate);
            bounds[b * SG_BLOCK_ROWS + r] = bound;
            if (estimates != NULL)
                estimates[b * SG_BLOCK_ROWS + r] = estimate;
            mask |= (uint32_t) !((estimates != NULL ? estimate : bound) > limit) << r;
        }
        masks[b] = mask;
    }
}

static int64_t dot2(const sg_codes_query *query, const uint8_t *record) {
    const size_t width = 64 * (size_t)query->level2.lines, half = width - 8;
    const int8_t *w = query->level2.weights;
    int32_t high = 0, low = 0;
    for (size_t i = 0; i < half; i++) {
        const int first = record[i] & 15, second = record[i] >> 4;
        high += first * w[i] + second * w[2 * width + i];
        low += first * w[width + i] + second * w[3 * width + i];
    }
    return (int64_t)high * 128 + low;
}

static int64_t dot3(const sg_codes_query *query, const uint8_t *record) {
    const size_t dims = query->model->header.dims;
    const uint8_t *codes = record + SG_LEVEL3_HEADER_BYTES;
    const int8_t *h = query->level3.high, *l = query->level3.low;
    int32_t high = 0, low = 0; /* 65,535 elements of 255 * 128 */
    for (size_t i = 0; i < dims; i++) {
        high += codes[i] * h[i];
        low += codes[i] * l[i];
    }
    return (int64_t)high * 128 + low;
}

static size_t collect(const float *bounds, size_t count, float limit, uint32_t *ids, float *kept) {
    return sg_collect_rest(bounds, 0, count, limit, ids, kept, 0);
}

SG_DEFINE_CODES_KERNELS(sg_codes_scalar, "scalar");
