/* SPDX-License-Identifier: MIT */
#include "operand.h"

#include "simdgres.h"
#include "utils/array.h"
#include "utils/varbit.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * What `vector` and `halfvec` look like on disk. Not every package of pgvector installs its headers, and
 * its files are the contract anyway: they must stay readable from version to version (0.5 to 0.8 were read
 * for this).
 */
typedef struct {
    int32 varlena_header;
    int16 dims;
    int16 reserved; /* always zero */
    char elements[FLEXIBLE_ARRAY_MEMBER];
} PgvectorValue;

StaticAssertDecl(offsetof(PgvectorValue, dims) == 4, "dims follow the varlena header");
StaticAssertDecl(offsetof(PgvectorValue, elements) == 8, "elements follow the reserved word");
StaticAssertDecl(sizeof(float4) == 4 && sizeof(sg_f16) == 2, "elements are binary32 and binary16");

/*
 * The value with a four-byte header, inline. PG_DETOAST_DATUM would allocate for a short header, once per
 * row of a table of small vectors; room in the operand is free.
 */
static struct varlena *open_value(Operand *operand, Datum datum) {
    struct varlena *value = (struct varlena *)DatumGetPointer(datum);

    if (!VARATT_IS_SHORT(value) || VARATT_IS_EXTERNAL(value)) /* a toast pointer looks short, too */
        return pg_detoast_datum(value);

    Size payload = VARSIZE_SHORT(value) - VARHDRSZ_SHORT;
    struct varlena *aligned = (struct varlena *)operand->unpacked.bytes;

    SET_VARSIZE(aligned, payload + VARHDRSZ);
    memcpy(VARDATA(aligned), VARDATA_SHORT(value), payload);
    return aligned;
}

/* A layout that is not the one above must be an error, never a wrong distance. */
static void read_pgvector_value(Operand *operand, Datum datum, Size element_bytes, const char *type) {
    const struct varlena *value = open_value(operand, datum);
    const PgvectorValue *layout = (const PgvectorValue *)value;
    Size bytes = VARSIZE(value);

    if (unlikely(bytes < offsetof(PgvectorValue, elements) || layout->dims < 0 || layout->reserved != 0 ||
                 bytes != offsetof(PgvectorValue, elements) + element_bytes * (Size)layout->dims))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("%s value of %zu bytes is not laid out as simdgres expects", type, bytes),
                        errdetail("Expected an 8-byte header and %zu bytes per dimension.", element_bytes),
                        errhint("Use a version of simdgres that knows the installed version of pgvector.")));

    operand->elements = layout->elements;
    operand->length = layout->dims;
}

void read_vector(Operand *operand, Datum datum) {
    read_pgvector_value(operand, datum, sizeof(float4), "vector");
}

void read_halfvec(Operand *operand, Datum datum) {
    read_pgvector_value(operand, datum, sizeof(sg_f16), "halfvec");
}

void read_real_array(Operand *operand, Datum datum) {
    ArrayType *array = (ArrayType *)open_value(operand, datum);

    if (unlikely(ARR_NDIM(array) > 1))
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("array must have one dimension, not %d", ARR_NDIM(array)),
                        errhint("Pass one row of it at a time.")));
    if (unlikely(ARR_HASNULL(array) && array_contains_nulls(array)))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls"),
                        errhint("Replace NULL elements, for example with array_replace(a, NULL, 0).")));

    operand->elements = ARR_DATA_PTR(array);
    operand->length = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
}

void read_bit_string(Operand *operand, Datum datum) {
    VarBit *bits = (VarBit *)open_value(operand, datum);

    operand->elements = VARBITS(bits);
    operand->length = VARBITLEN(bits);
}
