/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request heads: bytes in, a struct request out, nothing allocated.
 *
 * Strict where framing is concerned (RFC 9112 sections 5 and 6): a proxy in front that lets an ambiguous request through
 * must be seen here as 400, not be repaired.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "examples/echo/echo.h"

size_t request_head_len(const char *data, size_t len)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4);

	return end ? (size_t)(end - data) + 4 : 0;
}

static bool is_token_char(unsigned char ch)
{
	return isalnum(ch) || (ch != 0 && strchr("!#$%&'*+-.^_`|~", ch) != NULL);
}

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char((unsigned char)s.ptr[i]))
			return false;
	return s.len > 0;
}

/** RFC 9112 section 3: method SP target SP version, nothing else. */
static bool parse_request_line(struct request *r, const char *p, const char *end)
{
	const char *sp = memchr(p, ' ', (size_t)(end - p)), *query;

	if (sp == NULL)
		return false;
	r->method = (struct str){p, (size_t)(sp - p)};
	p = sp + 1;
	sp = memchr(p, ' ', (size_t)(end - p));
	if (sp == NULL || sp == p)
		return false;
	r->target = (struct str){p, (size_t)(sp - p)};
	r->version = (struct str){sp + 1, (size_t)(end - sp - 1)};
	query = memchr(p, '?', r->target.len);
	r->path = (struct str){p, query ? (size_t)(query - p) : r->target.len};
	r->http10 = r->version.len == 8 && memcmp(r->version.ptr, "HTTP/1.0", 8) == 0;
	r->keep_alive = !r->http10;
	return is_token(r->method) && (r->http10 || (r->version.len == 8 && memcmp(r->version.ptr, "HTTP/1.1", 8) == 0));
}

/** RFC 9110 section 8.6: digits only; repeated values must agree. */
static bool parse_content_length(struct request *r, struct str value)
{
	uint64_t n = 0;

	if (value.len == 0 || value.len > 18)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!isdigit((unsigned char)value.ptr[i]))
			return false;
		n = n * 10 + (uint64_t)(value.ptr[i] - '0');
	}
	if (r->has_length && n != r->content_length)
		return false;
	r->has_length = true;
	r->content_length = n;
	return true;
}

/** Note what framing, connection and handshake need; false for a field that makes the request ambiguous. */
static bool note_field(struct request *r, struct str name, struct str value)
{
	switch (name.len) {
	case 6:
		if (str_is(name, "Accept"))
			r->accept = value;
		else if (str_is(name, "Expect"))
			r->expect_continue = str_is(value, "100-continue");
		break;
	case 7:
		if (str_is(name, "Upgrade"))
			r->upgrade_websocket = str_has_token(value, "websocket");
		break;
	case 10:
		if (str_is(name, "Connection")) {
			if (str_has_token(value, "close"))
				r->keep_alive = false;
			else if (str_has_token(value, "keep-alive"))
				r->keep_alive = true;
		}
		break;
	case 14:
		if (str_is(name, "Content-Length"))
			return parse_content_length(r, value);
		break;
	case 17:
		if (str_is(name, "Transfer-Encoding")) {
			if (r->chunked || !str_is(value, "chunked"))
				return false;
			r->chunked = true;
		} else if (str_is(name, "Sec-WebSocket-Key")) {
			r->ws_key = value;
		}
		break;
	case 21:
		if (str_is(name, "Sec-WebSocket-Version"))
			r->ws_version = value;
		break;
	case 22:
		if (str_is(name, "Sec-WebSocket-Protocol") && r->ws_protocol.ptr == NULL)
			r->ws_protocol = value;
		break;
	default:
		break;
	}
	return true;
}

static bool parse_field(struct request *r, const char *p, const char *end)
{
	const char *colon = memchr(p, ':', (size_t)(end - p));
	struct str name, value;

	if (colon == NULL)
		return false;
	name = (struct str){p, (size_t)(colon - p)};
	p = colon + 1;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	value = (struct str){p, (size_t)(end - p)};
	if (!is_token(name) || memchr(p, '\0', value.len) != NULL || memchr(p, '\r', value.len) != NULL)
		return false;
	r->fields[r->count++] = (struct field){name, value};
	return note_field(r, name, value);
}

int request_parse(struct request *r, const char *head, size_t len)
{
	const char *p = head, *end = head + len;
	const char *line_end = memchr(p, '\n', len);

	memset(r, 0, offsetof(struct request, fields));
	memset((char *)r + offsetof(struct request, count), 0, sizeof(*r) - offsetof(struct request, count));
	r->head = (struct str){head, len};
	if (line_end == NULL || line_end == p || line_end[-1] != '\r' || !parse_request_line(r, p, line_end - 1))
		return 400;
	for (p = line_end + 1; p < end; p = line_end + 1) {
		line_end = memchr(p, '\n', (size_t)(end - p));
		if (line_end == NULL || line_end == p || line_end[-1] != '\r')
			return 400;
		if (line_end - 1 == p)
			break;
		if (r->count == ECHO_MAX_FIELDS)
			return 431;
		if (!parse_field(r, p, line_end - 1))
			return 400;
	}
	return r->chunked && (r->has_length || r->http10) ? 400 : 0;
}
