/* SPDX-License-Identifier: MIT */
#include "index.h"

#include "access/xact.h"
#include "access/xloginsert.h"
#include "pgstat.h"
#include "port/pg_crc32c.h"
#include "storage/buf_internals.h"
#include "storage/lmgr.h"

#define CACHE_LINE_BYTES 64

#define REINDEX_HINT errhint("Run REINDEX INDEX \"%s\".", RelationGetRelationName(index))

/*
 * Of all that the server does not change by itself: it writes its position in the WAL and its own checksum, which begin a page.
 * The hole behind pd_lower is always zero.
 */
static uint32 seal_of(Page page) {
    const char *seal = (const char *)&sgi_header(page)->seal, *end = page + BLCKSZ;
    const char *first = page + offsetof(PageHeaderData, pd_flags);
    pg_crc32c crc;

    INIT_CRC32C(crc);
    COMP_CRC32C(crc, first, seal - first);
    COMP_CRC32C(crc, seal + sizeof(uint32), end - (seal + sizeof(uint32)));
    FIN_CRC32C(crc);
    return crc == 0 ? 1 : crc;
}

static bool is_sealed(Page page) {
    return sgi_header(page)->seal == 0 || sgi_header(page)->seal == seal_of(page);
}

static void refuse_damaged(Relation index, BlockNumber block) {
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("block %u of index \"%s\" is damaged", block, RelationGetRelationName(index)),
                    errdetail("Its checksum is not that of what it holds."), REINDEX_HINT));
}

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
    bool is_path = kind <= SGI_PAGE_DIRECTORY || kind == SGI_PAGE_LOOSE;
    if (is_path && !is_sealed(page))
        refuse_damaged(index, block);
    return buffer;
}

Buffer sgi_read_page(Relation index, BlockNumber block, SgiPageKind kind, int lock_mode) {
    return lock_page(index, ReadBuffer(index, block), block, kind, lock_mode);
}

Buffer sgi_read_recent_page(Relation index, BlockNumber block, SgiPageKind kind, Buffer *recent) {
    if (BufferIsValid(*recent) && sgi_pin_recent(index, block, *recent)) {
        pgstat_count_buffer_read(index);
        pgstat_count_buffer_hit(index);
    } else {
        *recent = ReadBuffer(index, block);
    }
    return lock_page(index, *recent, block, kind, BUFFER_LOCK_SHARE);
}

void sgi_fetch_ahead(Buffer recent, Size at, Size bytes) {
    if (recent <= 0)
        return; /* unknown, or of a temporary table */
    const char *page = (const char *)BufferGetBlock(recent), *from = page + SGI_DATA_OFFSET + at;
    __builtin_prefetch(GetBufferDescriptor((uint32)recent - 1), 1);
    __builtin_prefetch(page);
    for (Size i = 0; i < bytes; i += CACHE_LINE_BYTES)
        __builtin_prefetch(from + i);
}

void sgi_verify_page(Relation index, BlockNumber block, SgiPageKind kind) {
    Buffer buffer = sgi_read_page(index, block, kind, BUFFER_LOCK_SHARE);

    if (!is_sealed(BufferGetPage(buffer)))
        refuse_damaged(index, block);
    UnlockReleaseBuffer(buffer);
}

SgiChange sgi_begin_change(Relation index) {
    SgiChange change = {.index = index, .state = GenericXLogStart(index)};

    return change;
}

Page sgi_change_page(SgiChange *change, Buffer buffer, int flags) {
    /* Its new seal would make the damage look whole. */
    if ((flags & GENERIC_XLOG_FULL_IMAGE) == 0 && !is_sealed(BufferGetPage(buffer)))
        refuse_damaged(change->index, BufferGetBlockNumber(buffer));
    return change->pages[change->count++] = GenericXLogRegisterBuffer(change->state, buffer, flags);
}

void sgi_finish_change(SgiChange *change) {
    for (int i = 0; i < change->count; i++)
        sgi_header(change->pages[i])->seal = seal_of(change->pages[i]);
    GenericXLogFinish(change->state);
}

void sgi_close_page(Buffer buffer) {
    Page page = BufferGetPage(buffer);

    sgi_header(page)->seal = seal_of(page);
    MarkBufferDirty(buffer);
    UnlockReleaseBuffer(buffer);
}

void sgi_read_meta(Relation index, SgiMeta *meta) {
    Buffer buffer = ReadBuffer(index, SGI_META_BLOCK);

    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    memcpy(meta, sgi_data(page), sizeof *meta);
    bool is_meta = !PageIsNew(page) && sgi_header(page)->kind == SGI_PAGE_META && meta->magic == SGI_MAGIC;
    bool is_damaged = is_meta && !is_sealed(page);
    UnlockReleaseBuffer(buffer);

    if (is_damaged)
        refuse_damaged(index, SGI_META_BLOCK);
    if (!is_meta)
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("block %d of index \"%s\" is no meta page of simdgres", SGI_META_BLOCK,
                               RelationGetRelationName(index)),
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
    /* Of a new index a parallel build's workers know, too. */
    bool is_shared = !RELATION_IS_LOCAL(index) || IsInParallelMode();

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
    change.change = sgi_begin_change(index);
    change.meta = (SgiMeta *)sgi_data(sgi_change_page(&change.change, change.buffer, 0));
    return change;
}

void sgi_finish_meta(SgiMetaChange *change) {
    sgi_finish_change(&change->change);
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
    Page page = sgi_change_page(&change.change, buffer, place == 0 ? GENERIC_XLOG_FULL_IMAGE : 0);
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
