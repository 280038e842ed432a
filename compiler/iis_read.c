/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XML -> tree for IIS configuration, with expat. In: a source. Out: nodes with the place of every element and attribute; what grammar/iis.def does not allow is
 * reported. Documents with a DOCTYPE are refused: configuration has none, and entities could grow without bound.
 */
#include <expat.h>
#include <stdlib.h>

#include "compiler/iis.h"
#include "compiler/spell.h"

#define MAX_DEPTH 64u

enum { E_EXACT, E_DIFFERS, E_INERT, E_REFUSED };
static const struct element { const char *name, *parents; int verdict; const char *attributes, *sentence, *note; } elements[] = {
#define E(name, parents, verdict, attributes, sentence, note) { name, parents, E_##verdict, attributes, sentence, note },
#include "grammar/iis.def"
};
#define ELEMENTS (sizeof(elements) / sizeof(*elements))

struct reader {
	struct compiler *cc;
	uint32_t file;
	const struct source *source;
	XML_Parser parser;
	struct node *current;
	unsigned depth, skip;       /* skip: depth below an element that is not read; 0 = reading */
	bool stopped;
};

/* --- what is allowed ----------------------------------------------------------------------------------------------------- */

/* Is `word` one of the blank-separated words of a list? *rest = what follows it in its word ("=a|b"). */
static bool listed(const char *list, struct wsr_str word, struct wsr_str *rest)
{
	for (const char *s = list; *s; s += strspn(s, " ")) {
		size_t len = strcspn(s, " "), name = strcspn(s, "= ");
		if (name > len)
			name = len;
		if (wsr_str_eq(wsr_str(s, name), word)) {
			*rest = wsr_str(s + name, len - name);
			return true;
		}
		s += len;
	}
	return false;
}

static const struct element *find_element(struct wsr_str name, struct wsr_str parent)
{
	struct wsr_str rest;
	for (size_t i = 0; i < ELEMENTS; i++)
		if (wsr_str_eq(wsr_cstr(elements[i].name), name) && (parent.len ? listed(elements[i].parents, parent, &rest) : !*elements[i].parents))
			return &elements[i];
	return NULL;
}

static bool one_of(struct wsr_str choices, struct wsr_str value)
{
	size_t start = 0;
	for (size_t i = 0; i <= choices.len; i++) {
		if (i < choices.len && choices.ptr[i] != '|')
			continue;
		if (wsr_str_eq_nocase(wsr_str(choices.ptr + start, i - start), value))
			return true;
		start = i + 1;
	}
	return false;
}

static void check_attribute(struct reader *r, const struct element *e, struct wsr_str name, struct wsr_str value, struct span at)
{
	struct wsr_str rest;
	if (!listed(e->attributes, name, &rest)) {
		diag_at(r->cc, CHECK_ARGUMENT, at, "<%s> has no attribute '%s'; it has: %s", e->name, diag_quote(r->cc, name.ptr, name.len), *e->attributes ? e->attributes : "none");
	} else if (rest.len > 1) {
		struct wsr_str choices = wsr_str_eq(rest, WSR_STR("=bool")) ? WSR_STR("true|false") : wsr_str(rest.ptr + 1, rest.len - 1);
		if (!one_of(choices, value))
			diag_at(r->cc, CHECK_ARGUMENT, at, "'%s' is none of %.*s", diag_quote(r->cc, value.ptr, value.len), WSR_FMT(choices));
	}
}

static void tell(struct reader *r, const struct element *e, bool attributes, struct span at)
{
	if (e->verdict == E_REFUSED)
		diag_at(r->cc, CHECK_UNSUPPORTED_DIRECTIVE, at, "<%s> is not compiled: %s", e->name, e->note);
	else if (e->verdict == E_DIFFERS && attributes)
		diag_at(r->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, at, "<%s>: %s", e->name, e->note);
}

/* --- places -------------------------------------------------------------------------------------------------------------- */

static struct span tag_span(const struct reader *r)
{
	XML_Index start = XML_GetCurrentByteIndex(r->parser);
	int len = XML_GetCurrentByteCount(r->parser);
	return (struct span){ r->file, (uint32_t)start, (uint32_t)start + (uint32_t)(len > 0 ? len : 1) };
}

/* Where an attribute stands inside the tag. */
static struct span attribute_span(const struct reader *r, struct span tag, const char *name)
{
	const char *s = r->source->text + tag.start, *end = r->source->text + tag.end;
	size_t len = strlen(name);
	for (char quote = 0; s < end; s++) {
		if (quote) {
			quote = *s == quote ? 0 : quote;
		} else if (*s == '"' || *s == '\'') {
			quote = *s;
		} else if ((size_t)(end - s) > len && memcmp(s, name, len) == 0 && strchr(" \t\r\n", s[-1]) && strchr("= \t\r\n", s[len])) {
			const char *open = s + len;
			while (open < end && *open != '"' && *open != '\'')
				open++;
			const char *close = open < end ? memchr(open + 1, *open, (size_t)(end - open) - 1) : NULL;
			return (struct span){ r->file, (uint32_t)(s - r->source->text), (uint32_t)((close ? close + 1 : s + len) - r->source->text) };
		}
	}
	return tag;
}

/* --- expat's calls ------------------------------------------------------------------------------------------------------- */

static struct word word_of(struct reader *r, const char *name, const char *value, struct span at)
{
	size_t n = strlen(name), v = value ? strlen(value) + 1 : 0;
	char *text = arena_alloc(&r->cc->arena, n + v + 1);
	memcpy(text, name, n);
	if (value) {
		text[n] = '=';
		memcpy(text + n + 1, value, v - 1);
	}
	return (struct word){ .text = text, .len = (uint32_t)(n + v) & (SOURCE_MAX_BYTES - 1), .quote = WORD_PLAIN, .span = at };
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *r = user;
	struct span tag = tag_span(r);
	if (r->skip || ++r->depth > MAX_DEPTH) {
		r->skip++;
		return;
	}
	const struct node *parent = r->current;
	struct wsr_str around = parent->word_count ? word_str(&parent->words[0]) : wsr_str("", 0);
	const struct element *e = find_element(wsr_cstr(name), around);
	struct span at = { tag.file, tag.start, tag.start + (uint32_t)strlen(name) + 1 };
	unsigned count = 0;
	while (attributes[2 * count])
		count++;
	if (!e) {
		r->depth--;
		r->skip = 1;
		diag_at(r->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, at, "<%s> in <%.*s> is not read: nothing of it acts here", diag_quote(r->cc, name, strlen(name)), WSR_FMT(around));
		return;
	}
	struct node *n = tree_node(r->cc, r->current);
	n->words = arena_alloc(&r->cc->arena, (count + 1) * sizeof(*n->words));
	n->word_count = (count + 1) & 0xffffff;
	n->span = tag;
	n->block = true;
	n->words[0] = word_of(r, name, NULL, at);
	for (unsigned i = 0; i < count; i++) {
		struct span where = attribute_span(r, tag, attributes[2 * i]);
		n->words[i + 1] = word_of(r, attributes[2 * i], attributes[2 * i + 1], where);
		check_attribute(r, e, wsr_cstr(attributes[2 * i]), wsr_cstr(attributes[2 * i + 1]), where);
	}
	tell(r, e, count > 0, at);
	r->current = n;
}

static void on_end(void *user, const XML_Char *name)
{
	struct reader *r = user;
	(void)name;
	if (r->skip) {
		r->skip--;
		return;
	}
	r->depth--;
	r->current = r->current->parent;
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	struct reader *r = user;
	(void)name, (void)system, (void)public, (void)internal;
	diag_at(r->cc, CHECK_SYNTAX, tag_span(r), "a DOCTYPE is not read: configuration has none");
	r->stopped = true;
	XML_StopParser(r->parser, XML_FALSE);
}

static void xml_error(struct reader *r)
{
	XML_Index at = XML_GetCurrentByteIndex(r->parser);
	uint32_t start = at < 0 ? 0 : (uint32_t)at;
	diag_at(r->cc, CHECK_SYNTAX, (struct span){ r->file, start, start + 1 }, "not well-formed XML: %s", XML_ErrorString(XML_GetErrorCode(r->parser)));
}

static void release_parser(void *parser)
{
	XML_ParserFree(parser);
}

void iis_read(struct compiler *cc, uint32_t file, struct node *root)
{
	struct reader r = { .cc = cc, .file = file, .source = source_at(cc, file), .current = root };
	r.parser = XML_ParserCreate(NULL);
	if (!r.parser) {
		diag_at(cc, CHECK_UNREADABLE, SPAN_NONE, "out of memory");
		return;
	}
	arena_on_free(&cc->arena, release_parser, r.parser);
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	if (XML_Parse(r.parser, r.source->text, (int)r.source->len, 1) == XML_STATUS_ERROR && !r.stopped)
		xml_error(&r);
}

/* --- attributes ---------------------------------------------------------------------------------------------------------- */

static const struct word *find_word(const struct node *n, const char *name)
{
	size_t len = strlen(name);
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		const struct word *w = node_arg(n, i);
		if (w->len > len && w->text[len] == '=' && memcmp(w->text, name, len) == 0)
			return w;
	}
	return NULL;
}

struct wsr_str iis_attribute(const struct node *n, const char *name, const char *def)
{
	const struct word *w = find_word(n, name);
	size_t skip = strlen(name) + 1;
	return w ? wsr_str(w->text + skip, w->len - skip) : def ? wsr_cstr(def) : WSR_STR_NULL;
}

const struct word *iis_word(const struct node *n, const char *name)
{
	const struct word *w = find_word(n, name);
	return w ? w : &n->words[0];
}

bool iis_flag(const struct node *n, const char *name, bool def)
{
	return wsr_str_eq_nocase(iis_attribute(n, name, def ? "true" : "false"), WSR_STR("true"));
}

const struct node *iis_child(const struct node *n, const char *name)
{
	NODE_EACH_CHILD(c, n)
		if (node_is(c, name))
			return c;
	return NULL;
}
