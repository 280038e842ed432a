/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <IfModule> and its like, decided by what is stood for here: a module is there when its directives are compiled, and what a module would do that
 * is not there is left out like in an httpd without it. A note at each section says which branch was taken, because that is what people ask first.
 */
#include "compiler/apache_branch.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/apache_read.h"
#include "compiler/compiler.h"
#include "compiler/include.h"
#include "compiler/value.h"

/* --- modules ----------------------------------------------------------------------------------------------------------- */

/* "ssl" stands for mod_ssl.c and ssl_module. */
static const char *const modules[] = {
	"access_compat", "alias", "auth_basic", "authn_core", "authn_file", "authz_core", "authz_groupfile", "authz_host", "authz_user", "dir", "env", "expires",
	"headers", "lbmethod_bybusyness", "lbmethod_byrequests", "lbmethod_bytraffic", "log_config", "logio", "mime", "proxy", "proxy_balancer", "proxy_http",
	"proxy_wstunnel", "remoteip", "reqtimeout", "rewrite", "setenvif", "slotmem_shm", "so", "socache_shmcb", "ssl", "unixd", "version", "watchdog",
};
/* Names that follow no rule. */
static const char *const odd_modules[] = { "core.c", "core_module", "http_core.c", "http_module", "event.c", "mpm_event_module" };

static bool is_module(struct wsr_str name, const char *module)
{
	size_t len = strlen(module);

	if (name.len == len + 6 && memcmp(name.ptr, "mod_", 4) == 0)
		return memcmp(name.ptr + 4, module, len) == 0 && memcmp(name.ptr + 4 + len, ".c", 2) == 0;
	return name.len == len + 7 && memcmp(name.ptr, module, len) == 0 && memcmp(name.ptr + len, "_module", 7) == 0;
}

bool apache_has_module(struct wsr_str name)
{
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (is_module(name, modules[i]))
			return true;
	for (size_t i = 0; i < sizeof(odd_modules) / sizeof(odd_modules[0]); i++)
		if (wsr_str_eq(name, wsr_cstr(odd_modules[i])))
			return true;
	return false;
}

/* --- versions ----------------------------------------------------------------------------------------------------------- */

struct version { uint64_t part[3]; };

static bool read_version(struct wsr_str text, struct version *v)
{
	*v = (struct version){ { 0, 0, 0 } };
	for (unsigned i = 0; i < 3; i++) {
		const char *dot = text.len ? memchr(text.ptr, '.', text.len) : NULL;
		size_t len = dot ? (size_t)(dot - text.ptr) : text.len;
		if (!value_uint(wsr_str(text.ptr, len), &v->part[i]))
			return false;
		if (!dot)
			return true;
		text = wsr_str(dot + 1, text.len - len - 1);
	}
	return false;
}

static int compare(const struct version *a, const struct version *b)
{
	for (unsigned i = 0; i < 3; i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	return 0;
}

/* @return 1 it holds, 0 it does not, -1 it cannot be read */
static int version_matches(struct compiler *cc, struct wsr_str pattern)
{
	regex_t re;

	if (regcomp(&re, arena_copy(&cc->arena, pattern.ptr, pattern.len), REG_EXTENDED | REG_NOSUB) != 0)
		return -1;
	int found = regexec(&re, APACHE_VERSION, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

static int version_compares(struct wsr_str op, struct wsr_str text)
{
	struct version ours, theirs;

	if (!read_version(text, &theirs))
		return -1;
	read_version(wsr_cstr(APACHE_VERSION), &ours);
	int c = compare(&ours, &theirs);
	if (wsr_str_eq(op, WSR_STR("=")) || wsr_str_eq(op, WSR_STR("==")))
		return c == 0;
	if (wsr_str_eq(op, WSR_STR(">")))
		return c > 0;
	if (wsr_str_eq(op, WSR_STR(">=")))
		return c >= 0;
	if (wsr_str_eq(op, WSR_STR("<")))
		return c < 0;
	return wsr_str_eq(op, WSR_STR("<=")) ? c <= 0 : -1;
}

/* "[!]operator version", "version"; "~ regex" or "= /regex/" */
static int version_holds(struct compiler *cc, const struct node *n)
{
	unsigned args = node_arg_count(n);
	struct wsr_str op = WSR_STR("="), text;
	bool negated = false;

	if (args < 1 || args > 2)
		return -1;
	text = word_str(node_arg(n, args - 1));
	if (args == 2)
		op = word_str(node_arg(n, 0));
	if (op.len > 1 && op.ptr[0] == '!') {
		negated = true;
		op = wsr_str(op.ptr + 1, op.len - 1);
	}
	bool slashes = text.len > 1 && text.ptr[0] == '/' && text.ptr[text.len - 1] == '/';
	int holds;
	if (slashes && (wsr_str_eq(op, WSR_STR("=")) || wsr_str_eq(op, WSR_STR("=="))))
		holds = version_matches(cc, wsr_str(text.ptr + 1, text.len - 2));
	else if (wsr_str_eq(op, WSR_STR("~")))
		holds = version_matches(cc, text);
	else
		holds = version_compares(op, text);
	return holds < 0 ? holds : holds != negated;
}

/* --- the decision --------------------------------------------------------------------------------------------------------- */

/* Is the thing there that the word names? */
typedef bool (*branch_fn)(struct compiler *cc, struct wsr_str what);

static bool has_module(struct compiler *cc, struct wsr_str what)
{
	(void)cc;
	return apache_has_module(what);
}

/* "mod_ssl.c" and "ssl_module" are one module. */
static bool same_module(struct wsr_str a, struct wsr_str b)
{
	struct wsr_str names[2] = { a, b };

	for (unsigned i = 0; i < 2; i++) {
		struct wsr_str *s = &names[i];
		if (s->len > 6 && memcmp(s->ptr, "mod_", 4) == 0)
			*s = wsr_str(s->ptr + 4, s->len - 6);
		else if (s->len > 7 && memcmp(s->ptr + s->len - 7, "_module", 7) == 0)
			s->len -= 7;
	}
	return wsr_str_eq(names[0], names[1]);
}

/* Are there LoadModule lines before this section, and none for the module? Then httpd would decide otherwise; Debian's has some modules built in. */
static bool never_loaded(struct compiler *cc, struct wsr_str module)
{
	static const char *const built_in[] = { "core", "http", "log_config", "logio", "so", "unixd", "version", "watchdog" };
	size_t count;
	const struct wsr_str *loaded = apache_loaded(cc, &count);

	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (is_module(module, built_in[i]))
			return false;
	for (size_t i = 0; i < count; i++)
		if (same_module(loaded[i], module))
			return false;
	return count > 0;
}

static bool has_name(struct compiler *cc, struct wsr_str what)
{
	return apache_is_defined(cc, what);
}

static bool has_file(struct compiler *cc, struct wsr_str what)
{
	struct wsr_str path = apache_path(cc, what);
	const char *folder = path.len && path.ptr[0] == '/' ? "" : cc->folder;

	return include_exists(arena_printf(&cc->arena, "%s%.*s", folder, WSR_FMT(path)));
}

static bool has_row(struct compiler *cc, struct wsr_str what, bool section)
{
	const struct directive *def = directive_find(cc, what.ptr, what.len, directive_contexts(cc));

	return def && (directive_opens(def) != 0) == section && def->verdict != REFUSED && def->verdict != THIRD_PARTY;
}

static bool has_directive(struct compiler *cc, struct wsr_str what)
{
	return has_row(cc, what, false);
}

static bool has_section(struct compiler *cc, struct wsr_str what)
{
	return has_row(cc, what, true);
}

static const struct branch {
	const char *section;
	branch_fn is_there;
	const char *yes, *no;
} branches[] = {
	{ "IfModule", has_module, "its directives are compiled", "its directives are not compiled" },
	{ "IfDefine", has_name, "the name is defined", "the name is not defined; --define NAME does that" },
	{ "IfFile", has_file, "the file exists", "the file does not exist" },
	{ "IfDirective", has_directive, "the directive is compiled", "the directive is not compiled" },
	{ "IfSection", has_section, "the section is compiled", "the section is not compiled" },
};

static enum apache_branch decided(struct compiler *cc, const struct node *n, bool taken, const char *why)
{
	unsigned count = 0;

	NODE_EACH_CHILD(child, n)
		count++;
	const char *head = diag_quote(cc, source_at(cc, n->span.file)->text + n->span.start, node_head_span(n).end - n->span.start);
	if (taken)
		diag_at(cc, CHECK_BRANCH, node_head_span(n), "'<%s>' is taken: %s", head, why);
	else
		diag_at(cc, CHECK_BRANCH, node_head_span(n), "'<%s>' is left out, %u statement%s: %s", head, count, count == 1 ? "" : "s", why);
	return taken ? APACHE_TAKEN : APACHE_LEFT_OUT;
}

static enum apache_branch branch_on_version(struct compiler *cc, const struct node *n)
{
	int holds = version_holds(cc, n);

	if (holds < 0) {
		struct diag *d = diag_at(cc, CHECK_ARGUMENT, node_head_span(n), "the comparison of versions cannot be read");
		diag_note(cc, d, SPAN_NONE, "write =, <, >, <= or >= and a version such as 2.4.6, or ~ and a regular expression; ! in front negates");
		return APACHE_LEFT_OUT;
	}
	return decided(cc, n, holds != 0, "the version followed is " APACHE_VERSION);
}

enum apache_branch apache_branch(struct compiler *cc, const struct node *n)
{
	struct wsr_str name = word_str(&n->words[0]);

	if (wsr_str_eq_nocase(name, WSR_STR("IfVersion")))
		return branch_on_version(cc, n);
	for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++) {
		const struct branch *b = &branches[i];
		if (!wsr_str_eq_nocase(name, wsr_cstr(b->section)))
			continue;
		if (n->word_count < 2)
			return APACHE_LEFT_OUT; /* reported as missing argument */
		struct wsr_str what = word_str(node_arg(n, 0));
		bool negated = what.len && what.ptr[0] == '!';
		if (negated)
			what = wsr_str(what.ptr + 1, what.len - 1);
		bool there = b->is_there(cc, what);
		if (there && b->is_there == has_module && never_loaded(cc, what))
			return decided(cc, n, !negated, "its directives are compiled, although no LoadModule of the file names it");
		return decided(cc, n, there != negated, there ? b->yes : b->no);
	}
	return APACHE_NO_BRANCH;
}
