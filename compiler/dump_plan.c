/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `wsrpc dump --stage=plan`: a table as a configuration in our own language. Compiling the text gives a table that means the same, positions aside, which
 * a test holds against every good configuration: so nothing that changes an answer can be in a table and not in the language. Each block
 * states what differs from the block around it; what nothing can reach (a server whose names are all taken) is left out.
 */
#include "compiler/dump_plan.h"

#include <stdlib.h>

static void line(struct plan_dump *d, const char *name)
{
	fprintf(d->out, "%*s%s ", (int)(4 * d->depth), "", name);
}

static void end(struct plan_dump *d)
{
	fputs(";\n", d->out);
}

static void word_line(struct plan_dump *d, const char *name, struct wsr_str value)
{
	line(d, name);
	dump_word(d->out, value);
	end(d);
}

static void string_line(struct plan_dump *d, const char *name, wsr_sref ref)
{
	if (ref)
		word_line(d, name, wsr_string(d->t, ref));
}

static void number_line(struct plan_dump *d, const char *name, uint64_t v, const char *unit)
{
	line(d, name);
	fprintf(d->out, "%llu%s;\n", (unsigned long long)v, unit);
}

static void flag_line(struct plan_dump *d, const char *name, bool on)
{
	line(d, name);
	fprintf(d->out, "%s;\n", on ? "on" : "off");
}

void plan_open(struct plan_dump *d, const char *text)
{
	fprintf(d->out, "%*s%s {\n", (int)(4 * d->depth), "", text);
	d->depth++;
}

void plan_close(struct plan_dump *d)
{
	d->depth--;
	fprintf(d->out, "%*s}\n", (int)(4 * d->depth), "");
}

/* --- settings -------------------------------------------------------------------------------------------------------- */

/* The statement of each cell, from the rows that lower to one cell. */
struct cell_row { const char *name; lower_fn fn; unsigned cell; };
static const struct cell_row cell_rows[] = {
#define LOWER(name, class, function, argument) { #name, lower_##function, argument },
#include "compiler/lowering.def"
};

static bool plain_cell(lower_fn fn)
{
	return fn == lower_flag || fn == lower_not_off || fn == lower_ms || fn == lower_size || fn == lower_uint || fn == lower_str || fn == lower_str_or_off ||
		fn == lower_tmpl || fn == lower_strings || fn == lower_string_lines;
}

static const struct cell_row *row_of(enum plan_setting cell)
{
	for (size_t i = 0; i < sizeof(cell_rows) / sizeof(*cell_rows); i++)
		if (plain_cell(cell_rows[i].fn) && cell_rows[i].cell == cell)
			return &cell_rows[i];
	return NULL;
}

static void string_list(struct plan_dump *d, const char *name, struct wsr_list list, bool one_line)
{
	for (uint32_t i = 0; i < list.count; i++) {
		if (i == 0 || !one_line)
			line(d, name);
		dump_string(d->out, d->t, *wsr_str_item_at(d->t, list.first + i));
		fputs(i + 1 < list.count && one_line ? " " : ";\n", d->out);
	}
}

static void plain(struct plan_dump *d, const struct cell_row *row, const struct dump_groups *g)
{
	enum plan_setting cell = (enum plan_setting)row->cell;
	uint64_t v = dump_u64(g, cell);
	if (row->fn == lower_flag || row->fn == lower_not_off)
		flag_line(d, row->name, v);
	else if (row->fn == lower_ms)
		number_line(d, row->name, v, "ms");
	else if (row->fn == lower_size || row->fn == lower_uint)
		number_line(d, row->name, v, "");
	else if (row->fn == lower_str)
		string_line(d, row->name, (wsr_sref)v);
	else if (row->fn == lower_str_or_off)
		word_line(d, row->name, v ? wsr_string(d->t, (wsr_sref)v) : WSR_STR("off"));
	else if (row->fn == lower_strings || row->fn == lower_string_lines)
		string_list(d, row->name, dump_list(g, cell), row->fn == lower_strings);
	else if ((uint32_t)v != WSR_NONE) {
		line(d, row->name);
		dump_tmpl(d->out, d->t, (uint32_t)v);
		end(d);
	}
}

static void bits_line(struct plan_dump *d, const char *name, uint64_t bits, const char *const *names, unsigned count, const char *none)
{
	line(d, name);
	if (!bits)
		fputs(none, d->out);
	for (unsigned i = 0, any = 0; i < count; i++)
		if (bits >> i & 1)
			fprintf(d->out, "%s%s", any++ ? " " : "", names[i]);
	end(d);
}

static const char *const tls_versions[] = { "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };

/* Lists whose items are printed by dump_cell() as the words of a statement. */
static void list_lines(struct plan_dump *d, const char *name, const struct dump_groups *g, enum plan_setting cell, const char *after)
{
	char lead[200];
	snprintf(lead, sizeof(lead), "%s;\n%*s%s ", after, (int)(4 * d->depth), "", name);
	line(d, name);
	dump_cell(d->out, d->t, g, cell, lead);
	fprintf(d->out, "%s;\n", after);
}

static void template_list(struct plan_dump *d, const char *name, struct wsr_list list)
{
	if (!list.count)
		return;
	line(d, name);
	for (uint32_t i = 0; i < list.count; i++) {
		fputs(i ? " " : "", d->out);
		dump_tmpl(d->out, d->t, *wsr_tmpl_item_at(d->t, list.first + i));
	}
	end(d);
}

static void types_block(struct plan_dump *d, uint32_t mime)
{
	struct wsr_list slots = mime == WSR_NONE ? (struct wsr_list){ 0, 0 } : wsr_mime_at(d->t, mime)->slots;
	uint32_t n;
	struct wsr_str *keys = dump_mime_keys(d->t, slots, &n);
	plan_open(d, "types");
	for (uint32_t i = 0; i < n; i++) {
		const struct wsr_mime_slot *s = wsr_mime_find(d->t, slots, keys[i]);
		fprintf(d->out, "%*s", (int)(4 * d->depth), "");
		dump_string(d->out, d->t, s->type);
		fputc(' ', d->out);
		dump_string(d->out, d->t, s->key);
		end(d);
	}
	plan_close(d);
	free(keys);
}

/* An empty list below a list that is not can only come from the WebSocket recipe, whose two fields are dropped. */
static void empty_fields(struct plan_dump *d)
{
	word_line(d, "proxy_set_header Upgrade", WSR_STR("$http_upgrade"));
	word_line(d, "proxy_set_header Connection", WSR_STR("upgrade"));
}

static void expires_line(struct plan_dump *d, const struct dump_groups *g)
{
	static const char *const words[] = { "off", "epoch", "max" };
	uint64_t kind = dump_u64(g, SET_expires_kind);
	int64_t s = (int64_t)dump_u64(g, SET_expires_s);
	line(d, "expires");
	if (kind < 3)
		fputs(words[kind], d->out);
	else
		fprintf(d->out, "%s%llds", kind == WSR_EXPIRES_MODIFIED ? "modified " : "", (long long)s);
	end(d);
}

static void error_log_line(struct plan_dump *d, uint32_t index)
{
	static const char *const levels[] = { "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug" };
	const struct wsr_error_log *log = wsr_error_log_at(d->t, index);
	line(d, "error_log");
	dump_string(d->out, d->t, log->path);
	fprintf(d->out, " %s;\n", levels[log->level - WSR_LOG_EMERG]);
}

static void resolver_line(struct plan_dump *d, const struct dump_groups *g)
{
	wsr_sref ref = (wsr_sref)dump_u64(g, SET_resolver);
	if (!ref)
		return;
	line(d, "resolver");
	fprintf(d->out, "%.*s", WSR_FMT(wsr_string(d->t, ref)));
	if (dump_u64(g, SET_resolver_valid_ms))
		fprintf(d->out, " valid=%llus", (unsigned long long)dump_u64(g, SET_resolver_valid_ms) / 1000);
	end(d);
}

static const char *const websocket_words[] = { "off", "on", "only" };

void plan_websocket(struct plan_dump *d, const struct wsr_body *body)
{
	struct dump_groups g = dump_groups_of(d->t, body);
	word_line(d, "websocket", wsr_cstr(websocket_words[dump_u64(&g, SET_websocket)]));
}

static void special(struct plan_dump *d, enum plan_setting cell, const struct dump_groups *g)
{
	static const char *const next[] = { "error", "timeout", "invalid_header", "http_500", "http_502", "http_503", "http_504", "http_403", "http_404",
		"http_429", "non_idempotent" };
	uint64_t v = dump_u64(g, cell);
	switch (cell) {
	case SET_keepalive_timeout_ms:
		line(d, "keepalive_timeout");
		fprintf(d->out, "%llums", (unsigned long long)v);
		if (dump_u64(g, SET_keepalive_header_s))
			fprintf(d->out, " %llus", (unsigned long long)dump_u64(g, SET_keepalive_header_s));
		end(d);
		break;
	case SET_internal: fprintf(d->out, "%*sinternal;\n", (int)(4 * d->depth), ""); break;
	case SET_root:
		line(d, dump_u64(g, SET_alias) ? "alias" : "root");
		dump_tmpl(d->out, d->t, (uint32_t)v);
		end(d);
		break;
	case SET_index: template_list(d, "index", dump_list(g, cell)); break;
	case SET_try_files: template_list(d, "try_files", dump_list(g, cell)); break;
	case SET_types: types_block(d, (uint32_t)v); break;
	case SET_access_log:
		if (dump_list(g, cell).count)
			list_lines(d, "access_log", g, cell, "");
		else
			word_line(d, "access_log", WSR_STR("off"));
		break;
	case SET_error_log: error_log_line(d, (uint32_t)v); break;
	case SET_proxy_http_version: word_line(d, "proxy_http_version", v == 10 ? WSR_STR("1.0") : WSR_STR("1.1")); break;
	case SET_proxy_buffers_bytes:
		line(d, "proxy_buffers");
		fprintf(d->out, "2 %llu;\n", (unsigned long long)v / 2);
		break;
	case SET_proxy_next_upstream: bits_line(d, "proxy_next_upstream", v, next, sizeof(next) / sizeof(*next), "off"); break;
	case SET_proxy_ssl_protocols: bits_line(d, "proxy_ssl_protocols", v, tls_versions, 4, ""); break;
	case SET_websocket: word_line(d, "websocket", wsr_cstr(websocket_words[v])); break;
	case SET_resolver: resolver_line(d, g); break;
	case SET_proxy_set_header:
		if (dump_list(g, cell).count)
			list_lines(d, "proxy_set_header", g, cell, "");
		else
			empty_fields(d);
		break;
	case SET_add_header: list_lines(d, "add_header", g, cell, ""); break;
	case SET_error_page: list_lines(d, "error_page", g, cell, ""); break;
	case SET_expires_kind: expires_line(d, g); break;
	default: break; /* part of another statement: keepalive_header_s, alias, resolver_valid_ms, expires_s, proxy_redirect */
	}
}

static const enum plan_setting *partner(enum plan_setting cell)
{
	static const enum plan_setting pairs[][2] = {
		{ SET_keepalive_timeout_ms, SET_keepalive_header_s }, { SET_root, SET_alias }, { SET_resolver, SET_resolver_valid_ms },
		{ SET_expires_kind, SET_expires_s },
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (pairs[i][0] == cell)
			return &pairs[i][1];
	return NULL;
}

static void network_line(struct plan_dump *d, const struct wsr_access_rule *r)
{
	line(d, r->deny ? "deny" : "allow");
	dump_network(d->out, r);
	end(d);
}

void plan_settings(struct plan_dump *d, const struct wsr_body *body, bool proxied, const struct wsr_table *t, const struct wsr_body *outer)
{
	struct dump_groups g = dump_groups_of(d->t, body), o = dump_groups_of(t, outer);
	for (unsigned i = 0; i < SET_COUNT; i++) {
		enum plan_setting cell = (enum plan_setting)i;
		const enum plan_setting *with = partner(cell);
		const struct cell_row *row = row_of(cell);
		/* try_files is not inherited: what stands here was written here */
		bool differs = cell == SET_try_files ? dump_list(&g, cell).count > 0 : !dump_cell_equal(d->t, &g, t, &o, cell);
		if (!differs && !(with && !dump_cell_equal(d->t, &g, t, &o, *with)))
			continue;
		if (cell == SET_websocket && proxied)
			continue; /* plan_websocket() */
		if (cell == SET_root && dump_u64(&g, SET_alias) >= 2)
			continue; /* inherited: the number of bytes follows from the nesting */
		if (row)
			plain(d, row, &g);
		else
			special(d, cell, &g);
	}
	struct wsr_list rules = body->access;
	if (t == d->t && outer->access.first == rules.first && outer->access.count == rules.count)
		return;
	for (uint32_t i = 0; i < rules.count; i++)
		network_line(d, wsr_access_rule_at(d->t, rules.first + i));
}

void plan_redirects(struct plan_dump *d, const struct wsr_body *body, const struct wsr_table *t, const struct wsr_body *outer, bool proxied)
{
	struct dump_groups g = dump_groups_of(d->t, body), o = dump_groups_of(t, outer);
	bool equal = dump_cell_equal(d->t, &g, t, &o, SET_proxy_redirect);
	if (dump_list(&g, SET_proxy_redirect).count == 0) {
		if (proxied || !equal)
			word_line(d, "proxy_redirect", WSR_STR("off"));
	} else if (!equal) {
		list_lines(d, "proxy_redirect", &g, SET_proxy_redirect, "");
	}
}

/* --- process, formats, maps, upstreams ------------------------------------------------------------------------------- */

static void process(struct plan_dump *d)
{
	const struct wsr_global *g = wsr_global(d->t);
	if (g->user) {
		line(d, "user");
		dump_string(d->out, d->t, g->user);
		fputc(' ', d->out);
		dump_string(d->out, d->t, g->group);
		end(d);
	}
	string_line(d, "pid", g->pid);
	if (g->worker_processes)
		number_line(d, "worker_processes", g->worker_processes, "");
	else
		word_line(d, "worker_processes", WSR_STR("auto"));
	if (g->worker_rlimit_nofile)
		number_line(d, "worker_rlimit_nofile", g->worker_rlimit_nofile, "");
	if (g->worker_shutdown_timeout_ms)
		number_line(d, "worker_shutdown_timeout", g->worker_shutdown_timeout_ms, "ms");
	flag_line(d, "daemon", g->daemon);
	error_log_line(d, g->error_log);
	plan_open(d, "events");
	number_line(d, "worker_connections", g->worker_connections, "");
	flag_line(d, "multi_accept", g->multi_accept);
	plan_close(d);
}

static void formats(struct plan_dump *d)
{
	static const char *const escapes[] = { "default", "json", "none" };
	for (uint32_t i = 0; i < wsr_log_format_count(d->t); i++) {
		const struct wsr_log_format *f = wsr_log_format_at(d->t, i);
		if (wsr_str_eq(wsr_string(d->t, f->name), WSR_STR("combined")))
			continue;
		line(d, "log_format");
		dump_string(d->out, d->t, f->name);
		fprintf(d->out, " escape=%s ", escapes[f->escape]);
		dump_tmpl(d->out, d->t, f->line);
		end(d);
	}
}

static void maps(struct plan_dump *d)
{
	char before[64];
	for (uint32_t i = 0; i < wsr_variable_count(d->t); i++) {
		const struct wsr_variable *v = wsr_variable_at(d->t, i);
		if (v->kind != WSR_VARIABLE_MAP)
			continue;
		const struct wsr_map *m = wsr_map_at(d->t, v->map);
		line(d, "map");
		dump_tmpl(d->out, d->t, m->source);
		fprintf(d->out, " $%.*s {\n", WSR_FMT(wsr_string(d->t, v->name)));
		d->depth++;
		if (m->flags & WSR_MAP_HOSTNAMES)
			fprintf(d->out, "%*shostnames;\n", (int)(4 * d->depth), "");
		if (m->flags & WSR_MAP_VOLATILE)
			fprintf(d->out, "%*svolatile;\n", (int)(4 * d->depth), "");
		line(d, "default");
		dump_tmpl(d->out, d->t, m->default_value);
		end(d);
		snprintf(before, sizeof(before), "%*s", (int)(4 * d->depth), "");
		dump_map_cases(d->out, d->t, m, before, ";");
		plan_close(d);
	}
}

static void peer(struct plan_dump *d, const struct wsr_peer *p)
{
	line(d, "server");
	dump_string(d->out, d->t, p->text);
	fprintf(d->out, " weight=%u max_fails=%u fail_timeout=%llus max_conns=%u%s%s%s;\n", p->weight, p->max_fails,
		(unsigned long long)p->fail_timeout_ms / 1000, p->max_conns, p->flags & WSR_PEER_BACKUP ? " backup" : "",
		p->flags & WSR_PEER_DOWN ? " down" : "", p->flags & WSR_PEER_RESOLVE ? " resolve" : "");
}

static void upstreams(struct plan_dump *d)
{
	static const char *const methods[] = { "", "least_conn", "ip_hash", "random", "hash", "traffic" };
	for (uint32_t i = 0; i < wsr_upstream_count(d->t); i++) {
		const struct wsr_upstream *u = wsr_upstream_at(d->t, i);
		if (u->flags & WSR_UPSTREAM_IMPLICIT)
			continue;
		line(d, "upstream");
		dump_string(d->out, d->t, u->name);
		fputs(" {\n", d->out);
		d->depth++;
		if (u->balance != WSR_BALANCE_ROUND_ROBIN) {
			fprintf(d->out, "%*s%s", (int)(4 * d->depth), "", methods[u->balance]);
			if (u->hash_key != WSR_NONE) {
				fputc(' ', d->out);
				dump_tmpl(d->out, d->t, u->hash_key);
			}
			end(d);
		}
		for (uint32_t k = 0; k < u->peers.count; k++)
			peer(d, wsr_peer_at(d->t, u->peers.first + k));
		number_line(d, "keepalive", u->keepalive, "");
		number_line(d, "keepalive_requests", u->keepalive_requests, "");
		number_line(d, "keepalive_timeout", u->keepalive_timeout_ms, "ms");
		number_line(d, "keepalive_time", u->keepalive_time_ms, "ms");
		plan_close(d);
	}
}

/* --- TLS and head limits of a server --------------------------------------------------------------------------------- */

void plan_tls(struct plan_dump *d, uint32_t index)
{
	static const char *const verify[] = { "off", "on", "optional", "optional_no_ca" };
	static const char *const caches[] = { "none", "off", "builtin" };
	if (index == WSR_NONE)
		return;
	const struct wsr_tls *s = wsr_tls_at(d->t, index);
	string_list(d, "ssl_certificate", s->certificates, false);
	string_list(d, "ssl_certificate_key", s->keys, false);
	string_list(d, "ssl_session_ticket_key", s->ticket_keys, false);
	bits_line(d, "ssl_protocols", s->protocols, tls_versions, 4, "");
	string_line(d, "ssl_ciphers", s->ciphers);
	if (s->ciphersuites)
		string_line(d, "SSLCipherSuite TLSv1.3", s->ciphersuites);
	if (s->chain)
		string_line(d, "SSLCertificateChainFile", s->chain);
	string_line(d, "ssl_ecdh_curve", s->curves);
	string_line(d, "ssl_dhparam", s->dhparam);
	flag_line(d, "ssl_prefer_server_ciphers", s->prefer_server_ciphers);
	line(d, "ssl_session_cache");
	if (s->session_cache == WSR_TLS_CACHE_SHARED)
		fprintf(d->out, "shared:tls:%u;\n", s->session_cache_bytes);
	else
		fprintf(d->out, "%s;\n", caches[s->session_cache]);
	flag_line(d, "ssl_session_tickets", s->session_tickets);
	number_line(d, "ssl_session_timeout", s->session_timeout_ms / 1000, "s");
	word_line(d, "ssl_verify_client", wsr_cstr(verify[s->verify_client]));
	number_line(d, "ssl_verify_depth", s->verify_depth, "");
	string_line(d, "ssl_client_certificate", s->client_certificate);
	string_line(d, "ssl_trusted_certificate", s->trusted_certificate);
	string_line(d, "ssl_crl", s->crl);
	string_line(d, "ssl_password_file", s->password_file);
	flag_line(d, "ssl_reject_handshake", s->reject_handshake);
	number_line(d, "ssl_buffer_size", s->buffer_bytes, "");
}

void plan_srv(struct plan_dump *d, const struct wsr_srv *s)
{
	number_line(d, "client_header_timeout", s->client_header_timeout_ms, "ms");
	number_line(d, "client_header_buffer_size", s->header_buffer_bytes, "");
	line(d, "large_client_header_buffers");
	fprintf(d->out, "%u %u;\n", s->large_header_count, s->large_header_bytes);
	flag_line(d, "merge_slashes", s->merge_slashes);
	flag_line(d, "underscores_in_headers", s->underscores_in_headers);
	flag_line(d, "ignore_invalid_headers", s->ignore_invalid_headers);
}

void dump_plan(FILE *out, const struct wsr_table *t, const struct wsr_table *defaults)
{
	struct plan_dump d = { out, t, 0 };
	const struct wsr_body *http = wsr_body_at(t, wsr_global(t)->default_body);
	const struct wsr_body *base = wsr_body_at(defaults, wsr_global(defaults)->default_body);
	process(&d);
	plan_open(&d, "http");
	formats(&d);
	maps(&d);
	upstreams(&d);
	plan_settings(&d, http, false, defaults, base);
	plan_redirects(&d, http, defaults, base, false);
	plan_servers(&d, http);
	plan_close(&d);
}
