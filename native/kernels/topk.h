/* SPDX-License-Identifier: MIT
 *
 * Private: the heap behind sg_topk. hits[0] is the worst of those kept; a parent is never better than its
 * children.
 */
#ifndef SG_TOPK_H
#define SG_TOPK_H

#include "kernels.h"

/* The total order of a search: distance, then id; NaN after every number. */
SG_ALWAYS_INLINE int sg_hit_precedes(sg_hit a, sg_hit b) {
    if (a.distance < b.distance)
        return 1;
    if (a.distance > b.distance)
        return 0;
    const int a_is_nan = a.distance != a.distance;
    const int b_is_nan = b.distance != b.distance;
    if (a_is_nan != b_is_nan)
        return b_is_nan;
    return a.id < b.id;
}

/* Offers one hit: O(1) when it is worse than all that are kept, O(log k) otherwise. */
void sg_topk_offer(sg_topk *top, sg_hit hit);

/* Whether a comparison of numbers alone can turn hits away: the heap is full and its worst is a number. */
SG_ALWAYS_INLINE int sg_topk_has_threshold(const sg_topk *top) {
    return top->count == top->k && top->hits[0].distance == top->hits[0].distance;
}

#endif
