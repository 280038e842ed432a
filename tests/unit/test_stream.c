/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain streams over loopback TCP and socket pairs. Each rule of edge-triggered reading and writing has a test that hangs, spins or starves without it; every wait is
 * bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/stream.h"

static struct loop loop;

static int setup(void **state)
{
	(void)state;
	return loop_init(&loop) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(&loop);
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

/* One end of a connection as its owner sees it. */
struct side {
	struct stream *s;
	uint64_t got;
	uint8_t next;               /* expected value of the next byte: data counts up */
	bool check, mismatch;
	int calls, drained, ends, depth, max_depth;
	uint64_t data_ms, end_ms;   /* loop time of the last on_data and on_end */
	enum stream_end end[4];
	uint64_t stop_at;           /* leave the loop when so much has arrived; 0 = never */
	bool stop_at_end, stop_at_drained;
	bool pause_each;            /* pause in on_data */
	bool close_in_data, abort_in_data, close_in_end;
	struct side *close_other;   /* close this one in on_data */
	struct stream *forward;     /* write what arrives there */
	struct timer timer;
};

static void enter(struct side *e)
{
	if (++e->depth > e->max_depth)
		e->max_depth = e->depth;
}

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct side *e = owner;

	enter(e);
	e->calls++;
	e->got += len;
	e->data_ms = loop.now_ms;
	if (e->check)
		for (size_t i = 0; i < len; i++)
			e->mismatch |= data[i] != e->next++;
	if (e->forward) {
		struct iovec iov = { (void *)(uintptr_t)data, len };
		stream_write(e->forward, &iov, 1);
	}
	if (e->pause_each)
		stream_pause(e->s);
	if (e->close_other && e->close_other->s) {
		stream_close(e->close_other->s, STREAM_CLOSE_NOW);
		e->close_other->s = NULL;
	}
	if (e->close_in_data)
		stream_close(e->s, STREAM_CLOSE_NOW);
	if (e->abort_in_data)
		stream_abort(e->s);
	if (e->close_in_data || e->abort_in_data)
		e->s = NULL;
	if (e->stop_at && e->got >= e->stop_at)
		loop_break(&loop);
	e->depth--;
}

static void on_drained(void *owner)
{
	struct side *e = owner;

	enter(e);
	e->drained++;
	if (e->stop_at_drained)
		loop_break(&loop);
	e->depth--;
}

static void on_end(void *owner, enum stream_end why)
{
	struct side *e = owner;

	enter(e);
	assert_true(e->ends < 4);
	e->end[e->ends++] = why;
	e->end_ms = loop.now_ms;
	if (e->close_in_end) {
		stream_close(e->s, STREAM_CLOSE_NOW);
		e->s = NULL;
	}
	if (e->stop_at_end)
		loop_break(&loop);
	e->depth--;
}

static const struct stream_handler handler = { on_data, on_drained, on_end };

static void unix_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
}

/* fd[0] accepted, fd[1] connected. */
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
	assert_true(fd[0] >= 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	close(l);
}

static void open_side(struct side *e, int fd)
{
	e->s = stream_new(&loop, fd, &handler, e);
	assert_non_null(e->s);
}

static void close_side(struct side *e)
{
	if (e->s)
		stream_close(e->s, STREAM_CLOSE_NOW);
	e->s = NULL;
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

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* Data and FIN queued together give one event: without EV_CLOSED the short read would end the loop and the FIN be lost. */
static void test_data_and_fin_together(void **state)
{
	struct side a = { .stop_at_end = true };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	assert_int_equal(write(fd[1], "hello", 5), 5);
	close(fd[1]);
	usleep(20000);
	open_side(&a, fd[0]);
	assert_true(loop_run_for(&loop, 2000));
	assert_int_equal(a.end_ms, a.data_ms); /* one turn, not one that follows later */
	assert_int_equal(a.got, 5);
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.end[0], STREAM_END_EOF);
	assert_true(stream_eof(a.s));
	close_side(&a);
}

/* The same with a reset, which libevent reports as mere readiness. */
static void test_data_and_reset_together(void **state)
{
	struct side a = { .stop_at_end = true };
	struct linger hard = { 1, 0 };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	settle(20);
	assert_int_equal(write(fd[1], "hello", 5), 5);
	assert_int_equal(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(fd[1]);
	usleep(20000);
	assert_true(loop_run_for(&loop, 300));
	assert_int_equal(a.got, 5);
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.end[0], STREAM_END_RESET);
	close_side(&a);
}

/* Half-close: after the peer's FIN we still answer, and our FIN follows what is pending. */
static void test_half_close(void **state)
{
	struct side a = { .stop_at_end = true }, b = { .stop_at_end = true };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	put(&b, "ask", 3);
	stream_shutdown(b.s);
	put(&b, "dropped", 7);
	assert_true(loop_run_for(&loop, 2000));
	assert_int_equal(a.got, 3);
	assert_int_equal(a.end[0], STREAM_END_EOF);
	put(&a, "answer", 6);
	stream_shutdown(a.s);
	assert_true(loop_run_for(&loop, 2000));
	assert_int_equal(b.got, 6);
	assert_int_equal(b.end[0], STREAM_END_EOF);
	settle(50);
	assert_int_equal(a.ends, 1);
	assert_int_equal(b.ends, 1);
	close_side(&a);
	close_side(&b);
}

/* What was half-closed has nothing more to send: closing it does not wait for anything. */
static void test_close_after_half_close(void **state)
{
	struct side a = { .stop_at_end = true }, b = { .stop_at_end = true };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	stream_shutdown(a.s);
	assert_true(loop_run_for(&loop, 2000));
	assert_int_equal(b.end[0], STREAM_END_EOF);
	stream_set_timeouts(a.s, 0, 60000);
	stream_close(a.s, STREAM_CLOSE_FLUSH);
	assert_int_equal(loop.closing_count, 0);
	stream_shutdown(b.s);
	stream_set_timeouts(b.s, 0, 60000);
	stream_close(b.s, STREAM_CLOSE_LINGER); /* the end of file has been seen: nothing to linger for */
	assert_int_equal(loop.closing_count, 0);
	assert_true(fcntl(fd[0], F_GETFD) < 0 && fcntl(fd[1], F_GETFD) < 0);
}

/* Each delivery makes new input, so the socket never runs empty: the stream beside it must be served all the same, and within few turns. */
struct flood {
	struct side side;
	int refill_fd;
};

static void flood_data(void *owner, const uint8_t *data, size_t len)
{
	struct flood *f = owner;

	on_data(&f->side, data, len);
	if (f->side.calls < 5000)
		assert_int_equal(write(f->refill_fd, data, len), len);
}

static void test_turn_is_bounded(void **state)
{
	static const struct stream_handler flooded = { flood_data, NULL, on_end };
	static uint8_t block[LOOP_SCRATCH_BYTES];
	struct flood flood = { 0 };
	struct side quiet = { .stop_at = 4 };
	int fd[2], other[2], size = 1 << 20;

	(void)state;
	unix_pair(fd);
	unix_pair(other);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	flood.refill_fd = fd[1];
	for (int i = 0; i < 2; i++)
		assert_int_equal(write(fd[1], block, sizeof(block)), sizeof(block));
	flood.side.s = stream_new(&loop, fd[0], &flooded, &flood);
	open_side(&quiet, other[0]);
	assert_int_equal(write(other[1], "ping", 4), 4);
	assert_true(loop_run_for(&loop, 5000));
	assert_int_equal(quiet.got, 4);
	assert_in_range(flood.side.got, STREAM_TURN_BYTES, 3 * STREAM_TURN_BYTES);
	close_side(&flood.side);
	close_side(&quiet);
	close(other[1]);
	close(fd[1]);
}

/* What arrived while paused is delivered on resume without any further event; while paused nothing is delivered. */
static void test_pause_and_resume(void **state)
{
	struct side a = { .check = true, .pause_each = true };
	size_t len = 300000;
	uint8_t *data = pattern(len);
	int fd[2], size = 1 << 20;

	(void)state;
	unix_pair(fd);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	ssize_t sent = write(fd[1], data, len);
	assert_true(sent > (ssize_t)LOOP_SCRATCH_BYTES);
	open_side(&a, fd[0]);
	for (int i = 1; a.got < (uint64_t)sent; i++) {
		settle(20);
		assert_int_equal(a.calls, i);
		stream_resume(a.s);
		assert_int_equal(a.calls, i); /* not from inside the operation */
	}
	assert_false(a.mismatch);
	assert_true(stream_quiet(a.s));
	stream_pause(a.s);
	assert_int_equal(write(fd[1], "x", 1), 1);
	settle(20);
	assert_false(stream_quiet(a.s));
	close_side(&a);
	close(fd[1]);
	free(data);
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

/* Much more than the socket takes, both ends in one loop: pending output leaves by itself, nothing is lost, and drained is told once. */
static void test_large_write(void **state)
{
	struct side a = { 0 }, b = { .check = true };
	size_t len = 8u << 20;
	uint8_t *data = pattern(len);
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	b.stop_at = len;
	struct iovec iov[3] = { { data, 1 }, { data + 1, 65535 }, { data + 65536, len - 65536 } };
	stream_write(a.s, iov, 3);
	assert_true(stream_full(a.s));
	assert_int_equal(a.drained, 0);
	assert_true(loop_run_for(&loop, 10000));
	settle(20);
	assert_int_equal(b.got, len);
	assert_false(b.mismatch);
	assert_int_equal(a.drained, 1);
	assert_int_equal(stream_pending(a.s), 0);
	assert_null(a.s->out);
	/* A small write that leaves at once is not reported. */
	put(&a, "x", 1);
	settle(20);
	assert_int_equal(a.drained, 1);
	close_side(&a);
	close_side(&b);
	free(data);
}

/* More pieces than one system call takes: the first send is short although the socket has room, and no edge would ever come. */
static void test_many_pieces(void **state)
{
	struct side a = { 0 }, b = { .check = true, .stop_at = 100 };
	uint8_t *data = pattern(100);
	struct iovec iov[100];
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	for (int i = 0; i < 100; i++)
		iov[i] = (struct iovec){ data + i, 1 };
	stream_write(a.s, iov, 100);
	assert_int_equal(stream_pending(a.s), 0);
	assert_true(loop_run_for(&loop, 1000));
	assert_false(b.mismatch);
	close_side(&a);
	close_side(&b);
	free(data);
}

/* Two hops with small socket buffers: back-pressure by pause and resume, checked byte by byte. */
struct relay {
	struct side in, out;
};

static void relay_data(void *owner, const uint8_t *data, size_t len)
{
	struct relay *r = owner;
	struct iovec iov = { (void *)(uintptr_t)data, len };

	stream_write(r->out.s, &iov, 1);
	if (stream_full(r->out.s))
		stream_pause(r->in.s);
}

static void relay_drained(void *owner)
{
	stream_resume(((struct relay *)owner)->in.s);
}

static void relay_end(void *owner, enum stream_end why)
{
	struct relay *r = owner;

	assert_int_equal(why, STREAM_END_EOF);
	stream_shutdown(r->out.s);
}

static void test_relay_back_pressure(void **state)
{
	static const struct stream_handler in = { relay_data, NULL, relay_end }, out = { on_data, relay_drained, on_end };
	struct side source = { 0 }, sink = { .check = true, .stop_at_end = true };
	struct relay r = { 0 };
	size_t len = 4u << 20;
	uint8_t *data = pattern(len);
	int one[2], two[2], small = 65536;

	(void)state;
	tcp_pair(one);
	tcp_pair(two);
	setsockopt(two[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(two[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	open_side(&source, one[0]);
	r.in.s = stream_new(&loop, one[1], &in, &r);
	r.out.s = stream_new(&loop, two[0], &out, &r);
	open_side(&sink, two[1]);
	put(&source, data, len);
	stream_shutdown(source.s);
	assert_true(loop_run_for(&loop, 20000));
	assert_int_equal(sink.got, len);
	assert_false(sink.mismatch);
	assert_int_equal(sink.end[0], STREAM_END_EOF);
	close_side(&source);
	close_side(&r.in);
	close_side(&r.out);
	close_side(&sink);
	free(data);
}

/* A failed write is reported from the loop, after the data that the peer had sent before. */
static void test_write_error_is_reported_later(void **state)
{
	struct side a = { .stop_at_end = true };
	struct linger hard = { 1, 0 };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	settle(20);
	assert_int_equal(write(fd[1], "bye", 3), 3);
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd[1]);
	usleep(20000);
	for (int i = 0; i < 3; i++)
		put(&a, "data", 4);
	assert_int_equal(a.ends, 0);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(a.got, 3);
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.end[0], STREAM_END_RESET);
	settle(60);
	assert_int_equal(a.ends, 1);
	put(&a, "data", 4); /* harmless */
	close_side(&a);
}

/* A paused stream reports a failed write at once: its reader may never come back. */
static void test_write_error_while_paused(void **state)
{
	struct side a = { .stop_at_end = true };
	struct linger hard = { 1, 0 };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	settle(20);
	stream_pause(a.s);
	assert_int_equal(write(fd[1], "bye", 3), 3);
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd[1]);
	usleep(20000);
	put(&a, "data", 4);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(a.got, 0);
	assert_int_equal(a.end[0], STREAM_END_RESET);
	close_side(&a);
}

static int pattern_file(size_t len)
{
	uint8_t *data = pattern(len);
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_int_equal(write(fd, data, len), len);
	free(data);
	return fd;
}

static void test_sendfile(void **state)
{
	struct side a = { .stop_at_drained = true }, b = { .check = true };
	size_t len = 5u << 20;
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	b.next = 256 - 4;
	put(&a, "\xfc\xfd\xfe\xff", 4);
	stream_sendfile(a.s, pattern_file(len + 256), 256, len);
	assert_int_equal(a.drained, 0);
	assert_true(loop_run_for(&loop, 10000));
	assert_int_equal(stream_pending(a.s), 0);
	b.stop_at = len + 4;
	assert_true(b.got >= len + 4 || loop_run_for(&loop, 10000));
	/* Small enough to leave at once: told all the same, but not from inside. */
	stream_sendfile(a.s, pattern_file(100), 0, 100);
	assert_int_equal(stream_pending(a.s), 0);
	assert_int_equal(a.drained, 1);
	b.stop_at = 0;
	a.stop_at_drained = false;
	settle(50);
	assert_int_equal(a.drained, 2);
	assert_int_equal(b.got, len + 104);
	assert_false(b.mismatch);
	/* A file that is shorter than promised must not look complete. */
	a.stop_at_end = true;
	stream_sendfile(a.s, pattern_file(10), 0, 20);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.end[0], STREAM_END_ERROR);
	close_side(&a);
	close_side(&b);
}

/* --- time-outs ------------------------------------------------------------------------------------------------------ */

static void test_read_timeout(void **state)
{
	struct side a = { .stop_at_end = true };
	int fd[2];

	(void)state;
	unix_pair(fd);
	open_side(&a, fd[0]);
	stream_set_timeouts(a.s, 200, 0);
	loop_run_for(&loop, 120);
	assert_int_equal(write(fd[1], "x", 1), 1);
	uint64_t start = loop_now(&loop);
	assert_true(loop_run_for(&loop, 2000));
	assert_int_equal(a.end[0], STREAM_END_READ_TIMEOUT);
	assert_in_range(loop_now(&loop) - start, 195, 1500);
	loop_run_for(&loop, 300);
	assert_int_equal(a.ends, 1); /* once for one silence; the stream is usable */
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_true(loop_run_for(&loop, 2000));
	assert_int_equal(a.got, 2);
	assert_int_equal(a.ends, 2);
	stream_pause(a.s); /* no silence is measured while nobody wants data */
	stream_set_timeouts(a.s, 50, 0);
	assert_false(loop_run_for(&loop, 150));
	stream_resume(a.s);
	assert_true(loop_run_for(&loop, 1000));
	stream_set_timeouts(a.s, 30, 0);
	stream_set_timeouts(a.s, 0, 0);
	assert_false(loop_run_for(&loop, 100));
	stream_set_timeouts(a.s, UINT64_C(1) << 40, UINT64_MAX);
	assert_false(loop_run_for(&loop, 30));
	close_side(&a);
	close(fd[1]);
}

static void test_write_timeout(void **state)
{
	struct side a = { .stop_at_end = true };
	size_t len = 16u << 20;
	uint8_t *data = pattern(len);
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	stream_set_timeouts(a.s, 0, 150);
	assert_false(loop_run_for(&loop, 200)); /* nothing pending, nothing measured */
	put(&a, data, len);
	uint64_t start = loop_now(&loop);
	assert_true(loop_run_for(&loop, 3000));
	assert_int_equal(a.end[0], STREAM_END_WRITE_TIMEOUT);
	assert_in_range(loop_now(&loop) - start, 145, 1500);
	close_side(&a);
	close(fd[1]);
	free(data);
}

/* --- closing -------------------------------------------------------------------------------------------------------- */

static void test_close_flushes(void **state)
{
	struct side a = { 0 }, b = { .check = true, .stop_at_end = true };
	size_t len = 4u << 20;
	uint8_t *data = pattern(len);
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	put(&a, data, len);
	stream_close(a.s, STREAM_CLOSE_FLUSH);
	assert_int_equal(loop.closing_count, 1);
	assert_true(loop_run_for(&loop, 10000));
	assert_int_equal(b.got, len);
	assert_false(b.mismatch);
	assert_int_equal(b.end[0], STREAM_END_EOF);
	assert_int_equal(loop.closing_count, 0);
	assert_int_equal(a.ends + a.drained + a.calls, 0);
	close_side(&b);
	free(data);
}

/* The peer is still sending when it is answered: a plain close would reset the connection and destroy the answer. */
static void test_close_lingers(void **state)
{
	struct side a = { .abort_in_data = false }, b = { .stop_at_end = true };
	size_t len = 4u << 20;
	uint8_t *data = pattern(len);
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	stream_pause(a.s);
	put(&b, data, len);
	settle(30);
	put(&a, "413", 3);
	stream_close(a.s, STREAM_CLOSE_LINGER);
	assert_true(loop_run_for(&loop, 5000));
	assert_int_equal(b.got, 3);
	assert_int_equal(b.ends, 1);
	assert_int_equal(b.end[0], STREAM_END_EOF);
	close_side(&b);
	settle(50);
	assert_int_equal(loop.closing_count, 0);
	assert_int_equal(a.calls, 0);
	free(data);
}

static void test_abort_resets(void **state)
{
	struct side a = { 0 }, b = { .stop_at_end = true };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	settle(20);
	stream_abort(a.s);
	assert_true(loop_run_for(&loop, 1000));
	assert_int_equal(b.ends, 1);
	assert_int_equal(b.end[0], STREAM_END_RESET);
	close_side(&b);
}

static void test_free_inside_callbacks(void **state)
{
	struct side a, b, c;
	int fd[2], other[2];

	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		memset(&c, 0, sizeof(c));
		tcp_pair(fd);
		tcp_pair(other);
		open_side(&a, fd[0]);
		open_side(&b, other[0]);
		open_side(&c, other[1]);
		put(&c, "queued", 6); /* an event for b is due in the same turn */
		a.close_in_data = variant == 0;
		a.abort_in_data = variant == 1;
		a.close_in_end = variant == 2;
		a.close_other = variant == 3 ? &b : NULL;
		assert_int_equal(write(fd[1], "x", 1), 1);
		close(fd[1]);
		settle(60);
		assert_int_equal(a.calls, 1);
		assert_true((a.s == NULL) == (variant != 3));
		assert_int_equal(a.max_depth, 1);
		close_side(&a);
		close_side(&b);
		close_side(&c);
	}
}

/* Left-over closing streams are released with the loop. */
static void test_loop_free_closes(void **state)
{
	struct side a = { 0 };
	uint8_t *data = pattern(4u << 20);
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	put(&a, data, 4u << 20);
	stream_close(a.s, STREAM_CLOSE_FLUSH);
	assert_int_equal(loop.closing_count, 1);
	close(fd[1]);
	free(data);
}

/* --- cost ----------------------------------------------------------------------------------------------------------- */

/* After traffic an open connection makes no event, holds no buffer and costs no time. */
static void test_idle_costs_nothing(void **state)
{
	struct side a = { 0 }, b = { 0 };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_side(&a, fd[0]);
	open_side(&b, fd[1]);
	b.forward = b.s;
	put(&a, "ping", 4);
	settle(100);
	assert_int_equal(a.got, 4);
	uint64_t events = loop.stream_events;
	long start = cpu_us();
	loop_run_for(&loop, 400);
	assert_int_equal(loop.stream_events, events);
	assert_true(cpu_us() - start < 20000);
	assert_null(a.s->out);
	assert_true(stream_idle_bytes(a.s) < 400);
	print_message("idle plain stream: %zu bytes\n", stream_idle_bytes(a.s));
	close_side(&a);
	close_side(&b);
}

/* Memory of many idle connections, both ends in this process. */
static void test_memory_per_stream(void **state)
{
	enum { N = 200 };
	static struct side side[2 * N];

	(void)state;
	memset(side, 0, sizeof(side));
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < N; i++) {
		int fd[2];
		unix_pair(fd);
		open_side(&side[2 * i], fd[0]);
		open_side(&side[2 * i + 1], fd[1]);
		side[2 * i + 1].forward = side[2 * i + 1].s;
		put(&side[2 * i], "hello", 5);
	}
	loop_run_for(&loop, 200);
	struct mallinfo2 after = mallinfo2();
	for (int i = 0; i < N; i++)
		assert_int_equal(side[2 * i].got, 5);
	print_message("heap for one stream, libevent's part included: %zu bytes\n", (after.uordblks - before.uordblks) / (2 * N));
	for (int i = 0; i < 2 * N; i++)
		close_side(&side[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_data_and_fin_together),
		T(test_data_and_reset_together),
		T(test_half_close),
		T(test_close_after_half_close),
		T(test_turn_is_bounded),
		T(test_pause_and_resume),
		T(test_large_write),
		T(test_many_pieces),
		T(test_relay_back_pressure),
		T(test_write_error_is_reported_later),
		T(test_write_error_while_paused),
		T(test_sendfile),
		T(test_read_timeout),
		T(test_write_timeout),
		T(test_close_flushes),
		T(test_close_lingers),
		T(test_abort_resets),
		T(test_free_inside_callbacks),
		T(test_loop_free_closes),
		T(test_idle_costs_nothing),
		T(test_memory_per_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
