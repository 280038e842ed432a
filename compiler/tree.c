/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building the tree while the parser runs. Statements are appended to the innermost open block as they end, so nothing waits on the
 * parser's stack; a node takes one allocation for itself and one for its words.
 */
#include "compiler/tree.h"

#include <string.h>

#include "compiler/compiler.h"
#include "compiler/scan.h"

struct tree_builder {
	struct scan *scan;
	struct node *top;           /* the file's statements go below it */
	struct node *parent;        /* innermost open block */
	struct word *words;         /* collected for the next statement */
	size_t count, cap;
	struct node *last_closed;   /* the block closed last at the top: where a '}' too many may come from */
};

#define MAX_WORDS ((1u << 24) - 1)

struct node *tree_node(struct compiler *cc, struct node *parent)
{
	struct node *n = ARENA_NEW(&cc->arena, struct node);

	n->span = SPAN_NONE;
	if (parent)
		tree_append(parent, n);
	return n;
}

void tree_append(struct node *parent, struct node *child)
{
	child->parent = parent;
	child->next = NULL;
	if (parent->last_child)
		parent->last_child->next = child;
	else
		parent->first_child = child;
	parent->last_child = child;
}

struct span node_head_span(const struct node *n)
{
	if (n->word_count == 0)
		return n->span;
	return span_join(n->words[0].span, n->words[n->word_count - 1].span);
}

void tree_parse(struct compiler *cc, enum dialect dialect, uint32_t file, struct node *parent)
{
	struct source *s = source_at(cc, file);
	struct scan scan = { .cc = cc, .source = s, .base = s->text, .file = file, .refuse_invisible = dialect == DIALECT_APACHE };
	struct tree_builder builder = { .scan = &scan, .top = parent, .parent = parent };
	struct tree_builder *outer = cc->builder;
	uint32_t mark = 0;

	if (dialect == DIALECT_APACHE && s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0) {
		mark = 3;
		scan_invisible(&scan, &(struct span){ file, 0, mark }, s->text);
	}
	cc->builder = &builder;
	if (dialect == DIALECT_APACHE)
		scan_parse_apache(&scan, s->text + mark, s->len - mark);
	else
		scan_parse_nginx(&scan, s->text, s->len);
	scan_finish(&scan);
	cc->builder = outer;
}

/* --- what the grammar's actions call -------------------------------------------------------------------------------- */

void tree_word(struct compiler *cc, const struct word *w)
{
	struct tree_builder *b = cc->builder;

	if (b->count == MAX_WORDS)
		return;
	b->words = arena_grow(&cc->arena, b->words, b->count, &b->cap, sizeof(*b->words));
	b->words[b->count++] = *w;
}

static struct node *take_words(struct compiler *cc, struct span at)
{
	struct tree_builder *b = cc->builder;
	struct node *n = tree_node(cc, b->parent);

	n->span = at;
	n->word_count = (uint32_t)b->count & MAX_WORDS;
	n->words = arena_alloc(&cc->arena, b->count * sizeof(*n->words));
	if (b->count)
		memcpy(n->words, b->words, b->count * sizeof(*n->words));
	b->count = 0;
	n->bad = b->scan->spoiled;
	b->scan->spoiled = false;
	return n;
}

void tree_statement(struct compiler *cc, struct span at)
{
	take_words(cc, at);
}

void tree_open(struct compiler *cc, struct span at)
{
	struct node *n = take_words(cc, at);

	n->block = true;
	cc->builder->parent = n;
}

void tree_open_nameless(struct compiler *cc, struct span brace)
{
	struct node *parent = cc->builder->parent;

	/* "{{ name }}": the text of a template language, where the outer brace has just opened a block. */
	if (parent != cc->builder->top && parent->span.end == brace.start && !parent->bad) {
		struct span braces = { brace.file, brace.start - 1, brace.end };
		diag_at(cc, CHECK_PLACEHOLDER_LEFT, braces, "'{{' is left over from a template: fill the template in before compiling");
		parent->bad = true;
	} else if (!parent->bad) {
		diag_at(cc, CHECK_SYNTAX, brace, "unexpected '{': no name stands in front of it");
	}
	cc->builder->parent = take_words(cc, brace);
	cc->builder->parent->block = true;
	cc->builder->parent->bad = true;
}

void tree_close(struct compiler *cc, struct span brace)
{
	struct tree_builder *b = cc->builder;
	struct node *closed = b->parent;

	closed->span = span_join(closed->span, brace);
	b->parent = closed->parent;
	if (b->parent == b->top)
		b->last_closed = closed;
}

static const char *words_text(struct compiler *cc, struct span words)
{
	const struct source *s = source_at(cc, words.file);

	return diag_quote(cc, s->text + words.start, words.end - words.start);
}

void tree_missing_semicolon(struct compiler *cc, struct span words)
{
	struct node *n = take_words(cc, words);

	n->span = words;
	if (n->parent->bad)
		return;
	diag_at(cc, CHECK_MISSING_SEMICOLON, span_after(words), "missing ';' after '%s'", words_text(cc, words));
}

void tree_unfinished(struct compiler *cc, struct span words)
{
	struct node *n = take_words(cc, words);

	n->bad = true;
	if (!cc->builder->scan->truncated)
		diag_at(cc, CHECK_MISSING_SEMICOLON, span_after(words), "missing ';' after '%s' at the end of the file", words_text(cc, words));
}

void tree_close_missing(struct compiler *cc, struct span end)
{
	struct tree_builder *b = cc->builder;
	struct node *open = b->parent;

	if (!b->scan->truncated) {
		struct diag *d = diag_at(cc, CHECK_UNBALANCED_BRACE, node_head_span(open), "this block is not closed: a '}' is missing");
		diag_note(cc, d, end, "the file ends here");
	}
	tree_close(cc, end);
}

void tree_stray_close(struct compiler *cc, struct span brace)
{
	const struct node *last = cc->builder->last_closed;

	struct diag *d = diag_at(cc, CHECK_UNBALANCED_BRACE, brace, "unexpected '}': no block is open here");
	if (last) {
		struct span closing = { last->span.file, last->span.end - 1, last->span.end };
		diag_note(cc, d, node_head_span(last), "the block before it starts here");
		diag_note(cc, d, closing, "and was closed here");
	}
}

void tree_stray_semicolon(struct compiler *cc, struct span semicolon)
{
	const struct node *parent = cc->builder->parent, *before = parent->last_child;

	struct diag *d = diag_at(cc, CHECK_SYNTAX, semicolon, "unexpected ';': no statement stands in front of it");
	if (before && before->block)
		diag_note(cc, d, SPAN_NONE, "a block ends with '}' alone");
}

/* --- Apache's sections ----------------------------------------------------------------------------------------------- */

void tree_section(struct compiler *cc, struct span head)
{
	struct tree_builder *b = cc->builder;
	bool nested = b->scan->depth < SCAN_MAX_DEPTH;

	if (!nested && !b->scan->truncated)
		diag_at(cc, CHECK_NESTING, head, "more than %u sections inside each other", SCAN_MAX_DEPTH);
	b->scan->truncated |= !nested;
	tree_open(cc, head);
	b->scan->depth++;
}

void tree_section_unfinished(struct compiler *cc, struct span head)
{
	diag_at(cc, CHECK_SYNTAX, span_after(head), "the '>' that ends the head of this section is missing");
	tree_section(cc, head);
	cc->builder->parent->bad = true;
}

static bool is_named(const struct node *section, const struct word *name)
{
	return wsr_str_eq_nocase(word_str(&section->words[0]), word_str(name));
}

static void section_ends(struct tree_builder *b, struct span end)
{
	struct node *closed = b->parent;

	/* A section's own file is that of its head; the tag that closes it stands in the same one. */
	closed->span = span_join(closed->span, end);
	b->parent = closed->parent;
	b->scan->depth--;
	if (b->parent == b->top)
		b->last_closed = closed;
}

static void not_closed(struct compiler *cc, const struct node *open, struct span where, const char *text)
{
	struct diag *d = diag_at(cc, CHECK_SECTION, node_head_span(open), "section '%s' is not closed: '</%s>' is missing", words_text(cc, node_head_span(open)),
	                         diag_quote(cc, open->words[0].text, open->words[0].len));
	diag_note(cc, d, where, "%s", text);
}

void tree_section_close(struct compiler *cc, struct span tag, const struct word *name)
{
	struct tree_builder *b = cc->builder;
	struct node *match = b->parent;

	while (match != b->top && !is_named(match, name))
		match = match->parent;
	if (match == b->top) {
		struct diag *d = diag_at(cc, CHECK_SECTION, tag, b->parent == b->top ? "'</%s>' closes nothing: no section is open here" : "'</%s>' closes no section that is open here",
		                         diag_quote(cc, name->text, name->len));
		if (b->parent != b->top)
			diag_note(cc, d, node_head_span(b->parent), "the innermost open section is this one");
		else if (b->last_closed)
			diag_note(cc, d, node_head_span(b->last_closed), "the section before it starts here");
		return;
	}
	for (; b->parent != match; section_ends(b, tag))
		not_closed(cc, b->parent, tag, "this closes a section around it");
	section_ends(b, tag);
}

void tree_sections_end(struct compiler *cc, struct span text)
{
	struct tree_builder *b = cc->builder;
	struct span end;

	(void)text;
	scan_end(b->scan, &end);
	for (; b->parent != b->top; section_ends(b, end))
		not_closed(cc, b->parent, end, "the file ends here");
}

/* --- nodes that nobody wrote ---------------------------------------------------------------------------------------- */

struct node *tree_synthetic(struct compiler *cc, struct node *parent, const char *words, struct span at)
{
	struct node *n = tree_node(cc, parent);
	size_t cap = 0, count = 0;

	n->synthetic = true;
	n->span = at;
	for (const char *p = words; *p;) {
		size_t len = strcspn(p, " ");
		n->words = arena_grow(&cc->arena, n->words, count, &cap, sizeof(*n->words));
		n->words[count++] = (struct word){ arena_copy(&cc->arena, p, len), (uint32_t)len & 0x3fffffff, WORD_PLAIN, at };
		p += len + strspn(p + len, " ");
	}
	n->word_count = (uint32_t)count & MAX_WORDS;
	return n;
}

struct node *tree_from_text(struct compiler *cc, enum dialect dialect, const char *text, size_t len, const char *source_name)
{
	struct node *top = tree_node(cc, NULL);

	tree_parse(cc, dialect, source_builtin(cc, source_name, text, len, SPAN_NONE), top);
	return top->first_child;
}

/* --- dump ----------------------------------------------------------------------------------------------------------- */

static void dump_word(const struct word *w, FILE *out)
{
	const char *quote = w->quote == WORD_SINGLE ? "'" : w->quote == WORD_DOUBLE ? "\"" : "";

	fputs(quote, out);
	for (uint32_t i = 0; i < w->len; i++) {
		unsigned char c = (unsigned char)w->text[i];
		if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else if (c == '\r')
			fputs("\\r", out);
		else if (c == '\\' || (*quote && c == (unsigned char)*quote))
			fprintf(out, "\\%c", c);
		else
			fputc(c, out);
	}
	fputs(quote, out);
}

static void dump_node(struct compiler *cc, const struct node *n, unsigned depth, FILE *out)
{
	uint32_t line = 0, column = 0;

	if (n->span.file != SOURCE_NONE)
		source_position(cc, n->span.file, n->span.start, &line, &column);
	fprintf(out, "%*s%s", (int)depth * 4, "", cc->dialect == DIALECT_APACHE && n->block ? "<" : "");
	for (unsigned i = 0; i < n->word_count; i++) {
		if (i)
			fputc(' ', out);
		dump_word(&n->words[i], out);
	}
	if (cc->dialect == DIALECT_APACHE)
		fputs(n->block ? ">" : "", out);
	else
		fputs(n->block ? " {" : ";", out);
	fprintf(out, "  # %s:%u%s\n", n->span.file == SOURCE_NONE ? "-" : source_name(cc, n->span.file), line, n->synthetic ? ", inferred" : "");
	if (!n->block)
		return;
	NODE_EACH_CHILD(child, n)
		dump_node(cc, child, depth + 1, out);
	if (cc->dialect == DIALECT_APACHE)
		fprintf(out, "%*s</%.*s>\n", (int)depth * 4, "", WSR_FMT(word_str(&n->words[0])));
	else
		fprintf(out, "%*s}\n", (int)depth * 4, "");
}

void tree_dump(struct compiler *cc, const struct node *n, FILE *out)
{
	if (n->word_count) {
		dump_node(cc, n, 0, out);
		return;
	}
	NODE_EACH_CHILD(child, n)
		dump_node(cc, child, 0, out);
}
