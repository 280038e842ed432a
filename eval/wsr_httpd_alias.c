/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mod_alias: Redirect, RedirectMatch, Alias, AliasMatch at server level and in sections. In: the path and the rules. Out: an answer, or the file name in
 * e->httpd->path. Redirects of a server come before all its aliases (mod_alias.c: translate_alias_redir), those of sections after access control.
 */
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

static bool is_redirect(const struct wsr_alias_rule *r)
{
	return r->kind == WSR_ALIAS_REDIRECT || r->kind == WSR_ALIAS_REDIRECT_MATCH;
}

/* A rule with one argument inside a section: the section itself says which paths it is for. */
static bool is_whole_section(const struct wsr_alias_rule *r)
{
	return r->from == 0 && r->regex == WSR_NONE;
}

/* Escape the path of a URL, but neither its query nor its fragment. */
static struct wsr_str escape_url(struct wsr_eval *e, struct wsr_str url)
{
	size_t n = 0;
	while (n < url.len && url.ptr[n] != '?' && url.ptr[n] != '#')
		n++;
	struct wsr_str parts[] = { wsr_httpd_escape(e->arena, wsr_str(url.ptr, n), WSR_HTTPD_ESCAPE_FILE), wsr_from(url, n) };
	return wsr_join(e->arena, parts, 2);
}

/* What a rule makes of the path; ptr NULL: it does not match. */
static struct wsr_str apply(struct wsr_eval *e, const struct wsr_alias_rule *r)
{
	if (is_whole_section(r)) {
		struct wsr_str to = r->target == WSR_NONE ? WSR_STR("") : wsr_eval_tmpl(e, r->target);
		return is_redirect(r) ? escape_url(e, to) : to;
	}
	if (r->regex != WSR_NONE) {
		if (wsr_eval_match(e, r->regex, e->uri) != WSR_MATCH)
			return WSR_STR_NULL;
		struct wsr_str to = r->target == WSR_NONE ? WSR_STR("") : wsr_eval_tmpl(e, r->target);
		return is_redirect(r) ? escape_url(e, to) : to;
	}
	size_t taken = wsr_httpd_prefix(e->uri, wsr_string(e->table, r->from));
	if (taken == 0)
		return WSR_STR_NULL;
	if (r->target == WSR_NONE)
		return WSR_STR("");
	struct wsr_str rest = wsr_from(e->uri, taken);
	if (is_redirect(r))
		rest = wsr_httpd_escape(e->arena, rest, WSR_HTTPD_ESCAPE_FILE);
	struct wsr_str parts[] = { wsr_eval_tmpl(e, r->target), rest };
	return wsr_join(e->arena, parts, 2);
}

static void answer(struct wsr_eval *e, const struct wsr_alias_rule *r, struct wsr_str to)
{
	if (!(r->status >= 300 && r->status < 400)) {
		wsr_decide_status(e, r->status, r->pos);
		return;
	}
	if (to.len && to.ptr[0] == '/')
		to = wsr_httpd_absolute(e, to);
	struct wsr_str parts[] = { to, WSR_STR("?"), e->args };
	if (e->args.ptr && !memchr(to.ptr, '?', to.len))
		to = wsr_join(e->arena, parts, 3);
	wsr_decide_redirect(e, r->status, to, r->pos);
}

/* @return true after a decision. */
static bool try_redirects(struct wsr_eval *e, struct wsr_list list, bool whole_section)
{
	for (uint32_t i = 0; i < list.count; i++) {
		const struct wsr_alias_rule *r = wsr_alias_rule_at(e->table, list.first + i);
		if (!is_redirect(r) || is_whole_section(r) != whole_section)
			continue;
		struct wsr_str to = apply(e, r);
		if (e->error) {
			wsr_decide_status(e, 500, e->error_pos);
			return true;
		}
		if (to.ptr) {
			answer(e, r, to);
			return true;
		}
	}
	return false;
}

/* A path may not climb further than the configuration's own text does. */
static bool climbs(struct wsr_eval *e, const struct wsr_alias_rule *r, struct wsr_str path)
{
	struct wsr_str constant;
	unsigned allowed = wsr_tmpl_constant(e->table, r->target, &constant) ? wsr_uri_dotdots(constant) : 0;
	return wsr_uri_dotdots(path) > allowed;
}

/* @return true when one of the rules names the file, or after a decision. */
static bool try_aliases(struct wsr_eval *e, struct wsr_list list, bool *decided)
{
	struct wsr_httpd *h = e->httpd;
	for (uint32_t i = 0; i < list.count; i++) {
		const struct wsr_alias_rule *r = wsr_alias_rule_at(e->table, list.first + i);
		if (is_redirect(r))
			continue;
		struct wsr_str to = apply(e, r);
		if (!e->error && !to.ptr)
			continue;
		*decided = e->error || climbs(e, r, to);
		if (*decided) {
			wsr_decide_status(e, e->error ? 500 : 403, r->pos);
			return true;
		}
		to = wsr_arena_dup(e->arena, to);
		h->path = to;
		h->mapped = to.ptr ? WSR_MAPPED_FILE : WSR_MAPPED_NOT;
		wsr_trace(e, r->pos, "alias", to);
		return true;
	}
	return false;
}

bool wsr_httpd_alias(struct wsr_eval *e)
{
	const struct wsr_httpd *h = e->httpd;
	bool decided = false;
	for (uint32_t i = h->layer_count; i-- > 1;)
		if (try_redirects(e, h->layers[i]->aliases, true))
			return true;
	if (try_redirects(e, h->layers[0]->aliases, false))
		return true;
	for (uint32_t i = h->layer_count; i-- > 1;)
		if (try_aliases(e, h->layers[i]->aliases, &decided))
			return decided;
	try_aliases(e, h->layers[0]->aliases, &decided);
	return decided;
}

bool wsr_httpd_redirect(struct wsr_eval *e)
{
	const struct wsr_httpd *h = e->httpd;
	for (uint32_t i = h->layer_count; i-- > 1;)
		if (try_redirects(e, h->layers[i]->aliases, true))
			return true;
	for (uint32_t i = h->layer_count; i-- > 1;)
		if (try_redirects(e, h->layers[i]->aliases, false))
			return true;
	return false;
}
