/* SPDX-License-Identifier: MIT
 *
 * Private: principal directions of a symmetric matrix. How good they are decides how tight the codes become, never
 * whether a bound holds.
 */
#ifndef SG_CODES_EIGEN_H
#define SG_CODES_EIGEN_H

#include <stddef.h>
#include <stdint.h>

#include "sg_codes.h"

/* Bytes of scratch for sg_principal. */
size_t sg_principal_bytes(size_t count, size_t size);

/*
 * The `count` leading eigenvectors of the symmetric matrix (size x size), as rows of `directions` (doubles), by
 * subspace iteration and a Rayleigh-Ritz step; leading first. values[i] is the matrix's form in direction i.
 * Returns early, with nothing of use, where `stop` says so.
 */
void sg_principal(const float *matrix, size_t size, size_t count, double *directions, double *values,
                  void *scratch, const sg_stop *stop);

/* Makes count rows of size orthonormal, in order; a row that depends on those before is replaced. */
void sg_orthonormalise(double *rows, size_t count, size_t size, const sg_stop *stop);

#endif
