/* SPDX-License-Identifier: MIT
 *
 * Accumulator  one double, element by element; a product of two floats is exact in it.
 * Error        |computed - true| <= g * sum of |terms|, g = n * 2^-53 for dot, (n + 2) * 2^-53 for l2sq,
 *              (n + 1) * 2^-53 for l1; norm within (n / 2 + 1) * 2^-53 of itself; cos within
 *              (2 n + 4) * 2^-53. The many and tile forms round once more, to float.
 * Overflow     none: 2^256 times any n is far inside a double.
 * NaN, Inf     as IEEE 754: NaN in, NaN out; Inf - Inf is NaN. A zero vector has norm 0 and cosine NaN.
 */
#define TYPE f32
#define ELEMENT float
#define VALUE double
#define WIDEN(x) ((double)(x))
#include "distances.h"
