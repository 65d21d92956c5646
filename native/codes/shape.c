/* SPDX-License-Identifier: MIT */
#include "shape.h"

#include "codes.h"
#include "cost.h"

/* Up to here all coordinates go into level 1: what it would drop costs more survivors than its bytes save time. */
#define WHOLE_DIMS 128

/* What a step is of a coordinate's standard deviation: 16 codes then reach 1.9 to 3.4 deviations to either side. */
static const double step_factors[] = {0.26, 0.30, 0.335, 0.36, 0.40, 0.45};

/* A coordinate's step is at least this share of the widest: finer ones would only cost the query's precision. */
#define FINEST_STEP 0.015625

size_t sg_shape_coordinates(const sg_codes_training *t) {
    if (t->coordinates1 > 0)
        return (size_t)t->coordinates1 + t->coordinates2;
    return t->dims < SG_MAX_COORDINATES ? t->dims : SG_MAX_COORDINATES;
}

size_t sg_shape_bytes(size_t sample_rows) {
    return sg_cost_bytes(sample_rows);
}

static double grid_error(const float *z, size_t rows, double low, double step) {
    double sum = 0;
    const float from = (float)low, inverse = (float)(1.0 / step), width = (float)step;
    for (size_t r = 0; r < rows; r++) {
        float at = (z[r] - from) * inverse + 0.5f;
        at = at > 0.0f ? at : 0.0f;
        at = at < 15.0f ? at : 15.0f;
        const float off = z[r] - (from + width * (float)(int)at);
        sum += (double)(off * off);
    }
    return sum;
}

static void choose_grid(const float *z, size_t rows, float *low, float *step, double *variance) {
    double sum = 0, squares = 0;
    for (size_t r = 0; r < rows; r++) {
        sum += z[r];
        squares += (double)z[r] * (double)z[r];
    }
    const double mean = rows > 0 ? sum / (double)rows : 0;
    *variance = rows > 0 ? squares / (double)rows : 0;
    const double spread = *variance - mean * mean, deviation = spread > 0 ? sqrt(spread) : 0;
    *low = (float)mean;
    *step = 0;
    double best = INFINITY;
    for (size_t f = 0; deviation > 0 && f < sizeof step_factors / sizeof step_factors[0]; f++) {
        const double width = deviation * step_factors[f], from = mean - 7.5 * width;
        const double error = grid_error(z, rows, from, width);
        if (error < best) {
            best = error;
            *low = (float)from;
            *step = (float)width;
        }
    }
}

/* No step is 0 or far below the others of its level. */
static float floor_steps(float *low, float *step, size_t count) {
    float widest = 0;
    for (size_t j = 0; j < count; j++)
        widest = step[j] > widest ? step[j] : widest;
    const float finest = widest > 0x1p-60f ? widest * (float)FINEST_STEP : 0x1p-60f;
    double most = 0;
    for (size_t j = 0; j < count; j++) {
        if (step[j] < finest) {
            low[j] = low[j] + 7.5f * step[j] - 7.5f * finest;
            step[j] = finest;
        }
        const double from = low[j], to = (double)low[j] + 15.0 * (double)step[j];
        most += from * from > to * to ? from * from : to * to;
    }
    return sg_round_up(most * (1.0 + 0x1p-30) / 65535.0);
}

void sg_shape_choose(const sg_codes_training *t, const float *vectors, const float *projected, size_t rows,
                     sg_codes_header *header, float *low, float *step, void *scratch) {
    const size_t coordinates = sg_shape_coordinates(t);
    double total = 0, kept[SG_MAX_COORDINATES + 1] = {0};
    for (size_t r = 0; r < rows; r++) {
        const double length = sg_length(vectors + r * t->dims, t->dims);
        total += length * length;
    }
    for (size_t c = 0; c < coordinates; c++) {
        double variance;
        choose_grid(projected + c * rows, rows, low + c, step + c, &variance);
        kept[c + 1] = kept[c] + variance * (double)rows;
    }
    size_t first = t->coordinates1, second = t->coordinates2;
    if (first == 0) {
        first = coordinates;
        second = 0;
        /* With all coordinates in level 1 it leaves so few rows that their floats are read as fast as int8 codes. */
        if (t->dims <= WHOLE_DIMS)
            header->has_level3 = 0;
        else
            sg_cost_choose(t, vectors, projected, rows, coordinates, low, step, &first, &second, scratch);
    }
    header->coordinates1 = (uint32_t)first;
    header->coordinates2 = (uint32_t)second;
    header->lines2 = (uint32_t)((second + 8 * 2 + 127) / 128);
    if (second == 0)
        header->lines2 = 0;
    header->step1 = floor_steps(low, step, first);
    header->step2 = floor_steps(low + first, step + first, second);
    header->explained1 = total > 0 ? (float)(kept[first] / total) : 1.0f;
    header->explained2 = total > 0 ? (float)(kept[first + second] / total) : 1.0f;
}
