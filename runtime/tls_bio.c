/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BIO under all TLS streams of the process and the operations on it. bio_read() copies from the scratch buffer, which it fills with one recv when it runs empty;
 * bio_write() appends to the worker's output buffer and cannot block.
 *
 * Invariants: the BIO belongs to the stream of the operation that is running (attach()), the only time OpenSSL uses it; loop->cipher_in belongs to the stream that reads;
 * loop->cipher_out is empty between operations; after tls_link_keep() nothing points into a scratch buffer. OpenSSL's error queue is emptied around handshakes and after
 * what failed, not before each read and write: that costs 800 instructions, an eighth of reading a short message.
 */
#include "runtime/tls_bio.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/tls.h"
#include "runtime/tls_memory.h"

#define START_BYTES        16384u   /* sent in small records after a silence */
#define START_RECORD_BYTES 4096u
#define START_AFTER_MS     1000u
#define SLEEP_AFTER_MS     500u     /* twice as long after each time that it did not last, up to 8 s */
#define SLEEP_DOUBLINGS    4u
#define SLEEP_CHECK_MS     250u
#define SLEEP_BATCH        1024u    /* connections looked at before others have their turn */

const char *tls_error_text(char *buf, size_t cap, const char *fallback)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	if (code && ERR_SYSTEM_ERROR(code)) /* a system call that OpenSSL made */
		reason = strerror(ERR_GET_REASON(code));
	snprintf(buf, cap, "%s", reason ? reason : fallback);
	ERR_clear_error();
	return buf;
}

static void drop_kept(struct tls_link *link)
{
	free(link->kept);
	link->kept = NULL;
}

/* One recv into the scratch buffer, once everything before it has been used. */
static enum stream_io fill(struct stream *s)
{
	struct tls_link *link = s->tls;
	size_t got = 0;

	drop_kept(link);
	enum stream_io io = stream_socket_read(s, s->loop->cipher_in, LOOP_SCRATCH_BYTES, &got);
	link->in = s->loop->cipher_in;
	link->in_len = (uint32_t)got;
	return io;
}

static int bio_read(BIO *bio, char *buf, int cap)
{
	struct stream *s = BIO_get_data(bio);
	struct tls_link *link = s->tls;

	BIO_clear_retry_flags(bio);
	if (cap <= 0)
		return 0;
	if (link->in_len == 0) {
		enum stream_io io = link->reading ? fill(s) : STREAM_IO_AGAIN;

		/* OpenSSL does not get to see a FIN: without close_notify it would be an error that takes the session out of the cache. read_status() looks. */
		if (io == STREAM_IO_AGAIN || io == STREAM_IO_EOF)
			BIO_set_retry_read(bio);
		if (io != STREAM_IO_DATA)
			return -1;
	}
	uint32_t n = (uint32_t)cap < link->in_len ? (uint32_t)cap : link->in_len;
	memcpy(buf, link->in, n);
	link->in += n;
	link->in_len -= n;
	return (int)n;
}

static void send_cipher(struct stream *s)
{
	struct iovec iov = { s->loop->cipher_out, s->loop->cipher_out_len };

	s->loop->cipher_out_len = 0;
	if (iov.iov_len > 0)
		stream_socket_write(s, &iov, 1);
}

static int bio_write(BIO *bio, const char *buf, int len)
{
	struct stream *s = BIO_get_data(bio);
	struct loop *loop = s->loop;

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	if ((size_t)len > LOOP_CIPHER_BYTES - loop->cipher_out_len)
		send_cipher(s);
	if ((size_t)len > LOOP_CIPHER_BYTES) {
		struct iovec iov = { (void *)(uintptr_t)buf, (size_t)len };
		stream_socket_write(s, &iov, 1);
		return len;
	}
	memcpy(loop->cipher_out + loop->cipher_out_len, buf, (size_t)len);
	loop->cipher_out_len += (size_t)len;
	return len;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	struct stream *s = BIO_get_data(bio);

	(void)num;
	(void)ptr;
	if (cmd == BIO_CTRL_FLUSH)
		return 1;
	if (cmd == BIO_CTRL_EOF)
		return s->fin;
	return 0;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	BIO_set_shutdown(bio, 0);
	return 1;
}

/* One per process, made at first use: workers have one thread, and a BIO for each connection would cost 250 bytes. */
static BIO *the_bio(void)
{
	static BIO *bio;
	BIO_METHOD *method;

	if (bio || !(method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream")))
		return bio;
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	BIO_meth_set_create(method, bio_create);
	bio = BIO_new(method);
	if (!bio)
		BIO_meth_free(method);
	return bio;
}

/* --- idle connections ------------------------------------------------------------------------------------------------------ */

static void awake_add(struct tls_link *link)
{
	struct loop *loop = link->loop;

	link->next = NULL;
	link->prev = loop->awake_last;
	if (link->prev)
		link->prev->next = link;
	else
		loop->awake = link;
	loop->awake_last = link;
	link->watched = true;
}

static void awake_remove(struct tls_link *link)
{
	struct loop *loop = link->loop;

	link->watched = false;
	if (link->prev)
		link->prev->next = link->next;
	else
		loop->awake = link->next;
	if (link->next)
		link->next->prev = link->prev;
	else
		loop->awake_last = link->prev;
}

/* Look at the ones that have waited longest: those in use go to the end, the others sleep until somebody needs them and are looked at no more. */
static void on_awake(struct timer *timer)
{
	struct loop *loop = container_of(timer, struct loop, awake_timer);
	struct tls_link *last = loop->awake_last, *link = loop->awake;

	for (unsigned i = 0; link && i < SLEEP_BATCH; i++) {
		bool done = link == last;

		awake_remove(link);
		if (loop->now_ms - link->used_ms < SLEEP_AFTER_MS << link->naps)
			awake_add(link);
		else
			link->asleep = tls_memory_sleep(link->ssl);
		link = done ? NULL : loop->awake;
	}
	if (loop->awake)
		timer_set(loop, timer, SLEEP_CHECK_MS);
}

static void watch(struct tls_link *link)
{
	struct loop *loop = link->loop;

	awake_add(link);
	if (!timer_is_set(&loop->awake_timer)) {
		loop->awake_timer.fn = on_awake;
		timer_set(loop, &loop->awake_timer, SLEEP_CHECK_MS);
	}
}

SSL *tls_link_ssl(struct stream *s)
{
	struct tls_link *link = s->tls;

	link->used_ms = s->loop->now_ms;
	if (link->watched)
		return link->ssl;
	if (link->asleep)
		tls_memory_wake(link->ssl, link->asleep); /* with sleeping about 10 us: a sixth of a message between long pauses */
	link->asleep = NULL;
	if (link->naps < SLEEP_DOUBLINGS)
		link->naps++;
	watch(link);
	return link->ssl;
}

/* --- links ------------------------------------------------------------------------------------------------------------------ */

/* What OpenSSL does next is for this stream. */
static SSL *attach(struct stream *s)
{
	BIO_set_data(the_bio(), s);
	return tls_link_ssl(s);
}

struct tls_link *tls_link_new(struct stream *s, SSL *ssl)
{
	struct tls_link *link = the_bio() ? OPENSSL_zalloc(sizeof(*link)) : NULL; /* lives and dies with OpenSSL's objects */

	if (!link)
		return NULL;
	BIO_up_ref(the_bio());
	SSL_set_bio(ssl, the_bio(), the_bio());
	SSL_set_read_ahead(ssl, 1); /* one bio_read() a record, not one for its head and one for the rest */
	link->ssl = ssl;
	link->loop = s->loop;
	link->used_ms = s->loop->now_ms;
	watch(link);
	return link;
}

void tls_link_free(struct tls_link *link)
{
	if (!link)
		return;
	if (link->asleep)
		tls_memory_wake(link->ssl, link->asleep);
	if (link->watched)
		awake_remove(link);
	/* OpenSSL takes a session out of the cache when its connection ends without close_notify; nobody cuts off our session by closing early. */
	if (!link->why)
		SSL_set_shutdown(link->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(link->ssl);
	free(link->kept);
	free(link->why);
	OPENSSL_free(link);
}

static void set_why(struct tls_link *link)
{
	char text[256];

	if (!link->why)
		link->why = strdup(tls_error_text(text, sizeof(text), "unknown"));
	ERR_clear_error();
}

/* Why an operation did not go on. */
static enum stream_io read_status(struct stream *s, int ret)
{
	struct tls_link *link = s->tls;

	/* SSL_get_error() would take an error that somebody else left in the queue for one of this connection. */
	if (SSL_want(link->ssl) == SSL_READING && BIO_should_retry(the_bio()))
		return s->fin && link->in_len == 0 ? STREAM_IO_TRUNCATED : STREAM_IO_AGAIN;
	if (SSL_get_error(link->ssl, ret) == SSL_ERROR_ZERO_RETURN)
		return STREAM_IO_EOF;
	if (s->error != 0) {
		ERR_clear_error();
		return STREAM_IO_SOCKET;
	}
	set_why(link);
	return STREAM_IO_TLS;
}

/* A handshake record (RFC 8446 section 5.1), or an SSLv2 hello, whose first bit is set. */
static bool looks_like_tls(uint8_t first_byte)
{
	return first_byte == 22 || (first_byte & 0x80);
}

/* Clear text: the stream is plain from here on. @return bytes moved into loop->plain */
static size_t turn_plain(struct stream *s)
{
	struct tls_link *link = s->tls;
	size_t len = link->in_len;

	memcpy(s->loop->plain, link->in, len);
	s->tls = NULL;
	tls_handshake_plain(link->handshake);
	tls_link_free(link);
	return len;
}

/* @return DATA: done, go on reading (*len > 0: it was no TLS, this is what came); otherwise why not */
static enum stream_io shake_hands(struct stream *s, size_t *len)
{
	struct tls_link *link = s->tls;
	SSL *ssl = attach(s);
	bool begun = !SSL_in_before(ssl), server = SSL_is_server(ssl);

	if (link->in_len == 0 && (begun || server)) { /* the client speaks first; otherwise no step without input */
		enum stream_io io = fill(s);
		if (io != STREAM_IO_DATA)
			return io == STREAM_IO_EOF ? STREAM_IO_TRUNCATED : io;
		if (!begun && !looks_like_tls(link->in[0])) {
			*len = turn_plain(s);
			return s->dead ? STREAM_IO_AGAIN : STREAM_IO_DATA;
		}
	}
	ERR_clear_error();
	link->reading = true;
	int n = SSL_do_handshake(ssl);
	link->reading = false;
	enum stream_io io = n == 1 ? STREAM_IO_DATA : read_status(s, n);
	ERR_clear_error(); /* verification may leave errors although it passed */
	send_cipher(s);
	if (n == 1) {
		tls_handshake_done(link->handshake);
		if (s->dead || s->paused)
			return STREAM_IO_AGAIN;
	}
	return io;
}

/* Whether SSL_read() could give anything: asking in vain costs as much as decrypting a short message. */
static bool may_hold_more(const struct stream *s)
{
	return s->readable || s->tls->in_len > 0 || SSL_has_pending(s->tls->ssl);
}

enum stream_io tls_link_read(struct stream *s, size_t *len)
{
	struct tls_link *link = s->tls;
	enum stream_io status = link->status;
	size_t got = 0;
	int n = 1;

	link->status = STREAM_IO_DATA;
	if (status != STREAM_IO_DATA)
		return status;
	if (link->handshake) {
		*len = 0;
		status = shake_hands(s, len);
		if (status != STREAM_IO_DATA || *len > 0)
			return status;
	}
	SSL *ssl = attach(s);
	link->reading = true;
	while (got < LOOP_SCRATCH_BYTES && n > 0 && may_hold_more(s)) {
		n = SSL_read(ssl, s->loop->plain + got, (int)(LOOP_SCRATCH_BYTES - got));
		if (n > 0)
			got += (size_t)n;
	}
	link->reading = false;
	if (n <= 0)
		status = read_status(s, n);
	else if (got < LOOP_SCRATCH_BYTES)
		status = s->fin ? STREAM_IO_TRUNCATED : STREAM_IO_AGAIN;
	send_cipher(s); /* an answer of TLS itself: key update, alert */
	if (got == 0)
		return status;
	link->status = status;
	*len = got;
	return STREAM_IO_DATA;
}

bool tls_link_pending(struct stream *s)
{
	struct tls_link *link = s->tls;

	return link->in_len > 0 || SSL_has_pending(tls_link_ssl(s)) || (link->status != STREAM_IO_DATA && link->status != STREAM_IO_AGAIN);
}

bool tls_link_keep(struct stream *s)
{
	struct tls_link *link = s->tls;

	/* An end found while gathering is not lost: it is reported when reading goes on. "Nothing now" is only true now. */
	if (link->status == STREAM_IO_AGAIN)
		link->status = STREAM_IO_DATA;
	if (link->in_len == 0) {
		drop_kept(link);
		return true;
	}
	uint8_t *rest = malloc(link->in_len);
	if (!rest)
		return false;
	memcpy(rest, link->in, link->in_len);
	drop_kept(link);
	link->kept = rest;
	link->in = rest;
	return true;
}

/*
 * A record can be decrypted only when all of it has arrived, and after a silence the first round trip carries ten segments: the first bytes leave in small records, so that the
 * peer can begin with them, the rest in records as large as allowed.
 */
static bool encrypt(struct tls_link *link, const void *buf, size_t len)
{
	while (len > 0) {
		size_t most = link->started_bytes < START_BYTES ? START_RECORD_BYTES : 1u << 30;
		int n = SSL_write(link->ssl, buf, (int)(len < most ? len : most));
		if (n <= 0) {
			set_why(link);
			return false;
		}
		if (link->started_bytes < START_BYTES)
			link->started_bytes += (uint32_t)n;
		buf = (const char *)buf + n;
		len -= (size_t)n;
	}
	return true;
}

bool tls_link_write(struct stream *s, const struct iovec *iov, int count)
{
	struct tls_link *link = s->tls;
	uint8_t *gather = s->loop->gather;
	size_t used = 0;
	bool ok = true;

	attach(s);
	if (s->loop->now_ms - link->wrote_ms >= START_AFTER_MS)
		link->started_bytes = 0;
	link->wrote_ms = s->loop->now_ms;
	for (int i = 0; i < count && ok; i++) {
		const uint8_t *p = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		while (left > 0 && ok) {
			if (used == 0 && (count == 1 || left >= LOOP_GATHER_BYTES)) {
				ok = encrypt(link, p, left);
				break;
			}
			size_t n = left < LOOP_GATHER_BYTES - used ? left : LOOP_GATHER_BYTES - used;
			memcpy(gather + used, p, n);
			used += n;
			p += n;
			left -= n;
			if (used == LOOP_GATHER_BYTES) {
				ok = encrypt(link, gather, used);
				used = 0;
			}
		}
	}
	if (ok && used > 0)
		ok = encrypt(link, gather, used);
	send_cipher(s);
	return ok;
}

void tls_link_close_notify(struct stream *s)
{
	SSL *ssl = attach(s);

	if (!SSL_is_init_finished(ssl))
		return;
	if (SSL_shutdown(ssl) < 0) /* the answer, if any, comes through SSL_read() */
		ERR_clear_error();
	send_cipher(s);
}
