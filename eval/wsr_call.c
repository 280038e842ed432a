/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions in templates: those of RewriteMap int: and of ap_expr, and look-ups in RewriteMap txt: and rnd:. In: a call record. Out: its value, in the
 * arena or in the table.
 *
 * Calls can stand in each other's arguments; a table that nests them deeper than WSR_MAX_CALL_DEPTH, or makes one request run more than MAX_CALLS of
 * them, gets an error and no value.
 */
#include "eval/wsr_call.h"
#include "eval/wsr_chars.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

#define MAX_CALLS 10000u

/* --- escaping ------------------------------------------------------------------------------------------------------------ */

static bool letter_or_digit(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static char *percent(char *p, unsigned char c)
{
	static const char hex[16] = "0123456789abcdef";
	*p++ = '%';
	*p++ = hex[c >> 4];
	*p++ = hex[c & 15];
	return p;
}

static char *escape_buffer(struct wsr_arena *a, struct wsr_str s)
{
	return s.len < SIZE_MAX / 4 ? wsr_arena_alloc(a, 3 * s.len + 1) : NULL;
}

static struct wsr_str ended(const char *start, char *end)
{
	*end = '\0';
	return wsr_str(start, (size_t)(end - start));
}

struct wsr_str wsr_httpd_escape_capture(struct wsr_arena *a, struct wsr_str s, struct wsr_str set, bool plus)
{
	char *out = escape_buffer(a, s), *p = out;
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool stays = set.len ? !memchr(set.ptr, c, set.len) : letter_or_digit(c) || c == '_';
		if (stays)
			*p++ = (char)c;
		else if (c == ' ' && plus)
			*p++ = '+';
		else
			p = percent(p, c);
	}
	return ended(out, p);
}

struct wsr_str wsr_httpd_unescape(struct wsr_arena *a, struct wsr_str s)
{
	if (s.len == 0 || !memchr(s.ptr, '%', s.len))
		return s.ptr ? s : WSR_STR("");
	char *out = wsr_arena_alloc(a, s.len + 1), *p = out;
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '%') {
			if (s.len - i < 3 || !wsr_char_is(s.ptr[i + 1], WSR_C_HEX) || !wsr_char_is(s.ptr[i + 2], WSR_C_HEX))
				return WSR_STR_NULL;
			c = (char)(wsr_hex_digit(s.ptr[i + 1]) << 4 | wsr_hex_digit(s.ptr[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return WSR_STR_NULL;
		*p++ = c;
	}
	return ended(out, p);
}

static struct wsr_str change_case(struct wsr_arena *a, struct wsr_str s, bool upper)
{
	char *out = wsr_arena_alloc(a, s.len + 1);
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (upper)
			out[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
		else
			out[i] = (char)wsr_lower((unsigned char)c);
	}
	return ended(out, out + s.len);
}

static struct wsr_str base64(struct wsr_arena *a, struct wsr_str s)
{
	static const char digit[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = s.len < SIZE_MAX / 4 ? wsr_arena_alloc(a, (s.len + 2) / 3 * 4 + 1) : NULL, *p = out;
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < s.len; i += 3) {
		size_t left = s.len - i;
		unsigned bits = (unsigned)(unsigned char)s.ptr[i] << 16;
		if (left > 1)
			bits |= (unsigned)(unsigned char)s.ptr[i + 1] << 8;
		if (left > 2)
			bits |= (unsigned char)s.ptr[i + 2];
		*p++ = digit[bits >> 18];
		*p++ = digit[bits >> 12 & 63];
		*p++ = left > 1 ? digit[bits >> 6 & 63] : '=';
		*p++ = left > 2 ? digit[bits & 63] : '=';
	}
	return ended(out, p);
}

static struct wsr_str unbase64(struct wsr_arena *a, struct wsr_str s)
{
	char *out = wsr_arena_alloc(a, s.len + 1);
	size_t len = out ? wsr_base64_decode(s, out) : SIZE_MAX;
	return len == SIZE_MAX ? WSR_STR_NULL : ended(out, out + len);
}

/* --- maps ---------------------------------------------------------------------------------------------------------------- */

/* Sixteen random bytes belong to each request; which of `count` they choose must differ from key to key. */
static size_t choose(struct wsr_eval *e, struct wsr_str key, size_t count)
{
	struct wsr_str id;
	uint32_t h = wsr_hash(key.ptr ? key.ptr : "", key.len);
	if (wsr_var_value(e, WSR_V_REQUEST_ID, WSR_STR_NULL, &id))
		h ^= wsr_hash(id.ptr, id.len);
	return h % count;
}

/* One of "a|b|c". */
static struct wsr_str alternative(struct wsr_eval *e, struct wsr_str key, struct wsr_str list)
{
	size_t count = 1;
	for (size_t i = 0; i < list.len; i++)
		count += list.ptr[i] == '|';
	for (size_t n = choose(e, key, count); n > 0; n--) {
		const char *bar = memchr(list.ptr, '|', list.len);
		list = wsr_from(list, (size_t)(bar - list.ptr) + 1);
	}
	const char *bar = list.len ? memchr(list.ptr, '|', list.len) : NULL;
	return bar ? wsr_str(list.ptr, (size_t)(bar - list.ptr)) : list;
}

static bool look_up(struct wsr_eval *e, const struct wsr_call *c, struct wsr_str key, struct wsr_str *out)
{
	const struct wsr_map *m = wsr_map_at(e->table, c->map);
	const struct wsr_map_slot *s = m->slots.count ? wsr_map_find(e->table, m->slots, key) : NULL;
	if (!s)
		return false;
	*out = wsr_eval_tmpl(e, s->value);
	if (c->function == WSR_FUNCTION_RANDOM)
		*out = alternative(e, key, *out);
	return true;
}

/* --- calls --------------------------------------------------------------------------------------------------------------- */

/* The first part of the template has a value, be it empty. */
static bool first_value(struct wsr_eval *e, const struct wsr_call *c, struct wsr_str *out)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(e->table, c->argument);
	return t->part_count > 0 && wsr_part_value(e, wsr_part_at(e->table, t->first_part), out) && out->ptr;
}

static bool call(struct wsr_eval *e, const struct wsr_call *c, struct wsr_str *out)
{
	if (c->function == WSR_FUNCTION_DEFAULT)
		return first_value(e, c, out);
	if (c->function == WSR_FUNCTION_AHEAD || c->function == WSR_FUNCTION_AHEAD_FILE)
		return wsr_httpd_ahead(e, c->argument, c->function == WSR_FUNCTION_AHEAD_FILE, out);
	struct wsr_str argument = wsr_eval_tmpl(e, c->argument);
	switch (c->function) {
	case WSR_FUNCTION_LOWER:    *out = change_case(e->arena, argument, false); break;
	case WSR_FUNCTION_UPPER:    *out = change_case(e->arena, argument, true); break;
	case WSR_FUNCTION_ESCAPE:   *out = wsr_httpd_escape(e->arena, argument, WSR_HTTPD_ESCAPE_FILE); break;
	case WSR_FUNCTION_UNESCAPE: *out = wsr_httpd_unescape(e->arena, argument); break;
	case WSR_FUNCTION_BASE64:   *out = base64(e->arena, argument); break;
	case WSR_FUNCTION_UNBASE64: *out = unbase64(e->arena, argument); break;
	case WSR_FUNCTION_MAP:
	case WSR_FUNCTION_RANDOM:   return look_up(e, c, argument, out);
	default:                    return false;
	}
	return out->ptr != NULL;
}

bool wsr_call_value(struct wsr_eval *e, uint32_t index, struct wsr_str *out)
{
	const struct wsr_call *c = wsr_call_at(e->table, index);
	*out = WSR_STR_NULL;
	if (e->error)
		return false;
	if (e->call_depth >= WSR_MAX_CALL_DEPTH || e->calls >= MAX_CALLS) {
		wsr_eval_fail(e, "functions call each other too deeply or too often", WSR_NONE);
		return false;
	}
	e->call_depth++;
	e->calls++;
	bool found = call(e, c, out);
	if (!found && c->fallback != WSR_NONE) {
		*out = wsr_eval_tmpl(e, c->fallback);
		found = out->ptr != NULL;
	}
	e->call_depth--;
	return found;
}
