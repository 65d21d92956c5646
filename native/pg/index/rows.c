/* SPDX-License-Identifier: MIT
 *
 * Vectors become rows of the index, one at a time by insert, a page of level 1 at a time by a build.
 */
#include "index.h"

#include "../operand.h"

#include <math.h>

#include "fmgr.h"
#include "simdgres.h"
#include "utils/lsyscache.h"

/* The operator classes' support functions. The second belongs to those of halfvec alone. */
#define METRIC_FUNCTION 1
#define HALVES_FUNCTION 2

/*
 * pgvector computes norms in float, so beyond these lengths its cosine is not near the true one: squares run out of exponent.
 */
#define SHORTEST_COSINE 0x1p-50
#define LONGEST_COSINE 0x1p60

sg_metric sgi_metric(Relation index) {
    FmgrInfo *function = index_getprocinfo(index, 1, METRIC_FUNCTION);

    return (sg_metric)DatumGetInt32(FunctionCall0Coll(function, InvalidOid));
}

uint32 sgi_dims(Relation index) {
    int32 dims = TupleDescAttr(index->rd_att, 0)->atttypmod;

    if (dims < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions"),
                        errhint("Give its type as %s(n), or index an expression: ((column::%s(n))).",
                                sgi_has_halves(index) ? "halfvec" : "vector",
                                sgi_has_halves(index) ? "halfvec" : "vector")));
    return (uint32)dims;
}

bool sgi_has_halves(Relation index) {
    return OidIsValid(index_getprocid(index, 1, HALVES_FUNCTION));
}

const float *sgi_elements(Relation index, Datum value, int32 *length) {
    Operand *operand = palloc(sizeof *operand);
    bool has_halves = sgi_has_halves(index);

    (has_halves ? read_halfvec : read_vector)(operand, value);
    *length = operand->length;
    if (!has_halves)
        return operand->elements;
    float *elements = palloc((Size)operand->length * sizeof(float));
    sg_active()->f16_to_f32(operand->elements, elements, (size_t)operand->length);
    return elements;
}

const float *sgi_vector(Relation index, Datum value, uint32 dims) {
    int32 length;
    const float *elements = sgi_elements(index, value, &length);

    if (length != (int32)dims)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %u dimensions, not %d", dims, length),
                 errhint("Insert a vector of the index's dimensions.")));
    return elements;
}

double sgi_norm(const float *vector, uint32 dims) {
    /* Sums that do not wait for each other: one alone took a tenth of a build. */
    enum { LANES = 8 };
    double sums[LANES] = {0}, sum = 0;
    uint32 i = 0;

    for (; i + LANES <= dims; i += LANES) {
        for (uint32 lane = 0; lane < LANES; lane++)
            sums[lane] += (double)vector[i + lane] * vector[i + lane];
    }
    for (; i < dims; i++)
        sum += (double)vector[i] * vector[i];
    for (uint32 lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sqrt(sum);
}

SgiLooseKind sgi_classify(sg_metric metric, const float *vector, uint32 dims) {
    if (metric != SG_METRIC_COSINE)
        return SGI_LOOSE_FREE;
    double norm = sgi_norm(vector, dims);
    if (norm == 0)
        return SGI_LOOSE_NAN;
    return norm > SHORTEST_COSINE && norm < LONGEST_COSINE ? SGI_LOOSE_FREE : SGI_LOOSE_UNBOUND;
}

SgiBatch *sgi_create_batch(const SgiModel *model) {
    const SgiLayout *layout = &model->layout;
    const sg_codes_header *codes = &model->codes.header;
    SgiBatch *batch = palloc0(sizeof *batch);

    batch->model = model;
    batch->vectors = sgi_allocate_aligned((Size)layout->rows_per_page * codes->dims * sizeof(float));
    batch->pointers = palloc(layout->rows_per_page * sizeof(ItemPointerData));
    batch->blocks = sgi_allocate_aligned((Size)layout->blocks_per_page * layout->block_bytes);
    batch->level2 = sgi_allocate_aligned((Size)layout->rows_per_page * layout->record2_bytes);
    batch->level3 = sgi_allocate_aligned((Size)layout->rows_per_page * layout->record3_bytes);
    batch->scratch = sgi_allocate_aligned(sg_codes_encoding_bytes(codes));
    return batch;
}

void sgi_encode_batch(SgiBatch *batch) {
    const SgiLayout *layout = &batch->model->layout;

    sg_codes_clear_blocks(&batch->model->codes.header, batch->blocks, layout->blocks_per_page);
    sg_codes_encode(&batch->model->codes, batch->vectors, batch->count, batch->blocks, 0, batch->level2,
                    batch->level3, batch->scratch);
}

static Size level1_bytes(const SgiLayout *layout) {
    return (Size)layout->blocks_per_page * layout->block_bytes;
}

static Buffer open_page(Relation index, BlockNumber block, SgiPageKind kind) {
    return sgi_read_page(index, block, kind, BUFFER_LOCK_EXCLUSIVE);
}

/* Copies records of one kind to their pages, from slot `slot` of a segment on. */
static void write_records(Relation index, SgiPageKind kind, BlockNumber first, uint32 slot, uint32 count,
                          uint32 per_page, Size bytes, const char *records) {
    while (count > 0) {
        uint32 place = slot % per_page, part = Min(count, per_page - place);
        Buffer buffer = open_page(index, first + slot / per_page, kind);
        memcpy(sgi_data(BufferGetPage(buffer)) + place * bytes, records, part * bytes);
        sgi_close_page(buffer);
        records += part * bytes;
        slot += part;
        count -= part;
    }
}

/* A record that is longer than a page. */
static void write_long_record(Relation index, BlockNumber first, uint32 slot, const SgiLayout *layout,
                              const char *record) {
    for (uint32 i = 0; i < layout->pages_per_record3; i++) {
        Size at = (Size)i * SGI_DATA_BYTES, part = Min(layout->record3_bytes - at, SGI_DATA_BYTES);
        Buffer buffer = open_page(index, first + slot * layout->pages_per_record3 + i, SGI_PAGE_LEVEL3);
        memcpy(sgi_data(BufferGetPage(buffer)), record + at, part);
        sgi_close_page(buffer);
    }
}

void sgi_write_batch(Relation index, const SgiBatch *batch, BlockNumber segment, uint32 page) {
    const SgiLayout *layout = &batch->model->layout;
    uint32 slot = page * layout->rows_per_page;
    BlockNumber pointers = segment + layout->pointers_at, level2 = segment + layout->level2_at,
                level3 = segment + layout->level3_at;

    Buffer buffer = open_page(index, segment + page, SGI_PAGE_LEVEL1);
    memcpy(sgi_data(BufferGetPage(buffer)), batch->blocks, level1_bytes(layout));
    sgi_header(BufferGetPage(buffer))->rows = (uint16)batch->count;
    sgi_close_page(buffer);
    write_records(index, SGI_PAGE_POINTERS, pointers, slot, batch->count, SGI_POINTERS_PER_PAGE,
                  sizeof(ItemPointerData), (const char *)batch->pointers);
    if (layout->record2_bytes > 0)
        write_records(index, SGI_PAGE_LEVEL2, level2, slot, batch->count, layout->records2_per_page,
                      layout->record2_bytes, batch->level2);
    if (layout->pages_per_record3 == 1)
        write_records(index, SGI_PAGE_LEVEL3, level3, slot, batch->count, layout->records3_per_page,
                      layout->record3_bytes, batch->level3);
    for (uint32 i = 0; layout->pages_per_record3 > 1 && i < batch->count; i++)
        write_long_record(index, level3, slot + i, layout, batch->level3 + (Size)i * layout->record3_bytes);
}

static BlockNumber create_pages(Relation index, BlockNumber first, uint32 count, SgiPageKind kind,
                                Size bytes) {
    for (uint32 i = 0; i < count; i++)
        sgi_close_page(sgi_new_page(index, MAIN_FORKNUM, first + i, kind, bytes));
    return first + count;
}

BlockNumber sgi_create_segment(Relation index, const SgiModel *model) {
    const SgiLayout *layout = &model->layout;
    BlockNumber first = sgi_allocate(index, MAIN_FORKNUM, layout->segment_pages), next = first;

    for (uint32 i = 0; i < layout->level1_pages; i++, next++) {
        Buffer buffer = sgi_new_page(index, MAIN_FORKNUM, next, SGI_PAGE_LEVEL1, level1_bytes(layout));
        sg_codes_clear_blocks(&model->codes.header, sgi_data(BufferGetPage(buffer)), layout->blocks_per_page);
        sgi_close_page(buffer);
    }
    next = create_pages(index, next, layout->pointer_pages, SGI_PAGE_POINTERS, SGI_DATA_BYTES);
    next = create_pages(index, next, layout->level2_pages, SGI_PAGE_LEVEL2, SGI_DATA_BYTES);
    create_pages(index, next, layout->level3_pages, SGI_PAGE_LEVEL3, SGI_DATA_BYTES);
    return first;
}

/* Records of level 3 that are longer than a page, in WAL records of their own: nothing refers to them yet. */
static void append_long_record(Relation index, BlockNumber first, uint32 slot, const SgiLayout *layout,
                               const char *record) {
    for (uint32 i = 0; i < layout->pages_per_record3; i++) {
        Size at = (Size)i * SGI_DATA_BYTES, part = Min(layout->record3_bytes - at, SGI_DATA_BYTES);
        Buffer buffer = open_page(index, first + slot * layout->pages_per_record3 + i, SGI_PAGE_LEVEL3);
        SgiChange change = sgi_begin_change(index);
        memcpy(sgi_data(sgi_change_page(&change, buffer, 0)), record + at, part);
        sgi_finish_change(&change);
        UnlockReleaseBuffer(buffer);
    }
}

/*
 * Writes the batch's row to a slot of which the pages of level 1 and of pointers are locked, and releases them. One record of
 * WAL makes it known; until then nothing of it counts, since the slot has no pointer.
 */
static void write_slot(Relation index, const SgiBatch *batch, BlockNumber segment, uint32 slot,
                       Buffer level1_buffer, Buffer pointers_buffer) {
    const SgiLayout *layout = &batch->model->layout;
    BlockNumber level2 = segment + layout->level2_at, level3 = segment + layout->level3_at;
    Buffer buffers[4] = {level1_buffer, pointers_buffer}, buffer;
    int opened = 2;
    uint32 row = slot % layout->rows_per_page;

    if (layout->pages_per_record3 > 1)
        append_long_record(index, level3, slot, layout, batch->level3);

    SgiChange change = sgi_begin_change(index);
    Page level1 = sgi_change_page(&change, level1_buffer, 0);
    sg_codes_copy_row(&batch->model->codes.header, batch->blocks, 0, sgi_data(level1), row);
    if (row == sgi_header(level1)->rows)
        sgi_header(level1)->rows = (uint16)(row + 1);
    ItemPointerData *to = (ItemPointerData *)sgi_data(sgi_change_page(&change, pointers_buffer, 0));
    to[slot % SGI_POINTERS_PER_PAGE] = batch->pointers[0];
    if (layout->record2_bytes > 0) {
        buffer = buffers[opened++] =
            open_page(index, level2 + slot / layout->records2_per_page, SGI_PAGE_LEVEL2);
        memcpy(sgi_data(sgi_change_page(&change, buffer, 0)) +
                   (Size)(slot % layout->records2_per_page) * layout->record2_bytes,
               batch->level2, layout->record2_bytes);
    }
    if (layout->pages_per_record3 == 1) {
        buffer = buffers[opened++] =
            open_page(index, level3 + slot / layout->records3_per_page, SGI_PAGE_LEVEL3);
        memcpy(sgi_data(sgi_change_page(&change, buffer, 0)) +
                   (Size)(slot % layout->records3_per_page) * layout->record3_bytes,
               batch->level3, layout->record3_bytes);
    }
    sgi_finish_change(&change);
    while (opened > 0)
        UnlockReleaseBuffer(buffers[--opened]);
}

static BlockNumber pointers_block(const SgiLayout *layout, BlockNumber segment, uint32 slot) {
    return segment + layout->pointers_at + slot / SGI_POINTERS_PER_PAGE;
}

bool sgi_append_row(Relation index, const SgiBatch *batch, BlockNumber segment, uint32 page) {
    const SgiLayout *layout = &batch->model->layout;

    /* Locks are taken in the order of blocks; whoever holds the page of level 1 fills its slots alone. */
    Buffer level1 = open_page(index, segment + page, SGI_PAGE_LEVEL1);
    uint32 row = sgi_header(BufferGetPage(level1))->rows;
    if (row >= layout->rows_per_page) {
        UnlockReleaseBuffer(level1);
        return false;
    }
    uint32 slot = page * layout->rows_per_page + row;
    Buffer pointers = open_page(index, pointers_block(layout, segment, slot), SGI_PAGE_POINTERS);
    write_slot(index, batch, segment, slot, level1, pointers);
    return true;
}

static ItemPointer pointers_of(Buffer buffer) {
    return (ItemPointer)sgi_data(BufferGetPage(buffer));
}

/* The first place of a page of pointers, from `from` to before `end`, without a row; `end` if there is none. */
static uint32 find_free(Relation index, BlockNumber block, uint32 from, uint32 end) {
    Buffer buffer = sgi_read_page(index, block, SGI_PAGE_POINTERS, BUFFER_LOCK_SHARE);

    while (from < end && ItemPointerIsValid(&pointers_of(buffer)[from]))
        from++;
    UnlockReleaseBuffer(buffer);
    return from;
}

bool sgi_reuse_slot(Relation index, const SgiBatch *batch, BlockNumber segment, uint32 page, uint32 *at) {
    const SgiLayout *layout = &batch->model->layout;
    uint32 first = page * SGI_POINTERS_PER_PAGE;
    uint32 end = Min(layout->rows_per_segment - first, SGI_POINTERS_PER_PAGE);
    BlockNumber block = segment + layout->pointers_at + page;

    while ((*at = find_free(index, block, *at, end)) < end) {
        uint32 slot = first + *at, level1_page = slot / layout->rows_per_page;
        Buffer level1 = open_page(index, segment + level1_page, SGI_PAGE_LEVEL1);
        if (slot % layout->rows_per_page > sgi_header(BufferGetPage(level1))->rows) {
            /* It has never had a row, nor have those behind it; the first of these would have been met before. */
            UnlockReleaseBuffer(level1);
            *at = Min((level1_page + 1) * layout->rows_per_page - first, end);
            continue;
        }
        Buffer pointers = open_page(index, block, SGI_PAGE_POINTERS);
        if (!ItemPointerIsValid(&pointers_of(pointers)[*at])) {
            write_slot(index, batch, segment, slot, level1, pointers);
            ++*at;
            return true;
        }
        /* Another insert was faster. */
        UnlockReleaseBuffer(pointers);
        UnlockReleaseBuffer(level1);
    }
    return false;
}
