/* SPDX-License-Identifier: BSD-2-Clause */
/* Absolute redirects: see wsr_location.h. */
#include "eval/wsr_location.h"
#include "eval/wsr_httpd.h"

static struct wsr_str fact(struct wsr_eval *e, enum wsr_var_id id)
{
	struct wsr_str s = WSR_STR_NULL;
	return e->world->fact(e->world_ctx, id, e->arena, &s) ? s : WSR_STR_NULL;
}

struct wsr_str wsr_eval_absolute(struct wsr_eval *e, struct wsr_str path)
{
	if (e->httpd)
		return wsr_httpd_absolute(e, path);
	if (!e->core->absolute_redirect)
		return path;
	bool tls = wsr_listen_at(e->table, e->listen)->flags & WSR_LISTEN_TLS;
	struct wsr_str name = wsr_string(e->table, wsr_server_at(e->table, e->server)->name);
	struct wsr_str host = e->core->server_name_in_redirect && name.len ? name : e->host.len ? e->host : fact(e, WSR_V_SERVER_ADDR);
	struct wsr_str port = e->core->port_in_redirect ? fact(e, WSR_V_SERVER_PORT) : WSR_STR_NULL;
	if (wsr_str_eq(port, tls ? WSR_STR("443") : WSR_STR("80")))
		port = WSR_STR_NULL;
	const struct wsr_str parts[] = { tls ? WSR_STR("https://") : WSR_STR("http://"), host, port.len ? WSR_STR(":") : WSR_STR_NULL, port, path };
	size_t len = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		len += parts[i].len;
	char *out = wsr_arena_alloc(e->arena, len + 1), *p = out;
	if (!out)
		return path;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (parts[i].len)
			memcpy(p, parts[i].ptr, parts[i].len);
		p += parts[i].len;
	}
	*p = '\0';
	return wsr_str(out, len);
}
