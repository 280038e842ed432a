/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The upstream's response: head, body, end. A response that breaks its framing after its head has been passed on breaks the client's connection too, so that
 * nobody takes a part for the whole. See proxy.h.
 */
#include <openssl/evp.h>

#include "runtime/answer.h"
#include "runtime/httpd.h"
#include "runtime/proxy.h"
#include "runtime/tunnel.h"

#define HEAD_FIRST_BYTES 512u

/* --- giving up --------------------------------------------------------------------------------------------------------- */

/** Nothing more can come of this response, part of which the client has. */
static void abort_response(struct exchange *x, enum close_reason reason)
{
	struct proxy *p = x->proxy;
	x->w->counters->upstream_failures++;
	upstream_drop(p->call, httpd_rules(x) ? UPSTREAM_NEUTRAL : UPSTREAM_FAILED);
	p->call = NULL;
	p->up = NULL;
	exchange_finish(x, CONN_ABORT, reason);
}

/* --- body -------------------------------------------------------------------------------------------------------------- */

static bool is_hidden(const struct exchange *x, struct wsr_str name)
{
	const struct wsr_table *t = &x->gen->table;
	struct wsr_list list = x->eval.fieldset->proxy_hide_header;
	for (uint32_t i = 0; i < list.count; i++)
		if (wsr_str_eq_nocase(wsr_string(t, *wsr_str_item_at(t, list.first + i)), name))
			return true;
	return false;
}

/** RFC 9110 section 6.5.1: fields that direct the message or its recipient stay out of trailers; those are the ones we know by name. */
static void pass_trailer(struct exchange *x, struct wsr_str line)
{
	struct wsr_out *trailers = &x->proxy->trailers;
	struct wsr_str name, value;
	if (x->framing != WSR_FRAMING_CHUNKED || !wsr_field_split(line, &name, &value))
		return;
	if (wsr_field_id(name) != WSR_F_OTHER || is_hidden(x, name))
		return;
	if (!trailers->arena)
		wsr_out_init(trailers, &x->arena, 256);
	wsr_out_field(trailers, name, value);
}

/** The response is complete: end the answer, let the upstream's connection serve others if nothing speaks against it. */
static void finish_response(struct exchange *x, struct pieces *out, bool extra)
{
	struct proxy *p = x->proxy;
	const struct wsr_out *trailers = &p->trailers;
	proxy_current_try(x)->response_ms = x->w->loop.now_ms - proxy_current_try(x)->start_ms;
	if (x->framing == WSR_FRAMING_CHUNKED) {
		pieces_add(out, WSR_STR("0\r\n"));
		if (trailers->len && !trailers->failed)
			pieces_add(out, wsr_str(trailers->ptr, trailers->len));
		pieces_add(out, WSR_STR("\r\n"));
	}
	answer_send(x, out);
	if (extra)
		exchange_error(x, WSR_LOG_WARN, "upstream sent data after its response");
	if (p->keep_upstream && p->request_sent && !p->response.close && !extra && !stream_eof(p->up))
		upstream_put(p->call);
	else
		upstream_drop(p->call, UPSTREAM_OK);
	p->call = NULL;
	p->up = NULL;
	answer_end(x);
}

/** Pass on what came; `out` may hold the head already. May end the exchange. */
static void forward_body(struct exchange *x, struct pieces *out, struct wsr_str in)
{
	struct proxy *p = x->proxy;
	uint64_t before = p->body.bytes;
	bool unwanted = answer_is_bodyless(x, x->status); /* a HEAD that the backend was asked with GET for: proxy_method, ErrorDocument */
	while (in.len > 0 && !p->body.done && !p->body.bad) {
		struct body_piece piece = body_in_next(&p->body, &in);
		if (!unwanted)
			pieces_payload(out, (enum wsr_framing)x->framing, piece.payload);
		if (piece.trailer.len && !unwanted)
			pass_trailer(x, piece.trailer);
	}
	proxy_current_try(x)->body_bytes += p->body.bytes - before;
	if (p->body.done) {
		finish_response(x, out, in.len > 0);
		return;
	}
	answer_send(x, out);
	if (p->body.bad) {
		exchange_error(x, WSR_LOG_ERROR, "upstream sent an invalid chunked response");
		abort_response(x, CLOSE_UPSTREAM_INVALID);
		return;
	}
	if (!p->paused && stream_pending(x->conn->client) >= p->high_water) {
		p->paused = p->slow_client = true;
		stream_pause(p->up);
	}
	stream_set_wide(p->up, !p->slow_client);
}

/* --- head -------------------------------------------------------------------------------------------------------------- */

static unsigned next_upstream_bit(unsigned status)
{
	switch (status) {
	case 500: return WSR_NEXT_HTTP_500;
	case 502: return WSR_NEXT_HTTP_502;
	case 503: return WSR_NEXT_HTTP_503;
	case 504: return WSR_NEXT_HTTP_504;
	case 403: return WSR_NEXT_HTTP_403;
	case 404: return WSR_NEXT_HTTP_404;
	case 429: return WSR_NEXT_HTTP_429;
	default: return 0;
	}
}

static void answer_response(struct exchange *x, struct wsr_str in)
{
	struct proxy *p = x->proxy;
	struct wsr_out head;
	struct pieces out;
	unsigned replaced = x->eval.decision.status;
	struct wsr_answer a = { .status = replaced ? replaced : p->response.status, .framing = p->response.framing, .length = p->response.content_length };
	body_in_init(&p->body, p->response.framing, p->response.content_length);
	if (!answer_head(x, &p->response, &a, &head)) {
		exchange_fail(x, 500, CLOSE_MEMORY);
		return;
	}
	p->state = PROXY_RESPONDING;
	answer_begin(x, &head, &out);
	if (p->body.done)
		finish_response(x, &out, in.len > 0);
	else
		forward_body(x, &out, in);
}

/** The accept value that proves the upstream has understood this very handshake (RFC 6455 section 4.2.2). */
static bool accept_matches(const struct wsr_head *rq, const struct wsr_head *response)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	const struct wsr_field *key = rq->first[WSR_F_SEC_WEBSOCKET_KEY], *accept = response->first[WSR_F_SEC_WEBSOCKET_ACCEPT];
	unsigned char text[128], digest[EVP_MAX_MD_SIZE], base64[64];
	unsigned len;
	if (!key || !accept || key->value.len > sizeof(text) - sizeof(guid))
		return false;
	memcpy(text, key->value.ptr, key->value.len);
	memcpy(text + key->value.len, guid, sizeof(guid) - 1);
	if (!EVP_Digest(text, key->value.len + sizeof(guid) - 1, digest, &len, EVP_sha1(), NULL))
		return false;
	int n = EVP_EncodeBlock(base64, digest, (int)len);
	return wsr_str_eq(accept->value, wsr_str((const char *)base64, (size_t)n));
}

/** RFC 9110 section 7.8: the 101 has to name what was asked for. */
static bool upgrade_is_verified(const struct exchange *x)
{
	const struct wsr_decision *d = &x->eval.decision;
	const struct proxy *p = x->proxy;
	if (!d->tunnel || !p->request_sent || !p->response.connection_upgrade || !wsr_str_eq_nocase(p->response.upgrade, d->protocol))
		return false;
	return !wsr_str_eq_nocase(d->protocol, WSR_STR("websocket")) || accept_matches(&x->request, &p->response);
}

static void switch_protocols(struct exchange *x, struct wsr_str in)
{
	struct proxy *p = x->proxy;
	struct wsr_out head;
	struct wsr_answer a = { .status = 101, .framing = WSR_FRAMING_NONE, .tunnel = true };
	if (!upgrade_is_verified(x)) {
		exchange_error(x, WSR_LOG_ERROR, "%s", close_reason_text(CLOSE_UPSTREAM_UPGRADE));
		proxy_try_failed(x, 0, 502, CLOSE_UPSTREAM_UPGRADE);
		return;
	}
	if (!answer_head(x, &p->response, &a, &head)) {
		exchange_fail(x, 500, CLOSE_MEMORY);
		return;
	}
	tunnel_open(x, &head, in);
}

/** Only the head of this response is wanted. */
static void forget_upstream(struct exchange *x)
{
	struct proxy *p = x->proxy;
	proxy_current_try(x)->response_ms = proxy_current_try(x)->header_ms;
	upstream_drop(p->call, UPSTREAM_OK);
	p->call = NULL;
	p->up = NULL;
}

/** A final response's head is complete; `in` is what came behind it. */
static void take_response(struct exchange *x, struct wsr_str in)
{
	struct proxy *p = x->proxy;
	struct proxy_try *t = proxy_current_try(x);
	unsigned status = p->response.status, bit = next_upstream_bit(status);
	t->status = status;
	t->header_ms = x->w->loop.now_ms - t->start_ms;
	if (status == 101) {
		switch_protocols(x, in);
	} else if (bit && proxy_can_try_next(x, bit)) {
		proxy_try_failed(x, bit, status, CLOSE_NONE);
	} else if (wsr_eval_intercepts(&x->eval, status)) {
		forget_upstream(x);
		wsr_eval_intercepted(&x->eval, &p->response);
		exchange_fail(x, status, CLOSE_NONE);
	} else if (wsr_eval_accelerate(&x->eval, &p->response)) {
		forget_upstream(x);
		exchange_go_on(x);
	} else {
		answer_response(x, in);
	}
}

/** Add to the head what belongs to it. */
static enum wsr_head_status take_head(struct exchange *x, struct wsr_str *in)
{
	struct proxy *p = x->proxy;
	size_t limit = (size_t)x->eval.proxyset->proxy_buffer_bytes;
	struct wsr_head_limits limits = { .line_bytes = limit, .head_bytes = limit, .fields = WSR_MAX_FIELDS };
	size_t room = limit + 1 - p->head_len, n = in->len < room ? in->len : room;
	const char *end = p->head_len == 0 && n > HEAD_FIRST_BYTES ? memmem(in->ptr, n, "\r\n\r\n", 4) : NULL;
	if (end)
		n = (size_t)(end - in->ptr) + 4;
	if (n > p->head_cap - p->head_len) {
		size_t cap = p->head_cap ? p->head_cap : HEAD_FIRST_BYTES;
		while (cap - p->head_len < n)
			cap *= 2;
		char *buf = wsr_arena_alloc(&x->arena, cap);
		if (!buf) {
			p->parser.error = WSR_HEAD_E_MEMORY;
			return WSR_HEAD_BAD;
		}
		if (p->head_len)
			memcpy(buf, p->head_buf, p->head_len);
		p->head_buf = buf;
		p->head_cap = cap;
	}
	memcpy(p->head_buf + p->head_len, in->ptr, n);
	p->head_len += n;
	bool head = wsr_str_eq(x->eval.decision.method, WSR_STR("HEAD"));
	enum wsr_head_status s = wsr_head_response(&p->parser, p->head_buf, p->head_len, &limits, head, &x->arena, &p->response);
	if (s == WSR_HEAD_DONE)
		n -= p->head_len - p->response.head_bytes;
	*in = wsr_str(in->ptr + n, in->len - n);
	return s;
}

/**
 * Pass an interim response on (RFC 9110 section 15.2), except 100, which we have answered ourselves. Fields that we know by name direct the final
 * response or its recipient; an interim one has none of them.
 */
static void pass_interim(struct exchange *x)
{
	const struct wsr_head *h = &x->proxy->response;
	struct wsr_out out;
	if (h->status == 100 || x->request.minor == 0)
		return;
	wsr_out_init(&out, &x->arena, 256);
	wsr_out_status_line(&out, 1, h->status, h->reason);
	for (uint32_t i = 0; i < h->field_count; i++)
		if (h->fields[i].id == WSR_F_OTHER && !(h->fields[i].flags & WSR_FIELD_HOP) && !is_hidden(x, h->fields[i].name))
			wsr_out_field(&out, h->fields[i].name, h->fields[i].value);
	wsr_out_end(&out);
	if (out.failed)
		return;
	exchange_write(x, &(struct iovec){ out.ptr, out.len }, 1);
	x->sent_head_bytes += out.len;
	x->w->counters->answers[1]++;
}

/** Bytes before the final head. */
static void await_head(struct exchange *x, struct wsr_str in)
{
	struct proxy *p = x->proxy;
	while (in.len > 0) {
		enum wsr_head_status s = take_head(x, &in);
		if (s == WSR_HEAD_MORE)
			continue;
		if (s == WSR_HEAD_BAD) {
			exchange_error(x, WSR_LOG_ERROR, "upstream sent an invalid response head: %s", wsr_head_error_text(p->parser.error));
			proxy_try_failed(x, WSR_NEXT_INVALID_HEADER, 502, CLOSE_UPSTREAM_INVALID);
			return;
		}
		if (p->response.status >= 200 || p->response.status == 101) {
			take_response(x, in);
			return;
		}
		pass_interim(x);
		p->parser = (struct wsr_head_parser){ 0 };
		p->head_len = 0;
	}
}

/* --- the stream's reports ---------------------------------------------------------------------------------------------- */

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct exchange *x = owner;
	struct proxy *p = x->proxy;
	struct wsr_str in = wsr_str((const char *)data, len);
	p->received = true;
	proxy_current_try(x)->bytes_received += len;
	upstream_count(p->call, len);
	if (p->state == PROXY_AWAITING) {
		await_head(x, in);
		return;
	}
	struct pieces out;
	pieces_init(&out, x->conn->client);
	forward_body(x, &out, in);
}

static void on_drained(void *owner)
{
	struct exchange *x = owner;
	if (!x->proxy->request_sent)
		conn_want_body(x->conn, true);
}

static void ended_before_head(struct exchange *x, enum stream_end why)
{
	char text[256];
	if (why == STREAM_END_READ_TIMEOUT || why == STREAM_END_WRITE_TIMEOUT) {
		exchange_error(x, WSR_LOG_ERROR, "upstream timed out while %s", why == STREAM_END_READ_TIMEOUT ? "its response head was awaited" : "the request was sent");
		proxy_try_failed(x, WSR_NEXT_TIMEOUT, httpd_rules(x) ? 502 : 504, CLOSE_UPSTREAM_TIMEOUT);
		return;
	}
	if (httpd_closes_silently(x) && x->proxy->parser.line_count == 0 && !proxy_is_stale(x)) {
		exchange_finish(x, CONN_CLOSE, CLOSE_UPSTREAM_CLOSED);
		return;
	}
	exchange_error(x, x->proxy->reused && !x->proxy->received ? WSR_LOG_INFO : WSR_LOG_ERROR, "upstream %s before its response head was complete",
		       stream_end_text(x->proxy->up, why, text, sizeof(text)));
	proxy_try_failed(x, WSR_NEXT_ERROR, 502, stream_end_is_fatal(why) ? CLOSE_UPSTREAM_RESET : CLOSE_UPSTREAM_CLOSED);
}

static void on_end(void *owner, enum stream_end why)
{
	struct exchange *x = owner;
	struct proxy *p = x->proxy;
	char text[256];
	if (p->state != PROXY_RESPONDING) {
		ended_before_head(x, why);
		return;
	}
	if (why == STREAM_END_EOF && body_in_eof(&p->body)) {
		struct pieces out;
		pieces_init(&out, x->conn->client);
		finish_response(x, &out, false);
		return;
	}
	bool late = why == STREAM_END_READ_TIMEOUT || why == STREAM_END_WRITE_TIMEOUT;
	exchange_error(x, WSR_LOG_ERROR, "upstream %s before its response was complete", late ? "timed out" : stream_end_text(p->up, why, text, sizeof(text)));
	abort_response(x, late ? CLOSE_UPSTREAM_TIMEOUT : stream_end_is_fatal(why) ? CLOSE_UPSTREAM_RESET : CLOSE_UPSTREAM_CLOSED);
}

const struct stream_handler proxy_upstream_stream = { on_data, on_drained, on_end };
