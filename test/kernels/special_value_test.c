/* SPDX-License-Identifier: MIT
 *
 * NaN, infinities, zero vectors, subnormal and huge numbers: what the kernels' contracts promise for each.
 */
#include "check.h"
#include "data.h"
#include "reference.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

/*
 * Lengths up to four registers of sixteen with a tail; one NaN or infinity at every position of those up to
 * DENSE_LENGTH, at every fifth of the longer ones. More queries and rows than the largest tile has, with a rest.
 */
enum { MAX_LENGTH = 67, DENSE_LENGTH = 37, QUERIES = 7, ROWS = 11, MIDDLE_ROW = 2 };

static const sg_op ops[] = {SG_DOT, SG_L2SQ, SG_L1, SG_COS};
enum { OPS = sizeof ops / sizeof ops[0] };

typedef struct {
    const sg_candidate *candidate;
    sg_type type;
    size_t n;
    /* QUERIES times the same query, and ROWS rows; floats are the largest element. */
    float query[QUERIES * MAX_LENGTH], rows[ROWS * MAX_LENGTH];
} vectors;

static void set_all(vectors *v, double query, double row) {
    for (size_t i = 0; i < QUERIES * v->n; i++)
        store_element(v->type, v->query, i, query);
    for (size_t i = 0; i < ROWS * v->n; i++)
        store_element(v->type, v->rows, i, row);
}

static void set_query(vectors *v, size_t element, double value) {
    for (size_t q = 0; q < QUERIES; q++)
        store_element(v->type, v->query, q * v->n + element, value);
}

static size_t position_step(const vectors *v) {
    return v->n > DENSE_LENGTH ? 5 : 1;
}

/* By pair, by many, and by tile for each query. */
enum { FORMS = 2 + QUERIES };
typedef struct {
    double pair, many, tile[QUERIES];
} results;

/* The distance to one row, by each form; tile repeats many where the kernel has no tile form. */
static results distances_to(const vectors *v, sg_op op, size_t row) {
    const sg_kernels *kernels = &v->candidate->kernels;
    const size_t stride = v->n * element_bytes(v->type);
    float many[ROWS], tile[QUERIES * ROWS];
    kernels->many[v->type][op](v->query, v->rows, ROWS, stride, v->n, many);
    if (kernels->tile[v->type][op] != NULL)
        kernels->tile[v->type][op](v->query, QUERIES, stride, v->rows, ROWS, stride, v->n, tile, ROWS);
    else
        for (size_t q = 0; q < QUERIES; q++)
            tile[q * ROWS + row] = many[row];
    results all = {.pair = kernels->pair[v->type][op](v->query, (const char *)v->rows + row * stride, v->n),
                   .many = (double)many[row]};
    for (size_t q = 0; q < QUERIES; q++)
        all.tile[q] = (double)tile[q * ROWS + row];
    return all;
}

static double value_of(const results *all, size_t form) {
    return form == 0 ? all->pair : form == 1 ? all->many : all->tile[form - 2];
}

static call_form form_of(size_t index) {
    return index == 0 ? FORM_PAIR : index == 1 ? FORM_MANY : FORM_TILE;
}

/* Equal, or both NaN, in all forms. */
static void expect(const vectors *v, sg_op op, size_t row, double expected, const char *what) {
    const results actual = distances_to(v, op, row);
    const check_subject subject = {v->candidate, sg_type_name(v->type), sg_op_name(op), what};
    for (size_t i = 0; i < FORMS; i++) {
        const double value = value_of(&actual, i);
        CHECK(value == expected || (isnan(value) && isnan(expected)), subject,
              "n=%zu form %zu: %g instead of %g", v->n, i, value, expected);
    }
}

static void expect_norm(const vectors *v, double expected, const char *what) {
    const double actual = v->candidate->kernels.norm[v->type](v->query, v->n);
    const check_subject subject = {v->candidate, sg_type_name(v->type), "norm", what};
    CHECK(actual == expected || (isnan(actual) && isnan(expected)), subject, "n=%zu: %g instead of %g", v->n,
          actual, expected);
}

static void check_zero_vectors(vectors *v) {
    for (v->n = 0; v->n <= MAX_LENGTH; v->n++) {
        set_all(v, 0, 1);
        expect(v, SG_DOT, MIDDLE_ROW, 0, "zero query");
        expect(v, SG_L2SQ, MIDDLE_ROW, (double)v->n, "zero query");
        expect(v, SG_L1, MIDDLE_ROW, (double)v->n, "zero query");
        expect(v, SG_COS, MIDDLE_ROW, NAN, "zero query");
        expect_norm(v, 0, "zero vector");
        set_all(v, 1, 0);
        expect(v, SG_COS, MIDDLE_ROW, NAN, "zero row");
        set_all(v, 0, 0);
        expect(v, SG_COS, MIDDLE_ROW, NAN, "zero query and row");
    }
}

/* A NaN anywhere in a row reaches that row's result and no other's; one in the query reaches all. */
static void check_nan(vectors *v) {
    for (v->n = 1; v->n <= MAX_LENGTH; v->n++)
        for (size_t i = 0; i < v->n; i += position_step(v))
            for (size_t j = 0; j < OPS; j++) {
                set_all(v, 1, 1);
                const double neighbour = ops[j] == SG_DOT ? (double)v->n : 0;
                store_element(v->type, v->rows, MIDDLE_ROW * v->n + i, NAN);
                expect(v, ops[j], MIDDLE_ROW, NAN, "NaN in the row");
                if (ops[j] != SG_COS)
                    expect(v, ops[j], MIDDLE_ROW + 1, neighbour, "NaN in the row before");
                set_query(v, i, NAN);
                expect(v, ops[j], 0, NAN, "NaN in the query");
                expect_norm(v, NAN, "NaN");
            }
}

static void check_infinity(vectors *v) {
    for (v->n = 1; v->n <= MAX_LENGTH; v->n++)
        for (size_t i = 0; i < v->n; i += position_step(v)) {
            set_all(v, 1, 2);
            set_query(v, i, -INFINITY);
            expect(v, SG_DOT, MIDDLE_ROW, -INFINITY, "infinity");
            expect(v, SG_L2SQ, MIDDLE_ROW, INFINITY, "infinity");
            expect(v, SG_L1, MIDDLE_ROW, INFINITY, "infinity");
            expect(v, SG_COS, MIDDLE_ROW, NAN, "infinity");
            expect_norm(v, INFINITY, "infinity");
            store_element(v->type, v->rows, MIDDLE_ROW * v->n + i, -INFINITY);
            expect(v, SG_L2SQ, MIDDLE_ROW, NAN, "infinity - infinity");
            expect(v, SG_L1, MIDDLE_ROW, NAN, "infinity - infinity");
        }
}

/* Numbers at the ends of the range, where sums of squares in float would be 0 or infinite. */
static void check_range_ends(vectors *v, double magnitude) {
    for (v->n = 1; v->n <= MAX_LENGTH; v->n++) {
        set_all(v, magnitude, magnitude);
        store_element(v->type, v->rows, MIDDLE_ROW * v->n, -magnitude);
        const char *row = (const char *)v->rows + MIDDLE_ROW * v->n * element_bytes(v->type);
        const results actual = distances_to(v, SG_COS, MIDDLE_ROW);
        const truth expected = true_distance(v->type, SG_COS, v->query, row, v->n);
        const sg_isa isa = v->candidate->kernels.isa;
        const check_subject cosine = {v->candidate, sg_type_name(v->type), "cos", "range ends"};
        for (size_t i = 0; i < FORMS; i++) {
            const double value = value_of(&actual, i);
            CHECK(fabsl(value - expected.value) <=
                      distance_bound(isa, v->type, SG_COS, form_of(i), v->n, expected),
                  cosine, "n=%zu form %zu magnitude=%g: %.17g instead of %.17Lg", v->n, i, magnitude, value,
                  expected.value);
        }

        const check_subject norm = {v->candidate, sg_type_name(v->type), "norm", "range ends"};
        const long double length = true_norm(v->type, v->query, v->n);
        const double actual_length = v->candidate->kernels.norm[v->type](v->query, v->n);
        CHECK(fabsl(actual_length - length) <= norm_bound(isa, v->type, v->n, length), norm,
              "n=%zu magnitude=%g: %.17g instead of %.17Lg", v->n, magnitude, actual_length, length);

        for (size_t j = 0; j < 3; j++) { /* dot, l2sq, l1 of subnormals: the underflow term of the bound */
            if (magnitude > 1 && v->type == SG_F32)
                break;
            const truth sum = true_distance(v->type, ops[j], v->query, row, v->n);
            const check_subject subject = {v->candidate, sg_type_name(v->type), sg_op_name(ops[j]),
                                           "range ends"};
            const results distances = distances_to(v, ops[j], MIDDLE_ROW);
            for (size_t i = 0; i < FORMS; i++) {
                const double distance = value_of(&distances, i);
                CHECK(fabsl(distance - sum.value) <=
                          distance_bound(isa, v->type, ops[j], form_of(i), v->n, sum),
                      subject, "n=%zu form %zu magnitude=%g: %.17g instead of %.17Lg", v->n, i, magnitude,
                      distance, sum.value);
            }
        }
    }
}

/* Sums that float cannot hold are infinite when they are accumulated or stored as float. */
static void check_float_overflow(vectors *v) {
    for (v->n = 1; v->n <= MAX_LENGTH; v->n++) {
        set_all(v, FLT_MAX, FLT_MAX);
        const results dot = distances_to(v, SG_DOT, MIDDLE_ROW);
        const check_subject subject = {v->candidate, "f32", "dot", "overflow"};
        for (size_t i = 1; i < FORMS; i++)
            CHECK(value_of(&dot, i) == INFINITY, subject, "n=%zu form %zu: %g", v->n, i, value_of(&dot, i));
        if (v->candidate->kernels.isa == SG_ISA_SCALAR)
            CHECK(isfinite(dot.pair), subject, "n=%zu: %g from a double", v->n, dot.pair);
        else
            CHECK(dot.pair == INFINITY, subject, "n=%zu: %g", v->n, dot.pair);
    }
}

void test_special_values(const sg_candidate *candidate) {
    for (int type = SG_F32; type <= SG_I8; type++) {
        vectors v = {.candidate = candidate, .type = (sg_type)type};
        check_zero_vectors(&v);
        if (type == SG_I8)
            continue;
        check_nan(&v);
        check_infinity(&v);
        check_range_ends(&v, type == SG_F32 ? 0x1p-149 : 0x1p-24);
        check_range_ends(&v, type == SG_F32 ? 0x1p-130 : 0x1p-15);
        check_range_ends(&v, type == SG_F32 ? (double)FLT_MAX : 65504.0);
        if (type == SG_F32)
            check_float_overflow(&v);
    }
}
