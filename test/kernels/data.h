/* SPDX-License-Identifier: MIT */
#ifndef DATA_H
#define DATA_H

#include "simdgres.h"

/* splitmix64: the same numbers on every machine. */
typedef struct {
    uint64_t state;
} rng;

uint64_t random_u64(rng *generator);
/* Uniform in [-1, 1). */
double random_signed(rng *generator);

/* Memory of size bytes that ends where an inaccessible page begins: one byte read too far is a fault. */
typedef struct {
    void *mapping;
    size_t mapping_bytes;
    char *start; /* of the size bytes */
} guarded;

guarded guarded_alloc(size_t bytes);
void guarded_free(guarded memory);

/*
 * How test vectors are filled. DATA_UNIT is uniform in [-1, 1); DATA_WIDE has magnitudes from 2^-12 to 2^12,
 * so that sums cancel and roundings differ; DATA_POSITIVE lets every rounding error add up.
 */
typedef enum { DATA_UNIT, DATA_WIDE, DATA_POSITIVE, DATA_KIND_COUNT } data_kind;

size_t element_bytes(sg_type type);
void fill(sg_type type, data_kind kind, void *to, size_t n, rng *generator);

/* Stores value in element i; integers and bits take its integer part. */
void store_element(sg_type type, void *to, size_t i, double value);

#endif
