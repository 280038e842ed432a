/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks on a tree whose directives are identified: a table of records (check, function), each one rule. What needs the plan (unknown
 * variables, shadowed locations) is reported by lowering, under names of the same table (compiler/checks.def).
 */
#ifndef COMPILER_CHECK_H
#define COMPILER_CHECK_H

#include <stdbool.h>

struct compiler;

/** Run all checks whose level is not off. */
void check_run(struct compiler *cc);
/**
 * Apply an argument of -W ("name", "no-name", "all") or, with error set, -E ("name", "all" = every warning).
 * @return false when there is no such check.
 */
bool check_option(struct compiler *cc, const char *arg, bool error);

#endif
