/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor: a bare epoll relay, which reads and writes each direction once and understands nothing of what it carries.
 * Clear, or with TLS towards the client (-c CERT -k KEY).  No proxy with these system calls can cost less.  With -a FILE there is no upstream: whatever
 * is read is answered with the bytes of the file, which is the floor of an answer of our own.
 *
 * TLS goes through a BIO of our own: one recv() feeds OpenSSL, the records of one write are collected and leave in one
 * send().  Reading stops while the other side has unsent bytes; an idle connection holds no buffer of ours.
 */
#include "bench/load.h"

enum {
	SCRATCH = 256 * 1024,
	READ_MAX = SCRATCH - 32 * 1024,  /* with the record OpenSSL may hold in part, still less than SCRATCH of plain text */
	CIPHER_MAX = SCRATCH + SCRATCH / 8,
	ANSWER_MAX = 4096,
	EVENTS = 256,
};

struct end {
	int fd;
	SSL *ssl;  /* NULL: clear */
	struct pair *pair;
	struct end *peer;
	char *unsent;
	size_t unsent_len;
};

struct pair {
	struct end client, upstream;
	bool dead;
	struct pair *next_dead;
};

static char plain[SCRATCH], cipher_in[SCRATCH], cipher_out[CIPHER_MAX];
static size_t cipher_in_at, cipher_in_len, cipher_out_len;
static char answer[ANSWER_MAX];
static size_t answer_len;  /* 0: relay */
static struct pair *dead_pairs;
static volatile sig_atomic_t stopping;

static int bio_read(BIO *bio, char *out, int len)
{
	size_t n = cipher_in_len - cipher_in_at;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n > (size_t)len)
		n = (size_t)len;
	memcpy(out, cipher_in + cipher_in_at, n);
	cipher_in_at += n;
	return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	BIO_clear_retry_flags(bio);
	if ((size_t)len > CIPHER_MAX - cipher_out_len)
		return -1;
	memcpy(cipher_out + cipher_out_len, data, (size_t)len);
	cipher_out_len += (size_t)len;
	return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
	(void)bio;
	(void)number;
	(void)ptr;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "relay");

	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	return method;
}

static void kill_pair(struct pair *pair)
{
	if (pair->dead)
		return;
	pair->dead = true;
	pair->next_dead = dead_pairs;
	dead_pairs = pair;
}

static void bury_dead(void)
{
	while (dead_pairs != NULL) {
		struct pair *pair = dead_pairs;

		dead_pairs = pair->next_dead;
		close(pair->client.fd);
		if (pair->upstream.fd >= 0)
			close(pair->upstream.fd);
		SSL_free(pair->client.ssl);
		free(pair->client.unsent);
		free(pair->upstream.unsent);
		free(pair);
	}
}

static void keep_unsent(struct end *e, const char *data, size_t len)
{
	char *grown = realloc(e->unsent, e->unsent_len + len);

	if (grown == NULL)
		die("realloc");
	memcpy(grown + e->unsent_len, data, len);
	e->unsent = grown;
	e->unsent_len += len;
}

static void socket_send(struct end *e, const char *data, size_t len)
{
	ssize_t n = 0;

	if (e->unsent_len == 0)
		n = send(e->fd, data, len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		kill_pair(e->pair);
	else if ((n < 0 ? 0 : (size_t)n) < len)
		keep_unsent(e, data + (n < 0 ? 0 : n), len - (n < 0 ? 0 : (size_t)n));
}

/** Send what OpenSSL has written. */
static void flush_cipher(struct end *e)
{
	if (cipher_out_len > 0)
		socket_send(e, cipher_out, cipher_out_len);
	cipher_out_len = 0;
}

static void end_write(struct end *e, const char *data, size_t len)
{
	if (e->ssl == NULL) {
		socket_send(e, data, len);
		return;
	}
	if (SSL_write(e->ssl, data, (int)len) != (int)len)
		kill_pair(e->pair);
	flush_cipher(e);
}

/** Decrypt all of cipher_in into plain; @return its length, which plain always has room for. */
static size_t decrypt(struct end *e)
{
	size_t len = 0;
	int n;

	if (!SSL_is_init_finished(e->ssl)) {
		n = SSL_do_handshake(e->ssl);
		if (n <= 0 && SSL_get_error(e->ssl, n) != SSL_ERROR_WANT_READ) {
			ERR_clear_error();
			kill_pair(e->pair);
		}
		flush_cipher(e);
		if (n <= 0)
			return 0;
	}
	while ((n = SSL_read(e->ssl, plain + len, (int)(SCRATCH - len))) > 0)
		len += (size_t)n;
	if (SSL_get_error(e->ssl, n) != SSL_ERROR_WANT_READ) {
		ERR_clear_error();
		if (len > 0)
			end_write(e->peer, plain, len);
		kill_pair(e->pair);
		return 0;
	}
	return len;
}

/** Move what the socket has to the peer. */
static void end_read(struct end *e, bool end_seen)
{
	while (!e->pair->dead && e->peer->unsent_len == 0) {
		ssize_t n = recv(e->fd, e->ssl ? cipher_in : plain, READ_MAX, 0);
		size_t len = (size_t)n;

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			kill_pair(e->pair);
			return;
		}
		if (e->ssl != NULL) {
			cipher_in_at = 0;
			cipher_in_len = (size_t)n;
			len = decrypt(e);
		}
		if (len > 0 && !e->pair->dead)
			end_write(e->peer, answer_len ? answer : plain, answer_len ? answer_len : len);
		if (n < READ_MAX && !end_seen)
			return;
	}
}

/** @return whether nothing is left unsent. */
static bool end_flush(struct end *e)
{
	ssize_t n;

	if (e->unsent_len == 0)
		return true;
	n = send(e->fd, e->unsent, e->unsent_len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		kill_pair(e->pair);
	if (n <= 0)
		return false;
	e->unsent_len -= (size_t)n;
	memmove(e->unsent, e->unsent + n, e->unsent_len);
	if (e->unsent_len > 0)
		return false;
	free(e->unsent);
	e->unsent = NULL;
	return true;
}

static void on_event(struct end *e, uint32_t events)
{
	if (e->pair->dead)
		return;
	if (e->unsent_len > 0 && (events & EPOLLOUT) && end_flush(e))
		end_read(e->peer, true);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		end_read(e, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
}

static void accept_all(int listener, int epoll, const struct sockaddr_in *upstream, SSL_CTX *tls, BIO_METHOD *method)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct pair *pair = calloc(1, sizeof(*pair));

		if (pair == NULL)
			die("calloc");
		pair->client = (struct end){.fd = fd, .pair = pair, .peer = answer_len ? &pair->client : &pair->upstream};
		pair->upstream = (struct end){.fd = answer_len ? -1 : connect_start(upstream), .pair = pair, .peer = &pair->client};
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (tls != NULL) {
			BIO *bio = BIO_new(method);

			BIO_set_init(bio, 1);
			pair->client.ssl = SSL_new(tls);
			SSL_set_bio(pair->client.ssl, bio, bio);
			SSL_set_accept_state(pair->client.ssl);
		}
		watch(epoll, fd, &pair->client);
		if (pair->upstream.fd >= 0)
			watch(epoll, pair->upstream.fd, &pair->upstream);
	}
}

static SSL_CTX *server_tls(const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		die_tls("certificate");
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_num_tickets(ctx, 1);
	return ctx;
}

static void read_answer(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (f == NULL || (answer_len = fread(answer, 1, sizeof(answer), f)) == 0)
		die(path);
	fclose(f);
}

static void on_signal(int sig)
{
	(void)sig;
	stopping = 1;
}

int main(int argc, char **argv)
{
	const char *listen_text = NULL, *upstream_text = NULL, *cert = NULL, *key = NULL;
	struct sockaddr_in address, upstream;
	struct sigaction action = {.sa_handler = on_signal};
	struct epoll_event events[EVENTS];
	SSL_CTX *tls = NULL;
	BIO_METHOD *method = NULL;
	int option, listener, epoll, on = 1;

	while ((option = getopt(argc, argv, "l:u:a:c:k:")) != -1) {
		if (option == 'l')
			listen_text = optarg;
		else if (option == 'u')
			upstream_text = optarg;
		else if (option == 'a')
			read_answer(optarg);
		else if (option == 'c')
			cert = optarg;
		else if (option == 'k')
			key = optarg;
	}
	if (listen_text == NULL || (upstream_text == NULL) != (answer_len > 0)) {
		fprintf(stderr, "usage: relay -l ADDRESS:PORT {-u ADDRESS:PORT | -a FILE} [-c CERT -k KEY]\n");
		return 2;
	}
	prepare_process();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	parse_target(listen_text, &address);
	if (upstream_text != NULL)
		parse_target(upstream_text, &upstream);
	if (cert != NULL) {
		tls = server_tls(cert, key);
		method = bio_method();
	}
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 4096) != 0)
		die("listen");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(epoll, listener, NULL);
	while (!stopping) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				accept_all(listener, epoll, &upstream, tls, method);
			else
				on_event(events[i].data.ptr, events[i].events);
		}
		bury_dead();
	}
	return 0;
}
