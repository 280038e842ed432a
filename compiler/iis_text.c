/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts of IIS URL Rewrite: literals, captures {R:1} and {C:1}, variables {HTTP_HOST}, functions {ToLower:...} and maps {Map:...}. In: an attribute of a
 * web.config. Out: a template. A reference that is none of these is an error.
 */
#include "compiler/apache.h"
#include "compiler/iis.h"
#include "eval/wsr_eval.h"

static void push(struct iis_site *s, struct wsr_part part)
{
	pool_push(&s->l->parts, &part);
}

static void push_literal(struct iis_site *s, struct wsr_str text)
{
	if (text.len)
		push(s, (struct wsr_part){ .kind = WSR_PART_LITERAL, .arg = plan_str(s->l->plan, text) });
}

static bool capture(struct wsr_str name, struct wsr_part *part)
{
	if (name.len != 3 || name.ptr[1] != ':' || name.ptr[2] < '0' || name.ptr[2] > '9')
		return false;
	char c = (char)wsr_lower((unsigned char)name.ptr[0]);
	*part = (struct wsr_part){ .kind = c == 'r' ? WSR_PART_CAPTURE : WSR_PART_CONDITION_CAPTURE, .id = (uint16_t)(name.ptr[2] - '0') };
	return c == 'r' || c == 'c';
}

/* IIS's names of variables that differ from httpd's, or that httpd does not have. */
static const struct { const char *name; const char *httpd; } variables[] = {
	{ "URL", "REQUEST_PATH" }, { "HTTP_URL", "REQUEST_URI" }, { "UNENCODED_URL", "REQUEST_URI" }, { "PATH_INFO", "REQUEST_PATH" },
	{ "LOCAL_ADDR", "SERVER_ADDR" }, { "SERVER_PORT_SECURE", "HTTPS" }, { "REMOTE_HOST", "REMOTE_ADDR" }, { "APPL_PHYSICAL_PATH", "DOCUMENT_ROOT" },
};

static bool builtin(struct wsr_part *part, enum wsr_var_id id)
{
	*part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = (uint16_t)id };
	return true;
}

/* HTTP_X_NAME: the field X-Name. */
static bool request_field(struct iis_site *s, struct wsr_str name, struct wsr_part *part)
{
	char lower[128];
	if (name.len <= 5 || name.len >= sizeof(lower) || !wsr_str_eq_nocase(wsr_str(name.ptr, 5), WSR_STR("HTTP_")))
		return false;
	for (size_t i = 5; i < name.len; i++)
		lower[i - 5] = (char)wsr_lower((unsigned char)name.ptr[i]);
	*part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = WSR_V_HTTP_, .arg = plan_str(s->l->plan, wsr_str(lower, name.len - 5)) };
	return true;
}

/* RESPONSE_X_NAME: the field X-Name of the answer; RESPONSE_STATUS. */
static bool response_field(struct iis_site *s, struct wsr_str name, struct wsr_part *part)
{
	if (name.len <= 9 || !wsr_str_eq_nocase(wsr_str(name.ptr, 9), WSR_STR("RESPONSE_")))
		return false;
	if (wsr_str_eq_nocase(name, WSR_STR("RESPONSE_STATUS")))
		return builtin(part, WSR_V_STATUS);
	*part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = WSR_V_SENT_HTTP_, .arg = plan_str_lower(s->l->plan, wsr_str(name.ptr + 9, name.len - 9)) };
	return true;
}

static bool variable(struct iis_site *s, struct wsr_str name, struct wsr_part *part)
{
	if (wsr_str_eq_nocase(name, WSR_STR("URL")) || wsr_str_eq_nocase(name, WSR_STR("PATH_INFO")))
		return builtin(part, WSR_V_URI);
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		if (wsr_str_eq_nocase(name, wsr_cstr(variables[i].name)))
			return apache_server_variable(s->l, wsr_cstr(variables[i].httpd), part);
	return request_field(s, name, part) || response_field(s, name, part) || apache_server_variable(s->l, name, part);
}

/* {CACHE_URL}: the whole URL. */
static void push_full_url(struct iis_site *s)
{
	struct wsr_part part;
	builtin(&part, WSR_V_SCHEME);
	push(s, part);
	push_literal(s, WSR_STR("://"));
	builtin(&part, WSR_V_HTTP_HOST_FIELD);
	push(s, part);
	builtin(&part, WSR_V_REQUEST_URI);
	push(s, part);
}

static const struct { const char *name; enum wsr_function function; } functions[] = {
	{ "ToLower", WSR_FUNCTION_LOWER }, { "UrlEncode", WSR_FUNCTION_ESCAPE }, { "UrlDecode", WSR_FUNCTION_UNESCAPE },
};

static const struct node *find_map(const struct iis_site *s, struct wsr_str name)
{
	if (s->maps)
		NODE_EACH_CHILD(m, s->maps)
			if (node_is(m, "rewriteMap") && wsr_str_eq_nocase(iis_attribute(m, "name", ""), name))
				return m;
	return NULL;
}

/* Index of the map record of a rewriteMap; equal ones are stored once. */
static uint32_t map_record(struct iis_site *s, const struct node *m)
{
	struct plan *p = s->l->plan;
	struct plan_table table;
	uint32_t count = 0;
	NODE_EACH_CHILD(e, m)
		count += node_is(e, "add");
	plan_table_init(&table, count);
	NODE_EACH_CHILD(e, m)
		if (node_is(e, "add"))
			plan_table_add(&table, p, plan_str_lower(p, iis_attribute(e, "key", "")), plan_tmpl_const(p, iis_attribute(e, "value", "")));
	struct wsr_map record = {
		.source = plan_tmpl_const(p, wsr_str("", 0)), .default_value = plan_tmpl_const(p, iis_attribute(m, "defaultValue", "")),
	};
	record.slots = plan_table_done(&table, &p->map_slot);
	return plan_record_at(p, &p->map, &record, offsetof(struct wsr_map, pos), lower_place(s->l, m->span));
}

static void read_text(struct iis_site *s, const struct node *n, const struct word *w, struct wsr_str text, unsigned depth);

/* {ToLower:...} and {Map:...}: the argument is a text of its own. @return false when the name is neither. */
static bool call(struct iis_site *s, const struct node *n, const struct word *w, struct wsr_str name, struct wsr_str argument, unsigned depth)
{
	struct wsr_call record = { .map = WSR_NONE, .fallback = WSR_NONE };
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (wsr_str_eq_nocase(name, wsr_cstr(functions[i].name)))
			record.function = functions[i].function;
	const struct node *m = record.function ? NULL : find_map(s, name);
	if (m) {
		record.function = WSR_FUNCTION_MAP;
		record.map = map_record(s, m);
		record.fallback = plan_tmpl_const(s->l->plan, iis_attribute(m, "defaultValue", ""));
	}
	if (!record.function)
		return false;
	struct pool outer = s->l->parts;
	pool_init(&s->l->parts, sizeof(struct wsr_part));
	read_text(s, n, w, argument, depth + 1);
	if (m) { /* keys are compared without regard to case */
		uint32_t plain = plan_tmpl(s->l->plan, (const struct wsr_part *)(void *)s->l->parts.data, s->l->parts.count);
		struct wsr_call lower = { .function = WSR_FUNCTION_LOWER, .argument = plain, .map = WSR_NONE, .fallback = WSR_NONE };
		s->l->parts.count = 0;
		push(s, (struct wsr_part){ .kind = WSR_PART_CALL, .arg = pool_intern(&s->l->plan->call, &lower) });
	}
	record.argument = plan_tmpl(s->l->plan, (const struct wsr_part *)(void *)s->l->parts.data, s->l->parts.count);
	pool_free(&s->l->parts);
	s->l->parts = outer;
	push(s, (struct wsr_part){ .kind = WSR_PART_CALL, .arg = pool_intern(&s->l->plan->call, &record) });
	return true;
}

/* What stands between two braces. */
static void reference(struct iis_site *s, const struct node *n, const struct word *w, struct wsr_str name, unsigned depth)
{
	struct wsr_part part;
	const char *colon = name.len ? memchr(name.ptr, ':', name.len) : NULL;
	if (capture(name, &part)) {
		push(s, part);
		return;
	}
	if (colon && depth < 4 && call(s, n, w, wsr_str(name.ptr, (size_t)(colon - name.ptr)), wsr_str(colon + 1, name.len - (size_t)(colon - name.ptr) - 1), depth))
		return;
	if (wsr_str_eq_nocase(name, WSR_STR("CACHE_URL"))) {
		push_full_url(s);
		return;
	}
	if (!colon && variable(s, name, &part)) {
		push(s, part);
		return;
	}
	diag_at(s->l->cc, CHECK_UNKNOWN_VARIABLE, w->span, "'{%s}' is no variable, capture, function or map that is known here", diag_quote(s->l->cc, name.ptr, name.len));
}

/* The brace that closes the one at `at`; text.len when there is none. */
static size_t closing(struct wsr_str text, size_t at)
{
	unsigned open = 0;
	for (; at < text.len; at++) {
		open += text.ptr[at] == '{';
		if (text.ptr[at] == '}' && --open == 0)
			break;
	}
	return at;
}

static void read_text(struct iis_site *s, const struct node *n, const struct word *w, struct wsr_str text, unsigned depth)
{
	size_t start = 0;
	for (size_t i = 0; i < text.len;) {
		size_t end = text.ptr[i] == '{' ? closing(text, i) : text.len;
		if (end == text.len) {
			i++;
			continue;
		}
		push_literal(s, wsr_str(text.ptr + start, i - start));
		reference(s, n, w, wsr_str(text.ptr + i + 1, end - i - 1), depth);
		start = i = end + 1;
	}
	push_literal(s, wsr_str(text.ptr + start, text.len - start));
}

uint32_t iis_text(struct iis_site *s, const struct node *n, const struct word *w, struct wsr_str text)
{
	s->l->parts.count = 0;
	read_text(s, n, w, text, 0);
	return plan_tmpl(s->l->plan, (const struct wsr_part *)(void *)s->l->parts.data, s->l->parts.count);
}
