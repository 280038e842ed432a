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
	struct wsr_httpd *h = e->httpd, keep = { 0 };
	if (h)
		keep = (struct wsr_httpd){ .rewrite_ended = h->rewrite_ended, .cookies = h->cookies, .client = h->client,
					    .client_binary = h->client_binary, .challenge = h->challenge };
	else
		e->httpd = h = wsr_arena_alloc(e->arena, sizeof(*h));
	if (!h)
		return;
	*h = keep;
	h->host = wsr_host_at(e->table, s->host);
	h->layer_count = 1;
	h->layers[0] = wsr_layer_at(e->table, h->host->layers.first);
}

/* --- files --------------------------------------------------------------------------------------------------------------- */

static bool file_is(struct wsr_eval *e, struct wsr_str path, enum wsr_file_test test)
{
	return e->world && e->world->file && e->world->file(e->world_ctx, path.ptr, test);
}

/* DocumentRoot and the path; without one there is no file. */
static void map_to_root(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	if (e->file->root.v == WSR_NONE)
		return;
	struct wsr_str root = wsr_eval_tmpl(e, e->file->root.v);
	if (root.len && root.ptr[root.len - 1] == '/')
		root.len--;
	struct wsr_str parts[] = { root, e->uri };
	h->path = wsr_join(e->arena, parts, 2);
	h->mapped = h->path.ptr ? WSR_MAPPED_FILE : WSR_MAPPED_NOT;
}

static bool body_too_large(const struct wsr_eval *e)
{
	uint64_t limit = e->core->client_max_body_bytes;
	return e->request && e->request->framing == WSR_FRAMING_LENGTH && limit && e->request->content_length > limit && !e->body_refused;
}

/* Is there a file on the way to this path, which then has more behind its name? */
static bool is_below_file(struct wsr_eval *e, struct wsr_str path)
{
	for (size_t len = path.len; len-- > 1;) {
		if (path.ptr[len] != '/')
			continue;
		struct wsr_str upper = wsr_arena_dup(e->arena, wsr_str(path.ptr, len));
		if (!upper.ptr || file_is(e, upper, WSR_FILE_IS_FILE))
			return true;
		if (file_is(e, upper, WSR_FILE_IS_DIR))
			return false;
	}
	return false;
}

/* FallbackResource: go on there. @return true after a decision. */
static bool fall_back(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_list list = e->file->try_files;
	if (list.count == 0)
		return false;
	struct wsr_str target = wsr_eval_tmpl(e, *wsr_tmpl_item_at(e->table, list.first));
	if (target.len == 0 || wsr_str_eq(target, e->uri))
		return false;
	wsr_flow_redirect(e, target, e->args, pos);
	return true;
}

static bool is_method(const struct wsr_eval *e, const char *name)
{
	return wsr_str_eq(e->method, wsr_cstr(name));
}

static void decide_file(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_httpd *h = e->httpd;
	if (body_too_large(e)) {
		e->body_refused = true;
		wsr_decide_status(e, 413, pos);
	} else if (h->mapped == WSR_MAPPED_NOT) {
		wsr_decide_status(e, 404, pos);
	} else if (e->file->try_files.count && !file_is(e, h->path, WSR_FILE_EXISTS) && !is_below_file(e, h->path) && fall_back(e, pos)) {
		return;
	} else if (is_method(e, "OPTIONS")) {
		wsr_decide_text(e, 200, WSR_STR(""), pos);
		e->decision.content_type = WSR_STR_NULL;
	} else if (!is_method(e, "GET") && !is_method(e, "HEAD") && !is_method(e, "POST")) {
		wsr_decide_status(e, 405, pos);
	} else {
		struct wsr_decision *d = wsr_decide(e, WSR_DECIDE_FILE, pos);
		d->path = h->path;
		d->directory = e->uri.len && e->uri.ptr[e->uri.len - 1] == '/';
		d->content_type = wsr_content_type(e);
		wsr_trace(e, pos, "file", h->path);
	}
}

/* Go on with one index file. @return true after a decision. */
static bool try_index(struct wsr_eval *e, struct wsr_str folder, struct wsr_str name, uint32_t pos)
{
	if (name.len == 0)
		return false;
	if (name.ptr[0] == '/') {
		wsr_flow_redirect(e, name, e->args, pos);
		return true;
	}
	struct wsr_str path_parts[] = { folder, name }, uri_parts[] = { e->uri, name };
	struct wsr_str path = wsr_join(e->arena, path_parts, 2);
	bool there = path.ptr && file_is(e, path, WSR_FILE_IS_FILE);
	wsr_trace(e, pos, there ? "index: found" : "index: not found", path);
	if (there)
		wsr_flow_redirect(e, wsr_join(e->arena, uri_parts, 2), e->args, pos);
	return there;
}

void wsr_httpd_index(struct wsr_eval *e)
{
	struct wsr_list list = e->file->index;
	struct wsr_str folder = e->httpd->path;
	uint32_t pos = e->decision.pos;
	if (!file_is(e, folder, WSR_FILE_IS_DIR)) {
		wsr_decide_status(e, 404, pos);
		return;
	}
	for (uint32_t i = 0; i < list.count; i++)
		if (try_index(e, folder, wsr_eval_tmpl(e, *wsr_tmpl_item_at(e->table, list.first + i)), pos))
			return;
	if (!fall_back(e, pos))
		wsr_decide_status(e, 403, pos);
}

/* --- host and handshake -------------------------------------------------------------------------------------------------- */

/* The same certificates, protocols, ciphers and client certificates (mod_ssl: ssl_check_vhost_sni_policy, policy "secure"). */
static bool same_tls(const struct wsr_table *t, uint32_t a, uint32_t b)
{
	if (a == WSR_NONE || b == WSR_NONE)
		return a == b;
	struct wsr_tls x = *wsr_tls_at(t, a), y = *wsr_tls_at(t, b);
	x.pos = y.pos = WSR_NONE;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

unsigned wsr_httpd_handshake(struct wsr_eval *e)
{
	struct wsr_str sni;
	const struct wsr_server *s = wsr_server_at(e->table, e->server);
	if (!wsr_var_value(e, WSR_V_SSL_SERVER_NAME, WSR_STR_NULL, &sni) || sni.len == 0)
		return e->httpd->host->flags & WSR_HOST_STRICT_SNI ? 403 : 0;
	if (e->request->host.len == 0)
		return 400; /* a name in the handshake and none in the request (AH02031) */
	uint32_t shaken = wsr_match_server(e->table, e->regexes, e->listen, sni, NULL);
	return shaken == e->server || same_tls(e->table, wsr_server_at(e->table, shaken)->tls, s->tls) ? 0 : 421;
}

/* --- the phases ---------------------------------------------------------------------------------------------------------- */

/* From the URI to a file name or the URL of a backend. @return false after a decision. */
static bool translate(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	if (h->layers[0]->flags & WSR_LAYER_REWRITE_ON && wsr_httpd_rewrite(e, h->layers[0], false))
		return false;
	if (h->mapped == WSR_MAPPED_NOT && wsr_httpd_pass(e))
		return false;
	if (h->mapped == WSR_MAPPED_NOT && wsr_httpd_alias(e))
		return false;
	if (h->mapped == WSR_MAPPED_NOT)
		map_to_root(e);
	return true;
}

/* SetEnvIf and SetEnv of the sections that hold. */
static void section_env(struct wsr_eval *e, bool late)
{
	for (uint32_t i = 1; i < e->httpd->layer_count; i++)
		wsr_httpd_env(e, e->httpd->layers[i]->env, late);
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
	if (e->internal) {
		wsr_httpd_env_again(e);
	} else {
		wsr_httpd_client(e);
		wsr_httpd_early_fields(e);
	}
	wsr_httpd_env(e, h->layers[0]->env, false);
	if (!wsr_httpd_locations(e) || !translate(e) || !wsr_httpd_sections(e))
		return;
	section_env(e, false);
	if (wsr_httpd_access(e))
		return;
	wsr_httpd_reverse_prepare(e);
	if (wsr_httpd_rewrite_sections(e) || wsr_httpd_redirect(e))
		return;
	wsr_httpd_env(e, h->layers[0]->env, true);
	section_env(e, true);
	wsr_httpd_request_fields(e);
	if (e->error) {
		wsr_decide_status(e, 500, e->error_pos);
	} else if (h->host->flags & WSR_HOST_IIS && body_too_large(e)) {
		e->body_refused = true;
		wsr_decide_status(e, 413, pos);
	} else if (h->mapped == WSR_MAPPED_PROXY) {
		wsr_httpd_decide_proxy(e);
	} else {
		decide_file(e, pos);
	}
}
