/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over the records of wsr_format_httpd.h: conditions, rules, sections and hosts. As in wsr_verify.c: one check_<section>() for each record; out
 * comes the first fault, or nothing to say. That conditions are trees and that the passes of a host name its own workers is checked here too.
 */
#include "table/wsr_verify.h"

/* Children stand one behind the other and fill the node's size exactly, so every tree is finite and every node is looked at once by its parent. */
static bool check_children(struct wsr_walk *w, const struct wsr_cond *r, uint32_t index)
{
	uint32_t left = r->size - 1u;

	while (left > 0) {
		const struct wsr_cond *child = wsr_cond_at(w->t, index + r->size - left);

		if (child->size == 0 || child->size > left)
			return wsr_fail(w, WSR_E_RANGE);
		left -= child->size;
	}
	return true;
}

static bool check_cond_operands(struct wsr_walk *w, const struct wsr_cond *r)
{
	switch (r->op) {
	case WSR_COND_TRUE:
	case WSR_COND_VALID_USER:
	case WSR_COND_AND:
	case WSR_COND_OR:
		return true;
	case WSR_COND_EQUAL:
	case WSR_COND_LESS:
	case WSR_COND_LESS_EQUAL:
	case WSR_COND_INT_EQUAL:
	case WSR_COND_INT_LESS:
	case WSR_COND_INT_LESS_EQUAL:
		return wsr_want_tmpl(w, r->a) && wsr_want_tmpl(w, r->b);
	case WSR_COND_MATCH:
		return wsr_want_tmpl(w, r->a) && wsr_want_index(w, SECTION(regex), r->b);
	case WSR_COND_NOT_EMPTY:
	case WSR_COND_TRUTH:
		return wsr_want_tmpl(w, r->a);
	case WSR_COND_PRESENT:
		return wsr_want_tmpl(w, r->a) && wsr_want(w, wsr_tmpl_at(w->t, r->a)->part_count == 1, WSR_E_RANGE);
	case WSR_COND_FILE:
		return wsr_want_tmpl(w, r->a) && wsr_want_enum(w, r->b, WSR_FILE_IS_FILE, WSR_FILE_LAST);
	case WSR_COND_WELCOME:
		return wsr_want_tmpl(w, r->a) && wsr_want_enum(w, r->b, WSR_WELCOME_URL, WSR_WELCOME_LAST);
	case WSR_COND_CLIENT:
		return wsr_want_list(w, SECTION(access_rule), (struct wsr_list){ r->a, r->b });
	case WSR_COND_USER:
	case WSR_COND_GROUP:
		return wsr_want_list(w, SECTION(str_item), (struct wsr_list){ r->a, r->b });
	}
	return wsr_fail(w, WSR_E_ENUM);
}

bool wsr_walk_cond(struct wsr_walk *w)
{
	uint32_t count = wsr_cond_count(w->t);

	for (uint32_t i = 0; i < count; i++) {
		const struct wsr_cond *r = wsr_cond_at(w->t, i);
		bool holder = r->op == WSR_COND_AND || r->op == WSR_COND_OR;

		w->why->record = i;
		if (!wsr_want_bits(w, r->flags, WSR_COND_NOT | WSR_COND_NOCASE | WSR_COND_BY_LENGTH) || !wsr_want_pos(w, r->pos) ||
		    !wsr_want(w, r->size >= 1 && r->size <= count - i && holder == (r->size > 1), WSR_E_RANGE) ||
		    !check_children(w, r, i) || !check_cond_operands(w, r))
			return false;
	}
	w->why->record = 0;
	return true;
}

static bool want_cond0(struct wsr_walk *w, uint32_t cond)
{
	return wsr_want_index0(w, SECTION(cond), cond);
}

static bool check_env_op(struct wsr_walk *w, const struct wsr_env_op *r)
{
	return wsr_want_index(w, SECTION(variable), r->slot) && wsr_want_tmpl(w, r->value) && want_cond0(w, r->condition) &&
	       wsr_want_bits(w, r->flags, WSR_ENV_UNSET | WSR_ENV_LATE) && wsr_want_pos(w, r->pos);
}
EACH(env_op, struct wsr_env_op)

static bool check_rewrite_rule(struct wsr_walk *w, const struct wsr_rewrite_rule *r)
{
	return want_cond0(w, r->condition) && wsr_want_index(w, SECTION(regex), r->regex) &&
	       (r->flags & WSR_RULE_NOTHING ? wsr_want_none(w, r->target) : wsr_want_tmpl(w, r->target)) &&
	       wsr_want_bits(w, r->flags, WSR_RULE_LAST_BIT * 2u - 1u) &&
	       (!(r->flags & (WSR_RULE_REDIRECT | WSR_RULE_STATUS)) || wsr_want_enum(w, r->status, 100, 999)) &&
	       wsr_want_list(w, SECTION(env_op), r->env) && wsr_want_list(w, SECTION(tmpl_item), r->cookies) && wsr_want_tmpl0(w, r->type) &&
	       wsr_want_tmpl0(w, r->handler) && wsr_want_string0(w, r->escape) && wsr_want_pos(w, r->pos);
}
EACH(rewrite_rule, struct wsr_rewrite_rule)

static bool check_alias_rule(struct wsr_walk *w, const struct wsr_alias_rule *r)
{
	bool by_regex = r->kind == WSR_ALIAS_FILE_MATCH || r->kind == WSR_ALIAS_REDIRECT_MATCH;

	return wsr_want_enum(w, r->kind, WSR_ALIAS_FILE, WSR_ALIAS_REDIRECT_MATCH) && wsr_want_zero(w, r->flags) && wsr_want_enum(w, r->status, 0, 999) &&
	       wsr_want_string0(w, r->from) && (by_regex ? wsr_want_index(w, SECTION(regex), r->regex) : wsr_want_none(w, r->regex)) &&
	       wsr_want_tmpl0(w, r->target) && wsr_want_pos(w, r->pos);
}
EACH(alias_rule, struct wsr_alias_rule)

static bool check_header_op(struct wsr_walk *w, const struct wsr_header_op *r)
{
	bool edits = r->action == WSR_HEADER_EDIT || r->action == WSR_HEADER_EDIT_ALL || r->action == WSR_HEADER_ECHO;
	bool valueless = r->action == WSR_HEADER_UNSET || r->action == WSR_HEADER_ECHO;

	return wsr_want_enum(w, r->action, WSR_HEADER_SET, WSR_HEADER_ECHO) && wsr_want_bits(w, r->flags, WSR_HEADER_ALWAYS | WSR_HEADER_EARLY) &&
	       wsr_want_zero(w, r->reserved) && wsr_want_string(w, r->name) && (valueless ? wsr_want_none(w, r->value) : wsr_want_tmpl(w, r->value)) &&
	       (edits ? wsr_want_index(w, SECTION(regex), r->regex) : wsr_want_none(w, r->regex)) && want_cond0(w, r->condition) && wsr_want_pos(w, r->pos);
}
EACH(header_op, struct wsr_header_op)

static bool check_worker(struct wsr_walk *w, const struct wsr_worker *r)
{
	return wsr_want_string(w, r->url) && wsr_want_index(w, SECTION(proxy), r->proxy) &&
	       wsr_want_index(w, SECTION(upstream), wsr_proxy_at(w->t, r->proxy)->upstream) && wsr_want_string0(w, r->upgrade) &&
	       wsr_want_bits(w, r->flags, WSR_WORKER_SEMICOLON * 2u - 1u) && wsr_want_string0(w, r->sticky_cookie) &&
	       wsr_want_string0(w, r->sticky_path) && wsr_want_list(w, SECTION(member), r->members) &&
	       wsr_want(w, r->members.count == (r->flags & WSR_WORKER_BALANCER ? wsr_upstream_at(w->t, wsr_proxy_at(w->t, r->proxy)->upstream)->peers.count : 0), WSR_E_RANGE) &&
	       wsr_want_pos(w, r->pos);
}
EACH(worker, struct wsr_worker)

static bool check_member(struct wsr_walk *w, const struct wsr_member *r)
{
	return wsr_want_string0(w, r->route) && wsr_want_string0(w, r->uri) && wsr_want_string0(w, r->upgrade) && wsr_want_bits(w, r->flags, WSR_MEMBER_UPGRADE_ANY * 2u - 1u);
}
EACH(member, struct wsr_member)

static bool check_pass(struct wsr_walk *w, const struct wsr_pass *r)
{
	bool exclude = r->flags & WSR_PASS_EXCLUDE, live = r->flags & WSR_PASS_INTERPOLATE && !exclude;

	return wsr_want_bits(w, r->flags, WSR_PASS_APPEND * 2u - 1u) && wsr_want_string0(w, r->from) && wsr_want_index0(w, SECTION(regex), r->regex) &&
	       (exclude ? wsr_want_none(w, r->proxy) : wsr_want_index(w, SECTION(proxy), r->proxy)) && wsr_want_tmpl0(w, r->target) &&
	       (!exclude || wsr_want_none(w, r->worker)) && (live ? wsr_want_tmpl(w, r->live_from) && wsr_want_tmpl(w, r->live_target) :
							 wsr_want_none(w, r->live_from) && wsr_want_none(w, r->live_target)) && wsr_want_pos(w, r->pos);
}
EACH(pass, struct wsr_pass)

static bool check_reverse(struct wsr_walk *w, const struct wsr_reverse *r)
{
	return wsr_want_enum(w, r->kind, WSR_REVERSE_LOCATION, WSR_REVERSE_COOKIE_PATH) && wsr_want_string(w, r->internal) &&
	       wsr_want_string(w, r->external) && wsr_want_tmpl0(w, r->live_internal) &&
	       (r->live_internal == WSR_NONE ? wsr_want_none(w, r->live_external) : wsr_want_tmpl(w, r->live_external)) && wsr_want_pos(w, r->pos);
}
EACH(reverse, struct wsr_reverse)

static bool check_auth(struct wsr_walk *w, const struct wsr_auth *r)
{
	return wsr_want_tmpl0(w, r->realm) && wsr_want_string0(w, r->user_file) && wsr_want_string0(w, r->group_file) && wsr_want_bits(w, r->flags, WSR_AUTH_BASIC | WSR_AUTH_NONE) &&
	       wsr_want_pos(w, r->pos);
}
EACH(auth, struct wsr_auth)

static bool check_layer(struct wsr_walk *w, const struct wsr_layer *r)
{
	return wsr_want_enum(w, r->kind, WSR_LAYER_HOST, WSR_LAYER_IF) && wsr_want_bits(w, r->rewrite_options, WSR_REWRITE_NO_SLASH * 2u - 1u) &&
	       want_cond0(w, r->hosts) &&
	       wsr_want_string0(w, r->name) && wsr_want_index0(w, SECTION(regex), r->regex) && want_cond0(w, r->condition) &&
	       wsr_want_location(w, r->location, WSR_LOCATION_SERVER) && wsr_want_index0(w, SECTION(pass), r->pass) && want_cond0(w, r->require) &&
	       wsr_want_index0(w, SECTION(auth), r->auth) && wsr_want_list(w, SECTION(env_op), r->env) &&
	       wsr_want_list(w, SECTION(rewrite_rule), r->rewrites) && wsr_want_list(w, SECTION(alias_rule), r->aliases) &&
	       wsr_want_list(w, SECTION(reverse), r->reverses) &&
	       wsr_want_list(w, SECTION(header_op), r->request_headers) && wsr_want_list(w, SECTION(header_op), r->response_headers) &&
	       wsr_want_string0(w, r->rewrite_base) && wsr_want_pos(w, r->pos);
}
EACH(layer, struct wsr_layer)

static bool want_pass_worker(struct wsr_walk *w, const struct wsr_host *r, uint32_t pass)
{
	uint32_t worker = wsr_pass_at(w->t, pass)->worker;
	return worker == WSR_NONE || wsr_want(w, worker < r->workers.count, WSR_E_INDEX);
}

/* Sections inside each other stand in order, and passes refer to the host's own workers. */
static bool check_host_parts(struct wsr_walk *w, const struct wsr_host *r)
{
	for (uint32_t i = 0; i < r->passes.count; i++)
		if (!want_pass_worker(w, r, r->passes.first + i))
			return false;
	for (uint32_t i = 0; i < r->layers.count; i++) {
		const struct wsr_layer *y = wsr_layer_at(w->t, r->layers.first + i);
		if (!wsr_want(w, y->inside <= i, WSR_E_ORDER) || (y->pass != WSR_NONE && !want_pass_worker(w, r, y->pass)))
			return false;
	}
	return true;
}

static bool check_host(struct wsr_walk *w, const struct wsr_host *r)
{
	return wsr_want_list(w, SECTION(layer), r->layers) && wsr_want(w, r->layers.count > 0, WSR_E_RANGE) &&
	       wsr_want(w, wsr_layer_at(w->t, r->layers.first)->kind == WSR_LAYER_HOST, WSR_E_ENUM) &&
	       wsr_want_list(w, SECTION(pass), r->passes) && wsr_want_list(w, SECTION(worker), r->workers) && check_host_parts(w, r) &&
	       wsr_want_list(w, SECTION(access_rule), r->trusted) && wsr_want_string0(w, r->remote_header) && wsr_want_string0(w, r->admin) &&
	       wsr_want_enum(w, r->canonical_port, 0, 65535) && wsr_want_bits(w, r->flags, WSR_HOST_NO_TRACE * 2u - 1u) && wsr_want_pos(w, r->pos);
}
EACH(host, struct wsr_host)
