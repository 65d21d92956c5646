/* SPDX-License-Identifier: MIT
 *
 * Private: how many coordinates each level gets, and their grids.
 */
#ifndef SG_CODES_SHAPE_H
#define SG_CODES_SHAPE_H

#include "sg_codes.h"

/* Coordinates to look for, before their number is chosen. */
size_t sg_shape_coordinates(const sg_codes_training *training);

size_t sg_shape_bytes(size_t sample_rows);

/* projected[c * rows + r]; fills the header's shape, low and step. */
void sg_shape_choose(const sg_codes_training *training, const float *vectors, const float *projected,
                     size_t rows, sg_codes_header *header, float *low, float *step, void *scratch);

#endif
