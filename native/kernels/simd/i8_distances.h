/* SPDX-License-Identifier: MIT
 *
 * The kernels of int8, for any width of register. The including file defines ISA and has included the
 * i8_lanes.h of its instruction set.
 *
 * Accumulator  int32 lanes, emptied into int64 every RUN elements.
 * Error        none for dot, l2sq and l1; norm and cos add the roundings of one sqrt, one division and one
 *              subtraction in double (4 * 2^-53). The many and tile forms round once more, to float.
 * Overflow     a lane gains at most 4 * 255^2 = 260,100 per register of 32 or 64 elements, so that 4,096
 *              registers (RUN or fewer) stay below 2^31. The four-row blocks add all lanes in int32, which is
 *              good for 2^31 / 255^2 = 33,025 elements; longer rows are taken one at a time. Results are
 *              exact for any n with a sum below 2^53, which is n < 1.3e11.
 * NaN, Inf     there are none; a zero vector has norm 0 and cosine NaN.
 */
#include "cosine4.h"
#include "stream.h"

#define TYPE i8
#define ELEMENT int8_t
#define BLOCK_MAX_ELEMENTS 32768
#define RUN ((size_t)4096 * 32)

SG_ALWAYS_INLINE vec step(sg_op op, vec sum, vec a, vec b) {
    if (op == SG_DOT)
        return add_biased_dot(sum, a, b);
    const vec difference = distance_u8(a, b);
    return op == SG_L2SQ ? add_squares_u8(sum, difference) : add_sum_u8(sum, difference);
}

/*
 * n <= RUN. Two accumulators: an int32 addition takes one cycle, a VNNI step four. fetches_ahead is a
 * constant: whether to ask for what follows a in memory.
 */
SG_ALWAYS_INLINE vec sum_lanes(sg_op op, const int8_t *a, const int8_t *b, size_t n, int fetches_ahead) {
    vec sum0 = vec_zero(), sum1 = vec_zero(), bias = vec_zero();
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        if (fetches_ahead)
            fetch_ahead(a + i, 2 * LANES);
        const vec b0 = load_i8(b + i), b1 = load_i8(b + i + LANES);
        sum0 = step(op, sum0, load_i8(a + i), b0);
        sum1 = step(op, sum1, load_i8(a + i + LANES), b1);
        if (op == SG_DOT)
            bias = add_bias(add_bias(bias, b0), b1);
    }
    if (fetches_ahead && i < n)
        fetch_ahead(a + i, n - i);
    for (; i < n; i += LANES) {
        const size_t left = n - i;
        const vec x = left < LANES ? load_tail_i8(a + i, left, i) : load_i8(a + i);
        const vec y = left < LANES ? load_tail_i8(b + i, left, i) : load_i8(b + i);
        sum0 = step(op, sum0, x, y);
        if (op == SG_DOT)
            bias = add_bias(bias, y);
    }
    return vec_sub_i32(vec_add_i32(sum0, sum1), bias);
}

SG_ALWAYS_INLINE int64_t sum_pair(sg_op op, const int8_t *a, const int8_t *b, size_t n) {
    int64_t sum = 0;
    for (; n > RUN; n -= RUN, a += RUN, b += RUN)
        sum += vec_sum_i64(sum_lanes(op, a, b, RUN, 0));
    return sum + vec_sum_i64(sum_lanes(op, a, b, n, 0));
}

SG_ALWAYS_INLINE double pair(sg_op op, const int8_t *a, const int8_t *b, size_t n) {
    return (double)sum_pair(op, a, b, n);
}

/* Four rows, one after another as they lie in memory; n <= BLOCK_MAX_ELEMENTS. */
SG_ALWAYS_INLINE void four_pairs(sg_op op, const void *query, const char *rows, size_t stride, size_t n,
                                 float *out, int fetches_ahead) {
    vec sums[4];
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++)
        sums[r] = sum_lanes(op, (const int8_t *)(rows + r * stride), query, n, fetches_ahead);
    _mm_storeu_ps(out, _mm_cvtepi32_ps(vec_sum4_i32(sums[0], sums[1], sums[2], sums[3])));
}

SG_ALWAYS_INLINE void add_cosine_terms(vec a, vec b, vec *ab, vec *aa, vec *bb, vec *bias) {
    *ab = add_biased_dot(*ab, a, b);
    *aa = add_squares_u8(*aa, vec_abs_i8(a));
    *bb = add_squares_u8(*bb, vec_abs_i8(b));
    *bias = add_bias(*bias, b);
}

SG_ALWAYS_INLINE double pair_cosine(const int8_t *a, const int8_t *b, size_t n) {
    int64_t dot = 0, a_squares = 0, b_squares = 0;
    for (size_t start = 0; start < n; start += RUN) {
        const size_t end = n - start < RUN ? n : start + RUN;
        vec ab = vec_zero(), aa = vec_zero(), bb = vec_zero(), bias = vec_zero();
        size_t i = start;
        for (; i + LANES <= end; i += LANES)
            add_cosine_terms(load_i8(a + i), load_i8(b + i), &ab, &aa, &bb, &bias);
        if (i < end)
            add_cosine_terms(load_tail_i8(a + i, end - i, i - start), load_tail_i8(b + i, end - i, i - start),
                             &ab, &aa, &bb, &bias);
        dot += vec_sum_i64(ab) - vec_sum_i64(bias);
        a_squares += vec_sum_i64(aa);
        b_squares += vec_sum_i64(bb);
    }
    return sg_cosine_distance((double)dot, (double)a_squares, (double)b_squares);
}

SG_ALWAYS_INLINE double norm(const int8_t *a, size_t n) {
    return sqrt(pair(SG_DOT, a, a, n));
}

/* One step of TILE_QUERIES queries against four rows: each loaded register is used several times. */
SG_ALWAYS_INLINE void step_block(sg_op op, vec sums[][4], vec *biases, const vec *queries, const vec *rows) {
#pragma GCC unroll 8
    for (size_t q = 0; q < TILE_QUERIES; q++) {
#pragma GCC unroll 4
        for (size_t r = 0; r < 4; r++)
            sums[q][r] = step(op, sums[q][r], rows[r], queries[q]);
        if (op == SG_DOT)
            biases[q] = add_bias(biases[q], queries[q]);
    }
}

/* TILE_QUERIES queries against four rows, n <= BLOCK_MAX_ELEMENTS; the loops unroll, so that all sums stay in
 * registers. */
SG_ALWAYS_INLINE void block(sg_op op, const char *queries, size_t query_stride, const char *rows,
                            size_t row_stride, size_t n, float *out, size_t out_stride) {
    vec sums[TILE_QUERIES][4], biases[TILE_QUERIES], q[TILE_QUERIES], r[4];
#pragma GCC unroll 8
    for (size_t j = 0; j < TILE_QUERIES; j++)
        sums[j][0] = sums[j][1] = sums[j][2] = sums[j][3] = biases[j] = vec_zero();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
#pragma GCC unroll 4
        for (size_t j = 0; j < 4; j++)
            r[j] = load_i8((const int8_t *)(rows + j * row_stride) + i);
#pragma GCC unroll 8
        for (size_t j = 0; j < TILE_QUERIES; j++)
            q[j] = load_i8((const int8_t *)(queries + j * query_stride) + i);
        step_block(op, sums, biases, q, r);
    }
    if (i < n) {
#pragma GCC unroll 4
        for (size_t j = 0; j < 4; j++)
            r[j] = load_tail_i8((const int8_t *)(rows + j * row_stride) + i, n - i, i);
#pragma GCC unroll 8
        for (size_t j = 0; j < TILE_QUERIES; j++)
            q[j] = load_tail_i8((const int8_t *)(queries + j * query_stride) + i, n - i, i);
        step_block(op, sums, biases, q, r);
    }
#pragma GCC unroll 8
    for (size_t j = 0; j < TILE_QUERIES; j++) {
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; k++)
            sums[j][k] = vec_sub_i32(sums[j][k], biases[j]);
        const __m128i totals = vec_sum4_i32(sums[j][0], sums[j][1], sums[j][2], sums[j][3]);
        _mm_storeu_ps(out + j * out_stride, _mm_cvtepi32_ps(totals));
    }
}

/* Cosine distances of four rows, one after another; squares = query . query, n <= BLOCK_MAX_ELEMENTS. */
SG_ALWAYS_INLINE void four_cosines(const void *query, double squares, const char *rows, size_t stride,
                                   size_t n, float *out, int fetches_ahead) {
    vec ab[4], bb[4];
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++) {
        const int8_t *a = query, *b = (const int8_t *)(rows + r * stride);
        vec unused = vec_zero(), bias = vec_zero();
        ab[r] = bb[r] = vec_zero();
        size_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            if (fetches_ahead)
                fetch_ahead(b + i, LANES);
            add_cosine_terms(load_i8(b + i), load_i8(a + i), &ab[r], &bb[r], &unused, &bias);
        }
        if (i < n) {
            if (fetches_ahead)
                fetch_ahead(b + i, n - i);
            add_cosine_terms(load_tail_i8(b + i, n - i, i), load_tail_i8(a + i, n - i, i), &ab[r], &bb[r],
                             &unused, &bias);
        }
        ab[r] = vec_sub_i32(ab[r], bias);
    }
    const __m256d dots = _mm256_cvtepi32_pd(vec_sum4_i32(ab[0], ab[1], ab[2], ab[3]));
    const __m256d row_squares = _mm256_cvtepi32_pd(vec_sum4_i32(bb[0], bb[1], bb[2], bb[3]));
    _mm_storeu_ps(out, cosine_distance4(dots, squares, row_squares));
}

#include "drivers.h"
