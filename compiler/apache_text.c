/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts of mod_rewrite and its neighbours -> templates; see apache_text.h. In: a word's text. Out: an interned template.
 *
 * What httpd takes literally stays literal: a "$" or "%" that begins nothing, a brace that is never closed (mod_rewrite.c: do_expand).
 */
#include "compiler/apache_text.h"

#define MAX_NESTING 8u /* ${map:${map:...}} */

/* --- the builder ----------------------------------------------------------------------------------------------------------- */

void text_init(struct text *t, struct lower *l, const struct node *n, const struct word *w)
{
	*t = (struct text){ .l = l, .node = n, .word = w };
	pool_init(&t->parts, sizeof(struct wsr_part));
	pool_init(&t->bytes, 1);
}

void text_bytes(struct text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		pool_push(&t->bytes, s + i);
}

static void flush(struct text *t)
{
	if (t->bytes.count == 0)
		return;
	struct wsr_part part = { .kind = WSR_PART_LITERAL, .arg = plan_str(t->l->plan, wsr_str(t->bytes.data, t->bytes.count)) };
	pool_push(&t->parts, &part);
	t->bytes.count = 0;
}

void text_part(struct text *t, struct wsr_part part)
{
	if (part.kind == WSR_PART_LITERAL) {
		struct wsr_str s = plan_text(t->l->plan, part.arg);
		text_bytes(t, s.ptr, s.len);
		return;
	}
	flush(t);
	pool_push(&t->parts, &part);
}

void text_call(struct text *t, enum wsr_function function, uint32_t argument, uint32_t map, uint32_t fallback)
{
	struct wsr_call call = { .function = function, .argument = argument, .map = map, .fallback = fallback };
	text_part(t, (struct wsr_part){ .kind = WSR_PART_CALL, .arg = pool_intern(&t->l->plan->call, &call) });
}

uint32_t text_done(struct text *t)
{
	flush(t);
	uint32_t count = t->parts.count;
	if (count > WSR_MAX_TEMPLATE_PARTS) {
		diag_at(t->l->cc, CHECK_VALUE, t->word->span, "a text of more than %u parts", WSR_MAX_TEMPLATE_PARTS);
		count = 0;
	}
	uint32_t tmpl = plan_tmpl(t->l->plan, (const struct wsr_part *)(const void *)t->parts.data, count);
	pool_free(&t->parts);
	pool_free(&t->bytes);
	return tmpl;
}

struct span apache_text_span(struct lower *l, const struct word *w, const char *s, size_t len)
{
	const struct source *src = source_at(l->cc, w->span.file);
	if (s < src->text || s > src->text + src->len)
		return w->span;
	uint32_t start = (uint32_t)(s - src->text);
	return (struct span){ w->span.file, start, start + (uint32_t)(len ? len : 1) };
}

/* --- server variables ------------------------------------------------------------------------------------------------------ */

#define LITERAL(name, text)       { name, WSR_VAR_MAX, text, NULL }
#define VARIABLE(name, id)        { name, WSR_V_##id, NULL, NULL }
#define FIELD(name, field)        { name, WSR_V_HTTPD_FIELD_, field, NULL }
#define REFUSED_VARIABLE(name, why) { name, WSR_VAR_MAX, NULL, why }

static const struct known {
	const char *name;
	unsigned id;                /* WSR_VAR_MAX: a constant */
	const char *text;           /* suffix of the variable, or the constant */
	const char *why;            /* not here */
} known[] = {
	FIELD("HTTP_USER_AGENT", "user-agent"), FIELD("HTTP_REFERER", "referer"), FIELD("HTTP_COOKIE", "cookie"), FIELD("HTTP_FORWARDED", "forwarded"),
	FIELD("HTTP_HOST", "host"), FIELD("HTTP_PROXY_CONNECTION", "proxy-connection"), FIELD("HTTP_ACCEPT", "accept"),
	VARIABLE("REMOTE_ADDR", REMOTE_ADDR), VARIABLE("REMOTE_HOST", REMOTE_ADDR), VARIABLE("REMOTE_PORT", REMOTE_PORT), VARIABLE("REMOTE_USER", REMOTE_USER),
	VARIABLE("CONN_REMOTE_ADDR", REALIP_REMOTE_ADDR), LITERAL("REMOTE_IDENT", ""), VARIABLE("REQUEST_METHOD", REQUEST_METHOD),
	VARIABLE("REQUEST_SCHEME", SCHEME), VARIABLE("REQUEST_URI", URI), VARIABLE("DOCUMENT_URI", URI), VARIABLE("REQUEST_FILENAME", HTTPD_FILENAME),
	VARIABLE("SCRIPT_FILENAME", HTTPD_FILENAME), VARIABLE("PATH_INFO", HTTPD_PATH_INFO), VARIABLE("QUERY_STRING", ARGS), VARIABLE("AUTH_TYPE", HTTPD_AUTH_TYPE),
	VARIABLE("DOCUMENT_ROOT", DOCUMENT_ROOT), LITERAL("CONTEXT_PREFIX", ""), VARIABLE("CONTEXT_DOCUMENT_ROOT", DOCUMENT_ROOT),
	VARIABLE("SERVER_ADMIN", HTTPD_SERVER_ADMIN), VARIABLE("SERVER_NAME", HTTPD_SERVER_NAME), VARIABLE("SERVER_ADDR", SERVER_ADDR),
	VARIABLE("SERVER_PORT", HTTPD_SERVER_PORT), VARIABLE("SERVER_PROTOCOL", SERVER_PROTOCOL), LITERAL("SERVER_SOFTWARE", "wsrp/" WSR_VERSION),
	VARIABLE("TIME_YEAR", HTTPD_TIME_YEAR), VARIABLE("TIME_MON", HTTPD_TIME_MON), VARIABLE("TIME_DAY", HTTPD_TIME_DAY), VARIABLE("TIME_HOUR", HTTPD_TIME_HOUR),
	VARIABLE("TIME_MIN", HTTPD_TIME_MIN), VARIABLE("TIME_SEC", HTTPD_TIME_SEC), VARIABLE("TIME_WDAY", HTTPD_TIME_WDAY), VARIABLE("TIME", HTTPD_TIME),
	LITERAL("API_VERSION", "20120211:142"), VARIABLE("THE_REQUEST", REQUEST), VARIABLE("IS_SUBREQ", HTTPD_SUBREQUEST), VARIABLE("HTTPS", HTTPD_HTTPS),
	VARIABLE("IPV6", HTTPD_IPV6), VARIABLE("REQUEST_STATUS", STATUS), VARIABLE("CONTENT_TYPE", SENT_HTTP_), VARIABLE("CONN_LOG_ID", CONNECTION),
	VARIABLE("REQUEST_LOG_ID", REQUEST_ID), VARIABLE("UNIQUE_ID", REQUEST_ID), LITERAL("HANDLER", ""),
	VARIABLE("SSL_PROTOCOL", SSL_PROTOCOL), VARIABLE("SSL_CIPHER", SSL_CIPHER), VARIABLE("SSL_SESSION_ID", SSL_SESSION_ID), VARIABLE("SSL_TLS_SNI", SSL_SERVER_NAME),
	VARIABLE("SSL_CLIENT_VERIFY", SSL_CLIENT_VERIFY), VARIABLE("SSL_CLIENT_S_DN", SSL_CLIENT_S_DN), VARIABLE("SSL_CLIENT_I_DN", SSL_CLIENT_I_DN),
	VARIABLE("SSL_CLIENT_M_SERIAL", SSL_CLIENT_SERIAL), VARIABLE("SSL_CLIENT_V_START", SSL_CLIENT_V_START), VARIABLE("SSL_CLIENT_V_END", SSL_CLIENT_V_END),
#define DN_PART(part, suffix) { "SSL_CLIENT_S_DN_" part, WSR_V_HTTPD_S_DN_, suffix, NULL }, { "SSL_CLIENT_I_DN_" part, WSR_V_HTTPD_I_DN_, suffix, NULL }
	DN_PART("CN", "cn"), DN_PART("O", "o"), DN_PART("OU", "ou"), DN_PART("C", "c"), DN_PART("ST", "st"), DN_PART("L", "l"), DN_PART("Email", "email"),
	REFUSED_VARIABLE("SCRIPT_USER", "the owner of a file is not looked up"), REFUSED_VARIABLE("SCRIPT_GROUP", "the group of a file is not looked up"),
	REFUSED_VARIABLE("LAST_MODIFIED", "the time of a file is known only once it is sent"),
	VARIABLE("SSL_CLIENT_CERT", HTTPD_CLIENT_CERT),
};

static enum apache_variable plain_variable(struct lower *l, struct wsr_str name, struct wsr_part *part, const char **why)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct known *k = &known[i];
		if (!wsr_str_eq_nocase(name, wsr_cstr(k->name)))
			continue;
		*why = k->why;
		if (k->why)
			return APACHE_VARIABLE_REFUSED;
		const char *suffix = k->id == WSR_V_SENT_HTTP_ ? "content_type" : k->text;
		*part = (struct wsr_part){ .kind = k->id == WSR_VAR_MAX ? WSR_PART_LITERAL : WSR_PART_VARIABLE, .id = k->id == WSR_VAR_MAX ? 0 : (uint16_t)k->id,
					   .arg = suffix ? plan_str(l->plan, wsr_cstr(suffix)) : 0 };
		return APACHE_VARIABLE_KNOWN;
	}
	return APACHE_VARIABLE_UNKNOWN;
}

static bool family(struct wsr_str name, const char *prefix, struct wsr_str *rest)
{
	size_t len = strlen(prefix);
	if (name.len <= len || !wsr_str_eq_nocase(wsr_str(name.ptr, len), wsr_cstr(prefix)))
		return false;
	*rest = wsr_str(name.ptr + len, name.len - len);
	return true;
}

enum apache_variable apache_variable_part(struct lower *l, struct wsr_str name, struct wsr_part *part, const char **why)
{
	struct wsr_str rest;
	*part = (struct wsr_part){ .kind = WSR_PART_LITERAL, .arg = plan_str(l->plan, WSR_STR("")) };
	if (family(name, "ENV:", &rest)) {
		*part = (struct wsr_part){ .kind = WSR_PART_USER, .arg = apache_env_slot(l, rest) };
		return APACHE_VARIABLE_KNOWN;
	}
	if (family(name, "HTTP:", &rest)) {
		*part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = WSR_V_HTTPD_FIELD_, .arg = plan_str_lower(l->plan, rest) };
		return APACHE_VARIABLE_KNOWN;
	}
	if (family(name, "SSL:", &rest)) {
		enum apache_variable v = plain_variable(l, rest, part, why);
		*why = v == APACHE_VARIABLE_UNKNOWN ? "of the TLS variables there are SSL_PROTOCOL, SSL_CIPHER, SSL_SESSION_ID, SSL_TLS_SNI, SSL_CLIENT_VERIFY, "
			"SSL_CLIENT_CERT, SSL_CLIENT_S_DN, SSL_CLIENT_I_DN and their parts (_CN, _O, _OU, _C, _ST, _L, _Email), SSL_CLIENT_M_SERIAL, SSL_CLIENT_V_START and SSL_CLIENT_V_END" : *why;
		return v == APACHE_VARIABLE_UNKNOWN ? APACHE_VARIABLE_REFUSED : v;
	}
	return plain_variable(l, name, part, why);
}

bool apache_server_variable(struct lower *l, struct wsr_str name, struct wsr_part *part)
{
	const char *why;
	return apache_variable_part(l, name, part, &why) == APACHE_VARIABLE_KNOWN;
}

struct wsr_part apache_env_part(struct lower *l, struct wsr_str name)
{
	struct wsr_part part;
	const char *why;
	/* mod_ssl sets HTTPS and, with StdEnvVars, the SSL_ variables */
	bool tls = wsr_str_eq(name, WSR_STR("HTTPS")) || (name.len > 4 && memcmp(name.ptr, "SSL_", 4) == 0);
	if (tls && plain_variable(l, name, &part, &why) == APACHE_VARIABLE_KNOWN)
		return part;
	return (struct wsr_part){ .kind = WSR_PART_USER, .arg = apache_env_slot(l, name) };
}

/* --- mod_rewrite ----------------------------------------------------------------------------------------------------------- */

static void read_text(struct text *t, const char *s, const char *end, unsigned depth);

/* First `what` outside of inner braces, a backslash in front of it or not (mod_rewrite.c: find_char_in_curlies). `end` if there is none. */
static const char *find_outside(const char *s, const char *end, char what)
{
	unsigned open = 0;
	for (; s < end; s++) {
		if (*s == what && open == 0)
			return s;
		else if (*s == '{')
			open++;
		else if (*s == '}' && open > 0)
			open--;
	}
	return end;
}

static void refuse_variable(struct text *t, struct wsr_str name, const char *why)
{
	diag_at(t->l->cc, CHECK_VALUE, apache_text_span(t->l, t->word, name.ptr, name.len), "'%%{%s}' cannot be had: %s", diag_quote(t->l->cc, name.ptr, name.len), why);
}

static void unknown_variable(struct text *t, struct wsr_str name)
{
	struct wsr_str rest;
	struct diag *d = diag_at(t->l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, apache_text_span(t->l, t->word, name.ptr, name.len),
				 "'%%{%s}' is no server variable: Apache puts the empty string", diag_quote(t->l->cc, name.ptr, name.len));
	if (family(name, "HTTP_", &rest))
		diag_note(t->l->cc, d, SPAN_NONE, "a request field is written %%{HTTP:Name-Of-Field}");
}

static void variable(struct text *t, const char *s, const char *end)
{
	struct wsr_str name = wsr_str(s, (size_t)(end - s));
	struct wsr_part part;
	const char *why = NULL;
	struct wsr_str ahead;
	bool file = family(name, "LA-F:", &ahead), looks_ahead = file || family(name, "LA-U:", &ahead);
	switch (apache_variable_part(t->l, looks_ahead ? ahead : name, &part, &why)) {
	case APACHE_VARIABLE_REFUSED: refuse_variable(t, name, why); break;
	case APACHE_VARIABLE_UNKNOWN: unknown_variable(t, name); break;
	case APACHE_VARIABLE_KNOWN:
		if (looks_ahead)
			text_call(t, file ? WSR_FUNCTION_AHEAD_FILE : WSR_FUNCTION_AHEAD, plan_tmpl(t->l->plan, &part, 1), WSR_NONE, WSR_NONE);
		else
			text_part(t, part);
		break;
	}
}

static uint32_t inner_text(struct text *t, const char *s, const char *end, unsigned depth)
{
	struct text inner;
	text_init(&inner, t->l, t->node, t->word);
	read_text(&inner, s, end, depth + 1);
	return text_done(&inner);
}

/* ${name:key|default}. @return false if it is none: a literal */
static bool map_call(struct text *t, const char *s, const char *end, unsigned depth)
{
	const char *colon = find_outside(s, end, ':'), *bar = find_outside(colon, end, '|');
	if (colon == end)
		return false;
	if (depth >= MAX_NESTING) {
		diag_at(t->l->cc, CHECK_VALUE, apache_text_span(t->l, t->word, s, (size_t)(end - s)), "maps nested deeper than %u", MAX_NESTING);
		return true;
	}
	struct wsr_str name = wsr_str(s, (size_t)(colon - s));
	uint32_t key = inner_text(t, colon + 1, bar, depth), fallback = bar < end ? inner_text(t, bar + 1, end, depth) : WSR_NONE;
	const struct apache_map *m = apache_map_find(t->l, t->node, name);
	if (!m) {
		struct diag *d = diag_at(t->l->cc, CHECK_VALUE, apache_text_span(t->l, t->word, name.ptr, name.len), "no RewriteMap named '%s' in this server",
					 diag_quote(t->l->cc, name.ptr, name.len));
		diag_note(t->l->cc, d, SPAN_NONE, "a virtual host does not see the maps of the main server unless it has 'RewriteOptions Inherit'");
		return true;
	}
	if (m->function)
		text_call(t, (enum wsr_function)m->function, key, m->map, fallback);
	return true;
}

/* What begins at s, where a "$" or "%" stands. @return behind it; s if it is a literal */
static const char *expansion(struct text *t, const char *s, const char *end, unsigned depth)
{
	if (end - s < 2)
		return s;
	if (s[1] >= '0' && s[1] <= '9') {
		text_part(t, (struct wsr_part){ .kind = *s == '$' ? WSR_PART_CAPTURE : WSR_PART_CONDITION_CAPTURE, .id = (uint16_t)(s[1] - '0') });
		return s + 2;
	}
	const char *close = s[1] == '{' ? find_outside(s + 2, end, '}') : end;
	if (close == end)
		return s;
	if (*s == '%')
		variable(t, s + 2, close);
	else if (!map_call(t, s + 2, close, depth))
		return s;
	return close + 1;
}

static void read_text(struct text *t, const char *s, const char *end, unsigned depth)
{
	while (s < end) {
		const char *behind = *s == '$' || *s == '%' ? expansion(t, s, end, depth) : s;
		if (behind > s) {
			s = behind;
			continue;
		}
		if (*s == '\\' && s + 1 < end)
			s++;
		text_bytes(t, s++, 1);
	}
}

void text_rewrite(struct text *t, struct wsr_str s)
{
	if (s.len)
		read_text(t, s.ptr, s.ptr + s.len, 0);
}

uint32_t apache_rewrite_text(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text)
{
	struct text t;
	text_init(&t, l, n, w);
	text_rewrite(&t, text);
	return text_done(&t);
}

/* --- $0 to $9 -------------------------------------------------------------------------------------------------------------- */

uint32_t apache_regsub_text(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text, enum wsr_part_kind kind)
{
	struct text t;
	text_init(&t, l, n, w);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i], next = i + 1 < text.len ? text.ptr[i + 1] : '\0';
		if (c == '$' && next >= '0' && next <= '9') {
			text_part(&t, (struct wsr_part){ .kind = (uint8_t)kind, .id = (uint16_t)(next - '0') });
			i++;
			continue;
		}
		if (c == '\\' && i + 1 < text.len)
			i++;
		text_bytes(&t, text.ptr + i, 1);
	}
	return text_done(&t);
}
