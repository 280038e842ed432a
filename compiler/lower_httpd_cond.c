/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions of our language, for what only httpd's phases have. In: the words of a statement. Out: a tree of wsr_cond.
 *
 *   terms joined by `and` or by `or`, mixed with ( ) only; `not` in front of one
 *   all | valid_user | user NAME... | group NAME... | client NETWORK...
 *   -n TEXT not empty, -v TEXT has a value, -t TEXT neither empty nor 0, off, false, no, -f -d -e -x -s -l PATH of files, -U -F -A PATH by subrequests
 *   TEXT = TEXT, TEXT < TEXT, TEXT <= TEXT (i behind it: without regard to case, n: the shorter is the smaller), -eq -lt -le, ~ REGEX, ~* REGEX
 */
#include "compiler/lower_httpd.h"

#include <stdlib.h>

#define MAX_DEPTH 24u

const struct httpd_name httpd_file_tests[] = {
	{ "-f", WSR_FILE_IS_FILE }, { "-d", WSR_FILE_IS_DIR }, { "-e", WSR_FILE_EXISTS }, { "-x", WSR_FILE_IS_EXEC }, { "-s", WSR_FILE_NOT_EMPTY },
	{ "-l", WSR_FILE_IS_LINK }, { NULL, 0 },
};

const struct httpd_name httpd_welcomes[] = { { "-U", WSR_WELCOME_URL }, { "-F", WSR_WELCOME_FILE }, { "-A", WSR_WELCOME_ANY_URL }, { NULL, 0 } };

static const char *const keywords[] = {
	"all", "valid_user", "user", "group", "client", "not", "and", "or", "(", ")", "if", "to", "~", "~*", "-n", "-v", "-t", "-f", "-d", "-e", "-x", "-s", "-l", "-U", "-F", "-A",
	"always", "early", "late", "unset", "interpolate", "nocanon", "lookup", "-", "!", "as", "inside",
};

bool httpd_is_keyword(struct wsr_str s)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (wsr_str_eq(s, wsr_cstr(keywords[i])))
			return true;
	return false;
}

/* --- words ----------------------------------------------------------------------------------------------------------------- */

static const struct word *here(const struct words *w)
{
	return words_end(w) ? NULL : node_arg(w->n, w->at);
}

static bool is_here(const struct words *w, const char *keyword)
{
	const struct word *x = here(w);
	return x && x->quote == WORD_PLAIN && word_is(x, keyword);
}

bool words_take(struct words *w, const char *keyword)
{
	bool found = is_here(w, keyword);
	w->at += found;
	return found;
}

bool words_keyed(struct words *w, const char *key, struct wsr_str *value)
{
	const struct word *x = here(w);
	size_t len = strlen(key);
	if (!x || x->len <= len || memcmp(x->text, key, len) != 0 || x->text[len] != '=')
		return false;
	*value = wsr_str(x->text + len + 1, x->len - len - 1);
	w->at++;
	return true;
}

void words_wrong(struct words *w, const char *what)
{
	const struct word *x = here(w);
	if (!w->failed) {
		if (x)
			diag_at(w->l->cc, CHECK_ARGUMENT, x->span, "%s, found '%s'", what, diag_quote(w->l->cc, x->text, x->len));
		else
			diag_at(w->l->cc, CHECK_ARGUMENT_COUNT, node_head_span(w->n), "%s, found the end", what);
	}
	w->failed = true;
	w->at = node_arg_count(w->n);
}

const struct word *words_next(struct words *w, const char *what)
{
	const struct word *x = here(w);
	if (!x) {
		words_wrong(w, what);
		return NULL;
	}
	w->at++;
	return x;
}

uint32_t words_text(struct words *w, const char *what)
{
	const struct word *x = words_next(w, what);
	return x ? lower_template(w->l, w->n, x, word_str(x), 0) : WSR_NONE;
}

uint32_t words_regex(struct words *w, const char *what)
{
	bool caseless = words_take(w, "~*");
	const struct word *x = words_next(w, what);
	uint32_t regex = x ? lower_regex(w->l, w->n, x, word_str(x), caseless) : WSR_NONE;
	w->failed |= regex == WSR_NONE;
	return regex;
}

/* --- terms ----------------------------------------------------------------------------------------------------------------- */

struct reader { struct words *w; struct cond_builder b; unsigned depth; };

static void group(struct reader *r, bool inside, unsigned flags);

static struct span place(const struct reader *r)
{
	const struct word *x = here(r->w);
	return x ? x->span : node_head_span(r->w->n);
}

static bool list_ends(const struct words *w)
{
	return words_end(w) || is_here(w, "and") || is_here(w, "or") || is_here(w, ")");
}

static struct wsr_cond networks(struct words *w)
{
	struct wsr_access_rule *rules = arena_alloc(&w->l->cc->arena, (node_arg_count(w->n) + 1) * sizeof(*rules));
	uint32_t count = 0;
	while (!list_ends(w)) {
		if (!apache_network(word_str(here(w)), &rules[count]))
			words_wrong(w, "an address or network is wanted");
		rules[count++].pos = WSR_NONE;
		w->at += !words_end(w);
	}
	struct wsr_list run = pool_run(&w->l->plan->access_rule, rules, w->failed ? 0 : count);
	return (struct wsr_cond){ .op = WSR_COND_CLIENT, .a = run.first, .b = run.count };
}

static struct wsr_cond names(struct words *w, uint8_t op)
{
	wsr_sref *refs = arena_alloc(&w->l->cc->arena, (node_arg_count(w->n) + 1) * sizeof(*refs));
	uint32_t count = 0;
	while (!list_ends(w))
		refs[count++] = plan_str(w->l->plan, word_str(node_arg(w->n, w->at++)));
	struct wsr_list run = pool_run(&w->l->plan->str_item, refs, count);
	return (struct wsr_cond){ .op = op, .a = run.first, .b = run.count };
}

static struct wsr_cond comparison(struct words *w)
{
	static const struct { const char *text; uint8_t op; bool letters; } ops[] = {
		{ "<=", WSR_COND_LESS_EQUAL, true }, { "<", WSR_COND_LESS, true }, { "=", WSR_COND_EQUAL, true },
		{ "-eq", WSR_COND_INT_EQUAL, false }, { "-lt", WSR_COND_INT_LESS, false }, { "-le", WSR_COND_INT_LESS_EQUAL, false },
	};
	struct wsr_cond c = { .a = words_text(w, "a text is wanted") };
	if (is_here(w, "~*") || words_take(w, "~")) {
		c.op = WSR_COND_MATCH;
		c.b = words_regex(w, "a regular expression is wanted");
		return c;
	}
	const struct word *x = words_next(w, "=, <, <=, -eq, -lt, -le, ~ or ~* is wanted");
	for (size_t i = 0; x && !c.op && i < sizeof(ops) / sizeof(*ops); i++) {
		size_t len = strlen(ops[i].text);
		if (x->len < len || memcmp(x->text, ops[i].text, len) != 0)
			continue;
		struct wsr_str letters = wsr_str(x->text + len, x->len - len);
		c.op = ops[i].op;
		for (size_t k = 0; k < letters.len; k++) {
			c.flags |= letters.ptr[k] == 'i' ? WSR_COND_NOCASE : letters.ptr[k] == 'n' && c.op != WSR_COND_EQUAL ? WSR_COND_BY_LENGTH : 0;
			if (!ops[i].letters || (letters.ptr[k] != 'i' && letters.ptr[k] != 'n'))
				c.op = 0;
		}
	}
	if (!c.op && x) {
		w->at--;
		words_wrong(w, "=, <, <=, -eq, -lt, -le, ~ or ~* is wanted");
	}
	c.b = words_text(w, "a text to compare with is wanted");
	return c;
}

static bool one_text(struct words *w, struct wsr_cond *c)
{
	static const struct { const char *name; uint8_t op; } tests[] = { { "-n", WSR_COND_NOT_EMPTY }, { "-v", WSR_COND_PRESENT }, { "-t", WSR_COND_TRUTH } };
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		if (words_take(w, tests[i].name)) {
			*c = (struct wsr_cond){ .op = tests[i].op, .a = words_text(w, "a text is wanted") };
			return true;
		}
	for (const struct httpd_name *t = httpd_file_tests; t->name; t++)
		if (words_take(w, t->name)) {
			*c = (struct wsr_cond){ .op = WSR_COND_FILE, .a = words_text(w, "a path is wanted"), .b = t->bits };
			return true;
		}
	for (const struct httpd_name *t = httpd_welcomes; t->name; t++)
		if (words_take(w, t->name)) {
			*c = (struct wsr_cond){ .op = WSR_COND_WELCOME, .a = words_text(w, "a path is wanted"), .b = t->bits };
			return true;
		}
	return false;
}

static void term(struct reader *r)
{
	struct words *w = r->w;
	struct span at = place(r);
	unsigned flags = 0;
	while (words_take(w, "not"))
		flags ^= WSR_COND_NOT;
	if (words_take(w, "(")) {
		group(r, true, flags);
		return;
	}
	struct wsr_cond c = { .op = WSR_COND_TRUE };
	if (words_take(w, "client"))
		c = networks(w);
	else if (words_take(w, "user"))
		c = names(w, WSR_COND_USER);
	else if (words_take(w, "group"))
		c = names(w, WSR_COND_GROUP);
	else if (words_take(w, "valid_user"))
		c.op = WSR_COND_VALID_USER;
	else if (!words_take(w, "all") && !one_text(w, &c))
		c = comparison(w);
	c.flags |= (uint8_t)flags;
	if (!w->failed)
		cond_leaf(w->l, &r->b, c, at);
}

/* Terms joined by one of both words, up to ")" or the end. */
static void group(struct reader *r, bool inside, unsigned flags)
{
	struct words *w = r->w;
	if (++r->depth > MAX_DEPTH) {
		words_wrong(w, "conditions nested too deeply");
		return;
	}
	uint32_t index = cond_open(w->l, &r->b, WSR_COND_AND, flags, place(r));
	term(r);
	bool any = is_here(w, "or");
	while (!w->failed && words_take(w, any ? "or" : "and"))
		term(r);
	if (is_here(w, any ? "and" : "or"))
		words_wrong(w, "'and' and 'or' side by side: put one of them into ( )");
	if (inside && !words_take(w, ")"))
		words_wrong(w, "and, or or ')' is wanted");
	if (!w->failed) {
		((struct wsr_cond *)pool_at(&r->b.nodes, index))->op = any ? WSR_COND_OR : WSR_COND_AND;
		cond_close(&r->b, index);
	}
	r->depth--;
}

uint32_t words_condition(struct words *w)
{
	struct reader r = { .w = w };
	cond_init(&r.b);
	group(&r, false, 0);
	if (!w->failed && !words_end(w))
		words_wrong(w, "and, or or the end is wanted");
	uint32_t result = w->failed ? WSR_NONE : cond_done(w->l, &r.b);
	cond_free(&r.b);
	return result;
}

uint32_t words_if(struct words *w)
{
	if (w->failed || words_end(w))
		return WSR_NONE;
	if (words_take(w, "if"))
		return words_condition(w);
	words_wrong(w, "'if' and a condition, or the end, is wanted");
	return WSR_NONE;
}
