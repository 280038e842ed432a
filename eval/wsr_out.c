/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head writer of wsr_head.h: start lines and fields go in, the bytes of a head in arena memory come out. What it writes, the parser reads back
 * equal; what the parser would refuse, it does not write.
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_head.h"

static bool grow(struct wsr_out *o, size_t more)
{
	if (o->failed)
		return false;
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

/** Room for `more` bytes behind o->len. */
static inline bool reserve(struct wsr_out *o, size_t more)
{
	return !o->failed && (more <= o->cap - o->len || grow(o, more));
}

static inline void put(struct wsr_out *o, struct wsr_str s)
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
	if (wsr_is_token(name))
		wsr_out_known(o, name, value);
	else
		o->refused++;
}

void wsr_out_known(struct wsr_out *o, struct wsr_str name, struct wsr_str value)
{
	value = wsr_trim(value);
	if (wsr_line_span(value) != value.len) {
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
	struct wsr_str end = minor ? WSR_STR(" HTTP/1.1\r\n") : WSR_STR(" HTTP/1.0\r\n");
	if (method.len > SIZE_MAX / 4 || target.len > SIZE_MAX / 4 || !reserve(o, method.len + 1 + target.len + end.len)) {
		o->failed = true;
		return;
	}
	put(o, method);
	put(o, WSR_STR(" "));
	put(o, target);
	put(o, end);
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
	if (wsr_line_span(reason) == reason.len)
		wsr_out_bytes(o, reason);
	wsr_out_end(o);
}
