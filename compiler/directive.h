/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directive table (grammar/directives.def) as data: look-up by name and context, and argument checks from the signatures.
 */
#ifndef COMPILER_DIRECTIVE_H
#define COMPILER_DIRECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler/source.h"
#include "compiler/tree.h"

struct compiler;
struct signature;

/* The first column of the rows. */
#define NGINX DIALECT_NGINX
#define APACHE DIALECT_APACHE
#define HTTPD DIALECT_NGINX     /* our own rows for httpd's phases: nginx's punctuation */

/* Contexts: where a statement may stand. CONTEXT(bit, symbol, printed name) */
#define CONTEXTS(X) \
	X(0,  MAIN,      "main") \
	X(1,  EVENTS,    "events") \
	X(2,  HTTP,      "http") \
	X(3,  SERVER,    "server") \
	X(4,  LOCATION,  "location") \
	X(5,  SERVER_IF, "if in server") \
	X(6,  LOCATION_IF, "if in location") \
	X(7,  LIMIT_EXCEPT, "limit_except") \
	X(8,  UPSTREAM,  "upstream") \
	X(9,  MAP,       "map") \
	X(10, TYPES,     "types") \
	X(11, FOREIGN,   "a block that is not compiled") \
	X(12, AP_MAIN,   "main server") \
	X(13, AP_VHOST,  "VirtualHost") \
	X(14, AP_DIRECTORY, "Directory") \
	X(15, AP_LOCATION, "Location") \
	X(16, AP_FILES,  "Files") \
	X(17, AP_IF,     "If") \
	X(18, AP_PROXY,  "Proxy") \
	X(19, AP_LIMIT,  "Limit") \
	X(20, AP_REQUIRE, "RequireAll") \
	X(21, HTTPD,     "httpd") \
	X(22, SECTION,   "section")
enum context {
#define X(bit, symbol, name) C_##symbol = 1 << bit,
	CONTEXTS(X)
#undef X
};
#define CONTEXT_COUNT 23
/* All of Apache's, all of nginx's. */
#define C_APACHE (C_AP_MAIN | C_AP_VHOST | C_AP_DIRECTORY | C_AP_LOCATION | C_AP_FILES | C_AP_IF | C_AP_PROXY | C_AP_LIMIT | C_AP_REQUIRE)
#define C_NGINX (~(uint32_t)C_APACHE)

/* Repeat and inherit policy; for blocks also the context they open. */
#define ONCE        0x1u        /* a second one in the same block is an error */
#define MANY        0x2u
#define INHERIT     0x4u        /* the value of the surrounding block holds where none is given */
#define INHERIT_ALL 0x8u        /* a list: one entry in a block drops all inherited ones */
#define QUIET       0x10u       /* the difference stands in the manual and is not said at each compile */
#define OBSOLETE    0x20u       /* a warning says what to write instead (the note) */
#define OPENS(context) ((uint64_t)(context) << 32)

enum verdict {
	EXACT,                      /* as in the server whose dialect it is */
	DIFFERS,                    /* compiled with the difference that the note names */
	INERT,                      /* accepted without effect; the note says why that changes no answer, or what it changes */
	REFUSED,                    /* an error; the note is the way out */
	THIRD_PARTY,                /* REFUSED, and the sentence names the module it belongs to */
	OURS,                       /* not a directive of that server */
};

struct directive {
	enum dialect dialect;
	const char *name;           /* "*": any other first word (map, types); "gzip_*": any name that starts so */
	uint32_t contexts;          /* C_* */
	const char *signature;      /* what users read and what the checker runs, see directive.c */
	const char *default_text;   /* arguments, NULL = none */
	uint64_t policy;            /* ONCE ... OPENS() */
	enum verdict verdict;
	const char *sentence;
	const char *note;           /* NULL, or how it differs, why it has no effect, what to do instead */
	unsigned ordinal;           /* row number: index for tables of other views */
};

/** Number of rows and row i, in file order. */
unsigned directive_count(void);
const struct directive *directive_row(unsigned i);

/** Make the look-up tables in cc. */
void directive_init(struct compiler *cc);
/** First row of the text's dialect with this name (Apache: in any case) in a context of the set; NULL when there is none. */
const struct directive *directive_find(const struct compiler *cc, const char *name, size_t len, uint32_t contexts);
/** The context that a statement with this row opens; 0 when it has no block. */
static inline uint32_t directive_opens(const struct directive *d)
{
	return (uint32_t)(d->policy >> 32);
}
/** The context in which the children of this node stand (main, main server for the root). */
uint32_t directive_context_inside(const struct compiler *cc, const struct node *parent);
/** Every context of the text's dialect but those where any word may stand. */
uint32_t directive_contexts(const struct compiler *cc);
/** "http, server, location" in the arena. */
const char *directive_contexts_text(struct compiler *cc, uint32_t contexts);

/**
 * Identify and check every statement below `parent`: name, context, arguments, repeats. Sets `def` and `bad`.
 * Everything wrong is reported; the caller asks diag_failed().
 */
void directive_check(struct compiler *cc, struct node *parent);
/** The default of a row as a checked statement (one node for its lifetime in cc); NULL when the row has none. */
const struct node *directive_default(struct compiler *cc, const struct directive *def);

/** `wsrpc --directives` and `wsrpc help NAME`. @return false when the name is unknown. */
void directive_list(FILE *out);
bool directive_help(const char *name, FILE *out);

#endif
