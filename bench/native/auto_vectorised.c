/* SPDX-License-Identifier: MIT
 *
 * Baseline: the loops that anybody would write first, left to the compiler (see CMakeLists.txt for the
 * flags). The macro LEVEL is v3 or v4. Sums are in float, as in pgvector, or int32 for i8.
 */
#include "auto_vectorised.h"

#include <math.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

static inline double to_cosine_distance(double xy, double xx, double yy) {
    const double distance = 1.0 - xy / sqrt(xx * yy);
    return distance < 0.0 ? 0.0 : distance > 2.0 ? 2.0 : distance;
}

/* One type: ELEMENT is stored, VALUE computed in. The comparison with 0 in l1 compiles to an absolute value.
 */
#define DEFINE_TYPE(type, ELEMENT, VALUE)                                                                    \
    static inline double dot_##type(const void *a, const void *b, size_t n) {                                \
        const ELEMENT *x = a, *y = b;                                                                        \
        VALUE sum = 0;                                                                                       \
        for (size_t i = 0; i < n; i++)                                                                       \
            sum += (VALUE)x[i] * (VALUE)y[i];                                                                \
        return (double)sum;                                                                                  \
    }                                                                                                        \
    static inline double l2sq_##type(const void *a, const void *b, size_t n) {                               \
        const ELEMENT *x = a, *y = b;                                                                        \
        VALUE sum = 0;                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                     \
            const VALUE difference = (VALUE)x[i] - (VALUE)y[i];                                              \
            sum += difference * difference;                                                                  \
        }                                                                                                    \
        return (double)sum;                                                                                  \
    }                                                                                                        \
    static inline double l1_##type(const void *a, const void *b, size_t n) {                                 \
        const ELEMENT *x = a, *y = b;                                                                        \
        VALUE sum = 0;                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                     \
            const VALUE difference = (VALUE)x[i] - (VALUE)y[i];                                              \
            sum += difference < 0 ? -difference : difference;                                                \
        }                                                                                                    \
        return (double)sum;                                                                                  \
    }                                                                                                        \
    static inline double cos_##type(const void *a, const void *b, size_t n) {                                \
        const ELEMENT *x = a, *y = b;                                                                        \
        VALUE xy = 0, xx = 0, yy = 0;                                                                        \
        for (size_t i = 0; i < n; i++) {                                                                     \
            xy += (VALUE)x[i] * (VALUE)y[i];                                                                 \
            xx += (VALUE)x[i] * (VALUE)x[i];                                                                 \
            yy += (VALUE)y[i] * (VALUE)y[i];                                                                 \
        }                                                                                                    \
        return to_cosine_distance((double)xy, (double)xx, (double)yy);                                       \
    }

/* _Float16 is in GCC 12 and Clang 15; F16C and AVX512 convert it. */
DEFINE_TYPE(f32, float, float)
DEFINE_TYPE(f16, _Float16, float)
DEFINE_TYPE(i8, int8_t, int32_t)

static inline double hamming_b1(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    size_t differing = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t left, right;
        memcpy(&left, x + i, 8);
        memcpy(&right, y + i, 8);
        differing += (size_t)__builtin_popcountll(left ^ right);
    }
    for (; i < n; i++)
        differing += (size_t)__builtin_popcount((unsigned)(x[i] ^ y[i]));
    return (double)differing;
}

static inline double jaccard_b1(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    size_t common = 0, either = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t left, right;
        memcpy(&left, x + i, 8);
        memcpy(&right, y + i, 8);
        common += (size_t)__builtin_popcountll(left & right);
        either += (size_t)__builtin_popcountll(left | right);
    }
    for (; i < n; i++) {
        common += (size_t)__builtin_popcount((unsigned)(x[i] & y[i]));
        either += (size_t)__builtin_popcount((unsigned)(x[i] | y[i]));
    }
    return common == 0 ? 1.0 : 1.0 - (double)common / (double)either;
}

#define DEFINE_MANY(pair)                                                                                    \
    static void many_##pair(const void *query, const void *rows, size_t count, size_t stride_bytes,          \
                            size_t n, float *out) {                                                          \
        const char *row = rows;                                                                              \
        for (size_t i = 0; i < count; i++, row += stride_bytes)                                              \
            out[i] = (float)pair(query, row, n);                                                             \
    }
#define DEFINE_NUMERIC_MANY(type)                                                                            \
    DEFINE_MANY(dot_##type)                                                                                  \
    DEFINE_MANY(l2sq_##type)                                                                                 \
    DEFINE_MANY(l1_##type)                                                                                   \
    DEFINE_MANY(cos_##type)

DEFINE_NUMERIC_MANY(f32)
DEFINE_NUMERIC_MANY(f16)
DEFINE_NUMERIC_MANY(i8)
DEFINE_MANY(hamming_b1)
DEFINE_MANY(jaccard_b1)

#define NUMERIC_ENTRIES(form, type)                                                                          \
    {                                                                                                        \
        [SG_DOT] = form##dot_##type, [SG_L2SQ] = form##l2sq_##type, [SG_L1] = form##l1_##type,               \
        [SG_COS] = form##cos_##type                                                                          \
    }
#define ENTRIES(form)                                                                                        \
    {                                                                                                        \
        [SG_F32] = NUMERIC_ENTRIES(form, f32), [SG_F16] = NUMERIC_ENTRIES(form, f16),                        \
        [SG_I8] = NUMERIC_ENTRIES(form, i8),                                                                 \
        [SG_B1] = {[SG_HAMMING] = form##hamming_b1, [SG_JACCARD] = form##jaccard_b1},                        \
    }
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* The empty argument leaves the pair's own name. */
const sg_kernels JOIN(sg_auto_, LEVEL) = {
    .name = "auto-" TEXT(LEVEL),
    .pair = ENTRIES(),
    .many = ENTRIES(many_),
};
