/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checked tree -> plan: the order of the whole. First the process-wide settings; then in http, whatever the order of the text, what others
 * refer to by name (formats, maps, upstreams), then the settings of http itself, then the servers, then the addresses with their names.
 * Defaults are statements of the directive table and pass through the same functions before anything else.
 */
#include "compiler/apache_host.h"
#include "compiler/iis.h"
#include "compiler/lower_httpd.h"
#include "compiler/lower_program.h"

#include <stdlib.h>

#include "compiler/value.h"

/* --- what a row stands for ------------------------------------------------------------------------------------------- */

enum lower_id {
#define LOWER(name, class, function, argument) LOWER_ID_##name,
#include "compiler/lowering.def"
	LOWER_ID_COUNT
};

static const struct lowering lowerings[] = {
#define LOWER(name, class, function, argument) { lower_##function, argument, LOWER_##class },
#include "compiler/lowering.def"
};

static const uint16_t row_lowering[] = {
#define D(dialect, name, contexts, signature, default_text, policy, verdict, lowering, sentence, note) LOWER_ID_##lowering,
#include "grammar/directives.def"
};
_Static_assert(LOWER_ID_COUNT <= 65535, "row_lowering");

const struct lowering *lowering_of(const struct directive *def)
{
	return &lowerings[row_lowering[def->ordinal]];
}

void lower_nothing(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)lv, (void)n, (void)arg;
}

/* --- places ---------------------------------------------------------------------------------------------------------- */

/* Index of file_name: the main file by its last component (a table does not depend on the folder it is made in), others as printed. */
static uint32_t file_index(struct lower *l, uint32_t file)
{
	struct pool_entry *e = index_at(&l->files, file);
	if (e->first == WSR_NONE) {
		const char *name = source_name(l->cc, file), *slash = strrchr(name, '/');
		wsr_sref ref = plan_str(l->plan, wsr_cstr(file == 0 && slash ? slash + 1 : name));
		e->first = pool_push(&l->plan->file_name, &ref);
	}
	return e->first;
}

struct plan_place lower_place(struct lower *l, struct span at)
{
	struct plan_place p = { 0 };
	if (at.file == SOURCE_NONE || source_at(l->cc, at.file)->builtin)
		return p;
	if (at.file != l->last_file) {
		l->last_file = at.file;
		l->last_file_name = file_index(l, at.file);
	}
	p.file = l->last_file_name;
	source_position(l->cc, at.file, at.start, &p.line, &p.column);
	return p;
}

uint32_t lower_pos(struct lower *l, const struct node *n)
{
	return plan_pos(l->plan, lower_place(l, n->span));
}

/* --- levels ---------------------------------------------------------------------------------------------------------- */

void level_child(struct level *child, const struct level *parent)
{
	*child = *parent;
	memset(child->set, 0, sizeof(child->set));
	child->access_set = child->trusted_set = false;
}

void level_forget_try_files(struct level *child)
{
	if (child->s.file.try_files.count) {
		child->s.file.try_files = (struct wsr_list){ 0, 0 };
		child->group[PLAN_GROUP_file] = WSR_NONE;
	}
}

void level_mark(struct level *lv, enum plan_setting cell)
{
	lv->set[cell / 64] |= UINT64_C(1) << (cell % 64);
	lv->group[plan_setting_info[cell].group] = WSR_NONE;
}

void level_apply(struct lower *l, struct level *lv, const struct node *block)
{
	NODE_EACH_CHILD(n, block) {
		if (lower_class_of(n) != LOWER_SETTING)
			continue;
		const struct lowering *how = lowering_of(n->def);
		how->fn(l, lv, n, how->arg);
	}
}

void level_groups(struct lower *l, struct level *lv)
{
	struct { struct pool *pool; const void *rec; } groups[PLAN_GROUPS] = {
		{ &l->plan->core, &lv->s.core }, { &l->plan->fileset, &lv->s.file }, { &l->plan->logset, &lv->s.log },
		{ &l->plan->proxyset, &lv->s.proxy }, { &l->plan->fieldset, &lv->s.fields },
	};
	for (unsigned g = 0; g < PLAN_GROUPS; g++)
		if (lv->group[g] == WSR_NONE)
			lv->group[g] = pool_intern(groups[g].pool, groups[g].rec);
}

uint32_t level_body(struct lower *l, struct level *lv, uint8_t kind, uint8_t flags, wsr_sref name, uint32_t regex)
{
	level_groups(l, lv);
	struct wsr_body body = {
		.kind = kind, .flags = flags, .name = name, .regex = regex,
		.core = lv->group[PLAN_GROUP_core], .file = lv->group[PLAN_GROUP_file], .log = lv->group[PLAN_GROUP_log],
		.proxyset = lv->group[PLAN_GROUP_proxy], .fieldset = lv->group[PLAN_GROUP_fields], .access = lv->access,
		.trusted = lv->trusted,
	};
	return pool_intern(&l->plan->body, &body);
}

/* Nothing set: templates and MIME tables are absent, all else is zero. */
static void level_init(struct level *lv, struct server_level *server)
{
	*lv = (struct level){ .server = server };
	*server = (struct server_level){ 0 };
	tls_stapling_defaults(&server->tls);
	for (unsigned g = 0; g < PLAN_GROUPS; g++)
		lv->group[g] = WSR_NONE;
	for (unsigned i = 0; i < SET_COUNT; i++) {
		const struct plan_setting_info *info = &plan_setting_info[i];
		uint32_t none = WSR_NONE;
		if (info->kind == PLAN_KIND_TMPL || info->kind == PLAN_KIND_MIME)
			memcpy((char *)&lv->s + info->offset, &none, sizeof(none));
	}
}

/* --- process-wide settings ------------------------------------------------------------------------------------------- */

static struct wsr_global *global(struct lower *l)
{
	return pool_at(&l->plan->global, 0);
}

void lower_user(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv, (void)arg;
	wsr_sref user = plan_str(l->plan, arg_str(n, 0));
	global(l)->user = user;
	/* nginx: the group is the user's name when it is not given */
	global(l)->group = node_arg_count(n) > 1 ? plan_str(l->plan, arg_str(n, 1)) : user;
}

void lower_pid(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv, (void)arg;
	global(l)->pid = plan_str(l->plan, arg_str(n, 0));
}

void lower_worker_processes(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv, (void)arg;
	uint64_t v = 0;
	if (!word_is(node_arg(n, 0), "auto"))
		value_uint(arg_str(n, 0), &v);
	global(l)->worker_processes = (uint32_t)v;
}

static void put_global(struct lower *l, unsigned offset, uint32_t v)
{
	memcpy((char *)global(l) + offset, &v, sizeof(v));
}

void lower_global_uint(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	(void)lv;
	uint64_t v = 0;
	value_uint(arg_str(n, 0), &v);
	put_global(l, offset, (uint32_t)(v < UINT32_MAX ? v : UINT32_MAX));
}

void lower_global_flag(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	(void)lv;
	put_global(l, offset, word_is(node_arg(n, 0), "on"));
}

void lower_worker_shutdown_timeout(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv, (void)arg;
	uint64_t ms = 0;
	value_duration_ms(arg_str(n, 0), false, &ms);
	global(l)->worker_shutdown_timeout_ms = ms;
}

static void apply_globals(struct lower *l, struct level *lv, const struct node *block)
{
	NODE_EACH_CHILD(n, block) {
		unsigned class = lower_class_of(n);
		const struct lowering *how = class == LOWER_NOTHING ? NULL : lowering_of(n->def);
		if (class == LOWER_GLOBAL || class == LOWER_SETTING)
			how->fn(l, lv, n, how->arg);
		if (node_is(n, "events"))
			apply_globals(l, lv, n);
	}
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

#define C_SETTINGS (C_MAIN | C_EVENTS | C_HTTP | C_SERVER | C_LOCATION)

/* The defaults of all rows, as if they stood at the beginning. */
static void apply_defaults(struct lower *l, struct level *lv)
{
	l->defaults = true;
	for (unsigned i = 0; i < directive_count(); i++) {
		const struct directive *def = directive_row(i);
		const struct lowering *how = lowering_of(def);
		const struct node *n;
		if (!(def->contexts & C_SETTINGS) || (how->class != LOWER_SETTING && how->class != LOWER_GLOBAL) || how->fn == lower_proxy_redirect)
			continue;
		if ((n = directive_default(l->cc, def)) != NULL)
			how->fn(l, lv, n, how->arg);
	}
	lower_default_types(l, lv);
	l->defaults = false;
	memset(lv->set, 0, sizeof(lv->set));
	lv->server->certificates_set = lv->server->keys_set = lv->server->ticket_keys_set = false;
}

/* Names that `map` and `set` define, so that a name such as $http_connection_upgrade is known as ours before its definition is reached. */
static void collect_variables(struct lower *l, const struct node *block)
{
	NODE_EACH_CHILD(n, block) {
		if (lowered_by(n, lower_map))
			lower_variable_define(l, n, node_arg(n, 1), WSR_VARIABLE_MAP);
		else if (lowered_by(n, lower_set))
			lower_variable_define(l, n, node_arg(n, 0), WSR_VARIABLE_SET);
		else if (n->block)
			collect_variables(l, n);
	}
}

static void each_block(struct lower *l, struct level *lv, const struct node *http, lower_fn fn)
{
	NODE_EACH_CHILD(n, http)
		if (lowered_by(n, fn))
			fn(l, lv, n, 0);
}

static void lower_http(struct lower *l, const struct level *main_level, const struct node *n)
{
	struct level lv;
	level_child(&lv, main_level);
	l->collecting = true;
	collect_variables(l, n);
	l->collecting = false;
	httpd_defaults(l, &lv, n);
	httpd_named(l, n);
	each_block(l, &lv, n, lower_log_format);
	each_block(l, &lv, n, lower_map);
	each_block(l, &lv, n, lower_upstream);
	level_apply(l, &lv, n);
	lower_level_redirects(l, &lv, n);
	lv.server->certificates_set = lv.server->keys_set = lv.server->ticket_keys_set = false;
	global(l)->default_body = level_body(l, &lv, WSR_LOCATION_SERVER, 0, plan_str(l->plan, wsr_str("", 0)), WSR_NONE);
	each_block(l, &lv, n, lower_server);
	lower_listens(l);
}

static void lower_init(struct lower *l, struct compiler *cc, struct plan *plan)
{
	*l = (struct lower){ .cc = cc, .plan = plan, .last_file = SOURCE_NONE };
	pool_init(&l->variable_info, sizeof(struct lower_variable));
	pool_init(&l->parts, sizeof(struct wsr_part));
	pool_init(&l->scratch, 1);
	pool_init(&l->places, sizeof(struct plan_place));
	pool_init(&l->insns, sizeof(struct wsr_insn));
	pool_init(&l->exempt, sizeof(struct wsr_access_rule));
	pool_init(&l->exempt_places, sizeof(struct plan_place));
	pool_init(&l->insn_places, sizeof(struct plan_place));
	lower_servers_init(l);
	lower_scopes_init(l);
}

static void lower_free(struct lower *l)
{
	struct pool *pools[] = {
		&l->variable_info, &l->shape_scratch, &l->shape_keys, &l->shape_info, &l->parts, &l->scratch, &l->places, &l->insns,
		&l->insn_places, &l->apache_maps, &l->exempt, &l->exempt_places, &l->listens, &l->uses, &l->names, &l->servers, &l->items, &l->named,
	};
	struct pool_index *indexes[] = {
		&l->variables, &l->upstreams, &l->log_formats, &l->regexes, &l->shapes, &l->listen_index,
		&l->namesets, &l->files, &l->apache_conditions, &l->lookups, &l->conditions,
	};
	for (size_t i = 0; i < sizeof(pools) / sizeof(*pools); i++)
		pool_free(pools[i]);
	for (size_t i = 0; i < sizeof(indexes) / sizeof(*indexes); i++)
		index_free(indexes[i]);
}

static void lower_release(void *object)
{
	lower_free(object);
}

bool lower_config(struct compiler *cc, struct plan *plan)
{
	struct lower *l = ARENA_NEW(&cc->arena, struct lower);
	struct level lv;
	struct server_level server;
	lower_init(l, cc, plan);
	arena_on_free(&cc->arena, lower_release, l); /* running out of memory leaves this function by longjmp */
	level_init(&lv, &server);
	pool_reserve(&plan->global, 1);
	file_index(l, 0);
	wsr_sref origin = *(wsr_sref *)pool_at(&plan->file_name, 0);
	wsr_sref compiler = plan_str(plan, WSR_STR("wsrpc " WSR_VERSION));
	global(l)->origin = origin;
	global(l)->compiler = compiler;
	apply_defaults(l, &lv);
	if (cc->dialect == DIALECT_NGINX)
		apply_globals(l, &lv, cc->root);
	global(l)->error_log = (uint32_t)lv.s.log.error_log;
	memset(lv.set, 0, sizeof(lv.set));
	if (cc->dialect == DIALECT_APACHE)
		lower_apache(l, &lv);
	else if (cc->dialect == DIALECT_IIS)
		lower_iis(l, &lv);
	NODE_EACH_CHILD(n, cc->root)
		if (node_is(n, "http") && !n->bad)
			lower_http(l, &lv, n);
	lower_variables_check(l);
	global(l)->exempt = plan_run_at(plan, &plan->access_rule, l->exempt.data, l->exempt.count, offsetof(struct wsr_access_rule, pos),
					(struct plan_place *)(void *)l->exempt_places.data);
	if (plan->body.count == 0)
		global(l)->default_body = level_body(l, &lv, WSR_LOCATION_SERVER, 0, plan_str(plan, wsr_str("", 0)), WSR_NONE);
	lower_free(l);
	return !diag_failed(cc);
}
