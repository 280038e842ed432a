/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Main server and virtual hosts: settings, lists that are inherited, names. In: the checked tree of an Apache configuration. Out: a server with its host for each
 * <VirtualHost>, and one for the main server where a request can reach it. Which of them an address leads to is decided in apache_listen.c.
 *
 * Inheritance as httpd's modules have it: settings of the main server hold in every virtual host; its header fields and variables come before the host's own,
 * its aliases behind them; its rewrite rules stay with it.
 */
#include "compiler/apache_engine.h"
#include "compiler/apache_host.h"

#include "compiler/apache_worker.h"
#include "compiler/value.h"

/* --- names --------------------------------------------------------------------------------------------------------------- */

/* [scheme://]name[:port] */
static void server_name(struct lower *l, struct apache_vhost *v, const struct node *n)
{
	struct wsr_str s = arg_str(n, 0);
	const char *scheme = s.len > 3 ? memmem(s.ptr, s.len, "://", 3) : NULL;
	if (scheme)
		s = wsr_str(scheme + 3, s.len - (size_t)(scheme + 3 - s.ptr));
	const char *colon = s.len && s.ptr[0] != '[' ? memrchr(s.ptr, ':', s.len) : NULL;
	uint64_t port = 0;
	if (colon) {
		if (!value_uint(wsr_str(colon + 1, s.len - (size_t)(colon + 1 - s.ptr)), &port) || port < 1 || port > 65535)
			diag_at(l->cc, CHECK_ADDRESS, node_arg(n, 0)->span, "'%s' is no port", diag_quote(l->cc, colon + 1, s.len - (size_t)(colon + 1 - s.ptr)));
		s.len = (size_t)(colon - s.ptr);
	}
	v->name = s;
	v->name_node = n;
	v->host.record.canonical_port = (uint32_t)port;
}

void lower_apache_server_name(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (lv->section->host->vhost)
		server_name(l, lv->section->host->vhost, n);
}

/* ServerAlias is read when names are collected (apache_listen.c), all of a host at once. */
void lower_apache_server_alias(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)lv, (void)n, (void)arg;
}

void lower_apache_server_admin(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->section->host->record.admin = plan_str(l->plan, arg_str(n, 0));
}

void lower_apache_host_flag(struct lower *l, struct level *lv, const struct node *n, unsigned flag)
{
	(void)l;
	struct wsr_host *h = &lv->section->host->record;
	h->flags &= ~flag;
	if (word_is_nocase(node_arg(n, 0), "on"))
		h->flags |= flag;
}

void lower_apache_trace(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	struct wsr_host *h = &lv->section->host->record;
	h->flags &= ~WSR_HOST_NO_TRACE;
	if (word_is_nocase(node_arg(n, 0), "off"))
		h->flags |= WSR_HOST_NO_TRACE;
}

void lower_apache_encoded_slashes(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	struct wsr_host *h = &lv->section->host->record;
	h->flags &= ~(WSR_HOST_SLASHES_ON | WSR_HOST_SLASHES_NODECODE);
	if (word_is_nocase(node_arg(n, 0), "on"))
		h->flags |= WSR_HOST_SLASHES_ON;
	else if (word_is_nocase(node_arg(n, 0), "nodecode"))
		h->flags |= WSR_HOST_SLASHES_NODECODE;
}

/* --- one host ------------------------------------------------------------------------------------------------------------ */

static uint32_t host_tls(struct lower *l, struct level *lv, const struct node *n)
{
	struct server_level *s = lv->server;
	if (!s->ssl)
		return WSR_NONE;
	if (!s->tls.certificates.count) {
		diag_at(l->cc, CHECK_TLS_CERTIFICATE_MISSING, s->ssl->span, "'SSLEngine on' without 'SSLCertificateFile': httpd does not start like this");
		return WSR_NONE;
	}
	apache_tls_keys(l, &s->tls);
	apache_tls_revocation(l, s);
	s->tls.stapling |= WSR_STAPLING_REVOKED;
	tls_stapling_done(&s->tls, 0);
	return plan_record_at(l->plan, &l->plan->tls, &s->tls, offsetof(struct wsr_tls, pos), lower_place(l, s->certificate ? s->certificate->span : n->span));
}

/* What modules of httpd take over from the main server into lists. */
static void inherit(struct apache_section *own, const struct apache_section *from)
{
	apache_append(&own->env, &from->env);
	apache_append(&own->request_headers, &from->request_headers);
	apache_append(&own->response_headers, &from->response_headers);
	apache_append(&own->reverses, &from->reverses);
	own->layer.flags = from->layer.flags & (WSR_LAYER_REWRITE_ON | WSR_LAYER_REWRITE_OFF);
}

/* The server's record; its number was taken before, so that hosts are numbered in the order of the text. */
static void fill_server(struct lower *l, struct level *lv, struct apache_vhost *v)
{
	struct plan *p = l->plan;
	struct wsr_location self = { .proxy = WSR_NONE, .program = WSR_NONE, .scope = WSR_NONE };
	self.body = level_body(l, lv, WSR_LOCATION_SERVER, 0, plan_str(p, wsr_str("", 0)), WSR_NONE);
	struct wsr_server record = {
		.name = plan_str_lower(p, v->name), .scope = WSR_NONE, .program = WSR_NONE, .tls = host_tls(l, lv, v->node), .pos = lower_pos(l, v->node),
		.srv = pool_intern(&p->srv, &lv->server->srv),
		.location = plan_record_at(p, &p->location, &self, offsetof(struct wsr_location, pos), lower_place(l, v->node->span)),
	};
	apache_proxy_tls_revocation(l, lv, v->node);
	apache_sections(l, lv, &v->host);
	record.host = apache_host_done(l, &v->host);
	v->tls = record.tls != WSR_NONE;
	memcpy(pool_at(&p->server, v->server), &record, sizeof(record));
}

static void lower_vhost(struct lower *l, const struct level *main_level, struct apache_vhost *main_server, struct apache_vhost *v)
{
	struct level lv;
	struct server_level own = *main_level->server;
	struct apache_section s;
	level_child(&lv, main_level);
	own.certificates_set = own.keys_set = own.ticket_keys_set = false;
	lv.server = &own;
	lv.section = &s;
	apache_host_init(&v->host, &main_server->host, v->node);
	v->host.record = main_server->host.record;
	v->host.vhost = v;
	v->name = main_server->name;
	v->host.record.canonical_port = apache_first_port(v->node); /* until a ServerName says otherwise */
	apache_section_init(&s, &v->host, v->node, WSR_LAYER_HOST);
	inherit(&s, main_level->section);
	level_apply(l, &lv, v->node);
	apache_append(&s.aliases, &main_level->section->aliases);
	memset(lv.set, 0, sizeof(lv.set)); /* the first layer is what the others are laid over */
	apache_section_done(l, &lv, &s);
	fill_server(l, &lv, v);
}

/* --- the whole ----------------------------------------------------------------------------------------------------------- */

/* Defaults of Apache's rows, in place of nginx's where both have one. */
static void apply_defaults(struct lower *l, struct level *lv)
{
	l->defaults = true;
	lv->s.core.client_max_body_bytes = 0;
	lv->s.file.root.v = WSR_NONE; /* no DocumentRoot: no file */
	lv->s.log.access_log = (struct wsr_list){ 0, 0 };
	lv->s.proxy.proxy_http_version = 11;
	lv->s.proxy.proxy_buffer_bytes = 65536; /* httpd limits fields, not the head of a response */
	lv->server->srv.underscores_in_headers = 1;
	lv->server->srv.ignore_invalid_headers = 0;
	for (unsigned g = 0; g < PLAN_GROUPS; g++)
		lv->group[g] = WSR_NONE;
	for (unsigned i = 0; i < directive_count(); i++) {
		const struct directive *def = directive_row(i);
		const struct lowering *how = lowering_of(def);
		const struct node *n;
		if (def->dialect != DIALECT_APACHE || !(def->contexts & (C_AP_MAIN | C_AP_VHOST | C_AP_DIRECTORY | C_AP_LOCATION)) || how->class != LOWER_SETTING)
			continue;
		if ((n = directive_default(l->cc, def)) != NULL)
			how->fn(l, lv, n, how->arg);
	}
	l->defaults = false;
	memset(lv->set, 0, sizeof(lv->set));
	lv->section->layer.flags = 0;
}

void apache_default_settings(struct lower *l, struct level *lv)
{
	struct apache_vhost nobody = { .node = l->cc->root };
	struct apache_section s;
	apache_host_init(&nobody.host, NULL, l->cc->root);
	apache_section_init(&s, &nobody.host, l->cc->root, WSR_LAYER_HOST);
	lv->section = &s;
	apply_defaults(l, lv);
	lv->section = NULL;
}

static bool is_vhost(const struct node *n)
{
	return n->def && !n->bad && strcmp(n->def->name, "VirtualHost") == 0;
}

static void collect_vhosts(struct lower *l, struct apache_vhosts *all)
{
	NODE_EACH_CHILD(n, l->cc->root) {
		if (!is_vhost(n))
			continue;
		struct apache_vhost *v = ARENA_NEW(&l->cc->arena, struct apache_vhost);
		v->node = n;
		v->server = pool_reserve(&l->plan->server, 1);
		if (all->last)
			all->last->next = v;
		else
			all->first = v;
		all->last = v;
	}
}

/* Does no host take over what it says? The hosts themselves, addresses, what reading has carried out, sections that became empty by that. */
static bool is_for_no_host(const struct node *n)
{
	static const char *const read[] = { "Listen", "LoadModule", "Define", "UnDefine", "Include", "IncludeOptional" };
	if (!n->def || n->bad || (n->block && !n->first_child))
		return true;
	for (size_t i = 0; i < sizeof(read) / sizeof(*read); i++)
		if (strcmp(n->def->name, read[i]) == 0)
			return true;
	return is_vhost(n);
}

/* A statement that was taken out of the root, and what stood in front of it; NULL at the beginning. */
struct taken { struct node *node, *before; };

/*
 * Every host looks through the main server's statements, so what is for none leaves the root meanwhile: the cost of a hundred thousand hosts must not grow with their square.
 */
static void take_out(struct node *root, struct pool *out)
{
	struct node *before = NULL, *kept = NULL;
	pool_init(out, sizeof(struct taken));
	for (struct node *n = root->first_child; n; before = n, n = n->next) {
		if (!is_for_no_host(n)) {
			kept = n;
			continue;
		}
		pool_push(out, &(struct taken){ n, before });
		*(kept ? &kept->next : &root->first_child) = n->next;
	}
	root->last_child = kept;
}

static void put_back(struct node *root, struct pool *out)
{
	for (uint32_t i = 0; i < out->count; i++) {
		const struct taken *t = pool_at(out, i);
		struct node **link = t->before ? &t->before->next : &root->first_child;
		t->node->next = *link;
		*link = t->node;
		if (!t->node->next)
			root->last_child = t->node;
	}
	pool_free(out);
}

/* The main server has no statement of its own: its rules stand where its first address, or the text, begins. */
static struct span main_place(const struct node *root)
{
	NODE_EACH_CHILD(n, root)
		if (n->def && strcmp(n->def->name, "Listen") == 0)
			return n->span;
	return root->first_child ? root->first_child->span : root->span;
}

void lower_apache(struct lower *l, const struct level *base)
{
	struct level lv;
	struct server_level own = *base->server;
	struct apache_section s;
	struct apache_vhosts all = { 0 };
	struct apache_vhost *m = &all.main_server;
	struct pool out;
	level_child(&lv, base);
	lv.server = &own;
	lv.section = &s;
	l->cc->root->span = main_place(l->cc->root);
	m->node = l->cc->root;
	collect_vhosts(l, &all);
	m->server = pool_reserve(&l->plan->server, 1);
	apache_host_init(&m->host, NULL, m->node);
	m->host.vhost = m;
	m->name = wsr_str("", 0);
	apache_section_init(&s, &m->host, m->node, WSR_LAYER_HOST);
	apply_defaults(l, &lv);
	level_apply(l, &lv, m->node);
	take_out(l->cc->root, &out);
	apache_balancers(l, &m->host); /* rules of the hosts may name them without a ProxyPass */
	for (struct apache_vhost *v = all.first; v; v = v->next)
		lower_vhost(l, &lv, m, v);
	memset(lv.set, 0, sizeof(lv.set));
	apache_section_done(l, &lv, &s);
	fill_server(l, &lv, m);
	put_back(l->cc->root, &out);
	apache_engine_check(l);
	struct wsr_global *g = pool_at(&l->plan->global, 0);
	g->default_body = level_body(l, &lv, WSR_LOCATION_SERVER, 0, plan_str(l->plan, wsr_str("", 0)), WSR_NONE);
	g->error_log = (uint32_t)lv.s.log.error_log;
	apache_listens(l, &all);
}
