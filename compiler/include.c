/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Including files as nginx does (ngx_conf_include): relative to the main file's folder whatever file the line stands in; a pattern
 * (* ? [) takes the files that match in byte order, also none; a plain name must exist. When the main file is a fragment - it starts with
 * `server {` or `location {`, as files of conf.d and sites-enabled do - one folder up is tried too, because that is where the real main
 * file lives. mime.types, which everybody includes and few ship, is taken from a built-in list when it is missing.
 */
#include "compiler/include.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/compiler.h"

static const char mime_types[] =
#define MIME(type, extensions) type " " extensions ";\n"
#include "grammar/mime.def"
	;

/* --- putting statements in place ------------------------------------------------------------------------------------ */

static void insert_behind(struct node *after, struct node *list, struct node *last)
{
	struct node *parent = after->parent;

	last->next = after->next;
	after->next = list;
	if (parent->last_child == after)
		parent->last_child = last;
	for (struct node *n = list;; n = n->next) {
		n->parent = parent;
		n->included = true;
		if (n == last)
			break;
	}
}

static void take_source(struct including *in, uint32_t file)
{
	struct node *top = tree_node(in->cc, NULL);

	tree_parse(in->cc, in->dialect, file, top);
	if (!top->first_child)
		return;
	insert_behind(in->last, top->first_child, top->last_child);
	in->last = top->last_child;
}

/* --- one file ------------------------------------------------------------------------------------------------------- */

/* The path as printed: below the main file's folder without that folder. */
static const char *printed_name(struct compiler *cc, const char *path)
{
	size_t len = strlen(cc->folder);

	return strncmp(path, cc->folder, len) == 0 ? path + len : path;
}

/* True, and reported, when the file is being read already or the chain is too long. */
static bool is_cycle(struct including *in, const char *path, struct span at)
{
	struct compiler *cc = in->cc;
	unsigned depth = 0;

	for (uint32_t file = at.file; file != SOURCE_NONE; file = source_at(cc, file)->included_from.file) {
		const struct source *s = source_at(cc, file);
		if ((s->path && strcmp(s->path, path) == 0) || ++depth > INCLUDE_MAX_DEPTH) {
			diag_at(cc, CHECK_INCLUDE_CYCLE, at, depth > INCLUDE_MAX_DEPTH ? "'%s' is included through too many files" : "'%s' includes itself",
			        printed_name(cc, path));
			return true;
		}
	}
	return false;
}

void include_read(struct including *in, const char *path)
{
	struct compiler *cc = in->cc;
	struct span at = in->statement->words[1].span;
	char *kept = arena_copy(&cc->arena, path, strlen(path));

	if (is_cycle(in, kept, at))
		return;
	uint32_t file = source_again(cc, kept, at);
	if (file == SOURCE_NONE)
		file = source_read(cc, kept, printed_name(cc, kept), at);
	if (file == SOURCE_NONE)
		diag_at(cc, CHECK_UNREADABLE, at, "'%s': %s", printed_name(cc, kept), strerror(errno));
	else
		take_source(in, file);
}

/* --- which files ---------------------------------------------------------------------------------------------------- */

static void free_glob(void *object)
{
	globfree(object);
}

const char *const *include_matches(struct including *in, const char *pattern)
{
	static const char *const none[] = { NULL };
	struct compiler *cc = in->cc;
	glob_t *found = ARENA_NEW(&cc->arena, glob_t);

	arena_on_free(&cc->arena, free_glob, found);
	if (glob(pattern, 0, NULL, found) != 0)
		return none;
	return (const char *const *)found->gl_pathv;
}

bool include_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool read_pattern(struct including *in, const char *pattern)
{
	const char *const *found = include_matches(in, pattern);

	for (size_t i = 0; found[i]; i++)
		include_read(in, found[i]);
	return found[0] != NULL;
}

static bool read_plain(struct including *in, const char *path)
{
	if (!include_exists(path))
		return false;
	include_read(in, path);
	return true;
}

static bool is_pattern(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

/* Read what stands at one place. @return false when nothing is there. */
static bool read_at(struct including *in, const char *folder, const char *up)
{
	const char *path = in->path[0] == '/' ? in->path : arena_printf(&in->cc->arena, "%s%s%s", folder, up, in->path);

	return is_pattern(in->path) ? read_pattern(in, path) : read_plain(in, path);
}

static bool is_mime_types(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, "mime.types") == 0;
}

static void take_builtin_types(struct including *in)
{
	struct compiler *cc = in->cc;
	static const char block[] = "types {\n";
	struct span at = in->statement->words[1].span;
	const char *text = arena_printf(&cc->arena, "%s%s}\n", block, mime_types);

	diag_at(cc, CHECK_INCLUDE_BUILTIN, at, cc->options.strict ? "'%s' does not exist" : "'%s' does not exist: the built-in list of content types is taken", in->path);
	take_source(in, source_builtin(cc, "built-in mime.types", text, strlen(text), at));
}

static void report_missing(struct including *in)
{
	struct compiler *cc = in->cc;
	struct span at = in->statement->words[1].span;

	if (is_pattern(in->path)) {
		diag_at(cc, CHECK_INCLUDE_EMPTY, at, "no file matches '%s'", in->path);
		return;
	}
	struct diag *d = diag_at(cc, CHECK_INCLUDE_MISSING, at, "included file '%s' does not exist", in->path);
	if (in->path[0] != '/')
		diag_note(cc, d, SPAN_NONE, cc->fragment ? "looked for in the folder of the main file and one folder up" : "looked for in the folder of the main file");
}

static void carry_out(struct compiler *cc, struct node *n)
{
	struct including in = { cc, n, n, NULL, DIALECT_NGINX };

	if (n->word_count != 2 || n->block || n->words[1].len == 0)
		return; /* reported as any statement with wrong arguments */
	in.path = arena_copy(&cc->arena, n->words[1].text, n->words[1].len);
	if (read_at(&in, cc->folder, "") || (cc->fragment && in.path[0] != '/' && read_at(&in, cc->folder, "../")))
		return;
	if (is_mime_types(in.path))
		take_builtin_types(&in);
	else
		report_missing(&in);
}

/* Blocks of free text or of other modules are not looked into. */
static bool is_foreign(const struct compiler *cc, const struct node *n)
{
	const struct directive *def = n->word_count ? directive_find(cc, n->words[0].text, n->words[0].len, directive_contexts(cc)) : NULL;

	return def && directive_opens(def) == C_FOREIGN;
}

void include_resolve(struct compiler *cc, struct node *parent)
{
	/* Included statements are inserted behind the include and met next, so files are read in the order of the text. */
	for (struct node *n = parent->first_child; n; n = n->next) {
		if (node_is(n, "include"))
			carry_out(cc, n);
		else if (n->first_child && !is_foreign(cc, n))
			include_resolve(cc, n);
	}
}
