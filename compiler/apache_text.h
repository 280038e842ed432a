/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts with something to fill in, as Apache writes them, on their way to templates: a builder that joins neighbouring literals, and the readers of
 * mod_rewrite's and the other modules' spellings. A part of a word that is wrong is reported at its own characters.
 */
#ifndef COMPILER_APACHE_TEXT_H
#define COMPILER_APACHE_TEXT_H

#include "compiler/apache.h"
#include "eval/wsr_eval.h"

struct text {
	struct lower *l;
	const struct node *node;
	const struct word *word;
	struct pool parts;          /* struct wsr_part */
	struct pool bytes;          /* literal at the end, not yet a part */
};

void text_init(struct text *t, struct lower *l, const struct node *n, const struct word *w);
void text_bytes(struct text *t, const char *s, size_t len);
void text_part(struct text *t, struct wsr_part part);
/** A function of the template `argument`; map and fallback WSR_NONE where there is none. */
void text_call(struct text *t, enum wsr_function function, uint32_t argument, uint32_t map, uint32_t fallback);
/** The template; the builder is freed. */
uint32_t text_done(struct text *t);

/** Where `len` bytes at s stand, s lying in the text of word w or of a file; the whole word when escapes have moved it. */
struct span apache_text_span(struct lower *l, const struct word *w, const char *s, size_t len);

/** What a server variable is made of here. */
enum apache_variable {
	APACHE_VARIABLE_KNOWN,      /* *part holds it */
	APACHE_VARIABLE_UNKNOWN,    /* httpd does not know the name either: the empty string */
	APACHE_VARIABLE_REFUSED,    /* it cannot exist here: *why */
};
enum apache_variable apache_variable_part(struct lower *l, struct wsr_str name, struct wsr_part *part, const char **why);

/** What mod_rewrite makes of this text, behind what the builder has. */
void text_rewrite(struct text *t, struct wsr_str s);
/** Template of a substitution or test string of mod_rewrite: $1, %1, %{NAME}, ${map:key|default}, backslashes. After an error: the empty template. */
uint32_t apache_rewrite_text(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text);
/** Template of a text with $0 to $9 (ap_pregsub). @param kind WSR_PART_CAPTURE or WSR_PART_CONDITION_CAPTURE */
uint32_t apache_regsub_text(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text, enum wsr_part_kind kind);

/* --- RewriteMap (apache_map.c) ------------------------------------------------------------------------------------------- */

struct apache_map {
	wsr_sref name;
	uint32_t function;          /* enum wsr_function: of an int: map, or MAP, RANDOM; 0: the statement is wrong, and was reported */
	uint32_t map;               /* MAP and RANDOM */
};
/** The map of this name that the statement's server declares, before or behind the statement. NULL: there is none. */
const struct apache_map *apache_map_find(struct lower *l, const struct node *n, struct wsr_str name);

#endif
