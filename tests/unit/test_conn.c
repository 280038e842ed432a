/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Client connections and what exchanges do on them, in one process: persistence, pipelining, time-outs, bodies, proxying in all its ways to go wrong, and
 * tunnels. Answers are compared as bytes a client sees; backends are scripted by the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "runtime/tunnel.h"
#include "tests/lib_c/live.h"

static struct live s;

#define SEND(fd, text) live_send(&s, fd, text, sizeof(text) - 1)

static void expect(const char *got, const char *part)
{
	if (!strstr(got, part))
		fail_msg("not there: %s\nin: %s", part, got);
}

static void expect_not(const char *got, const char *part)
{
	if (strstr(got, part))
		fail_msg("there: %s\nin: %s", part, got);
}

#define HEADER_TIMEOUT "2s"
/* --- answers of our own -------------------------------------------------------------------------------------------------- */

#define OWN "keepalive_timeout 200ms; client_header_timeout " HEADER_TIMEOUT "; access_log off; server { listen 80; \
	location = /a { return 200 aaa; } location = /b { return 200 bbb; } location = /drop { return 444; } \
	location = /moved { return 301 /b; } }"

static void test_keepalive_and_pipelining(void **state)
{
	(void)state;
	live_start(&s, OWN);
	int fd = live_connect(&s);
	SEND(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	const char *got = live_read(&s, fd, "aaa", NULL);
	expect(got, "HTTP/1.1 200 OK\r\n");
	expect(got, "Content-Length: 3\r\n");
	expect(got, "\r\n\r\naaa");
	expect_not(got, "Connection: close");
	SEND(fd, "GET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\nHEAD /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	got = live_read(&s, fd, NULL, NULL);
	expect(got, "\r\n\r\nbbbHTTP/1.1 200");
	expect(got, "\r\n\r\naaaHTTP/1.1 200");
	expect(got, "Connection: close\r\n");
	assert_string_equal(got + strlen(got) - 4, "\r\n\r\n");
	assert_int_equal(s.counters.requests, 4);
	close(fd);
	live_stop(&s);
}

static void test_bytewise(void **state)
{
	(void)state;
	static const char request[] = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\nGET /b HTTP/1.0\r\n\r\n";
	live_start(&s, OWN);
	int fd = live_connect(&s);
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		live_send(&s, fd, request + i, 1);
		live_run(&s, 1);
	}
	const char *got = live_read(&s, fd, NULL, NULL);
	expect(got, "\r\n\r\naaaHTTP/1.1 200");
	expect(got, "\r\n\r\nbbb");
	close(fd);
	live_stop(&s);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct { const char *request, *status; } t[] = {
		{ "GET /a HTTP/1.1\r\n\r\n", " 400 " }, { "GET /a HTTP/3.0\r\n", " 505 " }, { "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n", " 501 " },
		{ "CONNECT x:1 HTTP/1.1\r\n", " 405 " }, { "\x16\x03\x01", " 400 " }, { "GET /a HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n", " 417 " },
		{ "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", " 200 " },
		{ "GET /drop HTTP/1.1\r\nHost: x\r\n\r\n", "" },
	};
	live_start(&s, OWN);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int fd = live_connect(&s);
		live_send(&s, fd, t[i].request, strlen(t[i].request));
		shutdown(fd, i % 2 ? SHUT_WR : SHUT_RD + 100); /* every other client half-closes */
		const char *got = live_read(&s, fd, NULL, NULL);
		expect(got, t[i].status);
		expect_not(got, " 100 ");
		close(fd);
	}
	live_run(&s, 20);
	assert_int_equal(s.counters.connections, 0);
	live_stop(&s);
}

static void test_body_is_discarded(void **state)
{
	(void)state;
	live_start(&s, OWN);
	int fd = live_connect(&s);
	SEND(fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234");
	expect(live_read(&s, fd, "aaa", NULL), " 200 ");
	SEND(fd, "56789GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(live_read(&s, fd, "bbb", NULL), " 200 ");
	SEND(fd, "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz");
	expect(live_read(&s, fd, "aaa", NULL), " 200 ");
	assert_true(live_closed(&s, fd));
	close(fd);
	live_stop(&s);
}

#undef HEADER_TIMEOUT
#define HEADER_TIMEOUT "150ms"

static void test_timeouts(void **state)
{
	(void)state;
	live_start(&s, OWN);
	int slow = live_connect(&s), idle = live_connect(&s), kept = live_connect(&s);
	SEND(slow, "GET /a HTTP/1.1\r\nHost");
	SEND(kept, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	live_read(&s, kept, "aaa", NULL);
	live_run(&s, 30);
	assert_int_equal(s.counters.idle, 2);
	for (unsigned i = 0; i < 3; i++) { /* drips do not help */
		live_run(&s, 40);
		SEND(slow, "x");
	}
	expect(live_read(&s, slow, NULL, NULL), " 408 ");
	assert_string_equal(live_read(&s, idle, NULL, NULL), "");
	assert_true(live_closed(&s, kept));
	live_run(&s, 10);
	assert_int_equal(s.counters.connections, 0);
	close(slow);
	close(idle);
	close(kept);
	live_stop(&s);
}

static void test_orders(void **state)
{
	(void)state;
	live_start(&s, OWN);
	int a = live_connect(&s), b = live_connect(&s), fresh = live_connect(&s);
	SEND(a, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	live_read(&s, a, "aaa", NULL);
	SEND(b, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	live_read(&s, b, "aaa", NULL);
	assert_int_equal(conn_close_idle(&s.w, 1), 1);
	assert_true(live_closed(&s, a));
	assert_true(live_quiet(&s, b, 20));
	assert_int_equal(conn_close_idle(&s.w, 9), 1);
	assert_true(live_quiet(&s, fresh, 20));
	/* other TLS settings: waiting connections go, one in the middle of a request is answered and closed */
	SEND(fresh, "GET /a HT");
	live_run(&s, 10);
	s.listener.tls_key = 7;
	conn_generation_changed(&s.w);
	SEND(fresh, "TP/1.1\r\nHost: x\r\n\r\n");
	expect(live_read(&s, fresh, NULL, NULL), "Connection: close");
	close(a);
	close(b);
	close(fresh);
	live_stop(&s);
}

/* --- proxying ------------------------------------------------------------------------------------------------------------ */

#define PROXY "access_log off; client_max_body_size 100; server { listen 80; proxy_read_timeout 300ms; \
	location / { proxy_pass http://127.0.0.1:PORT; } location = /ignore { proxy_ignore_client_abort on; proxy_pass http://127.0.0.1:PORT; } \
	location /big { client_max_body_size 0; proxy_pass http://127.0.0.1:PORT; } \
	location = /old { proxy_http_version 1.0; proxy_pass http://127.0.0.1:PORT; } \
	location = /ws { websocket on; websocket_idle_timeout 200ms; proxy_pass http://127.0.0.1:PORT; } }"

static void start_proxy(void)
{
	live_backend(&s);
	live_start(&s, PROXY);
}

static void test_get_and_reuse(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "GET /x?y HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nConnection: x-a\r\n\r\n");
	int up = live_accept(&s);
	const char *got = live_read(&s, up, "\r\n\r\n", NULL);
	expect(got, "GET /x?y HTTP/1.1\r\n");
	expect_not(got, "X-A");
	SEND(up, "HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-B: 2\r\n\r\nhel");
	got = live_read(&s, fd, "hel", NULL);
	expect(got, "HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 Fine\r\n");
	expect(got, "X-B: 2\r\n");
	expect(got, "Content-Length: 5\r\n");
	SEND(up, "lo");
	live_read(&s, fd, "lo", NULL);
	SEND(fd, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(live_read(&s, up, "\r\n\r\n", NULL), "HEAD / HTTP/1.1");
	SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
	expect(live_read(&s, fd, "\r\n\r\n", NULL), "Content-Length: 77\r\n");
	SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	live_read(&s, up, "\r\n\r\n", NULL);
	SEND(up, "HTTP/1.1 204 No Content\r\n\r\n");
	got = live_read(&s, fd, "\r\n\r\n", NULL);
	expect_not(got, "Content-Length");
	assert_int_equal(s.counters.upstream_reused, 2);
	close(fd);
	close(up);
	live_stop(&s);
}

static void test_bodies(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	int up = live_accept(&s);
	const char *got = live_read(&s, up, "3\r\nabc\r\n", NULL);
	expect(got, "Transfer-Encoding: chunked\r\n");
	expect_not(got, "Content-Length");
	SEND(fd, "2\r\nde\r\n0\r\nX-Real-IP: evil\r\n\r\n");
	got = live_read(&s, up, "0\r\n\r\n", NULL);
	expect(got, "2\r\nde\r\n");
	expect_not(got, "evil");
	SEND(up, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;ext\r\nwiki\r\n0\r\nX-Sum: 5\r\nContent-Length: 9\r\n\r\n");
	got = live_read(&s, fd, "\r\n\r\n4\r\nwiki\r\n0\r\nX-Sum: 5\r\n\r\n", NULL);
	expect(got, "Transfer-Encoding: chunked\r\n");
	/* the same to an HTTP/1.0 client: no chunks, the close is the end */
	int old = live_connect(&s);
	SEND(old, "POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\nabcd");
	got = live_read(&s, up, "abcd", NULL);
	expect(got, "Content-Length: 4\r\n");
	SEND(up, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\n\r\n");
	got = live_read(&s, old, NULL, NULL);
	expect(got, "\r\n\r\nwiki");
	expect_not(got, "chunked");
	/* and a response that runs until the close becomes chunks */
	SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	live_read(&s, up, "\r\n\r\n", NULL);
	SEND(up, "HTTP/1.0 200 OK\r\n\r\nall");
	live_run(&s, 20);
	close(up);
	expect(live_read(&s, fd, "0\r\n\r\n", NULL), "3\r\nall\r\n");
	close(fd);
	close(old);
	live_stop(&s);
}

static void test_expect(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	expect(live_read(&s, fd, "\r\n\r\n", NULL), "HTTP/1.1 100 Continue\r\n\r\n");
	int up = live_accept(&s);
	SEND(fd, "abc");
	expect_not(live_read(&s, up, "abc", NULL), "Expect");
	SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	expect_not(live_read(&s, fd, "\r\n\r\n", NULL), "Connection: close");
	close(fd);
	close(up);
	live_stop(&s);
}

static void test_early_answer(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc");
	int up = live_accept(&s);
	live_read(&s, up, "abc", NULL);
	SEND(up, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
	const char *got = live_read(&s, fd, "\r\n\r\nno", NULL);
	expect(got, "Connection: close\r\n");
	assert_true(live_closed(&s, up));
	close(fd);
	close(up);
	live_stop(&s);
}

static void test_too_large(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n");
	expect(live_read(&s, fd, "</html>", NULL), " 413 ");
	close(fd);
	live_run(&s, 10);
	assert_int_equal(s.counters.upstream_requests, 0);
	fd = live_connect(&s);
	SEND(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	int up = live_accept(&s);
	live_read(&s, up, "abc", NULL);
	SEND(fd, "64\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
	expect(live_read(&s, fd, "</html>", NULL), " 413 ");
	assert_true(live_closed(&s, up));
	close(fd);
	close(up);
	live_stop(&s);
}

static void test_broken_responses(void **state)
{
	(void)state;
	static const struct { const char *response, *answer; bool closes; } t[] = {
		{ "garbage\r\n", " 502 ", false }, { "", " 502 ", true }, { "HTTP/1.1 200 OK\r\nX", " 502 ", true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", " 502 ", false },
		{ "HTTP/1.1 101 Sure\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", " 502 ", false },
		{ "HTTP/1.1 200 OK\nA: b\n\n", " 502 ", false },
	};
	start_proxy();
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int fd = live_connect(&s);
		SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		int up = live_accept(&s);
		live_read(&s, up, "\r\n\r\n", NULL);
		live_send(&s, up, t[i].response, strlen(t[i].response));
		if (t[i].closes)
			close(up);
		expect(live_read(&s, fd, "</html>", NULL), t[i].answer);
		if (!t[i].closes) {
			assert_true(live_closed(&s, up));
			close(up);
		}
		close(fd);
	}
	live_stop(&s);
}

static void test_truncated_responses(void **state)
{
	(void)state;
	static const char *const t[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXX",
	};
	start_proxy();
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int fd = live_connect(&s);
		SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		int up = live_accept(&s);
		live_read(&s, up, "\r\n\r\n", NULL);
		live_send(&s, up, t[i], strlen(t[i]));
		live_read(&s, fd, "abc", NULL);
		close(up);
		expect_not(live_read(&s, fd, NULL, NULL), "0\r\n\r\n");
		close(fd);
	}
	assert_int_equal(s.counters.upstream_failures, 3);
	live_stop(&s);
}

static void test_dead_kept_alive(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
	int up = live_accept(&s);
	live_read(&s, up, "\r\n\r\n", NULL);
	SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	live_read(&s, fd, "ok", NULL);
	/* the request reaches a connection that the backend closes without an answer: once more, on a new one, body included */
	SEND(fd, "PUT /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	live_read(&s, up, "body", NULL);
	close(up);
	up = live_accept(&s);
	expect(live_read(&s, up, "body", NULL), "PUT /2 HTTP/1.1");
	SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	expect(live_read(&s, fd, "ok", NULL), " 200 ");
	/* POST may have done something: no second try */
	SEND(fd, "POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	live_read(&s, up, "body", NULL);
	close(up);
	expect(live_read(&s, fd, "</html>", NULL), " 502 ");
	close(fd);
	live_stop(&s);
}

static void test_timeouts_upstream(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	int up = live_accept(&s);
	expect(live_read(&s, fd, "</html>", NULL), " 504 ");
	assert_true(live_closed(&s, up));
	close(up);
	SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	up = live_accept(&s);
	SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	live_read(&s, fd, "abc", NULL);
	assert_true(live_closed(&s, fd));
	close(fd);
	close(up);
	close(s.backend); /* nobody listens */
	s.backend = -1;
	fd = live_connect(&s);
	SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	expect(live_read(&s, fd, "</html>", NULL), " 502 ");
	close(fd);
	live_stop(&s);
}

static void test_client_leaves(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	int up = live_accept(&s);
	live_read(&s, up, "\r\n\r\n", NULL);
	close(fd);
	assert_true(live_closed(&s, up));
	close(up);
	fd = live_connect(&s);
	SEND(fd, "GET /ignore HTTP/1.1\r\nHost: h\r\n\r\n");
	up = live_accept(&s);
	live_read(&s, up, "\r\n\r\n", NULL);
	close(fd);
	assert_true(live_quiet(&s, up, 50));
	SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	live_run(&s, 30);
	assert_int_equal(s.counters.connections, 0);
	close(up);
	/* in the middle of a body */
	fd = live_connect(&s);
	SEND(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
	up = live_accept(&s);
	live_read(&s, up, "abc", NULL);
	close(fd);
	assert_true(live_closed(&s, up));
	close(up);
	live_stop(&s);
}

/* What one side does not take, the other one cannot push. */
static void test_back_pressure(void **state)
{
	(void)state;
	static char block[65536];
	memset(block, 'x', sizeof(block));
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	int up = live_accept(&s);
	live_read(&s, up, "\r\n\r\n", NULL);
	SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
	size_t pushed = 0;
	for (unsigned i = 0; i < 300; i++) {
		ssize_t n = send(up, block, sizeof(block), MSG_NOSIGNAL);
		pushed += n > 0 ? (size_t)n : 0;
		live_run(&s, 1);
	}
	assert_true(pushed < 16u << 20); /* kernel buffers of two sockets and one output */
	size_t got = 0;
	for (unsigned i = 0; i < 2000 && got < pushed; i++) {
		ssize_t n = recv(fd, block, sizeof(block), 0);
		got += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			live_run(&s, 1);
	}
	assert_true(got >= pushed);
	close(fd);
	close(up);
	/* the same for a request body */
	fd = live_connect(&s);
	SEND(fd, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 67108864\r\n\r\n");
	up = live_accept(&s);
	pushed = 0;
	for (unsigned i = 0; i < 300; i++) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
		pushed += n > 0 ? (size_t)n : 0;
		live_run(&s, 1);
	}
	assert_true(pushed < 16u << 20);
	got = 0;
	for (unsigned i = 0; i < 2000 && got < pushed; i++) {
		ssize_t n = recv(up, block, sizeof(block), 0);
		got += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			live_run(&s, 1);
	}
	assert_true(got >= pushed);
	close(fd);
	close(up);
	live_stop(&s);
}

static void test_http10_upstream(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s);
	SEND(fd, "POST /old HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	expect(live_read(&s, fd, "</html>", NULL), " 411 ");
	SEND(fd, "GET /old HTTP/1.1\r\nHost: h\r\n\r\n");
	int up = live_accept(&s);
	expect(live_read(&s, up, "\r\n\r\n", NULL), "GET /old HTTP/1.0\r\n");
	SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	expect(live_read(&s, fd, "ok", NULL), " 200 ");
	assert_true(live_closed(&s, up));
	close(fd);
	close(up);
	live_stop(&s);
}

/* The steady state of kept-alive requests takes its memory from pools. */
static void test_pools(void **state)
{
	(void)state;
	start_proxy();
	int fd = live_connect(&s), up = -1;
	for (unsigned i = 0; i < 20; i++) {
		SEND(fd, "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n");
		if (up < 0)
			up = live_accept(&s);
		live_read(&s, up, "\r\n\r\n", NULL);
		SEND(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok");
		live_read(&s, fd, "ok", NULL);
		if (i == 3)
			assert_true(s.w.arenas.free_count > 0 && s.w.arenas.free_count <= 4);
	}
	assert_true(s.w.arenas.free_count <= 4);
	assert_int_equal(s.counters.upstream_reused, 19);
	close(fd);
	close(up);
	live_stop(&s);
}

/* --- tunnels ------------------------------------------------------------------------------------------------------------- */

#define HANDSHAKE "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
		  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define SWITCHED(accept) "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: " accept "\r\n\r\n"

static void open_tunnel(int *client, int *up)
{
	*client = live_connect(&s);
	SEND(*client, HANDSHAKE "early");
	*up = live_accept(&s);
	const char *got = live_read(&s, *up, "\r\n\r\n", NULL);
	expect(got, "Upgrade: websocket\r\n");
	expect(got, "Connection: upgrade\r\n");
	expect_not(got, "early");
	SEND(*up, SWITCHED("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") "late");
	got = live_read(&s, *client, "late", NULL);
	expect(got, "HTTP/1.1 101 ");
	expect(got, "\r\n\r\nlate");
	live_read(&s, *up, "early", NULL);
	assert_int_equal(s.counters.tunnels, 1);
	assert_int_equal(s.gen.refs, 1); /* nothing holds the generation */
}

static void test_tunnel(void **state)
{
	(void)state;
	int client, up;
	start_proxy();
	open_tunnel(&client, &up);
	SEND(client, "ping");
	live_read(&s, up, "ping", NULL);
	SEND(up, "pong");
	live_read(&s, client, "pong", NULL);
	/* half-close travels, the other direction goes on */
	shutdown(client, SHUT_WR);
	assert_string_equal(live_read(&s, up, NULL, NULL), "");
	SEND(up, "still");
	live_read(&s, client, "still", NULL);
	close(up);
	assert_string_equal(live_read(&s, client, NULL, NULL), "");
	close(client);
	live_run(&s, 10);
	assert_int_equal(s.counters.tunnels, 0);
	assert_int_equal(s.counters.connections, 0);
	live_stop(&s);
}

static void test_tunnel_idle_and_abort(void **state)
{
	(void)state;
	int client, up;
	start_proxy();
	open_tunnel(&client, &up);
	for (unsigned i = 0; i < 4; i++) { /* traffic in one direction keeps it open */
		live_run(&s, 100);
		SEND(up, "x");
	}
	assert_int_equal(s.counters.tunnels, 1);
	assert_true(live_closed(&s, client));
	assert_true(live_closed(&s, up));
	close(client);
	close(up);
	open_tunnel(&client, &up);
	struct linger now = { .l_onoff = 1 };
	setsockopt(up, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(up);
	assert_true(live_closed(&s, client));
	close(client);
	live_run(&s, 10);
	assert_int_equal(s.counters.connections, 0);
	live_stop(&s);
}

static void test_tunnel_refused(void **state)
{
	(void)state;
	static const char *const t[] = {
		SWITCHED("s3pPLMBiTxaQ9kYGzzhZRbK+xOO="), "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
		"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
		"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
	};
	start_proxy();
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int client = live_connect(&s);
		SEND(client, HANDSHAKE);
		int up = live_accept(&s);
		live_read(&s, up, "\r\n\r\n", NULL);
		live_send(&s, up, t[i], strlen(t[i]));
		expect(live_read(&s, client, "</html>", NULL), " 502 ");
		assert_true(live_closed(&s, up));
		close(client);
		close(up);
	}
	/* an ordinary answer to the handshake is passed on */
	int client = live_connect(&s);
	SEND(client, HANDSHAKE);
	int up = live_accept(&s);
	live_read(&s, up, "\r\n\r\n", NULL);
	SEND(up, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
	expect(live_read(&s, client, "no", NULL), " 403 ");
	close(client);
	close(up);
	assert_int_equal(s.counters.tunnels_opened, 0);
	live_stop(&s);
}

static void test_tunnel_memory(void **state)
{
	(void)state;
	size_t bytes = tunnel_idle_bytes() + 2 * sizeof(struct stream);
	print_message("idle clear tunnel: %zu bytes\n", bytes);
	assert_true(bytes < 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keepalive_and_pipelining), cmocka_unit_test(test_bytewise), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_body_is_discarded), cmocka_unit_test(test_timeouts), cmocka_unit_test(test_orders),
		cmocka_unit_test(test_get_and_reuse), cmocka_unit_test(test_bodies), cmocka_unit_test(test_expect), cmocka_unit_test(test_early_answer),
		cmocka_unit_test(test_too_large), cmocka_unit_test(test_broken_responses), cmocka_unit_test(test_truncated_responses),
		cmocka_unit_test(test_dead_kept_alive), cmocka_unit_test(test_timeouts_upstream), cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_back_pressure), cmocka_unit_test(test_http10_upstream), cmocka_unit_test(test_pools), cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_tunnel_idle_and_abort), cmocka_unit_test(test_tunnel_refused), cmocka_unit_test(test_tunnel_memory),
	};
	return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
