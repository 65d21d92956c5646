/* SPDX-License-Identifier: MIT
 *
 * Distances as a plain loop in double gives them. One such sum waits for each addition; eight rows at a time keep
 * the adders busy without changing any of the sums.
 */
#include "sg_codes.h"

#include <math.h>

#define LANES 8

static void eight_l2(const float *query, const float *const rows[LANES], size_t dims, double sums[LANES]) {
    double s[LANES] = {0};
    for (size_t i = 0; i < dims; i++) {
        const double value = query[i];
        for (int r = 0; r < LANES; r++) {
            const double difference = value - (double)rows[r][i];
            s[r] += difference * difference;
        }
    }
    for (int r = 0; r < LANES; r++)
        sums[r] = sqrt(s[r]);
}

static void eight_l1(const float *query, const float *const rows[LANES], size_t dims, double sums[LANES]) {
    double s[LANES] = {0};
    for (size_t i = 0; i < dims; i++) {
        const double value = query[i];
        for (int r = 0; r < LANES; r++)
            s[r] += fabs(value - (double)rows[r][i]);
    }
    for (int r = 0; r < LANES; r++)
        sums[r] = s[r];
}

static void eight_dots(const float *query, const float *const rows[LANES], size_t dims, double sums[LANES]) {
    double s[LANES] = {0};
    for (size_t i = 0; i < dims; i++) {
        const double value = query[i];
        for (int r = 0; r < LANES; r++)
            s[r] += value * (double)rows[r][i];
    }
    for (int r = 0; r < LANES; r++)
        sums[r] = s[r];
}

static void eight_squares(const float *const rows[LANES], size_t dims, double sums[LANES]) {
    double s[LANES] = {0};
    for (size_t i = 0; i < dims; i++) {
        for (int r = 0; r < LANES; r++)
            s[r] += (double)rows[r][i] * (double)rows[r][i];
    }
    for (int r = 0; r < LANES; r++)
        sums[r] = s[r];
}

static double cosine_distance(double dot, double squares) {
    const double distance = 1.0 - dot / sqrt(squares);
    return distance < 0.0 ? 0.0 : distance > 2.0 ? 2.0 : distance; /* NaN passes */
}

void sg_exact_distances(sg_metric metric, const float *query, const float *const *rows, size_t count,
                        size_t dims, double *out) {
    double query_square = 0;
    if (metric == SG_METRIC_COSINE) {
        for (size_t i = 0; i < dims; i++)
            query_square += (double)query[i] * (double)query[i];
    }
    for (size_t first = 0; first < count; first += LANES) {
        const size_t part = count - first < LANES ? count - first : LANES;
        const float *group[LANES];
        double sums[LANES], squares[LANES];
        for (size_t r = 0; r < LANES; r++)
            group[r] = rows[first + (r < part ? r : 0)];
        if (metric == SG_METRIC_L2)
            eight_l2(query, group, dims, sums);
        else if (metric == SG_METRIC_L1)
            eight_l1(query, group, dims, sums);
        else
            eight_dots(query, group, dims, sums);
        if (metric == SG_METRIC_COSINE)
            eight_squares(group, dims, squares);
        for (size_t r = 0; r < part; r++)
            out[first + r] = metric == SG_METRIC_IP ? -sums[r]
                             : metric == SG_METRIC_COSINE
                                 ? cosine_distance(sums[r], query_square * squares[r])
                                 : sums[r];
    }
}
