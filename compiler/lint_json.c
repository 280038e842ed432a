/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages as JSON (jansson), for editors and CI. Keys stay as they are; new ones may come. Lines and columns count from 1, columns and offsets in bytes; "fix"
 * holds the edits of a cure, all of them or none to be applied, and is missing where none is safe.
 */
#include <string.h>

#include "compiler/lint.h"

/* JSON text is UTF-8: a byte that is not becomes '?'. */
static json_t *text(struct compiler *cc, const char *s)
{
	json_t *j = json_string(s);
	if (j)
		return j;
	char *copy = arena_copy(&cc->arena, s, strlen(s));
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(copy);
}

static void put_place(struct compiler *cc, json_t *o, struct span at)
{
	uint32_t line, column;
	if (at.file == SOURCE_NONE)
		return;
	json_object_set_new(o, "file", text(cc, source_name(cc, at.file)));
	source_position(cc, at.file, at.start, &line, &column);
	json_object_set_new(o, "line", json_integer(line));
	json_object_set_new(o, "column", json_integer(column));
	source_position(cc, at.file, at.end, &line, &column);
	json_object_set_new(o, "end_line", json_integer(line));
	json_object_set_new(o, "end_column", json_integer(column));
}

static json_t *notes(struct compiler *cc, const struct diag *d)
{
	json_t *list = json_array();
	for (const struct diag_note *n = d->notes; n; n = n->next) {
		json_t *o = json_object();
		json_object_set_new(o, "message", text(cc, n->text));
		put_place(cc, o, n->at);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *edits(struct compiler *cc, const struct diag *d)
{
	json_t *list = json_array();
	for (const struct diag_edit *e = d->edits; e; e = e->next) {
		json_t *o = json_object();
		put_place(cc, o, e->at);
		json_object_set_new(o, "start", json_integer(e->at.start));
		json_object_set_new(o, "end", json_integer(e->at.end));
		json_object_set_new(o, "text", text(cc, e->text));
		json_array_append_new(list, o);
	}
	return list;
}

void lint_json(struct compiler *cc, json_t *list)
{
	static const char *const levels[] = { "off", "note", "warning", "error" };
	diag_sort(cc);
	for (size_t i = 0; i < cc->diags.count; i++) {
		const struct diag *d = cc->diags.list[i];
		json_t *o = json_object();
		json_object_set_new(o, "check", json_string(check_info(d->check)->name));
		json_object_set_new(o, "level", json_string(levels[d->level]));
		json_object_set_new(o, "message", text(cc, d->text));
		put_place(cc, o, d->at);
		json_object_set_new(o, "notes", notes(cc, d));
		if (d->edits)
			json_object_set_new(o, "fix", edits(cc, d));
		json_array_append_new(list, o);
	}
}
