/* SPDX-License-Identifier: MIT
 *
 * The disk format of `CREATE INDEX ... USING simdgres`, version 1. Whoever changes anything here raises
 * SGI_FORMAT_VERSION; an index of another version is refused by name, with the advice to REINDEX.
 *
 * Block 0 is the meta page. Rows have slots 0, 1, 2 ... and lie in segments of the same number of slots. A segment is a run of
 * consecutive blocks:
 *
 *     level-1 pages | pointer pages | level-2 pages | level-3 pages
 *
 * so that the place of every part of a row follows from its slot by arithmetic. A scan reads all level-1 pages, and of the
 * others only what its survivors need. Where segments begin is written in directory pages, whose block numbers are in the meta
 * page. Segments, directory and loose pages are allocated at the end of the file, in any order.
 *
 * Loose rows are those that codes say nothing of: a chain of pages with one entry a row.
 *
 * All pages have the server's page header, then a SgiPageHeader; data begin at byte SGI_DATA_OFFSET (a cache line) and
 * pd_lower is behind them, so that the server keeps them in full-page images. Numbers are in the server's byte order.
 */
#ifndef SIMDGRES_INDEX_PAGE_H
#define SIMDGRES_INDEX_PAGE_H

#include "postgres.h"

#include "sg_codes.h"
#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"

#define SGI_MAGIC 0x53474958 /* "SGIX" */
#define SGI_FORMAT_VERSION 1
#define SGI_META_BLOCK 0

#define SGI_DATA_OFFSET 64
#define SGI_DATA_BYTES (BLCKSZ - SGI_DATA_OFFSET)

typedef enum {
    SGI_PAGE_META = 1,
    SGI_PAGE_MODEL,     /* a run of pages: centre, rotation, low, step, as floats without a gap */
    SGI_PAGE_DIRECTORY, /* BlockNumber of the first block of each segment */
    SGI_PAGE_LEVEL1,    /* blocks of native/codes */
    SGI_PAGE_POINTERS,  /* ItemPointerData of each slot; invalid where there is no row (any more) */
    SGI_PAGE_LEVEL2,    /* records of native/codes */
    SGI_PAGE_LEVEL3,    /* the same; a record longer than a page has pages of its own */
    SGI_PAGE_LOOSE      /* SgiLooseRow */
} SgiPageKind;

typedef struct {
    uint16 kind;      /* SgiPageKind */
    uint16 rows;      /* level 1: slots in use, from the first on; loose: entries. They never become fewer */
    BlockNumber next; /* loose: the next page of the chain, or InvalidBlockNumber */
    uint32 seal;      /* CRC of the page, in every format; 0: written before there were seals */
    uint32 reserved;
} SgiPageHeader;

/* Directory pages that the meta page has room for: more segments than a table can have blocks for. */
#define SGI_DIRECTORY_PAGES 1024
#define SGI_SEGMENTS_PER_DIRECTORY (SGI_DATA_BYTES / sizeof(BlockNumber))

typedef struct {
    uint32 magic;
    uint32 version;
    uint64 stamp; /* drawn when the index was built: tells a cached model from that of another index */
    uint32 metric;
    uint32 dims;
    uint32 is_trained;       /* else all rows are loose */
    sg_codes_header codes;   /* of a trained index */
    BlockNumber model_first; /* first page of the model */
    uint32 level1_pages;     /* of a segment; everything else about segments follows from it and codes */
    uint32 segments;
    BlockNumber loose_first;
    BlockNumber
        loose_last;     /* where room for an entry is looked for, and from there on to the end of the chain */
    float largest_norm; /* rounded up; inner product alone: no row is longer */
    uint32 trained_rows; /* rows when the model was trained */
    uint32 loose_pages;  /* in the chain */
    uint32 tried_pages;  /* of an untrained index: pages at which inserts found too few rows to train on */
    uint32 reserved[6];
    BlockNumber directory[SGI_DIRECTORY_PAGES];
} SgiMeta;

StaticAssertDecl(sizeof(SgiMeta) <= SGI_DATA_BYTES, "the meta page holds the meta data");

typedef enum {
    SGI_LOOSE_FREE,    /* vacuumed: an insert may take it */
    SGI_LOOSE_UNBOUND, /* nothing is known of its distance: comes first */
    SGI_LOOSE_NAN,     /* a cosine without direction: comes after every number */
    SGI_LOOSE_NULL     /* comes last */
} SgiLooseKind;

typedef struct {
    ItemPointerData pointer;
    uint16 kind; /* SgiLooseKind */
} SgiLooseRow;

#define SGI_LOOSE_ROWS_PER_PAGE (SGI_DATA_BYTES / sizeof(SgiLooseRow))

/* What follows from the meta page: where the parts of a segment are. */
typedef struct {
    uint32 block_bytes;
    uint32 blocks_per_page;
    uint32 rows_per_page; /* of level 1 */
    uint32 level1_pages;
    uint32 rows_per_segment;
    uint32 pointer_pages;
    uint32 record2_bytes; /* 0 without level 2 */
    uint32 records2_per_page;
    uint32 level2_pages;
    uint32 record3_bytes; /* 0 without level 3 */
    uint32 records3_per_page;
    uint32 pages_per_record3; /* 1, unless a record is longer than a page */
    uint32 level3_pages;
    uint32 segment_pages;
    /* Where the parts begin, in pages after the first of the segment. */
    uint32 pointers_at, level2_at, level3_at;
} SgiLayout;

#define SGI_POINTERS_PER_PAGE (SGI_DATA_BYTES / sizeof(ItemPointerData))

static inline uint32 sgi_divide_up(uint32 value, uint32 by) {
    return (value + by - 1) / by;
}

static inline void sgi_layout_records(uint32 rows, uint32 bytes, uint32 *per_page, uint32 *pages_per_record,
                                      uint32 *pages) {
    if (bytes == 0) {
        *per_page = *pages_per_record = *pages = 0;
    } else if (bytes <= SGI_DATA_BYTES) {
        *per_page = SGI_DATA_BYTES / bytes;
        *pages_per_record = 1;
        *pages = sgi_divide_up(rows, *per_page);
    } else {
        *per_page = 1;
        *pages_per_record = sgi_divide_up(bytes, SGI_DATA_BYTES);
        *pages = rows * *pages_per_record;
    }
}

static inline SgiLayout sgi_layout(const sg_codes_header *codes, uint32 level1_pages) {
    SgiLayout layout;
    uint32 pages_per_record2;

    layout.block_bytes = (uint32)sg_codes_block_bytes(codes);
    layout.blocks_per_page = SGI_DATA_BYTES / layout.block_bytes;
    layout.rows_per_page = layout.blocks_per_page * SG_BLOCK_ROWS;
    layout.level1_pages = level1_pages;
    layout.rows_per_segment = layout.rows_per_page * level1_pages;
    layout.pointer_pages = sgi_divide_up(layout.rows_per_segment, SGI_POINTERS_PER_PAGE);
    layout.record2_bytes = (uint32)sg_codes_level2_bytes(codes);
    sgi_layout_records(layout.rows_per_segment, layout.record2_bytes, &layout.records2_per_page,
                       &pages_per_record2, &layout.level2_pages);
    layout.record3_bytes = (uint32)sg_codes_level3_bytes(codes);
    sgi_layout_records(layout.rows_per_segment, layout.record3_bytes, &layout.records3_per_page,
                       &layout.pages_per_record3, &layout.level3_pages);
    layout.pointers_at = level1_pages;
    layout.level2_at = layout.pointers_at + layout.pointer_pages;
    layout.level3_at = layout.level2_at + layout.level2_pages;
    layout.segment_pages = layout.level3_at + layout.level3_pages;
    return layout;
}

static inline SgiPageHeader *sgi_header(Page page) {
    return (SgiPageHeader *)((char *)page + SizeOfPageHeaderData);
}

static inline char *sgi_data(Page page) {
    return (char *)page + SGI_DATA_OFFSET;
}

StaticAssertDecl(SizeOfPageHeaderData + sizeof(SgiPageHeader) <= SGI_DATA_OFFSET, "headers end before data");

#endif
