/* SPDX-License-Identifier: MIT */
#ifndef SIMDGRES_INDEX_RADIUS_H
#define SIMDGRES_INDEX_RADIUS_H

#include "postgres.h"

/* What the operators of a radius search compare with: a value of sphere_vector or sphere_halfvec. */
typedef struct {
    bool is_null; /* the sphere, or a part of it: nothing is within it */
    Datum centre;
    double radius;
} SgiSphere;

extern SgiSphere sgi_read_sphere(Datum sphere);

#endif
