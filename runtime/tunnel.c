/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two mirrored halves: see tunnel.h. Every callback is given its half and acts on the peer; client and upstream differ only in the words of the log.
 * Invariant: a tunnel that exists has both streams; tunnel_end() is the only way out.
 */
#include "runtime/tunnel.h"

#include <stdlib.h>

#include "runtime/log.h"
#include "runtime/proxy.h"
#include "runtime/tunnel_log.h"

#define TUNNEL_IDLE_MAX_MS (UINT64_C(1) << 40) /* so that the sum with a time is one */

/** One end of the connection; its peer is the other end. */
struct half {
	struct half *peer;
	struct stream *stream;
	uint64_t bytes_in;          /* payload read here; heads and TLS records excluded */
	bool eof_in;                /* FIN seen, and passed on to the peer */
	bool is_upstream;
	bool paused;                /* because the peer does not take more */
};

struct tunnel {
	struct half client, upstream;
	struct worker *w;
	struct listener *listener;  /* a reference: the connection still counts there */
	struct upstream_lease *lease;
	struct tunnel_log *log;
	struct timer idle;
	uint64_t idle_ms;
	uint64_t start_ms;          /* of the request */
	uint64_t serial;
	uint32_t head_bytes, request_bytes;
};

static struct tunnel *tunnel_of(struct half *h)
{
	return h->is_upstream ? container_of(h, struct tunnel, upstream) : container_of(h, struct tunnel, client);
}

size_t tunnel_idle_bytes(void)
{
	return sizeof(struct tunnel);
}

/* --- end --------------------------------------------------------------------------------------------------------------- */

/** Both streams have been dealt with. */
static void tunnel_free(struct tunnel *t, enum close_reason reason)
{
	struct worker *w = t->w;
	struct listener *l = t->listener;
	struct tunnel_facts facts = {
		.client_bytes = t->client.bytes_in, .upstream_bytes = t->upstream.bytes_in, .duration_ms = loop_now(&w->loop) - t->start_ms,
		.head_bytes = t->head_bytes, .request_bytes = t->request_bytes, .reason = reason,
	};
	struct log_context ctx = { .connection = t->serial, .rule = WSR_NONE };
	timer_clear(&w->loop, &t->idle);
	upstream_release(t->lease);
	tunnel_log_end(t->log, w, &facts);
	if (log_wants(w->gen, WSR_NONE, WSR_LOG_INFO))
		log_error(w->gen, WSR_NONE, WSR_LOG_INFO, &ctx, "%s", close_reason_text(reason));
	w->counters->tunnels--;
	w->counters->bytes_in += t->client.bytes_in;
	w->counters->bytes_out += t->upstream.bytes_in;
	free(t);
	conn_count_closed(w, l);
}

/** Nothing more is to be said on either side: what is pending still leaves. */
static void close_both(struct tunnel *t, enum close_reason reason)
{
	stream_close(t->client.stream, STREAM_CLOSE_FLUSH);
	stream_close(t->upstream.stream, STREAM_CLOSE_FLUSH);
	tunnel_free(t, reason);
}

/** One end broke: the other one sees it as a reset. */
static void broken(struct half *h)
{
	struct tunnel *t = tunnel_of(h);
	stream_close(h->stream, STREAM_CLOSE_NOW);
	stream_abort(h->peer->stream);
	tunnel_free(t, h->is_upstream ? CLOSE_TUNNEL_UPSTREAM : CLOSE_TUNNEL_CLIENT);
}

static void on_idle(struct timer *timer)
{
	close_both(container_of(timer, struct tunnel, idle), CLOSE_TUNNEL_IDLE);
}

/* --- the streams' reports ---------------------------------------------------------------------------------------------- */

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct half *h = owner;
	struct tunnel *t = tunnel_of(h);
	h->bytes_in += len;
	if (t->idle_ms > TUNNEL_IDLE_MAX_MS || !timer_delay(&t->idle, t->w->loop.now_ms + t->idle_ms))
		timer_set(&t->w->loop, &t->idle, t->idle_ms);
	stream_write(h->peer->stream, &(struct iovec){ (void *)(uintptr_t)data, len }, 1);
	if (!h->paused && stream_full(h->peer->stream)) {
		h->paused = true;
		stream_pause(h->stream);
	}
}

static void on_drained(void *owner)
{
	struct half *h = owner;
	if (h->peer->paused) {
		h->peer->paused = false;
		stream_resume(h->peer->stream);
	}
}

static void on_end(void *owner, enum stream_end why)
{
	struct half *h = owner;
	if (stream_end_is_fatal(why)) {
		broken(h);
		return;
	}
	if (why == STREAM_END_READ_TIMEOUT)
		return; /* no such time-out is set: silence is measured over both halves by the timer */
	h->eof_in = true;
	if (h->peer->eof_in)
		close_both(tunnel_of(h), CLOSE_TUNNEL_CLOSED);
	else
		stream_shutdown(h->peer->stream);
}

static const struct stream_handler on_half = { on_data, on_drained, on_end };

/* --- opening ----------------------------------------------------------------------------------------------------------- */

static void join(struct tunnel *t, struct exchange *x)
{
	const struct wsr_proxyset *ps = x->eval.proxyset;
	t->client = (struct half){ .peer = &t->upstream, .stream = t->client.stream };
	t->upstream = (struct half){ .peer = &t->client, .stream = t->upstream.stream, .is_upstream = true };
	stream_set_owner(t->client.stream, &on_half, &t->client);
	stream_set_owner(t->upstream.stream, &on_half, &t->upstream);
	stream_set_timeouts(t->client.stream, 0, x->eval.core->send_timeout_ms);
	stream_set_timeouts(t->upstream.stream, 0, ps->proxy_send_timeout_ms);
	t->idle_ms = ps->websocket_idle_timeout_ms ? ps->websocket_idle_timeout_ms : ps->proxy_read_timeout_ms;
	t->idle.fn = on_idle;
	timer_set(&t->w->loop, &t->idle, t->idle_ms);
}

/** The first bytes of both directions: each head's followers go behind the other one's. */
static void send_first(struct tunnel *t, const struct wsr_out *head, struct wsr_str from_client, struct wsr_str from_upstream)
{
	struct iovec to_client[] = { { head->ptr, head->len }, { (void *)(uintptr_t)from_upstream.ptr, from_upstream.len } };
	stream_write(t->client.stream, to_client, from_upstream.len ? 2 : 1);
	if (from_client.len)
		stream_write(t->upstream.stream, &(struct iovec){ (void *)(uintptr_t)from_client.ptr, from_client.len }, 1);
	t->upstream.bytes_in = from_upstream.len;
	t->client.bytes_in = from_client.len;
}

void tunnel_open(struct exchange *x, struct wsr_out *head, struct wsr_str from_upstream)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	struct conn *c = x->conn;
	struct wsr_str from_client;
	x->status = 101;
	/* The log line is made while everything it may name is still in its place. */
	struct tunnel_log *log = t ? tunnel_log_new(x) : NULL;
	if (!t || !(t->client.stream = conn_take_stream(c, &from_client))) {
		free(t);
		tunnel_log_free(log);
		exchange_finish(x, CONN_ABORT, CLOSE_MEMORY);
		return;
	}
	t->w = x->w;
	t->listener = c->listener;
	t->serial = c->serial;
	t->start_ms = x->start_ms;
	t->head_bytes = (uint32_t)head->len;
	t->request_bytes = (uint32_t)x->request.head_bytes;
	t->log = log;
	t->upstream.stream = upstream_take(x->proxy->call, &t->lease);
	x->proxy->call = NULL;
	x->proxy->up = NULL;
	join(t, x);
	send_first(t, head, from_client, from_upstream);
	free((void *)(uintptr_t)from_client.ptr);
	t->w->counters->tunnels++;
	t->w->counters->tunnels_opened++;
	x->head_sent = x->complete = x->tunnelled = true;
	exchange_finish(x, CONN_TAKEN, CLOSE_COMPLETE);
}
