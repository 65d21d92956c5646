/* SPDX-License-Identifier: MIT
 *
 * One search by codes beside one by the float scan, on one thread, in turns over the same queries; every answer of the
 * first is compared with that of the second.
 *
 *   codes_bench FILE ROWS DIMS [metric=l2|cosine|ip|l1] [offset=BYTES] [queries=N] [k=N] [first=N second=N] [level3=0|1] [floats=0|1]
 *
 * FILE holds ROWS x DIMS little-endian floats from byte OFFSET on. Queries are rows of it, spread evenly and held out.
 * FILE may be "synthetic": normal numbers whose variance decays over the dimensions as `decay=` says (default 0.98).
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "sg_search.h"
#include "simdgres.h"

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Of all threads: what work took where other work shares the machine. */
static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void fail(const char *what) {
    fprintf(stderr, "codes_bench: %s\n", what);
    exit(1);
}

static void *allocate(size_t bytes) {
    const size_t huge = (size_t)2 << 20, rounded = (bytes + huge) / huge * huge;
    void *memory = aligned_alloc(huge, rounded);
    if (memory == NULL)
        fail("out of memory");
    madvise(memory, rounded, MADV_HUGEPAGE);
    return memory;
}

typedef struct {
    sg_metric metric;
    size_t rows, dims, queries, k;
    float *data, *query;
} workload;

static const char *option(int count, char **arguments, const char *name, const char *fallback) {
    const size_t length = strlen(name);
    for (int i = 0; i < count; i++) {
        if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=')
            return arguments[i] + length + 1;
    }
    return fallback;
}

static double normal(uint64_t *state) {
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*state >> 11) * 0x1p-53;
    }
    return sum;
}

static void load(const char *file, size_t offset, size_t total, double decay, workload *w) {
    const size_t row_bytes = w->dims * sizeof(float);
    float *all = allocate(total * row_bytes);
    if (strcmp(file, "synthetic") == 0) {
        uint64_t state = 7;
        for (size_t r = 0; r < total; r++) {
            double spread = 1;
            for (size_t i = 0; i < w->dims; i++, spread *= sqrt(decay))
                all[r * w->dims + i] = (float)(normal(&state) * spread);
        }
    } else {
        FILE *in = fopen(file, "rb");
        if (in == NULL || fseek(in, (long)offset, SEEK_SET) != 0 || fread(all, row_bytes, total, in) != total)
            fail("the file cannot be read, or is shorter than ROWS x DIMS floats");
        fclose(in);
    }
    w->rows = total - w->queries;
    w->data = allocate(w->rows * row_bytes);
    w->query = allocate(w->queries * row_bytes);
    size_t q = 0, kept = 0;
    for (size_t r = 0; r < total; r++) {
        const int is_query = q < w->queries && r == q * total / w->queries;
        float *to = is_query ? w->query + q++ * w->dims : w->data + kept++ * w->dims;
        memcpy(to, all + r * w->dims, row_bytes);
    }
    free(all);
}

/* The float scan of the addon: scores by the kernels, rows that the proved error cannot rule out in double. */
static void float_scan(const workload *w, const float *query, const float *factors, double largest_norm,
                       float *scores, sg_nearest *nearest) {
    const size_t visit = 512;
    const double error = sg_float_sum_error((double)w->dims);
    double query_norm = 0;
    for (size_t i = 0; i < w->dims; i++)
        query_norm += (double)query[i] * (double)query[i];
    query_norm = sqrt(query_norm);
    const sg_many_fn many = sg_active()->many[SG_F32][w->metric == SG_METRIC_L2   ? SG_L2SQ
                                                      : w->metric == SG_METRIC_L1 ? SG_L1
                                                                                  : SG_DOT];
    for (size_t first = 0; first < w->rows; first += visit) {
        const size_t count = w->rows - first < visit ? w->rows - first : visit;
        many(query, w->data + first * w->dims, count, w->dims * sizeof(float), w->dims, scores);
        if (w->metric == SG_METRIC_COSINE) {
            for (size_t r = 0; r < count; r++)
                scores[r] *= factors[first + r];
        } else if (w->metric == SG_METRIC_IP) {
            for (size_t r = 0; r < count; r++)
                scores[r] = -scores[r];
        }
        for (size_t r = 0; r < count;) {
            const double worst = sg_nearest_worst(nearest);
            const float limit =
                (float)((w->metric == SG_METRIC_L2       ? worst * worst * (1 + error)
                         : w->metric == SG_METRIC_L1     ? worst * (1 + error)
                         : w->metric == SG_METRIC_COSINE ? (worst - 1 + error) * query_norm
                                                         : worst + error * query_norm * largest_norm) +
                        1e-30);
            for (; r + 64 <= count; r += 64) {
                int near = 0;
                for (size_t i = 0; i < 64; i++)
                    near |= !(scores[r + i] > limit);
                if (near)
                    break;
            }
            for (size_t end = r + 64 < count ? r + 64 : count; r < end; r++) {
                if (scores[r] > limit)
                    continue;
                const float *row = w->data + (first + r) * w->dims;
                double distance;
                sg_exact_distances(w->metric, query, &row, 1, w->dims, &distance);
                sg_nearest_offer(nearest, distance, first + r);
            }
        }
    }
}

typedef struct {
    const sg_codes_model *model;
    const workload *w;
    size_t first, end;
    uint8_t *blocks, *level2, *level3;
} encoding;

static void *encode(void *argument) {
    const encoding *e = argument;
    const sg_codes_header *h = &e->model->header;
    void *scratch = allocate(sg_codes_encoding_bytes(h));
    sg_codes_encode(e->model, e->w->data + e->first * e->w->dims, e->end - e->first, e->blocks, e->first,
                    e->level2 + e->first * sg_codes_level2_bytes(h),
                    e->level3 + e->first * sg_codes_level3_bytes(h), scratch);
    free(scratch);
    return NULL;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    if (count < 4)
        fail("usage: codes_bench FILE|synthetic ROWS DIMS [metric=l2] [offset=0] [queries=200] [k=10] "
             "[first=0 "
             "second=0] [level3=1] [decay=0.98]");
    if (sg_init(getenv("SIMDGRES_ISA")) != SG_OK)
        fail("SIMDGRES_ISA names nothing that this machine runs");
#define OPTION(name, fallback) option(count - 4, arguments + 4, name, fallback)
    workload w = {.dims = strtoul(arguments[3], NULL, 10),
                  .queries = strtoul(OPTION("queries", "200"), NULL, 10),
                  .k = strtoul(OPTION("k", "10"), NULL, 10)};
    const char *metric = OPTION("metric", "l2");
    w.metric = strcmp(metric, "cosine") == 0 ? SG_METRIC_COSINE
               : strcmp(metric, "ip") == 0   ? SG_METRIC_IP
               : strcmp(metric, "l1") == 0   ? SG_METRIC_L1
                                             : SG_METRIC_L2;
    load(arguments[1], strtoul(OPTION("offset", "0"), NULL, 10), strtoul(arguments[2], NULL, 10),
         strtod(OPTION("decay", "0.98"), NULL), &w);

    double start = now_ms(), cpu_start = cpu_ms();
    const size_t sampled = sg_codes_sample_rows(w.rows, w.dims);
    float *sample = allocate(sampled * w.dims * sizeof(float));
    for (size_t i = 0; i < sampled; i++)
        memcpy(sample + i * w.dims, w.data + i * w.rows / sampled * w.dims, w.dims * sizeof(float));
    const sg_codes_training training = {.metric = w.metric,
                                        .dims = w.dims,
                                        .sample = sample,
                                        .sample_rows = sampled,
                                        .rows = w.rows,
                                        .coordinates1 = (uint32_t)strtoul(OPTION("first", "0"), NULL, 10),
                                        .coordinates2 = (uint32_t)strtoul(OPTION("second", "0"), NULL, 10),
                                        .without_level3 = OPTION("level3", "1")[0] == '0'};
    sg_codes_model model;
    float *centre = allocate(w.dims * sizeof(float)),
          *grid = allocate(2 * SG_MAX_COORDINATES * sizeof(float));
    float *rotation = allocate(sg_codes_rotation_floats(w.dims) * sizeof(float));
    void *scratch = allocate(sg_codes_training_bytes(sampled, w.dims));
    sg_codes_train(&training, &model.header, centre, rotation, grid, grid + SG_MAX_COORDINATES, scratch);
    model.centre = centre, model.rotation = rotation, model.low = grid,
    model.step = grid + SG_MAX_COORDINATES;
    free(scratch);
    const double trained = now_ms() - start, trained_cpu = cpu_ms() - cpu_start;

    const sg_codes_header *h = &model.header;
    const size_t blocks = (w.rows + SG_BLOCK_ROWS - 1) / SG_BLOCK_ROWS;
    uint8_t *level1 = allocate(blocks * sg_codes_block_bytes(h));
    uint8_t *level2 = allocate(w.rows * sg_codes_level2_bytes(h)),
            *level3 = allocate(w.rows * sg_codes_level3_bytes(h));
    start = now_ms(), cpu_start = cpu_ms();
    sg_codes_clear_blocks(h, level1, blocks);
    encoding parts[2];
    pthread_t thread;
    const size_t middle = blocks / 2 * SG_BLOCK_ROWS;
    parts[0] = (encoding){&model, &w, 0, middle, level1, level2, level3};
    parts[1] = (encoding){&model, &w, middle, w.rows, level1, level2, level3};
    pthread_create(&thread, NULL, encode, &parts[1]);
    encode(&parts[0]);
    pthread_join(thread, NULL);
    const double encoded = now_ms() - start, encoded_cpu = cpu_ms() - cpu_start;
    printf("%s %s %zu x %zu k=%zu isa=%s\n", arguments[1], metric, w.rows, w.dims, w.k, sg_active()->name);
    printf("coordinates %u + %u, explained %.3f %.3f, eta %.1e, exponent %d, valid %d\n", h->coordinates1,
           h->coordinates2, (double)h->explained1, (double)h->explained2, (double)h->eta, h->exponent,
           sg_codes_is_valid(h));
    printf("bytes a row %zu + %zu + %zu; training %.0f ms (1 thread, %.0f of CPU), encoding %.0f ms (2 "
           "threads, %.0f of "
           "CPU)\n",
           sg_codes_block_bytes(h) / SG_BLOCK_ROWS, sg_codes_level2_bytes(h), sg_codes_level3_bytes(h),
           trained, trained_cpu, encoded, encoded_cpu);

    float *factors = allocate(w.rows * sizeof(float));
    double largest_norm = 0;
    for (size_t r = 0; r < w.rows; r++) {
        const double norm = sg_active()->norm[SG_F32](w.data + r * w.dims, w.dims);
        factors[r] = norm > 0 ? (float)(-1.0 / norm) : 0.0f;
        largest_norm = norm > largest_norm ? norm : largest_norm;
    }
    const sg_coded_rows rows = {&model, w.data, w.rows, level1, level2, level3, NULL, NULL};
    const sg_codes_kernels *kernels = sg_codes_active();
    void *memory = allocate(sg_search_bytes(&rows, w.k, 20));
    float *scores = allocate(512 * sizeof(float));
    sg_neighbour *by_codes = allocate(w.k * sizeof *by_codes), *by_floats = allocate(w.k * sizeof *by_floats);
    double *code_ms = allocate(w.queries * sizeof(double)), *float_ms = allocate(w.queries * sizeof(double));
    sg_neighbour *shared = allocate(20 * w.k * sizeof *shared);
    double *shared_ms = allocate((w.queries / 20 + 1) * sizeof(double));
    sg_search_stats stats = {0};
    size_t wrong = 0;
    const int has_floats = OPTION("floats", "1")[0] != '0';
    /* In rounds of 20: by codes, then by floats. Each finds the caches as the other queries of its kind leave them. */
    for (size_t first = 0; first < w.queries; first += 20) {
        const size_t end = first + 20 < w.queries ? first + 20 : w.queries;
        sg_neighbour *found = allocate(20 * w.k * sizeof *found);
        sg_search(&rows, kernels, w.query + first * w.dims, 1, w.k, by_codes, NULL, memory);
        for (size_t q = first; q < end; q++) {
            start = now_ms();
            sg_search(&rows, kernels, w.query + q * w.dims, 1, w.k, by_codes, &stats, memory);
            code_ms[q] = now_ms() - start;
            memcpy(found + (q - first) * w.k, by_codes, w.k * sizeof *found);
        }
        start = now_ms();
        sg_search(&rows, kernels, w.query + first * w.dims, end - first, w.k, shared, NULL, memory);
        const double batch_ms = (now_ms() - start) / (double)(end - first);
        shared_ms[first / 20] = batch_ms;
        for (size_t i = 0; i < (end - first) * w.k; i++)
            wrong += shared[i].id != found[i].id;
        for (size_t q = first; has_floats && q < end; q++) {
            sg_nearest nearest;
            start = now_ms();
            sg_nearest_init(&nearest, by_floats, w.k);
            float_scan(&w, w.query + q * w.dims, factors, largest_norm, scores, &nearest);
            sg_nearest_sort(&nearest);
            float_ms[q] = now_ms() - start;
            for (size_t i = 0; i < w.k; i++)
                wrong += found[(q - first) * w.k + i].id != by_floats[i].id ||
                         found[(q - first) * w.k + i].distance != by_floats[i].distance;
        }
        free(found);
    }
    double code_sum = 0, float_sum = 0;
    for (size_t q = 0; q < w.queries; q++)
        code_sum += code_ms[q], float_sum += float_ms[q];
    qsort(code_ms, w.queries, sizeof(double), compare_doubles);
    qsort(float_ms, w.queries, sizeof(double), compare_doubles);
    const size_t batches = (w.queries + 19) / 20;
    qsort(shared_ms, batches, sizeof(double), compare_doubles);
    const double n = (double)w.queries, all = n * (double)w.rows / 100.0;
    printf("survivors of level 1 %.3f %%, level 2 %.3f %%, measured %.1f rows\n", (double)stats.level2 / all,
           (double)stats.level3 / all, (double)stats.exact / n);
    /* The fastest tenth tells what the work takes where other work shares the machine. */
    printf("codes %s: p10 %.3f p50 %.3f mean %.3f ms; 20 queries together: p10 %.3f p50 %.3f ms a query\n",
           kernels->name, code_ms[w.queries / 10], code_ms[w.queries / 2], code_sum / n,
           shared_ms[batches / 10], shared_ms[batches / 2]);
    printf(
        "floats: p10 %.3f p50 %.3f mean %.3f ms; ratio at p10 %.1f, p50 %.1f, of means %.1f; wrong %zu\n\n",
        float_ms[w.queries / 10], float_ms[w.queries / 2], float_sum / n,
        float_ms[w.queries / 10] / code_ms[w.queries / 10], float_ms[w.queries / 2] / code_ms[w.queries / 2],
        float_sum / code_sum, wrong);
    return wrong != 0;
}
