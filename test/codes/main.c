/* SPDX-License-Identifier: MIT
 *
 * Exactness of searches by codes against loops in double, over sets made from seeds.
 *
 *   codes_tests [seed=FIRST] [sets=N] [rows=N] [queries=N] [bounds=0|1]
 *
 * Without arguments: the short version of the test suite. The long one: see long.sh. bounds=0 compares answers alone.
 * Each set is searched with every kernel that this machine runs, or with those of SIMDGRES_ISA and below it. Exit
 * status: 0 all right, 1 a check failed, 2 a wrong argument or SIMDGRES_ISA, 3 an instruction set that is not here.
 */
#include "candidates.h"
#include "coded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long checks, failures;

typedef struct {
    const test_set *set;
    const char *kernels;
} subject;

static void check(int passed, subject about, const char *what, double a, double b) {
    checks++;
    if (passed || ++failures > 40)
        return;
    printf("FAILED %s: seed %llu, %s, metric %d, %zu x %zu, k %zu, coordinates %u + %u: %s (%.17g, %.17g)\n",
           about.kernels, (unsigned long long)about.set->seed, set_names[about.set->kind],
           (int)about.set->metric, about.set->rows, about.set->dims, about.set->k, about.set->coordinates1,
           about.set->coordinates2, what, a, b);
}

static int is_same_float(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

typedef struct {
    float *bounds, *estimates, *level2, *level3;
    uint32_t *masks, *ids;
} levels;

static levels make_levels(size_t rows) {
    const size_t padded = (rows + SG_BLOCK_ROWS - 1) / SG_BLOCK_ROWS * SG_BLOCK_ROWS,
                 bytes = padded * sizeof(float);
    levels out = {aligned_memory(bytes), aligned_memory(bytes), aligned_memory(bytes),
                  aligned_memory(bytes), aligned_memory(bytes), aligned_memory(bytes)};
    for (size_t i = 0; i < padded; i++)
        out.ids[i] = (uint32_t)i;
    return out;
}

static void free_levels(levels *l) {
    free(l->bounds);
    free(l->estimates);
    free(l->level2);
    free(l->level3);
    free(l->masks);
    free(l->ids);
}

/* All bounds of all rows. */
static void run_levels(const sg_codes_kernels *kernels, const coded_set *coded, const sg_codes_query *query,
                       levels *l) {
    const sg_codes_header *header = &coded->model.header;
    const size_t rows = coded->rows.count, blocks = (rows + SG_BLOCK_ROWS - 1) / SG_BLOCK_ROWS;
    kernels->scan_near(query, coded->blocks, blocks, INFINITY, l->bounds, l->estimates, l->masks);
    memcpy(l->level2, l->bounds, rows * sizeof(float));
    if (header->lines2 > 0)
        kernels->refine2(query, coded->level2, l->ids, rows, l->level2);
    memcpy(l->level3, l->level2, rows * sizeof(float));
    if (header->has_level3)
        kernels->refine3(query, coded->level3, l->ids, rows, l->level3);
}

/* No bound is above the distance that it bounds, in either of the two ways to compare them. */
static void check_bounds(subject about, const sg_codes_query *query, const levels *l,
                         const double *distances) {
    const float *const bounds[3] = {l->bounds, l->level2, l->level3};
    static const char *const names[3] = {"bound of level 1 above the distance",
                                         "bound of level 2 above the distance",
                                         "bound of level 3 above the distance"};
    for (size_t r = 0; r < about.set->rows; r++) {
        const double distance = distances[r];
        if (distance != distance) /* cosine without direction: last, whatever the bound */
            continue;
        const float limit = sg_codes_limit(query, distance, SG_MEASURE_DOUBLE);
        for (int level = 0; level < 3; level++) {
            const float bound = bounds[level][r];
            check(!(bound > limit), about, names[level], bound, limit);
            check(!(sg_codes_distance(query, bound, SG_MEASURE_DOUBLE) > distance), about, names[level],
                  sg_codes_distance(query, bound, SG_MEASURE_DOUBLE), distance);
        }
    }
}

static void check_same(subject about, const levels *l, const levels *expected) {
    for (size_t r = 0; r < about.set->rows; r++)
        check(is_same_float(l->bounds[r], expected->bounds[r]) &&
                  is_same_float(l->estimates[r], expected->estimates[r]) &&
                  is_same_float(l->level2[r], expected->level2[r]) &&
                  is_same_float(l->level3[r], expected->level3[r]),
              about, "not the bounds of the scalar kernels", l->bounds[r], expected->bounds[r]);
}

/* Masks and lists say what the bounds say. */
static void check_masks(subject about, const sg_codes_kernels *kernels, const coded_set *coded,
                        const sg_codes_query *query, levels *l) {
    const size_t rows = about.set->rows, blocks = (rows + SG_BLOCK_ROWS - 1) / SG_BLOCK_ROWS;
    const float limit = l->bounds[rows / 2];
    float *again = l->level2;
    kernels->scan(query, coded->blocks, blocks, limit, again, l->masks);
    size_t below = 0;
    for (size_t r = 0; r < rows; r++) {
        const int is_below = !(l->bounds[r] > limit);
        check(is_same_float(again[r], l->bounds[r]) && (int)(l->masks[r / 32] >> r % 32 & 1) == is_below,
              about, "mask", l->bounds[r], limit);
        below += (size_t)is_below;
    }
    uint32_t *ids = aligned_memory(rows * sizeof(uint32_t));
    const size_t found = kernels->collect(l->bounds, rows, limit, ids, l->level3);
    check(found == below, about, "rows collected", (double)found, (double)below);
    for (size_t i = 0; i < found; i++)
        check(!(l->bounds[ids[i]] > limit) && is_same_float(l->level3[i], l->bounds[ids[i]]) &&
                  (i == 0 || ids[i] > ids[i - 1]),
              about, "row collected", ids[i], l->level3[i]);
    free(ids);
}

static int is_same_distance(double a, double b) {
    return a == b || (a != a && b != b);
}

/* queries of one call; distances of each to all rows. */
static void check_answers(subject about, const sg_codes_kernels *kernels, const coded_set *coded,
                          const float *queries, size_t count, const double *distances,
                          sg_search_stats *stats) {
    const test_set *set = about.set;
    sg_neighbour *expected = aligned_memory(set->k * sizeof *expected);
    sg_neighbour *found = aligned_memory(count * set->k * sizeof *found);
    void *scratch = aligned_memory(sg_search_bytes(&coded->rows, set->k, count));
    const size_t each = sg_search(&coded->rows, kernels, queries, count, set->k, found, stats, scratch);
    for (size_t q = 0; q < count; q++) {
        sg_nearest nearest;
        sg_nearest_init(&nearest, expected, set->k);
        for (size_t r = 0; r < set->rows; r++)
            sg_nearest_offer(&nearest, distances[q * set->rows + r], r);
        sg_nearest_sort(&nearest);
        const sg_neighbour *answer = found + q * set->k;
        int is_right = each == nearest.count;
        for (size_t i = 0; is_right && i < each; i++)
            is_right =
                answer[i].id == expected[i].id && is_same_distance(answer[i].distance, expected[i].distance);
        check(is_right, about, "answer of the search", (double)answer[0].id, (double)expected[0].id);
    }
    free(scratch);
    free(expected);
    free(found);
}

static void test_one(uint64_t seed, size_t rows, size_t queries, int has_bounds, sg_search_stats *total) {
    test_set set = make_set(seed, rows, queries);
    coded_set coded = encode_set(&set);
    coded.rows.model = &coded.model;
    check(sg_codes_is_valid(&coded.model.header), (subject){&set, "training"}, "header", 0, 0);
    double *all = aligned_memory(set.queries * set.rows * sizeof(double));
    const float **pointers = aligned_memory(set.rows * sizeof(float *));
    for (size_t r = 0; r < set.rows; r++)
        pointers[r] = set.data + r * set.dims;
    levels scalar = make_levels(set.rows), l = make_levels(set.rows);
    void *memory = aligned_memory(sg_codes_query_bytes(&coded.model.header));
    sg_search_stats stats = {0};
    for (size_t q = 0; q < set.queries; q++) {
        const float *vector = set.query + q * set.dims;
        sg_codes_query query;
        double *distances = all + q * set.rows;
        sg_exact_distances(set.metric, vector, pointers, set.rows, set.dims, distances);
        sg_codes_prepare(&coded.model, vector, &query, memory);
        if (has_bounds)
            run_levels(&sg_codes_scalar, &coded, &query, &scalar);
        for (size_t i = 0; i < sg_codes_candidate_count; i++) {
            const sg_codes_candidate *candidate = &sg_codes_candidates[i];
            if (candidate->isa > sg_active()->isa || (candidate->needs & ~sg_cpu_detect()) != 0)
                continue;
            const subject about = {&set, candidate->kernels->name};
            if (has_bounds) {
                run_levels(candidate->kernels, &coded, &query, &l);
                check_bounds(about, &query, &l, distances);
                check_same(about, &l, &scalar);
                check_masks(about, candidate->kernels, &coded, &query, &l);
            }
            check_answers(about, candidate->kernels, &coded, vector, 1, distances, &stats);
        }
    }
    /* Again, sharing the scan. */
    check_answers((subject){&set, sg_codes_active()->name}, sg_codes_active(), &coded, set.query, set.queries,
                  all, &stats);
    total->level1 += stats.level1;
    total->level2 += stats.level2;
    total->level3 += stats.level3;
    total->exact += stats.exact;
    if (rows > 0)
        printf("set %llu %s, metric %d, %zu x %zu: survivors of level 1 %.2f %%, measured %.2f %%\n",
               (unsigned long long)seed, set_names[set.kind], (int)set.metric, set.rows, set.dims,
               100.0 *
                   (double)(coded.model.header.lines2       ? stats.level2
                            : coded.model.header.has_level3 ? stats.level3
                                                            : stats.exact) /
                   (double)stats.level1,
               100.0 * (double)stats.exact / (double)stats.level1);
    free(memory);
    free_levels(&scalar);
    free_levels(&l);
    free(pointers);
    free(all);
    free_coded(&coded);
    free_set(&set);
}

int main(int count, char **arguments) {
    unsigned long long values[5] = {0, 200, 0, 0, 1};
    static const char *const names[5] = {"seed=", "sets=", "rows=", "queries=", "bounds="};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < count; i++) {
        int known = 0;
        for (int n = 0; n < 5; n++) {
            if (strncmp(arguments[i], names[n], strlen(names[n])) == 0) {
                values[n] = strtoull(arguments[i] + strlen(names[n]), NULL, 10);
                known = 1;
            }
        }
        if (!known) {
            fprintf(stderr,
                    "codes_tests: %s is unknown; arguments are seed=, sets=, rows=, queries=, bounds=\n",
                    arguments[i]);
            return 2;
        }
    }
    const char *forced = getenv("SIMDGRES_ISA");
    const sg_status status = sg_init(forced);
    if (status != SG_OK) {
        fprintf(stderr, "SIMDGRES_ISA=%s is %s\n", forced,
                status == SG_ERR_UNKNOWN_ISA ? "unknown" : "not supported by this machine");
        return status == SG_ERR_UNKNOWN_ISA ? 2 : 3;
    }
    printf("isa=%s kernels=%s\n", sg_active()->name, sg_codes_active()->name);
    sg_search_stats total = {0};
    for (unsigned long long s = 0; s < values[1]; s++)
        test_one(values[0] + s, values[2], values[3], (int)values[4], &total);
    printf("rows scanned %llu, of level 2 %llu, of level 3 %llu, measured %llu\n",
           (unsigned long long)total.level1, (unsigned long long)total.level2,
           (unsigned long long)total.level3, (unsigned long long)total.exact);
    printf("%lu checks, %lu failed\n", checks, failures);
    return failures != 0;
}
