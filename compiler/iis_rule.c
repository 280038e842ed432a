/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of IIS URL Rewrite: patterns, conditions, actions, server variables, outbound rules (their texts: iis_text.c). In: elements of a web.config. Out: rewrite rules
 * and header operations of the site's layer.
 *
 * A pattern is matched against the path without its first slash and without the query (URL Rewrite Module Configuration Reference); one that expects a
 * scheme and a host can never match and is an error, unless --assume-full-url says that the whole URL was meant.
 */
#include "compiler/apache.h"
#include "compiler/apache_cond.h"
#include "compiler/iis.h"
#include "compiler/value.h"
#include "eval/wsr_eval.h"

/* --- patterns ------------------------------------------------------------------------------------------------------------ */

enum syntax { SYNTAX_EXPRESSION, SYNTAX_WILDCARD, SYNTAX_EXACT };

/* Wildcards capture what they stand for; exact texts match themselves. */
static struct wsr_str as_expression(struct lower *l, struct wsr_str text, enum syntax syntax)
{
	if (syntax == SYNTAX_EXPRESSION)
		return text;
	char *out = arena_alloc(&l->cc->arena, 4 * text.len + 8);
	size_t n = 0;
	out[n++] = '^';
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '*' && syntax == SYNTAX_WILDCARD) {
			memcpy(out + n, "(.*)", 4);
			n += 4;
			continue;
		}
		if (strchr("\\^$.|?*+()[]{}", text.ptr[i]))
			out[n++] = '\\';
		out[n++] = text.ptr[i];
	}
	memcpy(out + n, "\\z", 2);
	return wsr_str(out, n + 2);
}

static enum syntax syntax_of(const struct node *rule)
{
	struct wsr_str s = iis_attribute(rule, "patternSyntax", "ECMAScript");
	return wsr_str_eq_nocase(s, WSR_STR("Wildcard")) ? SYNTAX_WILDCARD : wsr_str_eq_nocase(s, WSR_STR("ExactMatch")) ? SYNTAX_EXACT : SYNTAX_EXPRESSION;
}

static uint32_t pattern(struct iis_site *s, const struct node *n, const char *attribute, enum syntax syntax)
{
	struct wsr_str text = iis_attribute(n, attribute, syntax == SYNTAX_WILDCARD ? "*" : ".*");
	return lower_regex(s->l, n, iis_word(n, attribute), as_expression(s->l, text, syntax), iis_flag(n, "ignoreCase", true));
}

/* A text somebody was to fill in: <DNS NAME>, YOUR_SERVER. */
static bool placeholder(struct iis_site *s, const struct node *n, const char *attribute)
{
	struct wsr_str text = iis_attribute(n, attribute, "");
	const char *open = text.len ? memchr(text.ptr, '<', text.len) : NULL;
	const char *close = open ? memchr(open, '>', text.len - (size_t)(open - text.ptr)) : NULL;
	if (!close || (open > text.ptr && open[-1] == '?')) /* (?<name>...) */
		return false;
	diag_at(s->l->cc, CHECK_IIS_PLACEHOLDER, iis_word(n, attribute)->span, "'%s' is a placeholder: put the real name in its place",
		diag_quote(s->l->cc, open, (size_t)(close - open) + 1));
	return true;
}

/* The part of a pattern for a full URL that a path can match; { NULL, 0 } for a pattern without scheme. */
static struct wsr_str path_part(struct lower *l, struct wsr_str text)
{
	const char *scheme = text.len > 3 ? memmem(text.ptr, text.len, "://", 3) : NULL;
	if (!scheme)
		return WSR_STR_NULL;
	unsigned open = 0;
	for (const char *p = scheme + 3; p < text.ptr + text.len; p++) {
		open += *p == '(' || *p == '[';
		open -= open && (*p == ')' || *p == ']');
		if (*p == '/' && !open)
			return wsr_cstr(arena_printf(&l->cc->arena, "^%.*s", (int)(text.ptr + text.len - p - 1), p + 1));
	}
	return WSR_STR("");
}

/* @return false after an error. *full: the pattern is for the whole URL. */
static bool check_subject(struct iis_site *s, const struct node *match, bool *full)
{
	struct wsr_str text = iis_attribute(match, "url", ""), path = path_part(s->l, text);
	*full = path.ptr != NULL;
	if (!*full || s->l->cc->options.assume_full_url)
		return true;
	struct diag *d = diag_at(s->l->cc, CHECK_IIS_FULL_URL, iis_word(match, "url")->span,
		"this pattern can never match: IIS matches the path without its first slash ('ws/client/7'), never scheme and host");
	if (path.len)
		diag_note(s->l->cc, d, SPAN_NONE, "what was meant is perhaps url=\"%.*s\"; captures count from there on", WSR_FMT(path));
	diag_note(s->l->cc, d, SPAN_NONE, "conditions on {HTTPS} and {HTTP_HOST} look at scheme and host; --assume-full-url matches the whole URL");
	return false;
}

/* --- conditions ---------------------------------------------------------------------------------------------------------- */

static void condition(struct iis_site *s, struct cond_builder *b, const struct node *n, enum syntax syntax)
{
	struct wsr_str type = iis_attribute(n, "matchType", "Pattern");
	uint32_t input = iis_text(s, n, iis_word(n, "input"), iis_attribute(n, "input", ""));
	uint8_t flags = iis_flag(n, "negate", false) ? WSR_COND_NOT : 0;
	if (!wsr_str_eq_nocase(type, WSR_STR("Pattern"))) {
		uint32_t test = wsr_str_eq_nocase(type, WSR_STR("IsFile")) ? WSR_FILE_IS_FILE : WSR_FILE_IS_DIR;
		cond_leaf(s->l, b, (struct wsr_cond){ .op = WSR_COND_FILE, .flags = flags, .a = input, .b = test }, n->span);
		return;
	}
	uint32_t regex = pattern(s, n, "pattern", syntax);
	if (regex != WSR_NONE && !placeholder(s, n, "pattern"))
		cond_leaf(s->l, b, (struct wsr_cond){ .op = WSR_COND_MATCH, .flags = flags, .a = input, .b = regex }, n->span);
}

/* <conditions> or <preCondition> as one group. */
static void condition_group(struct iis_site *s, struct cond_builder *b, const struct node *list, enum syntax syntax)
{
	bool any = wsr_str_eq_nocase(iis_attribute(list, "logicalGrouping", "MatchAll"), WSR_STR("MatchAny"));
	uint32_t group = cond_open(s->l, b, any ? WSR_COND_OR : WSR_COND_AND, 0, list->span);
	NODE_EACH_CHILD(n, list)
		if (node_is(n, "add"))
			condition(s, b, n, syntax);
	if (any && b->nodes.count == group + 1)
		cond_leaf(s->l, b, (struct wsr_cond){ .op = WSR_COND_TRUE }, list->span);
	cond_close(b, group);
}

static uint32_t conditions(struct iis_site *s, const struct node *list, enum syntax syntax)
{
	struct cond_builder b;
	cond_init(&b);
	condition_group(s, &b, list, syntax);
	uint32_t cond = cond_done(s->l, &b);
	cond_free(&b);
	return cond;
}

/* --- server variables ---------------------------------------------------------------------------------------------------- */

/* "HTTP_X_ORIGINAL_HOST" -> "X-Original-Host", "RESPONSE_Location" -> "Location". */
static wsr_sref field_name(struct iis_site *s, struct wsr_str name, size_t prefix)
{
	char *out = arena_alloc(&s->l->cc->arena, name.len + 1);
	bool first = true;
	size_t n = 0;
	for (size_t i = prefix; i < name.len; i++) {
		char c = name.ptr[i] == '_' ? '-' : (char)wsr_lower((unsigned char)name.ptr[i]);
		out[n++] = first && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
		first = c == '-';
	}
	return plan_str(s->l->plan, wsr_str(out, n));
}

static bool prefixed(struct wsr_str s, const char *prefix)
{
	size_t len = strlen(prefix);
	return s.len > len && wsr_str_eq_nocase(wsr_str(s.ptr, len), wsr_cstr(prefix));
}

/* The rule puts the value into a variable of its own, and the field is written where that variable is there: captures are those of the rule. */
static void set_variable(struct iis_site *s, struct apache_run *env, const struct node *n, unsigned ordinal)
{
	struct lower *l = s->l;
	struct wsr_str name = iis_attribute(n, "name", "");
	bool request = prefixed(name, "HTTP_");
	if (!request && !prefixed(name, "RESPONSE_")) {
		diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, iis_word(n, "name")->span, "'%s' cannot be set: variables that begin with HTTP_ or RESPONSE_ can",
			diag_quote(l->cc, name.ptr, name.len));
		return;
	}
	uint32_t slot = apache_env_slot(l, wsr_cstr(arena_printf(&l->cc->arena, "iis:%u", ordinal)));
	struct wsr_env_op op = { .slot = slot, .value = iis_text(s, n, iis_word(n, "value"), iis_attribute(n, "value", "")), .condition = WSR_NONE };
	apache_push(l, env, &op, n);
	struct wsr_part part = { .kind = WSR_PART_USER, .arg = slot };
	uint32_t value = plan_tmpl(l->plan, &part, 1);
	struct cond_builder b;
	cond_init(&b);
	cond_leaf(l, &b, (struct wsr_cond){ .op = WSR_COND_PRESENT, .a = value }, n->span);
	struct wsr_header_op header = {
		.action = iis_flag(n, "replace", true) ? WSR_HEADER_SET : WSR_HEADER_SET_IF_EMPTY, .name = field_name(s, name, request ? 5 : 9), .value = value,
		.regex = WSR_NONE, .condition = cond_done(l, &b),
	};
	cond_free(&b);
	apache_push(l, request ? &s->section->request_headers : &s->section->response_headers, &header, n);
}

/* --- actions ------------------------------------------------------------------------------------------------------------- */

static unsigned redirect_status(const struct node *action)
{
	static const struct { const char *name; unsigned status; } types[] = {
		{ "Permanent", 301 }, { "Found", 302 }, { "SeeOther", 303 }, { "Temporary", 307 }, { "301", 301 }, { "302", 302 }, { "303", 303 }, { "307", 307 }, { "308", 308 },
	};
	struct wsr_str type = iis_attribute(action, "redirectType", "Permanent");
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (wsr_str_eq_nocase(type, wsr_cstr(types[i].name)))
			return types[i].status;
	return 301;
}

static bool has_scheme(struct wsr_str url)
{
	return prefixed(url, "http://") || prefixed(url, "https://") || prefixed(url, "ws://") || prefixed(url, "wss://") || prefixed(url, "{R:1}://");
}

/* URL of a Rewrite or Redirect. A path is relative to the site's root, with or without its slash. */
static void target(struct iis_site *s, const struct node *action, struct wsr_rewrite_rule *r, bool rewrite)
{
	struct wsr_str url = iis_attribute(action, "url", "");
	bool absolute = has_scheme(url);
	placeholder(s, action, "url");
	if (!absolute && (!url.len || (url.ptr[0] != '/' && url.ptr[0] != '{')))
		url = wsr_cstr(arena_printf(&s->l->cc->arena, "/%.*s", WSR_FMT(url)));
	r->target = iis_text(s, action, iis_word(action, "url"), url);
	if (absolute)
		r->flags |= WSR_RULE_ABSOLUTE | (rewrite ? WSR_RULE_PROXY : 0);
	r->flags |= iis_flag(action, "appendQueryString", true) ? WSR_RULE_QSA : WSR_RULE_QSD;
}

static void custom_response(struct iis_site *s, const struct node *action, struct wsr_rewrite_rule *r)
{
	uint64_t status = 0;
	struct wsr_str text = iis_attribute(action, "statusCode", "");
	if (!value_uint(text, &status) || status < 200 || status > 599) {
		diag_at(s->l->cc, CHECK_VALUE, iis_word(action, "statusCode")->span, "a status from 200 to 599 is wanted, not '%s'", diag_quote(s->l->cc, text.ptr, text.len));
		status = 404;
	}
	r->flags |= WSR_RULE_STATUS | WSR_RULE_NOTHING;
	r->status = (uint16_t)status;
}

static void action(struct iis_site *s, const struct node *rule, struct wsr_rewrite_rule *r)
{
	const struct node *a = iis_child(rule, "action");
	struct wsr_str type = a ? iis_attribute(a, "type", "None") : WSR_STR("None");
	if (wsr_str_eq_nocase(type, WSR_STR("Rewrite"))) {
		target(s, a, r, true);
	} else if (wsr_str_eq_nocase(type, WSR_STR("Redirect"))) {
		target(s, a, r, false);
		r->flags |= WSR_RULE_REDIRECT;
		r->status = (uint16_t)redirect_status(a);
	} else if (wsr_str_eq_nocase(type, WSR_STR("CustomResponse"))) {
		custom_response(s, a, r);
	} else if (wsr_str_eq_nocase(type, WSR_STR("AbortRequest"))) {
		r->flags |= WSR_RULE_ABORT | WSR_RULE_NOTHING;
	} else {
		r->flags |= WSR_RULE_NOTHING;
	}
}

/* --- rules --------------------------------------------------------------------------------------------------------------- */

static void one_rule(struct iis_site *s, const struct node *n)
{
	const struct node *match = iis_child(n, "match"), *list = iis_child(n, "conditions"), *set = iis_child(n, "serverVariables");
	struct wsr_rewrite_rule r = { .condition = WSR_NONE, .regex = WSR_NONE, .target = WSR_NONE, .type = WSR_NONE, .handler = WSR_NONE, .flags = WSR_RULE_IIS };
	struct apache_run env;
	bool full = false;
	if (!match) {
		diag_at(s->l->cc, CHECK_ARGUMENT, n->words[0].span, "<rule> needs a <match>");
		return;
	}
	if (placeholder(s, match, "url") || !check_subject(s, match, &full))
		return;
	r.regex = pattern(s, match, "url", syntax_of(n));
	r.flags |= iis_flag(match, "negate", false) ? WSR_RULE_NOT : 0;
	r.flags |= full ? WSR_RULE_FULL_URL : 0;
	r.flags |= iis_flag(n, "stopProcessing", false) ? WSR_RULE_LAST : 0;
	if (list) {
		r.condition = conditions(s, list, syntax_of(n));
		r.flags |= iis_flag(list, "trackAllCaptures", false) ? WSR_RULE_TRACK_ALL : 0;
	}
	apache_run_init(&env, sizeof(struct wsr_env_op));
	if (set)
		NODE_EACH_CHILD(v, set)
			set_variable(s, &env, v, s->l->plan->header_op.count + s->section->request_headers.records.count + s->section->response_headers.records.count);
	r.env = apache_intern(s->l, &env, &s->l->plan->env_op, offsetof(struct wsr_env_op, pos));
	apache_run_free(&env);
	action(s, n, &r);
	if (r.regex != WSR_NONE)
		apache_push(s->l, &s->section->rewrites, &r, n);
}

void iis_rules(struct iis_site *s, const struct node *rules)
{
	NODE_EACH_CHILD(n, rules)
		if (node_is(n, "rule") && iis_flag(n, "enabled", true))
			one_rule(s, n);
}

/* --- httpRedirect ------------------------------------------------------------------------------------------------------- */

/* $V, $S: the path; $Q, $P: the query with and without its question mark; $0 to $9: what the wildcard's asterisks stand for. */
static struct wsr_str destination(struct iis_site *s, struct wsr_str text, bool *parts_of_url)
{
	static const struct { char letter; const char *text; } names[] = {
		{ 'V', "{URL}" }, { 'S', "{URL}" }, { 'Q', "?{QUERY_STRING}" }, { 'P', "{QUERY_STRING}" },
	};
	char *out = arena_alloc(&s->l->cc->arena, text.len * 8 + 1);
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i] == '$' && i + 1 < text.len ? text.ptr[i + 1] : 0;
		const char *put = NULL;
		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
			put = c == names[k].letter ? names[k].text : put;
		if (c >= '0' && c <= '8')
			put = arena_printf(&s->l->cc->arena, "{R:%c}", c + 1);
		if (!put) {
			out[n++] = text.ptr[i];
			continue;
		}
		memcpy(out + n, put, strlen(put));
		n += strlen(put);
		*parts_of_url = true;
		i++;
	}
	return wsr_str(out, n);
}

/* One redirect: requests that fit the expression go to `to`, with the path that the expression's group holds, and the query, when `append`. */
static void redirect_rule(struct iis_site *s, const struct node *n, struct wsr_str expression, struct wsr_str to, bool append, unsigned status)
{
	bool parts_of_url = false;
	struct wsr_rewrite_rule r = {
		.condition = WSR_NONE, .type = WSR_NONE, .handler = WSR_NONE, .status = (uint16_t)status, .flags = WSR_RULE_IIS | WSR_RULE_REDIRECT | WSR_RULE_LAST,
		.regex = lower_regex(s->l, n, iis_word(n, "destination"), expression, true),
	};
	to = destination(s, to, &parts_of_url);
	if (append && !parts_of_url) {
		bool slash = to.len && to.ptr[to.len - 1] == '/';
		to = wsr_cstr(arena_printf(&s->l->cc->arena, "%.*s%s{R:1}", WSR_FMT(to), slash ? "" : "/"));
		r.flags |= WSR_RULE_QSA;
	} else {
		r.flags |= WSR_RULE_QSD;
	}
	if (has_scheme(to))
		r.flags |= WSR_RULE_ABSOLUTE;
	r.target = iis_text(s, n, iis_word(n, "destination"), to);
	if (r.regex != WSR_NONE)
		apache_push(s->l, &s->section->rewrites, &r, n);
}

void iis_redirect(struct iis_site *s, const struct node *n)
{
	static const struct { const char *name; uint16_t status; } statuses[] = {
		{ "Permanent", 301 }, { "Found", 302 }, { "Temporary", 307 }, { "PermRedirect", 308 },
	};
	struct wsr_str to = iis_attribute(n, "destination", ""), status = iis_attribute(n, "httpResponseStatus", "Found");
	bool exact = iis_flag(n, "exactDestination", false), child = iis_flag(n, "childOnly", false);
	unsigned code = 302;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (wsr_str_eq_nocase(status, wsr_cstr(statuses[i].name)))
			code = statuses[i].status;
	NODE_EACH_CHILD(e, n) {
		struct wsr_str wildcard = iis_attribute(e, "wildcard", "");
		if (!node_is(e, "add"))
			continue;
		if (wildcard.len && wildcard.ptr[0] == '/')
			wildcard = wsr_str(wildcard.ptr + 1, wildcard.len - 1);
		redirect_rule(s, e, as_expression(s->l, wildcard, SYNTAX_WILDCARD), iis_attribute(e, "destination", ""), false, code);
	}
	if (to.len)
		redirect_rule(s, n, child ? WSR_STR("^([^/]*)$") : WSR_STR("^(.*)$"), to, !exact, code);
	else if (!n->first_child)
		diag_at(s->l->cc, CHECK_ARGUMENT, n->words[0].span, "<httpRedirect> has no destination");
}

/* --- outbound rules ------------------------------------------------------------------------------------------------------ */

/* A rule's preCondition; NULL, and reported, when there is none of that name. */
static const struct node *precondition(struct iis_site *s, const struct node *rules, const struct node *rule)
{
	struct wsr_str name = iis_attribute(rule, "preCondition", "");
	const struct node *list = iis_child(rules, "preConditions");
	if (list)
		NODE_EACH_CHILD(n, list)
			if (node_is(n, "preCondition") && wsr_str_eq_nocase(iis_attribute(n, "name", ""), name))
				return n;
	diag_at(s->l->cc, CHECK_ARGUMENT, iis_word(rule, "preCondition")->span, "there is no <preCondition> with the name '%s'", diag_quote(s->l->cc, name.ptr, name.len));
	return NULL;
}

/* What must hold beside the pattern; with `empty`, that an absent field fits it: its value is the empty text. */
static uint32_t outbound_condition(struct iis_site *s, const struct node *rule, const struct node *pre, uint32_t empty_regex, bool negated)
{
	struct cond_builder b;
	const struct node *list = iis_child(rule, "conditions");
	cond_init(&b);
	uint32_t group = cond_open(s->l, &b, WSR_COND_AND, 0, rule->span);
	if (pre)
		condition_group(s, &b, pre, syntax_of(pre));
	if (list)
		condition_group(s, &b, list, syntax_of(rule));
	if (empty_regex != WSR_NONE)
		cond_leaf(s->l, &b, (struct wsr_cond){ .op = WSR_COND_MATCH, .flags = negated ? WSR_COND_NOT : 0, .a = plan_tmpl_const(s->l->plan, WSR_STR("")), .b = empty_regex },
			  rule->span);
	bool none = b.nodes.count == group + 1;
	cond_close(&b, group);
	uint32_t cond = none ? WSR_NONE : cond_done(s->l, &b);
	cond_free(&b);
	return cond;
}

/* The pattern as one for the whole value, which the action's value takes the place of; its groups keep their numbers. */
static uint32_t whole_pattern(struct iis_site *s, const struct node *match, enum syntax syntax)
{
	struct wsr_str text = as_expression(s->l, iis_attribute(match, "pattern", syntax == SYNTAX_WILDCARD ? "*" : ".*"), syntax);
	bool negated = iis_flag(match, "negate", false);
	const char *whole = arena_printf(&s->l->cc->arena, negated ? "\\A(?!(?s:.*?)(?:%.*s))(?s:.*)\\z" : "\\A(?s:.*?)(?:%.*s)(?s:.*)\\z", WSR_FMT(text));
	return lower_regex(s->l, match, iis_word(match, "pattern"), wsr_cstr(whole), iis_flag(match, "ignoreCase", true));
}

/* A field that is there is changed; one that is not is set when the pattern takes the empty text. */
static void outbound(struct iis_site *s, const struct node *rules, const struct node *n)
{
	const struct node *match = iis_child(n, "match"), *a = iis_child(n, "action"), *pre = NULL;
	struct wsr_str variable = match ? iis_attribute(match, "serverVariable", "") : WSR_STR("");
	if (!prefixed(variable, "RESPONSE_")) {
		diag_at(s->l->cc, CHECK_UNSUPPORTED_DIRECTIVE, match ? match->words[0].span : n->words[0].span,
			"an outbound rule for the body is not compiled, one for a field is: serverVariable=\"RESPONSE_Location\"");
		return;
	}
	if (!a || wsr_str_eq_nocase(iis_attribute(a, "type", "None"), WSR_STR("None")))
		return;
	if (!wsr_str_eq_nocase(iis_attribute(a, "type", "None"), WSR_STR("Rewrite"))) {
		diag_at(s->l->cc, CHECK_ARGUMENT, iis_word(a, "type")->span, "the action of an outbound rule is Rewrite or None");
		return;
	}
	if (iis_attribute(n, "preCondition", "").len && !(pre = precondition(s, rules, n)))
		return;
	uint32_t regex = whole_pattern(s, match, syntax_of(n)), plain = pattern(s, match, "pattern", syntax_of(n));
	if (regex == WSR_NONE || plain == WSR_NONE)
		return;
	struct wsr_header_op op = {
		.action = WSR_HEADER_EDIT, .name = field_name(s, variable, 9), .regex = regex,
		.value = iis_text(s, a, iis_word(a, "value"), iis_attribute(a, "value", "")), .condition = outbound_condition(s, n, pre, WSR_NONE, false),
	};
	apache_push(s->l, &s->section->response_headers, &op, n);
	op.action = WSR_HEADER_SET_IF_EMPTY;
	op.regex = WSR_NONE;
	op.condition = outbound_condition(s, n, pre, plain, iis_flag(match, "negate", false));
	apache_push(s->l, &s->section->response_headers, &op, n);
}

void iis_outbound_rules(struct iis_site *s, const struct node *rules)
{
	NODE_EACH_CHILD(n, rules)
		if (node_is(n, "rule") && iis_flag(n, "enabled", true))
			outbound(s, rules, n);
}
