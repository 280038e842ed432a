/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams over sockets. Events and the run queue both end in stream_work(), the only place that calls an owner: it sends what is pending, reports room, reads,
 * reports the end, in this order, and frees the stream afterwards if that was asked for meanwhile.
 *
 * What makes edge-triggered events safe here: `readable` is cleared only by EAGAIN, by the end, or by a short read while no close was reported; `blocked` is set only by
 * EAGAIN. libevent reports EPOLLERR as a plain "readable and writable", so data and a reset that arrive together look like data alone. After a short read a
 * later write that the socket takes proves that there was no reset; without one the stream looks once more CONFIRM_MS after its last input, by the timer it
 * has anyway.
 */
#include "runtime/stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/tls_bio.h"

#define JOIN_BYTES       2048u   /* pieces up to here leave as one */
#define CONFIRM_MS       20u
#define FLUSH_LIMIT_MS   60000u  /* closing: longest time without progress when the owner had set none */
#define LINGER_QUIET_MS  5000u
#define LINGER_LIMIT_MS  30000u
#define FILE_TURN_BYTES  (1024u * 1024) /* sent from a file before other streams have their turn */

struct stream_file {
	int fd;
	off_t offset;
	uint64_t left;
};

static void stream_work(struct stream *s);

/* --- life ---------------------------------------------------------------------------------------------------------- */

static void drop_file(struct stream *s)
{
	if (!s->file)
		return;
	close(s->file->fd);
	free(s->file);
	s->file = NULL;
}

static void drop_output(struct stream *s)
{
	drop_file(s);
	if (s->out)
		evbuffer_free(s->out);
	s->out = NULL;
}

static void unlink_closing(struct stream *s)
{
	if (!s->pprev_closing)
		return;
	*s->pprev_closing = s->next_closing;
	if (s->next_closing)
		s->next_closing->pprev_closing = s->pprev_closing;
	s->loop->closing_count--;
}

static void destroy(struct stream *s)
{
	event_del(&s->event);
	event_debug_unassign(&s->event);
	timer_clear(s->loop, &s->timer);
	loop_cancel(&s->task);
	unlink_closing(s);
	drop_output(s);
	tls_link_free(s->tls);
	close(s->fd);
	free(s);
}

static void destroy_or_mark(struct stream *s)
{
	if (s->busy)
		s->dead = 1;
	else
		destroy(s);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	s->loop->stream_events++;
	loop_now(s->loop);
	if (what & EV_CLOSED)
		s->closed_hint = 1;
	if ((what & (EV_READ | EV_CLOSED)) && !s->fin)
		s->readable = 1;
	if (what & EV_WRITE)
		s->blocked = 0;
	stream_work(s);
}

static void on_task(struct task *task)
{
	stream_work(container_of(task, struct stream, task));
}

static void on_timer(struct timer *timer);

struct stream *stream_new(struct loop *loop, int fd, const struct stream_handler *handler, void *owner)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = loop;
	s->fd = fd;
	s->handler = handler;
	s->owner = owner;
	s->task.fn = on_task;
	s->timer.fn = on_timer;
	s->read_at_ms = s->write_at_ms = loop_now(loop);
	if (event_assign(&s->event, loop->base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_event, s) != 0 ||
	    event_add(&s->event, NULL) != 0) {
		event_debug_unassign(&s->event);
		free(s);
		return NULL;
	}
	return s; /* what has arrived already gives the first edge */
}

struct stream *stream_new_tls(struct loop *loop, int fd, struct ssl_st *ssl, const struct stream_handler *handler, void *owner)
{
	struct stream *s = stream_new(loop, fd, handler, owner);

	if (!s)
		return NULL;
	s->tls = tls_link_new(s, ssl);
	if (!s->tls) {
		event_del(&s->event);
		event_debug_unassign(&s->event);
		free(s);
		return NULL;
	}
	return s;
}

void stream_set_owner(struct stream *s, const struct stream_handler *handler, void *owner)
{
	s->handler = handler;
	s->owner = owner;
}

/* --- time-outs ----------------------------------------------------------------------------------------------------- */

static bool has_output(const struct stream *s)
{
	return s->out || s->file;
}

static inline uint64_t read_due(const struct stream *s)
{
	if (s->read_timeout_ms == 0 || s->paused || s->eof || s->failed || s->read_timed_out)
		return UINT64_MAX;
	return s->read_timeout_ms > UINT64_MAX - s->read_at_ms ? UINT64_MAX : s->read_at_ms + s->read_timeout_ms;
}

static inline uint64_t write_due(const struct stream *s)
{
	bool lingering = s->closing && s->shut_done;

	if (s->write_timeout_ms == 0 || s->failed || (!has_output(s) && !lingering))
		return UINT64_MAX;
	return s->write_timeout_ms > UINT64_MAX - s->write_at_ms ? UINT64_MAX : s->write_at_ms + s->write_timeout_ms;
}

/* Have the timer fire at the next time-out, or not later than it does. Progress needs no call: the timer looks again when it fires. */
static void arm_timer(struct stream *s)
{
	uint64_t due = read_due(s), write = write_due(s), now = s->loop->now_ms;

	if (write < due)
		due = write;
	if (s->confirm && s->read_at_ms + CONFIRM_MS < due)
		due = s->read_at_ms + CONFIRM_MS;
	if (due != UINT64_MAX && !(timer_is_set(&s->timer) && s->timer.due_ms <= due))
		timer_set(s->loop, &s->timer, due > now ? due - now : 0);
}

static void fail(struct stream *s, enum stream_end why, int error)
{
	if (s->end_pending || s->failed)
		return;
	s->end_pending = (uint8_t)(why + 1);
	s->error = error;
	drop_output(s);
	loop_later(s->loop, &s->task);
}

static void on_timer(struct timer *timer)
{
	struct stream *s = container_of(timer, struct stream, timer);
	uint64_t now = s->loop->now_ms;

	if (s->confirm && s->read_at_ms + CONFIRM_MS <= now) {
		s->confirm = 0;
		s->readable = !s->fin;
	}
	if (write_due(s) <= now)
		fail(s, STREAM_END_WRITE_TIMEOUT, ETIMEDOUT);
	stream_work(s); /* reads before it judges silence; may free */
}

void stream_set_timeouts(struct stream *s, uint64_t read_ms, uint64_t write_ms)
{
	s->read_timeout_ms = read_ms;
	s->write_timeout_ms = write_ms;
	s->read_at_ms = s->write_at_ms = s->loop->now_ms;
	s->read_timed_out = 0;
	arm_timer(s);
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static enum stream_end end_of_errno(int error)
{
	return error == ECONNRESET || error == EPIPE ? STREAM_END_RESET : STREAM_END_ERROR;
}

static bool would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

static void keep_output(struct stream *s, const void *data, size_t len)
{
	if (!s->out) {
		s->out = evbuffer_new();
		s->write_at_ms = loop_now(s->loop);
	}
	if (!s->out || evbuffer_add(s->out, data, len) != 0)
		fail(s, STREAM_END_ERROR, ENOMEM);
}

/* The socket took something: so there was no reset when it was read last. */
static void progress(struct stream *s)
{
	s->write_at_ms = s->loop->now_ms;
	s->confirm = 0;
}

/* One system call for all pieces. send() costs less than sendmsg(), so that little is joined in the scratch buffer, which no plain stream keeps. */
static ssize_t send_pieces(struct stream *s, const struct iovec *iov, int count, size_t total)
{
	if (count > 1 && total <= JOIN_BYTES) {
		uint8_t *p = s->loop->gather;
		for (int i = 0; i < count; i++) {
			if (iov[i].iov_len > 0)
				memcpy(p, iov[i].iov_base, iov[i].iov_len);
			p += iov[i].iov_len;
		}
		return send(s->fd, s->loop->gather, total, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	if (count == 1)
		return send(s->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count };
	return sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A short write means that the socket is full: the kernel has noted to tell when there is room. @return bytes sent */
static size_t send_now(struct stream *s, const struct iovec *iov, int count, size_t total)
{
	ssize_t got;

	do {
		got = send_pieces(s, iov, count, total);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && !would_block(errno)) {
		fail(s, end_of_errno(errno), errno);
		return 0;
	}
	if (got < (ssize_t)total)
		s->blocked = 1;
	if (got <= 0)
		return 0;
	progress(s);
	return (size_t)got;
}

void stream_socket_write(struct stream *s, const struct iovec *iov, int count)
{
	size_t total = 0, sent = 0;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (total == 0 || s->end_pending || s->failed)
		return;
	if (!s->out && !s->blocked)
		sent = send_now(s, iov, count, total);
	for (int i = 0; i < count && !s->end_pending; i++) {
		if (sent >= iov[i].iov_len) {
			sent -= iov[i].iov_len;
			continue;
		}
		keep_output(s, (const char *)iov[i].iov_base + sent, iov[i].iov_len - sent);
		sent = 0;
	}
	if (s->out)
		arm_timer(s);
}

void stream_write(struct stream *s, const struct iovec *iov, int count)
{
	if (s->end_pending || s->failed || s->shut_wanted)
		return;
	if (s->tls) {
		if (!tls_link_write(s, iov, count))
			fail(s, STREAM_END_TLS, EPROTO);
	} else {
		stream_socket_write(s, iov, count);
	}
	if (stream_pending(s) > STREAM_LOW_WATER)
		s->want_drained = 1;
}

uint64_t stream_pending(const struct stream *s)
{
	return (s->out ? evbuffer_get_length(s->out) : 0) + (s->file ? s->file->left : 0);
}

/* One piece of the file into the socket. @return bytes moved, 0 = stop for now */
static uint64_t send_file_piece(struct stream *s)
{
	struct stream_file *f = s->file;
	size_t want = f->left < FILE_TURN_BYTES ? (size_t)f->left : FILE_TURN_BYTES;
	ssize_t n;

	if (s->tls) {
		if (want > LOOP_SCRATCH_BYTES)
			want = LOOP_SCRATCH_BYTES;
		n = pread(f->fd, s->loop->plain, want, f->offset);
	} else {
		off_t offset = f->offset;
		n = sendfile(s->fd, f->fd, &offset, want);
	}
	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0 && would_block(errno)) {
		s->blocked = 1;
		return 0;
	}
	if (n <= 0) { /* shorter than promised: the peer must see that something is missing */
		fail(s, n < 0 ? end_of_errno(errno) : STREAM_END_ERROR, n < 0 ? errno : EIO);
		return 0;
	}
	f->offset += n;
	f->left -= (uint64_t)n;
	s->write_at_ms = s->loop->now_ms;
	if (s->tls) {
		struct iovec iov = { s->loop->plain, (size_t)n };
		if (!tls_link_write(s, &iov, 1))
			fail(s, STREAM_END_TLS, EPROTO);
	}
	return (uint64_t)n;
}

static void flush_file(struct stream *s)
{
	uint64_t budget = FILE_TURN_BYTES;

	while (s->file && s->file->left > 0 && !s->out && !s->blocked) {
		uint64_t n = send_file_piece(s);
		if (n >= budget || (n == 0 && !s->blocked)) {
			loop_later(s->loop, &s->task);
			break;
		}
		budget -= n;
	}
	if (s->file && s->file->left == 0)
		drop_file(s);
}

static void flush_buffer(struct stream *s)
{
	while (s->out && !s->blocked) {
		int n = evbuffer_write(s->out, s->fd);
		if (n > 0) {
			progress(s);
		} else if (n < 0 && would_block(errno)) {
			s->blocked = 1;
		} else if (n == 0 || errno != EINTR) {
			fail(s, n < 0 ? end_of_errno(errno) : STREAM_END_ERROR, n < 0 ? errno : EIO);
		}
		if (s->out && evbuffer_get_length(s->out) == 0) {
			evbuffer_free(s->out);
			s->out = NULL;
		}
	}
}

/* The half-close that was asked for, as soon as nothing stands before it. */
static void finish_shutdown(struct stream *s)
{
	if (!s->shut_wanted || s->shut_done || s->file || s->end_pending || s->failed)
		return;
	if (s->tls && !s->notify_sent) {
		s->notify_sent = 1;
		tls_link_close_notify(s);
	}
	if (s->out)
		return;
	s->shut_done = 1;
	if (s->closing == STREAM_CLOSE_FLUSH + 1) {
		destroy_or_mark(s);
		return;
	}
	shutdown(s->fd, SHUT_WR);
	if (s->closing) {
		s->read_at_ms = s->write_at_ms = s->loop->now_ms;
		s->write_timeout_ms = LINGER_LIMIT_MS;
		if (s->eof)
			destroy_or_mark(s);
		else
			arm_timer(s);
	}
}

void stream_sendfile(struct stream *s, int fd, off_t offset, uint64_t len)
{
	if (s->end_pending || s->failed || s->shut_wanted) {
		close(fd);
		return;
	}
	s->want_drained = 1;
	loop_later(s->loop, &s->task);
	s->file = len > 0 ? malloc(sizeof(*s->file)) : NULL;
	if (!s->file) {
		close(fd);
		if (len > 0)
			fail(s, STREAM_END_ERROR, ENOMEM);
		return;
	}
	*s->file = (struct stream_file){ .fd = fd, .offset = offset, .left = len };
	s->write_at_ms = loop_now(s->loop);
	if (!s->tls) /* TLS goes through the scratch buffer, which may be in use by the callback that is running */
		flush_file(s);
	if (has_output(s))
		arm_timer(s);
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

enum stream_io stream_socket_read(struct stream *s, void *buf, size_t cap, size_t *len)
{
	ssize_t n;

	if (!s->readable)
		return s->fin ? STREAM_IO_EOF : STREAM_IO_AGAIN;
	do {
		n = recv(s->fd, buf, cap, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		*len = (size_t)n;
		if ((size_t)n < cap && !s->closed_hint) {
			s->readable = 0;
			s->confirm = 1; /* stream_work() sets the timer */
		}
		return STREAM_IO_DATA;
	}
	s->readable = 0;
	if (n == 0) {
		s->fin = 1;
		return STREAM_IO_EOF;
	}
	if (would_block(errno))
		return STREAM_IO_AGAIN;
	s->error = errno;
	return STREAM_IO_SOCKET;
}

static bool may_read(const struct stream *s)
{
	return !s->paused && !s->eof && !s->failed && !s->dead;
}

static void report_fatal(struct stream *s, enum stream_end why)
{
	s->failed = 1;
	s->end_pending = 0;
	s->readable = 0;
	drop_output(s);
	timer_clear(s->loop, &s->timer);
	s->handler->on_end(s->owner, why);
}

static void report_end(struct stream *s, enum stream_io io)
{
	if (io == STREAM_IO_EOF || io == STREAM_IO_TRUNCATED) {
		if (s->end_pending)
			return; /* after a failed write the kernel calls a reset an end of file */
		s->eof = 1;
		s->handler->on_end(s->owner, io == STREAM_IO_EOF ? STREAM_END_EOF : STREAM_END_TRUNCATED);
	} else {
		report_fatal(s, io == STREAM_IO_TLS ? STREAM_END_TLS : end_of_errno(s->error));
	}
}

/* @return true when there is nothing more to read for now, false when the turn is used up */
static bool read_turn(struct stream *s)
{
	size_t budget = STREAM_TURN_BYTES;
	bool drained = true;

	while (may_read(s)) {
		size_t len = 0;
		enum stream_io io = s->tls ? tls_link_read(s, &len)
					   : stream_socket_read(s, s->loop->plain, s->wide ? LOOP_WIDE_BYTES : LOOP_SCRATCH_BYTES, &len);

		if (io == STREAM_IO_AGAIN)
			break;
		if (io != STREAM_IO_DATA) {
			report_end(s, io);
			break;
		}
		s->read_at_ms = s->loop->now_ms;
		s->read_timed_out = 0;
		s->handler->on_data(s->owner, s->loop->plain, len);
		if (len >= budget) {
			loop_later(s->loop, &s->task);
			drained = false;
			break;
		}
		budget -= len;
	}
	if (s->tls && !s->dead && !tls_link_keep(s))
		fail(s, STREAM_END_ERROR, ENOMEM);
	return drained;
}

void stream_pause(struct stream *s)
{
	s->paused = 1;
}

void stream_resume(struct stream *s)
{
	if (!s->paused)
		return;
	s->paused = 0;
	s->read_at_ms = loop_now(s->loop);
	arm_timer(s);
	loop_later(s->loop, &s->task);
}

void stream_watch(struct stream *s, bool on)
{
	s->watched = on;
}

/* Nobody reads, so nobody would see it. An event, or the second look after a short read, has set `readable`. */
static void look_for_reset(struct stream *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
		fail(s, end_of_errno(error), error);
}

/* --- the turn of one stream ---------------------------------------------------------------------------------------- */

static void write_turn(struct stream *s)
{
	flush_buffer(s);
	if (s->file)
		flush_file(s);
	if (s->shut_wanted)
		finish_shutdown(s);
	if (s->want_drained && !s->file && !s->end_pending && !s->failed && !s->dead && stream_pending(s) <= STREAM_LOW_WATER) {
		s->want_drained = 0;
		if (s->handler->on_drained)
			s->handler->on_drained(s->owner);
	}
}

static void stream_work(struct stream *s)
{
	bool drained = true;

	s->busy = 1;
	write_turn(s);
	if (!s->dead)
		drained = read_turn(s);
	if (s->watched && s->paused && s->readable && !s->dead)
		look_for_reset(s);
	if (!s->dead && s->end_pending && drained)
		report_fatal(s, (enum stream_end)(s->end_pending - 1));
	if (!s->dead && read_due(s) <= s->loop->now_ms) {
		s->read_timed_out = 1;
		s->handler->on_end(s->owner, STREAM_END_READ_TIMEOUT);
	}
	s->busy = 0;
	if (s->dead)
		destroy(s);
	else if (!s->failed)
		arm_timer(s);
}

/* --- closing -------------------------------------------------------------------------------------------------------- */

/* Owner of a stream that was let go: nothing it receives matters, any end ends it. */
static void closing_data(void *owner, const uint8_t *data, size_t len)
{
	(void)owner;
	(void)data;
	(void)len;
}

static void closing_end(void *owner, enum stream_end why)
{
	struct stream *s = owner;

	(void)why;
	s->dead = 1; /* always called from stream_work() */
}

static const struct stream_handler closing_handler = { closing_data, NULL, closing_end };

static void let_go(struct stream *s, enum stream_close how)
{
	struct loop *loop = s->loop;

	stream_set_owner(s, &closing_handler, s);
	s->closing = (uint8_t)(how + 1);
	s->next_closing = loop->closing;
	s->pprev_closing = &loop->closing;
	if (loop->closing)
		loop->closing->pprev_closing = &s->next_closing;
	loop->closing = s;
	loop->closing_count++;
	if (how == STREAM_CLOSE_LINGER) {
		stream_resume(s);
		stream_set_timeouts(s, LINGER_QUIET_MS, s->write_timeout_ms ? s->write_timeout_ms : FLUSH_LIMIT_MS);
	} else {
		s->paused = 1;
		stream_set_timeouts(s, 0, s->write_timeout_ms ? s->write_timeout_ms : FLUSH_LIMIT_MS);
	}
}

void stream_close(struct stream *s, enum stream_close how)
{
	bool usable = !s->failed && !s->end_pending;

	if (how == STREAM_CLOSE_LINGER && s->eof)
		how = STREAM_CLOSE_FLUSH;
	if (how == STREAM_CLOSE_NOW || !usable || (how == STREAM_CLOSE_FLUSH && s->shut_done)) { /* half-closed: nothing is left to send */
		if (usable && s->tls && !has_output(s) && !s->notify_sent)
			tls_link_close_notify(s); /* one attempt */
		stream_set_owner(s, &closing_handler, s);
		destroy_or_mark(s);
		return;
	}
	let_go(s, how);
	s->shut_wanted = 1;
	finish_shutdown(s); /* may free */
}

void stream_abort(struct stream *s)
{
	struct linger hard = { 1, 0 };

	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	stream_set_owner(s, &closing_handler, s);
	destroy_or_mark(s);
}

void stream_shutdown(struct stream *s)
{
	if (s->shut_wanted)
		return;
	s->shut_wanted = 1;
	finish_shutdown(s);
}

void stream_free_closing(struct loop *loop)
{
	while (loop->closing)
		destroy(loop->closing);
}

/* --- questions ------------------------------------------------------------------------------------------------------ */

bool stream_quiet(struct stream *s)
{
	char byte;

	if (s->eof || s->failed || s->end_pending || s->closed_hint || has_output(s) || s->shut_wanted)
		return false;
	if (s->tls && tls_link_pending(s))
		return false;
	return !s->readable || (recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && would_block(errno));
}

struct ssl_st *stream_ssl(struct stream *s)
{
	return s->tls ? tls_link_ssl(s) : NULL;
}

void stream_set_nodelay(struct stream *s, bool on)
{
	int flag = on;

	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &flag, sizeof(flag));
}

void stream_set_cork(struct stream *s, bool on)
{
	int flag = on;

	setsockopt(s->fd, IPPROTO_TCP, TCP_CORK, &flag, sizeof(flag));
}

static const struct {
	bool fatal;
	const char *text;
} ends[] = {
#define X(symbol, fatal, sentence) { fatal, sentence },
	STREAM_ENDS(X)
#undef X
};

bool stream_end_is_fatal(enum stream_end why)
{
	return ends[why].fatal;
}

const char *stream_end_text(const struct stream *s, enum stream_end why, char *buf, size_t cap)
{
	if (why == STREAM_END_ERROR)
		snprintf(buf, cap, "%s: %s", ends[why].text, strerror(s->error));
	else if (why == STREAM_END_TLS && s->tls && s->tls->why)
		snprintf(buf, cap, "%s: %s", ends[why].text, s->tls->why);
	else
		snprintf(buf, cap, "%s", ends[why].text);
	return buf;
}

size_t stream_idle_bytes(const struct stream *s)
{
	return sizeof(*s) + (s->tls ? sizeof(*s->tls) : 0);
}
