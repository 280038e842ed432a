/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logs: log_format, access_log and error_log. A format is one template with an escape mode; the format "combined" exists without being
 * defined, as in nginx.
 */
#include "compiler/fix.h"
#include "compiler/lower_httpd.h"
#include "compiler/value.h"

#define COMBINED "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\""

static uint32_t format_add(struct lower *l, struct wsr_str name, uint32_t line, uint32_t escape)
{
	struct wsr_log_format f = { .name = plan_str(l->plan, name), .line = line, .escape = escape };
	return index_at(&l->log_formats, f.name)->first = pool_push(&l->plan->log_format, &f);
}

void lower_log_format(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	struct wsr_str name = arg_str(n, 0), mode;
	unsigned first = 1;
	uint32_t escape = WSR_ESCAPE_DEFAULT;
	if (wsr_str_eq(name, WSR_STR("combined")) || index_find(&l->log_formats, plan_str(l->plan, name))) {
		diag_at(l->cc, CHECK_DUPLICATE_DIRECTIVE, node_arg(n, 0)->span, "a second log_format with the name '%s'", diag_quote(l->cc, name.ptr, name.len));
		return;
	}
	if (value_keyed(arg_str(n, 1), "escape", &mode)) {
		escape = wsr_str_eq(mode, WSR_STR("json")) ? WSR_ESCAPE_JSON : wsr_str_eq(mode, WSR_STR("none")) ? WSR_ESCAPE_NONE :
			 wsr_str_eq(mode, WSR_STR("httpd")) ? WSR_ESCAPE_HTTPD : WSR_ESCAPE_DEFAULT;
		if (escape == WSR_ESCAPE_DEFAULT && !wsr_str_eq(mode, WSR_STR("default")))
			diag_at(l->cc, CHECK_VALUE, node_arg(n, 1)->span, "unknown escaping '%.*s': default, json or none", WSR_FMT(mode));
		first = 2;
	}
	/* Several texts are one after the other. */
	struct wsr_str text = first < node_arg_count(n) ? arg_str(n, first) : wsr_str("", 0);
	for (unsigned i = first + 1; i < node_arg_count(n); i++) {
		const char *joined = arena_printf(&l->cc->arena, "%.*s%.*s", WSR_FMT(text), WSR_FMT(arg_str(n, i)));
		text = wsr_str(joined, text.len + node_arg(n, i)->len);
	}
	format_add(l, name, lower_template(l, n, node_arg(n, first - 1), text, TMPL_NO_CAPTURES), escape);
}

static uint32_t find_format(struct lower *l, const struct node *n)
{
	struct wsr_str name = node_arg_count(n) > 1 ? arg_str(n, 1) : WSR_STR("combined");
	if (name.len > 3 && memchr(name.ptr, '=', name.len))
		name = WSR_STR("combined");
	const struct pool_entry *e = index_find(&l->log_formats, plan_str(l->plan, name));
	if (e)
		return e->first;
	if (wsr_str_eq(name, WSR_STR("combined")))
		return format_add(l, name, lower_template(l, n, node_name(n), WSR_STR(COMBINED), TMPL_NO_CAPTURES), WSR_ESCAPE_DEFAULT);
	diag_at(l->cc, CHECK_UNKNOWN_LOG_FORMAT, node_arg(n, 1)->span, "unknown log format '%s'", diag_quote(l->cc, name.ptr, name.len));
	return 0;
}

static struct wsr_log_ref log_ref(struct lower *l, const struct node *n)
{
	struct wsr_log_ref ref = { .path = lower_tmpl_arg(l, n, 0), .format = find_format(l, n), .condition = WSR_NONE, .when = WSR_NONE };
	for (unsigned i = 1; i < node_arg_count(n); i++) {
		struct wsr_str condition;
		if (value_keyed(arg_str(n, i), "if", &condition))
			ref.condition = lower_template(l, n, node_arg(n, i), condition, 0);
		if (value_keyed(arg_str(n, i), "when", &condition) && (ref.when = httpd_condition_find(l, condition)) == WSR_NONE)
			diag_at(l->cc, CHECK_ARGUMENT, node_arg(n, i)->span, "no 'condition' in http has the name '%s'", diag_quote(l->cc, condition.ptr, condition.len));
	}
	return ref;
}

/* access_log off | path [format [key=value ...]]; the lines of a block are all written, "off" cancels them (nginx: ngx_http_log_set_log). */
void lower_access_log(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	struct wsr_log_ref refs[16];
	struct plan_place places[16];
	uint32_t count = 0;
	if (level_has(lv, SET_access_log))
		return;
	for (const struct node *m = n; m; m = m->next) {
		if (m->def != n->def || m->bad)
			continue;
		if (word_is(node_arg(m, 0), "off") && node_arg_count(m) == 1) {
			count = 0;
			break;
		}
		if (count == 16) {
			diag_at(l->cc, CHECK_VALUE, m->span, "more than 16 access logs in one block");
			break;
		}
		places[count] = lower_place(l, m->span);
		refs[count++] = log_ref(l, m);
	}
	lv->s.log.access_log = plan_run_at(l->plan, &l->plan->log_ref, refs, count, offsetof(struct wsr_log_ref, pos), places);
	level_mark(lv, SET_access_log);
}

static const char *const levels[] = { "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug" };

/* Level of an error_log statement; `error` without one. */
static uint32_t log_level(struct lower *l, const struct node *n)
{
	if (node_arg_count(n) < 2)
		return WSR_LOG_ERROR;
	for (uint32_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (word_is(node_arg(n, 1), levels[i]))
			return WSR_LOG_EMERG + i;
	if (!word_is(node_arg(n, 1), "debug_core") && !word_is(node_arg(n, 1), "debug_http"))
		diag_at(l->cc, CHECK_VALUE, node_arg(n, 1)->span, "unknown log level '%s'", diag_quote(l->cc, node_arg(n, 1)->text, node_arg(n, 1)->len));
	return WSR_LOG_DEBUG;
}

static uint32_t error_log_index(struct lower *l, const struct node *n)
{
	struct wsr_error_log log = { .path = plan_str(l->plan, arg_str(n, 0)), .level = log_level(l, n) };
	return pool_intern(&l->plan->error_log, &log);
}

void lower_error_log(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (level_has(lv, SET_error_log))
		diag_at(l->cc, CHECK_ERROR_LOG_REPEATED, n->span, "a second error_log in one block: only this one is written");
	if (wsr_str_eq(arg_str(n, 0), WSR_STR("off")))
		fix_edit(l->cc, diag_at(l->cc, CHECK_LOG_OFF_MISSPELT, node_arg(n, 0)->span, "this writes errors to a file named 'off': error_log has no such value"),
			 node_arg(n, 0)->span, node_arg_count(n) > 1 ? "/dev/null" : "/dev/null crit");
	lv->s.log.error_log = error_log_index(l, n);
	level_mark(lv, SET_error_log);
}
