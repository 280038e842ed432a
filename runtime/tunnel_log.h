/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access log lines of a tunnel: rendered when it opens, while the exchange is still there, with gaps for what is known only when it closes (bytes,
 * times, reason). The variables concerned give marks instead of values during that rendering: a random prefix, so that no client can
 * forge one, and a letter. No reference to the generation is kept: at the end the log is looked up by its path in the current one.
 */
#ifndef RUNTIME_TUNNEL_LOG_H
#define RUNTIME_TUNNEL_LOG_H

#include "runtime/exchange.h"

/* X(variable): what a tunnel's end decides. */
#define TUNNEL_LOG_GAPS(X) \
	X(BYTES_SENT) X(BODY_BYTES_SENT) X(REQUEST_LENGTH) X(REQUEST_TIME) X(TIME_LOCAL) X(TIME_ISO8601) X(MSEC) X(UPSTREAM_RESPONSE_TIME) \
	X(UPSTREAM_RESPONSE_LENGTH) X(UPSTREAM_BYTES_SENT) X(UPSTREAM_BYTES_RECEIVED) X(WSRP_CLOSE)

struct tunnel_log;

/** What fills the gaps. */
struct tunnel_facts {
	uint64_t client_bytes;      /* payload received from the client */
	uint64_t upstream_bytes;    /* ... from the upstream, which is what the client was sent */
	uint64_t duration_ms;       /* since the request's first byte */
	uint64_t head_bytes;        /* of the 101 */
	uint64_t request_bytes;     /* of the handshake request's head */
	enum close_reason reason;
};

/** Render the lines of all access logs of x. @return NULL if there are none, or no memory */
struct tunnel_log *tunnel_log_new(struct exchange *x);
/** Fill in, write, release. NULL is allowed. */
void tunnel_log_end(struct tunnel_log *log, struct worker *w, const struct tunnel_facts *facts);
/** Release without writing. NULL is allowed. */
void tunnel_log_free(struct tunnel_log *log);
/** For facts.c: the mark of a variable that has a gap. @return false if it has none */
bool tunnel_log_mark(const char *prefix, enum wsr_var_id id, struct wsr_arena *a, struct wsr_str *out);

#endif
