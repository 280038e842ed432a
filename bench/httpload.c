/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET load over N kept-alive clear connections, one thread, edge-triggered epoll.
 *
 *   httpload [-w] -c N -k M -d SECONDS ADDR:PORT/path      closed loop: M requests under way at any time, sent over the N
 *                                                          connections in turn (what M stays the same for every N)
 *   httpload [-w] -c N -r RATE -d SECONDS ADDR:PORT/path   open loop: RATE requests a second, sent when they are due,
 *                                                          answered or not
 * All connections are open and have had one answer before "ready".  Latency in the open loop counts from when a request
 * was due, so a stalled server is not flattered; `late` is how late we sent one although a connection was free, our own
 * fault.  A request that finds no free connection waits for one, and its latency with it.
 */
#include <sys/prctl.h>

#include "bench/load.h"

enum { SCRATCH = 64 * 1024, HEAD_MAX = 4096, EVENTS = 512 };

struct conn {
	int fd;
	bool connected, busy;
	uint64_t due;
	uint32_t head_len;
	char head[HEAD_MAX];
	uint64_t body_left;
	bool in_body;
	struct conn *next_free;
};

static struct {
	struct sockaddr_in addr;
	int count, under_way, epoll;
	double rate, seconds;
	bool running;
	char request[1024];
	size_t request_len;
} opt;

static struct {
	uint64_t done, waited;
	int warmed, busy;
	struct conn *free_first, *free_last;  /* the one that has rested longest is next */
	struct histogram latency, late;
} state;

static void fail(const char *what)
{
	fprintf(stderr, "httpload: %s (after %llu requests)\n", what, (unsigned long long)state.done);
	exit(1);
}

static void rest(struct conn *c)
{
	c->next_free = NULL;
	if (state.free_first == NULL)
		state.free_first = c;
	else
		state.free_last->next_free = c;
	state.free_last = c;
}

static void ask(struct conn *c, uint64_t due)
{
	c->due = due;
	c->busy = true;
	c->head_len = 0;
	c->in_body = false;
	state.busy++;
	if (send(c->fd, opt.request, opt.request_len, MSG_NOSIGNAL) != (ssize_t)opt.request_len)
		fail("request not sent whole");
}

static void ask_next(uint64_t due)
{
	struct conn *c = state.free_first;

	state.free_first = c->next_free;
	ask(c, due);
}

static void on_answer(struct conn *c)
{
	c->busy = false;
	state.busy--;
	if (opt.running) {
		state.done++;
		histogram_add(&state.latency, now_ns() - c->due);
	} else {
		state.warmed++;
	}
	rest(c);
	if (opt.running && opt.under_way > 0)
		ask_next(now_ns());
}

/** The head is complete: status and length of the body. */
static void read_head(struct conn *c)
{
	const char *length;

	c->head[c->head_len] = '\0';
	if (memcmp(c->head, "HTTP/1.1 2", 10) != 0 && memcmp(c->head, "HTTP/1.1 3", 10) != 0)
		fail("an answer that is neither 2xx nor 3xx");
	length = strcasestr(c->head, "\r\ncontent-length:");
	if (length == NULL)
		fail("an answer without Content-Length");
	c->body_left = strtoull(length + sizeof("\r\ncontent-length:") - 1, NULL, 10);
	c->in_body = true;
}

static void on_data(struct conn *c, const char *data, size_t len)
{
	size_t i = 0;

	if (!c->busy)
		fail("an answer nobody asked for");
	while (i < len && !c->in_body) {
		if (c->head_len == HEAD_MAX - 1)
			fail("a head that is too long");
		c->head[c->head_len++] = data[i++];
		if (c->head_len >= 4 && memcmp(c->head + c->head_len - 4, "\r\n\r\n", 4) == 0)
			read_head(c);
	}
	if (!c->in_body)
		return;
	if (len - i > c->body_left)
		fail("more bytes than Content-Length says");
	c->body_left -= len - i;
	if (c->body_left == 0)
		on_answer(c);
}

static void on_event(struct conn *c, uint32_t events)
{
	static char scratch[SCRATCH];
	ssize_t n;

	if (!c->connected) {
		if (!(events & (EPOLLOUT | EPOLLERR)))
			return;
		c->connected = true;
		ask(c, now_ns());
		return;
	}
	if (!(events & EPOLLIN))
		return;
	do {
		n = recv(c->fd, scratch, sizeof(scratch), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			fail(n == 0 ? "closed by the server" : strerror(errno));
		if (n > 0)
			on_data(c, scratch, (size_t)n);
	} while (n == (ssize_t)sizeof(scratch));
}

/** Sleeps: the backend may live on the same core. */
static void turn(uint64_t timeout_ns)
{
	struct timespec timeout = { (time_t)(timeout_ns / NS_PER_S), (long)(timeout_ns % NS_PER_S) };
	struct epoll_event events[EVENTS];
	int n = epoll_pwait2(opt.epoll, events, EVENTS, &timeout, NULL);

	for (int i = 0; i < n; i++)
		on_event(events[i].data.ptr, events[i].events);
}

/** Open all connections, at most 128 under way at once; each gets one answer. */
static void open_all(struct conn *conns)
{
	uint64_t deadline = now_ns() + 60 * NS_PER_S;
	int started = 0;

	while (state.warmed < opt.count) {
		for (; started < opt.count && started - state.warmed < 128; started++) {
			conns[started].fd = connect_start(&opt.addr);
			watch(opt.epoll, conns[started].fd, &conns[started]);
		}
		turn(NS_PER_S);
		if (now_ns() > deadline)
			fail("not all connections were answered");
	}
}

static void run_closed(void)
{
	uint64_t end = now_ns() + (uint64_t)(opt.seconds * (double)NS_PER_S);

	for (int i = 0; i < opt.under_way; i++)
		ask_next(now_ns());
	while (now_ns() < end)
		turn(NS_PER_S / 10);
}

static void run_open(void)
{
	uint64_t start = now_ns(), end = start + (uint64_t)(opt.seconds * (double)NS_PER_S), now, number = 0;
	double step = (double)NS_PER_S / opt.rate;
	bool starved = false;

	while ((now = now_ns()) < end) {
		uint64_t due = start + (uint64_t)((double)number * step);

		if (due > now || state.free_first == NULL) {
			starved = state.free_first == NULL;
			turn(starved ? NS_PER_S / 1000 : due - now);
			continue;
		}
		if (starved)
			state.waited++;
		else
			histogram_add(&state.late, now - due);
		starved = false;
		ask_next(due);
		if (++number % 16 == 0)
			turn(0);
	}
	for (end = now_ns() + 2 * NS_PER_S; state.busy > 0 && now_ns() < end;)
		turn(NS_PER_S / 100);
}

static double us(const struct histogram *h, double part)
{
	return (double)histogram_part(h, part) / 1000.0;
}

static void report(double seconds)
{
	printf("{\"requests\": %llu, \"seconds\": %.4f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f", (unsigned long long)state.done,
	       seconds, us(&state.latency, 0.5), us(&state.latency, 0.99), us(&state.latency, 0.999));
	if (opt.under_way == 0)
		printf(", \"waited\": %llu, \"late_p50_us\": %.1f, \"late_p99_us\": %.1f", (unsigned long long)state.waited, us(&state.late, 0.5),
		       us(&state.late, 0.99));
	puts("}");
}

int main(int argc, char **argv)
{
	bool wait = false;
	struct conn *conns;
	uint64_t start;
	int option;

	opt.count = 1;
	opt.seconds = 1;
	while ((option = getopt(argc, argv, "c:k:r:d:w")) != -1) {
		switch (option) {
		case 'c': opt.count = atoi(optarg); break;
		case 'k': opt.under_way = atoi(optarg); break;
		case 'r': opt.rate = atof(optarg); break;
		case 'd': opt.seconds = atof(optarg); break;
		case 'w': wait = true; break;
		default: return 2;
		}
	}
	if (optind != argc - 1 || opt.count < 1 || opt.under_way > opt.count || (opt.under_way > 0) == (opt.rate > 0)) {
		fprintf(stderr, "usage: httpload [-w] -c N (-k UNDER_WAY | -r RATE) [-d SECONDS] ADDR:PORT/path\n");
		return 2;
	}
	opt.request_len = (size_t)snprintf(opt.request, sizeof(opt.request), "GET %.900s HTTP/1.1\r\nHost: localhost\r\n\r\n",
					   parse_target(argv[optind], &opt.addr));
	prepare_process();
	prctl(PR_SET_TIMERSLACK, 1UL);  /* else a sleep ends up to 50 us late */
	opt.epoll = epoll_create1(EPOLL_CLOEXEC);
	conns = calloc((size_t)opt.count, sizeof(*conns));
	if (conns == NULL)
		die("calloc");
	open_all(conns);
	say_ready(wait);
	opt.running = true;
	start = now_ns();
	if (opt.under_way > 0)
		run_closed();
	else
		run_open();
	report((double)(now_ns() - start) / (double)NS_PER_S);
	wait_for_end(wait);
	return 0;
}
