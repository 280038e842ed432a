/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subrequests: what index files, RewriteCond -U and -F, %{LA-U:NAME} and %{LA-F:NAME} have in common. In: the state of a request in the middle of its phases.
 * Out: the phases run for another path or file; afterwards the state is as it was, unless the subrequest becomes the request (wsr_httpd_files.c).
 *
 * Those that only ask (`asking`) stop where httpd would call the handler: a file that is not there is no error to them (server/request.c:
 * ap_sub_req_lookup_uri, ap_sub_req_lookup_file). Invariant: they are counted and nested at most MAX_DEPTH deep, and a subrequest for the path of its own
 * request asks nothing (mod_rewrite.c: subreq_ok), so every request ends.
 */
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

#define MAX_DEPTH   10u         /* LimitInternalRecursion */
#define MAX_LOOKUPS 200u        /* of one request */

static unsigned depth(const struct wsr_httpd *h)
{
	unsigned n = 0;
	for (h = h->outer; h; h = h->outer)
		n++;
	return n;
}

bool wsr_httpd_lookup_begin(struct wsr_eval *e, struct wsr_httpd_lookup *l)
{
	uint32_t count = e->values ? wsr_variable_count(e->table) : 0;
	l->before = *e;
	l->state = *e->httpd;
	l->state.own_uri = e->uri;
	l->values = count ? wsr_arena_alloc(e->arena, count * sizeof(*l->values)) : NULL;
	if (l->values)
		memcpy(l->values, e->values, count * sizeof(*l->values));
	if ((count && !l->values) || depth(&l->state) >= MAX_DEPTH || ++e->httpd->lookups > MAX_LOOKUPS)
		return false;
	e->httpd->outer = &l->state;
	e->httpd->rewrite_ended = e->httpd->asking = false;
	e->method = WSR_STR("GET");
	return true;
}

void wsr_httpd_lookup_end(struct wsr_eval *e, const struct wsr_httpd_lookup *l)
{
	unsigned lookups = e->httpd->lookups;
	uint32_t calls = e->calls;
	struct wsr_httpd *h = l->before.httpd;
	*e = l->before;
	*h = l->state;
	h->lookups = lookups;
	e->calls = calls;
	if (l->values)
		memcpy(e->values, l->values, wsr_variable_count(e->table) * sizeof(*l->values));
}

/* --- those that only ask -------------------------------------------------------------------------------------------------- */

static bool is_path(struct wsr_str s)
{
	return s.len > 0 && s.ptr[0] == '/';
}

/* Up to the last slash, with it. */
static struct wsr_str folder_of(struct wsr_str path)
{
	const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
	return slash ? wsr_str(path.ptr, (size_t)(slash - path.ptr) + 1) : WSR_STR("");
}

static struct wsr_str escaped_folder(struct wsr_eval *e)
{
	return wsr_httpd_escape(e->arena, folder_of(e->uri), WSR_HTTPD_ESCAPE_FILE);
}

static unsigned status_of(const struct wsr_eval *e)
{
	return e->decision.kind == WSR_DECIDE_ANSWER ? e->decision.status : 200;
}

/* The phases for a URL, which is read like a client's: it is decoded once more. @return the status that they end with */
static unsigned run_url(struct wsr_eval *e, struct wsr_str url)
{
	struct wsr_str args;
	if (!is_path(url))
		url = wsr_join2(e->arena, escaped_folder(e), url);
	unsigned refused = wsr_httpd_url(e, url, &args);
	if (refused)
		return refused;
	e->httpd->next_raw = url;
	wsr_flow_go(e, e->uri, args);
	return status_of(e);
}

/* The phases from the sections on for a file. Its URL is only known when it lies beside the request's own file. */
static unsigned run_file(struct wsr_eval *e, struct wsr_str file)
{
	struct wsr_str info, here = folder_of(wsr_httpd_filename(e, &info)), path;
	if (!is_path(file))
		file = wsr_join2(e->arena, here, file);
	if (!wsr_uri_resolve(e->arena, file, &path))
		return 403;
	struct wsr_str name = wsr_from(path, folder_of(path).len);
	unsigned refused = 0;
	if (name.len && wsr_str_eq(folder_of(path), here))
		refused = wsr_httpd_uri(e, wsr_join2(e->arena, escaped_folder(e), name));
	else
		e->uri = WSR_STR("");
	if (refused)
		return refused;
	e->args = WSR_STR_NULL;
	wsr_httpd_enter(e);
	e->httpd->mapped = WSR_MAPPED_FILE;
	e->httpd->path = path;
	wsr_httpd_run_mapped(e);
	return status_of(e);
}

/* @return the status; the state is the subrequest's. false: it may not be asked */
static bool ask(struct wsr_eval *e, struct wsr_str what, bool file, struct wsr_httpd_lookup *l, unsigned *status)
{
	const struct wsr_httpd *h = e->httpd;
	if (!h || (h->outer && wsr_str_eq(h->outer->own_uri, e->uri)) || !wsr_httpd_lookup_begin(e, l))
		return false;
	e->httpd->asking = true;
	wsr_trace(e, WSR_NONE, "asked for by a subrequest", what);
	*status = file ? run_file(e, what) : run_url(e, what);
	return true;
}

static bool exists(struct wsr_eval *e)
{
	struct wsr_str info, name = wsr_arena_dup(e->arena, wsr_httpd_filename(e, &info));
	return name.len && e->world && e->world->file && e->world->file(e->world_ctx, name.ptr, WSR_FILE_EXISTS);
}

bool wsr_httpd_welcome(struct wsr_eval *e, struct wsr_str what, enum wsr_welcome how)
{
	struct wsr_httpd_lookup l;
	unsigned status;
	bool file = how == WSR_WELCOME_FILE;
	if ((what.len == 0 && how != WSR_WELCOME_ANY_URL) || !ask(e, what, file, &l, &status))
		return false;
	bool welcome = file ? status < 300 && exists(e) : status < 400;
	wsr_httpd_lookup_end(e, &l);
	return welcome;
}

/* Path or file of the request as the rules have made it so far: below its section, whose base stands for its folder (mod_rewrite.c: la_u, lookup_variable). */
static struct wsr_str thing_ahead(struct wsr_eval *e, bool file)
{
	const struct wsr_httpd *h = e->httpd;
	if (!h->section.ptr || is_path(h->subject))
		return h->subject;
	return wsr_join2(e->arena, file || !h->section_base.len ? h->section : h->section_base, h->subject);
}

bool wsr_httpd_ahead(struct wsr_eval *e, uint32_t tmpl, bool file, struct wsr_str *out)
{
	struct wsr_httpd_lookup l;
	unsigned status;
	const struct wsr_httpd *h = e->httpd;
	if (!h || !h->subject.ptr)
		return false;
	file = file && !(h->section.ptr && is_path(h->subject)); /* nobody knows which file it would be */
	if (!ask(e, thing_ahead(e, file), file, &l, &status))
		return false;
	*out = wsr_eval_tmpl(e, tmpl);
	wsr_httpd_lookup_end(e, &l);
	return out->ptr != NULL;
}
