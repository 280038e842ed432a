/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * WebSocket load, clear and TLS: N connections to an echo, one thread, edge-triggered epoll.
 *
 *   wsload [-t] [-w] -m echo -c N -s BYTES (-d SECONDS | -n MESSAGES) ADDR:PORT[/path]   each connection sends its next
 *                                                                        message when the last one came back
 *   wsload [-t] [-w] -m open -c N -s BYTES -r RATE -d SECONDS ...        RATE messages a second over all connections,
 *                                                                        sent when they are due, answered or not
 *   wsload [-t] [-w] -m idle -c N ...                                    one message each, then silence until standard
 *                                                                        input ends
 * In every mode all connections are open and have echoed one message before "ready" is printed; -w then waits for a line
 * on standard input, and after the result for its end.  Latency in open mode counts from when a message was due, so a
 * stalled server is not flattered; `late` is how late we sent, our own fault.  The echo is compared with what was sent.
 */
#include "bench/load.h"

enum { SCRATCH = 256 * 1024, EVENTS = 256, FRAME_EXTRA = 14 };

struct conn {
	int fd;
	SSL *ssl;
	bool connected, upgraded;
	uint32_t head_len;  /* of the answer's head seen so far */
	uint32_t tail;  /* its last four bytes */
	size_t got;  /* bytes of the echo on its way in */
	size_t unsent;  /* bytes of the frame on its way out */
	uint32_t waiting;  /* messages sent and not yet back */
	uint32_t oldest;  /* ring index of the oldest of them */
	uint64_t *due;  /* ring of RING times */
};
enum { RING = 64 };

static struct {
	struct sockaddr_in addr;
	const char *path;
	int count, epoll;
	bool tls, open_loop, running, quiet;
	size_t size;
	double seconds, rate;
	uint64_t messages;
} opt;

static struct {
	uint64_t done, sent, skipped;
	int upgraded, warmed;
	struct histogram latency, late;
} stat;

static char *frame, *expected, scratch[SCRATCH];
static size_t frame_len, expected_len;

/** Build the masked frame (RFC 6455 section 5.2) and the one the echo will answer with. */
static void build_frames(size_t size)
{
	static const unsigned char mask[4] = {0x5a, 0xc3, 0x99, 0x0f};
	size_t ext = size <= 125 ? 0 : size <= 65535 ? 2 : 8;

	frame = malloc(size + FRAME_EXTRA);
	expected = malloc(size + FRAME_EXTRA);
	if (frame == NULL || expected == NULL)
		die("malloc");
	expected[0] = frame[0] = (char)0x82;
	expected[1] = (char)(ext == 0 ? size : ext == 2 ? 126 : 127);
	for (size_t i = 0; i < ext; i++)
		expected[2 + i] = (char)(size >> (8 * (ext - 1 - i)));
	memcpy(frame + 1, expected + 1, 1 + ext);
	frame[1] = (char)(frame[1] | 0x80);
	memcpy(frame + 2 + ext, mask, 4);
	for (size_t i = 0; i < size; i++) {
		expected[2 + ext + i] = (char)(i * 31 + 7);
		frame[6 + ext + i] = (char)(expected[2 + ext + i] ^ (char)mask[i % 4]);
	}
	frame_len = 6 + ext + size;
	expected_len = 2 + ext + size;
}

static void fail(struct conn *c, const char *what)
{
	fprintf(stderr, "wsload: %s (after %llu messages, descriptor %d)\n", what, (unsigned long long)stat.done, c->fd);
	exit(1);
}

/** @return bytes taken, 0 when the socket is full. */
static size_t conn_send(struct conn *c, const char *data, size_t len)
{
	ssize_t n;
	int error;

	if (c->ssl == NULL) {
		n = send(c->fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			fail(c, strerror(errno));
		return n < 0 ? 0 : (size_t)n;
	}
	n = SSL_write(c->ssl, data, (int)len);
	if (n > 0)
		return (size_t)n;
	error = SSL_get_error(c->ssl, (int)n);
	if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ)
		fail(c, "TLS write failed");
	return 0;
}

/** @return bytes read, 0 when there are no more for now; the end of the stream is a failure. */
static size_t conn_recv(struct conn *c, char *data, size_t len)
{
	ssize_t n;

	if (c->ssl == NULL) {
		n = recv(c->fd, data, len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			fail(c, n == 0 ? "closed by the server" : strerror(errno));
		return n < 0 ? 0 : (size_t)n;
	}
	n = SSL_read(c->ssl, data, (int)len);
	if (n <= 0 && SSL_get_error(c->ssl, (int)n) != SSL_ERROR_WANT_READ)
		fail(c, "closed by the server");
	return n < 0 ? 0 : (size_t)n;
}

static void push_frame(struct conn *c)
{
	while (c->unsent > 0) {
		size_t n = conn_send(c, frame + (frame_len - c->unsent), c->unsent);

		if (n == 0)
			return;
		c->unsent -= n;
	}
}

/** Send one message; false when the last one is not out yet or too many are unanswered. */
static bool send_message(struct conn *c, uint64_t due)
{
	if (c->unsent > 0 || c->waiting == RING)
		return false;
	c->due[(c->oldest + c->waiting++) % RING] = due;
	c->unsent = frame_len;
	stat.sent++;
	push_frame(c);
	return true;
}

static void on_echo(struct conn *c)
{
	if (c->waiting == 0)
		fail(c, "an echo nobody asked for");
	if (opt.running)
		histogram_add(&stat.latency, now_ns() - c->due[c->oldest]);
	c->oldest = (c->oldest + 1) % RING;
	c->waiting--;
	if (!opt.running) {
		stat.warmed++;
		return;
	}
	stat.done++;
	if (!opt.open_loop && !opt.quiet)
		send_message(c, now_ns());
}

/** The head of the 101, byte by byte; @return bytes used. */
static size_t read_head(struct conn *c, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && !c->upgraded; i++) {
		if (c->head_len++ == 9 && data[i] != '1')
			fail(c, "no 101 from the server");
		c->tail = c->tail << 8 | (unsigned char)data[i];
		if (c->tail == 0x0d0a0d0a)
			c->upgraded = true;
	}
	if (c->upgraded) {
		stat.upgraded++;
		send_message(c, now_ns());
	}
	return i;
}

static void on_data(struct conn *c, const char *data, size_t len)
{
	if (!c->upgraded) {
		size_t used = read_head(c, data, len);

		data += used;
		len -= used;
	}
	while (len > 0) {
		size_t n = expected_len - c->got < len ? expected_len - c->got : len;

		if (memcmp(data, expected + c->got, n) != 0)
			fail(c, "the echo differs from what was sent");
		c->got += n;
		data += n;
		len -= n;
		if (c->got == expected_len) {
			c->got = 0;
			on_echo(c);
		}
	}
}

static void send_handshake(struct conn *c)
{
	char text[1024];
	int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		opt.path);

	c->connected = true;
	if (conn_send(c, text, (size_t)len) != (size_t)len)
		fail(c, "handshake not sent whole");
}

static bool tls_established(struct conn *c)
{
	int n = SSL_do_handshake(c->ssl);

	if (n == 1)
		return true;
	n = SSL_get_error(c->ssl, n);
	if (n != SSL_ERROR_WANT_READ && n != SSL_ERROR_WANT_WRITE)
		fail(c, "TLS handshake failed");
	return false;
}

static void on_event(struct conn *c, uint32_t events)
{
	if (!c->connected) {
		if (!(events & (EPOLLOUT | EPOLLERR)) || (c->ssl != NULL && !tls_established(c)))
			return;
		send_handshake(c);
	}
	if (c->unsent > 0)
		push_frame(c);
	for (;;) {
		size_t n = conn_recv(c, scratch, SCRATCH);

		if (n > 0)
			on_data(c, scratch, n);
		if (n == 0 || (c->ssl == NULL && n < SCRATCH && !(events & EPOLLRDHUP)))
			return;
	}
}

static void turn(int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(opt.epoll, events, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++)
		on_event(events[i].data.ptr, events[i].events);
}

/** Open all connections, at most 128 under way at once, and warm each with one message. */
static struct conn *open_all(SSL_CTX *ctx)
{
	struct conn *conns = calloc((size_t)opt.count, sizeof(*conns));
	uint64_t deadline = now_ns() + 120 * NS_PER_S;
	int started = 0;

	if (conns == NULL)
		die("calloc");
	while (stat.warmed < opt.count) {
		while (started < opt.count && started - stat.warmed < 128) {
			struct conn *c = &conns[started++];

			c->due = malloc(RING * sizeof(*c->due));
			if (c->due == NULL)
				die("malloc");
			c->fd = connect_start(&opt.addr);
			if (ctx != NULL) {
				c->ssl = SSL_new(ctx);
				SSL_set_fd(c->ssl, c->fd);
				SSL_set_connect_state(c->ssl);
			}
			watch(opt.epoll, c->fd, c);
		}
		turn(1000);
		if (now_ns() > deadline) {
			fprintf(stderr, "wsload: only %d of %d connections echo\n", stat.warmed, opt.count);
			exit(1);
		}
	}
	return conns;
}

static void run_echo(struct conn *conns)
{
	uint64_t end = now_ns() + (uint64_t)(opt.seconds * (double)NS_PER_S);

	opt.running = true;
	for (int i = 0; i < opt.count; i++)
		send_message(&conns[i], now_ns());
	while (opt.messages ? stat.done < opt.messages : now_ns() < end)
		turn(100);
	opt.quiet = true;
}

static void run_open(struct conn *conns)
{
	uint64_t start = now_ns(), end = start + (uint64_t)(opt.seconds * (double)NS_PER_S), now, number = 0;
	double step = (double)NS_PER_S / opt.rate;

	opt.running = true;
	while ((now = now_ns()) < end) {
		uint64_t due = start + (uint64_t)((double)number * step);

		if (due > now) {
			turn(due - now > 1500000 ? 1 : 0);  /* epoll_wait sleeps whole milliseconds: spin for less */
			continue;
		}
		histogram_add(&stat.late, now - due);
		if (!send_message(&conns[number % (uint64_t)opt.count], due))
			stat.skipped++;
		number++;
		if (number % 16 == 0)
			turn(0);
	}
	end = now_ns() + 2 * NS_PER_S;
	while (stat.done < stat.sent - (uint64_t)opt.count && now_ns() < end)
		turn(10);
}

static double us(uint64_t ns)
{
	return (double)ns / 1000.0;
}

static void report(double seconds)
{
	printf("{\"messages\": %llu, \"seconds\": %.4f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f",
	       (unsigned long long)stat.done, seconds, us(histogram_part(&stat.latency, 0.5)),
	       us(histogram_part(&stat.latency, 0.99)), us(histogram_part(&stat.latency, 0.999)));
	if (opt.open_loop)
		printf(", \"skipped\": %llu, \"late_p50_us\": %.1f, \"late_p99_us\": %.1f", (unsigned long long)stat.skipped,
		       us(histogram_part(&stat.late, 0.5)), us(histogram_part(&stat.late, 0.99)));
	puts("}");
}

int main(int argc, char **argv)
{
	const char *mode = "echo";
	bool wait = false;
	struct conn *conns;
	uint64_t start;
	int option;

	opt.count = 1;
	opt.size = 64;
	opt.seconds = 1;
	opt.rate = 1000;
	while ((option = getopt(argc, argv, "tm:c:s:d:n:r:w")) != -1) {
		switch (option) {
		case 't': opt.tls = true; break;
		case 'm': mode = optarg; break;
		case 'c': opt.count = atoi(optarg); break;
		case 's': opt.size = (size_t)atol(optarg); break;
		case 'd': opt.seconds = atof(optarg); break;
		case 'n': opt.messages = (uint64_t)atoll(optarg); break;
		case 'r': opt.rate = atof(optarg); break;
		case 'w': wait = true; break;
		default: return 2;
		}
	}
	if (optind != argc - 1 || opt.count < 1 || opt.rate <= 0) {
		fprintf(stderr, "usage: wsload [-tw] [-m echo|open|idle] [-c N] [-s BYTES] [-d S|-n N] [-r RATE] ADDR:PORT[/path]\n");
		return 2;
	}
	opt.path = parse_target(argv[optind], &opt.addr);
	opt.open_loop = strcmp(mode, "open") == 0;
	prepare_process();
	build_frames(opt.size);
	opt.epoll = epoll_create1(EPOLL_CLOEXEC);
	conns = open_all(opt.tls ? client_tls() : NULL);
	say_ready(wait);
	start = now_ns();
	if (opt.open_loop)
		run_open(conns);
	else if (strcmp(mode, "echo") == 0)
		run_echo(conns);
	report((double)(now_ns() - start) / (double)NS_PER_S);
	wait_for_end(wait || strcmp(mode, "idle") == 0);
	return 0;
}
