/* SPDX-License-Identifier: MIT
 *
 * Sizes and checks of a model, and the two ways every vector goes: scaled to floats, and projected.
 */
#include "codes.h"

#ifdef SG_BOUND_OMITS_TERMS
sg_term sg_omitted_term = SG_TERM_NONE;
#endif

int sg_codes_is_valid(const sg_codes_header *header) {
    const size_t coordinates = sg_coordinates(header);
    const size_t room = header->lines2 == 0 ? 0 : 2 * sg_level2_half(header->lines2);
    return header->version == SG_CODES_VERSION && header->metric <= SG_METRIC_L1 && header->dims >= 1 &&
           header->dims <= 65535 && header->coordinates1 >= 1 && coordinates <= header->dims &&
           coordinates <= SG_MAX_COORDINATES && header->lines2 <= 4 && header->coordinates2 <= room &&
           (header->coordinates2 == 0) == (header->lines2 == 0) &&
           !(header->metric == SG_METRIC_L1 && (header->coordinates2 > 0 || header->has_level3)) &&
           header->exponent >= -200 && header->exponent <= 200 && header->eta >= 0 && header->eta < 0.5f &&
           header->step1 >= 0 && header->step1 < INFINITY && header->step2 >= 0 && header->step2 < INFINITY;
}

size_t sg_codes_block_bytes(const sg_codes_header *header) {
    return (size_t)sg_chunks(header) * 128 + SG_BLOCK_ROWS * 6;
}

size_t sg_codes_level2_bytes(const sg_codes_header *header) {
    return 64 * (size_t)header->lines2;
}

size_t sg_codes_level3_bytes(const sg_codes_header *header) {
    return header->has_level3 ? SG_LEVEL3_HEADER_BYTES + sg_round_to(header->dims, 16) : 0;
}

double sg_length(const float *a, size_t dims) {
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= dims; i += 8) {
        for (size_t lane = 0; lane < 8; lane++)
            sums[lane] += (double)a[i + lane] * (double)a[i + lane];
    }
    double sum = 0;
    for (; i < dims; i++)
        sum += (double)a[i] * (double)a[i];
    for (size_t lane = 0; lane < 8; lane++)
        sum += sums[lane];
    return sqrt(sum);
}

double sg_scale_vector(const float *from, const float *centre, size_t dims, double factor,
                       double centre_factor, float *to) {
    for (size_t i = 0; i < dims; i++)
        to[i] = (float)((double)from[i] * factor - (double)centre[i] * centre_factor);
    const double length = sg_length(to, dims);
    return length <= SG_LONGEST ? length : INFINITY;
}

void sg_project(const float *rotation, size_t coordinates, const float *rows, size_t count, size_t dims,
                float *out, size_t stride, float *scratch) {
    const sg_kernels *kernels = sg_active();
    const size_t row_bytes = dims * sizeof(float);
    for (size_t first = 0; first < dims; first += SG_PROJECTION_CHUNK) {
        const size_t part = dims - first < SG_PROJECTION_CHUNK ? dims - first : SG_PROJECTION_CHUNK;
        float *to = first == 0 ? out : scratch;
        if (count == 1 && stride == 1)
            kernels->many[SG_F32][SG_DOT](rows + first, rotation + first, coordinates, row_bytes, part, to);
        else
            kernels->tile[SG_F32][SG_DOT](rotation + first, coordinates, row_bytes, rows + first, count,
                                          row_bytes, part, to, stride);
        if (first == 0)
            continue;
        for (size_t c = 0; c < coordinates; c++) {
            for (size_t r = 0; r < count; r++)
                out[c * stride + r] += scratch[c * stride + r];
        }
    }
}
