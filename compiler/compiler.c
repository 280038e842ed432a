/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front half of a compile: text -> tree -> checked tree. In: a path or a text. Out: cc->root, complete when no error was reported.
 */
#include "compiler/compiler.h"

#include <errno.h>
#include <string.h>

#include "compiler/apache_read.h"
#include "compiler/iis.h"
#include "compiler/dialect.h"
#include "compiler/include.h"

#define ARENA_CEILING ((size_t)8 << 30)

void compiler_init(struct compiler *cc, const struct compiler_options *options)
{
	memset(cc, 0, sizeof(*cc));
	arena_init(&cc->arena, ARENA_CEILING);
	cc->options = *options;
	cc->folder = "";
	cc->dialect = DIALECT_NGINX;
	diag_init(cc);
	if (cc->options.strict)
		cc->diags.level[CHECK_INCLUDE_BUILTIN] = cc->diags.level[CHECK_INCLUDE_EMPTY] = DIAG_ERROR;
}

void compiler_free(struct compiler *cc)
{
	arena_free(&cc->arena);
}

bool compiler_run(struct compiler *cc, void (*fn)(struct compiler *cc, void *arg), void *arg)
{
	jmp_buf here, *outer = cc->arena.out_of_memory;

	cc->arena.out_of_memory = &here;
	bool done = setjmp(here) == 0;
	if (done)
		fn(cc, arg);
	cc->arena.out_of_memory = outer;
	return done;
}

/* --- files that start inside ---------------------------------------------------------------------------------------- */

static const struct {
	uint32_t context;
	const char *block;          /* that opens it */
	const char *shown;
} levels[] = {
	{ C_MAIN, "", "" },
	{ C_HTTP, "http", "http" },
	{ C_SERVER, "server", "a server" },
	{ C_LOCATION, "location /", "a location" },
};
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

static uint32_t contexts_of(const struct compiler *cc, const struct node *n)
{
	uint32_t contexts = 0;

	if (n->word_count == 0 || n->bad)
		return 0;
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		const struct directive *def = directive_find(cc, n->words[0].text, n->words[0].len, levels[i].context);
		if (def && (directive_opens(def) != 0) == n->block)
			contexts |= levels[i].context;
	}
	return contexts;
}

/*
 * The level at which the statements of a file stand: main as soon as one can stand only there, otherwise the level where most of them
 * are allowed, the outermost of equals.
 */
static size_t infer_level(const struct compiler *cc, const struct node *root)
{
	unsigned fitting[LEVEL_COUNT] = { 0 };
	size_t best = 0;

	NODE_EACH_CHILD(n, root) {
		uint32_t contexts = contexts_of(cc, n);
		if (contexts == C_MAIN)
			return 0;
		for (size_t i = 1; i < LEVEL_COUNT; i++)
			fitting[i] += (contexts & levels[i].context) != 0;
	}
	for (size_t i = 1; i < LEVEL_COUNT; i++)
		if (fitting[i] > fitting[best])
			best = i;
	return best;
}

/* Move the statements of `root` below blocks that nobody wrote. */
static void wrap(struct compiler *cc, struct node *root, size_t level)
{
	struct node *first = root->first_child, *last = root->last_child, *inner = root;
	struct span at = { first->span.file, first->span.start, first->span.start };

	root->first_child = root->last_child = NULL;
	for (size_t i = 1; i <= level; i++) {
		inner = tree_synthetic(cc, inner, levels[i].block, at);
		inner->block = true;
	}
	inner->first_child = first;
	inner->last_child = last;
	for (struct node *n = first; n; n = n->next)
		n->parent = inner;
}

static void infer_context(struct compiler *cc, struct node *root)
{
	size_t level = infer_level(cc, root);

	if (level == 0)
		return;
	cc->fragment = true;
	diag_at(cc, CHECK_CONTEXT_INFERRED, node_head_span(root->first_child), "the file starts inside %s block: it is compiled as if it were the content of one",
	        level == 1 ? "the http" : levels[level].shown);
	wrap(cc, root, level);
}

/* --- stages --------------------------------------------------------------------------------------------------------- */

static void front(struct compiler *cc, uint32_t file)
{
	if (!cc->directives)
		directive_init(cc);
	struct node *root = tree_node(cc, NULL);

	root->block = true;
	cc->dialect = dialect_of(cc, file);
	if (!dialect_expected(cc, file)) {
		cc->root = root;
		return;
	}
	cc->root = root;
	if (cc->dialect == DIALECT_IIS) {
		iis_read(cc, file, root);
		cc->torn = diag_failed(cc);
		return;
	}
	tree_parse(cc, cc->dialect, file, root);
	if (cc->dialect == DIALECT_APACHE) {
		apache_read(cc, root);
	} else {
		infer_context(cc, root);
		include_resolve(cc, root);
	}
	cc->torn = diag_failed(cc);
	directive_check(cc, root);
	check_run(cc);
}

static const char *folder_of(struct compiler *cc, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_copy(&cc->arena, path, (size_t)(slash + 1 - path)) : "";
}

bool compiler_front(struct compiler *cc, const char *path)
{
	bool standard_input = strcmp(path, "-") == 0;
	const char *name = standard_input ? (cc->options.stdin_filename ? cc->options.stdin_filename : "standard input") : path;

	cc->folder = standard_input && !cc->options.stdin_filename ? "" : folder_of(cc, name);
	uint32_t file = source_read(cc, path, name, SPAN_NONE);
	if (file == SOURCE_NONE) {
		diag_at(cc, CHECK_UNREADABLE, SPAN_NONE, "'%s': %s", path, strerror(errno));
		return false;
	}
	front(cc, file);
	return !diag_failed(cc);
}

bool compiler_front_text(struct compiler *cc, const char *name, const char *text, size_t len)
{
	cc->folder = folder_of(cc, name);
	front(cc, source_builtin(cc, name, text, len, SPAN_NONE));
	return !diag_failed(cc);
}
