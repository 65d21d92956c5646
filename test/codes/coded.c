/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "coded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *aligned_memory(size_t bytes) {
    void *memory;
    if (posix_memalign(&memory, 64, bytes > 0 ? bytes : 1) != 0) {
        fprintf(stderr, "out of memory\n");
        exit(4);
    }
    return memory;
}

coded_set encode_set(const test_set *set) {
    coded_set coded;
    const size_t sampled = sg_codes_sample_rows(set->rows, set->dims);
    float *sample = aligned_memory(sampled * set->dims * sizeof(float));
    for (size_t i = 0; i < sampled; i++)
        memcpy(sample + i * set->dims, set->data + i * set->rows / sampled * set->dims,
               set->dims * sizeof(float));
    const sg_codes_training training = {.metric = set->metric,
                                        .dims = set->dims,
                                        .sample = sample,
                                        .sample_rows = sampled,
                                        .rows = set->rows,
                                        .coordinates1 = set->coordinates1,
                                        .coordinates2 = set->coordinates2,
                                        .without_level3 = set->without_level3};
    coded.centre = aligned_memory(set->dims * sizeof(float));
    coded.rotation = aligned_memory(sg_codes_rotation_floats(set->dims) * sizeof(float));
    coded.low = aligned_memory(SG_MAX_COORDINATES * sizeof(float));
    coded.step = aligned_memory(SG_MAX_COORDINATES * sizeof(float));
    void *scratch = aligned_memory(sg_codes_training_bytes(sampled, set->dims));
    sg_codes_train(&training, &coded.model.header, coded.centre, coded.rotation, coded.low, coded.step,
                   scratch);
    free(scratch);
    free(sample);
    coded.model.centre = coded.centre;
    coded.model.rotation = coded.rotation;
    coded.model.low = coded.low;
    coded.model.step = coded.step;

    const sg_codes_header *header = &coded.model.header;
    const size_t blocks = (set->rows + SG_BLOCK_ROWS - 1) / SG_BLOCK_ROWS;
    coded.blocks = aligned_memory(blocks * sg_codes_block_bytes(header));
    coded.level2 = aligned_memory(set->rows * sg_codes_level2_bytes(header));
    coded.level3 = aligned_memory(set->rows * sg_codes_level3_bytes(header));
    scratch = aligned_memory(sg_codes_encoding_bytes(header));
    sg_codes_clear_blocks(header, coded.blocks, blocks);
    /* In two calls that meet inside a block, as inserts do. */
    const size_t middle = set->rows / 3;
    for (int part = 0; part < 2; part++) {
        const size_t first = part ? middle : 0, count = part ? set->rows - middle : middle;
        sg_codes_encode(&coded.model, set->data + first * set->dims, count, coded.blocks, first,
                        (uint8_t *)coded.level2 + first * sg_codes_level2_bytes(header),
                        (uint8_t *)coded.level3 + first * sg_codes_level3_bytes(header), scratch);
    }
    free(scratch);
    coded.rows =
        (sg_coded_rows){NULL, set->data, set->rows, coded.blocks, coded.level2, coded.level3, NULL, NULL};
    return coded;
}

void free_coded(coded_set *coded) {
    free(coded->centre);
    free(coded->rotation);
    free(coded->low);
    free(coded->step);
    free(coded->blocks);
    free(coded->level2);
    free(coded->level3);
}
