/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What httpd does with a text of Apache's language while it reads it: Define, ${NAME}, Include, and sections that depend on what the server has.
 */
#ifndef COMPILER_APACHE_READ_H
#define COMPILER_APACHE_READ_H

#include "table/wsr_str.h"

struct compiler;
struct node;

/** The version of httpd that is followed; what <IfVersion> compares with. */
#define APACHE_VERSION "2.4.71"

/** Carry it out below `root`, in the order of the text. Afterwards the tree holds what is in force, all ${NAME} filled in. */
void apache_read(struct compiler *cc, struct node *root);

/** A path relative to ServerRoot made absolute; without ServerRoot it stays relative. In the arena or the argument's own text. */
struct wsr_str apache_path(struct compiler *cc, struct wsr_str path);

/**
 * The line of a statement from its word i on, as httpd hands it to directives that read their arguments themselves: with its quotes, joined lines
 * taken together, ${NAME} filled in.
 * @return empty when there is no such word
 */
struct wsr_str apache_rest(struct compiler *cc, const struct node *n, unsigned word);

/** First words of the LoadModule lines that were met so far, in their order. @param count  their number */
const struct wsr_str *apache_loaded(const struct compiler *cc, size_t *count);

/** Does the word interpolate stand in the line? Then ${NAME} is filled in for each request (ProxyPassInterpolateEnv). */
bool apache_is_interpolated(const struct node *n);

#endif
