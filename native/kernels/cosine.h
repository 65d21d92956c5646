/* SPDX-License-Identifier: MIT */
#ifndef SG_COSINE_H
#define SG_COSINE_H

#include "kernels.h"

#include <math.h>

/*
 * Cosine distance from a.b, a.a and b.b. A zero norm gives 0/0, which is the NaN that the contract asks for;
 * both comparisons let NaN through. The product of two sums of squares of floats stays inside a double's
 * range.
 */
SG_ALWAYS_INLINE double sg_cosine_distance(double ab, double aa, double bb) {
    const double distance = 1.0 - ab / sqrt(aa * bb);
    if (distance < 0.0)
        return 0.0;
    return distance > 2.0 ? 2.0 : distance;
}

#endif
