/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upstreams: connecting in all its ways to fail, idle connections, retries, leases, pools keyed by value, TLS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

#include "tests/unit/upstream_world.h"

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
	rq.collects = true;
	ask(&x, rq);
	rq.collects = false;
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
		T(test_tls_upstream),
		T(test_tls_upstream_that_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
