/* SPDX-License-Identifier: MIT
 *
 * Private: what the files of the index share. handler.c has all that PostgreSQL calls; the others know pages and codes.
 */
#ifndef SIMDGRES_INDEX_H
#define SIMDGRES_INDEX_H

#include "page.h"

#include "access/genam.h"
#include "access/generic_xlog.h"
#include "access/relscan.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

/* pages.c: reading and writing of pages. All errors are ERRCODE_INDEX_CORRUPTED and name the block. */

/*
 * Pinned and locked, after a check that the page is of this kind. Of kinds that others are found by (meta, model, directory,
 * loose) the seal is verified as well; of the others, of which a scan reads many, by sgi_verify_page alone.
 */
extern Buffer sgi_read_page(Relation index, BlockNumber block, SgiPageKind kind, int lock_mode);
/*
 * The same, shared, of a page that was in this buffer the last time: if it still is, the server's table of buffers need not be
 * asked, which takes as long as the page's bounds.
 */
extern Buffer sgi_read_recent_page(Relation index, BlockNumber block, SgiPageKind kind, Buffer *recent);
/* Has the processor fetch what such a read will need first, and these bytes of the page's data. A wrong guess costs little. */
extern void sgi_fetch_ahead(Buffer recent, Size at, Size bytes);
extern void sgi_read_meta(Relation index, SgiMeta *meta);
/* Random: tells a model from every other one. */
extern uint64 sgi_draw_stamp(void);
/* A fresh page whose data area has `bytes` in use. */
extern void sgi_init_page(Page page, SgiPageKind kind, Size bytes);
/* Extends the file by consecutive pages, which are zero. Returns the first. */
extern BlockNumber sgi_allocate(Relation index, ForkNumber fork, uint32 pages);
/* A page that nobody knows of yet, locked and initialised; the caller ends with sgi_close_page. */
extern Buffer sgi_new_page(Relation index, ForkNumber fork, BlockNumber block, SgiPageKind kind, Size bytes);
/* Writes the WAL of pages that were filled without, before anything refers to them. */
extern void sgi_log_pages(Relation index, BlockNumber first, BlockNumber end);
/* First blocks of all segments. */
extern BlockNumber *sgi_read_directory(Relation index, const SgiMeta *meta);
/* Adds a segment that exists and is logged: the meta page, and with it all readers, then know it. Nobody else may add one. */
extern void sgi_publish_segment(Relation index, BlockNumber first);
/* An error unless the page is of this kind and as it was written. */
extern void sgi_verify_page(Relation index, BlockNumber block, SgiPageKind kind);

/* Changes of locked pages that become known, and sealed, by one record of WAL. */
typedef struct {
    Relation index;
    GenericXLogState *state;
    Page pages[MAX_GENERIC_XLOG_PAGES];
    int count;
} SgiChange;
extern SgiChange sgi_begin_change(Relation index);
/* A copy of the page, to be changed. */
extern Page sgi_change_page(SgiChange *change, Buffer buffer, int flags);
extern void sgi_finish_change(SgiChange *change);
/* Ends a change without WAL: seals the page and lets it go. */
extern void sgi_close_page(Buffer buffer);

/* Change of the meta page, which may have other pages with it: locked, copied, and to be finished or not at all. */
typedef struct {
    Buffer buffer;
    SgiChange change;
    SgiMeta *meta;
} SgiMetaChange;
extern SgiMetaChange sgi_begin_meta(Relation index);
extern void sgi_finish_meta(SgiMetaChange *change);

/* model.c: trained models, cached for the life of the backend. */

typedef struct {
    uint64 stamp;
    int users; /* scans that hold it */
    sg_codes_model codes;
    SgiLayout layout;
    /* Hints, never facts: where the last inserts found room, and how many rows recent scans had to look at. */
    uint32 tail_page;
    BlockNumber free_segment; /* the page of pointers where the last insert found a free slot; 0: none */
    uint32 free_page, free_at;
    double expected_rows;
    Buffer *recent; /* where the pages of segments were; grown by sgi_hint_buffers */
    Size recent_count;
    uint32 scans; /* of this backend, counted by sgi_hint_buffers */
    uint64 last_use;
} SgiModel;

/* A model that is not cached, of codes that were just trained. */
extern SgiModel *sgi_wrap_model(const sg_codes_model *codes, uint32 level1_pages);
/* Of a trained index. Stays valid until the next call, or as long as the memory context that holds it. */
extern SgiModel *sgi_get_model(Relation index, const SgiMeta *meta);
extern void sgi_hold_model(SgiModel *model, MemoryContext context);
/* Room in model->recent for the pages of so many segments, for a scan that begins. */
extern void sgi_hint_buffers(SgiModel *model, uint32 segments);
/* Writes the model's pages without WAL; returns the first. */
extern BlockNumber sgi_write_model(Relation index, const sg_codes_model *model);
extern uint32 sgi_model_pages(const sg_codes_header *codes);

/* train.c */

typedef struct {
    sg_codes_model codes;
    float *centre, *rotation, *low, *step;
} SgiTraining;

/* Rows of a sample whose training fits in so many bytes. */
extern uint32 sgi_sample_rows(uint32 dims, double rows, Size bytes);
extern SgiTraining sgi_train(sg_metric metric, uint32 dims, const float *sample, uint32 sample_rows,
                             double rows);

/* rows.c: vectors become rows of the index. */

/* Where the row goes: SGI_LOOSE_FREE if it can be coded. */
extern SgiLooseKind sgi_classify(sg_metric metric, const float *vector, uint32 dims);
extern double sgi_norm(const float *vector, uint32 dims);
/* The metric of the operator class, from its support function. */
extern sg_metric sgi_metric(Relation index);
/* Dimensions that the column's type has; an error if it has none. */
extern uint32 sgi_dims(Relation index);
/* Whether its values are of halfvec, by the operator class. */
extern bool sgi_has_halves(Relation index);
/* Elements of a value as floats, which holds halves exactly; the copy, if one is made, is in the current context. */
extern const float *sgi_elements(Relation index, Datum value, int32 *length);
/* The same of a value that has to have dims elements. */
extern const float *sgi_vector(Relation index, Datum value, uint32 dims);

/* Scratch memory for encoding one level-1 page's worth of rows. */
typedef struct {
    const SgiModel *model;
    float *vectors;
    ItemPointerData *pointers;
    uint32 count;
    char *blocks, *level2, *level3, *scratch;
} SgiBatch;

extern SgiBatch *sgi_create_batch(const SgiModel *model);
/* Encodes what the batch holds. */
extern void sgi_encode_batch(SgiBatch *batch);
/* Fills one level-1 page of a segment and what goes with it, without WAL. Pages of a segment are filled in order. */
extern void sgi_write_batch(Relation index, const SgiBatch *batch, BlockNumber segment, uint32 page);
/* Allocates a segment with all its pages empty, without WAL. */
extern BlockNumber sgi_create_segment(Relation index, const SgiModel *model);

/* Adds rows to segments of its own, without WAL and unpublished, for a build or the first training. */
typedef struct {
    Relation index;
    SgiBatch *batch;
    uint32 page; /* of the last segment */
    BlockNumber *segments;
    uint32 count, room;
} SgiWriter;

extern void sgi_open_writer(SgiWriter *writer, Relation index, const SgiModel *model);
extern void sgi_write_row(SgiWriter *writer, const float *vector, ItemPointer pointer);
extern void sgi_close_writer(SgiWriter *writer);

/* Adds an encoded row; returns false if the page is full. WAL-logged. batch holds one row. */
extern bool sgi_append_row(Relation index, const SgiBatch *batch, BlockNumber segment, uint32 page);
/*
 * Puts an encoded row into the slot of one that VACUUM has removed, or into one that a build has left behind its rows, of those
 * on one page of a segment's pointers, from *at on.
 * False if there is none. Scans that have seen the old row's codes may meet the new row's pointer; they began before it
 * was inserted, so that to their snapshots it is invisible.
 */
extern bool sgi_reuse_slot(Relation index, const SgiBatch *batch, BlockNumber segment, uint32 page,
                           uint32 *at);
/*
 * What the free space map says of a page of pointers with such slots. The map is a hint: a crash may lose it or leave too much
 * in it.
 */
#define SGI_FREE_SPACE (BLCKSZ / 2)

/* loose.c */

extern void sgi_add_loose(Relation index, ItemPointer pointer, SgiLooseKind kind);
/* Has inserts begin to look for room at this page of the chain. */
extern void sgi_look_for_room(Relation index, BlockNumber block);
/* The entries of a page, copied; *next is the page after it. */
extern uint32 sgi_read_loose(Relation index, BlockNumber block, SgiLooseRow *rows, BlockNumber *next);

/* A chain of its own, without WAL; names it in *meta. Returns its first page. */
extern BlockNumber sgi_write_loose(Relation index, const SgiLooseRow *rows, uint32 count, SgiMeta *meta);

/* late.c: the first training of an index that was built on too few rows. */

/* Rows without which there is no training. */
#define SGI_LEAST_TRAINED_ROWS 1000

extern bool sgi_is_late_training_due(const SgiMeta *meta);
extern void sgi_train_late(Relation index, Relation heap);

/* candidates.c: which rows of level 1 come next. */

typedef struct {
    float bound;
    uint32 slot;
} SgiCandidate;

/* A binary min-heap that grows. */
typedef struct {
    SgiCandidate *items;
    uint32 count, room;
} SgiHeap;

extern void sgi_push(SgiHeap *heap, SgiCandidate candidate);
extern SgiCandidate sgi_pop(SgiHeap *heap);

typedef struct {
    Relation index;
    SgiModel *model;
    const sg_codes_kernels *kernels;
    const sg_codes_query *query;
    const BlockNumber *segments;
    uint32 pages; /* of level 1 in use */
    uint32 slots; /* pages * rows_per_page */
    uint16 *page_rows;
    float
        *bounds; /* of all slots; NULL where they do not fit work_mem: then each stage reads level 1 again */
    float *page_bounds; /* of one page */
    uint32 *ids;
    float *kept;
    /* Rows up to this key have been taken. */
    bool has_taken, is_exhausted;
    SgiCandidate taken;
    /* This stage, by ascending slot. */
    SgiCandidate *stage;
    uint32 stage_count, stage_room;
    uint32 wanted; /* rows of the next stage */
    float *sample;
    uint32 sample_count;
    double *rows_seen;
} SgiLevel1;

extern void sgi_open_level1(SgiLevel1 *level1);
extern void sgi_close_level1(SgiLevel1 *level1);
/* Takes about level1->wanted rows with the smallest bounds of those not taken. */
extern void sgi_take_stage(SgiLevel1 *level1);
/* About how many rows have a bound not above this one. */
extern double sgi_estimate_rows(const SgiLevel1 *level1, float bound);

/* scan.c */

typedef struct SgiScan SgiScan;

typedef struct {
    ItemPointerData pointer;
    double bound; /* of the distance; -infinity where nothing is known, +infinity for NaN */
    bool is_null;
} SgiHit;

/* query NULL: of all rows the distance is NULL. */
extern SgiScan *sgi_begin_scan(Relation index, const float *query);
extern bool sgi_next_hit(SgiScan *scan, SgiHit *hit);
extern void sgi_end_scan(SgiScan *scan);

/* handler.c */
extern void sgi_vacuum_delay(void);
/* Pins the buffer if it holds the block. */
extern bool sgi_pin_recent(Relation index, BlockNumber block, Buffer buffer);

/* build.c insert.c vacuum.c */
extern IndexBuildResult *sgi_build(Relation heap, Relation index, IndexInfo *info);
extern void sgi_build_empty(Relation index);
extern void sgi_insert(Relation index, Relation heap, Datum value, bool is_null, ItemPointer pointer);
extern IndexBulkDeleteResult *sgi_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                              IndexBulkDeleteCallback callback, void *state);
extern IndexBulkDeleteResult *sgi_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

static inline void *sgi_align(void *memory) {
    return (void *)TYPEALIGN(64, memory);
}

/* Zeroed or not, in the current context, aligned to a cache line; never freed by itself. */
extern void *sgi_allocate_aligned(Size bytes);

#endif
