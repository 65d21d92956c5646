/* SPDX-License-Identifier: MIT
 *
 * Levelled codes: a few bytes a row from which follows a proved lower bound of its distance to any query, so that an
 * exact search reads the floats of a handful of rows. PROOF.md has the mathematics, sg_bound.h the formulas.
 *
 * Level 1 has 4 bits for each of the first coordinates of a rotation by principal components, in blocks of
 * SG_BLOCK_ROWS rows that a scan reads in order. Level 2 has the next coordinates, 64 or 128 bytes a row, level 3 the
 * whole vector in int8; both are read for rows that the level before could not dismiss. What is left is measured by
 * the caller.
 *
 * Pure C11: no allocation, no I/O; buffers are the caller's, their sizes come from the functions below. Blocks and
 * records have a fixed layout (little endian, no pointers), and a block or record may lie anywhere: in one array, in
 * a page. Only finite floats may come in.
 */
#ifndef SG_CODES_H
#define SG_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "sg_bound.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SG_CODES_VERSION 1
#define SG_BLOCK_ROWS 32
#define SG_MAX_COORDINATES 256 /* of levels 1 and 2 together */

/* L1 has level 1 alone. */
typedef enum { SG_METRIC_L2, SG_METRIC_COSINE, SG_METRIC_IP, SG_METRIC_L1 } sg_metric;

/* What a trained model is, as a file or a meta page keeps it; sg_codes_is_valid says whether one can be used. */
typedef struct {
    uint32_t version;
    uint32_t metric; /* sg_metric */
    uint32_t dims;
    uint32_t coordinates1; /* of level 1 */
    uint32_t coordinates2; /* of level 2; 0 without one */
    uint32_t lines2;       /* a record of level 2 has 64 bytes times this */
    uint32_t has_level3;
    int32_t exponent; /* rows are scaled by 2^-exponent, so that lengths are near 1 */
    float eta;        /* |V V' - I|, V the rotation as stored: at most this */
    float step1;      /* unit of the squares that rows of level 1 store; level 2 */
    float step2;
    float explained1; /* share of the sample's variance in level 1; in both: how well the rotation fits */
    float explained2;
    uint32_t reserved[3];
} sg_codes_header;

/* The header and the arrays that go with it. */
typedef struct {
    sg_codes_header header;
    const float *centre;   /* dims */
    const float *rotation; /* coordinates1 + coordinates2 rows of dims; l1: the numbers of its coordinates1 */
    const float *low;      /* of each coordinate: the value of code 0 ... */
    const float *step;     /* ... and the distance to the next */
} sg_codes_model;

int sg_codes_is_valid(const sg_codes_header *header);

/* Asked between the steps of long work, each of a few milliseconds; NULL, or without a function: never. */
typedef struct {
    int (*ask)(void *context); /* not 0: stop */
    void *context;
} sg_stop;

static inline int sg_is_stopped(const sg_stop *stop) {
    return stop != NULL && stop->ask != NULL && stop->ask(stop->context);
}

/* Training. */

typedef struct {
    sg_metric metric;
    size_t dims;
    const float *sample; /* sample_rows of dims, spread over all rows */
    size_t sample_rows;
    size_t rows;           /* of which this is a sample */
    uint32_t coordinates1; /* 0: chosen by cost */
    uint32_t coordinates2; /* counts only when coordinates1 is given */
    int without_level3;    /* where the shape is chosen, up to 128 dims have none anyway */
    const sg_stop *stop;   /* NULL: nothing stops it */
} sg_codes_training;

/* Rows worth sampling, at most `rows`. */
size_t sg_codes_sample_rows(size_t rows, size_t dims);
/* Bytes of scratch memory for training (aligned to 64 bytes). */
size_t sg_codes_training_bytes(size_t sample_rows, size_t dims);
/* Floats of the rotation's buffer, and of low and step each. */
size_t sg_codes_rotation_floats(size_t dims);

/*
 * Fills header, centre (dims floats), rotation, low and step (SG_MAX_COORDINATES each). A model is as right for rows
 * that were not in the sample; only its codes may fit them less well. One thread. Where `stop` says so it returns early,
 * and what it has filled is of no use.
 */
void sg_codes_train(const sg_codes_training *training, sg_codes_header *header, float *centre,
                    float *rotation, float *low, float *step, void *scratch);

/* |V V' - I| in the Frobenius norm, rounded up, of count rows of dims: what eta has to be at least. */
double sg_codes_measure_rotation(const float *rotation, size_t count, size_t dims);

/* Encoding. */

size_t sg_codes_block_bytes(const sg_codes_header *header);  /* of SG_BLOCK_ROWS rows */
size_t sg_codes_level2_bytes(const sg_codes_header *header); /* a row; 0 without the level */
size_t sg_codes_level3_bytes(const sg_codes_header *header);
size_t sg_codes_encoding_bytes(const sg_codes_header *header); /* of scratch memory, aligned to 64 */

/*
 * Encodes count rows. They become rows first_slot, first_slot + 1 ... of the blocks, and records 0, 1 ... of level2
 * and level3. Threads may encode different blocks at the same time. Slots that no row has stay as they are: fill new
 * blocks by sg_codes_clear_blocks first.
 */
void sg_codes_encode(const sg_codes_model *model, const float *rows, size_t count, void *blocks,
                     size_t first_slot, void *level2, void *level3, void *scratch);

/* Empty slots: their bounds are infinite (inner product: finite, so callers mask them). */
void sg_codes_clear_blocks(const sg_codes_header *header, void *blocks, size_t count);

/* Level 1 of one row, from one slot to another; the blocks may be the same. */
void sg_codes_copy_row(const sg_codes_header *header, const void *from, size_t from_slot, void *to,
                       size_t to_slot);

/* Searching. */

/* What a scan reads of a query; the layout is private to the kernels. */
typedef struct {
    uint32_t chunks; /* of 8 coordinates */
    float constant, per_dot, per_square, error, dropped_low, dropped_high, per_error, per_dropped;
    const int8_t *weights;
} sg_level1_query;

typedef struct {
    uint32_t lines;
    float constant, per_dot, per_square, error, dropped_low, dropped_high, per_error, per_dropped;
    float first_low, first_high, per_first; /* dropped norm of level 1, which this level replaces */
    const int8_t *weights;
} sg_level2_query;

typedef struct {
    double constant, per_dot, error, per_error;
    int64_t bias;
    const int8_t *high, *low;
} sg_level3_query;

typedef struct {
    const sg_codes_model *model;
    sg_bound_model bound;
    double scale;       /* 2^-exponent */
    double query_scale; /* inner product: what the query was multiplied by */
    int has_no_bound; /* the query is so far out that nothing can be dismissed; all bounds are 0 or -infinity */
    int is_zero;      /* cosine: the query has no direction, so all distances are NaN */
    sg_level1_query level1;
    sg_level2_query level2;
    sg_level3_query level3;
} sg_codes_query;

/* Bytes behind a query (aligned to 64): they live as long as it. */
size_t sg_codes_query_bytes(const sg_codes_header *header);
void sg_codes_prepare(const sg_codes_model *model, const float *query, sg_codes_query *out, void *memory);

/*
 * In the units of bounds: every row whose bound is above the limit has a measured distance above `worst`. INFINITY
 * (nothing can be dismissed) for NaN and infinity. Distances: l2 the root, cosine 1 - cos, inner product -q.x, l1 the sum.
 */
float sg_codes_limit(const sg_codes_query *query, double worst, sg_measure measure);

/* A bound in the units of distances, rounded down: what an index hands to an executor. */
double sg_codes_distance(const sg_codes_query *query, float bound, sg_measure measure);

typedef struct {
    const char *name; /* "scalar", "avx2", "avx2 vnni", "avx512 vnni" */
    /* bounds[32 b + r] of row r of block b; bit r of masks[b]: its bound is not above the limit. */
    void (*scan)(const sg_codes_query *query, const void *blocks, size_t count, float limit, float *bounds,
                 uint32_t *masks);
    /*
     * The same with an estimate of each row's distance, to find the nearest soon: no bound, but without the row's
     * error, which would bring rows forward that are coded badly. The masks are of the estimates.
     */
    void (*scan_near)(const sg_codes_query *query, const void *blocks, size_t count, float limit,
                      float *bounds, float *estimates, uint32_t *masks);
    /* Rows of bounds that are not above the limit: ids and their bounds, in order. Returns how many. */
    size_t (*collect)(const float *bounds, size_t count, float limit, uint32_t *ids, float *kept);
    /*
     * Bounds of single rows from their records: bounds[i] holds what level 1 said of row ids[i], and becomes what
     * both say. ids count from `records`. Asks for memory ahead.
     */
    void (*refine2)(const sg_codes_query *query, const void *records, const uint32_t *ids, size_t count,
                    float *bounds);
    void (*refine3)(const sg_codes_query *query, const void *records, const uint32_t *ids, size_t count,
                    float *bounds);
} sg_codes_kernels;

/* Those that go with sg_active() on this CPU. Asks the CPU, which a virtual machine makes slow: keep the answer. */
const sg_codes_kernels *sg_codes_active(void);

/*
 * Distances of a query and single rows in double, each one sum from the first element to the last, as a plain loop
 * gives; rows[i] points to dims floats. Eight rows at a time are as fast as one.
 */
void sg_exact_distances(sg_metric metric, const float *query, const float *const *rows, size_t count,
                        size_t dims, double *out);

#ifdef __cplusplus
}
#endif

#endif
