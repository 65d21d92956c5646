/* SPDX-License-Identifier: MIT
 *
 * What is true, and how far from it a kernel says it may be.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "simdgres.h"

typedef enum { FORM_PAIR, FORM_MANY, FORM_TILE } call_form;

typedef struct {
    long double value;
    double term_sum; /* sum of |terms| */
} truth;

/* An element as a number: exact for every type. */
double element_value(sg_type type, const void *from, size_t i);

/* The distance, computed with compensated summation in long double (int64 for int8 and bits). */
truth true_distance(sg_type type, sg_op op, const void *a, const void *b, size_t n);
long double true_norm(sg_type type, const void *a, size_t n);

/* The error bounds that the contracts in native/kernels state, without any addition. */
double distance_bound(sg_isa isa, sg_type type, sg_op op, call_form form, size_t n, truth expected);
double norm_bound(sg_isa isa, sg_type type, size_t n, long double expected);

#endif
