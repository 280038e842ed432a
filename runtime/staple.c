/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Staples: see staple.h. One entry a certificate and its settings, found by their digest; certificates of contexts refer to it by their ex_data, which OpenSSL releases with
 * them.
 *
 *   no question -> asking -> good (until refresh_ms) -> asking ...
 *                        \-> error (until refresh_ms) -> asking ...   a good response stays in use beside it for as long as it is valid
 */
#include "runtime/staple.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/ocsp_query.h"
#include "runtime/tls.h"
#include "runtime/tls_authority.h"

#define BUCKETS 256u
#define MIN_REFRESH_MS 1000u    /* responses that live shorter than two seconds are not followed any faster */

struct der {
	unsigned char *bytes;       /* OpenSSL's memory; NULL = none */
	int len;
};

struct staple {
	struct staple *next;
	struct staples *owner;
	unsigned char key[SHA256_DIGEST_LENGTH];
	uint32_t refs;              /* certificate objects */
	uint64_t last_used_ms;
	struct staple_settings set; /* without `trusted` and `responder`; name and servers point into `text` */
	struct ocsp_address at;     /* host NULL: nobody to ask */
	OCSP_CERTID *id;
	X509 *issuer;
	STACK_OF(X509) *chain;      /* with the issuer */
	X509_STORE *store;          /* with set.verify */
	struct ocsp_query *query;
	uint64_t refresh_ms;        /* on the loop's clock: ask from then on */
	struct der good, error;
	time_t good_until;
	char outcome[200];          /* as logged last */
	char text[];
};

struct staples {
	struct loop *loop;
	struct resolvers *resolvers;
	void (*log)(void *, bool, const char *);
	void *log_ctx;
	uint32_t count, queries;
	struct staple *bucket[BUCKETS];
};

/* What hangs on a certificate: an entry, or the content of a file. */
struct attachment {
	struct staple *staple;
	struct wsr_str file;
};

/* --- outcomes ---------------------------------------------------------------------------------------------------------- */

static void der_set(struct der *d, unsigned char *bytes, int len)
{
	OPENSSL_free(d->bytes);
	d->bytes = len > 0 ? bytes : NULL;
	d->len = len > 0 ? len : 0;
}

static void der_of(struct der *d, OCSP_RESPONSE *response)
{
	unsigned char *bytes = NULL;
	int len = response ? i2d_OCSP_RESPONSE(response, &bytes) : 0;

	der_set(d, bytes, len);
}

/* The same news twice is none. */
static void tell(struct staple *s, const char *text)
{
	char line[512];

	if (strcmp(s->outcome, text) == 0)
		return;
	bool was_bad = s->outcome[0];
	snprintf(s->outcome, sizeof(s->outcome), "%s", text);
	if (text[0] == '\0' && !was_bad)
		return;
	snprintf(line, sizeof(line), "OCSP staple of %.*s: %s", WSR_FMT(s->set.name), text[0] ? text : "the responder answers again");
	s->owner->log(s->owner->log_ctx, text[0] != '\0', line);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* @param response  what is handed out from now on if there is nothing good; NULL = nothing */
static void on_bad(struct staple *s, OCSP_RESPONSE *response, const char *why)
{
	der_of(&s->error, response);
	s->refresh_ms = s->owner->loop->now_ms + s->set.error_s * UINT64_C(1000);
	tell(s, why);
}

/* Half of what is left of the response, if that is sooner than the settings say. */
static void on_good(struct staple *s, OCSP_RESPONSE *response, const ASN1_GENERALIZEDTIME *next_update)
{
	struct tm tm;
	uint64_t wait_ms = s->set.valid_s * UINT64_C(1000);
	time_t now = time(NULL);

	s->good_until = 0; /* nothing said: until the next one */
	if (next_update && ASN1_TIME_to_tm(next_update, &tm) == 1) {
		s->good_until = timegm(&tm);
		wait_ms = earlier(wait_ms, s->good_until > now ? (uint64_t)(s->good_until - now) * 500 : 0);
	}
	der_of(&s->good, response);
	der_set(&s->error, NULL, 0);
	s->refresh_ms = s->owner->loop->now_ms + (wait_ms > MIN_REFRESH_MS ? wait_ms : MIN_REFRESH_MS);
	tell(s, "");
}

/* --- what a response is worth -------------------------------------------------------------------------------------------- */

/* RFC 6960 section 4.2.2.2: the issuer itself, or whom it gave a certificate for that. */
static bool signer_is_entitled(const struct staple *s, OCSP_BASICRESP *basic)
{
	X509 *signer = NULL;

	if (OCSP_resp_get0_signer(basic, &signer, s->chain) != 1 || !signer)
		return false;
	if (X509_cmp(signer, s->issuer) == 0)
		return true;
	return X509_check_issued(s->issuer, signer) == X509_V_OK && X509_verify(signer, X509_get0_pubkey(s->issuer)) == 1 &&
	       (X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) && (X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN);
}

/* @return NULL when the response says "good" and may be believed, else what is wrong; *withdrawn: it takes back what was said before */
static const char *fault_of(struct staple *s, OCSP_RESPONSE *response, OCSP_BASICRESP *basic, ASN1_GENERALIZEDTIME **next_update, bool *withdrawn)
{
	ASN1_GENERALIZEDTIME *this_update;
	int code = OCSP_response_status(response), status;

	if (code != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return OCSP_response_status_str(code);
	if (!basic)
		return "the response cannot be read";
	if (OCSP_basic_verify(basic, s->chain, s->store, s->set.verify ? OCSP_TRUSTOTHER : OCSP_NOVERIFY) != 1 || (!s->set.verify && !signer_is_entitled(s, basic)))
		return "the response is not signed by the issuer or for it";
	if (OCSP_resp_find_status(basic, s->id, &status, NULL, NULL, &this_update, next_update) != 1)
		return "the response is about another certificate";
	if (OCSP_check_validity(this_update, *next_update, s->set.skew_s, s->set.max_age_s == WSR_NONE ? -1 : (long)s->set.max_age_s) != 1)
		return "the response is not valid at this time";
	*withdrawn = status != V_OCSP_CERTSTATUS_GOOD;
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return "the certificate is revoked";
	return status == V_OCSP_CERTSTATUS_GOOD ? NULL : "the certificate is unknown to the responder";
}

static void on_response(void *owner, OCSP_RESPONSE *response, const char *why)
{
	struct staple *s = owner;
	ASN1_GENERALIZEDTIME *next_update = NULL;

	s->query = NULL;
	s->owner->queries--;
	if (!response) {
		OCSP_RESPONSE *later = s->set.try_later ? OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL) : NULL;
		char text[200];
		snprintf(text, sizeof(text), "asking %s:%s: %s", s->at.host, s->at.port, why);
		on_bad(s, later, text);
		OCSP_RESPONSE_free(later);
		return;
	}
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	bool withdrawn = false;
	const char *fault = fault_of(s, response, basic, &next_update, &withdrawn);
	if (withdrawn)
		der_set(&s->good, NULL, 0);
	if (fault)
		on_bad(s, (withdrawn ? s->set.revoked : s->set.errors) ? response : NULL, fault);
	else
		on_good(s, response, next_update);
	OCSP_BASICRESP_free(basic);
	ERR_clear_error();
}

static void refresh(struct staple *s)
{
	struct staples *all = s->owner;

	s->last_used_ms = all->loop->now_ms;
	if (!s->at.host || s->query || all->loop->now_ms < s->refresh_ms || all->queries == STAPLE_QUERIES_MAX)
		return;
	s->query = ocsp_query_new(all->loop, all->resolvers, s->set.servers, &s->at, s->id, s->set.timeout_ms, on_response, s);
	all->queries += s->query != NULL;
}

/* --- entries ------------------------------------------------------------------------------------------------------------- */

static void staple_free(struct staple *s)
{
	if (s->query)
		s->owner->queries--;
	ocsp_query_cancel(s->query);
	ocsp_address_clear(&s->at);
	OCSP_CERTID_free(s->id);
	X509_free(s->issuer);
	sk_X509_pop_free(s->chain, X509_free);
	X509_STORE_free(s->store);
	OPENSSL_free(s->good.bytes);
	OPENSSL_free(s->error.bytes);
	free(s);
}

struct staples *staples_new(struct loop *loop, void (*log)(void *ctx, bool bad, const char *text), void *log_ctx)
{
	struct staples *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	*all = (struct staples){ .loop = loop, .log = log, .log_ctx = log_ctx, .resolvers = resolvers_new(loop, NULL) };
	if (all->resolvers)
		return all;
	free(all);
	return NULL;
}

/* The entry that no context has used for longest goes. @return false: all are in use */
static bool make_room(struct staples *all)
{
	struct staple **oldest = NULL;

	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct staple **p = &all->bucket[i]; *p; p = &(*p)->next)
			if ((*p)->refs == 0 && (!oldest || (*p)->last_used_ms < (*oldest)->last_used_ms))
				oldest = p;
	if (!oldest)
		return false;
	struct staple *s = *oldest;
	*oldest = s->next;
	staple_free(s);
	all->count--;
	return true;
}

static void digest_str(EVP_MD_CTX *md, struct wsr_str s)
{
	uint64_t len = s.len;

	EVP_DigestUpdate(md, &len, sizeof(len));
	EVP_DigestUpdate(md, s.ptr ? s.ptr : "", s.len);
}

static bool digest_cert(EVP_MD_CTX *md, X509 *cert)
{
	unsigned char sha[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (cert && X509_digest(cert, EVP_sha256(), sha, &len) != 1)
		return false;
	digest_str(md, wsr_str((const char *)sha, len));
	return true;
}

/* Everything that decides what is asked, believed and handed out. */
static bool key_of(X509 *cert, X509 *issuer, const struct staple_settings *set, unsigned char key[SHA256_DIGEST_LENGTH])
{
	const uint64_t numbers[] = { set->verify, set->errors, set->try_later, set->revoked, set->timeout_ms, set->valid_s, set->error_s, set->skew_s, set->max_age_s };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 && digest_cert(md, cert) && digest_cert(md, issuer);

	if (ok) {
		EVP_DigestUpdate(md, numbers, sizeof(numbers));
		digest_str(md, set->responder);
		digest_str(md, set->servers);
		for (int i = 0; set->verify && i < 2; i++)
			digest_str(md, set->trusted[i]);
		ok = EVP_DigestFinal_ex(md, key, NULL) == 1;
	}
	EVP_MD_CTX_free(md);
	return ok;
}

/* Where to ask: as set, or the first URL of the certificate that can be used. @return NULL, or why nobody is asked */
static const char *find_responder(struct staple *s, X509 *cert, struct wsr_str forced)
{
	STACK_OF(OPENSSL_STRING) *urls = forced.len > 0 ? NULL : X509_get1_ocsp(cert);
	const char *why = "neither the certificate nor the configuration names a responder";
	char url[1024];

	if (forced.len > 0) {
		snprintf(url, sizeof(url), "%.*s", WSR_FMT(forced));
		return forced.len < sizeof(url) && ocsp_address(url, &s->at) ? NULL : "the responder's URL is none of plain HTTP";
	}
	for (int i = 0; why && i < sk_OPENSSL_STRING_num(urls); i++)
		why = ocsp_address(sk_OPENSSL_STRING_value(urls, i), &s->at) ? NULL : "the certificate's responder has no URL of plain HTTP";
	X509_email_free(urls);
	return why;
}

static bool set_authorities(struct staple *s, X509 *issuer, STACK_OF(X509) *chain, const struct staple_settings *set)
{
	s->chain = sk_X509_new_null();
	if (!s->chain || !X509_add_cert(s->chain, issuer, X509_ADD_FLAG_UP_REF))
		return false;
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (!X509_add_cert(s->chain, sk_X509_value(chain, i), X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP))
			return false;
	if (!set->verify)
		return true;
	s->store = X509_STORE_new();
	for (int i = 0; s->store && i < 2; i++)
		if (set->trusted[i].len > 0 && !tls_store_authorities(s->store, set->trusted[i]))
			return false;
	return s->store;
}

static struct staple *staple_new(struct staples *all, X509 *cert, X509 *issuer, STACK_OF(X509) *chain, const struct staple_settings *set)
{
	struct staple *s = calloc(1, sizeof(*s) + set->name.len + set->servers.len);

	if (!s)
		return NULL;
	s->owner = all;
	s->set = *set;
	s->set.responder = s->set.trusted[0] = s->set.trusted[1] = WSR_STR_NULL;
	memcpy(s->text, set->name.ptr ? set->name.ptr : "", set->name.len);
	memcpy(s->text + set->name.len, set->servers.ptr ? set->servers.ptr : "", set->servers.len);
	s->set.name.ptr = s->text;
	s->set.servers.ptr = s->text + set->name.len;
	const char *why = issuer ? find_responder(s, cert, set->responder) : "its issuer is neither in its file nor among the authorities";
	if (why) {
		tell(s, why);
		return s;
	}
	X509_up_ref(issuer);
	s->issuer = issuer;
	s->id = OCSP_cert_to_id(NULL, cert, issuer);
	if (s->id && set_authorities(s, issuer, chain, set))
		return s;
	staple_free(s);
	return NULL;
}

static struct staple *staple_get(struct staples *all, X509 *cert, X509 *issuer, STACK_OF(X509) *chain, const struct staple_settings *set)
{
	unsigned char key[SHA256_DIGEST_LENGTH];

	if (!key_of(cert, issuer, set, key))
		return NULL;
	struct staple **bucket = &all->bucket[key[0] % BUCKETS];
	for (struct staple *s = *bucket; s; s = s->next)
		if (memcmp(s->key, key, sizeof(key)) == 0)
			return s;
	struct staple *s = all->count < STAPLES_MAX || make_room(all) ? staple_new(all, cert, issuer, chain, set) : NULL;
	if (!s)
		return NULL;
	memcpy(s->key, key, sizeof(key));
	s->next = *bucket;
	*bucket = s;
	all->count++;
	return s;
}

/* --- certificates and handshakes ------------------------------------------------------------------------------------------ */

static void free_attachment(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long num, void *arg)
{
	struct attachment *a = ptr;

	(void)parent, (void)data, (void)index, (void)num, (void)arg;
	if (a && a->staple)
		a->staple->refs--;
	free(a);
}

/* Made once in a process. */
static int attachment_index(void)
{
	static int index = -1;

	if (index < 0)
		index = X509_get_ex_new_index(0, NULL, NULL, NULL, free_attachment);
	return index;
}

static bool attach(X509 *cert, struct staple *s, struct wsr_str file)
{
	struct attachment *a = calloc(1, sizeof(*a));

	if (!a || attachment_index() < 0 || X509_set_ex_data(cert, attachment_index(), a) != 1) {
		free(a);
		return false;
	}
	a->file = file;
	a->staple = s;
	if (s)
		s->refs++;
	return true;
}

bool staple_attach(struct staples *all, X509 *cert, X509 *issuer, STACK_OF(X509) *chain, const struct staple_settings *set)
{
	struct staple *s = staple_get(all, cert, issuer, chain, set);

	ERR_clear_error();
	if (!s || !attach(cert, s, WSR_STR_NULL))
		return false;
	refresh(s);
	return true;
}

bool staple_file_holds(struct wsr_str der)
{
	const unsigned char *p = (const unsigned char *)der.ptr;
	OCSP_RESPONSE *response = der.len > 0 && der.len <= OCSP_QUERY_MAX_BYTES ? d2i_OCSP_RESPONSE(NULL, &p, (long)der.len) : NULL;

	OCSP_RESPONSE_free(response);
	return response;
}

bool staple_attach_file(X509 *cert, struct wsr_str der)
{
	return attach(cert, NULL, der);
}

/* What is there now, good news before bad. */
static struct wsr_str current(struct staple *s)
{
	if (s->good.bytes && (s->good_until == 0 || s->good_until >= time(NULL)))
		return wsr_str((const char *)s->good.bytes, (size_t)s->good.len);
	return wsr_str((const char *)s->error.bytes, (size_t)s->error.len);
}

int staple_on_status(SSL *ssl, void *arg)
{
	X509 *cert = SSL_get_certificate(ssl);
	const struct attachment *a = cert ? X509_get_ex_data(cert, attachment_index()) : NULL;
	struct wsr_str der = WSR_STR_NULL;

	(void)arg;
	if (a && a->staple) {
		refresh(a->staple);
		der = current(a->staple);
	} else if (a) {
		der = a->file;
	}
	unsigned char *copy = der.len > 0 ? OPENSSL_memdup(der.ptr, der.len) : NULL;
	if (!copy)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)der.len); /* its memory from now on */
	return SSL_TLSEXT_ERR_OK;
}
