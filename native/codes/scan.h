/* SPDX-License-Identifier: MIT
 *
 * Private: what all instruction sets share. Integer sums are exact and float operations come in one order without
 * fused multiply-adds, so every kernel gives the same bounds, bit by bit.
 */
#ifndef SG_CODES_SCAN_H
#define SG_CODES_SCAN_H

#include "codes.h"

#include <string.h>

#define SG_CODES_INLINE static inline __attribute__((always_inline))

/* Rows that are asked for ahead of the one that is refined: enough to hide a miss behind the work on the others. */
#define SG_REFINE_AHEAD 12

extern const sg_codes_kernels sg_codes_scalar, sg_codes_avx2, sg_codes_avx2vnni, sg_codes_avx512vnni;

SG_CODES_INLINE float sg_positive(float value) {
    return value > 0.0f ? value : 0.0f; /* also for NaN */
}

SG_CODES_INLINE float sg_gap(float low, float high, float dropped) {
    const float above = low - dropped, below = dropped * SG_DROPPED_LOW - high;
    return sg_positive(above > below ? above : below);
}

/* The bound of level 1 from the integer sum of one row, and the estimate of its distance. */
SG_CODES_INLINE float sg_level1_distance(const sg_level1_query *q, int32_t dot, uint16_t square,
                                         sg_u16_float error, sg_u16_float dropped, float *estimate) {
    const float left = q->constant + q->per_square * (float)square;
    const float near = sg_positive(left - q->per_dot * (float)dot);
    const float kept = sg_positive(sqrtf(near) - (sg_widen(error) + q->error));
    const float width = sg_widen(dropped), gap = sg_gap(q->dropped_low, q->dropped_high, width);
    *estimate = near + sg_positive(width * width);
    return kept * kept + gap * gap;
}

SG_CODES_INLINE float sg_level1_product(const sg_level1_query *q, int32_t dot, sg_u16_float error,
                                        sg_u16_float dropped, float *estimate) {
    *estimate = q->constant - q->per_dot * (float)dot;
    return *estimate - (q->per_error * sg_widen(error) + q->per_dropped * sg_widen(dropped));
}

SG_CODES_INLINE float sg_level1_sum(const sg_level1_query *q, uint16_t sum, sg_u16_float error,
                                    sg_u16_float dropped, float *estimate) {
    const float near = q->per_dot * (float)sum, width = sg_widen(dropped);
    const float kept = sg_positive(near - (sg_widen(error) + q->error));
    *estimate = near + sg_positive(width);
    return kept + sg_gap(q->dropped_low, q->dropped_high, width);
}

/* What levels 1 and 2 say together. `first` was rounded a few times: 2^-20 of it covers that. */
SG_CODES_INLINE float sg_level2_bound(const sg_codes_query *query, float first, int32_t dot,
                                      const uint8_t *scalars) {
    const sg_level2_query *q = &query->level2;
    uint16_t s[4];
    memcpy(s, scalars, sizeof s);
    const float dropped1 = sg_widen(s[2]), dropped2 = sg_widen(s[3]);
    float bound;
    if (query->model->header.metric == SG_METRIC_IP) {
        const float back = q->per_first * dropped1;
        const float kept = (first + back) - (fabsf(first) + back) * 0x1p-20f;
        bound = (kept + (q->constant - q->per_dot * (float)dot)) -
                (q->per_error * sg_widen(s[1]) + q->per_dropped * dropped2);
    } else {
        const float gap1 = sg_gap(q->first_low, q->first_high, dropped1);
        const float kept1 = sg_positive((first - gap1 * gap1) - first * 0x1p-20f);
        const float left = q->constant + q->per_square * (float)s[0];
        const float root = sqrtf(sg_positive(left - q->per_dot * (float)dot));
        const float kept2 = sg_positive(root - (sg_widen(s[1]) + q->error));
        const float gap2 = sg_gap(q->dropped_low, q->dropped_high, dropped2);
        bound = (kept1 + kept2 * kept2) + gap2 * gap2;
    }
    return bound > first ? bound : first;
}

/* The bound of level 3; a few operations in double a row. dot is of the codes as unsigned bytes. */
SG_CODES_INLINE float sg_level3_bound(const sg_codes_query *query, float first, int64_t dot,
                                      const uint8_t *record) {
    const sg_level3_query *q = &query->level3;
    float s[3];
    memcpy(s, record, sizeof s);
    const double part = q->per_dot * (double)s[0] * (double)(dot + q->bias), error = s[1], square = s[2];
    double bound;
    if (query->model->header.metric == SG_METRIC_IP) {
        const double room = sqrt(square) * (1.0 + 0x1p-20) * q->error + fabs(part) * 0x1p-48;
        bound = q->constant - part - q->per_error * error - room;
        bound -= fabs(bound) * 0x1p-22;
    } else {
        const double sum = q->constant + square;
        const double left = sum - part - (sum + fabs(part)) * 0x1p-48;
        const double kept = (left > 0 ? sqrt(left) : 0.0) - error - q->error;
        bound = kept > 0 ? kept * kept * (1.0 - 0x1p-22) : 0.0;
    }
    /* Values that a float cannot hold come out lower or, at most, as the largest one. */
    const float narrow = bound < 0x1p126 ? (float)bound : 0x1p126f;
    return narrow > first ? narrow : first;
}

SG_CODES_INLINE void sg_ask_for(const uint8_t *record, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch(record + at);
    __builtin_prefetch(record + bytes - 1);
}

typedef int64_t (*sg_record_dot)(const sg_codes_query *query, const uint8_t *record);

/* collect without SIMD, from row first on. */
SG_CODES_INLINE size_t sg_collect_rest(const float *bounds, size_t first, size_t count, float limit,
                                       uint32_t *ids, float *kept, size_t found) {
    for (size_t i = first; i < count; i++) {
        ids[found] = (uint32_t)i;
        kept[found] = bounds[i];
        found += !(bounds[i] > limit);
    }
    return found;
}

/* The loop of both refinements; dot2 and dot3 are constants where it is inlined. */
SG_CODES_INLINE void sg_refine(const sg_codes_query *query, int level, sg_record_dot dot, const void *records,
                               size_t bytes, const uint32_t *ids, size_t count, float *bounds) {
    const uint8_t *start = records;
    const size_t scalars2 = level == 2 ? bytes - 8 : 0;
    for (size_t i = 0; i < count && i < SG_REFINE_AHEAD; i++)
        sg_ask_for(start + ids[i] * bytes, bytes);
    for (size_t i = 0; i < count; i++) {
        if (i + SG_REFINE_AHEAD < count)
            sg_ask_for(start + ids[i + SG_REFINE_AHEAD] * bytes, bytes);
        const uint8_t *record = start + ids[i] * bytes;
        const int64_t sum = dot(query, record);
        bounds[i] = level == 2 ? sg_level2_bound(query, bounds[i], (int32_t)sum, record + scalars2)
                               : sg_level3_bound(query, bounds[i], sum, record);
    }
}

/* The exported table of an instruction set, from scan_blocks, scan_sums, collect, dot2 and dot3 of the including file. */
#define SG_DEFINE_CODES_KERNELS(table, label)                                                                \
    static void scan(const sg_codes_query *query, const void *blocks, size_t count, float limit,             \
                     float *bounds, uint32_t *masks) {                                                       \
        const uint32_t metric = query->model->header.metric;                                                 \
        if (metric == SG_METRIC_L1)                                                                          \
            scan_sums(&query->level1, blocks, count, limit, bounds, NULL, masks);                            \
        else if (metric == SG_METRIC_IP)                                                                     \
            scan_blocks(&query->level1, blocks, count, limit, bounds, NULL, masks, 1);                       \
        else                                                                                                 \
            scan_blocks(&query->level1, blocks, count, limit, bounds, NULL, masks, 0);                       \
    }                                                                                                        \
    static void scan_near(const sg_codes_query *query, const void *blocks, size_t count, float limit,        \
                          float *bounds, float *estimates, uint32_t *masks) {                                \
        const uint32_t metric = query->model->header.metric;                                                 \
        if (metric == SG_METRIC_L1)                                                                          \
            scan_sums(&query->level1, blocks, count, limit, bounds, estimates, masks);                       \
        else if (metric == SG_METRIC_IP)                                                                     \
            scan_blocks(&query->level1, blocks, count, limit, bounds, estimates, masks, 1);                  \
        else                                                                                                 \
            scan_blocks(&query->level1, blocks, count, limit, bounds, estimates, masks, 0);                  \
    }                                                                                                        \
    static void refine2(const sg_codes_query *query, const void *records, const uint32_t *ids, size_t count, \
                        float *bounds) {                                                                     \
        sg_refine(query, 2, dot2, records, 64 * (size_t)query->level2.lines, ids, count, bounds);            \
    }                                                                                                        \
    static void refine3(const sg_codes_query *query, const void *records, const uint32_t *ids, size_t count, \
                        float *bounds) {                                                                     \
        const size_t bytes = SG_LEVEL3_HEADER_BYTES + sg_round_to(query->model->header.dims, 16);            \
        sg_refine(query, 3, dot3, records, bytes, ids, count, bounds);                                       \
    }                                                                                                        \
    const sg_codes_kernels table = {.name = label,                                                           \
                                    .scan = scan,                                                            \
                                    .scan_near = scan_near,                                                  \
                                    .collect = collect,                                                      \
                                    .refine2 = refine2,                                                      \
                                    .refine3 = refine3}

#endif
