/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A web.config as a site: one server with one host that runs the rules. Bindings are not in the file, so addresses and certificate come from the command
 * line. In: the tree of iis_read(). Out: plan records as for a virtual host of Apache, with the flag that tells eval whose rules they are.
 *
 * A rewrite to another host is a reverse proxy as Application Request Routing makes it: the backend's Host unless preserveHostHeader, X-Forwarded-For with the
 * port, X-Original-URL.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "compiler/address.h"
#include "compiler/apache.h"
#include "compiler/apache_cond.h"
#include "compiler/iis.h"
#include "compiler/value.h"
#include "eval/wsr_eval.h"

#define DEFAULT_MAX_BODY 30000000u /* maxAllowedContentLength */

/* --- settings ------------------------------------------------------------------------------------------------------------ */

static uint64_t number(struct lower *l, const struct node *n, const char *name, uint64_t def)
{
	uint64_t v = def;
	struct wsr_str text = iis_attribute(n, name, NULL);
	if (text.ptr && !value_uint(text, &v))
		diag_at(l->cc, CHECK_INTEGER, iis_word(n, name)->span, "'%s' is no number", diag_quote(l->cc, text.ptr, text.len));
	return v;
}

static void request_limits(struct lower *l, struct level *lv, const struct node *security)
{
	const struct node *filtering = security ? iis_child(security, "requestFiltering") : NULL;
	const struct node *limits = filtering ? iis_child(filtering, "requestLimits") : NULL;
	lv->s.core.client_max_body_bytes = limits ? number(l, limits, "maxAllowedContentLength", DEFAULT_MAX_BODY) : DEFAULT_MAX_BODY;
	uint64_t url = limits ? number(l, limits, "maxUrl", 4096) : 4096, query = limits ? number(l, limits, "maxQueryString", 2048) : 2048;
	uint64_t line = url + query + 32; /* method and version stand in the line too */
	lv->server->srv.request_line_bytes = (uint32_t)(line < 1u << 20 ? line : 1u << 20);
	if (lv->server->srv.large_header_bytes < lv->server->srv.request_line_bytes)
		lv->server->srv.large_header_bytes = lv->server->srv.request_line_bytes;
}

static uint32_t variable(struct lower *l, enum wsr_var_id id)
{
	struct wsr_part part = { .kind = WSR_PART_VARIABLE, .id = (uint16_t)id };
	return plan_tmpl(l->plan, &part, 1);
}

static void request_header(struct lower *l, struct apache_section *s, const struct node *n, uint8_t action, const char *name, uint32_t value)
{
	struct wsr_header_op op = { .action = action, .name = plan_str(l->plan, wsr_cstr(name)), .value = value, .regex = WSR_NONE, .condition = WSR_NONE };
	apache_push(l, &s->request_headers, &op, n);
}

/* Fields that ARR adds. */
static void forwarded_fields(struct lower *l, struct apache_section *s, const struct node *site, const struct node *proxy)
{
	struct wsr_str name = proxy ? iis_attribute(proxy, "xForwardedForHeaderName", "X-Forwarded-For") : WSR_STR("X-Forwarded-For");
	struct wsr_part parts[3] = {
		{ .kind = WSR_PART_VARIABLE, .id = WSR_V_REMOTE_ADDR }, { .kind = WSR_PART_LITERAL, .arg = plan_str(l->plan, WSR_STR(":")) },
		{ .kind = WSR_PART_VARIABLE, .id = WSR_V_REMOTE_PORT },
	};
	bool port = !proxy || iis_flag(proxy, "includePortInXForwardedFor", true);
	if (name.len)
		request_header(l, s, site, WSR_HEADER_APPEND, arena_printf(&l->cc->arena, "%.*s", WSR_FMT(name)), plan_tmpl(l->plan, parts, port ? 3 : 1));
	request_header(l, s, site, WSR_HEADER_SET, "X-Original-URL", variable(l, WSR_V_REQUEST_URI));
}

/* Is the answer a redirect that was made here? */
static uint32_t own_redirect(struct lower *l, const struct node *n)
{
	struct cond_builder b;
	cond_init(&b);
	uint32_t group = cond_open(l, &b, WSR_COND_AND, 0, n->span), status = variable(l, WSR_V_STATUS), upstream = variable(l, WSR_V_UPSTREAM_STATUS);
	cond_leaf(l, &b, (struct wsr_cond){ .op = WSR_COND_MATCH, .a = status, .b = lower_regex(l, n, &n->words[0], WSR_STR("^30[12378]$"), false) }, n->span);
	cond_leaf(l, &b, (struct wsr_cond){ .op = WSR_COND_MATCH, .a = upstream, .b = lower_regex(l, n, &n->words[0], WSR_STR("^$"), false) }, n->span);
	cond_close(&b, group);
	uint32_t cond = cond_done(l, &b);
	cond_free(&b);
	return cond;
}

static void custom_headers(struct lower *l, struct apache_section *s, const struct node *list, bool redirects)
{
	if (!list)
		return;
	NODE_EACH_CHILD(n, list) {
		struct wsr_str name = iis_attribute(n, "name", "");
		struct wsr_header_op op = { .flags = WSR_HEADER_ALWAYS, .value = WSR_NONE, .regex = WSR_NONE, .condition = WSR_NONE };
		if (node_is(n, "clear") || (redirects && node_is(n, "remove")))
			continue;
		if (!wsr_is_token(name)) {
			diag_at(l->cc, CHECK_ARGUMENT, iis_word(n, "name")->span, "'%s' is no name of a field", diag_quote(l->cc, name.ptr, name.len));
			continue;
		}
		op.name = plan_str(l->plan, name);
		op.action = node_is(n, "add") ? WSR_HEADER_ADD : WSR_HEADER_UNSET;
		if (op.action == WSR_HEADER_ADD)
			op.value = plan_tmpl_const(l->plan, iis_attribute(n, "value", ""));
		else
			op.flags = 0; /* a backend's field stands in the other table */
		if (redirects)
			op.condition = own_redirect(l, n);
		apache_push(l, &s->response_headers, &op, n);
	}
}

/* "00:02:00", as all times of IIS are written. */
static void timeout(struct lower *l, struct level *lv, const struct node *proxy)
{
	struct wsr_str text = iis_attribute(proxy, "timeout", NULL);
	unsigned h, m, sec;
	char end, copy[16];
	if (!text.ptr)
		return;
	snprintf(copy, sizeof(copy), "%.*s", WSR_FMT(text));
	if (text.len >= sizeof(copy) || sscanf(copy, "%2u:%2u:%2u%c", &h, &m, &sec, &end) != 3 || m > 59 || sec > 59 || h + m + sec == 0) {
		diag_at(l->cc, CHECK_DURATION, iis_word(proxy, "timeout")->span, "'%s' is no time: hours:minutes:seconds are wanted, 00:02:00", diag_quote(l->cc, text.ptr, text.len));
		return;
	}
	lv->s.proxy.proxy_read_timeout_ms = ((h * 60ull + m) * 60 + sec) * 1000;
}

/* reverseRewriteHostInResponseHeaders: backends' addresses in Location become the host that was asked for. */
static void reverse_host(struct iis_site *site, const struct node *rules)
{
	struct lower *l = site->l;
	NODE_EACH_CHILD(n, rules) {
		const struct node *a = node_is(n, "rule") ? iis_child(n, "action") : NULL;
		struct wsr_str url = a ? iis_attribute(a, "url", "") : WSR_STR("");
		const char *host = url.len ? memmem(url.ptr, url.len, "://", 3) : NULL;
		size_t len = host ? (size_t)(host + 3 - url.ptr) : 0;
		while (host && len < url.len && url.ptr[len] != '/' && url.ptr[len] != '{')
			len++;
		if (!host || memchr(url.ptr, '{', len) || !wsr_str_eq_nocase(iis_attribute(a, "type", "None"), WSR_STR("Rewrite")))
			continue;
		struct wsr_reverse r = {
			.kind = WSR_REVERSE_LOCATION, .internal = plan_str(l->plan, wsr_cstr(arena_printf(&l->cc->arena, "%.*s/", (int)len, url.ptr))),
			.external = plan_str(l->plan, WSR_STR("/")), .live_internal = WSR_NONE, .live_external = WSR_NONE,
		};
		apache_push(l, &site->section->reverses, &r, n);
	}
}

/* --- addresses and certificate ------------------------------------------------------------------------------------------- */

static void listen_on(struct lower *l, const char *text, uint32_t server, bool tls)
{
	struct address a;
	char printed[INET6_ADDRSTRLEN];
	const char *wrong = address_parse(wsr_cstr(text), ADDRESS_LISTEN, 80, &a);
	if (wrong || a.kind == WSR_PEER_NAME || a.kind == WSR_PEER_UNIX) {
		diag_at(l->cc, CHECK_ADDRESS, SPAN_NONE, "--listen %s: %s", text, wrong ? wrong : "an address and a port, or a port, is wanted");
		return;
	}
	bool six = a.kind == WSR_PEER_IPV6;
	inet_ntop(six ? AF_INET6 : AF_INET, a.bytes, printed, sizeof(printed));
	struct wsr_nameset none = { .flags = WSR_NAMESET_ORDERED };
	struct wsr_listen record = {
		.text = plan_str(l->plan, wsr_cstr(arena_printf(&l->cc->arena, six ? "[%s]:%u" : "%s:%u", printed, a.port))), .family = six ? 6 : 4, .port = a.port,
		.flags = (tls ? WSR_LISTEN_TLS : 0) | (a.wildcard ? WSR_LISTEN_WILDCARD : 0) | (six ? WSR_LISTEN_IPV6ONLY : 0), .backlog = -1, .default_server = server,
		.nameset = pool_intern(&l->plan->nameset, &none), .pos = WSR_NONE,
	};
	memcpy(record.addr, a.bytes, sizeof(record.addr));
	pool_push(&l->plan->listen, &record);
}

static uint32_t certificate(struct lower *l, struct level *lv)
{
	const struct compiler_options *o = &l->cc->options;
	if (!o->certificate)
		return WSR_NONE;
	wsr_sref cert = plan_str(l->plan, wsr_cstr(o->certificate)), key = plan_str(l->plan, wsr_cstr(o->certificate_key ? o->certificate_key : o->certificate));
	struct wsr_tls tls = lv->server->tls;
	tls.certificates = pool_run(&l->plan->str_item, &cert, 1);
	tls.keys = pool_run(&l->plan->str_item, &key, 1);
	tls_stapling_done(&tls, 0);
	tls.pos = WSR_NONE;
	return pool_intern(&l->plan->tls, &tls);
}

/* Ports 443 and 8443 speak TLS when there is a certificate, and an address that says "ssl:" does. */
static void addresses(struct lower *l, uint32_t server, bool has_certificate)
{
	const struct compiler_options *o = &l->cc->options;
	if (!o->listen_count)
		diag_at(l->cc, CHECK_IIS_BINDINGS, SPAN_NONE, "bindings are not part of a web.config: name the addresses with --listen (and --certificate)");
	for (unsigned i = 0; i < o->listen_count; i++) {
		const char *text = o->listens[i];
		bool tls = strncmp(text, "ssl:", 4) == 0;
		if (tls && !has_certificate)
			diag_at(l->cc, CHECK_TLS_CERTIFICATE_MISSING, SPAN_NONE, "--listen %s needs --certificate", text);
		listen_on(l, tls ? text + 4 : text, server, tls);
	}
}

/* --- the site ------------------------------------------------------------------------------------------------------------ */

static void rewrite(struct iis_site *site, const struct node *server)
{
	const struct node *r = iis_child(server, "rewrite");
	const char *const lists[] = { "globalRules", "rules" };
	if (!r)
		return;
	site->maps = iis_child(r, "rewriteMaps");
	const struct node *proxy = iis_child(server, "proxy");
	bool reverse = proxy && iis_flag(proxy, "reverseRewriteHostInResponseHeaders", false);
	for (unsigned i = 0; i < 2; i++) {
		const struct node *list = iis_child(r, lists[i]);
		if (list)
			iis_rules(site, list);
		if (list && reverse)
			reverse_host(site, list);
	}
	if (iis_child(r, "outboundRules"))
		iis_outbound_rules(site, iis_child(r, "outboundRules"));
}

/* <system.webServer>, directly or in a <location> that stands for the whole site. */
static const struct node *web_server(struct lower *l, const struct node *configuration)
{
	const struct node *found = configuration ? iis_child(configuration, "system.webServer") : NULL;
	for (const struct node *n = configuration ? configuration->first_child : NULL; n; n = n->next) {
		if (!node_is(n, "location"))
			continue;
		struct wsr_str path = iis_attribute(n, "path", ".");
		if (path.len && !wsr_str_eq(path, WSR_STR(".")))
			diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, iis_word(n, "path")->span, "settings for a part of the site are not compiled: write the path into the rules' patterns");
		else if (!found)
			found = iis_child(n, "system.webServer");
	}
	return found;
}

static void settings(struct lower *l, struct level *lv, struct apache_section *s, const struct node *server)
{
	const struct node *proxy = iis_child(server, "proxy"), *socket = iis_child(server, "webSocket");
	lv->s.proxy.preserve_host = proxy && iis_flag(proxy, "preserveHostHeader", false);
	lv->s.proxy.add_forwarded = 0;
	lv->s.proxy.proxy_ssl_engine = 1;
	lv->s.proxy.proxy_http_version = 11;
	lv->s.proxy.websocket = !socket || iis_flag(socket, "enabled", true) ? WSR_WEBSOCKET_ON : WSR_WEBSOCKET_OFF;
	lv->s.log.access_log = (struct wsr_list){ 0, 0 };
	lv->server->srv.underscores_in_headers = 1;
	lv->server->srv.ignore_invalid_headers = 0;
	request_limits(l, lv, iis_child(server, "security"));
	for (unsigned g = 0; g < PLAN_GROUPS; g++)
		lv->group[g] = WSR_NONE;
	forwarded_fields(l, s, server, proxy);
	const struct node *protocol = iis_child(server, "httpProtocol");
	custom_headers(l, s, protocol ? iis_child(protocol, "customHeaders") : NULL, false);
	custom_headers(l, s, protocol ? iis_child(protocol, "redirectHeaders") : NULL, true);
	if (proxy)
		timeout(l, lv, proxy);
}

void lower_iis(struct lower *l, const struct level *base)
{
	struct plan *p = l->plan;
	struct level lv;
	struct server_level own = *base->server;
	struct apache_host host;
	struct apache_section s;
	const struct node *server = web_server(l, iis_child(l->cc->root, "configuration"));
	level_child(&lv, base);
	lv.server = &own;
	lv.section = &s;
	if (!server) {
		diag_at(l->cc, CHECK_ARGUMENT, SPAN_NONE, "there is no <system.webServer> in the file: nothing in it is for a server");
		return;
	}
	apache_host_init(&host, NULL, server);
	apache_section_init(&s, &host, server, WSR_LAYER_HOST);
	host.record.flags = WSR_HOST_IIS | WSR_HOST_SLASHES_ON;
	settings(l, &lv, &s, server);
	struct iis_site site = { .l = l, .section = &s };
	rewrite(&site, server);
	const struct node *redirect = iis_child(server, "httpRedirect");
	if (redirect && iis_flag(redirect, "enabled", false))
		iis_redirect(&site, redirect);
	s.layer.flags |= WSR_LAYER_REWRITE_ON;
	apache_section_done(l, &lv, &s);
	uint32_t index = pool_reserve(&p->server, 1), tls = certificate(l, &lv);
	struct wsr_location self = { .proxy = WSR_NONE, .program = WSR_NONE, .scope = WSR_NONE };
	self.body = level_body(l, &lv, WSR_LOCATION_SERVER, 0, plan_str(p, wsr_str("", 0)), WSR_NONE);
	struct wsr_server record = {
		.name = plan_str(p, wsr_str("", 0)), .scope = WSR_NONE, .program = WSR_NONE, .tls = tls, .pos = lower_pos(l, server),
		.srv = pool_intern(&p->srv, &own.srv), .host = apache_host_done(l, &host),
		.location = plan_record_at(p, &p->location, &self, offsetof(struct wsr_location, pos), lower_place(l, server->span)),
	};
	memcpy(pool_at(&p->server, index), &record, sizeof(record));
	addresses(l, index, tls != WSR_NONE);
	((struct wsr_global *)pool_at(&p->global, 0))->default_body = self.body;
}
