/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Authorities and revocation lists: see tls_authority.h. Files are read into the context's store at once; folders hang on the store as an X509_LOOKUP of our own, which
 * reads what is asked for out of memory, as X509_LOOKUP_hash_dir(3) does from a directory: a worker may not open files, and most of /etc/ssl/certs is never needed.
 */
#include "runtime/tls_authority.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/keystore.h"

BIO *tls_pem_open(struct wsr_str pem)
{
	return BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
}

bool tls_pem_end(void)
{
	unsigned long code = ERR_peek_last_error();
	bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

	if (end)
		ERR_clear_error();
	return end;
}

/* @return how many, or -1 with an error in OpenSSL's queue */
static int load_certificates(X509_STORE *store, struct wsr_str pem)
{
	BIO *bio = tls_pem_open(pem);
	X509 *cert;
	int count = 0;
	bool ok = bio;

	while (ok && (cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
		ok = X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
		count++;
	}
	BIO_free(bio);
	return ok && tls_pem_end() ? count : -1;
}

static int load_revocations(X509_STORE *store, struct wsr_str pem)
{
	BIO *bio = tls_pem_open(pem);
	X509_CRL *crl;
	int count = 0;
	bool ok = bio;

	while (ok && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		ok = X509_STORE_add_crl(store, crl) == 1;
		X509_CRL_free(crl);
		count++;
	}
	BIO_free(bio);
	return ok && tls_pem_end() ? count : -1;
}

bool tls_add_authorities(SSL_CTX *ctx, struct wsr_str pem)
{
	return tls_store_authorities(SSL_CTX_get_cert_store(ctx), pem);
}

bool tls_store_authorities(X509_STORE *store, struct wsr_str pem)
{
	return load_certificates(store, pem) > 0;
}

bool tls_add_revocations(SSL_CTX *ctx, struct wsr_str pem)
{
	return load_revocations(SSL_CTX_get_cert_store(ctx), pem) > 0;
}

bool tls_look_up_revocations(SSL_CTX *ctx, uint32_t check)
{
	unsigned long flags = (check & WSR_CRL_MODE) == WSR_CRL_CHAIN ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : X509_V_FLAG_CRL_CHECK;

	return (check & WSR_CRL_MODE) == WSR_CRL_NONE || X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), flags) == 1;
}

/* --- folders ----------------------------------------------------------------------------------------------------------- */

#define LOADED_MAX 64u /* remembered hashes; what is forgotten is read again, which changes nothing */

/* Hangs on the lookup. Contents do not change, so what was read once need not be read again. */
struct folders {
	struct wsr_str content[2];
	struct { unsigned long hash; X509_LOOKUP_TYPE type; } loaded[LOADED_MAX];
	unsigned next_loaded;
	char own[];                 /* the contents, if they were copied */
};

static bool find_file(struct wsr_str folder, const char *wanted, struct wsr_str *content)
{
	struct wsr_str name;

	while (keystore_folder_next(&folder, &name, content))
		if (wsr_str_eq(name, wsr_cstr(wanted)))
			return true;
	return false;
}

/* HASH.0, HASH.1 and so on up to the first that is not there. */
static void load_hash(X509_STORE *store, struct wsr_str folder, X509_LOOKUP_TYPE type, unsigned long hash)
{
	struct wsr_str content;
	char name[32];

	for (unsigned n = 0; snprintf(name, sizeof(name), "%08lx.%s%u", hash, type == X509_LU_CRL ? "r" : "", n) > 0 && find_file(folder, name, &content); n++)
		if (type == X509_LU_CRL)
			load_revocations(store, content);
		else
			load_certificates(store, content);
	ERR_clear_error(); /* a broken file is as good as none */
}

static bool was_loaded(struct folders *f, unsigned long hash, X509_LOOKUP_TYPE type)
{
	for (unsigned i = 0; i < LOADED_MAX; i++)
		if (f->loaded[i].type == type && f->loaded[i].hash == hash)
			return true;
	f->loaded[f->next_loaded % LOADED_MAX].type = type;
	f->loaded[f->next_loaded++ % LOADED_MAX].hash = hash;
	return false;
}

/* X509_LOOKUP_meth_set_get_by_subject(3): what is found belongs to the store; the reference that OpenSSL takes beside ours would be one too many. */
static int by_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *found)
{
	struct folders *f = X509_LOOKUP_get_method_data(lookup);
	X509_STORE *store = X509_LOOKUP_get_store(lookup);
	unsigned long hash = X509_NAME_hash_ex(name, NULL, NULL, NULL);
	int ok = 0;

	if (type != X509_LU_X509 && type != X509_LU_CRL)
		return 0;
	if (!was_loaded(f, hash, type))
		for (int i = 0; i < 2; i++)
			load_hash(store, f->content[i], type, hash);
	X509_STORE_lock(store);
	X509_OBJECT *object = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store), type, name);
	if (object && type == X509_LU_X509 && (ok = X509_OBJECT_set1_X509(found, X509_OBJECT_get0_X509(object))) == 1)
		X509_free(X509_OBJECT_get0_X509(object));
	else if (object && type == X509_LU_CRL && (ok = X509_OBJECT_set1_X509_CRL(found, X509_OBJECT_get0_X509_CRL(object))) == 1)
		X509_CRL_free(X509_OBJECT_get0_X509_CRL(object));
	X509_STORE_unlock(store);
	return ok;
}

static void free_folders(X509_LOOKUP *lookup)
{
	free(X509_LOOKUP_get_method_data(lookup));
}

/* Made once in a process. */
static X509_LOOKUP_METHOD *folder_method(void)
{
	static X509_LOOKUP_METHOD *method;

	if (!method && (method = X509_LOOKUP_meth_new("folders in memory")) != NULL) {
		X509_LOOKUP_meth_set_get_by_subject(method, by_subject);
		X509_LOOKUP_meth_set_free(method, free_folders);
	}
	return method;
}

bool tls_add_folders(SSL_CTX *ctx, struct wsr_str authorities, struct wsr_str revocations, bool copy)
{
	struct wsr_str content[2] = { authorities, revocations };
	size_t own = copy ? authorities.len + revocations.len : 0, at = 0;
	struct folders *f;

	if (authorities.len + revocations.len == 0)
		return true;
	X509_LOOKUP *lookup = folder_method() ? X509_STORE_add_lookup(SSL_CTX_get_cert_store(ctx), folder_method()) : NULL;
	if (!lookup || !(f = calloc(1, sizeof(*f) + own)))
		return false;
	for (int i = 0; i < 2; i++) {
		f->content[i] = content[i];
		if (!copy || content[i].len == 0)
			continue;
		memcpy(f->own + at, content[i].ptr, content[i].len);
		f->content[i].ptr = f->own + at;
		at += content[i].len;
	}
	X509_LOOKUP_set_method_data(lookup, f);
	return true;
}

/* --- names ------------------------------------------------------------------------------------------------------------- */

static bool add_name(STACK_OF(X509_NAME) *names, const X509_NAME *name)
{
	for (int i = 0; i < sk_X509_NAME_num(names); i++)
		if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0)
			return true;
	X509_NAME *own = X509_NAME_dup(name);
	if (own && sk_X509_NAME_push(names, own) > 0)
		return true;
	X509_NAME_free(own);
	return false;
}

bool tls_add_names(STACK_OF(X509_NAME) *names, struct wsr_str pem)
{
	BIO *bio = tls_pem_open(pem);
	X509 *cert;
	bool ok = bio;

	while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		ok = add_name(names, X509_get_subject_name(cert));
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return ok;
}

bool tls_add_folder_names(STACK_OF(X509_NAME) *names, struct wsr_str folder)
{
	struct wsr_str name, content;

	while (keystore_folder_next(&folder, &name, &content))
		if (!tls_add_names(names, content))
			return false;
	return true;
}

/* --- verification ------------------------------------------------------------------------------------------------------ */

bool tls_only_untrusted(long result)
{
	return result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	       result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || result == X509_V_ERR_CERT_UNTRUSTED;
}

/* A list that is missing is no error; one that was found before stays the result. */
static bool excused(X509_STORE_CTX *store)
{
	int error = X509_STORE_CTX_get_error(store);

	if (error == X509_V_ERR_UNABLE_TO_GET_CRL) {
		X509_STORE_CTX_set_error(store, (int)(intptr_t)X509_STORE_CTX_get_app_data(store));
		return true;
	}
	X509_STORE_CTX_set_app_data(store, (void *)(intptr_t)error);
	return false;
}

static int tolerate_missing(int ok, X509_STORE_CTX *store)
{
	return ok || excused(store);
}

static int tolerate_all(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int tolerate_all_missing(int ok, X509_STORE_CTX *store)
{
	return tolerate_missing(ok, store) | 1;
}

static int tolerate_untrusted(int ok, X509_STORE_CTX *store)
{
	if (ok || !tls_only_untrusted(X509_STORE_CTX_get_error(store)))
		return ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static int tolerate_untrusted_missing(int ok, X509_STORE_CTX *store)
{
	return tolerate_untrusted(ok, store) || excused(store);
}

SSL_verify_cb tls_verify_callback(enum tls_tolerance tolerance, uint32_t check)
{
	static const SSL_verify_cb all[][2] = {
		[TLS_TOLERATES_NOTHING] = { NULL, tolerate_missing },
		[TLS_TOLERATES_UNTRUSTED] = { tolerate_untrusted, tolerate_untrusted_missing },
		[TLS_TOLERATES_ALL] = { tolerate_all, tolerate_all_missing },
	};

	return all[tolerance][(check & WSR_CRL_MISSING_OK) != 0];
}
