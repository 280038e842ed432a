/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The certificate of a backend as httpd looks at it. In: an SSL whose handshake is done, resumed or not, and what is asked. Out: a sentence, or NULL.
 *
 * Names follow mod_ssl (modssl_X509_match_name), not RFC 6125: common names count beside the DNS names, addresses of subjectAltName do not,
 * and a wildcard is a first label "*" that stands for exactly one label.
 */
#include "runtime/tls_peer.h"

#include <string.h>
#include <strings.h>

#include <openssl/x509v3.h>

/* @param id  len bytes of a certificate; one with a NUL inside matches nothing */
static bool same_name(const char *id, size_t len, const char *name)
{
	const char *rest = strchr(name, '.');

	if (memchr(id, '\0', len))
		return false;
	if (len == strlen(name) && strncasecmp(id, name, len) == 0)
		return true;
	return len > 2 && id[0] == '*' && id[1] == '.' && rest && strlen(rest) == len - 1 && strncasecmp(id + 1, rest, len - 1) == 0;
}

static bool string_is(const ASN1_STRING *s, const char *name)
{
	unsigned char *text = NULL;
	int len = ASN1_STRING_to_UTF8(&text, s);
	bool same = len > 0 && same_name((const char *)text, (size_t)len, name);

	OPENSSL_free(text);
	return same;
}

static bool dns_name_is(X509 *cert, const char *name)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
		found = one->type == GEN_DNS && string_is(one->d.dNSName, name);
	}
	GENERAL_NAMES_free(all);
	return found;
}

/* @param all  look at every common name, not only at the first */
static bool common_name_is(X509 *cert, const char *name, bool all)
{
	const X509_NAME *subject = X509_get_subject_name(cert);

	for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
		if (string_is(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), name))
			return true;
		if (!all)
			return false;
	}
	return false;
}

const char *tls_peer_refused(SSL *ssl, const struct tls_peer_checks *asked, const char *name)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	if (!asked->name && !asked->cn && !asked->dates)
		return NULL;
	if (!cert)
		return "no certificate";
	if (asked->dates && (X509_cmp_current_time(X509_get0_notBefore(cert)) >= 0 || X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0))
		return "certificate is not valid today";
	if (name[0] == '\0')
		return NULL;
	if (asked->name)
		return dns_name_is(cert, name) || common_name_is(cert, name, true) ? NULL : "certificate is for another name";
	return !asked->cn || common_name_is(cert, name, false) ? NULL : "common name of the certificate is another";
}
