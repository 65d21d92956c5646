/* SPDX-License-Identifier: MIT
 *
 * Level 1, read once: bounds of all rows, from which stages of the most promising rows are taken. How many rows a search
 * will ask for is not known, so each stage is larger than the one before.
 */
#include "index.h"

#include <math.h>

#include "miscadmin.h"

/* Bounds looked at together. */
#define CHUNK 4096

/* Bounds that stand for all when the limit of a stage is chosen. */
#define SAMPLE 2048

/* A stage has room for this many times what is wanted of it, since its limit is an estimate. */
#define SPARE 2

/* Of the next page of level 1, before it is read: the processor's own prefetching stops at pages. */
#define NEXT_PAGE_BYTES 1024

/* Stages of fewer rows are not worth their choice. */
#define LEAST_STAGE 256

static inline bool is_before(SgiCandidate a, SgiCandidate b) {
    return a.bound < b.bound || (a.bound == b.bound && a.slot < b.slot);
}

void sgi_push(SgiHeap *heap, SgiCandidate candidate) {
    if (heap->count == heap->room) {
        uint32 room = Max(2 * heap->room, 64);
        Size bytes = (Size)room * sizeof(SgiCandidate);
        heap->items = heap->items == NULL ? MemoryContextAllocHuge(CurrentMemoryContext, bytes)
                                          : repalloc_huge(heap->items, bytes);
        heap->room = room;
    }
    uint32 place = heap->count++;
    for (; place > 0 && candidate.bound < heap->items[(place - 1) / 2].bound; place = (place - 1) / 2)
        heap->items[place] = heap->items[(place - 1) / 2];
    heap->items[place] = candidate;
}

SgiCandidate sgi_pop(SgiHeap *heap) {
    SgiCandidate *items = heap->items, first = items[0], moved = items[--heap->count];
    uint32 place = 0;

    for (uint32 child; (child = 2 * place + 1) < heap->count; place = child) {
        if (child + 1 < heap->count && items[child + 1].bound < items[child].bound)
            child++;
        if (!(items[child].bound < moved.bound))
            break;
        items[place] = items[child];
    }
    items[place] = moved;
    return first;
}

/* Bounds of one page to `bounds`; those of slots that have no row are infinite. */
static void scan_page(SgiLevel1 *l, uint32 page, float *bounds) {
    const SgiLayout *layout = &l->model->layout;
    uint32 masks[SGI_DATA_BYTES / (128 + SG_BLOCK_ROWS * 6)];
    uint32 segment = page / layout->level1_pages, within = page % layout->level1_pages;
    Buffer *recent = &l->model->recent[(Size)segment * layout->segment_pages + within];

    Buffer buffer = sgi_read_recent_page(l->index, l->segments[segment] + within, SGI_PAGE_LEVEL1, recent);
    if (within + 1 < layout->level1_pages)
        sgi_fetch_ahead(recent[1], 0, NEXT_PAGE_BYTES);
    uint32 rows = Min(sgi_header(BufferGetPage(buffer))->rows, layout->rows_per_page);
    uint32 blocks = (rows + SG_BLOCK_ROWS - 1) / SG_BLOCK_ROWS;
    l->kernels->scan(l->query, sgi_data(BufferGetPage(buffer)), blocks, INFINITY, bounds, masks);
    UnlockReleaseBuffer(buffer);
    for (uint32 row = rows; row < layout->rows_per_page; row++)
        bounds[row] = INFINITY;
    l->page_rows[page] = (uint16)rows;
    *l->rows_seen += rows;
}

static void sample_bounds(SgiLevel1 *l) {
    double step = (double)l->slots / SAMPLE;

    l->sample = palloc(SAMPLE * sizeof(float));
    l->sample_count = 0;
    for (uint32 i = 0; i < SAMPLE; i++) {
        float bound = l->bounds[(uint32)((i + 0.5) * step)];
        if (bound < INFINITY)
            l->sample[l->sample_count++] = bound;
    }
}

void sgi_open_level1(SgiLevel1 *l) {
    const SgiLayout *layout = &l->model->layout;

    l->slots = l->pages * layout->rows_per_page;
    l->page_rows = palloc(Max(l->pages, 1) * sizeof(uint16));
    l->page_bounds = sgi_allocate_aligned(layout->rows_per_page * sizeof(float));
    uint32 chunk = Max(CHUNK, layout->rows_per_page);
    l->ids = sgi_allocate_aligned(chunk * sizeof(uint32));
    l->kept = sgi_allocate_aligned(chunk * sizeof(float));
    l->wanted = Max(l->wanted, LEAST_STAGE);
    /* Half of work_mem for bounds, the rest for candidates. */
    if ((Size)l->slots * sizeof(float) <= (Size)work_mem * 1024 / 2) {
        l->bounds = sgi_allocate_aligned((Size)Max(l->slots, 1) * sizeof(float));
        for (uint32 page = 0; page < l->pages; page++) {
            CHECK_FOR_INTERRUPTS();
            scan_page(l, page, l->bounds + (Size)page * layout->rows_per_page);
        }
        if (l->slots > SAMPLE)
            sample_bounds(l);
    } else {
        /* Fewer stages, since each of them reads level 1. */
        l->wanted = Max(l->wanted, (uint32)((Size)work_mem * 1024 / 4 / SPARE / sizeof(SgiCandidate)));
    }
}

static int compare_slots(const void *a, const void *b) {
    uint32 first = ((const SgiCandidate *)a)->slot, second = ((const SgiCandidate *)b)->slot;

    return first < second ? -1 : first > second;
}

static inline void swap(SgiCandidate *a, SgiCandidate *b) {
    SgiCandidate kept = *a;
    *a = *b;
    *b = kept;
}

/* Moves the `count` first by key to the front. Keys are distinct. */
static void select_first(SgiCandidate *items, uint32 total, uint32 count) {
    int64 low = 0, high = (int64)total - 1, wanted = (int64)count - 1;

    while (low < high) {
        SgiCandidate pivot = items[low + (high - low) / 2];
        int64 i = low, j = high;
        do {
            while (is_before(items[i], pivot))
                i++;
            while (is_before(pivot, items[j]))
                j--;
            if (i <= j)
                swap(&items[i++], &items[j--]);
        } while (i <= j);
        if (wanted <= j)
            high = j;
        else if (wanted >= i)
            low = i;
        else
            break;
    }
}

/* The value that comes at `place` in ascending order; reorders the values. */
static float select_value(float *values, uint32 count, uint32 place) {
    int64 low = 0, high = (int64)count - 1;

    while (low < high) {
        float pivot = values[low + (high - low) / 2];
        int64 i = low, j = high;
        do {
            while (values[i] < pivot)
                i++;
            while (pivot < values[j])
                j--;
            if (i <= j) {
                float kept = values[i];
                values[i++] = values[j];
                values[j--] = kept;
            }
        } while (i <= j);
        if (place <= j)
            high = j;
        else if (place >= i)
            low = i;
        else
            break;
    }
    return values[place];
}

double sgi_estimate_rows(const SgiLevel1 *l, float bound) {
    uint32 below = 0;

    for (uint32 i = 0; i < l->sample_count; i++)
        below += l->sample[i] <= bound;
    return l->sample_count == 0 ? 0 : (double)below * *l->rows_seen / l->sample_count;
}

/* The bound that about so many rows are not above, those that were taken included. */
static float choose_limit(SgiLevel1 *l, double rows) {
    if (l->bounds == NULL || l->slots <= SAMPLE || rows >= *l->rows_seen / 2)
        return INFINITY;
    double rank = rows / *l->rows_seen * l->sample_count;
    uint32 place = rank < 1 ? 1 : (uint32)rank;
    if (place >= l->sample_count)
        return INFINITY;
    return select_value(l->sample, l->sample_count, place);
}

/* Keeps half of the stage; the limit is then that of the last one kept. */
static float cut_stage(SgiLevel1 *l, uint32 count) {
    select_first(l->stage, l->stage_count, count);
    l->stage_count = count;
    l->taken = l->stage[0];
    for (uint32 i = 1; i < count; i++) {
        if (is_before(l->taken, l->stage[i]))
            l->taken = l->stage[i];
    }
    return l->taken.bound;
}

void sgi_take_stage(SgiLevel1 *l) {
    const SgiLayout *layout = &l->model->layout;
    SgiCandidate before = l->taken;
    bool has_before = l->has_taken, is_cut = false;
    double taken_rows = has_before ? sgi_estimate_rows(l, before.bound) : 0;
    float limit = choose_limit(l, taken_rows + l->wanted), chosen = limit;

    uint32 room = l->wanted * SPARE + 64;
    if (room > l->stage_room) {
        if (l->stage != NULL)
            pfree(l->stage);
        l->stage = MemoryContextAllocHuge(CurrentMemoryContext, (Size)room * sizeof(SgiCandidate));
        l->stage_room = room;
    }
    l->stage_count = 0;
    if (l->bounds == NULL)
        *l->rows_seen = 0;

    uint32 chunk = l->bounds != NULL ? CHUNK : layout->rows_per_page;
    for (uint32 first = 0; first < l->slots; first += chunk) {
        uint32 count = Min(chunk, l->slots - first);
        const float *bounds = l->bounds != NULL ? l->bounds + first : l->page_bounds;
        if (l->bounds == NULL) {
            CHECK_FOR_INTERRUPTS();
            scan_page(l, first / layout->rows_per_page, l->page_bounds);
        }
        uint32 found = (uint32)l->kernels->collect(bounds, count, limit, l->ids, l->kept);
        for (uint32 i = 0; i < found; i++) {
            /* A bound that is not a number says nothing. */
            SgiCandidate candidate = {.bound = l->kept[i] == l->kept[i] ? l->kept[i] : -INFINITY,
                                      .slot = first + l->ids[i]};
            if ((has_before && !is_before(before, candidate)) || candidate.bound > limit)
                continue;
            if (candidate.slot % layout->rows_per_page >=
                l->page_rows[candidate.slot / layout->rows_per_page])
                continue;
            if (is_cut && is_before(l->taken, candidate))
                continue;
            if (l->stage_count == l->stage_room) {
                limit = cut_stage(l, l->stage_room / 2);
                is_cut = true;
                if (is_before(l->taken, candidate))
                    continue;
            }
            l->stage[l->stage_count++] = candidate;
        }
    }
    if (is_cut) {
        cut_stage(l, Min(l->stage_count, l->stage_room / 2));
        qsort(l->stage, l->stage_count, sizeof(SgiCandidate), compare_slots);
    } else if (chosen == INFINITY) {
        l->is_exhausted = true;
    } else {
        l->taken = (SgiCandidate){.bound = chosen, .slot = PG_UINT32_MAX};
    }
    l->has_taken = true;
    if (l->wanted < PG_UINT32_MAX / (4 * SPARE))
        l->wanted *= 2;
}
