/* SPDX-License-Identifier: MIT
 *
 * The kernels of bit vectors, for any width of register. The including file defines ISA and has included a
 * header with LANES (bytes), vec, load_b1, load_tail_b1, vec_and, vec_or, vec_xor, add_bits (adds the number
 * of one bits to 64-bit lanes), vec_sum_u64.
 *
 * Accumulator  64-bit counts.
 * Error        none for hamming; jaccard has the roundings of one division and one subtraction.
 * Overflow     never: 2^61 bytes.
 * Empty sets   two of them, or sets that share nothing, have jaccard distance 1.
 */
#include "../jaccard.h"
#include "stream.h"

#define NAME(op) SG_NAME(op, b1, ISA)

typedef struct {
    vec xor_bits, and_bits, or_bits;
} counts;

SG_ALWAYS_INLINE void count(sg_op op, counts *sums, vec a, vec b) {
    if (op == SG_HAMMING) {
        sums->xor_bits = add_bits(sums->xor_bits, vec_xor(a, b));
    } else {
        sums->and_bits = add_bits(sums->and_bits, vec_and(a, b));
        sums->or_bits = add_bits(sums->or_bits, vec_or(a, b));
    }
}

/* fetches_ahead is a constant: whether to ask for what follows b in memory. */
SG_ALWAYS_INLINE double distance(sg_op op, const unsigned char *a, const unsigned char *b, size_t n,
                                 int fetches_ahead) {
    counts even = {vec_zero(), vec_zero(), vec_zero()}, odd = even;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        if (fetches_ahead)
            fetch_ahead(b + i, 2 * LANES);
        count(op, &even, load_b1(a + i), load_b1(b + i));
        count(op, &odd, load_b1(a + i + LANES), load_b1(b + i + LANES));
    }
    if (fetches_ahead && i < n)
        fetch_ahead(b + i, n - i);
    if (i + LANES <= n) {
        count(op, &even, load_b1(a + i), load_b1(b + i));
        i += LANES;
    }
    if (i < n)
        count(op, &odd, load_tail_b1(a + i, n - i), load_tail_b1(b + i, n - i));
    if (op == SG_HAMMING)
        return (double)vec_sum_u64(vec_add_u64(even.xor_bits, odd.xor_bits));
    return sg_jaccard_distance(vec_sum_u64(vec_add_u64(even.and_bits, odd.and_bits)),
                               vec_sum_u64(vec_add_u64(even.or_bits, odd.or_bits)));
}

SG_ALWAYS_INLINE void many(sg_op op, const unsigned char *query, const unsigned char *rows, size_t count,
                           size_t stride, size_t n, float *out, int fetches_ahead) {
    for (size_t i = 0; i < count; i++)
        out[i] = (float)distance(op, query, rows + i * stride, n, fetches_ahead);
}

#define DEFINE_OP(op, id)                                                                                    \
    double NAME(op)(const void *a, const void *b, size_t n) {                                                \
        return distance(id, a, b, n, 0);                                                                     \
    }                                                                                                        \
    DEFINE_MANY(op, id)

DEFINE_OP(hamming, SG_HAMMING)
DEFINE_OP(jaccard, SG_JACCARD)
