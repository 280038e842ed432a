/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending answers: see answer.h. */
#include "runtime/answer.h"
#include "runtime/httpd.h"

/* After these the request's framing or the client's intent is in doubt (nginx: ngx_http_special_response_handler closes as well). */
static bool status_closes(unsigned status)
{
	return status == 400 || status == 408 || status == 413 || status == 414 || status == 417 || status == 500 || status == 501 || status == 505;
}

/** Can what is left of the request body be read into nowhere, so that the connection lives on? */
static bool body_can_be_discarded(const struct exchange *x)
{
	const struct body_in *body = &x->conn->body;
	if (body->done)
		return true;
	/* A client that waits for 100 may send its body or not (RFC 9110 section 10.1.1): what comes next would be ambiguous. */
	if (x->request.expect_continue && !x->continued && body->bytes == 0)
		return false;
	return !body->bad && (body->framing == WSR_FRAMING_CHUNKED || body->left <= CONN_DISCARD_MAX_BYTES);
}

/** RFC 9112 section 9.3. */
static bool may_keep(const struct exchange *x, bool proxied, unsigned status)
{
	const struct conn *c = x->conn;
	const struct wsr_core *core = x->eval.core;
	if (!x->has_request || x->request.close || !conn_may_keep(c))
		return false;
	if (core->keepalive_timeout_ms == 0 || c->requests >= core->keepalive_requests)
		return false;
	if (httpd_rules(x) && httpd_status_closes(status))
		return false;
	/* An upstream that answers early may take the body to its end or not: nothing is promised to the client. */
	return proxied ? c->body.done : !status_closes(status) && body_can_be_discarded(x);
}

bool answer_is_bodyless(const struct exchange *x, unsigned status)
{
	return x->request.head_method || status < 200 || status == 204 || status == 304;
}

bool answer_head(struct exchange *x, const struct wsr_head *up, struct wsr_answer *a, struct wsr_out *out)
{
	bool bodyless = answer_is_bodyless(x, a->status);
	if (a->framing == WSR_FRAMING_UNTIL_CLOSE || a->framing == WSR_FRAMING_CHUNKED)
		a->framing = x->has_request && x->request.minor > 0 ? WSR_FRAMING_CHUNKED : WSR_FRAMING_UNTIL_CLOSE;
	x->framing = (uint8_t)(bodyless ? WSR_FRAMING_NONE : a->framing);
	/* HEAD tells the length that GET would have had; a framing without length says nothing there. */
	if (bodyless && !(x->request.head_method && a->framing == WSR_FRAMING_LENGTH && a->status >= 200 && a->status != 204))
		a->framing = WSR_FRAMING_NONE;
	x->keepalive = x->framing != WSR_FRAMING_UNTIL_CLOSE && may_keep(x, up != NULL, a->status);
	x->status = (uint16_t)a->status;
	a->keepalive = x->keepalive;
	worker_clock(x->w);
	a->date = wsr_cstr(x->w->http_date);
	wsr_out_init(out, &x->arena, 512);
	wsr_eval_answer_head(&x->eval, up, a, out);
	if (out->refused)
		exchange_error(x, WSR_LOG_WARN, "%u fields of the answer held a control character and were left out", out->refused);
	return !out->failed;
}

void answer_begin(struct exchange *x, struct wsr_out *head, struct pieces *p)
{
	pieces_init(p, x->conn->client);
	pieces_add(p, wsr_str(head->ptr, head->len));
	x->head_sent = true;
	x->sent_head_bytes += head->len;
}

void answer_send(struct exchange *x, struct pieces *p)
{
	pieces_flush(p);
	x->sent_bytes += p->bytes;
	p->bytes = 0;
}

void answer_end(struct exchange *x)
{
	x->complete = true;
	exchange_finish(x, x->keepalive ? CONN_KEEP : CONN_CLOSE, CLOSE_COMPLETE);
}

void answer_whole(struct exchange *x, struct wsr_answer *a, struct wsr_str body)
{
	struct wsr_out out;
	struct pieces p;
	if (!answer_head(x, NULL, a, &out)) {
		exchange_finish(x, CONN_ABORT, CLOSE_MEMORY);
		return;
	}
	answer_begin(x, &out, &p);
	if (x->framing != WSR_FRAMING_NONE)
		pieces_payload(&p, (enum wsr_framing)x->framing, body);
	answer_send(x, &p);
	answer_end(x);
}

/** Fields that these statuses must come with. @return count */
static unsigned extra_fields(const struct exchange *x, const struct wsr_decision *d, struct wsr_field extra[2])
{
	const struct wsr_location *location = wsr_location_at(&x->gen->table, x->eval.location);
	if (d->status == 426 && d->protocol.len) { /* RFC 9110 section 15.5.22 */
		extra[0] = (struct wsr_field){ .name = WSR_STR("Upgrade"), .value = d->protocol };
		extra[1] = (struct wsr_field){ .name = WSR_STR("Connection"), .value = WSR_STR("upgrade") };
		return 2;
	}
	if (d->allow.ptr) {
		extra[0] = (struct wsr_field){ .name = WSR_STR("Allow"), .value = d->allow };
		return 1;
	}
	if (d->status == 405 && location->proxy == WSR_NONE) { /* RFC 9110 section 15.5.6; files take nothing else */
		extra[0] = (struct wsr_field){ .name = WSR_STR("Allow"), .value = WSR_STR("GET, HEAD") };
		return 1;
	}
	if (d->status == 416 && x->extra.name.len) {
		extra[0] = x->extra;
		return 1;
	}
	return 0;
}

void answer_decision(struct exchange *x)
{
	const struct wsr_decision *d = &x->eval.decision;
	struct wsr_field extra[2];
	struct wsr_str body = d->body;
	struct wsr_answer a = { .status = d->status, .framing = WSR_FRAMING_LENGTH, .content_type = d->content_type, .location = d->location };
	if (x->conn->plain_on_tls && d->status == 400) {
		body = WSR_STR("<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n<h1>400 Bad Request</h1>\r\n"
			       "<p>The plain HTTP request was sent to HTTPS port</p>\r\n</body>\r\n</html>\r\n");
		a.content_type = WSR_STR("text/html");
	}
	a.length = body.len;
	a.extra = extra;
	a.extra_count = extra_fields(x, d, extra);
	answer_whole(x, &a, body);
}
