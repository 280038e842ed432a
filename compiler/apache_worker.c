/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers and balancers: see apache_worker.h. In: targets and parameters as written. Out: upstream, proxy and worker records.
 *
 * Sharing is httpd's (ap_proxy_get_worker_ex, AH01146): a rule whose URL begins with the URL of a worker that is there already uses that one, and its own
 * parameters are lost, which is said.
 */
#include "compiler/apache_worker.h"
#include "compiler/value.h"

struct scheme { const char *text; uint16_t port; uint32_t flags; };
static const struct scheme schemes[] = {
	{ "http://", 80, 0 }, { "https://", 443, WSR_PROXY_TLS }, { "ws://", 80, WSR_PROXY_WS }, { "wss://", 443, WSR_PROXY_WS | WSR_PROXY_TLS },
};

static bool cut(struct wsr_str *s, const char *prefix)
{
	size_t len = strlen(prefix);
	if (s->len < len || !wsr_str_eq_nocase(wsr_str(s->ptr, len), wsr_cstr(prefix)))
		return false;
	*s = wsr_str(s->ptr + len, s->len - len);
	return true;
}

/* --- targets ------------------------------------------------------------------------------------------------------------- */

static void split_path(struct wsr_str rest, struct apache_url *u)
{
	const char *slash = rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
	size_t len = slash ? (size_t)(slash - rest.ptr) : rest.len;
	u->authority = wsr_str(rest.ptr, len);
	u->path = wsr_str(rest.ptr + len, rest.len - len);
}

static bool cut_socket(struct wsr_str *text, struct apache_url *u)
{
	struct wsr_str rest = *text;
	const char *bar = cut(&rest, "unix:") ? memchr(rest.ptr, '|', rest.len) : NULL;
	if (!bar)
		return false;
	u->socket = wsr_str(rest.ptr, (size_t)(bar - rest.ptr));
	*text = wsr_str(bar + 1, rest.len - u->socket.len - 1);
	return true;
}

bool apache_url_read(struct lower *l, const struct word *w, bool captures, bool environment, struct apache_url *u)
{
	struct wsr_str text = word_str(w);
	*u = (struct apache_url){ .captures = captures };
	bool socket = cut_socket(&text, u);
	u->text = text;
	struct wsr_str rest = text;
	if (cut(&rest, "balancer://")) {
		u->balancer = true;
		split_path(rest, u);
		if (u->authority.len == 0)
			diag_at(l->cc, CHECK_PROXY_URL, w->span, "'%s' names no balancer", diag_quote(l->cc, w->text, w->len));
		return u->authority.len > 0;
	}
	const struct scheme *s = NULL;
	for (size_t i = 0; !s && i < sizeof(schemes) / sizeof(*schemes); i++)
		if (cut(&rest, schemes[i].text))
			s = &schemes[i];
	if (!s) {
		struct diag *d = diag_at(l->cc, CHECK_PROXY_URL, w->span, "'%s' is no target that can be proxied here", diag_quote(l->cc, w->text, w->len));
		diag_note(l->cc, d, SPAN_NONE, "http://, https://, ws://, wss://, balancer:// and unix:PATH|http:// are; ajp, fcgi, scgi, uwsgi, h2 and ftp are not");
		return false;
	}
	u->flags = s->flags;
	split_path(rest, u);
	if ((captures && memchr(u->authority.ptr, '$', u->authority.len)) || (environment && memmem(u->authority.ptr, u->authority.len, "${", 2))) {
		u->variable = true;
		return true;
	}
	const char *wrong = address_parse(u->authority, 0, s->port, &u->address);
	if (wrong || (u->address.kind == WSR_PEER_UNIX)) {
		diag_at(l->cc, CHECK_PROXY_URL, w->span, "%s in '%s'", wrong ? wrong : "no host", diag_quote(l->cc, w->text, w->len));
		return false;
	}
	u->port = u->address.port;
	if (socket)
		u->address = (struct address){ .kind = WSR_PEER_UNIX, .host = u->socket };
	return true;
}

/* host[:port] as httpd sends it: in lower case, without the scheme's own port. */
static wsr_sref proxy_host(struct lower *l, const struct apache_url *u)
{
	uint16_t usual = u->flags & WSR_PROXY_TLS ? 443 : 80;
	struct wsr_str a = u->authority;
	for (size_t i = a.len; i-- > 0 && a.ptr[i] != ']';)
		if (a.ptr[i] == ':' && u->port == usual)
			a.len = i;
	return plan_str_lower(l->plan, a);
}

uint32_t apache_proxy(struct lower *l, const struct node *n, const struct apache_url *u, uint32_t upstream)
{
	struct wsr_proxy p = {
		.flags = u->flags, .upstream = upstream, .host = proxy_host(l, u), .uri = u->path.len ? plan_str(l->plan, u->path) : 0, .url = WSR_NONE,
		.port = u->port,
	};
	if (u->balancer)
		p.flags |= WSR_PROXY_UPSTREAM_GROUP;
	return plan_record_at(l->plan, &l->plan->proxy, &p, offsetof(struct wsr_proxy, pos), lower_place(l, n->span));
}

/* --- workers ------------------------------------------------------------------------------------------------------------- */

static uint32_t main_count(const struct apache_host *h)
{
	return h->main ? h->main->workers.records.count : 0;
}

static uint32_t worker_count(const struct apache_host *h)
{
	return main_count(h) + h->workers.records.count;
}

struct wsr_worker *apache_worker_at(struct apache_host *h, uint32_t ordinal)
{
	uint32_t base = main_count(h);
	return ordinal < base ? pool_at(&h->main->workers.records, ordinal) : pool_at(&h->workers.records, ordinal - base);
}

/* The URL as workers are compared: scheme and host in lower case. */
static struct wsr_str comparable(struct lower *l, const struct apache_url *u)
{
	char *s = arena_alloc(&l->cc->arena, u->text.len + 1);
	size_t head = u->text.len - u->path.len;
	for (size_t i = 0; i < u->text.len; i++)
		s[i] = (char)(i < head ? wsr_lower((unsigned char)u->text.ptr[i]) : u->text.ptr[i]);
	return wsr_str(s, u->text.len);
}

static bool begins(struct wsr_str s, struct wsr_str with)
{
	return s.len >= with.len && memcmp(s.ptr, with.ptr, with.len) == 0;
}

static uint32_t find_worker(struct lower *l, struct apache_host *h, struct wsr_str url)
{
	uint32_t best = WSR_NONE;
	size_t best_len = 0;
	for (uint32_t i = 0; i < worker_count(h); i++) {
		struct wsr_str own = plan_text(l->plan, apache_worker_at(h, i)->url);
		if (own.len >= best_len && begins(url, own)) {
			best = i;
			best_len = own.len;
		}
	}
	return best;
}

bool apache_worker_ambiguous(struct lower *l, struct apache_host *h, struct wsr_str url)
{
	for (uint32_t i = 0; i < worker_count(h); i++) {
		struct wsr_str own = plan_text(l->plan, apache_worker_at(h, i)->url);
		if (own.len > url.len && begins(own, url))
			return true;
	}
	return false;
}

static uint32_t add_upstream(struct lower *l, const struct node *n, struct wsr_str name, const struct wsr_peer *peers, uint32_t count, const struct plan_place *places,
			     const struct apache_parameters *p)
{
	struct wsr_upstream up = {
		.name = plan_str(l->plan, name), .balance = p->balance, .keepalive = p->keepalive, .keepalive_requests = UINT32_MAX, .keepalive_timeout_ms = 60000,
		.keepalive_time_ms = 3600000, .hash_key = WSR_NONE, .flags = WSR_UPSTREAM_HTTPD, .pos = lower_pos(l, n),
	};
	struct wsr_peer *copy = arena_alloc(&l->cc->arena, count * sizeof(*copy));
	memcpy(copy, peers, count * sizeof(*copy));
	up.peers = plan_run_at(l->plan, &l->plan->peer, copy, count, offsetof(struct wsr_peer, pos), places);
	return pool_push(&l->plan->upstream, &up);
}

static struct wsr_peer peer_of(struct lower *l, const struct apache_url *u, const struct apache_parameters *p)
{
	struct wsr_peer peer = p->peer;
	peer.host = plan_str(l->plan, u->address.host);
	peer.port = u->address.kind == WSR_PEER_UNIX ? 0 : u->address.port;
	peer.kind = u->address.kind;
	peer.text = u->address.kind == WSR_PEER_UNIX ? plan_str(l->plan, u->socket) : plan_str_lower(l->plan, u->authority);
	return peer;
}

static void note_sharing(struct lower *l, const struct node *n, const struct apache_parameters *p, struct apache_host *h, uint32_t shared)
{
	struct wsr_str url = plan_text(l->plan, apache_worker_at(h, shared)->url);
	uint32_t base = main_count(h);
	const struct apache_run *run = shared < base ? &h->main->workers : &h->workers;
	const struct plan_place *at = pool_at(&run->places, shared < base ? shared : shared - base);
	(void)n;
	struct diag *d = diag_at(l->cc, CHECK_PROXY_WORKER_SHARED, p->first->span, "this parameter is ignored: the target is served by the worker '%s' of line %u",
				 diag_quote(l->cc, url.ptr, url.len), at->line);
	diag_note(l->cc, d, SPAN_NONE, "httpd keeps parameters for the shortest URL that a rule wrote first; give them there, or put this rule before it");
}

static uint32_t balancer_worker(struct lower *l, struct apache_host *h, const struct node *n, struct wsr_str name, const struct apache_parameters *p);

uint32_t apache_worker(struct lower *l, struct level *lv, const struct node *n, const struct apache_url *u, const struct apache_parameters *p)
{
	struct apache_host *h = lv->section->host;
	if (u->variable)
		return WSR_NONE;
	if (u->balancer)
		return balancer_worker(l, h, n, u->authority, p);
	struct wsr_str url = comparable(l, u);
	const char *dollar = u->captures ? memchr(url.ptr, '$', url.len) : NULL;
	if (dollar)
		url.len = (size_t)(dollar - url.ptr);
	uint32_t shared = find_worker(l, h, url);
	if (shared != WSR_NONE) {
		if (p->first)
			note_sharing(l, n, p, h, shared);
		return shared;
	}
	struct wsr_peer peer = peer_of(l, u, p);
	struct plan_place at = lower_place(l, n->span);
	struct wsr_worker w = p->worker;
	struct apache_url own = *u;
	own.path = WSR_STR_NULL;
	w.url = plan_str(l->plan, url);
	w.proxy = apache_proxy(l, n, &own, add_upstream(l, n, u->socket.len ? u->socket : u->authority, &peer, 1, &at, p));
	if (p->keepalive == 0)
		w.flags |= WSR_WORKER_NO_REUSE;
	if (h->no_ws_fallback)
		w.flags |= WSR_WORKER_NO_FALLBACK;
	apache_push(l, &h->workers, &w, n);
	return worker_count(h) - 1;
}

/* --- balancers ----------------------------------------------------------------------------------------------------------- */

#define MEMBERS_MAX 256u

struct balancer {
	struct wsr_str name;
	struct apache_parameters own; /* of the balancer: method, sticky session */
	struct pool peers, places;
	struct wsr_member members[MEMBERS_MAX];
	bool tls[MEMBERS_MAX];
	uint32_t count;
	struct apache_url first;    /* the first member */
	struct apache_parameters member;
};

static void add_member(struct lower *l, struct balancer *b, const struct node *n, unsigned at)
{
	struct apache_url u;
	struct apache_parameters p;
	apache_parameters_init(&p);
	if (node_arg_count(n) <= at || !apache_url_read(l, node_arg(n, at), false, false, &u))
		return;
	apache_parameters_read(l, n, at + 1, false, &p);
	if (u.balancer || b->count == MEMBERS_MAX) {
		diag_at(l->cc, CHECK_PROXY_URL, node_arg(n, at)->span, u.balancer ? "a balancer cannot be a member of a balancer" : "more than 256 members in one balancer");
		return;
	}
	if (b->count == 0) {
		b->first = u;
		b->member = p;
	}
	struct wsr_peer peer = peer_of(l, &u, &p);
	struct plan_place place = lower_place(l, n->span);
	b->tls[b->count] = u.flags & WSR_PROXY_TLS;
	b->members[b->count++] = (struct wsr_member){
		.route = p.route.len ? plan_str(l->plan, p.route) : 0, .uri = u.path.len ? plan_str(l->plan, u.path) : 0, .upgrade = p.worker.upgrade,
		.flags = (u.flags & WSR_PROXY_WS ? WSR_MEMBER_WS : 0) | (p.worker.flags & WSR_WORKER_UPGRADE_ANY ? WSR_MEMBER_UPGRADE_ANY : 0),
		.timeout_ms = p.worker.timeout_ms,
	};
	pool_push(&b->peers, &peer);
	pool_push(&b->places, &place);
}

/* Name out of "balancer://name" or "balancer://name/path". @return false for another word. */
static bool balancer_name(const struct word *w, struct wsr_str *name)
{
	struct wsr_str s = word_str(w);
	if (!cut(&s, "balancer://"))
		return false;
	const char *slash = memchr(s.ptr, '/', s.len);
	*name = wsr_str(s.ptr, slash ? (size_t)(slash - s.ptr) : s.len);
	return true;
}

static bool is_for(const struct word *w, const struct balancer *b)
{
	struct wsr_str name;
	return balancer_name(w, &name) && wsr_str_eq_nocase(name, b->name);
}

static void read_section(struct lower *l, struct balancer *b, const struct node *section)
{
	NODE_EACH_CHILD(c, section) {
		if (!c->def || c->bad)
			continue;
		if (lowered_by(c, lower_ap_balancer_member))
			add_member(l, b, c, 0);
		else if (lowered_by(c, lower_ap_proxy_set))
			apache_parameters_read(l, c, 0, true, &b->own);
	}
}

/* <Proxy balancer://name>, and statements that name the balancer themselves. */
static void read_block(struct lower *l, struct balancer *b, const struct node *block)
{
	NODE_EACH_CHILD(c, block) {
		if (!c->def || c->bad || node_arg_count(c) == 0 || !is_for(node_arg(c, 0), b))
			continue;
		if (lowered_by(c, lower_ap_balancer_member))
			add_member(l, b, c, 1);
		else if (lowered_by(c, lower_ap_proxy_set))
			apache_parameters_read(l, c, 1, true, &b->own);
		else if (c->block)
			read_section(l, b, c);
	}
}

/* Parameters of ProxyPass on a balancer come over those of its section. */
static void merge_parameters(struct apache_parameters *own, const struct apache_parameters *p)
{
	if (p->has_balance)
		own->balance = p->balance;
	if (p->worker.sticky_cookie) {
		own->worker.sticky_cookie = p->worker.sticky_cookie;
		own->worker.sticky_path = p->worker.sticky_path;
	}
	own->worker.flags |= p->worker.flags & (WSR_WORKER_NO_FAILOVER | WSR_WORKER_SEMICOLON);
	if (p->worker.max_attempts)
		own->worker.max_attempts = p->worker.max_attempts;
}

/* The same for a balancer that another rule has named before. */
static void merge_into(struct lower *l, struct wsr_worker *w, const struct apache_parameters *p)
{
	struct apache_parameters own = { .worker = *w, .balance = WSR_NONE };
	merge_parameters(&own, p);
	*w = own.worker;
	if (own.balance != WSR_NONE)
		((struct wsr_upstream *)pool_at(&l->plan->upstream, ((struct wsr_proxy *)pool_at(&l->plan->proxy, w->proxy))->upstream))->balance = own.balance;
}

/* Where some members speak TLS the others are marked. @return does any? */
static bool settle_schemes(struct balancer *b)
{
	bool any = false;
	for (uint32_t i = 0; i < b->count; i++)
		any |= b->tls[i];
	for (uint32_t i = 0; any && i < b->count; i++)
		if (!b->tls[i])
			((struct wsr_peer *)pool_at(&b->peers, i))->flags |= WSR_PEER_PLAIN;
	return any;
}

static struct wsr_worker balancer_record(struct lower *l, const struct node *n, struct balancer *b)
{
	struct wsr_worker w = b->member.worker;
	w.flags |= WSR_WORKER_BALANCER | b->own.worker.flags;
	w.sticky_cookie = b->own.worker.sticky_cookie;
	w.sticky_path = b->own.worker.sticky_path;
	w.max_attempts = b->own.worker.max_attempts;
	w.members = pool_run(&l->plan->member, b->members, b->count);
	w.upgrade = 0;
	w.flags &= ~WSR_WORKER_UPGRADE_ANY;
	bool tls = settle_schemes(b);
	struct apache_parameters p = b->own;
	p.keepalive = b->member.keepalive;
	struct apache_url own = b->first;
	own.balancer = true;
	own.path = WSR_STR_NULL;
	own.flags = tls ? WSR_PROXY_TLS : 0;
	uint32_t upstream = add_upstream(l, n, b->name, (const struct wsr_peer *)(void *)b->peers.data, b->count, (const struct plan_place *)(void *)b->places.data, &p);
	w.proxy = apache_proxy(l, n, &own, upstream);
	return w;
}

static uint32_t balancer_worker(struct lower *l, struct apache_host *h, const struct node *n, struct wsr_str name, const struct apache_parameters *p)
{
	char *url = arena_alloc(&l->cc->arena, name.len + 12);
	memcpy(url, "balancer://", 11);
	for (size_t i = 0; i < name.len; i++)
		url[11 + i] = (char)wsr_lower((unsigned char)name.ptr[i]);
	for (uint32_t i = 0; i < worker_count(h); i++)
		if (wsr_str_eq(plan_text(l->plan, apache_worker_at(h, i)->url), wsr_str(url, name.len + 11))) {
			merge_into(l, apache_worker_at(h, i), p);
			return i;
		}
	struct balancer b = { .name = name };
	apache_parameters_init(&b.own);
	pool_init(&b.peers, sizeof(struct wsr_peer));
	pool_init(&b.places, sizeof(struct plan_place));
	if (h->main)
		read_block(l, &b, h->main->node);
	read_block(l, &b, h->node);
	merge_parameters(&b.own, p);
	uint32_t index = WSR_NONE;
	if (b.count == 0 && !n->block) {
		diag_at(l->cc, CHECK_UPSTREAM_EMPTY, n->span, "the balancer '%s' has no members", diag_quote(l->cc, name.ptr, name.len));
	} else if (b.count) {
		struct wsr_worker w = balancer_record(l, n, &b);
		w.url = plan_str(l->plan, wsr_str(url, name.len + 11));
		apache_push(l, &h->workers, &w, n);
		index = worker_count(h) - 1;
	}
	pool_free(&b.peers);
	pool_free(&b.places);
	return index;
}

static void reverse_rule(struct lower *l, struct level *lv, const struct node *n, struct wsr_str external, struct wsr_str a, struct wsr_str b)
{
	char *text = arena_alloc(&l->cc->arena, a.len + b.len + 1);
	memcpy(text, a.ptr, a.len);
	memcpy(text + a.len, b.ptr, b.len);
	struct wsr_reverse r = { .kind = WSR_REVERSE_LOCATION, .internal = plan_str(l->plan, wsr_str(text, a.len + b.len)), .external = plan_str(l->plan, external),
				 .live_internal = WSR_NONE, .live_external = WSR_NONE };
	apache_push(l, &lv->section->reverses, &r, n);
}

/* One member's URL takes the place of the balancer's name (ap_proxy_location_reverse_map). */
static void reverse_member(struct lower *l, struct level *lv, const struct node *n, struct wsr_str external, struct wsr_str path, struct wsr_str member)
{
	if (path.len > 1) {
		if (member.len && member.ptr[member.len - 1] == '/')
			member.len--;
		reverse_rule(l, lv, n, external, member, path);
		return;
	}
	if (wsr_str_eq(external, WSR_STR("/")) && member.len && member.ptr[member.len - 1] != '/')
		reverse_rule(l, lv, n, external, member, WSR_STR("/")); /* "/" and the rest's own slash are one */
	reverse_rule(l, lv, n, external, member, WSR_STR(""));
}

static void reverse_block(struct lower *l, struct level *lv, const struct node *n, struct wsr_str external, const struct balancer *b, struct wsr_str path, const struct node *block,
			  bool inside)
{
	NODE_EACH_CHILD(c, block) {
		unsigned at = inside ? 0 : 1;
		if (!c->def || c->bad || node_arg_count(c) == 0 || (!inside && !is_for(node_arg(c, 0), b)))
			continue;
		if (lowered_by(c, lower_ap_balancer_member) && node_arg_count(c) > at)
			reverse_member(l, lv, n, external, path, arg_str(c, at));
		else if (!inside && c->block)
			reverse_block(l, lv, n, external, b, path, c, true);
	}
}

void apache_balancer_reverse(struct lower *l, struct level *lv, const struct node *n, struct wsr_str external, struct wsr_str internal)
{
	struct apache_host *h = lv->section->host;
	struct apache_url u = { 0 };
	cut(&internal, "balancer://");
	split_path(internal, &u);
	struct balancer b = { .name = u.authority };
	if (h->main)
		reverse_block(l, lv, n, external, &b, u.path, h->main->node, false);
	reverse_block(l, lv, n, external, &b, u.path, h->node, false);
}

/* <Proxy balancer://name>, or a statement outside of one that names its balancer. */
static bool declares_balancer(const struct node *c, struct wsr_str *name)
{
	if (!c->def || c->bad || node_arg_count(c) == 0 || !balancer_name(node_arg(c, 0), name))
		return false;
	return c->block ? node_arg_count(c) == 1 : lowered_by(c, lower_ap_balancer_member);
}

void apache_balancers(struct lower *l, struct apache_host *h)
{
	struct apache_parameters none;
	struct wsr_str name;
	apache_parameters_init(&none);
	NODE_EACH_CHILD(c, h->node)
		if (declares_balancer(c, &name))
			balancer_worker(l, h, c, name, &none);
}
