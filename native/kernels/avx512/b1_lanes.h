/* SPDX-License-Identifier: MIT
 *
 * Private: the words that simd/b1_distances.h is written in, for 64 bytes in a 512-bit register. The
 * including file may define USE_VPOPCNTDQ, when it is compiled for AVX512_VPOPCNTDQ.
 */
#ifndef SG_B1_LANES_H
#define SG_B1_LANES_H

#include "../kernels.h"

#include <immintrin.h>

#define LANES 64

typedef __m512i vec;

SG_ALWAYS_INLINE vec vec_zero(void) {
    return _mm512_setzero_si512();
}
SG_ALWAYS_INLINE vec vec_and(vec a, vec b) {
    return _mm512_and_si512(a, b);
}
SG_ALWAYS_INLINE vec vec_or(vec a, vec b) {
    return _mm512_or_si512(a, b);
}
SG_ALWAYS_INLINE vec vec_xor(vec a, vec b) {
    return _mm512_xor_si512(a, b);
}
SG_ALWAYS_INLINE vec vec_add_u64(vec a, vec b) {
    return _mm512_add_epi64(a, b);
}
SG_ALWAYS_INLINE uint64_t vec_sum_u64(vec a) {
    return (uint64_t)_mm512_reduce_add_epi64(a);
}

SG_ALWAYS_INLINE vec load_b1(const unsigned char *p) {
    return _mm512_loadu_si512(p);
}
/* count < LANES; masked lanes are neither read nor able to fault, and come out as zero. */
SG_ALWAYS_INLINE vec load_tail_b1(const unsigned char *p, size_t count) {
    return _mm512_maskz_loadu_epi8(((__mmask64)1 << count) - 1, p);
}

/* Adds the number of one bits of a to 64-bit lanes; without VPOPCNTDQ by a table of half bytes in a register.
 */
SG_ALWAYS_INLINE vec add_bits(vec sum, vec a) {
#ifdef USE_VPOPCNTDQ
    return _mm512_add_epi64(sum, _mm512_popcnt_epi64(a));
#else
    const vec table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const vec half = _mm512_set1_epi8(0x0f);
    const vec low = _mm512_shuffle_epi8(table, _mm512_and_si512(a, half));
    const vec high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(a, 4), half));
    return _mm512_add_epi64(sum, _mm512_sad_epu8(_mm512_add_epi8(low, high), vec_zero()));
#endif
}

#endif
