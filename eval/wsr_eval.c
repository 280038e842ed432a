/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow of one request through the phases: server, server's program, then as long as the URI changes: location, its program, access rules, try_files,
 * decision. In: the fields of struct wsr_eval that the caller fills. Out: e->decision.
 *
 * A usual request takes no memory but for rewritten texts, and asks for no variable that no rule names. Whatever starts over is counted:
 * after WSR_MAX_CYCLES the answer is 500.
 */
#include "eval/wsr_access.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_match.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"

static const struct wsr_location *location_of(const struct wsr_eval *e)
{
	return wsr_location_at(e->table, e->location);
}

void wsr_flow_use(struct wsr_eval *e, uint32_t location)
{
	const struct wsr_body *b = wsr_body_at(e->table, wsr_location_at(e->table, location)->body);
	e->location = location;
	e->core = wsr_core_at(e->table, b->core);
	e->file = wsr_fileset_at(e->table, b->file);
	e->log = wsr_logset_at(e->table, b->log);
	e->proxyset = wsr_proxyset_at(e->table, b->proxyset);
	e->fieldset = wsr_fieldset_at(e->table, b->fieldset);
}

static void enter(struct wsr_eval *e, uint32_t location)
{
	e->matched = location;
	wsr_flow_use(e, location);
}

static void enter_server(struct wsr_eval *e)
{
	enter(e, wsr_server_at(e->table, e->server)->location);
	wsr_httpd_enter(e);
}

static void server_error(struct wsr_eval *e, const char *why, uint32_t pos)
{
	wsr_eval_fail(e, why, pos);
	wsr_decide_status(e, 500, e->error_pos);
}

/* One more search. @return false once there were too many. */
static bool count_cycle(struct wsr_eval *e, uint32_t pos)
{
	if (++e->cycles <= WSR_MAX_CYCLES)
		return true;
	server_error(e, "rewrite or internal redirection cycle", pos);
	return false;
}

/* --- the loop over locations --------------------------------------------------------------------------------------------- */

static void redirect_with_slash(struct wsr_eval *e)
{
	struct wsr_str name = wsr_string(e->table, wsr_body_at(e->table, location_of(e)->body)->name);
	struct wsr_str parts[] = { wsr_uri_escape(e->arena, name, WSR_ESCAPE_PATH), e->args.len ? WSR_STR("?") : WSR_STR_NULL, e->args };
	wsr_decide_redirect(e, 301, wsr_join(e->arena, parts, 3), location_of(e)->pos);
}

static bool body_too_large(struct wsr_eval *e)
{
	const struct wsr_head *h = e->request;
	uint64_t limit = e->core->client_max_body_bytes;
	return h && h->framing == WSR_FRAMING_LENGTH && limit && h->content_length > limit && !e->body_refused;
}

/* Find the location of the current URI. @return false after a decision. */
static bool choose_location(struct wsr_eval *e)
{
	bool slash;
	uint32_t found = wsr_match_location(e, wsr_server_at(e->table, e->server)->scope, e->uri, &slash);
	if (e->error) {
		wsr_decide_status(e, 500, e->error_pos);
		return false;
	}
	if (found != WSR_NONE)
		enter(e, found);
	uint32_t pos = location_of(e)->pos;
	if (e->core->internal && !e->internal) {
		wsr_trace(e, pos, "internal location, asked for from outside", WSR_STR_NULL);
		wsr_decide_status(e, 404, pos);
		return false;
	}
	if (body_too_large(e)) {
		e->body_refused = true;
		wsr_decide_status(e, 413, pos);
		return false;
	}
	if (slash)
		redirect_with_slash(e);
	return !slash;
}

static void decide_content(struct wsr_eval *e)
{
	const struct wsr_location *l = location_of(e);
	wsr_real_ip(e);
	if (wsr_access_refused(e) || wsr_try_files(e, l->pos))
		return;
	if (l->proxy != WSR_NONE)
		wsr_decide_proxy(e, wsr_proxy_at(e->table, l->proxy));
	else
		wsr_decide_file(e, l->pos);
}

/* The location phases, again whenever a program changed the URI. */
static void run_locations(struct wsr_eval *e, bool chosen)
{
	for (;; chosen = false) {
		if (!chosen && !choose_location(e))
			return;
		enum wsr_program_end end = wsr_program_run(e, location_of(e)->program);
		if (end == WSR_PROGRAM_DECIDED)
			return;
		if (end == WSR_PROGRAM_GO_ON)
			break;
		if (!count_cycle(e, location_of(e)->pos))
			return;
		enter_server(e);
	}
	decide_content(e);
}

/* The server was entered and nothing has happened since, or it is entered now. */
static void run_server(struct wsr_eval *e, bool entered)
{
	if (!entered)
		enter_server(e);
	if (wsr_server_at(e->table, e->server)->host != WSR_NONE)
		wsr_httpd_run(e);
	else if (wsr_program_run(e, wsr_server_at(e->table, e->server)->program) != WSR_PROGRAM_DECIDED)
		run_locations(e, false);
}

/* --- internal redirects -------------------------------------------------------------------------------------------------- */

static int compare_named(const struct wsr_table *t, const struct wsr_named *n, uint32_t server, struct wsr_str name)
{
	if (n->server != server)
		return n->server < server ? -1 : 1;
	struct wsr_str s = wsr_string(t, n->name);
	int c = memcmp(s.ptr, name.ptr, s.len < name.len ? s.len : name.len);
	return c ? c : s.len < name.len ? -1 : s.len > name.len;
}

static uint32_t find_named(const struct wsr_table *t, uint32_t server, struct wsr_str name)
{
	uint32_t lo = 0, hi = wsr_named_count(t);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = compare_named(t, wsr_named_at(t, mid), server, name);
		if (c == 0)
			return wsr_named_at(t, mid)->location;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return WSR_NONE;
}

static void go_to_named(struct wsr_eval *e, struct wsr_str name, uint32_t pos)
{
	uint32_t location = find_named(e->table, e->server, name);
	if (location == WSR_NONE) {
		server_error(e, "the named location does not exist", pos);
		return;
	}
	e->internal = true;
	enter(e, location);
	wsr_trace(e, location_of(e)->pos, "named location", name);
	run_locations(e, true);
}

void wsr_flow_go(struct wsr_eval *e, struct wsr_str uri, struct wsr_str args)
{
	e->uri = uri;
	e->args = args;
	e->uri_changed = true;
	e->prefix_lost = false;
	e->uri_below_alias = false;
	run_server(e, false);
}

void wsr_flow_redirect(struct wsr_eval *e, struct wsr_str uri, struct wsr_str args, uint32_t pos)
{
	if (!count_cycle(e, pos))
		return;
	if (uri.len && uri.ptr[0] == '@') {
		go_to_named(e, uri, pos);
		return;
	}
	if (uri.len == 0 || uri.ptr[0] != '/') {
		server_error(e, "an internal redirect to something that is no path", pos);
		return;
	}
	wsr_trace(e, pos, "internal redirect", uri);
	e->internal = true;
	wsr_flow_go(e, uri, args);
}

void wsr_flow_redirect_url(struct wsr_eval *e, struct wsr_str url, uint32_t pos)
{
	const char *question = url.len && url.ptr[0] != '@' ? memchr(url.ptr, '?', url.len) : NULL;
	struct wsr_str args = WSR_STR_NULL;
	if (question) {
		args = wsr_from(url, (size_t)(question - url.ptr) + 1);
		url.len = (size_t)(question - url.ptr);
	}
	wsr_flow_redirect(e, url, args, pos);
}

/* --- entry points -------------------------------------------------------------------------------------------------------- */

/* @return false when there is no memory for the variables: answered with 500. */
static bool reset(struct wsr_eval *e)
{
	uint32_t variables = wsr_variable_count(e->table);
	e->uri = WSR_STR("/");
	e->args = e->host = e->proxy_host = e->client = e->client_binary = e->client_port = e->challenge = WSR_STR_NULL;
	e->method = e->request ? e->request->method : WSR_STR_NULL;
	e->uri_changed = e->internal = e->prefix_lost = e->uri_below_alias = e->error_page = e->body_refused = false;
	e->error_status = 0;
	e->cycles = e->depth = e->call_depth = 0;
	e->calls = 0;
	e->response = e->upstream_head = NULL;
	e->kept = NULL;
	wsr_decide(e, WSR_DECIDE_ANSWER, WSR_NONE); /* nothing yet; variables look at it */
	e->captures.count = 0;
	e->httpd = NULL;
	e->error = NULL;
	e->error_pos = WSR_NONE;
	e->values = variables ? wsr_arena_alloc(e->arena, variables * sizeof(*e->values)) : NULL;
	if (e->values)
		memset(e->values, 0, variables * sizeof(*e->values));
	e->server = wsr_listen_at(e->table, e->listen)->default_server;
	enter_server(e);
	return variables == 0 || e->values;
}

static void out_of_memory(struct wsr_eval *e)
{
	e->error_page = true; /* no rule of error_page can be carried out */
	server_error(e, "out of memory", WSR_NONE);
}

/* Name of the host in lower case; false: out of memory. */
static bool read_host(struct wsr_eval *e)
{
	struct wsr_str host = wsr_host_clean(e->request->host);
	size_t i = 0;
	while (i < host.len && wsr_lower((unsigned char)host.ptr[i]) == (unsigned char)host.ptr[i])
		i++;
	if (i < host.len) {
		char *lower = wsr_arena_alloc(e->arena, host.len);
		if (!lower)
			return false;
		for (i = 0; i < host.len; i++)
			lower[i] = (char)wsr_lower((unsigned char)host.ptr[i]);
		host.ptr = lower;
	}
	e->host = host;
	return true;
}

static bool choose_server(struct wsr_eval *e)
{
	static const char *const why[] = { "default server", "server by name", "server by leading wildcard", "server by trailing wildcard",
					   "server by expression", "server's expression failed" };
	struct wsr_server_match m = wsr_match_host(e->table, e->regexes, e->listen, e->host, &e->captures);
	if (m.how == WSR_BY_FAILURE) {
		server_error(e, "a regular expression does not compile or ran into its limit", wsr_regex_at(e->table, m.regex)->pos);
		return false;
	}
	bool entered = e->server == m.server && !e->httpd; /* the listener's default, by reset() */
	e->server = m.server;
	if (m.how == WSR_BY_REGEX)
		wsr_regex_keep(e, m.regex, &e->captures);
	if (!entered)
		enter_server(e);
	wsr_trace(e, wsr_server_at(e->table, m.server)->pos, why[m.how], e->host);
	return true;
}

/* ssl_verify_client: the handshake lets every certificate pass, the answer is given here. */
static bool client_may_enter(struct wsr_eval *e)
{
	const struct wsr_server *s = wsr_server_at(e->table, e->server);
	bool tls = wsr_listen_at(e->table, e->listen)->flags & WSR_LISTEN_TLS;
	unsigned refused = tls && e->httpd ? wsr_httpd_handshake(e) : 0;
	if (refused != 0) {
		wsr_decide_status(e, refused, s->pos);
		return false;
	}
	if (!tls || s->tls == WSR_NONE || wsr_tls_at(e->table, s->tls)->verify_client == WSR_TLS_VERIFY_OFF)
		return true;
	unsigned status = e->world->certified(e->world_ctx, s->tls);
	if (status != 0)
		wsr_decide_status(e, status, s->pos);
	return status == 0;
}

/* The path of the request target into e->uri. @return 0, or the status of the refusal. */
static unsigned read_path(struct wsr_eval *e)
{
	const struct wsr_head *h = e->request;
	if (e->httpd && h->form == WSR_TARGET_ASTERISK && wsr_str_eq(h->method, WSR_STR("OPTIONS")))
		return 200;
	if (h->form != WSR_TARGET_ORIGIN && h->form != WSR_TARGET_ABSOLUTE)
		return 400;
	if (e->httpd)
		return wsr_httpd_uri(e, h->path);
	bool merge = wsr_srv_at(e->table, wsr_server_at(e->table, e->server)->srv)->merge_slashes;
	return wsr_uri_normalise(e->arena, h->path, merge, &e->uri) ? 0 : 400;
}

struct wsr_head_limits wsr_request_limits(const struct wsr_table *t, uint32_t listen)
{
	const struct wsr_srv *srv = wsr_srv_at(t, wsr_server_at(t, wsr_listen_at(t, listen)->default_server)->srv);
	size_t large = srv->large_header_bytes, first = srv->header_buffer_bytes, usual = large > first ? large : first;
	struct wsr_head_limits limits = {
		.line_bytes = srv->request_line_bytes ? srv->request_line_bytes : usual, .field_bytes = srv->field_bytes ? srv->field_bytes : usual,
		.head_bytes = large * srv->large_header_count + first, .fields = srv->field_count ? srv->field_count : WSR_MAX_FIELDS,
		.underscores = srv->underscores_in_headers, .keep_invalid = !srv->ignore_invalid_headers,
	};
	if (limits.head_bytes > UINT32_MAX / 4)
		limits.head_bytes = UINT32_MAX / 4;
	return limits;
}

const struct wsr_decision *wsr_eval_begin(struct wsr_eval *e)
{
	const struct wsr_head *h = e->request;
	if (!reset(e) || !read_host(e)) {
		out_of_memory(e);
		return &e->decision;
	}
	if (!choose_server(e) || !client_may_enter(e))
		return &e->decision;
	wsr_real_ip(e);
	const struct wsr_server *s = wsr_server_at(e->table, e->server);
	unsigned refused = read_path(e);
	if (refused == 200) {
		wsr_decide_text(e, 200, WSR_STR(""), s->pos); /* "OPTIONS *" is answered as a ping */
		e->decision.content_type = WSR_STR_NULL;
		return &e->decision;
	}
	if (refused) {
		wsr_decide_status(e, refused, s->pos);
		return &e->decision;
	}
	if (h->query.len > 0 || (e->httpd && h->has_query))
		e->args = h->query.ptr ? h->query : WSR_STR("");
	run_server(e, !e->httpd);
	return &e->decision;
}

const struct wsr_decision *wsr_eval_bad_request(struct wsr_eval *e, unsigned status)
{
	if (!reset(e))
		out_of_memory(e);
	else
		wsr_decide_status(e, status, wsr_server_at(e->table, e->server)->pos);
	return &e->decision;
}

const struct wsr_decision *wsr_eval_redirect(struct wsr_eval *e, struct wsr_str uri, struct wsr_str args)
{
	wsr_flow_redirect(e, uri, args, location_of(e)->pos);
	return &e->decision;
}

const struct wsr_decision *wsr_eval_error(struct wsr_eval *e, unsigned status)
{
	if (status == 413)
		e->body_refused = true;
	wsr_decide_status(e, status, location_of(e)->pos);
	return &e->decision;
}
