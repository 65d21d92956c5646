/* SPDX-License-Identifier: MIT
 *
 * Conversions of halves, bit for bit: all 65,536 of them widened; and narrowed floats against an oracle that
 * knows nothing but the list of half values and the rule "nearest, ties to even".
 */
#include "check.h"
#include "data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_INFINITE = 0x7c00, BATCH = 1024 };

static uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The magnitude of a finite half, from the definition; FIRST_INFINITE gives 2^16, the step after the largest.
 */
static double half_magnitude(uint32_t half) {
    const uint32_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
    return exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, (int)exponent - 25);
}

static sg_f16 nearest_half(float value) {
    const uint32_t bits = float_bits(value);
    const sg_f16 sign = (sg_f16)(bits >> 16 & 0x8000);
    if (isnan(value))
        return (sg_f16)(sign | 0x7e00 | (bits >> 13 & 0x3ff));
    const double magnitude = fabs((double)value);
    if (magnitude >= half_magnitude(FIRST_INFINITE))
        return (sg_f16)(sign | FIRST_INFINITE);
    uint32_t below = 0, above = FIRST_INFINITE; /* the halves around magnitude: below <= magnitude < above */
    while (above - below > 1) {
        const uint32_t middle = (below + above) / 2;
        if (half_magnitude(middle) <= magnitude)
            below = middle;
        else
            above = middle;
    }
    const double to_below = magnitude - half_magnitude(below), to_above = half_magnitude(above) - magnitude;
    const int up = to_above < to_below || (to_above == to_below && (below & 1));
    return (sg_f16)(sign | (up ? above : below));
}

static void check_widening(const sg_candidate *candidate) {
    static sg_f16 halves[65536];
    static float floats[65536];
    const check_subject subject = {candidate, "f16", "f16_to_f32", "all"};
    for (uint32_t h = 0; h < 65536; h++)
        halves[h] = (sg_f16)h;
    candidate->kernels.f16_to_f32(halves, floats, 65536);
    for (uint32_t h = 0; h < 65536; h++) {
        const uint32_t magnitude = h & 0x7fff, sign = (h & 0x8000) << 16;
        uint32_t expected;
        if (magnitude > FIRST_INFINITE)
            expected = sign | 0x7fc00000 | magnitude << 13;
        else if (magnitude == FIRST_INFINITE)
            expected = sign | 0x7f800000;
        else
            expected = sign | float_bits((float)half_magnitude(magnitude));
        CHECK(float_bits(floats[h]) == expected, subject, "%04x: %08x instead of %08x", h,
              float_bits(floats[h]), expected);
    }
}

static void check_narrowing(const sg_candidate *candidate, const float *floats, size_t count,
                            const char *what) {
    static sg_f16 halves[BATCH];
    const check_subject subject = {candidate, "f32", "f32_to_f16", what};
    candidate->kernels.f32_to_f16(floats, halves, count);
    for (size_t i = 0; i < count; i++) {
        const sg_f16 expected = nearest_half(floats[i]);
        CHECK(halves[i] == expected, subject, "%08x: %04x instead of %04x", float_bits(floats[i]), halves[i],
              expected);
    }
}

/* Every half, the point half-way to the next one, and the floats beside both. */
static void check_ties(const sg_candidate *candidate) {
    float floats[12];
    for (uint32_t h = 0; h < FIRST_INFINITE; h++) {
        const float exact = (float)half_magnitude(h);
        const float tie = (float)((half_magnitude(h) + half_magnitude(h + 1)) / 2);
        const float around[] = {exact, nextafterf(exact, 0), nextafterf(exact, INFINITY),
                                tie,   nextafterf(tie, 0),   nextafterf(tie, INFINITY)};
        for (size_t i = 0; i < 6; i++) {
            floats[i] = around[i];
            floats[6 + i] = -around[i];
        }
        check_narrowing(candidate, floats, 12, "ties");
    }
}

/* All of float's range in steps that share no factor with its layout, NaN and infinities among them. */
static void check_all_magnitudes(const sg_candidate *candidate) {
    static float floats[BATCH];
    size_t count = 0;
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += 8191) {
        floats[count++] = float_from_bits((uint32_t)bits);
        if (count == BATCH || bits + 8191 >= UINT64_C(1) << 32) {
            check_narrowing(candidate, floats, count, "all magnitudes");
            count = 0;
        }
    }
    const float ends[] = {float_from_bits(0x7f800001),
                          float_from_bits(0xff800001),
                          NAN,
                          INFINITY,
                          -INFINITY,
                          65519.996f,
                          65520.0f,
                          -65520.0f};
    check_narrowing(candidate, ends, sizeof ends / sizeof ends[0], "ends");
}

/* Tails: every length, with a guard after both arrays. */
static void check_lengths(const sg_candidate *candidate) {
    rng generator = {0xf16};
    printf("half: seed 0x%llx\n", (unsigned long long)generator.state);
    const check_subject subject = {candidate, "f16", "conversions", "lengths"};
    for (size_t n = 0; n <= 67; n++) {
        const guarded float_memory = guarded_alloc(n * sizeof(float));
        const guarded half_memory = guarded_alloc(n * sizeof(sg_f16));
        float *floats = (float *)float_memory.start;
        sg_f16 *halves = (sg_f16 *)half_memory.start;
        fill(SG_F32, DATA_WIDE, floats, n, &generator);
        candidate->kernels.f32_to_f16(floats, halves, n);
        for (size_t i = 0; i < n; i++)
            CHECK(halves[i] == nearest_half(floats[i]), subject, "n=%zu: element %zu narrowed", n, i);
        candidate->kernels.f16_to_f32(halves, floats, n);
        for (size_t i = 0; i < n; i++)
            CHECK(fabs((double)floats[i]) == half_magnitude(halves[i] & 0x7fff), subject,
                  "n=%zu: element %zu widened", n, i);
        guarded_free(float_memory);
        guarded_free(half_memory);
    }
}

void test_half(const sg_candidate *candidate) {
    check_widening(candidate);
    check_ties(candidate);
    check_all_magnitudes(candidate);
    check_lengths(candidate);
}
