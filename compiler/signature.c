/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signatures: parsed once per row into sequences of elements, then matched by going forward and, where something may be missing, back.
 * The mistake that is reported is the one that lies farthest in the statement: everything in front of it fits.
 */
#include "compiler/signature.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/compiler.h"
#include "compiler/kind.h"
#include "compiler/spell.h"
#include "compiler/value.h"

#define MAX_SEQUENCES    4u
#define MAX_ELEMENTS     32u
#define MAX_ALTERNATIVES 32u

/* One way to write a word: a literal, or a kind; either may stand behind "key=". */
struct alternative {
	struct wsr_str key;         /* len 0 and ptr NULL: no key */
	struct wsr_str literal;     /* ptr NULL: a kind */
	const struct kind *kind;
	uint64_t low, high;
};

struct element {
	const struct alternative *alternatives;
	unsigned count;
	bool optional;              /* [ ]: neighbours come in any order */
	bool many;                  /* ... */
	bool rest;                  /* <condition>: all words that are left */
};

struct sequence {
	struct element elements[MAX_ELEMENTS];
	unsigned count;
};

struct signature {
	struct sequence *sequences;
	unsigned count;
	bool block;
};

/* --- reading a signature -------------------------------------------------------------------------------------------- */

static _Noreturn void bad_signature(void)
{
	abort();
}

/* The end of a piece of text up to a byte of `stop` that stands outside < >. */
static size_t piece_len(const char *s, size_t len, const char *stop)
{
	bool bracket = false;
	size_t i;

	for (i = 0; i < len && (bracket || !strchr(stop, s[i])); i++) {
		if (s[i] == '<')
			bracket = true;
		else if (s[i] == '>')
			bracket = false;
	}
	return i;
}

static struct alternative read_alternative(struct wsr_str text, struct wsr_str key)
{
	struct alternative a = { .key = key };
	size_t equals = piece_len(text.ptr, text.len, "=");

	if (equals + 1 < text.len) {
		a.key = wsr_str(text.ptr, equals);
		text = wsr_str(text.ptr + equals + 1, text.len - equals - 1);
	}
	if (text.len > 2 && text.ptr[0] == '<' && text.ptr[text.len - 1] == '>') {
		a.kind = kind_find(text.ptr + 1, text.len - 2, &a.low, &a.high);
		if (!a.kind)
			bad_signature();
	} else {
		a.literal = text;
	}
	return a;
}

static void read_element(struct compiler *cc, struct wsr_str text, struct element *e)
{
	struct alternative *list;
	struct wsr_str key = WSR_STR_NULL;

	if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']') {
		e->optional = true;
		text = wsr_str(text.ptr + 1, text.len - 2);
	}
	if (wsr_str_eq(text, WSR_STR("<condition>"))) {
		e->rest = true;
		return;
	}
	if (text.len > 3 && memcmp(text.ptr + text.len - 3, "...", 3) == 0) {
		e->many = true;
		text.len -= 3;
	}
	list = ARENA_ARRAY(&cc->arena, struct alternative, MAX_ALTERNATIVES);
	e->alternatives = list;
	while (text.len) {
		size_t len = piece_len(text.ptr, text.len, "|");
		if (e->count == MAX_ALTERNATIVES)
			bad_signature();
		list[e->count] = read_alternative(wsr_str(text.ptr, len), key);
		key = list[e->count].literal.ptr ? list[e->count].key : (struct wsr_str)WSR_STR_NULL; /* key=a|b: b too stands behind the key */
		e->count++;
		if (len < text.len)
			len++;
		text = wsr_str(text.ptr + len, text.len - len);
	}
}

const struct signature *signature_new(struct compiler *cc, const char *text)
{
	struct signature *sig = ARENA_NEW(&cc->arena, struct signature);
	struct wsr_str rest = wsr_cstr(text);

	sig->sequences = ARENA_ARRAY(&cc->arena, struct sequence, MAX_SEQUENCES);
	sig->count = 1;
	while (rest.len) {
		size_t len = piece_len(rest.ptr, rest.len, " ");
		struct wsr_str word = wsr_str(rest.ptr, len);
		struct sequence *seq = &sig->sequences[sig->count - 1];

		if (wsr_str_eq(word, WSR_STR("|"))) {
			if (sig->count++ == MAX_SEQUENCES)
				bad_signature();
		} else if (wsr_str_eq(word, WSR_STR("{")) || wsr_str_eq(word, WSR_STR("}"))) {
			sig->block = true;
		} else {
			if (seq->count == MAX_ELEMENTS)
				bad_signature();
			read_element(cc, word, &seq->elements[seq->count++]);
		}
		if (len < rest.len)
			len++;
		rest = wsr_str(rest.ptr + len, rest.len - len);
	}
	return sig;
}

bool signature_has_block(const struct signature *sig)
{
	return sig->block;
}

/* --- matching ------------------------------------------------------------------------------------------------------- */

/* What is wrong with words that do not match. */
struct miss {
	unsigned farthest;          /* argument that fits nowhere; == count: something is missing behind the last */
	bool too_many;              /* nothing more was wanted there */
	bool specific;              /* `why` is the complaint of a keyed word: nothing else can be meant */
	unsigned complaints;        /* of kinds, at the farthest place */
	struct complaint why;       /* the last of them; offsets inside the whole word */
	struct complaint skipped;   /* why a word was not taken for what may be missing: what is meant when words are left over at the end */
	const struct word *skipped_word;
	const struct alternative *expected[MAX_ALTERNATIVES];
	unsigned expected_count;
};

struct match {
	struct compiler *cc;
	const struct word *args;
	struct word *fold;          /* the same words, when flags may be put into lower case; NULL for a mere trial */
	unsigned count;
	bool optional;              /* what is being tried may be missing */
	struct miss *miss;          /* collected here; NULL: only the answer is wanted */
};

/* A number was meant as a number, whatever else may stand in its place. */
static bool is_number(const struct word *w)
{
	uint64_t n;

	return value_uint(word_str(w), &n);
}

/* A mistake at argument w counts when none lies farther. */
static bool is_farthest(struct match *m, unsigned w)
{
	if (!m->miss || w < m->miss->farthest)
		return false;
	if (w > m->miss->farthest) {
		m->miss->farthest = w;
		m->miss->too_many = m->miss->specific = false;
		m->miss->complaints = m->miss->expected_count = 0;
	}
	return true;
}

static void note_expected(struct match *m, const struct alternative *a)
{
	for (unsigned i = 0; i < m->miss->expected_count; i++)
		if (m->miss->expected[i] == a)
			return;
	if (m->miss->expected_count < MAX_ALTERNATIVES)
		m->miss->expected[m->miss->expected_count++] = a;
}

static void note_complaint(struct match *m, unsigned w, const struct alternative *a, const struct complaint *why, size_t offset)
{
	if (m->miss && m->optional && !(m->miss->skipped_word && is_number(m->miss->skipped_word))) {
		m->miss->skipped = *why;
		m->miss->skipped.from += offset;
		m->miss->skipped.to += offset;
		m->miss->skipped_word = &m->args[w];
	}
	if (!is_farthest(m, w))
		return;
	note_expected(m, a);
	if (m->miss->specific)
		return;
	m->miss->complaints++;
	m->miss->why = *why;
	m->miss->why.from += offset;
	m->miss->why.to += offset;
	m->miss->specific = offset > 0 || (why->check == CHECK_INTEGER && is_number(&m->args[w]));
}

static void note_literal(struct match *m, unsigned w, const struct alternative *a, struct wsr_str value, size_t offset)
{
	if (!is_farthest(m, w))
		return;
	note_expected(m, a);
	if (offset == 0 || m->miss->specific)
		return;
	const char *text = arena_printf(&m->cc->arena, "'%s' is not allowed for '%.*s'", diag_quote(m->cc, value.ptr, value.len), WSR_FMT(a->key));
	struct complaint why = { CHECK_ARGUMENT, text, NULL, 0, value.len };
	note_complaint(m, w, a, &why, offset);
	m->miss->specific = false; /* another literal behind the same key may fit */
}

static bool alternative_ok(struct match *m, const struct alternative *a, unsigned w)
{
	struct wsr_str value = word_str(&m->args[w]);
	struct complaint why;
	size_t offset = 0;

	if (a->key.ptr) {
		offset = a->key.len + 1;
		if (value.len < offset || !(m->cc->dialect == DIALECT_APACHE ? wsr_str_eq_nocase(wsr_str(value.ptr, a->key.len), a->key) : memcmp(value.ptr, a->key.ptr, a->key.len) == 0) || value.ptr[a->key.len] != '=') {
			if (is_farthest(m, w))
				note_expected(m, a);
			return false;
		}
		value = wsr_str(value.ptr + offset, value.len - offset);
	}
	if (a->literal.ptr) {
		if (wsr_str_eq(value, a->literal))
			return true;
		if (m->cc->dialect == DIALECT_APACHE && wsr_str_eq_nocase(value, a->literal)) {
			if (m->fold && !a->key.ptr)
				m->fold[w].text = a->literal.ptr; /* later stages see httpd's words in one spelling */
			return true;
		}
		note_literal(m, w, a, value, offset);
		return false;
	}
	if (a->kind->ok(m->cc, value, a->low, a->high, &why))
		return true;
	note_complaint(m, w, a, &why, offset);
	return false;
}

/* A flag may be written in any case (nginx: ngx_conf_set_flag_slot); later stages see it in lower case. */
static bool is_flag(struct match *m, const struct element *e, unsigned w)
{
	const struct alternative *a = e->alternatives;
	if (e->count != 2 || a[0].key.ptr || !a[0].literal.ptr || !a[1].literal.ptr || !wsr_str_eq(a[0].literal, WSR_STR("on")) ||
	    !wsr_str_eq(a[1].literal, WSR_STR("off")))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		if (!wsr_str_eq_nocase(word_str(&m->args[w]), a[i].literal))
			continue;
		if (m->fold)
			m->fold[w].text = i == 0 ? "on" : "off";
		return true;
	}
	return false;
}

static bool element_ok(struct match *m, const struct element *e, unsigned w)
{
	if (is_flag(m, e, w))
		return true;
	for (unsigned i = 0; i < e->count; i++)
		if (alternative_ok(m, &e->alternatives[i], w))
			return true;
	return false;
}

static bool match_from(struct match *m, const struct sequence *s, unsigned e, unsigned w);

/* Elements e .. end - 1 are optional: each may take a word, in any order. */
static bool match_optional(struct match *m, const struct sequence *s, unsigned e, unsigned end, uint32_t used, unsigned w)
{
	if (w < m->count) {
		for (unsigned i = e; i < end; i++) {
			const struct element *el = &s->elements[i];
			uint32_t bit = UINT32_C(1) << (i - e);
			m->optional = true;
			bool ok = (used & bit) == 0 && element_ok(m, el, w);
			m->optional = false;
			if (ok && match_optional(m, s, e, end, el->many ? used : used | bit, w + 1))
				return true;
		}
	}
	return match_from(m, s, end, w);
}

static bool match_from(struct match *m, const struct sequence *s, unsigned e, unsigned w)
{
	unsigned end = e, taken = 0;

	if (e == s->count) {
		if (w == m->count)
			return true;
		if (is_farthest(m, w))
			m->miss->too_many = true;
		return false;
	}
	const struct element *el = &s->elements[e];
	if (el->optional) {
		while (end < s->count && s->elements[end].optional)
			end++;
		return match_optional(m, s, e, end, 0, w);
	}
	if (w == m->count) {
		is_farthest(m, w);
		return false;
	}
	if (el->rest)
		return true;
	if (!el->many)
		return element_ok(m, el, w) && match_from(m, s, e + 1, w + 1);
	while (w + taken < m->count && element_ok(m, el, w + taken))
		taken++;
	for (; taken; taken--)
		if (match_from(m, s, e + 1, w + taken))
			return true;
	return false;
}

static bool match_any(struct match *m, const struct signature *sig)
{
	for (unsigned i = 0; i < sig->count; i++)
		if (match_from(m, &sig->sequences[i], 0, 0))
			return true;
	return false;
}

bool signature_matches(struct compiler *cc, const struct signature *sig, const struct word *args, unsigned count)
{
	struct match m = { .cc = cc, .args = args, .count = count };

	return match_any(&m, sig);
}

/* --- messages ------------------------------------------------------------------------------------------------------- */

/* The place of bytes from .. to of a word's value; the whole word where escapes changed it. */
static struct span value_span(const struct compiler *cc, const struct word *w, size_t from, size_t to)
{
	const struct source *s = source_at(cc, w->span.file);

	if (w->text < s->text || w->text >= s->text + s->len || to <= from)
		return w->span;
	uint32_t base = (uint32_t)(w->text - s->text);
	return (struct span){ w->span.file, base + (uint32_t)from, base + (uint32_t)to };
}

/* "on, off, a time" */
static const char *expected_text(struct compiler *cc, const struct match *m)
{
	const char *text = "";

	for (unsigned i = 0; i < m->miss->expected_count; i++) {
		const struct alternative *a = m->miss->expected[i];
		const char *equals = a->key.ptr ? "=" : "", *what = a->literal.ptr ? "" : a->kind->what;
		text = arena_printf(&cc->arena, "%s%s%.*s%s%.*s%s", text, *text ? ", " : "", WSR_FMT(a->key), equals, WSR_FMT(a->literal), a->key.ptr ? "" : what);
	}
	return text;
}

/* The nearest literal or key to what was written, for "did you mean". */
static const char *nearest_expected(struct compiler *cc, const struct match *m, struct wsr_str written)
{
	struct spell spell = spell_start(written);
	const char *equals = written.len ? memchr(written.ptr, '=', written.len) : NULL;
	struct spell spell_key = spell_start(wsr_str(written.ptr, equals ? (size_t)(equals - written.ptr) : written.len));

	for (unsigned i = 0; i < m->miss->expected_count; i++) {
		const struct alternative *a = m->miss->expected[i];
		if (a->key.len)
			spell_try(&spell_key, a->key);
		else if (a->literal.ptr)
			spell_try(&spell, a->literal);
	}
	if (spell.best.ptr)
		return arena_printf(&cc->arena, "did you mean '%.*s'?", WSR_FMT(spell.best));
	if (spell_key.best.ptr)
		return arena_printf(&cc->arena, "did you mean '%.*s='?", WSR_FMT(spell_key.best));
	return NULL;
}

static struct diag *report_count(struct compiler *cc, const struct match *m, const struct node *n)
{
	const char *name = diag_quote(cc, n->words[0].text, n->words[0].len);

	if (m->miss->farthest < m->count)
		return diag_at(cc, CHECK_ARGUMENT_COUNT, span_join(m->args[m->miss->farthest].span, m->args[m->count - 1].span),
		               m->miss->farthest == 0 ? "'%s' takes no argument%s" : "too many arguments of '%s'%s", name, "");
	return diag_at(cc, CHECK_ARGUMENT_COUNT, node_head_span(n), m->count ? "'%s' needs more than %u argument%s" : "'%s' needs an argument", name, m->count,
	               m->count == 1 ? "" : "s");
}

static struct diag *report_complaint(struct compiler *cc, const struct word *w, const struct complaint *why)
{
	struct diag *d = diag_at(cc, why->check, value_span(cc, w, why->from, why->to), "%s", why->text);

	if (why->allowed)
		diag_note(cc, d, SPAN_NONE, "%s", why->allowed);
	return d;
}

static struct diag *report_word(struct compiler *cc, const struct match *m)
{
	const struct word *w = &m->args[m->miss->farthest];

	if (m->miss->complaints && (m->miss->specific || m->miss->complaints >= m->miss->expected_count))
		return report_complaint(cc, w, &m->miss->why);
	struct diag *d = diag_at(cc, CHECK_ARGUMENT, w->span, "'%s' is not allowed here", diag_quote(cc, w->text, w->len));
	const char *nearest = nearest_expected(cc, m, word_str(w));
	if (nearest)
		diag_note(cc, d, SPAN_NONE, "%s", nearest);
	diag_note(cc, d, SPAN_NONE, "allowed: %s", expected_text(cc, m));
	return d;
}

bool signature_check(struct compiler *cc, const struct signature *sig, const char *text, const struct node *n, struct diag **reported)
{
	struct match m = { .cc = cc, .args = n->words + 1, .fold = n->words + 1, .count = node_arg_count(n) };

	*reported = NULL;
	if (match_any(&m, sig))
		return true;
	struct miss miss = { .farthest = 0 };
	m.miss = &miss;
	match_any(&m, sig);
	if (miss.farthest < m.count && miss.too_many && miss.expected_count == 0 && miss.skipped_word) {
		*reported = report_complaint(cc, miss.skipped_word, &miss.skipped);
		return false;
	}
	bool count = miss.farthest == m.count || (miss.too_many && miss.expected_count == 0);
	*reported = count ? report_count(cc, &m, n) : report_word(cc, &m);
	if (count)
		diag_note(cc, *reported, SPAN_NONE, "syntax: %.*s %s", WSR_FMT(word_str(&n->words[0])), text);
	return false;
}
