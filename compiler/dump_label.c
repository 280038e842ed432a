/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of records that statements refer to. In: a record of a table. Out: its own name, or one made from its number where the name is not one word, is taken by
 * a record before it, or is not kept in tables. The same table gives the same names, and so does the table compiled from the text.
 */
#include "compiler/dump_text.h"

static bool one_word(struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] | 0x20) >= 'a' && (s.ptr[i] | 0x20) <= 'z') && !(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !strchr("_-.", s.ptr[i]))
			return false;
	return s.len > 0 && s.len < 200;
}

const char *dump_format_label(const struct wsr_table *t, uint32_t format, char *text, size_t size)
{
	struct wsr_str name = wsr_string(t, wsr_log_format_at(t, format)->name);
	bool builtin = wsr_log_format_at(t, format)->escape != WSR_ESCAPE_HTTPD;
	bool taken = !builtin && (!one_word(name) || wsr_str_eq(name, WSR_STR("combined")));
	for (uint32_t i = 0; i < format && !taken; i++)
		taken = wsr_str_eq(wsr_string(t, wsr_log_format_at(t, i)->name), name);
	if (taken)
		snprintf(text, size, "format_%u", format);
	else
		snprintf(text, size, "%.*s", WSR_FMT(name));
	return text;
}

const char *dump_upstream_label(const struct wsr_table *t, uint32_t upstream, char *text, size_t size)
{
	struct wsr_str name = wsr_string(t, wsr_upstream_at(t, upstream)->name);
	bool taken = name.len + 32 > size;
	for (uint32_t i = 0; i < upstream && !taken; i++)
		taken = !(wsr_upstream_at(t, i)->flags & WSR_UPSTREAM_IMPLICIT) && wsr_str_eq_nocase(wsr_string(t, wsr_upstream_at(t, i)->name), name);
	if (taken)
		snprintf(text, size, "upstream_%u", upstream);
	else
		snprintf(text, size, "%.*s", WSR_FMT(name));
	for (char *c = text; *c; c++)
		*c = (char)wsr_lower((unsigned char)*c);
	return text;
}

bool dump_map_has_variable(const struct wsr_table *t, uint32_t map)
{
	for (uint32_t i = 0; i < wsr_variable_count(t); i++)
		if (wsr_variable_at(t, i)->kind == WSR_VARIABLE_MAP && wsr_variable_at(t, i)->map == map)
			return true;
	return false;
}

const char *dump_map_label(const struct wsr_table *t, uint32_t map, char *text, size_t size)
{
	uint32_t n = 1;
	for (uint32_t i = 0; i < map; i++)
		n += !dump_map_has_variable(t, i);
	snprintf(text, size, "map%u", n);
	return text;
}

const char *dump_when_label(const struct wsr_table *t, uint32_t cond, char *text, size_t size)
{
	uint32_t n = 1;
	for (uint32_t i = 0; i < wsr_log_ref_count(t) && wsr_log_ref_at(t, i)->when != cond; i++) {
		uint32_t when = wsr_log_ref_at(t, i)->when;
		bool known = when == WSR_NONE;
		for (uint32_t k = 0; k < i && !known; k++)
			known = wsr_log_ref_at(t, k)->when == when;
		n += !known;
	}
	snprintf(text, size, "logged%u", n);
	return text;
}
