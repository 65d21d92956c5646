/* SPDX-License-Identifier: MIT
 *
 * The border between PostgreSQL's datums and the kernels: an operand is a checked, aligned run of elements.
 */
#ifndef SIMDGRES_OPERAND_H
#define SIMDGRES_OPERAND_H

#include "postgres.h"

/* The longest value that can carry a one-byte header, with room for the four-byte header it is given. */
#define UNPACKED_BYTES (UINT8_MAX + sizeof(int32))

typedef struct {
    const void *elements;
    int32 length; /* elements; bits of a bit string */
    /* Where a value with a one-byte header is moved to. Such a header puts the elements at an odd address;
     * x86 would read them, C does not allow it, and the kernels ask for the alignment of an element. */
    union {
        int32 header;
        char bytes[UNPACKED_BYTES];
    } unpacked;
} Operand;

/*
 * Fills operand from a datum of the type in the name. A plain value inside a heap tuple is used where it
 * lies; only a short, compressed or out-of-line one is copied. The operand lives as long as the datum, the
 * caller's memory context and the operand itself.
 *
 * Errors: ERRCODE_DATA_CORRUPTED when size and dimensions of a pgvector value do not agree;
 * ERRCODE_ARRAY_SUBSCRIPT_ERROR and ERRCODE_NULL_VALUE_NOT_ALLOWED for arrays.
 */
typedef void (*OperandReader)(Operand *operand, Datum datum);

extern void read_vector(Operand *operand, Datum datum);
extern void read_halfvec(Operand *operand, Datum datum);
extern void read_real_array(Operand *operand, Datum datum);
extern void read_bit_string(Operand *operand, Datum datum);

#endif
