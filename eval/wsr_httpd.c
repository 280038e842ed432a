/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The phases of httpd for one request of a server that came from Apache or IIS configuration (server/request.c: ap_process_request_internal). In: e->uri and
 * e->args. Out: e->decision.
 *
 * Whatever goes to another URI (index file, ErrorDocument, a rewrite in a section) runs all phases again, with the state and the environment made anew;
 * cycles are counted as everywhere.
 */
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

void wsr_httpd_enter(struct wsr_eval *e)
{
	const struct wsr_server *s = wsr_server_at(e->table, e->server);
	if (s->host == WSR_NONE) {
		e->httpd = NULL;
		return;
	}
	struct wsr_httpd *h = e->httpd;
	if (!h) {
		e->httpd = h = wsr_arena_alloc(e->arena, sizeof(*h));
		if (!h)
			return;
		memset(h, 0, offsetof(struct wsr_httpd, layers));
	} else {
		struct wsr_httpd old;
		memcpy(&old, h, offsetof(struct wsr_httpd, layers));
		memset(h, 0, offsetof(struct wsr_httpd, layers));
		h->rewrite_ended = old.rewrite_ended;
		h->cookies = old.cookies;
		h->challenge = old.challenge;
		h->outer = old.outer;
		h->lookups = old.lookups;
		h->asking = old.asking;
		h->raw = old.next_raw;
	}
	h->host = wsr_host_at(e->table, s->host);
	h->layer_count = 1;
	h->layers[0] = wsr_layer_at(e->table, h->host->layers.first);
}

/* --- host and handshake -------------------------------------------------------------------------------------------------- */

/* The same certificates, protocols, ciphers and client certificates (mod_ssl: ssl_check_vhost_sni_policy, policy "secure"). */
static bool same_tls(const struct wsr_table *t, uint32_t a, uint32_t b)
{
	if (a == WSR_NONE || b == WSR_NONE)
		return a == b;
	struct wsr_tls x = *wsr_tls_at(t, a), y = *wsr_tls_at(t, b);
	x.pos = y.pos = WSR_NONE;
	x.protocols &= ~WSR_TLS_OF_FIRST_HOST;
	y.protocols &= ~WSR_TLS_OF_FIRST_HOST;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

unsigned wsr_httpd_handshake(struct wsr_eval *e)
{
	struct wsr_str sni;
	const struct wsr_server *s = wsr_server_at(e->table, e->server);
	bool named = wsr_var_value(e, WSR_V_SSL_SERVER_NAME, WSR_STR_NULL, &sni) && sni.len > 0;
	if (!named && e->httpd->host->flags & WSR_HOST_STRICT_SNI)
		return 403;
	if (named && e->request->host.len == 0)
		return 400; /* a name in the handshake and none in the request (AH02031) */
	if (!named)
		sni = WSR_STR_NULL; /* the first host of the address shook hands */
	uint32_t shaken = wsr_match_server(e->table, e->regexes, e->listen, sni, NULL);
	return shaken == e->server || same_tls(e->table, wsr_server_at(e->table, shaken)->tls, s->tls) ? 0 : 421;
}

/* --- the phases ---------------------------------------------------------------------------------------------------------- */

/* From the URI to a file name or the URL of a backend. @return false after a decision. */
static bool translate(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	if (h->layers[0]->flags & WSR_LAYER_REWRITE_ON && wsr_httpd_rewrite(e, h->layers[0]))
		return false;
	if (h->mapped == WSR_MAPPED_NOT && (e->uri.len == 0 || e->uri.ptr[0] != '/')) {
		wsr_decide_status(e, 400, wsr_server_at(e->table, e->server)->pos); /* a rule with PT made a URL of it: no other module takes that */
		return false;
	}
	if (h->mapped == WSR_MAPPED_NOT && wsr_httpd_pass(e))
		return false;
	if (h->mapped == WSR_MAPPED_NOT && wsr_httpd_alias(e))
		return false;
	if (h->mapped == WSR_MAPPED_NOT)
		wsr_httpd_map_to_root(e);
	if (h->mapped == WSR_MAPPED_FILE && wsr_httpd_is_too_long(e)) {
		wsr_decide_status(e, 403, wsr_server_at(e->table, e->server)->pos); /* ap_directory_walk */
		return false;
	}
	return true;
}

/* SetEnvIf and SetEnv of the sections that hold. */
static void section_env(struct wsr_eval *e, bool late)
{
	for (uint32_t i = 1; i < e->httpd->layer_count; i++)
		wsr_httpd_env(e, e->httpd->layers[i]->env, late);
}

/* What is known before the URI is looked at; a subrequest has a copy of its request's. */
static void begin_env(struct wsr_eval *e)
{
	if (e->internal) {
		wsr_httpd_env_again(e);
	} else {
		wsr_httpd_client(e);
		wsr_httpd_early_fields(e);
	}
	wsr_httpd_env(e, e->httpd->layers[0]->env, false);
}

/*
 * A subrequest that the same sections hold for is as welcome as its request: httpd sees that they are the same where none holds, or where the path is the same
 * too (server/request.c: ap_process_request_internal, ap_location_walk).
 */
static bool access_is_known(const struct wsr_eval *e)
{
	const struct wsr_httpd *h = e->httpd;
	if (!h->outer || (h->layer_count > 1 && !wsr_str_eq(h->outer->own_uri, e->uri)))
		return false;
	return h->outer->layer_count == h->layer_count && memcmp(h->outer->layers, h->layers, h->layer_count * sizeof(*h->layers)) == 0;
}

void wsr_httpd_run(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	uint32_t pos = wsr_server_at(e->table, e->server)->pos;
	if (!h) {
		wsr_eval_fail(e, "out of memory", pos);
		wsr_decide_status(e, 500, pos);
		return;
	}
	if (!h->raw.ptr && (h->outer || e->internal)) {
		struct wsr_str parts[] = { wsr_httpd_escape(e->arena, e->uri, WSR_HTTPD_ESCAPE_FILE), e->args.ptr ? WSR_STR("?") : WSR_STR_NULL, e->args };
		h->raw = wsr_join(e->arena, parts, 3);
	}
	if (h->outer)
		h->user = h->outer->user;
	else
		begin_env(e);
	if (wsr_httpd_locations(e) && translate(e))
		wsr_httpd_run_mapped(e);
}

void wsr_httpd_internal_redirect(struct wsr_eval *e, struct wsr_str url, uint32_t pos)
{
	struct wsr_str args;
	unsigned refused = wsr_httpd_url(e, url, &args);
	e->httpd->next_raw = url;
	if (refused)
		wsr_decide_status(e, refused, pos);
	else
		wsr_flow_redirect(e, e->uri, args, pos);
}

/* mod_rewrite's handler: what rules of sections have made of the file's name is a request of its own. */
static void start_again(struct wsr_eval *e)
{
	const struct wsr_httpd *h = e->httpd;
	struct wsr_str parts[] = { wsr_from(h->redirected, strlen("redirect:")), e->args.ptr ? WSR_STR("?") : WSR_STR_NULL, e->args };
	struct wsr_str url = wsr_join(e->arena, parts, 3);
	uint32_t pos = h->rule->pos;
	if (wsr_httpd_become(e, pos))
		wsr_httpd_internal_redirect(e, url, pos);
}

void wsr_httpd_run_mapped(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	uint32_t pos = wsr_server_at(e->table, e->server)->pos;
	if (!wsr_httpd_sections(e))
		return;
	if (!h->outer)
		section_env(e, false);
	if (!access_is_known(e) && wsr_httpd_access(e))
		return;
	wsr_httpd_reverse_prepare(e);
	if (wsr_httpd_rewrite_sections(e) || wsr_httpd_redirect(e))
		return;
	wsr_httpd_env(e, h->layers[0]->env, true);
	section_env(e, true);
	if (wsr_httpd_folder(e, pos))
		return;
	wsr_httpd_request_fields(e);
	if (e->error) {
		wsr_decide_status(e, 500, e->error_pos);
	} else if (h->redirected.ptr && !h->asking) {
		start_again(e);
	} else if (h->host->flags & WSR_HOST_IIS && wsr_httpd_body_too_large(e)) {
		e->body_refused = true;
		wsr_decide_status(e, 413, pos);
	} else if (h->mapped == WSR_MAPPED_PROXY && h->host->flags & WSR_HOST_NO_TRACE && wsr_str_eq(e->method, WSR_STR("TRACE"))) {
		wsr_decide_status(e, 405, pos);
		e->decision.allow = WSR_STR(""); /* nobody has said which others the backend takes (proxy_handler) */
	} else if (h->mapped == WSR_MAPPED_PROXY) {
		wsr_httpd_decide_proxy(e);
	} else {
		wsr_httpd_decide_file(e, pos);
	}
}
