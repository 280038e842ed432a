/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head writer of wsr_head.h: start lines and fields go in, the bytes of a head in arena memory come out. What it writes, the parser reads back
 * equal; what the parser would refuse, it does not write.
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_head.h"

/** Room for `more` bytes behind o->len. */
static bool reserve(struct wsr_out *o, size_t more)
{
	if (o->failed)
		return false;
	if (more <= o->cap - o->len)
		return true;
	size_t cap = o->cap < 256 ? 256 : o->cap;
	while (cap - o->len < more) {
		if (cap > SIZE_MAX / 2) {
			o->failed = true;
			return false;
		}
		cap *= 2;
	}
	char *ptr = wsr_arena_alloc(o->arena, cap);
	if (!ptr) {
		o->failed = true;
		return false;
	}
	if (o->len)
		memcpy(ptr, o->ptr, o->len);
	o->ptr = ptr;
	o->cap = cap;
	return true;
}

static void put(struct wsr_out *o, struct wsr_str s)
{
	if (s.len)
		memcpy(o->ptr + o->len, s.ptr, s.len);
	o->len += s.len;
}

void wsr_out_init(struct wsr_out *o, struct wsr_arena *arena, size_t expect_bytes)
{
	*o = (struct wsr_out){ .arena = arena };
	reserve(o, expect_bytes);
}

void wsr_out_bytes(struct wsr_out *o, struct wsr_str s)
{
	if (reserve(o, s.len))
		put(o, s);
}

void wsr_out_field(struct wsr_out *o, struct wsr_str name, struct wsr_str value)
{
	value = wsr_trim(value);
	if (!wsr_is_token(name) || wsr_span(value, WSR_C_LINE) != value.len) {
		o->refused++;
		return;
	}
	if (value.len > SIZE_MAX / 2 || name.len > SIZE_MAX / 4 || !reserve(o, name.len + value.len + 4)) {
		o->failed = true;
		return;
	}
	put(o, name);
	put(o, WSR_STR(": "));
	put(o, value);
	put(o, WSR_STR("\r\n"));
}

void wsr_out_end(struct wsr_out *o)
{
	wsr_out_bytes(o, WSR_STR("\r\n"));
}

void wsr_out_request_line(struct wsr_out *o, struct wsr_str method, struct wsr_str target, unsigned minor)
{
	if (!wsr_is_token(method) || target.len == 0 || wsr_span(target, WSR_C_TARGET) != target.len) {
		o->failed = true;
		return;
	}
	wsr_out_bytes(o, method);
	wsr_out_bytes(o, WSR_STR(" "));
	wsr_out_bytes(o, target);
	wsr_out_bytes(o, minor ? WSR_STR(" HTTP/1.1\r\n") : WSR_STR(" HTTP/1.0\r\n"));
}

void wsr_out_status_line(struct wsr_out *o, unsigned minor, unsigned status, struct wsr_str reason)
{
	if (status < 100 || status > 999) {
		o->failed = true;
		return;
	}
	char line[] = "HTTP/1.x 000 ";
	line[7] = minor ? '1' : '0';
	line[9] = (char)('0' + status / 100);
	line[10] = (char)('0' + status / 10 % 10);
	line[11] = (char)('0' + status % 10);
	wsr_out_bytes(o, wsr_str(line, sizeof(line) - 1));
	if (wsr_span(reason, WSR_C_LINE) == reason.len)
		wsr_out_bytes(o, reason);
	wsr_out_end(o);
}

struct wsr_str wsr_reason(unsigned status)
{
	static const struct {
		uint16_t status;
		struct wsr_str reason;
	} reasons[] = {
#define R(code, text) { code, { text, sizeof(text) - 1 } }
		R(100, "Continue"), R(101, "Switching Protocols"), R(103, "Early Hints"),
		R(200, "OK"), R(201, "Created"), R(202, "Accepted"), R(203, "Non-Authoritative Information"), R(204, "No Content"),
		R(205, "Reset Content"), R(206, "Partial Content"),
		R(300, "Multiple Choices"), R(301, "Moved Permanently"), R(302, "Found"), R(303, "See Other"), R(304, "Not Modified"),
		R(305, "Use Proxy"), R(307, "Temporary Redirect"), R(308, "Permanent Redirect"),
		R(400, "Bad Request"), R(401, "Unauthorized"), R(402, "Payment Required"), R(403, "Forbidden"), R(404, "Not Found"),
		R(405, "Method Not Allowed"), R(406, "Not Acceptable"), R(407, "Proxy Authentication Required"), R(408, "Request Timeout"),
		R(409, "Conflict"), R(410, "Gone"), R(411, "Length Required"), R(412, "Precondition Failed"), R(413, "Content Too Large"),
		R(414, "URI Too Long"), R(415, "Unsupported Media Type"), R(416, "Range Not Satisfiable"), R(417, "Expectation Failed"),
		R(421, "Misdirected Request"), R(422, "Unprocessable Content"), R(426, "Upgrade Required"), R(428, "Precondition Required"),
		R(429, "Too Many Requests"), R(431, "Request Header Fields Too Large"), R(451, "Unavailable For Legal Reasons"),
		R(500, "Internal Server Error"), R(501, "Not Implemented"), R(502, "Bad Gateway"), R(503, "Service Unavailable"),
		R(504, "Gateway Timeout"), R(505, "HTTP Version Not Supported"), R(507, "Insufficient Storage"),
		R(511, "Network Authentication Required"),
#undef R
	};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return WSR_STR("");
}
