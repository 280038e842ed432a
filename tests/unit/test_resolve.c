/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of upstreams: hosts file, TTL, a name server that fails in several ways. The name server lives in the loop of the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>
#include <event2/dns_struct.h>

#include <cmocka.h>

#include "tests/unit/upstream_world.h"

/* A name server that answers every A question the same way. */
struct names {
	struct evdns_server_port *port;
	int fd, questions;
	char text[32];
	int error;                  /* DNS error instead of an answer; -1 = silence */
	uint8_t addr[4];
	int ttl;
	int copies;                 /* of the address in one answer */
	bool truncated;
};

static void on_question(struct evdns_server_request *req, void *arg)
{
	struct names *n = arg;

	n->questions++;
	for (int i = 0; n->error == 0 && i < req->nquestions; i++)
		for (int k = 0; req->questions[i]->type == EVDNS_TYPE_A && k < n->copies; k++)
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
	n->copies = 1;
	set.resolver.v = add_string(n->text);
}

static void names_close(struct names *n)
{
	evdns_close_server_port(n->port);
	close(n->fd);
}

/* A backend, and the group's only peer is its name. */
static void open_named(struct backend *b, struct names *n)
{
	backend_open(b);
	names_open(n);
	add_peer("backend.example", b->port, WSR_PEER_NAME);
}

static void close_named(struct backend *b, struct names *n)
{
	names_close(n);
	backend_close(b);
}

static void test_name_is_resolved(void **state)
{
	struct backend b;
	struct names n;
	struct caller x;

	(void)state;
	open_named(&b, &n);
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
	close_named(&b, &n);
}

/* An answer that names an address several times says no more than one that names it once. */
static void test_repeated_addresses(void **state)
{
	struct backend b;
	struct names n;
	struct caller x;

	(void)state;
	open_named(&b, &n);
	for (n.copies = 3; n.copies > 0; n.copies--) {
		get(&x, request(0));
		assert_int_equal(x.ready, 1);
		upstream_put(x.call);
		loop_run_for(&loop, 1100);
	}
	get(&x, request(0));
	assert_int_equal(x.ready, 1);
	assert_true(x.conn.reused); /* the list of addresses never changed */
	upstream_put(x.call);
	close_named(&b, &n);
}

/* A name server that fails, cuts its answers short or is silent changes nothing. One that says "no such name" does. */
static void test_last_good_addresses_stay(void **state)
{
	struct backend b;
	struct names n;
	struct caller x;

	(void)state;
	open_named(&b, &n);
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
	close_named(&b, &n);
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
	static const char text[] = "# comment\n127.0.0.7\tone.example two.example # three.example\n::1 one.example\nbad line\n127.0.0.8 ONE.example\n127.0.0.7 one.example";

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_name_is_resolved),
		T(test_repeated_addresses),
		T(test_last_good_addresses_stay),
		T(test_names_that_fail),
		T(test_hosts_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
