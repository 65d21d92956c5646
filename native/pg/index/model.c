/* SPDX-License-Identifier: MIT
 *
 * A model is up to 16 MB that never change, so a backend reads it once.
 */
#include "index.h"

#include "utils/memutils.h"

/* Models that nobody uses are forgotten beyond this many: a session that visits every partition must not keep all. */
#define MODELS_KEPT 16

/*
 * A page that is found by a hint does not count as used (before PostgreSQL 18), so pages that all scans read would leave the
 * buffers first. So a scan forgets a part of the hints, and all are forgotten once in so many scans.
 */
#define SCANS_BY_HINTS 256

static SgiModel **models;
static uint32 model_count, model_room;
static uint64 clock_ticks;

static Size coordinates_of(const sg_codes_header *codes) {
    return (Size)codes->coordinates1 + codes->coordinates2;
}

/* Floats of centre, rotation, low and step, in this order. */
static Size model_floats(const sg_codes_header *codes) {
    return codes->dims + coordinates_of(codes) * ((Size)codes->dims + 2);
}

uint32 sgi_model_pages(const sg_codes_header *codes) {
    return (uint32)((model_floats(codes) * sizeof(float) + SGI_DATA_BYTES - 1) / SGI_DATA_BYTES);
}

static MemoryContext model_context(void) {
    static MemoryContext context;

    if (context == NULL)
        context = AllocSetContextCreate(TopMemoryContext, "simdgres models", ALLOCSET_DEFAULT_SIZES);
    return context;
}

static void forget_model(uint32 place) {
    if (models[place]->recent != NULL)
        pfree(models[place]->recent);
    pfree(models[place]);
    models[place] = models[--model_count];
}

static void make_room(void) {
    while (model_count >= MODELS_KEPT) {
        uint32 oldest = model_count;
        for (uint32 i = 0; i < model_count; i++) {
            if (models[i]->users == 0 &&
                (oldest == model_count || models[i]->last_use < models[oldest]->last_use))
                oldest = i;
        }
        if (oldest == model_count)
            break; /* all are in use */
        forget_model(oldest);
    }
    if (model_count == model_room) {
        uint32 room = Max(2 * model_room, MODELS_KEPT);
        Size bytes = room * sizeof(SgiModel *);
        models = models == NULL ? MemoryContextAlloc(model_context(), bytes) : repalloc(models, bytes);
        model_room = room;
    }
}

static SgiModel *read_model(Relation index, const SgiMeta *meta) {
    const sg_codes_header *codes = &meta->codes;
    Size bytes = model_floats(codes) * sizeof(float), coordinates = coordinates_of(codes);
    Size offset = TYPEALIGN(64, sizeof(SgiModel));

    make_room();
    SgiModel *model = MemoryContextAllocHuge(model_context(), offset + bytes);
    memset(model, 0, sizeof *model);
    /* Known only when it has been read, so that an error leaves nothing but its memory, which goes here. */
    char *floats = (char *)model + offset;
    PG_TRY();
    {
        for (Size at = 0; at < bytes; at += SGI_DATA_BYTES) {
            Buffer buffer = sgi_read_page(index, meta->model_first + (BlockNumber)(at / SGI_DATA_BYTES),
                                          SGI_PAGE_MODEL, BUFFER_LOCK_SHARE);
            memcpy(floats + at, sgi_data(BufferGetPage(buffer)), Min(bytes - at, SGI_DATA_BYTES));
            UnlockReleaseBuffer(buffer);
        }
    }
    PG_CATCH();
    {
        pfree(model);
        PG_RE_THROW();
    }
    PG_END_TRY();

    model->stamp = meta->stamp;
    model->layout = sgi_layout(codes, meta->level1_pages);
    model->codes.header = *codes;
    model->codes.centre = (float *)floats;
    model->codes.rotation = model->codes.centre + codes->dims;
    model->codes.low = model->codes.rotation + coordinates * codes->dims;
    model->codes.step = model->codes.low + coordinates;
    models[model_count++] = model;
    return model;
}

SgiModel *sgi_get_model(Relation index, const SgiMeta *meta) {
    SgiModel *found = NULL;

    for (uint32 i = 0; i < model_count && found == NULL; i++) {
        if (models[i]->stamp == meta->stamp)
            found = models[i];
    }
    if (found == NULL)
        found = read_model(index, meta);
    found->last_use = ++clock_ticks;
    return found;
}

SgiModel *sgi_wrap_model(const sg_codes_model *codes, uint32 level1_pages) {
    SgiModel *model = palloc0(sizeof *model);

    model->codes = *codes;
    model->layout = sgi_layout(&codes->header, level1_pages);
    return model;
}

void sgi_hint_buffers(SgiModel *model, uint32 segments) {
    Size pages = (Size)segments * model->layout.segment_pages;

    if (pages > model->recent_count) {
        Size bytes = pages * sizeof(Buffer);
        model->recent = model->recent == NULL ? MemoryContextAllocHuge(model_context(), bytes)
                                              : repalloc_huge(model->recent, bytes);
        memset(model->recent + model->recent_count, 0, (pages - model->recent_count) * sizeof(Buffer));
        model->recent_count = pages;
    }
    Size part = model->recent_count / SCANS_BY_HINTS + 1;
    Size first = model->scans++ % SCANS_BY_HINTS * part;
    if (first < model->recent_count)
        memset(model->recent + first, 0, Min(part, model->recent_count - first) * sizeof(Buffer));
}

static void release_model(void *model) {
    ((SgiModel *)model)->users--;
}

void sgi_hold_model(SgiModel *model, MemoryContext context) {
    MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof *callback);

    callback->func = release_model;
    callback->arg = model;
    MemoryContextRegisterResetCallback(context, callback);
    model->users++;
}

BlockNumber sgi_write_model(Relation index, const sg_codes_model *model) {
    const sg_codes_header *codes = &model->header;
    Size coordinates = coordinates_of(codes), bytes = model_floats(codes) * sizeof(float);
    uint32 pages = sgi_model_pages(codes);
    float *floats = MemoryContextAllocHuge(CurrentMemoryContext, bytes), *to = floats;

    memcpy(to, model->centre, codes->dims * sizeof(float));
    memcpy(to += codes->dims, model->rotation, coordinates * codes->dims * sizeof(float));
    memcpy(to += coordinates * codes->dims, model->low, coordinates * sizeof(float));
    memcpy(to += coordinates, model->step, coordinates * sizeof(float));

    BlockNumber first = sgi_allocate(index, MAIN_FORKNUM, pages);
    for (uint32 i = 0; i < pages; i++) {
        Size at = (Size)i * SGI_DATA_BYTES, part = Min(bytes - at, SGI_DATA_BYTES);
        Buffer buffer = sgi_new_page(index, MAIN_FORKNUM, first + i, SGI_PAGE_MODEL, part);
        memcpy(sgi_data(BufferGetPage(buffer)), (char *)floats + at, part);
        sgi_close_page(buffer);
    }
    pfree(floats);
    return first;
}
