/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of words that a signature names in pointed brackets: <int 1..65535>, <duration>, <variable>. Each is a function from a word's
 * value to a complaint.
 */
#ifndef COMPILER_KIND_H
#define COMPILER_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler/diag.h"
#include "table/wsr_str.h"

struct compiler;

/** Why a value is not of a kind. */
struct complaint {
	enum check_id check;
	const char *text;           /* in the arena */
	const char *allowed;        /* note: what is allowed; NULL = nothing to add */
	size_t from, to;            /* the bytes of the value that are wrong */
};

struct kind {
	const char *name;           /* as in signatures */
	bool (*ok)(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why);
	const char *what;           /* "a number", for messages */
};

/** @return the kind or NULL. `name` is the text in the brackets; "int 1..5" gives low and high. */
const struct kind *kind_find(const char *name, size_t len, uint64_t *low, uint64_t *high);

#endif
