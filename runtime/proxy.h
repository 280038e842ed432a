/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PROXY decisions: the request goes to an upstream, its response comes back, bodies flow both ways with back-pressure.
 *
 * What is buffered: the heads; a request body only while it may still be needed for another try (PROXY_REPLAY_BYTES); everything else is in the streams'
 * output, which stops the other side's reading above proxy_buffers. `proxy_buffering` and `proxy_request_buffering` choose nothing here: bodies always
 * stream, so the upstream sees Content-Length or chunks as the client sent them.
 *
 * Trailers of a response go on to a client that gets chunks, except fields that a head alone may carry; trailers of a request are dropped, because an
 * upstream that merges them into its head would take a client's word for fields that the configuration sets.
 */
#ifndef RUNTIME_PROXY_H
#define RUNTIME_PROXY_H

#include "runtime/exchange.h"
#include "runtime/upstream.h"

#define PROXY_REPLAY_BYTES (64u << 10)
#define PROXY_TRIES_MAX 32u

/** One peer that was tried, for $upstream_*. Times in milliseconds since the exchange began to look for it; UINT64_MAX = never came so far. */
struct proxy_try {
	struct wsr_str address;
	unsigned status;
	uint64_t connect_ms, header_ms, response_ms;
	uint64_t bytes_received, bytes_sent, body_bytes;
	uint64_t start_ms;          /* on the loop's clock */
};

enum proxy_state {
	PROXY_CONNECTING,           /* no stream */
	PROXY_AWAITING,             /* request on its way, no final response head yet */
	PROXY_RESPONDING,           /* the response's body flows */
};

struct proxy {
	struct upstream_call *call; /* NULL = over */
	struct stream *up;          /* NULL while CONNECTING */
	uint8_t state;              /* enum proxy_state */
	bool reused;                /* the connection comes from the idle pool */
	bool received;              /* a byte of this try's response has come */
	bool request_sent;          /* the request is complete in the stream */
	bool head_unsent;           /* the request head waits for the first body bytes */
	bool stale_retried;
	bool replay_lost;           /* more body has gone than is kept */
	bool keep_upstream;         /* nothing speaks against reusing the connection */
	bool paused;                /* the upstream's reading, because the client is slow */
	bool slow_client;           /* it was paused once: no more is read at once than usual, since it may have to be kept */
	uint8_t request_framing;    /* enum wsr_framing */
	struct wsr_out request;     /* head of the upstream request */
	char *replay;               /* payload sent so far, malloc()ed */
	size_t replay_len;
	size_t high_water;          /* of either stream's output */
	uint64_t start_ms;
	struct proxy_try *tries;    /* in the arena */
	unsigned try_count, tries_cap;
	/* response */
	char *head_buf;
	size_t head_len, head_cap;
	struct wsr_head_parser parser;
	struct body_in body;
	struct wsr_out trailers;    /* that go on to the client */
	struct wsr_head response;   /* nothing before the parser has made it; last, so that nobody need zero it */
};

/** Begin with x->eval.decision. May end the exchange. */
void proxy_start(struct exchange *x);
/** Request body, or the part that remained of it. May end the exchange. */
void proxy_request_body(struct exchange *x, const struct wsr_str *payload, unsigned count, bool end);
/** The client takes output again. */
void proxy_client_drained(struct exchange *x);
/** Let go of the upstream, if there is still one. What was tried stays for the log. */
void proxy_release(struct exchange *x);
/** Nothing more of this upstream; what was sent to it of the request is kept for another one. */
void proxy_stop(struct exchange *x);
/** Peer in use, or the last one, for the error log. */
struct wsr_str proxy_address(const struct exchange *x);

/** proxy_response.c: bytes and end of the upstream's stream. */
extern const struct stream_handler proxy_upstream_stream;
/** Give up on this try: another one if the configuration and the request's nature allow it, else the answer `status`. `cause`: WSR_NEXT_* bit. */
void proxy_try_failed(struct exchange *x, unsigned cause, unsigned status, enum close_reason reason);
/** The peer of a kept-alive connection may close it at any moment; that says nothing about the peer: would the same one be asked once more? */
bool proxy_is_stale(const struct exchange *x);
/** Would proxy_try_failed() with this cause try another peer? */
bool proxy_can_try_next(const struct exchange *x, unsigned cause);
/** The try that is running or was the last one; NULL before the first. */
struct proxy_try *proxy_current_try(const struct exchange *x);
/** Set the upstream stream's time-outs for the state. */
void proxy_arm(struct exchange *x);

#endif
