/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections to upstreams, per worker: which peer, its addresses, an idle connection or a new one, TLS included. In: what a proxy decision says.
 * Out: a stream, or why there is none.
 *
 * State (addresses, failure marks, weights, idle connections, TLS sessions) is keyed by the value of the settings, so it survives a reload that leaves
 * them equal and is never shared by unequal ones. Nothing here waits; callbacks come from the event loop, never from inside a function of this header.
 *
 *   upstream_get -> on_ready  -> upstream_put (idle pool) | upstream_drop (close) | upstream_take (tunnel) | upstream_next (retry) -> on_ready ...
 *                -> on_failed -> upstream_next (retry) | upstream_drop
 */
#ifndef RUNTIME_UPSTREAM_H
#define RUNTIME_UPSTREAM_H

#include "runtime/stream.h"
#include "runtime/tls_ctx.h"
#include "table/wsr_table.h"

struct upstreams;     /* of one worker */
struct upstream_call; /* one exchange's use of an upstream: from upstream_get() to put, drop or take */
struct upstream_lease;/* a taken connection, as counted by max_conns and least_conn */

/* Why there is no connection. X(symbol, answer status, sentence) */
#define UPSTREAM_FAILURES(X) \
	X(REFUSED,  502, "connect failed")              /* refused, unreachable, no such socket */ \
	X(TIMEOUT,  504, "connect timed out") \
	X(RESOLVE,  502, "host could not be resolved") \
	X(TLS,      502, "TLS handshake with upstream failed") \
	X(NO_PEER,  502, "no live upstreams")           /* all down, marked, full or tried */ \
	X(INTERNAL, 500, "out of memory or descriptors")

enum upstream_failure {
#define X(symbol, status, sentence) UPSTREAM_FAIL_##symbol,
	UPSTREAM_FAILURES(X)
#undef X
};

/** Borrowed during upstream_get() only. */
struct upstream_request {
	const struct wsr_table *table;
	uint32_t upstream;          /* index, or WSR_NONE: host and port below */
	struct wsr_str host;        /* name, address literal (brackets allowed) or path of a unix socket with port 0 */
	uint16_t port;
	uint32_t proxyset;          /* index of the settings: time-outs, TLS, bind address, resolver */
	bool tls;
	struct wsr_str ssl_name;    /* SNI and verified name; a ":port" at its end is ignored */
	bool fresh;                 /* do not use an idle connection */
	bool collects;              /* the caller asks upstream_ready() right after upstream_get() */
	struct wsr_str client_addr; /* for ip_hash: 4 or 16 bytes of the client's address */
	struct wsr_str hash_key;    /* for hash */
	uint32_t prefer;            /* ordinal of the server that a session belongs to; WSR_NONE = any */
	bool only_preferred;        /* rather no server than another one */
	uint64_t connect_timeout_ms; /* 0 = the settings' */
	struct key_source keys;     /* of the generation; used before upstream_get() returns only */
};

/** A connection that stands. Valid until the call's next function below. */
struct upstream_conn {
	struct stream *stream;      /* owned by the caller until put, drop, take or next; not paused; handler as given to upstream_get() */
	bool reused;                /* from the idle pool: the peer may have closed it meanwhile, so a request that failed without an answer byte may be retried */
	const char *address;        /* "127.0.0.1:8080", "[::1]:80", "unix:/path": for $upstream_addr and logs */
	uint32_t server;            /* ordinal of the server in its upstream */
	uint64_t connect_ms;        /* time from upstream_get() or upstream_next() to now */
};

struct upstream_handler {
	void (*on_ready)(void *owner, const struct upstream_conn *c);
	/**
	 * @param address  the peer tried, or the upstream's name when none was
	 * @param text     sentence for the log with the cause ("connect failed: Connection refused"); both valid during the call
	 * The call is still there: continue with upstream_next() or upstream_drop(), also from inside the callback.
	 */
	void (*on_failed)(void *owner, enum upstream_failure why, const char *address, const char *text);
};

/**
 * @param keepalive  idle connections kept per implicit upstream (64 is a good figure); groups have their own number
 * @return NULL without memory
 */
struct upstreams *upstreams_new(struct loop *loop, uint32_t keepalive);
/** Closes all idle connections. All calls and leases must have ended. NULL is allowed. */
void upstreams_free(struct upstreams *us);
/** Close all idle connections now (shutdown, descriptors needed). @return how many. */
uint32_t upstreams_close_idle(struct upstreams *us);

/**
 * Ask for a connection: picks a peer, takes an idle connection or resolves, connects and shakes hands within proxy_connect_timeout.
 * @param on_stream  handler of the stream; `owner` serves both
 * @return the call; NULL without memory. Cost when an idle connection is there: no system call.
 */
struct upstream_call *upstream_get(struct upstreams *us, const struct upstream_request *rq, const struct upstream_handler *handler,
				   const struct stream_handler *on_stream, void *owner);

/**
 * Right after upstream_get(): the idle connection that was there, so that its use need not wait for the next turn; on_ready will not be called for it then. NULL = on_ready or
 * on_failed will tell. With `collects` it must be called.
 */
const struct upstream_conn *upstream_ready(struct upstream_call *c);

/** What the caller saw of a peer, for its failure marks (max_fails, fail_timeout). */
enum upstream_outcome {
	UPSTREAM_OK,                /* answered */
	UPSTREAM_FAILED,            /* counts as failure: no answer, time-out, garbage, or a status that proxy_next_upstream names */
	UPSTREAM_NEUTRAL,           /* says nothing: the client left, or a reused connection was closed before its first byte */
};

/** How many peers a retry could still try, with no regard to marks: 0 ends the retries. */
uint32_t upstream_untried(const struct upstream_call *c);
/**
 * Leave this peer (closing its connection) and try another one that was not tried before; after a stale reused connection (`outcome` NEUTRAL) the same peer again
 * with a fresh connection. on_ready or on_failed follows.
 */
void upstream_next(struct upstream_call *c, enum upstream_outcome outcome);

/**
 * The answer is complete and the connection can serve another request: keep it idle, watched (a byte or a close drops it). The caller's handler is never
 * called again; the call is gone. Closes instead when the pool is full, the requests or time of the connection are used up, or it is not quiet.
 */
void upstream_put(struct upstream_call *c);
/** Bytes that went to or came from the peer, for the method that looks at them. */
void upstream_count(struct upstream_call *c, uint64_t bytes);
/** Close the connection or give up at any moment; the call is gone. */
void upstream_drop(struct upstream_call *c, enum upstream_outcome outcome);
/**
 * The stream becomes the caller's for good (tunnel); the call is gone. The peer counts it as open until upstream_release().
 */
struct stream *upstream_take(struct upstream_call *c, struct upstream_lease **lease);
void upstream_release(struct upstream_lease *lease);

const char *upstream_failure_text(enum upstream_failure why);
unsigned upstream_failure_status(enum upstream_failure why);

#endif
