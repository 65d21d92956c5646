/* SPDX-License-Identifier: MIT
 *
 * Private to build.c, and what it calls: build_rows.c, and parallel.c, which calls that as well.
 */
#ifndef SIMDGRES_INDEX_BUILD_H
#define SIMDGRES_INDEX_BUILD_H

#include "index.h"

#include "access/tableam.h"
#include "port/atomics.h"

/* What one process has of a build. */
typedef struct {
    Relation heap, index;
    IndexInfo *info;
    sg_metric metric;
    uint32 dims;
    double indexed;
    float largest_norm;
    MemoryContext row_context;
    /* The sample. */
    float *sample;
    uint32 sampled, sample_room;
    /* The rows. */
    SgiWriter writer;
    bool is_trained;
    pg_atomic_uint64 *all_indexed; /* by all processes; NULL: this is the only one */
} SgiBuild;

/* build_rows.c */

/* Encodes the rows that the scan brings, all of the table without one. Returns how many it brought. */
extern double sgi_build_rows(SgiBuild *build, const SgiModel *model, TableScanDesc scan);
/* Makes known what this process has written. Nobody else may do so at the same time. */
extern void sgi_publish_rows(SgiBuild *build);

/* parallel.c */

/*
 * The same by this process and so many workers, of an index that is trained; adds what workers have done to build->indexed and
 * build->largest_norm. Returns the rows of the table, or -1 where there are to be no workers, or none could be started.
 */
extern double sgi_build_in_parallel(SgiBuild *build, const SgiModel *model, int workers);

#endif
