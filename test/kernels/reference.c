/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include "half.h"

#include <math.h>
#include <stdlib.h>

double element_value(sg_type type, const void *from, size_t i) {
    switch (type) {
    case SG_F32:
        return ((const float *)from)[i];
    case SG_F16:
        return sg_widen_f16(((const sg_f16 *)from)[i]);
    case SG_I8:
        return ((const int8_t *)from)[i];
    default:
        return ((const uint8_t *)from)[i];
    }
}

/* Neumaier's sum: the error does not grow with n. */
typedef struct {
    long double sum, correction;
} exact_sum;

static void add(exact_sum *total, long double term) {
    const long double next = total->sum + term;
    total->correction +=
        fabsl(total->sum) >= fabsl(term) ? total->sum - next + term : term - next + total->sum;
    total->sum = next;
}

static long double finish(exact_sum total) {
    return total.sum + total.correction;
}

static truth true_bit_distance(sg_op op, const uint8_t *a, const uint8_t *b, size_t n) {
    uint64_t differing = 0, both = 0, either = 0;
    for (size_t i = 0; i < n; i++) {
        differing += (uint64_t)__builtin_popcount(a[i] ^ b[i]);
        both += (uint64_t)__builtin_popcount(a[i] & b[i]);
        either += (uint64_t)__builtin_popcount(a[i] | b[i]);
    }
    if (op == SG_HAMMING)
        return (truth){(double)differing, (double)differing};
    return (truth){both == 0 ? 1.0L : 1.0L - (long double)both / (long double)either, 1.0};
}

static truth true_integer_distance(sg_op op, const int8_t *a, const int8_t *b, size_t n) {
    int64_t ab = 0, aa = 0, bb = 0, l1 = 0;
    for (size_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
        l1 += abs(a[i] - b[i]);
    }
    if (op == SG_COS)
        return (truth){1.0L - ab / sqrtl((long double)aa * (long double)bb), 1.0};
    const int64_t sum = op == SG_DOT ? ab : op == SG_L2SQ ? aa - 2 * ab + bb : l1;
    return (truth){(long double)sum, (double)sum};
}

truth true_distance(sg_type type, sg_op op, const void *a, const void *b, size_t n) {
    if (type == SG_B1)
        return true_bit_distance(op, a, b, n);
    if (type == SG_I8)
        return true_integer_distance(op, a, b, n);
    exact_sum sum = {0, 0}, magnitudes = {0, 0}, aa = {0, 0}, bb = {0, 0};
    for (size_t i = 0; i < n; i++) {
        const long double x = element_value(type, a, i), y = element_value(type, b, i);
        const long double product = x * y, difference = x - y;
        const long double term = op == SG_L2SQ ? difference * difference
                                 : op == SG_L1 ? fabsl(difference)
                                               : product;
        add(&sum, term);
        add(&magnitudes, fabsl(term));
        add(&aa, x * x);
        add(&bb, y * y);
    }
    if (op != SG_COS)
        return (truth){finish(sum), (double)finish(magnitudes)};
    return (truth){1.0L - finish(sum) / sqrtl(finish(aa) * finish(bb)), 1.0};
}

long double true_norm(sg_type type, const void *a, size_t n) {
    exact_sum sum = {0, 0};
    for (size_t i = 0; i < n; i++) {
        const long double x = element_value(type, a, i);
        add(&sum, x * x);
    }
    return sqrtl(finish(sum));
}

static size_t lane_count(sg_isa isa) {
    return isa == SG_ISA_AVX512 ? 16 : 8;
}

/* The longest chain of roundings: simd/float_distances.h and scalar/f32.c. */
static double rounding_depth(sg_isa isa, call_form form, size_t n) {
    if (isa == SG_ISA_SCALAR)
        return (double)n;
    const size_t lanes = lane_count(isa);
    const double one_chain = ceil((double)n / (double)lanes);
    const double four_chains = floor((double)n / (double)(4 * lanes)) + 5;
    const double chain = form != FORM_TILE ? fmin(one_chain, four_chains) : one_chain;
    return chain + log2((double)lanes);
}

static double accumulated(double depth, double unit) {
    return depth * unit / (1 - depth * unit);
}

/* Before the rounding to float that the many and tile forms end with. */
static double sum_bound(sg_isa isa, sg_type type, sg_op op, call_form form, size_t n, truth expected) {
    if (type == SG_I8 || type == SG_B1)
        return op == SG_COS || op == SG_JACCARD ? 0x1p-51 : 0;
    const double unit = isa == SG_ISA_SCALAR ? 0x1p-53 : 0x1p-24;
    if (op == SG_COS) {
        const double error = accumulated(rounding_depth(isa, FORM_TILE, n), unit);
        return 2 * error / (1 - error) + 0x1p-51;
    }
    const double depth = rounding_depth(isa, form, n) + (op == SG_L2SQ ? 2 : op == SG_L1 ? 1 : 0);
    const double underflow = isa == SG_ISA_SCALAR ? 0 : (double)n * 0x1p-149;
    return accumulated(depth, unit) * expected.term_sum + underflow;
}

double distance_bound(sg_isa isa, sg_type type, sg_op op, call_form form, size_t n, truth expected) {
    const double bound = sum_bound(isa, type, op, form, n, expected);
    if (form == FORM_PAIR)
        return bound;
    /* Half a unit in the last place of the float, or of the smallest subnormal. */
    return bound + (fabs((double)expected.value) + bound) * 0x1p-24 + 0x1p-150;
}

double norm_bound(sg_isa isa, sg_type type, size_t n, long double expected) {
    if (type == SG_I8)
        return (double)expected * 0x1p-52;
    const double depth = rounding_depth(isa, FORM_TILE, n);
    return (depth / 2 + 1) * 0x1p-53 / (1 - depth * 0x1p-53) * (double)expected;
}
