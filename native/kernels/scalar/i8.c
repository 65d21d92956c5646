/* SPDX-License-Identifier: MIT
 *
 * Accumulator  one 64-bit integer.
 * Error        none for dot, l2sq and l1; norm and cos add the roundings of one sqrt, one division and one
 *              subtraction in double (4 * 2^-53). The many and tile forms round once more, to float.
 * Overflow     never: 2^63 / 255^2 is more elements than memory has bytes; beyond 2^53 the double rounds.
 * NaN, Inf     there are none; a zero vector has norm 0 and cosine NaN.
 */
#define TYPE i8
#define ELEMENT int8_t
#define VALUE int64_t
#define WIDEN(x) ((int64_t)(x))
#include "distances.h"
