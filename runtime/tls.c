/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS handshakes. The stream exists from the first byte on, with one event and our BIO, so nothing has to be handed over when the connection stands; until then its owner
 * is the handshake, which only waits for the end of it: done, failed, or out of time. The steps themselves are taken by tls_link_read() (tls_bio.c).
 */
#include "runtime/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "runtime/tls_bio.h"
#include "runtime/tls_ctx.h"

struct tls_handshake {
	struct stream *stream;       /* owned by this until the end */
	struct timer deadline;
	const struct tls_handler *handler;
	const struct stream_handler *on_stream;
	void *owner;
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

/* Release the object. @return its stream, which belongs to nobody now */
static struct stream *release(struct tls_handshake *h)
{
	struct stream *s = h->stream;

	timer_clear(s->loop, &h->deadline);
	if (s->tls)
		s->tls->handshake = NULL;
	OPENSSL_free(h);
	return s;
}

static void fail(struct tls_handshake *h, enum tls_failure why, const char *text)
{
	const struct tls_handler *handler = h->handler;
	void *owner = h->owner;

	stream_close(release(h), STREAM_CLOSE_NOW);
	handler->on_fail(owner, why, text ? text : failures[why], NULL);
}

static void on_deadline(struct timer *timer)
{
	fail(container_of(timer, struct tls_handshake, deadline), TLS_FAIL_TIMEOUT, NULL);
}

void tls_handshake_done(struct tls_handshake *h)
{
	const struct tls_handler *handler = h->handler;
	void *owner = h->owner;

	stream_set_owner(h->stream, h->on_stream, owner);
	if (handler->pick)
		SSL_set_app_data(stream_ssl(h->stream), NULL);
	handler->on_done(owner, release(h));
}

void tls_handshake_plain(struct tls_handshake *h)
{
	const struct tls_handler *handler = h->handler;
	void *owner = h->owner;

	stream_set_owner(h->stream, h->on_stream, owner);
	handler->on_fail(owner, TLS_FAIL_PLAIN, failures[TLS_FAIL_PLAIN], release(h));
}

/* Nothing comes before the handshake is done. */
static void on_data(void *owner, const uint8_t *data, size_t len)
{
	(void)owner;
	(void)data;
	(void)len;
}

/* The sentence that says most: why verification failed, else OpenSSL's first reason, else the system's. */
static void on_end(void *owner, enum stream_end end)
{
	struct tls_handshake *h = owner;
	struct stream *s = h->stream;
	long verify = SSL_get_verify_result(stream_ssl(s));
	enum tls_failure why = end == STREAM_END_TLS ? TLS_FAIL_PROTOCOL : TLS_FAIL_CLOSED;
	char text[256];

	if (h->refused)
		snprintf(text, sizeof(text), "%s: no server for this name", failures[why]);
	else if (why == TLS_FAIL_PROTOCOL && verify != X509_V_OK && !SSL_is_server(stream_ssl(s)))
		snprintf(text, sizeof(text), "certificate verify failed: %s", X509_verify_cert_error_string(verify));
	else if (why == TLS_FAIL_PROTOCOL)
		snprintf(text, sizeof(text), "%s: %s", failures[why], s->tls->why);
	else if (stream_end_is_fatal(end))
		snprintf(text, sizeof(text), "%s: %s", failures[why], strerror(s->error));
	else
		snprintf(text, sizeof(text), "%s", failures[why]);
	if (why == TLS_FAIL_PROTOCOL && verify != X509_V_OK && !SSL_is_server(stream_ssl(s)))
		why = TLS_FAIL_VERIFY;
	fail(h, why, text);
}

static const struct stream_handler shaking = { on_data, NULL, on_end };

static struct tls_handshake *handshake_new(struct loop *loop, int fd, SSL *ssl, uint64_t timeout_ms, const struct tls_handler *handler,
					   const struct stream_handler *on_stream, void *owner)
{
	struct tls_handshake *h = OPENSSL_zalloc(sizeof(*h));

	if (!h || !(h->stream = stream_new_tls(loop, fd, ssl, &shaking, h))) {
		OPENSSL_free(h);
		return NULL;
	}
	h->stream->tls->handshake = h;
	h->handler = handler;
	h->on_stream = on_stream;
	h->owner = owner;
	h->deadline.fn = on_deadline;
	if (timeout_ms > 0)
		timer_set(loop, &h->deadline, timeout_ms);
	return h;
}

struct tls_handshake *tls_accept(struct loop *loop, int fd, SSL_CTX *first, uint64_t timeout_ms, const struct tls_handler *handler,
				 const struct stream_handler *on_stream, void *owner)
{
	SSL *ssl = SSL_new(first);
	struct tls_handshake *h = ssl ? handshake_new(loop, fd, ssl, timeout_ms, handler, on_stream, owner) : NULL;

	if (!h) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(ssl);
	SSL_set_app_data(ssl, h);
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
	SSL *ssl = SSL_new(ctx);
	struct tls_handshake *h = ssl && set_target(ssl, target) ? handshake_new(loop, fd, ssl, timeout_ms, handler, on_stream, owner) : NULL;

	if (!h) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_connect_state(ssl);
	return h;
}

void tls_cancel(struct tls_handshake *h)
{
	stream_close(release(h), STREAM_CLOSE_NOW);
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

	/* From the kernel: a master without TLS listeners never sets libcrypto up. */
	if (getentropy(fresh.name, sizeof(fresh.name)) < 0 || getentropy(fresh.aes, sizeof(fresh.aes)) < 0 ||
	    getentropy(fresh.hmac, sizeof(fresh.hmac)) < 0)
		return false;
	memmove(&t->key[1], &t->key[0], sizeof(t->key[0]) * (TLS_TICKET_KEYS - 1));
	t->key[0] = fresh;
	if (t->count < TLS_TICKET_KEYS)
		t->count++;
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return true;
}
