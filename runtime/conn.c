/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Client connections: accepting, input, persistence, closing. In: descriptors from the listeners, bytes from the stream. Out: heads and bodies for
 * exchanges, one after the other.
 *
 * All input goes through one pump, which takes one step after the other until nothing moves. Invariants: while the stream delivers data, no earlier
 * input waits; a waiting connection holds no buffer; nobody but the pump's outermost frame releases a connection.
 */
#include "runtime/conn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/exchange.h"
#include "runtime/log.h"
#include "runtime/preface.h"

#define DISCARD_TIMEOUT_MS 5000u        /* nginx: lingering_timeout */
#define PLAIN_ON_TLS 497u                /* nginx's status for plain HTTP on a TLS port, which error_page may name; the client sees 400 */
#define BODY_PARTS 32u                  /* slices given to the exchange at once */

struct conn_set {
	struct conn *waiting, *waiting_last; /* oldest first */
	struct conn *busy;
	struct slabs memory, exchanges;
};

static void pump(struct conn *c);

/** A reload may have taken the listener away. */
static bool still_served(const struct conn *c)
{
	return c->w->gen && c->listener->index != WSR_NONE;
}

/* --- lists ------------------------------------------------------------------------------------------------------------- */

struct conn_set *conn_set_new(struct worker *w)
{
	struct conn_set *set = calloc(1, sizeof(*set));
	if (set) {
		slabs_init(&set->memory, &w->loop, sizeof(struct conn));
		slabs_init(&set->exchanges, &w->loop, sizeof(struct exchange));
	}
	return set;
}

void conn_set_free(struct conn_set *set)
{
	slabs_drain(&set->memory);
	slabs_drain(&set->exchanges);
	free(set);
}

struct slabs *conn_exchanges(struct worker *w)
{
	return &w->conns->exchanges;
}

static void list_remove(struct conn *c)
{
	struct conn_set *set = c->w->conns;
	if (c->prev)
		c->prev->next = c->next;
	else if (set->waiting == c)
		set->waiting = c->next;
	else if (set->busy == c)
		set->busy = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else if (set->waiting_last == c)
		set->waiting_last = c->prev;
	c->next = c->prev = NULL;
}

static void list_busy(struct conn *c)
{
	struct conn_set *set = c->w->conns;
	c->next = set->busy;
	if (c->next)
		c->next->prev = c;
	set->busy = c;
}

static void list_waiting(struct conn *c)
{
	struct conn_set *set = c->w->conns;
	c->prev = set->waiting_last;
	if (c->prev)
		c->prev->next = c;
	else
		set->waiting = c;
	set->waiting_last = c;
}

/** Change state; keeps the lists and the idle count right. */
static void enter(struct conn *c, enum conn_state state)
{
	bool was = c->state == CONN_WAITING, is = state == CONN_WAITING;
	if (was != is) {
		list_remove(c);
		if (is)
			list_waiting(c);
		else
			list_busy(c);
		c->w->counters->idle += is ? 1 : (uint64_t)-1;
	}
	c->state = (uint8_t)state;
}

/* --- end of a connection ----------------------------------------------------------------------------------------------- */

void conn_count_closed(struct worker *w, struct listener *l)
{
	w->counters->connections--;
	listener_unref(l);
	worker_connection_closed(w);
}

static void release(struct conn *c)
{
	struct worker *w = c->w;
	struct listener *l = c->listener;
	list_remove(c);
	if (c->handshake)
		tls_cancel(c->handshake);
	generation_unref(c->handshake_gen);
	body_in_release(&c->body);
	free(c->in);
	free(c->preface);
	slabs_put(&w->conns->memory, c);
	if (l)
		conn_count_closed(w, l);
}

/** The connection is over. The stream has been dealt with. */
static void closed(struct conn *c)
{
	enter(c, CONN_CLOSED);
	if (!c->pumping)
		release(c);
}

static void close_stream(struct conn *c, enum stream_close how)
{
	if (c->client)
		stream_close(c->client, how);
	c->client = NULL;
}

static void conn_close(struct conn *c, enum stream_close how)
{
	close_stream(c, how);
	closed(c);
}

/* --- input ------------------------------------------------------------------------------------------------------------- */

bool conn_has_input(const struct conn *c)
{
	return c->in_len > c->in_at || c->fresh.len > 0;
}

/** What has not been taken yet; there is never both kept and fresh input. */
static struct wsr_str input(const struct conn *c)
{
	return c->in ? wsr_str(c->in + c->in_at, c->in_len - c->in_at) : c->fresh;
}

/** `rest` is what remains of input(). */
static void consumed(struct conn *c, struct wsr_str rest)
{
	if (!c->in) {
		c->fresh = rest;
		return;
	}
	c->in_at = c->in_len - (uint32_t)rest.len;
	if (rest.len == 0) {
		free(c->in);
		c->in = NULL;
		c->in_at = c->in_len = 0;
	}
}

/** The callback that brought fresh input returns: what nobody took is kept. @return false without memory */
static bool keep_fresh(struct conn *c)
{
	if (c->fresh.len == 0)
		return true;
	c->in = malloc(c->fresh.len);
	if (!c->in)
		return false;
	memcpy(c->in, c->fresh.ptr, c->fresh.len);
	c->in_at = 0;
	c->in_len = (uint32_t)c->fresh.len;
	c->fresh = WSR_STR_NULL;
	return true;
}

static const struct wsr_core *default_core(const struct generation *g, uint32_t server)
{
	const struct wsr_location *loc = wsr_location_at(&g->table, wsr_server_at(&g->table, server)->location);
	return wsr_core_at(&g->table, wsr_body_at(&g->table, loc->body)->core);
}

/** Time-outs of the stream for the state; set when the state changes. */
static void arm(struct conn *c)
{
	if (c->armed == c->state + 1 || !c->client || c->state == CONN_CLOSED)
		return;
	c->armed = c->state + 1;
	uint64_t read_ms = 0, write_ms = 0;
	if (c->exchange && c->exchange->eval.core) {
		write_ms = c->exchange->eval.core->send_timeout_ms;
		if (!c->body.done)
			read_ms = c->exchange->eval.core->client_body_timeout_ms;
	} else if (c->state == CONN_DISCARDING) {
		read_ms = DISCARD_TIMEOUT_MS;
		write_ms = c->keepalive_ms;
	} else if (c->state == CONN_WAITING) {
		read_ms = write_ms = c->keepalive_ms;
	}
	stream_set_timeouts(c->client, read_ms, write_ms);
}

/** Stop reading while input waits or the exchange cannot take more body. Reading goes on otherwise, so that a client that leaves is noticed. */
static void set_reading(struct conn *c)
{
	bool pause = c->in != NULL || (c->state == CONN_SERVING && !c->body.done && !c->body.bad && !c->body_wanted);
	if (!c->client || pause == c->paused)
		return;
	c->paused = pause;
	if (pause)
		stream_pause(c->client);
	else
		stream_resume(c->client);
}

/* --- steps: each returns true if it moved something -------------------------------------------------------------------- */

static bool step_waiting(struct conn *c)
{
	/* A client that sends requests but does not read answers is not served on. */
	if (!conn_has_input(c) || stream_full(c->client))
		return false;
	c->pipelined = c->in != NULL;
	c->exchange = still_served(c) ? exchange_new(c) : NULL;
	if (!c->exchange) {
		conn_close(c, STREAM_CLOSE_NOW);
		return false;
	}
	c->requests++;
	enter(c, CONN_HEAD);
	return true;
}

/** No request comes out of what was received: nothing behind it can be read as one either. */
static void refuse(struct conn *c, unsigned status, enum close_reason reason)
{
	enter(c, CONN_SERVING);
	body_in_release(&c->body);
	c->body = (struct body_in){ .bad = true };
	exchange_refuse(c->exchange, status, reason);
}

void conn_head_timeout(struct conn *c)
{
	c->pumping = true;
	refuse(c, 408, CLOSE_HEAD_TIMEOUT);
	c->pumping = false;
	pump(c);
}

static bool step_head(struct conn *c)
{
	struct wsr_str in = input(c);
	if (in.len == 0)
		return false;
	struct exchange *x = c->exchange;
	enum wsr_head_status s = exchange_take_head(x, &in);
	consumed(c, in);
	if (s == WSR_HEAD_MORE)
		return true;
	if (s == WSR_HEAD_BAD || c->plain_on_tls) {
		refuse(c, s == WSR_HEAD_BAD ? wsr_head_error_status(x->parser.error) : PLAIN_ON_TLS, CLOSE_BAD_REQUEST);
		return true;
	}
	enter(c, CONN_SERVING);
	body_in_release(&c->body);
	body_in_init(&c->body, x->request.framing, x->request.content_length);
	exchange_start(x);
	return true;
}

static bool step_body(struct conn *c)
{
	struct wsr_str in = input(c), parts[BODY_PARTS];
	unsigned count = 0;
	if (!c->body_wanted || c->body.done || c->body.bad || in.len == 0)
		return false;
	while (in.len > 0 && count < BODY_PARTS && !c->body.done && !c->body.bad) {
		struct body_piece piece = body_in_next(&c->body, &in);
		if (piece.payload.len)
			parts[count++] = piece.payload;
	}
	for (unsigned i = 0; i < count; i++)
		c->w->counters->bytes_in += parts[i].len;
	/* The slices point into the input: it is given back only afterwards. */
	if (c->body.bad)
		exchange_body_bad(c->exchange);
	else
		exchange_body(c->exchange, parts, count, c->body.done);
	consumed(c, in);
	if (c->body.done)
		c->armed = 0;
	return true;
}

static bool step_discarding(struct conn *c)
{
	struct wsr_str in = input(c);
	size_t had = in.len;
	while (in.len > 0 && !c->body.done && !c->body.bad)
		body_in_next(&c->body, &in);
	c->discarded += had - in.len;
	consumed(c, in);
	if (c->body.bad || (!c->body.done && c->discarded > CONN_DISCARD_MAX_BYTES))
		conn_close(c, STREAM_CLOSE_LINGER);
	else if (c->body.done)
		enter(c, CONN_WAITING);
	else
		return false;
	return true;
}

static bool step(struct conn *c)
{
	switch ((enum conn_state)c->state) {
	case CONN_WAITING: return step_waiting(c);
	case CONN_HEAD: return step_head(c);
	case CONN_SERVING: return step_body(c);
	case CONN_DISCARDING: return step_discarding(c);
	default: return false;
	}
}

/** Move what can be moved. The connection may be gone afterwards. */
static void pump(struct conn *c)
{
	if (c->pumping)
		return;
	c->pumping = true;
	while (step(c))
		;
	if (c->state != CONN_CLOSED && !keep_fresh(c))
		conn_close(c, STREAM_CLOSE_NOW);
	c->fresh = WSR_STR_NULL;
	c->pumping = false;
	if (c->state == CONN_CLOSED) {
		if (c->exchange)
			exchange_drop(c->exchange, CLOSE_MEMORY);
		release(c);
		return;
	}
	set_reading(c);
	arm(c);
}

/* --- the stream's reports ---------------------------------------------------------------------------------------------- */

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct conn *c = owner;
	c->fresh = wsr_str((const char *)data, len);
	pump(c);
}

static void on_drained(void *owner)
{
	struct conn *c = owner;
	c->pumping = true;
	if (c->state == CONN_SERVING)
		exchange_client_drained(c->exchange);
	c->pumping = false;
	pump(c);
}

/** Nothing came in time. */
static void silent(struct conn *c)
{
	if (c->state == CONN_SERVING)
		exchange_body_timeout(c->exchange);
	else
		conn_close(c, c->requests ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_NOW);
}

static void on_end(void *owner, enum stream_end why)
{
	struct conn *c = owner;
	c->pumping = true;
	if (why == STREAM_END_READ_TIMEOUT) {
		silent(c);
	} else {
		bool fatal = stream_end_is_fatal(why);
		c->eof = true;
		if (!c->exchange)
			conn_close(c, fatal ? STREAM_CLOSE_NOW : STREAM_CLOSE_FLUSH);
		else
			exchange_client_end(c->exchange, why);
	}
	c->pumping = false;
	pump(c);
}

static const struct stream_handler on_client = { on_data, on_drained, on_end };

/* --- for exchanges ----------------------------------------------------------------------------------------------------- */

void conn_want_body(struct conn *c, bool on)
{
	if (c->body_wanted == on)
		return;
	c->body_wanted = on;
	if (c->pumping)
		return; /* the pump goes on by itself */
	if (on)
		pump(c);
	else
		set_reading(c);
}

bool conn_may_keep(const struct conn *c)
{
	const struct listener *l = c->listener;
	return !c->eof && !c->w->draining && !c->body.bad && !l->gone && l->index != WSR_NONE && l->tls_key == c->tls_key;
}

void conn_exchange_done(struct conn *c, enum conn_after after)
{
	bool read_whole = c->body.done && !conn_has_input(c);
	c->exchange = NULL;
	c->body_wanted = false;
	switch (after) {
	case CONN_KEEP:
		c->discarded = 0;
		c->armed = 0;
		enter(c, c->body.done ? CONN_WAITING : CONN_DISCARDING);
		pump(c);
		return;
	case CONN_CLOSE:
		/* A close with unread input would be a reset, which can overtake the answer (RFC 9112 section 9.6). */
		conn_close(c, read_whole || c->eof ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_LINGER);
		return;
	case CONN_ABORT:
		if (c->client)
			stream_abort(c->client);
		c->client = NULL;
		closed(c);
		return;
	case CONN_TAKEN:
		c->listener = NULL; /* its count goes on with the tunnel */
		closed(c);
		return;
	}
}

struct stream *conn_take_stream(struct conn *c, struct wsr_str *rest)
{
	struct stream *s = c->client;
	struct wsr_str in = input(c);
	*rest = WSR_STR_NULL;
	if (in.len > 0) {
		char *copy = malloc(in.len);
		if (!copy)
			return NULL;
		memcpy(copy, in.ptr, in.len);
		*rest = wsr_str(copy, in.len);
		consumed(c, wsr_str(in.ptr + in.len, 0));
	}
	stream_watch(s, false);
	if (c->paused)
		stream_resume(s);
	c->client = NULL;
	return s;
}

/* --- accepting --------------------------------------------------------------------------------------------------------- */

/** The connection stands: wait for the first request, which has client_header_timeout to begin. */
static void established(struct conn *c, const struct generation *g)
{
	const struct wsr_listen *l = wsr_listen_at(&g->table, c->listener->index);
	const struct wsr_server *server = wsr_server_at(&g->table, l->default_server);
	if (default_core(g, l->default_server)->tcp_nodelay)
		stream_set_nodelay(c->client, true);
	stream_watch(c->client, true);
	c->keepalive_ms = wsr_srv_at(&g->table, server->srv)->client_header_timeout_ms;
	c->body.done = true;
	enter(c, CONN_WAITING);
	arm(c);
}

static SSL_CTX *on_pick(void *owner, struct wsr_str name)
{
	struct conn *c = owner;
	struct generation *g = c->handshake_gen;
	uint32_t server = wsr_match_server(&g->table, g->regexes, c->handshake_listen, name, NULL);
	uint32_t tls = wsr_server_at(&g->table, server)->tls;
	if (tls == WSR_NONE || wsr_tls_at(&g->table, tls)->reject_handshake)
		return NULL;
	const char *why = NULL;
	SSL_CTX *ctx = tls_ctxs_get(g->tls, tls, &why);
	if (!ctx)
		log_error(g, WSR_NONE, WSR_LOG_ERROR, NULL, "certificate for \"%.*s\" cannot be used: %s", WSR_FMT(name), why ? why : "unknown");
	return ctx;
}

static void on_handshake(void *owner, struct stream *s)
{
	struct conn *c = owner;
	c->handshake = NULL;
	c->client = s;
	generation_unref(c->handshake_gen);
	c->handshake_gen = NULL;
	c->w->counters->handshakes++;
	if (SSL_session_reused(stream_ssl(s)))
		c->w->counters->handshakes_resumed++;
	if (still_served(c))
		established(c, c->w->gen);
	else
		conn_close(c, STREAM_CLOSE_FLUSH);
}

static void log_failed_handshake(struct conn *c, enum tls_failure why, const char *text)
{
	/* Anybody can fail a handshake: no more than information. */
	struct log_context ctx = { .connection = c->serial, .rule = WSR_NONE };
	if (log_wants(c->w->gen, WSR_NONE, WSR_LOG_INFO))
		log_error(c->w->gen, WSR_NONE, WSR_LOG_INFO, &ctx, "%s: %s, listener: %s", tls_failure_text(why), text, c->listener->text);
}

static void on_handshake_failed(void *owner, enum tls_failure why, const char *text, struct stream *plain)
{
	struct conn *c = owner;
	c->handshake = NULL;
	generation_unref(c->handshake_gen);
	c->handshake_gen = NULL;
	if (plain && still_served(c)) {
		c->client = plain;
		c->plain_on_tls = true;
		established(c, c->w->gen);
		return;
	}
	if (plain)
		stream_close(plain, STREAM_CLOSE_NOW);
	c->w->counters->handshakes_failed++;
	log_failed_handshake(c, why, text);
	closed(c);
}

static const struct tls_handler on_tls = { on_pick, on_handshake, on_handshake_failed };

static bool begin_tls(struct conn *c, int fd)
{
	struct generation *g = c->w->gen;
	const struct wsr_server *server = wsr_server_at(&g->table, wsr_listen_at(&g->table, c->listener->index)->default_server);
	const char *why = "no certificate";
	SSL_CTX *first = server->tls == WSR_NONE ? NULL : tls_ctxs_get(g->tls, server->tls, &why);
	if (!first) {
		log_error(g, WSR_NONE, WSR_LOG_ERROR, NULL, "TLS on %s is not possible: %s", c->listener->text, why);
		return false;
	}
	c->handshake_gen = generation_ref(g);
	c->handshake_listen = c->listener->index;
	c->handshake = tls_accept(&c->w->loop, fd, first, wsr_srv_at(&g->table, server->srv)->client_header_timeout_ms, &on_tls, &on_client, c);
	return c->handshake != NULL;
}

void conn_accept(struct worker *w, struct listener *l, int fd, const struct sockaddr *addr, socklen_t len, const struct preface_header *preface)
{
	struct preface_header *kept = preface && preface->addr_len ? malloc(sizeof(*kept)) : NULL;
	struct conn *c = l->index != WSR_NONE && w->gen && (kept || !preface || !preface->addr_len) ? slabs_get(&w->conns->memory) : NULL;
	if (!c) {
		free(kept);
		close(fd);
		return;
	}
	if (kept)
		*kept = *preface;
	*c = (struct conn){ .w = w, .listener = l, .serial = ++w->next_serial, .tls_key = l->tls_key, .preface = kept };
	if (len <= sizeof(c->addr))
		memcpy(&c->addr, addr, len);
	if (len < sizeof(addr->sa_family) || addr->sa_family == AF_UNIX)
		c->addr.sa.sa_family = AF_UNIX;
	listener_ref(l);
	w->counters->connections++;
	w->counters->accepted++;
	list_busy(c);
	if (l->tls) {
		if (begin_tls(c, fd))
			return;
	} else if ((c->client = stream_new(&w->loop, fd, &on_client, c))) {
		established(c, w->gen);
		return;
	}
	close(fd);
	closed(c);
}

/* --- the worker's orders ----------------------------------------------------------------------------------------------- */

unsigned conn_close_idle(struct worker *w, unsigned max)
{
	unsigned n = 0;
	for (struct conn *c = w->conns->waiting, *next; c && n < max; c = next) {
		next = c->next;
		if (c->requests == 0 || stream_pending(c->client) > 0)
			continue; /* not between two requests: its first one may be on its way */
		conn_close(c, STREAM_CLOSE_FLUSH);
		n++;
	}
	return n;
}

void conn_drain(struct worker *w)
{
	for (struct conn *c = w->conns->waiting, *next; c; c = next) {
		next = c->next;
		if (!conn_has_input(c))
			conn_close(c, STREAM_CLOSE_FLUSH);
	}
}

void conn_generation_changed(struct worker *w)
{
	for (struct conn *c = w->conns->waiting, *next; c; c = next) {
		next = c->next;
		if (!conn_may_keep(c) && !conn_has_input(c))
			conn_close(c, STREAM_CLOSE_FLUSH);
	}
}
