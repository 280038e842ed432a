/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `map`: from a source text to the template of a value. Strings first (in lower case, by hash), with `hostnames` also wildcards, the longest
 * first; then expressions in order, whose groups become the current captures; then the default (nginx: ngx_http_map_find).
 */
#include "eval/wsr_uri.h"
#include "eval/wsr_value.h"

#define HOST_MAX 255u

static const struct wsr_map_slot *find_lower(struct wsr_eval *e, const struct wsr_map *m, struct wsr_str source)
{
	char small[512];
	char *lower = source.len <= sizeof(small) ? small : wsr_arena_alloc(e->arena, source.len);
	if (!lower)
		return NULL;
	for (size_t i = 0; i < source.len; i++)
		lower[i] = (char)wsr_lower((unsigned char)source.ptr[i]);
	return wsr_map_find(e->table, m->slots, wsr_str(lower, source.len));
}

/* host holds name.len bytes at host + 2, with room for a prefix before and a "*" behind; ".x" also stands for "x" itself. */
static const struct wsr_map_slot *find_leading(struct wsr_eval *e, const struct wsr_map *m, char *host, size_t len)
{
	const struct wsr_map_slot *s;
	host[1] = '.';
	if ((s = wsr_map_find(e->table, m->slots, wsr_str(host + 1, len + 1))))
		return s;
	for (size_t i = 1; i < len; i++) {
		char *dot = host + 2 + i;
		if (*dot != '.')
			continue;
		char before = dot[-1];
		dot[-1] = '*';
		s = wsr_map_find(e->table, m->slots, wsr_str(dot - 1, len - i + 1));
		dot[-1] = before;
		if (s || (s = wsr_map_find(e->table, m->slots, wsr_str(dot, len - i))))
			return s;
	}
	return NULL;
}

static const struct wsr_map_slot *find_trailing(struct wsr_eval *e, const struct wsr_map *m, char *host, size_t len)
{
	const struct wsr_map_slot *s;
	for (size_t i = len; i-- > 1;) {
		char *dot = host + 2 + i;
		if (*dot != '.' || i + 1 == len)
			continue;
		char behind = dot[1];
		dot[1] = '*';
		s = wsr_map_find(e->table, m->slots, wsr_str(host + 2, i + 2));
		dot[1] = behind;
		if (s)
			return s;
	}
	return NULL;
}

static const struct wsr_map_slot *find_hostname(struct wsr_eval *e, const struct wsr_map *m, struct wsr_str name)
{
	char host[HOST_MAX + 3];
	if (name.len == 0 || name.len > HOST_MAX)
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		host[2 + i] = (char)wsr_lower((unsigned char)name.ptr[i]);
	const struct wsr_map_slot *s = find_leading(e, m, host, name.len);
	return s ? s : find_trailing(e, m, host, name.len);
}

uint32_t wsr_map_value(struct wsr_eval *e, const struct wsr_map *m)
{
	struct wsr_str source = wsr_eval_tmpl(e, m->source);
	bool hostnames = m->flags & WSR_MAP_HOSTNAMES;
	if (hostnames && source.len && source.ptr[source.len - 1] == '.')
		source.len--;
	const struct wsr_map_slot *s = m->slots.count ? find_lower(e, m, source) : NULL;
	if (!s && hostnames && m->slots.count)
		s = find_hostname(e, m, source);
	if (s)
		return s->value;
	for (uint32_t i = 0; i < m->regexes.count; i++) {
		const struct wsr_map_regex *r = wsr_map_regex_at(e->table, m->regexes.first + i);
		enum wsr_match_result result = wsr_eval_match(e, r->regex, source);
		if (result == WSR_MATCH)
			return r->value;
		if (result == WSR_MATCH_FAILED)
			break;
	}
	return m->default_value;
}
