/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of upstreams and names share: a hand-made table with one group, backends that echo, and a caller that notes what it is told. All live in one loop.
 */
#ifndef UPSTREAM_WORLD_H
#define UPSTREAM_WORLD_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/pool.h"
#include "runtime/resolve.h"
#include "runtime/tls.h"
#include "runtime/upstream.h"

/* --- a table ----------------------------------------------------------------------------------------------------------------- */

static struct wsr_table table;
static char strings[4096];
static uint32_t strings_len;
static struct wsr_proxyset set;
static struct wsr_upstream upstream;
static struct wsr_peer group[8];
static char ca_pem[4096];

static inline bool get_file(const void *ctx, struct wsr_str path, struct wsr_str *out)
{
	(void)ctx;
	if (!wsr_str_eq(path, WSR_STR("ca.pem")))
		return false;
	*out = wsr_cstr(ca_pem);
	return true;
}

static inline wsr_sref add_string(const char *s)
{
	uint32_t len = (uint32_t)strlen(s), at = strings_len;

	memcpy(strings + at, &len, 4);
	memcpy(strings + at + 4, s, len + 1);
	strings_len = (at + 4 + len + 1 + 3) & ~3u;
	return at;
}

static inline void make_table(void)
{
	memset(&set, 0, sizeof(set));
	memset(&upstream, 0, sizeof(upstream));
	memset(group, 0, sizeof(group));
	strings_len = 8;
	table.section[WSR_SECTION_string].base = (uint8_t *)strings;
	table.section[WSR_SECTION_proxyset].base = (uint8_t *)&set;
	table.section[WSR_SECTION_proxyset].stride = sizeof(set);
	table.section[WSR_SECTION_upstream].base = (uint8_t *)&upstream;
	table.section[WSR_SECTION_upstream].stride = sizeof(upstream);
	table.section[WSR_SECTION_peer].base = (uint8_t *)group;
	table.section[WSR_SECTION_peer].stride = sizeof(group[0]);
	set.proxy_connect_timeout_ms = 1000;
	set.proxy_ssl_session_reuse = 1;
	set.proxy_ssl_protocols = WSR_TLS_1_2 | WSR_TLS_1_3;
	set.resolver_timeout_ms = 1000;
	upstream.name = add_string("group");
	upstream.keepalive = 2;
	upstream.keepalive_requests = 100;
	upstream.keepalive_timeout_ms = 60000;
	upstream.keepalive_time_ms = 3600000;
}

static inline void add_peer(const char *host, uint16_t port, uint16_t kind)
{
	group[upstream.peers.count++] = (struct wsr_peer){ .host = add_string(host), .port = port, .kind = kind, .weight = 1, .max_fails = 1,
							   .fail_timeout_ms = 10000 };
}

/* --- backends ----------------------------------------------------------------------------------------------------------------- */

static struct loop loop;

/* Let what is under way happen: until a stretch of time passes without a socket event, so that a slow machine gets the time it needs. */
static inline void settle(uint64_t ms)
{
	uint64_t before;

	for (int i = 0; i < 500; i++) {
		before = loop.stream_events;
		loop_run_for(&loop, ms);
		if (loop.stream_events == before)
			return;
	}
}

/* Accepts and echoes; with ctx over TLS. */
struct backend {
	struct event event;
	int fd, accepted;
	uint16_t port;
	SSL_CTX *ctx;
	struct stream *conn[16];
	int resumed;
};

static inline void echo_data(void *owner, const uint8_t *data, size_t len)
{
	struct stream **s = owner;
	struct iovec iov = { (void *)(uintptr_t)data, len };

	stream_write(*s, &iov, 1);
}

static inline void echo_end(void *owner, enum stream_end why)
{
	struct stream **s = owner;

	(void)why;
	if (*s)
		stream_close(*s, STREAM_CLOSE_NOW);
	*s = NULL;
}
static const struct stream_handler echo = { echo_data, NULL, echo_end };

static inline void backend_tls_done(void *owner, struct stream *s)
{
	struct stream **slot = owner;

	*slot = s;
}

static inline void backend_tls_fail(void *owner, enum tls_failure why, const char *text, struct stream *plain)
{
	(void)owner;
	(void)why;
	(void)text;
	if (plain)
		stream_close(plain, STREAM_CLOSE_NOW);
}

static inline SSL_CTX *backend_pick(void *owner, struct wsr_str name)
{
	(void)owner;
	(void)name;
	return NULL;
}
static const struct tls_handler backend_tls = { backend_pick, backend_tls_done, backend_tls_fail };

static inline void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct backend *b = arg;
	int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK);

	(void)what;
	assert_true(conn >= 0 && b->accepted < 16);
	struct stream **slot = &b->conn[b->accepted++];
	if (b->ctx)
		assert_non_null(tls_accept(&loop, conn, b->ctx, 2000, &backend_tls, &echo, slot));
	else
		*slot = stream_new(&loop, conn, &echo, slot);
}

static inline int bind_any(uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static inline void backend_start(struct backend *b, int fd)
{
	b->fd = fd;
	assert_int_equal(listen(b->fd, 16), 0);
	assert_int_equal(event_assign(&b->event, loop.base, b->fd, EV_READ | EV_PERSIST, on_accept, b), 0);
	assert_int_equal(event_add(&b->event, NULL), 0);
}

static inline void backend_open(struct backend *b)
{
	memset(b, 0, sizeof(*b));
	backend_start(b, bind_any(&b->port));
}

static inline void backend_close(struct backend *b)
{
	event_del(&b->event);
	event_debug_unassign(&b->event);
	close(b->fd);
	for (int i = 0; i < 16; i++)
		if (b->conn[i])
			stream_close(b->conn[i], STREAM_CLOSE_NOW);
	SSL_CTX_free(b->ctx);
}

/* A port where nobody listens. */
static inline uint16_t dead_port(void)
{
	uint16_t port;

	close(bind_any(&port));
	return port;
}

/* --- the caller ------------------------------------------------------------------------------------------------------------------ */

static struct upstreams *us;

struct caller {
	struct upstream_call *call;
	struct upstream_conn conn;
	char address[64];
	int ready, failed;
	enum upstream_failure failure;
	char text[200];
	uint64_t got;
	int ends;
	bool inside;
	bool next_in_callback;
};

static inline void on_ready(void *owner, const struct upstream_conn *c)
{
	struct caller *x = owner;

	assert_false(x->inside);
	x->ready++;
	x->conn = *c;
	snprintf(x->address, sizeof(x->address), "%s", c->address);
	loop_break(&loop);
}

static inline void on_failed(void *owner, enum upstream_failure why, const char *address, const char *text)
{
	struct caller *x = owner;

	assert_false(x->inside);
	x->failed++;
	x->failure = why;
	snprintf(x->address, sizeof(x->address), "%s", address);
	snprintf(x->text, sizeof(x->text), "%s", text);
	if (x->next_in_callback && upstream_untried(x->call) > 0)
		upstream_next(x->call, UPSTREAM_FAILED);
	else
		loop_break(&loop);
}
static const struct upstream_handler on_upstream = { on_ready, on_failed };

static inline void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct caller *x = owner;

	(void)data;
	x->got += len;
	loop_break(&loop);
}

static inline void on_end(void *owner, enum stream_end why)
{
	struct caller *x = owner;

	(void)why;
	x->ends++;
	loop_break(&loop);
}
static const struct stream_handler on_stream = { on_data, NULL, on_end };

static inline struct upstream_request request(uint32_t index)
{
	return (struct upstream_request){ .table = &table, .upstream = index, .prefer = WSR_NONE, .keys = { get_file, NULL, 0 } };
}

static inline void ask(struct caller *x, struct upstream_request rq)
{
	x->inside = true;
	x->call = upstream_get(us, &rq, &on_upstream, &on_stream, x);
	x->inside = false;
	assert_non_null(x->call);
}

static inline void get(struct caller *x, struct upstream_request rq)
{
	memset(x, 0, sizeof(*x));
	ask(x, rq);
	loop_run_for(&loop, 3000);
	assert_int_equal(x->ready + x->failed, 1);
}

static inline void ping(struct caller *x)
{
	struct iovec iov = { (char[]){ "ping" }, 4 };

	x->got = 0;
	stream_write(x->conn.stream, &iov, 1);
	assert_true(loop_run_for(&loop, 3000));
	assert_int_equal(x->got, 4);
}

static inline int setup(void **state)
{
	(void)state;
	if (!loop_init(&loop))
		return -1;
	make_table();
	us = upstreams_new(&loop, 4);
	return us ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	settle(20);
	upstreams_free(us);
	loop_run_for(&loop, 10);
	loop_free(&loop);
	return 0;
}

#endif
