/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS: handshakes on both sides, take-over by a stream, what a TLS stream keeps when it is paused, its ends, sessions, and its cost when idle. Certificates are made
 * here; the table is a hand-made view with a few tls records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/tls.h"
#include "runtime/tls_bio.h"
#include "runtime/tls_ctx.h"
#include "runtime/tls_memory.h"
#include "tests/unit/tls_world.h"

/* --- both ends ------------------------------------------------------------------------------------------------------------- */

static struct loop loop;
static struct tls_tickets tickets;
static struct tls_ctxs *ctxs;
static SSL_CTX *client_ctx;
static SSL_SESSION *session;  /* the newest one that a client got */

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = s;
	return 1;
}

static int setup(void **state)
{
	struct tls_client_settings set = { .verify = false };
	char why[256];

	(void)state;
	memset(&tickets, 0, sizeof(tickets));
	session = NULL;
	if (!loop_init(&loop) || !tls_tickets_rotate(&tickets))
		return -1;
	ctxs = tls_ctxs_new(&table, keys, &tickets, TLS_CTXS_KEPT);
	client_ctx = tls_client_ctx_new(&set, why, sizeof(why));
	SSL_CTX_sess_set_new_cb(client_ctx, on_session);
	return ctxs && client_ctx ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(&loop);
	tls_ctxs_free(ctxs);
	SSL_CTX_free(client_ctx);
	SSL_SESSION_free(session);
	return 0;
}

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

struct side {
	struct tls_handshake *h;
	struct stream *s;
	struct stream *forward;
	uint32_t pick[2];           /* default, and for names that start with "b" */
	bool refuse_names, picked;
	char name[64];
	int failures;
	enum tls_failure failure;
	char text[256];
	uint64_t got;
	uint8_t next;
	bool check, mismatch, pause_each;
	int calls, drained, ends;
	enum stream_end end[4];
	uint64_t stop_at;
	bool stop_at_end, stop_at_drained;
};

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct side *e = owner;

	e->calls++;
	e->got += len;
	for (size_t i = 0; e->check && i < len; i++)
		e->mismatch |= data[i] != e->next++;
	if (e->forward) {
		struct iovec iov = { (void *)(uintptr_t)data, len };
		stream_write(e->forward, &iov, 1);
	}
	if (e->pause_each)
		stream_pause(e->s);
	if (e->stop_at && e->got >= e->stop_at)
		loop_break(&loop);
}

static void on_drained(void *owner)
{
	struct side *e = owner;

	e->drained++;
	if (e->stop_at_drained)
		loop_break(&loop);
}

static void on_end(void *owner, enum stream_end why)
{
	struct side *e = owner;

	assert_true(e->ends < 4);
	e->end[e->ends++] = why;
	if (e->stop_at_end)
		loop_break(&loop);
}
static const struct stream_handler on_stream = { on_data, on_drained, on_end };

static SSL_CTX *pick(void *owner, struct wsr_str name)
{
	struct side *e = owner;

	e->picked = true;
	snprintf(e->name, sizeof(e->name), "%.*s", WSR_FMT(name));
	if (e->refuse_names)
		return NULL;
	return tls_ctxs_get(ctxs, e->pick[e->name[0] == 'b'], NULL);
}

static void on_done(void *owner, struct stream *s)
{
	struct side *e = owner;

	e->h = NULL;
	e->s = s;
}

static void on_fail(void *owner, enum tls_failure why, const char *text, struct stream *plain)
{
	struct side *e = owner;

	e->h = NULL;
	e->failures++;
	e->failure = why;
	e->s = plain;
	snprintf(e->text, sizeof(e->text), "%s", text);
}
static const struct tls_handler accepting = { pick, on_done, on_fail }, connecting = { NULL, on_done, on_fail };

static void tcp_pair(int fd[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(l, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&addr, &len), 0);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd[1], (struct sockaddr *)&addr, sizeof(addr)), 0);
	fd[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	close(l);
}

static void start_server(struct side *e, int fd, uint64_t timeout_ms)
{
	const char *why = NULL;
	SSL_CTX *first = tls_ctxs_get(ctxs, e->pick[0], &why);

	assert_non_null(first);
	e->h = tls_accept(&loop, fd, first, timeout_ms, &accepting, &on_stream, e);
	assert_non_null(e->h);
}

/* Both handshakes on one connection; `target` may be NULL. */
static void handshake(struct side *server, struct side *client, const struct tls_target *target)
{
	static const struct tls_target none;
	int fd[2];

	tcp_pair(fd);
	start_server(server, fd[0], 5000);
	client->h = tls_connect(&loop, fd[1], client_ctx, target ? target : &none, 5000, &connecting, &on_stream, client);
	assert_non_null(client->h);
	for (int i = 0; i < 1000 && (server->h || client->h); i++)
		loop_run_for(&loop, 5);
	assert_null(server->h);
	assert_null(client->h);
}

static void finish(struct side *a, struct side *b)
{
	if (a->s)
		stream_close(a->s, STREAM_CLOSE_NOW);
	if (b->s)
		stream_close(b->s, STREAM_CLOSE_NOW);
	a->s = b->s = NULL;
}

static void put(struct side *e, const void *data, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };

	stream_write(e->s, &iov, 1);
}

static uint8_t *pattern(size_t len)
{
	uint8_t *p = malloc(len);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)i;
	return p;
}

static long cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000L + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* --- handshakes --------------------------------------------------------------------------------------------------------------- */

static void test_names_choose_everything(void **state)
{
	static const struct { const char *sni; int version; const char *cn; } cases[] = {
		{ "", TLS1_3_VERSION, "/CN=a.example" },
		{ "a.example", TLS1_3_VERSION, "/CN=a.example" },
		{ "b.example", TLS1_2_VERSION, "/CN=b.example" },
		{ "127.0.0.1", TLS1_3_VERSION, "/CN=a.example" }, /* an address is never sent */
	};
	char cn[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct side server = { .pick = { A, B_TLS12 }, .stop_at = 4 }, client = { .stop_at = 4 };
		struct tls_target target = { .sni = wsr_cstr(cases[i].sni) };
		handshake(&server, &client, &target);
		assert_non_null(server.s);
		assert_non_null(client.s);
		assert_true(server.picked);
		assert_string_equal(server.name, i == 3 ? "" : cases[i].sni);
		assert_int_equal(SSL_version(stream_ssl(client.s)), cases[i].version);
		X509 *cert = SSL_get0_peer_certificate(stream_ssl(client.s));
		X509_NAME_oneline(X509_get_subject_name(cert), cn, sizeof(cn));
		assert_string_equal(cn, cases[i].cn);
		put(&client, "ping", 4);
		assert_true(loop_run_for(&loop, 2000));
		put(&server, "pong", 4);
		assert_true(loop_run_for(&loop, 2000));
		finish(&server, &client);
	}
}

/* The default server speaks only TLS 1.3, the named one only TLS 1.2: the named one's protocols count. */
static void test_named_protocols(void **state)
{
	struct side server = { .pick = { ONE_PROTOCOL_13, B_TLS12 } }, client = { 0 };
	struct tls_target target = { .sni = WSR_STR("b.example") };

	(void)state;
	handshake(&server, &client, &target);
	assert_non_null(client.s);
	assert_int_equal(SSL_version(stream_ssl(client.s)), TLS1_2_VERSION);
	finish(&server, &client);
}

static void test_name_refused(void **state)
{
	struct side server = { .refuse_names = true }, client = { 0 };

	(void)state;
	handshake(&server, &client, NULL);
	assert_int_equal(server.failures, 1);
	assert_int_equal(server.failure, TLS_FAIL_PROTOCOL);
	assert_int_equal(client.failures, 1);
	assert_non_null(strstr(client.text, "unrecognized name"));
}

static void test_alpn(void **state)
{
	static const struct { const char *offer; size_t len; bool ok; } cases[] = {
		{ "\x08http/1.1", 9, true }, { "\x02h2\x08http/1.1", 12, true }, { "\x02h2", 3, false },
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct side server = { 0 }, client = { 0 };
		const unsigned char *proto;
		unsigned len;
		SSL_CTX_set_alpn_protos(client_ctx, (const unsigned char *)cases[i].offer, (unsigned)cases[i].len);
		handshake(&server, &client, NULL);
		assert_int_equal(server.failures, !cases[i].ok);
		if (cases[i].ok) {
			SSL_get0_alpn_selected(stream_ssl(server.s), &proto, &len);
			assert_memory_equal(proto, "http/1.1", len);
		}
		finish(&server, &client);
	}
}

/* Clear text on a TLS port: a clear stream comes out, with what has been received, so that it can be answered. Told from the loop. */
static void test_plain_on_tls_port(void **state)
{
	char buf[8];
	int fd[2];

	(void)state;
	for (int early = 0; early < 2; early++) {
		struct side server = { .check = true, .next = 'G' };
		tcp_pair(fd);
		if (early) {
			assert_int_equal(write(fd[1], "GHIJK", 5), 5);
			usleep(10000);
		}
		start_server(&server, fd[0], 1000);
		assert_int_equal(server.failures, 0);
		loop_run_for(&loop, 10);
		if (!early)
			assert_int_equal(write(fd[1], "GHIJK", 5), 5);
		settle(30);
		assert_int_equal(server.failures, 1);
		assert_int_equal(server.failure, TLS_FAIL_PLAIN);
		assert_non_null(server.s);
		assert_null(stream_ssl(server.s));
		assert_int_equal(server.got, 5);
		assert_false(server.mismatch);
		put(&server, "clear", 5);
		assert_int_equal(recv(fd[1], buf, sizeof(buf), 0), 5);
		assert_memory_equal(buf, "clear", 5);
		stream_close(server.s, STREAM_CLOSE_NOW);
		close(fd[1]);
	}
}

/* One deadline for all of it: a byte now and then does not prolong it. */
static void test_handshake_deadline(void **state)
{
	struct side silent = { 0 }, slow = { 0 };
	int one[2], two[2];

	(void)state;
	tcp_pair(one);
	tcp_pair(two);
	start_server(&silent, one[0], 200);
	start_server(&slow, two[0], 200);
	uint64_t start = loop_now(&loop);
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	for (size_t i = 0; i < sizeof(hello) && (silent.h || slow.h); i++) {
		(void)!write(two[1], hello + i, 1);
		loop_run_for(&loop, 40);
	}
	assert_in_range(loop_now(&loop) - start, 195, 1500);
	assert_int_equal(silent.failure, TLS_FAIL_TIMEOUT);
	assert_int_equal(slow.failure, TLS_FAIL_TIMEOUT);
	close(one[1]);
	close(two[1]);
}

static void test_closed_and_cancelled(void **state)
{
	struct side gone = { 0 }, half = { 0 }, cancelled = { 0 };
	int one[2], two[2], three[2];

	(void)state;
	tcp_pair(one);
	tcp_pair(two);
	tcp_pair(three);
	start_server(&gone, one[0], 1000);
	start_server(&half, two[0], 1000);
	start_server(&cancelled, three[0], 1000);
	assert_int_equal(write(two[1], "\x16\x03\x01", 3), 3);
	assert_int_equal(write(three[1], "\x16\x03\x01", 3), 3);
	settle(20);
	close(one[1]);
	close(two[1]);
	tls_cancel(cancelled.h);
	settle(50);
	assert_int_equal(gone.failure, TLS_FAIL_CLOSED);
	assert_int_equal(half.failure, TLS_FAIL_CLOSED);
	assert_int_equal(gone.failures + half.failures, 2);
	assert_int_equal(cancelled.failures, 0);
	close(three[1]);
}

/* A client without a stream: does the handshake on fd, where a server runs in the loop. Its BIOs are memory. */
static SSL *raw_client(int fd)
{
	SSL *ssl = SSL_new(client_ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	char buf[8192];

	SSL_set_bio(ssl, in, out);
	while (SSL_connect(ssl) != 1) {
		int n = BIO_read(out, buf, sizeof(buf));
		if (n > 0)
			assert_int_equal(write(fd, buf, (size_t)n), n);
		settle(20);
		n = (int)read(fd, buf, sizeof(buf));
		assert_true(n > 0);
		BIO_write(in, buf, n);
	}
	return ssl;
}

/* Application data in the same segment as the client's Finished: delivered without another byte. */
static void test_data_with_finished(void **state)
{
	struct side server = { .stop_at = 5 };
	char buf[8192];
	int fd[2], r;

	(void)state;
	tcp_pair(fd);
	start_server(&server, fd[0], 2000);
	SSL *ssl = raw_client(fd[1]);
	assert_int_equal(SSL_write(ssl, "hello", 5), 5);
	r = BIO_read(SSL_get_wbio(ssl), buf, sizeof(buf));
	assert_int_equal(write(fd[1], buf, (size_t)r), r);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(server.got, 5);
	stream_close(server.s, STREAM_CLOSE_NOW);
	SSL_free(ssl);
	close(fd[1]);
}

/* Lengths of the records with application data that fd has now. @return how many */
static int record_lengths(int fd, unsigned *lengths, int cap)
{
	static uint8_t data[200000];
	size_t len = 0;
	ssize_t n;
	int count = 0;

	while ((n = read(fd, data + len, sizeof(data) - len)) > 0)
		len += (size_t)n;
	for (size_t at = 0; at + 5 <= len && count < cap; at += 5 + lengths[count++])
		lengths[count] = (unsigned)data[at + 3] << 8 | data[at + 4];
	return count;
}

/* The first bytes after a silence can be decrypted early, bulk has few records. */
static void test_record_sizes(void **state)
{
	struct side server = { 0 };
	uint8_t *data = pattern(65536);
	unsigned lengths[32];
	int fd[2];
	char finished[512];

	(void)state;
	tcp_pair(fd);
	start_server(&server, fd[0], 2000);
	SSL *ssl = raw_client(fd[1]);
	int n = BIO_read(SSL_get_wbio(ssl), finished, sizeof(finished));
	assert_int_equal(write(fd[1], finished, (size_t)n), n);
	settle(20);
	assert_non_null(server.s);
	record_lengths(fd[1], lengths, 32);
	for (int silence = 0; silence < 2; silence++) {
		put(&server, data, 65536);
		settle(20);
		assert_int_equal(record_lengths(fd[1], lengths, 32), 4 + 3);
		for (int i = 0; i < 7; i++)
			assert_in_range(lengths[i], i < 4 ? 4096 : 16384, i < 4 ? 4096 + 32 : 16384 + 32);
		put(&server, data, 32768);
		settle(20);
		assert_int_equal(record_lengths(fd[1], lengths, 32), 2);
		loop_run_for(&loop, silence ? 0 : 1100);
		loop_now(&loop); /* as in a callback */
	}
	stream_close(server.s, STREAM_CLOSE_NOW);
	SSL_free(ssl);
	close(fd[1]);
	free(data);
}

/* --- verification ---------------------------------------------------------------------------------------------------------------- */

static void test_verify_server(void **state)
{
	static const struct { const char *ca, *name; bool ok; const char *text; } cases[] = {
		{ "a.crt", "a.example", true, "" },
		{ "b.crt", "a.example", false, "certificate verify failed: self-signed certificate" },
		{ "a.crt", "other.example", false, "certificate verify failed: hostname mismatch" },
		{ "a.crt", "127.0.0.1", false, "certificate verify failed: IP address mismatch" },
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct side server = { 0 }, client = { 0 };
		struct tls_target target = { .verify = true, .verify_name = wsr_cstr(cases[i].name) };
		struct tls_client_settings set = { .verify = true };
		char why[256];
		SSL_CTX_free(client_ctx);
		assert_true(get_file(NULL, wsr_cstr(cases[i].ca), &set.ca));
		client_ctx = tls_client_ctx_new(&set, why, sizeof(why));
		handshake(&server, &client, &target);
		assert_int_equal(client.failures, !cases[i].ok);
		if (!cases[i].ok) {
			assert_int_equal(client.failure, TLS_FAIL_VERIFY);
			assert_string_equal(client.text, cases[i].text);
		}
		finish(&server, &client);
	}
}

static void test_verify_client(void **state)
{
	static const struct { const char *name; bool ok; const char *text; } cases[] = {
		{ NULL, false, "NONE" }, { "b", true, "SUCCESS" }, { "a", false, "FAILED:self-signed certificate" },
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct side server = { .pick = { VERIFY_CLIENT, VERIFY_CLIENT } }, client = { 0 };
		struct tls_client_settings set = { .verify = false };
		char why[256], path[16];
		const char *refusal = "";
		SSL_CTX_free(client_ctx);
		if (cases[i].name) {
			snprintf(path, sizeof(path), "%s.crt", cases[i].name);
			get_file(NULL, wsr_cstr(path), &set.certificate);
			snprintf(path, sizeof(path), "%s.key", cases[i].name);
			get_file(NULL, wsr_cstr(path), &set.key);
		}
		client_ctx = tls_client_ctx_new(&set, why, sizeof(why));
		handshake(&server, &client, NULL);
		assert_non_null(server.s);
		assert_string_equal(tls_client_verify_text(stream_ssl(server.s), why, sizeof(why)), cases[i].text);
		assert_int_equal(tls_client_verified(stream_ssl(server.s), WSR_TLS_VERIFY_ON, &refusal), cases[i].ok);
		assert_int_equal(tls_client_verified(stream_ssl(server.s), WSR_TLS_VERIFY_OPTIONAL, &refusal), i != 2);
		assert_true(tls_client_verified(stream_ssl(server.s), WSR_TLS_VERIFY_OPTIONAL_NO_CA, &refusal));
		finish(&server, &client);
	}
}

static void test_bad_settings_are_named(void **state)
{
	char why[512];
	const char *sentence = NULL;

	(void)state;
	assert_true(tls_ctx_check(&table, A, keys, why, sizeof(why)));
	assert_false(tls_ctx_check(&table, BROKEN, keys, why, sizeof(why)));
	assert_string_equal(why, "b.key: cannot load the key: key values mismatch");
	assert_null(tls_ctxs_get(ctxs, BROKEN, &sentence));
	assert_string_equal(sentence, why);
	struct wsr_tls saved = records[A];
	records[A].ciphers = add_string("NOSUCHCIPHER");
	assert_false(tls_ctx_check(&table, A, keys, why, sizeof(why)));
	assert_string_equal(why, "ssl_ciphers \"NOSUCHCIPHER\": no cipher match");
	records[A] = saved;
	records[A].dhparam = add_string("none.pem");
	assert_false(tls_ctx_check(&table, A, keys, why, sizeof(why)));
	assert_string_equal(why, "none.pem: the file was not read");
	records[A].dhparam = add_string("a.crt");
	assert_false(tls_ctx_check(&table, A, keys, why, sizeof(why)));
	assert_non_null(strstr(why, "a.crt: cannot load the DH parameters"));
	records[A] = saved;
	assert_int_equal(ERR_peek_error(), 0);
}

/* --- sessions ---------------------------------------------------------------------------------------------------------------------- */

static bool connect_again(struct side *server, const char *sni)
{
	struct side client = { 0 };
	struct tls_target target = { .sni = wsr_cstr(sni), .session = session };

	server->s = NULL;
	handshake(server, &client, &target);
	assert_non_null(client.s);
	bool reused = SSL_session_reused(stream_ssl(client.s));
	assert_int_equal(SSL_session_reused(stream_ssl(server->s)), reused);
	put(server, "x", 1); /* TLS 1.3 tickets come with or before the first data */
	settle(20);
	finish(server, &client);
	return reused;
}

/* Tickets work with other contexts under the same keys (another worker, after a reload), with older keys, and not with foreign ones. */
static void test_tickets(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct side server = { .pick = { A, B_TLS12 } };
		const char *sni = i == 0 ? "a.example" : "b.example";
		SSL_SESSION_free(session);
		session = NULL;
		assert_false(connect_again(&server, sni));
		assert_non_null(session);
		assert_true(connect_again(&server, sni));
		tls_ctxs_free(ctxs);
		ctxs = tls_ctxs_new(&table, keys, &tickets, TLS_CTXS_KEPT);
		assert_true(connect_again(&server, sni));
		assert_true(tls_tickets_rotate(&tickets));
		assert_true(connect_again(&server, sni));
		SSL_SESSION *old = session;
		SSL_SESSION_up_ref(old);
		for (unsigned k = 0; k < TLS_TICKET_KEYS; k++)
			tls_tickets_rotate(&tickets);
		SSL_SESSION_free(session);
		session = old;
		assert_false(connect_again(&server, sni));
	}
}

/* A session from a server without client verification opens nothing on one that has it. */
static void test_sessions_stay_with_their_settings(void **state)
{
	struct side server = { .pick = { A, A } };

	(void)state;
	assert_false(connect_again(&server, "a.example"));
	server.pick[0] = server.pick[1] = VERIFY_CLIENT;
	SSL_CTX *first = tls_ctxs_get(ctxs, VERIFY_CLIENT, NULL);
	assert_non_null(first);
	struct side client = { 0 };
	struct tls_target target = { .sni = WSR_STR("a.example"), .session = session };
	server.s = NULL;
	handshake(&server, &client, &target);
	assert_true(!client.s || !SSL_session_reused(stream_ssl(client.s)));
	finish(&server, &client);
}

/* --- streams ----------------------------------------------------------------------------------------------------------------------- */

static void test_bulk_both_ways(void **state)
{
	size_t len = 6u << 20;
	uint8_t *data = pattern(len);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct side server = { .pick = { A, B_TLS12 }, .check = true }, client = { .check = true, .stop_at = len };
		struct tls_target target = { .sni = i ? WSR_STR("b.example") : WSR_STR("a.example") };
		handshake(&server, &client, &target);
		server.forward = server.s;
		struct iovec iov[4] = { { data, 3 }, { data + 3, 40000 }, { data + 40003, 100 }, { data + 40103, len - 40103 } };
		stream_write(client.s, iov, 4);
		assert_true(loop_run_for(&loop, 20000));
		assert_int_equal(client.got, len);
		assert_false(server.mismatch);
		assert_false(client.mismatch);
		assert_true(client.drained >= 1);
		assert_null(client.s->out);
		assert_null(client.s->tls->kept);
		finish(&server, &client);
	}
	free(data);
}

/* A head and its first body bytes are one record and one segment. */
static void test_pieces_make_one_record(void **state)
{
	struct side server = { 0 }, client = { .stop_at = 300 };
	char head[100] = "h", body[200] = "b";

	(void)state;
	handshake(&server, &client, NULL);
	struct iovec iov[2] = { { head, sizeof(head) }, { body, sizeof(body) } };
	stream_write(server.s, iov, 2);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(client.calls, 1);
	finish(&server, &client);
}

/* Everything was read from the socket and part of it delivered when the owner paused: the rest comes on resume, with no event left to bring it. */
static void test_pause_keeps_ciphertext(void **state)
{
	struct side server = { .check = true, .pause_each = true }, client = { 0 };
	size_t len = 200000;
	uint8_t *data = pattern(len);

	(void)state;
	handshake(&server, &client, NULL);
	put(&client, data, len);
	settle(30);
	stream_shutdown(client.s);
	for (int i = 1; i < 100 && server.ends == 0; i++) {
		settle(20);
		if (server.ends == 0)
			assert_int_equal(server.calls, i);
		stream_resume(server.s);
	}
	settle(30);
	assert_int_equal(server.got, len);
	assert_false(server.mismatch);
	assert_int_equal(server.end[0], STREAM_END_EOF);
	finish(&server, &client);
	free(data);
}

static void test_ends(void **state)
{
	(void)state;
	{ /* close_notify, and the other direction goes on */
		struct side server = { 0 }, client = { 0 };
		handshake(&server, &client, NULL);
		stream_shutdown(client.s);
		settle(30);
		assert_int_equal(server.ends, 1);
		assert_int_equal(server.end[0], STREAM_END_EOF);
		put(&server, "still", 5);
		stream_close(server.s, STREAM_CLOSE_FLUSH);
		server.s = NULL;
		settle(30);
		assert_int_equal(client.got, 5);
		assert_int_equal(client.end[0], STREAM_END_EOF);
		finish(&server, &client);
	}
	{ /* FIN without close_notify, behind data */
		struct side server = { 0 }, client = { 0 };
		handshake(&server, &client, NULL);
		put(&client, "data", 4);
		shutdown(stream_fd(client.s), SHUT_WR);
		settle(30);
		assert_int_equal(server.got, 4);
		assert_int_equal(server.ends, 1);
		assert_int_equal(server.end[0], STREAM_END_TRUNCATED);
		finish(&server, &client);
	}
	{ /* reset */
		struct side server = { 0 }, client = { 0 };
		handshake(&server, &client, NULL);
		settle(30);
		stream_abort(client.s);
		client.s = NULL;
		settle(60);
		assert_int_equal(server.end[0], STREAM_END_RESET);
		finish(&server, &client);
	}
	{ /* garbage */
		struct side server = { 0 }, client = { 0 };
		char text[128];
		handshake(&server, &client, NULL);
		assert_int_equal(send(stream_fd(client.s), "\x17\x03\x03\x00\x20garbage.garbage.garbage.garbage.", 37, 0), 37);
		settle(30);
		assert_int_equal(server.end[0], STREAM_END_TLS);
		assert_non_null(strstr(stream_end_text(server.s, STREAM_END_TLS, text, sizeof(text)), "TLS error: "));
		finish(&server, &client);
	}
}

static void test_sendfile(void **state)
{
	struct side server = { .stop_at_drained = true }, client = { .check = true };
	size_t len = 3u << 20;
	uint8_t *data = pattern(len);
	int fd = memfd_create("file", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, data, len), len);
	handshake(&server, &client, NULL);
	stream_sendfile(server.s, fd, 0, len);
	assert_true(loop_run_for(&loop, 10000));
	stream_close(server.s, STREAM_CLOSE_FLUSH);
	server.s = NULL;
	loop_run_for(&loop, 200);
	assert_int_equal(client.got, len);
	assert_false(client.mismatch);
	assert_int_equal(client.end[0], STREAM_END_EOF);
	finish(&server, &client);
	free(data);
}

static void wait_for_sleep(void)
{
	for (int i = 0; i < 200 && loop.awake; i++)
		loop_run_for(&loop, 50);
	assert_null(loop.awake);
	assert_false(timer_is_set(&loop.awake_timer));
}

/* An idle TLS connection makes no event and costs no time: an edge-triggered event registered beside the handshake's level-triggered one would spin. */
static void test_idle_costs_nothing(void **state)
{
	struct side server = { 0 }, client = { 0 };

	(void)state;
	handshake(&server, &client, NULL);
	server.forward = server.s;
	put(&client, "ping", 4);
	settle(100);
	assert_int_equal(client.got, 4);
	uint64_t events = loop.stream_events;
	long start = cpu_us();
	loop_run_for(&loop, 400);
	assert_int_equal(loop.stream_events, events);
	assert_true(cpu_us() - start < 20000);
	assert_null(server.s->out);
	assert_null(server.s->tls->kept);
	/* After a while its memory sleeps, on its own and without a timer; it wakes for data and for questions. */
	wait_for_sleep();
	put(&client, "ping", 4);
	assert_ptr_equal(loop.awake, client.s->tls);
	settle(30);
	assert_int_equal(client.got, 8);
	wait_for_sleep();
	assert_string_equal(SSL_get_cipher_name(stream_ssl(server.s)), "TLS_AES_256_GCM_SHA384");
	assert_ptr_equal(loop.awake, server.s->tls);
	print_message("idle TLS stream: %zu bytes of ours\n", stream_idle_bytes(server.s));
	finish(&server, &client);
}

static void test_memory_per_stream(void **state)
{
	enum { N = 50 };
	static struct side server[N], client[N];

	(void)state;
	memset(server, 0, sizeof(server));
	memset(client, 0, sizeof(client));
	handshake(&server[0], &client[0], NULL);
	finish(&server[0], &client[0]);
	settle(30);
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < N; i++) {
		handshake(&server[i], &client[i], NULL);
		server[i].forward = server[i].s;
		put(&client[i], "hello", 5);
	}
	loop_run_for(&loop, 200);
	struct mallinfo2 after = mallinfo2();
	for (int i = 0; i < N; i++)
		assert_int_equal(client[i].got, 5);
	print_message("heap for one TLS stream without OpenSSL: %zu bytes\n", (after.uordblks - before.uordblks) / (2 * N));
	for (int i = 0; i < N; i++)
		finish(&server[i], &client[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_names_choose_everything),
		T(test_named_protocols),
		T(test_name_refused),
		T(test_alpn),
		T(test_plain_on_tls_port),
		T(test_handshake_deadline),
		T(test_closed_and_cancelled),
		T(test_data_with_finished),
		T(test_record_sizes),
		T(test_verify_server),
		T(test_verify_client),
		T(test_bad_settings_are_named),
		T(test_tickets),
		T(test_sessions_stay_with_their_settings),
		T(test_bulk_both_ways),
		T(test_pieces_make_one_record),
		T(test_pause_keeps_ciphertext),
		T(test_ends),
		T(test_sendfile),
		T(test_idle_costs_nothing),
		T(test_memory_per_stream),
	};
	tls_memory_install();
	return cmocka_run_group_tests(tests, make_world, NULL);
}
