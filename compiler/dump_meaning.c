/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `wsrpc dump`: what a table means, as text that stays the same as long as the meaning does. Settings are printed where they differ: those of http from
 * the defaults, those of a server from http, those of a location from what surrounds it.
 */
#include <stdlib.h>

#include "compiler/dump.h"
#include "compiler/dump_host.h"
#include "compiler/dump_text.h"

struct dump {
	FILE *out;
	const struct wsr_table *t;
	const struct wsr_table *defaults;
};

static void indent(const struct dump *d, unsigned depth)
{
	fprintf(d->out, "%*s", (int)(4 * depth), "");
}

static struct wsr_str str(const struct dump *d, wsr_sref ref)
{
	return wsr_string(d->t, ref);
}

/* --- settings -------------------------------------------------------------------------------------------------------- */

static void settings(const struct dump *d, unsigned depth, const struct wsr_body *body, const struct wsr_table *t, const struct wsr_body *outer)
{
	struct dump_groups g = dump_groups_of(d->t, body), o = dump_groups_of(t, outer);
	char lead[160];
	for (unsigned cell = 0; cell < SET_COUNT; cell++) {
		if (dump_cell_equal(d->t, &g, t, &o, (enum plan_setting)cell))
			continue;
		indent(d, depth);
		fprintf(d->out, "%s ", plan_setting_info[cell].name);
		snprintf(lead, sizeof(lead), "\n%*s%s ", (int)(4 * depth), "", plan_setting_info[cell].name);
		dump_cell(d->out, d->t, &g, (enum plan_setting)cell, lead);
		fputc('\n', d->out);
	}
}

/* The rules of a block that differ from those around it. */
static void networks(const struct dump *d, unsigned depth, struct wsr_list rules, const struct wsr_list *outer, const char *no, const char *yes)
{
	if (outer && outer->first == rules.first && outer->count == rules.count)
		return;
	for (uint32_t i = 0; i < rules.count; i++) {
		const struct wsr_access_rule *r = wsr_access_rule_at(d->t, rules.first + i);
		indent(d, depth);
		fputs(r->deny ? no : yes, d->out);
		dump_network(d->out, r);
		dump_pos(d->out, d->t, r->pos);
		fputc('\n', d->out);
	}
}

static void access_rules(const struct dump *d, unsigned depth, const struct wsr_body *body, const struct wsr_body *outer)
{
	networks(d, depth, body->access, outer ? &outer->access : NULL, "deny ", "allow ");
	networks(d, depth, body->trusted, outer ? &outer->trusted : NULL, "", "set_real_ip_from ");
}

/* --- programs -------------------------------------------------------------------------------------------------------- */

static void insn_text(const struct dump *d, const struct wsr_insn *in)
{
	static const char *const tests[] = { "", "-f", "-d", "-e", "-x" };
	const char *not = in->flags & WSR_INSN_NOT ? "!" : "";
	FILE *out = d->out;
	switch (in->op) {
	case WSR_OP_SET:
		fprintf(out, "set $%s ", str(d, wsr_variable_at(d->t, in->a)->name).ptr);
		dump_tmpl(out, d->t, in->b);
		break;
	case WSR_OP_IF_TRUE:
		fprintf(out, "if %s", not);
		dump_tmpl(out, d->t, in->a);
		break;
	case WSR_OP_IF_EQUAL:
		fputs("if ", out);
		dump_tmpl(out, d->t, in->a);
		fprintf(out, " %s= ", not);
		dump_tmpl(out, d->t, in->b);
		break;
	case WSR_OP_IF_MATCH:
		fputs("if ", out);
		dump_tmpl(out, d->t, in->a);
		fprintf(out, " %s", not);
		dump_regex(out, d->t, in->b);
		break;
	case WSR_OP_IF_FILE:
		fprintf(out, "if %s%s ", not, tests[in->code]);
		dump_tmpl(out, d->t, in->a);
		break;
	case WSR_OP_REWRITE:
		fputs("rewrite ", out);
		dump_regex(out, d->t, in->a);
		fputc(' ', out);
		dump_tmpl(out, d->t, in->b);
		fprintf(out, "%s%s%s", in->flags & WSR_REWRITE_LAST ? " last" : "", in->flags & WSR_REWRITE_BREAK ? " break" : "",
			in->flags & WSR_REWRITE_ADD_ARGS ? " add-args" : "");
		if (in->flags & WSR_REWRITE_REDIRECT)
			fprintf(out, " redirect %u", in->code);
		break;
	case WSR_OP_RETURN:
		fprintf(out, "return %u%s", in->code, in->flags & WSR_RETURN_URL ? " url" : "");
		if (in->b != WSR_NONE) {
			fputc(' ', out);
			dump_tmpl(out, d->t, in->b);
		}
		break;
	case WSR_OP_BREAK: fputs("break", out); break;
	case WSR_OP_USE: fputs("use the settings below", out); break;
	case WSR_OP_REDIRECT:
		fprintf(out, "redirect %u ", in->code);
		if (in->a != WSR_NONE)
			dump_regex(out, d->t, in->a);
		else
			dump_tmpl(out, d->t, in->c);
		fputs(" to ", out);
		dump_tmpl(out, d->t, in->b);
		break;
	}
	if (in->op >= WSR_OP_IF_TRUE && in->op <= WSR_OP_IF_FILE)
		fprintf(out, " else %u", in->c);
}

static void program(const struct dump *d, unsigned depth, uint32_t index, const struct wsr_body *outer)
{
	if (index == WSR_NONE)
		return;
	const struct wsr_program *p = wsr_program_at(d->t, index);
	indent(d, depth);
	fputs("program\n", d->out);
	for (uint32_t i = 0; i < p->count; i++) {
		const struct wsr_insn *in = wsr_insn_at(d->t, p->first + i);
		indent(d, depth + 1);
		fprintf(d->out, "%u: ", i);
		insn_text(d, in);
		dump_pos(d->out, d->t, in->pos);
		fputc('\n', d->out);
		if (in->op == WSR_OP_USE) {
			const struct wsr_location *loc = wsr_location_at(d->t, in->a);
			settings(d, depth + 2, wsr_body_at(d->t, loc->body), d->t, outer);
			access_rules(d, depth + 2, wsr_body_at(d->t, loc->body), outer);
			dump_proxy(d->out, d->t, loc->proxy, 4 * (depth + 2));
		}
	}
}

/* --- locations ------------------------------------------------------------------------------------------------------- */

static void scope(const struct dump *d, unsigned depth, uint32_t index, const struct wsr_body *outer);

static void location(const struct dump *d, unsigned depth, const struct wsr_location *loc, const struct wsr_body *outer)
{
	static const char *const kinds[] = { "", "", "= ", "", "", "if ", "" };
	const struct wsr_body *b = wsr_body_at(d->t, loc->body);
	indent(d, depth);
	fprintf(d->out, "location %s%s", kinds[b->kind], b->flags & WSR_LOCATION_NOREGEX ? "^~ " : "");
	if (b->kind == WSR_LOCATION_REGEX)
		dump_regex(d->out, d->t, b->regex);
	else
		dump_string(d->out, d->t, b->name);
	fputs(b->flags & WSR_LOCATION_AUTO_REDIRECT ? " auto-redirect" : "", d->out);
	dump_pos(d->out, d->t, loc->pos);
	fputc('\n', d->out);
	dump_proxy(d->out, d->t, loc->proxy, 4 * (depth + 1));
	settings(d, depth + 1, b, d->t, outer);
	access_rules(d, depth + 1, b, outer);
	program(d, depth + 1, loc->program, b);
	scope(d, depth + 1, loc->scope, b);
}

/* Exact and prefix locations in the order of their paths, as the trie holds them. */
static void trie(const struct dump *d, unsigned depth, const struct wsr_scope *s, uint32_t node, const struct wsr_body *outer)
{
	const struct wsr_trie *n = wsr_trie_at(d->t, node);
	if (n->exact != WSR_NONE)
		location(d, depth, wsr_location_at(d->t, s->loc_base + n->exact), outer);
	if (n->prefix != WSR_NONE)
		location(d, depth, wsr_location_at(d->t, s->loc_base + n->prefix), outer);
	for (uint32_t i = 0; i < n->child_count; i++)
		trie(d, depth, s, n->first_child + i, outer);
}

/* In search order: exact and prefix paths, expressions in the order of the text, then named ones. */
static void scope(const struct dump *d, unsigned depth, uint32_t index, const struct wsr_body *outer)
{
	if (index == WSR_NONE)
		return;
	const struct wsr_scope *s = wsr_scope_at(d->t, index);
	if (s->trie != WSR_NONE)
		trie(d, depth, s, s->trie, outer);
	for (uint32_t i = 0; i < s->regexes.count; i++)
		location(d, depth, wsr_location_at(d->t, s->loc_base + *wsr_scope_regex_at(d->t, s->regexes.first + i)), outer);
	for (uint32_t i = 0; i < s->loc_count; i++) {
		const struct wsr_location *loc = wsr_location_at(d->t, s->loc_base + i);
		if (wsr_body_at(d->t, loc->body)->kind == WSR_LOCATION_NAMED)
			location(d, depth, loc, outer);
	}
}

/* --- the parts of the whole ------------------------------------------------------------------------------------------ */

static void process(const struct dump *d)
{
	const struct wsr_global *g = wsr_global(d->t);
	FILE *out = d->out;
	fputs("process\n    origin ", out);
	dump_string(out, d->t, g->origin);
	fputs("\n    user ", out);
	dump_string(out, d->t, g->user);
	fputc(' ', out);
	dump_string(out, d->t, g->group);
	fputs("\n    pid ", out);
	dump_string(out, d->t, g->pid);
	fprintf(out, "\n    worker_processes %u\n    worker_connections %u\n    worker_rlimit_nofile %u\n", g->worker_processes, g->worker_connections,
		g->worker_rlimit_nofile);
	fprintf(out, "    worker_shutdown_timeout_ms %llu\n    daemon %u\n    multi_accept %u\n    error_log ",
		(unsigned long long)g->worker_shutdown_timeout_ms, g->daemon, g->multi_accept);
	dump_string(out, d->t, wsr_error_log_at(d->t, g->error_log)->path);
	fprintf(out, " level %u\n", wsr_error_log_at(d->t, g->error_log)->level);
	for (uint32_t i = 0; i < g->exempt.count; i++) {
		fputs(i ? " " : "    proxy_protocol_exempt ", out);
		dump_network(out, wsr_access_rule_at(d->t, g->exempt.first + i));
		fputs(i + 1 == g->exempt.count ? "\n" : "", out);
	}
	fputs("http\n", out);
	settings(d, 1, wsr_body_at(d->t, g->default_body), d->defaults, wsr_body_at(d->defaults, wsr_global(d->defaults)->default_body));
	access_rules(d, 1, wsr_body_at(d->t, g->default_body), NULL);
}

static void log_formats(const struct dump *d)
{
	static const char *const escapes[] = { "default", "json", "none" };
	for (uint32_t i = 0; i < wsr_log_format_count(d->t); i++) {
		const struct wsr_log_format *f = wsr_log_format_at(d->t, i);
		fputs("log_format ", d->out);
		dump_string(d->out, d->t, f->name);
		fprintf(d->out, " escape=%s ", escapes[f->escape]);
		dump_tmpl(d->out, d->t, f->line);
		fputc('\n', d->out);
	}
}

static void maps(const struct dump *d)
{
	for (uint32_t v = 0; v < wsr_variable_count(d->t); v++) {
		const struct wsr_variable *var = wsr_variable_at(d->t, v);
		if (var->kind != WSR_VARIABLE_MAP)
			continue;
		const struct wsr_map *m = wsr_map_at(d->t, var->map);
		fputs("map ", d->out);
		dump_tmpl(d->out, d->t, m->source);
		fprintf(d->out, " $%s", str(d, var->name).ptr);
		dump_pos(d->out, d->t, m->pos);
		fprintf(d->out, "\n%s%s    default ", m->flags & WSR_MAP_HOSTNAMES ? "    hostnames\n" : "", m->flags & WSR_MAP_VOLATILE ? "    volatile\n" : "");
		dump_tmpl(d->out, d->t, m->default_value);
		fputc('\n', d->out);
		dump_map_cases(d->out, d->t, m, "    ", "");
	}
}

static void upstreams(const struct dump *d)
{
	static const char *const methods[] = { "round-robin", "least_conn", "ip_hash", "random", "hash", "traffic" };
	for (uint32_t i = 0; i < wsr_upstream_count(d->t); i++) {
		const struct wsr_upstream *u = wsr_upstream_at(d->t, i);
		fputs("upstream ", d->out);
		dump_string(d->out, d->t, u->name);
		fputs(u->flags & WSR_UPSTREAM_IMPLICIT ? " implicit" : "", d->out);
		dump_pos(d->out, d->t, u->pos);
		fprintf(d->out, "\n    balance %s", methods[u->balance]);
		if (u->hash_key != WSR_NONE) {
			fputc(' ', d->out);
			dump_tmpl(d->out, d->t, u->hash_key);
		}
		fprintf(d->out, "\n    keepalive %u requests %u timeout_ms %llu time_ms %llu\n", u->keepalive, u->keepalive_requests,
			(unsigned long long)u->keepalive_timeout_ms, (unsigned long long)u->keepalive_time_ms);
		for (uint32_t k = 0; k < u->peers.count; k++) {
			const struct wsr_peer *p = wsr_peer_at(d->t, u->peers.first + k);
			fputs("    server ", d->out);
			dump_string(d->out, d->t, p->text);
			fprintf(d->out, " port %u weight %u max_fails %u fail_timeout_ms %llu max_conns %u%s%s%s", p->port, p->weight, p->max_fails,
				(unsigned long long)p->fail_timeout_ms, p->max_conns, p->flags & WSR_PEER_BACKUP ? " backup" : "",
				p->flags & WSR_PEER_DOWN ? " down" : "", p->flags & WSR_PEER_RESOLVE ? " resolve" : "");
			dump_pos(d->out, d->t, p->pos);
			fputc('\n', d->out);
		}
	}
}

struct name_line { struct wsr_str key; const char *before, *after; uint32_t server; };

static int by_name(const void *a, const void *b)
{
	const struct name_line *x = a, *y = b;
	int c = strcmp(x->before, y->before);
	if (!c)
		c = strcmp(x->after, y->after);
	if (c)
		return c;
	c = memcmp(x->key.ptr, y->key.ptr, x->key.len < y->key.len ? x->key.len : y->key.len);
	return c ? c : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static void names(const struct dump *d, struct wsr_list slots, const char *before, const char *after)
{
	struct name_line *lines = calloc(slots.count ? slots.count : 1, sizeof(*lines));
	uint32_t n = 0;
	for (uint32_t i = 0; lines && i < slots.count; i++) {
		const struct wsr_name_slot *s = wsr_name_slot_at(d->t, slots.first + i);
		if (s->key)
			lines[n++] = (struct name_line){ str(d, s->key), before, after, s->server };
	}
	if (n)
		qsort(lines, n, sizeof(*lines), by_name);
	for (uint32_t i = 0; i < n; i++)
		fprintf(d->out, "    name \"%s%.*s%s\" server %u\n", before, WSR_FMT(lines[i].key), after, lines[i].server);
	free(lines);
}

static void listens(const struct dump *d)
{
	static const struct { uint32_t bit; const char *name; } flags[] = {
		{ WSR_LISTEN_TLS, "ssl" }, { WSR_LISTEN_REUSEPORT, "reuseport" }, { WSR_LISTEN_IPV6ONLY, "ipv6only" },
		{ WSR_LISTEN_PROXY_PROTOCOL, "proxy_protocol" }, { WSR_LISTEN_PROXY_CLIENT, "proxy_client" }, { WSR_LISTEN_DEFERRED, "deferred" }, { WSR_LISTEN_KEEPALIVE, "so_keepalive" },
	};
	for (uint32_t i = 0; i < wsr_listen_count(d->t); i++) {
		const struct wsr_listen *l = wsr_listen_at(d->t, i);
		const struct wsr_nameset *set = wsr_nameset_at(d->t, l->nameset);
		fputs("listen ", d->out);
		dump_string(d->out, d->t, l->text);
		for (size_t k = 0; k < sizeof(flags) / sizeof(*flags); k++)
			if (l->flags & flags[k].bit)
				fprintf(d->out, " %s", flags[k].name);
		if (l->backlog >= 0)
			fprintf(d->out, " backlog %d", l->backlog);
		if (l->rcvbuf || l->sndbuf || l->fastopen)
			fprintf(d->out, " rcvbuf %u sndbuf %u fastopen %u", l->rcvbuf, l->sndbuf, l->fastopen);
		dump_pos(d->out, d->t, l->pos);
		fprintf(d->out, "\n    default server %u\n", l->default_server);
		names(d, set->exact, "", "");
		names(d, set->leading, "*", "");
		names(d, set->trailing, "", "*");
		for (uint32_t k = 0; k < set->regexes.count; k++) {
			const struct wsr_name_regex *r = wsr_name_regex_at(d->t, set->regexes.first + k);
			fputs("    name ", d->out);
			dump_regex(d->out, d->t, r->regex);
			fprintf(d->out, " server %u\n", r->server);
		}
	}
}

static void string_list(const struct dump *d, const char *name, struct wsr_list list)
{
	for (uint32_t i = 0; i < list.count; i++) {
		fprintf(d->out, "    %s ", name);
		dump_string(d->out, d->t, *wsr_str_item_at(d->t, list.first + i));
		fputc('\n', d->out);
	}
}

static void tls(const struct dump *d, uint32_t index)
{
	const struct wsr_tls *s = wsr_tls_at(d->t, index);
	const struct { const char *name; wsr_sref ref; } strings[] = {
		{ "ssl_ciphers", s->ciphers }, { "ssl_ecdh_curve", s->curves }, { "ssl_dhparam", s->dhparam },
		{ "ssl_client_certificate", s->client_certificate }, { "ssl_trusted_certificate", s->trusted_certificate }, { "ssl_crl", s->crl },
		{ "ssl_password_file", s->password_file }, { "ssl_client_certificate_path", s->client_folder }, { "ssl_crl_path", s->crl_folder },
		{ "ssl_client_names", s->names_file }, { "ssl_client_names_path", s->names_folder },
		{ "ssl_stapling_file", s->stapling_file }, { "ssl_stapling_responder", s->stapling_responder }, { "resolver", s->stapling_resolver },
	};
	fprintf(d->out, "tls %u", index);
	dump_pos(d->out, d->t, s->pos);
	fputc('\n', d->out);
	string_list(d, "ssl_certificate", s->certificates);
	string_list(d, "ssl_certificate_key", s->keys);
	string_list(d, "ssl_session_ticket_key", s->ticket_keys);
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		if (!strings[i].ref)
			continue;
		fprintf(d->out, "    %s ", strings[i].name);
		dump_string(d->out, d->t, strings[i].ref);
		fputc('\n', d->out);
	}
	fprintf(d->out, "    ssl_protocols %u prefer_server_ciphers %u session_cache %u %u session_tickets %u session_timeout_ms %llu\n", s->protocols,
		s->prefer_server_ciphers, s->session_cache, s->session_cache_bytes, s->session_tickets, (unsigned long long)s->session_timeout_ms);
	fprintf(d->out, "    ssl_verify_client %u depth %u crl_check %u reject_handshake %u buffer_size %u\n", s->verify_client, s->verify_depth, s->crl_check,
		s->reject_handshake, s->buffer_bytes);
	if (s->stapling)
		fprintf(d->out, "    ssl_stapling %u timeout_ms %u valid_s %u error_s %u skew_s %u max_age_s %d\n", s->stapling, s->stapling_timeout_ms, s->stapling_valid_s,
			s->stapling_error_s, s->stapling_skew_s, (int)s->stapling_max_age_s);
}

static void server(const struct dump *d, uint32_t index)
{
	const struct wsr_server *s = wsr_server_at(d->t, index);
	const struct wsr_srv *v = wsr_srv_at(d->t, s->srv);
	const struct wsr_body *b = wsr_body_at(d->t, wsr_location_at(d->t, s->location)->body);
	fprintf(d->out, "server %u ", index);
	dump_string(d->out, d->t, s->name);
	dump_pos(d->out, d->t, s->pos);
	fputc('\n', d->out);
	if (s->tls != WSR_NONE)
		fprintf(d->out, "    tls %u\n", s->tls);
	fprintf(d->out, "    head client_header_timeout_ms %llu client_header_buffer_size %u large_client_header_buffers %u %u\n",
		(unsigned long long)v->client_header_timeout_ms, v->header_buffer_bytes, v->large_header_count, v->large_header_bytes);
	fprintf(d->out, "    head merge_slashes %u underscores_in_headers %u ignore_invalid_headers %u\n", v->merge_slashes, v->underscores_in_headers,
		v->ignore_invalid_headers);
	settings(d, 1, b, d->t, wsr_body_at(d->t, wsr_global(d->t)->default_body));
	access_rules(d, 1, b, wsr_body_at(d->t, wsr_global(d->t)->default_body));
	program(d, 1, s->program, b);
	scope(d, 1, s->scope, b);
	if (s->host != WSR_NONE)
		dump_host(d->out, d->t, s->host);
}

void dump_meaning(FILE *out, const struct wsr_table *t, const struct wsr_table *defaults)
{
	struct dump d = { out, t, defaults };
	process(&d);
	log_formats(&d);
	maps(&d);
	upstreams(&d);
	listens(&d);
	for (uint32_t i = 0; i < wsr_tls_count(t); i++)
		tls(&d, i);
	for (uint32_t i = 0; i < wsr_server_count(t); i++)
		server(&d, i);
}
