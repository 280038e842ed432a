/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Templates: texts with variables in them. A template of one part, the usual case, costs no copy; others are joined once their parts' lengths are
 * known. User variables live in slots: set ones hold their value, maps are computed at first use and kept (nginx does the same unless `volatile`).
 */
#include "eval/wsr_call.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"
#include "eval/wsr_value.h"

#define MAX_DEPTH   32u /* maps of maps; the compiler refuses cycles, this guards the stack against other tables */
#define SMALL_PARTS 16u

void wsr_eval_fail(struct wsr_eval *e, const char *why, uint32_t pos)
{
	if (e->error)
		return;
	e->error = why;
	e->error_pos = pos;
}

static bool map_variable(struct wsr_eval *e, uint32_t slot, const struct wsr_map *m, struct wsr_str *out)
{
	if (e->depth >= MAX_DEPTH) {
		wsr_eval_fail(e, "maps refer to each other too deeply", m->pos);
		return false;
	}
	e->depth++;
	struct wsr_str value = wsr_eval_tmpl(e, wsr_map_value(e, m));
	e->depth--;
	if (!(m->flags & WSR_MAP_VOLATILE))
		e->values[slot] = value;
	*out = value;
	return value.ptr != NULL;
}

bool wsr_user_value(struct wsr_eval *e, uint32_t slot, struct wsr_str *out)
{
	*out = e->values ? e->values[slot] : WSR_STR(""); /* no memory for variables: they are empty in the answer of 500 */
	if (out->ptr)
		return true;
	const struct wsr_variable *v = wsr_variable_at(e->table, slot);
	if (v->kind == WSR_VARIABLE_MAP)
		return map_variable(e, slot, wsr_map_at(e->table, v->map), out);
	/* nginx gives an empty value to one that was never set, and logs "-" for a named group that was never matched */
	*out = WSR_STR("");
	return v->kind == WSR_VARIABLE_SET;
}

bool wsr_part_value(struct wsr_eval *e, const struct wsr_part *part, struct wsr_str *out)
{
	switch (part->kind) {
	case WSR_PART_LITERAL:
		*out = wsr_string(e->table, part->arg);
		return true;
	case WSR_PART_VARIABLE:
		return wsr_var_value(e, part->id, wsr_string(e->table, part->arg), out);
	case WSR_PART_USER:
		return wsr_user_value(e, part->arg, out);
	case WSR_PART_CAPTURE:
		*out = wsr_capture(&e->captures, part->id);
		return true;
	case WSR_PART_ARGS_START:
		*out = WSR_STR("?");
		return true;
	case WSR_PART_CONDITION_CAPTURE:
		*out = e->httpd ? wsr_capture(&e->httpd->condition, part->id) : WSR_STR("");
		return true;
	case WSR_PART_CALL:
		return wsr_call_value(e, part->arg, out);
	default:
		*out = WSR_STR_NULL;
		return false;
	}
}

static struct wsr_str not_null(struct wsr_str s)
{
	return s.ptr ? s : WSR_STR("");
}

static struct wsr_str join_parts(struct wsr_eval *e, const struct wsr_tmpl *t)
{
	struct wsr_str small[SMALL_PARTS], *values = small;
	if (t->part_count > SMALL_PARTS)
		values = wsr_arena_alloc(e->arena, t->part_count * sizeof(*values));
	if (!values)
		return WSR_STR_NULL;
	for (uint32_t i = 0; i < t->part_count; i++)
		if (!wsr_part_value(e, wsr_part_at(e->table, t->first_part + i), &values[i]))
			values[i] = WSR_STR_NULL;
	return wsr_join(e->arena, values, t->part_count);
}

struct wsr_str wsr_eval_tmpl(struct wsr_eval *e, uint32_t tmpl)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(e->table, tmpl);
	struct wsr_str value;
	if (t->part_count == 0)
		return WSR_STR("");
	if (t->part_count > 1)
		return join_parts(e, t);
	if (!wsr_part_value(e, wsr_part_at(e->table, t->first_part), &value))
		return WSR_STR("");
	return not_null(value);
}

struct wsr_str wsr_tmpl_z(struct wsr_eval *e, uint32_t tmpl)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(e->table, tmpl);
	struct wsr_str value = wsr_eval_tmpl(e, tmpl);
	if (!value.ptr || t->part_count == 0 || t->part_count > 1 || wsr_part_at(e->table, t->first_part)->kind == WSR_PART_LITERAL)
		return value; /* joined ones and strings of the table end in a NUL already */
	return wsr_arena_dup(e->arena, value);
}
