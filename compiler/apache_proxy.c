/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ProxyPass, ProxyPassMatch, ProxyPassReverse and their kin, and the settings of mod_proxy. In: statements of a host or section. Out: pass and reverse
 * records of that host or section, cells of its level.
 *
 * What httpd does with them is done, and where that is seldom what was meant the message stands at the line: rules that no request reaches, exclusions
 * that come too late, slashes that are doubled or lost.
 */
#include "compiler/apache_read.h"
#include "compiler/apache_worker.h"
#include "compiler/fix.h"
#include "compiler/value.h"
#include "eval/wsr_httpd.h"

#define AP_MATCH 1u             /* argument of the row: an expression, not a prefix */

static bool in_host(const struct level *lv)
{
	return lv->section->layer.kind == WSR_LAYER_HOST;
}

/* --- substitutions ------------------------------------------------------------------------------------------------------- */

static void literal_part(struct lower *l, struct wsr_str s)
{
	struct wsr_part part = { .kind = WSR_PART_LITERAL, .arg = plan_str(l->plan, s) };
	if (s.len)
		pool_push(&l->parts, &part);
}

/* "${NAME}" at s: its length, and the name. */
static size_t variable_length(struct wsr_str s, struct wsr_str *name)
{
	const char *close = s.len > 3 && s.ptr[1] == '{' ? memchr(s.ptr, '}', s.len) : NULL;
	if (!close)
		return 0;
	*name = wsr_str(s.ptr + 2, (size_t)(close - s.ptr) - 2);
	return name->len + 3;
}

uint32_t apache_substitution(struct lower *l, struct wsr_str text, bool captures, bool environment)
{
	char *out = arena_alloc(&l->cc->arena, text.len + 1);
	size_t n = 0, used;
	struct wsr_str name;
	text.ptr = arena_copy(&l->cc->arena, text.ptr, text.len); /* it may stand in the plan, whose strings move when one is added */
	l->parts.count = 0;
	for (size_t i = 0; i < text.len; i++) {
		bool more = i + 1 < text.len;
		if (captures && text.ptr[i] == '\\' && more) {
			out[n++] = text.ptr[++i];
		} else if (captures && text.ptr[i] == '$' && more && text.ptr[i + 1] >= '0' && text.ptr[i + 1] <= '9') {
			struct wsr_part part = { .kind = WSR_PART_CAPTURE, .id = (uint16_t)(text.ptr[++i] - '0') };
			literal_part(l, wsr_str(out, n));
			pool_push(&l->parts, &part);
			n = 0;
		} else if (environment && text.ptr[i] == '$' && (used = variable_length(wsr_str(text.ptr + i, text.len - i), &name))) {
			struct wsr_part part = { .kind = WSR_PART_USER, .arg = apache_env_slot(l, name) };
			literal_part(l, wsr_str(out, n));
			pool_push(&l->parts, &part);
			n = 0;
			i += used - 1;
		} else {
			out[n++] = text.ptr[i];
		}
	}
	literal_part(l, wsr_str(out, n));
	return plan_tmpl(l->plan, (const struct wsr_part *)(void *)l->parts.data, l->parts.count);
}

/* --- ProxyPass ----------------------------------------------------------------------------------------------------------- */

static bool ends_in_slash(struct wsr_str s)
{
	return s.len && s.ptr[s.len - 1] == '/';
}

/* "http://a/" -> "http://a": the same for the path itself. ProxyPassReverse of the same two words goes with it. */
static void drop_slash(struct lower *l, struct diag *d, const struct node *n, const struct word *target)
{
	const struct word *path = node_arg_count(n) > 1 ? node_arg(n, 0) : NULL;
	NODE_EACH_CHILD(other, n->parent) {
		bool same = other->def && strcmp(other->def->name, "ProxyPassReverse") == 0 && path && node_arg_count(other) > 1 &&
			    wsr_str_eq(word_str(node_arg(other, 0)), word_str(path)) && wsr_str_eq(word_str(node_arg(other, 1)), word_str(target));
		const struct word *w = other == n ? target : same ? node_arg(other, 1) : NULL;
		if (!w || w->span.end - w->span.start < w->len)
			continue;
		uint32_t at = w->span.end - (w->quote != WORD_PLAIN) - 1;
		fix_edit(l->cc, d, (struct span){ w->span.file, at, at + 1 }, "%s", "");
	}
}

/* One slash too many or too few where the rest of the path is appended. */
static void check_join(struct lower *l, const struct node *n, const struct word *target, struct wsr_str from, const struct apache_url *u)
{
	bool left = ends_in_slash(from), right = ends_in_slash(u->path);
	if (left == right || u->variable || (!left && from.len < 2))
		return;
	struct diag *d;
	if (left && u->path.len == 0)
		d = diag_at(l->cc, CHECK_PATH_SLASH_MISMATCH, target->span, "'%.*sa' is sent to the host '%.*sa': the target needs a slash at its end", WSR_FMT(from),
			    WSR_FMT(u->authority));
	else if (left)
		d = diag_at(l->cc, CHECK_PATH_SLASH_MISMATCH, target->span, "'%.*sa' is sent as '%.*sa': the path ends in '/' and the target does not", WSR_FMT(from),
			    WSR_FMT(u->path));
	else
		d = diag_at(l->cc, CHECK_PATH_SLASH_MISMATCH, target->span, "'%.*s/a' is sent as '%.*s/a': the target ends in '/' and the path does not", WSR_FMT(from),
			    WSR_FMT(u->path));
	diag_note(l->cc, d, n->words[0].span, "write both with a slash at the end, or both without");
	if (left)
		fix_word_end(l->cc, d, target, "/");
	else if (u->path.len == 1)
		drop_slash(l, d, n, target);
}

/* The statement in front of this one, in its block and file, that begins on a line. */
static const struct node *sibling_of_line(struct lower *l, const struct node *n, uint32_t line)
{
	for (const struct node *other = n->parent->first_child; other && other != n; other = other->next) {
		uint32_t its = 0, column;
		if (other->span.file == n->span.file)
			source_position(l->cc, other->span.file, other->span.start, &its, &column);
		if (its == line)
			return other;
	}
	return NULL;
}

/* An earlier rule that takes every request which this one could take. */
static void check_reached(struct lower *l, struct apache_host *h, const struct node *n, const struct wsr_pass *pass, bool ws)
{
	struct wsr_str from = plan_text(l->plan, pass->from);
	for (uint32_t i = 0; i < h->passes.records.count; i++) {
		const struct wsr_pass *before = pool_at(&h->passes.records, i);
		if (before->regex != WSR_NONE || wsr_httpd_prefix(from, plan_text(l->plan, before->from)) == 0)
			continue;
		const struct plan_place *at = pool_at(&h->passes.places, i);
		struct wsr_str other = plan_text(l->plan, before->from);
		enum check_id check = pass->flags & WSR_PASS_EXCLUDE ? CHECK_PROXY_EXCLUSION_LATE : CHECK_PROXY_PASS_SHADOWED;
		struct diag *d = diag_at(l->cc, check, node_head_span(n),
			pass->flags & WSR_PASS_EXCLUDE ? "nothing is excluded: '%s' of line %u takes these requests first" :
			ws ? "no WebSocket arrives here: '%s' of line %u takes these requests first" : "no request arrives here: '%s' of line %u takes them first",
			diag_quote(l->cc, other.ptr, other.len), at->line);
		diag_note(l->cc, d, SPAN_NONE, "the first rule of the file that fits counts, not the longest: put this one before it");
		const struct node *first = sibling_of_line(l, n, at->line);
		if (first && !wsr_str_eq(from, other))
			fix_move_before(l->cc, d, n, first);
		return;
	}
}

/* From path or expression of the rule. @return false after an error. */
static bool pass_source(struct lower *l, struct level *lv, const struct node *n, unsigned arg, struct wsr_pass *pass)
{
	const struct wsr_layer *y = &lv->section->layer;
	pass->regex = pass->live_from = pass->live_target = WSR_NONE;
	if (!in_host(lv)) {
		/* httpd takes the section's text for an expression when it has wildcards, whatever the section is (mod_proxy.c: add_pass) */
		struct wsr_str name = plan_text(l->plan, y->name);
		if (!(arg & AP_MATCH) && !apache_is_glob(name)) {
			pass->from = y->name;
			return true;
		}
		const struct node *section = lv->section->node;
		pass->regex = y->flags & WSR_LAYER_GLOB || y->regex == WSR_NONE ? lower_regex(l, n, node_arg(section, 0), name, false) : y->regex;
		return pass->regex != WSR_NONE;
	}
	struct wsr_str from = arg_str(n, 0);
	if (arg & AP_MATCH) {
		pass->regex = lower_regex(l, n, node_arg(n, 0), from, false);
		return pass->regex != WSR_NONE;
	}
	if (from.len == 0 || from.ptr[0] != '/')
		diag_at(l->cc, CHECK_ROUTE_UNREACHABLE, node_arg(n, 0)->span, "'%s' never fits: paths begin with '/'", diag_quote(l->cc, from.ptr, from.len));
	pass->from = plan_str(l->plan, from);
	return true;
}

/* Where it goes. @return false after an error. */
static bool pass_target(struct lower *l, struct level *lv, const struct node *n, unsigned at, struct wsr_pass *pass, struct apache_url *u)
{
	struct apache_parameters p;
	apache_parameters_init(&p);
	bool captures = pass->regex != WSR_NONE;
	apache_parameters_read(l, n, at + 1, u->balancer, &p);
	pass->flags = p.pass_flags;
	pass->target = apache_substitution(l, u->text, captures, false);
	if (pass->flags & WSR_PASS_INTERPOLATE) {
		pass->live_from = apache_substitution(l, plan_text(l->plan, pass->from), false, true);
		pass->live_target = apache_substitution(l, u->text, captures, true);
	}
	struct wsr_str constant;
	if (captures && plan_tmpl_constant(l->plan, pass->target, &constant))
		pass->flags |= WSR_PASS_APPEND;
	pass->worker = apache_worker(l, lv, n, u, &p);
	if (u->variable) {
		struct wsr_proxy proxy = { .flags = WSR_PROXY_VARIABLES | u->flags, .upstream = WSR_NONE, .url = pass->target };
		pass->proxy = plan_record_at(l->plan, &l->plan->proxy, &proxy, offsetof(struct wsr_proxy, pos), lower_place(l, n->span));
		return true;
	}
	if (pass->worker == WSR_NONE)
		return false;
	const struct wsr_worker *w = apache_worker_at(lv->section->host, pass->worker);
	uint32_t upstream = ((const struct wsr_proxy *)pool_at(&l->plan->proxy, w->proxy))->upstream;
	pass->proxy = u->balancer ? w->proxy : apache_proxy(l, n, u, upstream);
	if (captures || pass->flags & WSR_PASS_INTERPOLATE || apache_worker_ambiguous(l, lv->section->host, u->text))
		pass->flags |= WSR_PASS_LOOKUP;
	return true;
}

void lower_ap_proxy_pass(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_pass pass = { .proxy = WSR_NONE, .target = WSR_NONE, .worker = WSR_NONE };
	unsigned at = in_host(lv);
	struct apache_url u = { 0 };
	if (node_arg_count(n) <= at || (!in_host(lv) && arg_str(n, 0).len && arg_str(n, 0).ptr[0] == '/')) {
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, n->words[0].span, in_host(lv) ? "'%.*s' needs a path and a target here" :
			"'%.*s' takes its path from the section: only the target is written here", (int)n->words[0].len, n->words[0].text);
		return;
	}
	const struct word *target = node_arg(n, at);
	if (!pass_source(l, lv, n, arg, &pass))
		return;
	if (word_is(target, "!")) {
		pass.flags = WSR_PASS_EXCLUDE;
	} else if (!apache_url_read(l, target, pass.regex != WSR_NONE, apache_is_interpolated(n), &u) || !pass_target(l, lv, n, at, &pass, &u)) {
		return;
	}
	if (pass.regex == WSR_NONE && !(pass.flags & WSR_PASS_EXCLUDE))
		check_join(l, n, target, plan_text(l->plan, pass.from), &u);
	if (!in_host(lv)) {
		lv->section->layer.pass = plan_record_at(l->plan, &l->plan->pass, &pass, offsetof(struct wsr_pass, pos), lower_place(l, n->span));
		return;
	}
	if (pass.regex == WSR_NONE)
		check_reached(l, lv->section->host, n, &pass, u.flags & WSR_PROXY_WS);
	apache_push(l, &lv->section->host->passes, &pass, n);
}

/* --- the way back -------------------------------------------------------------------------------------------------------- */

/* The word behind both texts: "interpolate", or none. */
static bool reverse_interpolates(struct lower *l, const struct node *n, unsigned at)
{
	bool live = node_arg_count(n) > at && wsr_str_eq_nocase(arg_str(n, at), WSR_STR("interpolate"));
	if (node_arg_count(n) > at + live)
		diag_at(l->cc, CHECK_ARGUMENT, node_arg(n, at + live)->span, "'%s' is one argument too many: interpolate alone may follow here",
			diag_quote(l->cc, node_arg(n, at + live)->text, node_arg(n, at + live)->len));
	return live;
}

void lower_ap_proxy_reverse(struct lower *l, struct level *lv, const struct node *n, unsigned kind)
{
	bool cookie = kind != WSR_REVERSE_LOCATION;
	bool own_path = in_host(lv) || cookie;
	if (node_arg_count(n) <= own_path) {
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, n->words[0].span, own_path ? "'%.*s' needs two arguments" : "'%.*s' needs the backend's URL",
			(int)n->words[0].len, n->words[0].text);
		return;
	}
	/* ProxyPassReverse: what the client gets, then what the backend says; the cookie rules the other way round */
	struct wsr_str first = own_path ? arg_str(n, 0) : plan_text(l->plan, lv->section->layer.name);
	first.ptr = arena_copy(&l->cc->arena, first.ptr, first.len); /* strings of the plan move when one is added */
	struct wsr_str second = arg_str(n, own_path);
	struct wsr_reverse r = { .kind = kind, .live_internal = WSR_NONE, .live_external = WSR_NONE };
	bool live = reverse_interpolates(l, n, own_path + 1u);
	if (cookie) {
		r.internal = plan_str(l->plan, first);
		r.external = plan_str(l->plan, second);
	} else if (second.len > 11 && wsr_str_eq_nocase(wsr_str(second.ptr, 11), WSR_STR("balancer://"))) {
		apache_balancer_reverse(l, lv, n, first, second);
		return;
	} else {
		r.external = own_path ? plan_str(l->plan, first) : lv->section->layer.name;
		r.internal = plan_str(l->plan, second);
	}
	if (live) {
		r.live_internal = apache_substitution(l, plan_text(l->plan, r.internal), false, true);
		r.live_external = apache_substitution(l, plan_text(l->plan, r.external), false, true);
	}
	apache_push(l, &lv->section->reverses, &r, n);
}

/* --- settings ------------------------------------------------------------------------------------------------------------ */

/* BalancerMember and ProxySet are read by the balancer that they belong to. */
void lower_ap_balancer_member(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	lower_nothing(l, lv, n, arg);
}

void lower_ap_proxy_set(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	lower_nothing(l, lv, n, arg);
}

/* httpd 2.4 joins the lists of ProxyPass whatever the word says (mod_proxy.c: merge_proxy_config asks it for ProxyRemote alone). */
void lower_ap_pass_inherit(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv, (void)arg;
	if (word_is_nocase(node_arg(n, 0), "off"))
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, n->span, "virtual hosts have the ProxyPass rules of the main server all the same, as in httpd 2.4: move the rules into the hosts "
			"that are to have them");
}

static void put(struct level *lv, enum plan_setting cell, uint64_t v)
{
	memcpy((char *)&lv->s + plan_setting_info[cell].offset, &v, sizeof(v));
	level_mark(lv, cell);
}

void lower_ap_flag(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	(void)l;
	put(lv, (enum plan_setting)cell, wsr_str_eq_nocase(arg_str(n, 0), WSR_STR("on")));
}

/* arg: where the member lies in struct wsr_srv. */
void lower_ap_srv_flag(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint32_t on = wsr_str_eq_nocase(arg_str(n, 0), WSR_STR("on"));
	(void)l;
	if (lv->server)
		memcpy((char *)&lv->server->srv + arg, &on, sizeof(on));
}

void lower_ap_proxy_via(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	static const char *const words[] = { "off", "on", "full", "block" };
	(void)l;
	(void)arg;
	for (uint64_t i = 0; i < 4; i++)
		if (wsr_str_eq_nocase(arg_str(n, 0), wsr_cstr(words[i])))
			put(lv, SET_via, i);
}

/* A number of whole seconds, read as httpd does: what stands behind the digits does not count. */
static bool leading_seconds(struct lower *l, const struct node *n, uint64_t *ms)
{
	struct wsr_str s = arg_str(n, 0);
	uint64_t seconds = 0;
	size_t digits = 0;
	while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
		digits++;
	if (!value_uint(wsr_str(s.ptr, digits), &seconds) || seconds == 0 || seconds > 1000000) {
		diag_at(l->cc, CHECK_DURATION, node_arg(n, 0)->span, "'%s' is no number of seconds from 1 to 1000000", diag_quote(l->cc, s.ptr, s.len));
		return false;
	}
	if (digits < s.len)
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, node_arg(n, 0)->span, "'%s' is read as %llu seconds, as in httpd: what stands behind the digits does not count",
			diag_quote(l->cc, s.ptr, s.len), (unsigned long long)seconds);
	*ms = seconds * 1000;
	return true;
}

/* Timeout is also the backend's, as long as no ProxyTimeout is given here or around. */
void lower_ap_timeout(struct lower *l, struct level *lv, const struct node *n, unsigned proxy_only)
{
	uint64_t ms;
	if (!leading_seconds(l, n, &ms))
		return;
	if (!proxy_only) {
		put(lv, SET_client_body_timeout_ms, ms);
		put(lv, SET_send_timeout_ms, ms);
		if (lv->section->host->proxy_timeout || (lv->section->host->main && lv->section->host->main->proxy_timeout))
			return;
	} else {
		lv->section->host->proxy_timeout = true;
	}
	put(lv, SET_proxy_read_timeout_ms, ms);
	put(lv, SET_proxy_send_timeout_ms, ms);
	put(lv, SET_proxy_connect_timeout_ms, ms);
}

/* ProxyErrorOverride On [status ...] */
void lower_ap_error_override(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	wsr_sref statuses[64];
	uint32_t count = 0;
	(void)arg;
	bool on = wsr_str_eq_nocase(arg_str(n, 0), WSR_STR("on"));
	for (unsigned i = 1; i < node_arg_count(n); i++) {
		uint64_t status = 0;
		if (!value_uint(arg_str(n, i), &status) || status < 400 || status > 599)
			diag_at(l->cc, CHECK_VALUE, node_arg(n, i)->span, "'%s' is no status from 400 to 599", diag_quote(l->cc, node_arg(n, i)->text, node_arg(n, i)->len));
		else if (count < 64)
			statuses[count++] = plan_str(l->plan, arg_str(n, i));
	}
	put(lv, SET_proxy_intercept_errors, on);
	lv->s.proxy.override_statuses = pool_run(&l->plan->str_item, statuses, count);
	level_mark(lv, SET_override_statuses);
}

/* ProxyWebsocketFallbackToProxyHttp Off: tunnels of ws:// targets leave ordinary requests to other rules. */
void lower_ap_ws_fallback(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l;
	(void)arg;
	lv->section->host->no_ws_fallback = wsr_str_eq_nocase(arg_str(n, 0), WSR_STR("off"));
}
