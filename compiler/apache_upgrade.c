/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recipe "RewriteCond %{HTTP:Upgrade} websocket, RewriteRule ... ws://... [P]". In: a rule with P and the conditions before it. Out: a warning that names the
 * handshakes which the conditions as written do not find. The rule itself is compiled as written: a ws:// target opens tunnels for what reaches it.
 *
 * The values tried are those that clients send: browsers write "websocket", some libraries "WebSocket"; Firefox sends "keep-alive, Upgrade".
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "compiler/apache_rewrite.h"

static const char *const upgrade_values[] = { "websocket", "WebSocket", NULL };
static const char *const connection_values[] = { "Upgrade", "upgrade", "keep-alive, Upgrade", NULL };

/* Does the condition's pattern find this value? An unreadable one was reported where it stands. */
static bool finds(struct wsr_str pattern, bool nocase, const char *value)
{
	if (pattern.len && pattern.ptr[0] == '=') {
		struct wsr_str text = wsr_str(pattern.ptr + 1, pattern.len - 1);
		return nocase ? wsr_str_eq_nocase(text, wsr_cstr(value)) : wsr_str_eq(text, wsr_cstr(value));
	}
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, nocase ? PCRE2_CASELESS : 0, &error, &offset, NULL);
	pcre2_match_data *data = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
	bool found = !data || pcre2_match(code, (PCRE2_SPTR)value, strlen(value), 0, 0, data, NULL) >= 0;
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return found;
}

static bool has_nocase(const struct node *n)
{
	if (node_arg_count(n) < 3)
		return false;
	struct wsr_str s = arg_str(n, 2);
	for (size_t i = 0; i + 1 < s.len; i++)
		if ((s.ptr[i] | 0x20) == 'n' && ((s.ptr[i + 1] | 0x20) == 'c' || (s.ptr[i + 1] | 0x20) == 'o'))
			if (i > 0 && (s.ptr[i - 1] == '[' || s.ptr[i - 1] == ',' || s.ptr[i - 1] == ' ') && !(i + 2 < s.len && (s.ptr[i + 2] | 0x20) == 'v'))
				return true;
	return false;
}

static void check_condition(struct lower *l, const struct node *n)
{
	struct wsr_str test = arg_str(n, 0), pattern = arg_str(n, 1);
	bool upgrade = wsr_str_eq_nocase(test, WSR_STR("%{HTTP:Upgrade}")), connection = wsr_str_eq_nocase(test, WSR_STR("%{HTTP:Connection}"));
	if ((!upgrade && !connection) || pattern.len == 0 || pattern.ptr[0] == '!')
		return;
	bool nocase = has_nocase(n);
	const char *missed = NULL;
	for (const char *const *v = upgrade ? upgrade_values : connection_values; *v; v++)
		if (!finds(pattern, nocase, *v))
			missed = missed ? arena_printf(&l->cc->arena, "%s, '%s: %s'", missed, upgrade ? "Upgrade" : "Connection", *v) :
				arena_printf(&l->cc->arena, "'%s: %s'", upgrade ? "Upgrade" : "Connection", *v);
	if (!missed)
		return;
	struct diag *d = diag_at(l->cc, CHECK_REWRITE_MISLED, node_arg(n, 1)->span, "this condition misses handshakes with %s", missed);
	diag_note(l->cc, d, SPAN_NONE, upgrade ? "write 'websocket [NC]'" : "write 'upgrade [NC]', without anchors, or leave the condition out: Upgrade alone says it");
}

void apache_rewrite_check_upgrade(struct lower *l, const struct node *rule, uint32_t flags)
{
	const struct node *first = NULL;
	if (!(flags & WSR_RULE_PROXY) || !rule->parent)
		return;
	NODE_EACH_CHILD(c, rule->parent) {
		if (c == rule)
			break;
		if (lowered_by(c, lower_apache_rewrite_rule))
			first = NULL;
		else if (lowered_by(c, lower_apache_rewrite_cond) && !first)
			first = c;
	}
	for (const struct node *c = first; c && c != rule; c = c->next)
		if (lowered_by(c, lower_apache_rewrite_cond))
			check_condition(l, c);
}
