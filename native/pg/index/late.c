/* SPDX-License-Identifier: MIT
 *
 * An index that was built on an empty table keeps its rows loose until there are enough to train on. Then one insert reads them
 * from the table, trains, encodes them to pages that nobody knows, and makes all of it known by one record of WAL.
 * Scans that began before go on in the old chain, which stays as it was.
 */
#include "index.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* About two thousand rows. */
#define PAGES_BEFORE_TRAINING 2

/* Of segments that inserts will go on to add. */
#define LATE_LEVEL1_PAGES 4

typedef struct {
    Relation index, heap;
    IndexInfo *info;
    EState *executor;
    TupleTableSlot *slot;
    IndexFetchTableData *fetch;
    MemoryContext row_context;
    uint32 dims;
} Table;

bool sgi_is_late_training_due(const SgiMeta *meta) {
    return meta->loose_pages > PAGES_BEFORE_TRAINING && meta->loose_pages >= 2 * meta->tried_pages;
}

static void open_table(Table *table, Relation index, Relation heap, uint32 dims) {
    table->index = index;
    table->heap = heap;
    /* The inserting statement has one of its own, whose expressions live in its executor. */
    table->info = BuildIndexInfo(index);
    table->executor = CreateExecutorState();
    table->slot = table_slot_create(heap, NULL);
    table->fetch = table_index_fetch_begin(heap);
    table->row_context = AllocSetContextCreate(CurrentMemoryContext, "simdgres row", ALLOCSET_DEFAULT_SIZES);
    table->dims = dims;
}

static void close_table(Table *table) {
    table_index_fetch_end(table->fetch);
    ExecDropSingleTupleTableSlot(table->slot);
    FreeExecutorState(table->executor);
}

/*
 * The vector of a row, valid until the next call; NULL for one that cannot be seen now (not committed yet, or dead), which
 * stays loose. Only rows that somebody sees have their out-of-line values for sure.
 */
static const float *read_row(Table *table, const SgiLooseRow *row) {
    ItemPointerData pointer = row->pointer;
    Datum values[INDEX_MAX_KEYS];
    bool is_null[INDEX_MAX_KEYS], again = false;
    const float *vector = NULL;

    MemoryContextReset(table->row_context);
    if (!table_index_fetch_tuple(table->fetch, &pointer, SnapshotSelf, table->slot, &again, NULL))
        return NULL;
    MemoryContext before = MemoryContextSwitchTo(table->row_context);
    GetPerTupleExprContext(table->executor)->ecxt_scantuple = table->slot;
    FormIndexDatum(table->info, table->slot, table->executor, values, is_null);
    if (!is_null[0])
        vector = sgi_vector(table->index, values[0], table->dims);
    MemoryContextSwitchTo(before);
    ResetPerTupleExprContext(table->executor);
    return vector;
}

static SgiLooseRow *read_chain(Relation index, const SgiMeta *meta, uint32 *count) {
    SgiLooseRow *rows = MemoryContextAllocHuge(
        CurrentMemoryContext, (Size)meta->loose_pages * SGI_LOOSE_ROWS_PER_PAGE * sizeof(SgiLooseRow));

    *count = 0;
    for (BlockNumber block = meta->loose_first; BlockNumberIsValid(block);)
        *count += sgi_read_loose(index, block, rows + *count, &block);
    return rows;
}

static SgiTraining train_on(Table *table, const SgiMeta *meta, const SgiLooseRow *rows, uint32 count,
                            uint32 *sampled) {
    uint32 room = sgi_sample_rows(meta->dims, count, (Size)maintenance_work_mem * 1024);
    float *sample = MemoryContextAllocHuge(CurrentMemoryContext, (Size)room * meta->dims * sizeof(float));
    SgiTraining trained = {0};

    *sampled = 0;
    for (uint32 i = 0; i < count && *sampled < room; i++) {
        const float *vector = rows[i].kind == SGI_LOOSE_UNBOUND ? read_row(table, &rows[i]) : NULL;
        if (vector != NULL && sgi_classify((sg_metric)meta->metric, vector, meta->dims) == SGI_LOOSE_FREE)
            memcpy(sample + (Size)(*sampled)++ * meta->dims, vector, meta->dims * sizeof(float));
    }
    if (*sampled >= Min(room, SGI_LEAST_TRAINED_ROWS))
        trained = sgi_train((sg_metric)meta->metric, meta->dims, sample, *sampled, count);
    pfree(sample);
    return trained;
}

/* Encodes what can be; the others become the first of rows. Returns how many these are. */
static uint32 encode_rows(Table *table, const SgiMeta *meta, SgiLooseRow *rows, uint32 count,
                          SgiWriter *writer) {
    uint32 left = 0;

    for (uint32 i = 0; i < count; i++) {
        SgiLooseRow row = rows[i];
        const float *vector = row.kind == SGI_LOOSE_UNBOUND ? read_row(table, &row) : NULL;
        CHECK_FOR_INTERRUPTS();
        if (vector != NULL && sgi_classify((sg_metric)meta->metric, vector, meta->dims) == SGI_LOOSE_FREE)
            sgi_write_row(writer, vector, &row.pointer);
        else if (row.kind != SGI_LOOSE_FREE)
            rows[left++] = row;
    }
    sgi_close_writer(writer);
    return left;
}

/* All that is new becomes known at once. */
static void publish(Relation index, const SgiMeta *trained, const SgiWriter *writer) {
    BlockNumber directory = sgi_allocate(index, MAIN_FORKNUM, 1);
    SgiMetaChange change = sgi_begin_meta(index);
    Buffer buffer = ReadBuffer(index, directory);

    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    Page page = sgi_change_page(&change.change, buffer, GENERIC_XLOG_FULL_IMAGE);
    sgi_init_page(page, SGI_PAGE_DIRECTORY, SGI_DATA_BYTES);
    memcpy(sgi_data(page), writer->segments, writer->count * sizeof(BlockNumber));
    float largest_norm = change.meta->largest_norm;
    *change.meta = *trained;
    change.meta->largest_norm = Max(largest_norm, trained->largest_norm);
    change.meta->directory[0] = directory;
    change.meta->segments = writer->count;
    sgi_finish_meta(&change);
    UnlockReleaseBuffer(buffer);
}

static void train_locked(Relation index, Relation heap) {
    SgiMeta meta;
    Table table;
    uint32 count, sampled;

    sgi_read_meta(index, &meta);
    if (meta.is_trained || !sgi_is_late_training_due(&meta))
        return; /* another insert has done it */
    SgiLooseRow *rows = read_chain(index, &meta, &count);
    open_table(&table, index, heap, meta.dims);
    SgiTraining trained = train_on(&table, &meta, rows, count, &sampled);
    if (trained.codes.centre == NULL) {
        SgiMetaChange change = sgi_begin_meta(index);
        change.meta->tried_pages = change.meta->loose_pages;
        sgi_finish_meta(&change);
        close_table(&table);
        return;
    }
    BlockNumber first_new = RelationGetNumberOfBlocks(index);
    SgiWriter writer;
    meta.stamp = sgi_draw_stamp();
    meta.codes = trained.codes.header;
    meta.level1_pages = LATE_LEVEL1_PAGES;
    meta.trained_rows = count;
    meta.is_trained = 1;
    meta.model_first = sgi_write_model(index, &trained.codes);
    sgi_open_writer(&writer, index, sgi_wrap_model(&trained.codes, meta.level1_pages));
    uint32 left = encode_rows(&table, &meta, rows, count, &writer);
    if (writer.count >
        SGI_SEGMENTS_PER_DIRECTORY) /* a chain that grew for long without enough vectors in it */
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("index \"%s\" has too many rows for a first training by an insert",
                               RelationGetRelationName(index)),
                        errhint("Run REINDEX INDEX \"%s\".", RelationGetRelationName(index))));
    sgi_write_loose(index, rows, left, &meta);
    close_table(&table);
    sgi_log_pages(index, first_new, RelationGetNumberOfBlocks(index));
    publish(index, &meta, &writer);
}

void sgi_train_late(Relation index, Relation heap) {
    /* Who does not get it inserts as before; the next one will try again. */
    if (!ConditionalLockPage(index, SGI_META_BLOCK, ExclusiveLock))
        return;
    train_locked(index, heap);
    UnlockPage(index, SGI_META_BLOCK, ExclusiveLock);
}
