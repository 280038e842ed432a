/* SPDX-License-Identifier: BSD-2-Clause */
/* Two texts as a unified diff, which patch(1) takes. */
#ifndef COMPILER_TEXTDIFF_H
#define COMPILER_TEXTDIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** Print what makes b out of a; nothing when they are equal. @return false without memory */
bool textdiff_print(const char *name, const char *a, size_t a_len, const char *b, size_t b_len, FILE *out);

#endif
