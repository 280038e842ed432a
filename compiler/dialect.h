/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose language a main file is written in: an option says so, else its content, else its name.
 */
#ifndef COMPILER_DIALECT_H
#define COMPILER_DIALECT_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/tree.h"

struct compiler;

/** @return never DIALECT_AUTO */
enum dialect dialect_of(struct compiler *cc, uint32_t file);
/** Can the text be read in cc->dialect? False, and reported, when it starts in another one. */
bool dialect_expected(struct compiler *cc, uint32_t file);
/** "nginx", "apache", "iis". @return DIALECT_AUTO for any other word */
enum dialect dialect_named(const char *name);

#endif
