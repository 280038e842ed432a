/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of an exchange: head, decision, carrying out, end. See exchange.h. */
#include "runtime/exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/answer.h"
#include "runtime/log.h"
#include "runtime/proxy.h"
#include "runtime/static.h"

#define ARENA_EXTRA_BYTES (512u << 10)  /* of an exchange's arena beyond what the heads may take */
#define HEAD_FIRST_BYTES  512u          /* of the head's buffer at first */
#define HEAD_WHOLE_BYTES  1024u         /* up to here everything received is copied, without a look for the head's end */

/* --- life -------------------------------------------------------------------------------------------------------------- */

/** Limits that hold before the host is known: those of the listener's default server, as in nginx. */
static const struct wsr_srv *default_srv(const struct exchange *x)
{
	const struct wsr_table *t = &x->gen->table;
	return wsr_srv_at(t, wsr_server_at(t, wsr_listen_at(t, x->eval.listen)->default_server)->srv);
}

static void on_head_timeout(struct timer *t)
{
	conn_head_timeout(container_of(t, struct exchange, head_timer)->conn);
}

struct exchange *exchange_new(struct conn *c)
{
	struct exchange *x = slabs_get(conn_exchanges(c->w));
	if (!x)
		return NULL;
	memset(x, 0, offsetof(struct exchange, eval.captures.span));
	x->conn = c;
	x->w = c->w;
	x->gen = generation_ref(c->w->gen);
	x->start_ms = c->w->loop.now_ms;
	x->eval.listen = c->listener->index;
	x->limits = wsr_request_limits(&x->gen->table, x->eval.listen);
	wsr_arena_init(&x->arena, &c->w->arenas, ARENA_EXTRA_BYTES + 4 * x->limits.head_bytes);
	x->eval.table = &x->gen->table;
	x->eval.regexes = x->gen->regexes;
	x->eval.world = &exchange_world;
	x->eval.world_ctx = x;
	x->eval.arena = &x->arena;
	x->head_timer.fn = on_head_timeout;
	return x;
}

static void release(struct exchange *x)
{
	struct worker *w = x->w;
	timer_clear(&w->loop, &x->head_timer);
	proxy_release(x);
	static_release(x);
	wsr_arena_reset(&x->arena);
	generation_unref(x->gen);
	slabs_put(conn_exchanges(w), x);
}

uint64_t exchange_age_ms(const struct exchange *x)
{
	return x->w->loop.now_ms - x->start_ms;
}

/* --- logs -------------------------------------------------------------------------------------------------------------- */

void exchange_error(struct exchange *x, enum wsr_log_level level, const char *fmt, ...)
{
	uint32_t log = x->eval.log ? (uint32_t)x->eval.log->error_log : WSR_NONE;
	char text[1024];
	va_list ap;
	if (!log_wants(x->gen, log, level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct log_context ctx = { .connection = x->conn->serial, .client = x->eval.client.ptr ? x->eval.client : fact_remote_addr(x), .request = x->request.line, .rule = WSR_NONE };
	if (x->eval.core) {
		const struct wsr_table *t = &x->gen->table;
		ctx.server = wsr_string(t, wsr_server_at(t, x->eval.server)->name);
		ctx.rule = wsr_location_at(t, x->eval.matched)->pos;
	}
	if (x->proxy)
		ctx.upstream = proxy_address(x);
	log_error(x->gen, log, level, &ctx, "%s", text);
	x->told |= level <= WSR_LOG_ERROR;
}

static void log_access_lines(struct exchange *x)
{
	const struct wsr_table *t = &x->gen->table;
	struct wsr_list logs = x->eval.log->access_log;
	for (uint32_t i = 0; i < logs.count; i++) {
		uint32_t ref = logs.first + i;
		const struct wsr_log_ref *log = wsr_log_ref_at(t, ref);
		struct wsr_str path = WSR_STR_NULL;
		if (!wsr_eval_log_wanted(&x->eval, log))
			continue;
		if (!wsr_tmpl_constant(t, log->path, &path))
			path = wsr_eval_tmpl(&x->eval, log->path);
		log_access(x->w, x->gen, ref, path, wsr_eval_log_line(&x->eval, wsr_log_format_at(t, log->format)));
	}
}

/** Everything that is told about an exchange once it is over. */
static void account(struct exchange *x, enum close_reason reason)
{
	if (x->reason == CLOSE_NONE)
		x->reason = (uint8_t)reason;
	unsigned answer_class = x->head_sent ? x->status / 100u : 0;
	x->w->counters->answers[answer_class <= 5 ? answer_class : 0]++;
	x->w->counters->bytes_out += x->sent_bytes - x->sent_head_bytes;
	if (!x->complete && !x->told && x->reason != CLOSE_COMPLETE && x->reason != CLOSE_NO_ANSWER)
		exchange_error(x, close_reason_is_error((enum close_reason)x->reason) ? WSR_LOG_ERROR : WSR_LOG_INFO, "%s",
			       close_reason_text((enum close_reason)x->reason));
	if (x->eval.log && !x->tunnelled)
		log_access_lines(x);
}

/* --- head -------------------------------------------------------------------------------------------------------------- */

/** Room for n more bytes of the head. */
static bool head_reserve(struct exchange *x, size_t n)
{
	if (n <= x->head_cap - x->head_len)
		return true;
	size_t cap = x->head_cap ? x->head_cap : HEAD_FIRST_BYTES;
	while (cap - x->head_len < n)
		cap *= 2; /* bounded: n is at most what the limit leaves, far below 2^32 */
	char *buf = wsr_arena_alloc(&x->arena, cap);
	if (!buf)
		return false;
	if (x->head_len)
		memcpy(buf, x->head_buf, x->head_len);
	x->head_buf = buf;
	x->head_cap = (uint32_t)cap;
	return true;
}

enum wsr_head_status exchange_take_head(struct exchange *x, struct wsr_str *in)
{
	/* One byte more than the limit lets the parser say so. */
	size_t room = x->limits.head_bytes + 1 - x->head_len, n = in->len < room ? in->len : room;
	const char *end = x->head_len == 0 && n > HEAD_WHOLE_BYTES ? memmem(in->ptr, n, "\r\n\r\n", 4) : NULL;
	if (end)
		n = (size_t)(end - in->ptr) + 4; /* a long body behind the head is not copied */
	if (!head_reserve(x, n)) {
		x->parser.error = WSR_HEAD_E_MEMORY;
		return WSR_HEAD_BAD;
	}
	memcpy(x->head_buf + x->head_len, in->ptr, n);
	x->head_len += (uint32_t)n;
	enum wsr_head_status s = wsr_head_request(&x->parser, x->head_buf, x->head_len, &x->limits, &x->arena, &x->request);
	if (s == WSR_HEAD_DONE)
		n -= x->head_len - x->request.head_bytes;
	else if (s == WSR_HEAD_MORE && !timer_is_set(&x->head_timer) && default_srv(x)->client_header_timeout_ms)
		timer_set(&x->w->loop, &x->head_timer, default_srv(x)->client_header_timeout_ms); /* most heads come whole */
	x->has_request = s != WSR_HEAD_MORE && x->request.method.len > 0;
	*in = wsr_str(in->ptr + n, in->len - n);
	return s;
}

/* --- decision ---------------------------------------------------------------------------------------------------------- */

static void begin(struct exchange *x)
{
	timer_clear(&x->w->loop, &x->head_timer);
	x->w->counters->requests++;
	x->eval.request = x->request.line.len ? &x->request : NULL;
}

void exchange_start(struct exchange *x)
{
	begin(x);
	wsr_eval_begin(&x->eval);
	exchange_carry_out(x);
}

void exchange_refuse(struct exchange *x, unsigned status, enum close_reason reason)
{
	begin(x);
	x->reason = (uint8_t)reason;
	wsr_eval_bad_request(&x->eval, status);
	if (x->parser.error)
		exchange_error(x, WSR_LOG_INFO, "%s", wsr_head_error_text(x->parser.error));
	exchange_carry_out(x);
}

static void say_eval_error(struct exchange *x)
{
	if (x->eval.error) {
		char rule[256];
		exchange_error(x, WSR_LOG_ERROR, "%s at %s", x->eval.error, wsr_pos_text(&x->gen->table, x->eval.error_pos, false, rule, sizeof(rule)));
		x->eval.error = NULL;
	}
}

void exchange_carry_out(struct exchange *x)
{
	const struct wsr_decision *d = &x->eval.decision;
	say_eval_error(x);
	x->conn->keepalive_ms = x->eval.core->keepalive_timeout_ms;
	switch (d->kind) {
	case WSR_DECIDE_ANSWER:
		answer_decision(x);
		return;
	case WSR_DECIDE_PROXY:
		proxy_start(x);
		return;
	case WSR_DECIDE_FILE:
		static_start(x);
		return;
	case WSR_DECIDE_CLOSE:
		x->status = 444;
		exchange_finish(x, CONN_CLOSE, CLOSE_NO_ANSWER);
		return;
	}
}

void exchange_go_on(struct exchange *x)
{
	proxy_stop(x);
	static_release(x);
	exchange_carry_out(x);
}

void exchange_fail(struct exchange *x, unsigned status, enum close_reason reason)
{
	proxy_stop(x);
	static_release(x);
	if (x->head_sent || ++x->failures > WSR_MAX_CYCLES) {
		exchange_finish(x, CONN_ABORT, reason);
		return;
	}
	if (x->reason == CLOSE_NONE)
		x->reason = (uint8_t)reason;
	wsr_eval_error(&x->eval, status);
	exchange_carry_out(x);
}

/* --- what the connection reports --------------------------------------------------------------------------------------- */

void exchange_body(struct exchange *x, const struct wsr_str *payload, unsigned count, bool end)
{
	uint64_t max = x->eval.core->client_max_body_bytes;
	const struct body_in *body = &x->conn->body;
	/* A chunk that is announced counts before it comes. */
	if (max && x->request.framing == WSR_FRAMING_CHUNKED && (body->bytes > max || body->chunked.left > max - body->bytes)) {
		exchange_error(x, WSR_LOG_ERROR, "client intended to send too large chunked body: more than %llu bytes", (unsigned long long)max);
		exchange_fail(x, 413, CLOSE_BODY_TOO_LARGE);
		return;
	}
	proxy_request_body(x, payload, count, end);
}

void exchange_body_bad(struct exchange *x)
{
	exchange_fail(x, 400, CLOSE_BODY_MALFORMED);
}

void exchange_body_timeout(struct exchange *x)
{
	x->conn->body.bad = true; /* what still comes is not wanted */
	exchange_fail(x, 408, CLOSE_BODY_TIMEOUT);
}

void exchange_client_drained(struct exchange *x)
{
	if (x->file)
		static_client_drained(x);
	else if (x->proxy && x->proxy->call)
		proxy_client_drained(x);
}

bool exchange_client_end(struct exchange *x, enum stream_end why)
{
	bool fatal = stream_end_is_fatal(why);
	enum close_reason reason = why == STREAM_END_WRITE_TIMEOUT ? CLOSE_CLIENT_SEND_TIMEOUT : fatal ? CLOSE_CLIENT_RESET : CLOSE_CLIENT_CLOSED;
	/* A client that has asked and closed its sending side still gets what is at hand; a proxied answer is not waited for (nginx: 499). */
	if (!fatal && x->file && x->conn->body.done)
		return true;
	if (x->proxy && x->proxy->call && x->conn->body.done && x->eval.proxyset->proxy_ignore_client_abort)
		return true;
	if (!x->head_sent)
		x->status = x->conn->state == CONN_HEAD || !x->conn->body.done ? 400 : 499;
	if (x->conn->state == CONN_HEAD)
		wsr_eval_bad_request(&x->eval, 400); /* settings of the default server: its access log tells of it */
	exchange_finish(x, CONN_CLOSE, reason);
	return false;
}

/* --- end --------------------------------------------------------------------------------------------------------------- */

void exchange_finish(struct exchange *x, enum conn_after after, enum close_reason reason)
{
	struct conn *c = x->conn;
	account(x, reason);
	release(x);
	conn_exchange_done(c, after);
}

void exchange_drop(struct exchange *x, enum close_reason reason)
{
	account(x, reason);
	release(x);
}

void exchange_write(struct exchange *x, const struct iovec *iov, int count)
{
	for (int i = 0; i < count; i++)
		x->sent_bytes += iov[i].iov_len;
	stream_write(x->conn->client, iov, count);
}
