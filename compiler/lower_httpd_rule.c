/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of httpd's phases in our own language: rewrite_rule, redirect_rule, alias_rule, env_rule, request_header, response_header, reverse. In: checked
 * statements of an `httpd` or `section` block. Out: one record each, in the lists of the section. Nothing is derived here but what a substitution says about
 * itself: these records say what a line of Apache's language was found to mean.
 */
#include "compiler/lower_httpd.h"
#include "compiler/value.h"
#include "eval/wsr_eval.h"

const struct httpd_name httpd_rule_flags[] = {
	{ "L", WSR_RULE_LAST }, { "END", WSR_RULE_END }, { "C", WSR_RULE_CHAIN }, { "N", WSR_RULE_NEXT }, { "P", WSR_RULE_PROXY }, { "PT", WSR_RULE_PASS_THROUGH },
	{ "QSA", WSR_RULE_QSA }, { "QSD", WSR_RULE_QSD }, { "QSL", WSR_RULE_QSL }, { "NE", WSR_RULE_NE }, { "B", WSR_RULE_B }, { "BNP", WSR_RULE_B_NOPLUS },
	{ "DPI", WSR_RULE_DPI }, { "NS", WSR_RULE_NS }, { "UnsafeAllow3F", WSR_RULE_ALLOW_3F }, { "abort", WSR_RULE_ABORT }, { "iis", WSR_RULE_IIS },
	{ "track_captures", WSR_RULE_TRACK_ALL }, { "absolute", WSR_RULE_ABSOLUTE }, { "full_url", WSR_RULE_FULL_URL }, { "no_query", WSR_RULE_QSNONE }, { NULL, 0 },
};

const struct httpd_name httpd_actions[] = {
	{ "set", WSR_HEADER_SET }, { "append", WSR_HEADER_APPEND }, { "merge", WSR_HEADER_MERGE }, { "add", WSR_HEADER_ADD }, { "unset", WSR_HEADER_UNSET },
	{ "edit", WSR_HEADER_EDIT }, { "edit*", WSR_HEADER_EDIT_ALL }, { "setifempty", WSR_HEADER_SET_IF_EMPTY }, { "note", WSR_HEADER_NOTE },
	{ "echo", WSR_HEADER_ECHO }, { NULL, 0 },
};

static struct words words_of(struct lower *l, const struct node *n)
{
	return (struct words){ .l = l, .n = n };
}

static bool keyed_number(struct words *w, const char *key, uint64_t max, uint64_t *v)
{
	struct wsr_str text;
	if (!words_keyed(w, key, &text))
		return false;
	if (!value_uint(text, v) || *v > max) {
		w->at--;
		words_wrong(w, "a number is wanted");
		*v = 0;
	}
	return true;
}

/* --- rewrite_rule ---------------------------------------------------------------------------------------------------------- */

uint32_t httpd_rule_derived(struct wsr_str literal, bool whole)
{
	const char *slash = literal.len > 1 && literal.ptr[0] == '/' ? memchr(literal.ptr + 1, '/', literal.len - 1) : NULL;
	bool written = literal.len > 1 && literal.ptr[0] == '/' && (whole || slash);
	return written ? WSR_RULE_PREFIX_STAT : 0;
}

static uint32_t derived(struct lower *l, uint32_t tmpl)
{
	const struct wsr_tmpl *t = pool_at(&l->plan->tmpl, tmpl);
	const struct wsr_part *p = t->part_count ? pool_at(&l->plan->part, t->first_part) : NULL;
	return httpd_rule_derived(p && p->kind == WSR_PART_LITERAL ? plan_text(l->plan, p->arg) : WSR_STR_NULL, t->part_count == 1);
}

struct rule { struct words w; struct wsr_rewrite_rule r; struct pool env, places, cookies; };

/* E=NAME:VALUE, E=!NAME:VALUE */
static void rule_env(struct rule *b, struct wsr_str v)
{
	struct lower *l = b->w.l;
	struct wsr_env_op op = { .condition = WSR_NONE };
	if (v.len && v.ptr[0] == '!') {
		op.flags = WSR_ENV_UNSET;
		v = wsr_str(v.ptr + 1, v.len - 1);
	}
	const char *colon = v.len ? memchr(v.ptr, ':', v.len) : NULL;
	if (!colon || colon == v.ptr) {
		b->w.at--;
		words_wrong(&b->w, "E=NAME:VALUE is wanted");
		return;
	}
	op.slot = apache_env_slot(l, braces_name(l, wsr_str(v.ptr, (size_t)(colon - v.ptr))));
	op.value = lower_template(l, b->w.n, node_arg(b->w.n, b->w.at - 1), wsr_str(colon + 1, (size_t)(v.ptr + v.len - colon - 1)), 0);
	struct plan_place at = lower_place(l, node_arg(b->w.n, b->w.at - 1)->span);
	pool_push(&b->env, &op);
	pool_push(&b->places, &at);
}

static bool rule_word(struct rule *b)
{
	struct words *w = &b->w;
	struct wsr_str v;
	uint64_t number = 0;
	for (const struct httpd_name *f = httpd_rule_flags; f->name; f++)
		if (words_take(w, f->name)) {
			b->r.flags |= f->bits;
			return true;
		}
	if (keyed_number(w, "R", 599, &number) || keyed_number(w, "status", 599, &number)) {
		b->r.flags |= node_arg(w->n, w->failed ? 0 : w->at - 1)->text[0] == 'R' ? WSR_RULE_REDIRECT : WSR_RULE_STATUS;
		b->r.status = (uint16_t)number;
	} else if (keyed_number(w, "S", UINT16_MAX, &number)) {
		b->r.skip = (uint16_t)number;
	} else if (keyed_number(w, "limit", UINT32_MAX, &number)) {
		b->r.limit = (uint32_t)number;
	} else if (words_keyed(w, "E", &v)) {
		rule_env(b, v);
	} else if (words_keyed(w, "CO", &v)) {
		uint32_t tmpl = lower_template(w->l, w->n, node_arg(w->n, w->at - 1), v, 0);
		pool_push(&b->cookies, &tmpl);
	} else if (words_keyed(w, "T", &v)) {
		b->r.type = lower_template(w->l, w->n, node_arg(w->n, w->at - 1), v, 0);
	} else if (words_keyed(w, "H", &v)) {
		b->r.handler = lower_template(w->l, w->n, node_arg(w->n, w->at - 1), v, 0);
	} else if (words_keyed(w, "escape", &v)) {
		b->r.escape = plan_str(w->l->plan, braces_name(w->l, v));
	} else {
		return false;
	}
	return true;
}

/* "+stat", "-stat": other than the substitution looks. */
static bool rule_sign(struct rule *b)
{
	bool on = words_take(&b->w, "+stat");
	if (!on && !words_take(&b->w, "-stat"))
		return false;
	b->r.flags = on ? b->r.flags | WSR_RULE_PREFIX_STAT : b->r.flags & ~WSR_RULE_PREFIX_STAT;
	return true;
}

void lower_httpd_rewrite_rule(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct rule b = { .w = words_of(l, n), .r = { .target = WSR_NONE, .type = WSR_NONE, .handler = WSR_NONE } };
	(void)arg;
	pool_init(&b.env, sizeof(struct wsr_env_op));
	pool_init(&b.places, sizeof(struct plan_place));
	pool_init(&b.cookies, sizeof(uint32_t));
	if (words_take(&b.w, "not"))
		b.r.flags |= WSR_RULE_NOT;
	b.r.regex = words_regex(&b.w, "a regular expression is wanted");
	if (words_take(&b.w, "-")) {
		b.r.flags |= WSR_RULE_NOTHING;
	} else if ((b.r.target = words_text(&b.w, "a substitution, or '-', is wanted")) != WSR_NONE) {
		b.r.flags |= derived(l, b.r.target);
	}
	while (!b.w.failed && (rule_word(&b) || rule_sign(&b)))
		;
	b.r.condition = words_if(&b.w);
	b.r.env = plan_run_at(l->plan, &l->plan->env_op, b.env.data, b.env.count, offsetof(struct wsr_env_op, pos), (const struct plan_place *)(void *)b.places.data);
	b.r.cookies = pool_run(&l->plan->tmpl_item, b.cookies.data, b.cookies.count);
	pool_free(&b.env);
	pool_free(&b.places);
	pool_free(&b.cookies);
	if (!b.w.failed)
		apache_push(l, &lv->section->rewrites, &b.r, n);
}

/* --- redirect_rule, alias_rule --------------------------------------------------------------------------------------------- */

void lower_httpd_alias_rule(struct lower *l, struct level *lv, const struct node *n, unsigned redirect)
{
	struct words w = words_of(l, n);
	struct wsr_alias_rule r = { .regex = WSR_NONE, .target = WSR_NONE };
	uint64_t status = 0;
	if (redirect) {
		const struct word *x = words_next(&w, "a status is wanted");
		if (x && (!value_uint(word_str(x), &status) || status < 100 || status > 599)) {
			w.at--;
			words_wrong(&w, "a status from 100 to 599 is wanted");
		}
	}
	r.status = (uint16_t)status;
	const struct word *x = words_end(&w) ? NULL : node_arg(n, w.at);
	bool caseless = x && x->quote == WORD_PLAIN && word_is(x, "~*");
	if (caseless || words_take(&w, "~"))
		r.regex = words_regex(&w, "a regular expression is wanted");
	else if (!words_end(&w) && !(x->quote == WORD_PLAIN && word_is(x, "to")))
		r.from = plan_str(l->plan, word_str(words_next(&w, "")));
	r.kind = r.regex != WSR_NONE ? (redirect ? WSR_ALIAS_REDIRECT_MATCH : WSR_ALIAS_FILE_MATCH) : redirect ? WSR_ALIAS_REDIRECT : WSR_ALIAS_FILE;
	if (!w.failed && words_take(&w, "to"))
		r.target = words_text(&w, "a target is wanted");
	else if (!redirect || (status >= 300 && status < 400))
		words_wrong(&w, redirect ? "'to' and a target is wanted" : "'to' and a file or folder is wanted");
	if (!w.failed && !words_end(&w))
		words_wrong(&w, "the end is wanted");
	if (!w.failed)
		apache_push(l, &lv->section->aliases, &r, n);
}

/* --- env_rule -------------------------------------------------------------------------------------------------------------- */

void lower_httpd_env_rule(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct words w = words_of(l, n);
	struct wsr_env_op op = { .flags = 0 };
	(void)arg;
	if (words_take(&w, "late"))
		op.flags |= WSR_ENV_LATE;
	if (words_take(&w, "unset"))
		op.flags |= WSR_ENV_UNSET;
	const struct word *name = words_next(&w, "the name of a variable is wanted");
	if (!name)
		return;
	op.slot = apache_env_slot(l, word_str(name));
	const struct word *next = words_end(&w) ? NULL : node_arg(n, w.at);
	bool without = op.flags & WSR_ENV_UNSET && (!next || (next->quote == WORD_PLAIN && word_is(next, "if")));
	op.value = without ? plan_tmpl(l->plan, NULL, 0) : words_text(&w, "a value is wanted");
	op.condition = words_if(&w);
	if (!w.failed)
		apache_push(l, &lv->section->env, &op, n);
}

/* --- request_header, response_header --------------------------------------------------------------------------------------- */

void lower_httpd_header(struct lower *l, struct level *lv, const struct node *n, unsigned request)
{
	struct words w = words_of(l, n);
	struct wsr_header_op op = { .value = WSR_NONE, .regex = WSR_NONE };
	if (words_take(&w, "always"))
		op.flags |= WSR_HEADER_ALWAYS;
	if (words_take(&w, "early"))
		op.flags |= WSR_HEADER_EARLY;
	for (const struct httpd_name *a = httpd_actions; a->name && !op.action; a++)
		if (words_take(&w, a->name))
			op.action = (uint8_t)a->bits;
	if (!op.action)
		words_wrong(&w, "set, append, merge, add, unset, edit, edit*, setifempty or echo is wanted");
	const struct word *name = words_next(&w, "the name of a field is wanted");
	if (!name || w.failed)
		return;
	if (op.action != WSR_HEADER_ECHO && !wsr_is_token(word_str(name))) {
		w.at--;
		words_wrong(&w, "the name of a field is wanted");
	}
	op.name = plan_str(l->plan, word_str(name));
	if (op.action == WSR_HEADER_EDIT || op.action == WSR_HEADER_EDIT_ALL)
		op.regex = words_regex(&w, "a regular expression is wanted");
	else if (op.action == WSR_HEADER_ECHO)
		op.regex = lower_regex(l, n, name, word_str(name), true);
	if (op.action != WSR_HEADER_UNSET && op.action != WSR_HEADER_ECHO)
		op.value = words_text(&w, "a value is wanted");
	op.condition = words_if(&w);
	if (!w.failed)
		apache_push(l, request ? &lv->section->request_headers : &lv->section->response_headers, &op, n);
}

/* --- reverse --------------------------------------------------------------------------------------------------------------- */

void lower_httpd_reverse(struct lower *l, struct level *lv, const struct node *n, unsigned kind)
{
	struct wsr_str internal = arg_str(n, 0), external = arg_str(n, 1);
	struct wsr_reverse r = { .kind = kind, .live_internal = WSR_NONE, .live_external = WSR_NONE };
	r.internal = plan_str(l->plan, internal);
	r.external = plan_str(l->plan, external);
	if (node_arg_count(n) > 2) {
		r.live_internal = apache_substitution(l, internal, false, true);
		r.live_external = apache_substitution(l, external, false, true);
	}
	apache_push(l, &lv->section->reverses, &r, n);
}
