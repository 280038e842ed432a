/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `include`: which files a line names, read in place behind it. include_resolve() is nginx's; Apache's rules stand in apache_read.c.
 */
#ifndef COMPILER_INCLUDE_H
#define COMPILER_INCLUDE_H

#include <stdbool.h>

#include "compiler/tree.h"

struct compiler;

#define INCLUDE_MAX_DEPTH 32u

/**
 * Read the files of every include statement below `parent`, and those in them. Their statements follow the include statement, marked
 * `included`.
 */
void include_resolve(struct compiler *cc, struct node *parent);

/** One include statement while it is carried out. */
struct including {
	struct compiler *cc;
	struct node *statement;     /* words[1] names the files */
	struct node *last;          /* included statements are inserted behind this one */
	const char *path;           /* as written */
	enum dialect dialect;
};

/** Read a file in place. */
void include_read(struct including *in, const char *path);
/** The files that a pattern matches, in byte order, ending with NULL. Valid until the end of the compile. */
const char *const *include_matches(struct including *in, const char *pattern);
bool include_exists(const char *path);

#endif
