/* SPDX-License-Identifier: BSD-2-Clause */
/* Differences of httpd while a request is carried out: see httpd.h. */
#include "runtime/httpd.h"

#include <stdio.h>

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

bool httpd_overrides(const struct exchange *x, unsigned status)
{
	const struct wsr_table *t = &x->gen->table;
	struct wsr_list only = x->eval.proxyset->override_statuses;
	char text[12];
	if (!x->eval.proxyset->proxy_intercept_errors || status < 400 || x->eval.error_page)
		return false;
	snprintf(text, sizeof(text), "%u", status);
	for (uint32_t i = 0; i < only.count; i++)
		if (wsr_str_eq(wsr_string(t, *wsr_str_item_at(t, only.first + i)), wsr_cstr(text)))
			return true;
	return only.count == 0;
}

bool httpd_closes_silently(const struct exchange *x)
{
	return httpd_rules(x) && x->conn->requests > 1 && !x->head_sent;
}
