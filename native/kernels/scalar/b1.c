/* SPDX-License-Identifier: MIT
 *
 * Accumulator  64-bit counts.
 * Error        none for hamming; jaccard has the roundings of one division and one subtraction.
 * Overflow     never: 2^61 bytes.
 * Empty sets   two of them, or sets that share nothing, have jaccard distance 1.
 */
#include "../jaccard.h"

#include <string.h>

/* Eight bytes at a time; adjacent sums in registers of 2, 4, then 8 bits: POPCNT is not in the x86-64
 * baseline. */
static uint64_t count_bits(uint64_t word) {
    word -= word >> 1 & 0x5555555555555555;
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return word * 0x0101010101010101 >> 56;
}

static uint64_t load_word(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* The last, incomplete word; missing bytes are zero. */
static uint64_t load_tail(const unsigned char *bytes, size_t count) {
    uint64_t word = 0;
    memcpy(&word, bytes, count);
    return word;
}

#define NAME(op) SG_NAME(op, b1, SG_SCALAR)

double NAME(hamming)(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    const size_t whole = n & ~(size_t)7;
    uint64_t differing = 0;
    for (size_t i = 0; i < whole; i += 8)
        differing += count_bits(load_word(x + i) ^ load_word(y + i));
    differing += count_bits(load_tail(x + whole, n - whole) ^ load_tail(y + whole, n - whole));
    return (double)differing;
}

double NAME(jaccard)(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    const size_t whole = n & ~(size_t)7;
    uint64_t both = 0, either = 0;
    for (size_t i = 0; i < whole; i += 8) {
        const uint64_t left = load_word(x + i), right = load_word(y + i);
        both += count_bits(left & right);
        either += count_bits(left | right);
    }
    const uint64_t left = load_tail(x + whole, n - whole), right = load_tail(y + whole, n - whole);
    return sg_jaccard_distance(both + count_bits(left & right), either + count_bits(left | right));
}

#define DEFINE_MANY(op)                                                                                      \
    void NAME(op##_many)(const void *query, const void *rows, size_t count, size_t stride_bytes, size_t n,   \
                         float *out) {                                                                       \
        const char *row = rows;                                                                              \
        for (size_t i = 0; i < count; i++, row += stride_bytes)                                              \
            out[i] = (float)NAME(op)(query, row, n);                                                         \
    }

DEFINE_MANY(hamming)
DEFINE_MANY(jaccard)
