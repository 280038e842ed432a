/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a stream and OpenSSL: the part of a TLS stream that turns socket bytes into plain ones and back. For stream.c only.
 *
 * One recv into the worker's scratch buffer feeds OpenSSL; the records of one operation are collected and leave in one send; what the socket does not take is kept as
 * ciphertext by the stream, so no SSL_write is ever repeated. Between operations a link holds nothing but OpenSSL's state.
 */
#ifndef RUNTIME_TLS_BIO_H
#define RUNTIME_TLS_BIO_H

#include <openssl/ssl.h>

#include "runtime/stream.h"

/* Result of reading from a stream's socket or through its TLS. */
enum stream_io {
	STREAM_IO_DATA,
	STREAM_IO_AGAIN,             /* nothing now; an event will tell */
	STREAM_IO_EOF,
	STREAM_IO_TRUNCATED,         /* FIN without close_notify */
	STREAM_IO_SOCKET,            /* s->error is set */
	STREAM_IO_TLS,
};

struct tls_handshake;

struct tls_link {
	SSL *ssl;                    /* only while awake: use tls_link_ssl() */
	struct loop *loop;
	struct tls_link *next, *prev; /* in loop->awake */
	uint64_t used_ms;            /* last operation, on the loop's clock */
	uint64_t wrote_ms;           /* last write */
	uint32_t started_bytes;      /* written since the last silence, as far as it matters for the size of records */
	void *asleep;                /* idle for a while: a part of *ssl is here instead; NULL = all of it is there */
	struct tls_handshake *handshake; /* not done yet; NULL = established */
	uint8_t *kept;               /* ciphertext that was received and not yet given to OpenSSL when reading stopped; NULL = none */
	const uint8_t *in;           /* what bio_read() hands out next: in the scratch buffer during a read, in `kept` between two */
	uint32_t in_len;
	uint8_t status;              /* enum stream_io for the next read, found while gathering; DATA = none */
	uint8_t naps;                /* how often it was woken */
	bool watched;                /* in loop->awake */
	bool reading;                /* bio_read() may ask the socket */
	char *why;                   /* sentence of a TLS error; NULL = none */
};

/** Put our BIO under a connection. Takes ssl. @return NULL without memory; ssl is the caller's then. */
struct tls_link *tls_link_new(struct stream *s, SSL *ssl);
/** Release, OpenSSL's part included. The session stays resumable unless TLS itself had failed. */
void tls_link_free(struct tls_link *link);

/** Take the handshake's next steps, then decrypt into loop->plain until it is full or nothing is left. *len is set for DATA. */
enum stream_io tls_link_read(struct stream *s, size_t *len);
/** Called when reading stops for whatever reason: moves the rest out of the scratch buffer. @return false without memory. */
bool tls_link_keep(struct stream *s);
/** Encrypt and send (stream_socket_write). @return false on a TLS error, link->why says which */
bool tls_link_write(struct stream *s, const struct iovec *iov, int count);
/** What has been received and not yet delivered, as far as is known. */
bool tls_link_pending(struct stream *s);
/** Its OpenSSL object, made whole: valid until the next turn of the loop. */
SSL *tls_link_ssl(struct stream *s);
/** Send close_notify; nothing before the handshake is done. */
void tls_link_close_notify(struct stream *s);

/* What stream.c offers to tls_bio.c. */

/** One recv. Updates what is known about the socket; asks it only if it may hold more. *len is set for DATA. */
enum stream_io stream_socket_read(struct stream *s, void *buf, size_t cap, size_t *len);
/** Send now what the socket takes, keep a copy of the rest. Failures become the stream's pending end. */
void stream_socket_write(struct stream *s, const struct iovec *iov, int count);

#endif
