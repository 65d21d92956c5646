/* SPDX-License-Identifier: MIT
 *
 * Every distance kernel against the truth, within the bound it states: all lengths around the register
 * widths, long vectors, any alignment, and an inaccessible page right after the last byte of every operand.
 */
#include "check.h"
#include "data.h"
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Two blocks of four rows and three single ones; more queries than the largest group, not a multiple of any.
 */
enum { ROWS = 11, QUERIES = 7, SENTINEL_COUNT = 4 };

/* Elements between rows that do not follow one another: no multiple of any register. */
enum { ROW_GAP = 3 };

static const size_t long_lengths[] = {100, 784, 1536, 2000, 16000};
enum { LONG_LENGTHS = sizeof long_lengths / sizeof long_lengths[0], SHORT_LENGTHS = 2 };

/* Lanes of the widest register, which hold elements of this type as they are computed. */
static size_t widest_lanes(sg_type type) {
    return type == SG_F32 || type == SG_F16 ? 16 : 64;
}

typedef struct {
    const sg_candidate *candidate;
    sg_type type;
    data_kind kind;
    size_t n, stride;
    guarded query_memory, row_memory, out_memory;
    const char *queries, *rows;
} matrix;

/* misalignment: bytes of unused space after the operands, which shifts where they begin. */
static matrix make_matrix(const sg_candidate *candidate, sg_type type, data_kind kind, size_t n, size_t gap,
                          size_t misalignment, rng *generator) {
    const size_t bytes = element_bytes(type);
    matrix m = {.candidate = candidate, .type = type, .kind = kind, .n = n, .stride = (n + gap) * bytes};
    const size_t query_bytes = (QUERIES - 1) * m.stride + n * bytes;
    const size_t row_bytes = (ROWS - 1) * m.stride + n * bytes;
    m.query_memory = guarded_alloc(query_bytes + misalignment);
    m.row_memory = guarded_alloc(row_bytes + misalignment);
    m.out_memory = guarded_alloc(QUERIES * (ROWS + SENTINEL_COUNT) * sizeof(float));
    m.queries = m.query_memory.start;
    m.rows = m.row_memory.start;
    fill(type, kind, m.query_memory.start, query_bytes / bytes, generator);
    fill(type, kind, m.row_memory.start, row_bytes / bytes, generator);
    return m;
}

static void free_matrix(matrix m) {
    guarded_free(m.query_memory);
    guarded_free(m.row_memory);
    guarded_free(m.out_memory);
}

static void check_distance(const matrix *m, sg_op op, call_form form, double actual, truth expected) {
    static const char *const form_names[] = {"pair", "many", "tile"};
    const check_subject subject = {m->candidate, sg_type_name(m->type), sg_op_name(op), form_names[form]};
    const double bound = distance_bound(m->candidate->kernels.isa, m->type, op, form, m->n, expected);
    /* The cosine of no element, or of a short int8 vector that happens to be all zeros. */
    if (op == SG_COS && isnan(expected.value))
        CHECK(isnan(actual), subject, "n=%zu: %g is not NaN", m->n, actual);
    else
        CHECK(fabsl(actual - expected.value) <= bound, subject,
              "n=%zu data=%d: %.17g is %.3g away from %.17Lg, bound %.3g", m->n, m->kind, actual,
              (double)fabsl(actual - expected.value), expected.value, bound);
}

/* out holds row_count results and then numbers that no kernel may touch. */
static void check_untouched(const matrix *m, sg_op op, const char *form, const float *end, size_t count) {
    const check_subject subject = {m->candidate, sg_type_name(m->type), sg_op_name(op), form};
    for (size_t i = 0; i < count; i++)
        CHECK(end[i] == -77.0f, subject, "n=%zu: wrote past the end of out", m->n);
}

/* What asks for memory in front of the rows, up to the guard and beyond, must not change a bit of the results. */
static void check_many_ahead(const matrix *m, sg_op op, size_t count, const float *expected) {
    const check_subject subject = {m->candidate, sg_type_name(m->type), sg_op_name(op), "many"};
    float out[ROWS];
    sg_fetches_ahead = !sg_fetches_ahead;
    m->candidate->kernels.many[m->type][op](m->queries, m->rows + (ROWS - count) * m->stride, count,
                                            m->stride, m->n, out);
    sg_fetches_ahead = !sg_fetches_ahead;
    CHECK(memcmp(out, expected, count * sizeof *out) == 0, subject,
          "n=%zu: %zu rows differ where memory is asked for ahead", m->n, count);
}

static void check_many(const matrix *m, sg_op op, truth expected[QUERIES][ROWS]) {
    const sg_many_fn many = m->candidate->kernels.many[m->type][op];
    for (size_t count = 0; count <= ROWS; count += count < 5 ? 1 : 6) {
        /* The last count rows, and results that end at the guard: both ends are watched. */
        const char *rows = m->rows + (ROWS - count) * m->stride;
        float *all = (float *)m->out_memory.start, *out = all + QUERIES * (ROWS + SENTINEL_COUNT) - count;
        out[-1] = -77.0f;
        many(m->queries, rows, count, m->stride, m->n, out);
        check_untouched(m, op, "many", out - 1, 1);
        check_many_ahead(m, op, count, out);
        for (size_t r = 0; r < count; r++)
            check_distance(m, op, FORM_MANY, (double)out[r], expected[0][ROWS - count + r]);
    }
}

static void check_tile(const matrix *m, sg_op op, size_t query_count, size_t row_count,
                       truth expected[QUERIES][ROWS]) {
    const sg_tile_fn tile = m->candidate->kernels.tile[m->type][op];
    const size_t first_query = QUERIES - query_count, first_row = ROWS - row_count;
    const size_t out_stride = row_count + SENTINEL_COUNT;
    float *out = (float *)m->out_memory.start;
    for (size_t i = 0; i < QUERIES * (ROWS + SENTINEL_COUNT); i++)
        out[i] = -77.0f;
    tile(m->queries + first_query * m->stride, query_count, m->stride, m->rows + first_row * m->stride,
         row_count, m->stride, m->n, out, out_stride);
    for (size_t q = 0; q < query_count; q++) {
        for (size_t r = 0; r < row_count; r++)
            check_distance(m, op, FORM_TILE, (double)out[q * out_stride + r],
                           expected[first_query + q][first_row + r]);
        check_untouched(m, op, "tile", out + q * out_stride + row_count, SENTINEL_COUNT);
    }
}

static void check_op(const matrix *m, sg_op op) {
    const sg_kernels *kernels = &m->candidate->kernels;
    const int has_tile = kernels->tile[m->type][op] != NULL;
    truth expected[QUERIES][ROWS];
    for (size_t q = 0; q < (has_tile ? QUERIES : 1); q++)
        for (size_t r = 0; r < ROWS; r++) {
            const char *query = m->queries + q * m->stride, *row = m->rows + r * m->stride;
            expected[q][r] = true_distance(m->type, op, query, row, m->n);
            check_distance(m, op, FORM_PAIR, kernels->pair[m->type][op](query, row, m->n), expected[q][r]);
        }
    check_many(m, op, expected);
    if (!has_tile)
        return;
    check_tile(m, op, QUERIES, ROWS, expected);
    check_tile(m, op, 6, 8, expected);
    check_tile(m, op, 2, 3, expected);
    check_tile(m, op, 1, 1, expected);
    check_tile(m, op, 0, ROWS, expected);
    check_tile(m, op, QUERIES, 0, expected);
}

static void check_norm(const matrix *m) {
    const check_subject subject = {m->candidate, sg_type_name(m->type), "norm", "one"};
    if (m->candidate->kernels.norm[m->type] == NULL)
        return;
    for (size_t r = 0; r < ROWS; r++) {
        const char *row = m->rows + r * m->stride;
        const long double expected = true_norm(m->type, row, m->n);
        const double actual = m->candidate->kernels.norm[m->type](row, m->n);
        const double bound = norm_bound(m->candidate->kernels.isa, m->type, m->n, expected);
        CHECK(fabsl(actual - expected) <= bound, subject, "n=%zu: %.17g instead of %.17Lg, bound %.3g", m->n,
              actual, expected, bound);
    }
}

static void check_length(const sg_candidate *candidate, sg_type type, data_kind kind, size_t n, size_t gap,
                         rng *generator) {
    /* Each length with both: operands that end at the guard page, and ones that begin an element later. */
    const int is_misaligned = ((int)kind + (gap > 0)) % 2;
    const size_t misalignment = is_misaligned ? element_bytes(type) : 0;
    const matrix m = make_matrix(candidate, type, kind, n, gap, misalignment, generator);
    for (int op = 0; op < SG_OP_COUNT; op++)
        if (candidate->kernels.pair[type][op] != NULL)
            check_op(&m, (sg_op)op);
    check_norm(&m);
    free_matrix(m);
}

static void check_lengths(const sg_candidate *candidate, sg_type type, data_kind kind, size_t gap,
                          int is_short, rng *generator) {
    for (size_t n = 0; n <= 4 * widest_lanes(type) + 3; n++)
        check_length(candidate, type, kind, n, gap, generator);
    for (size_t i = 0; i < (is_short ? SHORT_LENGTHS : LONG_LENGTHS); i++)
        check_length(candidate, type, kind, long_lengths[i], gap, generator);
}

/* Lengths at which a lane that is 32 bits wide would overflow, and beyond the block form's limit. */
static void check_overflow_lengths(const sg_candidate *candidate, rng *generator) {
    static const size_t lengths[] = {32768, 33026, 65536, 131072 + 5, 300000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        matrix m = make_matrix(candidate, SG_I8, DATA_WIDE, lengths[i], 0, 0, generator);
        memset(m.query_memory.start, 0x80, QUERIES * m.stride);
        memset(m.row_memory.start, 0x80, 6 * m.stride);
        memset(m.row_memory.start + 6 * m.stride, 0x7f, 5 * m.stride);
        for (int op = SG_DOT; op <= SG_COS; op++)
            check_op(&m, (sg_op)op);
        check_norm(&m);
        free_matrix(m);
    }
}

void test_distances(const sg_candidate *candidate, int is_short) {
    rng generator = {0x51d6e5};
    printf("distances: seed 0x%llx\n", (unsigned long long)generator.state);
    for (int type = 0; type < SG_TYPE_COUNT; type++) {
        for (int kind = 0; kind < DATA_KIND_COUNT; kind++)
            check_lengths(candidate, (sg_type)type, (data_kind)kind, 0, is_short, &generator);
        check_lengths(candidate, (sg_type)type, DATA_UNIT, ROW_GAP, is_short, &generator);
    }
    if (!is_short)
        check_overflow_lengths(candidate, &generator);
}
