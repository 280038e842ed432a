/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the scanners' actions do: spans, words from slices, comments, and the mistakes that only the bytes show. Used by grammar/nginx.l and
 * grammar/apache.l.
 */
#ifndef COMPILER_SCAN_H
#define COMPILER_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler/source.h"
#include "compiler/tree.h"

struct compiler;

#define SCAN_MAX_DEPTH     128u /* nested blocks */
#define SCAN_NO_END UINT32_MAX
#define SCAN_MAX_INVISIBLE 24u  /* different invisible characters told apart in one file */

struct scan {
	struct compiler *cc;
	struct source *source;
	const char *base;           /* its text */
	uint32_t file;
	unsigned depth;             /* open blocks */
	struct span word;           /* a word in the making */
	struct invisible {
		uint32_t code_point;
		struct span *at;    /* in order */
		size_t count, cap;
	} invisible[SCAN_MAX_INVISIBLE];
	unsigned invisible_count;
	bool spoiled;               /* a mistake was reported inside the statement being read: what follows from it is not */
	bool refuse_invisible;      /* an invisible character is an error, not a blank */
	uint32_t section_end;       /* Apache: place of the '>' that ends the head of the section being read, or SCAN_NO_END */
	bool truncated;             /* a mistake swallowed the rest: what is missing at the end is not worth a message */
};

static inline void scan_span(const struct scan *s, struct span *at, const char *text, size_t len)
{
	at->file = s->file;
	at->start = (uint32_t)(text - s->base);
	at->end = at->start + (uint32_t)len;
}

void scan_comment(struct scan *s, const struct span *at);
void scan_invisible(struct scan *s, const struct span *at, const char *bytes);
void scan_word(struct scan *s, const struct span *at, enum word_quote quote, struct word *out);
void scan_word_start(struct scan *s, const struct span *at);
void scan_word_end(struct scan *s, struct span *at, struct word *out);
void scan_glued(struct scan *s, const struct span *at);
void scan_unterminated(struct scan *s, const struct span *at);
void scan_lone_backslash(struct scan *s, const struct span *at);
void scan_nul(struct scan *s, const struct span *at);
/** Count a block in or out. scan_open: false, and reported, when they are nested too deeply; scan_close: false when none is open. */
bool scan_open(struct scan *s, const struct span *at);
bool scan_close(struct scan *s);
/** The empty place at the end of the text. */
void scan_end(struct scan *s, struct span *at);
/** Report what was counted. */
void scan_finish(struct scan *s);

/* Of grammar/apache.l, in scan_apache.c. */
void scan_apache_word(struct scan *s, const struct span *at, struct word *out);
void scan_section_start(struct scan *s, const struct span *at);
void scan_open_tag(struct scan *s, const struct span *at, struct word *out);
void scan_close_tag(struct scan *s, const struct span *at, struct word *out);
void scan_behind_tag(struct scan *s, const struct span *at);

/**
 * Scan and parse one text, each defined by its grammar; `text` is followed by two NULs and is unchanged afterwards.
 * @return 0, or not when the parser gave up (reported).
 */
int scan_parse_nginx(struct scan *s, char *text, size_t len);
int scan_parse_apache(struct scan *s, char *text, size_t len);

#endif
