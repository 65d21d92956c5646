/* SPDX-License-Identifier: MIT
 *
 * VACUUM clears the pointers of dead rows, and tells the free space map which pages have such: later inserts take their slots.
 * No live row is ever moved, so a scan that goes on meanwhile sees each of them once.
 */
#include "index.h"

#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"

typedef struct {
    Relation index;
    BufferAccessStrategy strategy;
    IndexBulkDeleteCallback callback; /* NULL: nothing is deleted, only counted */
    void *state;
    double live, removed;
    bool has_free;          /* in the free space map */
    BlockNumber free_loose; /* the first page with an entry that is free */
} Sweep;

static bool is_dead(const Sweep *sweep, ItemPointer pointer) {
    return sweep->callback != NULL && sweep->callback(pointer, sweep->state);
}

static Buffer open_swept(Sweep *sweep, BlockNumber block, SgiPageKind kind) {
    sgi_vacuum_delay();
    Buffer buffer = ReadBufferExtended(sweep->index, MAIN_FORKNUM, block, RBM_NORMAL, sweep->strategy);
    ReleaseBuffer(buffer);
    return sgi_read_page(sweep->index, block, kind,
                         sweep->callback != NULL ? BUFFER_LOCK_EXCLUSIVE : BUFFER_LOCK_SHARE);
}

/* A page of pointers, of which the first `used` are of slots that have had a row. */
static void sweep_pointers(Sweep *sweep, BlockNumber block, uint32 used) {
    Buffer buffer = open_swept(sweep, block, SGI_PAGE_POINTERS);
    ItemPointerData *pointers = (ItemPointerData *)sgi_data(BufferGetPage(buffer));
    SgiChange change = {0};
    ItemPointerData *changed = NULL;
    bool has_free = false;

    for (uint32 i = 0; i < SGI_POINTERS_PER_PAGE; i++) {
        if (!ItemPointerIsValid(&pointers[i])) {
            has_free |= i < used;
            continue;
        }
        if (!is_dead(sweep, &pointers[i])) {
            sweep->live++;
            continue;
        }
        if (changed == NULL) {
            change = sgi_begin_change(sweep->index);
            changed = (ItemPointerData *)sgi_data(sgi_change_page(&change, buffer, 0));
        }
        ItemPointerSetInvalid(&changed[i]);
        sweep->removed++;
        has_free = true;
    }
    if (changed != NULL)
        sgi_finish_change(&change);
    UnlockReleaseBuffer(buffer);
    if (has_free)
        RecordPageWithFreeSpace(sweep->index, block, SGI_FREE_SPACE);
    sweep->has_free |= has_free;
}

/* Slots of the last segment that have had a row: they are filled in order. */
static uint32 count_used(Relation index, BlockNumber segment, const SgiLayout *layout) {
    uint32 used = 0;

    for (uint32 page = 0; page < layout->level1_pages; page++) {
        Buffer buffer = sgi_read_page(index, segment + page, SGI_PAGE_LEVEL1, BUFFER_LOCK_SHARE);
        used += sgi_header(BufferGetPage(buffer))->rows;
        UnlockReleaseBuffer(buffer);
    }
    return used;
}

static void sweep_segment(Sweep *sweep, BlockNumber segment, const SgiLayout *layout, bool is_last) {
    uint32 used = is_last ? count_used(sweep->index, segment, layout) : layout->rows_per_segment;

    for (uint32 page = 0; page < layout->pointer_pages; page++) {
        uint32 first = page * SGI_POINTERS_PER_PAGE;
        sweep_pointers(sweep, segment + layout->pointers_at + page, used > first ? used - first : 0);
    }
}

static BlockNumber sweep_loose(Sweep *sweep, BlockNumber block) {
    Buffer buffer = open_swept(sweep, block, SGI_PAGE_LOOSE);
    Page page = BufferGetPage(buffer);
    BlockNumber next = sgi_header(page)->next;
    SgiLooseRow *rows = (SgiLooseRow *)sgi_data(page), *changed = NULL;
    SgiChange change = {0};
    bool has_free = false;

    for (uint32 i = 0; i < Min(sgi_header(page)->rows, SGI_LOOSE_ROWS_PER_PAGE); i++) {
        if (rows[i].kind == SGI_LOOSE_FREE) {
            has_free = true;
            continue;
        }
        if (!is_dead(sweep, &rows[i].pointer)) {
            sweep->live++;
            continue;
        }
        if (changed == NULL) {
            change = sgi_begin_change(sweep->index);
            changed = (SgiLooseRow *)sgi_data(sgi_change_page(&change, buffer, 0));
        }
        changed[i].kind = SGI_LOOSE_FREE;
        sweep->removed++;
        has_free = true;
    }
    if (changed != NULL)
        sgi_finish_change(&change);
    if (has_free && !BlockNumberIsValid(sweep->free_loose))
        sweep->free_loose = block;
    UnlockReleaseBuffer(buffer);
    return next;
}

static void sweep_chain(Sweep *sweep, const SgiMeta *meta) {
    bool is_behind = false;

    for (BlockNumber block = meta->loose_first; BlockNumberIsValid(block);) {
        BlockNumber next = sweep_loose(sweep, block);
        if (block == sweep->free_loose && block != meta->loose_last && !is_behind)
            sgi_look_for_room(sweep->index, block);
        is_behind |= block == meta->loose_last;
        block = next;
    }
}

static IndexBulkDeleteResult *sweep_index(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                          IndexBulkDeleteCallback callback, void *callback_state) {
    Sweep sweep = {.index = info->index,
                   .strategy = info->strategy,
                   .callback = callback,
                   .state = callback_state,
                   .free_loose = InvalidBlockNumber};
    SgiMeta meta;

    /* A training must not copy an entry that is deleted here. */
    LockPage(info->index, SGI_META_BLOCK, ShareLock);
    sgi_read_meta(info->index, &meta);
    if (!meta.is_trained)
        sweep_chain(&sweep, &meta);
    UnlockPage(info->index, SGI_META_BLOCK, ShareLock);
    if (meta.is_trained) {
        SgiLayout layout = sgi_layout(&meta.codes, meta.level1_pages);
        BlockNumber *segments = sgi_read_directory(info->index, &meta);
        for (uint32 i = 0; i < meta.segments; i++)
            sweep_segment(&sweep, segments[i], &layout, i + 1 == meta.segments);
        pfree(segments);
        sweep_chain(&sweep, &meta);
    }
    if (sweep.has_free)
        IndexFreeSpaceMapVacuum(info->index);

    if (stats == NULL)
        stats = palloc0(sizeof *stats);
    stats->num_pages = RelationGetNumberOfBlocks(info->index);
    stats->num_index_tuples = sweep.live;
    stats->tuples_removed += sweep.removed;
    return stats;
}

IndexBulkDeleteResult *sgi_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                       IndexBulkDeleteCallback callback, void *state) {
    return sweep_index(info, stats, callback, state);
}

IndexBulkDeleteResult *sgi_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    if (info->analyze_only)
        return stats;
    /* Without dead rows nobody has counted yet. */
    return stats != NULL ? stats : sweep_index(info, NULL, NULL, NULL);
}
