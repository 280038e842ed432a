/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses and names of Apache configuration (httpd: server/vhost.c). In: Listen lines, the addresses of <VirtualHost> and the names of the hosts. Out: listen
 * records, each with the hosts that it can lead to.
 *
 * A host with the very address comes before those with "*"; within one set the first host in the text whose ServerName or ServerAlias fits wins, and the
 * first host of the set takes what fits none. Addresses that lead to no host lead to the main server. Without Listen the hosts' addresses are listened on.
 */
#include <arpa/inet.h>

#include "compiler/address.h"
#include "compiler/apache_host.h"
#include "compiler/value.h"
#include "compiler/fix.h"

/* One address of a <VirtualHost>, or a Listen. */
struct place {
	struct apache_vhost *vhost; /* NULL: a Listen */
	const struct node *node;
	const struct word *word;
	uint8_t family;             /* 4, 6; 0 = every address */
	uint8_t bytes[16];
	uint16_t port;              /* 0 = every port */
};

/* --- reading ------------------------------------------------------------------------------------------------------------- */

static bool bad_address(struct lower *l, const struct word *w, const char *why)
{
	diag_at(l->cc, CHECK_ADDRESS, w->span, "%s in '%s'", why, diag_quote(l->cc, w->text, w->len));
	return false;
}

static bool is_every_address(struct wsr_str host)
{
	return wsr_str_eq(host, WSR_STR("*")) || wsr_str_eq_nocase(host, WSR_STR("_default_"));
}

/* "*:80", "_default_:443", "10.0.0.1", "[::1]:8080", "*", "*:*". */
static bool read_place(struct lower *l, const struct word *w, struct place *p)
{
	struct wsr_str s = word_str(w);
	const char *colon = s.len && s.ptr[s.len - 1] != ']' ? memrchr(s.ptr, ':', s.len) : NULL;
	struct wsr_str host = colon ? wsr_str(s.ptr, (size_t)(colon - s.ptr)) : s, port = colon ? wsr_str(colon + 1, s.len - host.len - 1) : WSR_STR("*");
	struct address a;
	if (is_every_address(host)) {
		if (wsr_str_eq(port, WSR_STR("*")))
			return true;
		const char *wrong = address_parse(port, ADDRESS_LISTEN, 80, &a);
		if (wrong || a.kind == WSR_PEER_NAME || a.kind == WSR_PEER_UNIX)
			return bad_address(l, w, "no port");
		p->port = a.port;
		return true;
	}
	const char *wrong = address_parse(wsr_str_eq(port, WSR_STR("*")) && colon ? host : s, 0, 1, &a);
	if (wrong || a.kind == WSR_PEER_UNIX)
		return bad_address(l, w, wrong ? wrong : "no address");
	if (a.kind == WSR_PEER_NAME)
		return bad_address(l, w, "host names are not looked up when compiling: write an address");
	p->family = a.kind == WSR_PEER_IPV6 ? 6 : 4;
	memcpy(p->bytes, a.bytes, sizeof(p->bytes));
	p->port = a.no_port ? 0 : a.port;
	return true;
}

uint16_t apache_first_port(const struct node *vhost)
{
	struct wsr_str s = node_arg_count(vhost) ? arg_str(vhost, 0) : WSR_STR_NULL;
	const char *colon = s.len && s.ptr[s.len - 1] != ']' ? memrchr(s.ptr, ':', s.len) : NULL;
	uint64_t port;
	return colon && value_uint(wsr_str(colon + 1, s.len - (size_t)(colon + 1 - s.ptr)), &port) && port <= 65535 ? (uint16_t)port : 0;
}

static void vhost_places(struct lower *l, struct pool *places, struct apache_vhost *v)
{
	for (unsigned i = 0; i < node_arg_count(v->node); i++) {
		struct place p = { .vhost = v, .node = v->node, .word = node_arg(v->node, i) };
		if (read_place(l, p.word, &p))
			pool_push(places, &p);
	}
}

/* Listen [address:]port [protocol] */
static void listen_places(struct lower *l, struct pool *places)
{
	NODE_EACH_CHILD(n, l->cc->root) {
		if (!n->def || n->bad || strcmp(n->def->name, "Listen") != 0)
			continue;
		struct place p = { .node = n, .word = node_arg(n, 0) };
		struct address a;
		const char *wrong = address_parse(arg_str(n, 0), ADDRESS_LISTEN, 80, &a);
		if (!wrong && (a.kind == WSR_PEER_NAME || a.kind == WSR_PEER_UNIX))
			wrong = "an address and a port, or a port alone, is wanted";
		if (!wrong && a.no_port)
			wrong = "the port is missing";
		if (wrong) {
			bad_address(l, p.word, wrong);
			continue;
		}
		p.family = a.wildcard && a.kind == WSR_PEER_IPV4 ? 0 : a.kind == WSR_PEER_IPV6 ? 6 : 4;
		memcpy(p.bytes, a.bytes, sizeof(p.bytes));
		p.port = a.port;
		pool_push(places, &p);
	}
}

/* --- names --------------------------------------------------------------------------------------------------------------- */

/* Names on one address while they are collected. */
struct names {
	struct plan_table exact;
	struct pool regexes;        /* struct wsr_name_regex */
};

/* "*.example.?" as an expression; names come in lower case. */
static uint32_t wildcard(struct lower *l, const struct node *n, const struct word *w)
{
	char *text = arena_alloc(&l->cc->arena, 4u * w->len + 8);
	size_t len = 0;
	text[len++] = '^';
	for (uint32_t i = 0; i < w->len; i++) {
		char c = (char)wsr_lower((unsigned char)w->text[i]);
		if (c == '*' || c == '?') {
			text[len++] = '.';
			if (c == '*')
				text[len++] = '*';
		} else {
			if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
				text[len++] = '\\';
			text[len++] = c;
		}
	}
	memcpy(text + len, "\\z", 2);
	return lower_regex(l, n, w, wsr_str(text, len + 2), false);
}

static bool has_wildcard(struct wsr_str s)
{
	return memchr(s.ptr, '*', s.len) || memchr(s.ptr, '?', s.len);
}

static void add_name(struct lower *l, struct names *b, struct wsr_str name, const struct apache_vhost *v)
{
	if (name.len)
		plan_table_add(&b->exact, l->plan, plan_str_lower(l->plan, name), v->server); /* of two hosts with one name the first is found */
}

static void add_names(struct lower *l, struct names *b, const struct apache_vhost *v)
{
	add_name(l, b, v->name, v);
	NODE_EACH_CHILD(n, v->node) {
		if (!n->def || n->bad || strcmp(n->def->name, "ServerAlias") != 0)
			continue;
		for (unsigned i = 0; i < node_arg_count(n); i++) {
			if (!has_wildcard(arg_str(n, i))) {
				add_name(l, b, arg_str(n, i), v);
				continue;
			}
			struct wsr_name_regex r = { wildcard(l, n, node_arg(n, i)), v->server };
			if (r.regex != WSR_NONE)
				pool_push(&b->regexes, &r);
		}
	}
}

static uint32_t count_names(const struct apache_vhost *v)
{
	uint32_t count = 1;
	NODE_EACH_CHILD(n, v->node)
		count += n->def && !n->bad && strcmp(n->def->name, "ServerAlias") == 0 ? node_arg_count(n) : 0;
	return count;
}

static uint32_t make_nameset(struct lower *l, struct apache_vhost *const *hosts, uint32_t n)
{
	struct names b;
	uint32_t count = 0;
	for (uint32_t i = 0; i < n; i++)
		count += count_names(hosts[i]);
	plan_table_init(&b.exact, count);
	pool_init(&b.regexes, sizeof(struct wsr_name_regex));
	for (uint32_t i = 0; i < n; i++)
		add_names(l, &b, hosts[i]);
	struct wsr_nameset set = { .flags = WSR_NAMESET_ORDERED };
	set.regexes = pool_run(&l->plan->name_regex, b.regexes.data, b.regexes.count);
	set.exact = plan_table_done(&b.exact, &l->plan->name_slot);
	pool_free(&b.regexes);
	return pool_push(&l->plan->nameset, &set);
}

/* --- listening ----------------------------------------------------------------------------------------------------------- */

struct listening {
	struct lower *l;
	struct apache_vhosts *all;
	const struct pool *places;
	struct apache_vhost **hosts; /* room for the hosts of one address */
	uint32_t made;
};

static bool same_address(const struct place *a, const struct place *b)
{
	return a->family && a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0;
}

/* The hosts that an address leads to: with the very address, or else with every address. @return their number */
static uint32_t hosts_of(const struct listening *g, const struct place *at, struct apache_vhost **out)
{
	uint32_t n = 0;
	for (int exact = 1; exact >= 0 && n == 0; exact--)
		for (uint32_t i = 0; i < g->places->count; i++) {
			const struct place *p = pool_at(g->places, i);
			if (!p->vhost || (p->port && p->port != at->port) || (exact ? !same_address(p, at) : p->family != 0))
				continue;
			if (n == 0 || out[n - 1] != p->vhost)
				out[n++] = p->vhost;
		}
	return n;
}

static void check_tls(struct lower *l, struct apache_vhost *const *hosts, uint32_t n, const struct place *at)
{
	for (uint32_t i = 1; i < n; i++) {
		if (hosts[i]->tls == hosts[0]->tls)
			continue;
		struct diag *d = diag_at(l->cc, CHECK_TLS_MIXED, node_head_span(hosts[i]->node), "hosts with and without 'SSLEngine on' share port %u", at->port);
		diag_note(l->cc, d, node_head_span(hosts[0]->node), hosts[0]->tls ? "this one decides: the port speaks TLS, with this certificate for hosts that have none" :
			"this one decides: the port speaks clear text, and certificates of other hosts are not used");
	}
}

static bool exists(const struct lower *l, wsr_sref text)
{
	for (uint32_t i = 0; i < l->plan->listen.count; i++)
		if (((const struct wsr_listen *)pool_at(&l->plan->listen, i))->text == text)
			return true;
	return false;
}

/* A host with certificates, alone on its address, that does not say no. */
static void fix_engine(struct lower *l, struct diag *d, const struct node *host)
{
	const struct node *certificate = NULL;
	if (!host || !host->parent)
		return;
	NODE_EACH_CHILD(n, host) {
		if (n->def && strcmp(n->def->name, "SSLEngine") == 0)
			return;
		if (n->def && strcmp(n->def->name, "SSLCertificateFile") == 0)
			certificate = n;
	}
	if (certificate)
		fix_line_behind(l->cc, d, host, certificate, "SSLEngine on");
}

/* RemoteIPProxyProtocol of an address: what the last of its hosts says, or else the main server. */
static bool takes_preface(const struct apache_vhost *main_server, struct apache_vhost *const *hosts, uint32_t n)
{
	bool on = main_server->host.proxy_protocol;
	for (uint32_t i = 0; i < n; i++)
		if (hosts[i]->host.proxy_protocol_said)
			on = hosts[i]->host.proxy_protocol;
	return on;
}

/* One record. family: 4 or 6; zero bytes are the wildcard. */
static void listen_record(struct listening *g, const struct place *at, uint8_t family)
{
	struct lower *l = g->l;
	char text[INET6_ADDRSTRLEN];
	static const uint8_t zero[16];
	inet_ntop(family == 6 ? AF_INET6 : AF_INET, at->bytes, text, sizeof(text));
	wsr_sref ref = plan_str(l->plan, wsr_cstr(arena_printf(&l->cc->arena, family == 6 ? "[%s]:%u" : "%s:%u", text, at->port)));
	if (exists(l, ref))
		return;
	struct apache_vhost **hosts = g->hosts;
	uint32_t n = hosts_of(g, at, hosts);
	if (n == 0)
		hosts[n++] = &g->all->main_server;
	check_tls(l, hosts, n, at);
	for (uint32_t i = 0; i < n; i++)
		hosts[i]->reached = true;
	struct wsr_listen record = {
		.text = ref, .family = family, .port = at->port, .backlog = -1, .default_server = hosts[0]->server, .pos = lower_pos(l, at->node),
		.flags = (hosts[0]->tls ? WSR_LISTEN_TLS : 0) | (memcmp(at->bytes, zero, sizeof(zero)) == 0 ? WSR_LISTEN_WILDCARD : 0) |
			 (family == 6 ? WSR_LISTEN_IPV6ONLY : 0),
	};
	if (takes_preface(&g->all->main_server, hosts, n))
		record.flags |= WSR_LISTEN_PROXY_PROTOCOL | WSR_LISTEN_PROXY_CLIENT;
	memcpy(record.addr, at->bytes, sizeof(record.addr));
	record.nameset = make_nameset(l, hosts, n);
	if (!record.flags || !(record.flags & WSR_LISTEN_TLS))
		if (record.port == 443)
			fix_engine(l, diag_at(l->cc, CHECK_TLS_LISTEN_PLAIN, at->word->span, "clear text on port 443: 'SSLEngine on' is missing"), n == 1 ? hosts[0]->node : NULL);
	pool_push(&l->plan->listen, &record);
	g->made++;
}

/* A wildcard listens for the hosts' own addresses too: they lead elsewhere. */
static void listen_at(struct listening *g, const struct place *at)
{
	if (at->family) {
		listen_record(g, at, at->family);
		return;
	}
	listen_record(g, at, 4);
	for (uint32_t i = 0; i < g->places->count; i++) {
		struct place p = *(const struct place *)pool_at(g->places, i);
		if (!p.vhost || !p.family || (p.port && p.port != at->port))
			continue;
		p.port = at->port;
		listen_record(g, &p, p.family);
	}
}

void apache_listens(struct lower *l, struct apache_vhosts *all)
{
	struct pool places;
	struct listening g = { .l = l, .all = all, .places = &places };
	pool_init(&places, sizeof(struct place));
	listen_places(l, &places);
	uint32_t listens = places.count;
	for (struct apache_vhost *v = all->first; v; v = v->next)
		vhost_places(l, &places, v);
	g.hosts = arena_alloc(&l->cc->arena, ((size_t)places.count + 1) * sizeof(struct apache_vhost *));
	for (uint32_t i = 0; i < (listens ? listens : places.count); i++) {
		const struct place *p = pool_at(&places, i);
		if (p->port)
			listen_at(&g, p);
	}
	if (!listens && !g.made && !diag_failed(l->cc))
		diag_at(l->cc, CHECK_NO_LISTEN, SPAN_NONE, "no 'Listen', and no <VirtualHost> with a port: the table listens nowhere");
	for (struct apache_vhost *v = all->first; v; v = v->next)
		if (!v->reached && g.made)
			diag_at(l->cc, CHECK_HOST_UNREACHABLE, node_head_span(v->node), "no 'Listen' leads to this host: httpd never uses it");
	pool_free(&places);
}
