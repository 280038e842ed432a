/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PROXY decision: which upstream, which request target, and whether the client may open a tunnel. In: a location with proxy_pass. Out:
 * e->decision; and whether what the upstream answers stands.
 *
 * A target that is not the client's own bytes (rewritten, joined, from variables) is escaped so that it stays one request target whatever the
 * variables held.
 */
#include <stdio.h>

#include "eval/wsr_chars.h"
#include "eval/wsr_flow.h"
#include "eval/wsr_uri.h"
#include "eval/wsr_url.h"

/* --- the request target -------------------------------------------------------------------------------------------------- */

/* Length of the location's prefix that a URI part replaces. */
static size_t replaced_prefix(const struct wsr_eval *e)
{
	const struct wsr_body *b = wsr_body_at(e->table, wsr_location_at(e->table, e->matched)->body);
	if (e->prefix_lost || (b->kind != WSR_LOCATION_PREFIX && b->kind != WSR_LOCATION_EXACT))
		return 0;
	size_t len = wsr_string(e->table, b->name).len;
	return len < e->uri.len ? len : e->uri.len;
}

static bool was_encoded(const struct wsr_head *h)
{
	return h && h->path.len && memchr(h->path.ptr, '%', h->path.len);
}

/* nginx: ngx_http_proxy_create_request. uri_part may be empty: then the path as it came, or, once rewritten, as it stands. */
static struct wsr_str join_target(struct wsr_eval *e, struct wsr_str uri_part)
{
	struct wsr_str raw;
	if (uri_part.len == 0 && !e->uri_changed && wsr_var_value(e, WSR_V_REQUEST_URI, WSR_STR_NULL, &raw))
		return wsr_uri_escape(e->arena, raw, WSR_ESCAPE_BROKEN);
	size_t skip = uri_part.len ? replaced_prefix(e) : 0;
	/* What the client sent unescaped and nobody changed needs only what keeps it one target. */
	enum wsr_escape_set set = e->internal || was_encoded(e->request) ? WSR_ESCAPE_PATH : WSR_ESCAPE_BROKEN;
	struct wsr_str path = wsr_uri_escape(e->arena, wsr_from(e->uri, skip), set);
	struct wsr_str args = wsr_uri_escape(e->arena, e->args, WSR_ESCAPE_BROKEN);
	struct wsr_str parts[] = { e->prefix_lost ? WSR_STR_NULL : uri_part, path, args.len ? WSR_STR("?") : WSR_STR_NULL, args };
	return wsr_join(e->arena, parts, 4);
}

/* --- a URL from variables ------------------------------------------------------------------------------------------------ */

/* The upstream block of this name; names with a port never mean one. */
static uint32_t find_group(const struct wsr_table *t, const struct wsr_url *u)
{
	for (uint32_t i = 0; !u->unix_socket && !u->has_port && i < wsr_upstream_count(t); i++) {
		const struct wsr_upstream *up = wsr_upstream_at(t, i);
		if (!(up->flags & WSR_UPSTREAM_IMPLICIT) && wsr_str_eq_nocase(wsr_string(t, up->name), u->host))
			return i;
	}
	return WSR_NONE;
}

static struct wsr_str variable_target(struct wsr_eval *e, struct wsr_str uri)
{
	if (uri.len == 0)
		return join_target(e, WSR_STR_NULL);
	struct wsr_str whole = uri;
	if (uri.ptr[0] == '?') {
		struct wsr_str parts[] = { WSR_STR("/"), uri };
		whole = wsr_join(e->arena, parts, 2);
	}
	return wsr_uri_escape(e->arena, whole, WSR_ESCAPE_BROKEN);
}

/* proxy_pass with variables. @return false after a 500. */
static bool resolve_variables(struct wsr_eval *e, const struct wsr_proxy *p)
{
	struct wsr_url u = { 0 };
	struct wsr_str text = wsr_eval_tmpl(e, p->url);
	if (e->error || !wsr_url_read(text, &u)) {
		wsr_eval_fail(e, "proxy_pass does not give a valid URL", p->pos);
		return false;
	}
	struct wsr_decision *d = &e->decision;
	d->upstream = find_group(e->table, &u);
	d->host = u.host;
	d->port = u.port;
	d->tls = u.tls;
	d->target = variable_target(e, u.uri);
	e->proxy_host = u.authority;
	if (u.has_port && u.port == (u.tls ? 443 : 80) && u.authority.ptr[0] != '[')
		e->proxy_host = u.host;
	return true;
}

/* --- tunnels ------------------------------------------------------------------------------------------------------------- */

bool wsr_is_websocket_handshake(const struct wsr_head *h)
{
	const struct wsr_field *f = h->first[WSR_F_SEC_WEBSOCKET_KEY];
	if (!f || f->value.len != 24 || f->value.ptr[22] != '=' || f->value.ptr[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++) {
		char c = f->value.ptr[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
			return false;
	}
	return true;
}

static bool allowed_protocol(const struct wsr_eval *e, struct wsr_str token, struct wsr_str *protocol)
{
	struct wsr_list list = e->proxyset->upgrade_protocols;
	*protocol = WSR_STR("websocket");
	if (list.count == 0)
		return wsr_str_eq_nocase(token, *protocol);
	for (uint32_t i = 0; i < list.count; i++) {
		*protocol = wsr_string(e->table, *wsr_str_item_at(e->table, list.first + i));
		if (wsr_str_eq_nocase(token, *protocol))
			return true;
	}
	return false;
}

/* Is this a whole and valid request for a tunnel that the route allows? Anything less is an ordinary request, without Upgrade. */
static bool wants_tunnel(const struct wsr_eval *e, struct wsr_str *protocol)
{
	const struct wsr_head *h = e->request;
	if (e->proxyset->websocket == WSR_WEBSOCKET_OFF || !h || e->error_page)
		return false;
	if (!wsr_str_eq(h->method, WSR_STR("GET")) || h->minor < 1 || !h->connection_upgrade || h->framing != WSR_FRAMING_NONE)
		return false;
	if (!allowed_protocol(e, h->upgrade, protocol))
		return false;
	return !wsr_str_eq(*protocol, WSR_STR("websocket")) || wsr_is_websocket_handshake(h);
}

/* --- the decision -------------------------------------------------------------------------------------------------------- */

/* Host of an authority, for SNI and verification. */
static struct wsr_str host_only(struct wsr_str authority)
{
	struct wsr_url u = { .authority = authority };
	return wsr_url_authority(&u) ? u.host : authority;
}

static struct wsr_str tls_name(struct wsr_eval *e)
{
	struct wsr_str name = e->proxy_host;
	if (e->proxyset->proxy_ssl_name.v != WSR_NONE)
		name = wsr_eval_tmpl(e, e->proxyset->proxy_ssl_name.v);
	return host_only(name);
}

static bool choose_target(struct wsr_eval *e, const struct wsr_proxy *p)
{
	struct wsr_decision *d = &e->decision;
	if (p->flags & WSR_PROXY_VARIABLES)
		return resolve_variables(e, p);
	d->upstream = p->upstream;
	d->tls = p->flags & WSR_PROXY_TLS;
	d->port = p->port;
	d->target = join_target(e, wsr_string(e->table, p->uri));
	e->proxy_host = wsr_string(e->table, p->host);
	return true;
}

static void upgrade_required(struct wsr_eval *e, uint32_t pos)
{
	wsr_decide_status(e, 426, pos);
	if (e->decision.status == 426)
		e->decision.protocol = WSR_STR("websocket"); /* for the Upgrade field, which 426 must have (RFC 9110 section 15.5.22) */
}

void wsr_decide_proxy(struct wsr_eval *e, const struct wsr_proxy *p)
{
	struct wsr_decision *d = wsr_decide(e, WSR_DECIDE_PROXY, p->pos);
	struct wsr_str protocol;
	bool tunnel = wants_tunnel(e, &protocol);
	if (!tunnel && e->proxyset->websocket == WSR_WEBSOCKET_ONLY) {
		upgrade_required(e, p->pos);
		return;
	}
	d->proxy = p;
	if (!choose_target(e, p) || !d->target.ptr) {
		wsr_eval_fail(e, "out of memory", p->pos);
		wsr_decide_status(e, 500, p->pos);
		return;
	}
	d->tunnel = tunnel;
	if (tunnel)
		d->protocol = protocol;
	d->method = e->method;
	if (!tunnel && e->proxyset->proxy_method.v)
		d->method = wsr_string(e->table, e->proxyset->proxy_method.v);
	if (d->tls)
		d->ssl_name = tls_name(e);
	wsr_trace(e, p->pos, tunnel ? "passed on, as a tunnel" : "passed on", e->proxy_host);
}

/* --- answers that ours take the place of --------------------------------------------------------------------------------- */

/* ProxyErrorOverride: all errors, or those it names. */
static bool is_overridden(const struct wsr_eval *e, unsigned status)
{
	struct wsr_list only = e->proxyset->override_statuses;
	char text[12];
	if (status < 400)
		return false;
	snprintf(text, sizeof(text), "%u", status);
	for (uint32_t i = 0; i < only.count; i++)
		if (wsr_str_eq(wsr_string(e->table, *wsr_str_item_at(e->table, only.first + i)), wsr_cstr(text)))
			return true;
	return only.count == 0;
}

/* proxy_intercept_errors: statuses that have an error_page. */
static bool has_error_page(const struct wsr_eval *e, unsigned status)
{
	struct wsr_list pages = e->fieldset->error_page;
	for (uint32_t i = 0; i < pages.count; i++)
		if (wsr_error_page_at(e->table, pages.first + i)->status == status)
			return true;
	return false;
}

bool wsr_eval_intercepts(const struct wsr_eval *e, unsigned status)
{
	if (!e->proxyset->proxy_intercept_errors || status < 300 || e->error_page)
		return false;
	return e->httpd ? is_overridden(e, status) : has_error_page(e, status);
}

void wsr_eval_intercepted(struct wsr_eval *e, const struct wsr_head *up)
{
	e->upstream_head = up;
	for (uint32_t i = 0; i < up->field_count && up->status == 401 && !e->challenge.len; i++)
		if (wsr_str_eq_nocase(up->fields[i].name, WSR_STR("WWW-Authenticate")))
			e->challenge = up->fields[i].value;
}
