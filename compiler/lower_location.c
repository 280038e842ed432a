/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locations: the scopes of a server and of nested locations, each with its radix trie and its list of regular expressions. Locations of one scope
 * have consecutive records; equal scopes (same paths in the same order) share trie and list, because ordinals in them are relative.
 * Which blocks are refused, and with which words, follows nginx (ngx_http_core_location, ngx_http_join_exact_locations).
 */
#include "compiler/lower_program.h"

#include "compiler/trie.h"

struct scope_shape { uint32_t trie; struct wsr_list regexes; };

/* --- what a location is ---------------------------------------------------------------------------------------------- */

static bool bad_modifier(struct lower *l, const struct node *n)
{
	struct diag *d = diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "invalid location modifier '%s'", diag_quote(l->cc, node_arg(n, 0)->text, node_arg(n, 0)->len));
	diag_note(l->cc, d, SPAN_NONE, "modifiers are =, ~, ~* and ^~");
	return false;
}

/* Cut a modifier that touches its path ("=/x", "~*\.png$"), or take the word before it. */
static bool read_modifier(struct lower *l, const struct node *n, struct location *loc, bool *caseless)
{
	struct wsr_str mod = WSR_STR_NULL, name = arg_str(n, 0);
	if (node_arg_count(n) > 1) {
		mod = name;
		name = arg_str(n, 1);
	} else if (name.len) {
		size_t len = name.ptr[0] == '=' ? 1 : name.ptr[0] == '~' ? 1 + (name.len > 1 && name.ptr[1] == '*') :
			name.len > 1 && name.ptr[0] == '^' && name.ptr[1] == '~' ? 2 : 0;
		mod = wsr_str(name.ptr, len);
		name = wsr_str(name.ptr + len, name.len - len);
	}
	*caseless = wsr_str_eq(mod, WSR_STR("~*"));
	loc->name = name;
	loc->kind = WSR_LOCATION_PREFIX;
	if (mod.len == 0)
		loc->kind = name.len && name.ptr[0] == '@' ? WSR_LOCATION_NAMED : WSR_LOCATION_PREFIX;
	else if (wsr_str_eq(mod, WSR_STR("=")))
		loc->kind = WSR_LOCATION_EXACT;
	else if (wsr_str_eq(mod, WSR_STR("~")) || *caseless)
		loc->kind = WSR_LOCATION_REGEX;
	else if (wsr_str_eq(mod, WSR_STR("^~")))
		loc->flags |= WSR_LOCATION_NOREGEX;
	else
		return bad_modifier(l, n);
	return true;
}

static void nesting_error(struct lower *l, const struct location *loc, const char *why)
{
	const struct location *outer = loc->outer;
	struct diag *d = diag_at(l->cc, CHECK_LOCATION_NESTING, node_head_span(loc->node), "location '%s' %s '%s'",
		diag_quote(l->cc, loc->name.ptr, loc->name.len), why, diag_quote(l->cc, outer->name.ptr, outer->name.len));
	diag_note(l->cc, d, node_head_span(outer->node), "the location around it");
}

static void check_nesting(struct lower *l, const struct location *loc)
{
	const struct location *outer = loc->outer;
	if (!outer)
		return;
	if (outer->kind == WSR_LOCATION_EXACT)
		nesting_error(l, loc, "cannot be inside the exact location");
	else if (outer->kind == WSR_LOCATION_NAMED)
		nesting_error(l, loc, "cannot be inside the named location");
	else if (loc->kind == WSR_LOCATION_NAMED)
		nesting_error(l, loc, "is named and can stand on the server level only, not in");
	else if (loc->kind != WSR_LOCATION_REGEX && (loc->name.len < outer->name.len || memcmp(loc->name.ptr, outer->name.ptr, outer->name.len) != 0))
		nesting_error(l, loc, "is outside location");
}

static void read_location(struct lower *l, const struct node *n, struct location *outer, struct location *loc)
{
	bool caseless = false;
	*loc = (struct location){ .node = n, .outer = outer, .regex = WSR_NONE, .proxy = WSR_NONE };
	if (!read_modifier(l, n, loc, &caseless))
		return;
	check_nesting(l, loc);
	if (loc->kind == WSR_LOCATION_REGEX)
		loc->regex = lower_regex(l, n, node_arg(n, node_arg_count(n) - 1), loc->name, caseless);
	else if (loc->kind != WSR_LOCATION_NAMED && (!loc->name.len || loc->name.ptr[0] != '/'))
		diag_at(l->cc, CHECK_ROUTE_UNREACHABLE, node_head_span(n), "a path starts with '/': no request is ever in location '%s'",
			diag_quote(l->cc, loc->name.ptr, loc->name.len));
}

/* --- settings that depend on the location ----------------------------------------------------------------------------- */

/*
 * The rule that nginx makes for `proxy_redirect default` (ngx_http_proxy_merge_loc_conf): the target's URL becomes the location's path, or "/" when
 * there is no URI part.
 */
static struct wsr_redirect_rule default_redirect(struct lower *l, const struct location *loc)
{
	struct wsr_redirect_rule rule = { 0 };
	if (loc->proxy_uri_len) {
		rule.from = plan_tmpl_const(l->plan, loc->proxy_url);
		rule.to = plan_tmpl_const(l->plan, loc->proxy_location);
	} else {
		char *from = arena_alloc(&l->cc->arena, loc->proxy_url.len + 1);
		memcpy(from, loc->proxy_url.ptr, loc->proxy_url.len);
		from[loc->proxy_url.len] = '/';
		rule.from = plan_tmpl_const(l->plan, wsr_str(from, loc->proxy_url.len + 1));
		rule.to = plan_tmpl_const(l->plan, WSR_STR("/"));
	}
	return rule;
}

#define REDIRECT_RULES_MAX 64u

static bool redirect_rule(struct lower *l, const struct location *loc, const struct node *n, struct wsr_redirect_rule *rule)
{
	*rule = (struct wsr_redirect_rule){ 0 };
	if (node_arg_count(n) == 1) {
		if (!loc || !loc->proxy_node || !loc->proxy_url.len) {
			diag_at(l->cc, CHECK_VALUE, n->span, loc && loc->proxy_node ? "'proxy_redirect default' cannot be used with a 'proxy_pass' with variables" :
				"'proxy_redirect default' needs a 'proxy_pass' in the same block");
			return false;
		}
		*rule = default_redirect(l, loc);
		return true;
	}
	struct wsr_str from = arg_str(n, 0);
	if (from.len && from.ptr[0] == '~') {
		bool caseless = from.len > 1 && from.ptr[1] == '*';
		rule->flags = WSR_REDIRECT_REGEX;
		rule->from = lower_regex(l, n, node_arg(n, 0), wsr_str(from.ptr + 1 + caseless, from.len - 1 - caseless), caseless);
	} else {
		rule->from = lower_tmpl_arg(l, n, 0);
	}
	rule->to = lower_tmpl_arg(l, n, 1);
	return true;
}

/* All proxy_redirect statements of a block, after its proxy_pass is known. */
static void redirect_rules(struct lower *l, struct level *lv, const struct node *block)
{
	struct wsr_redirect_rule rules[REDIRECT_RULES_MAX];
	struct plan_place places[REDIRECT_RULES_MAX];
	uint32_t count = 0;
	const struct node *given = NULL;
	bool off = false;
	NODE_EACH_CHILD(n, block) {
		if (!lowered_by(n, lower_proxy_redirect))
			continue;
		bool this_off = node_arg_count(n) == 1 && word_is(node_arg(n, 0), "off");
		if (given && (off || this_off)) {
			struct diag *d = diag_at(l->cc, CHECK_DUPLICATE_DIRECTIVE, n->span, "'proxy_redirect off' stands alone in a block");
			diag_note(l->cc, d, given->span, "another one is here");
		}
		given = n;
		if (this_off) {
			off = true;
		} else if (count == REDIRECT_RULES_MAX) {
			diag_at(l->cc, CHECK_VALUE, n->span, "more than %u proxy_redirect rules in one block", REDIRECT_RULES_MAX);
		} else if (redirect_rule(l, lv->location, n, &rules[count])) {
			places[count++] = lower_place(l, n->span);
		}
	}
	if (given) {
		lv->redirect_off = off;
		lv->s.fields.proxy_redirect = plan_run_at(l->plan, &l->plan->redirect_rule, rules, off ? 0 : count, offsetof(struct wsr_redirect_rule, pos), places);
		level_mark(lv, SET_proxy_redirect);
	}
	const struct location *loc = lv->location;
	if (!lv->redirect_off && lv->s.fields.proxy_redirect.count == 0 && loc && loc->proxy_url.len) {
		rules[0] = default_redirect(l, loc);
		places[0] = (struct plan_place){ 0 }; /* nobody wrote it: equal ones are one record, wherever they act */
		lv->s.fields.proxy_redirect = plan_run_at(l->plan, &l->plan->redirect_rule, rules, 1, offsetof(struct wsr_redirect_rule, pos), places);
		level_mark(lv, SET_proxy_redirect);
	}
}

void lower_proxy_redirect(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)lv, (void)n, (void)arg; /* redirect_rules() reads all of them at once */
}

static void recipe_incomplete(struct lower *l, const struct level *lv, const struct location *loc, const char *missing)
{
	struct diag *d = diag_at(l->cc, CHECK_WS_UPGRADE_INCOMPLETE, lv->recipe_node->span, "no WebSocket passes here: %s", missing);
	diag_note(l->cc, d, loc->proxy_node->span, "for this target; 'websocket on;' alone does the same as the three lines");
}

/* The three lines of proxy_set_header and proxy_http_version become `websocket on`, unless something is missing or websocket is written. */
static void apply_recipe(struct lower *l, struct level *lv)
{
	const struct location *loc = lv->location;
	if (!loc || !loc->proxy_node || lv->recipe == RECIPE_NONE || lv->websocket_written)
		return;
	uint64_t websocket = WSR_WEBSOCKET_OFF;
	if (lv->recipe == RECIPE_NO_CONNECTION)
		recipe_incomplete(l, lv, loc, "'Upgrade' is set and 'Connection' is not");
	else if (lv->s.proxy.proxy_http_version == 10)
		recipe_incomplete(l, lv, loc, "'proxy_http_version 1.0' has no upgrade");
	else
		websocket = WSR_WEBSOCKET_ON;
	if (websocket == WSR_WEBSOCKET_ON && !lv->http_version_written)
		diag_at(l->cc, CHECK_WS_HTTP_VERSION, lv->recipe_node->span,
			"nginx before 1.29.7 needs 'proxy_http_version 1.1' as well; here it is the default");
	if (lv->s.proxy.websocket != websocket) {
		lv->s.proxy.websocket = websocket;
		level_mark(lv, SET_websocket);
	}
}

/* ws: and wss: targets are for tunnels. */
static void apply_scheme(struct lower *l, struct level *lv)
{
	const struct location *loc = lv->location;
	if (!loc || loc->proxy == WSR_NONE || lv->websocket_written)
		return;
	const struct wsr_proxy *p = pool_at(&l->plan->proxy, loc->proxy);
	if (p->flags & WSR_PROXY_WS && lv->s.proxy.websocket == WSR_WEBSOCKET_OFF) {
		lv->s.proxy.websocket = WSR_WEBSOCKET_ON;
		level_mark(lv, SET_websocket);
	}
}

/* What nginx wants for https targets (ngx_http_proxy_merge_loc_conf). */
static void check_upstream_tls(struct lower *l, const struct level *lv)
{
	const struct location *loc = lv->location;
	if (!loc || loc->proxy == WSR_NONE || !(((struct wsr_proxy *)pool_at(&l->plan->proxy, loc->proxy))->flags & WSR_PROXY_TLS))
		return;
	if (lv->s.proxy.proxy_ssl_verify && !lv->s.proxy.proxy_ssl_trusted_certificate.v)
		diag_at(l->cc, CHECK_TLS_CERTIFICATE_MISSING, loc->proxy_node->span, "'proxy_ssl_verify' without 'proxy_ssl_trusted_certificate': no certificate would be trusted");
	if (lv->s.proxy.proxy_ssl_certificate.v && !lv->s.proxy.proxy_ssl_certificate_key.v)
		diag_at(l->cc, CHECK_TLS_CERTIFICATE_MISSING, loc->proxy_node->span, "'proxy_ssl_certificate' without 'proxy_ssl_certificate_key'");
}

/*
 * An alias goes on replacing the path of the location it stands in: what nested locations inherit says how many bytes that are. One in a regular
 * expression's location replaces everything, which only expressions nested in it can inherit.
 */
static void inherit_alias(struct lower *l, struct level *lv)
{
	const struct location *loc = lv->location;
	if (lv->s.file.alias != 1 || level_has(lv, SET_root) || !loc || !loc->outer || loc->kind == WSR_LOCATION_IF)
		return;
	if (loc->outer->kind != WSR_LOCATION_REGEX) {
		lv->s.file.alias = 2 + loc->outer->name.len;
		lv->group[PLAN_GROUP_file] = WSR_NONE;
	} else if (loc->kind != WSR_LOCATION_REGEX) {
		diag_at(l->cc, CHECK_VALUE, node_head_span(loc->node),
			"the 'alias' around this location replaces whole paths: write 'alias' or 'root' here");
	}
}

/* Everything that holds in a block of a location. */
static void location_settings(struct lower *l, struct level *lv, const struct node *block)
{
	level_apply(l, lv, block);
	redirect_rules(l, lv, block);
	apply_scheme(l, lv);
	apply_recipe(l, lv);
	check_upstream_tls(l, lv);
	inherit_alias(l, lv);
}

void lower_level_redirects(struct lower *l, struct level *lv, const struct node *block)
{
	redirect_rules(l, lv, block);
}

/* --- records --------------------------------------------------------------------------------------------------------- */

static void finish_location(struct lower *l, struct level *lv, const struct location *loc, uint32_t program, uint32_t scope)
{
	struct wsr_location record = {
		.body = level_body(l, lv, loc->kind, loc->flags, plan_str(l->plan, loc->name), loc->regex),
		.proxy = loc->proxy, .program = program, .scope = scope, .pos = lower_pos(l, loc->node),
	};
	memcpy(pool_at(&l->plan->location, loc->index), &record, sizeof(record));
}

uint32_t lower_if_location(struct lower *l, struct level *lv, const struct node *n)
{
	struct level inner;
	struct location loc = *lv->location;
	level_child(&inner, lv);
	level_forget_try_files(&inner);
	loc.node = n;
	loc.kind = WSR_LOCATION_IF;
	loc.flags = 0;
	loc.regex = WSR_NONE;
	loc.index = pool_reserve(&l->plan->location, 1);
	/* proxy_pass of the location holds unless the block has its own */
	inner.location = &loc;
	location_settings(l, &inner, n);
	finish_location(l, &inner, &loc, WSR_NONE, WSR_NONE);
	return loc.index;
}

static void lower_one(struct lower *l, const struct level *parent, struct location *loc, unsigned depth)
{
	struct level lv;
	level_child(&lv, parent);
	level_forget_try_files(&lv);
	lv.location = loc;
	lv.server = NULL;
	location_settings(l, &lv, loc->node);
	uint32_t program = lower_program(l, &lv, loc->node);
	uint32_t scope = lower_scope(l, &lv, loc->node, depth + 1);
	finish_location(l, &lv, loc, program, scope);
	if (loc->kind == WSR_LOCATION_NAMED) {
		struct wsr_named named = { l->current_server, plan_str(l->plan, loc->name), loc->index };
		pool_push(&l->named, &named);
	}
}

/* --- scopes ---------------------------------------------------------------------------------------------------------- */

static bool same_route(const struct location *a, const struct location *b)
{
	return a->kind == b->kind && a->regex == b->regex && wsr_str_eq(a->name, b->name);
}

/* Runs once per distinct shape; with many locations the trie's own sorting would do, but a message needs both places. */
static void check_duplicates(struct lower *l, const struct location *items, uint32_t count)
{
	struct pool_index seen = { 0 };
	for (uint32_t i = 0; i < count; i++) {
		wsr_sref name = plan_str(l->plan, items[i].name);
		uint64_t key = (uint64_t)name << 8 | items[i].kind;
		struct pool_entry *e = index_at(&seen, key);
		if (e->first == WSR_NONE) {
			e->first = i;
		} else if (same_route(&items[e->first], &items[i])) {
			bool refused = items[i].kind == WSR_LOCATION_PREFIX || items[i].kind == WSR_LOCATION_EXACT;
			struct diag *d = diag_at(l->cc, refused ? CHECK_LOCATION_DUPLICATE : CHECK_ROUTE_DUPLICATE, node_head_span(items[i].node),
				"a second location '%s'%s", diag_quote(l->cc, items[i].name.ptr, items[i].name.len), refused ? "" : ": it never gets a request");
			diag_note(l->cc, d, node_head_span(items[e->first].node), "the first one is here");
		}
	}
	index_free(&seen);
}

/* Trie and list of regular expressions for these locations. */
static struct scope_shape build_shape(struct lower *l, const struct location *items, uint32_t count)
{
	struct trie_item *paths = arena_alloc(&l->cc->arena, count * sizeof(*paths));
	uint32_t *regexes = arena_alloc(&l->cc->arena, count * sizeof(*regexes)), path_count = 0, regex_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (items[i].kind == WSR_LOCATION_REGEX)
			regexes[regex_count++] = i;
		else if (items[i].kind != WSR_LOCATION_NAMED)
			paths[path_count++] = (struct trie_item){ items[i].name, i, items[i].kind == WSR_LOCATION_EXACT };
	}
	struct scope_shape shape = { .trie = trie_build(l->plan, paths, path_count) };
	shape.regexes = pool_run(&l->plan->scope_regex, regexes, regex_count);
	return shape;
}

/* The shape of a scope, shared by all scopes with the same kinds and names in the same order. */
static struct scope_shape find_shape(struct lower *l, const struct location *items, uint32_t count)
{
	l->shape_scratch.count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t key[2] = { plan_str(l->plan, items[i].name), (uint32_t)items[i].kind << 8 | items[i].flags };
		pool_push(&l->shape_scratch, key);
	}
	struct wsr_list run = pool_run(&l->shape_keys, l->shape_scratch.data, count);
	struct pool_entry *e = index_at(&l->shapes, (uint64_t)run.first << 32 | run.count);
	if (e->first != WSR_NONE)
		return *(struct scope_shape *)pool_at(&l->shape_info, e->first);
	check_duplicates(l, items, count);
	struct scope_shape shape = { .trie = WSR_NONE };
	if (!diag_failed(l->cc)) /* duplicates would stand in the way */
		shape = build_shape(l, items, count);
	index_at(&l->shapes, (uint64_t)run.first << 32 | run.count)->first = pool_push(&l->shape_info, &shape);
	return shape;
}

uint32_t lower_scope(struct lower *l, struct level *lv, const struct node *block, unsigned depth)
{
	uint32_t first = l->items.count;
	NODE_EACH_CHILD(n, block) {
		struct location loc;
		if (!lowered_by(n, lower_location))
			continue;
		read_location(l, n, lv->location, &loc);
		pool_push(&l->items, &loc);
	}
	uint32_t count = l->items.count - first;
	if (count == 0)
		return WSR_NONE;
	if (depth >= WSR_MAX_SCOPE_DEPTH) {
		diag_at(l->cc, CHECK_LOCATION_NESTING, node_head_span(block), "more than %u locations inside each other", WSR_MAX_SCOPE_DEPTH);
		return WSR_NONE;
	}
	struct scope_shape shape = find_shape(l, pool_at(&l->items, first), count);
	struct wsr_scope record = { .loc_count = count, .trie = shape.trie, .regexes = shape.regexes };
	record.loc_base = pool_reserve(&l->plan->location, count);
	uint32_t scope = pool_push(&l->plan->scope, &record);
	for (uint32_t i = 0; i < count; i++) {
		/* a copy: deeper scopes make the pool of items grow */
		struct location loc = *(struct location *)pool_at(&l->items, first + i);
		loc.index = record.loc_base + i;
		lower_one(l, lv, &loc, depth);
	}
	l->items.count = first;
	return scope;
}

/* Locations are entered by lower_scope() once the settings around them are known. */
void lower_location(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)lv, (void)n, (void)arg;
}

void lower_scopes_init(struct lower *l)
{
	pool_init(&l->items, sizeof(struct location));
	pool_init(&l->named, sizeof(struct wsr_named));
	pool_init(&l->shape_scratch, 2 * sizeof(uint32_t));
	pool_init(&l->shape_keys, 2 * sizeof(uint32_t));
	pool_init(&l->shape_info, sizeof(struct scope_shape));
}
