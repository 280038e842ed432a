/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools: found by value, their peers kept in step with their names, their idle connections watched and bounded.
 */
#include "runtime/pool.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPLICIT_REQUESTS   1000u
#define IMPLICIT_TIMEOUT_MS 60000u
#define IMPLICIT_TIME_MS    3600000u
#define KEY_MAX             (4u << 20)

/* --- the key ------------------------------------------------------------------------------------------------------------- */

static bool key_add(struct upstreams *us, const void *data, size_t len)
{
	if (len > KEY_MAX - us->key_len)
		return false;
	if (us->key_len + len > us->key_cap) {
		size_t cap = (us->key_len + len) * 2 + 256;
		char *key = realloc(us->key, cap);
		if (!key)
			return false;
		us->key = key;
		us->key_cap = cap;
	}
	if (len > 0)
		memcpy(us->key + us->key_len, data, len);
	us->key_len += len;
	return true;
}

static bool key_str(struct upstreams *us, struct wsr_str s)
{
	uint64_t len = s.len;

	return key_add(us, &len, sizeof(len)) && key_add(us, s.ptr, s.len);
}

static bool key_num(struct upstreams *us, uint64_t n)
{
	return key_add(us, &n, sizeof(n));
}

/* Files count by their contents: the same path may hold another CA after a reload. */
static bool key_content(struct upstreams *us, struct wsr_str content)
{
	unsigned char digest[32] = { 0 };

	if (content.len > 0 && EVP_Digest(content.ptr, content.len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	return key_add(us, digest, sizeof(digest));
}

static bool key_group(struct upstreams *us, const struct wsr_table *t, uint32_t index)
{
	const struct wsr_upstream *u = wsr_upstream_at(t, index);
	bool ok = key_str(us, wsr_string(t, u->name)) && key_num(us, u->balance) && key_num(us, u->keepalive) && key_num(us, u->keepalive_requests) &&
		  key_num(us, u->keepalive_timeout_ms) && key_num(us, u->keepalive_time_ms) && key_num(us, u->flags) && key_num(us, u->peers.count);

	for (uint32_t i = 0; ok && i < u->peers.count; i++) {
		const struct wsr_peer *p = wsr_peer_at(t, u->peers.first + i);
		const uint64_t numbers[] = { p->port, p->kind, p->weight, p->max_fails, p->fail_timeout_ms, p->max_conns, p->flags };
		ok = key_str(us, wsr_string(t, p->host)) && key_add(us, numbers, sizeof(numbers));
	}
	return ok;
}

static bool key_tls(struct upstreams *us, const struct upstream_request *rq, const struct tls_client_settings *set)
{
	const struct wsr_proxyset *p = wsr_proxyset_at(rq->table, rq->proxyset);

	return key_str(us, rq->ssl_name) && key_num(us, p->proxy_ssl_server_name) && key_num(us, p->proxy_ssl_session_reuse) && key_num(us, set->protocols) &&
	       key_num(us, set->verify_depth) && key_num(us, set->verify) && key_add(us, &set->checks, sizeof(set->checks)) && key_str(us, set->ciphers) && key_content(us, set->ca) &&
	       key_content(us, set->crl) && key_num(us, set->revocations) && key_num(us, set->crl_check) &&
	       key_content(us, set->ca_folder) && key_content(us, set->crl_folder) && key_content(us, set->certificate) && key_content(us, set->key);
}

static bool build_key(struct upstreams *us, const struct upstream_request *rq, const struct tls_client_settings *set)
{
	const struct wsr_table *t = rq->table;
	const struct wsr_proxyset *p = wsr_proxyset_at(t, rq->proxyset);

	us->key_len = 0;
	return key_num(us, rq->upstream == WSR_NONE) && (rq->upstream == WSR_NONE ? key_str(us, rq->host) && key_num(us, rq->port) : key_group(us, t, rq->upstream)) &&
	       key_str(us, wsr_string(t, p->resolver.v)) && key_num(us, p->resolver_timeout_ms) && key_num(us, p->resolver_valid_ms) &&
	       key_str(us, wsr_string(t, p->proxy_bind.v)) && key_num(us, rq->tls) && (!rq->tls || key_tls(us, rq, set));
}

/* --- making a pool ---------------------------------------------------------------------------------------------------------- */

static char *dup_str(struct wsr_str s)
{
	char *z = malloc(s.len + 1);

	if (!z)
		return NULL;
	if (s.len > 0)
		memcpy(z, s.ptr, s.len);
	z[s.len] = '\0';
	return z;
}

static struct wsr_str without_brackets(struct wsr_str host)
{
	if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		return wsr_str(host.ptr + 1, host.len - 2);
	return host;
}

/* "name:443" -> "name"; an IPv6 literal keeps its colons. */
static struct wsr_str without_port(struct wsr_str name)
{
	size_t i = name.len;

	while (i > 0 && name.ptr[i - 1] >= '0' && name.ptr[i - 1] <= '9')
		i--;
	if (i > 0 && i < name.len && name.ptr[i - 1] == ':' && (memchr(name.ptr, ':', name.len) == name.ptr + i - 1 || name.ptr[0] == '['))
		name.len = i - 1;
	return without_brackets(name);
}

static uint32_t kind_of(struct wsr_str host, uint16_t port)
{
	struct in6_addr addr;
	char text[INET6_ADDRSTRLEN];

	if (port == 0)
		return WSR_PEER_UNIX;
	if (host.len >= sizeof(text))
		return WSR_PEER_NAME;
	snprintf(text, sizeof(text), "%.*s", WSR_FMT(host));
	if (inet_pton(AF_INET, text, &addr) == 1)
		return WSR_PEER_IPV4;
	return inet_pton(AF_INET6, text, &addr) == 1 ? WSR_PEER_IPV6 : WSR_PEER_NAME;
}

static bool add_server(struct pool *pool, struct wsr_str host, uint32_t kind, const struct wsr_peer *set, const struct upstream_request *rq)
{
	const struct wsr_proxyset *p = wsr_proxyset_at(rq->table, rq->proxyset);
	struct server *s = &pool->servers[pool->server_count];

	s->host = dup_str(host);
	if (!s->host)
		return false;
	pool->server_count++;
	s->kind = kind;
	s->port = set->port;
	s->set = *set;
	if (kind != WSR_PEER_NAME)
		return true;
	s->name = resolve_get(pool->owner->resolvers, host, wsr_string(rq->table, p->resolver.v), p->resolver_valid_ms, p->resolver_timeout_ms);
	return s->name != NULL;
}

static bool add_servers(struct pool *pool, const struct upstream_request *rq)
{
	const struct wsr_table *t = rq->table;

	if (rq->upstream == WSR_NONE) {
		struct wsr_str host = without_brackets(rq->host);
		struct wsr_peer set = { .port = rq->port, .weight = 1, .max_fails = 1, .fail_timeout_ms = 10000 };
		pool->servers = calloc(1, sizeof(*pool->servers));
		return pool->servers && add_server(pool, host, kind_of(host, rq->port), &set, rq);
	}
	const struct wsr_upstream *u = wsr_upstream_at(t, rq->upstream);
	pool->servers = calloc(u->peers.count ? u->peers.count : 1, sizeof(*pool->servers));
	for (uint32_t i = 0; pool->servers && i < u->peers.count; i++) {
		const struct wsr_peer *p = wsr_peer_at(t, u->peers.first + i);
		if (!add_server(pool, wsr_string(t, p->host), p->kind, p, rq))
			return false;
	}
	return pool->servers != NULL;
}

/* "10.0.0.1", "10.0.0.1:0", "[::1]:0"; what else a configuration may hold was refused by the compiler. */
static void set_bind(struct pool *pool, struct wsr_str text)
{
	struct wsr_str host = without_port(text);
	char addr[INET6_ADDRSTRLEN];

	if (host.len == 0 || host.len >= sizeof(addr))
		return;
	snprintf(addr, sizeof(addr), "%.*s", WSR_FMT(host));
	if (inet_pton(AF_INET, addr, &pool->bind.in.sin_addr) == 1) {
		pool->bind.in.sin_family = AF_INET;
		pool->bind_len = sizeof(pool->bind.in);
	} else if (inet_pton(AF_INET6, addr, &pool->bind.in6.sin6_addr) == 1) {
		pool->bind.in6.sin6_family = AF_INET6;
		pool->bind_len = sizeof(pool->bind.in6);
	}
}

/* OpenSSL has a new session of an upstream: the latest is the one to resume. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct peer *p = SSL_get_app_data(ssl);

	if (!p || !p->pool->reuse_sessions)
		return 0;
	SSL_SESSION_free(p->session);
	p->session = session;
	return 1;
}

static void set_tls(struct pool *pool, const struct upstream_request *rq, const struct tls_client_settings *set)
{
	const struct wsr_proxyset *p = wsr_proxyset_at(rq->table, rq->proxyset);

	pool->tls = true;
	pool->send_name = p->proxy_ssl_server_name;
	pool->reuse_sessions = p->proxy_ssl_session_reuse;
	pool->verify = set->verify;
	pool->checks = set->checks;
	if (pool->tls_why[0] == '\0')
		pool->ctx = tls_client_ctx_new(set, pool->tls_why, sizeof(pool->tls_why));
	if (pool->ctx)
		SSL_CTX_sess_set_new_cb(pool->ctx, on_session);
}

static void set_keepalive(struct pool *pool, const struct upstream_request *rq)
{
	const struct wsr_upstream *u = rq->upstream == WSR_NONE ? NULL : wsr_upstream_at(rq->table, rq->upstream);

	if (u && !(u->flags & WSR_UPSTREAM_IMPLICIT)) {
		pool->idle_max = u->keepalive;
		pool->max_requests = u->keepalive_requests;
		pool->idle_timeout_ms = u->keepalive_timeout_ms;
		pool->max_time_ms = u->keepalive_time_ms;
	} else {
		pool->idle_max = pool->owner->keepalive;
		pool->max_requests = IMPLICIT_REQUESTS;
		pool->idle_timeout_ms = IMPLICIT_TIMEOUT_MS;
		pool->max_time_ms = IMPLICIT_TIME_MS;
	}
	pool->httpd = u && u->flags & WSR_UPSTREAM_HTTPD;
	pool->method = u ? (enum wsr_balance)u->balance : WSR_BALANCE_ROUND_ROBIN;
}

static void pool_free(struct pool *pool)
{
	for (uint32_t i = 0; i < pool->peer_count; i++) {
		pool->peers[i]->listed = false;
		peer_release(pool->peers[i]);
	}
	for (uint32_t i = 0; i < pool->server_count; i++) {
		resolve_release(pool->servers[i].name);
		free(pool->servers[i].host);
	}
	SSL_CTX_free(pool->ctx);
	free(pool->servers);
	free(pool->peers);
	free(pool->view);
	free(pool->ssl_name);
	free(pool->name);
	free((char *)(uintptr_t)pool->key.ptr);
	free(pool);
}

static struct pool *pool_new(struct upstreams *us, const struct upstream_request *rq, const struct tls_client_settings *set, const char *tls_why)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->owner = us;
	pool->key = wsr_str(dup_str(wsr_str(us->key, us->key_len)), us->key_len);
	pool->name = dup_str(rq->upstream == WSR_NONE ? rq->host : wsr_string(rq->table, wsr_upstream_at(rq->table, rq->upstream)->name));
	pool->ssl_name = dup_str(without_port(rq->ssl_name));
	if (!pool->key.ptr || !pool->name || !pool->ssl_name || !add_servers(pool, rq)) {
		pool_free(pool);
		return NULL;
	}
	set_bind(pool, wsr_string(rq->table, wsr_proxyset_at(rq->table, rq->proxyset)->proxy_bind.v));
	set_keepalive(pool, rq);
	snprintf(pool->tls_why, sizeof(pool->tls_why), "%s", tls_why);
	if (rq->tls)
		set_tls(pool, rq, set);
	return pool;
}

/* --- finding a pool ------------------------------------------------------------------------------------------------------------ */

static struct pool_cache *cache_slot(struct upstreams *us, const struct upstream_request *rq)
{
	return &us->cache[(rq->upstream * 31 + rq->proxyset) % POOL_CACHE];
}

/* Upstreams of the table whose TLS name is as last time need no key. */
static struct pool *find_cached(struct upstreams *us, const struct upstream_request *rq)
{
	const struct pool_cache *c = cache_slot(us, rq);

	if (rq->upstream == WSR_NONE || c->serial == 0 || c->serial != rq->keys.serial || c->upstream != rq->upstream || c->proxyset != rq->proxyset ||
	    c->tls != rq->tls || (rq->tls && !wsr_str_eq(wsr_cstr(c->pool->ssl_name), without_port(rq->ssl_name))))
		return NULL;
	return c->pool;
}

static void forget_cached(struct upstreams *us, const struct pool *pool)
{
	for (uint32_t i = 0; i < POOL_CACHE; i++)
		if (us->cache[i].pool == pool)
			us->cache[i] = (struct pool_cache){ 0 };
}

static struct pool *find_or_make(struct upstreams *us, const struct upstream_request *rq)
{
	struct tls_client_settings set = { 0 };
	char tls_why[256] = "";

	if (rq->tls && !tls_client_settings_from(rq->table, rq->proxyset, rq->keys, &set, tls_why, sizeof(tls_why)))
		set = (struct tls_client_settings){ 0 };
	if (!build_key(us, rq, &set))
		return NULL;
	uint32_t hash = wsr_hash(us->key, us->key_len);
	struct pool **bucket = &us->bucket[hash % POOL_BUCKETS];
	for (struct pool *pool = *bucket; pool; pool = pool->next)
		if (pool->hash == hash && wsr_str_eq(pool->key, wsr_str(us->key, us->key_len)))
			return pool;
	if (us->pool_count >= POOL_MAX)
		pool_purge(us, 0);
	struct pool *pool = us->pool_count < POOL_MAX ? pool_new(us, rq, &set, tls_why) : NULL;
	if (!pool)
		return NULL;
	pool->hash = hash;
	pool->next = *bucket;
	*bucket = pool;
	us->pool_count++;
	return pool;
}

struct pool *pool_get(struct upstreams *us, const struct upstream_request *rq)
{
	struct pool *pool = find_cached(us, rq);

	if (!pool) {
		pool = find_or_make(us, rq);
		if (!pool)
			return NULL;
		if (rq->upstream != WSR_NONE && rq->keys.serial != 0)
			*cache_slot(us, rq) = (struct pool_cache){ rq->keys.serial, rq->upstream, rq->proxyset, rq->tls, pool };
	}
	pool->refs++;
	pool->used_ms = us->loop->now_ms;
	return pool;
}

void pool_release(struct pool *pool)
{
	pool->used_ms = pool->owner->loop->now_ms;
	pool->refs--;
}

void pool_purge(struct upstreams *us, uint64_t unused_ms)
{
	uint64_t now = loop_now(us->loop);

	for (uint32_t i = 0; i < POOL_BUCKETS; i++) {
		struct pool **at = &us->bucket[i];
		while (*at) {
			struct pool *pool = *at;
			if (pool->refs > 0 || now - pool->used_ms < unused_ms) {
				at = &pool->next;
				continue;
			}
			*at = pool->next;
			us->pool_count--;
			forget_cached(us, pool);
			pool_close_idle(pool);
			pool_free(pool);
		}
	}
}

/* --- peers ---------------------------------------------------------------------------------------------------------------------- */

struct peer *peer_ref(struct peer *p)
{
	p->refs++;
	return p;
}

void peer_release(struct peer *p)
{
	if (--p->refs > 0)
		return;
	SSL_SESSION_free(p->session);
	free(p);
}

static void set_address(struct peer *p, const struct server *s, const struct resolve_addr *a)
{
	char text[INET6_ADDRSTRLEN];

	if (s->kind == WSR_PEER_UNIX) {
		p->addr.un.sun_family = AF_UNIX;
		snprintf(p->addr.un.sun_path, sizeof(p->addr.un.sun_path), "%s", s->host);
		p->addr_len = sizeof(p->addr.un);
		snprintf(p->text, sizeof(p->text), "unix:%s", s->host);
	} else if (a->family == 4) {
		p->addr.in.sin_family = AF_INET;
		p->addr.in.sin_port = htons(s->port);
		memcpy(&p->addr.in.sin_addr, a->bytes, 4);
		p->addr_len = sizeof(p->addr.in);
		snprintf(p->text, sizeof(p->text), "%s:%u", inet_ntop(AF_INET, a->bytes, text, sizeof(text)), s->port);
	} else {
		p->addr.in6.sin6_family = AF_INET6;
		p->addr.in6.sin6_port = htons(s->port);
		memcpy(&p->addr.in6.sin6_addr, a->bytes, 16);
		p->addr_len = sizeof(p->addr.in6);
		snprintf(p->text, sizeof(p->text), "[%s]:%u", inet_ntop(AF_INET6, a->bytes, text, sizeof(text)), s->port);
	}
}

static struct peer *peer_new(struct pool *pool, uint32_t server, const struct resolve_addr *a)
{
	const struct server *s = &pool->servers[server];
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->pool = pool;
	p->server = server;
	p->balance = (struct balance_peer){ .weight = s->set.weight ? s->set.weight : 1, .max_fails = s->set.max_fails, .max_conns = s->set.max_conns,
					    .fail_timeout_ms = s->set.fail_timeout_ms, .backup = s->set.flags & WSR_PEER_BACKUP,
					    .down = s->set.flags & WSR_PEER_DOWN, .httpd = pool->httpd };
	balance_init(&p->balance);
	set_address(p, s, a);
	return p;
}

/* Addresses of a server as far as they are known now. */
static uint32_t addresses_of(const struct server *s, struct resolve_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (s->kind == WSR_PEER_NAME) {
		memcpy(addr, s->name->addr, sizeof(*addr) * s->name->count);
		return s->name->count;
	}
	addr->family = s->kind == WSR_PEER_IPV4 ? 4 : 6;
	if (s->kind == WSR_PEER_UNIX)
		return strlen(s->host) < sizeof(((struct sockaddr_un *)0)->sun_path);
	return inet_pton(s->kind == WSR_PEER_IPV4 ? AF_INET : AF_INET6, s->host, addr->bytes) == 1;
}

static bool same_address(const struct peer *a, const struct peer *b)
{
	return a->server == b->server && strcmp(a->text, b->text) == 0;
}

/* Build the list anew; a peer whose address stays keeps its state. Without memory the old list stays. */
static void rebuild(struct pool *pool)
{
	struct resolve_addr addr[RESOLVE_MAX_ADDRESSES];
	size_t room = 1;

	for (uint32_t i = 0; i < pool->server_count; i++)
		room += pool->servers[i].name ? pool->servers[i].name->count : 1;
	struct peer **peers = calloc(room, sizeof(struct peer *));
	struct balance_peer **view = calloc(room, sizeof(struct balance_peer *));
	uint32_t count = 0;

	for (uint32_t i = 0; peers && view && i < pool->server_count; i++) {
		uint32_t n = addresses_of(&pool->servers[i], addr);
		for (uint32_t k = 0; k < n; k++) {
			struct peer *p = peer_new(pool, i, &addr[k]);
			for (uint32_t old = 0; p && old < pool->peer_count; old++)
				if (same_address(p, pool->peers[old])) {
					free(p);
					p = pool->peers[old];
					break;
				}
			if (!p)
				continue;
			peer_ref(p);
			view[count] = &p->balance;
			peers[count++] = p;
		}
	}
	if (!peers || !view) {
		free(peers);
		free(view);
		return;
	}
	struct peer **old = pool->peers;
	uint32_t old_count = pool->peer_count;
	free(pool->view);
	pool->peers = peers;
	pool->view = view;
	pool->peer_count = count;
	for (uint32_t i = 0; i < old_count; i++)
		old[i]->listed = false;
	for (uint32_t i = 0; i < count; i++)
		peers[i]->listed = true;
	for (uint32_t i = 0; i < old_count; i++) {
		while (!old[i]->listed && old[i]->idle)
			pool_close_stream(pool_take(old[i], NULL, NULL));
		peer_release(old[i]);
	}
	free(old);
}

struct resolve_name *pool_update(struct pool *pool)
{
	struct resolve_name *pending = NULL;
	bool changed = !pool->peers;

	for (uint32_t i = 0; i < pool->server_count; i++) {
		struct server *s = &pool->servers[i];
		if (!s->name)
			continue;
		if (!resolve_refresh(s->name) && !pending)
			pending = s->name;
		changed |= s->serial != s->name->serial;
		s->serial = s->name->serial;
	}
	if (changed)
		rebuild(pool);
	return pending;
}

const char *pool_why_empty(const struct pool *pool)
{
	for (uint32_t i = 0; i < pool->server_count; i++)
		if (pool->servers[i].name && pool->servers[i].name->why[0])
			return pool->servers[i].name->why;
	return "no address";
}

/* --- idle connections -------------------------------------------------------------------------------------------------------------- */

static struct stream *unlink_idle(struct idle *i)
{
	struct pool *pool = i->peer->pool;
	struct stream *s = i->stream;

	*i->pprev = i->next;
	if (i->next)
		i->next->pprev = i->pprev;
	*(i->newer ? &i->newer->older : &pool->newest) = i->older;
	*(i->older ? &i->older->newer : &pool->oldest) = i->newer;
	pool->idle_count--;
	peer_release(i->peer);
	slabs_put(&pool->owner->idles, i);
	return s;
}

static void idle_data(void *owner, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	pool_close_stream(unlink_idle(owner)); /* nobody asked: whatever it is, the next request must not read it */
}

static void idle_end(void *owner, enum stream_end why)
{
	(void)why;
	pool_close_stream(unlink_idle(owner));
}

static const struct stream_handler idle_handler = { idle_data, NULL, idle_end };

void pool_close_stream(struct stream *s)
{
	if (stream_ssl(s))
		SSL_set_app_data(stream_ssl(s), NULL);
	stream_close(s, STREAM_CLOSE_NOW);
}

void pool_keep(struct peer *p, struct stream *s, uint32_t requests, uint64_t opened_ms)
{
	struct pool *pool = p->pool;
	bool spent = (pool->max_requests && requests >= pool->max_requests) ||
		     (pool->max_time_ms && pool->owner->loop->now_ms - opened_ms >= pool->max_time_ms);
	struct idle *i = pool->idle_max > 0 && p->listed && !spent && stream_quiet(s) ? slabs_get(&pool->owner->idles) : NULL;

	if (!i) {
		pool_close_stream(s);
		return;
	}
	if (pool->idle_count >= pool->idle_max)
		pool_close_stream(unlink_idle(pool->oldest));
	*i = (struct idle){ .next = p->idle, .pprev = &p->idle, .older = pool->newest, .peer = peer_ref(p), .stream = s, .requests = requests, .opened_ms = opened_ms };
	if (p->idle)
		p->idle->pprev = &i->next;
	p->idle = i;
	*(pool->newest ? &pool->newest->newer : &pool->oldest) = i;
	pool->newest = i;
	pool->idle_count++;
	stream_set_owner(s, &idle_handler, i);
	stream_set_wide(s, false);
	stream_set_timeouts(s, pool->idle_timeout_ms, 0);
	stream_resume(s);
}

struct stream *pool_take(struct peer *p, uint32_t *requests, uint64_t *opened_ms)
{
	if (!p->idle)
		return NULL;
	if (requests)
		*requests = p->idle->requests;
	if (opened_ms)
		*opened_ms = p->idle->opened_ms;
	return unlink_idle(p->idle);
}

uint32_t pool_close_idle(struct pool *pool)
{
	uint32_t count = pool->idle_count;

	while (pool->newest)
		pool_close_stream(unlink_idle(pool->newest));
	return count;
}
