/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of a TLS handshake: libssl's server side alone, in memory, without sockets, HTTP or an upstream.
 *
 *   handshake -c CERT -k KEY [-n COUNT]     prints CPU microseconds of the server side, full and resumed
 *
 * Client and server are joined by memory BIOs; only the time inside the server's calls is counted.
 */
#include "bench/load.h"

static SSL_SESSION *last_session;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(last_session);
	last_session = session;
	return 1;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/** Move all bytes one side has written to the other. */
static void carry(SSL *from, SSL *to)
{
	char data[16384];
	int n;

	while ((n = BIO_read(SSL_get_wbio(from), data, sizeof(data))) > 0)
		BIO_write(SSL_get_rbio(to), data, n);
}

static SSL *side(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	return ssl;
}

/** One handshake; @return CPU time of the server side. */
static uint64_t handshake(SSL_CTX *server_ctx, SSL_CTX *client_ctx, SSL_SESSION *resume, int *resumed)
{
	uint64_t start = cpu_ns(), spent;
	SSL *server = side(server_ctx), *client;
	int done = 0;
	char byte;

	SSL_set_accept_state(server);
	spent = cpu_ns() - start;
	client = side(client_ctx);
	SSL_set_connect_state(client);
	if (resume != NULL)
		SSL_set_session(client, resume);
	for (int i = 0; i < 8 && done != 1; i++) {
		SSL_do_handshake(client);
		carry(client, server);
		start = cpu_ns();
		done = SSL_do_handshake(server);
		spent += cpu_ns() - start;
		carry(server, client);
	}
	if (done != 1)
		die_tls("handshake");
	SSL_read(client, &byte, 1);  /* takes the ticket */
	*resumed += SSL_session_reused(client);
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(client);
	start = cpu_ns();
	SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(server);
	return spent + (cpu_ns() - start);
}

int main(int argc, char **argv)
{
	const char *cert = NULL, *key = NULL;
	SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = client_tls();
	uint64_t full = 0, again = 0;
	int option, count = 1000, resumed = 0, ignored = 0;

	while ((option = getopt(argc, argv, "c:k:n:")) != -1) {
		if (option == 'c')
			cert = optarg;
		else if (option == 'k')
			key = optarg;
		else if (option == 'n')
			count = atoi(optarg);
	}
	if (cert == NULL || key == NULL || count < 1) {
		fprintf(stderr, "usage: handshake -c CERT -k KEY [-n COUNT]\n");
		return 2;
	}
	if (SSL_CTX_use_certificate_chain_file(server, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(server, key, SSL_FILETYPE_PEM) != 1)
		die_tls("certificate");
	SSL_CTX_set_num_tickets(server, 1);
	SSL_CTX_sess_set_new_cb(client, on_session);
	for (int i = 0; i < count; i++) {
		SSL_SESSION *resume;

		full += handshake(server, client, NULL, &ignored);
		resume = last_session;
		last_session = NULL;
		again += handshake(server, client, resume, &resumed);
		SSL_SESSION_free(resume);
	}
	printf("{\"full_us\": %.1f, \"resumed_us\": %.1f, \"resumed\": %d, \"count\": %d}\n",
	       (double)full / count / 1000.0, (double)again / count / 1000.0, resumed, count);
	return 0;
}
