/* SPDX-License-Identifier: MIT
 *
 * Training of a model from a sample of the rows.
 */
#include "index.h"

/* Up to here level 1 has all coordinates; level 3, which a search in memory does without, saves visits to the heap. */
#define WHOLE_DIMS 128

/* Fewer rows say too little; training takes this much even where maintenance_work_mem is less. */
#define LEAST_SAMPLE 256

uint32 sgi_sample_rows(uint32 dims, double rows, Size bytes) {
    Size most = sg_codes_sample_rows(rows < PG_UINT32_MAX ? (Size)rows : PG_UINT32_MAX, dims);

    while (most > LEAST_SAMPLE && most * dims * sizeof(float) + sg_codes_training_bytes(most, dims) > bytes)
        most = Max(most * 7 / 8, LEAST_SAMPLE);
    return (uint32)most;
}

SgiTraining sgi_train(sg_metric metric, uint32 dims, const float *sample, uint32 sample_rows, double rows) {
    SgiTraining trained;
    sg_codes_training training = {.metric = metric,
                                  .dims = dims,
                                  .sample = sample,
                                  .sample_rows = sample_rows,
                                  .rows = (size_t)Max(rows, sample_rows),
                                  .coordinates1 = dims <= WHOLE_DIMS ? dims : 0};

    trained.centre = sgi_allocate_aligned(dims * sizeof(float));
    trained.rotation = sgi_allocate_aligned(sg_codes_rotation_floats(dims) * sizeof(float));
    trained.low = sgi_allocate_aligned(SG_MAX_COORDINATES * sizeof(float));
    trained.step = sgi_allocate_aligned(SG_MAX_COORDINATES * sizeof(float));
    void *scratch =
        MemoryContextAllocHuge(CurrentMemoryContext, sg_codes_training_bytes(sample_rows, dims) + 64);
    sg_codes_train(&training, &trained.codes.header, trained.centre, trained.rotation, trained.low,
                   trained.step, sgi_align(scratch));
    pfree(scratch);
    trained.codes.centre = trained.centre;
    trained.codes.rotation = trained.rotation;
    trained.codes.low = trained.low;
    trained.codes.step = trained.step;
    return trained;
}
