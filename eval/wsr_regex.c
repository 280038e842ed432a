/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCRE2 for one table in one thread: each expression is compiled when it is first needed, by JIT where the machine allows executable memory.
 *
 * Every run is bounded (steps, depth, heap). A pattern that runs into a bound or does not compile gives WSR_MATCH_FAILED, never "no match": an access
 * rule must not be passed because its expression was too expensive.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "eval/wsr_regex.h"

#define MATCH_LIMIT     1000000u
#define DEPTH_LIMIT     5000u
#define HEAP_LIMIT_KB   20000u
#define JIT_STACK_START (32u * 1024u)
#define JIT_STACK_MAX   (512u * 1024u)

struct wsr_regexes {
	const struct wsr_table *table;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	pcre2_match_data *data;     /* room for WSR_MAX_CAPTURES groups */
	struct {
		pcre2_code *code;
		bool tried;             /* compiled or found not to compile */
	} entry[];
};

struct wsr_regexes *wsr_regexes_new(const struct wsr_table *t)
{
	uint32_t count = wsr_regex_count(t);
	struct wsr_regexes *r = calloc(1, sizeof(*r) + count * sizeof(r->entry[0]));
	if (!r)
		return NULL;
	r->table = t;
	r->context = pcre2_match_context_create(NULL);
	r->data = pcre2_match_data_create(WSR_MAX_CAPTURES, NULL);
	if (!r->context || !r->data) {
		wsr_regexes_free(r);
		return NULL;
	}
	pcre2_set_match_limit(r->context, MATCH_LIMIT);
	pcre2_set_depth_limit(r->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(r->context, HEAP_LIMIT_KB);
	return r;
}

void wsr_regexes_free(struct wsr_regexes *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < wsr_regex_count(r->table); i++)
		pcre2_code_free(r->entry[i].code);
	pcre2_match_data_free(r->data);
	pcre2_match_context_free(r->context);
	pcre2_jit_stack_free(r->stack);
	free(r);
}

uint32_t wsr_regex_options(uint32_t flags)
{
	return (flags & WSR_REGEX_CASELESS ? PCRE2_CASELESS : 0) | (flags & WSR_REGEX_HTTPD ? PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY : 0);
}

static pcre2_code *compile(struct wsr_regexes *r, uint32_t regex)
{
	const struct wsr_regex *rx = wsr_regex_at(r->table, regex);
	struct wsr_str pattern = wsr_string(r->table, rx->pattern);
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), pattern.len,
					 wsr_regex_options(rx->flags), &error, &offset, NULL);
	r->entry[regex].tried = true;
	r->entry[regex].code = code;
	/* Without JIT (no executable memory) the interpreter runs the same code. */
	if (code && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0 && !r->stack) {
		r->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
		if (r->stack)
			pcre2_jit_stack_assign(r->context, NULL, r->stack);
	}
	return code;
}

static void copy_spans(struct wsr_regexes *r, uint32_t count, struct wsr_str subject, struct wsr_captures *out)
{
	const PCRE2_SIZE *span = pcre2_get_ovector_pointer(r->data);
	if (count > WSR_MAX_CAPTURES)
		count = WSR_MAX_CAPTURES;
	out->subject = subject;
	out->count = count;
	for (uint32_t i = 0; i < 2 * count; i++)
		out->span[i] = span[i] == PCRE2_UNSET ? UINT32_MAX : (uint32_t)span[i];
}

enum wsr_match_result wsr_regex_run(struct wsr_regexes *r, uint32_t regex, struct wsr_str subject, struct wsr_captures *out)
{
	pcre2_code *code = r->entry[regex].tried ? r->entry[regex].code : compile(r, regex);
	if (!code || subject.len >= UINT32_MAX)
		return WSR_MATCH_FAILED;
	int rc = pcre2_match(code, (PCRE2_SPTR)(subject.ptr ? subject.ptr : ""), subject.len, 0, 0, r->data, r->context);
	if (rc == PCRE2_ERROR_NOMATCH)
		return WSR_NO_MATCH;
	if (rc < 0)
		return WSR_MATCH_FAILED;
	if (out)
		copy_spans(r, (uint32_t)rc, subject, out);
	return WSR_MATCH;
}

struct wsr_str wsr_capture(const struct wsr_captures *c, unsigned n)
{
	if (n >= c->count || c->span[2 * n] == UINT32_MAX || c->span[2 * n] > c->span[2 * n + 1])
		return WSR_STR("");
	return wsr_str(c->subject.ptr + c->span[2 * n], c->span[2 * n + 1] - c->span[2 * n]);
}

void wsr_regex_keep(struct wsr_eval *e, uint32_t regex, const struct wsr_captures *c)
{
	struct wsr_list names = wsr_regex_at(e->table, regex)->names;
	if (c != &e->captures) {
		e->captures.subject = c->subject;
		e->captures.count = c->count;
		memcpy(e->captures.span, c->span, 2 * c->count * sizeof(c->span[0]));
	}
	for (uint32_t i = 0; i < names.count; i++) {
		const struct wsr_regex_name *n = wsr_regex_name_at(e->table, names.first + i);
		struct wsr_str value = wsr_capture(c, n->group);
		e->values[n->slot] = value.ptr ? value : WSR_STR("");
	}
}

enum wsr_match_result wsr_eval_match(struct wsr_eval *e, uint32_t regex, struct wsr_str subject)
{
	enum wsr_match_result result = wsr_regex_run(e->regexes, regex, subject, &e->captures);
	if (result == WSR_MATCH) {
		wsr_regex_keep(e, regex, &e->captures);
	} else if (result == WSR_MATCH_FAILED) {
		e->error = "a regular expression does not compile or ran into its limit";
		e->error_pos = wsr_regex_at(e->table, regex)->pos;
	}
	return result;
}
