/* SPDX-License-Identifier: MIT */
#include "sg_search.h"

#include "codes.h"

#include <string.h>

/* Blocks of one step of the scan; their bounds stay in the nearest cache until they have been looked at. */
#define STEP_BLOCKS 64

/* Rows beyond k that are measured for the first limit, and again after level 2. More tighten it by less than they cost. */
#define SPARE_ROWS 14

#define GROUP 8

/* A row that has not been dismissed. */
typedef struct {
    float bound;
    uint32_t id;
} candidate;

typedef struct {
    const sg_coded_rows *rows;
    const sg_codes_kernels *kernels;
    const float *vector;
    sg_codes_query query;
    sg_nearest nearest;
    int is_within; /* only distances up to the radius count */
    double radius;
    float limit;
    candidate *promising; /* a max-heap, then what was measured: `most` of them */
    size_t promising_count, most;
    float *bounds; /* of all rows, blocks filled up */
    uint32_t *ids;
    float *kept;
    candidate *heap;
    sg_search_stats stats;
} search;

static size_t promising_rows(size_t k) {
    return k + k / 4 + SPARE_ROWS;
}

static size_t padded_rows(const sg_coded_rows *rows) {
    return sg_round_to(rows->count, SG_BLOCK_ROWS);
}

/* Keeps the `most` smallest estimates. */
static void keep_promising(search *s, float estimate, uint32_t id) {
    candidate *heap = s->promising;
    size_t slot;
    if (s->promising_count < s->most) {
        slot = s->promising_count++;
        for (; slot > 0 && heap[(slot - 1) / 2].bound < estimate; slot = (slot - 1) / 2)
            heap[slot] = heap[(slot - 1) / 2];
    } else {
        if (!(estimate < heap[0].bound))
            return;
        slot = 0;
        for (size_t child; (child = 2 * slot + 1) < s->most; slot = child) {
            if (child + 1 < s->most && heap[child + 1].bound > heap[child].bound)
                child++;
            if (!(heap[child].bound > estimate))
                break;
            heap[slot] = heap[child];
        }
    }
    heap[slot] = (candidate){estimate, id};
}

static float promising_limit(const search *s) {
    return s->promising_count < s->most ? INFINITY : s->promising[0].bound;
}

/* Takes rows that do not pass out of a block that has been scanned. */
static void drop_refused(float *bounds, uint32_t *mask, uint32_t passing) {
    *mask &= passing;
    for (uint32_t refused = ~passing; refused != 0; refused &= refused - 1)
        bounds[__builtin_ctz(refused)] = INFINITY;
}

/* Bounds of count blocks, STEP_BLOCKS at most; keeps the rows among them that look nearest. */
static void scan_run(search *s, size_t first, size_t count) {
    const size_t block_bytes = sg_codes_block_bytes(&s->rows->model->header);
    uint32_t masks[STEP_BLOCKS];
    float estimates[STEP_BLOCKS * SG_BLOCK_ROWS];
    s->kernels->scan_near(&s->query, (const uint8_t *)s->rows->blocks + first * block_bytes, count,
                          promising_limit(s), s->bounds + first * SG_BLOCK_ROWS, estimates, masks);
    for (size_t b = 0; b < count; b++) {
        const size_t row = (first + b) * SG_BLOCK_ROWS;
        if (row + SG_BLOCK_ROWS > s->rows->count)
            masks[b] &= ((uint32_t)1 << (s->rows->count - row)) - 1;
        if (s->rows->passing != NULL)
            drop_refused(s->bounds + row, &masks[b], s->rows->passing[first + b]);
        for (uint32_t mask = masks[b]; mask != 0; mask &= mask - 1) {
            const uint32_t r = (uint32_t)__builtin_ctz(mask);
            keep_promising(s, estimates[b * SG_BLOCK_ROWS + r], (uint32_t)(row + r));
        }
    }
}

/* Of count blocks those in which a row passes. */
static void scan_step(search *s, size_t first, size_t count) {
    const uint32_t *passing = s->rows->passing;
    if (passing == NULL) {
        scan_run(s, first, count);
        return;
    }
    for (size_t end = first + count, next; first < end; first = next) {
        const int is_empty = passing[first] == 0;
        for (next = first + 1; next < end && (passing[next] == 0) == is_empty;)
            next++;
        if (!is_empty)
            scan_run(s, first, next - first);
        for (size_t r = first * SG_BLOCK_ROWS; is_empty && r < next * SG_BLOCK_ROWS; r++)
            s->bounds[r] = INFINITY;
    }
}

/* Without a limit even infinite bounds are collected. */
static size_t keep_passing(search *s, size_t count) {
    const uint32_t *passing = s->rows->passing;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t id = s->ids[i];
        s->ids[kept] = id;
        s->kept[kept] = s->kept[i];
        kept += passing[id / SG_BLOCK_ROWS] >> id % SG_BLOCK_ROWS & 1;
    }
    return kept;
}

/* Whole rows, since they lie anywhere and a miss costs more than the sum over a row. */
static void ask_for_rows(const search *s, const candidate *candidates, size_t count) {
    const size_t bytes = s->rows->model->header.dims * sizeof(float);
    for (size_t i = 0; i < count; i++) {
        const char *row = (const char *)s->rows->rows + candidates[i].id * bytes;
        for (size_t at = 0; at < bytes; at += 64)
            __builtin_prefetch(row + at);
    }
}

static size_t group_of(size_t count) {
    return count < GROUP ? count : GROUP;
}

/* No row with a greater distance counts. */
static double worst_distance(const search *s) {
    const double worst = sg_nearest_worst(&s->nearest);
    return s->is_within && !(worst < s->radius) ? s->radius : worst;
}

/* Measures rows in double, eight at a time. */
static void measure(search *s, const candidate *candidates, size_t count) {
    const size_t dims = s->rows->model->header.dims;
    ask_for_rows(s, candidates, group_of(count));
    for (size_t first = 0; first < count; first += GROUP) {
        const size_t part = group_of(count - first);
        const float *rows[GROUP];
        double distances[GROUP];
        if (first + GROUP < count)
            ask_for_rows(s, candidates + first + GROUP, group_of(count - first - GROUP));
        for (size_t i = 0; i < part; i++)
            rows[i] = s->rows->rows + candidates[first + i].id * dims;
        sg_exact_distances((sg_metric)s->rows->model->header.metric, s->vector, rows, part, dims, distances);
        for (size_t i = 0; i < part; i++) {
            const uint32_t row = candidates[first + i].id;
            if (!s->is_within || distances[i] <= s->radius) /* not NaN */
                sg_nearest_offer(&s->nearest, distances[i], s->rows->ids != NULL ? s->rows->ids[row] : row);
        }
    }
    s->stats.exact += count;
    s->limit = sg_codes_limit(&s->query, worst_distance(s), SG_MEASURE_DOUBLE);
}

static int is_measured(const search *s, uint32_t id) {
    for (size_t i = 0; i < s->promising_count; i++) {
        if (s->promising[i].id == id)
            return 1;
    }
    return 0;
}

/* Drops what is above the limit. */
static size_t filter(search *s, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        s->ids[kept] = s->ids[i];
        s->kept[kept] = s->kept[i];
        kept += !(s->kept[i] > s->limit);
    }
    return kept;
}

static void sift(candidate *heap, size_t count, size_t slot) {
    const candidate moved = heap[slot];
    for (size_t child; (child = 2 * slot + 1) < count; slot = child) {
        if (child + 1 < count && heap[child + 1].bound < heap[child].bound)
            child++;
        if (!(heap[child].bound < moved.bound))
            break;
        heap[slot] = heap[child];
    }
    heap[slot] = moved;
}

static void make_heap(search *s, size_t count) {
    for (size_t i = 0; i < count; i++)
        /* NaN says nothing: such rows come first. */
        s->heap[i] = (candidate){s->kept[i] == s->kept[i] ? s->kept[i] : -INFINITY, s->ids[i]};
    for (size_t i = count / 2; i-- > 0;)
        sift(s->heap, count, i);
}

static candidate pop(candidate *heap, size_t *count) {
    const candidate first = heap[0];
    heap[0] = heap[--*count];
    if (*count > 0)
        sift(heap, *count, 0);
    return first;
}

/* Measures candidates by ascending bound, until the rest is above the limit, or somebody says stop. */
static void measure_nearest(search *s, size_t count, const sg_stop *stop) {
    make_heap(s, count);
    while (count > 0 && !(s->heap[0].bound > s->limit) && !sg_is_stopped(stop)) {
        candidate group[GROUP];
        size_t part = 0;
        while (part < GROUP && count > 0 && !(s->heap[0].bound > s->limit)) {
            const candidate next = pop(s->heap, &count);
            if (!is_measured(s, next.id))
                group[part++] = next;
        }
        if (part > 0)
            measure(s, group, part);
    }
}

static void *take(uint8_t **from, size_t bytes) {
    void *part = *from;
    *from += sg_round_to(bytes, 64);
    return part;
}

static size_t query_bytes(const sg_coded_rows *rows, size_t k) {
    return sg_round_to(sizeof(search), 64) + sg_round_to(sg_codes_query_bytes(&rows->model->header), 64) +
           sg_round_to(promising_rows(k) * sizeof(candidate), 64) +
           sg_round_to(padded_rows(rows) * sizeof(float), 64);
}

static size_t shared_bytes(const sg_coded_rows *rows) {
    return 2 * sg_round_to(padded_rows(rows) * sizeof(float), 64) +
           sg_round_to(padded_rows(rows) * sizeof(candidate), 64);
}

size_t sg_search_bytes(const sg_coded_rows *rows, size_t k, size_t queries) {
    return queries * query_bytes(rows, k) + shared_bytes(rows);
}

/* Levels 2 and 3; returns how many of the rows they leave. */
static size_t refine(search *s, size_t left) {
    const sg_codes_header *header = &s->rows->model->header;
    if (header->lines2 > 0) {
        s->kernels->refine2(&s->query, s->rows->level2, s->ids, left, s->kept);
        s->stats.level2 += left;
        left = filter(s, left);
    }
    if (header->has_level3) {
        s->kernels->refine3(&s->query, s->rows->level3, s->ids, left, s->kept);
        s->stats.level3 += left;
        left = filter(s, left);
    }
    return left;
}

/* What level 1 leaves, level by level, and the rest of it in double. */
static void finish(search *s) {
    measure(s, s->promising, s->promising_count);
    size_t left = s->kernels->collect(s->bounds, s->rows->count, s->limit, s->ids, s->kept);
    if (s->rows->passing != NULL)
        left = keep_passing(s, left);
    measure_nearest(s, refine(s, left), NULL);
    sg_nearest_sort(&s->nearest);
}

/* Rows that pass, and the blocks in which one does. */
static size_t count_passing(const sg_coded_rows *rows, size_t *blocks_read) {
    const size_t blocks = padded_rows(rows) / SG_BLOCK_ROWS;
    *blocks_read = blocks;
    if (rows->passing == NULL)
        return rows->count;
    size_t passing = *blocks_read = 0;
    for (size_t b = 0; b < blocks; b++) {
        passing += (size_t)__builtin_popcount(rows->passing[b]);
        *blocks_read += rows->passing[b] != 0;
    }
    return passing;
}

static void add_stats(const search *s, size_t passing, sg_search_stats *stats) {
    if (stats == NULL)
        return;
    stats->level1 += passing;
    stats->level2 += s->stats.level2;
    stats->level3 += s->stats.level3;
    stats->exact += s->stats.exact;
}

size_t sg_search(const sg_coded_rows *rows, const sg_codes_kernels *kernels, const float *queries,
                 size_t count, size_t k, sg_neighbour *out, sg_search_stats *stats, void *scratch) {
    const sg_codes_header *header = &rows->model->header;
    const size_t blocks = padded_rows(rows) / SG_BLOCK_ROWS;
    uint8_t *memory = scratch;
    uint32_t *ids = take(&memory, padded_rows(rows) * sizeof(uint32_t));
    float *kept = take(&memory, padded_rows(rows) * sizeof(float));
    candidate *heap = take(&memory, padded_rows(rows) * sizeof(candidate));
    uint8_t *const of_queries = memory;
    const size_t bytes = query_bytes(rows, k);
    for (size_t q = 0; q < count; q++) {
        memory = of_queries + q * bytes;
        search *s = take(&memory, sizeof(search));
        memset(s, 0, sizeof *s);
        s->rows = rows, s->kernels = kernels, s->vector = queries + q * header->dims;
        s->limit = INFINITY, s->most = promising_rows(k);
        s->ids = ids, s->kept = kept, s->heap = heap;
        void *query_memory = take(&memory, sg_codes_query_bytes(header));
        s->promising = take(&memory, s->most * sizeof(candidate));
        s->bounds = take(&memory, padded_rows(rows) * sizeof(float));
        sg_nearest_init(&s->nearest, out + q * k, k);
        sg_codes_prepare(rows->model, s->vector, &s->query, query_memory);
    }
    /* Blocks that one query has brought into the cache serve all the others. */
    for (size_t first = 0; first < blocks; first += STEP_BLOCKS) {
        for (size_t q = 0; q < count; q++)
            scan_step((search *)(void *)(of_queries + q * bytes), first,
                      blocks - first < STEP_BLOCKS ? blocks - first : STEP_BLOCKS);
    }
    size_t blocks_read;
    const size_t passing = count_passing(rows, &blocks_read);
    if (stats != NULL)
        stats->blocks += blocks_read;
    for (size_t q = 0; q < count; q++) {
        search *s = (search *)(void *)(of_queries + q * bytes);
        finish(s);
        add_stats(s, passing, stats);
    }
    return passing < k ? passing : k;
}

/* Rows of one run of blocks that level 1 does not rule out, behind those that were found before. */
static size_t collect_run(search *s, size_t first, size_t count, size_t found) {
    const size_t block_bytes = sg_codes_block_bytes(&s->rows->model->header);
    uint32_t masks[STEP_BLOCKS];
    float bounds[STEP_BLOCKS * SG_BLOCK_ROWS];
    s->kernels->scan(&s->query, (const uint8_t *)s->rows->blocks + first * block_bytes, count, s->limit,
                     bounds, masks);
    for (size_t b = 0; b < count; b++) {
        const size_t row = (first + b) * SG_BLOCK_ROWS;
        uint32_t mask = masks[b];
        if (row + SG_BLOCK_ROWS > s->rows->count)
            mask &= ((uint32_t)1 << (s->rows->count - row)) - 1;
        if (s->rows->passing != NULL)
            mask &= s->rows->passing[first + b];
        for (; mask != 0; mask &= mask - 1, found++) {
            const uint32_t r = (uint32_t)__builtin_ctz(mask);
            s->ids[found] = (uint32_t)(row + r);
            s->kept[found] = bounds[b * SG_BLOCK_ROWS + r];
        }
    }
    return found;
}

static size_t collect_within(search *s, const sg_stop *stop) {
    const size_t blocks = padded_rows(s->rows) / SG_BLOCK_ROWS;
    const uint32_t *passing = s->rows->passing;
    size_t found = 0;
    for (size_t first = 0, next; first < blocks && !sg_is_stopped(stop); first = next) {
        const size_t end = blocks - first < STEP_BLOCKS ? blocks : first + STEP_BLOCKS;
        for (next = first; next < end && (passing == NULL || passing[next] != 0);)
            next++;
        if (next > first)
            found = collect_run(s, first, next - first, found);
        else /* no row of this block passes */
            next++;
    }
    return found;
}

size_t sg_within_bytes(const sg_coded_rows *rows) {
    return sg_round_to(sizeof(search), 64) + sg_round_to(sg_codes_query_bytes(&rows->model->header), 64) +
           shared_bytes(rows);
}

size_t sg_within_begin(const sg_coded_rows *rows, const sg_codes_kernels *kernels, const float *query,
                       double radius, const sg_stop *stop, sg_search_stats *stats, void *scratch) {
    uint8_t *memory = scratch;
    search *s = take(&memory, sizeof(search));
    memset(s, 0, sizeof *s);
    void *query_memory = take(&memory, sg_codes_query_bytes(&rows->model->header));
    s->ids = take(&memory, padded_rows(rows) * sizeof(uint32_t));
    s->kept = take(&memory, padded_rows(rows) * sizeof(float));
    s->heap = take(&memory, padded_rows(rows) * sizeof(candidate));
    s->rows = rows, s->kernels = kernels, s->vector = query;
    s->is_within = 1, s->radius = radius;
    sg_codes_prepare(rows->model, query, &s->query, query_memory);
    s->limit = sg_codes_limit(&s->query, radius, SG_MEASURE_DOUBLE);
    const size_t left = refine(s, collect_within(s, stop));
    if (stats != NULL) {
        size_t blocks_read;
        add_stats(s, count_passing(rows, &blocks_read), stats);
        stats->blocks += blocks_read;
    }
    return left;
}

/* All of them: what one row says rules no other out, so they are read from the first to the last. */
static void measure_in_order(search *s, size_t count, const sg_stop *stop) {
    for (size_t first = 0; first < count && !sg_is_stopped(stop);) {
        candidate run[8 * GROUP];
        size_t part = 0;
        for (; part < 8 * GROUP && first < count; part++, first++)
            run[part] = (candidate){s->kept[first], s->ids[first]};
        measure(s, run, part);
    }
}

size_t sg_within_measure(size_t left, size_t k, const sg_stop *stop, sg_neighbour *out,
                         sg_search_stats *stats, void *scratch) {
    search *s = scratch;
    if (left == 0)
        return 0;
    sg_nearest_init(&s->nearest, out, k);
    if (left > k)
        measure_nearest(s, left, stop);
    else
        measure_in_order(s, left, stop);
    if (stats != NULL)
        stats->exact += s->stats.exact;
    return s->nearest.count;
}
