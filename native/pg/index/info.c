/* SPDX-License-Identifier: MIT
 *
 * What an index consists of, and whether all of it is there.
 */
#include "index.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

/* A model that was trained on a smaller share of the rows, or this share of dead rows, is worth a REINDEX. */
#define TRAINED_SHARE 0.1
#define DEAD_SHARE 0.2

typedef struct {
    SgiMeta meta;
    uint64 coded, dead, loose;
} Census;

static Relation open_index(Oid oid) {
    Relation index = relation_open(oid, AccessShareLock);

    if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_rel->relam != get_am_oid("simdgres", false))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" is not an index of simdgres", RelationGetRelationName(index)),
                        errhint("Name an index that was created with USING simdgres.")));
    return index;
}

static HTAB *create_seen(void) {
    HASHCTL control = {.keysize = sizeof(ItemPointerData), .entrysize = sizeof(ItemPointerData)};

    control.hcxt = CurrentMemoryContext;
    return hash_create("simdgres pointers", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* seen NULL: not looked at. */
static void note_pointer(Relation index, HTAB *seen, ItemPointer pointer, BlockNumber block) {
    bool is_double = false;

    if (seen != NULL)
        hash_search(seen, pointer, HASH_ENTER, &is_double);
    if (is_double)
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("block %u of index \"%s\" points to row (%u,%u) a second time", block,
                               RelationGetRelationName(index), ItemPointerGetBlockNumber(pointer),
                               ItemPointerGetOffsetNumber(pointer)),
                        errhint("Run REINDEX INDEX \"%s\".", RelationGetRelationName(index))));
}

static void count_pointers(Relation index, Census *census, BlockNumber segment, const SgiLayout *layout,
                           HTAB *seen) {
    uint32 used = 0;
    ItemPointerData *pointers = palloc(BLCKSZ);

    for (uint32 page = 0; page < layout->level1_pages; page++) {
        Buffer buffer = sgi_read_page(index, segment + page, SGI_PAGE_LEVEL1, BUFFER_LOCK_SHARE);
        used += sgi_header(BufferGetPage(buffer))->rows;
        UnlockReleaseBuffer(buffer);
    }
    uint32 live = 0;
    for (uint32 page = 0; page < layout->pointer_pages; page++) {
        BlockNumber block = segment + layout->pointers_at + page;
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = sgi_read_page(index, block, SGI_PAGE_POINTERS, BUFFER_LOCK_SHARE);
        memcpy(pointers, sgi_data(BufferGetPage(buffer)), SGI_POINTERS_PER_PAGE * sizeof(ItemPointerData));
        UnlockReleaseBuffer(buffer);
        for (uint32 i = 0; i < SGI_POINTERS_PER_PAGE; i++) {
            if (!ItemPointerIsValid(&pointers[i]))
                continue;
            note_pointer(index, seen, &pointers[i], block);
            live++;
        }
    }
    pfree(pointers);
    census->coded += live;
    census->dead += used > live ? used - live : 0;
}

static void count_rows(Relation index, Census *census, HTAB *seen) {
    memset(census, 0, sizeof *census);
    sgi_read_meta(index, &census->meta);
    if (census->meta.is_trained) {
        SgiLayout layout = sgi_layout(&census->meta.codes, census->meta.level1_pages);
        BlockNumber *segments = sgi_read_directory(index, &census->meta);
        for (uint32 i = 0; i < census->meta.segments; i++)
            count_pointers(index, census, segments[i], &layout, seen);
        pfree(segments);
    }
    SgiLooseRow *rows = palloc(BLCKSZ);
    for (BlockNumber block = census->meta.loose_first, next; BlockNumberIsValid(block); block = next) {
        uint32 count = sgi_read_loose(index, block, rows, &next);
        for (uint32 i = 0; i < count; i++) {
            if (rows[i].kind == SGI_LOOSE_FREE)
                continue;
            note_pointer(index, seen, &rows[i].pointer, block);
            census->loose++;
        }
    }
    pfree(rows);
}

static const char *advise(const Census *census) {
    double coded = (double)census->coded, dead = (double)census->dead;

    if (!census->meta.is_trained)
        return census->loose >= SGI_LEAST_TRAINED_ROWS ? "REINDEX: there are enough rows to train on" : NULL;
    if (dead > DEAD_SHARE * (coded + dead) && dead > SGI_LEAST_TRAINED_ROWS)
        return "REINDEX, unless inserts are to take the slots of many removed rows";
    if (census->meta.trained_rows < TRAINED_SHARE * coded)
        return "REINDEX: most rows came after the training";
    return NULL;
}

static const char *const metric_names[] = {"l2", "cosine", "ip", "l1"};

PG_FUNCTION_INFO_V1(simdgres_index_info);
PGDLLEXPORT Datum simdgres_index_info(PG_FUNCTION_ARGS) {
    Relation index = open_index(PG_GETARG_OID(0));
    Census census;
    TupleDesc descriptor;
    Datum values[9];
    bool nulls[9] = {false};

    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE || descriptor->natts != 9)
        elog(ERROR, "the SQL declaration of simdgres_index_info is not that of this library");
    count_rows(index, &census, NULL);
    const char *advice = advise(&census);
    values[0] = Int32GetDatum((int32)census.meta.version);
    values[1] = CStringGetTextDatum(metric_names[Min(census.meta.metric, 3)]);
    values[2] = Int32GetDatum((int32)census.meta.dims);
    values[3] = Int64GetDatum((int64)census.meta.trained_rows);
    values[4] = Int64GetDatum((int64)census.coded);
    values[5] = Int64GetDatum((int64)census.dead);
    values[6] = Int64GetDatum((int64)census.loose);
    values[7] = Int64GetDatum((int64)RelationGetNumberOfBlocks(index) * BLCKSZ);
    nulls[8] = advice == NULL;
    values[8] = advice == NULL ? (Datum)0 : CStringGetTextDatum(advice);
    relation_close(index, AccessShareLock);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

static void check_pages(Relation index, BlockNumber first, uint32 count, SgiPageKind kind) {
    for (uint32 i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        sgi_verify_page(index, first + i, kind);
    }
}

PG_FUNCTION_INFO_V1(simdgres_index_check);
PGDLLEXPORT Datum simdgres_index_check(PG_FUNCTION_ARGS) {
    Relation index = open_index(PG_GETARG_OID(0));
    Census census;

    /* Pages first: what damaged ones say of rows would be blamed on others. */
    sgi_read_meta(index, &census.meta);
    if (census.meta.is_trained) {
        SgiLayout layout = sgi_layout(&census.meta.codes, census.meta.level1_pages);
        BlockNumber *segments = sgi_read_directory(index, &census.meta);
        check_pages(index, census.meta.model_first, sgi_model_pages(&census.meta.codes), SGI_PAGE_MODEL);
        for (uint32 i = 0; i < census.meta.segments; i++) {
            check_pages(index, segments[i], layout.level1_pages, SGI_PAGE_LEVEL1);
            check_pages(index, segments[i] + layout.pointers_at, layout.pointer_pages, SGI_PAGE_POINTERS);
            check_pages(index, segments[i] + layout.level2_at, layout.level2_pages, SGI_PAGE_LEVEL2);
            check_pages(index, segments[i] + layout.level3_at, layout.level3_pages, SGI_PAGE_LEVEL3);
        }
        pfree(segments);
    }
    count_rows(index, &census, create_seen());
    relation_close(index, AccessShareLock);
    PG_RETURN_INT64((int64)(census.coded + census.loose));
}
