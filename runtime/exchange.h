/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request and its answer. An exchange collects the request head, lets eval decide and carries the decision out: an answer of our own, a file, or the
 * upstream's response. It owns the request's arena and a reference to the generation it started under, and ends with exchange_finish(). It decides nothing
 * that a configuration could say; that is eval's.
 *
 *   exchange_new -> exchange_take_head* -> exchange_start | exchange_refuse -> (answer.c | static.c | proxy.c) -> exchange_finish
 */
#ifndef RUNTIME_EXCHANGE_H
#define RUNTIME_EXCHANGE_H

#include "eval/wsr_eval.h"
#include "runtime/close_reason.h"
#include "runtime/conn.h"

struct proxy;
struct static_file;

struct exchange {
	struct conn *conn;
	struct worker *w;
	struct generation *gen;     /* a reference */
	struct wsr_arena arena;
	/* request */
	char *head_buf;             /* bytes of the head, in the arena */
	uint32_t head_len, head_cap;
	struct wsr_head_limits limits;
	struct wsr_head_parser parser;
	struct wsr_head request;
	bool has_request;           /* the request line at least was in order */
	struct timer head_timer;
	uint64_t start_ms;          /* first byte of the request */
	/* what carries the decision out; in the arena, NULL = not used */
	struct proxy *proxy;
	struct static_file *file;
	/* answer */
	uint16_t status;            /* sent, or 0; 499 = the client left before */
	bool head_sent;
	bool keepalive;
	bool complete;              /* the answer was sent whole */
	bool tunnelled;             /* ... and what follows is a tunnel, which writes the access log */
	bool continued;             /* 100 Continue was sent */
	uint8_t failures;           /* errors so far; each may lead to an error page that fails too */
	struct wsr_field extra;     /* of the error answer that is to come: Content-Range; name empty = none */
	uint8_t framing;            /* enum wsr_framing towards the client */
	uint8_t reason;             /* enum close_reason */
	bool told;                  /* the error log has the cause already */
	uint64_t sent_bytes;        /* to the client */
	uint64_t sent_head_bytes;   /* ... of these in heads */
	char request_id[33];
	const char *marks;          /* while a tunnel's log line is rendered: prefix of the marks, see tunnel_log.h */
	struct wsr_eval eval;       /* last, for its last member */
};

/** Start collecting a request head. @return NULL without memory */
struct exchange *exchange_new(struct conn *c);

/** Take what belongs to the head off *in. DONE: x->request is set. BAD: x->parser.error. */
enum wsr_head_status exchange_take_head(struct exchange *x, struct wsr_str *in);

/** The head is complete: decide and carry out. */
void exchange_start(struct exchange *x);
/** Nothing to decide: answer with the default server's page for this status and close. x may be without any request. */
void exchange_refuse(struct exchange *x, unsigned status, enum close_reason reason);

/** A part of the request's body, only after conn_want_body(); `end`: the last one. May end the exchange. */
void exchange_body(struct exchange *x, const struct wsr_str *payload, unsigned count, bool end);
/** The body is malformed. */
void exchange_body_bad(struct exchange *x);
/** No body came in time. */
void exchange_body_timeout(struct exchange *x);
/** The client's stream takes output again. */
void exchange_client_drained(struct exchange *x);
/**
 * The client closed its sending side (EOF) or is gone (everything else).
 * @return true if the exchange goes on nevertheless; false if it has ended, and perhaps the connection with it
 */
bool exchange_client_end(struct exchange *x, enum stream_end why);

/** Carry out a decision (x->eval.decision). */
void exchange_carry_out(struct exchange *x);
/** An upstream's response led to another decision, which is made: carry it out, and nothing else of that response. The evaluation counts such cycles. */
void exchange_go_on(struct exchange *x);
/** Something went wrong: answer with the page for this status, or break the connection if an answer has begun. */
void exchange_fail(struct exchange *x, unsigned status, enum close_reason reason);
/** Log, release, and hand the connection back. x is gone. */
void exchange_finish(struct exchange *x, enum conn_after after, enum close_reason reason);
/** Drop the exchange because its connection is being closed by others; logs. Does not call the connection back. */
void exchange_drop(struct exchange *x, enum close_reason reason);

/** Write to the client and count. */
void exchange_write(struct exchange *x, const struct iovec *iov, int count);

/** A line for this exchange's error log, with its context. */
void exchange_error(struct exchange *x, enum wsr_log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** The clock of the exchange: milliseconds since its first byte. */
uint64_t exchange_age_ms(const struct exchange *x);

/** Answers eval's questions about the world; ctx is the exchange. runtime/facts.c. */
extern const struct wsr_world exchange_world;
#define FACT_TIME_BYTES 64u
/** The present for $msec, $time_local or $time_iso8601. @return text, or the worker's own, which holds until the next call. */
const char *fact_time_text(struct worker *w, enum wsr_var_id id, char text[FACT_TIME_BYTES]);
/** The client's address as text, "unix:" for a unix socket; lives as long as the connection. */
struct wsr_str fact_remote_addr(const struct exchange *x);

#endif
