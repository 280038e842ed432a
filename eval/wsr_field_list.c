/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Editing lists of fields: find, add, set, append, remove. In: a list over arena memory. Out: the same list changed; the order of what is kept stays.
 */
#include "eval/wsr_field_list.h"

#include "eval/wsr_chars.h"
#include "eval/wsr_uri.h"

uint32_t wsr_fields_find(const struct wsr_field_list *l, struct wsr_str name, uint32_t from)
{
	while (from < l->count && !wsr_str_eq_nocase(l->fields[from].name, name))
		from++;
	return from;
}

static bool reserve(struct wsr_field_list *l)
{
	if (l->count < l->cap)
		return true;
	uint32_t cap = l->cap ? l->cap * 2 : 16;
	struct wsr_field *fields = wsr_arena_alloc(l->arena, cap * sizeof(*fields));
	if (!fields) {
		l->failed = true;
		return false;
	}
	if (l->count)
		memcpy(fields, l->fields, l->count * sizeof(*fields));
	l->fields = fields;
	l->cap = cap;
	return true;
}

void wsr_fields_add(struct wsr_field_list *l, struct wsr_str name, struct wsr_str value)
{
	if (reserve(l))
		l->fields[l->count++] = (struct wsr_field){ .name = name, .value = value, .id = (uint8_t)wsr_field_id(name) };
}

/* Remove all fields of this name from index `from` on. */
static void remove_from(struct wsr_field_list *l, struct wsr_str name, uint32_t from)
{
	uint32_t kept = from;
	for (uint32_t i = from; i < l->count; i++)
		if (!wsr_str_eq_nocase(l->fields[i].name, name))
			l->fields[kept++] = l->fields[i];
	l->count = kept < l->count ? kept : l->count;
}

void wsr_fields_set(struct wsr_field_list *l, struct wsr_str name, struct wsr_str value)
{
	uint32_t at = wsr_fields_find(l, name, 0);
	if (at == l->count) {
		wsr_fields_add(l, name, value);
		return;
	}
	l->fields[at].value = value;
	l->fields[at].flags = 0;
	remove_from(l, name, at + 1);
}

/* Is value one of the elements of a comma-separated list? Quoted commas do not separate. */
static bool has_element(struct wsr_str list, struct wsr_str value)
{
	size_t start = 0;
	bool quoted = false;
	for (size_t i = 0; i <= list.len; i++) {
		if (i < list.len && list.ptr[i] == '"')
			quoted = !quoted;
		if (i < list.len && (list.ptr[i] != ',' || quoted))
			continue;
		if (wsr_str_eq(wsr_trim(wsr_str(list.ptr + start, i - start)), value))
			return true;
		start = i + 1;
	}
	return false;
}

void wsr_fields_append(struct wsr_field_list *l, struct wsr_str name, struct wsr_str value, bool unique)
{
	uint32_t at = wsr_fields_find(l, name, 0);
	if (at == l->count) {
		wsr_fields_add(l, name, value);
		return;
	}
	struct wsr_field *f = &l->fields[at];
	if (unique && has_element(f->value, value))
		return;
	struct wsr_str parts[] = { f->value, WSR_STR(", "), value };
	struct wsr_str joined = wsr_join(l->arena, parts, 3);
	if (joined.ptr)
		f->value = joined;
	else
		l->failed = true;
}

void wsr_fields_remove(struct wsr_field_list *l, struct wsr_str name)
{
	remove_from(l, name, 0);
}
