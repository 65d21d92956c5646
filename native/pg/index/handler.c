/* SPDX-License-Identifier: MIT
 *
 * The access method as PostgreSQL calls it. All that differs from version to version is here.
 */
#include "cost.h"
#include "index.h"
#include "radius.h"

#include <math.h>

#include "access/amapi.h"
#include "access/reloptions.h"
#include "catalog/index.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "pgstat.h"
#include "utils/float.h"
#include "utils/memutils.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "The access method is written for PostgreSQL 15 to 18"
#endif

StaticAssertDecl(sizeof(Datum) == 8, "a float8 is passed by value");

/* The support functions of the operator classes. */
#define DEFINE_METRIC(name, metric)                                                                          \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS) {                                                               \
        (void)fcinfo;                                                                                        \
        PG_RETURN_INT32(metric);                                                                             \
    }

DEFINE_METRIC(simdgres_index_l2, SG_METRIC_L2)
DEFINE_METRIC(simdgres_index_cosine, SG_METRIC_COSINE)
DEFINE_METRIC(simdgres_index_ip, SG_METRIC_IP)

/* Only that an operator class has it counts: its values are halves. */
PG_FUNCTION_INFO_V1(simdgres_index_halves);
PGDLLEXPORT Datum simdgres_index_halves(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(true);
}

bool sgi_pin_recent(Relation index, BlockNumber block, Buffer buffer) {
#if PG_VERSION_NUM >= 160000
    return ReadRecentBuffer(index->rd_locator, MAIN_FORKNUM, block, buffer);
#else
    return ReadRecentBuffer(index->rd_node, MAIN_FORKNUM, block, buffer);
#endif
}

void sgi_vacuum_delay(void) {
#if PG_VERSION_NUM >= 180000
    vacuum_delay_point(false);
#else
    vacuum_delay_point();
#endif
}

typedef struct {
    SgiScan *scan; /* NULL until the first row is asked for */
    MemoryContext context;
    double limit;  /* no row that is wanted has a bound of so much; NaN: of any */
    bool is_empty; /* no row is wanted */
} IndexState;

static bool insert_tuple(Relation index, Datum *values, bool *is_null, ItemPointer pointer, Relation heap,
                         IndexUniqueCheck unique, bool unchanged, IndexInfo *info) {
    (void)unique, (void)unchanged, (void)info;
    sgi_insert(index, heap, values[0], is_null[0], pointer);
    return false;
}

static void estimate_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
                          Selectivity *selectivity, double *correlation, double *pages) {
    SgiCost cost;

    sgi_cost(root, path, loop_count, &cost);
    *startup = cost.startup;
    *total = cost.total;
    *selectivity = cost.selectivity;
    *correlation = cost.correlation;
    *pages = cost.pages;
#if PG_VERSION_NUM >= 180000
    /* From here on a disabled path with a finite cost would lose against one with an infinite cost. */
    if (cost.is_useless)
        path->path.disabled_nodes = 2;
#endif
}

static bytea *read_options(Datum options, bool validate) {
    static const relopt_parse_elt none[] = {{.optname = NULL}};

    return build_reloptions(options, validate, 0, sizeof(StdRdOptions), none, 0);
}

static bool validate_class(Oid opclass) {
    (void)opclass;
    return true;
}

static IndexScanDesc begin_scan(Relation index, int keys, int order_bys) {
    IndexScanDesc scan = RelationGetIndexScan(index, keys, order_bys);
    IndexState *state = palloc0(sizeof *state);

    state->context = CurrentMemoryContext;
    scan->opaque = state;
    if (order_bys > 0) {
        scan->xs_orderbyvals = palloc0(sizeof(Datum) * (Size)order_bys);
        scan->xs_orderbynulls = palloc0(sizeof(bool) * (Size)order_bys);
    }
    return scan;
}

static void end_inner_scan(IndexState *state) {
    if (state->scan != NULL)
        sgi_end_scan(state->scan);
    state->scan = NULL;
}

static void restart_scan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey order_bys,
                         int order_by_count) {
    end_inner_scan(scan->opaque);
    if (keys != NULL && key_count > 0)
        memmove(scan->keyData, keys, sizeof(ScanKeyData) * (Size)key_count);
    if (order_bys != NULL && order_by_count > 0)
        memmove(scan->orderByData, order_bys, sizeof(ScanKeyData) * (Size)order_by_count);
}

/* The query of an ORDER BY or the centre of a sphere. Its length is checked as the operator does it at the first row that it meets. */
static const float *read_query(IndexScanDesc scan, Datum value) {
    int32 dims = TupleDescAttr(scan->indexRelation->rd_att, 0)->atttypmod;
    int32 length;
    const float *query = sgi_elements(scan->indexRelation, value, &length);

    if (length != dims)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different %s dimensions %d and %d",
                               sgi_has_halves(scan->indexRelation) ? "halfvec" : "vector", dims, length),
                        errhint("Compare values of the same length.")));
    return query;
}

/*
 * The smallest sphere about the query ends the scan; about others the executor checks. Without an ORDER BY the first
 * sphere's centre is the query.
 */
static void read_spheres(IndexScanDesc scan, const float **query) {
    IndexState *state = scan->opaque;
    uint32 dims = (uint32)TupleDescAttr(scan->indexRelation->rd_att, 0)->atttypmod;

    for (int i = 0; i < scan->numberOfKeys; i++) {
        SgiSphere sphere = {.is_null = true};
        if (!(scan->keyData[i].sk_flags & SK_ISNULL))
            sphere = sgi_read_sphere(scan->keyData[i].sk_argument);
        if (sphere.is_null) {
            state->is_empty = true;
            return;
        }
        const float *centre = read_query(scan, sphere.centre);
        if (*query == NULL && scan->numberOfOrderBys == 0)
            *query = centre;
        bool is_query = *query != NULL && memcmp(*query, centre, dims * sizeof(float)) == 0;
        if (is_query && !(sphere.radius >= state->limit))
            state->limit = sphere.radius;
    }
}

static SgiScan *start_scan(IndexScanDesc scan) {
    IndexState *state = scan->opaque;
    const float *query = NULL;
    MemoryContext scans = CurrentMemoryContext;
    MemoryContext copies = AllocSetContextCreate(scans, "simdgres query", ALLOCSET_SMALL_SIZES);

    pgstat_count_index_scan(scan->indexRelation);
#if PG_VERSION_NUM >= 180000
    if (scan->instrument)
        scan->instrument->nsearches++;
#endif
    state->limit = get_float8_nan();
    state->is_empty = false;
    MemoryContextSwitchTo(copies);
    if (scan->numberOfOrderBys > 0 && !(scan->orderByData[0].sk_flags & SK_ISNULL))
        query = read_query(scan, scan->orderByData[0].sk_argument);
    read_spheres(scan, &query);
    MemoryContextSwitchTo(scans);
    SgiScan *started = sgi_begin_scan(scan->indexRelation, query);
    MemoryContextDelete(copies);
    return started;
}

static bool next_tuple(IndexScanDesc scan, ScanDirection direction) {
    IndexState *state = scan->opaque;
    SgiHit hit;

    Assert(ScanDirectionIsForward(direction));
    (void)direction;
    if (state->scan == NULL) {
        MemoryContext before = MemoryContextSwitchTo(state->context);
        state->scan = start_scan(scan);
        MemoryContextSwitchTo(before);
    }
    if (state->is_empty || !sgi_next_hit(state->scan, &hit) || hit.bound >= state->limit)
        return false;
    scan->xs_heaptid = hit.pointer;
    scan->xs_recheck = scan->numberOfKeys > 0;
    scan->xs_recheckorderby = scan->numberOfOrderBys > 0;
    for (int i = 0; i < scan->numberOfOrderBys; i++) {
        /* Of a second distance to order by, nothing is known. */
        scan->xs_orderbyvals[i] = Float8GetDatum(i == 0 ? hit.bound : -get_float8_infinity());
        scan->xs_orderbynulls[i] = i == 0 && hit.is_null;
    }
    return true;
}

static void end_scan(IndexScanDesc scan) {
    end_inner_scan(scan->opaque);
    pfree(scan->opaque);
}

PG_FUNCTION_INFO_V1(simdgres_index_handler);
PGDLLEXPORT Datum simdgres_index_handler(PG_FUNCTION_ARGS) {
    IndexAmRoutine *method = makeNode(IndexAmRoutine);

    (void)fcinfo;
    method->amsupport = 2;
    method->amcanorderbyop = true;
    method->amoptionalkey = true; /* so it has NULLs, too */
    method->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
    method->amkeytype = InvalidOid;
    method->ambuild = sgi_build;
    method->ambuildempty = sgi_build_empty;
    method->aminsert = insert_tuple;
    method->ambulkdelete = sgi_bulk_delete;
    method->amvacuumcleanup = sgi_vacuum_cleanup;
    method->amcostestimate = estimate_cost;
    method->amoptions = read_options;
    method->amvalidate = validate_class;
    method->ambeginscan = begin_scan;
    method->amrescan = restart_scan;
    method->amgettuple = next_tuple;
    method->amendscan = end_scan;
    PG_RETURN_POINTER(method);
}
