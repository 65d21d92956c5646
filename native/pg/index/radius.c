/* SPDX-License-Identifier: MIT
 *
 * The operators of a radius search. `e <<->> sphere(q, r)` is `e <-> q < r`, measured by pgvector's own function, as one
 * condition that an index can be asked for: it says where to stop.
 */
#include "radius.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "utils/builtins.h"
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
    /* The last sphere, read, and its bytes: it is mostly the same for all rows, and another one in each turn of a loop in PL/pgSQL. */
    SgiSphere sphere;
    struct varlena *bytes;
} Condition;

/* pgvector's function, in whatever schema its types are. As a column's operator it asks for no right to that schema. */
static Oid find_distance(Oid type, const char *name) {
    Oid types[2] = {type, type};
    HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for type %u", type);
    Oid schema = ((Form_pg_type)GETSTRUCT(tuple))->typnamespace;
    ReleaseSysCache(tuple);
    Oid function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
                                   PointerGetDatum(buildoidvector(types, 2)), ObjectIdGetDatum(schema));
    if (!OidIsValid(function))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("pgvector's function %s is missing", name),
                 errhint("Create the extension vector again, in a version of 0.7 or newer.")));
    return function;
}

static Condition *start_condition(FunctionCallInfo fcinfo, const char *distance) {
    FmgrInfo *site = fcinfo->flinfo;
    Oid type = get_fn_expr_argtype(site, 0);

    if (!OidIsValid(type))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a radius search needs to know the type of its vectors"),
                        errhint("Call it by its operator in a statement.")));
    Condition *condition = MemoryContextAllocZero(site->fn_mcxt, sizeof *condition);
    fmgr_info_cxt(find_distance(type, distance), &condition->distance, site->fn_mcxt);
    return site->fn_extra = condition;
}

static void read_sphere(Condition *condition, Datum datum, MemoryContext context) {
    struct varlena *value = (struct varlena *)DatumGetPointer(datum);
    Size size = VARSIZE_ANY(value);

    if (condition->bytes != NULL && VARSIZE_ANY(condition->bytes) == size &&
        memcmp(condition->bytes, value, size) == 0)
        return;
    if (condition->bytes != NULL)
        pfree(condition->bytes);
    condition->bytes = MemoryContextAlloc(context, size);
    memcpy(condition->bytes, value, size);
    condition->sphere = sgi_read_sphere(PointerGetDatum(condition->bytes));
}

static Datum is_within(FunctionCallInfo fcinfo, const char *distance) {
    Condition *condition = fcinfo->flinfo->fn_extra;

    if (condition == NULL)
        condition = start_condition(fcinfo, distance);
    /* As a whole and in one piece, since its bytes are compared and its parts are pointed to. */
    Datum whole = PointerGetDatum(PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
    read_sphere(condition, whole, fcinfo->flinfo->fn_mcxt);
    if (condition->sphere.is_null)
        PG_RETURN_NULL();
    Datum measured =
        FunctionCall2Coll(&condition->distance, InvalidOid, PG_GETARG_DATUM(0), condition->sphere.centre);
    PG_RETURN_BOOL(float8_lt(DatumGetFloat8(measured), condition->sphere.radius));
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
