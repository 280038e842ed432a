/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Redirect and Alias in all their spellings, and what a host serves from files: DocumentRoot, DirectoryIndex, FallbackResource, ErrorDocument. In:
 * statements. Out: alias rules of the host or section, cells of its level.
 */
#include "compiler/apache_worker.h"
#include "compiler/fix.h"
#include "compiler/value.h"

static bool in_host(const struct level *lv)
{
	return lv->section->layer.kind == WSR_LAYER_HOST;
}

static bool has_scheme(struct wsr_str s)
{
	size_t n = 0;
	while (n < s.len && (s.ptr[n] | 0x20) >= 'a' && (s.ptr[n] | 0x20) <= 'z')
		n++;
	return n > 0 && s.len > n + 2 && memcmp(s.ptr + n, "://", 3) == 0;
}

/* --- Redirect ------------------------------------------------------------------------------------------------------------ */

/* "permanent", "gone", "307": a status. */
static bool status_of(struct wsr_str s, uint64_t *status)
{
	static const struct { const char *word; uint16_t status; } words[] = { { "permanent", 301 }, { "temp", 302 }, { "seeother", 303 }, { "gone", 410 } };
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (wsr_str_eq_nocase(s, wsr_cstr(words[i].word))) {
			*status = words[i].status;
			return true;
		}
	return value_uint(s, status);
}

static void wrong(struct lower *l, const struct word *w, const char *text)
{
	diag_at(l->cc, CHECK_VALUE, w->span, text, diag_quote(l->cc, w->text, w->len));
}

/* Text of a target; expressions with %{...} are for sections that give the path themselves. */
static uint32_t target_of(struct lower *l, const struct node *n, const struct word *w, bool captures, bool expression)
{
	if (expression && memmem(w->text, w->len, "%{", 2))
		return apache_string(l, n, w, word_str(w));
	return apache_substitution(l, word_str(w), captures, false);
}

static bool check_redirect(struct lower *l, const struct node *n, const struct wsr_alias_rule *r, const struct word *url)
{
	bool redirects = r->status >= 300 && r->status < 400;
	if (r->status < 100 || r->status > 599) {
		wrong(l, node_arg(n, 0), "'%s' is no status");
		return false;
	}
	if (redirects && !url) {
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, n->words[0].span, "the URL to redirect to is missing");
		return false;
	}
	if (!redirects && url) {
		wrong(l, url, "'%s': this status is sent without a URL");
		return false;
	}
	if (url && r->kind == WSR_ALIAS_REDIRECT && r->from && !has_scheme(word_str(url)) && !(url->len && url->text[0] == '/')) {
		wrong(l, url, "'%s' is neither a URL nor a path");
		return false;
	}
	return true;
}

/* arg: status of RedirectPermanent and RedirectTemp, else 0; 1: RedirectMatch. */
void lower_ap_redirect(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_alias_rule r = { .kind = arg == 1 ? WSR_ALIAS_REDIRECT_MATCH : WSR_ALIAS_REDIRECT, .status = arg > 1 ? (uint16_t)arg : 302, .regex = WSR_NONE, .target = WSR_NONE };
	unsigned at = 0, count = node_arg_count(n);
	uint64_t status = 0;
	if (arg <= 1 && count && status_of(arg_str(n, 0), &status)) {
		r.status = (uint16_t)(status < 1000 ? status : 999);
		at = 1;
	}
	bool needs_url = r.status >= 300 && r.status < 400;
	/* inside a section the path may be left out: then one word less */
	bool whole = arg != 1 && !in_host(lv) && count - at == needs_url;
	if (!whole && at >= count) {
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, n->words[0].span, "the path to redirect is missing");
		return;
	}
	const struct word *from = whole ? NULL : node_arg(n, at++);
	const struct word *url = at < count ? node_arg(n, at) : NULL;
	if (from && arg == 1)
		r.regex = lower_regex(l, n, from, word_str(from), false);
	else if (from && !(from->len && from->text[0] == '/'))
		wrong(l, from, "'%s' never fits: paths begin with '/'");
	else if (from)
		r.from = plan_str(l->plan, word_str(from));
	if ((arg == 1 && r.regex == WSR_NONE) || !check_redirect(l, n, &r, url))
		return;
	if (url) {
		r.target = target_of(l, n, url, arg == 1, whole);
		if (r.target == WSR_NONE)
			return;
		bool slash = from && from->len > 0 && from->text[from->len - 1] == '/';
		if (slash && arg != 1 && !memchr(url->text, '?', url->len) && !memchr(url->text, '#', url->len) && url->text[url->len - 1] != '/')
			fix_word_end(l->cc, diag_at(l->cc, CHECK_PATH_SLASH_MISMATCH, url->span,
				"'%.*sa' is redirected to '%.*sa': the path ends in '/' and the target does not", (int)from->len, from->text, (int)url->len, url->text), url, "/");
	}
	apache_push(l, &lv->section->aliases, &r, n);
}

/* --- Alias --------------------------------------------------------------------------------------------------------------- */

/* arg: 1 for the Match spellings, 2 for scripts. */
void lower_ap_alias(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	bool match = arg & 1, script = arg & 2;
	struct wsr_alias_rule r = { .kind = match ? WSR_ALIAS_FILE_MATCH : WSR_ALIAS_FILE, .regex = WSR_NONE, .target = WSR_NONE };
	bool whole = !match && node_arg_count(n) == 1;
	if (node_arg_count(n) < 2 && (in_host(lv) || match)) {
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, n->words[0].span, "a path and a file or folder are needed here");
		return;
	}
	const struct word *target = node_arg(n, whole ? 0 : 1);
	if (match) {
		r.regex = lower_regex(l, n, node_arg(n, 0), arg_str(n, 0), false);
		if (r.regex == WSR_NONE)
			return;
	} else if (!whole) {
		r.from = plan_str(l->plan, arg_str(n, 0));
	}
	if (script) {
		/* no script is ever run, and its text is nobody's business */
		r.kind = match ? WSR_ALIAS_REDIRECT_MATCH : WSR_ALIAS_REDIRECT;
		r.status = 403;
	} else {
		r.target = target_of(l, n, target, match, whole);
	}
	if (script || r.target != WSR_NONE)
		apache_push(l, &lv->section->aliases, &r, n);
}

/* --- files --------------------------------------------------------------------------------------------------------------- */

void lower_ap_document_root(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->s.file.root.v = plan_tmpl_const(l->plan, arg_str(n, 0));
	level_mark(lv, SET_root);
}

static void put_names(struct lower *l, struct level *lv, const struct node *n, enum plan_setting cell, struct wsr_list *list)
{
	uint32_t names[64], count = 0;
	bool off = node_arg_count(n) == 1 && wsr_str_eq_nocase(arg_str(n, 0), WSR_STR("disabled"));
	for (unsigned i = 0; i < node_arg_count(n) && !off && count < 64; i++)
		names[count++] = plan_tmpl_const(l->plan, arg_str(n, i));
	*list = pool_run(&l->plan->tmpl_item, names, count);
	level_mark(lv, cell);
}

void lower_ap_directory_index(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	put_names(l, lv, n, SET_index, &lv->s.file.index);
}

void lower_ap_fallback(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	put_names(l, lv, n, SET_try_files, &lv->s.file.try_files);
}

/* --- ErrorDocument ------------------------------------------------------------------------------------------------------- */

#define ERROR_DOCUMENTS_MAX 128u

static uint32_t document_text(struct lower *l, const struct node *n, struct wsr_str text)
{
	if (memmem(text.ptr, text.len, "%{", 2)) {
		uint32_t tmpl = apache_string(l, n, node_arg(n, 1), text);
		return tmpl == WSR_NONE ? plan_tmpl_const(l->plan, text) : tmpl;
	}
	return plan_tmpl_const(l->plan, text);
}

void lower_ap_error_document(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_error_page list[ERROR_DOCUMENTS_MAX];
	uint32_t count = 0;
	uint64_t status = 0;
	struct wsr_str text = arg_str(n, 1);
	(void)arg;
	if (!value_uint(arg_str(n, 0), &status) || status < 400 || status > 599) {
		wrong(l, node_arg(n, 0), "'%s' is no status from 400 to 599");
		return;
	}
	struct wsr_list old = lv->s.fields.error_page;
	for (uint32_t i = 0; i < old.count && count + 1 < ERROR_DOCUMENTS_MAX; i++) {
		const struct wsr_error_page *p = pool_at(&l->plan->error_page, old.first + i);
		if (p->status != status)
			list[count++] = *p;
	}
	if (!wsr_str_eq_nocase(text, WSR_STR("default"))) {
		bool place = has_scheme(text) || (text.len && text.ptr[0] == '/');
		if (!place && text.len && text.ptr[0] == '"')
			text = wsr_str(text.ptr + 1, text.len - 1); /* the spelling of old: one quote in front */
		struct wsr_error_page p = { .status = (uint16_t)status, .answer = place ? 0 : WSR_ERROR_PAGE_TEXT, .target = document_text(l, n, text), .pos = lower_pos(l, n) };
		if (status == 401 && has_scheme(text))
			wrong(l, node_arg(n, 1), "'%s': 401 cannot be answered with a redirect");
		list[count++] = p;
	}
	lv->s.fields.error_page = pool_run(&l->plan->error_page, list, count);
	level_mark(lv, SET_error_page);
}
