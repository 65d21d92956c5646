/* SPDX-License-Identifier: MIT
 *
 * Which scans go with the kernels that sg_init chose. AVX-512 without VNNI (Skylake-X) runs those of AVX2.
 */
#include "candidates.h"

#define NEEDS_AVX2 (SG_CPU_AVX2 | SG_CPU_FMA | SG_CPU_F16C)

const sg_codes_candidate sg_codes_candidates[] = {
#ifdef SG_X86_64
    {SG_ISA_AVX512,
     NEEDS_AVX2 | SG_CPU_AVX512F | SG_CPU_AVX512BW | SG_CPU_AVX512VL | SG_CPU_AVX512DQ | SG_CPU_AVX512VNNI,
     &sg_codes_avx512vnni},
    {SG_ISA_AVX2, NEEDS_AVX2 | SG_CPU_AVXVNNI, &sg_codes_avx2vnni},
    {SG_ISA_AVX2, NEEDS_AVX2, &sg_codes_avx2},
#endif
    {SG_ISA_SCALAR, 0, &sg_codes_scalar},
};
const size_t sg_codes_candidate_count = sizeof sg_codes_candidates / sizeof sg_codes_candidates[0];

const sg_codes_kernels *sg_codes_active(void) {
    const uint32_t found = sg_cpu_detect();
    const sg_isa most = sg_active()->isa;
    for (size_t i = 0; i < sg_codes_candidate_count; i++) {
        const sg_codes_candidate *candidate = &sg_codes_candidates[i];
        if (candidate->isa <= most && (candidate->needs & ~found) == 0)
            return candidate->kernels;
    }
    return &sg_codes_scalar;
}
