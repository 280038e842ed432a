/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way back: ProxyPassReverse and its kin on the fields of a backend's answer (mod_proxy_http.c: process_proxy_header). In: the sections that hold and a field.
 * Out: its value for the client.
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

/* The part that a rule looks at: a rule with a path only looks behind the host. */
static struct wsr_str compared_part(struct wsr_str value, struct wsr_str internal)
{
	if (internal.len == 0 || internal.ptr[0] != '/')
		return value;
	const char *scheme = value.len > 3 ? memmem(value.ptr, value.len, "://", 3) : NULL;
	if (!scheme)
		return value;
	size_t host = (size_t)(scheme - value.ptr) + 3;
	const char *slash = memchr(value.ptr + host, '/', value.len - host);
	return slash ? wsr_from(value, (size_t)(slash - value.ptr)) : value;
}

static bool is_url(struct wsr_str s)
{
	size_t n = 0;
	while (n < s.len && ((s.ptr[n] | 0x20) >= 'a') && ((s.ptr[n] | 0x20) <= 'z'))
		n++;
	return n > 0 && wsr_starts_with(wsr_from(s, n), WSR_STR("://"));
}

static struct wsr_sides written_sides(struct wsr_eval *e, const struct wsr_reverse *r)
{
	return (struct wsr_sides){ wsr_string(e->table, r->internal), wsr_string(e->table, r->external) };
}

void wsr_httpd_reverse_prepare(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	uint32_t count = 0, n = 0;
	for (uint32_t i = 0; i < h->layer_count; i++)
		count += h->layers[i]->reverses.count;
	if (count == 0 || h->mapped != WSR_MAPPED_PROXY || !e->proxyset->interpolate_env)
		return;
	struct wsr_sides *all = wsr_arena_alloc(e->arena, count * sizeof(*all));
	for (uint32_t i = 0; all && i < h->layer_count; i++)
		for (uint32_t k = 0; k < h->layers[i]->reverses.count; k++) {
			const struct wsr_reverse *r = wsr_reverse_at(e->table, h->layers[i]->reverses.first + k);
			bool live = r->live_internal != WSR_NONE;
			all[n++] = live ? (struct wsr_sides){ wsr_eval_tmpl(e, r->live_internal), wsr_eval_tmpl(e, r->live_external) } : written_sides(e, r);
		}
	h->sides = all;
}

static bool reverse_location(struct wsr_eval *e, const struct wsr_sides *s, struct wsr_str *value)
{
	struct wsr_str internal = s->internal, part = compared_part(*value, internal);
	if (internal.len == 0 || part.len < internal.len || !wsr_str_eq_nocase(wsr_str(part.ptr, internal.len), internal))
		return false;
	struct wsr_str joined = wsr_join2(e->arena, s->external, wsr_from(part, internal.len));
	*value = is_url(joined) ? joined : wsr_httpd_absolute(e, joined);
	return true;
}

/* One attribute of Set-Cookie, replaced as a whole when it begins with the rule's text (ap_proxy_cookie_reverse_map). */
static bool reverse_cookie(struct wsr_eval *e, bool path, const struct wsr_sides *s, struct wsr_str *value)
{
	struct wsr_str name = path ? WSR_STR("path=") : WSR_STR("domain="), internal = s->internal;
	for (size_t i = 0; i + name.len <= value->len; i++) {
		if ((i > 0 && value->ptr[i - 1] != ';' && value->ptr[i - 1] != ' ') || !wsr_str_eq_nocase(wsr_str(value->ptr + i, name.len), name))
			continue;
		size_t from = i + name.len;
		const char *stop = memchr(value->ptr + from, ';', value->len - from);
		size_t end = stop ? (size_t)(stop - value->ptr) : value->len;
		struct wsr_str old = wsr_str(value->ptr + from, end - from);
		bool fits = old.len >= internal.len && (path ? wsr_starts_with(old, internal) : wsr_str_eq_nocase(wsr_str(old.ptr, internal.len), internal));
		if (!fits)
			return false;
		struct wsr_str parts[] = { wsr_str(value->ptr, from), s->external, wsr_from(*value, end) };
		*value = wsr_join(e->arena, parts, 3);
		return true;
	}
	return false;
}

/* The first rule of this kind that fits acts, over all sections that hold. */
static void reverse_by(struct wsr_eval *e, enum wsr_reverse_kind kind, struct wsr_str *value)
{
	const struct wsr_httpd *h = e->httpd;
	uint32_t n = 0;
	for (uint32_t i = 0; i < h->layer_count; i++)
		for (uint32_t k = 0; k < h->layers[i]->reverses.count; k++, n++) {
			const struct wsr_reverse *r = wsr_reverse_at(e->table, h->layers[i]->reverses.first + k);
			if (r->kind != kind)
				continue;
			struct wsr_sides s = h->sides ? h->sides[n] : written_sides(e, r);
			if (kind == WSR_REVERSE_LOCATION ? reverse_location(e, &s, value) : reverse_cookie(e, kind == WSR_REVERSE_COOKIE_PATH, &s, value))
				return;
		}
}

struct wsr_str wsr_httpd_reverse(struct wsr_eval *e, const struct wsr_field *field)
{
	static const char *const names[] = { "Location", "Content-Location", "URI", "Destination" };
	struct wsr_str value = field->value;
	if (field->id == WSR_F_SET_COOKIE) {
		reverse_by(e, WSR_REVERSE_COOKIE_PATH, &value);
		reverse_by(e, WSR_REVERSE_COOKIE_DOMAIN, &value);
		return value.ptr ? value : field->value;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (wsr_str_eq_nocase(field->name, wsr_cstr(names[i])))
			reverse_by(e, WSR_REVERSE_LOCATION, &value);
	return value.ptr ? value : field->value;
}
