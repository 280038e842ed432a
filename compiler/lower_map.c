/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map: a user variable whose value depends on another string. Strings go into a hash table in lower case, regular expressions into a list in
 * the order of the text, tried after the strings (nginx: ngx_http_map_find). Maps that need each other's value are refused.
 */
#include "compiler/lower.h"

struct map_build {
	struct lower *l;
	struct wsr_map map;
	struct plan_table table;
	struct pool regexes;        /* struct wsr_map_regex */
	const struct node *fallback;
};

static void conflict(struct map_build *b, const struct node *c)
{
	diag_at(b->l->cc, CHECK_MAP_DUPLICATE, c->words[0].span, "a second value for '%s' in one map", diag_quote(b->l->cc, c->words[0].text, c->words[0].len));
}

/* "hostnames" takes the shapes of server_name: nothing but one asterisk as the first or last label. */
static bool hostname_valid(struct wsr_str key)
{
	for (size_t i = 0; i < key.len; i++) {
		if (key.ptr[i] == '.' && i + 1 < key.len && key.ptr[i + 1] == '.')
			return false;
		if (key.ptr[i] == '*' && !(i == 0 && key.len > 2 && key.ptr[1] == '.') && !(i > 0 && i + 1 == key.len && key.ptr[i - 1] == '.'))
			return false;
	}
	return true;
}

static void map_entry(struct map_build *b, const struct node *c)
{
	struct lower *l = b->l;
	const struct word *w = &c->words[0];
	struct wsr_str key = word_str(w);
	if (c->word_count == 1) {
		b->map.flags |= wsr_str_eq(key, WSR_STR("hostnames")) ? WSR_MAP_HOSTNAMES : WSR_MAP_VOLATILE;
		return;
	}
	if (wsr_str_eq(key, WSR_STR("default"))) {
		if (b->fallback)
			conflict(b, c);
		b->fallback = c;
		b->map.default_value = lower_tmpl_arg(l, c, 0);
		return;
	}
	uint32_t value = lower_tmpl_arg(l, c, 0);
	if (key.len && key.ptr[0] == '~') {
		bool caseless = key.len > 1 && key.ptr[1] == '*';
		struct wsr_map_regex r = { lower_regex(l, c, w, wsr_str(key.ptr + 1 + caseless, key.len - 1 - caseless), caseless), value };
		pool_push(&b->regexes, &r);
		return;
	}
	if (key.len && key.ptr[0] == '\\')
		key = wsr_str(key.ptr + 1, key.len - 1);
	if (b->map.flags & WSR_MAP_HOSTNAMES && !hostname_valid(key))
		diag_at(l->cc, CHECK_VALUE, w->span, "invalid hostname or wildcard '%s'", diag_quote(l->cc, key.ptr, key.len));
	if (plan_table_add(&b->table, l->plan, plan_str_lower(l->plan, key), value))
		conflict(b, c);
}

static bool is_entry(const struct node *c)
{
	return lowered_by(c, lower_map_entry);
}

/* Entries are read by lower_map(). */
void lower_map_entry(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	lower_nothing(l, lv, n, arg);
}

void lower_map(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	uint32_t slot = lower_variable_define(l, n, node_arg(n, 1), WSR_VARIABLE_MAP), count = 0;
	if (slot == WSR_NONE)
		return;
	struct map_build b = { .l = l };
	b.map.source = lower_tmpl_arg(l, n, 0);
	b.map.default_value = plan_tmpl(l->plan, NULL, 0);
	b.map.pos = lower_pos(l, n);
	NODE_EACH_CHILD(c, n)
		count += is_entry(c) && c->word_count == 2;
	plan_table_init(&b.table, count);
	pool_init(&b.regexes, sizeof(struct wsr_map_regex));
	NODE_EACH_CHILD(c, n)
		if (is_entry(c))
			map_entry(&b, c);
	b.map.slots = plan_table_done(&b.table, &l->plan->map_slot);
	b.map.regexes = pool_run(&l->plan->map_regex, b.regexes.data, b.regexes.count);
	pool_free(&b.regexes);
	uint32_t index = pool_push(&l->plan->map, &b.map);
	((struct wsr_variable *)pool_at(&l->plan->variable, slot))->map = index;
	if (!b.fallback)
		diag_at(l->cc, CHECK_MAP_WITHOUT_DEFAULT, n->words[0].span, "a map without 'default': other input gives the empty string");
}
