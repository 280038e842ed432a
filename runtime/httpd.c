/* SPDX-License-Identifier: BSD-2-Clause */
/* Differences of httpd while a request is carried out: see httpd.h. */
#include "runtime/httpd.h"

unsigned httpd_connect_status(enum upstream_failure why)
{
	/* names that do not resolve and failed handshakes are httpd's own trouble, a backend that cannot be reached is "unavailable" */
	return why == UPSTREAM_FAIL_RESOLVE || why == UPSTREAM_FAIL_TLS || why == UPSTREAM_FAIL_INTERNAL ? 500 : 503;
}

/* modules/http/http_protocol.c: ap_set_keepalive, status_drops_connection */
bool httpd_status_closes(unsigned status)
{
	switch (status) {
	case 400: case 408: case 411: case 413: case 414: case 500: case 501: case 503: return true;
	default: return false;
	}
}

bool httpd_closes_silently(const struct exchange *x)
{
	return httpd_rules(x) && x->conn->requests > 1 && !x->head_sent;
}
