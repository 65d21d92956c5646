/* SPDX-License-Identifier: MIT
 *
 * The SQL functions that measure: each is one line of the table at the end of this file.
 *
 * Nothing of a constant query is kept between calls: it arrives inline, so no copy is made of it, and its
 * norm, which the cosine could save, is hidden by the wait for the row (153 ns a row beside 151 ns for L2 at
 * 100 dimensions, 767 beside 773 at 784).
 */
#include "operand.h"

#include <math.h>

#include "fmgr.h"
#include "prefetch.h"
#include "simdgres.h"

/* What each type's values are called in a message; the wording is pgvector's. */
typedef struct {
    OperandReader read;
    sg_type element;
    const char *mismatch;
} OperandType;

static const OperandType vector_type = {read_vector, SG_F32, "different vector dimensions %d and %d"};
static const OperandType halfvec_type = {read_halfvec, SG_F16, "different halfvec dimensions %d and %d"};
static const OperandType real_array_type = {read_real_array, SG_F32, "different array lengths %d and %d"};
static const OperandType bit_type = {read_bit_string, SG_B1, "different bit lengths %d and %d"};

/* Inlined into every function below, so that its type and operation are constants there. */
static pg_attribute_always_inline double measure_pair(FunctionCallInfo fcinfo, const OperandType *type,
                                                      sg_op op) {
    Operand a, b;

    type->read(&a, PG_GETARG_DATUM(0));
    type->read(&b, PG_GETARG_DATUM(1));
    if (unlikely(a.length != b.length))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg(type->mismatch, a.length, b.length),
                        errhint("Compare values of the same length.")));

    size_t elements = (size_t)a.length;
    if (type->element == SG_B1)
        elements = (elements + BITS_PER_BYTE - 1) / BITS_PER_BYTE; /* the core keeps padding bits zero */
    prefetch_next_row(fcinfo);
    return sg_active()->pair[type->element][op](a.elements, b.elements, elements);
}

static pg_attribute_always_inline double measure_norm(FunctionCallInfo fcinfo, const OperandType *type) {
    Operand a;

    type->read(&a, PG_GETARG_DATUM(0));
    prefetch_next_row(fcinfo);
    return sg_active()->norm[type->element](a.elements, (size_t)a.length);
}

#define DEFINE_FUNCTION(name, expression)                                                                    \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS) {                                                               \
        PG_RETURN_FLOAT8(expression);                                                                        \
    }

#define DEFINE_VECTOR_FUNCTIONS(suffix)                                                                      \
    DEFINE_FUNCTION(simdgres_l2_distance_##suffix, sqrt(measure_pair(fcinfo, &suffix##_type, SG_L2SQ)))      \
    DEFINE_FUNCTION(simdgres_inner_product_##suffix, measure_pair(fcinfo, &suffix##_type, SG_DOT))           \
    DEFINE_FUNCTION(simdgres_cosine_distance_##suffix, measure_pair(fcinfo, &suffix##_type, SG_COS))         \
    DEFINE_FUNCTION(simdgres_l1_distance_##suffix, measure_pair(fcinfo, &suffix##_type, SG_L1))              \
    DEFINE_FUNCTION(simdgres_norm_##suffix, measure_norm(fcinfo, &suffix##_type))

DEFINE_VECTOR_FUNCTIONS(vector)
DEFINE_VECTOR_FUNCTIONS(halfvec)
DEFINE_VECTOR_FUNCTIONS(real_array)

DEFINE_FUNCTION(simdgres_hamming_distance_bit, measure_pair(fcinfo, &bit_type, SG_HAMMING))
DEFINE_FUNCTION(simdgres_jaccard_distance_bit, measure_pair(fcinfo, &bit_type, SG_JACCARD))
