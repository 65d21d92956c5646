/* SPDX-License-Identifier: MIT */
#ifndef SG_JACCARD_H
#define SG_JACCARD_H

#include "kernels.h"

/* 1 - |a and b| / |a or b|; without a shared bit it is 1, which also keeps 0/0 away. */
SG_ALWAYS_INLINE double sg_jaccard_distance(uint64_t both, uint64_t either) {
    return both == 0 ? 1.0 : 1.0 - (double)both / (double)either;
}

#endif
