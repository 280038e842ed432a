/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * directive_check(): gives every statement its row of the directive table and checks name, place, words, block and repeats.
 *
 * In: the tree as parsed. Out: the same tree with `def` set, or `bad` where something was reported. A block whose name is wrong is still
 * looked into under the row that was probably meant, so that one mistake does not hide those inside.
 */
#include <string.h>

#include "compiler/compiler.h"
#include "compiler/directive_index.h"
#include "compiler/fix.h"
#include "compiler/signature.h"
#include "compiler/spell.h"

static const char *name_text(struct compiler *cc, const struct node *n)
{
	return diag_quote(cc, n->words[0].text, n->words[0].len);
}

/* --- name and place ------------------------------------------------------------------------------------------------- */

static const struct directive *nearest_row(const struct compiler *cc, const struct node *n, uint32_t context)
{
	struct spell spell = spell_start(word_str(&n->words[0]));
	const struct directive *best = NULL;

	for (unsigned i = 0; i < DIRECTIVE_COUNT; i++) {
		const struct directive *d = directive_row(i);
		unsigned before = spell.distance;
		if (d->dialect != cc->dialect || (d->contexts & context) == 0 || strchr(d->name, '*'))
			continue;
		spell_try(&spell, wsr_cstr(d->name));
		if (spell.distance < before)
			best = d;
	}
	return best;
}

static void report_unknown(struct compiler *cc, struct node *n, uint32_t context)
{
	struct diag *d = diag_at(cc, CHECK_UNKNOWN_DIRECTIVE, n->words[0].span, "unknown directive '%s'", name_text(cc, n));
	const struct directive *near = d || n->block ? nearest_row(cc, n, context) : NULL;

	if (d && !near && (near = nearest_row(cc, n, directive_contexts(cc))) != NULL && n->words[0].len < 4)
		near = NULL; /* short words are near to everything */
	if (near)
		diag_note(cc, d, SPAN_NONE, near->contexts & context ? "did you mean '%s'?" : "did you mean '%s', which is allowed in %s?", near->name,
		          directive_contexts_text(cc, near->contexts));
	if (near && n->block && directive_opens(near))
		n->def = near;
	n->bad = true;
}

static void report_context(struct compiler *cc, struct node *n, const struct directive *elsewhere)
{
	uint32_t contexts = 0;

	for (unsigned i = 0; i < DIRECTIVE_COUNT; i++) {
		const struct directive *row = directive_row(i);
		if (row->dialect == cc->dialect && strcmp(row->name, elsewhere->name) == 0 && (directive_opens(row) != 0) == n->block)
			contexts |= row->contexts;
	}
	if (contexts == 0)
		contexts = elsewhere->contexts;
	struct diag *d = diag_at(cc, CHECK_WRONG_CONTEXT, n->words[0].span, "'%s' is not allowed in %s", name_text(cc, n),
	                         directive_contexts_text(cc, directive_context_inside(cc, n->parent)));
	diag_note(cc, d, SPAN_NONE, "it is allowed in %s", directive_contexts_text(cc, contexts));
	if (n->parent->word_count && !n->parent->synthetic)
		diag_note(cc, d, node_head_span(n->parent), "the block is opened here");
	n->def = elsewhere;
	n->bad = true;
}

/* `hostnames` and `volatile` in a map are flags only when they stand alone. */
static bool is_map_case(const struct node *n, const struct directive *def, uint32_t context)
{
	return context == C_MAP && def->signature[0] == '\0' && n->word_count > 1;
}

static void identify(struct compiler *cc, struct node *n, uint32_t context)
{
	const struct word *name = &n->words[0];
	const struct directive *def = directive_find(cc, name->text, name->len, context);

	if (def && is_map_case(n, def, context))
		def = directive_find(cc, "", 0, context);
	if (def) {
		n->def = def;
		return;
	}
	def = directive_find(cc, name->text, name->len, directive_contexts(cc));
	if (def)
		report_context(cc, n, def);
	else
		report_unknown(cc, n, context);
}

/* --- missing semicolons --------------------------------------------------------------------------------------------- */

static bool starts_line(const struct compiler *cc, const struct node *n, unsigned i)
{
	return !source_same_line(cc, n->span.file, n->words[i - 1].span.end, n->words[i].span.start);
}

static unsigned words_on_line(const struct compiler *cc, const struct node *n, unsigned i)
{
	unsigned end = i + 1;

	while (end < n->word_count && !starts_line(cc, n, end))
		end++;
	return end - i;
}

static bool fits(struct compiler *cc, const struct directive *def, const struct word *args, unsigned count, bool block)
{
	const struct signature *sig = directive_signature(cc, def);

	return signature_has_block(sig) == block && signature_matches(cc, sig, args, count);
}

/*
 * Does a new statement start at word i, the first of its line? It names a directive of this context, what stands in front of it is a whole
 * statement, and either it is a statement with arguments itself or the words together are none.
 */
static bool starts_statement(struct compiler *cc, const struct node *n, unsigned i, uint32_t context)
{
	const struct word *w = &n->words[i];
	const struct directive *def = w->quote == WORD_PLAIN ? directive_find(cc, w->text, w->len, context) : NULL;

	if (!def || strchr(def->name, '*') || !starts_line(cc, n, i))
		return false;
	unsigned count = words_on_line(cc, n, i);
	bool block = n->block && i + count == n->word_count;
	if (!fits(cc, n->def, n->words + 1, i - 1, false))
		return false;
	bool together = fits(cc, n->def, n->words + 1, n->word_count - 1, n->block);
	if (fits(cc, def, w + 1, count - 1, block))
		return count > 1 || block || !together;
	return !together;
}

/* Cut the statement in front of word i; the words behind it and the block become the next node. */
static void split(struct compiler *cc, struct node *n, unsigned i)
{
	struct node *rest = tree_node(cc, NULL);
	struct span head = span_join(n->words[0].span, n->words[i - 1].span);
	const struct source *s = source_at(cc, head.file);

	struct diag *d = diag_at(cc, CHECK_MISSING_SEMICOLON, span_after(head), "missing ';' after '%s'", diag_quote(cc, s->text + head.start, head.end - head.start));
	diag_note(cc, d, n->words[i].span, "'%s' starts the next statement", diag_quote(cc, n->words[i].text, n->words[i].len));
	*rest = *n;
	rest->words = n->words + i;
	rest->word_count = (n->word_count - i) & 0xffffff;
	rest->span = span_join(rest->words[0].span, n->span);
	rest->def = NULL;
	for (struct node *child = rest->first_child; child; child = child->next)
		child->parent = rest;
	n->word_count = i & 0xffffff;
	n->span = head;
	n->block = false;
	n->first_child = n->last_child = NULL;
	n->next = rest;
	if (n->parent->last_child == n)
		n->parent->last_child = rest;
}

static void find_missing_semicolon(struct compiler *cc, struct node *n, uint32_t context)
{
	if (context & (C_MAP | C_TYPES | C_FOREIGN | C_APACHE) || n->word_count < 2 ||
	    source_same_line(cc, n->span.file, n->words[0].span.start, n->words[n->word_count - 1].span.end))
		return;
	for (unsigned i = 1; i < n->word_count; i++) {
		if (starts_statement(cc, n, i, context)) {
			split(cc, n, i);
			return;
		}
	}
}

/* --- words ---------------------------------------------------------------------------------------------------------- */

static bool args_are_default(struct compiler *cc, const struct node *n)
{
	const struct node *def = directive_default(cc, n->def);

	if (!def || def->word_count != n->word_count)
		return false;
	for (unsigned i = 1; i < n->word_count; i++) {
		struct wsr_str a = word_str(&def->words[i]), b = word_str(&n->words[i]);
		if (cc->dialect == DIALECT_APACHE ? !wsr_str_eq_nocase(a, b) : !wsr_str_eq(a, b))
			return false;
	}
	return true;
}

/* The row's sentence inside one of ours: "Limits the rate." -> "limits the rate". */
static const char *sentence_text(struct compiler *cc, const struct directive *def)
{
	size_t len = strlen(def->sentence);
	char *text = arena_copy(&cc->arena, def->sentence, def->sentence[len - 1] == '.' ? len - 1 : len);

	text[0] = (char)wsr_lower((unsigned char)text[0]);
	return text;
}

static bool refuse(struct compiler *cc, struct node *n)
{
	const struct directive *def = n->def;

	if ((def->verdict != REFUSED && def->verdict != THIRD_PARTY) || args_are_default(cc, n))
		return false;
	struct diag *d = diag_at(cc, def->verdict == REFUSED ? CHECK_UNSUPPORTED_DIRECTIVE : CHECK_THIRD_PARTY_DIRECTIVE, node_head_span(n),
	                         "'%s' is not %s: %s", name_text(cc, n),
	                         def->verdict == REFUSED ? "compiled" : def->dialect == DIALECT_APACHE ? "part of httpd" : "part of nginx", sentence_text(cc, def));
	diag_note(cc, d, SPAN_NONE, "%s", def->note);
	n->bad = true;
	return true;
}

/* `ssl on;` speaks for every listen of its server, and moves into them. */
static void fix_ssl(struct compiler *cc, struct diag *d, const struct node *n)
{
	unsigned listens = 0;
	if (!d || !node_is(n, "ssl") || node_arg_count(n) != 1 || !n->parent || !node_is(n->parent, "server"))
		return;
	bool on = word_is(node_arg(n, 0), "on");
	NODE_EACH_CHILD(other, n->parent)
		listens += node_is(other, "listen") && node_arg_count(other) > 0;
	if ((on && listens == 0) || !fix_remove_lines(cc, d, n))
		return;
	NODE_EACH_CHILD(other, n->parent) {
		bool has = !on || !node_is(other, "listen");
		for (unsigned i = 0; i < node_arg_count(other); i++)
			has = has || word_is(node_arg(other, i), "ssl");
		if (!has && node_arg_count(other) > 0)
			fix_edit(cc, d, span_after(node_arg(other, node_arg_count(other) - 1)->span), " ssl");
	}
}

static void tell_difference(struct compiler *cc, const struct node *n)
{
	const struct directive *def = n->def;
	struct directive_index *ix = cc->directives;

	if (def->policy & OBSOLETE) {
		struct diag *d = diag_at(cc, CHECK_OBSOLETE_DIRECTIVE, node_head_span(n), "'%s' is obsolete", name_text(cc, n));
		diag_note(cc, d, SPAN_NONE, "%s", def->note);
		fix_ssl(cc, d, n);
	}
	if (def->verdict != DIFFERS || def->policy & QUIET || ix->noted[def->ordinal] || args_are_default(cc, n))
		return;
	ix->noted[def->ordinal] = true;
	diag_at(cc, CHECK_ACCEPTED_WITH_DIFFERENCE, node_head_span(n), "'%s': %s", name_text(cc, n), def->note);
}

static void check_words(struct compiler *cc, struct node *n)
{
	const struct signature *sig = directive_signature(cc, n->def);
	struct diag *d;

	if (!signature_check(cc, sig, n->def->signature, n, &d)) {
		if (n->def->note)
			diag_note(cc, d, SPAN_NONE, "%s", n->def->note);
		n->bad = true;
	} else if (signature_has_block(sig) && !n->block) {
		diag_at(cc, CHECK_BLOCK, node_head_span(n), cc->dialect == DIALECT_APACHE ? "'%s' is a section: it is opened by '<' in front of its name and '>' at the end of the line"
		                                                                          : "'%s' needs a block: '{' and '}' instead of ';'", name_text(cc, n));
		n->bad = true;
	} else if (!signature_has_block(sig) && n->block) {
		diag_at(cc, CHECK_BLOCK, node_head_span(n), cc->dialect == DIALECT_APACHE ? "'%s' is no section: it stands without '<' and '>'"
		                                                                          : "'%s' has no block: ';' is missing, or the name is wrong", name_text(cc, n));
		n->bad = true;
	} else {
		tell_difference(cc, n);
	}
}

static void check_repeat(struct compiler *cc, struct node *n)
{
	struct repeat *r = &cc->directives->repeats[n->def->ordinal];

	if ((n->def->policy & ONCE) && r->parent == n->parent) {
		struct diag *d = diag_at(cc, CHECK_DUPLICATE_DIRECTIVE, node_head_span(n), "'%s' stands here a second time", name_text(cc, n));
		diag_note(cc, d, node_head_span(r->statement), "first defined here");
		return;
	}
	*r = (struct repeat){ n->parent, n };
}

static void check_statement(struct compiler *cc, struct node *n, uint32_t context)
{
	if (n->bad || n->word_count == 0)
		return;
	if (n->synthetic) {
		n->def = directive_find(cc, n->words[0].text, n->words[0].len, context);
		return;
	}
	if (!check_elision(cc, n))
		return;
	identify(cc, n, context);
	if (!n->def || !check_odd_words(cc, n) || n->bad || refuse(cc, n))
		return;
	find_missing_semicolon(cc, n, context);
	check_words(cc, n);
	if (!n->bad)
		check_repeat(cc, n);
}

/* All statements of a block first, then the blocks inside: `repeats` holds one block at a time. */
void directive_check(struct compiler *cc, struct node *parent)
{
	uint32_t context = directive_context_inside(cc, parent);

	if (context == C_FOREIGN)
		return;
	for (struct node *n = parent->first_child; n; n = n->next)
		check_statement(cc, n, context);
	for (struct node *n = parent->first_child; n; n = n->next)
		if (n->first_child && n->def)
			directive_check(cc, n);
}
