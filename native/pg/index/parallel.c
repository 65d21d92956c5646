/* SPDX-License-Identifier: MIT
 *
 * A build by several processes. Each encodes its part of the table into segments of its own, so that they meet only where
 * the file is extended, where rows without codes are listed, and when a process makes its segments known at its end.
 */
#include "build.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define KEY_SHARED UINT64CONST(0x5347490000000001)
#define KEY_STATEMENT UINT64CONST(0x5347490000000002)
#define KEY_USAGE UINT64CONST(0x5347490000000003)

/* In dynamic shared memory; the state of the table's scan follows. */
typedef struct {
    Oid heap, index;
    bool is_concurrent;
    pg_atomic_uint64 indexed;
    slock_t mutex;
    double heap_rows; /* of processes that are done */
    bool has_broken_chain;
    float largest_norm;
} Shared;

/* What a worker has read and written, for the statistics of the statement. */
typedef struct {
    BufferUsage buffers;
    WalUsage log;
} Usage;

static ParallelTableScanDesc scan_of(Shared *shared) {
    return (ParallelTableScanDesc)((char *)shared + BUFFERALIGN(sizeof(Shared)));
}

/* One process's part. */
static void build_part(SgiBuild *build, const SgiModel *model, Shared *shared) {
    build->all_indexed = &shared->indexed;
    double rows = sgi_build_rows(build, model, table_beginscan_parallel(build->heap, scan_of(shared)));

    /* The one lock that processes of a group do not share. */
    LockRelationForExtension(build->index, ExclusiveLock);
    sgi_publish_rows(build);
    UnlockRelationForExtension(build->index, ExclusiveLock);
    SpinLockAcquire(&shared->mutex);
    shared->heap_rows += rows;
    shared->has_broken_chain |= build->info->ii_BrokenHotChain;
    shared->largest_norm = Max(shared->largest_norm, build->largest_norm);
    SpinLockRelease(&shared->mutex);
}

/* What a worker runs. */
PGDLLEXPORT void simdgres_build_main(dsm_segment *segment, shm_toc *contents) {
    Shared *shared = shm_toc_lookup(contents, KEY_SHARED, false);
    bool is_concurrent = shared->is_concurrent;
    LOCKMODE heap_lock = is_concurrent ? ShareUpdateExclusiveLock : ShareLock;
    LOCKMODE index_lock = is_concurrent ? RowExclusiveLock : AccessExclusiveLock;
    SgiMeta meta;

    (void)segment;
    debug_query_string = shm_toc_lookup(contents, KEY_STATEMENT, true);
    pgstat_report_activity(STATE_RUNNING, debug_query_string);
    Relation heap = table_open(shared->heap, heap_lock), index = index_open(shared->index, index_lock);
    SgiBuild build = {.heap = heap,
                      .index = index,
                      .info = BuildIndexInfo(index),
                      .metric = sgi_metric(index),
                      .dims = sgi_dims(index),
                      .is_trained = true};
    build.info->ii_Concurrent = is_concurrent;
    build.row_context = AllocSetContextCreate(CurrentMemoryContext, "simdgres row", ALLOCSET_DEFAULT_SIZES);
    sgi_read_meta(index, &meta);
    SgiModel *model = sgi_get_model(index, &meta);
    sgi_hold_model(model, CurrentMemoryContext);
    InstrStartParallelQuery();
    build_part(&build, model, shared);
    Usage *usage = (Usage *)shm_toc_lookup(contents, KEY_USAGE, false) + ParallelWorkerNumber;
    InstrEndParallelQuery(&usage->buffers, &usage->log);
    index_close(index, index_lock);
    table_close(heap, heap_lock);
}

static Shared *share(ParallelContext *parallel, const SgiBuild *build, Snapshot snapshot, Size bytes) {
    Shared *shared = shm_toc_allocate(parallel->toc, bytes);

    memset(shared, 0, sizeof *shared);
    shared->heap = RelationGetRelid(build->heap);
    shared->index = RelationGetRelid(build->index);
    shared->is_concurrent = build->info->ii_Concurrent;
    pg_atomic_init_u64(&shared->indexed, 0);
    SpinLockInit(&shared->mutex);
    table_parallelscan_initialize(build->heap, scan_of(shared), snapshot);
    shm_toc_insert(parallel->toc, KEY_SHARED, shared);
    Size usages = mul_size(sizeof(Usage), (Size)parallel->nworkers);
    shm_toc_insert(parallel->toc, KEY_USAGE, memset(shm_toc_allocate(parallel->toc, usages), 0, usages));
    if (debug_query_string != NULL) {
        char *statement = shm_toc_allocate(parallel->toc, strlen(debug_query_string) + 1);
        strcpy(statement, debug_query_string);
        shm_toc_insert(parallel->toc, KEY_STATEMENT, statement);
    }
    return shared;
}

double sgi_build_in_parallel(SgiBuild *build, const SgiModel *model, int workers) {
    double rows = -1;

    if (workers < 1)
        return -1;
    EnterParallelMode();
    ParallelContext *parallel = CreateParallelContext("simdgres", "simdgres_build_main", workers);
    Snapshot snapshot = build->info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
    Size bytes = add_size(BUFFERALIGN(sizeof(Shared)), table_parallelscan_estimate(build->heap, snapshot));
    shm_toc_estimate_chunk(&parallel->estimator, bytes);
    shm_toc_estimate_chunk(&parallel->estimator, mul_size(sizeof(Usage), (Size)parallel->nworkers));
    shm_toc_estimate_keys(&parallel->estimator, 2);
    if (debug_query_string != NULL) {
        shm_toc_estimate_chunk(&parallel->estimator, strlen(debug_query_string) + 1);
        shm_toc_estimate_keys(&parallel->estimator, 1);
    }
    InitializeParallelDSM(parallel);
    if (parallel->seg != NULL) {
        Shared *shared = share(parallel, build, snapshot, bytes);
        LaunchParallelWorkers(parallel);
        elog(DEBUG1, "%d parallel workers build index \"%s\"", parallel->nworkers_launched,
             RelationGetRelationName(build->index));
        if (parallel->nworkers_launched > 0) {
            build_part(build, model, shared);
            WaitForParallelWorkersToFinish(parallel);
            Usage *usages = shm_toc_lookup(parallel->toc, KEY_USAGE, false);
            for (int i = 0; i < parallel->nworkers_launched; i++)
                InstrAccumParallelQuery(&usages[i].buffers, &usages[i].log);
            rows = shared->heap_rows;
            build->info->ii_BrokenHotChain = shared->has_broken_chain;
            build->indexed = (double)pg_atomic_read_u64(&shared->indexed);
            build->largest_norm = shared->largest_norm;
        }
    }
    if (IsMVCCSnapshot(snapshot))
        UnregisterSnapshot(snapshot);
    DestroyParallelContext(parallel);
    ExitParallelMode();
    return rows;
}
