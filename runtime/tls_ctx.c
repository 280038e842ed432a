/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OpenSSL contexts from settings. All server contexts are alike in what a connection takes from its first context before the server name is known (ticket keys, client
 * hello callback), so tls_ctx_switch() can move a connection to any of them.
 *
 * Invariant: two contexts accept each other's sessions only if certificates, client verification and its CA lists are equal (session id context).
 */
#include "runtime/tls_ctx.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/tls_authority.h"

#define SESSION_BYTES 4096u /* what one session counts in a cache whose size is given in bytes */

static const char alpn_ours[] = "\x08http/1.1\x08http/1.0\x08http/0.9";

/* What hangs on each server context of ours, as its app data. */
struct ctx_extra {
	const struct tls_tickets *tickets; /* the worker's, or own */
	struct tls_tickets own;      /* from ssl_session_ticket_key */
	char *curves;                /* NULL = OpenSSL's choice */
	uint32_t buffer_bytes;
	bool keeps_protocols;        /* WSR_TLS_OF_FIRST_HOST */
	unsigned char vouched[EVP_MAX_MD_SIZE]; /* the session id context */
	unsigned vouched_len;
};

/* Those with a context form a list by their last use; the neighbours are indices or WSR_NONE. */
struct kept_ctx {
	SSL_CTX *ctx;
	uint32_t newer, older;
};

struct tls_ctxs {
	const struct wsr_table *t;
	struct key_source keys;
	const struct tls_tickets *tickets;
	struct staples *staples;    /* NULL: none are asked for */
	uint32_t count;
	uint32_t keep, kept;
	uint32_t newest, oldest;
	char why[512];
	struct kept_ctx entry[];
};

/* One context in the making: where to look things up and where to say what is wrong. */
struct making {
	SSL_CTX *ctx;
	const struct wsr_table *t;
	struct key_source keys;
	struct staples *staples;
	char *why;
	size_t cap;
};

static bool refuse(struct making *m, struct wsr_str file, const char *what)
{
	char reason[256];

	snprintf(m->why, m->cap, "%.*s: %s: %s", WSR_FMT(file), what, tls_error_text(reason, sizeof(reason), "unusable"));
	return false;
}

static bool refuse_setting(struct making *m, const char *setting, struct wsr_str value)
{
	char reason[256];

	snprintf(m->why, m->cap, "%s \"%.*s\": %s", setting, WSR_FMT(value), tls_error_text(reason, sizeof(reason), "not accepted by OpenSSL"));
	return false;
}

static bool get_file(struct making *m, struct wsr_str path, struct wsr_str *content)
{
	if (m->keys.get(m->keys.ctx, path, content))
		return true;
	snprintf(m->why, m->cap, "%.*s: the file was not read", WSR_FMT(path));
	return false;
}

/* --- certificates and keys ------------------------------------------------------------------------------------------- */

static bool use_chain(SSL_CTX *ctx, struct wsr_str pem)
{
	BIO *bio = tls_pem_open(pem);
	X509 *cert = bio ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
	bool ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_clear_chain_certs(ctx) == 1;

	X509_free(cert);
	while (ok) {
		X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (!next) {
			ok = tls_pem_end();
			break;
		}
		ok = SSL_CTX_add0_chain_cert(ctx, next) == 1;
		if (!ok)
			X509_free(next);
	}
	BIO_free(bio);
	return ok;
}

/* The n-th line of the password file; asked for by OpenSSL only if the key is encrypted. */
struct passwords {
	struct wsr_str text;
	bool asked;
};

static int give_password(char *buf, int cap, int writing, void *arg)
{
	struct passwords *p = arg;
	size_t len = 0;

	(void)writing;
	p->asked = true;
	while (len < p->text.len && p->text.ptr[len] != '\n')
		len++;
	size_t skip = len < p->text.len ? len + 1 : len;
	if (len > 0 && p->text.ptr[len - 1] == '\r')
		len--;
	if (len > (size_t)cap)
		len = (size_t)cap;
	if (len > 0)
		memcpy(buf, p->text.ptr, len);
	p->text = wsr_str(p->text.ptr + skip, p->text.len - skip);
	return (int)len;
}

/* The key of the certificate that was loaded last. */
static bool use_key(SSL_CTX *ctx, struct wsr_str pem, struct wsr_str password_lines)
{
	struct passwords passwords = { password_lines, false };
	EVP_PKEY *key = NULL;

	do {
		BIO *bio = tls_pem_open(pem);
		passwords.asked = false;
		ERR_clear_error();
		key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, &passwords) : NULL;
		BIO_free(bio);
	} while (!key && passwords.asked && passwords.text.len > 0);
	/* OpenSSL has a place for each kind of key and compares only within one: a key of another kind than the certificate would load, and no handshake succeed. */
	bool ok = key && X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	EVP_PKEY_free(key);
	return ok;
}

static struct wsr_str item(struct making *m, struct wsr_list list, uint32_t i)
{
	return wsr_string(m->t, *wsr_str_item_at(m->t, list.first + i));
}

/* For certificates whose own file ends with them; the others have their chain already. */
static bool use_extra_chain(struct making *m, struct wsr_str path)
{
	struct wsr_str pem;

	if (!get_file(m, path, &pem))
		return false;
	BIO *bio = tls_pem_open(pem);
	bool ok = bio;
	for (X509 *cert; ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;) {
		ok = SSL_CTX_add_extra_chain_cert(m->ctx, cert) == 1;
		if (!ok)
			X509_free(cert);
	}
	BIO_free(bio);
	return (ok && tls_pem_end()) || refuse(m, path, "cannot load the chain");
}

static bool use_certificates(struct making *m, const struct wsr_tls *tls)
{
	struct wsr_str passwords = WSR_STR_NULL;

	if (tls->password_file && !get_file(m, wsr_string(m->t, tls->password_file), &passwords))
		return false;
	for (uint32_t i = 0; i < tls->certificates.count; i++) {
		struct wsr_str cert = item(m, tls->certificates, i), pem;
		struct wsr_str key = i < tls->keys.count ? item(m, tls->keys, i) : cert;

		if (!get_file(m, cert, &pem))
			return false;
		if (!use_chain(m->ctx, pem))
			return refuse(m, cert, "cannot load the certificate");
		if (!get_file(m, key, &pem))
			return false;
		if (!use_key(m->ctx, pem, passwords))
			return refuse(m, key, "cannot load the key");
	}
	return !tls->chain || use_extra_chain(m, wsr_string(m->t, tls->chain));
}

/* --- certificate authorities ------------------------------------------------------------------------------------------ */

/* A file or folder that may be missing: then *out is empty. */
static bool get_optional(struct making *m, wsr_sref path, struct wsr_str *out)
{
	*out = WSR_STR_NULL;
	return wsr_string(m->t, path).len == 0 || get_file(m, wsr_string(m->t, path), out);
}

static bool use_folders(struct making *m, const struct wsr_tls *tls)
{
	struct wsr_str authorities, revocations;

	return get_optional(m, tls->client_folder, &authorities) && get_optional(m, tls->crl_folder, &revocations) &&
	       tls_add_folders(m->ctx, authorities, revocations, false);
}

/* The names that clients are sent. Sources without a single one are a mistake, with which httpd does not start either. */
static bool use_names(struct making *m, const struct wsr_tls *tls)
{
	bool own = tls->names_file || tls->names_folder;
	wsr_sref file = own ? tls->names_file : tls->client_certificate, folder = own ? tls->names_folder : tls->client_folder;
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	struct wsr_str one, many;
	bool ok = names && get_optional(m, file, &one) && get_optional(m, folder, &many) && tls_add_names(names, one) && tls_add_folder_names(names, many);

	if (ok && (file || folder) && sk_X509_NAME_num(names) == 0)
		ok = refuse(m, wsr_string(m->t, file ? file : folder), "no certificate of an authority that clients could be told");
	if (ok)
		SSL_CTX_set_client_CA_list(m->ctx, names);
	else
		sk_X509_NAME_pop_free(names, X509_NAME_free);
	return ok;
}

static bool use_client_verification(struct making *m, const struct wsr_tls *tls)
{
	const struct { wsr_sref path; bool (*add)(SSL_CTX *, struct wsr_str); const char *what; } files[] = {
		{ tls->client_certificate, tls_add_authorities, "cannot load the CA certificates" },
		{ tls->trusted_certificate, tls_add_authorities, "cannot load the CA certificates" },
		{ tls->crl, tls_add_revocations, "cannot load the revocation list" },
	};
	struct wsr_str pem;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!get_optional(m, files[i].path, &pem))
			return false;
		if (wsr_string(m->t, files[i].path).len > 0 && !files[i].add(m->ctx, pem))
			return refuse(m, wsr_string(m->t, files[i].path), files[i].what);
	}
	if (!use_folders(m, tls) || ((tls->crl || tls->crl_folder) && !tls_look_up_revocations(m->ctx, tls->crl_check)))
		return false;
	if (tls->verify_client == WSR_TLS_VERIFY_OFF)
		return true;
	bool strict = tls->strict_verify && tls->verify_client != WSR_TLS_VERIFY_OPTIONAL_NO_CA;
	int mode = SSL_VERIFY_PEER | (tls->strict_verify && tls->verify_client == WSR_TLS_VERIFY_ON ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
	SSL_CTX_set_verify(m->ctx, mode, tls_verify_callback(strict ? TLS_TOLERATES_NOTHING : TLS_TOLERATES_ALL, tls->crl_check));
	SSL_CTX_set_verify_depth(m->ctx, (int)tls->verify_depth);
	return use_names(m, tls);
}

/* --- staples ---------------------------------------------------------------------------------------------------------------- */

/* @return new reference, or NULL */
static X509 *find_issuer(SSL_CTX *ctx, X509 *cert, STACK_OF(X509) *chain)
{
	X509_STORE_CTX *look = NULL;
	X509 *issuer = NULL;

	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i), cert) == X509_V_OK) {
			X509_up_ref(sk_X509_value(chain, i));
			return sk_X509_value(chain, i);
		}
	look = X509_STORE_CTX_new();
	if (look && X509_STORE_CTX_init(look, SSL_CTX_get_cert_store(ctx), NULL, NULL) == 1 && X509_STORE_CTX_get1_issuer(&issuer, look, cert) != 1)
		issuer = NULL;
	X509_STORE_CTX_free(look);
	return issuer;
}

/* Without memory for it there is no staple, which is no reason to refuse the handshake. */
static void staple(struct making *m, const struct wsr_tls *tls, X509 *cert, const struct wsr_str authorities[2])
{
	STACK_OF(X509) *chain = NULL;
	char name[128];

	SSL_CTX_get_extra_chain_certs(m->ctx, &chain);
	X509 *issuer = find_issuer(m->ctx, cert, chain);
	struct staple_settings set = {
		.name = wsr_cstr(X509_NAME_oneline(X509_get_subject_name(cert), name, sizeof(name))), .responder = wsr_string(m->t, tls->stapling_responder),
		.servers = wsr_string(m->t, tls->stapling_resolver), .trusted = { authorities[0], authorities[1] }, .verify = tls->stapling & WSR_STAPLING_VERIFY,
		.errors = tls->stapling & WSR_STAPLING_ERRORS, .try_later = tls->stapling & WSR_STAPLING_TRY_LATER,
		.revoked = tls->stapling & WSR_STAPLING_REVOKED, .timeout_ms = tls->stapling_timeout_ms,
		.valid_s = tls->stapling_valid_s, .error_s = tls->stapling_error_s, .skew_s = tls->stapling_skew_s, .max_age_s = tls->stapling_max_age_s,
	};
	staple_attach(m->staples, cert, issuer, chain, &set);
	X509_free(issuer);
	ERR_clear_error();
}

static bool use_stapling(struct making *m, const struct wsr_tls *tls)
{
	X509 *last = SSL_CTX_get0_certificate(m->ctx);
	struct wsr_str file, authorities[2];

	if (!(tls->stapling & WSR_STAPLING_ON))
		return true;
	if (!get_optional(m, tls->stapling_file, &file) || !get_optional(m, tls->client_certificate, &authorities[0]) ||
	    !get_optional(m, tls->trusted_certificate, &authorities[1]))
		return false;
	if (tls->stapling_file && !staple_file_holds(file))
		return refuse(m, wsr_string(m->t, tls->stapling_file), "no OCSP response in DER");
	SSL_CTX_set_tlsext_status_cb(m->ctx, staple_on_status);
	for (long which = SSL_CERT_SET_FIRST; SSL_CTX_set_current_cert(m->ctx, which) == 1; which = SSL_CERT_SET_NEXT)
		if (tls->stapling_file)
			staple_attach_file(SSL_CTX_get0_certificate(m->ctx), file);
		else if (m->staples)
			staple(m, tls, SSL_CTX_get0_certificate(m->ctx), authorities);
	SSL_CTX_select_current_cert(m->ctx, last);
	return true;
}

/* --- protocols, ciphers, groups ----------------------------------------------------------------------------------------- */

static bool set_protocols(SSL_CTX *ctx, uint32_t bits)
{
	static const struct { uint32_t bit; int version; uint64_t off; } all[] = {
		{ WSR_TLS_1_0, TLS1_VERSION, SSL_OP_NO_TLSv1 }, { WSR_TLS_1_1, TLS1_1_VERSION, SSL_OP_NO_TLSv1_1 },
		{ WSR_TLS_1_2, TLS1_2_VERSION, SSL_OP_NO_TLSv1_2 }, { WSR_TLS_1_3, TLS1_3_VERSION, SSL_OP_NO_TLSv1_3 },
	};
	int low = 0, high = 0;

	bits &= WSR_TLS_1_0 | WSR_TLS_1_1 | WSR_TLS_1_2 | WSR_TLS_1_3;
	if (bits == 0)
		bits = WSR_TLS_1_2 | WSR_TLS_1_3;
	for (int i = 0; i < 4; i++) {
		if (bits & all[i].bit) {
			low = low ? low : all[i].version;
			high = all[i].version;
			SSL_CTX_clear_options(ctx, all[i].off);
		} else {
			SSL_CTX_set_options(ctx, all[i].off);
		}
	}
	return SSL_CTX_set_min_proto_version(ctx, low) == 1 && SSL_CTX_set_max_proto_version(ctx, high) == 1;
}

static bool use_dhparam(struct making *m, struct wsr_str path)
{
	struct wsr_str pem;

	if (path.len == 0)
		return true;
	if (!get_file(m, path, &pem))
		return false;
	BIO *bio = tls_pem_open(pem);
	EVP_PKEY *params = bio ? PEM_read_bio_Parameters(bio, NULL) : NULL;
	BIO_free(bio);
	if (params && SSL_CTX_set0_tmp_dh_pkey(m->ctx, params) == 1)
		return true;
	EVP_PKEY_free(params);
	return refuse(m, path, "cannot load the DH parameters");
}

static bool use_ciphers(struct making *m, const struct wsr_tls *tls, struct ctx_extra *extra)
{
	struct wsr_str ciphers = wsr_string(m->t, tls->ciphers), curves = wsr_string(m->t, tls->curves), suites = wsr_string(m->t, tls->ciphersuites);

	if (!set_protocols(m->ctx, tls->protocols)) {
		snprintf(m->why, m->cap, "ssl_protocols: not accepted by OpenSSL");
		return false;
	}
	if (ciphers.len > 0 && SSL_CTX_set_cipher_list(m->ctx, ciphers.ptr) != 1)
		return refuse_setting(m, "ssl_ciphers", ciphers);
	if (suites.len > 0 && SSL_CTX_set_ciphersuites(m->ctx, suites.ptr) != 1)
		return refuse_setting(m, "SSLCipherSuite TLSv1.3", suites);
	if (curves.len > 0 && !wsr_str_eq(curves, WSR_STR("auto"))) {
		if (SSL_CTX_set1_groups_list(m->ctx, curves.ptr) != 1)
			return refuse_setting(m, "ssl_ecdh_curve", curves);
		extra->curves = strdup(curves.ptr);
	}
	if (tls->prefer_server_ciphers)
		SSL_CTX_set_options(m->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	return use_dhparam(m, wsr_string(m->t, tls->dhparam));
}

/* --- sessions ------------------------------------------------------------------------------------------------------------ */

/* Looked up by name once in a process: EVP_aes_256_cbc() would be at every ticket. */
static const EVP_CIPHER *ticket_cipher(uint32_t key_bytes)
{
	static EVP_CIPHER *aes_128, *aes_256;
	EVP_CIPHER **cipher = key_bytes == 16 ? &aes_128 : &aes_256;

	if (!*cipher)
		*cipher = EVP_CIPHER_fetch(NULL, key_bytes == 16 ? "AES-128-CBC" : "AES-256-CBC", NULL);
	return *cipher;
}

/* Ticket key callback (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)): 1 = use, 2 = use and renew, 0 = no ticket, -1 = error. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	const struct ctx_extra *extra = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct tls_tickets *t = extra ? extra->tickets : NULL;
	uint32_t i = 0, count = t ? t->count : 0;

	if (count > TLS_TICKET_KEYS)
		count = TLS_TICKET_KEYS;
	if (!sealing)
		while (i < count && memcmp(name, t->key[i].name, sizeof(t->key[i].name)) != 0)
			i++;
	if (i >= count)
		return 0;
	const struct tls_ticket_key *k = &t->key[i];
	const EVP_CIPHER *aes = ticket_cipher(k->key_bytes);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->hmac, k->key_bytes),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	if (sealing) {
		memcpy(name, k->name, sizeof(k->name));
		if (RAND_bytes(iv, 16) != 1)
			return -1;
	}
	if (!aes || EVP_CipherInit_ex(cipher, aes, NULL, k->aes, iv, sealing) != 1 || EVP_MAC_CTX_set_params(mac, params) != 1)
		return -1;
	/* A TLS 1.3 client uses a ticket once (RFC 8446 appendix C.4), so it gets the next one each time. */
	return sealing || (i == 0 && SSL_version(ssl) != TLS1_3_VERSION) ? 1 : 2;
}

/* ssl_session_ticket_key: 80 bytes (name, HMAC, AES-256) or 48 (name, HMAC, AES-128). */
static bool use_ticket_files(struct making *m, const struct wsr_tls *tls, struct ctx_extra *extra)
{
	for (uint32_t i = 0; i < tls->ticket_keys.count && i < TLS_TICKET_KEYS; i++) {
		struct wsr_str path = item(m, tls->ticket_keys, i), content;
		struct tls_ticket_key *k = &extra->own.key[i];

		if (!get_file(m, path, &content))
			return false;
		if (content.len != 80 && content.len != 48) {
			snprintf(m->why, m->cap, "%.*s: a session ticket key has 80 or 48 bytes, this file %zu", WSR_FMT(path), content.len);
			return false;
		}
		k->key_bytes = content.len == 80 ? 32 : 16;
		memcpy(k->name, content.ptr, 16);
		memcpy(k->hmac, content.ptr + 16, k->key_bytes);
		memcpy(k->aes, content.ptr + 16 + k->key_bytes, k->key_bytes);
		extra->own.count = i + 1;
		extra->tickets = &extra->own;
	}
	return true;
}

static void digest_str(EVP_MD_CTX *md, struct wsr_str s)
{
	uint64_t len = s.len;

	EVP_DigestUpdate(md, &len, sizeof(len));
	EVP_DigestUpdate(md, s.ptr ? s.ptr : "", s.len);
}

static void digest_file(struct making *m, EVP_MD_CTX *md, struct wsr_str path)
{
	struct wsr_str content = WSR_STR_NULL;

	if (path.len > 0)
		m->keys.get(m->keys.ctx, path, &content);
	digest_str(md, content);
}

/* Names what a session vouches for: server certificates and how clients were verified. Equal in all workers and after a reload that changes none of it. */
static bool use_session_context(struct making *m, const struct wsr_tls *tls, struct ctx_extra *extra)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1) {
		for (uint32_t i = 0; i < tls->certificates.count; i++)
			digest_file(m, md, item(m, tls->certificates, i));
		const uint32_t how[] = { tls->certificates.count, tls->verify_client, tls->verify_depth, tls->strict_verify, tls->crl_check };
		EVP_DigestUpdate(md, how, sizeof(how));
		digest_file(m, md, wsr_string(m->t, tls->client_certificate));
		digest_file(m, md, wsr_string(m->t, tls->trusted_certificate));
		digest_file(m, md, wsr_string(m->t, tls->crl));
		digest_file(m, md, wsr_string(m->t, tls->client_folder));
		digest_file(m, md, wsr_string(m->t, tls->crl_folder));
		EVP_DigestFinal_ex(md, extra->vouched, &extra->vouched_len);
	}
	EVP_MD_CTX_free(md);
	return extra->vouched_len > 0 && SSL_CTX_set_session_id_context(m->ctx, extra->vouched, extra->vouched_len) == 1;
}

static bool use_sessions(struct making *m, const struct wsr_tls *tls, struct ctx_extra *extra)
{
	bool cached = tls->session_cache == WSR_TLS_CACHE_BUILTIN || tls->session_cache == WSR_TLS_CACHE_SHARED;

	if (!use_ticket_files(m, tls, extra))
		return false;
	SSL_CTX_set_num_tickets(m->ctx, 1); /* one per full TLS 1.3 handshake is enough for a client that comes back */
	if (!tls->session_tickets)
		SSL_CTX_set_options(m->ctx, SSL_OP_NO_TICKET);
	/* With tickets the session is with the client; a cache of this worker's own serves those that have none. */
	SSL_CTX_set_session_cache_mode(m->ctx, cached ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
	if (cached && tls->session_cache_bytes > 0)
		SSL_CTX_sess_set_cache_size(m->ctx, tls->session_cache_bytes / SESSION_BYTES + 1);
	if (tls->session_timeout_ms > 0)
		SSL_CTX_set_timeout(m->ctx, (long)(tls->session_timeout_ms / 1000));
	SSL_CTX_set_tlsext_ticket_key_evp_cb(m->ctx, on_ticket);
	return use_session_context(m, tls, extra);
}

/* --- server contexts ------------------------------------------------------------------------------------------------------- */

/* No protocol in common ends the handshake, as in nginx 1.22 (RFC 7301 section 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len, void *arg)
{
	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, (const unsigned char *)alpn_ours, sizeof(alpn_ours) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

/* The name was dealt with in the client hello; this only makes OpenSSL acknowledge and remember it. */
static int on_servername(SSL *ssl, int *alert, void *arg)
{
	(void)ssl;
	(void)alert;
	(void)arg;
	return SSL_TLSEXT_ERR_OK;
}

static void free_extra(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long num, void *arg)
{
	struct ctx_extra *extra = ptr;

	(void)parent;
	(void)data;
	(void)index;
	(void)num;
	(void)arg;
	if (!extra)
		return;
	free(extra->curves);
	OPENSSL_cleanse(&extra->own, sizeof(extra->own));
	free(extra);
}

/* Index of our own ex_data, which OpenSSL releases with the context; made once in a process. */
static int extra_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_extra);
	return index;
}

static bool use_common(struct making *m, const struct wsr_tls *tls, struct ctx_extra *extra)
{
	SSL_CTX_set_app_data(m->ctx, extra);
	SSL_CTX_set_mode(m->ctx, SSL_MODE_RELEASE_BUFFERS);
	/* TLS 1.2 renegotiation would let a peer make us work for nothing (CVE-2011-1473). */
	SSL_CTX_set_options(m->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_SINGLE_DH_USE | SSL_OP_SINGLE_ECDH_USE);
	SSL_CTX_set_client_hello_cb(m->ctx, tls_on_client_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(m->ctx, on_servername);
	SSL_CTX_set_alpn_select_cb(m->ctx, on_alpn, NULL);
	extra->buffer_bytes = tls->buffer_bytes >= 512 && tls->buffer_bytes <= 16384 ? tls->buffer_bytes : 16384;
	return SSL_CTX_set_max_send_fragment(m->ctx, extra->buffer_bytes) == 1;
}

static SSL_CTX *server_ctx(const struct wsr_table *t, uint32_t index, struct key_source keys, const struct tls_tickets *tickets, struct staples *staples, char *why,
			   size_t cap)
{
	const struct wsr_tls *tls = wsr_tls_at(t, index);
	struct making m = { SSL_CTX_new(TLS_server_method()), t, keys, staples, why, cap };
	struct ctx_extra *extra = calloc(1, sizeof(*extra));

	snprintf(why, cap, "out of memory");
	ERR_clear_error();
	if (!m.ctx || !extra || extra_index() < 0 || SSL_CTX_set_ex_data(m.ctx, extra_index(), extra) != 1) {
		free(extra);
		SSL_CTX_free(m.ctx);
		return NULL;
	}
	extra->tickets = tickets;
	extra->keeps_protocols = tls->protocols & WSR_TLS_OF_FIRST_HOST;
	if (use_common(&m, tls, extra) && use_ciphers(&m, tls, extra) && use_certificates(&m, tls) && use_client_verification(&m, tls) &&
	    use_stapling(&m, tls) && use_sessions(&m, tls, extra))
		return m.ctx;
	SSL_CTX_free(m.ctx);
	ERR_clear_error();
	return NULL;
}

struct tls_ctxs *tls_ctxs_new(const struct wsr_table *t, struct key_source keys, const struct tls_tickets *tickets, uint32_t keep)
{
	uint32_t count = wsr_tls_count(t);
	struct tls_ctxs *c = calloc(1, sizeof(*c) + sizeof(c->entry[0]) * count);

	if (!c)
		return NULL;
	c->t = t;
	c->keys = keys;
	c->tickets = tickets;
	c->count = count;
	c->keep = keep;
	c->newest = c->oldest = WSR_NONE;
	return c;
}

void tls_ctxs_use_staples(struct tls_ctxs *c, struct staples *staples)
{
	c->staples = staples;
}

void tls_ctxs_staple_ahead(struct tls_ctxs *c)
{
	for (uint32_t i = 0, ahead = 0; i < c->count && ahead < TLS_STAPLES_AHEAD; i++)
		if (wsr_tls_at(c->t, i)->stapling & WSR_STAPLING_ON && !wsr_tls_at(c->t, i)->stapling_file)
			ahead += tls_ctxs_get(c, i, NULL) != NULL;
}

void tls_ctxs_free(struct tls_ctxs *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->count; i++)
		SSL_CTX_free(c->entry[i].ctx);
	free(c);
}

static void unlink_entry(struct tls_ctxs *c, uint32_t i)
{
	const struct kept_ctx *e = &c->entry[i];

	*(e->newer == WSR_NONE ? &c->newest : &c->entry[e->newer].older) = e->older;
	*(e->older == WSR_NONE ? &c->oldest : &c->entry[e->older].newer) = e->newer;
}

static void link_newest(struct tls_ctxs *c, uint32_t i)
{
	c->entry[i].newer = WSR_NONE;
	c->entry[i].older = c->newest;
	*(c->newest == WSR_NONE ? &c->oldest : &c->entry[c->newest].newer) = i;
	c->newest = i;
}

static void drop_oldest(struct tls_ctxs *c)
{
	uint32_t i = c->oldest;

	unlink_entry(c, i);
	SSL_CTX_free(c->entry[i].ctx);
	c->entry[i].ctx = NULL;
	c->kept--;
}

SSL_CTX *tls_ctxs_get(struct tls_ctxs *c, uint32_t tls, const char **why)
{
	struct kept_ctx *e = &c->entry[tls];

	if (e->ctx) {
		unlink_entry(c, tls);
		link_newest(c, tls);
		return e->ctx;
	}
	e->ctx = server_ctx(c->t, tls, c->keys, c->tickets, c->staples, c->why, sizeof(c->why));
	if (e->ctx) {
		link_newest(c, tls);
		if (++c->kept > c->keep)
			drop_oldest(c);
	} else if (why) {
		*why = c->why;
	}
	return e->ctx;
}

bool tls_ctx_check(const struct wsr_table *t, uint32_t tls, struct key_source keys, char *why, size_t cap)
{
	SSL_CTX *ctx = server_ctx(t, tls, keys, NULL, NULL, why, cap);

	SSL_CTX_free(ctx);
	return ctx != NULL;
}

void tls_ctx_switch(SSL *ssl, SSL_CTX *ctx)
{
	const struct ctx_extra *extra = SSL_CTX_get_app_data(ctx);
	uint64_t kept = extra->keeps_protocols ? SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3 : 0;

	SSL_set_SSL_CTX(ssl, ctx);
	SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(ctx) & ~kept);
	SSL_set_options(ssl, SSL_CTX_get_options(ctx) & ~kept);
	if (!kept) {
		SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(ctx));
		SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(ctx));
	}
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
	SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(ctx));
	SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(ctx));
	SSL_set_max_send_fragment(ssl, extra->buffer_bytes);
	if (extra->curves)
		SSL_set1_groups_list(ssl, extra->curves);
}

/* --- client certificates ---------------------------------------------------------------------------------------------------- */

const char *tls_client_verify_text(SSL *ssl, char *buf, size_t cap)
{
	long result = SSL_get_verify_result(ssl);

	if (!SSL_get0_peer_certificate(ssl))
		return "NONE";
	if (result == X509_V_OK)
		return "SUCCESS";
	snprintf(buf, cap, "FAILED:%s", X509_verify_cert_error_string(result));
	return buf;
}

bool tls_client_vouched(SSL *ssl, SSL_CTX *ctx)
{
	const struct ctx_extra *had = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), *wanted = SSL_CTX_get_app_data(ctx);

	return had->vouched_len == wanted->vouched_len && memcmp(had->vouched, wanted->vouched, had->vouched_len) == 0;
}

bool tls_client_verified(SSL *ssl, enum wsr_tls_verify mode, const char **why)
{
	long result = SSL_get_verify_result(ssl);

	if (mode == WSR_TLS_VERIFY_OFF)
		return true;
	if (!SSL_get0_peer_certificate(ssl)) {
		if (mode != WSR_TLS_VERIFY_ON)
			return true;
		*why = "No required SSL certificate was sent";
		return false;
	}
	if (result == X509_V_OK || (mode == WSR_TLS_VERIFY_OPTIONAL_NO_CA && tls_only_untrusted(result)))
		return true;
	*why = "The SSL certificate error";
	return false;
}

/* --- contexts towards upstreams ------------------------------------------------------------------------------------------------ */

SSL_CTX *tls_client_ctx_new(const struct tls_client_settings *set, char *why, size_t cap)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	const char *what = NULL;
	char reason[256];

	ERR_clear_error();
	if (!ctx)
		what = "out of memory";
	else if (!set_protocols(ctx, set->protocols))
		what = "proxy_ssl_protocols";
	else if (set->ciphers.len > 0 && SSL_CTX_set_cipher_list(ctx, set->ciphers.ptr) != 1)
		what = "proxy_ssl_ciphers";
	else if (set->ca.len > 0 && !tls_add_authorities(ctx, set->ca))
		what = "proxy_ssl_trusted_certificate";
	else if (set->crl.len > 0 && !tls_add_revocations(ctx, set->crl))
		what = "proxy_ssl_crl";
	else if (!tls_add_folders(ctx, set->ca_folder, set->crl_folder, true) || (set->revocations && !tls_look_up_revocations(ctx, set->crl_check)))
		what = "out of memory";
	else if (set->certificate.len > 0 && !use_chain(ctx, set->certificate))
		what = "proxy_ssl_certificate";
	else if (set->certificate.len > 0 && !use_key(ctx, set->key, WSR_STR_NULL))
		what = "proxy_ssl_certificate_key";
	if (what) {
		snprintf(why, cap, "%s: %s", what, tls_error_text(reason, sizeof(reason), "unusable"));
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (set->verify != WSR_PROXY_VERIFY_OFF)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER,
				   tls_verify_callback(set->verify == WSR_PROXY_VERIFY_CHAIN_NO_CA ? TLS_TOLERATES_UNTRUSTED : TLS_TOLERATES_NOTHING, set->crl_check));
	SSL_CTX_set_verify_depth(ctx, (int)set->verify_depth);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	return ctx;
}

bool tls_client_settings_from(const struct wsr_table *t, uint32_t proxyset, struct key_source keys, struct tls_client_settings *out, char *why, size_t cap)
{
	const struct wsr_proxyset *p = wsr_proxyset_at(t, proxyset);
	const struct { wsr_sref path; struct wsr_str *to; } files[] = {
		{ p->proxy_ssl_trusted_certificate.v, &out->ca },
		{ p->proxy_ssl_crl.v, &out->crl },
		{ p->proxy_ssl_certificate.v, &out->certificate },
		{ p->proxy_ssl_certificate_key.v, &out->key },
		{ p->proxy_ssl_trusted_folder.v, &out->ca_folder },
		{ p->proxy_ssl_crl_folder.v, &out->crl_folder },
	};

	*out = (struct tls_client_settings){ .protocols = (uint32_t)p->proxy_ssl_protocols, .verify_depth = (uint32_t)p->proxy_ssl_verify_depth,
					     .ciphers = wsr_string(t, p->proxy_ssl_ciphers.v), .verify = (enum wsr_proxy_verify)p->proxy_ssl_verify };
	out->crl_check = (uint32_t)p->proxy_ssl_crl_check;
	out->revocations = p->proxy_ssl_crl.v || p->proxy_ssl_crl_folder.v;
	out->checks.name = p->proxy_ssl_check_name == WSR_PEER_CHECK_ON || (p->proxy_ssl_check_name == WSR_PEER_CHECK_DEFAULT && p->proxy_ssl_check_cn != WSR_PEER_CHECK_OFF);
	out->checks.cn = p->proxy_ssl_check_cn == WSR_PEER_CHECK_ON;
	out->checks.dates = p->proxy_ssl_check_expire != WSR_PEER_CHECK_OFF;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct wsr_str path = wsr_string(t, files[i].path);
		if (path.len > 0 && !keys.get(keys.ctx, path, files[i].to)) {
			snprintf(why, cap, "%.*s: the file was not read", WSR_FMT(path));
			return false;
		}
	}
	return true;
}

bool tls_client_check(const struct wsr_table *t, uint32_t proxyset, struct key_source keys, char *why, size_t cap)
{
	struct tls_client_settings set;

	if (!tls_client_settings_from(t, proxyset, keys, &set, why, cap))
		return false;
	SSL_CTX *ctx = tls_client_ctx_new(&set, why, cap);
	SSL_CTX_free(ctx);
	return ctx != NULL;
}
