/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wsr-echo: a small HTTP/1.1 and WebSocket backend which shows what reached it.
 *
 * The quickstart page, the tests and the benchmarks put it behind a proxy.  It is no part of the product and links none
 * of it: what it says about a request is an independent witness.
 *
 * One thread, one edge-triggered event per connection, direct recv() and send().  Bytes are read into one scratch buffer
 * shared by all connections; only what is incomplete (a head, a small frame, unsent output) is kept with the connection,
 * so an idle connection holds no buffer.  Invariant: while a connection has unsent output it reads nothing.
 */
#ifndef EXAMPLES_ECHO_H
#define EXAMPLES_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>
#include <event2/event_struct.h>

enum {
	ECHO_SCRATCH = 512 * 1024,  /* one read; larger than head, frame and read together need */
	ECHO_MAX_HEAD = 64 * 1024,
	ECHO_MAX_BODY = 1024 * 1024,  /* of a request body this much is shown, the rest is counted */
	ECHO_MAX_TURN = 4 * 1024 * 1024,  /* bytes read from one connection before the others get their turn */
	ECHO_PATTERN = 256 * 1024,  /* bytes of /bytes/N repeat after 64 of them; this many are sent at once */
	ECHO_MAX_FIELDS = 256,
};

/** A growing byte buffer.  `len` is used bytes, `cap` is room; its ceiling is given where it grows. */
struct buf {
	char *ptr;
	size_t len, cap;
};

/** Append; false (buffer unchanged) when `max` would be passed or memory is out. */
bool buf_add(struct buf *b, const void *ptr, size_t len, size_t max);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_free(struct buf *b);

/** A borrowed string, valid as long as the head it points into. */
struct str {
	const char *ptr;
	size_t len;
};

bool str_is(struct str s, const char *text);  /* letter case ignored */
bool str_has_token(struct str list, const char *token);  /* comma-separated list, letter case ignored */

struct field {
	struct str name, value;
};

/** A request head, parsed; all strings point into the bytes given to request_parse(). */
struct request {
	struct str head;  /* all of it, with the empty line */
	struct str method, target, path, version;
	struct field fields[ECHO_MAX_FIELDS];
	size_t count;
	struct str accept, ws_key, ws_version, ws_protocol;
	uint64_t content_length;
	bool has_length, chunked, http10, keep_alive, expect_continue, upgrade_websocket;
};

/** Length of the head at the start of `data` with its empty line, 0 when it is incomplete. */
size_t request_head_len(const char *data, size_t len);
/** @return 0, or the status code to refuse the request with. */
int request_parse(struct request *r, const char *head, size_t len);

enum conn_state {
	CONN_HEAD,  /* collecting a request head */
	CONN_BODY,  /* reading a request body */
	CONN_ANSWER,  /* an answer is being produced or waited for; nothing is read */
	CONN_WEBSOCKET,
	CONN_LINGER,  /* our last byte is sent; input is thrown away until the other end closes */
};

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

/** What is still to be produced once the output buffer is empty. */
enum produce { PRODUCE_NOTHING, PRODUCE_BYTES, PRODUCE_CHUNKS, PRODUCE_DELAYED, PRODUCE_SLOW };

struct echo {
	struct event_base *base;
	char *scratch;  /* ECHO_SCRATCH bytes, valid within one callback */
	char *pattern;  /* ECHO_PATTERN bytes of answer body */
	struct buf reply;  /* reused for rendering one answer */
	struct request request;  /* reused; valid within one callback */
	bool verbose;
};

struct conn {
	struct event event, timer;
	struct echo *echo;
	struct buf in;  /* unread part of an incomplete head, chunk line or small frame */
	struct buf out;  /* bytes the socket did not take */
	size_t out_sent;  /* of `out` */
	struct buf head;  /* the request head, kept while its body is read and, for `?head`, with a WebSocket */
	struct buf body;
	uint64_t body_len;  /* counted, more than kept when it passed ECHO_MAX_BODY */
	uint64_t left;  /* request body, chunk, frame payload or answer body still to come */
	size_t pattern_at;  /* of /bytes/N: where in the pattern to go on */
	uint32_t ws_mask;  /* rotated so that its first byte applies to the next payload byte */
	int fd;
	enum conn_state state;
	enum chunk_state chunk;
	enum produce produce;
	bool chunked, head_only, keep_alive, http10;
	bool ws_in_message, ws_closing;
	bool end_seen;  /* FIN reported or read */
	bool dead;  /* failed; freed at the end of the callback */
};

/** Take over an accepted, non-blocking socket; on failure it is closed. */
void conn_new(struct echo *echo, int fd);
/** Send or keep; on failure the connection is marked dead.  `more`: further bytes follow at once. */
void conn_write(struct conn *c, const void *ptr, size_t len, bool more);
/** Send from memory that stays valid; @return bytes taken by the socket. */
size_t conn_send(struct conn *c, const void *ptr, size_t len);
bool conn_blocked(const struct conn *c);
/** Run conn's next step (PRODUCE_*, or reading on) after this time. */
void conn_later(struct conn *c, uint32_t delay_ms);
/** No further output: half-close once all is sent, then wait for the other end. */
void conn_finish(struct conn *c);

/** A head is complete: answer, begin the body, or become a WebSocket. */
void answer_request(struct conn *c, struct request *r);
/** The request in c->head has its whole body in c->body. */
void answer_with_body(struct conn *c);
/** Produce more of an answer under way. */
void answer_continue(struct conn *c, bool timer);
void answer_refuse(struct conn *c, int status);

/** Verify the handshake and answer 101 or the refusal. */
void websocket_accept(struct conn *c, struct request *r);
/** Echo the frames in data (which is overwritten); @return bytes used. */
size_t websocket_input(struct conn *c, char *data, size_t len);

#endif
