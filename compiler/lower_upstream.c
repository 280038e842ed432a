/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where requests go: upstream groups and proxy_pass. A host that names no group becomes an implicit upstream with one peer; equal ones are
 * stored once. Nothing is resolved here: names are the daemon's business.
 */
#include "compiler/address.h"
#include "compiler/lower.h"
#include "compiler/value.h"

#define GROUP_KEY(ref) ((uint64_t)(ref) << 2)
#define IMPLICIT_KEY(ref, tls) ((uint64_t)(ref) << 2 | 2u | (tls))

/* What nginx assumes for a group without the statement (keepalive_* count only with keepalive). */
#define KEEPALIVE_IMPLICIT 32u

struct upstream_build {
	struct wsr_upstream up;
	struct pool peers, places;
	const struct node *keepalive, *balance;
	bool httpd;                 /* the group is one of httpd's balancers */
};

static void add_peer(struct lower *l, struct upstream_build *b, const struct node *n)
{
	struct address a;
	const struct word *w = node_arg(n, 0);
	const char *wrong = address_parse(word_str(w), 0, 80, &a);
	if (wrong) {
		diag_at(l->cc, CHECK_ADDRESS, w->span, "%s in '%s'", wrong, diag_quote(l->cc, w->text, w->len));
		return;
	}
	struct wsr_peer p = {
		.host = plan_str(l->plan, a.host), .port = a.port, .kind = a.kind, .weight = 1, .max_fails = 1, .fail_timeout_ms = 10000,
		.text = plan_str(l->plan, word_str(w)),
	};
	if (b->httpd) {
		p.weight = 100;
		p.fail_timeout_ms = 60000;
	}
	for (unsigned i = 1; i < node_arg_count(n); i++) {
		struct wsr_str v;
		uint64_t u = 0;
		if (value_keyed(arg_str(n, i), "weight", &v) && value_uint(v, &u))
			p.weight = (uint32_t)u;
		else if (value_keyed(arg_str(n, i), "max_fails", &v) && value_uint(v, &u))
			p.max_fails = (uint32_t)u;
		else if (value_keyed(arg_str(n, i), "max_conns", &v) && value_uint(v, &u))
			p.max_conns = (uint32_t)u;
		else if (value_keyed(arg_str(n, i), "fail_timeout", &v) && value_duration_ms(v, true, &u))
			p.fail_timeout_ms = u;
		else if (value_keyed(arg_str(n, i), "text", &v))
			p.text = plan_str(l->plan, v);
		else if (word_is(node_arg(n, i), "backup"))
			p.flags |= WSR_PEER_BACKUP;
		else if (word_is(node_arg(n, i), "down"))
			p.flags |= WSR_PEER_DOWN;
		else if (word_is(node_arg(n, i), "resolve"))
			p.flags |= WSR_PEER_RESOLVE;
		else if (word_is(node_arg(n, i), "plain"))
			p.flags |= WSR_PEER_PLAIN;
	}
	if (p.flags & WSR_PEER_BACKUP && (b->up.balance == WSR_BALANCE_IP_HASH || b->up.balance == WSR_BALANCE_HASH || b->up.balance == WSR_BALANCE_RANDOM)) {
		struct diag *d = diag_at(l->cc, CHECK_VALUE, n->span, "the balancing method does not support 'backup'");
		diag_note(l->cc, d, b->balance->span, "the method");
	}
	struct plan_place at = lower_place(l, n->span);
	pool_push(&b->peers, &p);
	pool_push(&b->places, &at);
}

static void set_balance(struct lower *l, struct upstream_build *b, const struct node *n)
{
	static const char *const names[] = { "least_conn", "ip_hash", "random", "hash" };
	for (unsigned i = 0; i < 4; i++)
		if (node_is(n, names[i]))
			b->up.balance = WSR_BALANCE_LEAST_CONN + i;
	if (b->balance) {
		struct diag *d = diag_at(l->cc, CHECK_BALANCER_ORDER, n->span, "a second balancing method: this one is used");
		diag_note(l->cc, d, b->balance->span, "the other one stands here");
	}
	if (b->keepalive)
		diag_at(l->cc, CHECK_BALANCER_ORDER, n->span, "nginx wants the balancing method before 'keepalive'; here the order does not matter");
	b->balance = n;
	if (b->up.balance == WSR_BALANCE_HASH)
		b->up.hash_key = lower_tmpl_arg(l, n, 0);
}

static void upstream_statement(struct lower *l, struct upstream_build *b, const struct node *n)
{
	uint64_t v = 0;
	if (lowered_by(n, lower_upstream_server)) {
		add_peer(l, b, n);
	} else if (lowered_by(n, lower_upstream_keepalive)) {
		value_uint(arg_str(n, 0), &v);
		b->up.keepalive = (uint32_t)v;
		b->keepalive = n;
	} else if (lowered_by(n, lower_upstream_keepalive_requests)) {
		value_uint(arg_str(n, 0), &v);
		b->up.keepalive_requests = (uint32_t)v;
	} else if (lowered_by(n, lower_upstream_keepalive_timeout)) {
		value_duration_ms(arg_str(n, 0), false, &b->up.keepalive_timeout_ms);
	} else if (lowered_by(n, lower_upstream_keepalive_time)) {
		value_duration_ms(arg_str(n, 0), false, &b->up.keepalive_time_ms);
	} else if (lowered_by(n, lower_upstream_balance)) {
		set_balance(l, b, n);
	} else if (lowered_by(n, lower_upstream_name)) {
		b->up.name = plan_str(l->plan, arg_str(n, 0));
	} else if (lowered_by(n, lower_upstream_traffic)) {
		b->up.balance = WSR_BALANCE_TRAFFIC;
	}
}

/* Rows inside `upstream` are read by lower_upstream(); these functions are their names. */
#define READ_BY_BLOCK(name) \
	void lower_##name(struct lower *l, struct level *lv, const struct node *n, unsigned arg) { lower_nothing(l, lv, n, arg); }
READ_BY_BLOCK(upstream_server)
READ_BY_BLOCK(upstream_keepalive)
READ_BY_BLOCK(upstream_keepalive_requests)
READ_BY_BLOCK(upstream_keepalive_timeout)
READ_BY_BLOCK(upstream_keepalive_time)
READ_BY_BLOCK(upstream_balance)
READ_BY_BLOCK(upstream_httpd)
READ_BY_BLOCK(upstream_name)
READ_BY_BLOCK(upstream_traffic)

static struct wsr_upstream upstream_defaults(wsr_sref name)
{
	return (struct wsr_upstream){
		.name = name, .keepalive = KEEPALIVE_IMPLICIT, .keepalive_requests = 1000, .keepalive_timeout_ms = 60000,
		.keepalive_time_ms = 3600000, .hash_key = WSR_NONE, .pos = WSR_NONE,
	};
}

void lower_upstream(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	struct upstream_build b = { .up = upstream_defaults(plan_str_lower(l->plan, arg_str(n, 0))) };
	struct pool_entry *e = index_at(&l->upstreams, GROUP_KEY(b.up.name));
	if (e->first != WSR_NONE) {
		diag_at(l->cc, CHECK_DUPLICATE_DIRECTIVE, node_arg(n, 0)->span, "a second upstream with the name '%s'",
			diag_quote(l->cc, node_arg(n, 0)->text, node_arg(n, 0)->len));
		return;
	}
	e->first = l->plan->upstream.count; /* the record follows below; nothing else is added before it */
	pool_init(&b.peers, sizeof(struct wsr_peer));
	pool_init(&b.places, sizeof(struct plan_place));
	NODE_EACH_CHILD(c, n)
		b.httpd |= lowered_by(c, lower_upstream_httpd);
	if (b.httpd) {
		b.up.flags |= WSR_UPSTREAM_HTTPD;
		b.up.keepalive_requests = UINT32_MAX;
	}
	NODE_EACH_CHILD(c, n)
		if (c->def && !c->bad)
			upstream_statement(l, &b, c);
	bool usable = false;
	for (uint32_t i = 0; i < b.peers.count; i++)
		usable = usable || !(((struct wsr_peer *)pool_at(&b.peers, i))->flags & WSR_PEER_BACKUP);
	if (!usable)
		diag_at(l->cc, CHECK_UPSTREAM_EMPTY, n->words[0].span, "no servers are inside upstream '%s'",
			diag_quote(l->cc, node_arg(n, 0)->text, node_arg(n, 0)->len));
	b.up.peers = plan_run_at(l->plan, &l->plan->peer, b.peers.data, b.peers.count, offsetof(struct wsr_peer, pos), (struct plan_place *)b.places.data);
	pool_free(&b.peers);
	pool_free(&b.places);
	b.up.pos = lower_pos(l, n);
	pool_push(&l->plan->upstream, &b.up);
}

uint32_t lower_upstream_find(struct lower *l, struct wsr_str name)
{
	const struct pool_entry *e = index_find(&l->upstreams, GROUP_KEY(plan_str_lower(l->plan, name)));
	return e ? e->first : WSR_NONE;
}

/* The group of that name, or an upstream with this one peer. */
static uint32_t find_upstream(struct lower *l, const struct address *a, bool tls, struct wsr_str text)
{
	wsr_sref host = plan_str_lower(l->plan, a->host);
	const struct pool_entry *group = a->kind == WSR_PEER_UNIX ? NULL : index_find(&l->upstreams, GROUP_KEY(host));
	if (group)
		return group->first;
	wsr_sref name = plan_str(l->plan, text);
	struct pool_entry *e = index_at(&l->upstreams, IMPLICIT_KEY(name, tls));
	if (e->first != WSR_NONE)
		return e->first;
	/* A single peer is never marked as failed: there is no other one to ask (nginx: single). */
	struct wsr_peer p = {
		.host = plan_str(l->plan, a->host), .port = a->port, .kind = a->kind, .weight = 1, .max_fails = 0, .fail_timeout_ms = 10000,
		.text = name, .pos = WSR_NONE,
	};
	struct wsr_upstream up = upstream_defaults(name);
	up.flags = WSR_UPSTREAM_IMPLICIT;
	up.peers = pool_run(&l->plan->peer, &p, 1);
	return e->first = pool_push(&l->plan->upstream, &up);
}

struct scheme { const char *text; uint16_t port; uint32_t flags; };
static const struct scheme schemes[] = {
	{ "http://", 80, 0 }, { "https://", 443, WSR_PROXY_TLS }, { "ws://", 80, WSR_PROXY_WS }, { "wss://", 443, WSR_PROXY_WS | WSR_PROXY_TLS },
};

static const struct scheme *scheme_of(struct wsr_str url)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t len = strlen(schemes[i].text);
		if (url.len >= len && wsr_str_eq_nocase(wsr_str(url.ptr, len), wsr_cstr(schemes[i].text)))
			return &schemes[i];
	}
	return NULL;
}

/* host[:port] as nginx sends it in Host: without a port that is the scheme's own. */
static wsr_sref proxy_host(struct lower *l, const struct address *a, const struct scheme *s)
{
	if (a->kind == WSR_PEER_UNIX)
		return plan_str(l->plan, WSR_STR("localhost"));
	struct wsr_str host = a->host;
	if (a->kind == WSR_PEER_IPV6)
		host = wsr_str(host.ptr - 1, host.len + 2);
	if (a->no_port || a->port == s->port)
		return plan_str(l->plan, host);
	/* host, ":" and the port stand together in the text */
	return plan_str(l->plan, wsr_str(host.ptr, (size_t)(a->port_text.ptr + a->port_text.len - host.ptr)));
}

static void proxy_variables(struct lower *l, struct location *loc, const struct node *n, struct wsr_str url)
{
	const struct scheme *s = scheme_of(url);
	struct wsr_proxy p = { .flags = WSR_PROXY_VARIABLES | (s ? s->flags : 0), .upstream = WSR_NONE, .url = lower_tmpl_arg(l, n, 0) };
	const char *path = memchr(url.ptr, '$', url.len), *slash = memchr(path, '/', (size_t)(url.ptr + url.len - path));
	if (s && slash && !memchr(slash, '$', (size_t)(url.ptr + url.len - slash)))
		diag_at(l->cc, CHECK_PROXY_URI_DROPPED, node_arg(n, 0)->span,
			"every request is sent to '%s': with variables in the target the path written here replaces path and query",
			diag_quote(l->cc, slash, (size_t)(url.ptr + url.len - slash)));
	loc->proxy_url = wsr_str("", 0);
	loc->proxy = plan_record_at(l->plan, &l->plan->proxy, &p, offsetof(struct wsr_proxy, pos), lower_place(l, n->span));
}

static bool plain_path(const struct location *loc)
{
	return loc->kind == WSR_LOCATION_PREFIX || loc->kind == WSR_LOCATION_EXACT;
}

/* The URI part takes the place of the location's path; "/x" with ".../" gives "//y" and takes "/xy" too. */
static void check_slashes(struct lower *l, const struct location *loc, const struct node *n, const struct address *a)
{
	if (loc->kind != WSR_LOCATION_PREFIX || a->uri.len == 0 || loc->name.len < 2)
		return;
	bool path = loc->name.ptr[loc->name.len - 1] == '/', uri = a->uri.ptr[a->uri.len - 1] == '/';
	if (path == uri || memchr(a->uri.ptr, '?', a->uri.len))
		return;
	struct diag *d = diag_at(l->cc, CHECK_PATH_SLASH_MISMATCH, node_arg(n, 0)->span, path ?
		"'%.*sa' is sent as '%.*sa': the location ends in '/' and the target's path does not" :
		"'%.*s/a' is sent as '%.*s/a': the target's path ends in '/' and the location does not", WSR_FMT(loc->name), WSR_FMT(a->uri));
	diag_note(l->cc, d, node_arg(loc->node, node_arg_count(loc->node) - 1)->span, "the location is written here");
}

void lower_proxy_pass(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	struct location *loc = lv->location;
	const struct word *w = node_arg(n, 0);
	struct wsr_str url = word_str(w);
	loc->proxy_node = n;
	if (plain_path(loc) && loc->name.len && loc->name.ptr[loc->name.len - 1] == '/')
		loc->flags |= WSR_LOCATION_AUTO_REDIRECT;
	if (lower_has_variables(url)) {
		proxy_variables(l, loc, n, url);
		return;
	}
	const struct scheme *s = scheme_of(url);
	if (!s) {
		struct diag *d = diag_at(l->cc, CHECK_PROXY_URL, w->span, "invalid URL prefix in '%s'", diag_quote(l->cc, url.ptr, url.len));
		diag_note(l->cc, d, SPAN_NONE, "the target starts with http://, https://, ws:// or wss://");
		return;
	}
	struct address a;
	struct wsr_str rest = wsr_str(url.ptr + strlen(s->text), url.len - strlen(s->text));
	const char *wrong = address_parse(rest, ADDRESS_URI, s->port, &a);
	if (wrong) {
		diag_at(l->cc, CHECK_PROXY_URL, w->span, "%s in '%s'", wrong, diag_quote(l->cc, url.ptr, url.len));
		return;
	}
	if (a.uri.len && !plain_path(loc)) {
		diag_at(l->cc, CHECK_PROXY_URL, w->span, "'proxy_pass' cannot have the path '%s' here: inside a location given by a regular expression, "
			"a named location or 'if' there is no path that it could replace", diag_quote(l->cc, a.uri.ptr, a.uri.len));
		return;
	}
	check_slashes(l, loc, n, &a);
	struct wsr_proxy p = {
		.flags = s->flags, .host = proxy_host(l, &a, s), .uri = a.uri.len ? plan_str(l->plan, a.uri) : 0, .url = WSR_NONE, .port = a.port,
	};
	struct wsr_str target = wsr_str(rest.ptr, rest.len - a.uri.len);
	if (a.kind == WSR_PEER_UNIX)
		target = wsr_str(rest.ptr, strlen("unix:") + a.host.len);
	p.upstream = find_upstream(l, &a, s->flags & WSR_PROXY_TLS, target);
	const struct wsr_upstream *up = pool_at(&l->plan->upstream, p.upstream);
	if (!(up->flags & WSR_UPSTREAM_IMPLICIT)) {
		p.flags |= WSR_PROXY_UPSTREAM_GROUP;
		if (!a.no_port)
			diag_at(l->cc, CHECK_PROXY_URL, w->span, "the upstream group '%s' may not have a port", diag_quote(l->cc, a.host.ptr, a.host.len));
	}
	loc->proxy_url = url;
	loc->proxy_uri_len = (uint16_t)(a.uri.len < UINT16_MAX ? a.uri.len : UINT16_MAX);
	loc->proxy_location = plain_path(loc) ? loc->name : wsr_str("", 0);
	loc->proxy = plan_record_at(l->plan, &l->plan->proxy, &p, offsetof(struct wsr_proxy, pos), lower_place(l, n->span));
}
