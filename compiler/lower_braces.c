/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may stand in ${...} of a text beyond the name of a variable. In: the text between the braces. Out: one part of a template.
 *
 *   ${$} a dollar    ${0} ${%1} groups of the rule and of the condition    ${x:7d} a byte    ${env:NAME} a variable of the environment    ${field:NAME} a field
 *   ${var:NAME} a variable of the server, its letters as they are    ${lower:TEXT} and other functions    ${map:NAME:TEXT|OTHERWISE} a `lookup`
 *
 * A TEXT is read as any other; '}' and '|' in it are written ${x:7d} and ${x:7c}. Names write them, and '%', as %7D.
 */
#include "compiler/lower_httpd.h"

#include "eval/wsr_eval.h"

#define MAX_NESTING 12u

static const char *const function_names[] = {
	[WSR_FUNCTION_LOWER] = "lower", [WSR_FUNCTION_UPPER] = "upper", [WSR_FUNCTION_ESCAPE] = "escape", [WSR_FUNCTION_UNESCAPE] = "unescape",
	[WSR_FUNCTION_BASE64] = "base64", [WSR_FUNCTION_UNBASE64] = "unbase64", [WSR_FUNCTION_MAP] = "map", [WSR_FUNCTION_RANDOM] = "random",
	[WSR_FUNCTION_DEFAULT] = "default", [WSR_FUNCTION_AHEAD] = "ahead", [WSR_FUNCTION_AHEAD_FILE] = "ahead_file",
};

const char *httpd_function_name(uint32_t function)
{
	return function_names[function];
}

/* First `what` outside of inner ${...}; end when there is none. */
static const char *find_outside(const char *s, const char *end, char what)
{
	unsigned open = 0;
	for (; s < end; s++) {
		if (*s == what && open == 0)
			return s;
		if (*s == '$' && s + 1 < end && s[1] == '{')
			open++;
		else if (*s == '}' && open)
			open--;
	}
	return end;
}

const char *braces_end(const char *s, const char *end)
{
	return find_outside(s, end, '}');
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* "%7D" -> "}" */
struct wsr_str braces_name(struct lower *l, struct wsr_str s)
{
	char *out = arena_alloc(&l->cc->arena, s.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		bool escaped = s.ptr[i] == '%' && i + 2 < s.len && hex(s.ptr[i + 1]) >= 0 && hex(s.ptr[i + 2]) >= 0;
		out[n++] = escaped ? (char)(hex(s.ptr[i + 1]) * 16 + hex(s.ptr[i + 2])) : s.ptr[i];
		i += escaped ? 2 : 0;
	}
	return wsr_str(out, n);
}

static bool wrong(struct lower *l, const struct word *w, const char *what, struct wsr_str s)
{
	struct diag *d = diag_at(l->cc, CHECK_VARIABLE_SYNTAX, w->span, "%s '${%s}'", what, diag_quote(l->cc, s.ptr, s.len));
	diag_note(l->cc, d, SPAN_NONE, "a variable is written $name or ${name}; beyond that there are ${$}, ${%%1}, ${env:NAME}, ${field:NAME}, ${var:NAME}, ${lower:TEXT}, ${map:NAME:TEXT|OTHERWISE}");
	return false;
}

/* A text inside another one, whose parts so far are kept aside. */
static uint32_t inner_text(struct lower *l, const struct node *n, const struct word *w, struct wsr_str s)
{
	uint32_t count = l->parts.count;
	struct wsr_part *kept = arena_alloc(&l->cc->arena, (count + 1) * sizeof(*kept));
	memcpy(kept, l->parts.data ? l->parts.data : (const void *)"", count * sizeof(*kept));
	uint32_t tmpl = lower_template(l, n, w, s, 0);
	l->parts.count = 0;
	for (uint32_t i = 0; i < count; i++)
		pool_push(&l->parts, &kept[i]);
	return tmpl;
}

/* The family with the longest beginning of the name, else the plain variable. */
static bool server_variable(struct lower *l, struct wsr_str name, struct wsr_part *part)
{
	size_t best = 0;
	for (unsigned id = 0; id < WSR_VAR_MAX; id++) {
		struct wsr_str own = wsr_cstr(wsr_var_name((enum wsr_var_id)id));
		bool family = own.len && own.ptr[own.len - 1] == '_' && name.len > own.len && memcmp(own.ptr, name.ptr, own.len) == 0;
		if (family ? own.len <= best : !wsr_str_eq(own, name) || best)
			continue;
		*part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = (uint16_t)id };
		if (!family)
			return true;
		best = own.len;
		part->arg = plan_str(l->plan, wsr_str(name.ptr + own.len, name.len - own.len));
	}
	return best > 0;
}

/* NAME:TEXT|OTHERWISE of map and random, TEXT|OTHERWISE of the others. */
static bool call(struct lower *l, const struct node *n, const struct word *w, uint32_t function, struct wsr_str s, struct wsr_part *part)
{
	struct wsr_call c = { .function = function, .map = WSR_NONE, .fallback = WSR_NONE };
	const char *at = s.ptr, *end = s.ptr + s.len;
	if (++l->brace_depth > MAX_NESTING) {
		l->brace_depth--;
		return wrong(l, w, "functions nested too deeply in", s);
	}
	if (function == WSR_FUNCTION_MAP || function == WSR_FUNCTION_RANDOM) {
		const char *colon = find_outside(at, end, ':');
		c.map = colon == end ? WSR_NONE : httpd_lookup_find(l, wsr_str(at, (size_t)(colon - at)));
		if (c.map == WSR_NONE) {
			l->brace_depth--;
			return wrong(l, w, "no lookup has this name in", s);
		}
		at = colon + 1;
	}
	const char *bar = find_outside(at, end, '|');
	c.argument = inner_text(l, n, w, wsr_str(at, (size_t)(bar - at)));
	if (bar < end)
		c.fallback = inner_text(l, n, w, wsr_str(bar + 1, (size_t)(end - bar - 1)));
	l->brace_depth--;
	bool needs = function == WSR_FUNCTION_DEFAULT;
	if (needs && c.fallback == WSR_NONE)
		return wrong(l, w, "'|' and a text behind it are missing in", s);
	if (needs && ((const struct wsr_tmpl *)pool_at(&l->plan->tmpl, c.argument))->part_count != 1)
		return wrong(l, w, "one variable is wanted in front of '|' in", s);
	*part = (struct wsr_part){ .kind = WSR_PART_CALL, .arg = pool_intern(&l->plan->call, &c) };
	return true;
}

static bool digit(struct wsr_str s, size_t at)
{
	return s.len == at + 1 && s.ptr[at] >= '0' && s.ptr[at] <= '9';
}

bool braces_part(struct lower *l, const struct node *n, const struct word *w, struct wsr_str s, struct wsr_part *part)
{
	const char *colon = s.len ? memchr(s.ptr, ':', s.len) : NULL;
	size_t head = colon ? (size_t)(colon - s.ptr) : 0;
	struct wsr_str key = wsr_str(s.ptr, head), rest = colon ? wsr_str(colon + 1, s.len - head - 1) : WSR_STR_NULL;
	if (wsr_str_eq(s, WSR_STR("$"))) {
		*part = (struct wsr_part){ .kind = WSR_PART_LITERAL, .arg = plan_str(l->plan, s) };
		return true;
	}
	if (digit(s, 0) || (s.len && s.ptr[0] == '%' && digit(s, 1))) {
		*part = (struct wsr_part){ .kind = s.len == 1 ? WSR_PART_CAPTURE : WSR_PART_CONDITION_CAPTURE, .id = (uint16_t)(s.ptr[s.len - 1] - '0') };
		return true;
	}
	if (wsr_str_eq(key, WSR_STR("x")) && rest.len == 2 && hex(rest.ptr[0]) >= 0 && hex(rest.ptr[1]) >= 0) {
		char byte = (char)(hex(rest.ptr[0]) * 16 + hex(rest.ptr[1]));
		*part = (struct wsr_part){ .kind = WSR_PART_LITERAL, .arg = plan_str(l->plan, wsr_str(&byte, 1)) };
		return true;
	}
	if (wsr_str_eq(key, WSR_STR("env")) && rest.len) {
		*part = (struct wsr_part){ .kind = WSR_PART_USER, .arg = apache_env_slot(l, braces_name(l, rest)) };
		return true;
	}
	if (wsr_str_eq(key, WSR_STR("field")) && rest.len) {
		*part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = WSR_V_HTTPD_FIELD_, .arg = plan_str_lower(l->plan, braces_name(l, rest)) };
		return true;
	}
	if (wsr_str_eq(key, WSR_STR("var")) && server_variable(l, braces_name(l, rest), part))
		return true;
	for (uint32_t f = WSR_FUNCTION_LOWER; colon && f <= WSR_FUNCTION_AHEAD_FILE; f++)
		if (wsr_str_eq(key, wsr_cstr(function_names[f])))
			return call(l, n, w, f, rest, part);
	return wrong(l, w, "nothing that is known stands in", s);
}
