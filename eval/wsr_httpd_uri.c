/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request paths as httpd sees them: normalisation in two steps, comparison with prefixes, its ways of escaping, and absolute URLs of its own. Observed on
 * 2.4.71 and read in server/util.c (ap_normalize_path, ap_unescape_url), mod_proxy.c (alias_match) and proxy_util.c (ap_proxy_canonenc_ex).
 *
 * Invariant: a path that leaves here starts with "/", has no "." or ".." segment and no NUL.
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

/* --- normalisation ------------------------------------------------------------------------------------------------------- */

/* Nothing to decode, to merge or to resolve? */
static bool is_plain(struct wsr_str raw, bool merge)
{
	if (raw.len == 0 || raw.ptr[0] != '/' || memchr(raw.ptr, '%', raw.len))
		return false;
	for (const char *p = raw.ptr, *end = raw.ptr + raw.len; (p = memchr(p, '/', (size_t)(end - p))) && ++p < end;)
		if (*p == '.' || (*p == '/' && merge))
			return false;
	return true;
}

static int escaped_byte(const char *s, const char *end)
{
	if (end - s < 3 || !wsr_char_is(s[1], WSR_C_HEX) || !wsr_char_is(s[2], WSR_C_HEX))
		return -1;
	return wsr_hex_digit(s[1]) << 4 | wsr_hex_digit(s[2]);
}

static bool is_unreserved(int c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

/* First step: only what RFC 3986 calls unreserved is decoded. @return the new length; SIZE_MAX for an escape that is none. */
static size_t decode_unreserved(char *s, size_t len)
{
	size_t out = 0;
	const char *end = s + len;
	for (const char *p = s; p < end; p++) {
		int c = *p == '%' ? escaped_byte(p, end) : 0;
		if (c < 0)
			return SIZE_MAX;
		if (*p == '%' && is_unreserved(c)) {
			s[out++] = (char)c;
			p += 2;
		} else {
			s[out++] = *p;
		}
	}
	return out;
}

/* Resolve "." and ".." and, if asked, merge slashes, in place. @return the new length; above the root SIZE_MAX, or with `clamp` the root is as far as it goes. */
static size_t resolve(char *s, size_t len, bool merge, bool clamp)
{
	size_t out = 1; /* what is written ends in "/" whenever a segment begins */
	for (size_t i = 1; i < len;) {
		const char *slash = memchr(s + i, '/', len - i);
		size_t n = slash ? (size_t)(slash - s) - i : len - i;
		if (n == 2 && s[i] == '.' && s[i + 1] == '.') {
			if (out <= 1 && !clamp)
				return SIZE_MAX;
			for (out -= out > 1; s[out - 1] != '/';)
				out--;
		} else if (!(n == 1 && s[i] == '.') && !(n == 0 && merge)) {
			memmove(s + out, s + i, n);
			out += n;
			if (slash)
				s[out++] = '/';
		}
		i += n + (slash != NULL);
	}
	return out;
}

/* Second step: decode the rest. @return 0, or the status of the refusal. */
static unsigned decode_rest(char *s, size_t *len, uint32_t flags)
{
	size_t out = 0;
	bool slash_or_nul = false;
	const char *end = s + *len;
	for (const char *p = s; p < end; p++) {
		int c = *p == '%' ? escaped_byte(p, end) : 0;
		if (c < 0)
			return 400;
		bool slash = *p == '%' && c == '/';
		if (*p != '%' || (slash && flags & WSR_HOST_SLASHES_NODECODE)) {
			s[out++] = *p;
			continue;
		}
		slash_or_nul |= c == 0 || (slash && !(flags & WSR_HOST_SLASHES_ON));
		s[out++] = (char)c;
		p += 2;
	}
	*len = out;
	return slash_or_nul ? 404 : 0;
}

struct wsr_str wsr_httpd_merge_slashes(struct wsr_arena *a, struct wsr_str path)
{
	if (!path.ptr || !memmem(path.ptr, path.len, "//", 2))
		return path;
	struct wsr_str copy = wsr_arena_dup(a, path);
	char *s = (char *)(uintptr_t)copy.ptr;
	size_t out = 0;
	for (size_t i = 0; s && i < copy.len; i++)
		if (out == 0 || s[i] != '/' || s[out - 1] != '/')
			s[out++] = s[i];
	if (s)
		s[out] = '\0';
	return wsr_str(s, out);
}

bool wsr_httpd_merges(const struct wsr_eval *e)
{
	return wsr_srv_at(e->table, wsr_server_at(e->table, e->server)->srv)->merge_slashes;
}

unsigned wsr_httpd_uri(struct wsr_eval *e, struct wsr_str raw)
{
	bool merge = wsr_httpd_merges(e);
	uint32_t flags = e->httpd->host->flags;
	while (raw.len > 1 && raw.ptr[0] == '/' && raw.ptr[1] == '/') /* ap_parse_uri: whatever MergeSlashes says, "//" does not begin an authority */
		raw = wsr_from(raw, 1);
	if (is_plain(raw, merge)) {
		e->uri = raw;
		return 0;
	}
	if (raw.len == 0 || raw.ptr[0] != '/')
		return 400;
	struct wsr_str copy = wsr_arena_dup(e->arena, raw);
	char *s = (char *)(uintptr_t)copy.ptr;
	if (!s)
		return 500;
	size_t len = decode_unreserved(s, copy.len);
	if (len != SIZE_MAX)
		len = resolve(s, len, merge, false);
	if (len == SIZE_MAX)
		return 400;
	unsigned refused = decode_rest(s, &len, flags);
	if (refused)
		return refused;
	if (flags & WSR_HOST_SLASHES_ON)
		len = resolve(s, len, merge, true); /* ap_process_request_internal: ap_getparents */
	s[len] = '\0';
	e->uri = wsr_str(s, len);
	return 0;
}

/* Up to the byte, and what stands behind it; *rest { NULL, 0 } without one. */
static struct wsr_str cut_at(struct wsr_str s, char c, struct wsr_str *rest)
{
	const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
	*rest = at ? wsr_from(s, (size_t)(at - s.ptr) + 1) : WSR_STR_NULL;
	return at ? wsr_str(s.ptr, (size_t)(at - s.ptr)) : s;
}

unsigned wsr_httpd_url(struct wsr_eval *e, struct wsr_str url, struct wsr_str *args)
{
	struct wsr_str fragment;
	struct wsr_str path = cut_at(cut_at(url, '#', &fragment), '?', args);
	return url.ptr ? wsr_httpd_uri(e, path) : 500;
}

/* --- prefixes ------------------------------------------------------------------------------------------------------------ */

size_t wsr_httpd_prefix(struct wsr_str uri, struct wsr_str prefix)
{
	size_t u = 0, p = 0;
	while (p < prefix.len && u < uri.len) {
		if (prefix.ptr[p] != uri.ptr[u])
			return 0;
		if (prefix.ptr[p] != '/') {
			p++;
			u++;
			continue;
		}
		/* any number of slashes matches any number */
		while (p < prefix.len && prefix.ptr[p] == '/')
			p++;
		while (u < uri.len && uri.ptr[u] == '/')
			u++;
	}
	if (p < prefix.len || p == 0)
		return 0;
	return prefix.ptr[p - 1] == '/' || u == uri.len || uri.ptr[u] == '/' ? u : 0;
}

bool wsr_httpd_below(struct wsr_str path, struct wsr_str section)
{
	if (!wsr_starts_with(path, section))
		return false;
	return section.len == 0 || section.ptr[section.len - 1] == '/' || path.len == section.len || path.ptr[section.len] == '/';
}

bool wsr_httpd_in_location(struct wsr_str uri, struct wsr_str section)
{
	size_t u = 0;
	for (size_t i = 0; i < section.len; i++) {
		if (u == uri.len || uri.ptr[u] != section.ptr[i])
			return false;
		for (u++; u < uri.len && uri.ptr[u] == '/' && uri.ptr[u - 1] == '/';)
			u++;
	}
	return section.len == 0 || section.ptr[section.len - 1] == '/' || u == uri.len || uri.ptr[u] == '/';
}

/* --- escaping ------------------------------------------------------------------------------------------------------------ */

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

struct wsr_str wsr_httpd_escape(struct wsr_arena *a, struct wsr_str s, enum wsr_httpd_escape how)
{
	static const char upper[] = "0123456789ABCDEF", lower[] = "0123456789abcdef";
	const char *hex = how == WSR_HTTPD_ESCAPE_FILE ? lower : upper;
	char *out = wsr_arena_alloc(a, 3 * s.len + 1), *p = out;
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool slash = how == WSR_HTTPD_ESCAPE_PROXY_2F && escaped_byte(s.ptr + i, s.ptr + s.len) == '/' && c == '%';
		if (slash || (c && (is_alnum(c) || strchr("$-_.+!*'(),:;@&=/~", c)))) {
			*p++ = (char)c;
			continue;
		}
		*p++ = '%';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	*p = '\0';
	return wsr_str(out, (size_t)(p - out));
}

/* --- absolute URLs ------------------------------------------------------------------------------------------------------- */

/* The port as ap_get_server_port() has it (see server_port() in wsr_httpd_vars.c), as it was written. Empty for the scheme's usual one. */
static struct wsr_str url_port(struct wsr_eval *e, bool tls)
{
	uint32_t flags = e->httpd->host->flags;
	struct wsr_str port = WSR_STR_NULL, given = e->request ? e->request->host : WSR_STR_NULL;
	if (flags & WSR_HOST_CANONICAL_NAME && e->httpd->host->canonical_port)
		port = wsr_number(e->arena, e->httpd->host->canonical_port);
	if (!(flags & WSR_HOST_CANONICAL_NAME))
		for (size_t i = given.len; i-- > 0 && given.ptr[i] != ']';)
			if (given.ptr[i] == ':')
				port = wsr_from(given, i + 1);
	if (port.len == 0 && flags & WSR_HOST_CANONICAL_PORT)
		wsr_var_value(e, WSR_V_SERVER_PORT, WSR_STR_NULL, &port);
	if (port.len == 0 && e->httpd->host->canonical_port)
		port = wsr_number(e->arena, e->httpd->host->canonical_port);
	return wsr_str_eq(port, tls ? WSR_STR("443") : WSR_STR("80")) ? WSR_STR_NULL : port;
}

struct wsr_str wsr_httpd_absolute(struct wsr_eval *e, struct wsr_str path)
{
	struct wsr_str host;
	bool tls = wsr_listen_at(e->table, e->listen)->flags & WSR_LISTEN_TLS;
	bool canonical = e->httpd->host->flags & WSR_HOST_CANONICAL_NAME;
	wsr_var_value(e, canonical ? WSR_V_SERVER_NAME : WSR_V_HOST, WSR_STR_NULL, &host);
	struct wsr_str port = url_port(e, tls);
	struct wsr_str parts[] = { tls ? WSR_STR("https://") : WSR_STR("http://"), host, port.len ? WSR_STR(":") : WSR_STR_NULL, port, path };
	return wsr_join(e->arena, parts, 5);
}
