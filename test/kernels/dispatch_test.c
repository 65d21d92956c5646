/* SPDX-License-Identifier: MIT
 *
 * Selection of an instruction set: by name, by what the CPU has, and what happens when that fails.
 */
#include "check.h"
#include "cpu.h"

#include <string.h>

static const check_subject subject = {NULL, "all", "dispatch", "-"};

static void check_table_is_complete(const sg_kernels *kernels) {
    for (int type = 0; type < SG_TYPE_COUNT; type++) {
        const int is_bits = type == SG_B1;
        for (int op = 0; op < SG_OP_COUNT; op++) {
            const int exists = is_bits == (op == SG_HAMMING || op == SG_JACCARD);
            const int is_tiled = exists && (op == SG_DOT || op == SG_L2SQ);
            CHECK((kernels->pair[type][op] != NULL) == exists, subject, "%s pair %d %d", kernels->name, type,
                  op);
            CHECK((kernels->many[type][op] != NULL) == exists, subject, "%s many %d %d", kernels->name, type,
                  op);
            CHECK((kernels->tile[type][op] != NULL) == is_tiled, subject, "%s tile %d %d", kernels->name,
                  type, op);
        }
        CHECK((kernels->norm[type] != NULL) == !is_bits, subject, "%s norm %d", kernels->name, type);
    }
    CHECK(kernels->topk_push && kernels->f16_to_f32 && kernels->f32_to_f16, subject, "%s", kernels->name);
}

/* By name: what runs here becomes active, what does not is refused and changes nothing. */
static void check_forced(sg_isa isa) {
    static const char *const names[SG_ISA_COUNT] = {"scalar", "avx2", "avx512"};
    const sg_kernels *kernels = sg_for_isa(isa);
    CHECK(sg_init("scalar") == SG_OK, subject, "scalar runs everywhere");
    const sg_status status = sg_init(names[isa]);
    if (kernels == NULL) {
        CHECK(status == SG_ERR_UNSUPPORTED_ISA, subject, "%s: status %d", names[isa], status);
        CHECK(sg_active()->isa == SG_ISA_SCALAR, subject, "%s: a refused name changed the selection",
              names[isa]);
    } else {
        CHECK(status == SG_OK, subject, "%s: status %d", names[isa], status);
        CHECK(sg_active() == kernels && kernels->isa == isa, subject, "%s: another one is active",
              names[isa]);
        CHECK(strcmp(kernels->name, names[isa]) == 0, subject, "%s: called %s", names[isa], kernels->name);
    }
}

static void check_best_is_default(void) {
    const sg_kernels *best = NULL;
    for (int isa = SG_ISA_COUNT - 1; isa >= 0 && best == NULL; isa--)
        best = sg_for_isa((sg_isa)isa);
    CHECK(sg_init(NULL) == SG_OK && sg_active() == best, subject, "NULL selects %s", sg_active()->name);
    CHECK(sg_init("scalar") == SG_OK && sg_init("") == SG_OK && sg_active() == best, subject,
          "\"\" selects %s", sg_active()->name);
}

void test_dispatch(void) {
    CHECK(sg_active()->isa == SG_ISA_SCALAR, subject, "%s is active before sg_init", sg_active()->name);
    CHECK(sg_candidates[sg_candidate_count - 1].needs == 0, subject, "the last row has to run everywhere");
    for (size_t i = 0; i < sg_candidate_count; i++)
        check_table_is_complete(&sg_candidates[i].kernels);
    for (int isa = 0; isa < SG_ISA_COUNT; isa++)
        check_forced((sg_isa)isa);
    check_best_is_default();

    static const char *const unknown[] = {"avx", "AVX2", "scalar ", "sse", "avx5122"};
    const sg_kernels *before = sg_active();
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        CHECK(sg_init(unknown[i]) == SG_ERR_UNKNOWN_ISA && sg_active() == before, subject, "\"%s\"",
              unknown[i]);

    CHECK(strcmp(sg_isa_names(), "scalar, avx2, avx512") == 0, subject, "names: %s", sg_isa_names());
    const int has_avx2 = (sg_cpu_detect() & SG_CPU_AVX2) != 0;
    CHECK((strstr(sg_cpu_features(), "avx2") != NULL) == has_avx2, subject, "features: %s",
          sg_cpu_features());
    CHECK(strcmp(sg_type_name(SG_F16), "f16") == 0 && strcmp(sg_op_name(SG_JACCARD), "jaccard") == 0, subject,
          "names of types and ops");
}
