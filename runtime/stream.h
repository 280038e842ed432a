/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte stream to a client or to an upstream, over a plain or a TLS socket. In: one connected descriptor. Out: data and its end, reported to
 * one owner; bytes written, without waiting, with back-pressure in both directions.
 *
 * Invariants:
 * - Callbacks come from the event loop only: never from inside an operation, never from inside another callback. What goes wrong while
 *   writing is reported in the next turn.
 * - Every operation, closing included, may be called from inside every callback of this or any other stream.
 * - A write is tried at once; only the unsent rest is copied. An idle stream holds no buffer.
 * - One edge-triggered event per stream, registered once; no event means no work, also with TLS.
 */
#ifndef RUNTIME_STREAM_H
#define RUNTIME_STREAM_H

#include <sys/types.h>
#include <sys/uio.h>

#include "runtime/loop.h"

struct tls_link;
struct ssl_st;
struct evbuffer;
struct stream;

/* How a stream ended. X(symbol, fatal, sentence) */
#define STREAM_ENDS(X) \
	X(EOF,           0, "closed its sending side")                     /* FIN, or close_notify: everything the peer sent has been delivered */ \
	X(TRUNCATED,     0, "closed without close_notify")                 /* TLS only: as EOF, but an attacker could have cut the stream here */ \
	X(RESET,         1, "connection reset") \
	X(ERROR,         1, "socket error") \
	X(TLS,           1, "TLS error") \
	X(READ_TIMEOUT,  0, "nothing received in time") \
	X(WRITE_TIMEOUT, 1, "nothing sent in time")

enum stream_end {
#define X(symbol, fatal, sentence) STREAM_END_##symbol,
	STREAM_ENDS(X)
#undef X
};

struct stream_handler {
	/** Bytes from the peer. `data` is the worker's scratch buffer (up to LOOP_SCRATCH_BYTES, or LOOP_WIDE_BYTES): use or copy all of it before
	 * returning. */
	void (*on_data)(void *owner, const uint8_t *data, size_t len);
	/**
	 * Room again: a write had left stream_pending() above the low-water mark and it is at or below it now; after stream_sendfile(): the whole range
	 * has been sent. May be NULL.
	 */
	void (*on_drained)(void *owner);
	/**
	 * EOF and TRUNCATED: no more on_data, the sending side is still usable; reported once. READ_TIMEOUT: the stream is unchanged, the silence is measured
	 * anew only after data or stream_set_timeouts(). The others are fatal: no callback follows, writes are dropped, the owner has to close or abort.
	 * Data that arrived before a fatal end is delivered first; a paused stream reports a reset only when it reads again, or is watched.
	 */
	void (*on_end)(void *owner, enum stream_end why);
};

/* Owners stop producing when stream_full(); it is a mark, not a limit: a write is never refused. */
#define STREAM_HIGH_WATER (64u * 1024)
#define STREAM_LOW_WATER  (16u * 1024)
#define STREAM_TURN_BYTES (256u * 1024)  /* read from one stream before the others have their turn */

enum stream_close {
	STREAM_CLOSE_NOW,            /* drop what is pending, close the descriptor */
	STREAM_CLOSE_FLUSH,          /* send what is pending, close_notify, then close: the usual end of an answered connection */
	STREAM_CLOSE_LINGER,         /* ... then half-close and read on into nowhere until the peer closes (5 s of silence, 30 s in all): for answers
	                              * that are sent before the request was read to its end, which a close would turn into a reset */
};

/* Read outside stream.c and tls*.c by the functions below only. */
struct stream {
	struct event event;
	struct loop *loop;
	const struct stream_handler *handler; /* stream.c's own once the owner has let go */
	void *owner;
	struct tls_link *tls;        /* NULL = plain */
	struct evbuffer *out;        /* unsent bytes for the socket (TLS: ciphertext); NULL while there are none */
	struct stream_file *file;    /* rest of stream_sendfile(); after `out`; NULL while there is none */
	struct task task;            /* read on, report, or free in the next turn */
	struct timer timer;
	uint64_t read_timeout_ms, write_timeout_ms; /* 0 = none */
	uint64_t read_at_ms, write_at_ms; /* last progress */
	struct stream *next_closing, **pprev_closing;
	int fd;
	int error;                   /* errno of a fatal end */
	uint8_t end_pending;         /* enum stream_end + 1: fatal end found while writing, to be reported; 0 = none */
	uint8_t closing;             /* enum stream_close + 1 once the owner has let go; 0 = owned */
	unsigned paused : 1;
	unsigned readable : 1;       /* the socket may hold more: a read is worth a system call */
	unsigned closed_hint : 1;    /* EV_CLOSED was reported: a short read is not the end */
	unsigned confirm : 1;        /* a short read, and nothing sent since: the timer looks once more */
	unsigned fin : 1;            /* the socket gave its end of file */
	unsigned eof : 1;            /* EOF or TRUNCATED was reported */
	unsigned blocked : 1;        /* the socket took no more: wait for EV_WRITE */
	unsigned failed : 1;         /* a fatal end was reported */
	unsigned busy : 1;           /* inside stream_work(): freed at its end */
	unsigned dead : 1;           /* to be freed when no longer busy */
	unsigned want_drained : 1;
	unsigned shut_wanted : 1;    /* half-close after what is pending */
	unsigned notify_sent : 1;    /* close_notify is on its way */
	unsigned shut_done : 1;
	unsigned watched : 1;        /* stream_watch() */
	unsigned wide : 1;           /* reads up to LOOP_WIDE_BYTES at once */
	unsigned read_timed_out : 1; /* READ_TIMEOUT was reported and nothing came since */
};

/**
 * A stream over a connected, non-blocking descriptor; takes the descriptor (closed with the stream). Reading starts in the next turn.
 * @param handler  static; may not be NULL
 * @return NULL without memory; the descriptor is then still the caller's
 */
struct stream *stream_new(struct loop *loop, int fd, const struct stream_handler *handler, void *owner);

/** The same over TLS, before its handshake (tls.c): takes `ssl` too. */
struct stream *stream_new_tls(struct loop *loop, int fd, struct ssl_st *ssl, const struct stream_handler *handler, void *owner);

/** Hand over to another owner (tunnel, idle pool). Pause state, time-outs and pending output stay as they are. */
void stream_set_owner(struct stream *s, const struct stream_handler *handler, void *owner);

/** Send these pieces, at most 1024 (IOV_MAX), in one system call when the socket has room (TLS: in as few records as possible). Copies little, or what cannot leave now. */
void stream_write(struct stream *s, const struct iovec *iov, int count);

/**
 * Send `len` bytes of a file from `offset` after everything written so far. Takes `fd` (closed when sent or failed). Plain: sendfile(2); TLS: read and encrypted in
 * pieces as the socket takes them. No other write until on_drained, which also comes (in a later turn) when all left at once.
 * A file that became shorter meanwhile ends the stream with ERROR.
 */
void stream_sendfile(struct stream *s, int fd, off_t offset, uint64_t len);

/** Bytes accepted and not yet taken by the kernel (TLS: as ciphertext), the rest of a file included. */
uint64_t stream_pending(const struct stream *s);
static inline bool stream_full(const struct stream *s)
{
	return stream_pending(s) >= STREAM_HIGH_WATER;
}

/** No on_data until stream_resume(); the peer is slowed down by TCP. What has been read already inside TLS is kept. Read-silence stops counting. */
void stream_pause(struct stream *s);
/** Deliver again, from the next turn on, without waiting for an event. */
void stream_resume(struct stream *s);

/** Report a reset also while paused; what came before it is lost then. For peers without whom their input is worth nothing: clients of requests. */
void stream_watch(struct stream *s, bool on);

/** Half-close: FIN (TLS: close_notify and FIN) after what is pending. Writes are dropped from now on; reading goes on. */
void stream_shutdown(struct stream *s);

/** The owner lets go: no callback after this call, *s must not be used again. */
void stream_close(struct stream *s, enum stream_close how);
/** The owner lets go and the peer gets a TCP reset (SO_LINGER 0). */
void stream_abort(struct stream *s);

/**
 * Longest silence while not paused, and longest time without progress while something is pending; 0 = no limit. Both start anew now (the loop's now: loop_now()
 * of the callback that is running).
 */
void stream_set_timeouts(struct stream *s, uint64_t read_ms, uint64_t write_ms);

/** True once EOF or TRUNCATED has been reported. */
static inline bool stream_eof(const struct stream *s)
{
	return s->eof;
}
/**
 * True when no input is waiting as far as is known: kept-alive connections must be quiet before reuse. What comes after a short read is an event of its own, so this
 * costs a system call only when the last read filled the buffer or the stream is paused.
 */
bool stream_quiet(struct stream *s);

/** A plain stream reads more at once from now on, or not: fewer system calls for a long body, as long as its receiver takes all of it. */
static inline void stream_set_wide(struct stream *s, bool on)
{
	s->wide = on;
}

static inline int stream_fd(const struct stream *s)
{
	return s->fd;
}
/** For $ssl_ variables; NULL for a plain stream. Borrowed until the next turn of the loop. */
struct ssl_st *stream_ssl(struct stream *s);

/** TCP_NODELAY and TCP_CORK; harmless on unix sockets. */
void stream_set_nodelay(struct stream *s, bool on);
void stream_set_cork(struct stream *s, bool on);

bool stream_end_is_fatal(enum stream_end why);
/** "connection reset", "socket error: No route to host", "TLS error: ..." into buf; returns buf. */
const char *stream_end_text(const struct stream *s, enum stream_end why, char *buf, size_t cap);

/** Close all streams that no longer have an owner, dropping what they had to send. For loop_free(). */
void stream_free_closing(struct loop *loop);

/** Memory of one idle stream, for status and tests: our structs without OpenSSL's own. */
size_t stream_idle_bytes(const struct stream *s);

#endif
