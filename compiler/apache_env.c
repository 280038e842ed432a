/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SetEnv, UnsetEnv, PassEnv, SetEnvIf and its kin, BrowserMatch -> operations on environment variables. In: checked statements. Out: env_op records of the
 * section, each with its condition. A virtual host has the main server's operations before its own (mod_setenvif.c: merge_setenvif_config).
 */
#include "compiler/apache_cond.h"
#include "compiler/apache_rewrite.h"
#include "compiler/apache_text.h"

/* Variables that steer httpd itself. */
static const struct { const char *name, *what; } special[] = {
	{ "nokeepalive", "connections are kept alive as KeepAlive says" }, { "force-response-1.0", "answers are HTTP/1.1" },
	{ "downgrade-1.0", "requests are taken as the client sent them" }, { "ssl-unclean-shutdown", "TLS connections are closed with close_notify" },
	{ "no-gzip", "nothing is compressed" }, { "gzip-only-text/html", "nothing is compressed" }, { "force-no-vary", "Vary is not touched" },
	{ "redirect-carefully", "folders are redirected for every client" }, { "proxy-nokeepalive", "connections to backends are kept" },
	{ "proxy-sendchunked", "bodies are sent with the framing they came with" }, { "proxy-sendcl", "bodies are sent with the framing they came with" },
	{ "proxy-initial-not-pooled", "a kept connection that fails is replaced by a new one" }, { "force-proxy-request-1.0", "requests to backends are HTTP/1.1" },
};

static void say_special(struct lower *l, const struct word *w, struct wsr_str name)
{
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		if (wsr_str_eq_nocase(name, wsr_cstr(special[i].name)))
			diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "'%s' is an ordinary variable here: %s", special[i].name, special[i].what);
}

static void push_op(struct lower *l, struct level *lv, const struct node *n, struct wsr_env_op op)
{
	apache_push(l, &lv->section->env, &op, n);
}

/* --- SetEnv, UnsetEnv, PassEnv -------------------------------------------------------------------------------------------- */

void lower_apache_set_env(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_str value = node_arg_count(n) > 1 ? arg_str(n, 1) : WSR_STR("");
	(void)arg;
	say_special(l, node_arg(n, 0), arg_str(n, 0));
	push_op(l, lv, n, (struct wsr_env_op){ .slot = apache_env_slot(l, arg_str(n, 0)), .value = plan_tmpl_const(l->plan, value), .condition = WSR_NONE, .flags = WSR_ENV_LATE });
}

void lower_apache_unset_env(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++)
		push_op(l, lv, n, (struct wsr_env_op){ .slot = apache_env_slot(l, arg_str(n, i)), .value = plan_tmpl(l->plan, NULL, 0), .condition = WSR_NONE,
						       .flags = WSR_ENV_LATE | WSR_ENV_UNSET });
}

void lower_apache_pass_env(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, n->span, "variables of the daemon's own environment are not passed on: write SetEnv with the value");
}

/* --- SetEnvIf ------------------------------------------------------------------------------------------------------------- */

static uint32_t variable_text(struct lower *l, enum wsr_var_id id)
{
	struct wsr_part part = { .kind = WSR_PART_VARIABLE, .id = (uint16_t)id };
	return plan_tmpl(l->plan, &part, 1);
}

/* The field of this name, or when the request has none the variable. */
static uint32_t field_or_variable(struct lower *l, const struct node *n, struct wsr_str name)
{
	struct wsr_part field = { .kind = WSR_PART_VARIABLE, .id = WSR_V_HTTPD_FIELD_, .arg = plan_str_lower(l->plan, name) };
	struct wsr_part variable = { .kind = WSR_PART_USER, .arg = apache_env_slot(l, name) };
	uint32_t argument = plan_tmpl(l->plan, &field, 1), fallback = plan_tmpl(l->plan, &variable, 1);
	struct text t;
	text_init(&t, l, n, node_arg(n, 0));
	text_call(&t, WSR_FUNCTION_DEFAULT, argument, WSR_NONE, fallback);
	return text_done(&t);
}

static bool is_field_name(struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] | 0x20) >= 'a' && (s.ptr[i] | 0x20) <= 'z') && !(s.ptr[i] >= '0' && s.ptr[i] <= '9') && s.ptr[i] != '-' && s.ptr[i] != '_')
			return false;
	return s.len > 0;
}

static uint32_t attribute(struct lower *l, const struct node *n)
{
	static const struct { const char *name; enum wsr_var_id id; } attributes[] = {
		{ "Remote_Host", WSR_V_REMOTE_ADDR }, { "Remote_Addr", WSR_V_REMOTE_ADDR }, { "Server_Addr", WSR_V_SERVER_ADDR },
		{ "Request_Method", WSR_V_REQUEST_METHOD }, { "Request_Protocol", WSR_V_SERVER_PROTOCOL }, { "Request_URI", WSR_V_URI },
	};
	struct wsr_str name = arg_str(n, 0);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (wsr_str_eq_nocase(name, wsr_cstr(attributes[i].name)))
			return variable_text(l, attributes[i].id);
	bool whole = name.len > 2 && name.ptr[0] == '^' && name.ptr[name.len - 1] == '$' && is_field_name(wsr_str(name.ptr + 1, name.len - 2));
	if (whole) /* an expression that takes one name */
		name = wsr_str(name.ptr + 1, name.len - 2);
	if (is_field_name(name))
		return field_or_variable(l, n, name);
	struct diag *d = diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "'%s' is neither the name of a field nor an attribute", diag_quote(l->cc, name.ptr, name.len));
	diag_note(l->cc, d, SPAN_NONE, "Remote_Addr, Server_Addr, Request_Method, Request_Protocol, Request_URI, or one field; expressions for field names and OID() are not evaluated");
	return plan_tmpl(l->plan, NULL, 0);
}

static uint32_t match_condition(struct lower *l, const struct node *n, uint32_t subject, unsigned pattern, bool caseless)
{
	struct wsr_cond c = { .op = WSR_COND_MATCH, .a = subject, .b = lower_regex(l, n, node_arg(n, pattern), arg_str(n, pattern), caseless) };
	struct cond_builder b;
	cond_init(&b);
	cond_leaf(l, &b, c, n->span);
	uint32_t result = cond_done(l, &b);
	cond_free(&b);
	return result;
}

/* The last assignments: NAME, NAME=value, !NAME. */
static void assignments(struct lower *l, struct level *lv, const struct node *n, unsigned first, uint32_t condition)
{
	for (unsigned i = first; i < node_arg_count(n); i++) {
		struct wsr_str s = arg_str(n, i);
		bool unset = s.len && s.ptr[0] == '!';
		if (unset)
			s = wsr_str(s.ptr + 1, s.len - 1);
		const char *equals = s.len ? memchr(s.ptr, '=', s.len) : NULL;
		struct wsr_str name = equals ? wsr_str(s.ptr, (size_t)(equals - s.ptr)) : s;
		struct wsr_str value = equals ? wsr_str(equals + 1, s.len - name.len - 1) : WSR_STR("1");
		if (name.len == 0) {
			diag_at(l->cc, CHECK_VALUE, node_arg(n, i)->span, "no name of a variable");
			continue;
		}
		say_special(l, node_arg(n, i), name);
		push_op(l, lv, n, (struct wsr_env_op){ .slot = apache_env_slot(l, name), .condition = condition, .flags = unset ? WSR_ENV_UNSET : 0,
						       .value = apache_regsub_text(l, n, node_arg(n, i), value, WSR_PART_CONDITION_CAPTURE) });
	}
}

/* arg: 1 = without regard to case */
void lower_apache_set_env_if(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	assignments(l, lv, n, 2, match_condition(l, n, attribute(l, n), 1, arg));
}

void lower_apache_browser_match(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint32_t subject = field_or_variable(l, n, WSR_STR("User-Agent"));
	assignments(l, lv, n, 1, match_condition(l, n, subject, 0, arg));
}

void lower_apache_set_env_if_expr(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint32_t condition = apache_condition(l, n, node_arg(n, 0), arg_str(n, 0));
	(void)arg;
	if (condition != WSR_NONE)
		assignments(l, lv, n, 1, condition);
}

/* --- the section is complete ---------------------------------------------------------------------------------------------- */

static bool is_env_statement(const struct node *n)
{
	return lowered_by(n, lower_apache_set_env) || lowered_by(n, lower_apache_unset_env) || lowered_by(n, lower_apache_set_env_if) ||
	       lowered_by(n, lower_apache_browser_match) || lowered_by(n, lower_apache_set_env_if_expr);
}

void apache_env_done(struct lower *l, struct level *lv, struct apache_section *s)
{
	if (s->layer.kind != WSR_LAYER_HOST || !s->host->main)
		return;
	struct apache_run own = s->env;
	pool_init(&s->env.records, sizeof(struct wsr_env_op));
	pool_init(&s->env.places, sizeof(struct plan_place));
	NODE_EACH_CHILD(c, s->host->main->node)
		if (is_env_statement(c))
			lowering_of(c->def)->fn(l, lv, c, lowering_of(c->def)->arg);
	apache_append(&s->env, &own);
	pool_free(&own.records);
	pool_free(&own.places);
}
