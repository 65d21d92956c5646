/* SPDX-License-Identifier: MIT */
#include "topk.h"

void sg_topk_init(sg_topk *top, sg_hit *buffer, uint32_t k) {
    top->hits = buffer;
    top->k = k;
    top->count = 0;
}

/* Puts hit where the hole at slot is, or below it, so that the first count hits are a heap again. */
static void sift_down(sg_hit *hits, uint32_t count, uint32_t slot, sg_hit hit) {
    for (;;) {
        uint64_t child = 2 * (uint64_t)slot + 1; /* 64 bits: k may be close to 2^32 */
        if (child >= count)
            break;
        if (child + 1 < count && sg_hit_precedes(hits[child], hits[child + 1]))
            child++;
        if (!sg_hit_precedes(hit, hits[child]))
            break;
        hits[slot] = hits[child];
        slot = (uint32_t)child;
    }
    hits[slot] = hit;
}

static void sift_up(sg_hit *hits, uint32_t slot, sg_hit hit) {
    while (slot > 0) {
        const uint32_t parent = (slot - 1) / 2;
        if (!sg_hit_precedes(hits[parent], hit))
            break;
        hits[slot] = hits[parent];
        slot = parent;
    }
    hits[slot] = hit;
}

void sg_topk_offer(sg_topk *top, sg_hit hit) {
    if (top->count < top->k)
        sift_up(top->hits, top->count++, hit);
    else if (sg_hit_precedes(hit, top->hits[0]))
        sift_down(top->hits, top->count, 0, hit);
}

/* Heap sort: in place, since kernels do not allocate. */
void sg_topk_sort(sg_topk *top) {
    for (uint32_t last = top->count; last-- > 1;) {
        const sg_hit hit = top->hits[last];
        top->hits[last] = top->hits[0];
        sift_down(top->hits, last, 0, hit);
    }
}
