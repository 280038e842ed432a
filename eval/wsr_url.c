/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs of backends that are known only when a request is there: see wsr_url.h. */
#include "eval/wsr_url.h"
#include "eval/wsr_head.h"
#include "eval/wsr_uri.h"

static bool cut_scheme(struct wsr_str *s, struct wsr_url *u)
{
	static const struct { struct wsr_str prefix; bool tls; } schemes[] = {
		{ { "http://", 7 }, false }, { { "https://", 8 }, true }, { { "ws://", 5 }, false }, { { "wss://", 6 }, true },
	};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		struct wsr_str p = schemes[i].prefix;
		if (s->len < p.len || !wsr_str_eq_nocase(wsr_str(s->ptr, p.len), p))
			continue;
		u->tls = schemes[i].tls;
		*s = wsr_from(*s, p.len);
		return true;
	}
	return false;
}

static bool read_port(struct wsr_str digits, uint16_t *port)
{
	unsigned n = 0;
	if (digits.len == 0 || digits.len > 5)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
			return false;
		n = n * 10 + (unsigned)(digits.ptr[i] - '0');
	}
	*port = (uint16_t)n;
	return n >= 1 && n <= 65535;
}

static bool read_unix(struct wsr_str s, struct wsr_url *u)
{
	const char *colon = memchr(s.ptr, ':', s.len);
	size_t len = colon ? (size_t)(colon - s.ptr) : s.len;
	u->unix_socket = true;
	u->host = wsr_str(s.ptr, len);
	u->uri = colon ? wsr_from(s, len + 1) : WSR_STR_NULL;
	u->authority = WSR_STR("localhost"); /* as nginx */
	bool path = u->uri.len == 0 || u->uri.ptr[0] == '/' || u->uri.ptr[0] == '?'; /* anything else would be no request target */
	return path && len > 0 && !memchr(s.ptr, '\0', len);
}

bool wsr_url_authority(struct wsr_url *u)
{
	struct wsr_str a = u->authority, port = WSR_STR_NULL;
	const char *colon;
	if (a.len && a.ptr[0] == '[') {
		const char *close = memchr(a.ptr, ']', a.len);
		if (!close)
			return false;
		u->host = wsr_str(a.ptr + 1, (size_t)(close - a.ptr) - 1);
		port = wsr_from(a, (size_t)(close - a.ptr) + 1);
		if (port.len && port.ptr[0] != ':')
			return false;
	} else if (a.len && (colon = memchr(a.ptr, ':', a.len))) {
		u->host = wsr_str(a.ptr, (size_t)(colon - a.ptr));
		port = wsr_from(a, u->host.len);
	} else {
		u->host = a;
	}
	u->port = u->tls ? 443 : 80;
	u->has_port = port.len > 0;
	return u->host.len > 0 && u->host.len <= 255 && (!u->has_port || read_port(wsr_from(port, 1), &u->port));
}

bool wsr_url_read(struct wsr_str s, struct wsr_url *u)
{
	if (!cut_scheme(&s, u))
		return false;
	if (wsr_starts_with(s, WSR_STR("unix:")))
		return s.len > 5 && read_unix(wsr_from(s, 5), u);
	size_t len = 0;
	while (len < s.len && s.ptr[len] != '/' && s.ptr[len] != '?')
		len++;
	u->authority = wsr_str(s.ptr, len);
	u->uri = wsr_from(s, len);
	return wsr_is_authority(u->authority) && wsr_url_authority(u);
}
