/* SPDX-License-Identifier: MIT
 *
 * Private: the table of scans, best first; the last needs nothing.
 */
#ifndef SG_CODES_CANDIDATES_H
#define SG_CODES_CANDIDATES_H

#include "cpu.h"
#include "scan.h"

typedef struct {
    sg_isa isa; /* at least this one is active */
    uint32_t needs;
    const sg_codes_kernels *kernels;
} sg_codes_candidate;

extern const sg_codes_candidate sg_codes_candidates[];
extern const size_t sg_codes_candidate_count;

#endif
