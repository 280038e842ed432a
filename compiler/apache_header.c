/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Header and RequestHeader (mod_headers): [always|onsuccess] action name [value [replacement]] [early|env=...|expr=...].
 * In: a checked statement. Out: one header_op in the section. What httpd does with each part was read in its documentation and tried.
 */
#include "compiler/apache.h"
#include "compiler/apache_cond.h"
#include "compiler/apache_text.h"
#include "compiler/fix.h"
#include "eval/wsr_eval.h"

struct reader {
	struct lower *l;
	const struct node *n;
	unsigned next;              /* argument to be read next */
	struct wsr_header_op op;
	bool failed;
};

static const struct word *take(struct reader *r)
{
	return r->next < node_arg_count(r->n) ? node_arg(r->n, r->next++) : NULL;
}

static void wrong(struct reader *r, const struct word *w, const char *what)
{
	diag_at(r->l->cc, CHECK_ARGUMENT, w ? w->span : node_head_span(r->n), "%s%s%s%s", what, w ? " '" : "", w ? diag_quote(r->l->cc, w->text, w->len) : "",
		w ? "'" : "");
	r->failed = true;
}

static bool is(const struct word *w, const char *text)
{
	return w && wsr_str_eq_nocase(word_str(w), wsr_cstr(text));
}

static bool starts(struct wsr_str s, const char *prefix)
{
	size_t len = strlen(prefix);
	return s.len >= len && wsr_str_eq_nocase(wsr_str(s.ptr, len), wsr_cstr(prefix));
}

/* --- values -------------------------------------------------------------------------------------------------------------- */

/* The value of `part`, or "(null)", which is what mod_headers writes for something that is not there. */
static struct wsr_part or_null(struct lower *l, struct wsr_part part)
{
	struct wsr_call call = {
		.function = WSR_FUNCTION_DEFAULT, .argument = plan_tmpl(l->plan, &part, 1), .map = WSR_NONE, .fallback = plan_tmpl_const(l->plan, WSR_STR("(null)")),
	};
	return (struct wsr_part){ .kind = WSR_PART_CALL, .arg = pool_intern(&l->plan->call, &call) };
}

static void push_literal(struct lower *l, struct wsr_str s)
{
	if (!s.len)
		return;
	struct wsr_part part = { .kind = WSR_PART_LITERAL, .arg = plan_str(l->plan, s) };
	pool_push(&l->parts, &part);
}

/* %{NAME}e and %{NAME}s. *at is behind the "%{". */
static bool named_part(struct reader *r, const struct word *w, struct wsr_str text, size_t *at)
{
	const char *close = memchr(text.ptr + *at, '}', text.len - *at);
	size_t end = close ? (size_t)(close - text.ptr) : text.len;
	struct wsr_str name = wsr_str(text.ptr + *at, end - *at);
	if (!close || end + 1 >= text.len || (text.ptr[end + 1] != 'e' && text.ptr[end + 1] != 's')) {
		wrong(r, w, "'%{NAME}' needs its '}' and then e (environment) or s (TLS) in");
		return false;
	}
	struct wsr_part part;
	char key[80];
	if (text.ptr[end + 1] == 'e') {
		part = apache_env_part(r->l, name);
	} else {
		memcpy(key, "SSL:", 4);
		memcpy(key + 4, name.ptr, name.len < 70 ? name.len : 70);
		const char *why = "";
		if (apache_variable_part(r->l, wsr_str(key, 4 + (name.len < 70 ? name.len : 70)), &part, &why) != APACHE_VARIABLE_KNOWN) {
			diag_at(r->l->cc, CHECK_ARGUMENT, apache_text_span(r->l, w, name.ptr, name.len), "'%%{%s}s' cannot be had: %s", diag_quote(r->l->cc, name.ptr, name.len), why);
			r->failed = true;
			return false;
		}
	}
	part = or_null(r->l, part);
	pool_push(&r->l->parts, &part);
	*at = end + 2;
	return true;
}

static void variable_part(struct lower *l, const char *prefix, enum wsr_var_id id)
{
	struct wsr_part part = { .kind = WSR_PART_VARIABLE, .id = (uint16_t)id };
	push_literal(l, wsr_cstr(prefix));
	pool_push(&l->parts, &part);
}

/* One "%x" of a value, or "$1" of a replacement. @return false after an error. */
static bool special(struct reader *r, const struct word *w, struct wsr_str text, size_t *at)
{
	char c = *at + 1 < text.len ? text.ptr[*at + 1] : '\0';
	*at += 2;
	switch (c) {
	case '{': return named_part(r, w, text, at);
	case '%': push_literal(r->l, WSR_STR("%")); return true;
	case 't': variable_part(r->l, "t=", WSR_V_TIME_US); return true;
	case 'D': variable_part(r->l, "D=", WSR_V_REQUEST_TIME_US); return true;
	default:
		wrong(r, w, "'%' must be followed by %, t, D, {NAME}e or {NAME}s (%l, %i and %b tell the load of httpd's machine and have no equivalent) in");
		return false;
	}
}

static uint32_t value_template(struct reader *r, const struct word *w, bool captures)
{
	struct lower *l = r->l;
	struct wsr_str text = word_str(w);
	size_t start = 0, at = 0;
	if (starts(text, "expr="))
		return apache_string(l, r->n, w, wsr_str(text.ptr + 5, text.len - 5));
	l->parts.count = 0;
	while (at < text.len) {
		bool capture = captures && text.ptr[at] == '$' && at + 1 < text.len && text.ptr[at + 1] >= '0' && text.ptr[at + 1] <= '9';
		bool escaped = captures && text.ptr[at] == '\\' && at + 1 < text.len && (text.ptr[at + 1] == '$' || text.ptr[at + 1] == '\\');
		if (text.ptr[at] != '%' && !capture && !escaped) {
			at++;
			continue;
		}
		push_literal(l, wsr_str(text.ptr + start, at - start));
		if (capture) {
			struct wsr_part part = { .kind = WSR_PART_CAPTURE, .id = (uint16_t)(text.ptr[at + 1] - '0') };
			pool_push(&l->parts, &part);
			at += 2;
		} else if (escaped) {
			push_literal(l, wsr_str(text.ptr + at + 1, 1));
			at += 2;
		} else if (!special(r, w, text, &at)) {
			return WSR_NONE;
		}
		start = at;
	}
	push_literal(l, wsr_str(text.ptr + start, at - start));
	return plan_tmpl(l->plan, (const struct wsr_part *)(void *)l->parts.data, l->parts.count);
}

/* --- the condition at the end -------------------------------------------------------------------------------------------- */

uint32_t apache_env_condition(struct lower *l, const struct word *w, struct wsr_str name)
{
	bool negative = name.len && name.ptr[0] == '!';
	struct wsr_part part = apache_env_part(l, negative ? wsr_str(name.ptr + 1, name.len - 1) : name);
	struct cond_builder b;
	cond_init(&b);
	struct wsr_cond leaf = {
		.op = part.kind == WSR_PART_USER ? WSR_COND_PRESENT : WSR_COND_NOT_EMPTY, .flags = negative ? WSR_COND_NOT : 0, .a = plan_tmpl(l->plan, &part, 1),
	};
	cond_leaf(l, &b, leaf, w->span);
	uint32_t cond = cond_done(l, &b);
	cond_free(&b);
	return cond;
}

/* @return false when the word is none of the three. */
static bool condition(struct reader *r, const struct word *w)
{
	struct wsr_str s = word_str(w);
	if (is(w, "early")) {
		r->op.flags |= WSR_HEADER_EARLY;
		return true;
	}
	if (starts(s, "env=")) {
		r->op.condition = apache_env_condition(r->l, w, wsr_str(s.ptr + 4, s.len - 4));
		return true;
	}
	if (starts(s, "expr=")) {
		r->op.condition = apache_condition(r->l, r->n, w, wsr_str(s.ptr + 5, s.len - 5));
		r->failed = r->failed || r->op.condition == WSR_NONE;
		return true;
	}
	return false;
}

/* --- the statement ------------------------------------------------------------------------------------------------------- */

static const struct { const char *name; uint8_t action; bool request; } actions[] = {
	{ "set", WSR_HEADER_SET, true }, { "append", WSR_HEADER_APPEND, true }, { "merge", WSR_HEADER_MERGE, true }, { "add", WSR_HEADER_ADD, true },
	{ "unset", WSR_HEADER_UNSET, true }, { "edit", WSR_HEADER_EDIT, true }, { "edit*", WSR_HEADER_EDIT_ALL, true },
	{ "setifempty", WSR_HEADER_SET_IF_EMPTY, true }, { "echo", WSR_HEADER_ECHO, false }, { "note", WSR_HEADER_NOTE, false },
};

static void read_action(struct reader *r, bool request)
{
	const struct word *w = take(r);
	for (size_t i = 0; w && i < sizeof(actions) / sizeof(*actions); i++)
		if (is(w, actions[i].name) && (actions[i].request || !request))
			r->op.action = actions[i].action;
	if (!r->op.action)
		wrong(r, w, request ? "the action must be set, append, merge, add, unset, edit, edit* or setifempty, not"
				    : "the action must be set, append, merge, add, unset, edit, edit*, setifempty, echo or note, not");
	else if (r->op.action == WSR_HEADER_NOTE)
		wrong(r, w, "notes of a response are not kept here: log the field with %{Name}o instead of");
}

/* Fields whose content follows from the message and the connection, whatever a configuration wants. */
static bool is_ours(struct wsr_str name)
{
	switch (wsr_field_id(name)) {
	case WSR_F_CONNECTION:
	case WSR_F_KEEP_ALIVE:
	case WSR_F_PROXY_CONNECTION:
	case WSR_F_TE:
	case WSR_F_TRANSFER_ENCODING:
	case WSR_F_CONTENT_LENGTH: return true;
	default: return false;
	}
}

static void read_name(struct reader *r)
{
	const struct word *w = take(r);
	struct wsr_str name = w ? word_str(w) : WSR_STR_NULL;
	if (name.len && name.ptr[name.len - 1] == ':')
		name.len--;
	if (r->op.action == WSR_HEADER_ECHO && w) {
		r->op.name = plan_str(r->l->plan, name);
		r->op.regex = lower_regex(r->l, r->n, w, name, true);
		r->failed = r->op.regex == WSR_NONE;
	} else if (!wsr_is_token(name)) {
		wrong(r, w, "a field name has letters, digits and !#$%&'*+-.^_`|~ only:");
	} else {
		r->op.name = plan_str(r->l->plan, name);
		if (is_ours(name))
			diag_at(r->l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "%s is written by wsrp alone, from what is really sent: this line has no effect",
				diag_quote(r->l->cc, name.ptr, name.len));
	}
}

static void read_values(struct reader *r)
{
	const struct word *w = take(r);
	bool edits = r->op.action == WSR_HEADER_EDIT || r->op.action == WSR_HEADER_EDIT_ALL;
	if (!w) {
		wrong(r, NULL, edits ? "edit needs an expression and a replacement" : "a value is missing");
		return;
	}
	if (edits) {
		r->op.regex = lower_regex(r->l, r->n, w, word_str(w), false);
		w = take(r);
		if (!w)
			wrong(r, NULL, "edit needs a replacement behind the expression");
	}
	if (w && !r->failed)
		r->op.value = value_template(r, w, edits);
	r->failed = r->failed || r->op.value == WSR_NONE || (edits && r->op.regex == WSR_NONE);
}

/* Equal values: the line without 'always', this one or the last such one in front of it, takes the backend's field out instead. */
static void fix_twice(struct lower *l, struct diag *d, const struct node *n, struct wsr_str name, bool always)
{
	const struct node *plain = always ? NULL : n;
	for (const struct node *other = n->parent->first_child; always && other != n; other = other->next)
		if (other->def == n->def && node_arg_count(other) == 3 && word_is_nocase(node_arg(other, 0), "set") && wsr_str_eq_nocase(word_str(node_arg(other, 1)), name))
			plain = other;
	if (plain && node_arg_count(plain) == 3 && word_is_nocase(node_arg(plain, 0), "set"))
		fix_edit(l->cc, d, span_join(node_arg(plain, 0)->span, node_arg(plain, 2)->span), "onsuccess unset %.*s", WSR_FMT(name));
}

/* set in one table and set in the other: the client gets the field twice, which nobody wants. */
static void check_twice(struct lower *l, const struct apache_section *s, const struct node *n, const struct wsr_header_op *op)
{
	for (uint32_t i = 0; op->action == WSR_HEADER_SET && i < s->response_headers.records.count; i++) {
		const struct wsr_header_op *other = pool_at(&s->response_headers.records, i);
		if (other->action != WSR_HEADER_SET || !((other->flags ^ op->flags) & WSR_HEADER_ALWAYS) || other->condition != op->condition ||
		    !wsr_str_eq_nocase(plan_text(l->plan, other->name), plan_text(l->plan, op->name)))
			continue;
		struct wsr_str name = plan_text(l->plan, op->name);
		struct diag *d = diag_at(l->cc, CHECK_HEADER_TWICE, node_head_span(n), "'%.*s' is set with and without 'always': answers carry it twice", WSR_FMT(name));
		diag_note(l->cc, d, SPAN_NONE, "httpd keeps two tables and sends both; keep the line with 'always', and 'Header onsuccess unset' it in the other");
		if (other->value == op->value)
			fix_twice(l, d, n, name, op->flags & WSR_HEADER_ALWAYS);
		return;
	}
}

void lower_apache_header(struct lower *l, struct level *lv, const struct node *n, unsigned request)
{
	struct reader r = { .l = l, .n = n, .op = { .value = WSR_NONE, .regex = WSR_NONE, .condition = WSR_NONE } };
	if (!request && node_arg_count(n) && (is(node_arg(n, 0), "always") || is(node_arg(n, 0), "onsuccess")))
		r.op.flags = is(take(&r), "always") ? WSR_HEADER_ALWAYS : 0;
	read_action(&r, request);
	if (!r.failed)
		read_name(&r);
	if (!r.failed && r.op.action != WSR_HEADER_UNSET && r.op.action != WSR_HEADER_ECHO)
		read_values(&r);
	const struct word *w = r.failed ? NULL : take(&r);
	if (w && !condition(&r, w))
		wrong(&r, w, "behind the value only early, env=NAME or expr=... may stand, not");
	if (!r.failed && (w = take(&r)) != NULL)
		wrong(&r, w, "one argument too many:");
	if (r.failed)
		return;
	if (!request)
		check_twice(l, lv->section, n, &r.op);
	apache_push(l, request ? &lv->section->request_headers : &lv->section->response_headers, &r.op, n);
}
