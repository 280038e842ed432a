/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the TLS settings in a table and the bytes of the key files to OpenSSL contexts. No file is opened here: workers have no right to. Server contexts are made at the
 * first handshake that needs them and shared by all servers with the same settings (one per tls record); only those used last are kept, since each costs some 22 KB.
 * Client contexts are made by upstream.c.
 */
#ifndef RUNTIME_TLS_CTX_H
#define RUNTIME_TLS_CTX_H

#include <openssl/ssl.h>

#include "runtime/staple.h"
#include "runtime/tls.h"
#include "runtime/tls_peer.h"
#include "table/wsr_table.h"

/** Where the contents of certificate and key files come from: the generation's key store, or a test. */
struct key_source {
	/** @return false if there is no such file; *out is borrowed for as long as the source lives */
	bool (*get)(const void *ctx, struct wsr_str path, struct wsr_str *out);
	const void *ctx;
	uint64_t serial;            /* names the source in this process: equal serials have equal contents; 0 = nothing may be remembered about it */
};

struct tls_ctxs;

#define TLS_CTXS_KEPT 2048u /* 45 MB of a worker with that many certificates in use; making one costs about as much CPU as a full handshake */

/**
 * The server contexts of one generation, none made yet.
 * @param t, tickets  borrowed, must outlive the result; tickets may be NULL (no tickets)
 * @param keep        at most so many are kept beside those that connections use; at least 1
 * @return NULL without memory
 */
struct tls_ctxs *tls_ctxs_new(const struct wsr_table *t, struct key_source keys, const struct tls_tickets *tickets, uint32_t keep);
/** Contexts made from now on staple what their settings say. @param staples  must outlive the handshakes of all contexts */
void tls_ctxs_use_staples(struct tls_ctxs *c, struct staples *staples);
/** Ask for the first TLS_STAPLES_AHEAD certificates that are to have a staple before anybody comes. */
void tls_ctxs_staple_ahead(struct tls_ctxs *c);
#define TLS_STAPLES_AHEAD 32u /* contexts; the others ask at their first handshake */

/** Handshakes and streams that still use a context keep it alive. NULL is allowed. */
void tls_ctxs_free(struct tls_ctxs *c);

/**
 * The context of a tls record, made at the first call and again when it was not used for long. Sessions in tickets outlive it, those in a cache of its own do not.
 * @param why  set on failure to a sentence (valid until the next call), else untouched; may be NULL
 * @return borrowed until the next call, connections hold their own reference; NULL when a file is missing or unusable, which tls_ctx_check() had found at load
 */
SSL_CTX *tls_ctxs_get(struct tls_ctxs *c, uint32_t tls, const char **why);

/** Make a connection whose handshake began under another context follow this one in everything: certificates, protocols, ciphers, groups, verification, tickets. */
void tls_ctx_switch(SSL *ssl, SSL_CTX *ctx);

/**
 * What the client's certificate was found to be, in the words of $ssl_client_verify: "NONE", "SUCCESS" or "FAILED:reason" (buf is used for the last). The handshake lets
 * every certificate pass so that the client can be told why in a readable answer: a server with verify_client has to ask this before it does anything else.
 * @return buf or a constant
 */
const char *tls_client_verify_text(SSL *ssl, char *buf, size_t cap);
/** Whether the handshake of a connection asked for client certificates as this context does, for the same certificate of ours: names of one connection may differ. */
bool tls_client_vouched(SSL *ssl, SSL_CTX *ctx);
/** Whether a request may go on under this verify_client setting. @param why  set when refused: "The SSL certificate error" or "No required SSL certificate was sent" */
bool tls_client_verified(SSL *ssl, enum wsr_tls_verify mode, const char **why);

/** Try one tls record without keeping anything: for `-t` and for the master before it offers a generation. @return false with a sentence in why[cap]. */
bool tls_ctx_check(const struct wsr_table *t, uint32_t tls, struct key_source keys, char *why, size_t cap);

/** The same for the TLS client settings of a proxyset record. */
bool tls_client_check(const struct wsr_table *t, uint32_t proxyset, struct key_source keys, char *why, size_t cap);

/** The settings of a TLS client; empty strings = not set. */
struct tls_client_settings {
	uint32_t protocols;         /* WSR_TLS_* */
	uint32_t verify_depth;      /* authorities between the certificate and a trusted one */
	struct wsr_str ciphers, ca, crl, certificate, key; /* the last four: contents, PEM */
	struct wsr_str ca_folder, crl_folder; /* contents */
	bool revocations;           /* certificates are looked up in the lists, of which there may be none */
	uint32_t crl_check;         /* ... how: enum wsr_crl_check, perhaps with WSR_CRL_MISSING_OK */
	enum wsr_proxy_verify verify;
	struct tls_peer_checks checks;
};

/** Settings and file contents that a proxyset record names, borrowed from table and keys. @return false with a sentence in why[cap]: a file is missing */
bool tls_client_settings_from(const struct wsr_table *t, uint32_t proxyset, struct key_source keys, struct tls_client_settings *out, char *why, size_t cap);

/** @return new reference (SSL_CTX_free), or NULL with a sentence in why[cap]. */
SSL_CTX *tls_client_ctx_new(const struct tls_client_settings *set, char *why, size_t cap);

#endif
