/* SPDX-License-Identifier: MIT */
#ifndef CHECK_H
#define CHECK_H

#include "kernels.h"

/* Counts a check; on failure prints the format's line, but at most a few per (kernels, type, op). */
#define CHECK(condition, subject, ...) check_that((condition) != 0, (subject), __VA_ARGS__)

/* What a check is about; prints as "avx512 (vnni) f32 dot many". */
typedef struct {
    const sg_candidate *candidate;
    const char *type, *op, *form;
} check_subject;

__attribute__((format(printf, 3, 4))) void check_that(int passed, check_subject subject, const char *format,
                                                      ...);

/* Prints the counts; returns the program's exit status. */
int check_summary(void);

/* The groups of tests, each over one row of the dispatch table. `is_short` leaves out the lengths above 784. */
void test_distances(const sg_candidate *candidate, int is_short);
void test_special_values(const sg_candidate *candidate);
void test_topk(const sg_candidate *candidate);
void test_half(const sg_candidate *candidate);
void test_dispatch(void);

#endif
