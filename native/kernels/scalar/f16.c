/* SPDX-License-Identifier: MIT
 *
 * Each half is widened exactly; from there on everything said in f32.c holds: accumulator, error, overflow,
 * NaN.
 */
#include "../half.h"

#define TYPE f16
#define ELEMENT sg_f16
#define VALUE double
#define WIDEN(x) ((double)sg_widen_f16(x))
#include "distances.h"
