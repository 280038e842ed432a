/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls: from a request for an upstream to a stream, step by step: names, choice of a peer, idle connection or connect, TLS. A call has one peer at a time and counts as
 * one of its connections until it leaves it.
 *
 * Invariant: handlers are called from the loop only. What is found while a function of the caller runs is reported by the call's task.
 */
#include "runtime/upstream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/pool.h"
#include "runtime/tls.h"

#define PURGE_MS 60000u

enum call_state {
	CALL_RESOLVING,
	CALL_CONNECTING,             /* event and timer are set */
	CALL_SHAKING,                /* the handshake has the descriptor */
	CALL_FOUND,                  /* connection stands, the task will tell */
	CALL_FAILING,                /* the task will tell */
	CALL_READY,
	CALL_FAILED,
};

struct upstream_call {
	struct upstreams *us;
	struct pool *pool;
	const struct upstream_handler *handler;
	const struct stream_handler *on_stream;
	void *owner;
	struct peer *peer;           /* NULL between two tries */
	struct peer *again;          /* to be tried once more with a fresh connection */
	struct peer **tried;
	uint32_t tried_count, tried_cap;
	uint64_t connect_timeout_ms, started_ms;
	uint8_t client_addr[16];
	uint8_t client_addr_len;
	uint8_t state;               /* enum call_state */
	uint8_t failure;             /* enum upstream_failure, of FAILING */
	bool fresh;                  /* never an idle connection */
	bool collected;              /* inside upstream_get(), whose caller takes an idle connection at once */
	bool marked;                 /* the peer's failure has been counted */
	bool only_preferred;
	uint32_t prefer;             /* ordinal of a server, or WSR_NONE */
	int fd;                      /* while CONNECTING */
	struct event event;
	struct timer timer;
	struct task task;
	struct resolve_wait wait;
	struct tls_handshake *handshake;
	struct upstream_conn conn;
	uint32_t requests;           /* served by the connection before this one */
	uint64_t opened_ms;
	char text[160];              /* why it failed */
	struct wsr_str hash_key;     /* malloc()ed */
};

static const struct {
	unsigned status;
	const char *text;
} failures[] = {
#define X(symbol, status, sentence) { status, sentence },
	UPSTREAM_FAILURES(X)
#undef X
};

const char *upstream_failure_text(enum upstream_failure why)
{
	return failures[why].text;
}

unsigned upstream_failure_status(enum upstream_failure why)
{
	return failures[why].status;
}

/* --- the worker's set ------------------------------------------------------------------------------------------------------- */

static void on_purge(struct timer *timer)
{
	struct upstreams *us = container_of(timer, struct upstreams, purge);

	pool_purge(us, POOL_UNUSED_MS);
	timer_set(us->loop, &us->purge, PURGE_MS);
}

struct upstreams *upstreams_new(struct loop *loop, uint32_t keepalive)
{
	struct upstreams *us = calloc(1, sizeof(*us));

	if (!us)
		return NULL;
	us->loop = loop;
	us->keepalive = keepalive;
	us->resolvers = resolvers_new(loop, NULL);
	if (!us->resolvers) {
		free(us);
		return NULL;
	}
	slabs_init(&us->calls, loop, sizeof(struct upstream_call));
	slabs_init(&us->idles, loop, sizeof(struct idle));
	us->purge.fn = on_purge;
	timer_set(loop, &us->purge, PURGE_MS);
	return us;
}

void upstreams_free(struct upstreams *us)
{
	if (!us)
		return;
	timer_clear(us->loop, &us->purge);
	pool_purge(us, 0);
	slabs_drain(&us->calls);
	slabs_drain(&us->idles);
	resolvers_free(us->resolvers);
	free(us->key);
	free(us);
}

uint32_t upstreams_close_idle(struct upstreams *us)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < POOL_BUCKETS; i++)
		for (struct pool *pool = us->bucket[i]; pool; pool = pool->next)
			count += pool_close_idle(pool);
	return count;
}

/* --- reports ------------------------------------------------------------------------------------------------------------------ */

static bool is_single(const struct pool *pool)
{
	return balance_single(pool->view, pool->peer_count);
}

static void mark(struct upstream_call *c, bool failed)
{
	if (c->marked || !c->peer)
		return;
	c->marked = true;
	balance_report(&c->peer->balance, failed, is_single(c->pool), c->us->loop->now_ms);
}

static void fail(struct upstream_call *c, enum upstream_failure why, const char *cause)
{
	snprintf(c->text, sizeof(c->text), "%s%s%s", failures[why].text, cause ? ": " : "", cause ? cause : "");
	c->failure = (uint8_t)why;
	c->state = CALL_FAILING;
	if (why == UPSTREAM_FAIL_INTERNAL)
		c->marked = true; /* says nothing about the peer, whatever the caller makes of it */
	mark(c, true);
	loop_later(c->us->loop, &c->task);
}

static void deliver(struct upstream_call *c)
{
	c->state = CALL_READY;
	c->handler->on_ready(c->owner, &c->conn);
}

static void on_task(struct task *task)
{
	struct upstream_call *c = container_of(task, struct upstream_call, task);

	if (c->state == CALL_FOUND) {
		deliver(c);
	} else {
		c->state = CALL_FAILED;
		c->handler->on_failed(c->owner, (enum upstream_failure)c->failure, c->peer ? c->peer->text : c->pool->name, c->text);
	}
}

static void found(struct upstream_call *c, struct stream *s, bool reused)
{
	c->state = CALL_FOUND;
	c->conn = (struct upstream_conn){ .stream = s, .reused = reused, .address = c->peer->text, .server = c->peer->server, .connect_ms = c->us->loop->now_ms - c->started_ms };
}

/* --- TLS ----------------------------------------------------------------------------------------------------------------------- */

/* Whatever was wrong, the next handshake starts afresh. */
static void forget_session(struct peer *p)
{
	SSL_SESSION_free(p->session);
	p->session = NULL;
}

/* A connection came about: that its TLS failed marks no peer of httpd. */
static void fail_tls(struct upstream_call *c, enum upstream_failure why, const char *text)
{
	forget_session(c->peer);
	c->marked = c->marked || c->pool->httpd;
	fail(c, why, text);
}

static void on_tls_done(void *owner, struct stream *s)
{
	struct upstream_call *c = owner;
	const char *refused = tls_peer_refused(stream_ssl(s), &c->pool->checks, c->pool->ssl_name);

	c->handshake = NULL;
	if (refused) {
		stream_close(s, STREAM_CLOSE_NOW);
		fail_tls(c, UPSTREAM_FAIL_TLS, refused);
		return;
	}
	stream_set_owner(s, c->on_stream, c->owner);
	found(c, s, false);
	deliver(c);
}

static void on_tls_fail(void *owner, enum tls_failure why, const char *text, struct stream *plain)
{
	struct upstream_call *c = owner;

	(void)plain;
	c->handshake = NULL;
	fail_tls(c, why == TLS_FAIL_TIMEOUT ? UPSTREAM_FAIL_TIMEOUT : UPSTREAM_FAIL_TLS, text);
}

static const struct tls_handler tls_handler = { NULL, on_tls_done, on_tls_fail };

static bool speaks_tls(const struct upstream_call *c)
{
	return c->pool->tls && !(c->pool->servers[c->peer->server].set.flags & WSR_PEER_PLAIN);
}

static void start_tls(struct upstream_call *c)
{
	struct pool *pool = c->pool;
	bool own = pool->httpd && pool->ssl_name[0] == '\0'; /* members of httpd's balancers are known by their own names */
	struct wsr_str name = wsr_cstr(own ? pool->servers[c->peer->server].host : pool->ssl_name);
	struct tls_target target = { .sni = pool->send_name ? name : WSR_STR_NULL, .verify = pool->verify != WSR_PROXY_VERIFY_OFF,
				     .verify_name = pool->verify == WSR_PROXY_VERIFY_ON ? name : WSR_STR_NULL, .app_data = c->peer,
				     .session = pool->reuse_sessions ? c->peer->session : NULL };
	uint64_t spent = c->us->loop->now_ms - c->started_ms;
	uint64_t left = c->connect_timeout_ms == 0 ? 0 : spent < c->connect_timeout_ms ? c->connect_timeout_ms - spent : 1;

	/* The stream handler is the caller's from the start; the owner follows in on_tls_done(), before anything can be reported. */
	c->handshake = tls_connect(c->us->loop, c->fd, pool->ctx, &target, left, &tls_handler, c->on_stream, c);
	if (!c->handshake) {
		close(c->fd);
		fail(c, UPSTREAM_FAIL_TLS, "cannot start");
	}
	c->fd = -1;
	if (c->handshake)
		c->state = CALL_SHAKING;
}

/* --- connecting ------------------------------------------------------------------------------------------------------------------ */

static void stop_connecting(struct upstream_call *c)
{
	event_del(&c->event);
	event_debug_unassign(&c->event);
	timer_clear(c->us->loop, &c->timer);
}

/* The socket is connected. @param in_loop  the handler may be called now */
static void connected(struct upstream_call *c, bool in_loop)
{
	int on = 1;

	if (c->peer->addr.sa.sa_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->opened_ms = c->us->loop->now_ms;
	c->requests = 0;
	if (speaks_tls(c)) {
		start_tls(c);
		return;
	}
	struct stream *s = stream_new(c->us->loop, c->fd, c->on_stream, c->owner);
	if (!s)
		close(c->fd);
	c->fd = -1;
	if (!s) {
		fail(c, UPSTREAM_FAIL_INTERNAL, NULL);
		return;
	}
	found(c, s, false);
	if (in_loop)
		deliver(c);
	else
		loop_later(c->us->loop, &c->task);
}

static void on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_call *c = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)what;
	loop_now(c->us->loop);
	stop_connecting(c); /* before the stream registers its edge-triggered event */
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0) {
		connected(c, true);
		return;
	}
	close(c->fd);
	c->fd = -1;
	fail(c, error == ETIMEDOUT ? UPSTREAM_FAIL_TIMEOUT : UPSTREAM_FAIL_REFUSED, strerror(error));
}

static void on_connect_timeout(struct timer *timer)
{
	struct upstream_call *c = container_of(timer, struct upstream_call, timer);

	stop_connecting(c);
	close(c->fd);
	c->fd = -1;
	fail(c, UPSTREAM_FAIL_TIMEOUT, NULL);
}

static int open_socket(struct upstream_call *c)
{
	int family = c->peer->addr.sa.sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && upstreams_close_idle(c->us) > 0)
		fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd;
}

static bool is_loopback(const struct peer *p)
{
	if (p->addr.sa.sa_family == AF_INET)
		return ntohl(p->addr.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return p->addr.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&p->addr.in6.sin6_addr);
}

/*
 * @return 0 when connected, or -1 and errno; EINPROGRESS: the event will tell. A connection over loopback stands (or was refused) once connect() returns,
 * which says EINPROGRESS nevertheless; asked again it says so (connect(2): EISCONN, EALREADY), and no event, no turn of the loop and no getsockopt() is spent.
 */
static int connect_peer(int fd, const struct peer *p)
{
	int rc = connect(fd, &p->addr.sa, p->addr_len);

	if (rc == 0 || errno != EINPROGRESS || !is_loopback(p))
		return rc;
	rc = connect(fd, &p->addr.sa, p->addr_len);
	if (rc == 0 || errno == EISCONN)
		return 0;
	if (errno == EALREADY)
		errno = EINPROGRESS;
	return rc;
}

static void start_connect(struct upstream_call *c)
{
	const struct peer *p = c->peer;
	const struct pool *pool = c->pool;

	c->fd = open_socket(c);
	if (c->fd < 0) {
		fail(c, errno == EAFNOSUPPORT ? UPSTREAM_FAIL_REFUSED : UPSTREAM_FAIL_INTERNAL, strerror(errno));
		return;
	}
	int rc = pool->bind_len && pool->bind.sa.sa_family == p->addr.sa.sa_family ? bind(c->fd, &pool->bind.sa, pool->bind_len) : 0;
	if (rc == 0)
		rc = connect_peer(c->fd, p);
	if (rc == 0) {
		connected(c, false);
		return;
	}
	if (errno != EINPROGRESS) { /* EAGAIN of a unix socket: its backlog is full */
		int error = errno;
		close(c->fd);
		c->fd = -1;
		fail(c, UPSTREAM_FAIL_REFUSED, strerror(error));
		return;
	}
	if (event_assign(&c->event, c->us->loop->base, c->fd, EV_WRITE, on_connect, c) != 0 || event_add(&c->event, NULL) != 0) {
		close(c->fd);
		c->fd = -1;
		fail(c, UPSTREAM_FAIL_INTERNAL, NULL);
		return;
	}
	c->state = CALL_CONNECTING;
	if (c->connect_timeout_ms > 0)
		timer_set(c->us->loop, &c->timer, c->connect_timeout_ms);
}

/* --- steps ------------------------------------------------------------------------------------------------------------------------ */

static uint32_t random_number(struct upstream_call *c)
{
	uint32_t n = 0;

	if (c->pool->method == WSR_BALANCE_RANDOM)
		evutil_secure_rng_get_bytes(&n, sizeof(n));
	return n;
}

/* A peer of the server that the session belongs to, if it may be used; -1 otherwise. */
static int preferred(const struct upstream_call *c)
{
	const struct pool *pool = c->pool;

	for (uint32_t i = 0; i < pool->peer_count; i++) {
		const struct peer *p = pool->peers[i];
		if (p->server == c->prefer && !p->balance.tried && balance_usable(&p->balance, c->us->loop->now_ms, is_single(pool)))
			return (int)i;
	}
	return -1;
}

static struct peer *choose(struct upstream_call *c)
{
	struct pool *pool = c->pool;
	struct balance_query q = {
		.method = pool->method, .now_ms = c->us->loop->now_ms, .random = random_number(c),
		.client_addr = wsr_str((const char *)c->client_addr, c->client_addr_len), .hash_key = c->hash_key,
	};
	struct peer *p = c->again;

	c->again = NULL;
	if (p && p->listed)
		return p; /* with the reference that `again` had */
	if (p)
		peer_release(p);
	for (uint32_t i = 0; i < c->tried_count; i++)
		c->tried[i]->balance.tried = true;
	int at = c->prefer != WSR_NONE ? preferred(c) : -1;
	if (at >= 0)
		balance_taken(pool->view, pool->peer_count, (uint32_t)at, q.now_ms);
	else if (!c->only_preferred)
		at = balance_pick(pool->view, pool->peer_count, &q);
	for (uint32_t i = 0; i < c->tried_count; i++)
		c->tried[i]->balance.tried = false;
	return at < 0 ? NULL : peer_ref(pool->peers[at]);
}

/* From the beginning, or from where the names have been resolved. Reports through the task. */
static void step(struct upstream_call *c)
{
	bool once_more = c->again != NULL;
	struct resolve_name *pending = pool_update(c->pool);

	if (c->pool->peer_count == 0 && pending) {
		c->state = CALL_RESOLVING;
		resolve_wait(pending, &c->wait);
		return;
	}
	if (c->pool->peer_count == 0) {
		fail(c, UPSTREAM_FAIL_RESOLVE, pool_why_empty(c->pool));
		return;
	}
	c->peer = choose(c);
	c->marked = false;
	if (!c->peer) {
		fail(c, UPSTREAM_FAIL_NO_PEER, NULL);
		return;
	}
	c->peer->balance.conns++;
	if (speaks_tls(c) && !c->pool->ctx) {
		fail(c, UPSTREAM_FAIL_TLS, c->pool->tls_why);
		return;
	}
	struct stream *s = c->fresh || once_more ? NULL : pool_take(c->peer, &c->requests, &c->opened_ms);
	if (!s) {
		start_connect(c);
		return;
	}
	stream_set_owner(s, c->on_stream, c->owner);
	found(c, s, true);
	if (!c->collected) { /* else the caller sets its own time-outs now */
		stream_set_timeouts(s, 0, 0);
		loop_later(c->us->loop, &c->task);
	}
}

static void on_resolved(struct resolve_wait *w)
{
	struct upstream_call *c = container_of(w, struct upstream_call, wait);

	loop_now(c->us->loop);
	step(c);
}

struct upstream_call *upstream_get(struct upstreams *us, const struct upstream_request *rq, const struct upstream_handler *handler,
				   const struct stream_handler *on_stream, void *owner)
{
	loop_now(us->loop);
	struct pool *pool = pool_get(us, rq);
	size_t key_len = pool && pool->method == WSR_BALANCE_HASH ? rq->hash_key.len : 0;
	char *key = key_len > 0 ? malloc(key_len) : NULL;
	struct upstream_call *c = pool && (key || key_len == 0) ? slabs_get(&us->calls) : NULL;

	if (!c) {
		free(key);
		if (pool)
			pool_release(pool);
		return NULL;
	}
	*c = (struct upstream_call){
		.us = us, .pool = pool, .handler = handler, .on_stream = on_stream, .owner = owner, .fd = -1, .fresh = rq->fresh,
		.prefer = rq->prefer, .only_preferred = rq->only_preferred, .started_ms = us->loop->now_ms,
		.connect_timeout_ms = rq->connect_timeout_ms ? rq->connect_timeout_ms : wsr_proxyset_at(rq->table, rq->proxyset)->proxy_connect_timeout_ms,
		.task.fn = on_task, .timer.fn = on_connect_timeout, .wait.fn = on_resolved, .hash_key = wsr_str(key, key_len),
	};
	if (rq->client_addr.len <= sizeof(c->client_addr) && rq->client_addr.len > 0) {
		memcpy(c->client_addr, rq->client_addr.ptr, rq->client_addr.len);
		c->client_addr_len = (uint8_t)rq->client_addr.len;
	}
	if (key)
		memcpy(key, rq->hash_key.ptr, key_len);
	c->collected = rq->collects;
	step(c);
	c->collected = false;
	return c;
}

const struct upstream_conn *upstream_ready(struct upstream_call *c)
{
	if (c->state != CALL_FOUND)
		return NULL;
	loop_cancel(&c->task);
	c->state = CALL_READY;
	return &c->conn;
}

/* --- leaving a peer ---------------------------------------------------------------------------------------------------------------- */

/* Stop whatever is under way; a connection that stands is closed. */
static void stop(struct upstream_call *c)
{
	loop_cancel(&c->task);
	resolve_forget(&c->wait);
	if (c->state == CALL_CONNECTING)
		stop_connecting(c);
	if (c->handshake)
		tls_cancel(c->handshake);
	c->handshake = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (c->conn.stream)
		pool_close_stream(c->conn.stream);
	c->conn = (struct upstream_conn){ 0 };
}

static void judge(struct upstream_call *c, enum upstream_outcome outcome)
{
	if (outcome != UPSTREAM_NEUTRAL)
		mark(c, outcome == UPSTREAM_FAILED);
}

/* Give the peer back; the call goes on or ends. */
static void leave(struct upstream_call *c)
{
	if (!c->peer)
		return;
	c->peer->balance.conns--;
	peer_release(c->peer);
	c->peer = NULL;
}

static void call_free(struct upstream_call *c)
{
	leave(c);
	if (c->again)
		peer_release(c->again);
	for (uint32_t i = 0; i < c->tried_count; i++)
		peer_release(c->tried[i]);
	free(c->tried);
	free((char *)(uintptr_t)c->hash_key.ptr);
	pool_release(c->pool);
	slabs_put(&c->us->calls, c);
}

static bool remember_tried(struct upstream_call *c)
{
	if (!c->peer)
		return true;
	if (c->tried_count == c->tried_cap) {
		uint32_t cap = c->tried_cap ? c->tried_cap * 2 : 4;
		struct peer **tried = realloc(c->tried, cap * sizeof(struct peer *));
		if (!tried)
			return false;
		c->tried = tried;
		c->tried_cap = cap;
	}
	c->tried[c->tried_count++] = peer_ref(c->peer);
	return true;
}

uint32_t upstream_untried(const struct upstream_call *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->pool->peer_count; i++) {
		const struct peer *p = c->pool->peers[i];
		bool tried = p == c->peer || p->balance.down;
		for (uint32_t k = 0; k < c->tried_count && !tried; k++)
			tried = p == c->tried[k];
		count += !tried;
	}
	return count;
}

void upstream_next(struct upstream_call *c, enum upstream_outcome outcome)
{
	bool stale = c->conn.reused && outcome == UPSTREAM_NEUTRAL && c->peer;

	judge(c, outcome);
	stop(c);
	c->started_ms = loop_now(c->us->loop);
	if (stale)
		c->again = peer_ref(c->peer);
	bool remembered = stale || remember_tried(c);
	leave(c);
	if (remembered)
		step(c);
	else
		fail(c, UPSTREAM_FAIL_INTERNAL, NULL);
}

void upstream_count(struct upstream_call *c, uint64_t bytes)
{
	if (c->peer)
		c->peer->balance.bytes += bytes;
}

void upstream_put(struct upstream_call *c)
{
	struct stream *s = c->conn.stream;

	c->conn.stream = NULL;
	judge(c, UPSTREAM_OK);
	pool_keep(c->peer, s, c->requests + 1, c->opened_ms);
	call_free(c);
}

void upstream_drop(struct upstream_call *c, enum upstream_outcome outcome)
{
	judge(c, outcome);
	stop(c);
	call_free(c);
}

struct stream *upstream_take(struct upstream_call *c, struct upstream_lease **lease)
{
	struct stream *s = c->conn.stream;

	/* A lease is the peer itself: a tunnel pays nothing for it. */
	*lease = (struct upstream_lease *)(void *)c->peer;
	judge(c, UPSTREAM_OK);
	if (stream_ssl(s))
		SSL_set_app_data(stream_ssl(s), NULL);
	c->pool->refs++;
	c->peer = NULL;
	c->conn.stream = NULL;
	call_free(c);
	return s;
}

void upstream_release(struct upstream_lease *lease)
{
	struct peer *p = (struct peer *)(void *)lease;

	p->balance.conns--;
	pool_release(p->pool);
	peer_release(p);
}
