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

/*
 * Does the text start with a tag of Apache's or IIS's languages? Nothing in nginx's starts with '<', and reading on would only bring messages
 * about missing semicolons.
 */
static bool is_foreign_dialect(struct compiler *cc, uint32_t file)
{
	const struct source *s = source_at(cc, file);
	const char *p = s->text;

	while (strspn(p, " \t\r\n") || *p == '#') {
		p += strspn(p, " \t\r\n");
		if (*p == '#')
			p += strcspn(p, "\n");
	}
	if (*p != '<')
		return false;
	struct span tag = { file, (uint32_t)(p - s->text), (uint32_t)(p - s->text) + (uint32_t)strcspn(p, " \t\r\n>") };
	diag_at(cc, CHECK_FOREIGN_DIALECT, tag, "this is %s configuration, not nginx's: it is not read", p[1] == '?' || p[1] == 'c' ? "IIS" : "Apache");
	return true;
}

void tree_parse(struct compiler *cc, uint32_t file, struct node *parent)
{
	struct source *s = source_at(cc, file);
	struct scan scan = { .cc = cc, .source = s, .base = s->text, .file = file };
	struct tree_builder builder = { .scan = &scan, .top = parent, .parent = parent };
	struct tree_builder *outer = cc->builder;

	if (is_foreign_dialect(cc, file))
		return;
	cc->builder = &builder;
	scan_parse(&scan, s->text, s->len);
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

struct node *tree_from_text(struct compiler *cc, const char *text, size_t len, const char *source_name)
{
	struct node *top = tree_node(cc, NULL);

	tree_parse(cc, source_builtin(cc, source_name, text, len, SPAN_NONE), top);
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
	fprintf(out, "%*s", (int)depth * 4, "");
	for (unsigned i = 0; i < n->word_count; i++) {
		if (i)
			fputc(' ', out);
		dump_word(&n->words[i], out);
	}
	fputs(n->block ? " {" : ";", out);
	fprintf(out, "  # %s:%u%s\n", n->span.file == SOURCE_NONE ? "-" : source_name(cc, n->span.file), line, n->synthetic ? ", inferred" : "");
	if (!n->block)
		return;
	NODE_EACH_CHILD(child, n)
		dump_node(cc, child, depth + 1, out);
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
