/* SPDX-License-Identifier: MIT
 *
 * Private: sums of absolute differences. A rotation would change them, so the coordinates are the vector's own, those of
 * the widest spread first; the model's rotation holds their numbers. Level 1 alone: chunks are four pairs of coordinates,
 * byte 32 p + r of row r has the first of pair p in its low and the second in its high half; the squares are not used,
 * errors and dropped norms are sums of absolute values.
 */
#ifndef SG_CODES_L1_H
#define SG_CODES_L1_H

#include "codes.h"

/* Chooses up to `most` coordinates by spread; fills order and projected[c * rows + r]. */
void sg_l1_order(const float *vectors, size_t rows, size_t dims, size_t most, double *spreads, float *order,
                 float *projected);

/* Codes and scalars of one scaled row. */
void sg_l1_encode(const sg_codes_model *model, const sg_bound_model *bound, const float *vector,
                  int is_codable, uint8_t *block, size_t slot);

/* Tables of 16 bytes a coordinate (128 a chunk) and the bound's constants, from a scaled query. */
void sg_l1_prepare(const sg_codes_model *model, const sg_bound_model *bound, const float *vector,
                   sg_level1_query *level, uint8_t *tables);

#endif
