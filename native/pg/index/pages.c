/* SPDX-License-Identifier: MIT */
#include "index.h"

#include "access/xloginsert.h"
#include "storage/lmgr.h"

#define REINDEX_HINT errhint("Run REINDEX INDEX \"%s\".", RelationGetRelationName(index))

static Buffer lock_page(Relation index, Buffer buffer, BlockNumber block, SgiPageKind kind, int lock_mode) {
    LockBuffer(buffer, lock_mode);
    Page page = BufferGetPage(buffer);
    if (unlikely(PageIsNew(page) || sgi_header(page)->kind != kind))
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("block %u of index \"%s\" is not what it should be", block,
                               RelationGetRelationName(index)),
                        errdetail("Found a page of kind %d where one of kind %d belongs.",
                                  PageIsNew(page) ? 0 : sgi_header(page)->kind, kind),
                        REINDEX_HINT));
    return buffer;
}

Buffer sgi_read_page(Relation index, BlockNumber block, SgiPageKind kind, int lock_mode) {
    return lock_page(index, ReadBuffer(index, block), block, kind, lock_mode);
}

Buffer sgi_read_recent_page(Relation index, BlockNumber block, SgiPageKind kind, Buffer *recent) {
    if (!BufferIsValid(*recent) || !sgi_pin_recent(index, block, *recent))
        *recent = ReadBuffer(index, block);
    return lock_page(index, *recent, block, kind, BUFFER_LOCK_SHARE);
}

void sgi_read_meta(Relation index, SgiMeta *meta) {
    Buffer buffer = ReadBuffer(index, SGI_META_BLOCK);

    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    memcpy(meta, sgi_data(page), sizeof *meta);
    bool is_meta = !PageIsNew(page) && sgi_header(page)->kind == SGI_PAGE_META && meta->magic == SGI_MAGIC;
    UnlockReleaseBuffer(buffer);

    if (!is_meta)
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("index \"%s\" has no meta page of simdgres", RelationGetRelationName(index)),
                        REINDEX_HINT));
    if (meta->version != SGI_FORMAT_VERSION)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" has format %u, and this version of simdgres reads format %d",
                               RelationGetRelationName(index), meta->version, SGI_FORMAT_VERSION),
                        REINDEX_HINT));
    if (meta->is_trained && (!sg_codes_is_valid(&meta->codes) || meta->codes.dims != meta->dims ||
                             meta->codes.metric != meta->metric || meta->level1_pages == 0))
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("the meta page of index \"%s\" is damaged", RelationGetRelationName(index)),
                        REINDEX_HINT));
}

uint64 sgi_draw_stamp(void) {
    uint64 stamp;

    if (!pg_strong_random(&stamp, sizeof stamp))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("no random number for a new index"),
                        errhint("Try again; the operating system's source of random numbers failed.")));
    return stamp;
}

void sgi_init_page(Page page, SgiPageKind kind, Size bytes) {
    PageInit(page, BLCKSZ, 0);
    SgiPageHeader *header = sgi_header(page);
    header->kind = kind;
    header->next = InvalidBlockNumber;
    ((PageHeader)page)->pd_lower = (LocationIndex)(SGI_DATA_OFFSET + bytes);
}

BlockNumber sgi_allocate(Relation index, ForkNumber fork, uint32 pages) {
    BlockNumber first = InvalidBlockNumber;
    bool is_shared = !RELATION_IS_LOCAL(index);

    if (is_shared)
        LockRelationForExtension(index, ExclusiveLock);
    for (uint32 i = 0; i < pages; i++) {
        Buffer buffer = ReadBufferExtended(index, fork, P_NEW, RBM_NORMAL, NULL);
        if (i == 0)
            first = BufferGetBlockNumber(buffer);
        ReleaseBuffer(buffer);
    }
    if (is_shared)
        UnlockRelationForExtension(index, ExclusiveLock);
    return first;
}

Buffer sgi_new_page(Relation index, ForkNumber fork, BlockNumber block, SgiPageKind kind, Size bytes) {
    Buffer buffer = ReadBufferExtended(index, fork, block, RBM_ZERO_AND_LOCK, NULL);

    sgi_init_page(BufferGetPage(buffer), kind, bytes);
    return buffer;
}

void sgi_log_pages(Relation index, BlockNumber first, BlockNumber end) {
    if (RelationNeedsWAL(index))
        log_newpage_range(index, MAIN_FORKNUM, first, end, true);
}

BlockNumber *sgi_read_directory(Relation index, const SgiMeta *meta) {
    BlockNumber *segments = palloc(sizeof(BlockNumber) * Max(meta->segments, 1));

    for (uint32 first = 0; first < meta->segments; first += SGI_SEGMENTS_PER_DIRECTORY) {
        uint32 count = Min(meta->segments - first, SGI_SEGMENTS_PER_DIRECTORY);
        Buffer buffer = sgi_read_page(index, meta->directory[first / SGI_SEGMENTS_PER_DIRECTORY],
                                      SGI_PAGE_DIRECTORY, BUFFER_LOCK_SHARE);
        memcpy(segments + first, sgi_data(BufferGetPage(buffer)), count * sizeof(BlockNumber));
        UnlockReleaseBuffer(buffer);
    }
    return segments;
}

SgiMetaChange sgi_begin_meta(Relation index) {
    SgiMetaChange change;

    change.buffer = sgi_read_page(index, SGI_META_BLOCK, SGI_PAGE_META, BUFFER_LOCK_EXCLUSIVE);
    change.state = GenericXLogStart(index);
    change.meta = (SgiMeta *)sgi_data(GenericXLogRegisterBuffer(change.state, change.buffer, 0));
    return change;
}

void sgi_finish_meta(SgiMetaChange *change) {
    GenericXLogFinish(change->state);
    UnlockReleaseBuffer(change->buffer);
}

void sgi_publish_segment(Relation index, BlockNumber first) {
    SgiMeta meta;

    sgi_read_meta(index, &meta);
    uint32 page_number = meta.segments / SGI_SEGMENTS_PER_DIRECTORY;
    uint32 place = meta.segments % SGI_SEGMENTS_PER_DIRECTORY;
    if (page_number >= SGI_DIRECTORY_PAGES)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("index \"%s\" has no room for more segments", RelationGetRelationName(index)),
                        REINDEX_HINT));
    BlockNumber block = place == 0 ? sgi_allocate(index, MAIN_FORKNUM, 1) : meta.directory[page_number];

    SgiMetaChange change = sgi_begin_meta(index);
    Buffer buffer = ReadBuffer(index, block);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    Page page = GenericXLogRegisterBuffer(change.state, buffer, place == 0 ? GENERIC_XLOG_FULL_IMAGE : 0);
    if (place == 0)
        sgi_init_page(page, SGI_PAGE_DIRECTORY, SGI_DATA_BYTES);
    ((BlockNumber *)sgi_data(page))[place] = first;
    change.meta->directory[page_number] = block;
    change.meta->segments++;
    sgi_finish_meta(&change);
    UnlockReleaseBuffer(buffer);
}

void *sgi_allocate_aligned(Size bytes) {
    return sgi_align(MemoryContextAllocHuge(CurrentMemoryContext, bytes + 64));
}
