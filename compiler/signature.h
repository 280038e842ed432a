/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Argument signatures: the text in a row of grammar/directives.def ("<duration>", "on|off", "<path> [always]") as a program that
 * checks the words of a statement. The syntax of signatures is described at the top of directives.def.
 */
#ifndef COMPILER_SIGNATURE_H
#define COMPILER_SIGNATURE_H

#include <stdbool.h>

#include "compiler/diag.h"
#include "compiler/tree.h"

struct compiler;
struct signature;

/** Read a signature; in the arena. A text that is no signature is a mistake of ours: abort(), which the unit tests of all rows rule out. */
const struct signature *signature_new(struct compiler *cc, const char *text);

/** True when statements with this signature have a block. */
bool signature_has_block(const struct signature *sig);

/** Check `count` argument words without reporting. */
bool signature_matches(struct compiler *cc, const struct signature *sig, const struct word *args, unsigned count);

/**
 * Check the arguments of a statement; the first word that fits nowhere is reported together with what would fit.
 * @param text      the signature, for the message
 * @param reported  set to the message, to which notes can be added; NULL when none was kept
 * @return true when all is well
 */
bool signature_check(struct compiler *cc, const struct signature *sig, const char *text, const struct node *n, struct diag **reported);

#endif
