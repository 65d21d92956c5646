/* SPDX-License-Identifier: MIT
 *
 * Tests every row of the dispatch table that this machine runs, or those of SIMDGRES_ISA alone. Prints a line
 * per failure and a summary; with --describe, only what was chosen; with --short, without the long vectors, which
 * meet no instruction that shorter ones do not, for a processor that is emulated. Exit status: 0 all right, 1 a check
 * failed, 2 SIMDGRES_ISA is unknown, 3 unsupported.
 */
#include "check.h"
#include "cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argument_count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was tested is visible even if a kernel crashes */
    const char *forced = getenv("SIMDGRES_ISA");
    const char *option = argument_count > 1 ? arguments[1] : "";
    const int is_short = strcmp(option, "--short") == 0;
    test_dispatch();
    switch (sg_init(forced)) {
    case SG_OK:
        break;
    case SG_ERR_UNKNOWN_ISA:
        fprintf(stderr, "SIMDGRES_ISA=%s is unknown; expected one of %s\n", forced, sg_isa_names());
        return 2;
    case SG_ERR_UNSUPPORTED_ISA:
        fprintf(stderr, "SIMDGRES_ISA=%s is not supported by this machine (it has: %s)\n", forced,
                sg_cpu_features());
        return 3;
    }
    printf("isa=%s fetches_ahead=%d features=%s\n", sg_active()->name, sg_fetches_ahead, sg_cpu_features());
    if (strcmp(option, "--describe") == 0)
        return check_summary();

    const uint32_t features = sg_cpu_detect();
    for (size_t i = 0; i < sg_candidate_count; i++) {
        const sg_candidate *candidate = &sg_candidates[i];
        const int is_wanted =
            forced == NULL || forced[0] == '\0' || strcmp(forced, candidate->kernels.name) == 0;
        if (!is_wanted || (candidate->needs & ~features) != 0)
            continue;
        printf("testing %s (%s)\n", candidate->kernels.name, candidate->extensions);
        test_distances(candidate, is_short);
        test_special_values(candidate);
        test_topk(candidate);
        test_half(candidate);
    }
    return check_summary();
}
