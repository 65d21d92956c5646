/* SPDX-License-Identifier: MIT
 *
 * Every rounding that sg_bound.h names is needed: with one term left out, some row is dismissed by a limit that is its
 * own distance. With all of them, no row ever is. The models are made by hand so that nothing else is in the way: few
 * coordinates, a grid far finer than the vectors are long.
 */
#include "coded.h"
#include "sg_bound.h"

#include "simdgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const term_names[SG_TERM_COUNT] = {"none",    "rotation", "projection", "difference",
                                                      "dropped", "query",    "row error",  "row square",
                                                      "squares", "measure"};

#define ROWS 64

/* What a case exaggerates. */
typedef struct {
    size_t dims, coordinates;
    double offset; /* of the data from the model's centre, in units of its spread */
    double tilt;   /* how far from orthonormal the rotation is */
    double far;    /* of queries */
    double width;  /* of the codes' grid */
    int is_across; /* the offset is orthogonal to what is kept */
    int is_flat;   /* all elements of a vector are the same */
    sg_measure measure;
} shape;

static const shape shapes[] = {
    {1, 1, 0, 0, 1, 1, 0, 0, SG_MEASURE_DOUBLE},      {3, 2, 0, 1e-3, 1, 1, 0, 0, SG_MEASURE_DOUBLE},
    {1024, 1, 3e3, 0, 1, 1, 1, 1, SG_MEASURE_DOUBLE}, {2, 1, 1e4, 0, 1, 1, 0, 0, SG_MEASURE_DOUBLE},
    {2, 1, 1e5, 0, 1, 1, 1, 0, SG_MEASURE_DOUBLE},    {2, 2, 1e5, 0, 1, 1e-2, 0, 0, SG_MEASURE_DOUBLE},
    {1, 1, 3e3, 0, 1, 1, 0, 0, SG_MEASURE_DOUBLE},    {8, 4, 0, 0, 1e3, 1, 0, 0, SG_MEASURE_DOUBLE},
    {16000, 1, 0, 0, 1, 1, 0, 1, SG_MEASURE_FLOAT},
};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static float distance_in_float(const float *a, const float *b, size_t n) {
    volatile float sum = 0; /* one sum, as the plainest loop has */
    for (size_t i = 0; i < n; i++)
        sum = sum + (a[i] - b[i]) * (a[i] - b[i]);
    return sqrtf(sum);
}

/* Rows dismissed by a limit that is their own distance. */
static unsigned long count_wrong(const shape *s, uint64_t seed) {
    uint64_t state = seed * 77 + s->dims;
    test_set set = {
        .kind = SET_DECAYING, .metric = SG_METRIC_L2, .rows = ROWS, .dims = s->dims, .queries = 4};
    const double base = s->is_flat ? 0 : 1.0 / sqrt((double)s->dims);
    set.data = malloc(ROWS * s->dims * sizeof(float));
    set.query = malloc(set.queries * s->dims * sizeof(float));
    float *centre = malloc(s->dims * sizeof(float));
    for (size_t i = 0; i < s->dims; i++)
        centre[i] = s->is_flat ? (float)(i < s->dims / 2 ? s->offset : -s->offset)
                               : (float)(s->offset * base * (1.0 + 0.3 * next_signed(&state)));
    for (size_t r = 0; r < ROWS; r++) {
        const float level = (float)next_normal(&state);
        for (size_t i = 0; i < s->dims; i++)
            set.data[r * s->dims + i] = s->is_flat ? level : (float)(next_normal(&state) * base);
    }
    for (size_t q = 0; q < set.queries; q++) {
        const float level = (float)next_normal(&state);
        for (size_t i = 0; i < s->dims; i++)
            set.query[q * s->dims + i] = s->is_flat ? level : (float)(next_normal(&state) * base * s->far);
    }
    set.coordinates1 = (uint32_t)s->coordinates;

    /* Trained with nothing left out; then the centre moves, the grid with it, and the rotation tilts. */
    const sg_term omitted = sg_omitted_term;
    sg_omitted_term = SG_TERM_NONE;
    coded_set coded = encode_set(&set);
    coded.rows.model = &coded.model;
    sg_codes_header *header = &coded.model.header;
    for (size_t j = 0; s->is_across && j < s->coordinates; j++) {
        const float *direction = coded.rotation + j * s->dims;
        double along = 0;
        for (size_t i = 0; i < s->dims; i++)
            along += (double)direction[i] * (double)centre[i];
        for (size_t i = 0; i < s->dims; i++)
            centre[i] -= (float)(along * (double)direction[i]);
    }
    for (size_t j = 0; j < s->coordinates; j++) {
        double moved = coded.low[j];
        for (size_t i = 0; i < s->dims; i++) {
            moved -=
                ldexp((double)coded.rotation[j * s->dims + i] * ((double)centre[i] - (double)coded.centre[i]),
                      -header->exponent);
            coded.rotation[j * s->dims + i] *= (float)(1.0 + s->tilt);
        }
        coded.low[j] = (float)(moved * (1.0 + s->tilt));
        coded.step[j] *= (float)s->width;
    }
    memcpy(coded.centre, centre, s->dims * sizeof(float));
    double most = 0;
    for (size_t j = 0; j < s->coordinates; j++)
        most += pow(fabs((double)coded.low[j]) + 15.0 * (double)coded.step[j], 2);
    header->step1 = sg_round_up(most / 65535.0 * 1.001);
    header->eta = sg_round_up(sg_codes_measure_rotation(coded.rotation, s->coordinates, s->dims));

    sg_omitted_term = omitted;
    void *scratch = aligned_memory(sg_codes_encoding_bytes(header));
    sg_codes_encode(&coded.model, set.data, ROWS, coded.blocks, 0, coded.level2, coded.level3, scratch);
    free(scratch);
    void *memory = aligned_memory(sg_codes_query_bytes(header));
    unsigned long wrong = 0;
    for (size_t q = 0; q < set.queries; q++) {
        sg_codes_query query;
        float bounds[ROWS], third[ROWS];
        uint32_t masks[ROWS / SG_BLOCK_ROWS], ids[ROWS];
        const float *vector = set.query + q * s->dims;
        sg_codes_prepare(&coded.model, vector, &query, memory);
        sg_codes_active()->scan(&query, coded.blocks, ROWS / SG_BLOCK_ROWS, INFINITY, bounds, masks);
        for (uint32_t r = 0; r < ROWS; r++)
            ids[r] = r, third[r] = bounds[r];
        sg_codes_active()->refine3(&query, coded.level3, ids, ROWS, third);
        for (size_t r = 0; r < ROWS; r++) {
            const float *row = set.data + r * s->dims;
            double distance;
            if (s->measure == SG_MEASURE_FLOAT)
                distance = (double)distance_in_float(vector, row, s->dims);
            else
                sg_exact_distances(SG_METRIC_L2, vector, &row, 1, s->dims, &distance);
            const float limit = sg_codes_limit(&query, distance, s->measure);
            wrong += bounds[r] > limit || third[r] > limit;
        }
    }
    free(memory);
    free(centre);
    free_coded(&coded);
    free_set(&set);
    return wrong;
}

int main(void) {
    unsigned long checks = 0, failures = 0;
    if (sg_init(getenv("SIMDGRES_ISA")) != SG_OK)
        return 3;
    printf("kernels=%s\n", sg_codes_active()->name);
    for (int term = 0; term < SG_TERM_COUNT; term++) {
        unsigned long wrong[SHAPES] = {0}, total = 0;
        sg_omitted_term = (sg_term)term;
        for (size_t i = 0; i < SHAPES; i++) {
            for (uint64_t seed = 1; seed <= (shapes[i].dims > 1000 ? 6
                                             : shapes[i].dims > 1  ? 60
                                                                   : 1000);
                 seed++)
                wrong[i] += count_wrong(&shapes[i], seed);
            total += wrong[i];
        }
        const int passed = (term == SG_TERM_NONE) == (total == 0);
        checks++;
        failures += !passed;
        printf("%s without %s:", passed ? "ok" : "FAILED", term_names[term]);
        for (size_t i = 0; i < SHAPES; i++)
            printf(" %lu", wrong[i]);
        printf(" rows wrong\n");
    }
    printf("%lu checks, %lu failed\n", checks, failures);
    return failures != 0;
}
