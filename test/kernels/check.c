/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Enough to see a pattern in the failing lengths, without pages of output. */
enum { LINES_PER_SUBJECT = 5 };

static size_t checks, failures, lines;
static check_subject last;

void check_that(int passed, check_subject subject, const char *format, ...) {
    checks++;
    if (passed)
        return;
    failures++;
    if (memcmp(&last, &subject, sizeof last) != 0)
        lines = 0;
    last = subject;
    if (lines++ >= LINES_PER_SUBJECT)
        return;
    const sg_candidate *candidate = subject.candidate;
    printf("FAIL %s (%s) %s %s %s: ", candidate ? candidate->kernels.name : "-",
           candidate ? candidate->extensions : "", subject.type, subject.op, subject.form);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

int check_summary(void) {
    printf("%zu checks, %zu failed\n", checks, failures);
    return failures == 0 && checks > 0 ? 0 : 1;
}
