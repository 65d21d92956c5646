/* SPDX-License-Identifier: MIT */
#ifndef SG_CPU_H
#define SG_CPU_H

#include <stdint.h>

/* A bit is set when the CPU has the feature and the operating system saves the registers it needs. */
enum {
    SG_CPU_AVX2 = 1 << 0,
    SG_CPU_FMA = 1 << 1,
    SG_CPU_F16C = 1 << 2,
    SG_CPU_AVX512F = 1 << 3,
    SG_CPU_AVX512BW = 1 << 4,
    SG_CPU_AVX512VL = 1 << 5,
    SG_CPU_AVX512DQ = 1 << 6,
    SG_CPU_AVX512VNNI = 1 << 7,
    SG_CPU_AVX512VPOPCNTDQ = 1 << 8
};

/* The features of the CPU this runs on; 0 on other architectures. Costs a few CPUID instructions. */
uint32_t sg_cpu_detect(void);

#endif
