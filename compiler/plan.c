/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The primitives of the plan: strings, templates, positions, runs with positions and string tables. They know the record types of
 * the table and nothing of any dialect; what goes where is decided in lower*.c.
 */
#include "compiler/plan.h"

#include <stdlib.h>

#include "table/wsr_table.h"

#define OFFSET_core(name)   offsetof(struct wsr_core, name)
#define OFFSET_file(name)   offsetof(struct wsr_file, name)
#define OFFSET_log(name)    offsetof(struct wsr_log, name)
#define OFFSET_proxy(name)  offsetof(struct wsr_proxyset, name)
#define OFFSET_fields(name) offsetof(struct wsr_fieldset, name)

const struct plan_setting_info plan_setting_info[SET_COUNT] = {
#define WSR_SETTING(group, kind, name, comment) \
	{ #name, comment, offsetof(struct plan_settings, group.name), OFFSET_##group(name), PLAN_GROUP_##group, PLAN_KIND_##kind },
#include "table/wsr_settings.def"
};

void plan_init(struct plan *p)
{
#define X(num, name, type) pool_init(&p->name, sizeof(type));
	WSR_SECTIONS(X)
#undef X
	strings_init(&p->string);
}

void plan_free(struct plan *p)
{
#define X(num, name, type) pool_free(&p->name);
	WSR_SECTIONS(X)
#undef X
}

wsr_sref plan_str(struct plan *p, struct wsr_str s)
{
	return strings_intern(&p->string, s);
}

wsr_sref plan_str_lower(struct plan *p, struct wsr_str s)
{
	char small[256];
	char *copy = s.len <= sizeof(small) ? small : intern_realloc(NULL, s.len);
	for (size_t i = 0; i < s.len; i++)
		copy[i] = (char)wsr_lower((unsigned char)s.ptr[i]);
	wsr_sref ref = strings_intern(&p->string, wsr_str(copy, s.len));
	if (copy != small)
		free(copy);
	return ref;
}

struct wsr_str plan_text(const struct plan *p, wsr_sref ref)
{
	return strings_get(&p->string, ref);
}

uint32_t plan_tmpl(struct plan *p, const struct wsr_part *parts, uint32_t count)
{
	struct wsr_list run = pool_run(&p->part, parts, count);
	struct wsr_tmpl t = { run.first, run.count };
	return pool_intern(&p->tmpl, &t);
}

uint32_t plan_tmpl_const(struct plan *p, struct wsr_str s)
{
	if (s.len == 0)
		return plan_tmpl(p, NULL, 0);
	struct wsr_part part = { .kind = WSR_PART_LITERAL, .arg = plan_str(p, s) };
	return plan_tmpl(p, &part, 1);
}

bool plan_tmpl_constant(const struct plan *p, uint32_t tmpl, struct wsr_str *out)
{
	const struct wsr_tmpl *t = pool_at(&p->tmpl, tmpl);
	if (t->part_count == 0) {
		*out = wsr_str("", 0);
		return true;
	}
	const struct wsr_part *part = pool_at(&p->part, t->first_part);
	if (t->part_count != 1 || part->kind != WSR_PART_LITERAL)
		return false;
	*out = plan_text(p, part->arg);
	return true;
}

uint32_t plan_pos(struct plan *p, struct plan_place at)
{
	if (at.line == 0)
		return WSR_NONE;
	struct wsr_pos pos = {
		.line = at.line,
		.file = (uint16_t)(at.file < UINT16_MAX ? at.file : UINT16_MAX),
		.column = (uint16_t)(at.column < UINT16_MAX ? at.column : UINT16_MAX),
	};
	return pool_intern(&p->pos, &pos);
}

static void set_pos(void *recs, uint32_t stride, uint32_t i, size_t offset, uint32_t pos)
{
	memcpy((char *)recs + (size_t)i * stride + offset, &pos, sizeof(pos));
}

struct wsr_list plan_run_at(struct plan *p, struct pool *pool, void *recs, uint32_t n, size_t pos_offset, const struct plan_place *places)
{
	for (uint32_t i = 0; i < n; i++)
		set_pos(recs, pool->stride, i, pos_offset, WSR_NONE);
	if (n && pool_copies(pool, recs, n) < PLAN_PLACES)
		for (uint32_t i = 0; i < n; i++)
			set_pos(recs, pool->stride, i, pos_offset, plan_pos(p, places[i]));
	return pool_run(pool, recs, n);
}

uint32_t plan_record_at(struct plan *p, struct pool *pool, void *rec, size_t pos_offset, struct plan_place place)
{
	return plan_run_at(p, pool, rec, 1, pos_offset, &place).first;
}

/* --- hash tables of strings ------------------------------------------------------------------------------------------ */

void plan_table_init(struct plan_table *t, uint32_t n)
{
	uint32_t count = 2;
	while (n > count - count / 5 || n >= count)
		count *= 2;
	t->count = n ? count : 0;
	t->used = 0;
	t->slots = intern_realloc(NULL, (size_t)count * sizeof(*t->slots));
	memset(t->slots, 0, (size_t)count * sizeof(*t->slots));
}

struct plan_slot *plan_table_add(struct plan_table *t, struct plan *p, wsr_sref key, uint32_t value)
{
	struct wsr_str text = plan_text(p, key);
	uint32_t hash = wsr_hash(text.ptr, text.len);
	uint32_t at = hash & (t->count - 1);
	for (; t->slots[at].key; at = (at + 1) & (t->count - 1))
		if (t->slots[at].key == key)
			return &t->slots[at];
	t->slots[at] = (struct plan_slot){ key, hash, value };
	t->used++;
	return NULL;
}

void plan_table_free(struct plan_table *t)
{
	free(t->slots);
	*t = (struct plan_table){ 0 };
}

struct wsr_list plan_table_done(struct plan_table *t, struct pool *pool)
{
	struct wsr_list list = { 0, 0 };
	if (t->used) {
		list.count = t->count;
		list.first = pool_reserve(pool, t->count);
		memcpy(pool_at(pool, list.first), t->slots, (size_t)t->count * sizeof(*t->slots));
	}
	plan_table_free(t);
	return list;
}

uint64_t plan_table_hash(const struct plan_table *t)
{
	return t->used ? intern_hash(t->slots, (size_t)t->count * sizeof(*t->slots)) : 0;
}

bool plan_table_equal(const struct plan_table *t, const struct pool *pool, struct wsr_list list)
{
	if (!t->used || !list.count)
		return !t->used && !list.count;
	return t->count == list.count && memcmp(t->slots, pool_at(pool, list.first), (size_t)t->count * sizeof(*t->slots)) == 0;
}

_Static_assert(sizeof(struct wsr_map_slot) == sizeof(struct plan_slot), "map_slot");
_Static_assert(sizeof(struct wsr_mime_slot) == sizeof(struct plan_slot), "mime_slot");
_Static_assert(sizeof(struct wsr_name_slot) == sizeof(struct plan_slot), "name_slot");
