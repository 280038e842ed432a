/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collecting and printing messages. In: check, place, text. Out: for each message
 *
 *     site.conf:14:24: error: unknown unit 'mn' in '5mn' [duration]
 *        14 |     proxy_read_timeout 5mn;
 *           |                        ^~~
 *     site.conf:14:24: note: units are ms, s, m, h, d
 *
 * and, where a cure is safe, the line as `wsrpc lint --fix` would write it;
 * sorted by position, so that the order does not depend on which stage found what. Output depends on the texts alone.
 */
#include "compiler/diag.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/compiler.h"
#include "compiler/fix.h"

#define LINE_SHOWN_MAX 160u     /* longer source lines are cut around the place */

static const struct check_info checks[CHECK_COUNT] = {
#define ERROR   DIAG_ERROR
#define WARNING DIAG_WARNING
#define NOTE    DIAG_NOTE
#define CHECK(symbol, name, level, sentence, bad) { name, level, sentence, bad },
#include "compiler/checks.def"
#undef ERROR
#undef WARNING
#undef NOTE
};

const struct check_info *check_info(enum check_id check)
{
	return &checks[check];
}

enum check_id check_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		if (strlen(checks[i].name) == len && memcmp(checks[i].name, name, len) == 0)
			return (enum check_id)i;
	return CHECK_COUNT;
}

void diag_init(struct compiler *cc)
{
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		cc->diags.level[i] = checks[i].level;
}

/* Count a message of this level. @return false when no more are kept. */
static bool count_level(struct diags *ds, enum diag_level level)
{
	unsigned *count = level == DIAG_ERROR ? &ds->errors : level == DIAG_WARNING ? &ds->warnings : &ds->notes;

	if (++*count <= DIAG_MAX)
		return true;
	ds->dropped++;
	return false;
}

/* A statement that is lowered for several blocks says the same each time. */
static bool is_repeated(const struct diags *ds, enum check_id check, struct span at, const char *text)
{
	for (size_t i = 0; at.file != SOURCE_NONE && i < ds->count; i++) {
		const struct diag *d = ds->list[i];
		if (d->check == check && d->at.file == at.file && d->at.start == at.start && d->at.end == at.end && strcmp(d->text, text) == 0)
			return true;
	}
	return false;
}

struct diag *diag_at(struct compiler *cc, enum check_id check, struct span at, const char *fmt, ...)
{
	struct diags *ds = &cc->diags;
	enum diag_level level = ds->level[check];
	va_list ap;

	if (level == DIAG_OFF)
		return NULL;
	va_start(ap, fmt);
	const char *text = arena_vprintf(&cc->arena, fmt, ap);
	va_end(ap);
	if (is_repeated(ds, check, at, text) || !count_level(ds, level))
		return NULL;
	struct diag *d = ARENA_NEW(&cc->arena, struct diag);
	d->check = check;
	d->level = level;
	d->at = at;
	d->text = text;
	d->ordinal = (unsigned)ds->count;
	ds->list = arena_grow(&cc->arena, ds->list, ds->count, &ds->cap, sizeof(*ds->list));
	ds->list[ds->count++] = d;
	return d;
}

void diag_note(struct compiler *cc, struct diag *d, struct span at, const char *fmt, ...)
{
	va_list ap;

	if (!d)
		return;
	struct diag_note *n = ARENA_NEW(&cc->arena, struct diag_note);
	n->at = at;
	va_start(ap, fmt);
	n->text = arena_vprintf(&cc->arena, fmt, ap);
	va_end(ap);
	if (d->last_note)
		d->last_note->next = n;
	else
		d->notes = n;
	d->last_note = n;
}

bool diag_failed(const struct compiler *cc)
{
	return cc->diags.errors > 0;
}

const char *diag_quote(struct compiler *cc, const char *text, size_t len)
{
	bool cut = len > DIAG_QUOTE_MAX;
	char *out = arena_alloc(&cc->arena, DIAG_QUOTE_MAX * 4 + 4), *p = out;

	if (cut) {
		len = DIAG_QUOTE_MAX - 3;
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80) /* not inside a UTF-8 sequence */
			len--;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20 || c == 0x7f)
			p += sprintf(p, "\\x%02x", c);
		else
			*p++ = (char)c;
	}
	strcpy(p, cut ? "..." : "");
	return out;
}

/* --- printing ------------------------------------------------------------------------------------------------------ */

struct printer {
	struct compiler *cc;
	FILE *out;
	bool colour;
};

static const char *paint(const struct printer *pr, const char *code)
{
	return pr->colour ? code : "";
}

#define BOLD   "\033[1m"
#define RED    "\033[1;31m"
#define PURPLE "\033[1;35m"
#define CYAN   "\033[1;36m"
#define GREEN  "\033[1;32m"
#define PLAIN  "\033[0m"

static const char *level_name(enum diag_level level)
{
	return level == DIAG_ERROR ? "error" : level == DIAG_WARNING ? "warning" : "note";
}

static const char *level_colour(enum diag_level level)
{
	return level == DIAG_ERROR ? RED : level == DIAG_WARNING ? PURPLE : CYAN;
}

static bool continues_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The bytes of a source line, with what would disturb a terminal as '?'. */
static void print_text(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, out);
	}
}

/* One column for each character: tabs stay tabs, so that the caret line is indented as the source line is. */
static void print_indent(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!continues_character(text[i]))
			fputc(text[i] == '\t' ? '\t' : ' ', out);
}

static void print_carets(FILE *out, const char *text, size_t len)
{
	fputc('^', out);
	for (size_t i = 1; i < len; i++)
		if (!continues_character(text[i]))
			fputc('~', out);
}

static void print_excerpt(const struct printer *pr, struct span at, uint32_t line, uint32_t column)
{
	size_t len, from = 0, start = column - 1;
	const char *text = source_line(pr->cc, at.file, line, &len);

	if (start > len)
		start = len;
	size_t end = start + (at.end - at.start);
	if (end > len)
		end = len;
	if (len > LINE_SHOWN_MAX) {
		if (start > LINE_SHOWN_MAX / 2)
			from = start - LINE_SHOWN_MAX / 2;
		while (from < start && continues_character(text[from]))
			from++;
		if (len - from > LINE_SHOWN_MAX)
			len = from + LINE_SHOWN_MAX;
		if (end > len)
			end = len;
	}
	fprintf(pr->out, "%5u | ", line);
	print_text(pr->out, text + from, len - from);
	fprintf(pr->out, "\n      | ");
	print_indent(pr->out, text + from, start - from);
	fputs(paint(pr, GREEN), pr->out);
	print_carets(pr->out, text + start, end - start);
	fprintf(pr->out, "%s\n", paint(pr, PLAIN));
}

static void print_line(const struct printer *pr, struct span at, enum diag_level level, const char *text, const char *check, bool excerpt)
{
	uint32_t line = 0, column = 0;

	if (at.file != SOURCE_NONE) {
		source_position(pr->cc, at.file, at.start, &line, &column);
		fprintf(pr->out, "%s%s:%u:%u:%s ", paint(pr, BOLD), source_name(pr->cc, at.file), line, column, paint(pr, PLAIN));
	} else if (check) {
		fprintf(pr->out, "%swsrpc:%s ", paint(pr, BOLD), paint(pr, PLAIN));
	} else {
		fputs("      = ", pr->out);
	}
	fprintf(pr->out, "%s%s:%s %s", paint(pr, level_colour(level)), level_name(level), paint(pr, PLAIN), text);
	if (check)
		fprintf(pr->out, " [%s]", check);
	fputc('\n', pr->out);
	if (at.file != SOURCE_NONE && excerpt)
		print_excerpt(pr, at, line, column);
}

static void print_diag(const struct printer *pr, const struct diag *d)
{
	print_line(pr, d->at, d->level, d->text, checks[d->check].name, true);
	for (const struct diag_note *n = d->notes; n; n = n->next)
		print_line(pr, n->at, DIAG_NOTE, n->text, NULL, true);
	fix_print(pr->cc, d, pr->out);
	if (d->at.file == SOURCE_NONE)
		return;
	for (struct span from = source_at(pr->cc, d->at.file)->included_from; from.file != SOURCE_NONE;
	     from = source_at(pr->cc, from.file)->included_from)
		print_line(pr, from, DIAG_NOTE, "included from here", NULL, false);
}

static int compare_diags(const void *a, const void *b)
{
	const struct diag *x = *(const struct diag *const *)a, *y = *(const struct diag *const *)b;

	if (x->at.file != y->at.file)
		return x->at.file < y->at.file ? -1 : 1;
	if (x->at.start != y->at.start)
		return x->at.start < y->at.start ? -1 : 1;
	return x->ordinal < y->ordinal ? -1 : 1;
}

void diag_sort(struct compiler *cc)
{
	struct diags *ds = &cc->diags;
	if (ds->count > ds->printed)
		qsort(ds->list + ds->printed, ds->count - ds->printed, sizeof(*ds->list), compare_diags);
}

void diag_print(struct compiler *cc, FILE *out, bool colour)
{
	struct diags *ds = &cc->diags;
	struct printer pr = { cc, out, colour };

	diag_sort(cc);
	for (; ds->printed < ds->count; ds->printed++)
		print_diag(&pr, ds->list[ds->printed]);
	if (ds->dropped)
		fprintf(out, "wsrpc: note: %u more messages are not shown\n", ds->dropped);
	ds->dropped = 0;
}
