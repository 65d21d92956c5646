/* SPDX-License-Identifier: MIT
 *
 * simdgres kernels: distances between vectors, and selection of the nearest.
 *
 * Pure C11: no allocation, no I/O, no globals but what sg_init chooses. Pointers need the alignment of their
 * element only. Kernels trust their input (callers validate at their own border) and never read past the end.
 */
#ifndef SIMDGRES_H
#define SIMDGRES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SG_VERSION "0.1.0"

/* IEEE 754 binary16, as bits: C11 has no such type. */
typedef uint16_t sg_f16;

/* An element of SG_B1 is one byte of eight bits; lengths of bit vectors are in bytes. */
typedef enum { SG_F32, SG_F16, SG_I8, SG_B1, SG_TYPE_COUNT } sg_type;

/*
 * SG_DOT      sum a*b
 * SG_L2SQ     sum (a-b)^2
 * SG_L1       sum |a-b|
 * SG_COS      cosine distance, 1 - a.b / sqrt(a.a * b.b), clamped to [0, 2]; NaN when a norm is zero
 * SG_HAMMING  number of differing bits
 * SG_JACCARD  1 - |a and b| / |a or b|; 1 when a and b share no bit (two empty sets included)
 */
typedef enum { SG_DOT, SG_L2SQ, SG_L1, SG_COS, SG_HAMMING, SG_JACCARD, SG_OP_COUNT } sg_op;

typedef enum { SG_ISA_SCALAR, SG_ISA_AVX2, SG_ISA_AVX512, SG_ISA_COUNT } sg_isa;

/* Distance of a and b, n elements each. Integer results are exact. */
typedef double (*sg_pair_fn)(const void *a, const void *b, size_t n);

/* sqrt(a.a) of n elements. */
typedef double (*sg_norm_fn)(const void *a, size_t n);

/*
 * out[i] = distance of query and row i, rounded to float; row i starts stride_bytes * i after rows.
 * The one-call-per-block form: the query stays in cache and the call is paid once for count rows.
 */
typedef void (*sg_many_fn)(const void *query, const void *rows, size_t count, size_t stride_bytes, size_t n,
                           float *out);

/*
 * out[q * out_stride + r] = distance of query q and row r: every row that is read from memory serves all
 * queries. out_stride counts floats and is at least row_count.
 */
typedef void (*sg_tile_fn)(const void *queries, size_t query_count, size_t query_stride_bytes,
                           const void *rows, size_t row_count, size_t row_stride_bytes, size_t n, float *out,
                           size_t out_stride);

/* One candidate of a search. */
typedef struct {
    float distance;
    uint32_t id;
} sg_hit;

/*
 * The k nearest seen so far, a binary max-heap over the caller's buffer of k hits. The order is total:
 * smaller distance first, then smaller id; NaN comes after every number. k >= 1.
 */
typedef struct {
    sg_hit *hits;
    uint32_t k;
    uint32_t count;
} sg_topk;

/* Offers distances[i] with id first_id + i, i < count. */
typedef void (*sg_topk_push_fn)(sg_topk *top, const float *distances, size_t count, uint32_t first_id);

/* All kernels of one instruction set. pair/many entries that make no sense (hamming of f32) are NULL; tile
 * exists for SG_DOT and SG_L2SQ of SG_F32, SG_F16 and SG_I8, everything else is NULL. */
typedef struct {
    sg_isa isa;
    const char *name; /* "scalar", "avx2", "avx512": what SIMDGRES_ISA accepts */
    sg_pair_fn pair[SG_TYPE_COUNT][SG_OP_COUNT];
    sg_many_fn many[SG_TYPE_COUNT][SG_OP_COUNT];
    sg_tile_fn tile[SG_TYPE_COUNT][SG_OP_COUNT];
    sg_norm_fn norm[SG_TYPE_COUNT];
    sg_topk_push_fn topk_push;
    void (*f16_to_f32)(const sg_f16 *from, float *to, size_t n);
    void (*f32_to_f16)(const float *from, sg_f16 *to, size_t n); /* to nearest even, overflow to infinity */
} sg_kernels;

typedef enum {
    SG_OK,
    SG_ERR_UNKNOWN_ISA,    /* the forced name is none of ours */
    SG_ERR_UNSUPPORTED_ISA /* this CPU or operating system cannot run it */
} sg_status;

/*
 * Selects the kernels: the one named by forced, or the best this machine runs when forced is NULL or "".
 * Call once, before threads start (module load); callers pass getenv("SIMDGRES_ISA"). On error the
 * selection is unchanged.
 */
sg_status sg_init(const char *forced);

/* The selected kernels; scalar until sg_init succeeds. Never NULL. */
const sg_kernels *sg_active(void);

/* The kernels of one instruction set, or NULL when this machine cannot run it. */
const sg_kernels *sg_for_isa(sg_isa isa);

/* "scalar, avx2, avx512": every name sg_init knows, for error messages. */
const char *sg_isa_names(void);

/* CPU features found, as a space-separated list ("avx2 fma f16c avx512f ..."), for reports. */
const char *sg_cpu_features(void);

const char *sg_type_name(sg_type type); /* "f32" ... */
const char *sg_op_name(sg_op op);       /* "l2sq" ... */

/* buffer holds k hits and outlives top. */
void sg_topk_init(sg_topk *top, sg_hit *buffer, uint32_t k);

/* Sorts the collected hits ascending; push no more after it. */
void sg_topk_sort(sg_topk *top);

#ifdef __cplusplus
}
#endif

#endif
