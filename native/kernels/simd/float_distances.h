/* SPDX-License-Identifier: MIT
 *
 * The kernels of a floating-point type, for any width of register. The including file defines
 *   TYPE, ELEMENT            f32 and float, or f16 and sg_f16
 *   LOAD(p), LOAD_TAIL(p, count)
 * and has included the float_lanes.h of its instruction set.
 *
 * Accumulator  float: L = LANES of them per register. With u = 2^-24 and g(d) = d u / (1 - d u), a result is
 *              within g(d) * sum of |terms| of the true one, where d is the longest chain of roundings:
 *                many, tile    d = ceil(n / L) + log2 L, and one more rounding of the result
 *                pair          d = min(ceil(n / L), floor(n / 4 L) + 5) + log2 L: four accumulators, up to
 *                              three more registers, two additions to join the four, log2 L to join the lanes
 *              l2sq adds 2 to d and l1 adds 1, as their differences are rounded. Products that leave the
 *              normal range of float add n * 2^-149.
 *              cos has the d of many, and is within 2 g(d) / (1 - g(d)) + 2^-51. norm is computed in double,
 *              with v = 2^-53: within (d / 2 + 1) v / (1 - d v) of itself, d of tile.
 * Overflow     dot, l2sq and l1 become Inf (or NaN, from Inf - Inf) where a partial sum passes 3.4e38; that
 *              needs elements above 1e19 / sqrt(n). cos and norm have no such limit.
 * NaN, Inf     as IEEE 754: NaN in, NaN out; Inf - Inf is NaN. A zero vector has norm 0 and cosine NaN.
 */
#include "cosine4.h"
#include "stream.h"

SG_ALWAYS_INLINE vec step(sg_op op, vec sum, vec a, vec b) {
    if (op == SG_DOT)
        return vec_fma(a, b, sum);
    const vec difference = vec_sub(a, b);
    return op == SG_L2SQ ? vec_fma(difference, difference, sum) : vec_add(sum, vec_abs(difference));
}

/*
 * Four accumulators, because an addition takes about four cycles and one or two can start in each.
 * fetches_ahead is a constant: whether to ask for what follows b in memory.
 */
SG_ALWAYS_INLINE vec sum_lanes(sg_op op, const ELEMENT *a, const ELEMENT *b, size_t n, int fetches_ahead) {
    vec sum0 = vec_zero(), sum1 = vec_zero(), sum2 = vec_zero(), sum3 = vec_zero();
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        if (fetches_ahead)
            fetch_ahead(b + i, 4 * LANES * sizeof(ELEMENT));
        sum0 = step(op, sum0, LOAD(a + i), LOAD(b + i));
        sum1 = step(op, sum1, LOAD(a + i + LANES), LOAD(b + i + LANES));
        sum2 = step(op, sum2, LOAD(a + i + 2 * LANES), LOAD(b + i + 2 * LANES));
        sum3 = step(op, sum3, LOAD(a + i + 3 * LANES), LOAD(b + i + 3 * LANES));
    }
    if (fetches_ahead && i < n)
        fetch_ahead(b + i, (n - i) * sizeof(ELEMENT));
    for (; i + LANES <= n; i += LANES)
        sum0 = step(op, sum0, LOAD(a + i), LOAD(b + i));
    if (i < n)
        sum1 = step(op, sum1, LOAD_TAIL(a + i, n - i), LOAD_TAIL(b + i, n - i));
    return vec_add(vec_add(sum0, sum1), vec_add(sum2, sum3));
}

SG_ALWAYS_INLINE double pair(sg_op op, const ELEMENT *a, const ELEMENT *b, size_t n) {
    return (double)vec_sum(sum_lanes(op, a, b, n, 0));
}

/*
 * Four rows, one after another, and their lanes added together. Taking the rows side by side would load the
 * query once for all four, but memory then sees four streams: with rows of 400 bytes that cost a fifth of the
 * speed, with rows of 3 KiB half of it (Zen 4).
 */
SG_ALWAYS_INLINE void four_pairs(sg_op op, const void *query, const char *rows, size_t stride, size_t n,
                                 float *out, int fetches_ahead) {
    vec sums[4];
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++)
        sums[r] = sum_lanes(op, query, (const ELEMENT *)(rows + r * stride), n, fetches_ahead);
    _mm_storeu_ps(out, vec_sum4(sums[0], sums[1], sums[2], sums[3]));
}

/*
 * Outside these the float sums of squares may have lost terms to underflow, or everything to overflow. Such
 * vectors are rare enough to be computed again in double.
 */
SG_ALWAYS_INLINE int is_safe_square(float sum) {
    return sum >= 0x1p-100f && sum <= 0x1p100f;
}

SG_ALWAYS_INLINE int are_safe_squares(__m128 sums) {
    const __m128 is_low = _mm_cmp_ps(sums, _mm_set1_ps(0x1p-100f), _CMP_NGE_UQ);
    const __m128 is_high = _mm_cmp_ps(sums, _mm_set1_ps(0x1p100f), _CMP_NLE_UQ);
    return _mm_movemask_ps(_mm_or_ps(is_low, is_high)) == 0;
}

SG_ALWAYS_INLINE double pair_cosine(const ELEMENT *a, const ELEMENT *b, size_t n) {
    vec ab = vec_zero(), aa = vec_zero(), bb = vec_zero();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec x = LOAD(a + i), y = LOAD(b + i);
        ab = vec_fma(x, y, ab);
        aa = vec_fma(x, x, aa);
        bb = vec_fma(y, y, bb);
    }
    if (i < n) {
        const vec x = LOAD_TAIL(a + i, n - i), y = LOAD_TAIL(b + i, n - i);
        ab = vec_fma(x, y, ab);
        aa = vec_fma(x, x, aa);
        bb = vec_fma(y, y, bb);
    }
    const float a_squares = vec_sum(aa), b_squares = vec_sum(bb);
    if (!is_safe_square(a_squares) || !is_safe_square(b_squares))
        return SG_NAME(cos, TYPE, scalar)(a, b, n);
    return sg_cosine_distance((double)vec_sum(ab), (double)a_squares, (double)b_squares);
}

SG_ALWAYS_INLINE double norm(const ELEMENT *a, size_t n) {
    vec_f64 low = vec_zero_f64(), high = vec_zero_f64();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        add_squares_f64(LOAD(a + i), &low, &high);
    if (i < n)
        add_squares_f64(LOAD_TAIL(a + i, n - i), &low, &high);
    return sqrt(vec_sum_f64(low, high));
}

/* One step of TILE_QUERIES queries against four rows: each loaded register is used several times. */
SG_ALWAYS_INLINE void step_block(sg_op op, vec sums[][4], const vec *queries, const vec *rows) {
#pragma GCC unroll 8
    for (size_t q = 0; q < TILE_QUERIES; q++)
#pragma GCC unroll 4
        for (size_t r = 0; r < 4; r++)
            sums[q][r] = step(op, sums[q][r], queries[q], rows[r]);
}

/* TILE_QUERIES queries against four rows; the loops unroll, so that all sums stay in registers. */
SG_ALWAYS_INLINE void block(sg_op op, const char *queries, size_t query_stride, const char *rows,
                            size_t row_stride, size_t n, float *out, size_t out_stride) {
    vec sums[TILE_QUERIES][4], q[TILE_QUERIES], r[4];
    const ELEMENT *query[TILE_QUERIES], *row[4];
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++)
        row[j] = (const ELEMENT *)(rows + j * row_stride);
#pragma GCC unroll 8
    for (size_t j = 0; j < TILE_QUERIES; j++) {
        query[j] = (const ELEMENT *)(queries + j * query_stride);
        sums[j][0] = sums[j][1] = sums[j][2] = sums[j][3] = vec_zero();
    }
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
#pragma GCC unroll 4
        for (size_t j = 0; j < 4; j++)
            r[j] = LOAD(row[j] + i);
#pragma GCC unroll 8
        for (size_t j = 0; j < TILE_QUERIES; j++)
            q[j] = LOAD(query[j] + i);
        step_block(op, sums, q, r);
    }
    if (i < n) {
#pragma GCC unroll 4
        for (size_t j = 0; j < 4; j++)
            r[j] = LOAD_TAIL(row[j] + i, n - i);
#pragma GCC unroll 8
        for (size_t j = 0; j < TILE_QUERIES; j++)
            q[j] = LOAD_TAIL(query[j] + i, n - i);
        step_block(op, sums, q, r);
    }
#pragma GCC unroll 8
    for (size_t j = 0; j < TILE_QUERIES; j++)
        _mm_storeu_ps(out + j * out_stride, vec_sum4(sums[j][0], sums[j][1], sums[j][2], sums[j][3]));
}

/* The lanes of a.b and b.b, two accumulators each. */
SG_ALWAYS_INLINE void sum_cosine_lanes(const ELEMENT *a, const ELEMENT *b, size_t n, vec *ab, vec *bb,
                                       int fetches_ahead) {
    vec ab0 = vec_zero(), ab1 = vec_zero(), bb0 = vec_zero(), bb1 = vec_zero();
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        if (fetches_ahead)
            fetch_ahead(b + i, 2 * LANES * sizeof(ELEMENT));
        const vec y0 = LOAD(b + i), y1 = LOAD(b + i + LANES);
        ab0 = vec_fma(LOAD(a + i), y0, ab0);
        ab1 = vec_fma(LOAD(a + i + LANES), y1, ab1);
        bb0 = vec_fma(y0, y0, bb0);
        bb1 = vec_fma(y1, y1, bb1);
    }
    if (fetches_ahead && i < n)
        fetch_ahead(b + i, (n - i) * sizeof(ELEMENT));
    if (i + LANES <= n) {
        const vec y = LOAD(b + i);
        ab0 = vec_fma(LOAD(a + i), y, ab0);
        bb0 = vec_fma(y, y, bb0);
        i += LANES;
    }
    if (i < n) {
        const vec y = LOAD_TAIL(b + i, n - i);
        ab1 = vec_fma(LOAD_TAIL(a + i, n - i), y, ab1);
        bb1 = vec_fma(y, y, bb1);
    }
    *ab = vec_add(ab0, ab1);
    *bb = vec_add(bb0, bb1);
}

/* Cosine distances of four rows; squares = query . query. */
SG_ALWAYS_INLINE void four_cosines(const void *query, double squares, const char *rows, size_t stride,
                                   size_t n, float *out, int fetches_ahead) {
    vec ab[4], bb[4];
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++)
        sum_cosine_lanes(query, (const ELEMENT *)(rows + r * stride), n, &ab[r], &bb[r], fetches_ahead);
    const __m128 dots = vec_sum4(ab[0], ab[1], ab[2], ab[3]);
    const __m128 row_squares = vec_sum4(bb[0], bb[1], bb[2], bb[3]);
    if (is_safe_square((float)squares) && are_safe_squares(row_squares)) {
        _mm_storeu_ps(out, cosine_distance4(_mm256_cvtps_pd(dots), squares, _mm256_cvtps_pd(row_squares)));
        return;
    }
    for (size_t r = 0; r < 4; r++)
        out[r] = (float)pair_cosine(query, (const ELEMENT *)(rows + r * stride), n);
}

#define BLOCK_MAX_ELEMENTS SIZE_MAX
#include "drivers.h"
