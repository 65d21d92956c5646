/* SPDX-License-Identifier: MIT
 *
 * A query becomes integer weights and the constants of its bounds. The rounded query is a vector of its own, known
 * exactly: its distance to the true one is one more error term, and all integer sums are exact.
 */
#include "codes.h"
#include "l1.h"

#include <string.h>

typedef struct {
    float unit;    /* a weight of 1 stands for this much of a code */
    double error;  /* |z - rounded| */
    double square; /* |rounded|^2 */
    double offset; /* rounded . low */
    double sum;    /* of |weights| */
} rounded_query;

/* step and low are NULL for a level whose codes stand for themselves. */
static rounded_query round_query(const float *z, const float *low, const float *step, size_t count,
                                 int32_t *weights) {
    double largest = 0;
    for (size_t j = 0; j < count; j++) {
        const double size = fabs((double)z[j] * (step ? step[j] : 1.0f));
        largest = size > largest ? size : largest;
    }
    rounded_query out = {.unit = sg_round_up(largest / SG_LARGEST_WEIGHT)};
    if (!(out.unit > 0))
        out.unit = 1.0f;
    double error = 0;
    for (size_t j = 0; j < count; j++) {
        const double width = step ? step[j] : 1.0;
        const double weight = rint((double)z[j] * width / out.unit);
        weights[j] = (int32_t)weight;
        const double rounded = weight * out.unit / width, off = (double)z[j] - rounded;
        error += off * off;
        out.square += rounded * rounded;
        out.offset += low ? rounded * low[j] : 0.0;
        out.sum += fabs(weight);
    }
    out.error = SG_TERM(SG_TERM_QUERY, sqrt(error) * (1.0 + sg_double_error((double)count + 8.0)));
    return out;
}

static void split(int32_t weight, int8_t *high, int8_t *low) {
    const int32_t up = (weight + 64) >> 7;
    *high = (int8_t)up;
    *low = (int8_t)(weight - up * 128);
}

/* What levels 1 and 2 have in common. */
typedef struct {
    float constant, per_dot, per_square, error, dropped_low, dropped_high, per_error, per_dropped;
} linear;

static double largest_square(const sg_codes_model *model, size_t first, size_t count) {
    double sum = 0;
    for (size_t j = first; j < first + count; j++) {
        const double low = model->low[j], high = low + 15.0 * model->step[j];
        sum += low * low > high * high ? low * low : high * high;
    }
    return sum * (1.0 + 0x1p-40);
}

/* The part of an inner product that does not depend on a level: -q.centre, scaled, and the room of its measure. */
typedef struct {
    double length;    /* |q'| */
    double at_centre; /* q'.centre', scaled */
    double measured;  /* relative to |q'||x'| */
    double centre;    /* |centre'| */
} product;

static linear make_linear(const sg_codes_query *query, size_t first, size_t count,
                          const rounded_query *rounded, double norm, double dropped_low, double dropped_high,
                          const product *product) {
    const sg_codes_model *model = query->model;
    const float step = first == 0 ? model->header.step1 : model->header.step2;
    const double error = rounded->error + sg_bound_projection(&query->bound, (double)count, norm);
    linear out = {0};
    const double reach = 15.0 * rounded->sum * rounded->unit;
    if (product == NULL) {
        const double constant = rounded->square - 2.0 * rounded->offset;
        const double largest = rounded->square + 2.0 * fabs(rounded->offset) + step * 65535.0 + 2.0 * reach;
        out.per_dot = 2.0f * rounded->unit;
        out.per_square = step;
        out.constant = sg_round_down(constant - sg_bound_squares(largest) - largest * 0x1p-40);
        out.error = sg_round_up(error + sg_bound_root(largest));
        out.dropped_low = sg_round_down(dropped_low);
        out.dropped_high = sg_round_up(dropped_high);
        return out;
    }
    /* <V q, V w> <= rounded.code + |q| e + |q - rounded| |code|, and 1 / (1 + eta) of it differs by eta at most. */
    const double code = sqrt(largest_square(model, first, count));
    const double length = (sqrt(rounded->square) + error) * (1.0 + 0x1p-40);
    const double room = 1.0 + 8.0 * SG_FLOAT_UNIT;
    double most = rounded->offset + code * (error + query->bound.eta * length);
    double per_error = length * (1.0 + query->bound.eta), per_dropped = dropped_high;
    if (first == 0) {
        most += product->at_centre + product->measured * (product->centre + code);
        per_error += product->measured;
        per_dropped += product->measured;
    }
    const double largest =
        fabs(most) + fabs(rounded->offset) + reach + code * error + fabs(product->at_centre);
    out.per_dot = rounded->unit;
    out.constant = sg_round_down(-most - sg_bound_squares(largest) - largest * 0x1p-40);
    out.per_error = sg_round_up(per_error * room);
    out.per_dropped = sg_round_up(per_dropped * room);
    return out;
}

#define COPY_LINEAR(to, from)                                                                                \
    (to).constant = (from).constant, (to).per_dot = (from).per_dot, (to).per_square = (from).per_square,     \
    (to).error = (from).error, (to).dropped_low = (from).dropped_low,                                        \
    (to).dropped_high = (from).dropped_high, (to).per_error = (from).per_error,                              \
    (to).per_dropped = (from).per_dropped

static const linear no_bound_l2 = {.error = INFINITY, .dropped_high = INFINITY};
static const linear no_bound_ip = {.constant = -INFINITY};

size_t sg_codes_query_bytes(const sg_codes_header *header) {
    const size_t dims = sg_round_to(header->dims, 64);
    const size_t weights = (size_t)sg_chunks(header) * (header->metric == SG_METRIC_L1 ? 128 : 16);
    return sg_round_to(weights, 64) + 256 * (size_t)header->lines2 + 2 * dims + 2 * dims * sizeof(float) +
           3 * SG_MAX_COORDINATES * sizeof(float);
}

static void prepare_level1(sg_codes_query *out, const float *z, int32_t *weights, int8_t *to, double norm,
                           double low, double high, const product *product) {
    const sg_codes_model *model = out->model;
    const size_t count = model->header.coordinates1;
    const rounded_query rounded = round_query(z, model->low, model->step, count, weights);
    const linear level = make_linear(out, 0, count, &rounded, norm, low, high, product);
    COPY_LINEAR(out->level1, level);
    for (size_t j = 0; j < count; j++) {
        int8_t *at =
            to + j / 8 * 16 + (j % 8 < 4 ? 0 : 8) + j % 4; /* high and low part of four coordinates, twice */
        split(weights[j], at, at + 4);
    }
}

static void prepare_level2(sg_codes_query *out, const float *z, int32_t *weights, int8_t *to, double norm,
                           double low, double high, const product *product) {
    const sg_codes_model *model = out->model;
    const size_t first = model->header.coordinates1, count = model->header.coordinates2;
    const size_t half = sg_level2_half(model->header.lines2), width = 64 * (size_t)model->header.lines2;
    const rounded_query rounded =
        round_query(z + first, model->low + first, model->step + first, count, weights);
    const linear level = make_linear(out, first, count, &rounded, norm, low, high, product);
    COPY_LINEAR(out->level2, level);
    for (size_t j = 0; j < count; j++) {
        int8_t *at = to + (j < half ? j : 2 * width + j - half);
        split(weights[j], at, at + width);
    }
}

static void prepare_level3(sg_codes_query *out, const float *vector, int32_t *weights, int8_t *high,
                           int8_t *low, double norm, const product *product) {
    const size_t dims = out->model->header.dims;
    const rounded_query rounded = round_query(vector, NULL, NULL, dims, weights);
    const double error = rounded.error + sg_bound_difference(&out->bound, norm);
    int64_t sum = 0;
    for (size_t i = 0; i < dims; i++) {
        split(weights[i], high + i, low + i);
        sum += weights[i];
    }
    sg_level3_query *level = &out->level3;
    level->bias = -128 * sum;
    level->error = error;
    if (product == NULL) {
        level->constant = rounded.square * (1.0 - sg_double_error((double)dims + 8.0));
        level->per_dot = 2.0 * rounded.unit;
        return;
    }
    level->constant =
        -product->at_centre - product->measured * product->centre - fabs(product->at_centre) * 0x1p-40;
    level->per_dot = rounded.unit;
    level->per_error = (sqrt(rounded.square) + error) * (1.0 + 0x1p-40) + product->measured;
    level->error = error + product->measured;
}

void sg_codes_prepare(const sg_codes_model *model, const float *query, sg_codes_query *out, void *memory) {
    const sg_codes_header *header = &model->header;
    const size_t dims = header->dims, padded = sg_round_to(dims, 64), coordinates = sg_coordinates(header);
    memset(out, 0, sizeof *out);
    memset(memory, 0, sg_codes_query_bytes(header));
    int8_t *weights1 = memory;
    const size_t bytes1 = (size_t)sg_chunks(header) * (header->metric == SG_METRIC_L1 ? 128 : 16);
    int8_t *weights2 = weights1 + sg_round_to(bytes1, 64);
    int8_t *high3 = weights2 + 256 * (size_t)header->lines2, *low3 = high3 + padded;
    float *vector = (float *)(void *)(low3 + padded);
    int32_t *weights = (int32_t *)(void *)(vector + padded);
    float *projected = (float *)(void *)(weights + padded), *partial = projected + SG_MAX_COORDINATES;

    out->model = model;
    out->bound = sg_model_bound(header);
    out->scale = ldexp(1.0, -header->exponent);
    out->query_scale = out->scale;
    out->level1.chunks = sg_chunks(header);
    out->level1.weights = weights1;
    out->level2.lines = header->lines2;
    out->level2.weights = weights2;
    out->level3.high = high3;
    out->level3.low = low3;

    product inner = {0};
    const product *product = NULL;
    double norm;
    if (header->metric == SG_METRIC_IP) {
        const double length = sg_length(query, dims);
        int exponent = 0;
        if (length > 0)
            (void)frexp(length, &exponent);
        out->query_scale = ldexp(1.0, -exponent);
        norm = sg_scale_vector(query, query, dims, out->query_scale, 0.0, vector);
        for (size_t i = 0; i < dims; i++)
            inner.at_centre += (double)query[i] * out->query_scale * (double)model->centre[i] * out->scale;
        inner.length = length * out->query_scale * (1.0 + sg_double_error((double)dims));
        inner.centre = sg_length(model->centre, dims) * out->scale * (1.0 + sg_double_error((double)dims));
        inner.measured = sg_measure_error((double)dims, SG_MEASURE_FLOAT) * inner.length;
        product = &inner;
    } else {
        double factor = out->scale;
        if (header->metric == SG_METRIC_COSINE)
            factor /= sg_length(query, dims);
        out->is_zero = !(factor < INFINITY);
        norm = sg_scale_vector(query, model->centre, dims, out->is_zero ? 0.0 : factor, out->scale, vector);
    }
    if (out->is_zero || !(norm < INFINITY)) {
        out->has_no_bound = 1;
        const linear *none = product ? &no_bound_ip : &no_bound_l2;
        COPY_LINEAR(out->level1, *none);
        COPY_LINEAR(out->level2, *none);
        out->level3.constant = product ? -INFINITY : 0.0;
        out->level3.error = INFINITY;
        return;
    }

    if (header->metric == SG_METRIC_L1) {
        sg_l1_prepare(model, &out->bound, vector, &out->level1, (uint8_t *)weights1);
        return;
    }
    sg_project(model->rotation, coordinates, vector, 1, dims, projected, 1, partial);
    double low, high;
    const double length1 = sg_length(projected, header->coordinates1);
    sg_bound_dropped(&out->bound, header->coordinates1, norm, length1, &low, &high);
    prepare_level1(out, projected, weights, weights1, norm, low, high, product);
    out->level2.first_low = out->level1.dropped_low;
    out->level2.first_high = out->level1.dropped_high;
    out->level2.per_first = product ? sg_round_down(high * (1.0 - 8.0 * SG_FLOAT_UNIT)) : 0.0f;
    if (header->lines2 > 0) {
        const double length2 = sg_length(projected, coordinates);
        sg_bound_dropped(&out->bound, (double)coordinates, norm, length2, &low, &high);
        prepare_level2(out, projected, weights, weights2, norm, low, high, product);
    }
    if (header->has_level3)
        prepare_level3(out, vector, weights, high3, low3, norm, product);
}

float sg_codes_limit(const sg_codes_query *query, double worst, sg_measure measure) {
    if (!(worst < INFINITY))
        return INFINITY;
    switch ((sg_metric)query->model->header.metric) {
    case SG_METRIC_L2:
        return sg_limit_from(sg_bound_limit_l2(&query->bound, measure, worst, query->scale));
    case SG_METRIC_COSINE:
        return sg_limit_from(sg_bound_limit_cosine(&query->bound, measure, worst, query->scale));
    case SG_METRIC_IP:
        return sg_limit_from(worst * query->scale * query->query_scale);
    case SG_METRIC_L1:
        return sg_limit_from(worst * query->scale * (1.0 + sg_measure_error(query->bound.dims, measure)));
    }
    return INFINITY;
}

double sg_codes_distance(const sg_codes_query *query, float bound, sg_measure measure) {
    const sg_bound_model *model = &query->bound;
    const double error = sg_measure_error(model->dims, measure);
    const double room = 1.0 - 12.0 * SG_FLOAT_UNIT;
    double squared; /* l1: the sum */
    switch ((sg_metric)query->model->header.metric) {
    case SG_METRIC_L2:
        squared = ((double)bound * room - (double)FLT_MIN) / (1.0 + model->eta) / (1.0 + error);
        return squared > 0 ? sqrt(squared) / query->scale * (1.0 - 0x1p-50) : 0.0;
    case SG_METRIC_COSINE:
        squared =
            ((double)bound * room - (double)FLT_MIN) / (1.0 + model->eta) / (query->scale * query->scale);
        squared = squared * 0.5 * (1.0 - 0x1p-50) - error;
        return squared > 0 ? squared : 0.0;
    case SG_METRIC_IP:
        return ((double)bound - fabs((double)bound) * 12.0 * SG_FLOAT_UNIT - (double)FLT_MIN) /
               (query->scale * query->query_scale);
    case SG_METRIC_L1:
        squared = ((double)bound * room - (double)FLT_MIN) / query->scale * (1.0 - error);
        return squared > 0 ? squared : 0.0;
    }
    return -INFINITY;
}
