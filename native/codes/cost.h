/* SPDX-License-Identifier: MIT
 *
 * Private: what a search would take with a number of coordinates in level 1 and in level 2, estimated on the sample.
 */
#ifndef SG_CODES_COST_H
#define SG_CODES_COST_H

#include "sg_codes.h"

size_t sg_cost_bytes(size_t sample_rows);

/*
 * The cheapest pair among those that fit `coordinates`; projected[c * rows + r], low and step of each coordinate. Inner
 * products are judged as distances: they dismiss alike.
 */
void sg_cost_choose(const sg_codes_training *training, const float *vectors, const float *projected,
                    size_t rows, size_t coordinates, const float *low, const float *step, size_t *first,
                    size_t *second, void *scratch);

#endif
