/* SPDX-License-Identifier: MIT
 *
 * A model from a sample: centre, rotation, and the grid of each coordinate. Any orthonormal rotation and any grid are
 * right; these make the codes tight.
 */
#include "codes.h"
#include "eigen.h"
#include "l1.h"
#include "shape.h"

#include <string.h>

/* Up to here the covariance is worth its dims^2; beyond, the directions come from the sample's own products. */
#define COVARIANCE_DIMS 2048
#define SAMPLE_ROWS 8192
#define WIDE_SAMPLE_ROWS 1024

/* Rows that one float sum of a covariance runs over: two panels of them fit the second-level cache. */
#define COVARIANCE_CHUNK 512

size_t sg_codes_sample_rows(size_t rows, size_t dims) {
    const size_t most = dims > COVARIANCE_DIMS ? WIDE_SAMPLE_ROWS : SAMPLE_ROWS;
    return rows < most ? rows : most;
}

static size_t most_coordinates(size_t dims) {
    return dims < SG_MAX_COORDINATES ? dims : SG_MAX_COORDINATES;
}

size_t sg_codes_rotation_floats(size_t dims) {
    return most_coordinates(dims) * dims;
}

/* The side of the symmetric matrix whose eigenvectors are sought. */
static size_t matrix_size(size_t rows, size_t dims) {
    return dims <= COVARIANCE_DIMS ? dims : rows;
}

size_t sg_codes_training_bytes(size_t sample_rows, size_t dims) {
    const size_t most = most_coordinates(dims), size = matrix_size(sample_rows, dims);
    const size_t directions = most * (size > dims ? size : dims) * sizeof(double);
    return sg_round_to(sample_rows * dims * sizeof(float), 64) +                      /* vectors */
           sg_round_to(2 * size * size * sizeof(float), 64) +                         /* matrix, part */
           sg_round_to(size * COVARIANCE_CHUNK * sizeof(float), 64) +                 /* columns */
           sg_round_to(sample_rows * most * sizeof(float), 64) +                      /* projections */
           2 * sg_round_to(directions, 64) + sg_round_to(most * sizeof(double), 64) + /* directions, mean */
           sg_round_to(dims * sizeof(double), 64) + sg_principal_bytes(most, size) +
           sg_shape_bytes(sample_rows);
}

/* Hands out parts of the scratch memory. */
static void *take(uint8_t **from, size_t bytes) {
    void *part = *from;
    *from += sg_round_to(bytes, 64);
    return part;
}

static double inverse_length(const sg_codes_training *t, const float *row) {
    return t->metric == SG_METRIC_COSINE ? 1.0 / sg_length(row, t->dims) : 1.0;
}

static void find_centre(const sg_codes_training *t, double *sums, float *centre) {
    memset(sums, 0, t->dims * sizeof *sums);
    size_t count = 0;
    for (size_t r = 0; r < t->sample_rows; r++) {
        const float *row = t->sample + r * t->dims;
        const double factor = inverse_length(t, row);
        if (!(factor < INFINITY))
            continue;
        for (size_t i = 0; i < t->dims; i++)
            sums[i] += (double)row[i] * factor;
        count++;
    }
    for (size_t i = 0; i < t->dims; i++)
        centre[i] = count > 0 ? (float)(sums[i] / (double)count) : 0.0f;
}

static int find_exponent(const sg_codes_training *t, const float *centre) {
    double sum = 0;
    size_t count = 0;
    for (size_t r = 0; r < t->sample_rows; r++) {
        const float *row = t->sample + r * t->dims;
        const double factor = inverse_length(t, row);
        if (!(factor < INFINITY))
            continue;
        for (size_t i = 0; i < t->dims; i++) {
            const double off = (double)row[i] * factor - (double)centre[i];
            sum += off * off;
        }
        count++;
    }
    int exponent = 0;
    if (sum > 0)
        (void)frexp(sqrt(sum / (double)count), &exponent);
    return exponent;
}

/* Scaled rows that can be coded; returns how many. */
static size_t scale_sample(const sg_codes_training *t, const float *centre, double scale, float *vectors) {
    size_t count = 0;
    for (size_t r = 0; r < t->sample_rows; r++) {
        const float *row = t->sample + r * t->dims;
        const double factor = inverse_length(t, row) * scale;
        if (factor < INFINITY &&
            sg_scale_vector(row, centre, t->dims, factor, scale, vectors + count * t->dims) < INFINITY)
            count++;
    }
    return count;
}

/* matrix = vectors' vectors, from floats; the lower half is the mirror of the upper. */
static void find_covariance(const float *vectors, size_t rows, size_t dims, float *columns, float *part,
                            float *matrix, const sg_stop *stop) {
    memset(matrix, 0, dims * dims * sizeof *matrix);
    for (size_t first = 0; first < rows; first += COVARIANCE_CHUNK) {
        const size_t length = rows - first < COVARIANCE_CHUNK ? rows - first : COVARIANCE_CHUNK;
        for (size_t i = 0; i < dims; i++) {
            for (size_t r = 0; r < length; r++)
                columns[i * length + r] = vectors[(first + r) * dims + i];
        }
        const size_t bytes = length * sizeof(float), group = 48;
        for (size_t i = 0; i < dims; i += group) {
            if (sg_is_stopped(stop))
                return;
            const size_t height = dims - i < group ? dims - i : group, width = dims - i;
            sg_active()->tile[SG_F32][SG_DOT](columns + i * length, height, bytes, columns + i * length,
                                              width, bytes, length, part, width);
            for (size_t a = 0; a < height; a++) {
                for (size_t b = 0; b < width; b++)
                    matrix[(i + a) * dims + i + b] += part[a * width + b];
            }
        }
    }
    for (size_t i = 0; i < dims; i++) {
        for (size_t j = 0; j < i; j++)
            matrix[i * dims + j] = matrix[j * dims + i];
    }
}

/* Directions of the rows' space from eigenvectors of their products: sum over rows of weight times row. */
static void combine_rows(const float *vectors, size_t rows, size_t dims, const double *weights, size_t count,
                         double *directions) {
    memset(directions, 0, count * dims * sizeof *directions);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < count; c++) {
            const double weight = weights[c * rows + r];
            for (size_t i = 0; i < dims; i++)
                directions[c * dims + i] += weight * (double)vectors[r * dims + i];
        }
    }
}

double sg_codes_measure_rotation(const float *rotation, size_t count, size_t dims) {
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i; j < count; j++) {
            double s[8] = {0}, sum = 0;
            const float *a = rotation + i * dims, *b = rotation + j * dims;
            size_t k = 0;
            for (; k + 8 <= dims; k += 8) {
                for (int lane = 0; lane < 8; lane++)
                    s[lane] += (double)a[k + lane] * (double)b[k + lane];
            }
            for (; k < dims; k++)
                sum += (double)a[k] * (double)b[k];
            for (int lane = 0; lane < 8; lane++)
                sum += s[lane];
            const double off = fabs(sum - (i == j)) + sg_double_error((double)dims + 8.0) * 1.01;
            squares += off * off * (i == j ? 1.0 : 2.0);
        }
    }
    return sqrt(squares) * (1.0 + 0x1p-40);
}

void sg_codes_train(const sg_codes_training *t, sg_codes_header *header, float *centre, float *rotation,
                    float *low, float *step, void *scratch) {
    const size_t dims = t->dims, most = most_coordinates(dims), size = matrix_size(t->sample_rows, dims);
    uint8_t *memory = scratch;
    float *vectors = take(&memory, t->sample_rows * dims * sizeof(float));
    float *matrix = take(&memory, size * size * sizeof(float));
    float *part = take(&memory, size * size * sizeof(float));
    float *columns = take(&memory, size * COVARIANCE_CHUNK * sizeof(float));
    float *projected = take(&memory, t->sample_rows * most * sizeof(float));
    double *found = take(&memory, most * (size > dims ? size : dims) * sizeof(double));
    double *directions = take(&memory, most * (size > dims ? size : dims) * sizeof(double));
    double *values = take(&memory, most * sizeof(double));
    double *sums = take(&memory, dims * sizeof(double));

    memset(header, 0, sizeof *header);
    header->version = SG_CODES_VERSION;
    header->metric = t->metric;
    header->dims = (uint32_t)dims;
    header->has_level3 = !t->without_level3;
    find_centre(t, sums, centre);
    header->exponent = find_exponent(t, centre);
    const size_t rows = scale_sample(t, centre, ldexp(1.0, -header->exponent), vectors);

    if (t->metric == SG_METRIC_L1) {
        sg_codes_training level1 = *t;
        level1.coordinates1 = (uint32_t)(t->coordinates1 > 0 ? t->coordinates1 : most);
        level1.coordinates2 = 0;
        header->has_level3 = 0;
        sg_l1_order(vectors, rows, dims, level1.coordinates1, sums, rotation, projected);
        sg_shape_choose(&level1, vectors, projected, rows, header, low, step, memory);
        return;
    }
    const size_t wanted = sg_shape_coordinates(t);
    if (dims <= COVARIANCE_DIMS) {
        find_covariance(vectors, rows, dims, columns, part, matrix, t->stop);
        sg_principal(matrix, dims, wanted, directions, values, memory, t->stop);
    } else {
        const size_t bytes = dims * sizeof(float), available = wanted < rows ? wanted : rows;
        sg_active()->tile[SG_F32][SG_DOT](vectors, rows, bytes, vectors, rows, bytes, dims, matrix, rows);
        memset(directions, 0, wanted * dims * sizeof *directions);
        if (available > 0) {
            sg_principal(matrix, rows, available, found, values, memory, t->stop);
            combine_rows(vectors, rows, dims, found, available, directions);
        }
        sg_orthonormalise(directions, wanted, dims, t->stop);
    }
    if (sg_is_stopped(t->stop))
        return;
    for (size_t i = 0; i < wanted * dims; i++)
        rotation[i] = (float)directions[i];
    header->eta = sg_round_up(sg_codes_measure_rotation(rotation, wanted, dims));

    for (size_t first = 0; first < rows && !sg_is_stopped(t->stop); first += SG_BLOCK_ROWS) {
        const size_t count = rows - first < SG_BLOCK_ROWS ? rows - first : SG_BLOCK_ROWS;
        sg_project(rotation, wanted, vectors + first * dims, count, dims, projected + first, rows, part);
    }
    if (sg_is_stopped(t->stop))
        return;
    sg_shape_choose(t, vectors, projected, rows, header, low, step, memory);
}
