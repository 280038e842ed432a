/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A new TLS connection for every GET, with full handshakes or (-r) resuming the session of the same slot's last one.
 *
 *   tlsload [-r] [-w] -c SLOTS (-d SECONDS | -n CONNECTIONS) ADDR:PORT/path
 *
 * A request asks the server to close; a connection counts when its answer has arrived and the server has closed it.
 * With -r the first connection of each slot is made before "ready" and not counted, and the result says how many of the
 * others were really resumed.
 */
#include "bench/load.h"

enum { EVENTS = 256 };

struct slot {
	int fd;
	SSL *ssl;
	SSL_SESSION *session;
	bool sent;
	bool answered;
	uint64_t start;
};

static struct {
	struct sockaddr_in addr;
	const char *path;
	bool resume, running;
	int epoll;
	uint64_t done, resumed, warmed;
	struct histogram latency;
} load;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct slot *s = SSL_get_app_data(ssl);

	if (!load.resume)
		return 0;
	SSL_SESSION_free(s->session);
	s->session = session;
	return 1;
}

static void slot_start(struct slot *s, SSL_CTX *ctx)
{
	s->fd = connect_start(&load.addr);
	s->ssl = SSL_new(ctx);
	s->sent = s->answered = false;
	s->start = now_ns();
	SSL_set_app_data(s->ssl, s);
	SSL_set_fd(s->ssl, s->fd);
	SSL_set_connect_state(s->ssl);
	SSL_set_tlsext_host_name(s->ssl, "localhost");
	if (s->session != NULL)
		SSL_set_session(s->ssl, s->session);
	watch(load.epoll, s->fd, s);
}

static void fail(const char *what)
{
	fprintf(stderr, "tlsload: %s after %llu connections\n", what, (unsigned long long)load.done);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void slot_done(struct slot *s)
{
	if (load.running) {
		load.done++;
		load.resumed += (uint64_t)SSL_session_reused(s->ssl);
		histogram_add(&load.latency, now_ns() - s->start);
	} else {
		load.warmed++;
	}
	SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  /* else the session counts as broken */
	SSL_free(s->ssl);
	close(s->fd);
	s->ssl = NULL;
}

/** @return whether the connection has ended. */
static bool slot_step(struct slot *s)
{
	char data[16384];
	int n;

	if (!s->sent) {
		int len = snprintf(data, sizeof(data), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", load.path);

		n = SSL_do_handshake(s->ssl);
		if (n != 1) {
			n = SSL_get_error(s->ssl, n);
			if (n != SSL_ERROR_WANT_READ && n != SSL_ERROR_WANT_WRITE)
				fail("handshake failed");
			return false;
		}
		if (SSL_write(s->ssl, data, len) != len)
			fail("request not sent whole");
		s->sent = true;
	}
	while ((n = SSL_read(s->ssl, data, sizeof(data))) > 0) {
		if (!s->answered && (n < 12 || memcmp(data, "HTTP/1.1 200", 12) != 0))
			fail("not answered with 200");
		s->answered = true;
	}
	if (SSL_get_error(s->ssl, n) == SSL_ERROR_WANT_READ)
		return false;
	ERR_clear_error();
	if (!s->answered)
		fail("closed without an answer");
	return true;
}

/** @return slots that ended and were not started again. */
static int turn(SSL_CTX *ctx, bool again)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(load.epoll, events, EVENTS, 1000), ended = 0;

	for (int i = 0; i < n; i++) {
		struct slot *s = events[i].data.ptr;

		if (s->ssl == NULL || !slot_step(s))
			continue;
		slot_done(s);
		if (again)
			slot_start(s, ctx);
		else
			ended++;
	}
	return ended;
}

int main(int argc, char **argv)
{
	int slots = 8, option, left;
	uint64_t limit = 0, start, end;
	double seconds = 1, took;
	bool wait = false;
	struct slot *slot;
	SSL_CTX *ctx;

	while ((option = getopt(argc, argv, "rc:d:n:w")) != -1) {
		switch (option) {
		case 'r': load.resume = true; break;
		case 'c': slots = atoi(optarg); break;
		case 'd': seconds = atof(optarg); break;
		case 'n': limit = (uint64_t)atoll(optarg); break;
		case 'w': wait = true; break;
		default: return 2;
		}
	}
	if (optind != argc - 1 || slots < 1) {
		fprintf(stderr, "usage: tlsload [-rw] [-c SLOTS] [-d SECONDS | -n CONNECTIONS] ADDR:PORT/path\n");
		return 2;
	}
	load.path = parse_target(argv[optind], &load.addr);
	prepare_process();
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	ctx = client_tls();
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	slot = calloc((size_t)slots, sizeof(*slot));
	if (slot == NULL)
		die("calloc");
	for (int i = 0; i < slots; i++)
		slot_start(&slot[i], ctx);
	for (left = slots; left > 0;)
		left -= turn(ctx, false);
	say_ready(wait);
	load.running = true;
	start = now_ns();
	end = start + (uint64_t)(seconds * (double)NS_PER_S);
	for (int i = 0; i < slots; i++)
		slot_start(&slot[i], ctx);
	while (limit ? load.done < limit : now_ns() < end)
		turn(ctx, true);
	for (left = slots; left > 0;)
		left -= turn(ctx, false);
	took = (double)(now_ns() - start) / (double)NS_PER_S;
	printf("{\"connections\": %llu, \"resumed\": %llu, \"seconds\": %.4f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	       (unsigned long long)load.done, (unsigned long long)load.resumed, took,
	       (double)histogram_part(&load.latency, 0.5) / 1000.0, (double)histogram_part(&load.latency, 0.99) / 1000.0);
	wait_for_end(wait);
	return 0;
}
