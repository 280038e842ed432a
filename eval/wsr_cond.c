/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions: RewriteCond, <If>, Require, expr=, SetEnvIf and the conditions of IIS. In: a tree of wsr_cond records in preorder. Out: one of three truths;
 * the third says that the answer hangs on who the client is while nobody has said so (401 instead of 403).
 *
 * Invariants: children fill their parent exactly (the verifier sees to it), recursion ends at WSR_MAX_COND_DEPTH, and an expression that fails sets e->error
 * and counts as false.
 */
#include "eval/wsr_access.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"

static enum wsr_truth truth(bool holds)
{
	return holds ? WSR_TRUE : WSR_FALSE;
}

static enum wsr_truth opposite(enum wsr_truth t)
{
	return t == WSR_NEEDS_USER ? t : truth(t == WSR_FALSE);
}

/* --- comparisons --------------------------------------------------------------------------------------------------------- */

/* As memcmp orders, a prefix before what it begins; nocase folds ASCII. */
static int compare(struct wsr_str a, struct wsr_str b, bool nocase)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		unsigned char x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[i];
		if (nocase) {
			x = wsr_lower(x);
			y = wsr_lower(y);
		}
		if (x != y)
			return x < y ? -1 : 1;
	}
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

/* mod_rewrite's "<" and ">" look at the length first (mod_rewrite.c: compare_lexicography). */
static int compare_strings(const struct wsr_cond *c, struct wsr_str a, struct wsr_str b)
{
	if (c->flags & WSR_COND_BY_LENGTH && a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return compare(a, b, c->flags & WSR_COND_NOCASE);
}

/* A decimal number as atoi() reads one: blanks, a sign, digits; what follows does not count. Ends at the limits of int64_t. */
static int64_t integer(struct wsr_str s)
{
	size_t i = 0;
	int64_t n = 0;
	while (i < s.len && (s.ptr[i] == ' ' || (s.ptr[i] >= '\t' && s.ptr[i] <= '\r')))
		i++;
	bool negative = i < s.len && s.ptr[i] == '-';
	i += i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+');
	for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9' && n < INT64_MAX / 10 - 9; i++)
		n = n * 10 + (s.ptr[i] - '0');
	return negative ? -n : n;
}

static int compare_integers(struct wsr_str a, struct wsr_str b)
{
	int64_t x = integer(a), y = integer(b);
	return x < y ? -1 : x > y;
}

static bool compares(struct wsr_eval *e, const struct wsr_cond *c)
{
	struct wsr_str a = wsr_eval_tmpl(e, c->a), b = wsr_eval_tmpl(e, c->b);
	switch (c->op) {
	case WSR_COND_EQUAL:          return compare(a, b, c->flags & WSR_COND_NOCASE) == 0;
	case WSR_COND_LESS:           return compare_strings(c, a, b) < 0;
	case WSR_COND_LESS_EQUAL:     return compare_strings(c, a, b) <= 0;
	case WSR_COND_INT_EQUAL:      return compare_integers(a, b) == 0;
	case WSR_COND_INT_LESS:       return compare_integers(a, b) < 0;
	default:                      return compare_integers(a, b) <= 0;
	}
}

/* --- other leaves -------------------------------------------------------------------------------------------------------- */

/* Groups 1 and further of this match behind those that are there; the texts are joined to one subject. */
static void add_captures(struct wsr_eval *e, const struct wsr_captures *found)
{
	struct wsr_captures *all = &e->httpd->condition;
	struct wsr_str parts[] = { all->subject, found->subject };
	struct wsr_str subject = wsr_join(e->arena, parts, 2);
	uint32_t shift = (uint32_t)all->subject.len;
	if (!subject.ptr || subject.len >= UINT32_MAX)
		return;
	all->subject = subject;
	for (uint32_t i = 1; i < found->count && all->count < WSR_MAX_CAPTURES; i++, all->count++)
		for (unsigned side = 0; side < 2; side++) {
			uint32_t at = found->span[2 * i + side];
			all->span[2 * all->count + side] = at == UINT32_MAX ? at : at + shift;
		}
}

static void keep_captures(struct wsr_eval *e, const struct wsr_captures *found)
{
	struct wsr_captures *c = &e->httpd->condition;
	if (e->httpd->track_captures && c->count > 0) {
		add_captures(e, found);
		return;
	}
	c->subject = found->subject;
	c->count = found->count;
	memcpy(c->span, found->span, 2 * found->count * sizeof(found->span[0]));
}

/* Captures count only for a match that makes the condition hold (mod_rewrite.c: apply_rewrite_cond). */
static bool matches(struct wsr_eval *e, const struct wsr_cond *c)
{
	struct wsr_captures found;
	struct wsr_captures *keep = e->httpd && !(c->flags & WSR_COND_NOT) ? &found : NULL;
	enum wsr_match_result result = wsr_regex_run(e->regexes, c->b, wsr_eval_tmpl(e, c->a), keep);
	if (result == WSR_MATCH_FAILED)
		wsr_eval_fail(e, "a regular expression does not compile or ran into its limit", c->pos);
	if (result != WSR_MATCH || !keep)
		return result == WSR_MATCH;
	keep_captures(e, &found);
	return true;
}

/* ap_expr -T: something, and none of the words that say no. */
static bool says_yes(struct wsr_str s)
{
	return s.len > 0 && !wsr_str_eq(s, WSR_STR("0")) && !wsr_str_eq_nocase(s, WSR_STR("off")) && !wsr_str_eq_nocase(s, WSR_STR("false")) &&
	       !wsr_str_eq_nocase(s, WSR_STR("no"));
}

static bool present(struct wsr_eval *e, const struct wsr_cond *c)
{
	struct wsr_str value;
	return wsr_part_value(e, wsr_part_at(e->table, wsr_tmpl_at(e->table, c->a)->first_part), &value) && value.ptr;
}

static bool file_is(struct wsr_eval *e, const struct wsr_cond *c)
{
	struct wsr_str path = wsr_tmpl_z(e, c->a);
	bool askable = path.len > 0 && !memchr(path.ptr, '\0', path.len) && e->world && e->world->file;
	return askable && e->world->file(e->world_ctx, path.ptr, (enum wsr_file_test)c->b);
}

static bool client_in(struct wsr_eval *e, const struct wsr_cond *c)
{
	struct wsr_str address = wsr_client_address(e);
	for (uint32_t i = 0; i < c->b; i++)
		if (wsr_access_rule_holds(wsr_access_rule_at(e->table, c->a + i), address))
			return true;
	return false;
}

static enum wsr_truth user_is(struct wsr_eval *e, const struct wsr_cond *c)
{
	if (!e->httpd || !e->httpd->user.ptr)
		return WSR_NEEDS_USER;
	for (uint32_t i = 0; c->op != WSR_COND_VALID_USER && i < c->b; i++) {
		struct wsr_str name = wsr_string(e->table, *wsr_str_item_at(e->table, c->a + i));
		if (c->op == WSR_COND_USER ? wsr_str_eq(name, e->httpd->user) : wsr_httpd_in_group(e, name))
			return WSR_TRUE;
	}
	return truth(c->op == WSR_COND_VALID_USER);
}

static enum wsr_truth leaf(struct wsr_eval *e, const struct wsr_cond *c)
{
	switch (c->op) {
	case WSR_COND_TRUE:       return WSR_TRUE;
	case WSR_COND_MATCH:      return truth(matches(e, c));
	case WSR_COND_NOT_EMPTY:  return truth(wsr_eval_tmpl(e, c->a).len > 0);
	case WSR_COND_PRESENT:    return truth(present(e, c));
	case WSR_COND_TRUTH:      return truth(says_yes(wsr_eval_tmpl(e, c->a)));
	case WSR_COND_FILE:       return truth(file_is(e, c));
	case WSR_COND_WELCOME:    return truth(wsr_httpd_welcome(e, wsr_eval_tmpl(e, c->a), (enum wsr_welcome)c->b));
	case WSR_COND_CLIENT:     return truth(client_in(e, c));
	case WSR_COND_VALID_USER:
	case WSR_COND_USER:
	case WSR_COND_GROUP:      return user_is(e, c);
	default:                  return truth(compares(e, c));
	}
}

/* --- trees --------------------------------------------------------------------------------------------------------------- */

static enum wsr_truth evaluate(struct wsr_eval *e, uint32_t index, unsigned depth);

/* The first child that settles it ends the search: a false one of AND, a true one of OR. */
static enum wsr_truth group(struct wsr_eval *e, uint32_t index, unsigned depth)
{
	const struct wsr_cond *c = wsr_cond_at(e->table, index);
	enum wsr_truth settles = c->op == WSR_COND_AND ? WSR_FALSE : WSR_TRUE, result = opposite(settles);
	for (uint32_t child = index + 1; child < index + c->size; child += wsr_cond_at(e->table, child)->size) {
		enum wsr_truth t = evaluate(e, child, depth + 1);
		if (t == settles)
			return settles;
		if (t == WSR_NEEDS_USER)
			result = t;
	}
	return result;
}

static enum wsr_truth evaluate(struct wsr_eval *e, uint32_t index, unsigned depth)
{
	const struct wsr_cond *c = wsr_cond_at(e->table, index);
	if (depth >= WSR_MAX_COND_DEPTH) {
		wsr_eval_fail(e, "a condition is nested too deeply", c->pos);
		return WSR_FALSE;
	}
	bool holder = c->op == WSR_COND_AND || c->op == WSR_COND_OR;
	enum wsr_truth t = holder ? group(e, index, depth) : leaf(e, c);
	return c->flags & WSR_COND_NOT ? opposite(t) : t;
}

enum wsr_truth wsr_cond_eval(struct wsr_eval *e, uint32_t cond)
{
	return cond == WSR_NONE ? WSR_TRUE : evaluate(e, cond, 0);
}
