/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expires: Expires and Cache-Control of an answer. In: the setting (a time from now on or from the file's date, a time of day, a text with variables that
 * says one of these), the answer. Out: both fields, or none: a text that turns out to be no time adds nothing.
 *
 * Meanings follow nginx (ngx_http_headers_filter_module.c: ngx_http_set_expires, ngx_http_parse_expires).
 */
#include "eval/wsr_expires.h"

#include "eval/wsr_fields.h"
#include "eval/wsr_uri.h"

#include <stdio.h>

#define DAY_S 86400
#define FAR_S INT64_C(100000000000) /* about 3000 years: more is no time */

/* The setting, once a text with variables is read. */
struct expires { enum wsr_expires kind; int64_t s; };

static int64_t digits_at(struct wsr_str text, size_t at, size_t count)
{
	int64_t n = 0;
	for (size_t i = at; i < at + count && i < text.len; i++)
		n = n * 10 + (text.ptr[i] >= '0' && text.ptr[i] <= '9' ? text.ptr[i] - '0' : 0);
	return n;
}

int64_t wsr_now_s(struct wsr_eval *e)
{
	struct wsr_str msec;
	int64_t s = 0;
	if (!e->world->fact(e->world_ctx, WSR_V_MSEC, e->arena, &msec))
		return 0;
	for (size_t i = 0; i < msec.len && msec.ptr[i] >= '0' && msec.ptr[i] <= '9'; i++)
		s = s * 10 + (msec.ptr[i] - '0');
	return s;
}

/* Seconds until the local clock shows this time of day next. */
static int64_t until(struct wsr_eval *e, int64_t second_of_day)
{
	struct wsr_str iso; /* 2023-11-14T22:13:20+01:00 */
	if (!e->world->fact(e->world_ctx, WSR_V_TIME_ISO8601, e->arena, &iso))
		return 0;
	int64_t left = second_of_day - (digits_at(iso, 11, 2) * 3600 + digits_at(iso, 14, 2) * 60 + digits_at(iso, 17, 2));
	return left > 0 ? left : left + DAY_S;
}

/* --- a text that says when ----------------------------------------------------------------------------------------------- */

/* "1d 12h", "30": units in falling order, a bare number is seconds (nginx: ngx_parse_time). */
static bool read_time(struct wsr_str text, int64_t *seconds)
{
	static const char names[] = "yMwdhms";
	static const int64_t units[] = { 31536000, 2592000, 604800, DAY_S, 3600, 60, 1 };
	size_t i = 0, rank = 0;
	*seconds = 0;
	while (i < text.len) {
		int64_t n = 0;
		size_t start = i;
		while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && n < FAR_S)
			n = n * 10 + (text.ptr[i++] - '0');
		bool digits = i > start;
		const char *unit = i == text.len || text.ptr[i] == ' ' ? &names[sizeof(names) - 2] : memchr(names, text.ptr[i++], sizeof(names) - 1);
		size_t at = unit ? (size_t)(unit - names) : 0;
		if (!digits || !unit || at < rank || n >= FAR_S)
			return false;
		rank = at + 1;
		*seconds += n * units[at];
		while (i < text.len && text.ptr[i] == ' ')
			i++;
	}
	return rank > 0 && *seconds < FAR_S;
}

static bool read_expires(struct wsr_str text, bool modified, struct expires *x)
{
	static const char *const words[] = { "off", "epoch", "max" }; /* in the order of enum wsr_expires */
	for (unsigned i = 0; !modified && i < 3; i++)
		if (wsr_str_eq(text, wsr_cstr(words[i]))) {
			x->kind = (enum wsr_expires)i;
			return true;
		}
	char sign = text.len ? text.ptr[0] : '\0';
	if (sign == '@' && modified)
		return false;
	x->kind = sign == '@' ? WSR_EXPIRES_DAILY : modified ? WSR_EXPIRES_MODIFIED : WSR_EXPIRES_ACCESS;
	if (!read_time(sign == '@' || sign == '+' || sign == '-' ? wsr_from(text, 1) : text, &x->s) || (sign == '@' && x->s > DAY_S))
		return false;
	if (sign == '-')
		x->s = -x->s;
	return true;
}

/* --- the fields ---------------------------------------------------------------------------------------------------------- */

/* The date of what is sent; -1: it has none. */
static int64_t last_modified(const struct wsr_head *up, const struct wsr_answer *a)
{
	if (up)
		return up->first[WSR_F_LAST_MODIFIED] ? wsr_http_date_parse(up->first[WSR_F_LAST_MODIFIED]->value) : -1;
	for (uint32_t i = 0; i < a->extra_count; i++)
		if (a->extra[i].id == WSR_F_LAST_MODIFIED)
			return wsr_http_date_parse(a->extra[i].value);
	return -1;
}

void wsr_expiry_find(struct wsr_eval *e, const struct wsr_head *up, const struct wsr_answer *a, struct wsr_expiry *out)
{
	const struct wsr_fieldset *f = e->fieldset;
	struct expires x = { (enum wsr_expires)f->expires_kind, (int64_t)f->expires_s };
	if ((x.kind == WSR_EXPIRES_TEXT || x.kind == WSR_EXPIRES_MODIFIED_TEXT) &&
	    !read_expires(wsr_eval_tmpl(e, f->expires_text.v), x.kind == WSR_EXPIRES_MODIFIED_TEXT, &x))
		return;
	if (x.kind == WSR_EXPIRES_OFF)
		return;
	int64_t now = wsr_now_s(e), modified = x.kind == WSR_EXPIRES_MODIFIED && x.s != 0 ? last_modified(up, a) : -1;
	int64_t age = x.kind == WSR_EXPIRES_MAX ? 315360000 /* ten years */ : x.kind == WSR_EXPIRES_DAILY ? until(e, x.s) : modified >= 0 ? modified + x.s - now : x.s;
	int64_t at = x.kind == WSR_EXPIRES_EPOCH ? 1 : x.kind == WSR_EXPIRES_MAX ? 2145916555 /* 31 Dec 2037 23:55:55 */ : now + age;
	out->given = true;
	out->expires = wsr_http_date(at, out->date);
	if (x.kind == WSR_EXPIRES_EPOCH || x.s < 0 || age < 0)
		snprintf(out->control, sizeof(out->control), "no-cache");
	else
		snprintf(out->control, sizeof(out->control), "max-age=%lld", (long long)age);
}

void wsr_expiry_write(const struct wsr_expiry *x, struct wsr_out *out)
{
	if (!x->given)
		return;
	wsr_out_field(out, WSR_STR("Expires"), x->expires);
	wsr_out_field(out, WSR_STR("Cache-Control"), wsr_cstr(x->control));
}
