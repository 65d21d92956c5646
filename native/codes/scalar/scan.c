/* SPDX-License-Identifier: MIT
 *
 * Every CPU: loops over the 32 rows of a block that a compiler can turn into whatever SIMD it has.
 */
#include "../scan.h"

/* The compiler's own vectors of 16 bytes, which it maps to what the CPU has (SSE2, NEON), or to plain code. */
typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef int16_t words8 __attribute__((vector_size(16)));

/* Chunks whose sums fit 16 bits: each adds at most 2 * 15 * 128. */
#define RUN 8

SG_CODES_INLINE words8 repeat4(const int8_t *weights) {
    return (words8){weights[0], weights[1], weights[2], weights[3],
                    weights[0], weights[1], weights[2], weights[3]};
}

/* Sums of one block, exact: two rows of four codes a vector, high and low parts of the weights apart. */
static void block_dots(const sg_level1_query *q, const uint8_t *block, int32_t dots[SG_BLOCK_ROWS]) {
    const int8_t *weights = q->weights;
    memset(dots, 0, SG_BLOCK_ROWS * sizeof *dots);
    for (uint32_t left = q->chunks; left > 0;) {
        const uint32_t run = left < RUN ? left : RUN;
        words8 high[SG_BLOCK_ROWS / 2] = {{0}}, low[SG_BLOCK_ROWS / 2] = {{0}};
        for (uint32_t chunk = 0; chunk < run; chunk++, weights += 16) {
            const words8 first_high = repeat4(weights), first_low = repeat4(weights + 4);
            const words8 second_high = repeat4(weights + 8), second_low = repeat4(weights + 12);
            for (int pair = 0; pair < SG_BLOCK_ROWS / 2; pair++, block += 8) {
                bytes8 bytes;
                memcpy(&bytes, block, sizeof bytes);
                const words8 codes = __builtin_convertvector(bytes, words8);
                const words8 first = codes & 15, second = codes >> 4;
                high[pair] += first * first_high + second * second_high;
                low[pair] += first * first_low + second * second_low;
            }
        }
        for (int pair = 0; pair < SG_BLOCK_ROWS / 2; pair++) {
            const words8 h = high[pair], l = low[pair];
            dots[2 * pair] += (h[0] + h[1] + h[2] + h[3]) * 128 + (l[0] + l[1] + l[2] + l[3]);
            dots[2 * pair + 1] += (h[4] + h[5] + h[6] + h[7]) * 128 + (l[4] + l[5] + l[6] + l[7]);
        }
        left -= run;
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
        float near[SG_BLOCK_ROWS];
        for (int r = 0; r < SG_BLOCK_ROWS; r++)
            bounds[r] = is_product
                            ? sg_level1_product(q, dots[r], errors[r], dropped[r], &near[r])
                            : sg_level1_distance(q, dots[r], squares[r], errors[r], dropped[r], &near[r]);
        if (estimates != NULL)
            memcpy(estimates + b * SG_BLOCK_ROWS, near, sizeof near);
        const float *judged = estimates != NULL ? near : bounds;
        uint32_t mask = 0;
        for (int r = 0; r < SG_BLOCK_ROWS; r++)
            mask |= (uint32_t) !(judged[r] > limit) << r;
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
