/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom one end of TLS trusts: authorities and revocation lists of an OpenSSL context, from the contents of files and folders, and what is made of a certificate that
 * does not pass. Used for contexts towards clients and towards upstreams.
 *
 * A folder is one for OpenSSL (openssl rehash): a certificate is looked for in the files HASH.0, HASH.1, ..., a list in HASH.r0, ..., when a chain needs it.
 */
#ifndef RUNTIME_TLS_AUTHORITY_H
#define RUNTIME_TLS_AUTHORITY_H

#include <openssl/ssl.h>

#include "table/wsr_format.h"
#include "table/wsr_str.h"

/** PEM text as a BIO for PEM_read_bio_*(); NULL without memory. */
BIO *tls_pem_open(struct wsr_str pem);
/** Did reading end because there was no more? PEM_read_*() reports that as "no start line"; all else is an error, which stays in the queue. */
bool tls_pem_end(void);

/** Trust the certificates of a file. @return false when it has none or a broken one */
bool tls_add_authorities(SSL_CTX *ctx, struct wsr_str pem);
/** The same for a store of one's own. */
bool tls_store_authorities(X509_STORE *store, struct wsr_str pem);
/** Take the lists of a file; see tls_look_up_revocations(). @return false when it has none or a broken one */
bool tls_add_revocations(SSL_CTX *ctx, struct wsr_str pem);
/**
 * Look for authorities and revocation lists in these folders (as of keystore_folder_next(), empty = none), as httpd in both for both.
 * @param copy  the contents are copied; otherwise they must outlive every handshake of the context
 */
bool tls_add_folders(SSL_CTX *ctx, struct wsr_str authorities, struct wsr_str revocations, bool copy);
/** From now on certificates are looked up in the lists. @param check  enum wsr_crl_check, perhaps with WSR_CRL_MISSING_OK */
bool tls_look_up_revocations(SSL_CTX *ctx, uint32_t check);

/** Add the names of all certificates of a file, each once; what cannot be read is passed over, as by httpd. @return false without memory */
bool tls_add_names(STACK_OF(X509_NAME) *names, struct wsr_str pem);
/** The same for all files of a folder. */
bool tls_add_folder_names(STACK_OF(X509_NAME) *names, struct wsr_str folder);

/** Results that "optional_no_ca" lets through: the chain does not end in something we trust. */
bool tls_only_untrusted(long result);

/** What passes the handshake although OpenSSL objects; the result of the verification stays. */
enum tls_tolerance {
	TLS_TOLERATES_NOTHING,
	TLS_TOLERATES_UNTRUSTED,    /* what tls_only_untrusted() names; the result is X509_V_OK then */
	TLS_TOLERATES_ALL,          /* the server answers 400 with the reason, see tls_client_verified() */
};
/** The callback for SSL_CTX_set_verify(). @param check  as for tls_look_up_revocations() */
SSL_verify_cb tls_verify_callback(enum tls_tolerance tolerance, uint32_t check);

#endif
