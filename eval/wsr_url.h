/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs of backends that come from variables, captures or rewriting. Private to eval. */
#ifndef WSR_URL_H
#define WSR_URL_H

#include "table/wsr_str.h"

struct wsr_url {
	struct wsr_str host;        /* without brackets, or the path of a unix socket */
	struct wsr_str authority;   /* as written: $proxy_host */
	struct wsr_str uri;         /* "/..." or "?..." or empty */
	uint16_t port;
	bool tls, unix_socket, has_port;
};

/** http, https, ws or wss URL. @return false for anything else. */
bool wsr_url_read(struct wsr_str s, struct wsr_url *u);
/** Host and port out of u->authority ("name", "name:port", "[::1]:port"), the scheme's port when none is written. */
bool wsr_url_authority(struct wsr_url *u);

#endif
