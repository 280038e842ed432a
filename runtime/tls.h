/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS handshakes, accepting and connecting. In: a connected descriptor and a context. Out: an established `struct stream`, or a reason.
 *
 * A handshake runs inside the stream that comes out of it, under one deadline of ours. When accepting, the first byte tells plain HTTP on a TLS port, which can be answered in
 * clear.
 * Nothing here waits for another process. Callbacks come from the event loop only, never from inside tls_accept() or tls_connect().
 */
#ifndef RUNTIME_TLS_H
#define RUNTIME_TLS_H

#include <openssl/ssl.h>

#include "runtime/stream.h"
#include "table/wsr_str.h"

/* Why a handshake failed. X(symbol, sentence) */
#define TLS_FAILURES(X) \
	X(PLAIN,     "plain HTTP on a TLS port")        /* the connection is handed back as a clear stream */ \
	X(CLOSED,    "closed during the TLS handshake") \
	X(TIMEOUT,   "TLS handshake timed out") \
	X(PROTOCOL,  "TLS handshake failed") \
	X(VERIFY,    "certificate verification failed") \
	X(MEMORY,    "out of memory")

enum tls_failure {
#define X(symbol, sentence) TLS_FAIL_##symbol,
	TLS_FAILURES(X)
#undef X
};

struct tls_handler {
	/**
	 * Accepting only: the context for the server name that the client sent (as sent, {NULL, 0} = none; not checked for being a host name). Called once, inside the
	 * handshake: must not release anything. Owners take their reference to the generation at tls_accept() and give it back in on_done or on_fail.
	 * @return borrowed context; NULL refuses the handshake (unrecognized_name)
	 */
	SSL_CTX *(*pick)(void *owner, struct wsr_str name);
	/** Established. The stream has no time-outs and is owned by `owner` with the handler given to tls_accept(). The handshake object is gone. */
	void (*on_done)(void *owner, struct stream *s);
	/**
	 * Failed; the handshake object is gone. `text` is OpenSSL's or our sentence for the log, valid during the call.
	 * @param plain  PLAIN: a clear stream with the handler given to tls_accept(), now the owner's; what has come is delivered next unless the stream is closed.
	 *               Otherwise NULL, the connection has been closed
	 */
	void (*on_fail)(void *owner, enum tls_failure why, const char *text, struct stream *plain);
};

struct tls_handshake;

/**
 * Accept TLS on a connected, non-blocking descriptor, which is taken unless NULL is returned.
 * @param first       the default server's context: holds until `pick` has chosen; referenced as long as needed
 * @param timeout_ms  for everything from now to the end of the handshake; 0 = none
 * @param on_stream   handler of the stream that comes out
 * @return the handshake, for tls_cancel(); NULL without memory
 */
struct tls_handshake *tls_accept(struct loop *loop, int fd, SSL_CTX *first, uint64_t timeout_ms, const struct tls_handler *handler,
				 const struct stream_handler *on_stream, void *owner);

/** What a client of an upstream asks for beyond its context. Copied where needed. */
struct tls_target {
	struct wsr_str sni;         /* empty = send none; an address literal is never sent */
	struct wsr_str verify_name; /* name or address the certificate must carry; empty = any (then only the chain is checked) */
	bool verify;                /* chain and name */
	SSL_SESSION *session;       /* to resume, borrowed; NULL = none */
	void *app_data;             /* SSL_set_app_data() before the handshake, for the callbacks of ctx */
};

/** Connect TLS over a connected descriptor. Parameters as tls_accept(); handler->pick is not used. New sessions: SSL_CTX_sess_set_new_cb of the context. */
struct tls_handshake *tls_connect(struct loop *loop, int fd, SSL_CTX *ctx, const struct tls_target *target, uint64_t timeout_ms,
				  const struct tls_handler *handler, const struct stream_handler *on_stream, void *owner);

/** Give up: closes the descriptor, no callback follows. */
void tls_cancel(struct tls_handshake *h);

/** For tls_bio.c, from inside a read: the handshake of this stream is done, or was none at all. The stream may be closed afterwards. */
void tls_handshake_done(struct tls_handshake *h);
void tls_handshake_plain(struct tls_handshake *h);

const char *tls_failure_text(enum tls_failure why);
/** The reason of the oldest error in OpenSSL's queue, or `fallback`, into buf; the queue is empty afterwards. @return buf */
const char *tls_error_text(char *buf, size_t cap, const char *fallback);

/* --- keys of session tickets --------------------------------------------------------------------------------------- */

#define TLS_TICKET_KEYS 3u

struct tls_ticket_key {
	uint8_t name[16];
	uint8_t aes[32];            /* AES-256-CBC */
	uint8_t hmac[32];           /* HMAC-SHA-256 */
	uint32_t key_bytes;         /* 32; 16 = AES-128-CBC and a 16-byte HMAC key, from a 48-byte ssl_session_ticket_key file */
};

/**
 * Made and rotated by the master, the same in all workers: key[0] seals new tickets, all open old ones (a ticket under an older key is renewed).
 * Contexts keep the pointer, so the struct must outlive them; it may be overwritten in place between two handshakes.
 */
struct tls_tickets {
	uint32_t count;             /* usable keys; 0 = tickets are not accepted and not issued */
	struct tls_ticket_key key[TLS_TICKET_KEYS];
};

/** Put a fresh random key in front; the oldest falls out. @return false when the random generator fails. */
bool tls_tickets_rotate(struct tls_tickets *t);

/** For tls_ctx.c: the context's client hello callback, which asks `pick` of the handshake in SSL_get_app_data(). */
int tls_on_client_hello(SSL *ssl, int *alert, void *arg);

#endif
