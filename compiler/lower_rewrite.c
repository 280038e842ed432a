/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * set, if, return, rewrite, break and our redirect of one block, in the order of the text, as one program (wsr_format.h: enum wsr_op). An `if` in
 * a location is a condition that jumps over its body; what the body sets becomes a location of kind IF, and WSR_OP_USE switches to it.
 */
#include "compiler/lower_program.h"

#include "compiler/value.h"

static void emit_insn(struct lower *l, const struct node *n, struct wsr_insn insn)
{
	struct plan_place at = lower_place(l, n->span);
	pool_push(&l->insns, &insn);
	pool_push(&l->insn_places, &at);
}

void lower_set(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	uint32_t slot = lower_variable_define(l, n, node_arg(n, 0), WSR_VARIABLE_SET);
	if (wsr_str_eq_nocase(arg_str(n, 0), WSR_STR("$limit_rate")))
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, n->span, "'$limit_rate': answers are sent as fast as the client takes them");
	emit_insn(l, n, (struct wsr_insn){ .op = WSR_OP_SET, .a = slot, .b = lower_tmpl_arg(l, n, 1) });
}

void lower_break(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	emit_insn(l, n, (struct wsr_insn){ .op = WSR_OP_BREAK });
}

static bool starts(struct wsr_str s, const char *prefix)
{
	size_t len = strlen(prefix);
	return s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

/* What nginx takes as a whole URL at the beginning of a replacement or of return's only argument. */
static bool is_url(struct wsr_str s)
{
	return starts(s, "http://") || starts(s, "https://") || starts(s, "$scheme");
}

static bool redirect_status(uint64_t code)
{
	return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

void lower_return(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	const struct word *w = node_arg(n, 0);
	struct wsr_insn insn = { .op = WSR_OP_RETURN, .b = WSR_NONE };
	uint64_t code = 0;
	if (value_uint(word_str(w), &code) && code <= 999) {
		insn.code = (uint16_t)code;
		if (node_arg_count(n) > 1)
			insn.b = lower_tmpl_arg(l, n, 1);
		if (insn.b != WSR_NONE && redirect_status(code))
			insn.flags = WSR_RETURN_URL;
	} else if (node_arg_count(n) == 1 && is_url(word_str(w))) {
		insn.code = 302;
		insn.flags = WSR_RETURN_URL;
		insn.b = lower_tmpl_arg(l, n, 0);
	} else {
		struct diag *d = diag_at(l->cc, CHECK_VALUE, w->span, "invalid return code '%s'", diag_quote(l->cc, w->text, w->len));
		diag_note(l->cc, d, SPAN_NONE, "a code from 0 to 999, or alone a URL that starts with http://, https:// or $scheme");
	}
	emit_insn(l, n, insn);
}

void lower_rewrite(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	struct wsr_str to = arg_str(n, 1);
	if (!to.len)
		diag_at(l->cc, CHECK_VALUE, node_arg(n, 1)->span, "an empty replacement");
	struct wsr_insn insn = { .op = WSR_OP_REWRITE, .a = lower_regex(l, n, node_arg(n, 0), arg_str(n, 0), false) };
	if (is_url(to)) {
		insn.flags |= WSR_REWRITE_REDIRECT;
		insn.code = 302;
	}
	if (node_arg_count(n) > 2) {
		const struct word *flag = node_arg(n, 2);
		if (word_is(flag, "last"))
			insn.flags |= WSR_REWRITE_LAST;
		else if (word_is(flag, "break"))
			insn.flags |= WSR_REWRITE_BREAK;
		else
			insn.flags |= WSR_REWRITE_REDIRECT;
		if (word_is(flag, "redirect"))
			insn.code = 302;
		if (word_is(flag, "permanent"))
			insn.code = 301;
	}
	if (to.len && to.ptr[to.len - 1] == '?')
		to.len--; /* a last "?" keeps the request's arguments away */
	else
		insn.flags |= WSR_REWRITE_ADD_ARGS;
	if (to.len && memchr(to.ptr, '?', to.len))
		insn.flags |= WSR_REWRITE_HAS_ARGS;
	insn.b = lower_template(l, n, node_arg(n, 1), to, insn.flags & WSR_REWRITE_REDIRECT ? 0 : TMPL_ARGS);
	emit_insn(l, n, insn);
}

/* --- redirect [CODE] [FROM] TO: ours --------------------------------------------------------------------------------- */

void lower_redirect(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	struct wsr_insn insn = { .op = WSR_OP_REDIRECT, .a = WSR_NONE, .b = WSR_NONE, .c = WSR_NONE, .code = 302 };
	unsigned i = 0, count = node_arg_count(n);
	uint64_t code;
	if (count > 1 && value_uint(arg_str(n, 0), &code)) {
		if (!redirect_status(code))
			diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "'%s' is no redirect: 301, 302, 303, 307 or 308", diag_quote(l->cc, node_arg(n, 0)->text, node_arg(n, 0)->len));
		insn.code = (uint16_t)code;
		i = 1;
	}
	if (count - i > 2) {
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, n->span, "too many arguments: 'redirect' takes [CODE] [FROM] TO");
		return;
	}
	if (count - i == 2) {
		struct wsr_str from = arg_str(n, i);
		if (from.len && from.ptr[0] == '~') {
			bool caseless = from.len > 1 && from.ptr[1] == '*';
			insn.a = lower_regex(l, n, node_arg(n, i), wsr_str(from.ptr + 1 + caseless, from.len - 1 - caseless), caseless);
		} else {
			if (!from.len || from.ptr[0] != '/')
				diag_at(l->cc, CHECK_VALUE, node_arg(n, i)->span, "FROM is a path that starts with '/', or '~' and a regular expression");
			insn.c = plan_tmpl_const(l->plan, from);
		}
		i++;
	}
	insn.b = lower_tmpl_arg(l, n, i);
	emit_insn(l, n, insn);
}

/* --- if -------------------------------------------------------------------------------------------------------------- */

/* The words between the parentheses, which may stand apart or touch their neighbours. */
struct condition { struct word words[4]; unsigned count; };

static bool read_condition(const struct node *n, struct condition *c)
{
	unsigned count = node_arg_count(n);
	c->count = 0;
	for (unsigned i = 0; i < count; i++) {
		struct word w = *node_arg(n, i);
		if (i == 0) {
			if (w.len < 1 || w.text[0] != '(')
				return false;
			w.text++;
			w.len--;
		}
		if (i == count - 1) {
			if (w.len < 1 || w.text[w.len - 1] != ')')
				return false;
			w.len--;
		}
		if (w.len == 0 && (i == 0 || i == count - 1))
			continue;
		if (c->count == 3)
			return false;
		c->words[c->count++] = w;
	}
	return c->count > 0;
}

struct file_test { const char *text; uint16_t code; uint8_t flags; };
static const struct file_test file_tests[] = {
	{ "-f", WSR_FILE_IS_FILE, 0 }, { "!-f", WSR_FILE_IS_FILE, WSR_INSN_NOT }, { "-d", WSR_FILE_IS_DIR, 0 },
	{ "!-d", WSR_FILE_IS_DIR, WSR_INSN_NOT }, { "-e", WSR_FILE_EXISTS, 0 }, { "!-e", WSR_FILE_EXISTS, WSR_INSN_NOT },
	{ "-x", WSR_FILE_IS_EXEC, 0 }, { "!-x", WSR_FILE_IS_EXEC, WSR_INSN_NOT },
};

struct comparison { const char *text; uint8_t op, flags; bool caseless; };
static const struct comparison comparisons[] = {
	{ "=", WSR_OP_IF_EQUAL, 0, false }, { "!=", WSR_OP_IF_EQUAL, WSR_INSN_NOT, false },
	{ "~", WSR_OP_IF_MATCH, 0, false }, { "~*", WSR_OP_IF_MATCH, 0, true },
	{ "!~", WSR_OP_IF_MATCH, WSR_INSN_NOT, false }, { "!~*", WSR_OP_IF_MATCH, WSR_INSN_NOT, true },
};

/* "$name" and nothing else. */
static bool one_variable(struct wsr_str s)
{
	if (s.len < 2 || s.ptr[0] != '$')
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '_'))
			return false;
	return true;
}

static bool compile_condition(struct lower *l, const struct node *n, struct condition *c, struct wsr_insn *insn)
{
	struct word *w = c->words;
	if (c->count == 2)
		for (size_t i = 0; i < sizeof(file_tests) / sizeof(*file_tests); i++)
			if (word_is(&w[0], file_tests[i].text)) {
				*insn = (struct wsr_insn){ .op = WSR_OP_IF_FILE, .flags = file_tests[i].flags, .code = file_tests[i].code };
				insn->a = lower_template(l, n, &w[1], word_str(&w[1]), 0);
				return true;
			}
	if (!one_variable(word_str(&w[0])) || c->count == 2)
		return false;
	insn->a = lower_template(l, n, &w[0], word_str(&w[0]), 0);
	insn->op = WSR_OP_IF_TRUE;
	if (c->count == 1)
		return true;
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(*comparisons); i++)
		if (word_is(&w[1], comparisons[i].text)) {
			insn->op = comparisons[i].op;
			insn->flags = comparisons[i].flags;
			insn->b = insn->op == WSR_OP_IF_EQUAL ? lower_template(l, n, &w[2], word_str(&w[2]), 0) :
				lower_regex(l, n, &w[2], word_str(&w[2]), comparisons[i].caseless);
			return true;
		}
	return false;
}


void lower_if(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	struct condition c;
	struct wsr_insn insn = { 0 };
	if (!read_condition(n, &c) || !compile_condition(l, n, &c, &insn)) {
		struct diag *d = diag_at(l->cc, CHECK_CONDITION, node_head_span(n), "invalid condition");
		diag_note(l->cc, d, SPAN_NONE, "allowed, with blanks around the operator: ($v), ($v = text), !=, ~, ~*, !~, !~* and (-f path), -d, -e, -x, each also with '!'");
		return;
	}
	uint32_t jump = l->insns.count;
	emit_insn(l, n, insn);
	if (lv->location && l->if_settings)
		emit_insn(l, n, (struct wsr_insn){ .op = WSR_OP_USE, .a = lower_if_location(l, lv, n) });
	NODE_EACH_CHILD(child, n)
		if (lower_class_of(child) == LOWER_REWRITE)
			lowering_of(child->def)->fn(l, lv, child, lowering_of(child->def)->arg);
	((struct wsr_insn *)pool_at(&l->insns, jump))->c = l->insns.count;
}

/*
 * nginx switches to the settings of the last `if` that held, even when that block sets nothing itself: then the surrounding location's hold
 * again. So either every `if` of a location switches or, when none sets anything, none.
 */
static bool if_with_settings(const struct node *block)
{
	NODE_EACH_CHILD(c, block)
		if (lowered_by(c, lower_if))
			NODE_EACH_CHILD(inner, c)
				if (lower_class_of(inner) == LOWER_SETTING)
					return true;
	return false;
}

uint32_t lower_program(struct lower *l, struct level *lv, const struct node *block)
{
	l->if_settings = lv->location && if_with_settings(block);
	l->insns.count = l->insn_places.count = 0;
	NODE_EACH_CHILD(c, block)
		if (lower_class_of(c) == LOWER_REWRITE)
			lowering_of(c->def)->fn(l, lv, c, lowering_of(c->def)->arg);
	if (l->insns.count == 0)
		return WSR_NONE;
	if (l->insns.count > WSR_MAX_PROGRAM) {
		diag_at(l->cc, CHECK_VALUE, node_head_span(block), "more than %u rewrite instructions in one block", WSR_MAX_PROGRAM);
		return WSR_NONE;
	}
	struct wsr_list run = plan_run_at(l->plan, &l->plan->insn, l->insns.data, l->insns.count, offsetof(struct wsr_insn, pos),
		(struct plan_place *)l->insn_places.data);
	struct wsr_program program = { run.first, run.count };
	return pool_intern(&l->plan->program, &program);
}
