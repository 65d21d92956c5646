/* SPDX-License-Identifier: MIT
 *
 * Selection against a full sort by the same total order.
 */
#include "check.h"
#include "data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COUNT = 1003 };

static int compare_hits(const void *left, const void *right) {
    const sg_hit *a = left, *b = right;
    const int a_is_nan = isnan(a->distance), b_is_nan = isnan(b->distance);
    if (a_is_nan != b_is_nan)
        return a_is_nan - b_is_nan;
    if (!a_is_nan && a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* Distances of one shape: distinct, few different ones, falling (every one enters), with NaN and infinities.
 */
typedef enum { DISTINCT, REPEATED, FALLING, WITH_NAN, ALL_NAN, ALL_EQUAL, SHAPE_COUNT } shape;

static float make_distance(shape kind, size_t i, rng *generator) {
    const double random = random_signed(generator);
    switch (kind) {
    case DISTINCT:
        return (float)random;
    case REPEATED:
        return (float)floor(random * 4);
    case FALLING:
        return -(float)i;
    case WITH_NAN:
        return random < -0.5 ? NAN : random < -0.4 ? -INFINITY : random < -0.3 ? INFINITY : (float)random;
    case ALL_NAN:
        return NAN;
    default:
        return 1.0f;
    }
}

/* Pushes in blocks of block_length; descending also offers the last block first, so that ids fall. */
static void push_all(const sg_candidate *candidate, sg_topk *top, const float *distances, size_t count,
                     size_t block_length, uint32_t first_id, int descending) {
    const size_t blocks = (count + block_length - 1) / block_length;
    for (size_t b = 0; b < blocks; b++) {
        const size_t start = (descending ? blocks - 1 - b : b) * block_length;
        const size_t length = count - start < block_length ? count - start : block_length;
        candidate->kernels.topk_push(top, distances + start, length, first_id + (uint32_t)start);
    }
}

static void check_selection(const sg_candidate *candidate, shape kind, size_t count, uint32_t k,
                            size_t block_length, int descending, rng *generator) {
    static sg_hit expected[MAX_COUNT], actual[MAX_COUNT + 1];
    const uint32_t first_id = 0xffff0000u; /* ids above 2^31: a signed comparison would fail */
    const guarded memory = guarded_alloc(count * sizeof(float));
    float *distances = (float *)memory.start;
    for (size_t i = 0; i < count; i++) {
        distances[i] = make_distance(kind, i, generator);
        expected[i] = (sg_hit){distances[i], first_id + (uint32_t)i};
    }
    qsort(expected, count, sizeof expected[0], compare_hits);

    sg_topk top;
    sg_topk_init(&top, actual, k);
    push_all(candidate, &top, distances, count, block_length, first_id, descending);
    sg_topk_sort(&top);
    guarded_free(memory);

    const check_subject subject = {candidate, "f32", "topk", descending ? "descending ids" : "ascending ids"};
    const size_t kept = count < k ? count : k;
    CHECK(top.count == kept, subject, "count=%zu k=%u: kept %u", count, k, top.count);
    for (size_t i = 0; i < kept; i++)
        CHECK(compare_hits(&actual[i], &expected[i]) == 0, subject,
              "shape=%d count=%zu k=%u block=%zu: place %zu is %g (%u) instead of %g (%u)", (int)kind, count,
              k, block_length, i, (double)actual[i].distance, actual[i].id, (double)expected[i].distance,
              expected[i].id);
}

void test_topk(const sg_candidate *candidate) {
    static const size_t counts[] = {0, 1, 7, 8, 9, 15, 16, 17, 33, 100, MAX_COUNT};
    static const uint32_t ks[] = {1, 2, 10, 16, 100, MAX_COUNT, MAX_COUNT + 1};
    static const size_t blocks[] = {1, 16, 37, MAX_COUNT};
    rng generator = {0x70b1};
    printf("topk: seed 0x%llx\n", (unsigned long long)generator.state);
    for (int kind = 0; kind < SHAPE_COUNT; kind++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            for (size_t j = 0; j < sizeof ks / sizeof ks[0]; j++)
                for (size_t b = 0; b < sizeof blocks / sizeof blocks[0]; b++)
                    for (int descending = 0; descending < 2; descending++)
                        check_selection(candidate, (shape)kind, counts[c], ks[j], blocks[b], descending,
                                        &generator);
}
