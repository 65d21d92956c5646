/* SPDX-License-Identifier: MIT
 *
 * The one-to-many and many-to-many forms of a numeric type, and the exported names. Included at the end of
 * the file that defines pair, pair_cosine, four_pairs, four_cosines, block and norm, and
 *   TYPE, ELEMENT, ISA, TILE_QUERIES
 *   BLOCK_MAX_ELEMENTS  the longest vectors that may be taken four at a time; longer ones go through pair
 */
#define NAME(op) SG_NAME(op, TYPE, ISA)

/* Half of a level-1 data cache of 32 KiB: the other half is for the queries. */
#define PANEL_BYTES 16384

SG_ALWAYS_INLINE double any_pair(sg_op op, const void *a, const void *b, size_t n) {
    return op == SG_COS ? pair_cosine(a, b, n) : pair(op, a, b, n);
}

SG_ALWAYS_INLINE void many(sg_op op, const char *query, const char *rows, size_t count, size_t stride,
                           size_t n, float *out, int fetches_ahead) {
    size_t i = 0;
    if (n <= BLOCK_MAX_ELEMENTS) {
        const double squares = op == SG_COS ? pair(SG_DOT, (const void *)query, (const void *)query, n) : 0;
        for (; i + 4 <= count; i += 4) {
            if (op == SG_COS)
                four_cosines(query, squares, rows + i * stride, stride, n, out + i, fetches_ahead);
            else
                four_pairs(op, query, rows + i * stride, stride, n, out + i, fetches_ahead);
        }
    }
    for (; i < count; i++)
        out[i] = (float)any_pair(op, query, rows + i * stride, n);
}

/*
 * Rows pass through the level-1 cache in panels; each group of queries meets the whole panel before the next
 * group comes. The row count of a panel is a multiple of four, except in the last one.
 */
SG_ALWAYS_INLINE void tile(sg_op op, sg_many_fn many_of_op, const char *queries, size_t query_count,
                           size_t query_stride, const char *rows, size_t row_count, size_t row_stride,
                           size_t n, float *out, size_t out_stride) {
    const size_t row_bytes = n * sizeof(ELEMENT) + 1;
    const size_t panel_rows = row_bytes < PANEL_BYTES / 4 ? PANEL_BYTES / row_bytes & ~(size_t)3 : 4;
    for (size_t first = 0; first < row_count; first += panel_rows) {
        const size_t end = row_count - first < panel_rows ? row_count : first + panel_rows;
        size_t q = 0;
        for (; n <= BLOCK_MAX_ELEMENTS && q + TILE_QUERIES <= query_count; q += TILE_QUERIES) {
            const char *group = queries + q * query_stride;
            size_t r = first;
            for (; r + 4 <= end; r += 4)
                block(op, group, query_stride, rows + r * row_stride, row_stride, n, out + q * out_stride + r,
                      out_stride);
            for (size_t j = 0; r < end && j < TILE_QUERIES; j++)
                many_of_op(group + j * query_stride, rows + r * row_stride, end - r, row_stride, n,
                           out + (q + j) * out_stride + r);
        }
        for (; q < query_count; q++)
            many_of_op(queries + q * query_stride, rows + first * row_stride, end - first, row_stride, n,
                       out + q * out_stride + first);
    }
}

#define DEFINE_PAIR_AND_MANY(op, id)                                                                         \
    double NAME(op)(const void *a, const void *b, size_t n) {                                                \
        return any_pair(id, a, b, n);                                                                        \
    }                                                                                                        \
    DEFINE_MANY(op, id)

#define DEFINE_TILE(op, id)                                                                                  \
    void NAME(op##_tile)(const void *queries, size_t query_count, size_t query_stride_bytes,                 \
                         const void *rows, size_t row_count, size_t row_stride_bytes, size_t n, float *out,  \
                         size_t out_stride) {                                                                \
        tile(id, NAME(op##_many), queries, query_count, query_stride_bytes, rows, row_count,                 \
             row_stride_bytes, n, out, out_stride);                                                          \
    }

DEFINE_PAIR_AND_MANY(dot, SG_DOT)
DEFINE_PAIR_AND_MANY(l2sq, SG_L2SQ)
DEFINE_PAIR_AND_MANY(l1, SG_L1)
DEFINE_PAIR_AND_MANY(cos, SG_COS)
DEFINE_TILE(dot, SG_DOT)
DEFINE_TILE(l2sq, SG_L2SQ)

double NAME(norm)(const void *a, size_t n) {
    return norm(a, n);
}
