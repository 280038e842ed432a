/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Certificates made at run time, a hand-made table with a few tls records, and connections in memory, for tests of TLS.
 */
#ifndef TLS_WORLD_H
#define TLS_WORLD_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "runtime/tls_ctx.h"

/* --- certificates and a table ------------------------------------------------------------------------------------------- */

struct pem {
	char path[32];
	char text[4096];
};
static struct pem files[8];
static int file_count;

static bool get_file(const void *ctx, struct wsr_str path, struct wsr_str *out)
{
	(void)ctx;
	for (int i = 0; i < file_count; i++)
		if (wsr_str_eq(path, wsr_cstr(files[i].path))) {
			*out = wsr_cstr(files[i].text);
			return true;
		}
	return false;
}
static const struct key_source keys = { get_file, NULL, 0 };

static void add_file(const char *path, BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);
	struct pem *f = &files[file_count++];

	assert_true(len < (long)sizeof(f->text));
	snprintf(f->path, sizeof(f->path), "%s", path);
	memcpy(f->text, text, (size_t)len);
	BIO_free(bio);
}

/* NAME.crt and NAME.key, self-signed for `dns`. */
static void add_certificate(const char *name, const char *dns)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	char text[128];
	BIO *bio;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)dns, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	snprintf(text, sizeof(text), "DNS:%s", dns);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, x);
	snprintf(text, sizeof(text), "%s.crt", name);
	add_file(text, bio);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	snprintf(text, sizeof(text), "%s.key", name);
	add_file(text, bio);
	X509_free(x);
	EVP_PKEY_free(key);
}

static struct wsr_table table;
static char strings[2048] = { 0 };
static uint32_t strings_len = 8;
static wsr_sref items[16];
static uint32_t item_count;
static struct wsr_tls records[8];
static uint32_t record_count;

static wsr_sref add_string(const char *s)
{
	uint32_t len = (uint32_t)strlen(s), at = strings_len;

	memcpy(strings + at, &len, 4);
	memcpy(strings + at + 4, s, len + 1);
	strings_len = (at + 4 + len + 1 + 3) & ~3u;
	return at;
}

static struct wsr_tls *add_record(const char *crt, const char *key)
{
	struct wsr_tls *tls = &records[record_count++];

	tls->certificates = (struct wsr_list){ item_count, 1 };
	items[item_count++] = add_string(crt);
	tls->keys = (struct wsr_list){ item_count, 1 };
	items[item_count++] = add_string(key);
	tls->protocols = WSR_TLS_1_2 | WSR_TLS_1_3;
	tls->session_tickets = 1;
	tls->session_timeout_ms = 300000;
	tls->buffer_bytes = 16384;
	table.section[WSR_SECTION_tls].count = record_count;
	return tls;
}

enum { A, B_TLS12, BROKEN, ONE_PROTOCOL_13, VERIFY_CLIENT };

static int make_world(void **state)
{
	(void)state;
	add_certificate("a", "a.example");
	add_certificate("b", "b.example");
	table.section[WSR_SECTION_string].base = (uint8_t *)strings;
	table.section[WSR_SECTION_str_item].base = (uint8_t *)items;
	table.section[WSR_SECTION_str_item].stride = sizeof(items[0]);
	table.section[WSR_SECTION_tls].base = (uint8_t *)records;
	table.section[WSR_SECTION_tls].stride = sizeof(records[0]);
	add_record("a.crt", "a.key");
	add_record("b.crt", "b.key")->protocols = WSR_TLS_1_2;
	add_record("a.crt", "b.key");
	add_record("b.crt", "b.key")->protocols = WSR_TLS_1_3;
	struct wsr_tls *v = add_record("a.crt", "a.key");
	v->verify_client = WSR_TLS_VERIFY_ON;
	v->verify_depth = 1;
	v->client_certificate = add_string("b.crt");
	return 0;
}

/* --- both ends in memory ------------------------------------------------------------------------------------------------- */

struct tls_pair {
	SSL *server, *client;
	SSL_CTX *client_ctx;
};

static inline SSL *pair_end(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	return ssl;
}

static inline void pair_open(struct tls_pair *p, SSL_CTX *server_ctx)
{
	struct tls_client_settings settings = { .verify = false };
	char why[256];

	p->client_ctx = tls_client_ctx_new(&settings, why, sizeof(why));
	p->server = pair_end(server_ctx);
	p->client = pair_end(p->client_ctx);
	SSL_set_accept_state(p->server);
	SSL_set_connect_state(p->client);
}

/* What one end has written is there for the other to read. */
static inline void pair_carry(SSL *from, SSL *to)
{
	char data[16384];
	int n;

	while ((n = BIO_read(SSL_get_wbio(from), data, sizeof(data))) > 0)
		assert_int_equal(BIO_write(SSL_get_rbio(to), data, n), n);
}

static inline void pair_handshake(struct tls_pair *p)
{
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(p->client);
		pair_carry(p->client, p->server);
		SSL_do_handshake(p->server);
		pair_carry(p->server, p->client);
	}
	SSL_do_handshake(p->client);
}

static inline void pair_message(SSL *from, SSL *to)
{
	char buf[16];

	assert_int_equal(SSL_write(from, "message", 7), 7);
	pair_carry(from, to);
	assert_int_equal(SSL_read(to, buf, sizeof(buf)), 7);
	assert_memory_equal(buf, "message", 7);
}

static inline void pair_close(struct tls_pair *p)
{
	SSL_free(p->server);
	SSL_free(p->client);
	SSL_CTX_free(p->client_ctx);
}

#endif
