/* SPDX-License-Identifier: BSD-2-Clause */
/* Matching of hosts, for the rest of eval. */
#ifndef WSR_MATCH_H
#define WSR_MATCH_H

#include "eval/wsr_eval.h"

/** How a server was found. regex is an index with WSR_BY_REGEX. */
struct wsr_server_match {
	uint32_t server;
	uint32_t regex;
	enum { WSR_BY_DEFAULT, WSR_BY_NAME, WSR_BY_LEADING, WSR_BY_TRAILING, WSR_BY_REGEX, WSR_BY_FAILURE /* an expression failed: 500 */ } how;
};

/** host: clean (wsr_host_clean) and in lower case. */
struct wsr_server_match wsr_match_host(const struct wsr_table *t, struct wsr_regexes *r, uint32_t listen, struct wsr_str host, struct wsr_captures *captures);

/** Without port and one trailing dot. */
struct wsr_str wsr_host_clean(struct wsr_str host);

#endif
