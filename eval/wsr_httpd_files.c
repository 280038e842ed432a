/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of httpd: DocumentRoot, folders and their index files, FallbackResource, and what is answered for a file. In: e->httpd->path, as the phases before
 * have mapped it, and e->uri. Out: e->decision.
 *
 * mod_dir asks for each index file by a subrequest with all phases of its own, and the first one that finds a file or a backend becomes the request
 * (mod_dir.c: fixup_dir, fixup_dflt). So a rule for /x/index.html acts on /x/ although there is no such file. Subrequests are counted, so every lookup ends.
 */
#include <limits.h>

#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

/* --- names --------------------------------------------------------------------------------------------------------------- */

static bool file_is(struct wsr_eval *e, struct wsr_str path, enum wsr_file_test test)
{
	return e->world && e->world->file && e->world->file(e->world_ctx, path.ptr, test);
}

void wsr_httpd_map_to_root(struct wsr_eval *e)
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

/* What stands at a mapped name (r->finfo of httpd). */
enum kind { NOTHING, REGULAR, BELOW_FILE /* a file on the way to it: the path goes on behind its name */, FOLDER };

/* Is there a file on the way to this path? */
static bool is_below_file(struct wsr_eval *e, struct wsr_str path)
{
	struct wsr_str upper = wsr_arena_dup(e->arena, path);
	char *s = (char *)(uintptr_t)upper.ptr;
	for (size_t len = path.len; s && len-- > 1;) {
		if (path.ptr[len] != '/')
			continue;
		s[len] = '\0'; /* the copy becomes shorter and shorter */
		if (file_is(e, upper, WSR_FILE_IS_FILE))
			return true;
		if (file_is(e, upper, WSR_FILE_IS_DIR))
			return false;
	}
	return !s;
}

static enum kind kind_of(struct wsr_eval *e, struct wsr_str path)
{
	if (file_is(e, path, WSR_FILE_IS_DIR))
		return FOLDER;
	if (file_is(e, path, WSR_FILE_IS_FILE))
		return REGULAR;
	return is_below_file(e, path) ? BELOW_FILE : NOTHING;
}

bool wsr_httpd_is_too_long(struct wsr_eval *e)
{
	struct wsr_str path = e->httpd->path;
	for (size_t from = 0, to; from < path.len && path.len > NAME_MAX && path.len < PATH_MAX; from = to + 1) {
		const char *slash = memchr(path.ptr + from, '/', path.len - from);
		to = slash ? (size_t)(slash - path.ptr) : path.len;
		if (to - from <= NAME_MAX)
			continue;
		struct wsr_str folder = wsr_arena_dup(e->arena, wsr_str(path.ptr, from));
		return folder.ptr && file_is(e, folder, WSR_FILE_IS_DIR);
	}
	return path.len >= PATH_MAX;
}

static bool is_method(const struct wsr_eval *e, const char *name)
{
	return wsr_str_eq(e->method, wsr_cstr(name));
}

static bool reads_file(const struct wsr_eval *e)
{
	return is_method(e, "GET") || is_method(e, "HEAD") || is_method(e, "POST");
}

/* --- subrequests --------------------------------------------------------------------------------------------------------- */

/* What came of a lookup that did not become the request. */
struct refusal {
	unsigned status;            /* 0: nothing is there, or it is no file */
	struct wsr_str location;
	struct wsr_str challenge;
	uint32_t pos;
};

static struct refusal told(const struct wsr_eval *e)
{
	const struct wsr_decision *d = &e->decision;
	struct refusal r = { .pos = d->pos, .status = d->status == 404 ? 0 : d->status };
	r.location = d->location;
	r.challenge = e->httpd->challenge;
	return r;
}

/* The subrequest is what the client gets (ap_internal_fast_redirect). */
static void adopt(struct wsr_eval *e, const struct wsr_httpd_lookup *l)
{
	e->httpd->outer = l->state.outer;
	e->httpd->asking = l->state.asking;
	e->method = l->before.method;
	e->decision.method = l->before.method;
}

/* Ask for a path as a subrequest. @return true if it became the request, which is decided then; otherwise all is as before, and *refusal says why not. */
static bool look_up(struct wsr_eval *e, struct wsr_str uri, struct wsr_str args, uint32_t pos, struct refusal *refusal)
{
	struct wsr_httpd_lookup l;
	*refusal = (struct refusal){ .status = 500, .pos = pos };
	if (!uri.ptr || !wsr_httpd_lookup_begin(e, &l)) {
		wsr_eval_fail(e, "subrequests for index files lead to more and more of them", pos);
		return false;
	}
	while (uri.len > 1 && uri.ptr[0] == '/' && uri.ptr[1] == '/') /* as in a client's target */
		uri = wsr_from(uri, 1);
	wsr_trace(e, pos, "looked up", uri);
	wsr_flow_go(e, uri, args);
	if (e->httpd->outer != &l.state)
		return true; /* wsr_httpd_become() */
	if (e->decision.kind != WSR_DECIDE_ANSWER) {
		adopt(e, &l);
		return true;
	}
	*refusal = told(e);
	const char *error = e->error;
	uint32_t error_pos = e->error_pos;
	wsr_httpd_lookup_end(e, &l);
	e->error = error;
	e->error_pos = error_pos;
	return false;
}

bool wsr_httpd_become(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_httpd *h = e->httpd;
	if (!h->outer)
		return true;
	enum kind kind = h->mapped == WSR_MAPPED_FILE ? kind_of(e, h->path) : NOTHING;
	if (kind != REGULAR && kind != BELOW_FILE) {
		wsr_decide_status(e, 404, pos);
		return false;
	}
	h->asking = h->outer->asking;
	h->outer = h->outer->outer;
	if (!h->outer)
		e->method = e->error_page ? WSR_STR("GET") : e->request->method;
	return true;
}

/* Give the answer of a subrequest to the client. */
static void pass_on(struct wsr_eval *e, const struct refusal *r)
{
	if (e->error && r->status != 500)
		e->error = NULL;
	e->httpd->challenge = r->challenge;
	if (r->location.ptr)
		wsr_decide_redirect(e, r->status, r->location, r->pos);
	else
		wsr_decide_status(e, r->status, r->pos);
}

/* --- folders ------------------------------------------------------------------------------------------------------------- */

/* The file that a lookup found is what the client's method asks for. */
static void settle(struct wsr_eval *e)
{
	if (e->decision.kind == WSR_DECIDE_FILE && !e->httpd->outer)
		wsr_httpd_decide_file(e, e->decision.pos);
}

/* FallbackResource: go on there; one that is not there itself is looked up until the limit is reached, and the answer is 500. @return true after a decision. */
static bool fall_back(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_list list = e->file->try_files;
	struct refusal refusal;
	if (list.count == 0)
		return false;
	struct wsr_str target = wsr_eval_tmpl(e, *wsr_tmpl_item_at(e->table, list.first));
	if (target.len == 0)
		return false;
	if (look_up(e, target, e->args, pos, &refusal))
		settle(e);
	else if (refusal.status)
		pass_on(e, &refusal);
	else
		return false;
	return true;
}

static struct wsr_str index_uri(struct wsr_eval *e, struct wsr_str name)
{
	struct wsr_str parts[] = { e->uri, name };
	return name.ptr[0] == '/' ? name : wsr_join(e->arena, parts, 2);
}

/* One index file. IIS does without a request of its own: the file is there or not. @return true after a decision. */
static bool try_index(struct wsr_eval *e, struct wsr_str name, uint32_t pos, bool last, struct refusal *worst)
{
	struct refusal refusal;
	struct wsr_str parts[] = { e->httpd->path, name };
	if (name.len == 0)
		return false;
	if (e->httpd->host->flags & WSR_HOST_IIS) {
		struct wsr_str path = wsr_join(e->arena, parts, 2);
		if (!path.ptr || !file_is(e, path, WSR_FILE_IS_FILE))
			return false;
		wsr_trace(e, pos, "index: found", path);
		wsr_flow_redirect(e, index_uri(e, name), e->args, pos);
		return true;
	}
	if (look_up(e, index_uri(e, name), e->args, pos, &refusal)) {
		settle(e);
		return true;
	}
	bool redirect = refusal.status >= 300 && refusal.status < 400;
	if (redirect || (refusal.status == 401 && last)) {
		pass_on(e, &refusal);
		return true;
	}
	if (refusal.status)
		*worst = refusal;
	return false;
}

/* A folder with "/" at its end. @return true after a decision */
static bool find_index(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_list list = e->file->index;
	struct refusal worst = { .status = 0 };
	for (uint32_t i = 0; i < list.count; i++)
		if (try_index(e, wsr_eval_tmpl(e, *wsr_tmpl_item_at(e->table, list.first + i)), pos, list.count == 1, &worst))
			return true;
	if (worst.status)
		pass_on(e, &worst);
	else if (e->httpd->mapped == WSR_MAPPED_PROXY)
		return false;
	else if (reads_file(e) && !e->httpd->asking)
		wsr_decide_status(e, is_method(e, "POST") ? 404 : 403, pos); /* mod_autoindex says no to GET, default_handler to POST */
	else
		wsr_httpd_decide_file(e, pos);
	return true;
}

static bool ends_in_slash(const struct wsr_eval *e)
{
	return e->uri.len && e->uri.ptr[e->uri.len - 1] == '/';
}

static bool add_slash(struct wsr_eval *e, uint32_t pos)
{
	e->decision.pos = pos;
	wsr_eval_add_slash(e);
	return true;
}

/* A folder that rules of its sections send elsewhere: mod_dir wants its slash nevertheless, and asks for index files before a backend is asked. */
static bool replaced_folder(struct wsr_eval *e, struct wsr_str path, uint32_t pos)
{
	if (!path.ptr || !file_is(e, path, WSR_FILE_IS_DIR))
		return false;
	if (!ends_in_slash(e))
		return add_slash(e, pos);
	return !e->httpd->redirected.ptr && find_index(e, pos);
}

bool wsr_httpd_folder(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_httpd *h = e->httpd;
	bool slash = ends_in_slash(e), falls_back = e->file->try_files.count > 0;
	if (h->mapped != WSR_MAPPED_FILE || h->redirected.ptr)
		return replaced_folder(e, h->mapped == WSR_MAPPED_FILE ? h->path : h->replaced, pos);
	if (!slash && !falls_back && !h->outer && reads_file(e))
		return false; /* whoever opens the file sees what it is */
	switch (kind_of(e, h->path)) {
	case FOLDER:
		return slash ? find_index(e, pos) : add_slash(e, pos);
	case NOTHING:
		if (falls_back && fall_back(e, pos))
			return true;
		if (!h->outer || h->asking)
			return false;
		wsr_decide_status(e, 404, pos);
		return true;
	default:
		return false;
	}
}

/* --- files --------------------------------------------------------------------------------------------------------------- */

bool wsr_httpd_body_too_large(const struct wsr_eval *e)
{
	uint64_t limit = e->core->client_max_body_bytes;
	return e->request && e->request->framing == WSR_FRAMING_LENGTH && limit && e->request->content_length > limit && !e->body_refused;
}

/* Methods that httpd has a name for (include/httpd.h, M_*). */
static bool is_known_method(const struct wsr_eval *e)
{
	static const char *const names[] = {
		"GET", "PUT", "POST", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
		"VERSION-CONTROL", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL", "REPORT", "MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "MERGE",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is_method(e, names[i]))
			return true;
	return false;
}

/* A name as those of access and password files: .htaccess, .htpasswd. Distributions refuse them in their main file, which may not be part of this site. */
static bool is_access_file(struct wsr_str path)
{
	const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
	struct wsr_str name = slash ? wsr_from(path, (size_t)(slash - path.ptr) + 1) : path;
	return name.len >= 3 && wsr_str_eq_nocase(wsr_str(name.ptr, 3), WSR_STR(".ht"));
}

void wsr_httpd_decide_file(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_httpd *h = e->httpd;
	if (h->mapped == WSR_MAPPED_NOT) {
		wsr_decide_status(e, 404, pos);
	} else if (is_access_file(h->path)) {
		wsr_decide_status(e, 403, pos);
	} else if (!h->outer && wsr_httpd_body_too_large(e)) {
		e->body_refused = true;
		wsr_decide_status(e, 413, pos);
	} else if (is_method(e, "OPTIONS")) {
		wsr_decide_text(e, 200, WSR_STR(""), pos);
		e->decision.allow = WSR_STR("GET,POST,OPTIONS,HEAD");
	} else if (!reads_file(e)) {
		wsr_decide_status(e, is_known_method(e) ? 405 : 501, pos);
		e->decision.allow = WSR_STR("GET,POST,OPTIONS,HEAD");
	} else {
		struct wsr_decision *d = wsr_decide(e, WSR_DECIDE_FILE, pos);
		d->path = h->path;
		d->content_type = wsr_content_type(e);
		wsr_trace(e, pos, "file", h->path);
	}
}
