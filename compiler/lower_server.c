/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers: listen, server_name, and the tables that find a server by address and name. Addresses are compared as nginx does, by their canonical
 * text; all servers of one address share its listen record, and each address has one set of names. Names and options that collide are
 * reported with both places.
 */
#include "compiler/lower_httpd.h"
#include "compiler/lower_program.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "compiler/address.h"
#include "compiler/fix.h"
#include "compiler/value.h"

/* A listening address while servers are collected. */
struct lower_listen {
	struct wsr_listen record;
	const struct node *first;   /* first listen statement of this address */
	const struct node *options; /* the one that gave socket options */
	const struct node *fallback; /* the one with default_server */
	uint32_t last_server;       /* ordinal of the last server that listens here */
	uint32_t first_use;         /* list of uses: index into lower.uses */
	uint32_t last_use;
};
/* One server on one address. */
struct listen_use { uint32_t server, next; const struct node *node; };

enum name_kind { NAME_EXACT, NAME_LEADING, NAME_TRAILING, NAME_REGEX };
struct lower_name { const struct node *node; const struct word *word; wsr_sref key; uint32_t regex; uint8_t kind; };
/* Names of one server: a range of lower.names. */
struct lower_server { const struct node *node; uint32_t first_name, name_count; bool tls, certificates, httpd; };

/* --- listen ---------------------------------------------------------------------------------------------------------- */

static const char *canonical(struct lower *l, const struct address *a, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	if (a->kind == WSR_PEER_UNIX)
		return arena_printf(&l->cc->arena, "unix:%.*s", WSR_FMT(a->host));
	inet_ntop(a->kind == WSR_PEER_IPV6 ? AF_INET6 : AF_INET, a->bytes, text, sizeof(text));
	return arena_printf(&l->cc->arena, a->kind == WSR_PEER_IPV6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* What the words behind the address say. */
struct listen_options {
	bool fallback, set, ssl;
	uint32_t flags, clear;
	int32_t backlog;
	uint32_t rcvbuf, sndbuf, fastopen;
};

/* on, off or [idle]:[interval]:[count], whose numbers are left to the system. */
static void so_keepalive(struct lower *l, const struct word *w, struct wsr_str v, struct listen_options *o)
{
	if (wsr_str_eq(v, WSR_STR("off")))
		return;
	if (!wsr_str_eq(v, WSR_STR("on")) && !memchr(v.ptr, ':', v.len))
		diag_at(l->cc, CHECK_VALUE, w->span, "invalid value '%.*s': on, off or [idle]:[interval]:[count]", WSR_FMT(v));
	o->flags |= WSR_LISTEN_KEEPALIVE;
}

static void listen_option(struct lower *l, const struct word *w, struct listen_options *o)
{
	struct wsr_str s = word_str(w), v;
	uint64_t n = 0;
	if (word_is(w, "default_server") || word_is(w, "default")) {
		o->fallback = true;
	} else if (word_is(w, "ssl")) {
		o->ssl = true;
	} else if (word_is(w, "proxy_protocol")) {
		o->flags |= WSR_LISTEN_PROXY_PROTOCOL;
	} else if (word_is(w, "proxy_protocol_httpd")) {
		o->flags |= WSR_LISTEN_PROXY_PROTOCOL | WSR_LISTEN_PROXY_CLIENT;
	} else if (word_is(w, "http2") || word_is(w, "spdy") || word_is(w, "quic")) {
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "'%.*s' is not offered yet: clients use HTTP/1.1", WSR_FMT(s));
	} else {
		o->set = true;
		if (word_is(w, "reuseport"))
			o->flags |= WSR_LISTEN_REUSEPORT;
		else if (word_is(w, "deferred"))
			o->flags |= WSR_LISTEN_DEFERRED;
		else if (value_keyed(s, "backlog", &v) && value_uint(v, &n)) {
			if (n == 0)
				diag_at(l->cc, CHECK_VALUE, w->span, "invalid backlog '%.*s'", WSR_FMT(v));
			o->backlog = (int32_t)(n < INT32_MAX ? n : INT32_MAX);
		}
		else if (value_keyed(s, "rcvbuf", &v) && value_size(v, false, &n))
			o->rcvbuf = (uint32_t)(n < UINT32_MAX ? n : UINT32_MAX);
		else if (value_keyed(s, "sndbuf", &v) && value_size(v, false, &n))
			o->sndbuf = (uint32_t)(n < UINT32_MAX ? n : UINT32_MAX);
		else if (value_keyed(s, "fastopen", &v) && value_uint(v, &n))
			o->fastopen = (uint32_t)n;
		else if (value_keyed(s, "ipv6only", &v))
			o->clear |= wsr_str_eq(v, WSR_STR("off")) ? WSR_LISTEN_IPV6ONLY : 0;
		else if (value_keyed(s, "so_keepalive", &v))
			so_keepalive(l, w, v, o);
	}
}

static uint16_t family_of(const struct address *a)
{
	return a->kind == WSR_PEER_UNIX ? 1 : a->kind == WSR_PEER_IPV6 ? 6 : 4;
}

/* Most servers listen where the one before them does: its text need not be made again. */
static struct lower_listen *same_listen(struct lower *l, const struct address *a, uint16_t port)
{
	if (l->last_listen >= l->listens.count || a->kind == WSR_PEER_UNIX)
		return NULL;
	struct lower_listen *last = pool_at(&l->listens, l->last_listen);
	const struct wsr_listen *r = &last->record;
	return r->family == family_of(a) && r->port == port && memcmp(r->addr, a->bytes, sizeof(r->addr)) == 0 ? last : NULL;
}

static struct lower_listen *find_listen(struct lower *l, const struct address *a, uint16_t port, const struct node *n, bool *is_new)
{
	struct lower_listen *same = same_listen(l, a, port);
	*is_new = false;
	if (same)
		return same;
	const char *text = canonical(l, a, port);
	wsr_sref ref = plan_str(l->plan, wsr_cstr(text));
	struct pool_entry *e = index_at(&l->listen_index, ref);
	*is_new = e->first == WSR_NONE;
	if (!*is_new)
		return pool_at(&l->listens, l->last_listen = e->first);
	struct lower_listen fresh = { .first = n, .last_server = WSR_NONE, .first_use = WSR_NONE, .last_use = WSR_NONE };
	fresh.record = (struct wsr_listen){ .text = ref, .port = port, .backlog = -1 };
	fresh.record.family = family_of(a);
	memcpy(fresh.record.addr, a->bytes, sizeof(a->bytes));
	if (a->kind == WSR_PEER_UNIX)
		fresh.record.path = plan_str(l->plan, a->host);
	else if (a->wildcard)
		fresh.record.flags |= WSR_LISTEN_WILDCARD;
	if (a->kind == WSR_PEER_IPV6)
		fresh.record.flags |= WSR_LISTEN_IPV6ONLY;
	l->last_listen = e->first = pool_push(&l->listens, &fresh);
	return pool_at(&l->listens, e->first);
}

static void conflict(struct lower *l, enum check_id check, const struct node *n, const struct node *other, const char *what, wsr_sref text)
{
	struct wsr_str address = plan_text(l->plan, text);
	struct diag *d = diag_at(l->cc, check, n->span, "%s %.*s", what, WSR_FMT(address));
	diag_note(l->cc, d, other->span, "the other one is here");
}

static void apply_options(struct lower *l, struct lower_listen *at, const struct node *n, const struct listen_options *o)
{
	if (o->set && at->options)
		conflict(l, CHECK_LISTEN_CONFLICT, n, at->options, "duplicate listen options for", at->record.text);
	if (o->fallback && at->fallback)
		conflict(l, CHECK_LISTEN_CONFLICT, n, at->fallback, "a duplicate default server for", at->record.text);
	if (o->set) {
		at->options = n;
		at->record.backlog = o->backlog;
		at->record.rcvbuf = o->rcvbuf;
		at->record.sndbuf = o->sndbuf;
		at->record.fastopen = o->fastopen;
	}
	if (o->fallback)
		at->fallback = n;
	at->record.flags |= o->flags | (o->ssl ? WSR_LISTEN_TLS : 0);
	at->record.flags &= ~o->clear;
}

static void listen_on(struct lower *l, const struct address *a, uint16_t port, const struct node *n, const struct listen_options *o)
{
	bool is_new;
	struct lower_listen *at = find_listen(l, a, port, n, &is_new);
	uint32_t server = l->current_server;
	if (at->last_server == server) {
		conflict(l, CHECK_LISTEN_CONFLICT, n, at->first, "a duplicate listen", at->record.text);
		return;
	}
	if (is_new)
		at->record.pos = lower_pos(l, n);
	apply_options(l, at, n, o);
	if (at->last_server == WSR_NONE || o->fallback)
		at->record.default_server = server;
	at->last_server = server;
	struct listen_use use = { server, WSR_NONE, n };
	uint32_t index = pool_push(&l->uses, &use);
	if (at->last_use == WSR_NONE)
		at->first_use = index;
	else
		((struct listen_use *)pool_at(&l->uses, at->last_use))->next = index;
	at->last_use = index;
}

static void read_listen(struct lower *l, const struct node *n, bool tls)
{
	struct address a;
	const struct word *w = node_arg(n, 0);
	struct listen_options o = { .backlog = -1, .ssl = tls };
	const char *wrong = address_parse(word_str(w), ADDRESS_LISTEN, 80, &a);
	if (!wrong && a.kind == WSR_PEER_NAME) {
		if (wsr_str_eq_nocase(a.host, WSR_STR("localhost"))) {
			a.kind = WSR_PEER_IPV4;
			inet_pton(AF_INET, "127.0.0.1", a.bytes);
		} else {
			wrong = "host names are not looked up when compiling: write an address";
		}
	}
	if (wrong) {
		diag_at(l->cc, CHECK_ADDRESS, w->span, "%s in '%s' of 'listen'", wrong, diag_quote(l->cc, w->text, w->len));
		return;
	}
	for (unsigned i = 1; i < node_arg_count(n); i++)
		listen_option(l, node_arg(n, i), &o);
	for (uint32_t port = a.port; port <= a.last_port; port++)
		listen_on(l, &a, (uint16_t)port, n, &o);
}

/* Rows of `listen` and `server_name` are read by server_block(), all of a server at once. */
void lower_listen(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)lv, (void)n, (void)arg;
}

void lower_server_name(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)lv, (void)n, (void)arg;
}

/* --- server_name ----------------------------------------------------------------------------------------------------- */

static void push_name(struct lower *l, const struct node *n, const struct word *w, enum name_kind kind, struct wsr_str key)
{
	struct lower_name name = { .node = n, .word = w, .kind = (uint8_t)kind, .regex = WSR_NONE };
	name.key = plan_str_lower(l->plan, key);
	pool_push(&l->names, &name);
}

static bool well_formed(struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '.' && i + 1 < s.len && s.ptr[i + 1] == '.')
			return false;
		if (s.ptr[i] == '*' && !(i == 0 && s.len > 2 && s.ptr[1] == '.') && !(i > 0 && i + 1 == s.len && s.ptr[i - 1] == '.'))
			return false;
	}
	return s.len < 2 || s.ptr[0] != '*' || s.ptr[s.len - 1] != '*';
}

static void name_regex(struct lower *l, const struct node *n, const struct word *w)
{
	struct wsr_str pattern = wsr_str(w->text + 1, w->len - 1u);
	struct lower_name name = { .node = n, .word = w, .kind = NAME_REGEX };
	bool upper = false;
	for (size_t i = 0; i < pattern.len; i++)
		upper = upper || (pattern.ptr[i] >= 'A' && pattern.ptr[i] <= 'Z');
	if (!pattern.len)
		diag_at(l->cc, CHECK_REGEX, w->span, "an empty regular expression as server name");
	/* nginx matches without regard to case when the pattern has capital letters */
	name.regex = lower_regex(l, n, w, pattern, upper);
	pool_push(&l->names, &name);
}

static void read_name(struct lower *l, const struct node *n, const struct word *w)
{
	struct wsr_str s = word_str(w);
	if (s.len && s.ptr[0] == '~') {
		name_regex(l, n, w);
		return;
	}
	if ((s.len && s.ptr[0] == '*' && (s.len < 3 || s.ptr[1] != '.')) || (s.len == 1 && s.ptr[0] == '.') || !well_formed(s)) {
		diag_at(l->cc, CHECK_SERVER_NAME, w->span, "invalid server name or wildcard '%s'", diag_quote(l->cc, s.ptr, s.len));
		return;
	}
	if (wsr_str_eq(s, WSR_STR("$hostname")))
		diag_at(l->cc, CHECK_VALUE, w->span, "the name of the machine is not known when compiling: write the name");
	if (s.len > 1 && s.ptr[0] == '.') {
		push_name(l, n, w, NAME_EXACT, wsr_str(s.ptr + 1, s.len - 1));
		push_name(l, n, w, NAME_LEADING, s);
	} else if (s.len > 2 && s.ptr[0] == '*') {
		push_name(l, n, w, NAME_LEADING, wsr_str(s.ptr + 1, s.len - 1));
	} else if (s.len > 2 && s.ptr[s.len - 1] == '*') {
		push_name(l, n, w, NAME_TRAILING, wsr_str(s.ptr, s.len - 1));
	} else {
		push_name(l, n, w, NAME_EXACT, s);
	}
}

/* $server_name: the first name as written, a leading dot of ".x" left out (nginx: ngx_http_core_server_name). */
static wsr_sref first_name(struct lower *l, const struct node *block)
{
	NODE_EACH_CHILD(n, block) {
		if (!lowered_by(n, lower_server_name))
			continue;
		struct wsr_str s = arg_str(n, 0);
		if (s.len > 1 && s.ptr[0] == '.')
			s = wsr_str(s.ptr + 1, s.len - 1);
		return s.len && s.ptr[0] == '~' ? plan_str(l->plan, s) : plan_str_lower(l->plan, s);
	}
	return plan_str(l->plan, wsr_str("", 0));
}

static uint32_t read_names(struct lower *l, const struct node *block)
{
	uint32_t first = l->names.count;
	NODE_EACH_CHILD(n, block)
		if (lowered_by(n, lower_server_name))
			for (unsigned i = 0; i < node_arg_count(n); i++)
				read_name(l, n, node_arg(n, i));
	if (l->names.count == first)
		push_name(l, block, node_name(block), NAME_EXACT, wsr_str("", 0));
	return l->names.count - first;
}

/* --- one server ------------------------------------------------------------------------------------------------------ */

static void listens_of(struct lower *l, struct level *lv, const struct node *block)
{
	bool any = false, tls = lv->server->ssl != NULL;
	NODE_EACH_CHILD(n, block) {
		if (lowered_by(n, lower_listen)) {
			any = true;
			if (!word_is(node_arg(n, 0), "none")) /* ours: a server that no address leads to */
				read_listen(l, n, tls);
		}
	}
	if (any)
		return;
	struct address a;
	struct listen_options o = { .backlog = -1, .ssl = tls };
	address_parse(WSR_STR("*:80"), ADDRESS_LISTEN, 80, &a);
	diag_at(l->cc, CHECK_LISTEN_DEFAULTED, block->words[0].span, "no 'listen': the server is on *:80 (nginx takes *:8000 when it is not started by root)");
	listen_on(l, &a, 80, block, &o);
}

static uint32_t server_tls(struct lower *l, struct level *lv, const struct node *block)
{
	struct server_level *s = lv->server;
	if (s->tls.certificates.count && s->tls.keys.count < s->tls.certificates.count)
		diag_at(l->cc, CHECK_TLS_CERTIFICATE_MISSING, s->certificate ? s->certificate->span : block->span,
			"no 'ssl_certificate_key' for this certificate");
	if (s->ssl && !s->tls.certificates.count)
		diag_at(l->cc, CHECK_TLS_CERTIFICATE_MISSING, s->ssl->span, "no 'ssl_certificate' is defined for 'ssl on'");
	if (s->tls.certificates.count && !s->tls.client_certificate && !s->tls.strict_verify &&
	    (s->tls.verify_client == WSR_TLS_VERIFY_ON || s->tls.verify_client == WSR_TLS_VERIFY_OPTIONAL))
		diag_at(l->cc, CHECK_TLS_CLIENT_CA, block->words[0].span, "'ssl_verify_client' without 'ssl_client_certificate': nobody could pass");
	if (!s->tls.certificates.count && !s->tls.reject_handshake)
		return WSR_NONE;
	/* keys from the surrounding block that belong to no certificate */
	if (s->tls.keys.count > s->tls.certificates.count)
		s->tls.keys.count = s->tls.certificates.count;
	if (!s->tls.keys.count)
		s->tls.keys.first = 0;
	tls_stapling_done(&s->tls, lv->s.proxy.resolver.v);
	return plan_record_at(l->plan, &l->plan->tls, &s->tls, offsetof(struct wsr_tls, pos), lower_place(l, s->certificate ? s->certificate->span : block->span));
}

static int by_name(const void *a, const void *b, void *plan)
{
	struct wsr_str x = plan_text(plan, ((const struct wsr_named *)a)->name), y = plan_text(plan, ((const struct wsr_named *)b)->name);
	size_t len = x.len < y.len ? x.len : y.len;
	int c = len ? memcmp(x.ptr, y.ptr, len) : 0;
	if (!c)
		c = (x.len > y.len) - (x.len < y.len);
	uint32_t i = ((const struct wsr_named *)a)->location, k = ((const struct wsr_named *)b)->location;
	return c ? c : (i > k) - (i < k);
}

static void flush_named(struct lower *l)
{
	if (l->named.count > 1)
		qsort_r(l->named.data, l->named.count, sizeof(struct wsr_named), by_name, l->plan);
	for (uint32_t i = 0; i < l->named.count; i++) {
		/* of two with one name the first is found (both were reported) */
		const struct wsr_named *n = pool_at(&l->named, i), *before = i ? n - 1 : NULL;
		if (!before || before->name != n->name)
			pool_push(&l->plan->named, n);
	}
	l->named.count = 0;
}

void lower_server(struct lower *l, struct level *http, const struct node *n, unsigned arg)
{
	(void)arg;
	struct level lv;
	struct server_level own = *http->server;
	struct lower_server info = { .node = n, .first_name = l->names.count };
	level_child(&lv, http);
	own.certificates_set = own.keys_set = own.ticket_keys_set = false;
	lv.server = &own;
	level_apply(l, &lv, n);
	lower_level_redirects(l, &lv, n);
	l->current_server = pool_reserve(&l->plan->server, 1);
	listens_of(l, &lv, n);
	l->httpd = httpd_block(n) != NULL;
	info.name_count = read_names(l, n);
	info.httpd = l->httpd;
	l->httpd = false;
	struct wsr_location self = { .proxy = WSR_NONE, .program = WSR_NONE, .scope = WSR_NONE };
	self.body = level_body(l, &lv, WSR_LOCATION_SERVER, 0, plan_str(l->plan, wsr_str("", 0)), WSR_NONE);
	struct wsr_server record = {
		.name = first_name(l, n), .tls = server_tls(l, &lv, n), .pos = lower_pos(l, n), .host = WSR_NONE,
		.srv = pool_intern(&l->plan->srv, &own.srv),
		.location = plan_record_at(l->plan, &l->plan->location, &self, offsetof(struct wsr_location, pos), lower_place(l, n->span)),
	};
	record.program = lower_program(l, &lv, n);
	record.scope = lower_scope(l, &lv, n, 0);
	if (info.httpd)
		record.host = httpd_host(l, &lv, n);
	memcpy(pool_at(&l->plan->server, l->current_server), &record, sizeof(record));
	flush_named(l);
	info.tls = record.tls != WSR_NONE; /* certificates, or ssl_reject_handshake in their place */
	info.certificates = own.tls.certificates.count > 0;
	pool_push(&l->servers, &info);
}

/* --- names of an address --------------------------------------------------------------------------------------------- */

struct nameset_build {
	struct plan_table exact, leading, trailing;
	struct pool regexes;        /* struct wsr_name_regex */
	uint32_t flags;             /* WSR_NAMESET_* */
};

static void add_name(struct lower *l, struct nameset_build *b, const struct lower_listen *at, const struct lower_name *name, uint32_t server)
{
	struct plan_table *tables[] = { &b->exact, &b->leading, &b->trailing };
	if (name->kind == NAME_REGEX) {
		struct wsr_name_regex r = { name->regex, server };
		pool_push(&b->regexes, &r);
		return;
	}
	struct plan_slot *old = plan_table_add(tables[name->kind], l->plan, name->key, server);
	if (!old)
		return;
	struct wsr_str key = plan_text(l->plan, name->key), address = plan_text(l->plan, at->record.text);
	const struct lower_server *other = pool_at(&l->servers, old->value);
	struct diag *d = diag_at(l->cc, CHECK_SERVER_NAME_DUPLICATE, name->word->span, "the server name '%s' is taken on %.*s: this one is ignored",
		diag_quote(l->cc, key.ptr, key.len), WSR_FMT(address));
	diag_note(l->cc, d, node_head_span(other->node), "by this server");
}

/* Addresses with the same names (80 and 443 of one site) share one record, and so its tables. */
static uint32_t nameset_index(struct lower *l, struct nameset_build *b)
{
	struct plan *p = l->plan;
	struct wsr_list regexes = pool_run(&p->name_regex, b->regexes.data, b->regexes.count);
	uint64_t hash[5] = { plan_table_hash(&b->exact), plan_table_hash(&b->leading), plan_table_hash(&b->trailing), (uint64_t)regexes.first << 32 | regexes.count, b->flags };
	struct pool_entry *e = index_at(&l->namesets, intern_hash(hash, sizeof(hash)));
	pool_free(&b->regexes);
	if (e->first != WSR_NONE) {
		const struct wsr_nameset *old = pool_at(&p->nameset, e->first);
		if (plan_table_equal(&b->exact, &p->name_slot, old->exact) && plan_table_equal(&b->leading, &p->name_slot, old->leading) &&
		    plan_table_equal(&b->trailing, &p->name_slot, old->trailing) && memcmp(&regexes, &old->regexes, sizeof(regexes)) == 0 &&
		    old->flags == b->flags) {
			plan_table_free(&b->exact);
			plan_table_free(&b->leading);
			plan_table_free(&b->trailing);
			return e->first;
		}
	}
	struct wsr_nameset set = { .regexes = regexes, .flags = b->flags };
	set.exact = plan_table_done(&b->exact, &p->name_slot);
	set.leading = plan_table_done(&b->leading, &p->name_slot);
	set.trailing = plan_table_done(&b->trailing, &p->name_slot);
	return e->first = pool_push(&p->nameset, &set);
}

static uint32_t build_nameset(struct lower *l, const struct lower_listen *at)
{
	uint32_t counts[4] = { 0 };
	for (uint32_t u = at->first_use; u != WSR_NONE; u = ((struct listen_use *)pool_at(&l->uses, u))->next) {
		const struct lower_server *s = pool_at(&l->servers, ((struct listen_use *)pool_at(&l->uses, u))->server);
		for (uint32_t i = 0; i < s->name_count; i++)
			counts[((struct lower_name *)pool_at(&l->names, s->first_name + i))->kind]++;
	}
	struct nameset_build b = { .flags = 0 };
	plan_table_init(&b.exact, counts[NAME_EXACT]);
	plan_table_init(&b.leading, counts[NAME_LEADING]);
	plan_table_init(&b.trailing, counts[NAME_TRAILING]);
	pool_init(&b.regexes, sizeof(struct wsr_name_regex));
	for (uint32_t u = at->first_use; u != WSR_NONE; u = ((struct listen_use *)pool_at(&l->uses, u))->next) {
		uint32_t server = ((struct listen_use *)pool_at(&l->uses, u))->server;
		const struct lower_server *s = pool_at(&l->servers, server);
		if (s->httpd)
			b.flags |= WSR_NAMESET_ORDERED;
		for (uint32_t i = 0; i < s->name_count; i++) {
			const struct lower_name *name = pool_at(&l->names, s->first_name + i);
			/* httpd: a request without a name is for the first server of its address */
			if (!s->httpd || name->kind == NAME_REGEX || plan_text(l->plan, name->key).len)
				add_name(l, &b, at, name, server);
		}
	}
	return nameset_index(l, &b);
}

static void no_certificate(struct lower *l, const struct lower_listen *at, const struct lower_server *s)
{
	struct wsr_str address = plan_text(l->plan, at->record.text);
	diag_at(l->cc, CHECK_TLS_CERTIFICATE_MISSING, node_head_span(s->node), "no 'ssl_certificate' for 'listen %.*s ssl': handshakes would fail",
		WSR_FMT(address));
}

/*
 * A TLS address needs a certificate in its default server, which serves others without one too; when the default server refuses handshakes, each of the
 * others needs its own (nginx: ngx_http_ssl_init).
 */
static void check_tls(struct lower *l, const struct lower_listen *at)
{
	const struct lower_server *fallback = pool_at(&l->servers, at->record.default_server);
	if (at->record.flags & WSR_LISTEN_TLS) {
		if (!fallback->tls)
			no_certificate(l, at, fallback);
		else if (!fallback->certificates)
			for (uint32_t u = at->first_use; u != WSR_NONE; u = ((struct listen_use *)pool_at(&l->uses, u))->next) {
				const struct lower_server *s = pool_at(&l->servers, ((struct listen_use *)pool_at(&l->uses, u))->server);
				if (!s->tls)
					no_certificate(l, at, s);
			}
	} else if (at->record.port == 443) {
		struct diag *d = diag_at(l->cc, CHECK_TLS_LISTEN_PLAIN, at->first->span, "clear text on port 443: 'ssl' is missing here");
		if (fallback->certificates) {
			diag_note(l->cc, d, node_head_span(fallback->node), "although this server has a certificate");
			fix_edit(l->cc, d, span_after(node_arg(at->first, node_arg_count(at->first) - 1)->span), " ssl");
		}
	}
}

void lower_listens(struct lower *l)
{
	for (uint32_t i = 0; i < l->listens.count; i++) {
		struct lower_listen *at = pool_at(&l->listens, i);
		check_tls(l, at);
		at->record.nameset = build_nameset(l, at);
		pool_push(&l->plan->listen, &at->record);
	}
}

void lower_servers_init(struct lower *l)
{
	pool_init(&l->listens, sizeof(struct lower_listen));
	pool_init(&l->uses, sizeof(struct listen_use));
	pool_init(&l->names, sizeof(struct lower_name));
	pool_init(&l->servers, sizeof(struct lower_server));
}
