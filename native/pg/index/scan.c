/* SPDX-License-Identifier: MIT
 *
 * A scan: rows leave by ascending lower bound of their distance. It knows neither how many will be asked for nor which of them
 * the statement's filter keeps; the executor measures, sorts and filters what comes, and ends the scan when it has enough.
 *
 * Rows of level 1 come in stages (candidates.c). A stage is refined by level 2 at once, page by page; level 3 is
 * asked for only those whose bound has come to the top of the queue.
 */
#include "index.h"

#include <math.h>

#include "miscadmin.h"
#include "simdgres.h"
#include "utils/memutils.h"

/* Rows that level 3 refines together: their pages are asked for before the first is read. */
#define GROUP 16

/* Rows of a stage that are fetched ahead of the one that is refined. */
#define ROWS_AHEAD 12

/*
 * A query of this length beside the longest row: beyond it float sums of products may overflow, and pgvector's inner product
 * is then an infinity that no bound foresees.
 */
#define LARGEST_PRODUCT 0x1p125

typedef enum { PHASE_UNBOUND, PHASE_CODED, PHASE_NAN, PHASE_NULL, PHASE_END } Phase;

struct SgiScan {
    Relation index;
    MemoryContext context;
    SgiMeta meta;
    SgiModel *model; /* NULL: not trained */
    BlockNumber *segments;
    Phase phase;
    bool is_null_query;
    bool has_bounds; /* else all coded rows come in the order of their slots */
    sg_codes_query query;
    SgiLevel1 level1;
    double rows_seen;
    SgiHeap waiting; /* for level 3 */
    SgiHeap ready;
    float last_bound;
    const sg_codes_kernels *kernels;
    char *record; /* one that is longer than a page */

    /* Entries of a loose page. */
    SgiLooseRow *loose;
    uint32 loose_count, loose_at;
    BlockNumber loose_next;
    /* Pointers in the order of slots. */
    ItemPointerData *pointers;
    uint32 pointer_count, pointer_at, pointer_page;
};

static const sg_codes_kernels *kernels(void) {
    static const sg_codes_kernels *chosen;

    if (chosen == NULL)
        chosen = sg_codes_active();
    return chosen;
}

/* Whether bounds hold for the query, of pgvector's own float arithmetic. */
static bool can_bound(const SgiScan *scan, const float *query) {
    double norm = sgi_norm(query, scan->meta.dims);

    if (scan->query.has_no_bound)
        return false;
    if (scan->meta.metric == SG_METRIC_COSINE)
        return sgi_classify(SG_METRIC_COSINE, query, scan->meta.dims) == SGI_LOOSE_FREE;
    if (scan->meta.metric == SG_METRIC_IP)
        return norm * scan->meta.largest_norm < LARGEST_PRODUCT;
    return true;
}

static void start_phase(SgiScan *scan, Phase phase) {
    scan->phase = phase;
    scan->loose_count = scan->loose_at = 0;
    scan->loose_next = scan->meta.loose_first;
    scan->pointer_count = scan->pointer_at = scan->pointer_page = 0;
}

SgiScan *sgi_begin_scan(Relation index, const float *query) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "simdgres index scan", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    SgiScan *scan = palloc0(sizeof *scan);

    scan->index = index;
    scan->context = context;
    scan->is_null_query = query == NULL;
    scan->kernels = kernels();
    sgi_read_meta(index, &scan->meta);
    if (scan->meta.is_trained) {
        scan->model = sgi_get_model(index, &scan->meta);
        sgi_hold_model(scan->model, context);
        scan->segments = sgi_read_directory(index, &scan->meta);
        scan->record = palloc(scan->model->layout.record3_bytes);
        if (query != NULL) {
            Size bytes = sg_codes_query_bytes(&scan->model->codes.header);
            sg_codes_prepare(&scan->model->codes, query, &scan->query, sgi_allocate_aligned(bytes));
            scan->has_bounds = can_bound(scan, query);
        }
    }
    if (scan->has_bounds) {
        SgiLevel1 *level1 = &scan->level1;
        sgi_hint_buffers(scan->model, scan->meta.segments);
        level1->index = index;
        level1->model = scan->model;
        level1->kernels = scan->kernels;
        level1->query = &scan->query;
        level1->segments = scan->segments;
        level1->pages = scan->meta.segments * scan->model->layout.level1_pages;
        level1->rows_seen = &scan->rows_seen;
        level1->wanted = (uint32)Min(scan->model->expected_rows, 1e8);
        sgi_open_level1(level1);
    }
    start_phase(scan, PHASE_UNBOUND);
    MemoryContextSwitchTo(before);
    return scan;
}

void sgi_end_scan(SgiScan *scan) {
    /*
     * The next scan begins with as many rows as scans need on average: more is refined for nothing by most of them, and the
     * others take another stage. One that asked for all rows must not burden those after it.
     */
    if (scan->has_bounds && scan->level1.has_taken) {
        double needed = sgi_estimate_rows(&scan->level1, scan->last_bound);
        double before = scan->model->expected_rows;
        needed = Min(needed, Max(4 * before, 2048));
        scan->model->expected_rows = before > 0 ? before + (needed - before) / 8 : needed;
    }
    MemoryContextDelete(scan->context);
}

/* The next loose row of a kind. */
static bool next_loose(SgiScan *scan, SgiLooseKind kind, SgiHit *hit) {
    if (scan->loose == NULL)
        scan->loose = MemoryContextAlloc(scan->context, SGI_LOOSE_ROWS_PER_PAGE * sizeof(SgiLooseRow));
    for (;;) {
        while (scan->loose_at < scan->loose_count) {
            const SgiLooseRow *row = &scan->loose[scan->loose_at++];
            if (row->kind == kind) {
                hit->pointer = row->pointer;
                return true;
            }
        }
        if (!BlockNumberIsValid(scan->loose_next))
            return false;
        CHECK_FOR_INTERRUPTS();
        scan->loose_count = sgi_read_loose(scan->index, scan->loose_next, scan->loose, &scan->loose_next);
        scan->loose_at = 0;
    }
}

/* The next row in the order of slots. */
static bool next_slot(SgiScan *scan, SgiHit *hit) {
    const SgiLayout *layout;

    if (scan->model == NULL)
        return false;
    layout = &scan->model->layout;
    if (scan->pointers == NULL)
        scan->pointers = MemoryContextAlloc(scan->context, SGI_POINTERS_PER_PAGE * sizeof(ItemPointerData));
    for (;;) {
        while (scan->pointer_at < scan->pointer_count) {
            hit->pointer = scan->pointers[scan->pointer_at++];
            if (ItemPointerIsValid(&hit->pointer))
                return true;
        }
        if (scan->pointer_page >= scan->meta.segments * layout->pointer_pages)
            return false;
        CHECK_FOR_INTERRUPTS();
        BlockNumber block = scan->segments[scan->pointer_page / layout->pointer_pages] + layout->pointers_at +
                            scan->pointer_page % layout->pointer_pages;
        Buffer buffer = sgi_read_page(scan->index, block, SGI_PAGE_POINTERS, BUFFER_LOCK_SHARE);
        memcpy(scan->pointers, sgi_data(BufferGetPage(buffer)),
               SGI_POINTERS_PER_PAGE * sizeof(ItemPointerData));
        UnlockReleaseBuffer(buffer);
        scan->pointer_page++;
        scan->pointer_at = 0;
        scan->pointer_count = SGI_POINTERS_PER_PAGE;
    }
}

/* A part of a row: the pages of its segment from `first` on hold `per_page` such parts each. */
typedef struct {
    BlockNumber block;
    Buffer *recent;
    uint32 on_page; /* its number there */
} Place;

static inline Place find_part(const SgiScan *scan, uint32 slot, uint32 first, uint32 per_page) {
    const SgiLayout *layout = &scan->model->layout;
    uint32 segment = slot / layout->rows_per_segment, within = slot % layout->rows_per_segment;
    uint32 page = first + within / per_page;

    return (Place){.block = scan->segments[segment] + page,
                   .recent = &scan->model->recent[(Size)segment * layout->segment_pages + page],
                   .on_page = within % per_page};
}

static inline Place find_level2(const SgiScan *scan, uint32 slot) {
    const SgiLayout *layout = &scan->model->layout;

    return find_part(scan, slot, layout->level2_at, layout->records2_per_page);
}

static inline float as_number(float bound) {
    return bound == bound ? bound : -INFINITY;
}

/* Refines a stage by level 2: its rows come by slot, so that each page is visited once. */
static void refine_stage(SgiScan *scan, SgiCandidate *stage, uint32 count) {
    const SgiLayout *layout = &scan->model->layout;
    uint32 ids[GROUP * 4];
    float bounds[GROUP * 4];

    for (uint32 first = 0, ahead = 0; first < count;) {
        uint32 part = 0;
        Place place = find_level2(scan, stage[first].slot);
        uint32 base = stage[first].slot - place.on_page;
        uint32 segment_end = (stage[first].slot / layout->rows_per_segment + 1) * layout->rows_per_segment;
        uint32 end = Min(base + layout->records2_per_page, segment_end);
        for (; part < lengthof(ids) && first + part < count && stage[first + part].slot < end; part++) {
            ids[part] = stage[first + part].slot - base;
            bounds[part] = stage[first + part].bound;
        }
        for (; ahead < count && ahead < first + part + ROWS_AHEAD; ahead++) {
            Place next = find_level2(scan, stage[ahead].slot);
            sgi_fetch_ahead(*next.recent, (Size)next.on_page * layout->record2_bytes, layout->record2_bytes);
        }
        Buffer buffer = sgi_read_recent_page(scan->index, place.block, SGI_PAGE_LEVEL2, place.recent);
        scan->kernels->refine2(&scan->query, sgi_data(BufferGetPage(buffer)), ids, part, bounds);
        UnlockReleaseBuffer(buffer);
        for (uint32 i = 0; i < part; i++)
            stage[first + i].bound = as_number(bounds[i]);
        first += part;
    }
}

static void next_stage(SgiScan *scan) {
    SgiLevel1 *level1 = &scan->level1;
    const sg_codes_header *codes = &scan->model->codes.header;
    MemoryContext before = MemoryContextSwitchTo(scan->context);

    CHECK_FOR_INTERRUPTS();
    sgi_take_stage(level1);
    if (codes->lines2 > 0)
        refine_stage(scan, level1->stage, level1->stage_count);
    for (uint32 i = 0; i < level1->stage_count; i++)
        sgi_push(codes->has_level3 ? &scan->waiting : &scan->ready, level1->stage[i]);
    MemoryContextSwitchTo(before);
}

static const char *read_long_record(SgiScan *scan, BlockNumber first) {
    const SgiLayout *layout = &scan->model->layout;

    for (uint32 i = 0; i < layout->pages_per_record3; i++) {
        Size at = (Size)i * SGI_DATA_BYTES;
        Buffer buffer = sgi_read_page(scan->index, first + i, SGI_PAGE_LEVEL3, BUFFER_LOCK_SHARE);
        memcpy(scan->record + at, sgi_data(BufferGetPage(buffer)),
               Min(layout->record3_bytes - at, SGI_DATA_BYTES));
        UnlockReleaseBuffer(buffer);
    }
    return scan->record;
}

/* Refines rows by level 3. */
static void refine_group(SgiScan *scan, SgiCandidate *group, uint32 count) {
    const SgiLayout *layout = &scan->model->layout;
    Place places[GROUP];
    const uint32 id = 0;

    if (layout->pages_per_record3 > 1) {
        for (uint32 i = 0; i < count; i++) {
            uint32 segment = group[i].slot / layout->rows_per_segment;
            uint32 within = group[i].slot % layout->rows_per_segment;
            BlockNumber first =
                scan->segments[segment] + layout->level3_at + within * layout->pages_per_record3;
            scan->kernels->refine3(&scan->query, read_long_record(scan, first), &id, 1, &group[i].bound);
        }
        return;
    }
    for (uint32 i = 0; i < count; i++) {
        places[i] = find_part(scan, group[i].slot, layout->level3_at, layout->records3_per_page);
        sgi_fetch_ahead(*places[i].recent, (Size)places[i].on_page * layout->record3_bytes,
                        layout->record3_bytes);
    }
    /* One at a time: the server keeps count of more than eight pins in a hash table, and locks could wait for each other. */
    for (uint32 i = 0; i < count; i++) {
        Buffer buffer = sgi_read_recent_page(scan->index, places[i].block, SGI_PAGE_LEVEL3, places[i].recent);
        const char *records = sgi_data(BufferGetPage(buffer));
        scan->kernels->refine3(&scan->query, records, &places[i].on_page, 1, &group[i].bound);
        UnlockReleaseBuffer(buffer);
    }
}

/* Refines those at the top of the queue whose turn comes before any row that is ready. */
static void refine_waiting(SgiScan *scan, float limit) {
    SgiCandidate group[GROUP];
    uint32 count = 0;

    if (scan->ready.count > 0)
        limit = Min(limit, scan->ready.items[0].bound);
    do
        group[count++] = sgi_pop(&scan->waiting);
    while (count < GROUP && scan->waiting.count > 0 && scan->waiting.items[0].bound < limit);
    refine_group(scan, group, count);
    MemoryContext before = MemoryContextSwitchTo(scan->context);
    for (uint32 i = 0; i < count; i++) {
        group[i].bound = as_number(group[i].bound);
        sgi_push(&scan->ready, group[i]);
    }
    MemoryContextSwitchTo(before);
}

/*
 * A bound as the distance of pgvector's own arithmetic: what it loses where squares and products run out of exponent
 * (2^-149 each at most) is taken off as well.
 */
static double distance_of(const SgiScan *scan, float bound) {
    double distance = sg_codes_distance(&scan->query, bound, SG_MEASURE_FLOAT);
    double lost = scan->meta.dims * 0x1p-147;

    switch ((sg_metric)scan->meta.metric) {
    case SG_METRIC_L2: {
        double squared = distance * distance - lost;
        return squared > 0 ? sqrt(squared) * (1.0 - 0x1p-50) : 0.0;
    }
    case SG_METRIC_IP:
        return distance - lost;
    default:
        return distance;
    }
}

/* Reads the pointer of a slot; false where there is no row any more. */
static bool read_pointer(SgiScan *scan, uint32 slot, ItemPointer pointer) {
    Place place = find_part(scan, slot, scan->model->layout.pointers_at, SGI_POINTERS_PER_PAGE);
    Buffer buffer = sgi_read_recent_page(scan->index, place.block, SGI_PAGE_POINTERS, place.recent);

    *pointer = ((ItemPointerData *)sgi_data(BufferGetPage(buffer)))[place.on_page];
    UnlockReleaseBuffer(buffer);
    return ItemPointerIsValid(pointer);
}

/* The next row in the order of bounds. */
static bool next_coded(SgiScan *scan, SgiHit *hit) {
    SgiLevel1 *level1 = &scan->level1;

    for (;;) {
        /* Rows that no stage has taken yet have greater bounds than this one, or the same. */
        float limit = level1->is_exhausted ? INFINITY : level1->has_taken ? level1->taken.bound : -INFINITY;
        bool is_taken = level1->has_taken;
        const SgiHeap *waiting = &scan->waiting, *ready = &scan->ready;

        if (is_taken && ready->count > 0 && ready->items[0].bound <= limit &&
            (waiting->count == 0 || ready->items[0].bound <= waiting->items[0].bound)) {
            SgiCandidate next = sgi_pop(&scan->ready);
            scan->last_bound = next.bound;
            if (read_pointer(scan, next.slot, &hit->pointer)) {
                hit->bound = distance_of(scan, next.bound);
                return true;
            }
        } else if (is_taken && waiting->count > 0 && waiting->items[0].bound <= limit) {
            CHECK_FOR_INTERRUPTS();
            refine_waiting(scan, limit);
        } else if (!level1->is_exhausted) {
            next_stage(scan);
        } else {
            return false;
        }
    }
}

bool sgi_next_hit(SgiScan *scan, SgiHit *hit) {
    for (;;) {
        bool has_one = false;

        hit->is_null = scan->is_null_query || scan->phase == PHASE_NULL;
        switch (scan->phase) {
        case PHASE_UNBOUND:
            hit->bound = -INFINITY;
            has_one = next_loose(scan, SGI_LOOSE_UNBOUND, hit);
            break;
        case PHASE_CODED:
            hit->bound = -INFINITY;
            has_one = scan->has_bounds ? next_coded(scan, hit) : next_slot(scan, hit);
            break;
        case PHASE_NAN:
            hit->bound = INFINITY;
            has_one = next_loose(scan, SGI_LOOSE_NAN, hit);
            break;
        case PHASE_NULL:
            hit->bound = INFINITY;
            has_one = next_loose(scan, SGI_LOOSE_NULL, hit);
            break;
        case PHASE_END:
            return false;
        }
        if (has_one)
            return true;
        start_phase(scan, scan->phase + 1);
    }
}
