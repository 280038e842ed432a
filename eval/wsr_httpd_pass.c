/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ProxyPass and what follows from it: which rule takes a request, the URL of the backend, its worker, the PROXY decision. In: the normalised path and the host's rules. Out: e->httpd->pass and path, e->decision.
 *
 * Choice and mapping are textual and in file order (mod_proxy.c: proxy_trans, ap_proxy_trans_match); the path that goes on is the decoded one, encoded
 * again, so it is one request target whatever the client sent.
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"
#include "eval/wsr_url.h"

/* --- upgrades ------------------------------------------------------------------------------------------------------------ */

static bool is_ws_url(struct wsr_str url)
{
	return wsr_starts_with(url, WSR_STR("ws://")) || wsr_starts_with(url, WSR_STR("wss://"));
}

/* What a worker, or a member of a balancer, has to say about a request that it gets. */
struct terms {
	bool ws, any_upgrade, no_fallback;
	struct wsr_str upgrade;
	uint64_t timeout_ms, connect_timeout_ms;
};

static struct terms worker_terms(struct wsr_eval *e, const struct wsr_worker *w, bool ws)
{
	if (!w)
		return (struct terms){ .ws = ws };
	return (struct terms){ .ws = ws, .any_upgrade = w->flags & WSR_WORKER_UPGRADE_ANY, .no_fallback = w->flags & WSR_WORKER_NO_FALLBACK,
			       .upgrade = wsr_string(e->table, w->upgrade), .timeout_ms = w->timeout_ms, .connect_timeout_ms = w->connect_timeout_ms };
}

/* May the client's Upgrade token open a tunnel? ws:// targets take "websocket" unless upgrade= says otherwise. */
static bool token_allowed(const struct terms *t, struct wsr_str token)
{
	struct wsr_str upgrade = t->upgrade.len ? t->upgrade : t->ws ? WSR_STR("websocket") : WSR_STR_NULL;
	return t->any_upgrade || (upgrade.len && wsr_str_eq_nocase(token, upgrade));
}

/*
 * httpd looks at Upgrade alone, not at Connection. Only GET without a body asks for a tunnel; anything else goes on as an ordinary request, without Upgrade. A
 * handshake without a valid key is passed on, but no 101 can prove itself to it.
 */
static bool wants_tunnel(const struct wsr_eval *e, const struct terms *t, struct wsr_str *protocol)
{
	const struct wsr_head *h = e->request;
	if (!h || e->error_page || h->upgrade.len == 0 || h->framing != WSR_FRAMING_NONE || !wsr_str_eq(h->method, WSR_STR("GET")))
		return false;
	if (!wsr_is_token(h->upgrade) && !memchr(h->upgrade.ptr, '/', h->upgrade.len))
		return false;
	if (memchr(h->upgrade.ptr, ',', h->upgrade.len) || !token_allowed(t, h->upgrade))
		return false;
	*protocol = t->ws && t->no_fallback ? WSR_STR("WebSocket") : h->upgrade; /* the old tunnel has its own spelling */
	return true;
}

/* --- workers ------------------------------------------------------------------------------------------------------------- */

static const struct wsr_worker *worker_at(struct wsr_eval *e, uint32_t ordinal)
{
	return ordinal == WSR_NONE ? NULL : wsr_worker_at(e->table, e->httpd->host->workers.first + ordinal);
}

/* The worker whose URL is the longest beginning of this one (ap_proxy_get_worker_ex). */
static const struct wsr_worker *find_worker(struct wsr_eval *e, struct wsr_str url)
{
	const struct wsr_worker *best = NULL;
	size_t best_len = 0;
	for (uint32_t i = 0; i < e->httpd->host->workers.count; i++) {
		struct wsr_str own = wsr_string(e->table, worker_at(e, i)->url);
		if (own.len < best_len || !wsr_starts_with(url, own))
			continue;
		best = worker_at(e, i);
		best_len = own.len;
	}
	return best;
}

/* --- choice -------------------------------------------------------------------------------------------------------------- */

/* The target as it came; of a subrequest or a request that starts over, what was asked for then (r->unparsed_uri). */
static bool raw_uri(struct wsr_eval *e, struct wsr_str *out)
{
	*out = e->httpd->raw;
	return out->ptr || wsr_var_value(e, WSR_V_REQUEST_URI, WSR_STR_NULL, out);
}

/* Raw path and query behind what a rule took; false when the raw path does not begin with the same. */
static bool raw_rest(struct wsr_eval *e, struct wsr_str from, size_t taken, struct wsr_str *out)
{
	struct wsr_str raw;
	if (!raw_uri(e, &raw) || wsr_httpd_prefix(raw, from) != taken)
		return false;
	*out = wsr_from(raw, taken);
	return true;
}

static void take(struct wsr_eval *e, const struct wsr_pass *pass, struct wsr_str url)
{
	struct wsr_httpd *h = e->httpd;
	h->pass = pass;
	h->mapped = WSR_MAPPED_PROXY;
	h->path = url;
	wsr_trace(e, pass->pos, "ProxyPass takes it", url);
}

/* Does the old tunnel of mod_proxy_wstunnel leave this request to the rules behind? */
static bool leaves_plain_requests(struct wsr_eval *e, const struct wsr_pass *pass)
{
	const struct wsr_worker *w = worker_at(e, pass->worker);
	if (!w || !(w->flags & WSR_WORKER_NO_FALLBACK) || !is_ws_url(wsr_string(e->table, w->url)))
		return false;
	return !e->request || !e->request->first[WSR_F_UPGRADE];
}

enum outcome { GO_ON, STOP, FAILED };

/* With ProxyPassInterpolateEnv the rule's texts have variables of the environment in them. */
static bool interpolates(const struct wsr_eval *e, const struct wsr_pass *pass)
{
	return pass->live_target != WSR_NONE && e->proxyset->interpolate_env;
}

static struct wsr_str target_of(struct wsr_eval *e, const struct wsr_pass *pass)
{
	return wsr_eval_tmpl(e, interpolates(e, pass) ? pass->live_target : pass->target);
}

static enum outcome try_prefix(struct wsr_eval *e, const struct wsr_pass *pass)
{
	struct wsr_str from = interpolates(e, pass) ? wsr_eval_tmpl(e, pass->live_from) : wsr_string(e->table, pass->from), rest;
	size_t taken = wsr_httpd_prefix(e->uri, from);
	if (taken == 0)
		return GO_ON;
	if (pass->flags & WSR_PASS_EXCLUDE) {
		wsr_trace(e, pass->pos, "excluded from ProxyPass", from);
		return STOP;
	}
	if (leaves_plain_requests(e, pass))
		return GO_ON;
	rest = wsr_from(e->uri, taken);
	e->httpd->nocanon = pass->flags & WSR_PASS_NOCANON && raw_rest(e, from, taken, &rest);
	take(e, pass, wsr_join2(e->arena, target_of(e, pass), rest));
	return STOP;
}

/* Do groups bring in what stands in the target itself ("$1" for $1)? httpd compares the texts to see whether there are any, so it appends the path then. */
static bool is_as_written(struct wsr_eval *e, uint32_t target)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(e->table, target);
	for (uint32_t i = 0; i < t->part_count; i++) {
		const struct wsr_part *part = wsr_part_at(e->table, t->first_part + i);
		struct wsr_str value;
		char written[] = { '$', (char)('0' + part->id), '\0' };
		if (part->kind != WSR_PART_LITERAL && !(part->kind == WSR_PART_CAPTURE && wsr_part_value(e, part, &value) && wsr_str_eq(value, wsr_cstr(written))))
			return false;
	}
	return true;
}

static enum outcome try_expression(struct wsr_eval *e, const struct wsr_pass *pass)
{
	enum wsr_match_result result = wsr_eval_match(e, pass->regex, e->uri);
	if (result == WSR_MATCH_FAILED)
		return FAILED;
	if (result == WSR_NO_MATCH)
		return GO_ON;
	if (pass->flags & WSR_PASS_EXCLUDE) {
		wsr_trace(e, pass->pos, "excluded from ProxyPass", WSR_STR_NULL);
		return STOP;
	}
	if (leaves_plain_requests(e, pass))
		return GO_ON;
	struct wsr_str raw, rest = e->uri;
	if (pass->flags & WSR_PASS_NOCANON && raw_uri(e, &raw) && wsr_eval_match(e, pass->regex, raw) == WSR_MATCH) {
		e->httpd->nocanon = true;
		rest = raw;
	}
	struct wsr_str url = target_of(e, pass);
	take(e, pass, pass->flags & WSR_PASS_APPEND || is_as_written(e, pass->target) ? wsr_join2(e->arena, url, rest) : url);
	return STOP;
}

static enum outcome try_pass(struct wsr_eval *e, uint32_t index)
{
	const struct wsr_pass *pass = wsr_pass_at(e->table, index);
	return pass->regex != WSR_NONE ? try_expression(e, pass) : try_prefix(e, pass);
}

bool wsr_httpd_pass(struct wsr_eval *e)
{
	const struct wsr_httpd *h = e->httpd;
	enum outcome outcome = GO_ON;
	for (uint32_t i = h->layer_count; i-- > 0;)
		if (h->layers[i]->pass != WSR_NONE) {
			outcome = try_pass(e, h->layers[i]->pass);
			break; /* the innermost section's rule replaces the others' */
		}
	for (uint32_t i = 0; i < h->host->passes.count && outcome == GO_ON; i++)
		outcome = try_pass(e, h->host->passes.first + i);
	if (outcome == FAILED)
		wsr_decide_status(e, 500, e->error_pos);
	return outcome == FAILED;
}

/* --- the decision -------------------------------------------------------------------------------------------------------- */

/* LimitRequestBody is never applied to what is proxied. @return false out of memory. */
static bool lift_body_limit(struct wsr_eval *e)
{
	if (e->core->client_max_body_bytes == 0)
		return true;
	struct wsr_core *core = wsr_arena_alloc(e->arena, sizeof(*core));
	if (!core)
		return false;
	*core = *e->core;
	core->client_max_body_bytes = 0;
	e->core = core;
	return true;
}

/*
 * Timeouts of the worker in place of the section's, and the silence after which a tunnel ends: the longer one of Timeout and the backend's (mod_proxy_http).
 * @return false out of memory
 */
static bool apply_timeouts(struct wsr_eval *e, const struct terms *t)
{
	struct wsr_httpd *h = e->httpd;
	if (!h->own_proxyset)
		h->own_proxyset = e->proxyset;
	e->proxyset = h->own_proxyset;
	if (!e->decision.tunnel && !t->timeout_ms && !t->connect_timeout_ms)
		return true;
	struct wsr_proxyset *p = wsr_arena_alloc(e->arena, sizeof(*p));
	if (!p)
		return false;
	*p = *e->proxyset;
	if (t->timeout_ms)
		p->proxy_connect_timeout_ms = p->proxy_read_timeout_ms = p->proxy_send_timeout_ms = t->timeout_ms;
	if (t->connect_timeout_ms)
		p->proxy_connect_timeout_ms = t->connect_timeout_ms;
	uint64_t client = e->core->send_timeout_ms;
	p->websocket_idle_timeout_ms = client > p->proxy_read_timeout_ms ? client : p->proxy_read_timeout_ms;
	e->proxyset = p;
	return true;
}

/* @return false out of memory */
static bool apply_terms(struct wsr_eval *e, const struct terms *t)
{
	e->decision.tunnel = wants_tunnel(e, t, &e->decision.protocol);
	return apply_timeouts(e, t);
}

/* May a query go on as it came, bytes from 0x80 on included? */
static bool is_sendable(struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f || s.ptr[i] == '#')
			return false;
	return true;
}

/* AllowEncodedSlashes NoDecode: "%2F" goes on as it is, unless a Location holds: httpd merges the setting away then and encodes the "%". */
static bool keeps_slashes(const struct wsr_eval *e)
{
	const struct wsr_httpd *h = e->httpd;
	for (uint32_t i = 1; i < h->layer_count; i++)
		if (h->layers[i]->kind == WSR_LAYER_LOCATION || h->layers[i]->kind == WSR_LAYER_LOCATION_MATCH)
			return false;
	return h->host->flags & WSR_HOST_SLASHES_NODECODE;
}

/* ... but then every "%" must begin an escape (ap_proxy_canonenc_ex). */
static bool has_broken_escape(struct wsr_str s)
{
	const char *scheme = memmem(s.ptr, s.len, "://", 3), *path = scheme ? memchr(scheme + 3, '/', s.len - (size_t)(scheme + 3 - s.ptr)) : NULL;
	for (size_t i = path ? (size_t)(path - s.ptr) : s.len; i < s.len; i++)
		if (s.ptr[i] == '%' && (s.len - i < 3 || !wsr_char_is(s.ptr[i + 1], WSR_C_HEX) || !wsr_char_is(s.ptr[i + 2], WSR_C_HEX)))
			return true;
	return false;
}

/* Path and query of the URL as they go to the backend. */
static struct wsr_str request_target(struct wsr_eval *e, struct wsr_str path)
{
	const struct wsr_httpd *h = e->httpd;
	struct wsr_str args = is_sendable(e->args) ? e->args : wsr_uri_escape(e->arena, e->args, WSR_ESCAPE_BROKEN);
	if (path.len == 0)
		path = WSR_STR("/");
	bool keep_2f = keeps_slashes(e);
	struct wsr_str sent = h->nocanon ? wsr_uri_escape(e->arena, path, WSR_ESCAPE_BROKEN) :
		wsr_httpd_escape(e->arena, path, keep_2f ? WSR_HTTPD_ESCAPE_PROXY_2F : WSR_HTTPD_ESCAPE_PROXY);
	/* a pass with nocanon took the query along with the raw path */
	bool query = args.ptr && !(h->pass && h->nocanon); /* "/x?" stays what it is */
	struct wsr_str parts[] = { sent, query ? WSR_STR("?") : WSR_STR_NULL, query ? args : WSR_STR_NULL };
	return wsr_join(e->arena, parts, 3);
}

static bool is_unix(struct wsr_str url, struct wsr_str *socket_path, struct wsr_str *rest)
{
	const char *bar = wsr_starts_with(url, WSR_STR("unix:")) ? memchr(url.ptr, '|', url.len) : NULL;
	if (!bar)
		return false;
	*socket_path = wsr_str(url.ptr + 5, (size_t)(bar - url.ptr) - 5);
	*rest = wsr_from(url, (size_t)(bar - url.ptr) + 1);
	return true;
}

/* "balancer://name/x": name, and "/x". */
static bool is_balancer(struct wsr_str url, struct wsr_str *path)
{
	if (!wsr_starts_with(url, WSR_STR("balancer://")))
		return false;
	const char *slash = memchr(url.ptr + 11, '/', url.len - 11);
	*path = slash ? wsr_from(url, (size_t)(slash - url.ptr)) : WSR_STR_NULL;
	return true;
}

/* Where a known rule or worker sends it: the upstream stands in the table. */
static void use_proxy(struct wsr_eval *e, const struct wsr_proxy *p)
{
	struct wsr_decision *d = &e->decision;
	d->proxy = p;
	d->upstream = p->upstream;
	d->tls = p->flags & WSR_PROXY_TLS;
	d->port = p->port;
	e->proxy_host = wsr_string(e->table, p->host);
}

/* Does a host with perhaps a port stand here? (apr_parse_addr_port) */
static bool is_host_and_port(struct wsr_str s)
{
	size_t digits = s.len;
	unsigned long port = 0;
	while (digits > 0 && s.ptr[digits - 1] >= '0' && s.ptr[digits - 1] <= '9')
		digits--;
	if (digits > 0 && s.ptr[digits - 1] == ':')
		for (size_t i = digits; i < s.len && port <= UINT16_MAX; i++)
			port = port * 10 + (unsigned long)(s.ptr[i] - '0');
	return s.len > 0 && port <= UINT16_MAX && (s.ptr[0] != '[' || memchr(s.ptr, ']', s.len));
}

/*
 * Status for a URL that leads nowhere. Without a path in the target the client's path is appended to the host's name: what httpd cannot read as a host is its 400
 * (ap_proxy_canon_netloc), and so is a query without a path; for the rest it asks the DNS and fails with 500. Where it would find such a host, or another port, we
 * answer 500 all the same: the client does not choose whom we connect to.
 */
static unsigned no_backend_status(struct wsr_str url)
{
	const char *scheme = memmem(url.ptr, url.len, "://", 3);
	struct wsr_str host = scheme ? wsr_from(url, (size_t)(scheme - url.ptr) + 3) : WSR_STR_NULL;
	const char *slash = host.len ? memchr(host.ptr, '/', host.len) : NULL;
	if (slash)
		host.len = (size_t)(slash - host.ptr);
	const char *at = host.len ? memrchr(host.ptr, '@', host.len) : NULL;
	if (at)
		host = wsr_from(host, (size_t)(at - host.ptr) + 1);
	bool cut = !at && host.len && (memchr(host.ptr, '?', host.len) || memchr(host.ptr, '#', host.len));
	return scheme && (cut || !is_host_and_port(host)) ? 400 : 500;
}

/* @return false when it is no URL that can be sent anywhere. */
static bool choose_backend(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	struct wsr_decision *d = &e->decision;
	struct wsr_str url = h->path, socket_path, path;
	bool socket = is_unix(url, &socket_path, &url);
	h->worker = h->pass && !(h->pass->flags & WSR_PASS_LOOKUP) ? worker_at(e, h->pass->worker) : find_worker(e, url);
	const struct wsr_proxy *known = h->pass ? wsr_proxy_at(e->table, h->pass->proxy) : NULL;
	if (is_balancer(url, &path)) {
		if (!h->worker || !(h->worker->flags & WSR_WORKER_BALANCER))
			return false;
		use_proxy(e, wsr_proxy_at(e->table, h->worker->proxy));
		h->group_path = path.len ? path : WSR_STR("/");
		d->target = request_target(e, h->group_path); /* until the member is known */
		return true;
	}
	struct wsr_url u = { 0 };
	if (!wsr_url_read(url, &u) || (u.uri.len && u.uri.ptr[0] == '?'))
		return false;
	bool same = known && !(known->flags & WSR_PROXY_VARIABLES);
	if (!same && h->worker) {
		known = wsr_proxy_at(e->table, h->worker->proxy);
		same = true;
	}
	struct wsr_str written = same ? wsr_string(e->table, known->host) : WSR_STR_NULL;
	same = same && ((known->flags & WSR_PROXY_TLS) != 0) == u.tls && known->port == u.port && wsr_str_eq_nocase(written, u.authority);
	if (same) {
		use_proxy(e, known);
	} else if (socket || !h->pass || wsr_proxy_at(e->table, h->pass->proxy)->flags & WSR_PROXY_VARIABLES) {
		d->host = socket ? socket_path : u.host;
		d->port = socket ? 0 : u.port;
		d->tls = u.tls;
		e->proxy_host = u.authority;
	} else {
		return false; /* the path was appended to the host's name: nobody meant to connect there */
	}
	d->target = request_target(e, u.uri);
	return true;
}

/* --- the decision itself ------------------------------------------------------------------------------------------------- */

static bool in_group(const struct wsr_httpd *h)
{
	return h->worker && h->worker->flags & WSR_WORKER_BALANCER;
}

bool wsr_httpd_fit_member(struct wsr_eval *e, uint32_t peer)
{
	const struct wsr_worker *w = e->httpd->worker;
	const struct wsr_member *m = wsr_member_at(e->table, w->members.first + peer);
	struct terms t = { .ws = m->flags & WSR_MEMBER_WS, .any_upgrade = m->flags & WSR_MEMBER_UPGRADE_ANY, .upgrade = wsr_string(e->table, m->upgrade),
			   .timeout_ms = m->timeout_ms, .connect_timeout_ms = w->connect_timeout_ms };
	e->decision.target = request_target(e, wsr_join2(e->arena, wsr_string(e->table, m->uri), e->httpd->group_path));
	return e->decision.target.ptr && apply_terms(e, &t);
}

/* Name for SNI and verification: the backend's, or the client's Host with ProxyPreserveHost. Members of a balancer have their own: none is named here. */
static struct wsr_str tls_name(struct wsr_eval *e)
{
	if (e->proxyset->preserve_host && e->host.len)
		return e->host;
	if (in_group(e->httpd))
		return WSR_STR_NULL;
	struct wsr_url u = { .authority = e->proxy_host };
	return wsr_url_authority(&u) ? u.host : e->proxy_host;
}

/* A URL that is sent as it is cannot have blanks and control characters in its path (mod_proxy_http.c: proxy_http_canon). */
static bool has_blank(struct wsr_str url)
{
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f)
			return true;
	return false;
}

void wsr_httpd_decide_proxy(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	uint32_t pos = h->pass ? h->pass->pos : h->rule ? h->rule->pos : wsr_location_at(e->table, e->location)->pos;
	struct wsr_decision *d = wsr_decide(e, WSR_DECIDE_PROXY, pos);
	d->status = 0; /* an ErrorDocument that is proxied brings its own status */
	if (h->nocanon && has_blank(h->path)) {
		wsr_trace(e, pos, "a blank or control character in a path that is not escaped", h->path);
		wsr_decide_status(e, 403, pos);
		return;
	}
	if (!h->nocanon && keeps_slashes(e) && has_broken_escape(h->path)) {
		wsr_trace(e, pos, "a percent sign that begins no escape", h->path);
		wsr_decide_status(e, 400, pos);
		return;
	}
	if (!choose_backend(e)) {
		wsr_trace(e, pos, "not a URL of a backend", h->path);
		wsr_decide_status(e, no_backend_status(h->path), pos);
		return;
	}
	if (d->tls && !e->proxyset->proxy_ssl_engine) {
		wsr_trace(e, pos, "TLS to backends is not switched on", e->proxy_host);
		wsr_decide_status(e, 500, pos);
		return;
	}
	bool iis = h->host->flags & WSR_HOST_IIS && e->proxyset->websocket != WSR_WEBSOCKET_OFF; /* ARR passes upgrades on, whatever the scheme */
	struct terms terms = worker_terms(e, h->worker, iis || is_ws_url(h->path));
	d->method = e->method;
	wsr_httpd_choose_member(e);
	bool ok = d->target.ptr && lift_body_limit(e) && (in_group(h) ? wsr_httpd_fit_member(e, d->peer == WSR_NONE ? 0 : d->peer) : apply_terms(e, &terms));
	if (!d->tunnel && terms.no_fallback && is_ws_url(h->path)) {
		wsr_decide_status(e, 426, pos);
		if (e->decision.status == 426)
			e->decision.protocol = WSR_STR("WebSocket");
		return;
	}
	if (d->tls)
		d->ssl_name = tls_name(e);
	if (!ok) {
		wsr_eval_fail(e, "out of memory", pos);
		wsr_decide_status(e, 500, pos);
		return;
	}
	wsr_trace(e, pos, d->tunnel ? "passed on, as a tunnel" : "passed on", e->proxy_host);
}
