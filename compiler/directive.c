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

#define NAME_MAX_BYTES 64u  /* longer words are no names */

/* Of the name in lower case, because Apache's are compared so. */
static uint32_t slot_of(const char *name, size_t len)
{
	char lower[NAME_MAX_BYTES];

	if (len > sizeof(lower))
		len = sizeof(lower);
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)wsr_lower((unsigned char)name[i]);
	return wsr_hash(lower, len) & (DIRECTIVE_SLOTS - 1);
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
static bool pattern_matches(const struct directive *d, struct wsr_str name)
{
	const char *pattern = d->name;
	size_t len = strlen(pattern);

	if (d->dialect == DIALECT_APACHE)
		return name.len >= len - 1 && wsr_str_eq_nocase(wsr_str(name.ptr, len - 1), wsr_str(pattern, len - 1));
	if (len == 1)
		return true;
	if (pattern[0] == '*' && pattern[len - 1] == '*')
		return name.len && memmem(name.ptr, name.len, pattern + 1, len - 2) != NULL;
	if (pattern[0] == '*')
		return ends_with(name, pattern + 1, len - 1);
	return name.len >= len - 1 && memcmp(name.ptr, pattern, len - 1) == 0;
}

/* The longest pattern that fits; "*" alone is for blocks of free entries and never found from elsewhere. */
static const struct directive *find_pattern(const struct compiler *cc, struct wsr_str name, uint32_t contexts)
{
	const struct directive_index *ix = cc->directives;
	const struct directive *best = NULL;

	for (unsigned i = 0; i < ix->pattern_count; i++) {
		const struct directive *d = ix->patterns[i];
		if (d->dialect != cc->dialect || (d->contexts & contexts) == 0 || !pattern_matches(d, name))
			continue;
		if (d->name[1] == '\0' && contexts & ~(uint32_t)(C_MAP | C_TYPES))
			continue;
		if (!best || strlen(d->name) > strlen(best->name))
			best = d;
	}
	return best;
}

static bool same_name(const struct directive *d, const char *name)
{
	size_t len = strlen(d->name);

	return d->dialect == DIALECT_APACHE ? wsr_str_eq_nocase(wsr_str(d->name, len), wsr_str(name, len)) : memcmp(d->name, name, len) == 0;
}

const struct directive *directive_find(const struct compiler *cc, const char *name, size_t len, uint32_t contexts)
{
	const struct directive_index *ix = cc->directives;
	bool known = false;

	for (unsigned i = ix->first[slot_of(name, len)]; i; i = ix->next[i - 1]) {
		const struct directive *d = &rows[i - 1];
		if (ix->name_len[i - 1] != len || d->dialect != cc->dialect || !same_name(d, name))
			continue;
		if (d->contexts & contexts)
			return d;
		known = true;
	}
	/* A name with a row of its own is none of "gzip_*" where it may not stand; in a map it is a word like any other. */
	if (known && contexts & ~(uint32_t)(C_MAP | C_TYPES))
		return NULL;
	return find_pattern(cc, wsr_str(name, len), contexts);
}

uint32_t directive_context_inside(const struct compiler *cc, const struct node *parent)
{
	if (parent->def)
		return directive_opens(parent->def);
	if (parent->parent)
		return C_FOREIGN;
	return cc->dialect == DIALECT_APACHE ? C_AP_MAIN : C_MAIN;
}

uint32_t directive_contexts(const struct compiler *cc)
{
	return cc->dialect == DIALECT_APACHE ? C_APACHE : C_NGINX & ~(uint32_t)(C_MAP | C_TYPES);
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
		const char *text = arena_printf(&cc->arena, "%s %s%s", def->name, def->default_text, def->dialect == DIALECT_APACHE ? "" : ";");
		struct node *n = tree_from_text(cc, def->dialect, text, strlen(text), "default");
		n->def = def;
		ix->defaults[def->ordinal] = n;
	}
	return ix->defaults[def->ordinal];
}

/* --- help ----------------------------------------------------------------------------------------------------------- */

static void print_contexts(const struct directive *d, FILE *out)
{
	const char *between = "";
	uint32_t contexts = d->contexts & (d->dialect == DIALECT_APACHE ? C_APACHE : C_NGINX);

#define X(bit, symbol, name) \
	if (contexts >> (bit) & 1 && (bit) != 11) { \
		fprintf(out, "%s%s", between, name); \
		between = ", "; \
	}
	CONTEXTS(X)
#undef X
}

static const char *verdict_text(const struct directive *d)
{
	bool nginx = d->dialect == DIALECT_NGINX;

	switch (d->verdict) {
	case EXACT:
		return nginx ? "as in nginx" : "as in httpd";
	case DIFFERS:
		return nginx ? "differs from nginx" : "differs from httpd";
	case INERT:
		return "accepted without effect";
	case REFUSED:
		return "refused";
	case THIRD_PARTY:
		return nginx ? "refused: not part of nginx" : "refused: not part of httpd";
	case OURS:
		return nginx ? "not in nginx" : "not in httpd";
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
	fprintf(out, "\n    %s", verdict_text(d));
	fprintf(out, d->note ? ": %s\n" : "\n", d->note);
}

void directive_list(FILE *out)
{
	for (unsigned i = 0; i < DIRECTIVE_COUNT; i++)
		print_row(&rows[i], out);
}

static bool is_row_of(const struct directive *d, const char *name)
{
	return strlen(d->name) == strlen(name) && same_name(d, name);
}

bool directive_help(const char *name, FILE *out)
{
	bool found = false;

	for (unsigned i = 0; i < DIRECTIVE_COUNT; i++) {
		const struct directive *d = &rows[i];
		if (is_row_of(d, name) || (!found && strlen(d->name) > 1 && is_pattern(d) && pattern_matches(d, wsr_cstr(name)))) {
			print_row(d, out);
			found = true;
		}
	}
	return found;
}
