/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access log lines. In: a format and the evaluation of a finished request. Out: one line, in which what came from outside is escaped so that it can
 * neither end the line nor close a quote (nginx: log_format's escape=default, json, none; httpd's way).
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"
#include "eval/wsr_value.h"

#define SMALL_PARTS 48u

static const char HEX[16] = "0123456789ABCDEF";

static bool plain_default(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static bool plain_json(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static char *put_default(char *p, unsigned char c)
{
	*p++ = '\\';
	*p++ = 'x';
	*p++ = HEX[c >> 4];
	*p++ = HEX[c & 15];
	return p;
}

static char *put_json(char *p, unsigned char c)
{
	static const char letters[][2] = { { '\n', 'n' }, { '\r', 'r' }, { '\t', 't' }, { '\b', 'b' }, { '\f', 'f' }, { '"', '"' }, { '\\', '\\' } };
	*p++ = '\\';
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if ((unsigned char)letters[i][0] == c) {
			*p++ = letters[i][1];
			return p;
		}
	memcpy(p, "u00", 3);
	p[3] = HEX[c >> 4];
	p[4] = HEX[c & 15];
	return p + 5;
}

/* httpd: ap_escape_logitem. */
static char *put_httpd(char *p, unsigned char c)
{
	static const char lower[] = "0123456789abcdef";
	static const char letters[][2] = {
		{ '\n', 'n' }, { '\r', 'r' }, { '\t', 't' }, { '\b', 'b' }, { '\v', 'v' }, { '"', '"' }, { '\\', '\\' },
	};
	*p++ = '\\';
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if ((unsigned char)letters[i][0] == c) {
			*p++ = letters[i][1];
			return p;
		}
	*p++ = 'x';
	*p++ = lower[c >> 4];
	*p++ = lower[c & 15];
	return p;
}

static struct wsr_str escape(struct wsr_arena *a, struct wsr_str s, uint32_t how)
{
	bool json = how == WSR_ESCAPE_JSON;
	size_t odd = 0;
	if (how == WSR_ESCAPE_NONE || wsr_quoted_span(s) == s.len) /* which is plain for all of them */
		return s;
	for (size_t i = 0; i < s.len; i++)
		odd += json ? !plain_json((unsigned char)s.ptr[i]) : !plain_default((unsigned char)s.ptr[i]);
	if (odd == 0)
		return s;
	char *out = wsr_arena_alloc(a, s.len + odd * 5 + 1), *p = out;
	if (!out)
		return WSR_STR_NULL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (json ? plain_json(c) : plain_default(c))
			*p++ = (char)c;
		else
			p = json ? put_json(p, c) : how == WSR_ESCAPE_HTTPD ? put_httpd(p, c) : put_default(p, c);
	}
	return wsr_str(out, (size_t)(p - out));
}

bool wsr_eval_log_wanted(struct wsr_eval *e, const struct wsr_log_ref *ref)
{
	if (ref->condition != WSR_NONE) {
		struct wsr_str s = wsr_eval_tmpl(e, ref->condition);
		if (s.len == 0 || (s.len == 1 && s.ptr[0] == '0'))
			return false;
	}
	return wsr_cond_eval(e, ref->when) == WSR_TRUE;
}

struct wsr_str wsr_eval_log_line(struct wsr_eval *e, const struct wsr_log_format *format)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(e->table, format->line);
	struct wsr_str small[SMALL_PARTS], *values = small;
	if (t->part_count > SMALL_PARTS)
		values = wsr_arena_alloc(e->arena, t->part_count * sizeof(*values));
	for (uint32_t i = 0; values && i < t->part_count; i++) {
		const struct wsr_part *part = wsr_part_at(e->table, t->first_part + i);
		if (!wsr_part_value(e, part, &values[i]))
			values[i] = format->escape == WSR_ESCAPE_DEFAULT || format->escape == WSR_ESCAPE_HTTPD ? WSR_STR("-") : WSR_STR(""); /* nginx: "-" only there */
		else if (part->kind != WSR_PART_LITERAL)
			values[i] = escape(e->arena, values[i], format->escape);
	}
	struct wsr_str line = values ? wsr_join(e->arena, values, t->part_count) : WSR_STR_NULL;
	return line.ptr ? line : WSR_STR("");
}
