/* SPDX-License-Identifier: MIT */
#include "../topk.h"

void sg_topk_push_scalar(sg_topk *top, const float *distances, size_t count, uint32_t first_id) {
    for (size_t i = 0; i < count; i++) {
        /* Most hits are turned away here, without the call. */
        if (sg_topk_has_threshold(top) && !(distances[i] <= top->hits[0].distance))
            continue;
        sg_topk_offer(top, (sg_hit){distances[i], first_id + (uint32_t)i});
    }
}
