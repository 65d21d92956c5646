/* SPDX-License-Identifier: MIT
 *
 * CREATE INDEX: a model is trained on a sample of the table's blocks, then all rows are encoded in one scan. The WAL is written
 * at the end, page by page.
 */
#include "build.h"

#include "access/xloginsert.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

/* Of a segment: the last one is half empty on average, which wastes a part of this order of a table's index. */
#define SEGMENTS_OF_TABLE 16
#define MOST_LEVEL1_PAGES 32

/* One call for each row of a sampled block. */
static void sample_row(Relation index, ItemPointer pointer, Datum *values, bool *is_null, bool is_alive,
                       void *state) {
    SgiBuild *build = state;

    (void)index, (void)pointer, (void)is_alive;
    if (is_null[0] || build->sampled == build->sample_room)
        return;
    MemoryContext before = MemoryContextSwitchTo(build->row_context);
    const float *vector = sgi_vector(build->index, values[0], build->dims);
    if (sgi_classify(build->metric, vector, build->dims) == SGI_LOOSE_FREE)
        memcpy(build->sample + (Size)build->sampled++ * build->dims, vector, build->dims * sizeof(float));
    MemoryContextSwitchTo(before);
    MemoryContextReset(build->row_context);
}

static BlockNumber greatest_divisor(BlockNumber a, BlockNumber b) {
    while (b != 0) {
        BlockNumber rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Blocks in steps of the golden ratio, which spreads any number of them evenly over the table. */
static void sample_table(SgiBuild *build) {
    BlockNumber blocks = RelationGetNumberOfBlocks(build->heap), block = 0;
    double rows = build->heap->rd_rel->reltuples;

    /* Before the first ANALYZE nobody knows: more rows than can be sampled. */
    build->sample_room = sgi_sample_rows(build->dims, rows > 0 ? Max(rows, 65536) : PG_UINT32_MAX,
                                         (Size)maintenance_work_mem * 1024);
    build->sample =
        MemoryContextAllocHuge(CurrentMemoryContext, (Size)build->sample_room * build->dims * sizeof(float));
    if (blocks == 0)
        return;
    BlockNumber step = (BlockNumber)(blocks * 0.6180339887498949);
    step = Max(step, 1);
    while (greatest_divisor(blocks, step) != 1)
        step++;
    for (BlockNumber i = 0; i < blocks && build->sampled < build->sample_room; i++) {
        CHECK_FOR_INTERRUPTS();
        table_index_build_range_scan(build->heap, build->index, build->info, false, true, false, block, 1,
                                     sample_row, build, NULL);
        block = (BlockNumber)(((uint64)block + step) % blocks);
    }
}

/* Each process leaves a segment that is half empty. */
static uint32 choose_level1_pages(const sg_codes_header *codes, double rows, int processes) {
    SgiLayout layout = sgi_layout(codes, 1);
    double pages = rows / layout.rows_per_page / SEGMENTS_OF_TABLE / processes;

    return pages < 1 ? 1 : pages > MOST_LEVEL1_PAGES ? MOST_LEVEL1_PAGES : (uint32)pages;
}

static void init_meta(SgiMeta *meta, sg_metric metric, uint32 dims) {
    memset(meta, 0, sizeof *meta);
    meta->magic = SGI_MAGIC;
    meta->version = SGI_FORMAT_VERSION;
    meta->stamp = sgi_draw_stamp();
    meta->metric = metric;
    meta->dims = dims;
    meta->level1_pages = 1;
    meta->model_first = meta->loose_first = meta->loose_last = InvalidBlockNumber;
}

static void write_meta(Relation index, ForkNumber fork, const SgiMeta *meta, bool is_logged) {
    sgi_allocate(index, fork, 1);
    Buffer buffer = sgi_new_page(index, fork, SGI_META_BLOCK, SGI_PAGE_META, sizeof *meta);

    memcpy(sgi_data(BufferGetPage(buffer)), meta, sizeof *meta);
    sgi_close_page(buffer);
    if (is_logged)
        log_newpage_range(index, fork, SGI_META_BLOCK, SGI_META_BLOCK + 1, true);
}

/* Returns the model. */
static SgiModel *train(SgiBuild *build, double rows, int workers) {
    SgiTraining trained = sgi_train(build->metric, build->dims, build->sample, build->sampled, rows);
    const sg_codes_header *codes = &trained.codes.header;
    uint32 level1_pages = choose_level1_pages(codes, rows, 1 + workers);
    BlockNumber first = sgi_write_model(build->index, &trained.codes);

    /* Nobody else sees the index yet. */
    SgiMetaChange change = sgi_begin_meta(build->index);
    change.meta->codes = *codes;
    change.meta->model_first = first;
    change.meta->level1_pages = level1_pages;
    change.meta->trained_rows = (uint32)Min(rows, PG_UINT32_MAX);
    change.meta->is_trained = 1;
    sgi_finish_meta(&change);
    build->is_trained = true;
    return sgi_wrap_model(&trained.codes, level1_pages);
}

/* Rows of the table, as far as a number is known before it is read. */
static double estimate_rows(const SgiBuild *build) {
    double rows = build->heap->rd_rel->reltuples;

    return rows > 0                               ? Max(rows, build->sampled)
           : build->sampled == build->sample_room ? (double)RelationGetNumberOfBlocks(build->heap) * BLCKSZ /
                                                        (build->dims * sizeof(float) + 32.0)
                                                  : build->sampled;
}

IndexBuildResult *sgi_build(Relation heap, Relation index, IndexInfo *info) {
    SgiBuild build = {
        .heap = heap, .index = index, .info = info, .metric = sgi_metric(index), .dims = sgi_dims(index)};
    SgiMeta meta;
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "simdgres build", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);

    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
    build.row_context = AllocSetContextCreate(context, "simdgres row", ALLOCSET_DEFAULT_SIZES);
    init_meta(&meta, build.metric, build.dims);
    /* Logged: what changes it from here on are differences. */
    write_meta(index, MAIN_FORKNUM, &meta, RelationNeedsWAL(index));

    sample_table(&build);
    SgiModel *model = NULL;
    int workers = 0;
    if (build.sampled >= SGI_LEAST_TRAINED_ROWS) {
        workers = plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index));
        model = train(&build, estimate_rows(&build), workers);
    }
    pfree(build.sample);

    double rows = sgi_build_in_parallel(&build, model, workers);
    if (rows < 0) {
        rows = sgi_build_rows(&build, model, NULL);
        sgi_publish_rows(&build);
    }
    if (build.largest_norm > 0) {
        SgiMetaChange change = sgi_begin_meta(index);
        change.meta->largest_norm = build.largest_norm;
        sgi_finish_meta(&change);
    }
    sgi_log_pages(index, 0, RelationGetNumberOfBlocks(index));

    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    IndexBuildResult *result = palloc(sizeof *result);
    result->heap_tuples = rows;
    result->index_tuples = build.indexed;
    return result;
}

void sgi_build_empty(Relation index) {
    SgiMeta meta;

    init_meta(&meta, sgi_metric(index), sgi_dims(index));
    write_meta(index, INIT_FORKNUM, &meta, true);
}
