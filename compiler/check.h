/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that look at more than one directive's signature: words that no configuration means (placeholders, dots, typographic quotes) and
 * rules about single directives. A check is a record (id, function); its level and sentence stand in compiler/checks.def. What needs the
 * plan (unknown variables, shadowed locations) is reported by lowering, under names of the same list.
 */
#ifndef COMPILER_CHECK_H
#define COMPILER_CHECK_H

#include <stdbool.h>

struct compiler;
struct node;

/**
 * Documentation's dots in front of a statement are reported and removed; as an argument they are reported.
 * @return false when nothing is left to check
 */
bool check_elision(struct compiler *cc, struct node *n);
/** Placeholders and quotes in the words of an identified statement. @return false, with n->bad set, after an error. */
bool check_odd_words(struct compiler *cc, struct node *n);
/** The checks on identified statements, for the whole tree. */
void check_run(struct compiler *cc);
/**
 * Apply an argument of -W ("name", "no-name", "all") or, with error set, -E ("name", "all" = every warning).
 * @return false when there is no such check.
 */
bool check_option(struct compiler *cc, const char *arg, bool error);

#endif
