/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree: a configuration as it was written, with the place of every word. Statements and blocks are the same struct.
 *
 * Invariants behind a successful check: every node but the root has a row of grammar/directives.def (def) that is valid in its parent's
 * context; its words satisfy the row's signature; words[0] is the name (for entries of `map`, `types`: the first word of the entry).
 * An `include` statement stays in the list and is followed by the statements of the files it named, which carry their own file in `span`.
 * A main file that starts inside (`server {`, `location {`) has its statements below nodes with `synthetic` set.
 */
#ifndef COMPILER_TREE_H
#define COMPILER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "compiler/source.h"
#include "table/wsr_str.h"

struct compiler;
struct directive;

/** Whose language a text is written in. */
enum dialect { DIALECT_AUTO, DIALECT_NGINX, DIALECT_APACHE, DIALECT_IIS };

/** One word: its value after unquoting and unescaping as its server does (scan.c, scan_apache.c), and where it stands (quotes included). */
struct word {
	const char *text;           /* not NUL-terminated: a slice of the source, or of the arena when escapes changed it */
	uint32_t len : 30;
	uint32_t quote : 2;         /* enum word_quote */
	struct span span;
};
enum word_quote { WORD_PLAIN, WORD_SINGLE, WORD_DOUBLE };

struct node {
	const struct directive *def; /* NULL for the root and for what could not be identified (an error was reported) */
	struct word *words;
	struct node *parent, *first_child, *last_child, *next;
	struct span span;           /* first word to ';' or '}', both included; of a synthetic node: empty */
	uint32_t word_count : 24;   /* the name included */
	uint32_t block : 1;         /* has { } */
	uint32_t synthetic : 1;     /* made by the compiler, not written */
	uint32_t bad : 1;           /* an error was reported: skip */
	uint32_t included : 1;      /* came from a file that an `include` before it named */
	const char *filled;         /* Apache: the whole line after ${VAR} was filled in; NULL when there is none in it */
};

static inline struct wsr_str word_str(const struct word *w)
{
	return wsr_str(w->text, w->len);
}
/** Equal bytes, whatever the quotes. */
static inline bool word_is(const struct word *w, const char *text)
{
	return wsr_str_eq(word_str(w), wsr_cstr(text));
}
static inline const struct word *node_name(const struct node *n)
{
	return &n->words[0];
}
/** The same without regard to the case of ASCII letters. */
static inline bool word_is_nocase(const struct word *w, const char *text)
{
	return wsr_str_eq_nocase(word_str(w), wsr_cstr(text));
}
/** Number of words behind the name. */
static inline unsigned node_arg_count(const struct node *n)
{
	return n->word_count ? n->word_count - 1u : 0;
}
/** Argument i from 0; i must be below node_arg_count(). */
static inline const struct word *node_arg(const struct node *n, unsigned i)
{
	return &n->words[i + 1];
}
/** True when the statement's first word is `name`. */
static inline bool node_is(const struct node *n, const char *name)
{
	return n->word_count && word_is(&n->words[0], name);
}
#define NODE_EACH_CHILD(child, n) for (const struct node *child = (n)->first_child; child; child = child->next)

/** The words of a node without its block: "location /ws". */
struct span node_head_span(const struct node *n);

/** A node without words and place, appended to parent unless that is NULL. */
struct node *tree_node(struct compiler *cc, struct node *parent);
void tree_append(struct node *parent, struct node *child);
/** Parse one source of a dialect; its statements become children of `parent`. Syntax errors are reported. */
void tree_parse(struct compiler *cc, enum dialect dialect, uint32_t file, struct node *parent);
/** A statement from text ("proxy_read_timeout 60s;"), checked: for directive defaults. */
struct node *tree_from_text(struct compiler *cc, enum dialect dialect, const char *text, size_t len, const char *source_name);
/** A node made by the compiler: one word, no place in the source but that of `at`. Appended to parent unless that is NULL. */
struct node *tree_synthetic(struct compiler *cc, struct node *parent, const char *words, struct span at);
/** `wsrpc dump --stage=tree`. */
void tree_dump(struct compiler *cc, const struct node *n, FILE *out);

/*
 * Builders, called by the actions of grammar/nginx.y. tree_word() collects; a statement or an opened block takes what was collected.
 * `at` is the token or the part that the name speaks of.
 */
void tree_word(struct compiler *cc, const struct word *w);
void tree_statement(struct compiler *cc, struct span at);
void tree_open(struct compiler *cc, struct span at);
void tree_close(struct compiler *cc, struct span brace);
/* What nginx refuses; each reports and leaves a tree that goes on. */
void tree_open_nameless(struct compiler *cc, struct span brace);
void tree_missing_semicolon(struct compiler *cc, struct span words);
void tree_close_missing(struct compiler *cc, struct span end);
void tree_unfinished(struct compiler *cc, struct span words);
void tree_stray_close(struct compiler *cc, struct span brace);
void tree_stray_semicolon(struct compiler *cc, struct span semicolon);

/* The same for grammar/apache.y. `head` is "<Name words>", `tag` the closing "</Name>" and `name` its name. */
void tree_section(struct compiler *cc, struct span head);
void tree_section_unfinished(struct compiler *cc, struct span head);
void tree_section_close(struct compiler *cc, struct span tag, const struct word *name);
void tree_sections_end(struct compiler *cc, struct span text);

#endif
