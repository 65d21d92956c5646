/* SPDX-License-Identifier: MIT */
#include "index.h"

#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

/* The inner product's bounds need the length of the longest row before the row is there. */
static void note_norm(Relation index, const SgiMeta *meta, const float *vector) {
    float norm = sg_round_up(sgi_norm(vector, meta->dims) * 1.0001);

    if (norm <= meta->largest_norm)
        return;
    SgiMetaChange change = sgi_begin_meta(index);
    change.meta->largest_norm = Max(change.meta->largest_norm, norm);
    sgi_finish_meta(&change);
}

/* A new segment, unless another backend has just added one. */
static void add_segment(Relation index, const SgiModel *model, uint32 known) {
    SgiMeta meta;

    /* Nothing else locks this page of an index; scans and other inserts go on. */
    LockPage(index, SGI_META_BLOCK, ExclusiveLock);
    sgi_read_meta(index, &meta);
    if (meta.segments == known) {
        BlockNumber first = sgi_create_segment(index, model);
        sgi_log_pages(index, first, first + model->layout.segment_pages);
        sgi_publish_segment(index, first);
    }
    UnlockPage(index, SGI_META_BLOCK, ExclusiveLock);
}

/* The first block of the last segment. */
static BlockNumber last_segment(Relation index, const SgiMeta *meta) {
    uint32 last = meta->segments - 1;
    Buffer buffer = sgi_read_page(index, meta->directory[last / SGI_SEGMENTS_PER_DIRECTORY],
                                  SGI_PAGE_DIRECTORY, BUFFER_LOCK_SHARE);
    BlockNumber first = ((BlockNumber *)sgi_data(BufferGetPage(buffer)))[last % SGI_SEGMENTS_PER_DIRECTORY];

    UnlockReleaseBuffer(buffer);
    return first;
}

/* To whose pointers the block belongs, as the model's hint; false if to nobody's. */
static bool find_segment(Relation index, const SgiMeta *meta, SgiModel *model, BlockNumber block) {
    BlockNumber *segments = sgi_read_directory(index, meta);
    bool is_found = false;

    for (uint32 i = 0; i < meta->segments && !is_found; i++) {
        BlockNumber first = segments[i] + model->layout.pointers_at;
        is_found = block >= first && block - first < model->layout.pointer_pages;
        if (is_found) {
            model->free_segment = segments[i];
            model->free_page = block - first;
            model->free_at = 0;
        }
    }
    pfree(segments);
    return is_found;
}

/* Takes the slot of a row that VACUUM has removed, if there is one. */
static bool reuse_slot(Relation index, const SgiMeta *meta, SgiModel *model, const SgiBatch *batch) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        BlockNumber block = model->free_segment + model->layout.pointers_at + model->free_page;
        if (model->free_segment == 0) {
            block = GetPageWithFreeSpace(index, SGI_FREE_SPACE);
            if (!BlockNumberIsValid(block))
                return false;
        }
        uint32 from = model->free_segment != 0 ? model->free_at : 0;
        if ((model->free_segment != 0 || find_segment(index, meta, model, block)) &&
            sgi_reuse_slot(index, batch, model->free_segment, model->free_page, &model->free_at))
            return true;
        if (from > 0) { /* a VACUUM may have come since */
            model->free_at = 0;
            continue;
        }
        RecordPageWithFreeSpace(index, block, 0);
        model->free_segment = 0;
    }
}

static void insert_coded(Relation index, SgiMeta *meta, const float *vector, ItemPointer pointer) {
    SgiModel *model = sgi_get_model(index, meta);
    uint32 pages = model->layout.level1_pages;

    sgi_hold_model(model, CurrentMemoryContext);
    SgiBatch *batch = sgi_create_batch(model);
    memcpy(batch->vectors, vector, meta->dims * sizeof(float));
    batch->pointers[0] = *pointer;
    batch->count = 1;
    sgi_encode_batch(batch);
    if (reuse_slot(index, meta, model, batch))
        return;
    for (;; sgi_read_meta(index, meta)) {
        if (meta->segments > 0) {
            BlockNumber segment = last_segment(index, meta);
            uint32 first = (meta->segments - 1) * pages;
            uint32 page =
                model->tail_page >= first && model->tail_page < first + pages ? model->tail_page - first : 0;
            for (; page < pages; page++) {
                if (sgi_append_row(index, batch, segment, page)) {
                    model->tail_page = first + page;
                    return;
                }
            }
        }
        add_segment(index, model, meta->segments);
    }
}

void sgi_insert(Relation index, Relation heap, Datum value, bool is_null, ItemPointer pointer) {
    SgiMeta meta;
    SgiLooseKind kind = SGI_LOOSE_NULL;
    const float *vector = NULL;
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "simdgres insert", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);

    sgi_read_meta(index, &meta);
    if (!is_null) {
        vector = sgi_vector(index, value, meta.dims);
        kind = sgi_classify((sg_metric)meta.metric, vector, meta.dims);
        if (meta.metric == SG_METRIC_IP)
            note_norm(index, &meta, vector);
    }
    if (!meta.is_trained) {
        if (sgi_is_late_training_due(&meta))
            sgi_train_late(index, heap);
        /* Against a training that moves the chain; shared, so inserts do not wait for each other. */
        LockPage(index, SGI_META_BLOCK, ShareLock);
        sgi_read_meta(index, &meta);
        if (!meta.is_trained)
            sgi_add_loose(index, pointer, kind == SGI_LOOSE_FREE ? SGI_LOOSE_UNBOUND : kind);
        UnlockPage(index, SGI_META_BLOCK, ShareLock);
    }
    if (meta.is_trained && kind == SGI_LOOSE_FREE)
        insert_coded(index, &meta, vector, pointer);
    else if (meta.is_trained)
        sgi_add_loose(index, pointer, kind);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
}
