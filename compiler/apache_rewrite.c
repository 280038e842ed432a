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

#define OR_NEXT   0x80u         /* in flags of a waiting condition: [OR] */
#define COPY_TREE WSR_COND_LAST /* op of a waiting condition: `a` is the root of a tree that is interned already */

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
	y->flags |= apache_is_word(arg_str(n, 0), "on") ? WSR_LAYER_REWRITE_ON : WSR_LAYER_REWRITE_OFF;
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
		bool known = false, inert = option.len > 12 && apache_is_word(wsr_str(option.ptr, 13), "maxredirects=");
		for (size_t k = 0; k < sizeof(rewrite_options) / sizeof(*rewrite_options); k++)
			if (apache_is_word(option, rewrite_options[k].name)) {
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

/* --- RewriteCond ---------------------------------------------------------------------------------------------------------- */

struct cond_flags { bool nocase, or_next; };

static struct cond_flags read_cond_flags(struct lower *l, const struct node *n)
{
	struct cond_flags f = { false, false };
	struct apache_flags r;
	struct wsr_str key, value;
	if (node_arg_count(n) < 3 || !apache_flags_begin(&r, l, n, 2))
		return f;
	while (apache_flags_next(&r, &key, &value)) {
		if (apache_is_word(key, "NC") || apache_is_word(key, "nocase"))
			f.nocase = true;
		else if (apache_is_word(key, "OR") || apache_is_word(key, "ornext"))
			f.or_next = true;
		else if (!apache_is_word(key, "NV") && !apache_is_word(key, "novary"))
			apache_flag_bad(&r, key, "RewriteCond has no flag");
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
	if (apache_is_word(arg_str(n, 0), "expr")) {
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

void lower_apache_rewrite_rule(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_str pattern = arg_str(n, 0), target = arg_str(n, 1);
	struct wsr_rewrite_rule rule = { .target = WSR_NONE, .type = WSR_NONE, .handler = WSR_NONE };
	(void)arg;
	bool nocase = apache_rewrite_flags(l, n, &rule);
	apache_rewrite_check_upgrade(l, n, rule.flags);
	rule.condition = take_conditions(l, lv->section, n);
	if (pattern.len && pattern.ptr[0] == '!') {
		rule.flags |= WSR_RULE_NOT;
		pattern = wsr_str(pattern.ptr + 1, pattern.len - 1);
	} else {
		warn_of_slash(l, lv, n, pattern);
	}
	rule.regex = lower_regex(l, n, node_arg(n, 0), pattern, nocase);
	if (wsr_str_eq(target, WSR_STR("-")))
		rule.flags |= WSR_RULE_NOTHING;
	if (!(rule.flags & WSR_RULE_NOTHING)) {
		/* a '?' at the end drops the query and begins none (mod_rewrite.c: RULEFLAG_QSNONE) */
		if (target.len && target.ptr[target.len - 1] == '?' && rule.flags & WSR_RULE_QSA) {
			rule.flags |= WSR_RULE_QSL;
		} else if (target.len && target.ptr[target.len - 1] == '?') {
			target.len--;
			rule.flags |= WSR_RULE_QSNONE;
		}
		rule.target = apache_rewrite_text(l, n, node_arg(n, 1), target);
		rule.flags |= first_segment_written(target) ? WSR_RULE_PREFIX_STAT : 0;
	}
	apache_push(l, &lv->section->rewrites, &rule, n);
}

/* --- the section is complete ---------------------------------------------------------------------------------------------- */

/* RewriteOptions of a server: Inherit and InheritBefore here, InheritDown and InheritDownBefore in the main server. */
static bool has_option(const struct node *server, const char *name)
{
	bool found = false;
	NODE_EACH_CHILD(c, server)
		if (lowered_by(c, lower_apache_rewrite_options))
			for (unsigned i = 0; i < node_arg_count(c); i++)
				found |= apache_is_word(arg_str(c, i), name);
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
