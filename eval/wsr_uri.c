/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request paths: from the raw bytes of a request target to the normalised path that locations are matched on, and back into something that may
 * stand in a request line. A path that is already in normal form, nearly every one, is returned as it is.
 *
 * Invariant: a normalised path starts with "/", has no "." or ".." segment and no NUL.
 */
#include "eval/wsr_uri.h"
#include "eval/wsr_chars.h"
#include "eval/wsr_eval.h"

static bool is_dot_segment(const char *s, const char *end)
{
	return end - s <= 2 && end > s && s[0] == '.' && end[-1] == '.';
}

/* Nothing to decode, to merge or to resolve? */
static bool is_normal(struct wsr_str raw, bool merge_slashes)
{
	if (raw.len == 0 || raw.ptr[0] != '/')
		return false;
	for (size_t i = 1; i < raw.len; i++) {
		char c = raw.ptr[i];
		if (c == '%' || c == '\0')
			return false;
		if ((c == '.' || (c == '/' && merge_slashes)) && raw.ptr[i - 1] == '/')
			return false;
	}
	return true;
}

/* @return the length decoded into out, or SIZE_MAX for a bad escape or a NUL. */
static size_t decode(struct wsr_str raw, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.ptr[i];
		if (c == '%') {
			if (raw.len - i < 3 || !wsr_char_is(raw.ptr[i + 1], WSR_C_HEX) || !wsr_char_is(raw.ptr[i + 2], WSR_C_HEX))
				return SIZE_MAX;
			c = (char)(wsr_hex_digit(raw.ptr[i + 1]) << 4 | wsr_hex_digit(raw.ptr[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return SIZE_MAX;
		out[n++] = c;
	}
	return n;
}

/* Take the last segment off "…/seg/". @return false at the root. */
static bool drop_segment(const char *buf, size_t *len)
{
	if (*len <= 1)
		return false;
	size_t n = *len - 1; /* the slash at the end */
	while (buf[n - 1] != '/')
		n--;
	*len = n;
	return true;
}

/* Resolve segments in place: the written part never overtakes the read one. */
static bool resolve(char *buf, size_t *len, bool merge_slashes)
{
	const char *s = buf + 1, *end = buf + *len;
	size_t out = 1; /* buf[0] is "/"; what is written always ends in "/" here */
	while (s < end) {
		const char *stop = memchr(s, '/', (size_t)(end - s));
		bool slash = stop != NULL;
		if (!slash)
			stop = end;
		size_t n = (size_t)(stop - s);
		if (is_dot_segment(s, stop)) {
			if (n == 2 && !drop_segment(buf, &out))
				return false;
		} else if (n > 0 || !merge_slashes) {
			memmove(buf + out, s, n);
			out += n;
			if (slash)
				buf[out++] = '/';
		}
		s = stop + slash;
	}
	*len = out;
	return true;
}

bool wsr_uri_normalise(struct wsr_arena *a, struct wsr_str raw, bool merge_slashes, struct wsr_str *out)
{
	if (is_normal(raw, merge_slashes)) {
		*out = raw;
		return true;
	}
	char *buf = wsr_arena_alloc(a, raw.len + 1);
	size_t len = buf ? decode(raw, buf) : SIZE_MAX;
	if (len == SIZE_MAX || len == 0 || buf[0] != '/' || !resolve(buf, &len, merge_slashes))
		return false;
	buf[len] = '\0';
	*out = wsr_str(buf, len);
	return true;
}

bool wsr_uri_resolve(struct wsr_arena *a, struct wsr_str path, struct wsr_str *out)
{
	char *buf = wsr_arena_alloc(a, path.len + 1);
	size_t len = path.len;
	if (!buf || len == 0 || path.ptr[0] != '/')
		return false;
	memcpy(buf, path.ptr, len);
	if (!resolve(buf, &len, true))
		return false;
	buf[len] = '\0';
	*out = wsr_str(buf, len);
	return true;
}

/* --- escaping ------------------------------------------------------------------------------------------------------------ */

static unsigned escape_class(unsigned char c)
{
	if (c <= ' ' || c == 0x7f || c == '#')
		return WSR_ESCAPE_PATH | WSR_ESCAPE_ARGS | WSR_ESCAPE_BROKEN;
	if (c > 0x7f)
		return WSR_ESCAPE_PATH | WSR_ESCAPE_ARGS | WSR_ESCAPE_BROKEN;
	switch (c) {
	case '"': case '%': case '<': case '>': case '?': case '\\': case '^': case '`': case '{': case '|': case '}':
		return WSR_ESCAPE_PATH | WSR_ESCAPE_ARGS;
	case '&': case '+': case ';':
		return WSR_ESCAPE_ARGS;
	default:
		return 0;
	}
}

struct wsr_str wsr_uri_escape(struct wsr_arena *a, struct wsr_str s, enum wsr_escape_set set)
{
	static const char hex[16] = "0123456789ABCDEF";
	size_t count = 0, fine = set == WSR_ESCAPE_BROKEN ? wsr_ascii_span(s) : 0;
	for (size_t i = fine; i < s.len; i++)
		count += (escape_class((unsigned char)s.ptr[i]) & set) != 0;
	if (count == 0)
		return s;
	char *out = wsr_arena_alloc(a, s.len + 2 * count + 1), *p = out;
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (escape_class(c) & set) {
			*p++ = '%';
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
		} else {
			*p++ = (char)c;
		}
	}
	*p = '\0';
	return wsr_str(out, (size_t)(p - out));
}

struct wsr_str wsr_uri_unescape_redirect(struct wsr_arena *a, struct wsr_str s)
{
	const char *question = s.len ? memchr(s.ptr, '?', s.len) : NULL;
	size_t path = question ? (size_t)(question - s.ptr) : s.len;
	if (path == 0 || !memchr(s.ptr, '%', path))
		return s;
	char *out = wsr_arena_alloc(a, s.len + 1), *p = out;
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '%' && i < path && path - i >= 3 && wsr_char_is(s.ptr[i + 1], WSR_C_HEX) && wsr_char_is(s.ptr[i + 2], WSR_C_HEX)) {
			int v = wsr_hex_digit(s.ptr[i + 1]) << 4 | wsr_hex_digit(s.ptr[i + 2]);
			if (v > '%' && v < 0x7f) {
				c = (char)v;
				i += 2;
			}
			if (v == '?')
				path = i; /* what was a "?" all along ends the path */
		}
		*p++ = c;
	}
	*p = '\0';
	return wsr_str(out, (size_t)(p - out));
}

/* --- joining ------------------------------------------------------------------------------------------------------------- */

struct wsr_str wsr_join(struct wsr_arena *a, const struct wsr_str *parts, size_t count)
{
	size_t len = 0;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > SIZE_MAX / 2 - len)
			return WSR_STR_NULL;
		len += parts[i].len;
	}
	char *out = wsr_arena_alloc(a, len + 1), *p = out;
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len)
			memcpy(p, parts[i].ptr, parts[i].len);
		p += parts[i].len;
	}
	*p = '\0';
	return wsr_str(out, len);
}

unsigned wsr_uri_dotdots(struct wsr_str path)
{
	unsigned count = 0;
	for (size_t i = 0; i + 1 < path.len; i++)
		if (path.ptr[i] == '.' && path.ptr[i + 1] == '.' && (i == 0 || path.ptr[i - 1] == '/') && (i + 2 == path.len || path.ptr[i + 2] == '/'))
			count++;
	return count;
}
