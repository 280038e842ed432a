/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Environment variables, and lists of Apache hosts and sections while they are collected, and how they get into the plan. In: records without positions and the statements they come
 * from. Out: interned runs; one layer per section, one host per virtual host.
 */
#include "compiler/apache_rewrite.h"

void apache_run_init(struct apache_run *run, uint32_t stride)
{
	pool_init(&run->records, stride);
	pool_init(&run->places, sizeof(struct plan_place));
}

void apache_run_free(struct apache_run *run)
{
	pool_free(&run->records);
	pool_free(&run->places);
}

void apache_push(struct lower *l, struct apache_run *run, const void *record, const struct node *n)
{
	struct plan_place place = lower_place(l, n->span);
	pool_push(&run->records, record);
	pool_push(&run->places, &place);
}

void apache_append(struct apache_run *run, const struct apache_run *from)
{
	for (uint32_t i = 0; i < from->records.count; i++) {
		pool_push(&run->records, pool_at(&from->records, i));
		pool_push(&run->places, pool_at(&from->places, i));
	}
}

struct wsr_list apache_intern(struct lower *l, struct apache_run *run, struct pool *target, size_t pos_offset)
{
	return plan_run_at(l->plan, target, run->records.data, run->records.count, pos_offset, (const struct plan_place *)(void *)run->places.data);
}

uint32_t apache_env_slot(struct lower *l, struct wsr_str name)
{
	/* variables of nginx have no colon in their names, so the two cannot meet */
	char *key = arena_alloc(&l->cc->arena, name.len + 4);
	memcpy(key, "env:", 4);
	memcpy(key + 4, name.ptr, name.len);
	wsr_sref ref = plan_str(l->plan, wsr_str(key, name.len + 4));
	struct pool_entry *e = index_at(&l->variables, ref);
	if (e->first == WSR_NONE) {
		struct wsr_variable v = { .name = ref, .kind = WSR_VARIABLE_CAPTURE, .map = WSR_NONE };
		e->first = pool_push(&l->plan->variable, &v);
		pool_reserve(&l->variable_info, 1);
	}
	return e->first;
}

void apache_section_init(struct apache_section *s, struct apache_host *host, const struct node *n, enum wsr_layer_kind kind)
{
	*s = (struct apache_section){ .host = host, .node = n };
	s->layer = (struct wsr_layer){
		.kind = (uint8_t)kind, .regex = WSR_NONE, .condition = WSR_NONE, .location = WSR_NONE, .pass = WSR_NONE, .require = WSR_NONE,
		.hosts = WSR_NONE, .auth = WSR_NONE,
	};
	apache_run_init(&s->env, sizeof(struct wsr_env_op));
	apache_run_init(&s->rewrites, sizeof(struct wsr_rewrite_rule));
	apache_run_init(&s->aliases, sizeof(struct wsr_alias_rule));
	apache_run_init(&s->reverses, sizeof(struct wsr_reverse));
	apache_run_init(&s->request_headers, sizeof(struct wsr_header_op));
	apache_run_init(&s->response_headers, sizeof(struct wsr_header_op));
	apache_run_init(&s->conditions, sizeof(struct wsr_cond));
}

static void section_free(struct apache_section *s)
{
	struct apache_run *runs[] = { &s->env, &s->rewrites, &s->aliases, &s->reverses, &s->request_headers, &s->response_headers, &s->conditions };
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
		apache_run_free(runs[i]);
}

void apache_section_done(struct lower *l, struct level *lv, struct apache_section *s)
{
	struct plan *p = l->plan;
	apache_env_done(l, lv, s);
	apache_rewrite_done(l, lv, s);
	apache_access_done(l, s);
	struct wsr_location location = { .proxy = WSR_NONE, .program = WSR_NONE, .scope = WSR_NONE };
	location.body = level_body(l, lv, WSR_LOCATION_SERVER, 0, plan_str(p, wsr_str("", 0)), WSR_NONE);
	s->layer.location = plan_record_at(p, &p->location, &location, offsetof(struct wsr_location, pos), lower_place(l, s->node->span));
	memcpy(s->layer.set, lv->set, sizeof(s->layer.set));
	s->layer.env = apache_intern(l, &s->env, &p->env_op, offsetof(struct wsr_env_op, pos));
	s->layer.rewrites = apache_intern(l, &s->rewrites, &p->rewrite_rule, offsetof(struct wsr_rewrite_rule, pos));
	s->layer.aliases = apache_intern(l, &s->aliases, &p->alias_rule, offsetof(struct wsr_alias_rule, pos));
	s->layer.reverses = apache_intern(l, &s->reverses, &p->reverse, offsetof(struct wsr_reverse, pos));
	s->layer.request_headers = apache_intern(l, &s->request_headers, &p->header_op, offsetof(struct wsr_header_op, pos));
	s->layer.response_headers = apache_intern(l, &s->response_headers, &p->header_op, offsetof(struct wsr_header_op, pos));
	apache_push(l, &s->host->layers, &s->layer, s->node);
	section_free(s);
}

void apache_host_init(struct apache_host *h, struct apache_host *main_server, const struct node *n)
{
	*h = (struct apache_host){ .main = main_server, .node = n };
	apache_run_init(&h->passes, sizeof(struct wsr_pass));
	apache_run_init(&h->workers, sizeof(struct wsr_worker));
	apache_run_init(&h->trusted, sizeof(struct wsr_access_rule));
	apache_run_init(&h->layers, sizeof(struct wsr_layer));
}

/* What the main server has comes first (mod_proxy: create_proxy_config, merge_proxy_config). */
static struct wsr_list intern_behind(struct lower *l, const struct apache_run *first, struct apache_run *own, struct pool *target, size_t pos_offset)
{
	struct apache_run all;
	apache_run_init(&all, own->records.stride);
	if (first)
		apache_append(&all, first);
	apache_append(&all, own);
	struct wsr_list list = apache_intern(l, &all, target, pos_offset);
	apache_run_free(&all);
	return list;
}

uint32_t apache_host_done(struct lower *l, struct apache_host *h)
{
	struct plan *p = l->plan;
	const struct apache_host *m = h->main;
	h->record.layers = apache_intern(l, &h->layers, &p->layer, offsetof(struct wsr_layer, pos));
	h->record.passes = intern_behind(l, m ? &m->passes : NULL, &h->passes, &p->pass, offsetof(struct wsr_pass, pos));
	h->record.workers = intern_behind(l, m ? &m->workers : NULL, &h->workers, &p->worker, offsetof(struct wsr_worker, pos));
	h->record.trusted = apache_intern(l, &h->trusted, &p->access_rule, offsetof(struct wsr_access_rule, pos));
	uint32_t index = plan_record_at(p, &p->host, &h->record, offsetof(struct wsr_host, pos), lower_place(l, h->node->span));
	apache_run_free(&h->passes);
	apache_run_free(&h->workers);
	apache_run_free(&h->trusted);
	apache_run_free(&h->layers);
	return index;
}
