/* SPDX-License-Identifier: MIT
 *
 * A set with its trained model and codes, in memory of exactly the sizes that the library asks for.
 */
#ifndef CODED_H
#define CODED_H

#include "sets.h"
#include "sg_search.h"

typedef struct {
    sg_codes_model model;
    sg_coded_rows rows;
    float *centre, *rotation, *low, *step;
    void *blocks, *level2, *level3;
} coded_set;

void *aligned_memory(size_t bytes); /* 64 bytes; free() */
coded_set encode_set(const test_set *set);
void free_coded(coded_set *coded);

#endif
