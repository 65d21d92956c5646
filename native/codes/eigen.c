/* SPDX-License-Identifier: MIT */
#include "eigen.h"

#include "codes.h"

/* Steps of subspace iteration. Eight leave 2 % fewer survivors of level 2 (wordnet, MNIST), and none fewer of level 1. */
#define ITERATIONS 4
#define JACOBI_SWEEPS 6

static double random_signed(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)(int64_t)(z ^ z >> 31) * 0x1p-63;
}

static double dot(const double *a, const double *b, size_t n) {
    double s[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (int lane = 0; lane < 4; lane++)
            s[lane] += a[i + lane] * b[i + lane];
    }
    for (; i < n; i++)
        s[0] += a[i] * b[i];
    return s[0] + s[1] + s[2] + s[3];
}

static void subtract(double *from, const double *row, double factor, size_t n) {
    for (size_t i = 0; i < n; i++)
        from[i] -= factor * row[i];
}

void sg_orthonormalise(double *rows, size_t count, size_t size, const sg_stop *stop) {
    uint64_t state = 20240607;
    for (size_t r = 0; r < count && !sg_is_stopped(stop); r++) {
        double *row = rows + r * size;
        for (int attempt = 0;; attempt++) {
            const double before = sqrt(dot(row, row, size));
            /* Twice is enough (Parlett, The Symmetric Eigenvalue Problem, section 6.9). */
            for (int pass = 0; pass < 2; pass++) {
                for (size_t earlier = 0; earlier < r; earlier++)
                    subtract(row, rows + earlier * size, dot(row, rows + earlier * size, size), size);
            }
            const double length = sqrt(dot(row, row, size));
            if (length > before * 1e-6 && length > 0) {
                for (size_t i = 0; i < size; i++)
                    row[i] /= length;
                break;
            }
            for (size_t i = 0; i < size; i++)
                row[i] = attempt < 8 ? random_signed(&state) : (i == (r + (size_t)attempt) % size);
        }
    }
}

static void swap_rows(double *a, double *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

static void rotate(double *a, double *b, double c, double s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double x = a[i], y = b[i];
        a[i] = c * x - s * y;
        b[i] = s * x + c * y;
    }
}

/* Cyclic Jacobi: a (n x n) becomes diagonal, the rows of u its eigenvectors. */
static void diagonalise(double *a, double *u, size_t n, const sg_stop *stop) {
    for (size_t i = 0; i < n * n; i++)
        u[i] = i / n == i % n;
    double trace = 0;
    for (size_t i = 0; i < n; i++)
        trace += fabs(a[i * n + i]);
    const double negligible = trace / (double)n * 1e-7;
    for (int sweep = 0; sweep < JACOBI_SWEEPS; sweep++) {
        for (size_t p = 0; p + 1 < n && !sg_is_stopped(stop); p++) {
            for (size_t q = p + 1; q < n; q++) {
                const double off = a[p * n + q];
                if (!(fabs(off) > negligible))
                    continue;
                const double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
                const double t = (theta >= 0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
                const double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
                rotate(a + p * n, a + q * n, c, s, n);
                for (size_t i = 0; i < n; i++) {
                    const double x = a[i * n + p], y = a[i * n + q];
                    a[i * n + p] = c * x - s * y;
                    a[i * n + q] = s * x + c * y;
                }
                rotate(u + p * n, u + q * n, c, s, n);
            }
        }
    }
}

/* out = rows * matrix, in floats; count x size. */
static void multiply(const float *matrix, size_t size, const float *rows, size_t count, float *out) {
    const size_t bytes = size * sizeof(float);
    sg_active()->tile[SG_F32][SG_DOT](rows, count, bytes, matrix, size, bytes, size, out, size);
}

size_t sg_principal_bytes(size_t count, size_t size) {
    return 2 * sg_round_to(count * size * sizeof(float), 64) + 3 * count * count * sizeof(double) + 64;
}

void sg_principal(const float *matrix, size_t size, size_t count, double *directions, double *values,
                  void *scratch, const sg_stop *stop) {
    double *small = scratch, *turns = small + count * count, *spare = turns + count * count;
    float *rows = (float *)(void *)(spare + count * count), *images = rows + count * size;
    uint64_t state = 1;
    for (size_t i = 0; i < count * size; i++)
        directions[i] = random_signed(&state);
    sg_orthonormalise(directions, count, size, stop);
    for (int step = 0; step <= ITERATIONS && !sg_is_stopped(stop); step++) {
        for (size_t i = 0; i < count * size; i++)
            rows[i] = (float)directions[i];
        multiply(matrix, size, rows, count, images);
        if (step == ITERATIONS)
            break;
        for (size_t i = 0; i < count * size; i++)
            directions[i] = images[i];
        /* Between two products only the last needs it, as long as floats hold the ratio of the leading values. */
        if (step % 2 == 1 || step == 0)
            sg_orthonormalise(directions, count, size, stop);
    }
    for (size_t i = 0; i < count; i++) {
        if (sg_is_stopped(stop))
            return;
        for (size_t j = i; j < count; j++) {
            double sum = 0;
            for (size_t k = 0; k < size; k++)
                sum += directions[i * size + k] * (double)images[j * size + k];
            small[i * count + j] = small[j * count + i] = sum;
        }
    }
    diagonalise(small, turns, count, stop);
    for (size_t i = 0; i < count; i++)
        values[i] = small[i * count + i];
    for (size_t i = 0; i < count; i++) {
        size_t best = i;
        for (size_t j = i + 1; j < count; j++)
            best = values[j] > values[best] ? j : best;
        if (best == i)
            continue;
        const double kept = values[i];
        values[i] = values[best];
        values[best] = kept;
        swap_rows(turns + i * count, turns + best * count, count);
    }
    /* directions = turns * directions, through the floats, which are of no use any more. */
    for (size_t i = 0; i < count * size; i++)
        rows[i] = (float)directions[i];
    for (size_t i = 0; i < count && !sg_is_stopped(stop); i++) {
        double *to = directions + i * size;
        for (size_t k = 0; k < size; k++)
            to[k] = 0;
        for (size_t j = 0; j < count; j++) {
            const double factor = turns[i * count + j];
            for (size_t k = 0; k < size; k++)
                to[k] += factor * (double)rows[j * size + k];
        }
    }
    sg_orthonormalise(directions, count, size, stop);
}
