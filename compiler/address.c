/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading of addresses, pure: text in, parts out, nothing resolved. Follows what nginx accepts (its documentation of listen, proxy_pass and
 * server in upstream), so that a file means the same here: the URI part starts at the first "/" or "?", a port must be 1 to 65535.
 */
#include "compiler/address.h"

#include <arpa/inet.h>
#include <strings.h>

static const char *find(const char *s, const char *end, char c)
{
	return s < end ? memchr(s, c, (size_t)(end - s)) : NULL;
}

/* A port or a range of ports and nothing else. */
static bool only_digits(const char *s, const char *end)
{
	for (; s < end; s++)
		if ((*s < '0' || *s > '9') && *s != '-')
			return false;
	return true;
}

/* A port number; 0 if it is none. */
static uint16_t port_number(const char *s, const char *end)
{
	unsigned n = 0;
	if (s == end)
		return 0;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9' || n > 65535)
			return 0;
		n = n * 10 + (unsigned)(*s - '0');
	}
	return n <= 65535 ? (uint16_t)n : 0;
}

static const char *read_port(const char *s, const char *end, unsigned flags, struct address *a)
{
	const char *dash = flags & ADDRESS_LISTEN ? find(s, end, '-') : NULL;
	a->port = port_number(s, dash ? dash : end);
	a->last_port = dash ? port_number(dash + 1, end) : a->port;
	a->port_text = wsr_str(s, (size_t)(end - s));
	if (!a->port || !a->last_port)
		return "invalid port";
	return a->last_port < a->port ? "invalid port range" : NULL;
}

/* Where the URI part begins: the first "/" or "?". */
static const char *uri_start(const char *s, const char *end)
{
	for (; s < end; s++)
		if (*s == '/' || *s == '?')
			return s;
	return NULL;
}

static const char *cut_uri(const char *s, const char **end, unsigned flags, struct address *a)
{
	const char *uri = uri_start(s, *end);
	if (!uri)
		return NULL;
	if (!(flags & ADDRESS_URI))
		return "invalid host";
	a->uri = wsr_str(uri, (size_t)(*end - uri));
	*end = uri;
	return NULL;
}

static const char *parse_unix(const char *s, const char *end, unsigned flags, struct address *a)
{
	const char *colon = flags & ADDRESS_URI ? find(s, end, ':') : NULL;
	a->kind = WSR_PEER_UNIX;
	a->host = wsr_str(s, (size_t)((colon ? colon : end) - s));
	if (colon)
		a->uri = wsr_str(colon + 1, (size_t)(end - colon - 1));
	if (a->host.len == 0)
		return "no path in the unix domain socket";
	return a->host.len > 107 ? "too long path in the unix domain socket" : NULL;
}

static bool literal(int family, struct wsr_str host, uint8_t bytes[16])
{
	char z[64];
	if (host.len >= sizeof(z))
		return false;
	memcpy(z, host.ptr, host.len);
	z[host.len] = '\0';
	return inet_pton(family, z, bytes) == 1;
}

static bool all_zero(const uint8_t *b, size_t n)
{
	while (n--)
		if (b[n])
			return false;
	return true;
}

static const char *parse_ipv6(const char *s, const char *end, unsigned flags, uint16_t default_port, struct address *a)
{
	const char *close = find(s, end, ']');
	if (!close)
		return "invalid host";
	const char *rest = close + 1;
	const char *wrong = cut_uri(rest, &end, flags, a);
	a->kind = WSR_PEER_IPV6;
	a->host = wsr_str(s + 1, (size_t)(close - s - 1));
	if (!wrong && !literal(AF_INET6, a->host, a->bytes))
		wrong = "invalid IPv6 address";
	a->wildcard = all_zero(a->bytes, 16);
	if (wrong || rest == end) {
		a->no_port = true;
		a->port = a->last_port = default_port;
		return wrong;
	}
	if (*rest != ':')
		return "invalid host";
	return read_port(rest + 1, end, flags, a);
}

const char *address_parse(struct wsr_str text, unsigned flags, uint16_t default_port, struct address *a)
{
	const char *s = text.ptr, *end = text.ptr + text.len;
	*a = (struct address){ .kind = WSR_PEER_NAME, .host = wsr_str("", 0), .port_text = wsr_str("", 0), .uri = wsr_str("", 0) };
	if (text.len >= 5 && strncasecmp(s, "unix:", 5) == 0)
		return parse_unix(s + 5, end, flags, a);
	if (text.len && *s == '[')
		return parse_ipv6(s, end, flags, default_port, a);
	const char *wrong = cut_uri(s, &end, flags, a);
	if (wrong)
		return wrong;
	const char *colon = find(s, end, ':');
	if (colon) {
		wrong = read_port(colon + 1, end, flags, a);
		end = colon;
		if (wrong)
			return wrong;
	} else if (flags & ADDRESS_LISTEN && end > s && only_digits(s, end)) {
		a->kind = WSR_PEER_IPV4;
		a->wildcard = true;
		return read_port(s, end, flags, a);
	} else {
		a->no_port = true;
		a->port = a->last_port = default_port;
	}
	a->host = wsr_str(s, (size_t)(end - s));
	if (a->host.len == 0)
		return "no host";
	if (flags & ADDRESS_LISTEN && a->host.len == 1 && *s == '*') {
		a->kind = WSR_PEER_IPV4;
		a->wildcard = true;
	} else if (literal(AF_INET, a->host, a->bytes)) {
		a->kind = WSR_PEER_IPV4;
		a->wildcard = all_zero(a->bytes, 4);
	}
	return NULL;
}
