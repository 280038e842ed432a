/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head parser: what is accepted with which value, what is refused with which error, and that neither depends on how the bytes were split. Every
 * vector runs whole, one byte at a time and split in two at every place, each time in a fresh exact-size buffer, so that a sanitizer sees a stale slice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "eval/wsr_head.h"

static const struct wsr_head_limits limits = { .line_bytes = 8192, .head_bytes = 32768, .fields = 100 };

struct run {
	struct wsr_arena arena;
	struct wsr_head head;
	enum wsr_head_error error;
	enum wsr_head_status status;
	char *buf;
};

enum what { REQUEST, RESPONSE, RESPONSE_TO_HEAD };

static enum wsr_head_status call(enum what what, struct wsr_head_parser *p, const char *buf, size_t len, const struct wsr_head_limits *l, struct run *r)
{
	if (what == REQUEST)
		return wsr_head_request(p, buf, len, l, &r->arena, &r->head);
	return wsr_head_response(p, buf, len, l, what == RESPONSE_TO_HEAD, &r->arena, &r->head);
}

/** Parse text in pieces: up to `first` bytes, then steps of `step`. */
static void run_split(enum what what, const char *text, size_t len, size_t first, size_t step, const struct wsr_head_limits *l, struct run *r)
{
	struct wsr_head_parser p = { 0 };
	*r = (struct run){ .status = WSR_HEAD_MORE };
	wsr_arena_init(&r->arena, NULL, 1 << 20);
	for (size_t have = first < len ? first : len;; have = have + step < len ? have + step : len) {
		free(r->buf);
		r->buf = malloc(have ? have : 1);
		memcpy(r->buf, text, have);
		r->status = call(what, &p, r->buf, have, l, r);
		if (r->status != WSR_HEAD_MORE || have == len)
			break;
	}
	r->error = p.error;
}

static void run_free(struct run *r)
{
	wsr_arena_reset(&r->arena);
	free(r->buf);
}

static void assert_same_head(const struct wsr_head *a, const struct wsr_head *b)
{
	assert_true(wsr_str_eq(a->method, b->method) && wsr_str_eq(a->target, b->target) && wsr_str_eq(a->path, b->path));
	assert_true(wsr_str_eq(a->query, b->query) && wsr_str_eq(a->host, b->host) && wsr_str_eq(a->line, b->line));
	assert_true(wsr_str_eq(a->reason, b->reason) && wsr_str_eq(a->upgrade, b->upgrade));
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->framing, b->framing);
	assert_int_equal(a->content_length, b->content_length);
	assert_int_equal(a->close, b->close);
	assert_int_equal(a->head_bytes, b->head_bytes);
	assert_int_equal(a->field_count, b->field_count);
	for (uint32_t i = 0; i < a->field_count; i++) {
		assert_true(wsr_str_eq(a->fields[i].name, b->fields[i].name) && wsr_str_eq(a->fields[i].value, b->fields[i].value));
		assert_int_equal(a->fields[i].flags, b->fields[i].flags);
	}
}

/** Parse whole and in every split; all results must be equal. The whole run is left in *r. */
static void run_all_n(enum what what, const char *text, size_t len, const struct wsr_head_limits *l, struct run *r)
{
	run_split(what, text, len, len, 1, l, r);
	for (size_t first = 0; first <= len; first++) {
		struct run other;
		run_split(what, text, len, first, first == 0 ? 1 : len, l, &other);
		assert_int_equal(r->status, other.status);
		assert_int_equal(r->error, other.error);
		if (r->status != WSR_HEAD_MORE)
			assert_same_head(&r->head, &other.head);
		run_free(&other);
	}
}

static void run_all(enum what what, const char *text, struct run *r)
{
	run_all_n(what, text, strlen(text), &limits, r);
}

#define assert_str(s, lit) assert_true(wsr_str_eq((s), WSR_STR(lit)))

static void expect_error(enum what what, const char *text, enum wsr_head_error error)
{
	struct run r;
	run_all(what, text, &r);
	if (r.error != error)
		print_error("%s\n gives \"%s\", not \"%s\"\n", text, wsr_head_error_text(r.error), wsr_head_error_text(error));
	assert_int_equal(r.error, error);
	assert_int_equal(r.status, error ? WSR_HEAD_BAD : WSR_HEAD_DONE);
	run_free(&r);
}

static void test_simple_request(void **state)
{
	(void)state;
	struct run r;
	run_all(REQUEST, "GET /a/b?x=1&y HTTP/1.1\r\nHost: Example.org:8080\r\nAccept:  a, b \t\r\nEmpty:\r\n\r\nBODY", &r);
	assert_int_equal(r.status, WSR_HEAD_DONE);
	assert_str(r.head.method, "GET");
	assert_str(r.head.target, "/a/b?x=1&y");
	assert_str(r.head.path, "/a/b");
	assert_str(r.head.query, "x=1&y");
	assert_true(r.head.has_query);
	assert_str(r.head.host, "Example.org:8080");
	assert_str(r.head.line, "GET /a/b?x=1&y HTTP/1.1");
	assert_int_equal(r.head.minor, 1);
	assert_int_equal(r.head.framing, WSR_FRAMING_NONE);
	assert_false(r.head.close);
	assert_int_equal(r.head.field_count, 3);
	assert_str(r.head.fields[1].value, "a, b");
	assert_str(r.head.fields[2].value, "");
	assert_ptr_equal(r.head.first[WSR_F_HOST], &r.head.fields[0]);
	assert_str(wsr_str(r.buf + r.head.head_bytes, 4), "BODY");
	run_free(&r);
}

static void test_targets(void **state)
{
	(void)state;
	struct run r;
	run_all(REQUEST, "GET http://other.example:81?q HTTP/1.1\r\nHost: a\r\n\r\n", &r);
	assert_int_equal(r.head.form, WSR_TARGET_ABSOLUTE);
	assert_str(r.head.host, "other.example:81");
	assert_str(r.head.path, "/");
	assert_str(r.head.query, "q");
	run_free(&r);
	run_all(REQUEST, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &r);
	assert_int_equal(r.head.form, WSR_TARGET_ASTERISK);
	assert_str(r.head.path, "*");
	run_free(&r);
	run_all(REQUEST, "GET HTTPS://h/p?a?b HTTP/1.0\r\n\r\n", &r);
	assert_str(r.head.path, "/p");
	assert_str(r.head.query, "a?b");
	assert_true(r.head.close);
	run_free(&r);
	run_all(REQUEST, "GET /\xc3\xa4\\..\\b HTTP/1.1\r\nHost: a\r\n\r\n", &r);
	assert_str(r.head.path, "/\xc3\xa4\\..\\b");
	run_free(&r);
	static const char *const refused[] = { "", "a", "*", "/a#b", "/a\tb", "/a b", "http://", "http:///x", "http://u@h/", "http://u:p@h/", "ftp://h/",
		"http://h:x/", "http://[::1/", "//\x7f" };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", refused[i]);
		expect_error(REQUEST, text, strchr(refused[i], '\x7f') ? WSR_HEAD_E_NUL : WSR_HEAD_E_TARGET);
	}
}

static void test_request_line_errors(void **state)
{
	(void)state;
	expect_error(REQUEST, "GET /\r\n\r\n", WSR_HEAD_E_REQUEST_LINE);
	expect_error(REQUEST, "GET\r\n\r\n", WSR_HEAD_E_REQUEST_LINE);
	expect_error(REQUEST, "\r\n\r\n", WSR_HEAD_E_REQUEST_LINE);
	expect_error(REQUEST, " GET / HTTP/1.1\r\n", WSR_HEAD_E_METHOD);
	expect_error(REQUEST, "get / HTTP/1.1\r\n", WSR_HEAD_E_METHOD);
	expect_error(REQUEST, "G(T / HTTP/1.1\r\n", WSR_HEAD_E_METHOD);
	expect_error(REQUEST, "GET  / HTTP/1.1\r\n", WSR_HEAD_E_TARGET);
	expect_error(REQUEST, "GET / HTTP/1.1 \r\n", WSR_HEAD_E_TARGET);
	expect_error(REQUEST, "CONNECT a:443 HTTP/1.1\r\n", WSR_HEAD_E_METHOD_CONNECT);
	expect_error(REQUEST, "GET / http/1.1\r\n", WSR_HEAD_E_VERSION);
	expect_error(REQUEST, "GET / HTTP/1.10\r\n", WSR_HEAD_E_VERSION);
	expect_error(REQUEST, "GET / HTTP/3.7\r\n", WSR_HEAD_E_VERSION_MAJOR);
	expect_error(REQUEST, "GET / HTTP/0.9\r\n", WSR_HEAD_E_VERSION_MAJOR);
	expect_error(REQUEST, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", WSR_HEAD_E_TARGET);
	expect_error(REQUEST, "\x16\x03\x01", WSR_HEAD_E_NUL);
	expect_error(REQUEST, "GET / HTTP/1.1\n", WSR_HEAD_E_BARE_LF);
	expect_error(REQUEST, "GET / HTTP/1.1\rX", WSR_HEAD_E_BARE_CR);
	expect_error(REQUEST, "\nGET / HTTP/1.1\r\n", WSR_HEAD_E_BARE_LF);
	struct run r;
	run_all(REQUEST, "BAD\r\n\r\n", &r);
	assert_str(r.head.line, "BAD");
	assert_int_equal(r.head.method.len, 0);
	run_free(&r);
	run_all(REQUEST, "GET \x01/ HTTP/1.1\r\n\r\n", &r);
	assert_str(r.head.line, "GET ");
	run_free(&r);
	run_all(REQUEST, "\r\nGET / HTTP/1.7\r\nHost: a\r\n\r\n", &r);
	assert_int_equal(r.status, WSR_HEAD_DONE);
	assert_int_equal(r.head.minor, 1);
	assert_int_equal(r.head.head_bytes, 29);
	run_free(&r);
}

#define REQ "POST / HTTP/1.1\r\nHost: a\r\n"

static void test_field_errors(void **state)
{
	(void)state;
	expect_error(REQUEST, REQ "A : b\r\n", WSR_HEAD_E_FIELD_NAME);
	expect_error(REQUEST, REQ ": b\r\n", WSR_HEAD_E_FIELD_NAME);
	expect_error(REQUEST, REQ "A(b: b\r\n", WSR_HEAD_E_FIELD_NAME);
	expect_error(REQUEST, REQ "A\xc3: b\r\n", WSR_HEAD_E_FIELD_NAME);
	expect_error(REQUEST, REQ "no colon\r\n", WSR_HEAD_E_NO_COLON);
	expect_error(REQUEST, REQ "A: b\r\n c\r\n", WSR_HEAD_E_FOLDED);
	expect_error(REQUEST, "GET / HTTP/1.1\r\n Host: a\r\n", WSR_HEAD_E_FOLDED);
	expect_error(REQUEST, REQ "A: b\x01\r\n", WSR_HEAD_E_NUL);
	expect_error(REQUEST, REQ "A: b\n", WSR_HEAD_E_BARE_LF);
	expect_error(REQUEST, REQ "A: b\rc\r\n", WSR_HEAD_E_BARE_CR);
	expect_error(REQUEST, REQ "A: b\r\n\n", WSR_HEAD_E_BARE_LF);
	expect_error(REQUEST, REQ "A: \xff\t b\r\n\r\n", WSR_HEAD_E_NONE);
	struct run r;
	static const char nul[] = REQ "A: b\0c\r\n\r\n";
	run_all_n(REQUEST, nul, sizeof(nul) - 1, &limits, &r);
	assert_int_equal(r.error, WSR_HEAD_E_NUL);
	/* what the request line said is there for the log */
	assert_str(r.head.line, "POST / HTTP/1.1");
	run_free(&r);
}

static void test_host(void **state)
{
	(void)state;
	expect_error(REQUEST, "GET / HTTP/1.1\r\n\r\n", WSR_HEAD_E_HOST_MISSING);
	expect_error(REQUEST, "GET http://a/ HTTP/1.1\r\n\r\n", WSR_HEAD_E_HOST_MISSING);
	expect_error(REQUEST, "GET / HTTP/1.0\r\n\r\n", WSR_HEAD_E_NONE);
	expect_error(REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", WSR_HEAD_E_HOST_REPEATED);
	static const char *const good[] = { "a", "a.b.", "a:", "a:0", "a:65535", "1.2.3.4", "[::1]", "[::1]:80", "[1:2:3:4:5:6:7:8]", "[::ffff:1.2.3.4]",
		"[1::]", "[fe80::1:2]", "x_y-z~", "%41b", "a,b" };
	static const char *const refused[] = { "", "a b", "u@a", "a/b", "a?b", "a:b", "a:65536", "a:1:2", "[::1", "::1", "[]", "[:::]", "[1:2]", "[::g]",
		"[12345::]", "[1::2::3]", "[::1]x", "[1:2:3:4:5:6:7:8:9]", "[::1.2.3]", "[::1.2.3.256]", "%4", "%zz", "a\\b", "\xc3\xa4", ":80" };
	char text[256];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
		expect_error(REQUEST, text, WSR_HEAD_E_NONE);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", refused[i]);
		expect_error(REQUEST, text, WSR_HEAD_E_HOST_INVALID);
	}
}

static void test_request_framing(void **state)
{
	(void)state;
	struct run r;
	run_all(REQUEST, REQ "Content-Length: 0012\r\n\r\n", &r);
	assert_int_equal(r.head.framing, WSR_FRAMING_LENGTH);
	assert_int_equal(r.head.content_length, 12);
	run_free(&r);
	run_all(REQUEST, REQ "transfer-encoding: Chunked\r\n\r\n", &r);
	assert_int_equal(r.head.framing, WSR_FRAMING_CHUNKED);
	run_free(&r);
	expect_error(REQUEST, REQ "Content-Length: 9223372036854775807\r\n\r\n", WSR_HEAD_E_NONE);
	expect_error(REQUEST, REQ "Content-Length: 9223372036854775808\r\n\r\n", WSR_HEAD_E_LENGTH_INVALID);
	expect_error(REQUEST, REQ "Content-Length: 99999999999999999999\r\n\r\n", WSR_HEAD_E_LENGTH_INVALID);
	expect_error(REQUEST, REQ "Content-Length: +5\r\n\r\n", WSR_HEAD_E_LENGTH_INVALID);
	expect_error(REQUEST, REQ "Content-Length: 5, 5\r\n\r\n", WSR_HEAD_E_LENGTH_INVALID);
	expect_error(REQUEST, REQ "Content-Length: 0x5\r\n\r\n", WSR_HEAD_E_LENGTH_INVALID);
	expect_error(REQUEST, REQ "Content-Length:\r\n\r\n", WSR_HEAD_E_LENGTH_INVALID);
	expect_error(REQUEST, REQ "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", WSR_HEAD_E_LENGTH_REPEATED);
	expect_error(REQUEST, REQ "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", WSR_HEAD_E_LENGTH_AND_TE);
	expect_error(REQUEST, REQ "Transfer-Encoding: gzip, chunked\r\n\r\n", WSR_HEAD_E_TE_UNKNOWN);
	expect_error(REQUEST, REQ "Transfer-Encoding: identity\r\n\r\n", WSR_HEAD_E_TE_UNKNOWN);
	expect_error(REQUEST, REQ "Transfer-Encoding: chunked;a=b\r\n\r\n", WSR_HEAD_E_TE_UNKNOWN);
	expect_error(REQUEST, REQ "Transfer-Encoding: \"chunked\"\r\n\r\n", WSR_HEAD_E_TE_INVALID);
	expect_error(REQUEST, REQ "Transfer-Encoding:\r\n\r\n", WSR_HEAD_E_TE_INVALID);
	expect_error(REQUEST, REQ "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", WSR_HEAD_E_TE_INVALID);
	expect_error(REQUEST, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", WSR_HEAD_E_TE_HTTP10);
	expect_error(REQUEST, REQ "Expect: 200-ok\r\n\r\n", WSR_HEAD_E_EXPECT_UNKNOWN);
	run_all(REQUEST, REQ "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n", &r);
	assert_true(r.head.expect_continue);
	run_free(&r);
}

static unsigned flags_of(const struct run *r, const char *name)
{
	for (uint32_t i = 0; i < r->head.field_count; i++)
		if (wsr_str_eq_nocase(r->head.fields[i].name, wsr_cstr(name)))
			return r->head.fields[i].flags;
	fail();
	return 0;
}

static void test_connection(void **state)
{
	(void)state;
	struct run r;
	run_all(REQUEST, REQ "Connection: X-a , host,content-LENGTH\r\nConnection: ,upgrade,te\r\nUpgrade: websocket\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\n"
			     "Content-Length: 2\r\nKeep-Alive: 5\r\nTrailer: x\r\nTE: trailers\r\n\r\n", &r);
	assert_int_equal(flags_of(&r, "x-a"), WSR_FIELD_HOP);
	assert_int_equal(r.head.fields[5].flags, WSR_FIELD_HOP);
	assert_int_equal(flags_of(&r, "x-b"), 0);
	assert_int_equal(flags_of(&r, "host"), 0);
	assert_int_equal(flags_of(&r, "content-length"), 0);
	assert_int_equal(flags_of(&r, "keep-alive"), WSR_FIELD_HOP);
	assert_int_equal(flags_of(&r, "trailer"), WSR_FIELD_HOP);
	assert_int_equal(flags_of(&r, "te"), WSR_FIELD_HOP);
	assert_true(r.head.connection_upgrade);
	assert_str(r.head.upgrade, "websocket");
	assert_int_equal(r.head.framing, WSR_FRAMING_LENGTH);
	assert_false(r.head.close);
	run_free(&r);
	run_all(REQUEST, REQ "Connection: keep-alive, Close\r\n\r\n", &r);
	assert_true(r.head.close);
	run_free(&r);
	run_all(REQUEST, "GET / HTTP/1.0\r\nConnection: keep-alive\r\nUpgrade: websocket\r\n\r\n", &r);
	assert_false(r.head.close);
	assert_int_equal(r.head.upgrade.len, 0);
	run_free(&r);
	run_all(REQUEST, REQ "Upgrade: a\r\nUpgrade: websocket\r\n\r\n", &r);
	assert_int_equal(r.head.upgrade.len, 0);
	run_free(&r);
}

static void test_odd_names(void **state)
{
	(void)state;
	struct run r;
	static const char text[] = REQ "X_Real-IP: 1\r\nX.Y: 2\r\nX-Ok9: 3\r\nContent_Length: 5\r\n\r\n";
	run_all(REQUEST, text, &r);
	assert_int_equal(flags_of(&r, "x_real-ip"), WSR_FIELD_INVALID);
	assert_int_equal(flags_of(&r, "x.y"), WSR_FIELD_INVALID);
	assert_int_equal(flags_of(&r, "x-ok9"), 0);
	assert_int_equal(r.head.framing, WSR_FRAMING_NONE);
	run_free(&r);
	struct wsr_head_limits l = limits;
	l.underscores = true;
	run_all_n(REQUEST, text, sizeof(text) - 1, &l, &r);
	assert_int_equal(flags_of(&r, "x_real-ip"), 0);
	assert_int_equal(flags_of(&r, "x.y"), WSR_FIELD_INVALID);
	run_free(&r);
	l.keep_invalid = true;
	run_all_n(REQUEST, text, sizeof(text) - 1, &l, &r);
	assert_int_equal(flags_of(&r, "x.y"), 0);
	run_free(&r);
}

static void test_limits(void **state)
{
	(void)state;
	struct run r;
	static const char text[] = "GET /123456 HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n";
	struct { struct wsr_head_limits l; enum wsr_head_error e; } t[] = {
		{ { .line_bytes = 20, .head_bytes = 45, .fields = 3 }, WSR_HEAD_E_NONE },
		{ { .line_bytes = 19, .head_bytes = 100, .fields = 3 }, WSR_HEAD_E_LINE_TOO_LONG },
		{ { .line_bytes = 20, .head_bytes = 44, .fields = 3 }, WSR_HEAD_E_HEAD_TOO_LARGE },
		{ { .line_bytes = 20, .head_bytes = 30, .fields = 3 }, WSR_HEAD_E_HEAD_TOO_LARGE },
		{ { .line_bytes = 20, .head_bytes = 100, .fields = 2 }, WSR_HEAD_E_TOO_MANY_FIELDS },
	};
	assert_int_equal(sizeof(text) - 1, 45);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		run_all_n(REQUEST, text, sizeof(text) - 1, &t[i].l, &r);
		assert_int_equal(r.error, t[i].e);
		run_free(&r);
	}
	struct wsr_head_limits l = { .line_bytes = 14, .head_bytes = 100, .fields = 9 };
	static const char field[] = "GET / HTTP/1.1\r\nHost: 123456789\r\n\r\n";
	run_all_n(REQUEST, field, sizeof(field) - 1, &l, &r);
	assert_int_equal(r.error, WSR_HEAD_E_FIELD_TOO_LONG);
	run_free(&r);
}

static void test_responses(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum what what;
		enum wsr_framing framing;
		uint64_t length;
		bool close;
	} t[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", RESPONSE, WSR_FRAMING_LENGTH, 5, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", RESPONSE_TO_HEAD, WSR_FRAMING_NONE, 5, false },
		{ "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", RESPONSE, WSR_FRAMING_CHUNKED, 0, false },
		{ "HTTP/1.1 200\r\n\r\n", RESPONSE, WSR_FRAMING_UNTIL_CLOSE, 0, true },
		{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", RESPONSE, WSR_FRAMING_LENGTH, 0, false },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", RESPONSE, WSR_FRAMING_LENGTH, 0, true },
		{ "HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n", RESPONSE, WSR_FRAMING_NONE, 7, false },
		{ "HTTP/1.1 304 Not Modified\r\n\r\n", RESPONSE, WSR_FRAMING_NONE, 0, false },
		{ "HTTP/1.1 100 Continue\r\n\r\n", RESPONSE, WSR_FRAMING_NONE, 0, false },
		{ "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", RESPONSE, WSR_FRAMING_NONE, 0, false },
		{ "HTTP/1.1 999 \xe4\r\nConnection: close\r\nX_y: 1\r\nContent-Length: 1\r\n\r\n", RESPONSE, WSR_FRAMING_LENGTH, 1, true },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct run r;
		run_all(t[i].what, t[i].text, &r);
		assert_int_equal(r.status, WSR_HEAD_DONE);
		assert_int_equal(r.head.framing, t[i].framing);
		assert_int_equal(r.head.content_length, t[i].length);
		assert_int_equal(r.head.close, t[i].close);
		run_free(&r);
	}
	expect_error(RESPONSE, "HTTP/1.1 2000 OK\r\n", WSR_HEAD_E_STATUS_LINE);
	expect_error(RESPONSE, "HTTP/1.1 099 OK\r\n", WSR_HEAD_E_STATUS_LINE);
	expect_error(RESPONSE, "HTTP/1.1  200 OK\r\n", WSR_HEAD_E_STATUS_LINE);
	expect_error(RESPONSE, "HTTP/2.0 200 OK\r\n", WSR_HEAD_E_STATUS_LINE);
	expect_error(RESPONSE, "ICY 200 OK\r\n", WSR_HEAD_E_STATUS_LINE);
	expect_error(RESPONSE, "\r\nHTTP/1.1 200 OK\r\n", WSR_HEAD_E_STATUS_LINE);
	expect_error(RESPONSE, "<html>\r\n", WSR_HEAD_E_STATUS_LINE);
	expect_error(RESPONSE, "HTTP/1.1 200 OK\n", WSR_HEAD_E_BARE_LF);
	expect_error(RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", WSR_HEAD_E_LENGTH_REPEATED);
	expect_error(RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", WSR_HEAD_E_LENGTH_AND_TE);
	expect_error(RESPONSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", WSR_HEAD_E_TE_UNKNOWN);
	expect_error(RESPONSE, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", WSR_HEAD_E_TE_HTTP10);
}

static void test_field_ids(void **state)
{
	(void)state;
#define X(symbol, name) assert_int_equal(wsr_field_id(WSR_STR(name)), WSR_F_##symbol);
	WSR_FIELD_NAMES(X)
#undef X
	static const char *const names[] = {
#define X(symbol, name) name,
		WSR_FIELD_NAMES(X)
#undef X
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char upper[32];
		size_t len = strlen(names[i]);
		for (size_t k = 0; k < len; k++)
			upper[k] = names[i][k] >= 'a' && names[i][k] <= 'z' ? (char)(names[i][k] - 32) : names[i][k];
		assert_int_equal(wsr_field_id(wsr_str(upper, len)), i + 1);
		for (size_t k = 0; k < len; k++) {
			upper[k] ^= 1; /* another letter, digit or sign */
			assert_int_not_equal(wsr_field_id(wsr_str(upper, len)), i + 1);
			upper[k] ^= 1;
		}
		assert_int_not_equal(wsr_field_id(wsr_str(names[i], len - 1)), i + 1);
	}
	assert_int_equal(wsr_field_id(WSR_STR("hosu")), WSR_F_OTHER);
	assert_int_equal(wsr_field_id(WSR_STR("")), WSR_F_OTHER);
	assert_int_equal(wsr_head_error_status(WSR_HEAD_E_LINE_TOO_LONG), 414);
}

/* A client that sends a 32 KB head byte by byte must not cost more than its bytes: 32768 calls over 8000 short lines. */
static void test_linear(void **state)
{
	(void)state;
	size_t len = 0;
	char *text = malloc(65536);
	len += (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
	while (len < 32700)
		len += (size_t)sprintf(text + len, "a:\r\n");
	len += (size_t)sprintf(text + len, "\r\n");
	struct wsr_head_limits l = { .line_bytes = 8192, .head_bytes = 40000, .fields = 10000 };
	struct wsr_head_parser p = { 0 };
	struct run r = { 0 };
	wsr_arena_init(&r.arena, NULL, 4 << 20);
	for (size_t have = 1; have < len; have++) {
		uint32_t before = p.scan;
		assert_int_equal(call(REQUEST, &p, text, have, &l, &r), WSR_HEAD_MORE);
		/* each byte is looked at once; only a CR waits for its LF */
		assert_true(p.scan >= before && p.scan + 1 >= have);
	}
	assert_int_equal(call(REQUEST, &p, text, len, &l, &r), WSR_HEAD_DONE);
	assert_int_equal(r.head.field_count, p.field_count);
	wsr_arena_reset(&r.arena);
	free(text);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	struct wsr_head_parser p = { 0 };
	struct run r = { 0 };
	wsr_arena_init(&r.arena, NULL, 100);
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	assert_int_equal(call(REQUEST, &p, text, sizeof(text) - 1, &limits, &r), WSR_HEAD_BAD);
	assert_int_equal(p.error, WSR_HEAD_E_MEMORY);
	wsr_arena_reset(&r.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple_request), cmocka_unit_test(test_targets), cmocka_unit_test(test_request_line_errors),
		cmocka_unit_test(test_field_errors), cmocka_unit_test(test_host), cmocka_unit_test(test_request_framing),
		cmocka_unit_test(test_connection), cmocka_unit_test(test_odd_names), cmocka_unit_test(test_limits), cmocka_unit_test(test_responses),
		cmocka_unit_test(test_field_ids), cmocka_unit_test(test_linear), cmocka_unit_test(test_out_of_memory),
	};
	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
