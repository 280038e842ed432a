/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cures of messages: edits of the text that are safe to apply unseen, because the message's fault is gone afterwards and nothing else changes. A message that
 * would need a decision has none. All functions accept a message that is NULL (its check is off).
 */
#ifndef COMPILER_FIX_H
#define COMPILER_FIX_H

#include "compiler/compiler.h"

/** Put a text in the place of these bytes. */
void fix_edit(struct compiler *cc, struct diag *d, struct span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** Insert in front of a word's end, inside its quotes. */
void fix_word_end(struct compiler *cc, struct diag *d, const struct word *w, const char *text);
/** Take the statement's lines out. False, and nothing, when something else stands on them. */
bool fix_remove_lines(struct compiler *cc, struct diag *d, const struct node *n);
/** Move the statement's lines in front of those of a statement before it in the same file. False as above. */
bool fix_move_before(struct compiler *cc, struct diag *d, const struct node *n, const struct node *before);
/** A line of its own behind the statement's (or the block's first) line, indented as `like`. */
void fix_line_behind(struct compiler *cc, struct diag *d, const struct node *n, const struct node *like, const char *text);
/** Print the cure of a message: the lines as they would be. */
void fix_print(struct compiler *cc, const struct diag *d, FILE *out);

#endif
