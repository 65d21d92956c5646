/* SPDX-License-Identifier: MIT */
#include "cost.h"

#include "codes.h"

/* Sample rows that ask, and those that are asked. */
#define ASKING 16
#define MOST_ROWS 4096

/*
 * Nanoseconds, from profiles of searches on Zen 5 (AVX-512), sets beyond the caches: a byte of level 1 in order, a record of level 2 or
 * 3 at random, a vector at random. Their ratios count, and the optimum is flat: 20 % off costs 1 or 2 %.
 */
#define SCAN_BYTE 0.025
#define LEVEL2_ROW 15.0
#define LEVEL3_ROW 15.0
#define LEVEL3_BYTE 0.12
#define VECTOR_ELEMENT 0.5

typedef struct {
    uint16_t first, second;
} pair;

/* Level 2 with 112 fills one line of a cache. The last rows are for spectra that hardly decay. */
static const pair pairs[] = {{32, 112}, {48, 112}, {64, 112}, {80, 112}, {96, 112}, {128, 112}, {144, 112},
                             {96, 0},   {128, 0},  {160, 0},  {192, 0},  {224, 0},  {256, 0}};
#define PAIRS (sizeof pairs / sizeof pairs[0])

/* Every sum that a pair ends with. */
static const uint16_t cuts[] = {32, 48, 64, 80, 96, 128, 144, 160, 176, 192, 208, 224, 240, 256};
#define CUTS (sizeof cuts / sizeof cuts[0])

static size_t cut_of(size_t coordinates) {
    size_t cut = 0;
    while (cut + 1 < CUTS && cuts[cut] < coordinates)
        cut++;
    return cut;
}

size_t sg_cost_bytes(size_t sample_rows) {
    const size_t rows = sample_rows < MOST_ROWS ? sample_rows : MOST_ROWS;
    return sg_round_to((3 * CUTS + 4) * rows * sizeof(float), 64);
}

typedef struct {
    size_t rows, stride; /* rows that are asked; stride of projected */
    const float *projected, *low, *step;
    float *near;    /* [cut][row]: |q - code|^2 up to the cut, for the query at hand */
    float *error;   /* |z - code|^2 */
    float *dropped; /* what lies behind the cut: a norm */
    float *distance;
} sample_sums;

static float code_of(float value, float low, float inverse, float step) {
    float at = (value - low) * inverse + 0.5f;
    at = at > 0.0f ? at : 0.0f;
    at = at < 15.0f ? at : 15.0f;
    return low + step * (float)(int)at;
}

/* Adds up the first `coordinates` for a query, or (query == rows) the errors and what is dropped. */
static void add_up(const sample_sums *s, size_t query, size_t coordinates, const float *squares,
                   float *running) {
    const int is_query = query < s->rows;
    float *kept = running + s->rows;
    for (size_t r = 0; r < 2 * s->rows; r++)
        running[r] = 0;
    for (size_t c = 0, cut = 0; c < coordinates; c++) {
        const float *z = s->projected + c * s->stride;
        const float low = s->low[c], step = s->step[c], inverse = step > 0 ? 1.0f / step : 0.0f;
        const float from = is_query ? z[query] : 0.0f;
        for (size_t r = 0; r < s->rows; r++) {
            const float off = (is_query ? from : z[r]) - code_of(z[r], low, inverse, step);
            running[r] += off * off;
            kept[r] += z[r] * z[r];
        }
        for (; cut < CUTS && cuts[cut] == c + 1; cut++) {
            float *to = (is_query ? s->near : s->error) + cut * s->rows;
            for (size_t r = 0; r < s->rows; r++)
                to[r] = running[r];
            for (size_t r = 0; !is_query && r < s->rows; r++) {
                const float left = squares[r] - kept[r];
                s->dropped[cut * s->rows + r] = left > 0 ? sqrtf(left) : 0.0f;
            }
        }
    }
}

static float part(float near, float error) {
    const float kept = sqrtf(near > 0 ? near : 0) - sqrtf(error > 0 ? error : 0);
    return kept > 0 ? kept * kept : 0;
}

/* Adds the rows that the query could not dismiss by level 1, and by both. */
static void count_survivors(const sample_sums *s, pair p, size_t query, float limit, double *left1,
                            double *left2) {
    const size_t n = s->rows, a = cut_of(p.first) * n, b = cut_of((size_t)p.first + p.second) * n;
    for (size_t r = 0; r < n; r++) {
        const float kept1 = part(s->near[a + r], s->error[a + r]);
        const float gap1 = s->dropped[a + query] - s->dropped[a + r];
        if (r == query || kept1 + gap1 * gap1 > limit)
            continue;
        *left1 += 1;
        const float kept2 = part(s->near[b + r] - s->near[a + r], s->error[b + r] - s->error[a + r]);
        const float gap2 = s->dropped[b + query] - s->dropped[b + r];
        *left2 += p.second == 0 || !(kept1 + kept2 + gap2 * gap2 > limit);
    }
}

void sg_cost_choose(const sg_codes_training *t, const float *vectors, const float *projected, size_t rows,
                    size_t coordinates, const float *low, const float *step, size_t *first, size_t *second,
                    void *scratch) {
    const size_t dims = t->dims;
    sample_sums s = {.rows = rows < MOST_ROWS ? rows : MOST_ROWS,
                     .stride = rows,
                     .projected = projected,
                     .low = low,
                     .step = step,
                     .near = scratch};
    s.error = s.near + CUTS * s.rows;
    s.dropped = s.error + CUTS * s.rows;
    s.distance = s.dropped + CUTS * s.rows;
    float *squares = s.distance + s.rows, *running = squares + s.rows;
    *first = coordinates < 64 ? coordinates : 64;
    *second = coordinates - *first < 112 ? coordinates - *first : 112;
    if (s.rows < 2 * ASKING) /* too few to judge by */
        return;
    for (size_t r = 0; r < s.rows; r++) {
        const double length = sg_length(vectors + r * dims, dims);
        squares[r] = (float)(length * length);
    }
    add_up(&s, s.rows, coordinates, squares, running);
    double left1[PAIRS] = {0}, left2[PAIRS] = {0};
    for (size_t i = 0; i < ASKING && !sg_is_stopped(t->stop); i++) {
        const size_t query = i * s.rows / ASKING;
        float limit = INFINITY;
        sg_active()->many[SG_F32][SG_L2SQ](vectors + query * dims, vectors, s.rows, dims * sizeof(float),
                                           dims, s.distance);
        for (size_t r = 0; r < s.rows; r++)
            limit = r != query && s.distance[r] < limit ? s.distance[r] : limit;
        add_up(&s, query, coordinates, squares, running);
        for (size_t p = 0; p < PAIRS; p++) {
            if ((size_t)pairs[p].first + pairs[p].second <= coordinates)
                count_survivors(&s, pairs[p], query, limit, &left1[p], &left2[p]);
        }
    }
    double least = INFINITY;
    const double asked = (double)ASKING * (double)s.rows;
    const double last =
        t->without_level3 ? VECTOR_ELEMENT * (double)dims : LEVEL3_ROW + LEVEL3_BYTE * (double)dims;
    for (size_t p = 0; p < PAIRS; p++) {
        if ((size_t)pairs[p].first + pairs[p].second > coordinates)
            continue;
        const double cost = SCAN_BYTE * (0.5 * pairs[p].first + 6.0) +
                            (pairs[p].second > 0 ? LEVEL2_ROW * left1[p] / asked : 0) +
                            last * left2[p] / asked;
        if (cost < least) {
            least = cost;
            *first = pairs[p].first;
            *second = pairs[p].second;
        }
    }
}
