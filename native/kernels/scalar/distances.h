/* SPDX-License-Identifier: MIT
 *
 * The kernels of one numeric type, one element at a time: the reference that the other instruction sets are
 * tested against. The including file defines
 *   TYPE        f32, f16 or i8, the part of the names
 *   ELEMENT     how an element is stored
 *   VALUE       what it is computed in; sums of VALUE too
 *   WIDEN(x)    from ELEMENT to VALUE, exact
 */
#include "../cosine.h"

#define NAME(op) SG_NAME(op, TYPE, SG_SCALAR)

double NAME(dot)(const void *a, const void *b, size_t n) {
    const ELEMENT *x = a, *y = b;
    VALUE sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += WIDEN(x[i]) * WIDEN(y[i]);
    return (double)sum;
}

double NAME(l2sq)(const void *a, const void *b, size_t n) {
    const ELEMENT *x = a, *y = b;
    VALUE sum = 0;
    for (size_t i = 0; i < n; i++) {
        const VALUE difference = WIDEN(x[i]) - WIDEN(y[i]);
        sum += difference * difference;
    }
    return (double)sum;
}

double NAME(l1)(const void *a, const void *b, size_t n) {
    const ELEMENT *x = a, *y = b;
    VALUE sum = 0;
    for (size_t i = 0; i < n; i++) {
        const VALUE difference = WIDEN(x[i]) - WIDEN(y[i]);
        sum += difference < 0 ? -difference : difference;
    }
    return (double)sum;
}

double NAME(cos)(const void *a, const void *b, size_t n) {
    const ELEMENT *x = a, *y = b;
    VALUE xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        const VALUE left = WIDEN(x[i]), right = WIDEN(y[i]);
        xy += left * right;
        xx += left * left;
        yy += right * right;
    }
    return sg_cosine_distance((double)xy, (double)xx, (double)yy);
}

double NAME(norm)(const void *a, size_t n) {
    return sqrt(NAME(dot)(a, a, n));
}

#define DEFINE_MANY(op)                                                                                      \
    void NAME(op##_many)(const void *query, const void *rows, size_t count, size_t stride_bytes, size_t n,   \
                         float *out) {                                                                       \
        const char *row = rows;                                                                              \
        for (size_t i = 0; i < count; i++, row += stride_bytes)                                              \
            out[i] = (float)NAME(op)(query, row, n);                                                         \
    }

#define DEFINE_TILE(op)                                                                                      \
    void NAME(op##_tile)(const void *queries, size_t query_count, size_t query_stride_bytes,                 \
                         const void *rows, size_t row_count, size_t row_stride_bytes, size_t n, float *out,  \
                         size_t out_stride) {                                                                \
        const char *query = queries;                                                                         \
        for (size_t q = 0; q < query_count; q++, query += query_stride_bytes)                                \
            NAME(op##_many)(query, rows, row_count, row_stride_bytes, n, out + q * out_stride);              \
    }

DEFINE_MANY(dot)
DEFINE_MANY(l2sq)
DEFINE_MANY(l1)
DEFINE_MANY(cos)
DEFINE_TILE(dot)
DEFINE_TILE(l2sq)
