/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One compile: everything the stages share. There is no global state; two compiles may run in one process.
 *
 *     text -> tree -> checked tree -> plan -> bytes -> verify -> rename into place
 */
#ifndef COMPILER_COMPILER_H
#define COMPILER_COMPILER_H

#include "compiler/arena.h"
#include "compiler/check.h"
#include "compiler/diag.h"
#include "compiler/directive.h"
#include "compiler/source.h"
#include "compiler/tree.h"

struct apache_state;
struct directive_index;
struct tree_builder;

struct compiler_options {
	bool strict;                /* what is usually forgiven is an error: missing mime.types, missing include globs */
	bool check_files;           /* look whether certificates, keys and roots can be read */
	const char *prefix;         /* folder that their paths are relative to, ending in "/"; NULL: the main file's */
	enum dialect dialect;       /* DIALECT_AUTO: by content, then by name */
	const char *const *defines; /* Apache: NAME or NAME=VALUE, as from `Define` before the first line */
	unsigned define_count;
	const char *const *listens; /* IIS: addresses; "ssl:" in front of one that speaks TLS */
	unsigned listen_count;
	const char *certificate, *certificate_key; /* IIS: files; NULL */
	bool assume_full_url;       /* IIS: patterns with a scheme are matched against the whole URL */
	const struct source_overlay *overlays; /* texts that stand for files on disk */
	size_t overlay_count;
	const char *stdin_filename; /* printed and used for includes when the main file is "-" */
};

struct compiler {
	struct arena arena;
	struct compiler_options options;
	const char *folder;         /* of the main file, "" or ending in "/" */
	struct source **sources;
	size_t source_count, source_cap;
	uint32_t source_by_path[SOURCE_SLOTS]; /* index + 1; chains through source.same_path */
	struct diags diags;
	struct directive_index *directives;
	struct tree_builder *builder; /* while a source is parsed */
	struct node *root;          /* context main; NULL before the main file is read */
	enum dialect dialect;       /* of the main file; nginx's until that is known */
	struct apache_state *apache; /* what Define, ServerRoot and LoadModule said; NULL in other dialects */
	bool torn;                  /* the tree misses something: an error of syntax or include */
	bool fragment;              /* the main file starts inside http, server or location */
};

void compiler_init(struct compiler *cc, const struct compiler_options *options);
void compiler_free(struct compiler *cc);

/**
 * Run fn(cc, arg) with out-of-memory caught.
 * @return false when memory ran out; cc then only serves for compiler_free().
 */
bool compiler_run(struct compiler *cc, void (*fn)(struct compiler *cc, void *arg), void *arg);

/**
 * text -> checked tree: read `path`, resolve includes, infer the context, identify and check everything.
 * @return true when no error was reported; cc->root is then complete
 */
bool compiler_front(struct compiler *cc, const char *path);
/** The same for a text in memory. */
bool compiler_front_text(struct compiler *cc, const char *name, const char *text, size_t len);

#endif
