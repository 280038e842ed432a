/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shapes of Apache configuration: a statement is the words of a line, a section stands between "<Name words>" and "</Name>". No directive is
 * known here.
 *
 * The grammar is total and flat: which section a "</Name>" closes is a question of names, so the builder (compiler/tree.c) keeps the open
 * sections, and reports what does not fit with both places. Builders allocate from the arena; no action frees and none opens a file.
 */
%require "3.8"
%define api.pure full
%define api.prefix {apache_}
%define parse.error detailed
%locations
%expect 0
%parse-param { struct compiler *cc }
%param { void *scanner }

%code requires {
#include "compiler/tree.h"
#define APACHE_LTYPE struct span
#define APACHE_LTYPE_IS_DECLARED 1
struct compiler;
}

%code {
#include "compiler/compiler.h"

#define YYMALLOC(bytes) arena_alloc(&cc->arena, (bytes))
#define YYFREE(p) ((void)(p))
#define YYMAXDEPTH 4096
#define YYLLOC_DEFAULT(current, rhs, n) \
	((current) = (n) ? span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) : span_after(YYRHSLOC(rhs, 0)))

int apache_lex(APACHE_STYPE *value, APACHE_LTYPE *at, void *scanner);
static void apache_error(APACHE_LTYPE *at, struct compiler *cc, void *scanner, const char *message);
}

%union {
	struct word word;
}

%token <word> WORD "word"
%token <word> OPEN "<Name"
%token <word> CLOSE "</Name>"
%token EOL "end of line"
%token END 0 "end of file"

%%

file
	: lines                         { tree_sections_end(cc, @1); }
	;

lines
	: %empty
	| lines line
	;

line
	: words EOL                     { tree_statement(cc, @1); }
	| head '>' EOL                  { tree_section(cc, span_join(@1, @2)); }
	| head EOL                      { tree_section_unfinished(cc, @1); }
	| CLOSE rest EOL                { tree_section_close(cc, @1, &$1); }
	;

head
	: OPEN                          { tree_word(cc, &$1); }
	| head WORD                     { tree_word(cc, &$2); }
	;

rest
	: %empty
	| rest WORD
	;

words
	: WORD                          { tree_word(cc, &$1); }
	| words WORD                    { tree_word(cc, &$2); }
	;

%%

static void apache_error(APACHE_LTYPE *at, struct compiler *cc, void *scanner, const char *message)
{
	(void)scanner;
	diag_at(cc, CHECK_SYNTAX, *at, "%s", message);
}
