/* SPDX-License-Identifier: MIT
 *
 * Private: what the files of this folder share about a model, and the layout of blocks and records.
 *
 * Block   chunks of 8 coordinates, 128 bytes each: byte 4 r + b of row r holds coordinate b of the chunk in its low
 *         and coordinate 4 + b in its high half; then 32 squares, 32 errors and 32 dropped norms of 16 bits.
 * Level 2 64 * lines bytes: byte i holds coordinate i in its low and coordinate half + i in its high half, half =
 *         64 * lines - 8; then square, error, dropped norm of level 1 and of level 2 (16 bits each).
 * Level 3 scale, error, square (floats), 4 bytes unused, then one byte an element, value + 128, up to a multiple of 16.
 */
#ifndef SG_CODES_PRIVATE_H
#define SG_CODES_PRIVATE_H

#include "sg_codes.h"

#include "simdgres.h"

/* Dims that one float sum runs over; longer projections are sums of such sums, which keeps their error small. */
#define SG_PROJECTION_CHUNK 1024

/* Scaled vectors longer than this are not coded: their squares could overflow. */
#define SG_LONGEST 0x1p55

/* Weights of 15 bits: 128 * high + low, both int8, with high of at most 127. */
#define SG_LARGEST_WEIGHT 16256

#define SG_LEVEL3_HEADER_BYTES 16

static inline size_t sg_round_to(size_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static inline uint32_t sg_chunks(const sg_codes_header *header) {
    return (header->coordinates1 + 7) / 8;
}

static inline size_t sg_coordinates(const sg_codes_header *header) {
    return (size_t)header->coordinates1 + header->coordinates2;
}

static inline size_t sg_level2_half(uint32_t lines) {
    return 64 * (size_t)lines - 8;
}

static inline sg_bound_model sg_model_bound(const sg_codes_header *header) {
    return sg_bound_of(header->dims, SG_PROJECTION_CHUNK, (double)sg_coordinates(header), header->eta,
                       ldexp(1.0, -header->exponent), header->metric == SG_METRIC_COSINE);
}

/*
 * Scales, and for rows moves, a vector to floats. Returns its length; a negative number for a cosine without
 * direction, infinity for what is too long to be coded. divisor is |x| for cosine.
 */
double sg_scale_vector(const float *from, const float *centre, size_t dims, double factor,
                       double centre_factor, float *to);

/* sqrt(sum a*a) in double. */
double sg_length(const float *a, size_t dims);

/* out[c * stride + r] of row r and coordinate c, as float sums of at most SG_PROJECTION_CHUNK products. */
void sg_project(const float *rotation, size_t coordinates, const float *rows, size_t count, size_t dims,
                float *out, size_t stride, float *scratch);

#endif
