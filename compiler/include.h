/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `include`: which files a line names, read in place behind it.
 */
#ifndef COMPILER_INCLUDE_H
#define COMPILER_INCLUDE_H

struct compiler;
struct node;

#define INCLUDE_MAX_DEPTH 32u

/**
 * Read the files of every include statement below `parent`, and those in them. Their statements follow the include statement, marked
 * `included`.
 */
void include_resolve(struct compiler *cc, struct node *parent);

#endif
