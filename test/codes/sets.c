/* SPDX-License-Identifier: MIT */
#include "sets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const set_names[SET_KIND_COUNT] = {"decaying", "uniform",  "clusters", "duplicates", "constant",
                                               "integers", "shifted",  "scaled",   "denormal",   "mixed",
                                               "huge",     "low rank", "sparse",   "bytes"};

uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double next_signed(uint64_t *state) {
    return (double)(int64_t)next_random(state) * 0x1p-63;
}

double next_normal(uint64_t *state) {
    double sum = 0;
    for (int i = 0; i < 6; i++)
        sum += next_signed(state);
    return sum * 0.70710678118654752;
}

static size_t below(uint64_t *state, size_t bound) {
    return (size_t)(next_random(state) % bound);
}

/* One value of a set's own distribution; centre is what its cluster, row or base has there. */
static double value_of(const test_set *set, uint64_t *state, size_t i, double centre, double size) {
    switch (set->kind) {
    case SET_UNIFORM:
        return next_signed(state);
    case SET_CLUSTERS:
        return centre + 1e-3 * next_normal(state);
    case SET_DUPLICATES:
        return centre;
    case SET_CONSTANT:
        return size;
    case SET_INTEGERS:
        return (double)below(state, 4) - 1.0;
    case SET_SHIFTED:
        return size + next_normal(state);
    case SET_BYTES:
        return below(state, 3) ? 0.0 : (double)below(state, 256);
    case SET_SPARSE:
        return below(state, 4) == 0 ? next_normal(state) * size : 0.0;
    case SET_HUGE:
        return next_signed(state) * 3.4e38;
    case SET_DENORMAL:
        return next_normal(state) * 1e-40;
    case SET_SCALED:
    case SET_MIXED:
        return next_normal(state) * size;
    default:
        return next_normal(state) * pow(0.97, (double)i);
    }
}

/* What stays the same for all rows, for a row, or for a cluster. */
static double size_of(const test_set *set, uint64_t *state, uint64_t fixed) {
    switch (set->kind) {
    case SET_CONSTANT:
        return set->seed % 2 ? next_signed(state) : (double)(fixed % 7);
    case SET_SHIFTED:
        return pow(10.0, 3.0 + (double)(fixed % 4));
    case SET_SCALED:
        return fixed % 2 ? 1e18 : 1e-18;
    case SET_MIXED:
        return pow(10.0, next_signed(state) * 19.0 - 1.0);
    case SET_SPARSE:
        return below(state, 6) == 0 ? 0.0 : 1.0;
    default:
        return 1.0;
    }
}

static void fill_row(const test_set *set, uint64_t *state, uint64_t fixed, const double *centres,
                     size_t centre_count, const double *basis, size_t rank, float *row) {
    const double size = size_of(set, state, fixed);
    const double *centre = centres + below(state, centre_count) * set->dims;
    for (size_t i = 0; i < set->dims; i++)
        row[i] = (float)value_of(set, state, i, centre[i], size);
    if (set->kind == SET_LOW_RANK) {
        for (size_t i = 0; i < set->dims; i++)
            row[i] = 0;
        for (size_t j = 0; j < rank; j++) {
            const float factor = (float)next_normal(state);
            for (size_t i = 0; i < set->dims; i++)
                row[i] += factor * (float)basis[j * set->dims + i];
        }
    }
}

test_set make_set(uint64_t seed, size_t rows, size_t queries) {
    static const size_t dims_of[] = {1, 2, 3, 7, 8, 9, 16, 31, 48, 64, 65, 100, 128, 129, 200, 300};
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    test_set set = {.seed = seed,
                    .kind = (set_kind)(seed % SET_KIND_COUNT),
                    .metric = (sg_metric)(seed / SET_KIND_COUNT % 4)};
    set.dims = dims_of[below(&state, sizeof dims_of / sizeof dims_of[0])];
    set.rows = rows > 0 ? rows : 1 + below(&state, below(&state, 4) == 0 ? 70 : 1500);
    if (rows == 0 && seed % 97 == 96) {
        set.dims = 16000;
        set.rows = 40;
    }
    set.queries = queries > 0 ? queries : 6;
    set.k = 1 + below(&state, below(&state, 3) == 0 ? 100 : 10);
    if (below(&state, 2)) {
        const size_t most = set.dims < SG_MAX_COORDINATES ? set.dims : SG_MAX_COORDINATES;
        set.coordinates1 = (uint32_t)(1 + below(&state, most));
        set.coordinates2 = (uint32_t)below(&state, most - set.coordinates1 + 1);
    }
    set.without_level3 = below(&state, 4) == 0;
    const uint64_t fixed = next_random(&state);
    const size_t centre_count = 1 + below(&state, 12), rank = 1 + below(&state, 5);
    double *centres = malloc(centre_count * set.dims * sizeof(double));
    double *basis = malloc(rank * set.dims * sizeof(double));
    for (size_t i = 0; i < centre_count * set.dims; i++)
        centres[i] = next_normal(&state);
    for (size_t i = 0; i < rank * set.dims; i++)
        basis[i] = next_normal(&state);
    set.data = malloc(set.rows * set.dims * sizeof(float));
    set.query = malloc(set.queries * set.dims * sizeof(float));
    for (size_t r = 0; r < set.rows; r++)
        fill_row(&set, &state, fixed, centres, centre_count, basis, rank, set.data + r * set.dims);
    for (size_t q = 0; q < set.queries; q++) {
        float *query = set.query + q * set.dims;
        const float *near = set.data + below(&state, set.rows) * set.dims;
        switch (below(&state, 6)) {
        case 0: /* a row itself */
            memcpy(query, near, set.dims * sizeof(float));
            break;
        case 1: /* beside one */
            for (size_t i = 0; i < set.dims; i++)
                query[i] = nextafterf(near[i], (float)next_signed(&state));
            break;
        case 2: /* far from all */
            for (size_t i = 0; i < set.dims; i++)
                query[i] = (float)(next_normal(&state) * 1e7);
            break;
        case 3:
            memset(query, 0, set.dims * sizeof(float));
            if (below(&state, 2))
                query[below(&state, set.dims)] = (float)next_normal(&state);
            break;
        default:
            fill_row(&set, &state, fixed, centres, centre_count, basis, rank, query);
        }
    }
    free(centres);
    free(basis);
    return set;
}

void free_set(test_set *set) {
    free(set->data);
    free(set->query);
}
