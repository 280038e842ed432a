/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Apache's rule of words (ap_getword_conf) on texts that do not stand in a source as they are, for instance after ${VAR} was filled in.
 */
#ifndef COMPILER_SCAN_APACHE_H
#define COMPILER_SCAN_APACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "compiler/tree.h"

struct compiler;

/**
 * Take the next word off a text without joined lines. Its span is SPAN_NONE.
 * @return false when only blanks are left
 */
bool apache_next_word(struct compiler *cc, struct wsr_str *text, struct word *out);

/** The same by mod_rewrite's rule: backslashes stay, and one in front of a blank makes it part of the word, which is a slice of the text. */
bool apache_next_rewrite_word(struct wsr_str *text, struct word *out);

/** The text without backslashes that join lines; in the arena, NUL-terminated. */
const char *apache_joined(struct compiler *cc, const char *text, size_t len);

#endif
