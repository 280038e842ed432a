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

void wsr_out_own(struct wsr_out *o, struct wsr_str name, struct wsr_str value)
{
	if (value.len > SIZE_MAX / 2 || name.len > SIZE_MAX / 4 || !reserve(o, name.len + value.len + 4)) {
		o->failed = true;
		return;
	}
	char *p = o->ptr + o->len;
	memcpy(p, name.ptr, name.len);
	p += name.len;
	memcpy(p, ": ", 2);
	if (value.len)
		memcpy(p + 2, value.ptr, value.len);
	p += 2 + value.len;
	memcpy(p, "\r\n", 2);
	o->len = (size_t)(p + 2 - o->ptr);
}

void wsr_out_known(struct wsr_out *o, struct wsr_str name, struct wsr_str value)
{
	value = wsr_trim(value);
	if (wsr_line_span(value) == value.len)
		wsr_out_own(o, name, value);
	else
		o->refused++;
}

void wsr_out_read(struct wsr_out *o, const struct wsr_head *h, uint32_t first, uint32_t end)
{
	while (first < end) {
		const struct wsr_field *f = &h->fields[first++];
		if (!f->as_is) {
			wsr_out_own(o, f->name, f->value);
			continue;
		}
		const char *start = f->name.ptr;
		while (first < end && h->fields[first].as_is)
			f = &h->fields[first++];
		wsr_out_bytes(o, wsr_str(start, (size_t)(f->value.ptr - start) + f->value.len + 2)); /* the CRLF of the last one too */
	}
}

void wsr_out_end(struct wsr_out *o)
{
	wsr_out_bytes(o, WSR_STR("\r\n"));
}

void wsr_out_request_line(struct wsr_out *o, struct wsr_str method, struct wsr_str target, unsigned minor)
{
	if (!wsr_is_token(method) || target.len == 0 || wsr_target_span(target) != target.len) {
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
	if (wsr_line_span(reason) != reason.len)
		reason = WSR_STR("");
	if (reason.len > SIZE_MAX / 4 || !reserve(o, 13 + reason.len + 2)) {
		o->failed = true;
		return;
	}
	char *p = o->ptr + o->len;
	memcpy(p, minor ? "HTTP/1.1 000 " : "HTTP/1.0 000 ", 13);
	p[9] = (char)('0' + status / 100);
	p[10] = (char)('0' + status / 10 % 10);
	p[11] = (char)('0' + status % 10);
	o->len += 13;
	put(o, reason);
	put(o, WSR_STR("\r\n"));
}
