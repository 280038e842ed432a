/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS handshakes. bufferevent_openssl drives OpenSSL until the connection stands; then the stream takes over inside the CONNECTED callback, in an order that
 * matters:
 *   1. bufferevent_disable(): deletes the level-triggered events now. Freeing alone would do so only after the callback, and an edge-triggered event added
 *      beside a level-triggered one silently stays level-triggered and spins.
 *   2. take the SSL, see that the input buffer is empty, bufferevent_free() (no CLOSE_ON_FREE: descriptor and SSL stay).
 *   3. stream_new_tls(): exchanges the socket BIO, registers one edge-triggered event, and reads once without waiting for an edge.
 */
#include "runtime/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/tls_ctx.h"

struct tls_handshake {
	struct loop *loop;
	int fd;
	SSL *ssl;
	struct bufferevent *bev;     /* NULL while peeking */
	struct event peek;           /* accepting: the first byte */
	struct timer deadline;
	struct task task;            /* reports what was found before the loop ran */
	const struct tls_handler *handler;
	const struct stream_handler *on_stream;
	void *owner;
	enum tls_failure failure;    /* for task */
	bool picked;                 /* a second ClientHello (after a retry request) asks nobody again */
	bool refused;                /* no context for this name */
};

static const char *const failures[] = {
#define X(symbol, sentence) sentence,
	TLS_FAILURES(X)
#undef X
};

const char *tls_failure_text(enum tls_failure why)
{
	return failures[why];
}

/* Release the object; what of fd and ssl shall live on must have been taken out. */
static void release(struct tls_handshake *h)
{
	timer_clear(h->loop, &h->deadline);
	loop_cancel(&h->task);
	event_del(&h->peek);
	event_debug_unassign(&h->peek);
	if (h->bev) {
		bufferevent_disable(h->bev, EV_READ | EV_WRITE);
		bufferevent_free(h->bev);
	}
	SSL_free(h->ssl);
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

static void fail(struct tls_handshake *h, enum tls_failure why, const char *text)
{
	const struct tls_handler *handler = h->handler;
	void *owner = h->owner;
	int fd = -1;

	if (why == TLS_FAIL_PLAIN) {
		fd = h->fd;
		h->fd = -1;
	}
	release(h);
	ERR_clear_error();
	handler->on_fail(owner, why, text ? text : failures[why], fd);
}

static void on_deadline(struct timer *timer)
{
	fail(container_of(timer, struct tls_handshake, deadline), TLS_FAIL_TIMEOUT, NULL);
}

static void on_task(struct task *task)
{
	struct tls_handshake *h = container_of(task, struct tls_handshake, task);

	fail(h, h->failure, NULL);
}

static void take_over(struct tls_handshake *h)
{
	const struct tls_handler *handler = h->handler;
	void *owner = h->owner;
	bool clean = evbuffer_get_length(bufferevent_get_input(h->bev)) == 0;

	bufferevent_disable(h->bev, EV_READ | EV_WRITE);
	bufferevent_free(h->bev);
	h->bev = NULL;
	if (h->handler->pick)
		SSL_set_app_data(h->ssl, NULL);
	struct stream *s = clean ? stream_new_tls(h->loop, h->fd, h->ssl, h->on_stream, owner) : NULL;
	if (!s) {
		fail(h, TLS_FAIL_MEMORY, NULL);
		return;
	}
	h->fd = -1;
	h->ssl = NULL;
	release(h);
	handler->on_done(owner, s);
}

/* The sentence that says most: why verification failed, else OpenSSL's first reason, else the system's. */
static enum tls_failure explain(struct tls_handshake *h, short what, char *buf, size_t cap)
{
	int error = errno;
	const char *reason = NULL;
	unsigned long code;
	bool eof = what & BEV_EVENT_EOF;
	long verify = SSL_get_verify_result(h->ssl);

	while ((code = bufferevent_get_openssl_error(h->bev)) != 0) {
		if (ERR_reason_error_string(code))
			reason = ERR_reason_error_string(code); /* given out newest first */
		if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			eof = true;
	}
	if (h->refused) {
		snprintf(buf, cap, "%s: no server for this name", failures[TLS_FAIL_PROTOCOL]);
		return TLS_FAIL_PROTOCOL;
	}
	if (verify != X509_V_OK && !SSL_is_server(h->ssl)) {
		snprintf(buf, cap, "certificate verify failed: %s", X509_verify_cert_error_string(verify));
		return TLS_FAIL_VERIFY;
	}
	if (eof || !reason) {
		snprintf(buf, cap, "%s%s%s", failures[TLS_FAIL_CLOSED], eof || error == 0 ? "" : ": ", eof || error == 0 ? "" : strerror(error));
		return TLS_FAIL_CLOSED;
	}
	snprintf(buf, cap, "%s: %s", failures[TLS_FAIL_PROTOCOL], reason);
	return TLS_FAIL_PROTOCOL;
}

static void on_handshake(struct bufferevent *bev, short what, void *arg)
{
	struct tls_handshake *h = arg;
	char text[256];

	(void)bev;
	loop_now(h->loop);
	if (what & BEV_EVENT_CONNECTED) {
		take_over(h);
		return;
	}
	enum tls_failure why = explain(h, what, text, sizeof(text));
	fail(h, why, text);
}

/* From here on OpenSSL reads and writes. @return false without memory */
static bool start(struct tls_handshake *h, enum bufferevent_ssl_state state)
{
	h->bev = bufferevent_openssl_socket_new(h->loop->base, h->fd, h->ssl, state, 0);
	if (!h->bev)
		return false;
	bufferevent_openssl_set_allow_dirty_shutdown(h->bev, 0);
	bufferevent_setcb(h->bev, NULL, NULL, on_handshake, h);
	return true;
}

static void fail_later(struct tls_handshake *h, enum tls_failure why)
{
	h->failure = why;
	loop_later(h->loop, &h->task);
}

/* Look at the first byte without taking it: a handshake record (RFC 8446 section 5.1), an SSLv2 hello (its first bit is set), or clear text. */
static void peek_first_byte(struct tls_handshake *h)
{
	uint8_t byte;
	ssize_t n = recv(h->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		if (event_add(&h->peek, NULL) != 0)
			fail_later(h, TLS_FAIL_MEMORY);
	} else if (n <= 0) {
		fail_later(h, TLS_FAIL_CLOSED);
	} else if (byte != 22 && !(byte & 0x80)) {
		fail_later(h, TLS_FAIL_PLAIN);
	} else if (!start(h, BUFFEREVENT_SSL_ACCEPTING)) {
		fail_later(h, TLS_FAIL_MEMORY);
	}
}

static void on_peek(evutil_socket_t fd, short what, void *arg)
{
	struct tls_handshake *h = arg;

	(void)fd;
	(void)what;
	loop_now(h->loop);
	peek_first_byte(h);
}

static struct tls_handshake *handshake_new(struct loop *loop, int fd, SSL_CTX *ctx, uint64_t timeout_ms, const struct tls_handler *handler,
					   const struct stream_handler *on_stream, void *owner)
{
	struct tls_handshake *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->loop = loop;
	h->fd = fd;
	h->ssl = SSL_new(ctx);
	h->handler = handler;
	h->on_stream = on_stream;
	h->owner = owner;
	h->deadline.fn = on_deadline;
	h->task.fn = on_task;
	if (!h->ssl || event_assign(&h->peek, loop->base, fd, EV_READ, on_peek, h) != 0) {
		SSL_free(h->ssl);
		free(h);
		ERR_clear_error();
		return NULL;
	}
	if (timeout_ms > 0)
		timer_set(loop, &h->deadline, timeout_ms);
	return h;
}

struct tls_handshake *tls_accept(struct loop *loop, int fd, SSL_CTX *first, uint64_t timeout_ms, const struct tls_handler *handler,
				 const struct stream_handler *on_stream, void *owner)
{
	struct tls_handshake *h = handshake_new(loop, fd, first, timeout_ms, handler, on_stream, owner);

	if (!h)
		return NULL;
	SSL_set_app_data(h->ssl, h);
	peek_first_byte(h);
	return h;
}

static bool is_address(const char *name)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, name, &addr) == 1 || inet_pton(AF_INET6, name, &addr) == 1;
}

/* What the certificate must say, and the name we ask for. @return false without memory or with an impossible name */
static bool set_target(SSL *ssl, const struct tls_target *target)
{
	char name[256];

	SSL_set_app_data(ssl, target->app_data);
	if (target->session)
		SSL_set_session(ssl, target->session);
	if (target->sni.len > 0 && target->sni.len < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", WSR_FMT(target->sni));
		if (!is_address(name) && SSL_set_tlsext_host_name(ssl, name) != 1)
			return false;
	}
	if (!target->verify)
		return true;
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	if (target->verify_name.len == 0)
		return true;
	if (target->verify_name.len >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", WSR_FMT(target->verify_name));
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1;
}

struct tls_handshake *tls_connect(struct loop *loop, int fd, SSL_CTX *ctx, const struct tls_target *target, uint64_t timeout_ms,
				  const struct tls_handler *handler, const struct stream_handler *on_stream, void *owner)
{
	struct tls_handshake *h = handshake_new(loop, fd, ctx, timeout_ms, handler, on_stream, owner);

	if (!h)
		return NULL;
	if (!set_target(h->ssl, target) || !start(h, BUFFEREVENT_SSL_CONNECTING)) {
		h->fd = -1; /* stays the caller's */
		release(h);
		ERR_clear_error();
		return NULL;
	}
	return h;
}

void tls_cancel(struct tls_handshake *h)
{
	release(h);
}

/* --- server names ---------------------------------------------------------------------------------------------------- */

/* host_name of a server_name extension (RFC 6066 section 3): list length, entry type 0, name length, name. */
static struct wsr_str sni_of(SSL *ssl)
{
	const unsigned char *p;
	size_t len;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &len) != 1 || len < 5)
		return WSR_STR_NULL;
	size_t list = (size_t)p[0] << 8 | p[1];
	size_t name = (size_t)p[3] << 8 | p[4];
	if (list != len - 2 || p[2] != TLSEXT_NAMETYPE_host_name || name != len - 5 || name == 0)
		return WSR_STR_NULL;
	return wsr_str((const char *)p + 5, name);
}

int tls_on_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_handshake *h = SSL_get_app_data(ssl);

	(void)arg;
	if (!h || h->picked)
		return SSL_CLIENT_HELLO_SUCCESS;
	SSL_CTX *ctx = h->handler->pick(h->owner, sni_of(ssl));
	if (!ctx) {
		h->refused = true;
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	h->picked = true;
	if (ctx != SSL_get_SSL_CTX(ssl))
		tls_ctx_switch(ssl, ctx);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* --- ticket keys ----------------------------------------------------------------------------------------------------- */

bool tls_tickets_rotate(struct tls_tickets *t)
{
	struct tls_ticket_key fresh = { .key_bytes = 32 };

	if (RAND_bytes(fresh.name, sizeof(fresh.name)) != 1 || RAND_bytes(fresh.aes, sizeof(fresh.aes)) != 1 ||
	    RAND_bytes(fresh.hmac, sizeof(fresh.hmac)) != 1)
		return false;
	memmove(&t->key[1], &t->key[0], sizeof(t->key[0]) * (TLS_TICKET_KEYS - 1));
	t->key[0] = fresh;
	if (t->count < TLS_TICKET_KEYS)
		t->count++;
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return true;
}
