/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Environment variables of a request: SetEnv, UnsetEnv, SetEnvIf, BrowserMatch, and [E=] of rules. In: a list of env_op records. Out: the values of user
 * variables, which every later condition, template and log line sees. $1 of a value is a group of the operation's own condition.
 */
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

void wsr_httpd_env(struct wsr_eval *e, struct wsr_list ops, bool late)
{
	for (uint32_t i = 0; i < ops.count && e->values; i++) {
		const struct wsr_env_op *op = wsr_env_op_at(e->table, ops.first + i);
		if (late != !!(op->flags & WSR_ENV_LATE))
			continue;
		if (op->condition != WSR_NONE && wsr_cond_eval(e, op->condition) != WSR_TRUE)
			continue;
		struct wsr_str value = op->flags & WSR_ENV_UNSET ? WSR_STR_NULL : wsr_eval_tmpl(e, op->value);
		e->values[op->slot] = value;
		wsr_trace(e, op->pos, value.ptr ? "environment variable set" : "environment variable unset", wsr_string(e->table, wsr_variable_at(e->table, op->slot)->name));
	}
}

/* Names of environment variables in tables: "env:" before the name. */
static bool env_name(const struct wsr_eval *e, uint32_t slot, struct wsr_str *out)
{
	*out = wsr_string(e->table, wsr_variable_at(e->table, slot)->name);
	if (!wsr_starts_with(*out, WSR_STR("env:")))
		return false;
	*out = wsr_from(*out, 4);
	return true;
}

static struct wsr_str value_of(const struct wsr_eval *e, struct wsr_str wanted, const struct wsr_str *values)
{
	struct wsr_str name;
	for (uint32_t i = 0; i < wsr_variable_count(e->table); i++)
		if (env_name(e, i, &name) && wsr_str_eq(name, wanted))
			return values[i];
	return WSR_STR_NULL;
}

void wsr_httpd_env_again(struct wsr_eval *e)
{
	uint32_t count = wsr_variable_count(e->table);
	struct wsr_str name, *old = e->values && count ? wsr_arena_alloc(e->arena, count * sizeof(*old)) : NULL;
	if (!old)
		return;
	memcpy(old, e->values, count * sizeof(*old));
	memset(e->values, 0, count * sizeof(*old));
	for (uint32_t i = 0; i < count; i++)
		if (env_name(e, i, &name) && wsr_starts_with(name, WSR_STR("REDIRECT_")))
			e->values[i] = value_of(e, wsr_from(name, 9), old);
}
