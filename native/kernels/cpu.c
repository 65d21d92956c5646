/* SPDX-License-Identifier: MIT
 *
 * Run-time detection, in the order of Intel's manual (volume 1, 14.3 and 15.2): a CPU that has AVX is of no
 * use until the operating system has switched on the saving of the wide registers, which XGETBV reports; and
 * XGETBV itself is an illegal instruction until CPUID says OSXSAVE.
 */
#include "cpu.h"
#include "simdgres.h"

#include <stddef.h>
#include <string.h>

static const struct {
    uint32_t bit;
    const char *name;
} feature_names[] = {
    {SG_CPU_AVX2, "avx2"},
    {SG_CPU_FMA, "fma"},
    {SG_CPU_F16C, "f16c"},
    {SG_CPU_AVXVNNI, "avxvnni"},
    {SG_CPU_AVX512F, "avx512f"},
    {SG_CPU_AVX512BW, "avx512bw"},
    {SG_CPU_AVX512VL, "avx512vl"},
    {SG_CPU_AVX512DQ, "avx512dq"},
    {SG_CPU_AVX512VNNI, "avx512vnni"},
    {SG_CPU_AVX512VPOPCNTDQ, "avx512vpopcntdq"},
};

#ifdef SG_X86_64
#include <cpuid.h>

/* XCR0: bits 1 and 2 are XMM and YMM; 5, 6 and 7 the mask registers and both parts of ZMM. */
enum { XCR0_YMM = 0x06, XCR0_ZMM = 0xe6 };

static uint32_t read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

uint32_t sg_cpu_detect(void) {
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_AVX))
        return 0;
    const uint32_t xcr0 = read_xcr0();
    if ((xcr0 & XCR0_YMM) != XCR0_YMM)
        return 0;

    uint32_t found = 0;
    found |= ecx & bit_FMA ? SG_CPU_FMA : 0;
    found |= ecx & bit_F16C ? SG_CPU_F16C : 0;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return found;
    found |= ebx & bit_AVX2 ? SG_CPU_AVX2 : 0;
    uint32_t more, unused_ebx, unused_ecx, unused_edx;
    if (eax >= 1 && __get_cpuid_count(7, 1, &more, &unused_ebx, &unused_ecx, &unused_edx))
        found |= more & 1 << 4 ? SG_CPU_AVXVNNI : 0;
    if ((xcr0 & XCR0_ZMM) != XCR0_ZMM)
        return found;
    found |= ebx & bit_AVX512F ? SG_CPU_AVX512F : 0;
    found |= ebx & bit_AVX512BW ? SG_CPU_AVX512BW : 0;
    found |= ebx & bit_AVX512VL ? SG_CPU_AVX512VL : 0;
    found |= ebx & bit_AVX512DQ ? SG_CPU_AVX512DQ : 0;
    found |= ecx & bit_AVX512VNNI ? SG_CPU_AVX512VNNI : 0;
    found |= ecx & bit_AVX512VPOPCNTDQ ? SG_CPU_AVX512VPOPCNTDQ : 0;
    return found;
}

int sg_cpu_needs_prefetch(void) {
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || ebx != signature_AMD_ebx || ecx != signature_AMD_ecx ||
        edx != signature_AMD_edx || !__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return 0;
    const uint32_t base_family = eax >> 8 & 0xf, family = base_family + (eax >> 20 & 0xff);
    const uint32_t model = (eax >> 12 & 0xf0) | (eax >> 4 & 0xf);
    /* Zen 5, as Linux tells it from Zen 6 of the same family (arch/x86/kernel/cpu/amd.c). */
    return base_family == 0xf && family == 0x1a &&
           (model <= 0x2f || (model >= 0x40 && model <= 0x4f) || (model >= 0x60 && model <= 0x7f));
}
#else
uint32_t sg_cpu_detect(void) {
    return 0;
}

int sg_cpu_needs_prefetch(void) {
    return 0;
}
#endif

const char *sg_cpu_features(void) {
    /* Every call writes the same bytes, so that calling it twice is harmless. */
    static char list[112];
    const uint32_t found = sg_cpu_detect();
    char *end = list;
    for (size_t i = 0; i < sizeof feature_names / sizeof feature_names[0]; i++) {
        if (!(found & feature_names[i].bit))
            continue;
        const size_t length = strlen(feature_names[i].name);
        if (end != list)
            *end++ = ' ';
        memcpy(end, feature_names[i].name, length);
        end += length;
    }
    *end = '\0';
    return list;
}
