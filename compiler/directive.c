/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of grammar/directives.def as data: look-up by name and context, signatures, defaults, help.
 *
 * Names are found in a hash table made once per compile; names that start or end with '*' ("gzip_*") are tried when that finds nothing.
 * Signatures and defaults are read at their first use and kept in the compile's arena.
 */
#include "compiler/directive.h"

#include <string.h>

#include "compiler/compiler.h"
#include "compiler/directive_index.h"
#include "compiler/signature.h"
#include "table/wsr_table.h"

enum {
	ROW_BASE = __COUNTER__, /* the rows below count on from here */
};
static const struct directive rows[] = {
#define D(dialect, name, contexts, signature, default_text, policy, verdict, lowering, sentence, note) \
	{ dialect, name, contexts, signature, default_text, policy, verdict, sentence, note, __COUNTER__ - ROW_BASE - 1 },
#include "grammar/directives.def"
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == DIRECTIVE_COUNT, "one ordinal per row");

unsigned directive_count(void)
{
	return DIRECTIVE_COUNT;
}

const struct directive *directive_row(unsigned i)
{
	return &rows[i];
}

/* --- look-up -------------------------------------------------------------------------------------------------------- */

static bool is_pattern(const struct directive *d)
{
	size_t len = strlen(d->name);

	return d->name[0] == '*' || d->name[len - 1] == '*';
}

static uint32_t slot_of(const char *name, size_t len)
{
	return wsr_hash(name, len) & (DIRECTIVE_SLOTS - 1);
}

void directive_init(struct compiler *cc)
{
	struct directive_index *ix = ARENA_NEW(&cc->arena, struct directive_index);

	/* Backwards, so that the chain of rows with one name keeps the order of the table. */
	for (unsigned i = DIRECTIVE_COUNT; i-- > 0;) {
		size_t len = strlen(rows[i].name);
		if (is_pattern(&rows[i])) {
			ix->patterns[ix->pattern_count++] = &rows[i];
			continue;
		}
		uint32_t slot = slot_of(rows[i].name, len);
		ix->name_len[i] = (uint8_t)len;
		ix->next[i] = ix->first[slot];
		ix->first[slot] = (uint16_t)(i + 1);
	}
	cc->directives = ix;
}

static bool ends_with(struct wsr_str s, const char *end, size_t len)
{
	return s.len >= len && memcmp(s.ptr + s.len - len, end, len) == 0;
}

/* "gzip_*", "*_by_lua*", or "*" alone. */
static bool pattern_matches(const char *pattern, struct wsr_str name)
{
	size_t len = strlen(pattern);

	if (len == 1)
		return true;
	if (pattern[0] == '*' && pattern[len - 1] == '*')
		return name.len && memmem(name.ptr, name.len, pattern + 1, len - 2) != NULL;
	if (pattern[0] == '*')
		return ends_with(name, pattern + 1, len - 1);
	return name.len >= len - 1 && memcmp(name.ptr, pattern, len - 1) == 0;
}

/* The longest pattern that fits; "*" alone is for blocks of free entries and never found from elsewhere. */
static const struct directive *find_pattern(const struct directive_index *ix, struct wsr_str name, uint32_t contexts)
{
	const struct directive *best = NULL;

	for (unsigned i = 0; i < ix->pattern_count; i++) {
		const struct directive *d = ix->patterns[i];
		if ((d->contexts & contexts) == 0 || !pattern_matches(d->name, name))
			continue;
		if (d->name[1] == '\0' && contexts & ~(uint32_t)(C_MAP | C_TYPES))
			continue;
		if (!best || strlen(d->name) > strlen(best->name))
			best = d;
	}
	return best;
}

const struct directive *directive_find(const struct compiler *cc, const char *name, size_t len, uint32_t contexts)
{
	const struct directive_index *ix = cc->directives;
	bool known = false;

	for (unsigned i = ix->first[slot_of(name, len)]; i; i = ix->next[i - 1]) {
		const struct directive *d = &rows[i - 1];
		if (ix->name_len[i - 1] != len || memcmp(d->name, name, len) != 0)
			continue;
		if (d->contexts & contexts)
			return d;
		known = true;
	}
	/* A name with a row of its own is none of "gzip_*" where it may not stand; in a map it is a word like any other. */
	if (known && contexts & ~(uint32_t)(C_MAP | C_TYPES))
		return NULL;
	return find_pattern(ix, wsr_str(name, len), contexts);
}

uint32_t directive_context_inside(const struct node *parent)
{
	if (parent->def)
		return parent->def->policy >> 16;
	return parent->parent ? C_FOREIGN : C_MAIN;
}

const char *directive_contexts_text(struct compiler *cc, uint32_t contexts)
{
	static const char *const names[] = {
#define X(bit, symbol, name) name,
		CONTEXTS(X)
#undef X
	};
	const char *text = "";

	for (unsigned i = 0; i < CONTEXT_COUNT; i++)
		if (contexts >> i & 1)
			text = arena_printf(&cc->arena, "%s%s%s", text, *text ? ", " : "", names[i]);
	return text;
}

const struct signature *directive_signature(struct compiler *cc, const struct directive *def)
{
	struct directive_index *ix = cc->directives;

	if (!ix->signatures[def->ordinal])
		ix->signatures[def->ordinal] = signature_new(cc, def->signature);
	return ix->signatures[def->ordinal];
}

const struct node *directive_default(struct compiler *cc, const struct directive *def)
{
	struct directive_index *ix = cc->directives;

	if (!def->default_text)
		return NULL;
	if (!ix->defaults[def->ordinal]) {
		const char *text = arena_printf(&cc->arena, "%s %s;", def->name, def->default_text);
		struct node *n = tree_from_text(cc, text, strlen(text), "default");
		n->def = def;
		ix->defaults[def->ordinal] = n;
	}
	return ix->defaults[def->ordinal];
}

/* --- help ----------------------------------------------------------------------------------------------------------- */

static void print_contexts(const struct directive *d, FILE *out)
{
	const char *between = "";

#define X(bit, symbol, name) \
	if (d->contexts >> (bit) & 1 && (bit) < 11) { \
		fprintf(out, "%s%s", between, name); \
		between = ", "; \
	}
	CONTEXTS(X)
#undef X
}

static const char *verdict_text(enum verdict v)
{
	switch (v) {
	case EXACT:
		return "as in nginx";
	case DIFFERS:
		return "differs from nginx";
	case INERT:
		return "accepted without effect";
	case REFUSED:
		return "refused";
	case THIRD_PARTY:
		return "refused: not part of nginx";
	case OURS:
		return "not in nginx";
	}
	return "";
}

static void print_row(const struct directive *d, FILE *out)
{
	fprintf(out, "%s %s\n", d->name, d->signature);
	fprintf(out, "    %s\n", d->sentence);
	fprintf(out, "    In: ");
	print_contexts(d, out);
	fprintf(out, ".");
	if (d->default_text)
		fprintf(out, " Default: %s.", d->default_text);
	fprintf(out, "\n    %s", verdict_text(d->verdict));
	fprintf(out, d->note ? ": %s\n" : "\n", d->note);
}

void directive_list(FILE *out)
{
	for (unsigned i = 0; i < DIRECTIVE_COUNT; i++)
		print_row(&rows[i], out);
}

bool directive_help(const char *name, FILE *out)
{
	bool found = false;

	for (unsigned i = 0; i < DIRECTIVE_COUNT; i++) {
		if (strcmp(rows[i].name, name) == 0 || (!found && strlen(rows[i].name) > 1 && is_pattern(&rows[i]) && pattern_matches(rows[i].name, wsr_cstr(name)))) {
			print_row(&rows[i], out);
			found = true;
		}
	}
	return found;
}
