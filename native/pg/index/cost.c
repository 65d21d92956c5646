/* SPDX-License-Identifier: MIT
 *
 * What a scan costs: level 1 is read before the first row comes, and rows then come one by one, each with a visit to the
 * table, which the planner adds.
 */
#include "cost.h"

#include "index.h"
#include "radius.h"

#include <math.h>

#include "access/table.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

/* Bounds of level 1 take 1 to 3 ns a row, where an operator of the executor takes some 25. */
#define BOUND_COST 0.08

/* A row that is returned: three pages, two queues, and the executor's own. Some 2.5 microseconds. */
#define ROW_COST 100

/* Rows that the levels look at beyond the first, as a share, and what each of them costs. */
#define SURVIVORS 0.01
#define SURVIVOR_COST 4.0

/* Pages of an index that is searched stay in memory: read in runs, and mostly not from the disk. */
#define CACHED_PAGE 0.1
/* To find, pin and lock one. */
#define PAGE_OPERATORS 8

static Node *strip_relabel(Node *node) {
    while (node != NULL && IsA(node, RelabelType))
        node = (Node *)((RelabelType *)node)->arg;
    return node;
}

/* The centre of a sphere as far as the planner knows it, or NULL. */
static Node *centre_of(Node *sphere, Const *made) {
    sphere = strip_relabel(sphere);
    if (IsA(sphere, RowExpr))
        return linitial(((RowExpr *)sphere)->args);
    if (!IsA(sphere, Const) || ((Const *)sphere)->constisnull)
        return NULL;
    SgiSphere read = sgi_read_sphere(((Const *)sphere)->constvalue);
    if (read.is_null)
        return NULL;
    *made = *(Const *)sphere;
    made->constvalue = read.centre;
    return (Node *)made;
}

/* Whether two sides of operators are the same vector, as far as the planner knows them. */
static bool are_same(Node *centre, Node *query) {
    query = strip_relabel(query);
    if (centre == NULL)
        return false;
    centre = strip_relabel(centre);
    if (!IsA(centre, Const) || !IsA(query, Const))
        return equal(centre, query);
    if (((Const *)centre)->constisnull || ((Const *)query)->constisnull)
        return false;
    return datum_image_eq(((Const *)centre)->constvalue, ((Const *)query)->constvalue, false, -1);
}

/* The part of the rows that the one sphere leaves at which the scan stops; 1 where it stops at none. */
static double share_within(PlannerInfo *root, IndexPath *path) {
    ListCell *cell;
    Node *query =
        path->indexorderbys == NIL ? NULL : lsecond(((OpExpr *)linitial(path->indexorderbys))->args);

    foreach (cell, path->indexclauses) {
        RestrictInfo *condition = ((IndexClause *)lfirst(cell))->rinfo;
        Const made;
        if (!IsA(condition->clause, OpExpr))
            continue;
        Node *sphere = lsecond(((OpExpr *)condition->clause)->args);
        if (query == NULL || are_same(centre_of(sphere, &made), query))
            return clause_selectivity(root, (Node *)condition, 0, JOIN_INNER, NULL);
    }
    return 1;
}

void sgi_cost(PlannerInfo *root, IndexPath *path, double loop_count, SgiCost *cost) {
    GenericCosts generic;
    SgiMeta meta;
    double level1_pages = 0, rows = Max(path->indexinfo->tuples, 1);

    memset(cost, 0, sizeof *cost);
    if (path->indexorderbys == NIL && path->indexclauses == NIL) {
        /* It can only say what is near. */
        cost->startup = cost->total = get_float8_infinity();
        cost->is_useless = true;
        return;
    }
    MemSet(&generic, 0, sizeof generic);
    genericcostestimate(root, path, loop_count, &generic);

    Relation index = index_open(path->indexinfo->indexoid, NoLock);
    sgi_read_meta(index, &meta);
    index_close(index, NoLock);
    if (meta.is_trained)
        level1_pages = (double)meta.segments * meta.level1_pages;

    double scanned = meta.is_trained ? rows : 0;
    cost->startup = level1_pages * (seq_page_cost * CACHED_PAGE + PAGE_OPERATORS * cpu_operator_cost) +
                    scanned * cpu_operator_cost * (BOUND_COST + SURVIVORS * SURVIVOR_COST);
    /* Further rows are refined one by one; an untrained index measures all of them for the first. */
    double refined = meta.is_trained ? rows * share_within(root, path) : rows;
    cost->total = cost->startup + refined * (cpu_index_tuple_cost + ROW_COST * cpu_operator_cost);
    if (!meta.is_trained)
        cost->startup = cost->total + rows * random_page_cost;
    cost->total = Max(cost->total, cost->startup);
    cost->selectivity = generic.indexSelectivity;
    cost->pages = generic.numIndexPages;
}
