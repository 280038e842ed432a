/* SPDX-License-Identifier: BSD-2-Clause */
/* What a configuration has besides locations, as text: process, log formats, maps, upstreams, TLS and limits of servers; see dump_plan.c. */
#include "compiler/dump_httpd.h"

/* --- process, formats, maps, upstreams ------------------------------------------------------------------------------- */

static void process(struct plan_dump *d)
{
	const struct wsr_global *g = wsr_global(d->t);
	if (g->group && !g->user)
		plan_string_line(d, "group", g->group);
	if (g->user) {
		plan_line(d, "user");
		dump_string(d->out, d->t, g->user);
		fputc(' ', d->out);
		dump_string(d->out, d->t, g->group);
		plan_end(d, WSR_NONE);
	}
	plan_string_line(d, "pid", g->pid);
	if (g->worker_processes)
		plan_number_line(d, "worker_processes", g->worker_processes, "");
	else
		plan_word_line(d, "worker_processes", WSR_STR("auto"));
	if (g->worker_rlimit_nofile)
		plan_number_line(d, "worker_rlimit_nofile", g->worker_rlimit_nofile, "");
	if (g->worker_shutdown_timeout_ms)
		plan_number_line(d, "worker_shutdown_timeout", g->worker_shutdown_timeout_ms, "ms");
	plan_flag_line(d, "daemon", g->daemon);
	plan_error_log_line(d, g->error_log);
	plan_open(d, "events");
	plan_number_line(d, "worker_connections", g->worker_connections, "");
	plan_flag_line(d, "multi_accept", g->multi_accept);
	plan_close(d);
}

static void formats(struct plan_dump *d)
{
	static const char *const escapes[] = { "default", "json", "none", "httpd" };
	char label[300];
	for (uint32_t i = 0; i < wsr_log_format_count(d->t); i++) {
		const struct wsr_log_format *f = wsr_log_format_at(d->t, i);
		if (f->escape != WSR_ESCAPE_HTTPD && wsr_str_eq(wsr_string(d->t, f->name), WSR_STR("combined")))
			continue;
		plan_line(d, "log_format");
		dump_word(d->out, wsr_cstr(dump_format_label(d->t, i, label, sizeof(label))));
		fprintf(d->out, " escape=%s ", escapes[f->escape]);
		dump_tmpl(d->out, d->t, f->line);
		plan_end(d, WSR_NONE);
	}
}

/* Conditions of access logs, which name them. */
static void conditions(struct plan_dump *d)
{
	char label[32];
	for (uint32_t i = 0; i < wsr_log_ref_count(d->t); i++) {
		uint32_t when = wsr_log_ref_at(d->t, i)->when;
		bool known = when == WSR_NONE;
		for (uint32_t k = 0; k < i && !known; k++)
			known = wsr_log_ref_at(d->t, k)->when == when;
		if (known)
			continue;
		plan_line(d, "condition");
		fprintf(d->out, "%s ", dump_when_label(d->t, when, label, sizeof(label)));
		httpd_condition(d, when);
		plan_end(d, wsr_cond_at(d->t, when)->pos);
	}
}

/* Maps that belong to no variable: RewriteMap and its like. */
static void lookups(struct plan_dump *d)
{
	char before[64], label[32];
	for (uint32_t i = 0; i < wsr_map_count(d->t); i++) {
		const struct wsr_map *m = wsr_map_at(d->t, i);
		const struct wsr_tmpl *otherwise = wsr_tmpl_at(d->t, m->default_value);
		if (dump_map_has_variable(d->t, i))
			continue;
		plan_line(d, "lookup");
		fprintf(d->out, "%s%s {", dump_map_label(d->t, i, label, sizeof(label)), m->flags & WSR_MAP_EXACT ? " exact" : "");
		plan_place_comment(d, m->pos);
		fputc('\n', d->out);
		d->depth++;
		if (otherwise->part_count) {
			plan_line(d, "default");
			dump_tmpl(d->out, d->t, m->default_value);
			plan_end(d, WSR_NONE);
		}
		snprintf(before, sizeof(before), "%*s", (int)(4 * d->depth), "");
		dump_map_cases(d->out, d->t, m, before, ";");
		plan_close(d);
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
		plan_line(d, "map");
		dump_tmpl(d->out, d->t, m->source);
		fprintf(d->out, " $%.*s {\n", WSR_FMT(wsr_string(d->t, v->name)));
		d->depth++;
		if (m->flags & WSR_MAP_HOSTNAMES)
			fprintf(d->out, "%*shostnames;\n", (int)(4 * d->depth), "");
		if (m->flags & WSR_MAP_VOLATILE)
			fprintf(d->out, "%*svolatile;\n", (int)(4 * d->depth), "");
		plan_line(d, "default");
		dump_tmpl(d->out, d->t, m->default_value);
		plan_end(d, WSR_NONE);
		snprintf(before, sizeof(before), "%*s", (int)(4 * d->depth), "");
		dump_map_cases(d->out, d->t, m, before, ";");
		plan_close(d);
	}
}

static void peer(struct plan_dump *d, const struct wsr_peer *p, bool httpd)
{
	struct wsr_str text = wsr_string(d->t, p->text), host = wsr_string(d->t, p->host);
	const char *colon = memrchr(text.ptr, ':', text.len);
	char address[700];
	plan_line(d, "server");
	/* the text is what logs say; a port that it leaves to the scheme is written out */
	if (p->kind == WSR_PEER_UNIX)
		snprintf(address, sizeof(address), "unix:%.*s", WSR_FMT(host));
	else if (p->port != 80 && (!colon || memchr(colon, ']', (size_t)(text.ptr + text.len - colon))))
		snprintf(address, sizeof(address), "%.*s:%u", WSR_FMT(text), p->port);
	else
		snprintf(address, sizeof(address), "%.*s", WSR_FMT(text));
	dump_word(d->out, wsr_cstr(address));
	if (p->weight != (httpd ? 100 : 1))
		fprintf(d->out, " weight=%u", p->weight);
	if (p->max_fails != 1)
		fprintf(d->out, " max_fails=%u", p->max_fails);
	if (p->fail_timeout_ms != (httpd ? 60000 : 10000))
		fprintf(d->out, " fail_timeout=%llus", (unsigned long long)p->fail_timeout_ms / 1000);
	if (p->max_conns)
		fprintf(d->out, " max_conns=%u", p->max_conns);
	fprintf(d->out, "%s%s%s", p->flags & WSR_PEER_BACKUP ? " backup" : "", p->flags & WSR_PEER_DOWN ? " down" : "", p->flags & WSR_PEER_RESOLVE ? " resolve" : "");
	fputs(p->flags & WSR_PEER_PLAIN ? " plain" : "", d->out);
	if (!wsr_str_eq(text, wsr_cstr(address)))
		httpd_keyed(d, "text", text);
	plan_end(d, p->pos);
}

static void upstream(struct plan_dump *d, uint32_t index, const struct wsr_upstream *u)
{
	static const char *const methods[] = { "", "least_conn", "ip_hash", "random", "hash", "bytraffic" };
	bool httpd = u->flags & WSR_UPSTREAM_HTTPD;
	char label[600];
	plan_line(d, "upstream");
	dump_word(d->out, wsr_cstr(dump_upstream_label(d->t, index, label, sizeof(label))));
	fputs(" {", d->out);
	plan_place_comment(d, u->pos);
	fputc('\n', d->out);
	d->depth++;
	if (httpd)
		fprintf(d->out, "%*shttpd;\n", (int)(4 * d->depth), "");
	if (!wsr_str_eq(wsr_string(d->t, u->name), wsr_cstr(label)))
		plan_string_line(d, "name", u->name);
	if (u->balance != WSR_BALANCE_ROUND_ROBIN) {
		fprintf(d->out, "%*s%s", (int)(4 * d->depth), "", methods[u->balance]);
		if (u->hash_key != WSR_NONE) {
			fputc(' ', d->out);
			dump_tmpl(d->out, d->t, u->hash_key);
		}
		plan_end(d, WSR_NONE);
	}
	for (uint32_t k = 0; k < u->peers.count; k++)
		peer(d, wsr_peer_at(d->t, u->peers.first + k), httpd);
	if (u->keepalive != 32)
		plan_number_line(d, "keepalive", u->keepalive, "");
	if (u->keepalive_requests != (httpd ? UINT32_MAX : 1000))
		plan_number_line(d, "keepalive_requests", u->keepalive_requests, "");
	if (u->keepalive_timeout_ms != 60000)
		plan_number_line(d, "keepalive_timeout", u->keepalive_timeout_ms, "ms");
	if (u->keepalive_time_ms != 3600000)
		plan_number_line(d, "keepalive_time", u->keepalive_time_ms, "ms");
	plan_close(d);
}

static void upstreams(struct plan_dump *d)
{
	for (uint32_t i = 0; i < wsr_upstream_count(d->t); i++)
		if (!(wsr_upstream_at(d->t, i)->flags & WSR_UPSTREAM_IMPLICIT))
			upstream(d, i, wsr_upstream_at(d->t, i));
}

/* --- TLS and head limits of a server --------------------------------------------------------------------------------- */

/* A string that differs from the one of the defaults. */
static void tls_string(struct plan_dump *d, const char *name, wsr_sref own, wsr_sref usual)
{
	if (own && !(usual && wsr_str_eq(wsr_string(d->t, own), wsr_string(d->defaults, usual))))
		plan_string_line(d, name, own);
}

/* The resolver stands beside it, as a setting of the server. */
static void stapling(struct plan_dump *d, const struct wsr_tls *s)
{
	const struct { const char *name; uint32_t v, usual; const char *unit; } numbers[] = {
		{ "ssl_stapling_timeout", s->stapling_timeout_ms, WSR_STAPLING_TIMEOUT_MS, "ms" }, { "ssl_stapling_valid", s->stapling_valid_s, WSR_STAPLING_VALID_S, "s" },
		{ "ssl_stapling_retry", s->stapling_error_s, WSR_STAPLING_ERROR_S, "s" }, { "ssl_stapling_skew", s->stapling_skew_s, WSR_STAPLING_SKEW_S, "s" },
		{ "ssl_stapling_max_age", s->stapling_max_age_s, WSR_NONE, "s" },
	};
	plan_flag_line(d, "ssl_stapling", true);
	tls_string(d, "ssl_stapling_file", s->stapling_file, 0);
	tls_string(d, "ssl_stapling_responder", s->stapling_responder, 0);
	if (s->stapling & WSR_STAPLING_VERIFY)
		plan_flag_line(d, "ssl_stapling_verify", true);
	if (s->stapling & WSR_STAPLING_ERRORS)
		plan_flag_line(d, "ssl_stapling_errors", true);
	if (s->stapling & WSR_STAPLING_TRY_LATER)
		plan_flag_line(d, "ssl_stapling_try_later", true);
	if (s->stapling & WSR_STAPLING_REVOKED)
		plan_flag_line(d, "ssl_stapling_revoked", true);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i].v != numbers[i].usual)
			plan_number_line(d, numbers[i].name, numbers[i].v, numbers[i].unit);
}

void plan_tls(struct plan_dump *d, uint32_t index)
{
	static const char *const verify[] = { "off", "on", "optional", "optional_no_ca" };
	static const char *const caches[] = { "none", "off", "builtin" };
	if (index == WSR_NONE)
		return;
	const struct wsr_tls *s = wsr_tls_at(d->t, index), *u = wsr_tls_at(d->defaults, wsr_server_at(d->defaults, 0)->tls);
	plan_string_list(d, "ssl_certificate", s->certificates, false);
	plan_string_list(d, "ssl_certificate_key", s->keys, false);
	plan_string_list(d, "ssl_session_ticket_key", s->ticket_keys, false);
	if (s->protocols != u->protocols)
		plan_bits_line(d, "ssl_protocols", s->protocols, plan_tls_versions, 4, "");
	tls_string(d, "ssl_ciphers", s->ciphers, u->ciphers);
	tls_string(d, "ssl_ciphersuites", s->ciphersuites, u->ciphersuites);
	tls_string(d, "ssl_certificate_chain", s->chain, u->chain);
	tls_string(d, "ssl_ecdh_curve", s->curves, u->curves);
	tls_string(d, "ssl_dhparam", s->dhparam, u->dhparam);
	if (s->prefer_server_ciphers != u->prefer_server_ciphers)
		plan_flag_line(d, "ssl_prefer_server_ciphers", s->prefer_server_ciphers);
	if (s->session_cache == WSR_TLS_CACHE_SHARED) {
		plan_line(d, "ssl_session_cache");
		fprintf(d->out, "shared:tls:%u;\n", s->session_cache_bytes);
	} else if (s->session_cache != u->session_cache) {
		plan_word_line(d, "ssl_session_cache", wsr_cstr(caches[s->session_cache]));
	}
	if (s->session_tickets != u->session_tickets)
		plan_flag_line(d, "ssl_session_tickets", s->session_tickets);
	if (s->session_timeout_ms != u->session_timeout_ms)
		plan_number_line(d, "ssl_session_timeout", s->session_timeout_ms / 1000, "s");
	if (s->verify_client != u->verify_client)
		plan_word_line(d, "ssl_verify_client", wsr_cstr(verify[s->verify_client]));
	if (s->strict_verify != u->strict_verify)
		plan_flag_line(d, "ssl_strict_verify", s->strict_verify);
	if (s->verify_depth != u->verify_depth)
		plan_number_line(d, "ssl_verify_depth", s->verify_depth, "");
	tls_string(d, "ssl_client_certificate", s->client_certificate, u->client_certificate);
	tls_string(d, "ssl_trusted_certificate", s->trusted_certificate, u->trusted_certificate);
	tls_string(d, "ssl_crl", s->crl, u->crl);
	tls_string(d, "ssl_client_certificate_path", s->client_folder, u->client_folder);
	tls_string(d, "ssl_crl_path", s->crl_folder, u->crl_folder);
	tls_string(d, "ssl_client_names", s->names_file, u->names_file);
	tls_string(d, "ssl_client_names_path", s->names_folder, u->names_folder);
	if (s->crl_check != u->crl_check)
		plan_crl_check_line(d, "ssl_crl_check", s->crl_check);
	if (s->stapling)
		stapling(d, s);
	tls_string(d, "ssl_password_file", s->password_file, u->password_file);
	if (s->reject_handshake != u->reject_handshake)
		plan_flag_line(d, "ssl_reject_handshake", s->reject_handshake);
	if (s->buffer_bytes != u->buffer_bytes)
		plan_number_line(d, "ssl_buffer_size", s->buffer_bytes, "");
}

void plan_srv(struct plan_dump *d, const struct wsr_srv *s)
{
	const struct wsr_srv *u = wsr_srv_at(d->defaults, wsr_server_at(d->defaults, 0)->srv);
	if (s->client_header_timeout_ms != u->client_header_timeout_ms)
		plan_number_line(d, "client_header_timeout", s->client_header_timeout_ms, "ms");
	if (s->header_buffer_bytes != u->header_buffer_bytes)
		plan_number_line(d, "client_header_buffer_size", s->header_buffer_bytes, "");
	if (s->large_header_count != u->large_header_count || s->large_header_bytes != u->large_header_bytes) {
		plan_line(d, "large_client_header_buffers");
		fprintf(d->out, "%u %u;\n", s->large_header_count, s->large_header_bytes);
	}
	if (s->request_line_bytes != u->request_line_bytes)
		plan_number_line(d, "request_line_size", s->request_line_bytes, "");
	if (s->field_bytes != u->field_bytes)
		plan_number_line(d, "request_field_size", s->field_bytes, "");
	if (s->field_count != u->field_count)
		plan_number_line(d, "request_fields", s->field_count, "");
	if (s->merge_slashes != u->merge_slashes)
		plan_flag_line(d, "merge_slashes", s->merge_slashes);
	if (s->underscores_in_headers != u->underscores_in_headers)
		plan_flag_line(d, "underscores_in_headers", s->underscores_in_headers);
	if (s->ignore_invalid_headers != u->ignore_invalid_headers)
		plan_flag_line(d, "ignore_invalid_headers", s->ignore_invalid_headers);
}

/* Clients without a header of the PROXY protocol. */
static void exempt(struct plan_dump *d)
{
	struct wsr_list rules = wsr_global(d->t)->exempt;
	if (rules.count == 0)
		return;
	plan_line(d, "proxy_protocol_exempt");
	for (uint32_t i = 0; i < rules.count; i++) {
		fputs(i ? " " : "", d->out);
		dump_network(d->out, wsr_access_rule_at(d->t, rules.first + i));
	}
	fputs(";\n", d->out);
}

bool dump_plan_is_httpd(const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_server_count(t); i++)
		if (wsr_server_at(t, i)->host != WSR_NONE)
			return true;
	return false;
}

void dump_plan(FILE *out, const struct wsr_table *t, const struct wsr_table *defaults, bool places)
{
	struct plan_dump d = { out, t, 0, places, defaults };
	const struct wsr_body *http = wsr_body_at(t, wsr_global(t)->default_body);
	const struct wsr_body *base = wsr_body_at(defaults, wsr_global(defaults)->default_body);
	process(&d);
	plan_open(&d, "http");
	if (dump_plan_is_httpd(t))
		plan_word_line(&d, "defaults", WSR_STR("httpd"));
	exempt(&d);
	formats(&d);
	conditions(&d);
	lookups(&d);
	maps(&d);
	upstreams(&d);
	plan_settings(&d, http, false, defaults, base);
	plan_redirects(&d, http, defaults, base, false);
	plan_servers(&d, http);
	plan_close(&d);
}
