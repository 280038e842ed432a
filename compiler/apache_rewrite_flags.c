/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flags in brackets behind RewriteCond and RewriteRule. In: the word "[R=301,L]". Out: its flags one by one, and for RewriteRule what they make of the rule:
 * bits, status, environment, cookies, which characters of a group are escaped. A flag that httpd does not know is an error.
 */
#include "compiler/apache_rewrite.h"
#include "compiler/apache_text.h"
#include "compiler/value.h"

/* --- flags in brackets ---------------------------------------------------------------------------------------------------- */

bool apache_flags_begin(struct apache_flags *r, struct lower *l, const struct node *n, unsigned i)
{
	struct wsr_str s = arg_str(n, i);
	*r = (struct apache_flags){ l, n, node_arg(n, i), s.ptr + 1, s.ptr + s.len - 1 };
	if (s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
		return true;
	struct diag *d = diag_at(l->cc, CHECK_VALUE, node_arg(n, i)->span, "flags stand in brackets, found '%s'", diag_quote(l->cc, s.ptr, s.len));
	diag_note(l->cc, d, SPAN_NONE, "[L,R=301] without blanks, or \"[L, R=301]\" in quotes");
	return false;
}

bool apache_flags_next(struct apache_flags *r, struct wsr_str *key, struct wsr_str *value)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == ','))
		r->at++;
	if (r->at == r->end)
		return false;
	const char *stop = memchr(r->at, ',', (size_t)(r->end - r->at));
	if (!stop)
		stop = r->end;
	const char *equals = memchr(r->at, '=', (size_t)(stop - r->at)), *key_end = equals ? equals : stop;
	*value = equals ? wsr_str(equals + 1, (size_t)(stop - equals - 1)) : WSR_STR_NULL;
	*key = wsr_str(r->at, (size_t)(key_end - r->at));
	struct wsr_str *last = equals ? value : key;
	while (last->len && (last->ptr[last->len - 1] == ' ' || last->ptr[last->len - 1] == '\t'))
		last->len--;
	r->at = stop;
	return true;
}

void apache_flag_bad(struct apache_flags *r, struct wsr_str s, const char *what)
{
	diag_at(r->l->cc, CHECK_VALUE, apache_text_span(r->l, r->word, s.ptr, s.len), "%s '%s'", what, diag_quote(r->l->cc, s.ptr, s.len));
}

/* --- flags of RewriteRule ------------------------------------------------------------------------------------------------- */

struct rule_build {
	struct wsr_rewrite_rule rule;
	bool nocase;
	struct pool env, env_places; /* struct wsr_env_op */
	struct pool cookies;        /* uint32_t: templates */
	bool escape_all, escape_controls; /* B, BCTLS */
	struct wsr_str escape_only, escape_not; /* B=, BNE= */
};

/* What a flag of one bit is called. */
static const struct { const char *short_name, *long_name; uint32_t bits; } plain_flags[] = {
	{ "L", "last", WSR_RULE_LAST }, { "END", "end", WSR_RULE_END }, { "P", "proxy", WSR_RULE_PROXY }, { "PT", "passthrough", WSR_RULE_PASS_THROUGH },
	{ "QSA", "qsappend", WSR_RULE_QSA }, { "QSD", "qsdiscard", WSR_RULE_QSD }, { "QSL", "qslast", WSR_RULE_QSL }, { "NE", "noescape", WSR_RULE_NE },
	{ "C", "chain", WSR_RULE_CHAIN }, { "DPI", "discardpath", WSR_RULE_DPI }, { "NS", "nosubreq", WSR_RULE_NS },
	{ "BNP", "backrefnoplus", WSR_RULE_B_NOPLUS }, { "UnsafeAllow3F", "unsafeallow3f", WSR_RULE_ALLOW_3F },
	{ "UnsafePrefixStat", "unsafeprefixstat", WSR_RULE_PREFIX_STAT }, { "UNC", "unc", 0 },
};

static bool redirect_status(uint64_t status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void redirect_flag(struct rule_build *b, struct apache_flags *r, struct wsr_str value)
{
	uint64_t status = 302;
	if (apache_is_word(value, "permanent"))
		status = 301;
	else if (apache_is_word(value, "seeother"))
		status = 303;
	else if (value.len && !apache_is_word(value, "temp") && (!value_uint(value, &status) || status < 100 || status > 599))
		apache_flag_bad(r, value, "no status");
	b->rule.flags |= WSR_RULE_REDIRECT;
	if (!redirect_status(status))
		b->rule.flags |= WSR_RULE_STATUS;
	b->rule.status = (uint16_t)status;
}

static void status_flag(struct rule_build *b, uint16_t status)
{
	b->rule.flags |= WSR_RULE_STATUS | WSR_RULE_NOTHING;
	b->rule.status = status;
}

/* E=NAME:value, E=NAME, E=!NAME */
static void env_flag(struct rule_build *b, struct apache_flags *r, struct wsr_str value)
{
	bool unset = value.len && value.ptr[0] == '!';
	if (unset)
		value = wsr_str(value.ptr + 1, value.len - 1);
	const char *colon = value.len ? memchr(value.ptr, ':', value.len) : NULL;
	struct wsr_str name = colon ? wsr_str(value.ptr, (size_t)(colon - value.ptr)) : value;
	struct wsr_str text = colon ? wsr_str(colon + 1, value.len - name.len - 1) : WSR_STR("");
	if (name.len == 0) {
		apache_flag_bad(r, value, "E needs NAME:value, found");
		return;
	}
	struct wsr_env_op op = { .slot = apache_env_slot(r->l, name), .value = apache_rewrite_text(r->l, r->node, r->word, text), .condition = WSR_NONE,
				 .flags = unset ? WSR_ENV_UNSET : 0 };
	struct plan_place at = lower_place(r->l, apache_text_span(r->l, r->word, name.ptr, name.len));
	pool_push(&b->env, &op);
	pool_push(&b->env_places, &at);
}

static struct wsr_str next_field(struct wsr_str *s, char separator)
{
	const char *stop = s->len ? memchr(s->ptr, separator, s->len) : NULL;
	struct wsr_str field = stop ? wsr_str(s->ptr, (size_t)(stop - s->ptr)) : *s;
	*s = stop ? wsr_str(stop + 1, s->len - field.len - 1) : WSR_STR_NULL;
	return field;
}

static void text_literal(struct text *t, const char *z)
{
	text_bytes(t, z, strlen(z));
}

static bool says(struct wsr_str field, const char *word)
{
	return apache_is_word(field, "true") || apache_is_word(field, "1") || apache_is_word(field, word);
}

/* CO=name:value:domain[:minutes[:path[:secure[:httponly[:samesite]]]]]; a ";" in front makes that the separator. */
static void cookie_flag(struct rule_build *b, struct apache_flags *r, struct wsr_str value)
{
	bool semicolons = value.len && value.ptr[0] == ';';
	char separator = semicolons ? ';' : ':';
	struct wsr_str rest = semicolons ? wsr_str(value.ptr + 1, value.len - 1) : value, f[8];
	for (size_t i = 0; i < 8; i++)
		f[i] = next_field(&rest, separator);
	uint64_t minutes = 0;
	if (f[0].len == 0 || f[1].ptr == NULL || f[2].len == 0) {
		apache_flag_bad(r, value, "CO needs name:value:domain, found");
		return;
	}
	struct text t;
	text_init(&t, r->l, r->node, r->word);
	text_rewrite(&t, f[0]);
	text_bytes(&t, "=", 1);
	text_rewrite(&t, f[1]);
	text_literal(&t, "; path=");
	text_rewrite(&t, f[4].len ? f[4] : WSR_STR("/"));
	text_literal(&t, "; domain=");
	text_rewrite(&t, f[2]);
	if (value_uint(f[3], &minutes) && minutes > 0) {
		text_literal(&t, "; expires=");
		struct wsr_str digits = wsr_str(f[3].ptr, f[3].len < 9 ? f[3].len : 9);
		text_part(&t, (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = WSR_V_HTTPD_EXPIRES_, .arg = plan_str(r->l->plan, digits) });
	}
	text_literal(&t, says(f[5], "secure") ? "; secure" : "");
	text_literal(&t, says(f[6], "httponly") ? "; HttpOnly" : "");
	if (f[7].len && !apache_is_word(f[7], "0") && !apache_is_word(f[7], "false")) {
		text_literal(&t, "; SameSite=");
		text_rewrite(&t, f[7]);
	}
	uint32_t tmpl = text_done(&t);
	pool_push(&b->cookies, &tmpl);
}

static bool is_among(unsigned c, struct wsr_str set)
{
	return set.len && memchr(set.ptr, (int)c, set.len);
}

static bool is_name_byte(unsigned c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

/* B, B=chars, BCTLS, and what BNE=chars takes back: which characters of a group are percent-encoded. Nothing is set when they are all but names. */
static void settle_escapes(struct lower *l, struct rule_build *b)
{
	char set[256];
	size_t n = 0;
	if (!(b->rule.flags & WSR_RULE_B) || (b->escape_all && !b->escape_not.len))
		return;
	for (unsigned c = 1; c < 256; c++) {
		bool escaped = (b->escape_all && !is_name_byte(c)) || (b->escape_controls && (c <= ' ' || c == 0x7f)) || is_among(c, b->escape_only);
		if (escaped && !is_among(c, b->escape_not))
			set[n++] = (char)c;
	}
	b->rule.escape = plan_str(l->plan, wsr_str(set, n));
	if (n == 0)
		b->rule.flags &= ~WSR_RULE_B;
}

static void count_flag(struct apache_flags *r, struct wsr_str value, uint64_t max, uint64_t *out)
{
	if (!value_uint(value, out) || *out > max) {
		apache_flag_bad(r, value, "no number that can be used:");
		*out = 0;
	}
}

/* @return false if no flag has this name */
static bool rule_flag(struct rule_build *b, struct apache_flags *r, struct wsr_str key, struct wsr_str value)
{
	uint64_t n = 0;
	for (size_t i = 0; i < sizeof(plain_flags) / sizeof(*plain_flags); i++)
		if (apache_is_word(key, plain_flags[i].short_name) || apache_is_word(key, plain_flags[i].long_name)) {
			b->rule.flags |= plain_flags[i].bits;
			return true;
		}
	if (apache_is_word(key, "R") || apache_is_word(key, "redirect")) {
		redirect_flag(b, r, value);
	} else if (apache_is_word(key, "NC") || apache_is_word(key, "nocase")) {
		b->nocase = true;
	} else if (apache_is_word(key, "F") || apache_is_word(key, "forbidden")) {
		status_flag(b, 403);
	} else if (apache_is_word(key, "G") || apache_is_word(key, "gone")) {
		status_flag(b, 410);
	} else if (apache_is_word(key, "S") || apache_is_word(key, "skip")) {
		count_flag(r, value, UINT16_MAX, &n);
		b->rule.skip = (uint16_t)n;
	} else if (apache_is_word(key, "N") || apache_is_word(key, "next")) {
		b->rule.flags |= WSR_RULE_NEXT;
		if (value.len)
			count_flag(r, value, 32000, &n);
		b->rule.limit = (uint32_t)n;
	} else if (apache_is_word(key, "E") || apache_is_word(key, "env")) {
		env_flag(b, r, value);
	} else if (apache_is_word(key, "CO") || apache_is_word(key, "cookie")) {
		cookie_flag(b, r, value);
	} else if (apache_is_word(key, "B") || apache_is_word(key, "escapebackreferences") || apache_is_word(key, "BNE") || apache_is_word(key, "BCTLS")) {
		b->rule.flags |= apache_is_word(key, "BNE") ? 0 : WSR_RULE_B;
		if (apache_is_word(key, "BNE"))
			b->escape_not = value;
		else if (apache_is_word(key, "BCTLS"))
			b->escape_controls = true;
		else if (value.len)
			b->escape_only = value;
		else
			b->escape_all = true;
	} else if (apache_is_word(key, "T") || apache_is_word(key, "type")) {
		b->rule.type = apache_rewrite_text(r->l, r->node, r->word, value);
	} else if (apache_is_word(key, "H") || apache_is_word(key, "handler")) {
		b->rule.handler = apache_rewrite_text(r->l, r->node, r->word, value);
		diag_at(r->l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, apache_text_span(r->l, r->word, value.ptr, value.len),
			"a handler has no effect: files are sent as they are, programs are not run");
	} else {
		return false;
	}
	return true;
}

static void read_rule_flags(struct lower *l, const struct node *n, struct rule_build *b)
{
	struct apache_flags r;
	struct wsr_str key, value;
	if (node_arg_count(n) < 3 || !apache_flags_begin(&r, l, n, 2))
		return;
	while (apache_flags_next(&r, &key, &value))
		if (!rule_flag(b, &r, key, value))
			apache_flag_bad(&r, key, "RewriteRule has no flag");
}

static void build_lists(struct lower *l, struct rule_build *b)
{
	b->rule.env = plan_run_at(l->plan, &l->plan->env_op, b->env.data, b->env.count, offsetof(struct wsr_env_op, pos),
				  (const struct plan_place *)(const void *)b->env_places.data);
	b->rule.cookies = pool_run(&l->plan->tmpl_item, b->cookies.data, b->cookies.count);
	pool_free(&b->env);
	pool_free(&b->env_places);
	pool_free(&b->cookies);
}

bool apache_rewrite_flags(struct lower *l, const struct node *n, struct wsr_rewrite_rule *rule)
{
	struct rule_build b = { .rule = *rule };
	pool_init(&b.env, sizeof(struct wsr_env_op));
	pool_init(&b.env_places, sizeof(struct plan_place));
	pool_init(&b.cookies, sizeof(uint32_t));
	read_rule_flags(l, n, &b);
	settle_escapes(l, &b);
	build_lists(l, &b);
	*rule = b.rule;
	return b.nocase;
}
