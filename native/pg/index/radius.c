/* SPDX-License-Identifier: MIT
 *
 * The operators of a radius search. `e <<->> sphere(q, r)` is `e <-> q < r`, measured by pgvector's own function, as one
 * condition that an index can be asked for: it says where to stop.
 */
#include "radius.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

SgiSphere sgi_read_sphere(Datum sphere) {
    HeapTupleHeader tuple = DatumGetHeapTupleHeader(sphere);
    SgiSphere read;
    bool has_no_centre, has_no_radius;

    read.centre = GetAttributeByNum(tuple, 1, &has_no_centre);
    Datum radius = GetAttributeByNum(tuple, 2, &has_no_radius);
    read.is_null = has_no_centre || has_no_radius;
    read.radius = read.is_null ? 0 : DatumGetFloat8(radius);
    return read;
}

/* Of one place in a statement. */
typedef struct {
    FmgrInfo distance;
    bool is_read; /* the sphere is the same for all rows */
    SgiSphere sphere;
} Condition;

/* The schema of pgvector, wherever that is now. */
static char *find_schema(Oid type) {
    HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for type %u", type);
    char *schema = get_namespace_name(((Form_pg_type)GETSTRUCT(tuple))->typnamespace);
    ReleaseSysCache(tuple);
    return schema;
}

static Condition *start_condition(FunctionCallInfo fcinfo, const char *distance) {
    FmgrInfo *site = fcinfo->flinfo;
    Oid type = get_fn_expr_argtype(site, 0), types[2] = {type, type};
    Condition *condition;

    if (!OidIsValid(type))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a radius search needs to know the type of its vectors"),
                        errhint("Call it by its operator in a statement.")));
    Oid function = LookupFuncName(list_make2(makeString(find_schema(type)), makeString(pstrdup(distance))), 2,
                                  types, false);
    condition = MemoryContextAllocZero(site->fn_mcxt, sizeof *condition);
    fmgr_info_cxt(function, &condition->distance, site->fn_mcxt);
    if (get_fn_expr_arg_stable(site, 1)) {
        MemoryContext before = MemoryContextSwitchTo(site->fn_mcxt);
        condition->sphere = sgi_read_sphere(datumCopy(PG_GETARG_DATUM(1), false, -1));
        condition->is_read = true;
        MemoryContextSwitchTo(before);
    }
    site->fn_extra = condition;
    return condition;
}

static Datum is_within(FunctionCallInfo fcinfo, const char *distance) {
    Condition *condition = fcinfo->flinfo->fn_extra;

    if (condition == NULL)
        condition = start_condition(fcinfo, distance);
    SgiSphere sphere = condition->is_read ? condition->sphere : sgi_read_sphere(PG_GETARG_DATUM(1));
    if (sphere.is_null)
        PG_RETURN_NULL();
    Datum measured = FunctionCall2Coll(&condition->distance, InvalidOid, PG_GETARG_DATUM(0), sphere.centre);
    PG_RETURN_BOOL(float8_lt(DatumGetFloat8(measured), sphere.radius));
}

/* By the names of pgvector's functions, which are the same for both types unless they begin with it. */
#define DEFINE_WITHIN(name, distance)                                                                        \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS) {                                                               \
        return is_within(fcinfo, distance);                                                                  \
    }

DEFINE_WITHIN(simdgres_within_l2, "l2_distance")
DEFINE_WITHIN(simdgres_within_cosine, "cosine_distance")
DEFINE_WITHIN(simdgres_within_ip_vector, "vector_negative_inner_product")
DEFINE_WITHIN(simdgres_within_ip_halfvec, "halfvec_negative_inner_product")
