/* SPDX-License-Identifier: MIT
 *
 * Which kernels run: one table, best first, and the first row whose needs the CPU meets.
 */
#include "cpu.h"
#include "kernels.h"

#include <string.h>

#define NEEDS_AVX2 (SG_CPU_AVX2 | SG_CPU_FMA | SG_CPU_F16C)
#define NEEDS_AVX512 (NEEDS_AVX2 | SG_CPU_AVX512F | SG_CPU_AVX512BW | SG_CPU_AVX512VL | SG_CPU_AVX512DQ)

const sg_candidate sg_candidates[] = {
#ifdef SG_X86_64
    {"vnni vpopcntdq", NEEDS_AVX512 | SG_CPU_AVX512VNNI | SG_CPU_AVX512VPOPCNTDQ,
     SG_KERNELS(SG_ISA_AVX512, "avx512", avx512, avx512vnni, avx512vpopcntdq)},
    {"vnni", NEEDS_AVX512 | SG_CPU_AVX512VNNI, /* Cascade Lake, Cooper Lake */
     SG_KERNELS(SG_ISA_AVX512, "avx512", avx512, avx512vnni, avx512)},
    {"", NEEDS_AVX512, /* Skylake-X */
     SG_KERNELS(SG_ISA_AVX512, "avx512", avx512, avx512, avx512)},
    {"", NEEDS_AVX2, SG_KERNELS(SG_ISA_AVX2, "avx2", avx2, avx2, avx2)},
#endif
    {"", 0, SG_KERNELS(SG_ISA_SCALAR, "scalar", scalar, scalar, scalar)},
};
const size_t sg_candidate_count = sizeof sg_candidates / sizeof sg_candidates[0];

int sg_fetches_ahead = 0;

static const sg_kernels *active = &sg_candidates[sizeof sg_candidates / sizeof sg_candidates[0] - 1].kernels;

/* Known on every platform, so that the name of another platform's set is "unsupported", not "unknown". */
#define FOR_EACH_ISA(FIRST, NEXT) FIRST("scalar") NEXT("avx2") NEXT("avx512")
#define FIRST_ITEM(name) name,
#define NEXT_ITEM(name) name,
#define FIRST_WORD(name) name
#define NEXT_WORD(name) ", " name

static const char *const isa_names[SG_ISA_COUNT] = {FOR_EACH_ISA(FIRST_ITEM, NEXT_ITEM)};

/* The first row that passes; isa < 0 takes any. */
static const sg_kernels *choose(int isa) {
    const uint32_t found = sg_cpu_detect();
    for (size_t i = 0; i < sg_candidate_count; i++) {
        const sg_candidate *candidate = &sg_candidates[i];
        if ((candidate->needs & ~found) == 0 && (isa < 0 || candidate->kernels.isa == (sg_isa)isa))
            return &candidate->kernels;
    }
    return NULL;
}

sg_status sg_init(const char *forced) {
    int isa = -1;
    if (forced != NULL && forced[0] != '\0') {
        for (isa = 0; isa < SG_ISA_COUNT && strcmp(forced, isa_names[isa]) != 0;)
            isa++;
        if (isa == SG_ISA_COUNT)
            return SG_ERR_UNKNOWN_ISA;
    }
    const sg_kernels *chosen = choose(isa);
    if (chosen == NULL)
        return SG_ERR_UNSUPPORTED_ISA;
    active = chosen;
    sg_fetches_ahead = sg_cpu_needs_prefetch();
    return SG_OK;
}

const sg_kernels *sg_active(void) {
    return active;
}

const sg_kernels *sg_for_isa(sg_isa isa) {
    return choose((int)isa);
}

const char *sg_isa_names(void) {
    return FOR_EACH_ISA(FIRST_WORD, NEXT_WORD);
}

const char *sg_type_name(sg_type type) {
    static const char *const names[SG_TYPE_COUNT] = {"f32", "f16", "i8", "b1"};
    return names[type];
}

const char *sg_op_name(sg_op op) {
    static const char *const names[SG_OP_COUNT] = {"dot", "l2sq", "l1", "cos", "hamming", "jaccard"};
    return names[op];
}
