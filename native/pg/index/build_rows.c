/* SPDX-License-Identifier: MIT
 *
 * What each process of a build does with the rows of its scan.
 */
#include "build.h"

#include "access/parallel.h"
#include "commands/progress.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

/* Of all processes together, by the one that was asked for the index. */
static void report_row(const SgiBuild *build) {
    uint64 done =
        build->all_indexed == NULL ? (uint64)build->indexed : pg_atomic_add_fetch_u64(build->all_indexed, 1);

    if (!IsParallelWorker())
        pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64)done);
}

static void add_row(Relation index, ItemPointer pointer, Datum *values, bool *is_null, bool is_alive,
                    void *state) {
    SgiBuild *build = state;
    SgiLooseKind kind = SGI_LOOSE_NULL;
    MemoryContext before = MemoryContextSwitchTo(build->row_context);

    (void)is_alive;
    if (!is_null[0]) {
        const float *vector = sgi_vector(build->index, values[0], build->dims);
        kind = sgi_classify(build->metric, vector, build->dims);
        if (build->metric == SG_METRIC_IP)
            build->largest_norm =
                Max(build->largest_norm, sg_round_up(sgi_norm(vector, build->dims) * 1.0001));
        if (kind == SGI_LOOSE_FREE && build->is_trained)
            sgi_write_row(&build->writer, vector, pointer);
        else if (kind == SGI_LOOSE_FREE)
            kind = SGI_LOOSE_UNBOUND;
    }
    if (kind != SGI_LOOSE_FREE)
        sgi_add_loose(index, pointer, kind);
    MemoryContextSwitchTo(before);
    MemoryContextReset(build->row_context);
    build->indexed++;
    report_row(build);
}

double sgi_build_rows(SgiBuild *build, const SgiModel *model, TableScanDesc scan) {
    if (model != NULL)
        sgi_open_writer(&build->writer, build->index, model);
    double rows =
        table_index_build_scan(build->heap, build->index, build->info, true, true, add_row, build, scan);
    if (model != NULL)
        sgi_close_writer(&build->writer);
    return rows;
}

void sgi_publish_rows(SgiBuild *build) {
    for (uint32 i = 0; i < build->writer.count; i++)
        sgi_publish_segment(build->index, build->writer.segments[i]);
}
