/* SPDX-License-Identifier: MIT
 *
 * The chain of rows that codes say nothing of: NULL, cosines without direction, and all rows of an untrained index.
 */
#include "index.h"

uint32 sgi_read_loose(Relation index, BlockNumber block, SgiLooseRow *rows, BlockNumber *next) {
    Buffer buffer = sgi_read_page(index, block, SGI_PAGE_LOOSE, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    uint32 count = Min(sgi_header(page)->rows, SGI_LOOSE_ROWS_PER_PAGE);

    memcpy(rows, sgi_data(page), count * sizeof(SgiLooseRow));
    *next = sgi_header(page)->next;
    UnlockReleaseBuffer(buffer);
    return count;
}

/* Where an entry fits on a locked page, or -1. */
static int find_place(Page page) {
    const SgiLooseRow *rows = (const SgiLooseRow *)sgi_data(page);
    uint32 count = Min(sgi_header(page)->rows, SGI_LOOSE_ROWS_PER_PAGE);

    if (count < SGI_LOOSE_ROWS_PER_PAGE)
        return (int)count;
    for (uint32 i = 0; i < count; i++) {
        if (rows[i].kind == SGI_LOOSE_FREE)
            return (int)i;
    }
    return -1;
}

/* Adds an entry to one page; returns false when it is full, and the next page, if there is one. */
static bool add_to_page(Relation index, BlockNumber block, const SgiLooseRow *row, BlockNumber *next) {
    Buffer buffer = sgi_read_page(index, block, SGI_PAGE_LOOSE, BUFFER_LOCK_EXCLUSIVE);
    int place = find_place(BufferGetPage(buffer));

    *next = sgi_header(BufferGetPage(buffer))->next;
    if (place >= 0) {
        SgiChange change = sgi_begin_change(index);
        Page page = sgi_change_page(&change, buffer, 0);
        ((SgiLooseRow *)sgi_data(page))[place] = *row;
        if (place == sgi_header(page)->rows)
            sgi_header(page)->rows++;
        sgi_finish_change(&change);
    }
    UnlockReleaseBuffer(buffer);
    return place >= 0;
}

/* The last page of the chain that goes on from this block, locked. */
static Buffer lock_end(Relation index, BlockNumber block) {
    for (;;) {
        Buffer buffer = sgi_read_page(index, block, SGI_PAGE_LOOSE, BUFFER_LOCK_EXCLUSIVE);
        block = sgi_header(BufferGetPage(buffer))->next;
        if (!BlockNumberIsValid(block))
            return buffer;
        UnlockReleaseBuffer(buffer);
    }
}

/* A new last page, known to the meta page and to the one before it. */
static void add_page(Relation index) {
    BlockNumber block = sgi_allocate(index, MAIN_FORKNUM, 1);
    SgiMetaChange change = sgi_begin_meta(index);
    BlockNumber last = change.meta->loose_last;
    Buffer before = InvalidBuffer;

    if (BlockNumberIsValid(last)) {
        before = lock_end(index, last);
        sgi_header(sgi_change_page(&change.change, before, 0))->next = block;
    } else {
        change.meta->loose_first = block;
    }
    Buffer buffer = ReadBuffer(index, block);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    sgi_init_page(sgi_change_page(&change.change, buffer, GENERIC_XLOG_FULL_IMAGE), SGI_PAGE_LOOSE,
                  SGI_DATA_BYTES);
    change.meta->loose_last = block;
    change.meta->loose_pages++;
    sgi_finish_meta(&change);
    UnlockReleaseBuffer(buffer);
    if (BufferIsValid(before))
        UnlockReleaseBuffer(before);
}

void sgi_look_for_room(Relation index, BlockNumber block) {
    SgiMetaChange change = sgi_begin_meta(index);

    change.meta->loose_last = block;
    sgi_finish_meta(&change);
}

void sgi_add_loose(Relation index, ItemPointer pointer, SgiLooseKind kind) {
    SgiLooseRow row = {.pointer = *pointer, .kind = (uint16)kind};

    for (;;) {
        SgiMeta meta;
        sgi_read_meta(index, &meta);
        BlockNumber block = meta.loose_last;
        while (BlockNumberIsValid(block)) {
            BlockNumber next;
            if (add_to_page(index, block, &row, &next)) {
                if (block != meta.loose_last) /* the pages between are full */
                    sgi_look_for_room(index, block);
                return;
            }
            block = next;
        }
        add_page(index);
    }
}

BlockNumber sgi_write_loose(Relation index, const SgiLooseRow *rows, uint32 count, SgiMeta *meta) {
    uint32 pages = sgi_divide_up(count, SGI_LOOSE_ROWS_PER_PAGE);

    meta->loose_first = meta->loose_last = InvalidBlockNumber;
    meta->loose_pages = pages;
    if (pages == 0)
        return InvalidBlockNumber;
    BlockNumber first = sgi_allocate(index, MAIN_FORKNUM, pages);
    for (uint32 i = 0; i < pages; i++) {
        uint32 part = Min(count - i * SGI_LOOSE_ROWS_PER_PAGE, SGI_LOOSE_ROWS_PER_PAGE);
        Buffer buffer = sgi_new_page(index, MAIN_FORKNUM, first + i, SGI_PAGE_LOOSE, SGI_DATA_BYTES);
        memcpy(sgi_data(BufferGetPage(buffer)), rows + i * SGI_LOOSE_ROWS_PER_PAGE,
               part * sizeof(SgiLooseRow));
        sgi_header(BufferGetPage(buffer))->rows = (uint16)part;
        if (i + 1 < pages)
            sgi_header(BufferGetPage(buffer))->next = first + i + 1;
        sgi_close_page(buffer);
    }
    meta->loose_first = first;
    meta->loose_last = first + pages - 1;
    return first;
}
