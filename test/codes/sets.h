/* SPDX-License-Identifier: MIT
 *
 * Data sets that searches get wrong: the kind, shape and values follow from a seed.
 */
#ifndef SETS_H
#define SETS_H

#include "sg_codes.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    SET_DECAYING, /* normal, variance falling over the dimensions */
    SET_UNIFORM,
    SET_CLUSTERS,   /* tight, far apart */
    SET_DUPLICATES, /* a few vectors, many times */
    SET_CONSTANT,   /* all rows the same, or all elements of a row */
    SET_INTEGERS,   /* small ones: ties everywhere */
    SET_SHIFTED,    /* normal, moved by 1e3 to 1e6 */
    SET_SCALED,     /* normal, times 1e-18 or 1e18 */
    SET_DENORMAL,
    SET_MIXED, /* norms from 1e-20 to 1e18 in one set */
    SET_HUGE,  /* near the largest float */
    SET_LOW_RANK,
    SET_SPARSE, /* zero rows among them */
    SET_BYTES,  /* 0 to 255, many zeros, as pixels */
    SET_KIND_COUNT
} set_kind;

extern const char *const set_names[SET_KIND_COUNT];

typedef struct {
    uint64_t seed;
    set_kind kind;
    sg_metric metric;
    size_t rows, dims, queries, k;
    uint32_t coordinates1, coordinates2; /* 0: as training chooses */
    int without_level3;
    float *data, *query; /* malloc */
} test_set;

uint64_t next_random(uint64_t *state);
double next_signed(uint64_t *state); /* uniform in [-1, 1) */
double next_normal(uint64_t *state);

/* Shapes and values from the seed; rows and queries as given, or small ones for 0. */
test_set make_set(uint64_t seed, size_t rows, size_t queries);
void free_set(test_set *set);

#endif
