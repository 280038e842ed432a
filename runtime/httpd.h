/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a server that came from Apache configuration carries out a request differently: statuses of failed backends, what may be tried again, which
 * answers end the connection. Observed on httpd 2.4.71; everything else is the same as for nginx's.
 */
#ifndef RUNTIME_HTTPD_H
#define RUNTIME_HTTPD_H

#include "runtime/exchange.h"
#include "runtime/upstream.h"

/** Does the server of this request follow httpd? */
static inline bool httpd_rules(const struct exchange *x)
{
	return x->eval.httpd != NULL;
}

/** Status for a backend that no connection came about with. */
unsigned httpd_connect_status(enum upstream_failure why);
/** Does an answer with this status close the client's connection, whoever gave it? */
bool httpd_status_closes(unsigned status);
/** The backend closed without a word: a client that has been answered before on its connection is left to try again (mod_proxy_http). */
bool httpd_closes_silently(const struct exchange *x);

#endif
