/* SPDX-License-Identifier: MIT
 *
 * Selection, for any width of register: once k numbers are kept, one comparison turns away LANES distances.
 * The including file defines ISA, LANES and
 *   find_below(p, limit), find_at_most(p, limit)   a bit per distance that is < limit, or <= limit; NaN is
 *                                                  neither
 */
#include "../topk.h"

#define PUSH_NAME_(isa) sg_topk_push_##isa
#define PUSH_NAME(isa) PUSH_NAME_(isa)

/*
 * The ids of a push rise: when the worst hit kept has a smaller id than the next candidate, an equal distance
 * cannot enter. Without this, data full of equal distances (small integers) would pass the filter all the
 * time.
 */
SG_ALWAYS_INLINE uint32_t find_candidates(const sg_hit *worst, const float *distances, uint32_t first_id) {
    return worst->id < first_id ? find_below(distances, worst->distance)
                                : find_at_most(distances, worst->distance);
}

void PUSH_NAME(ISA)(sg_topk *top, const float *distances, size_t count, uint32_t first_id) {
    size_t i = 0;
    while (i < count && !sg_topk_has_threshold(top)) {
        sg_topk_offer(top, (sg_hit){distances[i], first_id + (uint32_t)i});
        i++;
    }
    for (; i + LANES <= count; i += LANES) {
        uint32_t found = find_candidates(&top->hits[0], distances + i, first_id + (uint32_t)i);
        for (; found != 0; found &= found - 1) {
            const size_t j = i + (size_t)__builtin_ctz(found);
            sg_topk_offer(top, (sg_hit){distances[j], first_id + (uint32_t)j});
        }
    }
    for (; i < count; i++)
        if (distances[i] <= top->hits[0].distance)
            sg_topk_offer(top, (sg_hit){distances[i], first_id + (uint32_t)i});
}
