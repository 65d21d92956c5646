/* SPDX-License-Identifier: MIT
 *
 * Private: names, prototypes and the table entries of all kernels, derived from one list.
 */
#ifndef SG_KERNELS_H
#define SG_KERNELS_H

#include "simdgres.h"

#define SG_ALWAYS_INLINE static inline __attribute__((always_inline))

/* sg_<op>_<type>_<isa>, with arguments expanded first. */
#define SG_NAME(op, type, isa) SG_NAME_(op, type, isa)
#define SG_NAME_(op, type, isa) sg_##op##_##type##_##isa

#define SG_DECLARE_OP(op, type, isa)                                                                         \
    double sg_##op##_##type##_##isa(const void *a, const void *b, size_t n);                                 \
    void sg_##op##_many_##type##_##isa(const void *query, const void *rows, size_t count,                    \
                                       size_t stride_bytes, size_t n, float *out);
#define SG_DECLARE_TILE(op, type, isa)                                                                       \
    void sg_##op##_tile_##type##_##isa(const void *queries, size_t query_count, size_t query_stride_bytes,   \
                                       const void *rows, size_t row_count, size_t row_stride_bytes,          \
                                       size_t n, float *out, size_t out_stride);
#define SG_DECLARE_NUMERIC(type, isa)                                                                        \
    SG_DECLARE_OP(dot, type, isa)                                                                            \
    SG_DECLARE_OP(l2sq, type, isa)                                                                           \
    SG_DECLARE_OP(l1, type, isa)                                                                             \
    SG_DECLARE_OP(cos, type, isa)                                                                            \
    SG_DECLARE_TILE(dot, type, isa)                                                                          \
    SG_DECLARE_TILE(l2sq, type, isa)                                                                         \
    double sg_norm_##type##_##isa(const void *a, size_t n);
#define SG_DECLARE_BITS(isa)                                                                                 \
    SG_DECLARE_OP(hamming, b1, isa)                                                                          \
    SG_DECLARE_OP(jaccard, b1, isa)
#define SG_DECLARE_REST(isa)                                                                                 \
    void sg_topk_push_##isa(sg_topk *top, const float *distances, size_t count, uint32_t first_id);          \
    void sg_f16_to_f32_##isa(const sg_f16 *from, float *to, size_t n);                                       \
    void sg_f32_to_f16_##isa(const float *from, sg_f16 *to, size_t n);
#define SG_DECLARE(isa)                                                                                      \
    SG_DECLARE_NUMERIC(f32, isa)                                                                             \
    SG_DECLARE_NUMERIC(f16, isa)                                                                             \
    SG_DECLARE_NUMERIC(i8, isa)                                                                              \
    SG_DECLARE_BITS(isa)                                                                                     \
    SG_DECLARE_REST(isa)

/* The last suffix names the extension of the instruction set that one type's kernels need on top. */
SG_DECLARE(scalar)
SG_DECLARE(avx2)
SG_DECLARE(avx512)
SG_DECLARE_NUMERIC(i8, avx512vnni)
SG_DECLARE_BITS(avx512vpopcntdq)

#define SG_NUMERIC_ENTRIES(form, type, isa)                                                                  \
    {                                                                                                        \
        [SG_DOT] = sg_dot##form##type##_##isa, [SG_L2SQ] = sg_l2sq##form##type##_##isa,                      \
        [SG_L1] = sg_l1##form##type##_##isa, [SG_COS] = sg_cos##form##type##_##isa                           \
    }
#define SG_TILE_ENTRIES(type, isa)                                                                           \
    { [SG_DOT] = sg_dot_tile_##type##_##isa, [SG_L2SQ] = sg_l2sq_tile_##type##_##isa }
#define SG_BITS_ENTRIES(form, isa)                                                                           \
    { [SG_HAMMING] = sg_hamming##form##b1_##isa, [SG_JACCARD] = sg_jaccard##form##b1_##isa }

/* An initialiser of sg_kernels; i8_isa and b1_isa are base or one of its extensions. */
#define SG_KERNELS(id, label, base, i8_isa, b1_isa)                                                          \
    {                                                                                                        \
        .isa = id, .name = label,                                                                            \
        .pair = {[SG_F32] = SG_NUMERIC_ENTRIES(_, f32, base),                                                \
                 [SG_F16] = SG_NUMERIC_ENTRIES(_, f16, base),                                                \
                 [SG_I8] = SG_NUMERIC_ENTRIES(_, i8, i8_isa),                                                \
                 [SG_B1] = SG_BITS_ENTRIES(_, b1_isa)},                                                      \
        .many = {[SG_F32] = SG_NUMERIC_ENTRIES(_many_, f32, base),                                           \
                 [SG_F16] = SG_NUMERIC_ENTRIES(_many_, f16, base),                                           \
                 [SG_I8] = SG_NUMERIC_ENTRIES(_many_, i8, i8_isa),                                           \
                 [SG_B1] = SG_BITS_ENTRIES(_many_, b1_isa)},                                                 \
        .tile = {[SG_F32] = SG_TILE_ENTRIES(f32, base),                                                      \
                 [SG_F16] = SG_TILE_ENTRIES(f16, base),                                                      \
                 [SG_I8] = SG_TILE_ENTRIES(i8, i8_isa)},                                                     \
        .norm =                                                                                              \
            {[SG_F32] = sg_norm_f32_##base, [SG_F16] = sg_norm_f16_##base, [SG_I8] = sg_norm_i8_##i8_isa},   \
        .topk_push = sg_topk_push_##base, .f16_to_f32 = sg_f16_to_f32_##base,                                \
        .f32_to_f16 = sg_f32_to_f16_##base                                                                   \
    }

/* The suffix of the scalar kernels; the benchmarks compile them once more under another. */
#ifndef SG_SCALAR
#define SG_SCALAR scalar
#endif

/* One row of the dispatch table. Rows of one instruction set differ by the extensions they use. */
typedef struct {
    const char *extensions; /* "" or what tells this row from the others of its instruction set */
    uint32_t needs;         /* bits of cpu.h */
    sg_kernels kernels;
} sg_candidate;

/* In priority order, best first; the last needs nothing. */
extern const sg_candidate sg_candidates[];
extern const size_t sg_candidate_count;

/*
 * Whether the one-to-many kernels of AVX2 and AVX-512 ask for memory in front of the rows they read; results are
 * the same either way. sg_init sets it to what is faster on this CPU.
 */
extern int sg_fetches_ahead;

#endif
