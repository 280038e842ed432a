/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mod_rewrite: RewriteEngine, RewriteOptions, RewriteBase, RewriteCond and RewriteRule -> records of the layer. In: checked statements in the order of the
 * text. Out: rules with their conditions; a virtual host has the main server's where RewriteOptions says so.
 *
 * RewriteCond lines wait in the section until their rule comes. What httpd would do is what is compiled; where that is hardly what was meant, a message says so.
 */
#include "compiler/apache_cond.h"
#include "compiler/apache_rewrite.h"
#include "compiler/apache_text.h"
#include "compiler/value.h"

#define OR_NEXT   0x80u         /* in flags of a waiting condition: [OR] */
#define COPY_TREE WSR_COND_LAST /* op of a waiting condition: `a` is the root of a tree that is interned already */

static bool is_word(struct wsr_str s, const char *text)
{
	return wsr_str_eq_nocase(s, wsr_cstr(text));
}

static bool in_host(const struct apache_section *s)
{
	return s->layer.kind == WSR_LAYER_HOST;
}

/* --- engine, options, base ------------------------------------------------------------------------------------------------ */

void lower_apache_rewrite_engine(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_layer *y = &lv->section->layer;
	(void)l;
	(void)arg;
	y->flags &= (uint8_t)~(WSR_LAYER_REWRITE_ON | WSR_LAYER_REWRITE_OFF);
	y->flags |= is_word(arg_str(n, 0), "on") ? WSR_LAYER_REWRITE_ON : WSR_LAYER_REWRITE_OFF;
}

/* Those of a server are looked for in its text when it is complete; a section keeps its own. */
static const struct { const char *name; uint32_t bit; bool inert; } rewrite_options[] = {
	{ "inherit", WSR_REWRITE_INHERIT, false }, { "inheritbefore", WSR_REWRITE_INHERIT_BEFORE, false }, { "inheritdown", WSR_REWRITE_INHERIT_DOWN, false },
	{ "inheritdownbefore", WSR_REWRITE_INHERIT_DOWN_BEFORE, false }, { "ignoreinherit", WSR_REWRITE_IGNORE_INHERIT, false },
	{ "mergebase", WSR_REWRITE_MERGE_BASE, false }, { "allownoslash", WSR_REWRITE_NO_SLASH, false },
	{ "allowanyuri", 0, true }, { "ignorecontextinfo", 0, true }, { "legacyprefixdocroot", 0, true },
};

void lower_apache_rewrite_options(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		struct wsr_str option = arg_str(n, i);
		bool known = false, inert = option.len > 12 && is_word(wsr_str(option.ptr, 13), "maxredirects=");
		for (size_t k = 0; k < sizeof(rewrite_options) / sizeof(*rewrite_options); k++)
			if (is_word(option, rewrite_options[k].name)) {
				known = true;
				inert = rewrite_options[k].inert;
				if (!in_host(lv->section))
					lv->section->layer.rewrite_options |= WSR_REWRITE_SAID | rewrite_options[k].bit;
			}
		if (!known && !inert)
			diag_at(l->cc, CHECK_VALUE, node_arg(n, i)->span, "unknown option '%s' of RewriteOptions", diag_quote(l->cc, option.ptr, option.len));
		else if (inert)
			diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, node_arg(n, i)->span, "'%s' changes nothing here", diag_quote(l->cc, option.ptr, option.len));
	}
}

void lower_apache_rewrite_base(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_str base = arg_str(n, 0);
	(void)arg;
	if (base.len == 0 || base.ptr[0] != '/')
		diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "RewriteBase is a path that starts with '/'");
	else if (in_host(lv->section))
		diag_at(l->cc, CHECK_VALUE, n->span, "RewriteBase belongs into a section: outside of one there is no prefix to replace");
	else
		lv->section->layer.rewrite_base = plan_str(l->plan, base);
}

/* --- flags in brackets ---------------------------------------------------------------------------------------------------- */

struct flag_reader {
	struct lower *l;
	const struct node *node;
	const struct word *word;
	const char *at, *end;
};

static bool flags_begin(struct flag_reader *r, struct lower *l, const struct node *n, unsigned i)
{
	struct wsr_str s = arg_str(n, i);
	*r = (struct flag_reader){ l, n, node_arg(n, i), s.ptr + 1, s.ptr + s.len - 1 };
	if (s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
		return true;
	struct diag *d = diag_at(l->cc, CHECK_VALUE, node_arg(n, i)->span, "flags stand in brackets, found '%s'", diag_quote(l->cc, s.ptr, s.len));
	diag_note(l->cc, d, SPAN_NONE, "[L,R=301] without blanks, or \"[L, R=301]\" in quotes");
	return false;
}

/* The next flag and what stands behind its "=". @return false at the end */
static bool flags_next(struct flag_reader *r, struct wsr_str *key, struct wsr_str *value)
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

static void bad_flag(struct flag_reader *r, struct wsr_str s, const char *what)
{
	diag_at(r->l->cc, CHECK_VALUE, apache_text_span(r->l, r->word, s.ptr, s.len), "%s '%s'", what, diag_quote(r->l->cc, s.ptr, s.len));
}

/* --- RewriteCond ---------------------------------------------------------------------------------------------------------- */

struct cond_flags { bool nocase, or_next; };

static struct cond_flags read_cond_flags(struct lower *l, const struct node *n)
{
	struct cond_flags f = { false, false };
	struct flag_reader r;
	struct wsr_str key, value;
	if (node_arg_count(n) < 3 || !flags_begin(&r, l, n, 2))
		return f;
	while (flags_next(&r, &key, &value)) {
		if (is_word(key, "NC") || is_word(key, "nocase"))
			f.nocase = true;
		else if (is_word(key, "OR") || is_word(key, "ornext"))
			f.or_next = true;
		else if (!is_word(key, "NV") && !is_word(key, "novary"))
			bad_flag(&r, key, "RewriteCond has no flag");
	}
	return f;
}

static const struct { const char *text; uint8_t test; } file_tests[] = {
	{ "-f", WSR_FILE_IS_FILE }, { "-d", WSR_FILE_IS_DIR }, { "-s", WSR_FILE_NOT_EMPTY }, { "-l", WSR_FILE_IS_LINK }, { "-h", WSR_FILE_IS_LINK },
	{ "-L", WSR_FILE_IS_LINK }, { "-x", WSR_FILE_IS_EXEC },
};

static const struct { const char *text; uint8_t op, flags; bool swapped; } integer_tests[] = {
	{ "-eq", WSR_COND_INT_EQUAL, 0, false }, { "-ne", WSR_COND_INT_EQUAL, WSR_COND_NOT, false }, { "-lt", WSR_COND_INT_LESS, 0, false },
	{ "-le", WSR_COND_INT_LESS_EQUAL, 0, false }, { "-gt", WSR_COND_INT_LESS, 0, true }, { "-ge", WSR_COND_INT_LESS_EQUAL, 0, true },
};

static bool file_test(struct wsr_str pattern, struct wsr_cond *c)
{
	for (size_t i = 0; i < sizeof(file_tests) / sizeof(*file_tests); i++)
		if (wsr_str_eq(pattern, wsr_cstr(file_tests[i].text))) {
			*c = (struct wsr_cond){ .op = WSR_COND_FILE, .a = c->a, .b = file_tests[i].test };
			return true;
		}
	bool file = wsr_str_eq(pattern, WSR_STR("-F"));
	if (!file && !wsr_str_eq(pattern, WSR_STR("-U")))
		return false;
	*c = (struct wsr_cond){ .op = WSR_COND_WELCOME, .a = c->a, .b = file ? WSR_WELCOME_FILE : WSR_WELCOME_URL };
	return true;
}

static bool integer_test(struct lower *l, struct wsr_str pattern, struct wsr_cond *c)
{
	for (size_t i = 0; i < sizeof(integer_tests) / sizeof(*integer_tests); i++) {
		if (pattern.len < 3 || memcmp(pattern.ptr, integer_tests[i].text, 3) != 0)
			continue;
		uint32_t a = c->a, b = plan_tmpl_const(l->plan, wsr_str(pattern.ptr + 3, pattern.len - 3));
		bool swapped = integer_tests[i].swapped;
		*c = (struct wsr_cond){ .op = integer_tests[i].op, .flags = integer_tests[i].flags, .a = swapped ? b : a, .b = swapped ? a : b };
		return true;
	}
	return false;
}

/* < > <= >= = : mod_rewrite compares the length first, but not with NC. */
static bool string_test(struct lower *l, struct wsr_str pattern, bool nocase, struct wsr_cond *c)
{
	char op = pattern.len ? pattern.ptr[0] : '\0';
	if (op != '<' && op != '>' && op != '=')
		return false;
	bool equal = op != '=' && pattern.len > 1 && pattern.ptr[1] == '=';
	struct wsr_str text = wsr_str(pattern.ptr + 1 + equal, pattern.len - 1 - equal);
	if (op == '=' && wsr_str_eq(text, WSR_STR("\"\"")))
		text.len = 0;
	uint32_t a = c->a, b = plan_tmpl_const(l->plan, text);
	*c = (struct wsr_cond){ .op = op == '=' ? WSR_COND_EQUAL : equal ? WSR_COND_LESS_EQUAL : WSR_COND_LESS,
				.flags = nocase ? WSR_COND_NOCASE : op == '=' ? 0 : WSR_COND_BY_LENGTH, .a = op == '>' ? b : a, .b = op == '>' ? a : b };
	return true;
}

static bool ends_with(struct wsr_str s, const char *text)
{
	size_t len = strlen(text);
	return s.len >= len && memcmp(s.ptr + s.len - len, text, len) == 0;
}

/* The most frequent slip: in a virtual host nothing is mapped to a file yet. */
static void warn_of_filename(struct lower *l, const struct level *lv, const struct node *n, const struct wsr_cond *c)
{
	struct wsr_str test = arg_str(n, 0);
	if (c->op != WSR_COND_FILE || !in_host(lv->section) || !(ends_with(test, "%{REQUEST_FILENAME}") || ends_with(test, "%{SCRIPT_FILENAME}")) || test.ptr[0] != '%')
		return;
	struct diag *d = diag_at(l->cc, CHECK_REWRITE_MISLED, node_arg(n, 0)->span, "outside of <Directory> %%{REQUEST_FILENAME} is the path of the URL, not a file's name");
	diag_note(l->cc, d, SPAN_NONE, "write %%{DOCUMENT_ROOT}%%{REQUEST_URI}");
}

void lower_apache_rewrite_cond(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct cond_flags flags = read_cond_flags(l, n);
	struct wsr_str pattern = arg_str(n, 1);
	struct wsr_cond c = { .op = WSR_COND_TRUE };
	(void)arg;
	bool not = pattern.len && pattern.ptr[0] == '!';
	if (is_word(arg_str(n, 0), "expr")) {
		uint32_t tree = apache_condition(l, n, node_arg(n, 1), pattern);
		if (tree != WSR_NONE)
			c = (struct wsr_cond){ .op = COPY_TREE, .a = tree };
		not = false;
	} else {
		if (not)
			pattern = wsr_str(pattern.ptr + 1, pattern.len - 1);
		c.a = apache_rewrite_text(l, n, node_arg(n, 0), arg_str(n, 0));
		if (!file_test(pattern, &c) && !integer_test(l, pattern, &c) && !string_test(l, pattern, flags.nocase, &c)) {
			c.op = WSR_COND_MATCH;
			c.b = lower_regex(l, n, node_arg(n, 1), pattern, flags.nocase);
		}
		warn_of_filename(l, lv, n, &c);
	}
	c.flags ^= (not ? WSR_COND_NOT : 0) | (flags.or_next ? OR_NEXT : 0);
	apache_push(l, &lv->section->conditions, &c, n);
}

static void add_waiting(struct lower *l, struct cond_builder *b, struct apache_run *run, uint32_t i)
{
	struct wsr_cond c = *(const struct wsr_cond *)pool_at(&run->records, i);
	if (c.op == COPY_TREE) {
		cond_copy(l, b, c.a);
		return;
	}
	c.flags &= (uint8_t)~OR_NEXT;
	c.size = 1;
	pool_push(&b->nodes, &c);
	pool_push(&b->places, pool_at(&run->places, i));
}

static bool or_next(const struct apache_run *run, uint32_t i)
{
	return ((const struct wsr_cond *)pool_at(&run->records, i))->flags & OR_NEXT && i + 1 < run->records.count;
}

/* An [OR] behind which no condition comes holds whatever the conditions before it say (mod_rewrite.c: apply_rewrite_rule leaves its loop). */
static bool ends_in_or(const struct apache_run *run, uint32_t i)
{
	return ((const struct wsr_cond *)pool_at(&run->records, i))->flags & OR_NEXT;
}

/* All waiting conditions as one tree: runs joined by [OR] below one AND. */
static uint32_t take_conditions(struct lower *l, struct apache_section *s, const struct node *n)
{
	struct apache_run *run = &s->conditions;
	struct cond_builder b;
	if (run->records.count == 0)
		return WSR_NONE;
	cond_init(&b);
	uint32_t all = cond_open(l, &b, WSR_COND_AND, 0, n->span);
	for (uint32_t i = 0; i < run->records.count; i++) {
		uint32_t any = cond_open(l, &b, WSR_COND_OR, 0, n->span);
		add_waiting(l, &b, run, i);
		while (or_next(run, i))
			add_waiting(l, &b, run, ++i);
		if (ends_in_or(run, i))
			cond_leaf(l, &b, (struct wsr_cond){ .op = WSR_COND_TRUE }, n->span);
		cond_close(&b, any);
	}
	cond_close(&b, all);
	uint32_t tree = cond_done(l, &b);
	cond_free(&b);
	run->records.count = run->places.count = 0;
	return tree;
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

static void redirect_flag(struct rule_build *b, struct flag_reader *r, struct wsr_str value)
{
	uint64_t status = 302;
	if (is_word(value, "permanent"))
		status = 301;
	else if (is_word(value, "seeother"))
		status = 303;
	else if (value.len && !is_word(value, "temp") && (!value_uint(value, &status) || status < 100 || status > 599))
		bad_flag(r, value, "no status");
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
static void env_flag(struct rule_build *b, struct flag_reader *r, struct wsr_str value)
{
	bool unset = value.len && value.ptr[0] == '!';
	if (unset)
		value = wsr_str(value.ptr + 1, value.len - 1);
	const char *colon = value.len ? memchr(value.ptr, ':', value.len) : NULL;
	struct wsr_str name = colon ? wsr_str(value.ptr, (size_t)(colon - value.ptr)) : value;
	struct wsr_str text = colon ? wsr_str(colon + 1, value.len - name.len - 1) : WSR_STR("");
	if (name.len == 0) {
		bad_flag(r, value, "E needs NAME:value, found");
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
	return is_word(field, "true") || is_word(field, "1") || is_word(field, word);
}

/* CO=name:value:domain[:minutes[:path[:secure[:httponly[:samesite]]]]]; a ";" in front makes that the separator. */
static void cookie_flag(struct rule_build *b, struct flag_reader *r, struct wsr_str value)
{
	bool semicolons = value.len && value.ptr[0] == ';';
	char separator = semicolons ? ';' : ':';
	struct wsr_str rest = semicolons ? wsr_str(value.ptr + 1, value.len - 1) : value, f[8];
	for (size_t i = 0; i < 8; i++)
		f[i] = next_field(&rest, separator);
	uint64_t minutes = 0;
	if (f[0].len == 0 || f[1].ptr == NULL || f[2].len == 0) {
		bad_flag(r, value, "CO needs name:value:domain, found");
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
	if (f[7].len && !is_word(f[7], "0") && !is_word(f[7], "false")) {
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

static void count_flag(struct flag_reader *r, struct wsr_str value, uint64_t max, uint64_t *out)
{
	if (!value_uint(value, out) || *out > max) {
		bad_flag(r, value, "no number that can be used:");
		*out = 0;
	}
}

/* @return false if no flag has this name */
static bool rule_flag(struct rule_build *b, struct flag_reader *r, struct wsr_str key, struct wsr_str value)
{
	uint64_t n = 0;
	for (size_t i = 0; i < sizeof(plain_flags) / sizeof(*plain_flags); i++)
		if (is_word(key, plain_flags[i].short_name) || is_word(key, plain_flags[i].long_name)) {
			b->rule.flags |= plain_flags[i].bits;
			return true;
		}
	if (is_word(key, "R") || is_word(key, "redirect")) {
		redirect_flag(b, r, value);
	} else if (is_word(key, "NC") || is_word(key, "nocase")) {
		b->nocase = true;
	} else if (is_word(key, "F") || is_word(key, "forbidden")) {
		status_flag(b, 403);
	} else if (is_word(key, "G") || is_word(key, "gone")) {
		status_flag(b, 410);
	} else if (is_word(key, "S") || is_word(key, "skip")) {
		count_flag(r, value, UINT16_MAX, &n);
		b->rule.skip = (uint16_t)n;
	} else if (is_word(key, "N") || is_word(key, "next")) {
		b->rule.flags |= WSR_RULE_NEXT;
		if (value.len)
			count_flag(r, value, 32000, &n);
		b->rule.limit = (uint32_t)n;
	} else if (is_word(key, "E") || is_word(key, "env")) {
		env_flag(b, r, value);
	} else if (is_word(key, "CO") || is_word(key, "cookie")) {
		cookie_flag(b, r, value);
	} else if (is_word(key, "B") || is_word(key, "escapebackreferences") || is_word(key, "BNE") || is_word(key, "BCTLS")) {
		b->rule.flags |= is_word(key, "BNE") ? 0 : WSR_RULE_B;
		if (is_word(key, "BNE"))
			b->escape_not = value;
		else if (is_word(key, "BCTLS"))
			b->escape_controls = true;
		else if (value.len)
			b->escape_only = value;
		else
			b->escape_all = true;
	} else if (is_word(key, "T") || is_word(key, "type")) {
		b->rule.type = apache_rewrite_text(r->l, r->node, r->word, value);
	} else if (is_word(key, "H") || is_word(key, "handler")) {
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
	struct flag_reader r;
	struct wsr_str key, value;
	if (node_arg_count(n) < 3 || !flags_begin(&r, l, n, 2))
		return;
	while (flags_next(&r, &key, &value))
		if (!rule_flag(b, &r, key, value))
			bad_flag(&r, key, "RewriteRule has no flag");
}

/* --- RewriteRule ---------------------------------------------------------------------------------------------------------- */

/* Is the first segment of a path written out? Then it may be the name of a folder on this machine (prefix_stat). */
static bool first_segment_written(struct wsr_str s)
{
	if (s.len < 2 || s.ptr[0] != '/')
		return false;
	const char *slash = memchr(s.ptr + 1, '/', s.len - 1);
	struct wsr_str first = wsr_str(s.ptr, slash ? (size_t)(slash - s.ptr) : s.len);
	return !memchr(first.ptr, '$', first.len) && !memchr(first.ptr, '%', first.len);
}

/* In a virtual host every path begins with a slash, so "^foo" matches nothing. */
static void warn_of_slash(struct lower *l, const struct level *lv, const struct node *n, struct wsr_str pattern)
{
	bool letter = pattern.len > 1 && pattern.ptr[0] == '^' && ((pattern.ptr[1] | 0x20) >= 'a' && (pattern.ptr[1] | 0x20) <= 'z');
	if (!letter || !in_host(lv->section) || memchr(pattern.ptr, '|', pattern.len))
		return;
	struct diag *d = diag_at(l->cc, CHECK_REWRITE_MISLED, node_arg(n, 0)->span, "outside of <Directory> every path begins with '/': '%s' never matches",
				 diag_quote(l->cc, pattern.ptr, pattern.len));
	diag_note(l->cc, d, SPAN_NONE, "write '^/%.*s'", (int)pattern.len - 1, pattern.ptr + 1);
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

void lower_apache_rewrite_rule(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_str pattern = arg_str(n, 0), target = arg_str(n, 1);
	struct rule_build b = { .rule = { .target = WSR_NONE, .type = WSR_NONE, .handler = WSR_NONE } };
	(void)arg;
	pool_init(&b.env, sizeof(struct wsr_env_op));
	pool_init(&b.env_places, sizeof(struct plan_place));
	pool_init(&b.cookies, sizeof(uint32_t));
	read_rule_flags(l, n, &b);
	settle_escapes(l, &b);
	build_lists(l, &b);
	apache_rewrite_check_upgrade(l, n, b.rule.flags);
	b.rule.condition = take_conditions(l, lv->section, n);
	if (pattern.len && pattern.ptr[0] == '!') {
		b.rule.flags |= WSR_RULE_NOT;
		pattern = wsr_str(pattern.ptr + 1, pattern.len - 1);
	} else {
		warn_of_slash(l, lv, n, pattern);
	}
	b.rule.regex = lower_regex(l, n, node_arg(n, 0), pattern, b.nocase);
	if (wsr_str_eq(target, WSR_STR("-")))
		b.rule.flags |= WSR_RULE_NOTHING;
	if (!(b.rule.flags & WSR_RULE_NOTHING)) {
		/* a '?' at the end drops the query and begins none (mod_rewrite.c: RULEFLAG_QSNONE) */
		if (target.len && target.ptr[target.len - 1] == '?' && b.rule.flags & WSR_RULE_QSA) {
			b.rule.flags |= WSR_RULE_QSL;
		} else if (target.len && target.ptr[target.len - 1] == '?') {
			target.len--;
			b.rule.flags |= WSR_RULE_QSNONE;
		}
		b.rule.target = apache_rewrite_text(l, n, node_arg(n, 1), target);
		b.rule.flags |= first_segment_written(target) ? WSR_RULE_PREFIX_STAT : 0;
	}
	apache_push(l, &lv->section->rewrites, &b.rule, n);
}

/* --- the section is complete ---------------------------------------------------------------------------------------------- */

/* RewriteOptions of a server: Inherit and InheritBefore here, InheritDown and InheritDownBefore in the main server. */
static bool has_option(const struct node *server, const char *name)
{
	bool found = false;
	NODE_EACH_CHILD(c, server)
		if (lowered_by(c, lower_apache_rewrite_options))
			for (unsigned i = 0; i < node_arg_count(c); i++)
				found |= is_word(arg_str(c, i), name);
	return found;
}

static void lower_rules_of(struct lower *l, struct level *lv, const struct node *server)
{
	NODE_EACH_CHILD(c, server)
		if (lowered_by(c, lower_apache_rewrite_rule) || lowered_by(c, lower_apache_rewrite_cond))
			lowering_of(c->def)->fn(l, lv, c, lowering_of(c->def)->arg);
}

/* A virtual host that says nothing of mod_rewrite, not even in a section, takes over no rules (mod_rewrite.c: hook_uri2file, "the ugly API case"). */
static bool speaks_of_rewriting(const struct node *block)
{
	NODE_EACH_CHILD(c, block)
		if (lowered_by(c, lower_apache_rewrite_engine) || lowered_by(c, lower_apache_rewrite_options) || lowered_by(c, lower_apache_rewrite_base) ||
		    lowered_by(c, lower_apache_rewrite_cond) || lowered_by(c, lower_apache_rewrite_rule) || lowered_by(c, lower_apache_rewrite_map) || speaks_of_rewriting(c))
			return true;
	return false;
}

static void inherit(struct lower *l, struct level *lv, struct apache_section *s)
{
	const struct node *main_server = s->host->main->node;
	bool down = !has_option(s->node, "IgnoreInherit");
	bool before = has_option(s->node, "InheritBefore") || (down && has_option(main_server, "InheritDownBefore"));
	bool behind = has_option(s->node, "Inherit") || (down && has_option(main_server, "InheritDown"));
	if (!(s->layer.flags & (WSR_LAYER_REWRITE_ON | WSR_LAYER_REWRITE_OFF)))
		NODE_EACH_CHILD(c, main_server)
			if (lowered_by(c, lower_apache_rewrite_engine))
				lower_apache_rewrite_engine(l, lv, c, 0);
	if ((!before && !behind) || !speaks_of_rewriting(s->node))
		return;
	struct apache_run own = s->rewrites;
	if (before) {
		pool_init(&s->rewrites.records, sizeof(struct wsr_rewrite_rule));
		pool_init(&s->rewrites.places, sizeof(struct plan_place));
	}
	lower_rules_of(l, lv, main_server);
	if (before) {
		apache_append(&s->rewrites, &own);
		pool_free(&own.records);
		pool_free(&own.places);
	}
}

void apache_rewrite_done(struct lower *l, struct level *lv, struct apache_section *s)
{
	if (s->conditions.records.count > 0)
		diag_at(l->cc, CHECK_REWRITE_MISLED, node_head_span(s->node), "the last RewriteCond of this section has no RewriteRule behind it: it does nothing");
	s->conditions.records.count = s->conditions.places.count = 0;
	if (in_host(s) && s->host->main)
		inherit(l, lv, s);
	bool on = s->layer.flags & WSR_LAYER_REWRITE_ON;
	if (in_host(s) && s->rewrites.records.count > 0 && !on)
		diag_at(l->cc, CHECK_REWRITE_MISLED, node_head_span(s->node), "RewriteRule without 'RewriteEngine On': the rules do nothing");
}
