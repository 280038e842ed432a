/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of words: strings with variables become templates, names of variables become ids or slots, regular expressions are compiled once to check
 * them and to learn their groups. A user variable may be used before it is defined (nginx resolves names at the end); what stays undefined is
 * reported by lower_variables_check() with the nearest spelling.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "compiler/lower_httpd.h"
#include "compiler/spell.h"
#include "eval/wsr_eval.h"

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool lower_has_variables(struct wsr_str text)
{
	return text.len && memchr(text.ptr, '$', text.len) != NULL;
}

/* --- variables ------------------------------------------------------------------------------------------------------- */

uint32_t lower_variable_slot(struct lower *l, struct wsr_str name)
{
	wsr_sref ref = plan_str_lower(l->plan, name);
	struct pool_entry *e = index_at(&l->variables, ref);
	if (e->first == WSR_NONE) {
		struct wsr_variable v = { .name = ref, .map = WSR_NONE };
		e->first = pool_push(&l->plan->variable, &v);
		pool_reserve(&l->variable_info, 1);
	}
	return e->first;
}

/* Variables of the server that `set` and `map` may give another value (nginx marks them as changeable). */
static bool changeable(enum wsr_var_id id, struct wsr_str suffix)
{
	return id == WSR_VAR_MAX || id == WSR_V_ARGS || id == WSR_V_LIMIT_RATE || suffix.len > 0;
}

uint32_t lower_variable_define(struct lower *l, const struct node *n, const struct word *w, enum wsr_variable_kind kind)
{
	struct wsr_str name = word_str(w), suffix = WSR_STR_NULL;
	if (name.len < 2 || name.ptr[0] != '$') {
		if (!l->collecting)
			diag_at(l->cc, CHECK_VARIABLE_SYNTAX, w->span, "invalid variable name '%s': it must start with '$'", diag_quote(l->cc, w->text, w->len));
		return WSR_NONE;
	}
	name = wsr_str(name.ptr + 1, name.len - 1);
	wsr_sref lower = plan_str_lower(l->plan, name);
	if (!changeable(wsr_var_find(plan_text(l->plan, lower), &suffix), suffix)) {
		if (!l->collecting)
			diag_at(l->cc, CHECK_VARIABLE_READ_ONLY, w->span, "the variable '%s' belongs to the server and cannot be given a value", diag_quote(l->cc, w->text, w->len));
		return WSR_NONE;
	}
	uint32_t slot = lower_variable_slot(l, name);
	struct wsr_variable *v = pool_at(&l->plan->variable, slot);
	if (v->kind != WSR_VARIABLE_MAP)
		v->kind = kind;
	struct lower_variable *info = pool_at(&l->variable_info, slot);
	if (!info->set)
		info->set = n;
	return slot;
}

/* The part for one variable. User variables win over the families (http_, arg_ ...), never over plain names. */
static struct wsr_part variable_part(struct lower *l, const struct word *w, struct wsr_str name)
{
	char small[128];
	struct wsr_str suffix = WSR_STR_NULL;
	enum wsr_var_id id = WSR_VAR_MAX;
	if (name.len <= sizeof(small)) {
		for (size_t i = 0; i < name.len; i++)
			small[i] = (char)wsr_lower((unsigned char)name.ptr[i]);
		id = wsr_var_find(wsr_str(small, name.len), &suffix);
	}
	bool family = id != WSR_VAR_MAX && suffix.len > 0;
	if (id == WSR_V_REQUEST_BODY && !l->collecting)
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "'$request_body' is always empty: bodies are passed on as they come");
	if (id != WSR_VAR_MAX && !family)
		return (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = (uint16_t)id };
	wsr_sref ref = plan_str_lower(l->plan, name);
	const struct pool_entry *e = index_find(&l->variables, ref);
	if (family && (!e || ((struct wsr_variable *)pool_at(&l->plan->variable, e->first))->kind == 0))
		return (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = (uint16_t)id, .arg = plan_str(l->plan, suffix) };
	uint32_t slot = lower_variable_slot(l, name);
	struct lower_variable *info = pool_at(&l->variable_info, slot);
	if (!info->used) {
		info->used = true;
		info->use = w->span;
	}
	return (struct wsr_part){ .kind = WSR_PART_USER, .arg = slot };
}

/* The nearest name that exists; it must be copied, user names lie in the plan. */
static const char *nearest_variable(struct lower *l, struct wsr_str name)
{
	struct spell near = spell_start(name);
	for (int id = 0; id < WSR_VAR_MAX; id++)
		spell_try(&near, wsr_cstr(wsr_var_name((enum wsr_var_id)id)));
	for (uint32_t i = 0; i < l->plan->variable.count; i++) {
		const struct wsr_variable *v = pool_at(&l->plan->variable, i);
		if (v->kind)
			spell_try(&near, plan_text(l->plan, v->name));
	}
	return near.best.ptr ? arena_copy(&l->cc->arena, near.best.ptr, near.best.len) : NULL;
}

void lower_variables_check(struct lower *l)
{
	for (uint32_t i = 0; i < l->plan->variable.count; i++) {
		const struct wsr_variable *v = pool_at(&l->plan->variable, i);
		const struct lower_variable *info = pool_at(&l->variable_info, i);
		if (v->kind)
			continue;
		struct wsr_str name = plan_text(l->plan, v->name);
		struct diag *d = diag_at(l->cc, CHECK_UNKNOWN_VARIABLE, info->used ? info->use : SPAN_NONE, "unknown variable '$%s'", diag_quote(l->cc, name.ptr, name.len));
		const char *near = nearest_variable(l, name);
		if (near)
			diag_note(l->cc, d, SPAN_NONE, "did you mean '$%s'?", near);
		else
			diag_note(l->cc, d, SPAN_NONE, "neither 'set' nor 'map' nor a named group defines it");
	}
}

/* --- templates ------------------------------------------------------------------------------------------------------- */

struct template_reader {
	struct lower *l;
	const struct node *node;
	const struct word *word;
	const char *at, *end;
	unsigned flags;
	bool failed;
};

/* Neighbours are joined: a dollar or brace that had to be spelt out stands among plain text. */
static void push_literal(struct template_reader *r, const char *s, const char *end)
{
	struct wsr_part *last = r->l->parts.count ? pool_at(&r->l->parts, r->l->parts.count - 1) : NULL;
	struct wsr_str text = wsr_str(s, (size_t)(end - s));
	if (s == end)
		return;
	if (last && last->kind == WSR_PART_LITERAL) {
		struct wsr_str before = plan_text(r->l->plan, last->arg);
		char *joined = arena_alloc(&r->l->cc->arena, before.len + text.len);
		memcpy(joined, before.ptr, before.len);
		memcpy(joined + before.len, text.ptr, text.len);
		last->arg = plan_str(r->l->plan, wsr_str(joined, before.len + text.len));
		return;
	}
	struct wsr_part part = { .kind = WSR_PART_LITERAL, .arg = plan_str(r->l->plan, text) };
	pool_push(&r->l->parts, &part);
}

static void bad_variable(struct template_reader *r, const char *what)
{
	diag_at(r->l->cc, CHECK_VARIABLE_SYNTAX, r->word->span, "%s in '%s'", what, diag_quote(r->l->cc, r->word->text, r->word->len));
	r->failed = true;
}

/* Behind "${": more than the name of a variable. */
static void read_braces(struct template_reader *r, const char *s)
{
	const char *close = braces_end(s, r->end);
	struct wsr_part part;
	if (close == r->end) {
		bad_variable(r, "the closing brace of a variable is missing");
		return;
	}
	r->at = close + 1;
	r->failed = !braces_part(r->l, r->node, r->word, wsr_str(s, (size_t)(close - s)), &part);
	if (r->failed)
		return;
	if (part.kind == WSR_PART_LITERAL) {
		struct wsr_str text = plan_text(r->l->plan, part.arg);
		text = wsr_str(arena_copy(&r->l->cc->arena, text.ptr, text.len), text.len);
		push_literal(r, text.ptr, text.ptr + text.len);
	} else {
		pool_push(&r->l->parts, &part);
	}
}

/* At "$": $1, $name or ${name}. */
static void read_variable(struct template_reader *r)
{
	const char *s = r->at + 1;
	if (s < r->end && *s >= '1' && *s <= '9' && !(r->flags & TMPL_NO_CAPTURES)) {
		struct wsr_part part = { .kind = WSR_PART_CAPTURE, .id = (uint16_t)(*s - '0') };
		pool_push(&r->l->parts, &part);
		r->at = s + 1;
		return;
	}
	bool brace = s < r->end && *s == '{';
	const char *name = s += brace;
	while (s < r->end && name_char(*s))
		s++;
	if (brace && (s == r->end || *s != '}' || (s == name + 1 && *name == '0'))) {
		read_braces(r, name);
		return;
	}
	r->at = s + brace;
	if (s == name) {
		bad_variable(r, "a '$' without a variable name");
		return;
	}
	struct wsr_part part = variable_part(r->l, r->word, wsr_str(name, (size_t)(s - name)));
	pool_push(&r->l->parts, &part);
}

uint32_t lower_template(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text, unsigned flags)
{
	if (!lower_has_variables(text) && !(flags & TMPL_ARGS))
		return plan_tmpl_const(l->plan, text);
	struct template_reader r = { l, n, w, text.ptr, text.ptr + text.len, flags, false };
	l->parts.count = 0;
	while (r.at < r.end && !r.failed) {
		if (*r.at == '$') {
			read_variable(&r);
		} else if (*r.at == '?' && r.flags & TMPL_ARGS) {
			struct wsr_part part = { .kind = WSR_PART_ARGS_START };
			pool_push(&l->parts, &part);
			r.flags &= ~TMPL_ARGS;
			r.at++;
		} else {
			const char *s = r.at++;
			while (r.at < r.end && *r.at != '$' && !(*r.at == '?' && r.flags & TMPL_ARGS))
				r.at++;
			push_literal(&r, s, r.at);
		}
	}
	if (l->parts.count > WSR_MAX_TEMPLATE_PARTS)
		bad_variable(&r, "more than 4096 parts");
	return r.failed ? plan_tmpl(l->plan, NULL, 0) : plan_tmpl(l->plan, (struct wsr_part *)l->parts.data, l->parts.count);
}

/* --- regular expressions --------------------------------------------------------------------------------------------- */

/* The named groups of an expression as user variables. */
static struct wsr_list regex_names(struct lower *l, const struct node *n, pcre2_code *code)
{
	uint32_t count = 0, entry_len = 0;
	PCRE2_SPTR entry = NULL;
	pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &entry_len);
	pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &entry);
	struct pool names;
	pool_init(&names, sizeof(struct wsr_regex_name));
	for (uint32_t i = 0; i < count; i++, entry += entry_len) {
		uint32_t slot = lower_variable_slot(l, wsr_cstr((const char *)entry + 2));
		struct wsr_variable *v = pool_at(&l->plan->variable, slot);
		if (!v->kind)
			v->kind = WSR_VARIABLE_CAPTURE;
		struct lower_variable *info = pool_at(&l->variable_info, slot);
		if (!info->set)
			info->set = n;
		struct wsr_regex_name name = { (uint32_t)entry[0] << 8 | entry[1], slot };
		pool_push(&names, &name);
	}
	struct wsr_list list = pool_run(&l->plan->regex_name, names.data, names.count);
	pool_free(&names);
	return list;
}

uint32_t lower_regex(struct lower *l, const struct node *n, const struct word *w, struct wsr_str pattern, bool caseless)
{
	wsr_sref ref = plan_str(l->plan, pattern);
	uint32_t flags = (caseless ? WSR_REGEX_CASELESS : 0) | (l->httpd || (n->def && n->def->dialect != DIALECT_NGINX) ? WSR_REGEX_HTTPD : 0);
	struct pool_entry *known = index_at(&l->regexes, (uint64_t)ref << 2 | flags);
	if (known->first != WSR_NONE)
		return known->first;
	int code_number;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, wsr_regex_options(flags), &code_number, &offset, NULL);
	if (!code) {
		char why[200];
		pcre2_get_error_message(code_number, (PCRE2_UCHAR *)why, sizeof(why));
		diag_at(l->cc, CHECK_REGEX, w->span, "invalid regular expression '%s': %s at character %zu",
			diag_quote(l->cc, pattern.ptr, pattern.len), why, (size_t)offset + 1);
		return WSR_NONE;
	}
	uint32_t groups = 0;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	struct wsr_regex regex = { .pattern = ref, .flags = flags, .capture_count = groups + 1 };
	if (groups + 1 > WSR_MAX_CAPTURES) {
		pcre2_code_free(code);
		diag_at(l->cc, CHECK_REGEX, w->span, "a regular expression with %u groups: at most %u are allowed", groups, WSR_MAX_CAPTURES - 1);
		return WSR_NONE;
	}
	regex.names = regex_names(l, n, code);
	pcre2_code_free(code);
	regex.pos = lower_pos(l, n);
	uint32_t index = pool_push(&l->plan->regex, &regex);
	index_at(&l->regexes, (uint64_t)ref << 2 | flags)->first = index;
	return index;
}
