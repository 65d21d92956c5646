/* SPDX-License-Identifier: MIT */
#ifndef SIMDGRES_INDEX_COST_H
#define SIMDGRES_INDEX_COST_H

#include "postgres.h"

#include "nodes/pathnodes.h"

typedef struct {
    Cost startup, total;
    Selectivity selectivity;
    double correlation, pages;
    bool is_useless; /* for this statement */
} SgiCost;

extern void sgi_cost(PlannerInfo *root, IndexPath *path, double loop_count, SgiCost *cost);

#endif
