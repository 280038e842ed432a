/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shapes of nginx configuration: statements are words and ';', blocks are words and '{' ... '}'. No directive is known here.
 *
 * The grammar is total: every sequence of tokens derives, and what nginx refuses has a rule of its own whose builder reports it with the
 * places involved ("missing ';' after ...", "block opened here is not closed"). So nothing is skipped in search of a point to go on,
 * all independent mistakes of a file come out in one run, and yyerror is reached only when the parser's own stack is exhausted.
 * Builders (compiler/tree.c) allocate from the arena; no action frees and none opens a file.
 */
%require "3.8"
%define api.pure full
%define api.prefix {nginx_}
%define parse.error detailed
%locations
%expect 0
%parse-param { struct compiler *cc }
%param { void *scanner }

%code requires {
#include "compiler/tree.h"
#define NGINX_LTYPE struct span
#define NGINX_LTYPE_IS_DECLARED 1
struct compiler;
}

%code {
#include "compiler/compiler.h"

/* The parser's stack grows inside the arena; released with it. */
#define YYMALLOC(bytes) arena_alloc(&cc->arena, (bytes))
#define YYFREE(p) ((void)(p))
#define YYMAXDEPTH 4096
#define YYLLOC_DEFAULT(current, rhs, n) \
	((current) = (n) ? span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) : span_after(YYRHSLOC(rhs, 0)))

int nginx_lex(NGINX_STYPE *value, NGINX_LTYPE *at, void *scanner);
static void nginx_error(NGINX_LTYPE *at, struct compiler *cc, void *scanner, const char *message);
}

%union {
	struct word word;
}

%token <word> WORD "word"
%token EOF_CLOSE "end of file inside a block"   /* one for each block still open */
%token END 0 "end of file"

%%

file
	: top
	| top words                     { tree_unfinished(cc, @2); }
	;

top
	: %empty
	| top item
	| top '}'                       { tree_stray_close(cc, @2); }
	| top words '}'                 { tree_missing_semicolon(cc, @2); tree_stray_close(cc, @3); }
	;

items
	: %empty
	| items item
	;

item
	: words ';'                     { tree_statement(cc, @$); }
	| open items '}'                { tree_close(cc, @3); }
	| open items words '}'          { tree_missing_semicolon(cc, @3); tree_close(cc, @4); }
	| open items EOF_CLOSE          { tree_close_missing(cc, @3); }
	| open items words EOF_CLOSE    { tree_unfinished(cc, @3); tree_close_missing(cc, @4); }
	| ';'                           { tree_stray_semicolon(cc, @1); }
	;

open
	: words '{'                     { tree_open(cc, @$); }
	| '{'                           { tree_open_nameless(cc, @1); }
	;

words
	: WORD                          { tree_word(cc, &$1); }
	| words WORD                    { tree_word(cc, &$2); }
	;

%%

static void nginx_error(NGINX_LTYPE *at, struct compiler *cc, void *scanner, const char *message)
{
	(void)scanner;
	diag_at(cc, CHECK_SYNTAX, *at, "%s", message);
}
