/* SPDX-License-Identifier: BSD-2-Clause */
/* Making and showing cures: see fix.h. Edits are kept in the order they are made; applying sorts them (lint.c). */
#include "compiler/fix.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 3u

static void add_edit(struct compiler *cc, struct diag *d, struct span at, const char *text)
{
	struct diag_edit *e = ARENA_NEW(&cc->arena, struct diag_edit);
	*e = (struct diag_edit){ .at = at, .text = text };
	if (d->last_edit)
		d->last_edit->next = e;
	else
		d->edits = e;
	d->last_edit = e;
}

void fix_edit(struct compiler *cc, struct diag *d, struct span at, const char *fmt, ...)
{
	va_list ap;

	if (!d || at.file == SOURCE_NONE)
		return;
	va_start(ap, fmt);
	add_edit(cc, d, at, arena_vprintf(&cc->arena, fmt, ap));
	va_end(ap);
}

void fix_word_end(struct compiler *cc, struct diag *d, const struct word *w, const char *text)
{
	uint32_t end = w->span.end - (w->quote != WORD_PLAIN && w->span.end > w->span.start + 1);
	fix_edit(cc, d, (struct span){ w->span.file, end, end }, "%s", text);
}

/* --- whole lines -------------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static uint32_t line_start(const struct source *s, uint32_t at)
{
	while (at > 0 && s->text[at - 1] != '\n')
		at--;
	return at;
}

/* The lines that a statement has for itself, the last line's end included. */
static bool own_lines(const struct compiler *cc, const struct node *n, struct span *lines)
{
	if (n->span.file == SOURCE_NONE || n->synthetic)
		return false;
	const struct source *s = source_at(cc, n->span.file);
	uint32_t start = n->span.start, end = n->span.end;
	while (start > 0 && is_blank(s->text[start - 1]))
		start--;
	while (end < s->len && is_blank(s->text[end]))
		end++;
	if ((start > 0 && s->text[start - 1] != '\n') || end >= s->len || s->text[end] != '\n')
		return false;
	*lines = (struct span){ n->span.file, start, end + 1 };
	return true;
}

bool fix_remove_lines(struct compiler *cc, struct diag *d, const struct node *n)
{
	struct span lines;
	if (!d || !own_lines(cc, n, &lines))
		return false;
	fix_edit(cc, d, lines, "%s", "");
	return true;
}

bool fix_move_before(struct compiler *cc, struct diag *d, const struct node *n, const struct node *before)
{
	struct span from, to;
	if (!d || !own_lines(cc, n, &from) || !own_lines(cc, before, &to) || from.file != to.file || to.start >= from.start)
		return false;
	fix_edit(cc, d, (struct span){ to.file, to.start, to.start }, "%.*s", (int)(from.end - from.start), source_at(cc, from.file)->text + from.start);
	fix_edit(cc, d, from, "%s", "");
	return true;
}

void fix_line_behind(struct compiler *cc, struct diag *d, const struct node *n, const struct node *like, const char *text)
{
	if (!d || n->span.file == SOURCE_NONE || like->span.file == SOURCE_NONE)
		return;
	const struct source *s = source_at(cc, n->span.file), *other = source_at(cc, like->span.file);
	const char *end = memchr(s->text + n->span.start, '\n', s->len - n->span.start);
	uint32_t indent = line_start(other, like->span.start), at = end ? (uint32_t)(end - s->text) + 1 : s->len, blanks = 0;
	while (is_blank(other->text[indent + blanks]))
		blanks++;
	if (end)
		fix_edit(cc, d, (struct span){ n->span.file, at, at }, "%.*s%s\n", (int)blanks, other->text + indent, text);
}

/* --- showing ------------------------------------------------------------------------------------------------------------ */

static void print_trimmed(FILE *out, const char *text, size_t len)
{
	while (len && is_blank(*text))
		text++, len--;
	for (size_t i = 0; i < len && text[i] != '\n'; i++)
		fputc((unsigned char)text[i] < 0x20 && text[i] != '\t' ? '?' : text[i], out);
	fputc('\n', out);
}

/* The line of an edit, with those of this message that are on it. @return the first edit that is not */
static const struct diag_edit *print_new_line(const struct source *s, const struct diag_edit *e, FILE *out)
{
	uint32_t at = line_start(s, e->at.start), end = at;
	while (end < s->len && s->text[end] != '\n')
		end++;
	char *line = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&line, &len);
	for (; e && memory && e->at.start >= at && e->at.end <= end; e = e->next) {
		fwrite(s->text + at, 1, e->at.start - at, memory);
		fputs(e->text, memory);
		at = e->at.end;
	}
	if (memory) {
		fwrite(s->text + at, 1, end - at, memory);
		fclose(memory);
		print_trimmed(out, line, len);
	}
	free(line);
	return e;
}

static bool is_line(const struct source *s, const struct diag_edit *e)
{
	size_t len = strlen(e->text);
	bool starts = e->at.start == 0 || s->text[e->at.start - 1] == '\n';
	return starts && (e->at.end == e->at.start ? len && e->text[len - 1] == '\n' : !len && s->text[e->at.end - 1] == '\n');
}

void fix_print(struct compiler *cc, const struct diag *d, FILE *out)
{
	const struct diag_edit *e = d->edits;
	for (unsigned shown = 0; e; shown++) {
		const struct source *s = source_at(cc, e->at.file);
		uint32_t line, column, own = 0;
		if (shown == SHOWN_MAX) {
			fprintf(out, "      = and so on in further lines\n");
			return;
		}
		source_position(cc, e->at.file, e->at.start, &line, &column);
		if (d->at.file == e->at.file)
			source_position(cc, d->at.file, d->at.start, &own, &column);
		if (is_line(s, e) && !*e->text) {
			fprintf(out, "      = take line %u out\n", line);
			e = e->next;
			continue;
		}
		if (is_line(s, e))
			fprintf(out, "      = write in front of line %u: ", line);
		else if (line != own)
			fprintf(out, "      = write in line %u: ", line);
		else
			fprintf(out, "      = write: ");
		if (is_line(s, e)) {
			print_trimmed(out, e->text, strlen(e->text));
			e = e->next;
		} else {
			const struct diag_edit *next = print_new_line(s, e, out);
			e = next == e ? e->next : next;
		}
	}
}
