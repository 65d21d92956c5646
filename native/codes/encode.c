/* SPDX-License-Identifier: MIT
 *
 * Rows become codes. Which code a value gets decides only how tight a bound is; what is stored of the error is
 * measured against the code that was chosen.
 */
#include "codes.h"
#include "l1.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const sg_codes_model *model;
    sg_bound_model bound;
    double scale;
    const float *projected; /* of this row, SG_BLOCK_ROWS apart */
    const float *vector;    /* the scaled row */
    double norm;
} row_source;

/* 4-bit codes of count coordinates from first on. Returns |z - code|^2; *square is |code|^2, *length |z|^2. */
static double quantise(const row_source *row, size_t first, size_t count, uint8_t *codes, double *square,
                       double *length) {
    const float *low = row->model->low + first, *step = row->model->step + first;
    const float *z = row->projected + first * SG_BLOCK_ROWS;
    double error = 0, sum = 0, total = 0;
    for (size_t j = 0; j < count; j++) {
        const float value = z[j * SG_BLOCK_ROWS];
        float at = (value - low[j]) / step[j] + 0.5f;
        at = at > 0.0f ? at : 0.0f;
        at = at < 15.0f ? at : 15.0f;
        const uint8_t code = (uint8_t)at;
        codes[j] = code;
        const double stands_for = (double)low[j] + (double)step[j] * code;
        const double off = (double)value - stands_for;
        error += off * off;
        sum += stands_for * stands_for;
        total += (double)value * (double)value;
    }
    *square = sum;
    *length = total;
    return error;
}

/* |V w - code| as 16 bits, from the measured square. */
static sg_u16_float narrow_error(const row_source *row, size_t coordinates, double square) {
    const double measured = sqrt(square) * (1.0 + sg_double_error(SG_MAX_COORDINATES));
    return sg_narrow_error(measured + sg_bound_projection(&row->bound, (double)coordinates, row->norm));
}

/* In units of step, rounded down. */
static uint16_t narrow_square(double square, float step) {
    if (!(step > 0))
        return 0;
    const double units =
        SG_TERM(SG_TERM_ROW_SQUARE, -0.5) + square * (1.0 - sg_double_error(SG_MAX_COORDINATES)) / step;
    const double rounded = floor(units + 0.5);
    return (uint16_t)(rounded < 0 ? 0 : rounded > 65535 ? 65535 : rounded);
}

/* What the first `coordinates` rows of the rotation drop, in 16 bits. */
static sg_u16_float narrow_dropped(const row_source *row, size_t coordinates, double projected_square) {
    double low, high;
    sg_bound_dropped(&row->bound, (double)coordinates, row->norm, sqrt(projected_square), &low, &high);
    /* An inner product needs the upper end alone. */
    return row->model->header.metric == SG_METRIC_IP ? sg_narrow_up(high) : sg_narrow_dropped(low, high);
}

static void put_block(const sg_codes_header *header, uint8_t *block, size_t slot, const uint8_t *codes,
                      const uint16_t scalars[3]) {
    const uint32_t chunks = sg_chunks(header);
    for (uint32_t chunk = 0; chunk < chunks; chunk++, codes += 8) {
        uint8_t *to = block + (size_t)chunk * 128 + slot * 4;
        for (int b = 0; b < 4; b++)
            to[b] = (uint8_t)(codes[b] | codes[4 + b] << 4);
    }
    uint8_t *end = block + (size_t)chunks * 128 + slot * 2;
    for (int i = 0; i < 3; i++)
        memcpy(end + 64 * i, &scalars[i], 2);
}

static void put_level2(const sg_codes_header *header, uint8_t *record, const uint8_t *codes,
                       const uint16_t scalars[4]) {
    const size_t half = sg_level2_half(header->lines2);
    for (size_t i = 0; i < half; i++) {
        const unsigned low = i < header->coordinates2 ? codes[i] : 0;
        const unsigned high = half + i < header->coordinates2 ? codes[half + i] : 0;
        record[i] = (uint8_t)(low | high << 4);
    }
    memcpy(record + half, scalars, 8);
}

static void put_level3(const row_source *row, uint8_t *record) {
    const size_t dims = row->model->header.dims;
    float largest = 0;
    for (size_t i = 0; i < dims; i++) {
        const float size = fabsf(row->vector[i]);
        largest = size > largest ? size : largest;
    }
    const float scale = largest > 0 ? largest / 127.0f : 1.0f, inverse = 1.0f / scale;
    const int is_tiny = !(inverse < INFINITY);
    uint8_t *codes = record + SG_LEVEL3_HEADER_BYTES;
    double error = 0;
    int64_t squares = 0;
    for (size_t i = 0; i < dims; i++) {
        float at = (is_tiny ? 0.0f : row->vector[i] * inverse) + 128.5f;
        at = at > 1.0f ? at : 1.0f;
        at = at < 255.0f ? at : 255.0f;
        const int code = (int)at;
        codes[i] = (uint8_t)code;
        squares += (int64_t)(code - 128) * (code - 128);
        const double off = (double)row->vector[i] - (double)scale * (code - 128);
        error += off * off;
    }
    memset(codes + dims, 128, sg_round_to(dims, 16) - dims);
    const double measured = sqrt(error) * (1.0 + sg_double_error((double)dims));
    const float header[4] = {scale, sg_round_up(measured + sg_bound_difference(&row->bound, row->norm)),
                             sg_round_down((double)scale * scale * (double)squares * (1.0 - 0x1p-50)), 0.0f};
    memcpy(record, header, sizeof header);
}

/* A row that says nothing (norm infinite) or is never near (a cosine without direction, norm negative). */
static void put_special(const row_source *row, uint8_t *block, size_t slot, uint8_t *record2,
                        uint8_t *record3) {
    const sg_codes_header *header = &row->model->header;
    const int is_never_near = row->norm < 0;
    const uint8_t codes[SG_MAX_COORDINATES + 8] = {0};
    const sg_u16_float error = is_never_near ? 0 : SG_U16_FLOAT_INFINITY;
    const sg_u16_float dropped =
        is_never_near || header->metric == SG_METRIC_IP ? SG_U16_FLOAT_INFINITY : SG_U16_FLOAT_NAN;
    put_block(header, block, slot, codes, (const uint16_t[]){0, error, dropped});
    if (header->lines2 > 0)
        put_level2(header, record2, codes, (const uint16_t[]){0, error, dropped, dropped});
    if (header->has_level3) {
        memset(record3, 128, sg_codes_level3_bytes(header));
        const float scalars[4] = {0.0f, INFINITY, 0.0f, 0.0f};
        memcpy(record3, scalars, sizeof scalars);
    }
}

static void put_row(const row_source *row, uint8_t *block, size_t slot, uint8_t *record2, uint8_t *record3) {
    const sg_codes_header *header = &row->model->header;
    if (!(row->norm >= 0 && row->norm < INFINITY)) {
        put_special(row, block, slot, record2, record3);
        return;
    }
    uint8_t codes[SG_MAX_COORDINATES + 8] = {0};
    double square, length1, length2;
    const double error1 = quantise(row, 0, header->coordinates1, codes, &square, &length1);
    memset(codes + header->coordinates1, 0, 8);
    const uint16_t first[3] = {narrow_square(square, header->step1),
                               narrow_error(row, header->coordinates1, error1),
                               narrow_dropped(row, header->coordinates1, length1)};
    put_block(header, block, slot, codes, first);
    if (header->lines2 > 0) {
        const double error2 =
            quantise(row, header->coordinates1, header->coordinates2, codes, &square, &length2);
        const uint16_t second[4] = {narrow_square(square, header->step2),
                                    narrow_error(row, header->coordinates2, error2), first[2],
                                    narrow_dropped(row, sg_coordinates(header), length1 + length2)};
        put_level2(header, record2, codes, second);
    }
    if (header->has_level3)
        put_level3(row, record3);
}

size_t sg_codes_encoding_bytes(const sg_codes_header *header) {
    const size_t projected = sg_coordinates(header) * SG_BLOCK_ROWS * sizeof(float);
    return SG_BLOCK_ROWS * sg_round_to(header->dims * sizeof(float), 64) + 2 * sg_round_to(projected, 64);
}

void sg_codes_encode(const sg_codes_model *model, const float *rows, size_t count, void *blocks,
                     size_t first_slot, void *level2, void *level3, void *scratch) {
    const sg_codes_header *header = &model->header;
    const size_t dims = header->dims, coordinates = sg_coordinates(header);
    const size_t block_bytes = sg_codes_block_bytes(header);
    const size_t bytes2 = sg_codes_level2_bytes(header), bytes3 = sg_codes_level3_bytes(header);
    float *vectors = scratch;
    float *projected = vectors + SG_BLOCK_ROWS * dims;
    float *partial = projected + coordinates * SG_BLOCK_ROWS;

    row_source row = {
        .model = model, .bound = sg_model_bound(header), .scale = ldexp(1.0, -header->exponent)};
    for (size_t first = 0; first < count; first += SG_BLOCK_ROWS) {
        const size_t part = count - first < SG_BLOCK_ROWS ? count - first : SG_BLOCK_ROWS;
        double norms[SG_BLOCK_ROWS];
        for (size_t r = 0; r < part; r++) {
            const float *from = rows + (first + r) * dims;
            double factor = row.scale;
            if (header->metric == SG_METRIC_COSINE)
                factor /= sg_length(from, dims);
            norms[r] = sg_scale_vector(from, model->centre, dims, factor, row.scale, vectors + r * dims);
            if (!(factor < INFINITY))
                norms[r] = -1.0;
            if (!(norms[r] < INFINITY && norms[r] >= 0)) /* nothing that could overflow goes on */
                memset(vectors + r * dims, 0, dims * sizeof(float));
        }
        for (size_t r = 0; header->metric == SG_METRIC_L1 && r < part; r++) {
            const size_t slot = first_slot + first + r;
            sg_l1_encode(model, &row.bound, vectors + r * dims, norms[r] < INFINITY,
                         (uint8_t *)blocks + slot / SG_BLOCK_ROWS * block_bytes, slot % SG_BLOCK_ROWS);
        }
        if (header->metric == SG_METRIC_L1)
            continue;
        sg_project(model->rotation, coordinates, vectors, part, dims, projected, SG_BLOCK_ROWS, partial);
        for (size_t r = 0; r < part; r++) {
            const size_t at = first + r, slot = first_slot + at;
            row.norm = norms[r];
            row.vector = vectors + r * dims;
            row.projected = projected + r;
            put_row(&row, (uint8_t *)blocks + slot / SG_BLOCK_ROWS * block_bytes, slot % SG_BLOCK_ROWS,
                    bytes2 > 0 ? (uint8_t *)level2 + at * bytes2 : NULL,
                    bytes3 > 0 ? (uint8_t *)level3 + at * bytes3 : NULL);
        }
    }
}

void sg_codes_clear_blocks(const sg_codes_header *header, void *blocks, size_t count) {
    const size_t bytes = sg_codes_block_bytes(header), chunks = sg_chunks(header);
    memset(blocks, 0, count * bytes);
    for (size_t b = 0; b < count; b++) {
        uint8_t *dropped = (uint8_t *)blocks + b * bytes + chunks * 128 + 128;
        for (int slot = 0; slot < SG_BLOCK_ROWS; slot++) {
            const sg_u16_float value = header->metric == SG_METRIC_IP ? 0 : SG_U16_FLOAT_INFINITY;
            memcpy(dropped + 2 * slot, &value, 2);
        }
    }
}

void sg_codes_copy_row(const sg_codes_header *header, const void *from, size_t from_slot, void *to,
                       size_t to_slot) {
    const size_t bytes = sg_codes_block_bytes(header), chunks = sg_chunks(header);
    const uint8_t *source = (const uint8_t *)from + from_slot / SG_BLOCK_ROWS * bytes;
    uint8_t *target = (uint8_t *)to + to_slot / SG_BLOCK_ROWS * bytes;
    from_slot %= SG_BLOCK_ROWS;
    to_slot %= SG_BLOCK_ROWS;
    if (header->metric == SG_METRIC_L1) {
        for (size_t pair = 0; pair < 4 * chunks; pair++)
            target[pair * SG_BLOCK_ROWS + to_slot] = source[pair * SG_BLOCK_ROWS + from_slot];
    } else {
        for (size_t chunk = 0; chunk < chunks; chunk++)
            memcpy(target + chunk * 128 + to_slot * 4, source + chunk * 128 + from_slot * 4, 4);
    }
    for (size_t scalar = 0; scalar < 3; scalar++)
        memcpy(target + chunks * 128 + scalar * 64 + to_slot * 2,
               source + chunks * 128 + scalar * 64 + from_slot * 2, 2);
}
