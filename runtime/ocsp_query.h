/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One question to an OCSP responder over HTTP (RFC 6960 appendix A), without waiting: name, connection, request and response run on the event loop under one deadline.
 * In: URL and certificate. Out: a response, not looked at yet, or a sentence. HTTP and DER are OpenSSL's (OSSL_HTTP_REQ_CTX(3)).
 */
#ifndef RUNTIME_OCSP_QUERY_H
#define RUNTIME_OCSP_QUERY_H

#include <openssl/ocsp.h>

#include "runtime/loop.h"
#include "runtime/resolve.h"

#define OCSP_QUERY_MAX_BYTES (64u << 10) /* of a response; usual are 500 to 2,500 */

struct ocsp_query;

/** Where a responder is asked. Filled by ocsp_address(), released by ocsp_address_clear(). */
struct ocsp_address {
	char *host, *port, *path;   /* OpenSSL's memory; an IPv6 address has no brackets; the path has the query with it */
	int port_number;
};

/** @return false for what is no URL of plain HTTP: nothing to clear then */
bool ocsp_address(const char *url, struct ocsp_address *out);
void ocsp_address_clear(struct ocsp_address *a);

/**
 * Called once, from the event loop; the query is gone.
 * @param response  borrowed; NULL: there is none
 * @param why       a sentence for the log then
 */
typedef void ocsp_done(void *owner, OCSP_RESPONSE *response, const char *why);

/**
 * Begin.
 * @param to          must outlive the query
 * @param about       copied
 * @param servers     name servers, as for resolve_get()
 * @param timeout_ms  for all of it
 * @return NULL without memory
 */
struct ocsp_query *ocsp_query_new(struct loop *loop, struct resolvers *resolvers, struct wsr_str servers, const struct ocsp_address *to, const OCSP_CERTID *about,
				  uint64_t timeout_ms, ocsp_done *done, void *owner);
/** Give up: `done` is not called. NULL is allowed. */
void ocsp_query_cancel(struct ocsp_query *q);

#endif
