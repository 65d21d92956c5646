/* SPDX-License-Identifier: MIT */
#include "l1.h"

#include <string.h>

void sg_l1_order(const float *vectors, size_t rows, size_t dims, size_t most, double *spreads, float *order,
                 float *projected) {
    for (size_t i = 0; i < dims; i++)
        spreads[i] = 0;
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < dims; i++)
            spreads[i] += fabs((double)vectors[r * dims + i]); /* the centre is their mean */
    }
    for (size_t c = 0; c < most; c++) {
        size_t widest = 0;
        for (size_t i = 1; i < dims; i++)
            widest = spreads[i] > spreads[widest] ? i : widest;
        spreads[widest] = -1;
        order[c] = (float)widest;
        for (size_t r = 0; r < rows; r++)
            projected[c * rows + r] = vectors[r * dims + widest];
    }
}

/* Sums of absolute values of a vector: all of it, and what level 1 keeps. */
static void sum_sizes(const sg_codes_model *model, const float *vector, double *all, double *kept) {
    *all = *kept = 0;
    for (size_t i = 0; i < model->header.dims; i++)
        *all += fabs((double)vector[i]);
    for (size_t c = 0; c < model->header.coordinates1; c++)
        *kept += fabs((double)vector[(size_t)model->rotation[c]]);
}

/* An interval for the sum over what level 1 drops of the scaled vector. */
static void find_dropped(const sg_codes_model *model, const sg_bound_model *bound, double all, double kept,
                         double *low, double *high) {
    const double off =
        SG_TERM(SG_TERM_DROPPED, sg_bound_difference(bound, all) + all * sg_double_error(2.0 * bound->dims));
    const int is_whole = model->header.coordinates1 == model->header.dims;
    *high = is_whole ? 0 : all - kept + off;
    *low = is_whole || all - kept < off ? 0 : all - kept - off;
}

void sg_l1_encode(const sg_codes_model *model, const sg_bound_model *bound, const float *vector,
                  int is_codable, uint8_t *block, size_t slot) {
    const sg_codes_header *header = &model->header;
    double error = 0, all, kept, low, high;
    for (size_t c = 0; c < header->coordinates1; c++) {
        const float value = vector[(size_t)model->rotation[c]];
        float at = (value - model->low[c]) / model->step[c] + 0.5f;
        at = at > 0.0f ? at : 0.0f;
        at = at < 15.0f ? at : 15.0f;
        const uint8_t code = (uint8_t)at;
        error += fabs((double)value - ((double)model->low[c] + (double)model->step[c] * code));
        uint8_t *to = block + c / 8 * 128 + c % 8 / 2 * 32 + slot;
        *to = c % 2 ? (uint8_t)((*to & 15) | code << 4) : (uint8_t)((*to & 0xf0) | code);
    }
    sum_sizes(model, vector, &all, &kept);
    find_dropped(model, bound, all, kept, &low, &high);
    error = error * (1.0 + sg_double_error(SG_MAX_COORDINATES)) + sg_bound_difference(bound, all);
    const uint16_t scalars[3] = {0, is_codable ? sg_narrow_error(error) : SG_U16_FLOAT_INFINITY,
                                 is_codable ? sg_narrow_dropped(low, high) : SG_U16_FLOAT_NAN};
    uint8_t *end = block + (size_t)sg_chunks(header) * 128 + slot * 2;
    for (int i = 0; i < 3; i++)
        memcpy(end + 64 * i, &scalars[i], 2);
}

void sg_l1_prepare(const sg_codes_model *model, const sg_bound_model *bound, const float *vector,
                   sg_level1_query *level, uint8_t *tables) {
    const size_t count = model->header.coordinates1;
    double farthest = 0, all, kept, low, high;
    for (size_t c = 0; c < count; c++) {
        const double first = (double)vector[(size_t)model->rotation[c]] - (double)model->low[c];
        const double last = first - 15.0 * (double)model->step[c];
        farthest = fabs(first) > farthest ? fabs(first) : farthest;
        farthest = fabs(last) > farthest ? fabs(last) : farthest;
    }
    level->per_dot = sg_round_up(farthest / 255.0);
    if (!(level->per_dot > 0))
        level->per_dot = 1.0f;
    for (size_t c = 0; c < count; c++) {
        const double from = (double)vector[(size_t)model->rotation[c]] - (double)model->low[c];
        for (int code = 0; code < 16; code++) {
            const double away =
                fabs(from - (double)model->step[c] * code) / (double)level->per_dot * (1.0 - 0x1p-48);
            /* Rounded down: the sum is a lower bound already. */
            const double units = floor(SG_TERM(SG_TERM_QUERY, -0.5) + away + 0.5);
            tables[c * 16 + (size_t)code] = (uint8_t)(units < 0 ? 0 : units > 255 ? 255 : units);
        }
    }
    sum_sizes(model, vector, &all, &kept);
    find_dropped(model, bound, all, kept, &low, &high);
    level->error = sg_round_up(sg_bound_difference(bound, all) +
                               sg_bound_squares(255.0 * (double)count * (double)level->per_dot));
    level->dropped_low = sg_round_down(low);
    level->dropped_high = sg_round_up(high);
}
