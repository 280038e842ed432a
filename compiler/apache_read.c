/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading Apache's language in the order of the text, as httpd does (ap_build_config): a line's ${NAME}s are filled in before it is cut into words,
 * from what Define said in the lines before it; Include is replaced by the files; of <IfModule> and its like the content comes in place or is left
 * out. Each of these statements stays in the tree, without content, so that it is checked and shown like any other.
 */
#include "compiler/apache_read.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiler/apache_branch.h"
#include "compiler/compiler.h"
#include "compiler/include.h"
#include "compiler/scan_apache.h"

#define MAX_LINE_BYTES ((size_t)1 << 20) /* of a line whose names are filled in */
#define MAX_FOLDER_DEPTH 20u             /* as httpd */

struct definition {
	struct wsr_str name, value; /* value.ptr NULL: for <IfDefine> only */
	bool gone;                  /* UnDefine */
};

struct apache_state {
	struct definition *definitions;
	size_t count, cap;
	const char *server_root;    /* ends in '/'; NULL: not given */
	struct wsr_str *modules;    /* of the LoadModule lines so far */
	size_t module_count, module_cap;
};

/* --- Define --------------------------------------------------------------------------------------------------------- */

/* What Debian's envvars file sets for its apache2: files from there name the log folder so. */
static const struct { const char *name, *value; } builtin_names[] = {
	{ "APACHE_LOG_DIR", "/var/log/apache2" }, { "APACHE_RUN_DIR", "/var/run/apache2" }, { "APACHE_LOCK_DIR", "/var/lock/apache2" },
	{ "APACHE_PID_FILE", "/var/run/apache2/apache2.pid" }, { "APACHE_RUN_USER", "www-data" }, { "APACHE_RUN_GROUP", "www-data" },
};

static struct definition *definition_find(const struct compiler *cc, struct wsr_str name)
{
	for (size_t i = 0; i < cc->apache->count; i++)
		if (wsr_str_eq(cc->apache->definitions[i].name, name))
			return &cc->apache->definitions[i];
	return NULL;
}

bool apache_is_defined(const struct compiler *cc, struct wsr_str name)
{
	const struct definition *d = definition_find(cc, name);

	return d && !d->gone;
}

static void define(struct compiler *cc, struct wsr_str name, struct wsr_str value)
{
	struct apache_state *st = cc->apache;
	struct definition *d = definition_find(cc, name);

	if (!d) {
		st->definitions = arena_grow(&cc->arena, st->definitions, st->count, &st->cap, sizeof(*st->definitions));
		d = &st->definitions[st->count++];
	}
	*d = (struct definition){ name, value, false };
}

static void carry_out_define(struct compiler *cc, const struct node *n)
{
	if (node_arg_count(n) < 1 || node_arg_count(n) > 2)
		return; /* reported with the other arguments */
	define(cc, word_str(node_arg(n, 0)), node_arg_count(n) == 2 ? word_str(node_arg(n, 1)) : (struct wsr_str)WSR_STR_NULL);
}

static void carry_out_undefine(struct compiler *cc, const struct node *n)
{
	struct definition *d = node_arg_count(n) == 1 ? definition_find(cc, word_str(node_arg(n, 0))) : NULL;

	if (d)
		d->gone = true;
}

static void take_options(struct compiler *cc)
{
	for (unsigned i = 0; i < cc->options.define_count; i++) {
		const char *text = cc->options.defines[i], *equals = strchr(text, '=');
		if (equals)
			define(cc, wsr_str(text, (size_t)(equals - text)), wsr_cstr(equals + 1));
		else
			define(cc, wsr_cstr(text), (struct wsr_str)WSR_STR_NULL);
	}
}

/* --- ${NAME} --------------------------------------------------------------------------------------------------------- */

bool apache_is_interpolated(const struct node *n)
{
	for (unsigned i = 1; i < node_arg_count(n); i++)
		if (word_is_nocase(node_arg(n, i), "interpolate"))
			return true;
	return false;
}

static struct wsr_str value_of(struct compiler *cc, const struct node *n, struct wsr_str name)
{
	const struct definition *d = definition_find(cc, name);

	if (d && !d->gone && d->value.ptr)
		return d->value;
	for (size_t i = 0; i < sizeof(builtin_names) / sizeof(builtin_names[0]); i++) {
		if (!wsr_str_eq(name, wsr_cstr(builtin_names[i].name)))
			continue;
		diag_at(cc, CHECK_BUILTIN_NAME, node_head_span(n), "${%s} is taken to be %s; --define %s=VALUE says otherwise", builtin_names[i].name, builtin_names[i].value,
		        builtin_names[i].name);
		define(cc, name, wsr_cstr(builtin_names[i].value)); /* told once */
		return wsr_cstr(builtin_names[i].value);
	}
	if (name.len && memchr(name.ptr, ':', name.len))
		return (struct wsr_str)WSR_STR_NULL; /* ${map:key} of mod_rewrite */
	if (apache_is_interpolated(n))
		return (struct wsr_str)WSR_STR_NULL; /* filled in for each request */
	struct diag *w = diag_at(cc, CHECK_UNDEFINED_NAME, node_head_span(n), "${%s} is not defined: the text stays as it is", diag_quote(cc, name.ptr, name.len));
	diag_note(cc, w, SPAN_NONE, "write 'Define %s VALUE' above, or --define %s=VALUE", diag_quote(cc, name.ptr, name.len), diag_quote(cc, name.ptr, name.len));
	return (struct wsr_str)WSR_STR_NULL;
}

static const char *fill_in(struct compiler *cc, const struct node *n, const char *text)
{
	const char *result = "";

	for (;;) {
		const char *start = strstr(text, "${"), *end = start ? strchr(start, '}') : NULL;
		if (!end || strlen(result) > MAX_LINE_BYTES)
			return arena_printf(&cc->arena, "%s%s", result, text);
		struct wsr_str value = value_of(cc, n, wsr_str(start + 2, (size_t)(end - start - 2)));
		if (!value.ptr)
			value = wsr_str(start, (size_t)(end + 1 - start));
		result = arena_printf(&cc->arena, "%s%.*s%.*s", result, (int)(start - text), text, WSR_FMT(value));
		text = end + 1;
	}
}

static struct wsr_str head_text(struct compiler *cc, const struct node *n)
{
	struct span at = node_head_span(n);

	return wsr_str(source_at(cc, at.file)->text + at.start, at.end - at.start);
}

/* Cut the line anew when names were filled in; words that cannot be matched with written ones stand where the whole line stands. */
static void fill_words(struct compiler *cc, struct node *n)
{
	struct wsr_str text = head_text(cc, n);

	if (!memmem(text.ptr, text.len, "${", 2))
		return;
	const char *line = fill_in(cc, n, apache_joined(cc, text.ptr, text.len));
	struct wsr_str rest = wsr_cstr(line);
	struct word *words = NULL, w;
	size_t count = 0, cap = 0;
	while (count < UINT32_C(0xffffff) && apache_next_word(cc, &rest, &w)) {
		words = arena_grow(&cc->arena, words, count, &cap, sizeof(*words));
		words[count++] = w;
	}
	for (size_t i = 0; i < count; i++)
		words[i].span = count == n->word_count ? n->words[i].span : node_head_span(n);
	n->filled = line;
	if (count) {
		n->words = words;
		n->word_count = (uint32_t)count & 0xffffff;
	}
}

/* RewriteRule and RewriteCond read their lines themselves: a backslash stays, and a blank behind one belongs to the word (mod_rewrite.c: parseargline). */
static void cut_rewrite_words(struct compiler *cc, struct node *n)
{
	struct span head = node_head_span(n);
	struct wsr_str text = n->filled ? wsr_cstr(n->filled) : head_text(cc, n);
	struct word *words = NULL, w;
	size_t count = 0, cap = 0;

	if (!(word_is_nocase(&n->words[0], "RewriteRule") || word_is_nocase(&n->words[0], "RewriteCond")) || !memchr(text.ptr, '\\', text.len))
		return;
	bool in_place = !n->filled && !memmem(text.ptr, text.len, "\\\n", 2) && !memmem(text.ptr, text.len, "\\\r\n", 3);
	const char *line = text.ptr;
	if (!n->filled && !in_place)
		text = wsr_cstr(apache_joined(cc, text.ptr, text.len));
	while (count < UINT32_C(0xffffff) && apache_next_rewrite_word(&text, &w)) {
		uint32_t start = (uint32_t)(w.text - line) - (w.quote != WORD_PLAIN);
		w.span = in_place ? (struct span){ head.file, head.start + start, head.start + start + w.len + 2u * (w.quote != WORD_PLAIN) } : head;
		words = arena_grow(&cc->arena, words, count, &cap, sizeof(*words));
		words[count++] = w;
	}
	n->words = words;
	n->word_count = (uint32_t)count & 0xffffff;
}

struct wsr_str apache_rest(struct compiler *cc, const struct node *n, unsigned word)
{
	struct wsr_str text;
	struct word skipped;

	if (word >= n->word_count)
		return wsr_str("", 0);
	if (n->filled) {
		text = wsr_cstr(n->filled);
	} else {
		struct wsr_str written = head_text(cc, n);
		text = memchr(written.ptr, '\\', written.len) ? wsr_cstr(apache_joined(cc, written.ptr, written.len)) : written;
	}
	for (unsigned i = 0; i < word; i++)
		apache_next_word(cc, &text, &skipped);
	while (text.len && strchr(" \t\r\v\f", text.ptr[0]))
		text = wsr_str(text.ptr + 1, text.len - 1);
	return text;
}

/* --- Include --------------------------------------------------------------------------------------------------------- */

struct wsr_str apache_path(struct compiler *cc, struct wsr_str path)
{
	const char *root = cc->apache ? cc->apache->server_root : NULL;

	if (!root || (path.len && path.ptr[0] == '/'))
		return path;
	return wsr_cstr(arena_printf(&cc->arena, "%s%.*s", root, WSR_FMT(path)));
}

static int is_entry(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void free_list(void *object)
{
	free(object);
}

static void read_path(struct including *in, const char *path, unsigned depth);

/* A folder is read with all that is in it, in byte order. */
static void read_folder(struct including *in, const char *path, unsigned depth)
{
	struct compiler *cc = in->cc;
	struct dirent **list = NULL;
	int count = depth < MAX_FOLDER_DEPTH ? scandir(path, &list, is_entry, by_name) : 0;

	for (int i = 0; i < count; i++)
		arena_on_free(&cc->arena, free_list, list[i]);
	if (count >= 0)
		arena_on_free(&cc->arena, free_list, list);
	for (int i = 0; i < count; i++)
		read_path(in, arena_printf(&cc->arena, "%s/%s", path, list[i]->d_name), depth + 1);
}

static void read_path(struct including *in, const char *path, unsigned depth)
{
	if (is_folder(path))
		read_folder(in, path, depth);
	else
		include_read(in, path);
}

/* @return false when nothing is there */
static bool read_at(struct including *in, const char *folder)
{
	const char *path = in->path[0] == '/' ? in->path : arena_printf(&in->cc->arena, "%s%s", folder, in->path);

	if (!strpbrk(in->path, "*?["))
		return include_exists(path) && (read_path(in, path, 0), true);
	const char *const *found = include_matches(in, path);
	for (size_t i = 0; found[i]; i++)
		read_path(in, found[i], 0);
	return found[0] != NULL;
}

static void carry_out_include(struct compiler *cc, struct node *n, bool optional)
{
	struct including in = { cc, n, n, NULL, DIALECT_APACHE };
	const char *root = cc->apache->server_root;

	if (n->word_count != 2 || n->block || n->words[1].len == 0)
		return;
	in.path = arena_copy(&cc->arena, n->words[1].text, n->words[1].len);
	if ((root && read_at(&in, root)) || ((!root || in.path[0] != '/') && read_at(&in, cc->folder)) || optional)
		return;
	struct span at = n->words[1].span;
	if (strpbrk(in.path, "*?[")) {
		diag_at(cc, CHECK_INCLUDE_MISSING, at, "no file matches '%s'", in.path);
		return;
	}
	struct diag *d = diag_at(cc, CHECK_INCLUDE_MISSING, at, "included file '%s' does not exist", in.path);
	if (in.path[0] != '/')
		diag_note(cc, d, SPAN_NONE, root ? "looked for in ServerRoot and in the folder of the main file" : "looked for in the folder of the main file");
}

static void carry_out_server_root(struct compiler *cc, const struct node *n)
{
	if (node_arg_count(n) != 1 || node_arg(n, 0)->len == 0)
		return;
	struct wsr_str root = word_str(node_arg(n, 0));
	cc->apache->server_root = arena_printf(&cc->arena, "%.*s%s", WSR_FMT(root), root.ptr[root.len - 1] == '/' ? "" : "/");
}

static void carry_out_load_module(struct compiler *cc, const struct node *n)
{
	struct apache_state *st = cc->apache;

	if (node_arg_count(n) < 1)
		return;
	st->modules = arena_grow(&cc->arena, st->modules, st->module_count, &st->module_cap, sizeof(*st->modules));
	st->modules[st->module_count++] = word_str(node_arg(n, 0));
}

const struct wsr_str *apache_loaded(const struct compiler *cc, size_t *count)
{
	*count = cc->apache->module_count;
	return cc->apache->modules;
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

static bool named(const struct node *n, const char *name)
{
	return wsr_str_eq_nocase(word_str(&n->words[0]), wsr_cstr(name));
}

/* The content comes behind the section that held it. */
static void put_in_place(struct node *n)
{
	if (!n->first_child)
		return;
	for (struct node *child = n->first_child; child; child = child->next)
		child->parent = n->parent;
	n->last_child->next = n->next;
	n->next = n->first_child;
	if (n->parent->last_child == n)
		n->parent->last_child = n->last_child;
}

static void carry_out(struct compiler *cc, struct node *n)
{
	enum apache_branch branch = n->block ? apache_branch(cc, n) : APACHE_NO_BRANCH;

	if (branch == APACHE_TAKEN)
		put_in_place(n);
	if (branch != APACHE_NO_BRANCH)
		n->first_child = n->last_child = NULL;
	else if (named(n, "Define"))
		carry_out_define(cc, n);
	else if (named(n, "UnDefine"))
		carry_out_undefine(cc, n);
	else if (named(n, "LoadModule"))
		carry_out_load_module(cc, n);
	else if (named(n, "ServerRoot"))
		carry_out_server_root(cc, n);
	else if (named(n, "Include") || named(n, "IncludeOptional"))
		carry_out_include(cc, n, named(n, "IncludeOptional"));
}

static bool is_foreign(const struct compiler *cc, const struct node *n)
{
	const struct directive *def = directive_find(cc, n->words[0].text, n->words[0].len, directive_contexts(cc));

	return def && directive_opens(def) == C_FOREIGN;
}

static void read_below(struct compiler *cc, struct node *parent)
{
	/* What comes in place stands behind the statement that brought it and is met next. */
	for (struct node *n = parent->first_child; n; n = n->next) {
		if (n->word_count == 0)
			continue;
		fill_words(cc, n);
		cut_rewrite_words(cc, n);
		carry_out(cc, n);
		if (n->first_child && !is_foreign(cc, n))
			read_below(cc, n);
	}
}

void apache_read(struct compiler *cc, struct node *root)
{
	cc->apache = ARENA_NEW(&cc->arena, struct apache_state);
	take_options(cc);
	read_below(cc, root);
}
