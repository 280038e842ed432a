/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `httpd { }` of a server, in our own language: a server with it runs the phases of httpd (wsr_httpd_run). In: the checked block, whose statements stand each
 * for one record. Out: a host with its layers, in the order of the text: sections are laid over each other as they stand, nothing is sorted.
 *
 * The settings that nginx has are written as nginx has them: in the server for the host itself, in a section for the section.
 */
#include "compiler/lower_httpd.h"

#include "compiler/apache_host.h"
#include "compiler/value.h"

static const char block_name[] = "httpd";

const struct node *httpd_block(const struct node *server)
{
	NODE_EACH_CHILD(n, server)
		if (n->block && !n->bad && n->def && strcmp(n->def->name, block_name) == 0)
			return n;
	return NULL;
}

/* --- http: defaults, lookup, condition --------------------------------------------------------------------------------- */

void httpd_defaults(struct lower *l, struct level *lv, const struct node *http)
{
	NODE_EACH_CHILD(n, http)
		if (lowered_by(n, lower_httpd_defaults_row)) {
			apache_default_settings(l, lv);
			return;
		}
}

void lower_httpd_defaults_row(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	lower_nothing(l, lv, n, arg);
}

/* lookup NAME [exact] { key value; ... } */
static void read_lookup(struct lower *l, const struct node *n)
{
	struct plan_table table;
	uint32_t count = 0;
	bool exact = node_arg_count(n) > 1;
	struct wsr_map map = { .source = plan_tmpl(l->plan, NULL, 0), .default_value = plan_tmpl(l->plan, NULL, 0), .flags = exact ? WSR_MAP_EXACT : 0, .pos = lower_pos(l, n) };
	NODE_EACH_CHILD(c, n)
		count++;
	plan_table_init(&table, count);
	NODE_EACH_CHILD(c, n) {
		struct wsr_str key = word_str(&c->words[0]);
		if (c->bad || c->word_count != 2)
			continue;
		if (c->words[0].quote == WORD_PLAIN && wsr_str_eq(key, WSR_STR("default"))) {
			map.default_value = lower_tmpl_arg(l, c, 0);
			continue;
		}
		if (key.len && key.ptr[0] == '\\')
			key = wsr_str(key.ptr + 1, key.len - 1);
		if (plan_table_add(&table, l->plan, exact ? plan_str(l->plan, key) : plan_str_lower(l->plan, key), lower_tmpl_arg(l, c, 0)))
			diag_at(l->cc, CHECK_MAP_DUPLICATE, c->words[0].span, "a second value for '%s' in one lookup", diag_quote(l->cc, key.ptr, key.len));
	}
	map.slots = plan_table_done(&table, &l->plan->map_slot);
	index_at(&l->lookups, plan_str(l->plan, arg_str(n, 0)))->first = pool_push(&l->plan->map, &map);
}

static void read_condition(struct lower *l, const struct node *n)
{
	struct words w = { .l = l, .n = n, .at = 1 };
	uint32_t tree = words_condition(&w);
	if (tree != WSR_NONE)
		index_at(&l->conditions, plan_str(l->plan, arg_str(n, 0)))->first = tree;
}

void lower_httpd_lookup(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	lower_nothing(l, lv, n, arg);
}

void lower_httpd_condition(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	lower_nothing(l, lv, n, arg);
}

void httpd_named(struct lower *l, const struct node *http)
{
	l->httpd = true;
	NODE_EACH_CHILD(n, http)
		if (lowered_by(n, lower_httpd_lookup))
			read_lookup(l, n);
	NODE_EACH_CHILD(n, http)
		if (lowered_by(n, lower_httpd_condition))
			read_condition(l, n);
	l->httpd = false;
}

static uint32_t find(struct lower *l, const struct pool_index *index, struct wsr_str name)
{
	const struct pool_entry *e = index_find(index, plan_str(l->plan, name));
	return e ? e->first : WSR_NONE;
}

uint32_t httpd_lookup_find(struct lower *l, struct wsr_str name)
{
	return find(l, &l->lookups, name);
}

uint32_t httpd_condition_find(struct lower *l, struct wsr_str name)
{
	return find(l, &l->conditions, name);
}

/* --- settings that nginx does not have ----------------------------------------------------------------------------------- */

/* none NAME...: settings of wsr_settings.def that are to have no value here. */
void lower_httpd_none(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		unsigned cell = 0;
		while (cell < SET_COUNT && (plan_setting_info[cell].kind == PLAN_KIND_U64 || !word_is(node_arg(n, i), plan_setting_info[cell].name)))
			cell++;
		if (cell == SET_COUNT) {
			diag_at(l->cc, CHECK_ARGUMENT, node_arg(n, i)->span, "'%s' is no setting that can have no value", diag_quote(l->cc, node_arg(n, i)->text, node_arg(n, i)->len));
			continue;
		}
		unsigned kind = plan_setting_info[cell].kind;
		uint64_t v = kind == PLAN_KIND_TMPL || kind == PLAN_KIND_MIME ? WSR_NONE : 0;
		memcpy((char *)&lv->s + plan_setting_info[cell].offset, &v, sizeof(v));
		level_mark(lv, (enum plan_setting)cell);
	}
}

/* One word of an enumeration: those of proxy_ssl_verify_chain, or of the checks of a certificate. */
void lower_httpd_words(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	static const char *const checks[] = { "off", "on", "default" };
	uint64_t v = word_is(node_arg(n, 0), "no_ca") ? WSR_PROXY_VERIFY_CHAIN_NO_CA : WSR_PROXY_VERIFY_CHAIN;
	(void)l;
	for (uint64_t i = 0; cell != SET_proxy_ssl_verify && i < 3; i++)
		if (word_is(node_arg(n, 0), checks[i]))
			v = i;
	memcpy((char *)&lv->s + plan_setting_info[cell].offset, &v, sizeof(v));
	level_mark(lv, (enum plan_setting)cell);
}

void lower_httpd_server_port(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t v = 0;
	(void)l, (void)arg;
	value_uint(arg_str(n, 0), &v);
	lv->section->host->record.canonical_port = (uint32_t)v;
}

/* --- rows of a section --------------------------------------------------------------------------------------------------- */

void lower_httpd_rewrite_base(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->section->layer.rewrite_base = plan_str(l->plan, arg_str(n, 0));
}

/* arg: where the condition lies in the layer. */
void lower_httpd_access(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	struct words w = { .l = l, .n = n };
	uint32_t tree = words_condition(&w);
	memcpy((char *)&lv->section->layer + offset, &tree, sizeof(tree));
}

const struct httpd_name httpd_rewrite_options[] = {
	{ "inherit", WSR_REWRITE_INHERIT }, { "inherit_before", WSR_REWRITE_INHERIT_BEFORE }, { "inherit_down", WSR_REWRITE_INHERIT_DOWN },
	{ "inherit_down_before", WSR_REWRITE_INHERIT_DOWN_BEFORE }, { "ignore_inherit", WSR_REWRITE_IGNORE_INHERIT }, { "merge_base", WSR_REWRITE_MERGE_BASE },
	{ "no_slash", WSR_REWRITE_NO_SLASH }, { "none", 0 }, { NULL, 0 },
};

void lower_httpd_rewrite_options(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	lv->section->layer.rewrite_options = WSR_REWRITE_SAID;
	for (unsigned i = 0; i < node_arg_count(n); i++)
		for (const struct httpd_name *o = httpd_rewrite_options; o->name; o++)
			if (word_is(node_arg(n, i), o->name))
				lv->section->layer.rewrite_options |= o->bits;
}

void lower_httpd_require_merge(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	const struct word *w = node_arg(n, 0);
	unsigned merge = word_is(w, "and") ? WSR_MERGE_AND : word_is(w, "or") ? WSR_MERGE_OR : WSR_MERGE_OFF;
	(void)l, (void)arg;
	lv->section->layer.flags = (uint8_t)((lv->section->layer.flags & ~WSR_LAYER_MERGE) | merge << WSR_LAYER_MERGE_SHIFT);
}

/* auth [basic] [off] [realm=TEXT] [users=FILE] [groups=FILE] */
void lower_httpd_auth(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_auth a = { .realm = WSR_NONE };
	struct words w = { .l = l, .n = n };
	struct wsr_str v;
	(void)arg;
	while (!w.failed && !words_end(&w)) {
		if (words_take(&w, "basic"))
			a.flags |= WSR_AUTH_BASIC;
		else if (words_take(&w, "off"))
			a.flags |= WSR_AUTH_NONE;
		else if (words_keyed(&w, "realm", &v))
			a.realm = lower_template(l, n, node_arg(n, w.at - 1), v, 0);
		else if (words_keyed(&w, "users", &v))
			a.user_file = plan_str(l->plan, v);
		else if (words_keyed(&w, "groups", &v))
			a.group_file = plan_str(l->plan, v);
		else
			words_wrong(&w, "basic, off, realm=, users= or groups= is wanted");
	}
	lv->section->layer.auth = plan_record_at(l->plan, &l->plan->auth, &a, offsetof(struct wsr_auth, pos), lower_place(l, n->span));
}

/* --- sections ------------------------------------------------------------------------------------------------------------ */

static const struct { const char *word; uint8_t kind, match; } kinds[] = {
	{ "directory", WSR_LAYER_DIRECTORY, WSR_LAYER_DIRECTORY_MATCH }, { "files", WSR_LAYER_FILES, WSR_LAYER_FILES_MATCH },
	{ "proxy", WSR_LAYER_PROXY, WSR_LAYER_PROXY_MATCH }, { "location", WSR_LAYER_LOCATION, WSR_LAYER_LOCATION_MATCH },
};

/* Sections of the block before `n`; WSR_NONE: none has the label. The host's own layer is number 0. */
static uint32_t labelled(const struct node *block, const struct node *n, struct wsr_str label)
{
	uint32_t ordinal = 0;
	for (const struct node *c = block->first_child; c && c != n; c = c->next) {
		if (!lowered_by(c, lower_httpd_section))
			continue;
		ordinal++;
		for (unsigned i = 0; i + 1 < node_arg_count(c) && i < 3; i++)
			if (word_is(node_arg(c, i), "as") && wsr_str_eq(arg_str(c, i + 1), label))
				return ordinal;
	}
	return WSR_NONE;
}

static void section_name(struct words *w, struct wsr_layer *y)
{
	size_t k = 0;
	while (k < sizeof(kinds) / sizeof(*kinds) && !words_take(w, kinds[k].word))
		k++;
	if (k == sizeof(kinds) / sizeof(*kinds)) {
		words_wrong(w, "directory, files, proxy, location or if is wanted");
		return;
	}
	y->kind = words_take(w, "~") ? kinds[k].match : kinds[k].kind;
	const struct word *name = words_next(w, "the name of the section is wanted");
	w->failed |= name && !apache_section_name(w->l, w->n, name, y);
}

/* section [as LABEL] [inside LABEL] KIND [~] NAME [if CONDITION], section ... if CONDITION */
static bool section_head(struct lower *l, const struct node *block, const struct node *n, struct wsr_layer *y)
{
	struct words w = { .l = l, .n = n };
	if (words_take(&w, "as"))
		words_next(&w, "a label is wanted");
	if (words_take(&w, "inside")) {
		const struct word *label = words_next(&w, "the label of a section is wanted");
		uint32_t around = label ? labelled(block, n, word_str(label)) : WSR_NONE;
		if (around == WSR_NONE && label) {
			w.at--;
			words_wrong(&w, "no section above is labelled so with 'as'");
		}
		y->inside = (uint16_t)(around + 1);
	}
	if (words_take(&w, "if")) {
		y->kind = WSR_LAYER_IF;
		y->condition = words_condition(&w);
		return !w.failed;
	}
	section_name(&w, y);
	y->condition = words_if(&w);
	return !w.failed;
}

/* Statements of locations that have no place in a section. */
static bool belongs(struct lower *l, const struct node *n)
{
	if (n->def->contexts & C_SECTION || (lower_class_of(n) == LOWER_SETTING && !lowered_by(n, lower_proxy_pass) && !lowered_by(n, lower_alias) &&
	    !lowered_by(n, lower_access_rule) && !lowered_by(n, lower_proxy_redirect)) || (lower_class_of(n) == LOWER_NOTHING && !n->block))
		return true;
	diag_at(l->cc, CHECK_WRONG_CONTEXT, node_head_span(n), "'%s' has no effect in a section: it belongs into a location", n->def->name);
	return false;
}

static void section(struct lower *l, const struct level *host_level, struct apache_host *host, const struct node *n)
{
	struct level lv;
	struct apache_section s;
	level_child(&lv, host_level);
	lv.server = NULL;
	lv.section = &s;
	apache_section_init(&s, host, n, WSR_LAYER_LOCATION);
	if (section_head(l, n->parent, n, &s.layer))
		NODE_EACH_CHILD(c, n)
			if (c->def && !c->bad && belongs(l, c) && lower_class_of(c) == LOWER_SETTING)
				lowering_of(c->def)->fn(l, &lv, c, lowering_of(c->def)->arg);
	apache_section_done(l, &lv, &s);
}

/* Entered by httpd_host(). */
void lower_httpd_section(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	lower_nothing(l, lv, n, arg);
}

/* --- the host ------------------------------------------------------------------------------------------------------------ */

static void check_company(struct lower *l, const struct node *server, const struct node *block)
{
	NODE_EACH_CHILD(n, server)
		if (lower_class_of(n) == LOWER_REWRITE || lowered_by(n, lower_location)) {
			struct diag *d = diag_at(l->cc, CHECK_WRONG_CONTEXT, node_head_span(n), "'%s' beside 'httpd' in one server", n->def->name);
			diag_note(l->cc, d, node_head_span(block), "a server runs the phases of nginx or those of httpd");
		}
}

/* Expressions of IIS are read without httpd's options. */
static bool is_iis(const struct node *block)
{
	NODE_EACH_CHILD(n, block)
		if (n->def && !n->bad && strcmp(n->def->name, "iis") == 0)
			return word_is(node_arg(n, 0), "on");
	return false;
}

uint32_t httpd_host(struct lower *l, struct level *server_level, const struct node *server)
{
	const struct node *block = httpd_block(server);
	struct level lv = *server_level;
	struct apache_host host;
	struct apache_section s;
	uint32_t sections = 0;
	check_company(l, server, block);
	l->httpd = !is_iis(block);
	apache_host_init(&host, NULL, block);
	apache_section_init(&s, &host, block, WSR_LAYER_HOST);
	lv.section = &s;
	level_apply(l, &lv, block);
	memset(lv.set, 0, sizeof(lv.set)); /* the first layer is what the others are laid over */
	apache_section_done(l, &lv, &s);
	lv.section = NULL;
	NODE_EACH_CHILD(n, block) {
		if (!lowered_by(n, lower_httpd_section))
			continue;
		if (++sections == UINT16_MAX - 2)
			diag_at(l->cc, CHECK_VALUE, node_head_span(n), "more than %u sections in one host", UINT16_MAX - 2);
		if (sections < UINT16_MAX - 2)
			section(l, &lv, &host, n);
	}
	uint32_t index = apache_host_done(l, &host);
	l->httpd = false;
	return index;
}

/* Entered by lower_server(). */
void lower_httpd_block(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	lower_nothing(l, lv, n, arg);
}
