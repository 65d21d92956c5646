/* SPDX-License-Identifier: MIT
 *
 * The k nearest of what is offered: a max-heap over the caller's buffer. The order is total: smaller distance, then
 * smaller id; NaN after every number.
 */
#ifndef SG_NEAREST_H
#define SG_NEAREST_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double distance;
    uint64_t id;
} sg_neighbour;

typedef struct {
    sg_neighbour *kept; /* kept[0] is the worst */
    size_t k;
    size_t count;
} sg_nearest;

static inline int sg_is_nearer(sg_neighbour a, sg_neighbour b) {
    if (a.distance < b.distance)
        return 1;
    if (b.distance < a.distance)
        return 0;
    const int a_is_nan = a.distance != a.distance, b_is_nan = b.distance != b.distance;
    return a_is_nan != b_is_nan ? b_is_nan : a.id < b.id;
}

/* buffer holds k neighbours; k >= 1. */
static inline void sg_nearest_init(sg_nearest *nearest, sg_neighbour *buffer, size_t k) {
    nearest->kept = buffer;
    nearest->k = k;
    nearest->count = 0;
}

/* No row with a greater distance can still enter; infinity while there is room, NaN while a NaN is kept. */
static inline double sg_nearest_worst(const sg_nearest *nearest) {
    return nearest->count < nearest->k ? INFINITY : nearest->kept[0].distance;
}

/* Puts the neighbour where the hole at slot is, or below, so that the first count are a heap again. */
static inline void sg_nearest_sift(sg_neighbour *kept, size_t count, size_t slot, sg_neighbour neighbour) {
    for (size_t child; (child = 2 * slot + 1) < count; slot = child) {
        if (child + 1 < count && sg_is_nearer(kept[child], kept[child + 1]))
            child++;
        if (!sg_is_nearer(neighbour, kept[child]))
            break;
        kept[slot] = kept[child];
    }
    kept[slot] = neighbour;
}

static inline void sg_nearest_offer(sg_nearest *nearest, double distance, uint64_t id) {
    const sg_neighbour neighbour = {distance, id};
    if (nearest->count < nearest->k) {
        size_t slot = nearest->count++;
        for (; slot > 0 && sg_is_nearer(nearest->kept[(slot - 1) / 2], neighbour); slot = (slot - 1) / 2)
            nearest->kept[slot] = nearest->kept[(slot - 1) / 2];
        nearest->kept[slot] = neighbour;
    } else if (sg_is_nearer(neighbour, nearest->kept[0])) {
        sg_nearest_sift(nearest->kept, nearest->count, 0, neighbour);
    }
}

/* Nearest first; offer no more after it. */
static inline void sg_nearest_sort(sg_nearest *nearest) {
    for (size_t last = nearest->count; last-- > 1;) {
        const sg_neighbour neighbour = nearest->kept[last];
        nearest->kept[last] = nearest->kept[0];
        sg_nearest_sift(nearest->kept, last, 0, neighbour);
    }
}

#endif
