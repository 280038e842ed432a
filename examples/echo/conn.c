/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection's bytes: reading into the shared scratch buffer, request bodies, sending, closing.
 *
 * Edge-triggered: after an event we read until the socket has no more.  A short read ends the loop, unless the other
 * end's FIN was reported with it (both give one edge).  A connection that fails inside any function is only marked dead;
 * conn_settle(), the last call of both callbacks, frees it.
 */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "examples/echo/echo.h"

enum { LINGER_MS = 5000 };

static void conn_free(struct conn *c)
{
	event_del(&c->event);
	event_del(&c->timer);
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	buf_free(&c->head);
	buf_free(&c->body);
	free(c);
}

bool conn_blocked(const struct conn *c)
{
	return c->out.len > 0;
}

void conn_later(struct conn *c, uint32_t delay_ms)
{
	struct timeval tv = {delay_ms / 1000, (suseconds_t)(delay_ms % 1000) * 1000};

	event_add(&c->timer, &tv);
}

static ssize_t socket_send(struct conn *c, const void *ptr, size_t len, int flags)
{
	ssize_t n;

	do
		n = send(c->fd, ptr, len, MSG_NOSIGNAL | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0)
		c->dead = true;
	return n;
}

size_t conn_send(struct conn *c, const void *ptr, size_t len)
{
	ssize_t n = c->dead || conn_blocked(c) ? 0 : socket_send(c, ptr, len, 0);

	return n < 0 ? 0 : (size_t)n;
}

void conn_write(struct conn *c, const void *ptr, size_t len, bool more)
{
	ssize_t n = 0;

	if (c->dead || len == 0)
		return;
	if (!conn_blocked(c))
		n = socket_send(c, ptr, len, more ? MSG_MORE : 0);
	if (n >= 0 && (size_t)n < len && !buf_add(&c->out, (const char *)ptr + n, len - (size_t)n, SIZE_MAX / 2))
		c->dead = true;
}

/** Send what is kept; @return whether nothing is left. */
static bool conn_flush(struct conn *c)
{
	while (c->out_sent < c->out.len) {
		ssize_t n = socket_send(c, c->out.ptr + c->out_sent, c->out.len - c->out_sent, 0);

		if (n <= 0)
			return false;
		c->out_sent += (size_t)n;
	}
	c->out_sent = 0;
	buf_free(&c->out);
	return true;
}

void conn_finish(struct conn *c)
{
	c->state = CONN_LINGER;
	if (c->dead || conn_blocked(c))
		return;  /* conn_resume() comes here again */
	shutdown(c->fd, SHUT_WR);
	if (c->end_seen)
		c->dead = true;
	else
		conn_later(c, LINGER_MS);
}

static void body_data(struct conn *c, const char *data, size_t len)
{
	size_t room = ECHO_MAX_BODY - c->body.len;

	c->body_len += len;
	if (!buf_add(&c->body, data, len < room ? len : room, ECHO_MAX_BODY))
		c->dead = true;
}

/** One line of chunk framing (RFC 9112 section 7.1) without its CRLF; @return whether it was valid. */
static bool chunk_line(struct conn *c, const char *line, size_t len)
{
	uint64_t size = 0;
	size_t i;

	if (c->chunk == CHUNK_TRAILER) {
		if (len == 0)
			answer_with_body(c);
		return true;
	}
	if (c->chunk == CHUNK_DATA_END) {
		c->chunk = CHUNK_SIZE;
		return len == 0;
	}
	for (i = 0; i < len && line[i] != ';' && line[i] != ' ' && line[i] != '\t'; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = line[i] ? strchr(digits, tolower((unsigned char)line[i])) : NULL;

		if (digit == NULL || i == 15)
			return false;
		size = size * 16 + (uint64_t)(digit - digits);
	}
	c->left = size;
	c->chunk = size > 0 ? CHUNK_DATA : CHUNK_TRAILER;
	return i > 0;
}

/** @return bytes used; 0 when a line is incomplete. */
static size_t chunked_input(struct conn *c, const char *data, size_t len)
{
	const char *lf;

	if (c->chunk == CHUNK_DATA) {
		size_t n = c->left < len ? (size_t)c->left : len;

		body_data(c, data, n);
		c->left -= n;
		if (c->left == 0)
			c->chunk = CHUNK_DATA_END;
		return n;
	}
	lf = memchr(data, '\n', len);
	if (lf == NULL) {
		if (len > ECHO_MAX_HEAD)
			answer_refuse(c, 400);
		return 0;
	}
	if (lf == data || lf[-1] != '\r' || !chunk_line(c, data, (size_t)(lf - 1 - data)))
		answer_refuse(c, 400);
	return (size_t)(lf + 1 - data);
}

static size_t body_input(struct conn *c, const char *data, size_t len)
{
	size_t n;

	if (c->chunked)
		return chunked_input(c, data, len);
	n = c->left < len ? (size_t)c->left : len;
	body_data(c, data, n);
	c->left -= n;
	if (c->left == 0)
		answer_with_body(c);
	return n;
}

static size_t head_input(struct conn *c, const char *data, size_t len)
{
	size_t head_len = request_head_len(data, len);
	int status;

	if (head_len == 0) {
		if (len > ECHO_MAX_HEAD)
			answer_refuse(c, 431);
		return 0;
	}
	status = request_parse(&c->echo->request, data, head_len);
	if (status != 0)
		answer_refuse(c, status);
	else
		answer_request(c, &c->echo->request);
	return head_len;
}

/** Use up data as far as the state allows; the rest is kept in c->in. */
static void conn_input(struct conn *c, char *data, size_t len)
{
	size_t used = 1;

	while (len > 0 && used > 0 && !c->dead && !conn_blocked(c)) {
		switch (c->state) {
		case CONN_HEAD:
			used = head_input(c, data, len);
			break;
		case CONN_BODY:
			used = body_input(c, data, len);
			break;
		case CONN_WEBSOCKET:
			used = websocket_input(c, data, len);
			break;
		case CONN_LINGER:
			used = len;
			break;
		case CONN_ANSWER:
			used = 0;
			break;
		}
		data += used;
		len -= used;
	}
	if (len > 0 && !buf_add(&c->in, data, len, ECHO_SCRATCH))
		c->dead = true;
}

/** Take what is kept in c->in to the start of the scratch buffer. */
static size_t take_kept(struct conn *c)
{
	size_t kept = c->in.len;

	if (kept > 0) {
		memcpy(c->echo->scratch, c->in.ptr, kept);
		buf_free(&c->in);
	}
	return kept;
}

static void conn_read(struct conn *c)
{
	char *scratch = c->echo->scratch;
	size_t turn = 0;

	while (!c->dead && !conn_blocked(c) && c->state != CONN_ANSWER && turn < ECHO_MAX_TURN) {
		size_t kept = take_kept(c), room = ECHO_SCRATCH - kept;
		ssize_t n;

		do
			n = recv(c->fd, scratch + kept, room, 0);
		while (n < 0 && errno == EINTR);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
			c->dead = true;
		if (n <= 0) {
			if (!c->dead && kept > 0 && !buf_add(&c->in, scratch, kept, ECHO_SCRATCH))
				c->dead = true;
			return;
		}
		turn += (size_t)n;
		conn_input(c, scratch, kept + (size_t)n);
		if ((size_t)n < room && !c->end_seen)
			return;
	}
	if (turn >= ECHO_MAX_TURN && c->state != CONN_ANSWER)
		conn_later(c, 0);
}

/** Output has drained or an answer has ended: use kept input first, then the socket. */
static void conn_resume(struct conn *c)
{
	if (c->state == CONN_ANSWER)
		answer_continue(c, false);
	if (c->state == CONN_LINGER && !c->dead)
		conn_finish(c);
	if (c->in.len > 0 && c->state != CONN_ANSWER && !c->dead && !conn_blocked(c)) {
		size_t kept = take_kept(c);

		conn_input(c, c->echo->scratch, kept);
	}
	conn_read(c);
}

static void conn_settle(struct conn *c)
{
	if (c->dead)
		conn_free(c);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if (what & EV_CLOSED)
		c->end_seen = true;
	if (!conn_blocked(c))
		conn_read(c);
	else if (conn_flush(c))
		conn_resume(c);
	/* An answer whose body the pattern buffer holds has no kept output but waits for room all the same. */
	if (c->state == CONN_ANSWER && !c->dead && (what & EV_WRITE)) {
		answer_continue(c, false);
		if (c->state != CONN_ANSWER)
			conn_resume(c);
	}
	conn_settle(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CONN_LINGER && !conn_blocked(c)) {
		c->dead = true;
	} else if (c->state == CONN_ANSWER) {
		answer_continue(c, true);
		if (c->state != CONN_ANSWER)
			conn_resume(c);
	} else {
		conn_resume(c);
	}
	conn_settle(c);
}

void conn_new(struct echo *echo, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	int on = 1;

	if (c == NULL) {
		close(fd);
		return;
	}
	c->echo = echo;
	c->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  /* fails on unix sockets, as it may */
	event_assign(&c->event, echo->base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_socket, c);
	evtimer_assign(&c->timer, echo->base, on_timer, c);
	if (event_add(&c->event, NULL) != 0)
		conn_free(c);
}
