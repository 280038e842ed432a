/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Client connections of a worker. The upper half is what listeners and the worker's main file use; the lower half is what an exchange, which owns one
 * request and its answer, needs from the connection it came by.
 *
 * A connection owns the stream and what outlives a request: input that nobody has taken yet and the reading of the request body. It has at most one
 * exchange at a time; pipelined requests wait in its input buffer, which exists only while something is in it.
 */
#ifndef RUNTIME_CONN_H
#define RUNTIME_CONN_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "runtime/body.h"
#include "runtime/slab.h"
#include "runtime/tls.h"
#include "runtime/worker.h"

/** @return NULL without memory. Lives as long as the worker. */
struct conn_set *conn_set_new(struct worker *w);
/** Release what is kept for reuse; all connections must have ended. */
void conn_set_free(struct conn_set *set);

struct preface_header;

/** Serve an accepted descriptor, which is taken. Counts it in w->counters->connections; takes a reference to the listener. @param preface  what came before; NULL */
void conn_accept(struct worker *w, struct listener *l, int fd, const struct sockaddr *addr, socklen_t len, const struct preface_header *preface);

/** Overload: close at most `max` connections that wait between two requests, the longest waiting first. @return how many */
unsigned conn_close_idle(struct worker *w, unsigned max);

/** QUIT: close waiting connections now, the others after their current answer; tunnels go on. */
void conn_drain(struct worker *w);

/** w->gen was replaced: waiting connections whose listener is gone or whose TLS settings differ are closed, the others take the new one at their next request. */
void conn_generation_changed(struct worker *w);

/* --- for exchanges ----------------------------------------------------------------------------------------------------- */

struct exchange;

enum conn_state {
	CONN_HANDSHAKE,             /* TLS is being set up: no stream yet */
	CONN_WAITING,               /* for a request: no exchange, no buffer, in the idle list */
	CONN_HEAD,                  /* an exchange collects its request head */
	CONN_SERVING,               /* an exchange answers; its request body may still be coming */
	CONN_DISCARDING,            /* answered; the rest of the request body is read into nowhere */
	CONN_CLOSED,                /* to be released as soon as no function of conn.c is at work on it */
};

/* What becomes of the connection when its exchange has ended. */
enum conn_after {
	CONN_KEEP,                  /* next request; what is left of this one's body is discarded */
	CONN_CLOSE,                 /* flush and close; lingers when the request was not read to its end */
	CONN_ABORT,                 /* reset: the client must see that the answer is not whole */
	CONN_TAKEN,                 /* the stream is somebody else's now (tunnel) */
};

/** A client's or our own address; family AF_UNIX has neither address nor port. */
union conn_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct conn {
	struct worker *w;
	struct listener *listener;
	struct conn *next, *prev;   /* in the idle list or the busy list */
	struct stream *client;      /* NULL during the handshake and after CONN_TAKEN */
	struct tls_handshake *handshake;
	struct generation *handshake_gen; /* held during the handshake */
	uint32_t handshake_listen;  /* the listener's index in it */
	struct exchange *exchange;  /* HEAD and SERVING */
	struct preface_header *preface; /* the PROXY protocol's, if it names addresses; NULL */
	uint64_t serial;
	uint64_t tls_key;           /* the listener's when this was accepted */
	uint64_t keepalive_ms;      /* of the last answer's location */
	char *in;                   /* input that waits, NULL while there is none */
	uint32_t in_at, in_len;     /* first byte not taken yet; bytes in the buffer */
	struct wsr_str fresh;       /* input of the on_data callback that is running */
	struct body_in body;        /* of the request being served or discarded */
	uint64_t discarded;         /* bytes of it read into nowhere */
	uint32_t requests;
	union conn_addr addr;
	char addr_text[INET6_ADDRSTRLEN]; /* addr as text, once somebody has asked */
	uint8_t state;              /* enum conn_state */
	uint8_t armed;              /* state for which the time-outs were set, + 1 */
	bool body_wanted;           /* the exchange takes body now */
	bool pumping;               /* the pump is at work: release later */
	bool paused;
	bool eof;                   /* the client closed its sending side, or is gone */
	bool plain_on_tls;          /* plain HTTP came to a TLS listener */
	bool pipelined;             /* the current request was in the buffer when the last one ended */
};

#define CONN_DISCARD_MAX_BYTES (1u << 20) /* of a request body whose answer was given without it; beyond that the connection is closed */

/** The exchange takes request body from now on, or no more; input that waits is delivered from inside this call. */
void conn_want_body(struct conn *c, bool on);
/** The request head did not arrive in time. */
void conn_head_timeout(struct conn *c);
/** Is there request input which nobody has taken? */
bool conn_has_input(const struct conn *c);
/** Has the whole request been read? */
static inline bool conn_request_read(const struct conn *c)
{
	return c->body.done;
}
/** The exchange is gone. Last call of exchange_finish(): the connection may be released in it. */
void conn_exchange_done(struct conn *c, enum conn_after after);
/** Hand the client's stream over, with the input that nobody has taken as *rest (malloc()ed, the caller frees ptr). CONN_TAKEN must follow. */
struct stream *conn_take_stream(struct conn *c, struct wsr_str *rest);
/** Is the connection one that may serve another request under the current generation? */
bool conn_may_keep(const struct conn *c);
/** Counts of a client connection that has ended, also one that became a tunnel. */
void conn_count_closed(struct worker *w, struct listener *l);

/** Memory of the worker's exchanges: kept by conn.c, used by exchange.c. */
struct slabs *conn_exchanges(struct worker *w);

#endif
