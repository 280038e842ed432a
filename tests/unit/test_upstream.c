/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upstreams: balancing arithmetic, connecting in all its ways to fail, idle connections, names with a name server of our own, TLS. Backends and name server
 * live in the loop of the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/balance.h"
#include "runtime/pool.h"
#include "runtime/resolve.h"
#include "runtime/tls.h"
#include "runtime/upstream.h"

/* --- balancing ------------------------------------------------------------------------------------------------------------ */

static struct balance_peer peer[4];
static struct balance_peer *const peers[4] = { &peer[0], &peer[1], &peer[2], &peer[3] };

static void set_peers(uint32_t a, uint32_t b, uint32_t c)
{
	const uint32_t weight[3] = { a, b, c };

	memset(peer, 0, sizeof(peer));
	for (int i = 0; i < 3; i++) {
		peer[i] = (struct balance_peer){ .weight = weight[i], .max_fails = 1, .fail_timeout_ms = 10000 };
		balance_init(&peer[i]);
	}
}

static void test_round_robin(void **state)
{
	struct balance_query q = { .now_ms = 1000000 };
	char got[16] = "";

	(void)state;
	set_peers(5, 1, 1);
	for (int i = 0; i < 7; i++)
		got[i] = (char)('a' + balance_pick(peers, 3, &q));
	assert_string_equal(got, "aabacaa"); /* the order nginx documents for these weights */
	peer[0].tried = true;
	for (int i = 0; i < 10; i++)
		assert_int_not_equal(balance_pick(peers, 3, &q), 0);
	peer[1].tried = peer[2].tried = true;
	assert_int_equal(balance_pick(peers, 3, &q), -1);
}

static void test_failure_marks(void **state)
{
	struct balance_query q = { .now_ms = 1000000 };

	(void)state;
	set_peers(1, 1, 1);
	peer[2].backup = true;
	balance_report(&peer[0], true, false, q.now_ms);
	for (int i = 0; i < 5; i++)
		assert_int_equal(balance_pick(peers, 3, &q), 1);
	peer[1].down = true;
	assert_int_equal(balance_pick(peers, 3, &q), 2); /* backup only now */
	peer[2].max_conns = 1;
	peer[2].conns = 1;
	assert_int_equal(balance_pick(peers, 3, &q), -1);
	q.now_ms += 10001; /* one request finds out whether it is back */
	assert_int_equal(balance_pick(peers, 3, &q), 0);
	assert_int_equal(balance_pick(peers, 3, &q), -1);
	balance_report(&peer[0], false, false, q.now_ms + 5);
	assert_int_equal(peer[0].fails, 0);
	assert_int_equal(balance_pick(peers, 3, &q), 0);
	/* No choice, no mark. */
	set_peers(1, 0, 0);
	balance_report(&peer[0], true, balance_single(peers, 1), q.now_ms);
	assert_int_equal(balance_pick(peers, 1, &q), 0);
}

static void test_least_conn(void **state)
{
	struct balance_query q = { .method = WSR_BALANCE_LEAST_CONN, .now_ms = 1000000 };

	(void)state;
	set_peers(1, 2, 1);
	peer[0].conns = 1;
	peer[1].conns = 1;
	peer[2].conns = 1;
	assert_int_equal(balance_pick(peers, 3, &q), 1); /* one connection for twice the weight */
	peer[1].conns = 3;
	peer[0].conns = 0;
	assert_int_equal(balance_pick(peers, 3, &q), 0);
}

static void test_hashes(void **state)
{
	static const enum wsr_balance methods[] = { WSR_BALANCE_IP_HASH, WSR_BALANCE_HASH, WSR_BALANCE_RANDOM };

	(void)state;
	for (int m = 0; m < 3; m++) {
		int count[3] = { 0 };
		set_peers(1, 1, 2);
		for (uint32_t i = 0; i < 4000; i++) {
			uint32_t addr = htonl(i << 8);
			struct balance_query q = { .method = methods[m], .now_ms = 1000000, .client_addr = wsr_str((char *)&addr, 4),
						   .hash_key = wsr_str((char *)&addr, 4), .random = i * 2654435761u };
			int at = balance_pick(peers, 3, &q);
			assert_in_range(at, 0, 2);
			assert_int_equal(balance_pick(peers, 3, &q), at); /* the same key, the same peer */
			count[at]++;
			peer[at].tried = true;
			int other = balance_pick(peers, 3, &q);
			assert_true(other >= 0 && other != at);
			peer[at].tried = false;
		}
		assert_in_range(count[0], 800, 1200);
		assert_in_range(count[2], 1700, 2300);
	}
	/* Clients of one /24 stay together. */
	struct balance_query q = { .method = WSR_BALANCE_IP_HASH, .now_ms = 1000000, .client_addr = wsr_str("\xc0\x00\x02\x01", 4) };
	int at = balance_pick(peers, 3, &q);
	q.client_addr = wsr_str("\xc0\x00\x02\xfe", 4);
	assert_int_equal(balance_pick(peers, 3, &q), at);
}

/* --- a table ----------------------------------------------------------------------------------------------------------------- */

static struct wsr_table table;
static char strings[4096];
static uint32_t strings_len;
static struct wsr_proxyset set;
static struct wsr_upstream upstream;
static struct wsr_peer group[8];
static char ca_pem[4096];

static bool get_file(const void *ctx, struct wsr_str path, struct wsr_str *out)
{
	(void)ctx;
	if (!wsr_str_eq(path, WSR_STR("ca.pem")))
		return false;
	*out = wsr_cstr(ca_pem);
	return true;
}

static wsr_sref add_string(const char *s)
{
	uint32_t len = (uint32_t)strlen(s), at = strings_len;

	memcpy(strings + at, &len, 4);
	memcpy(strings + at + 4, s, len + 1);
	strings_len = (at + 4 + len + 1 + 3) & ~3u;
	return at;
}

static void make_table(void)
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

static void add_peer(const char *host, uint16_t port, uint16_t kind)
{
	group[upstream.peers.count++] = (struct wsr_peer){ .host = add_string(host), .port = port, .kind = kind, .weight = 1, .max_fails = 1,
							   .fail_timeout_ms = 10000 };
}

/* --- backends ----------------------------------------------------------------------------------------------------------------- */

static struct loop loop;

/* Let what is under way happen: until a stretch of time passes without a socket event, so that a slow machine gets the time it needs. */
static void settle(uint64_t ms)
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

static void echo_data(void *owner, const uint8_t *data, size_t len)
{
	struct stream **s = owner;
	struct iovec iov = { (void *)(uintptr_t)data, len };

	stream_write(*s, &iov, 1);
}

static void echo_end(void *owner, enum stream_end why)
{
	struct stream **s = owner;

	(void)why;
	if (*s)
		stream_close(*s, STREAM_CLOSE_NOW);
	*s = NULL;
}
static const struct stream_handler echo = { echo_data, NULL, echo_end };

static void backend_tls_done(void *owner, struct stream *s)
{
	struct stream **slot = owner;

	*slot = s;
}

static void backend_tls_fail(void *owner, enum tls_failure why, const char *text, int fd)
{
	(void)owner;
	(void)why;
	(void)text;
	if (fd >= 0)
		close(fd);
}

static SSL_CTX *backend_pick(void *owner, struct wsr_str name)
{
	(void)owner;
	(void)name;
	return NULL;
}
static const struct tls_handler backend_tls = { backend_pick, backend_tls_done, backend_tls_fail };

static void on_accept(evutil_socket_t fd, short what, void *arg)
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

static int bind_any(uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static void backend_start(struct backend *b, int fd)
{
	b->fd = fd;
	assert_int_equal(listen(b->fd, 16), 0);
	assert_int_equal(event_assign(&b->event, loop.base, b->fd, EV_READ | EV_PERSIST, on_accept, b), 0);
	assert_int_equal(event_add(&b->event, NULL), 0);
}

static void backend_open(struct backend *b)
{
	memset(b, 0, sizeof(*b));
	backend_start(b, bind_any(&b->port));
}

static void backend_close(struct backend *b)
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
static uint16_t dead_port(void)
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

static void on_ready(void *owner, const struct upstream_conn *c)
{
	struct caller *x = owner;

	assert_false(x->inside);
	x->ready++;
	x->conn = *c;
	snprintf(x->address, sizeof(x->address), "%s", c->address);
	loop_break(&loop);
}

static void on_failed(void *owner, enum upstream_failure why, const char *address, const char *text)
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

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct caller *x = owner;

	(void)data;
	x->got += len;
	loop_break(&loop);
}

static void on_end(void *owner, enum stream_end why)
{
	struct caller *x = owner;

	(void)why;
	x->ends++;
	loop_break(&loop);
}
static const struct stream_handler on_stream = { on_data, NULL, on_end };

static struct upstream_request request(uint32_t index)
{
	return (struct upstream_request){ .table = &table, .upstream = index, .keys = { get_file, NULL, 0 } };
}

static void ask(struct caller *x, struct upstream_request rq)
{
	x->inside = true;
	x->call = upstream_get(us, &rq, &on_upstream, &on_stream, x);
	x->inside = false;
	assert_non_null(x->call);
}

static void get(struct caller *x, struct upstream_request rq)
{
	memset(x, 0, sizeof(*x));
	ask(x, rq);
	loop_run_for(&loop, 3000);
	assert_int_equal(x->ready + x->failed, 1);
}

static void ping(struct caller *x)
{
	struct iovec iov = { (char[]){ "ping" }, 4 };

	x->got = 0;
	stream_write(x->conn.stream, &iov, 1);
	assert_true(loop_run_for(&loop, 3000));
	assert_int_equal(x->got, 4);
}

static int setup(void **state)
{
	(void)state;
	if (!loop_init(&loop))
		return -1;
	make_table();
	us = upstreams_new(&loop, 4);
	return us ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	settle(20);
	upstreams_free(us);
	loop_run_for(&loop, 10);
	loop_free(&loop);
	return 0;
}

/* --- connections ---------------------------------------------------------------------------------------------------------------------- */

static void test_idle_connections(void **state)
{
	struct backend b;
	struct caller x, y;
	struct upstream_request rq = request(WSR_NONE);

	(void)state;
	backend_open(&b);
	rq.host = WSR_STR("127.0.0.1");
	rq.port = b.port;
	get(&x, rq);
	assert_int_equal(x.ready, 1);
	assert_false(x.conn.reused);
	ping(&x);
	upstream_put(x.call);
	/* The same values under another table. */
	struct wsr_table copy = table;
	rq.table = &copy;
	memset(&x, 0, sizeof(x));
	ask(&x, rq);
	const struct upstream_conn *now = upstream_ready(x.call);
	assert_non_null(now);
	assert_true(now->reused);
	x.conn = *now;
	ping(&x);
	settle(20);
	assert_int_equal(x.ready, 0); /* claimed: not told again */
	get(&y, rq); /* the only connection is in use */
	assert_false(y.conn.reused);
	upstream_put(x.call);
	upstream_put(y.call);
	assert_int_equal(b.accepted, 2);
	/* Another bind address is another pool. */
	set.proxy_bind.v = add_string("127.0.0.1");
	get(&x, rq);
	assert_false(x.conn.reused);
	upstream_drop(x.call, UPSTREAM_OK);
	set.proxy_bind.v = 0;
	/* A close and an unasked byte each drop an idle connection. */
	struct iovec iov = { (char[]){ "?" }, 1 };
	stream_close(b.conn[0], STREAM_CLOSE_NOW);
	b.conn[0] = NULL;
	stream_write(b.conn[1], &iov, 1);
	settle(50);
	assert_int_equal(upstreams_close_idle(us), 0);
	get(&x, rq);
	assert_false(x.conn.reused);
	upstream_put(x.call);
	assert_int_equal(upstreams_close_idle(us), 1);
	backend_close(&b);
}

static void test_idle_limits(void **state)
{
	struct backend b;
	struct caller x[3];

	(void)state;
	backend_open(&b);
	add_peer("127.0.0.1", b.port, WSR_PEER_IPV4);
	upstream.keepalive_requests = 2;
	upstream.keepalive_timeout_ms = 100;
	for (int i = 0; i < 3; i++)
		get(&x[i], request(0));
	for (int i = 0; i < 3; i++)
		upstream_put(x[i].call);
	settle(20);
	assert_null(b.conn[0]); /* the oldest had to go */
	assert_non_null(b.conn[2]);
	get(&x[0], request(0));
	assert_true(x[0].conn.reused);
	upstream_put(x[0].call); /* its second request was its last */
	settle(20);
	assert_null(b.conn[2]);
	assert_non_null(b.conn[1]);
	loop_run_for(&loop, 200);
	assert_null(b.conn[1]);
	assert_int_equal(b.accepted, 3);
	backend_close(&b);
}

/* A stale idle connection is answered with the same peer and a fresh one. */
static void test_retry_after_stale(void **state)
{
	struct backend b;
	struct caller x;

	(void)state;
	backend_open(&b);
	add_peer("127.0.0.1", b.port, WSR_PEER_IPV4);
	get(&x, request(0));
	upstream_put(x.call);
	get(&x, request(0));
	assert_true(x.conn.reused);
	upstream_next(x.call, UPSTREAM_NEUTRAL);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(x.ready, 2);
	assert_false(x.conn.reused);
	ping(&x);
	upstream_drop(x.call, UPSTREAM_OK);
	struct upstream_request rq = request(0);
	get(&x, rq);
	upstream_put(x.call);
	rq.fresh = true;
	get(&x, rq);
	assert_false(x.conn.reused);
	upstream_drop(x.call, UPSTREAM_OK);
	backend_close(&b);
}

static void test_refused_and_next(void **state)
{
	struct backend b;
	struct caller x;

	(void)state;
	backend_open(&b);
	add_peer("127.0.0.1", dead_port(), WSR_PEER_IPV4);
	add_peer("127.0.0.1", b.port, WSR_PEER_IPV4);
	get(&x, request(0));
	assert_int_equal(x.failed, 1);
	assert_int_equal(x.failure, UPSTREAM_FAIL_REFUSED);
	assert_string_equal(x.text, "connect failed: Connection refused");
	assert_int_equal(upstream_untried(x.call), 1);
	upstream_next(x.call, UPSTREAM_FAILED);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(x.ready, 1);
	ping(&x);
	assert_int_equal(upstream_untried(x.call), 0);
	upstream_next(x.call, UPSTREAM_FAILED);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(x.failure, UPSTREAM_FAIL_NO_PEER);
	assert_string_equal(x.address, "group");
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	get(&x, request(0)); /* both marked */
	assert_int_equal(x.failure, UPSTREAM_FAIL_NO_PEER);
	assert_int_equal(upstream_failure_status(x.failure), 502);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	backend_close(&b);
}

static void test_only_peer_is_never_marked(void **state)
{
	struct caller x;

	(void)state;
	add_peer("127.0.0.1", dead_port(), WSR_PEER_IPV4);
	for (int i = 0; i < 3; i++) {
		get(&x, request(0));
		assert_int_equal(x.failure, UPSTREAM_FAIL_REFUSED);
		upstream_drop(x.call, UPSTREAM_FAILED);
	}
}

static void test_connect_timeout(void **state)
{
	struct caller x;
	int fill[4];
	uint16_t port;
	int fd = bind_any(&port);
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	assert_int_equal(listen(fd, 0), 0);
	for (int i = 0; i < 4; i++) { /* fill the backlog, then the kernel drops what comes */
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fill[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	usleep(10000);
	set.proxy_connect_timeout_ms = 150;
	struct upstream_request rq = request(WSR_NONE);
	rq.host = WSR_STR("127.0.0.1");
	rq.port = port;
	uint64_t start = loop_now(&loop);
	get(&x, rq);
	assert_int_equal(x.failure, UPSTREAM_FAIL_TIMEOUT);
	assert_int_equal(upstream_failure_status(x.failure), 504);
	assert_in_range(loop_now(&loop) - start, 145, 1500);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	ask(&x, rq); /* given up under way */
	settle(20);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	for (int i = 0; i < 4; i++)
		close(fill[i]);
	close(fd);
}

static void test_unix_socket(void **state)
{
	struct backend b = { 0 };
	struct caller x;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/wsr-test-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	backend_start(&b, fd);
	add_peer(addr.sun_path, 0, WSR_PEER_UNIX);
	get(&x, request(0));
	assert_int_equal(x.ready, 1);
	assert_int_equal(strncmp(x.address, "unix:/tmp/wsr-test-", 19), 0);
	ping(&x);
	upstream_put(x.call);
	get(&x, request(0));
	assert_true(x.conn.reused);
	ping(&x);
	upstream_put(x.call);
	upstream.peers.count = 0;
	add_peer("/nonexistent/socket", 0, WSR_PEER_UNIX);
	get(&x, request(0));
	assert_string_equal(x.text, "connect failed: No such file or directory");
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	backend_close(&b);
	unlink(addr.sun_path);
	rmdir(dir);
}

/* A tunnel takes the stream; its peer counts it until it is given back. */
static void test_take_and_lease(void **state)
{
	struct backend b;
	struct caller x, y;
	struct upstream_lease *lease;

	(void)state;
	backend_open(&b);
	add_peer("127.0.0.1", b.port, WSR_PEER_IPV4);
	group[0].max_conns = 1;
	get(&x, request(0));
	struct stream *s = upstream_take(x.call, &lease);
	stream_set_owner(s, &on_stream, &x);
	ping(&x);
	get(&y, request(0));
	assert_int_equal(y.failure, UPSTREAM_FAIL_NO_PEER);
	upstream_drop(y.call, UPSTREAM_NEUTRAL);
	upstream_release(lease);
	stream_close(s, STREAM_CLOSE_NOW);
	get(&y, request(0));
	assert_int_equal(y.ready, 1);
	upstream_put(y.call);
	backend_close(&b);
}

/* Many broken peers and a retry from inside the callback. */
static void test_next_inside_callback(void **state)
{
	struct backend b;
	struct caller x = { .next_in_callback = true };

	(void)state;
	backend_open(&b);
	for (int i = 0; i < 5; i++)
		add_peer("127.0.0.1", dead_port(), WSR_PEER_IPV4);
	add_peer("127.0.0.1", b.port, WSR_PEER_IPV4);
	group[5].flags = WSR_PEER_BACKUP;
	ask(&x, request(0));
	assert_true(loop_run_for(&loop, 2000));
	assert_int_equal(x.failed, 5);
	assert_int_equal(x.ready, 1);
	upstream_drop(x.call, UPSTREAM_OK);
	backend_close(&b);
}

static void test_unused_pools_are_forgotten(void **state)
{
	struct backend b;
	struct caller x;
	struct upstream_request rq = request(WSR_NONE);

	(void)state;
	backend_open(&b);
	rq.host = WSR_STR("127.0.0.1");
	rq.port = b.port;
	get(&x, rq);
	pool_purge(us, 0);
	assert_int_equal(us->pool_count, 1); /* in use */
	upstream_put(x.call);
	pool_purge(us, 1000);
	assert_int_equal(us->pool_count, 1);
	pool_purge(us, 0);
	assert_int_equal(us->pool_count, 0);
	settle(20);
	assert_null(b.conn[0]);
	/* Names from requests cannot fill the worker. */
	rq.port = dead_port();
	for (int i = 0; i < 3000; i++) {
		char host[32];
		snprintf(host, sizeof(host), "127.%d.%d.1", 1 + i / 250, i % 250);
		rq.host = wsr_cstr(host);
		struct upstream_call *c = upstream_get(us, &rq, &on_upstream, &on_stream, &x);
		assert_non_null(c);
		upstream_drop(c, UPSTREAM_NEUTRAL);
		assert_true(us->pool_count <= POOL_MAX);
	}
	backend_close(&b);
}

/* The short way to a pool is only for the same generation. */
static void test_cache_follows_serial(void **state)
{
	struct backend a, b;
	struct caller x;
	struct upstream_request rq = request(0);

	(void)state;
	backend_open(&a);
	backend_open(&b);
	add_peer("127.0.0.1", a.port, WSR_PEER_IPV4);
	rq.keys.serial = 1;
	for (int i = 0; i < 2; i++) {
		get(&x, rq);
		upstream_drop(x.call, UPSTREAM_OK);
	}
	group[0].port = b.port; /* as another table would have it */
	rq.keys.serial = 2;
	get(&x, rq);
	upstream_drop(x.call, UPSTREAM_OK);
	assert_int_equal(a.accepted, 2);
	assert_int_equal(b.accepted, 1);
	backend_close(&a);
	backend_close(&b);
}

/* --- names ----------------------------------------------------------------------------------------------------------------------------- */

/* A name server that answers every A question the same way. */
struct names {
	struct evdns_server_port *port;
	int fd, questions;
	char text[32];
	int error;                  /* DNS error instead of an answer; -1 = silence */
	uint8_t addr[4];
	int ttl;
	bool truncated;
};

static void on_question(struct evdns_server_request *req, void *arg)
{
	struct names *n = arg;

	n->questions++;
	for (int i = 0; n->error == 0 && i < req->nquestions; i++)
		if (req->questions[i]->type == EVDNS_TYPE_A)
			evdns_server_request_add_a_reply(req, req->questions[i]->name, 1, n->addr, n->ttl);
	if (n->error == -1) {
		evdns_server_request_drop(req);
		return;
	}
	if (n->truncated)
		evdns_server_request_set_flags(req, 0x200); /* TC, RFC 1035 section 4.1.1 */
	evdns_server_request_respond(req, n->error);
}

static void names_open(struct names *n)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);

	memset(n, 0, sizeof(*n));
	n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(n->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(n->fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(n->text, sizeof(n->text), "127.0.0.1:%u", ntohs(addr.sin_port));
	n->port = evdns_add_server_port_with_base(loop.base, n->fd, 0, on_question, n);
	memcpy(n->addr, "\x7f\x00\x00\x01", 4);
	n->ttl = 1;
	set.resolver.v = add_string(n->text);
}

static void names_close(struct names *n)
{
	evdns_close_server_port(n->port);
	close(n->fd);
}

static void test_name_is_resolved(void **state)
{
	struct backend b;
	struct names n;
	struct caller x;

	(void)state;
	backend_open(&b);
	names_open(&n);
	add_peer("backend.example", b.port, WSR_PEER_NAME);
	get(&x, request(0));
	assert_int_equal(x.ready, 1);
	assert_int_equal(strncmp(x.address, "127.0.0.1:", 10), 0);
	upstream_put(x.call);
	int asked = n.questions;
	get(&x, request(0));
	assert_true(x.conn.reused);
	upstream_put(x.call);
	assert_int_equal(n.questions, asked); /* valid for its TTL */
	/* The name moves: found at the first request after the TTL, and its idle connections are dropped. */
	memcpy(n.addr, "\x7f\x00\x00\x02", 4);
	loop_run_for(&loop, 1100);
	get(&x, request(0));
	upstream_put(x.call);
	settle(100);
	assert_true(n.questions > asked);
	get(&x, request(0));
	assert_int_equal(x.failed, 1); /* nobody listens there */
	assert_int_equal(strncmp(x.address, "127.0.0.2:", 10), 0);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	names_close(&n);
	backend_close(&b);
}

/* A name server that fails, cuts its answers short or is silent changes nothing. One that says "no such name" does. */
static void test_last_good_addresses_stay(void **state)
{
	struct backend b;
	struct names n;
	struct caller x;

	(void)state;
	backend_open(&b);
	names_open(&n);
	add_peer("backend.example", b.port, WSR_PEER_NAME);
	upstream.keepalive = 0;
	get(&x, request(0));
	assert_int_equal(x.ready, 1);
	upstream_put(x.call);
	for (int i = 0; i < 2; i++) {
		n.error = i == 0 ? DNS_ERR_SERVERFAILED : 0;
		n.truncated = i == 1;
		memcpy(n.addr, "\x7f\x00\x00\x09", 4);
		loop_run_for(&loop, i == 0 ? 1100 : 2100);
		for (int k = 0; k < 2; k++) {
			get(&x, request(0));
			assert_int_equal(x.ready, 1);
			upstream_drop(x.call, UPSTREAM_OK);
			settle(50);
		}
	}
	n.truncated = false;
	n.error = DNS_ERR_NOTEXIST;
	loop_run_for(&loop, 2100);
	get(&x, request(0));
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	settle(50);
	get(&x, request(0));
	assert_int_equal(x.failed, 1);
	assert_int_equal(x.failure, UPSTREAM_FAIL_RESOLVE);
	assert_string_equal(x.text, "host could not be resolved: name does not exist");
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	names_close(&n);
	backend_close(&b);
}

static void test_names_that_fail(void **state)
{
	struct names n;
	struct caller x;
	struct upstream_request rq = request(WSR_NONE);

	(void)state;
	names_open(&n);
	rq.host = WSR_STR("nowhere.example");
	rq.port = 80;
	n.error = DNS_ERR_NOTEXIST;
	get(&x, rq);
	assert_int_equal(x.failure, UPSTREAM_FAIL_RESOLVE);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	int asked = n.questions;
	get(&x, rq); /* remembered for a moment */
	assert_int_equal(x.failure, UPSTREAM_FAIL_RESOLVE);
	assert_int_equal(n.questions, asked);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	/* Silence ends with resolver_timeout; giving up earlier is safe. */
	n.error = -1;
	set.resolver_timeout_ms = 200;
	rq.host = WSR_STR("silent.example");
	uint64_t start = loop_now(&loop);
	get(&x, rq);
	assert_int_equal(x.failure, UPSTREAM_FAIL_RESOLVE);
	assert_in_range(loop_now(&loop) - start, 195, 1500);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	rq.host = WSR_STR("silent2.example");
	ask(&x, rq);
	settle(20);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	pool_purge(us, 0);
	settle(50);
	names_close(&n);
}

static void test_hosts_file(void **state)
{
	struct resolvers *rs;
	char path[] = "/tmp/wsr-hosts-XXXXXX";
	int fd = mkstemp(path);
	static const char text[] = "# comment\n127.0.0.7\tone.example two.example # three.example\n::1 one.example\nbad line\n127.0.0.8 ONE.example";

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	rs = resolvers_new(&loop, path);
	loop_now(&loop);
	struct resolve_name *n = resolve_get(rs, WSR_STR("One.Example"), WSR_STR_NULL, 0, 0);
	assert_true(resolve_refresh(n));
	assert_int_equal(n->count, 3);
	assert_memory_equal(n->addr[0].bytes, "\x7f\x00\x00\x07", 4);
	assert_int_equal(n->addr[1].family, 6);
	assert_ptr_equal(resolve_get(rs, WSR_STR("one.example"), WSR_STR_NULL, 0, 0), n);
	resolve_release(n);
	resolve_release(n);
	n = resolve_get(rs, WSR_STR("localhost"), WSR_STR_NULL, 0, 0);
	assert_true(resolve_refresh(n));
	assert_int_equal(n->count, 1);
	assert_memory_equal(n->addr[0].bytes, "\x7f\x00\x00\x01", 4);
	resolve_release(n);
	assert_null(resolve_get(rs, WSR_STR(""), WSR_STR_NULL, 0, 0));
	resolvers_free(rs);
	unlink(path);
}

/* --- TLS --------------------------------------------------------------------------------------------------------------------------------- */

static SSL_CTX *make_certificate(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *bio = BIO_new(BIO_s_mem());

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"up", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:up.example");
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	PEM_write_bio_X509(bio, x);
	memset(ca_pem, 0, sizeof(ca_pem));
	assert_true(BIO_read(bio, ca_pem, sizeof(ca_pem) - 1) > 0);
	BIO_free(bio);
	SSL_CTX_use_certificate(ctx, x);
	SSL_CTX_use_PrivateKey(ctx, key);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
	X509_free(x);
	EVP_PKEY_free(key);
	return ctx;
}

static void test_tls_upstream(void **state)
{
	struct backend b;
	struct caller x;
	struct upstream_request rq = request(0);

	(void)state;
	backend_open(&b);
	b.ctx = make_certificate();
	add_peer("127.0.0.1", b.port, WSR_PEER_IPV4);
	rq.tls = true;
	rq.ssl_name = WSR_STR("up.example:8443");
	set.proxy_ssl_server_name = 1;
	set.proxy_ssl_verify = 1;
	set.proxy_ssl_verify_depth = 1;
	set.proxy_ssl_trusted_certificate.v = add_string("ca.pem");
	for (int i = 0; i < 2; i++) {
		get(&x, rq);
		assert_int_equal(x.ready, 1);
		ping(&x);
		assert_int_equal(SSL_session_reused(stream_ssl(x.conn.stream)), i == 1);
		assert_string_equal(SSL_get_servername(stream_ssl(x.conn.stream), TLSEXT_NAMETYPE_host_name), "up.example");
		upstream_drop(x.call, UPSTREAM_OK);
	}
	get(&x, rq);
	ping(&x);
	upstream_put(x.call);
	get(&x, rq);
	assert_true(x.conn.reused);
	ping(&x);
	upstream_put(x.call);
	/* Another name is another pool, and this certificate is not for it. */
	rq.ssl_name = WSR_STR("other.example");
	get(&x, rq);
	assert_int_equal(x.failure, UPSTREAM_FAIL_TLS);
	assert_string_equal(x.text, "TLS handshake with upstream failed: certificate verify failed: hostname mismatch");
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	/* Another CA under the same path as well. */
	rq.ssl_name = WSR_STR("up.example");
	SSL_CTX_free(make_certificate());
	get(&x, rq);
	assert_string_equal(x.text, "TLS handshake with upstream failed: certificate verify failed: self-signed certificate");
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	/* A file that is missing. */
	set.proxy_ssl_crl.v = add_string("none.pem");
	get(&x, rq);
	assert_int_equal(x.failure, UPSTREAM_FAIL_TLS);
	assert_non_null(strstr(x.text, "none.pem: the file was not read"));
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	backend_close(&b);
}

/* A plain server behind https:, and one that never answers. */
static void test_tls_upstream_that_is_none(void **state)
{
	struct backend b;
	struct caller x;
	struct upstream_request rq = request(WSR_NONE);
	uint16_t port;
	int fd = bind_any(&port);

	(void)state;
	backend_open(&b);
	assert_int_equal(listen(fd, 5), 0);
	rq.host = WSR_STR("127.0.0.1");
	rq.port = b.port;
	rq.tls = true;
	get(&x, rq);
	assert_int_equal(x.failure, UPSTREAM_FAIL_TLS);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	rq.port = port;
	set.proxy_connect_timeout_ms = 150;
	uint64_t start = loop_now(&loop);
	get(&x, rq);
	assert_int_equal(x.failure, UPSTREAM_FAIL_TIMEOUT);
	assert_in_range(loop_now(&loop) - start, 145, 1500);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	ask(&x, rq); /* given up during the handshake */
	settle(50);
	upstream_drop(x.call, UPSTREAM_NEUTRAL);
	close(fd);
	backend_close(&b);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_robin),
		cmocka_unit_test(test_failure_marks),
		cmocka_unit_test(test_least_conn),
		cmocka_unit_test(test_hashes),
		T(test_idle_connections),
		T(test_idle_limits),
		T(test_retry_after_stale),
		T(test_refused_and_next),
		T(test_only_peer_is_never_marked),
		T(test_connect_timeout),
		T(test_unix_socket),
		T(test_take_and_lease),
		T(test_next_inside_callback),
		T(test_unused_pools_are_forgotten),
		T(test_cache_follows_serial),
		T(test_name_is_resolved),
		T(test_last_good_addresses_stay),
		T(test_names_that_fail),
		T(test_hosts_file),
		T(test_tls_upstream),
		T(test_tls_upstream_that_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
