/* SPDX-License-Identifier: BSD-2-Clause */
/* The request's way to the upstream: connection, head, body, tries. The way back is proxy_response.c. See proxy.h. */
#include "runtime/proxy.h"

#include <stdlib.h>

#include "runtime/answer.h"
#include "runtime/httpd.h"

static const struct upstream_handler on_upstream;

/* --- tries ------------------------------------------------------------------------------------------------------------- */

struct proxy_try *proxy_current_try(const struct exchange *x)
{
	const struct proxy *p = x->proxy;
	return p && p->try_count ? &p->tries[p->try_count - 1] : NULL;
}

struct wsr_str proxy_address(const struct exchange *x)
{
	const struct proxy_try *t = proxy_current_try(x);
	return t ? t->address : WSR_STR_NULL;
}

/** The second try gets room for all. @return false if there is none: the last one's is used again */
static bool more_tries(struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct proxy_try *all = p->tries_cap < PROXY_TRIES_MAX ? wsr_arena_alloc(&x->arena, PROXY_TRIES_MAX * sizeof(*all)) : NULL;
	if (!all)
		return false;
	memcpy(all, p->tries, p->try_count * sizeof(*all));
	p->tries = all;
	p->tries_cap = PROXY_TRIES_MAX;
	return true;
}

static void begin_try(struct exchange *x)
{
	struct proxy *p = x->proxy;
	if (p->try_count < p->tries_cap || more_tries(x))
		p->try_count++;
	*proxy_current_try(x) = (struct proxy_try){ .connect_ms = UINT64_MAX, .header_ms = UINT64_MAX, .response_ms = UINT64_MAX, .start_ms = x->w->loop.now_ms };
	p->state = PROXY_CONNECTING;
	p->up = NULL;
	p->received = p->request_sent = p->head_unsent = p->paused = false;
}

/** Methods that may be sent twice (nginx's list of those that may not). */
static bool is_idempotent(struct wsr_str method)
{
	return !wsr_str_eq(method, WSR_STR("POST")) && !wsr_str_eq(method, WSR_STR("LOCK")) && !wsr_str_eq(method, WSR_STR("PATCH"));
}

/** May the request be sent (again) to anybody? */
static bool can_send_again(const struct exchange *x, unsigned cause)
{
	const struct proxy *p = x->proxy;
	const struct wsr_proxyset *ps = x->eval.proxyset;
	const struct proxy_try *t = proxy_current_try(x);
	if (!(ps->proxy_next_upstream & cause) || p->replay_lost || x->head_sent)
		return false;
	return t->bytes_sent == 0 || is_idempotent(x->eval.decision.method) || (ps->proxy_next_upstream & WSR_NEXT_NON_IDEMPOTENT);
}

bool proxy_can_try_next(const struct exchange *x, unsigned cause)
{
	const struct proxy *p = x->proxy;
	const struct wsr_proxyset *ps = x->eval.proxyset;
	if (!can_send_again(x, cause) || p->try_count >= PROXY_TRIES_MAX)
		return false;
	if (ps->proxy_next_upstream_tries && p->try_count >= ps->proxy_next_upstream_tries)
		return false;
	if (ps->proxy_next_upstream_timeout_ms && x->w->loop.now_ms - p->start_ms >= ps->proxy_next_upstream_timeout_ms)
		return false;
	return upstream_untried(p->call) > 0;
}

/* httpd goes on to another member only when no connection came about. */
static bool can_connect_elsewhere(const struct exchange *x, unsigned cause)
{
	const struct proxy *p = x->proxy;
	return cause && p->state == PROXY_CONNECTING && p->try_count < PROXY_TRIES_MAX && upstream_untried(p->call) > 0;
}

bool proxy_is_stale(const struct exchange *x)
{
	const struct proxy *p = x->proxy;
	return p->reused && !p->received && !p->stale_retried && p->try_count < PROXY_TRIES_MAX && can_send_again(x, WSR_NEXT_ERROR);
}

void proxy_try_failed(struct exchange *x, unsigned cause, unsigned status, enum close_reason reason)
{
	struct proxy *p = x->proxy;
	struct proxy_try *t = proxy_current_try(x);
	bool stale = cause == WSR_NEXT_ERROR && proxy_is_stale(x);
	bool next = stale || (httpd_rules(x) ? can_connect_elsewhere(x, cause) : proxy_can_try_next(x, cause));
	if (!t->status)
		t->status = status;
	t->response_ms = x->w->loop.now_ms - t->start_ms;
	if (!stale)
		x->w->counters->upstream_failures++;
	if (!next) {
		upstream_drop(p->call, httpd_rules(x) ? UPSTREAM_NEUTRAL : UPSTREAM_FAILED);
		p->call = NULL;
		p->up = NULL;
		exchange_fail(x, status, reason);
		return;
	}
	p->stale_retried |= stale;
	conn_want_body(x->conn, false);
	struct wsr_str address = t->address;
	begin_try(x);
	proxy_current_try(x)->address = address; /* until the next one is known */
	upstream_next(p->call, stale ? UPSTREAM_NEUTRAL : UPSTREAM_FAILED);
}

/* Host of a balancer's member is the member's own, so every try has its own head. */
static void note_member(struct exchange *x, uint32_t server)
{
	const struct wsr_decision *d = &x->eval.decision;
	if (!httpd_rules(x) || !d->proxy || !(d->proxy->flags & WSR_PROXY_UPSTREAM_GROUP))
		return;
	wsr_eval_member(&x->eval, server);
	x->proxy->request.ptr = NULL;
}

/* --- the request ------------------------------------------------------------------------------------------------------- */

static bool upstream_keeps(const struct exchange *x)
{
	const struct wsr_decision *d = &x->eval.decision;
	if (x->eval.proxyset->proxy_http_version == 10)
		return false;
	if (d->upstream == WSR_NONE)
		return true;
	const struct wsr_upstream *u = wsr_upstream_at(&x->gen->table, d->upstream);
	return (u->flags & WSR_UPSTREAM_IMPLICIT) || u->keepalive > 0;
}

static bool make_head(struct exchange *x)
{
	struct proxy *p = x->proxy;
	if (p->request.ptr)
		return true;
	p->keep_upstream = upstream_keeps(x);
	wsr_out_init(&p->request, &x->arena, 512);
	wsr_eval_upstream_head(&x->eval, (enum wsr_framing)p->request_framing, x->request.content_length, p->keep_upstream, &p->request);
	if (p->request.refused)
		exchange_error(x, WSR_LOG_WARN, "%u fields for the upstream held a control character and were left out", p->request.refused);
	return !p->request.failed;
}

void proxy_arm(struct exchange *x)
{
	struct proxy *p = x->proxy;
	const struct wsr_proxyset *ps = x->eval.proxyset;
	/* Nobody answers before the request is complete: until then the client's time-outs count. */
	stream_set_timeouts(p->up, p->request_sent ? ps->proxy_read_timeout_ms : 0, ps->proxy_send_timeout_ms);
}

/** The client waits for permission to send its body (RFC 9110 section 10.1.1): given when there is somebody to take it. */
static void send_continue(struct exchange *x)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (!x->request.expect_continue || x->continued || x->conn->body.bytes > 0 || conn_has_input(x->conn))
		return;
	x->continued = true;
	exchange_write(x, &(struct iovec){ (void *)(uintptr_t)text, sizeof(text) - 1 }, 1);
	x->sent_head_bytes += sizeof(text) - 1;
}

static void add_end(struct exchange *x, struct pieces *out)
{
	struct proxy *p = x->proxy;
	if (p->request_framing == WSR_FRAMING_CHUNKED)
		pieces_add(out, WSR_STR("0\r\n\r\n"));
	p->request_sent = true;
}

static void send_pieces(struct exchange *x, struct pieces *out)
{
	pieces_flush(out);
	proxy_current_try(x)->bytes_sent += out->bytes;
	upstream_count(x->proxy->call, out->bytes);
}

/** Send the head and what has been read of the body by an earlier try; then ask for the rest. May end the exchange. */
static void send_request(struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct pieces out;
	bool complete = p->request_framing == WSR_FRAMING_NONE || conn_request_read(x->conn);
	if (!complete && p->replay_len == 0 && conn_has_input(x->conn)) {
		p->head_unsent = true; /* goes out with the first body bytes, in one write */
	} else {
		pieces_init(&out, p->up);
		pieces_add(&out, wsr_str(p->request.ptr, p->request.len));
		pieces_payload(&out, (enum wsr_framing)p->request_framing, wsr_str(p->replay, p->replay_len));
		if (complete)
			add_end(x, &out);
		send_pieces(x, &out);
	}
	proxy_arm(x);
	if (complete)
		return;
	send_continue(x);
	conn_want_body(x->conn, true);
}

/** Remember payload for another try, as long as it is little. */
static void keep_for_replay(struct proxy *p, const struct wsr_str *payload, unsigned count)
{
	size_t more = 0;
	for (unsigned i = 0; i < count; i++)
		more += payload[i].len;
	if (p->replay_lost || more == 0)
		return;
	char *buf = more <= PROXY_REPLAY_BYTES - p->replay_len ? realloc(p->replay, p->replay_len + more) : NULL;
	if (!buf) {
		free(p->replay);
		p->replay = NULL;
		p->replay_len = 0;
		p->replay_lost = true;
		return;
	}
	p->replay = buf;
	for (unsigned i = 0; i < count; i++) {
		memcpy(buf + p->replay_len, payload[i].ptr, payload[i].len);
		p->replay_len += payload[i].len;
	}
}

void proxy_request_body(struct exchange *x, const struct wsr_str *payload, unsigned count, bool end)
{
	struct proxy *p = x->proxy;
	struct pieces out;
	pieces_init(&out, p->up);
	if (p->head_unsent)
		pieces_add(&out, wsr_str(p->request.ptr, p->request.len));
	p->head_unsent = false;
	for (unsigned i = 0; i < count; i++)
		pieces_payload(&out, (enum wsr_framing)p->request_framing, payload[i]);
	if (end)
		add_end(x, &out);
	send_pieces(x, &out);
	if (p->state == PROXY_AWAITING)
		keep_for_replay(p, payload, count);
	if (end)
		proxy_arm(x);
	else if (stream_pending(p->up) >= p->high_water)
		conn_want_body(x->conn, false);
}

/* --- the connection ---------------------------------------------------------------------------------------------------- */

static void on_ready(void *owner, const struct upstream_conn *c)
{
	struct exchange *x = owner;
	struct proxy *p = x->proxy;
	struct proxy_try *t = proxy_current_try(x);
	struct wsr_str address = wsr_cstr(c->address);
	t->address = wsr_arena_dup(&x->arena, address);
	t->connect_ms = c->connect_ms;
	p->up = c->stream;
	p->reused = c->reused;
	note_member(x, c->server);
	p->state = PROXY_AWAITING;
	p->parser = (struct wsr_head_parser){ 0 };
	p->head_len = 0;
	x->w->counters->upstream_requests++;
	x->w->counters->upstream_reused += c->reused;
	if (make_head(x))
		send_request(x);
	else
		exchange_fail(x, 500, CLOSE_MEMORY);
}

static void on_failed(void *owner, enum upstream_failure why, const char *address, const char *text)
{
	struct exchange *x = owner;
	struct proxy_try *t = proxy_current_try(x);
	t->address = wsr_arena_dup(&x->arena, wsr_cstr(address));
	exchange_error(x, WSR_LOG_ERROR, "%s", text); /* names the failure and its cause */
	unsigned cause = why == UPSTREAM_FAIL_TIMEOUT ? WSR_NEXT_TIMEOUT : WSR_NEXT_ERROR;
	if (httpd_rules(x))
		proxy_try_failed(x, why == UPSTREAM_FAIL_NO_PEER ? 0 : cause, httpd_connect_status(why), CLOSE_UPSTREAM_CONNECT);
	else
		proxy_try_failed(x, cause, upstream_failure_status(why), CLOSE_UPSTREAM_CONNECT);
}

static const struct upstream_handler on_upstream = { on_ready, on_failed };

static struct wsr_str client_key(struct exchange *x)
{
	struct wsr_str key = x->eval.client_binary;
	return key.ptr || exchange_world.fact(x, WSR_V_BINARY_REMOTE_ADDR, &x->arena, &key) ? key : WSR_STR_NULL;
}

static void connect_upstream(struct exchange *x)
{
	const struct wsr_decision *d = &x->eval.decision;
	const struct wsr_table *t = &x->gen->table;
	struct proxy *p = x->proxy;
	struct upstream_request rq = {
		.table = t, .upstream = d->upstream, .host = d->host, .port = d->port, .tls = d->tls, .ssl_name = d->ssl_name,
		.proxyset = wsr_body_at(t, wsr_location_at(t, x->eval.location)->body)->proxyset, .keys = generation_keys(x->gen), .collects = true,
		.prefer = d->peer, .only_preferred = d->only_peer, .connect_timeout_ms = x->eval.proxyset->proxy_connect_timeout_ms,
	};
	if (d->upstream != WSR_NONE) {
		const struct wsr_upstream *u = wsr_upstream_at(t, d->upstream);
		if (u->balance == WSR_BALANCE_IP_HASH)
			rq.client_addr = client_key(x);
		if (u->balance == WSR_BALANCE_HASH && u->hash_key != WSR_NONE)
			rq.hash_key = wsr_eval_tmpl(&x->eval, u->hash_key);
	}
	begin_try(x);
	p->call = upstream_get(x->w->upstreams, &rq, &on_upstream, &proxy_upstream_stream, x);
	if (!p->call) {
		exchange_fail(x, 500, CLOSE_MEMORY);
		return;
	}
	const struct upstream_conn *idle = upstream_ready(p->call);
	if (idle)
		on_ready(x, idle);
}

static void drop_replay(struct proxy *p)
{
	free(p->replay);
	p->replay = NULL;
	p->replay_len = 0;
}

/** What an earlier upstream was sent of the body is sent again, if all of it was kept. */
static void take_over_replay(struct exchange *x, struct proxy *old)
{
	struct proxy *p = x->proxy;
	if (!old->replay_lost && old->replay_len == x->conn->body.bytes) {
		p->replay = old->replay;
		p->replay_len = old->replay_len;
		old->replay = NULL;
	}
	drop_replay(old);
}

/** Framing of the upstream request. @return false if the upstream cannot be sent this body: chunks to an HTTP/1.0 upstream would have to be kept whole. */
static bool choose_framing(struct exchange *x)
{
	const struct wsr_proxyset *ps = x->eval.proxyset;
	struct proxy *p = x->proxy;
	/* An error page asks with GET, and what an earlier upstream has taken of a large body is gone. */
	bool body = ps->proxy_pass_request_body && !x->eval.body_refused && wsr_str_eq(x->eval.method, x->request.method);
	if ((x->eval.error_page || x->eval.kept) && x->conn->body.bytes > p->replay_len)
		body = false;
	p->request_framing = body ? (uint8_t)x->request.framing : WSR_FRAMING_NONE;
	return p->request_framing != WSR_FRAMING_CHUNKED || ps->proxy_http_version != 10;
}

void proxy_start(struct exchange *x)
{
	struct proxy *old = x->proxy;
	struct proxy *p = wsr_arena_alloc(&x->arena, sizeof(*p));
	struct proxy_try *tries = old ? old->tries : wsr_arena_alloc(&x->arena, sizeof(*tries));
	if (!p || !tries) {
		exchange_fail(x, 500, CLOSE_MEMORY);
		return;
	}
	memset(p, 0, offsetof(struct proxy, response));
	p->tries = tries;
	p->tries_cap = old ? old->tries_cap : 1;
	p->try_count = old ? old->try_count : 0;
	p->start_ms = x->w->loop.now_ms;
	size_t buffers = (size_t)x->eval.proxyset->proxy_buffers_bytes;
	p->high_water = buffers > STREAM_LOW_WATER ? buffers : STREAM_LOW_WATER + 1;
	x->proxy = p;
	if (old)
		take_over_replay(x, old);
	if (!choose_framing(x)) {
		exchange_fail(x, 411, CLOSE_NONE);
		return;
	}
	connect_upstream(x);
}

void proxy_client_drained(struct exchange *x)
{
	struct proxy *p = x->proxy;
	if (p->paused && p->up) {
		p->paused = false;
		stream_resume(p->up);
	}
}

void proxy_stop(struct exchange *x)
{
	struct proxy *p = x->proxy;
	if (!p)
		return;
	if (p->call)
		upstream_drop(p->call, UPSTREAM_NEUTRAL);
	p->call = NULL;
	p->up = NULL;
	body_in_release(&p->body);
}

void proxy_release(struct exchange *x)
{
	proxy_stop(x);
	if (x->proxy)
		drop_replay(x->proxy);
}
