/* SPDX-License-Identifier: MIT
 *
 * An exact search of coded rows in memory: scan level 1, take a limit from the most promising rows, refine what is
 * below it level by level, and measure the rest in double. The answer is that of a loop over all rows in double.
 */
#ifndef SG_SEARCH_H
#define SG_SEARCH_H

#include "sg_codes.h"
#include "sg_nearest.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const sg_codes_model *model;
    const float *rows; /* the vectors themselves, count of dims */
    size_t count;      /* below 2^32 */
    const void *blocks, *level2, *level3;
    /* Bit r of word b: row r of block b passes. Bits past count are 0. NULL: all rows pass. The others are not read. */
    const uint32_t *passing;
    /* Of each row: what neighbours are called, and ties are decided by. NULL: their numbers. */
    const uint32_t *ids;
} sg_coded_rows;

/* Rows that each level looked at, and blocks of level 1, which queries share. */
typedef struct {
    uint64_t level1, level2, level3, exact, blocks;
} sg_search_stats;

/*
 * Bytes of scratch memory (aligned to 64 bytes) for one call with so many queries: 16 bytes a row, and 4 a row and query.
 */
size_t sg_search_bytes(const sg_coded_rows *rows, size_t k, size_t queries);

/*
 * The k nearest rows that pass of each of count queries, nearest first, at out + q * k; returns how many each has (fewer than k when there
 * are fewer such rows). All queries of a call share the reading of level 1: 8 to 32 are worth it where it does not fit the
 * cache. Adds to stats unless it is NULL.
 */
size_t sg_search(const sg_coded_rows *rows, const sg_codes_kernels *kernels, const float *queries,
                 size_t count, size_t k, sg_neighbour *out, sg_search_stats *stats, void *scratch);

/*
 * All rows that pass and whose distance is at most the radius (a finite number), in two steps between which the caller
 * makes room. scratch (aligned to 64 bytes) is that of sg_within_bytes in both, and rows and query stay where they are.
 */
size_t sg_within_bytes(const sg_coded_rows *rows);

/*
 * Rules rows out: every other row has a bound above the radius. Returns how many are left to be measured. What `stop` (may be
 * NULL) has stopped is of no use.
 */
size_t sg_within_begin(const sg_coded_rows *rows, const sg_codes_kernels *kernels, const float *query,
                       double radius, const sg_stop *stop, sg_search_stats *stats, void *scratch);

/*
 * Measures the rows that are left. out has room for k, at least 1: the k nearest of those within, which need be no more
 * than are left. Returns how many there are, in no order. A distance that is NaN is beyond every radius.
 */
size_t sg_within_measure(size_t left, size_t k, const sg_stop *stop, sg_neighbour *out,
                         sg_search_stats *stats, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
