/* SPDX-License-Identifier: MIT
 *
 * The bounds behind every exact search: one source for the encoder, the scans, the addon, the index and their tests.
 * What each of them claims and why is in PROOF.md; the names there are those of the terms below.
 *
 * u = 2^-24 and v = 2^-53 are the unit roundoffs of float and double. All functions are pure, and all of them round
 * outward: an upper bound is never too small, a lower one never too large. NaN and infinity only ever weaken a bound.
 */
#ifndef SG_BOUND_H
#define SG_BOUND_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The roundings that a bound accounts for, each with an input in the tests that comes out wrong without it. Two more
 * (x / |x| in double, the last operations in float) are smaller than what others leave; they have their room all the
 * same, so that no proof leans on the slack of another.
 */
typedef enum {
    SG_TERM_NONE,
    SG_TERM_ROTATION,   /* rows of the rotation are orthonormal to eta only */
    SG_TERM_PROJECTION, /* a projection is a float sum of products */
    SG_TERM_DIFFERENCE, /* x - centre is rounded to float */
    SG_TERM_DROPPED,    /* the norm of what is dropped comes from a difference of squares */
    SG_TERM_QUERY,      /* the query is rounded to integer weights */
    SG_TERM_ROW_ERROR,  /* 16 bits hold a row's error, rounded up */
    SG_TERM_ROW_SQUARE, /* 16 bits hold the square of a row's code, rounded down */
    SG_TERM_SQUARES,    /* float arithmetic of |q - code|^2, which cancels */
    SG_TERM_MEASURE,    /* the exact distance is itself a rounded sum */
    SG_TERM_COUNT
} sg_term;

/* Tests leave one term out at a time, to see that it is needed. */
#ifdef SG_BOUND_OMITS_TERMS
extern sg_term sg_omitted_term;
#define SG_TERM(term, value) (sg_omitted_term == (term) ? 0.0 : (value))
#else
#define SG_TERM(term, value) (value)
#endif

#define SG_FLOAT_UNIT 0x1p-24
#define SG_DOUBLE_UNIT 0x1p-53

/* Relative error of a double computation of n steps at most: n*v / (1 - n*v), and room for its own rounding. */
static inline double sg_double_error(double n) {
    return (n + 2.0) * 0x1.0001p-53;
}

/*
 * Relative error of a float sum of n products, in any order and with any accumulators, against the sum of the
 * products' magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). 8 more
 * roundings cover the terms themselves, the rounding of the result and whatever a kernel does to it.
 */
static inline double sg_float_sum_error(double n) {
    const double roundings = (n + 8.0) * SG_FLOAT_UNIT;
    return roundings / (1.0 - roundings);
}

static inline float sg_round_up(double value) {
    const float nearest = (float)value;
    return (double)nearest < value ? nextafterf(nearest, INFINITY) : nearest;
}

static inline float sg_round_down(double value) {
    const float nearest = (float)value;
    return (double)nearest > value ? nextafterf(nearest, -INFINITY) : nearest;
}

/*
 * 16 bits of a float that is not negative: eight of exponent and eight of mantissa, so that neighbours are 2^-8 apart
 * at most, and widening is one shift.
 */
typedef uint16_t sg_u16_float;
#define SG_U16_FLOAT_INFINITY ((sg_u16_float)0xff00)
#define SG_U16_FLOAT_NAN ((sg_u16_float)0xffff)

static inline float sg_widen(sg_u16_float bits) {
    const uint32_t wide = (uint32_t)bits << 15;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* The smallest one that is not below value; NaN becomes infinity. */
static inline sg_u16_float sg_narrow_up(double value) {
    if (!(value < (double)FLT_MAX))
        return SG_U16_FLOAT_INFINITY;
    const float up = value > 0 ? sg_round_up(value) : 0.0f;
    uint32_t bits;
    memcpy(&bits, &up, sizeof bits);
    return (sg_u16_float)((bits + 0x7fff) >> 15);
}

static inline sg_u16_float sg_narrow_error(double error) {
    const sg_u16_float up = sg_narrow_up(error);
#ifdef SG_BOUND_OMITS_TERMS
    if (sg_omitted_term == SG_TERM_ROW_ERROR && up > 0 && (double)sg_widen(up) > error)
        return (sg_u16_float)(up - 1);
#endif
    return up;
}

/* A stored dropped norm r says that the true one lies in [r * SG_DROPPED_LOW, r]. Exact in float: 8 bits times 7. */
#define SG_DROPPED_LOW 0.9921875f

/* What the bounds of one model have in common. */
typedef struct {
    double dims;
    double eta;        /* |V V' - I| in the 2-norm, V as stored */
    double stretch;    /* sqrt(1 + eta): how much V may lengthen a vector */
    double projection; /* error of V w as computed, for |w| = 1 and one coordinate */
    double underflow;  /* absolute error of a vector or projection where floats run out of exponent */
    double normalise;  /* absolute error of x / |x|, scaled; 0 for other metrics */
} sg_bound_model;

static inline sg_bound_model sg_bound_of(double dims, double chunk, double coordinates, double eta,
                                         double scale, int is_cosine) {
    sg_bound_model model;
    const double chunks = ceil(dims / chunk);
    model.dims = dims;
    model.eta = SG_TERM(SG_TERM_ROTATION, eta);
    model.stretch = sqrt(1.0 + model.eta) * (1.0 + 4.0 * SG_DOUBLE_UNIT);
    model.projection = SG_TERM(SG_TERM_PROJECTION,
                               sg_float_sum_error((dims < chunk ? dims : chunk) + chunks) * model.stretch);
    model.underflow = dims * (coordinates + 1.0) * 0x1p-148;
    model.normalise = is_cosine ? 2.0 * sg_double_error(dims + 8.0) * scale : 0.0;
    return model;
}

/* |y - w|, where y is the vector w = scale * (x - centre) as floats and norm its length, measured in double. */
static inline double sg_bound_difference(const sg_bound_model *model, double norm) {
    return SG_TERM(SG_TERM_DIFFERENCE, norm * 0x1.00001p-24) + model->normalise + model->underflow;
}

/* |V y as computed - V w| for coordinates rows of V. */
static inline double sg_bound_projection(const sg_bound_model *model, double coordinates, double norm) {
    return sqrt(coordinates) * model->projection * norm + model->stretch * sg_bound_difference(model, norm) +
           model->underflow;
}

/*
 * The seminorm of what V drops, R(w)^2 = |w|^2 - |V w|^2 / (1 + eta), from |y| and |V y| as computed: an interval.
 */
static inline void sg_bound_dropped(const sg_bound_model *model, double coordinates, double norm,
                                    double projected, double *low, double *high) {
    const double slack = sg_double_error(model->dims + 8.0);
    const double delta = sg_bound_difference(model, norm);
    const double off = sg_bound_projection(model, coordinates, norm);
    const double shrink = 1.0 / (1.0 + model->eta);
    const double longest = SG_TERM(SG_TERM_DROPPED, delta) + norm * (1.0 + slack);
    const double shortest = norm * (1.0 - slack) - SG_TERM(SG_TERM_DROPPED, delta);
    const double most = projected * (1.0 + slack) + SG_TERM(SG_TERM_DROPPED, off);
    double least = projected * (1.0 - slack) - SG_TERM(SG_TERM_DROPPED, off);
    least = least > 0 ? least : 0;
    const double highest = longest * longest - least * least * shrink;
    const double lowest = (shortest > 0 ? shortest * shortest : 0) - most * most * shrink;
    const double room = SG_TERM(SG_TERM_DROPPED, 8.0 * SG_DOUBLE_UNIT * longest * longest);
    *high = sqrt(highest + room > 0 ? highest + room : 0) * (1.0 + 2.0 * SG_DOUBLE_UNIT);
    *low = sqrt(lowest - room > 0 ? lowest - room : 0) * (1.0 - 2.0 * SG_DOUBLE_UNIT);
}

/* The dropped norm of a row in 16 bits; NaN, which says nothing, where the interval is wider than they can say. */
static inline sg_u16_float sg_narrow_dropped(double low, double high) {
    const sg_u16_float up = sg_narrow_up(high);
    return (double)sg_widen(up) * SG_DROPPED_LOW <= low ? up : SG_U16_FLOAT_NAN;
}

/* Room for float arithmetic whose terms are at most `largest` in sum: 4 roundings, and one for this product. */
static inline double sg_bound_squares(double largest) {
    return SG_TERM(SG_TERM_SQUARES, largest * 5.0 * SG_FLOAT_UNIT + 0x1p-140);
}

/* The same of a distance that is a root of it minus an error. */
static inline double sg_bound_root(double largest) {
    return SG_TERM(SG_TERM_SQUARES, sqrt(largest) * 5.0 * SG_FLOAT_UNIT + 0x1p-140);
}

/* How the caller measures the distances that decide. */
typedef enum {
    SG_MEASURE_DOUBLE, /* one or more sums in double of float elements */
    SG_MEASURE_FLOAT   /* sums in float, as pgvector's */
} sg_measure;

static inline double sg_measure_error(double dims, sg_measure measure) {
    return SG_TERM(SG_TERM_MEASURE, measure == SG_MEASURE_FLOAT ? 4.0 * sg_float_sum_error(dims)
                                                                : 4.0 * sg_double_error(dims + 8.0));
}

/* Up to float, and over what the last few operations of a bound in float may have added to it. */
static inline float sg_limit_from(double limit) {
    if (!(limit < 0x1p120))
        return INFINITY;
    const double room = fabs(limit) * 12.0 * SG_FLOAT_UNIT + (double)FLT_MIN;
    return sg_round_up(limit + room);
}

/*
 * The limit for bounds of squared scaled distances: a row whose bound is above it has a distance above `worst`.
 * `worst` is a distance as measured (metric l2: the root; cosine: 1 - cos), scale the model's power of two.
 */
static inline double sg_bound_limit_l2(const sg_bound_model *model, sg_measure measure, double worst,
                                       double scale) {
    const double scaled = worst * scale;
    return scaled * scaled * (1.0 + model->eta) * (1.0 + sg_measure_error(model->dims, measure));
}

static inline double sg_bound_limit_cosine(const sg_bound_model *model, sg_measure measure, double worst,
                                           double scale) {
    const double squared = 2.0 * (worst + sg_measure_error(model->dims, measure));
    return squared * scale * scale * (1.0 + model->eta) * (1.0 + 8.0 * SG_DOUBLE_UNIT);
}

#ifdef __cplusplus
}
#endif

#endif
