/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP answers: a request in, bytes to the connection out.  The path says what is wanted; any other path shows the
 * request as it was received.  `usage` in main.c lists the paths.
 *
 * Answers of known, small size are rendered whole into the shared reply buffer and leave in one send; long, slow and late
 * ones are produced step by step (enum produce) while the connection is in CONN_ANSWER.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "examples/echo/echo.h"

enum {
	CHUNK_BYTES = 8192,
	SLOW_LINE_MS = 100,
	MAX_DELAY_MS = 3600 * 1000,
};
static const char SLOW_LINE[] = "a line every 100 ms\n";
static const size_t ANY_SIZE = SIZE_MAX / 2;

static const char *reason_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} table[] = {
		{200, "OK"}, {201, "Created"}, {204, "No Content"}, {206, "Partial Content"}, {301, "Moved Permanently"},
		{302, "Found"}, {303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"},
		{308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
		{404, "Not Found"}, {405, "Method Not Allowed"}, {426, "Upgrade Required"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {502, "Bad Gateway"},
		{503, "Service Unavailable"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].status == status)
			return table[i].phrase;
	return "Status";
}

/** The answer is complete: next request, or close. */
static void answer_done(struct conn *c)
{
	c->produce = PRODUCE_NOTHING;
	c->state = CONN_HEAD;
	if (!c->keep_alive)
		conn_finish(c);
}

/** Start the reply with a status line and the fields all answers have; framing and the empty line are the caller's. */
static void reply_start(struct conn *c, int status, const char *type)
{
	struct buf *out = &c->echo->reply;

	out->len = 0;
	buf_printf(out, "HTTP/1.1 %d %s\r\nServer: wsr-echo\r\nContent-Type: %s\r\n", status, reason_phrase(status), type);
	if (!c->keep_alive)
		buf_printf(out, "Connection: close\r\n");
	else if (c->http10)
		buf_printf(out, "Connection: keep-alive\r\n");
}

static void reply_length(struct conn *c, uint64_t length)
{
	buf_printf(&c->echo->reply, "Content-Length: %llu\r\n\r\n", (unsigned long long)length);
}

static void reply_send(struct conn *c, bool more)
{
	conn_write(c, c->echo->reply.ptr, c->echo->reply.len, more);
}

/** A whole answer at once. */
static void answer_text(struct conn *c, int status, const char *type, const char *text, size_t len)
{
	bool bodiless = status == 204 || status == 304 || status < 200;

	reply_start(c, status, type);
	if (bodiless)
		buf_add(&c->echo->reply, "\r\n", 2, ANY_SIZE);
	else
		reply_length(c, len);
	if (!bodiless && !c->head_only && !buf_add(&c->echo->reply, text, len, ANY_SIZE))
		c->dead = true;
	reply_send(c, false);
	answer_done(c);
}

void answer_refuse(struct conn *c, int status)
{
	c->keep_alive = false;
	c->head_only = false;
	answer_text(c, status, "text/plain", "wsr-echo refuses this request\n", 30);
}

/* ---- What was received, as text and as JSON ---- */

static void show_text(struct buf *out, const struct request *r, const struct conn *c)
{
	buf_add(out, r->head.ptr, r->head.len, ANY_SIZE);
	buf_add(out, c->body.ptr, c->body.len, ANY_SIZE);
	if (c->body_len > c->body.len)
		buf_printf(out, "\n... %llu bytes in all\n", (unsigned long long)c->body_len);
}

/** A JSON string; bytes above 127 become the character of that number, so no byte is lost. */
static void show_string(struct buf *out, const char *ptr, size_t len)
{
	size_t start = 0;

	buf_add(out, "\"", 1, ANY_SIZE);
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)ptr[i];

		if (ch >= 0x20 && ch < 0x7f && ch != '"' && ch != '\\')
			continue;
		buf_add(out, ptr + start, i - start, ANY_SIZE);
		buf_printf(out, "\\u%04x", ch);
		start = i + 1;
	}
	buf_add(out, ptr + start, len - start, ANY_SIZE);
	buf_add(out, "\"", 1, ANY_SIZE);
}

static void show_member(struct buf *out, const char *name, struct str value)
{
	buf_printf(out, "\"%s\": ", name);
	show_string(out, value.ptr, value.len);
	buf_add(out, ", ", 2, ANY_SIZE);
}

static void show_json(struct buf *out, const struct request *r, const struct conn *c)
{
	buf_add(out, "{", 1, ANY_SIZE);
	show_member(out, "method", r->method);
	show_member(out, "target", r->target);
	show_member(out, "version", r->version);
	buf_printf(out, "\"fields\": [");
	for (size_t i = 0; i < r->count; i++) {
		buf_printf(out, i ? ", [" : "[");
		show_string(out, r->fields[i].name.ptr, r->fields[i].name.len);
		buf_add(out, ", ", 2, ANY_SIZE);
		show_string(out, r->fields[i].value.ptr, r->fields[i].value.len);
		buf_add(out, "]", 1, ANY_SIZE);
	}
	buf_printf(out, "], \"body_length\": %llu, \"body\": ", (unsigned long long)c->body_len);
	show_string(out, c->body.ptr, c->body.len);
	buf_add(out, "}\n", 2, ANY_SIZE);
}

static void answer_show(struct conn *c, struct request *r, uint64_t number)
{
	bool json = str_has_token(r->accept, "application/json") || str_is(r->path, "/json");
	struct buf shown = {0};

	(void)number;
	if (json)
		show_json(&shown, r, c);
	else
		show_text(&shown, r, c);
	answer_text(c, 200, json ? "application/json" : "text/plain", shown.ptr, shown.len);
	buf_free(&shown);
}

/* ---- The other paths ---- */

static void answer_small(struct conn *c, struct request *r, uint64_t number)
{
	static const char plain[] =
		"HTTP/1.1 200 OK\r\nServer: wsr-echo\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";

	(void)r;
	(void)number;
	if (c->head_only || !c->keep_alive || c->http10) {
		answer_text(c, 200, "text/plain", "ok\n", 3);
	} else {
		conn_write(c, plain, sizeof(plain) - 1, false);
		answer_done(c);
	}
}

static void answer_mirror(struct conn *c, struct request *r, uint64_t number)
{
	(void)r;
	(void)number;
	if (c->body_len > c->body.len)
		answer_refuse(c, 413);
	else
		answer_text(c, 200, "application/octet-stream", c->body.ptr, c->body.len);
}

static void answer_status(struct conn *c, struct request *r, uint64_t number)
{
	int status = number >= 200 && number <= 599 ? (int)number : 400;

	(void)r;
	answer_text(c, status, "text/plain", "status as asked\n", 16);
}

static void answer_bytes(struct conn *c, struct request *r, uint64_t number)
{
	(void)r;
	reply_start(c, 200, "application/octet-stream");
	reply_length(c, number);
	reply_send(c, !c->head_only && number > 0);
	c->left = c->head_only ? 0 : number;
	c->pattern_at = 0;
	c->produce = PRODUCE_BYTES;
	c->state = CONN_ANSWER;
	answer_continue(c, false);
}

/** Head of an answer in chunks, or one that ends with the connection for HTTP/1.0 (RFC 9112 section 6.3). */
static void answer_open_end(struct conn *c, uint64_t left, enum produce produce)
{
	if (c->http10)
		c->keep_alive = false;
	reply_start(c, 200, "text/plain");
	buf_printf(&c->echo->reply, c->http10 ? "\r\n" : "Transfer-Encoding: chunked\r\n\r\n");
	reply_send(c, false);
	c->left = left;
	c->produce = produce;
	c->state = CONN_ANSWER;
	if (c->head_only)
		answer_done(c);
	else
		answer_continue(c, true);
}

static void answer_chunked(struct conn *c, struct request *r, uint64_t number)
{
	(void)r;
	answer_open_end(c, number, PRODUCE_CHUNKS);
}

static void answer_slow(struct conn *c, struct request *r, uint64_t number)
{
	(void)r;
	answer_open_end(c, number ? number : 10, PRODUCE_SLOW);
}

static void answer_delay(struct conn *c, struct request *r, uint64_t number)
{
	(void)r;
	c->produce = PRODUCE_DELAYED;
	c->state = CONN_ANSWER;
	conn_later(c, number < MAX_DELAY_MS ? (uint32_t)number : MAX_DELAY_MS);
}

static void write_chunk(struct conn *c, const char *data, size_t len)
{
	struct buf *out = &c->echo->reply;

	out->len = 0;
	if (!c->http10)
		buf_printf(out, "%zx\r\n", len);
	buf_add(out, data, len, ANY_SIZE);
	if (!c->http10)
		buf_add(out, "\r\n", 2, ANY_SIZE);
	reply_send(c, false);
}

static void end_chunks(struct conn *c)
{
	if (!c->http10)
		conn_write(c, "0\r\n\r\n", 5, false);
	answer_done(c);
}

/** The body repeats every 64 bytes; where in them we are is all that must be remembered. */
static void produce_bytes(struct conn *c)
{
	while (c->left > 0 && !c->dead && !conn_blocked(c)) {
		size_t room = ECHO_PATTERN - c->pattern_at;
		size_t n = conn_send(c, c->echo->pattern + c->pattern_at, c->left < room ? (size_t)c->left : room);

		if (n == 0)
			return;
		c->left -= n;
		c->pattern_at = (c->pattern_at + n) % 64;
	}
	if (c->left == 0)
		answer_done(c);
}

static void produce_chunks(struct conn *c)
{
	while (c->left > 0 && !c->dead && !conn_blocked(c)) {
		size_t n = c->left < CHUNK_BYTES ? (size_t)c->left : CHUNK_BYTES;

		write_chunk(c, c->echo->pattern, n);
		c->left -= n;
	}
	if (c->left == 0)
		end_chunks(c);
}

void answer_continue(struct conn *c, bool timer)
{
	switch (c->produce) {
	case PRODUCE_BYTES:
		produce_bytes(c);
		break;
	case PRODUCE_CHUNKS:
		produce_chunks(c);
		break;
	case PRODUCE_DELAYED:
		if (timer)
			answer_text(c, 200, "text/plain", "late as asked\n", 14);
		break;
	case PRODUCE_SLOW:
		if (!timer)
			break;
		write_chunk(c, SLOW_LINE, sizeof(SLOW_LINE) - 1);
		if (--c->left == 0)
			end_chunks(c);
		else
			conn_later(c, SLOW_LINE_MS);
		break;
	case PRODUCE_NOTHING:
		break;
	}
}

/** The decimal number after `prefix`; false when something else stands there. */
static bool path_number(struct str path, size_t prefix, uint64_t *number)
{
	*number = 0;
	for (size_t i = prefix; i < path.len; i++) {
		if (!isdigit((unsigned char)path.ptr[i]) || i - prefix >= 12)
			return false;
		*number = *number * 10 + (uint64_t)(path.ptr[i] - '0');
	}
	return true;
}

static void answer_now(struct conn *c, struct request *r)
{
	static const struct {
		const char *path;
		void (*answer)(struct conn *c, struct request *r, uint64_t number);
		bool number;
	} table[] = {
		{"/small", answer_small, false}, {"/mirror", answer_mirror, false}, {"/bytes/", answer_bytes, true},
		{"/chunked/", answer_chunked, true}, {"/status/", answer_status, true}, {"/delay/", answer_delay, true},
		{"/slow", answer_slow, false}, {"/slow/", answer_slow, true},
	};
	uint64_t number = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t len = strlen(table[i].path);

		if (r->path.len < len || memcmp(r->path.ptr, table[i].path, len) != 0)
			continue;
		if (table[i].number ? path_number(r->path, len, &number) : r->path.len == len) {
			table[i].answer(c, r, number);
			return;
		}
	}
	answer_show(c, r, 0);
}

void answer_request(struct conn *c, struct request *r)
{
	c->head_only = r->method.len == 4 && memcmp(r->method.ptr, "HEAD", 4) == 0;
	c->keep_alive = r->keep_alive;
	c->http10 = r->http10;
	c->body_len = 0;
	if (c->echo->verbose) {
		printf("%.*s %.*s\n", (int)r->method.len, r->method.ptr, (int)r->target.len, r->target.ptr);
		fflush(stdout);
	}
	if (r->chunked || r->content_length > 0) {
		if (!buf_add(&c->head, r->head.ptr, r->head.len, ECHO_MAX_HEAD + ECHO_SCRATCH)) {
			c->dead = true;
			return;
		}
		if (r->expect_continue && !r->http10)
			conn_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25, false);
		c->chunked = r->chunked;
		c->chunk = CHUNK_SIZE;
		c->left = r->content_length;
		c->state = CONN_BODY;
	} else if (r->upgrade_websocket && r->ws_key.ptr != NULL) {
		websocket_accept(c, r);
	} else {
		answer_now(c, r);
	}
}

void answer_with_body(struct conn *c)
{
	request_parse(&c->echo->request, c->head.ptr, c->head.len);
	answer_now(c, &c->echo->request);
	buf_free(&c->head);
	buf_free(&c->body);
}
