/* SPDX-License-Identifier: MIT */
#include "index.h"

void sgi_open_writer(SgiWriter *writer, Relation index, const SgiModel *model) {
    memset(writer, 0, sizeof *writer);
    writer->index = index;
    writer->batch = sgi_create_batch(model);
    writer->room = 64;
    writer->segments = palloc(writer->room * sizeof(BlockNumber));
}

static void flush(SgiWriter *writer) {
    SgiBatch *batch = writer->batch;
    const SgiLayout *layout = &batch->model->layout;

    if (batch->count == 0)
        return;
    if (writer->count == 0 || writer->page == layout->level1_pages) {
        if (writer->count == writer->room) {
            writer->room *= 2;
            writer->segments = repalloc(writer->segments, writer->room * sizeof(BlockNumber));
        }
        writer->segments[writer->count++] = sgi_create_segment(writer->index, batch->model);
        writer->page = 0;
    }
    sgi_encode_batch(batch);
    sgi_write_batch(writer->index, batch, writer->segments[writer->count - 1], writer->page++);
    batch->count = 0;
}

void sgi_write_row(SgiWriter *writer, const float *vector, ItemPointer pointer) {
    SgiBatch *batch = writer->batch;
    uint32 dims = batch->model->codes.header.dims;

    memcpy(batch->vectors + (Size)batch->count * dims, vector, dims * sizeof(float));
    batch->pointers[batch->count++] = *pointer;
    if (batch->count == batch->model->layout.rows_per_page)
        flush(writer);
}

void sgi_close_writer(SgiWriter *writer) {
    flush(writer);
}
