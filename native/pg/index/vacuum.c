/* SPDX-License-Identifier: MIT
 *
 * VACUUM clears the pointers of dead rows. Their codes stay where they are: no live row is ever moved, so a scan that goes on
 * meanwhile sees each of them once.
 */
#include "index.h"

#include "storage/lmgr.h"

typedef struct {
    Relation index;
    BufferAccessStrategy strategy;
    IndexBulkDeleteCallback callback; /* NULL: nothing is deleted, only counted */
    void *state;
    double live, removed;
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

static void sweep_pointers(Sweep *sweep, BlockNumber block) {
    Buffer buffer = open_swept(sweep, block, SGI_PAGE_POINTERS);
    ItemPointerData *pointers = (ItemPointerData *)sgi_data(BufferGetPage(buffer));
    GenericXLogState *state = NULL;
    ItemPointerData *changed = NULL;

    for (uint32 i = 0; i < SGI_POINTERS_PER_PAGE; i++) {
        if (!ItemPointerIsValid(&pointers[i]))
            continue;
        if (!is_dead(sweep, &pointers[i])) {
            sweep->live++;
            continue;
        }
        if (state == NULL) {
            state = GenericXLogStart(sweep->index);
            changed = (ItemPointerData *)sgi_data(GenericXLogRegisterBuffer(state, buffer, 0));
        }
        ItemPointerSetInvalid(&changed[i]);
        sweep->removed++;
    }
    if (state != NULL)
        GenericXLogFinish(state);
    UnlockReleaseBuffer(buffer);
}

static BlockNumber sweep_loose(Sweep *sweep, BlockNumber block) {
    Buffer buffer = open_swept(sweep, block, SGI_PAGE_LOOSE);
    Page page = BufferGetPage(buffer);
    BlockNumber next = sgi_header(page)->next;
    SgiLooseRow *rows = (SgiLooseRow *)sgi_data(page), *changed = NULL;
    GenericXLogState *state = NULL;

    for (uint32 i = 0; i < sgi_header(page)->rows; i++) {
        if (rows[i].kind == SGI_LOOSE_FREE)
            continue;
        if (!is_dead(sweep, &rows[i].pointer)) {
            sweep->live++;
            continue;
        }
        if (state == NULL) {
            state = GenericXLogStart(sweep->index);
            changed = (SgiLooseRow *)sgi_data(GenericXLogRegisterBuffer(state, buffer, 0));
        }
        changed[i].kind = SGI_LOOSE_FREE;
        sweep->removed++;
    }
    if (state != NULL)
        GenericXLogFinish(state);
    UnlockReleaseBuffer(buffer);
    return next;
}

static void sweep_chain(Sweep *sweep, const SgiMeta *meta) {
    for (BlockNumber block = meta->loose_first; BlockNumberIsValid(block);)
        block = sweep_loose(sweep, block);
}

static IndexBulkDeleteResult *sweep_index(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                          IndexBulkDeleteCallback callback, void *callback_state) {
    Sweep sweep = {
        .index = info->index, .strategy = info->strategy, .callback = callback, .state = callback_state};
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
        for (uint32 i = 0; i < meta.segments; i++) {
            for (uint32 page = 0; page < layout.pointer_pages; page++)
                sweep_pointers(&sweep, segments[i] + layout.pointers_at + page);
        }
        pfree(segments);
        sweep_chain(&sweep, &meta);
    }

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
