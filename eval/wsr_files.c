/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From URIs to paths of files: root and alias, try_files, index. In: the state of the evaluation; whether a file exists is asked through
 * struct wsr_world. Out: e->decision or a changed e->uri.
 *
 * Invariant: a path has no ".." segment that the configuration's own text does not have. A normalised URI holds none, but joining can make one: `alias
 * /dir/` in `location /i` with "/i../x", or a variable.
 */
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

/* --- paths --------------------------------------------------------------------------------------------------------------- */

/* ".." segments in a template's literal text, with variables standing for some other name. */
static unsigned template_dotdots(struct wsr_eval *e, uint32_t tmpl)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(e->table, tmpl);
	struct wsr_str *parts = wsr_arena_alloc(e->arena, (t->part_count + 1) * sizeof(*parts));
	for (uint32_t i = 0; parts && i < t->part_count; i++) {
		const struct wsr_part *p = wsr_part_at(e->table, t->first_part + i);
		parts[i] = p->kind == WSR_PART_LITERAL ? wsr_string(e->table, p->arg) : WSR_STR("x");
	}
	return parts ? wsr_uri_dotdots(wsr_join(e->arena, parts, t->part_count)) : 0;
}

/* Climbs the path further than the templates say? */
static bool climbs(struct wsr_eval *e, struct wsr_str path, uint32_t root, uint32_t name)
{
	unsigned count = wsr_uri_dotdots(path);
	if (count == 0)
		return false;
	return count > template_dotdots(e, root) + (name == WSR_NONE ? 0 : template_dotdots(e, name));
}

static uint8_t matched_kind(const struct wsr_eval *e)
{
	return wsr_body_at(e->table, wsr_location_at(e->table, e->matched)->body)->kind;
}

static struct wsr_str matched_name(const struct wsr_eval *e)
{
	return wsr_string(e->table, wsr_body_at(e->table, wsr_location_at(e->table, e->matched)->body)->name);
}

/* What stands before the rest of the path. A root loses its last slash, since the rest begins with one. */
static struct wsr_str root_text(struct wsr_eval *e)
{
	struct wsr_str root = wsr_eval_tmpl(e, e->file->root.v);
	if (!e->file->alias && root.len && root.ptr[root.len - 1] == '/')
		root.len--;
	return root;
}

static bool join_path(struct wsr_eval *e, struct wsr_str root, struct wsr_str rest, uint32_t name, struct wsr_str *out)
{
	struct wsr_str parts[] = { root, rest };
	*out = wsr_join(e->arena, parts, 2);
	return out->ptr && !memchr(out->ptr, '\0', out->len) && !climbs(e, *out, e->file->root.v, name);
}

/* An alias in a regular expression's own location stands for the whole path. */
static bool alias_is_whole(const struct wsr_eval *e)
{
	return e->file->alias == 1 && matched_kind(e) == WSR_LOCATION_REGEX;
}

/* Bytes of the path that an alias replaces. */
static size_t alias_prefix_len(const struct wsr_eval *e)
{
	return e->file->alias >= 2 ? (size_t)e->file->alias - 2 : matched_name(e).len;
}

bool wsr_file_path(struct wsr_eval *e, struct wsr_str uri, struct wsr_str *out)
{
	struct wsr_str rest = uri;
	if (e->httpd) {
		*out = e->httpd->path;
		return e->httpd->mapped == WSR_MAPPED_FILE;
	}
	if (e->file->root.v == WSR_NONE)
		return false;
	if (alias_is_whole(e)) {
		if (!e->uri_below_alias)
			rest = WSR_STR("");
	} else if (e->file->alias) {
		size_t prefix = alias_prefix_len(e);
		rest = wsr_from(uri, prefix < uri.len ? prefix : uri.len);
	}
	return join_path(e, root_text(e), rest, WSR_NONE, out);
}

static bool file_is(struct wsr_eval *e, struct wsr_str path, enum wsr_file_test test)
{
	return e->world && e->world->file && e->world->file(e->world_ctx, path.ptr, test);
}

/* --- try_files ----------------------------------------------------------------------------------------------------------- */

/* "dir/" as written asks for a folder; a slash that a variable brought does not. */
static bool asks_for_directory(const struct wsr_table *t, uint32_t tmpl)
{
	const struct wsr_tmpl *m = wsr_tmpl_at(t, tmpl);
	if (m->part_count == 0)
		return false;
	const struct wsr_part *last = wsr_part_at(t, m->first_part + m->part_count - 1);
	if (last->kind != WSR_PART_LITERAL)
		return false;
	struct wsr_str s = wsr_string(t, last->arg);
	return s.len > 0 && s.ptr[s.len - 1] == '/';
}

/* Is the candidate there? Then the URI becomes its own (nginx: ngx_http_try_files_handler). */
static bool try_candidate(struct wsr_eval *e, uint32_t tmpl)
{
	bool alias = e->file->alias, regex = alias_is_whole(e);
	bool directory = asks_for_directory(e->table, tmpl);
	struct wsr_str name = wsr_eval_tmpl(e, tmpl), constant, prefix = WSR_STR(""), path;
	if (directory && name.len)
		name.len--;
	if (alias && !regex) {
		prefix = wsr_str(e->uri.ptr, alias_prefix_len(e) < e->uri.len ? alias_prefix_len(e) : e->uri.len);
		if (!wsr_tmpl_constant(e->table, tmpl, &constant) && wsr_starts_with(name, prefix))
			name = wsr_from(name, prefix.len);
	}
	if (!join_path(e, root_text(e), name, tmpl, &path) || !file_is(e, path, directory ? WSR_FILE_IS_DIR : WSR_FILE_IS_FILE))
		return false;
	struct wsr_str parts[] = { prefix, name };
	if (regex && directory)
		return true;
	e->uri_below_alias = regex;
	e->uri = wsr_join(e->arena, parts, 2);
	return true;
}

static void try_fallback(struct wsr_eval *e, struct wsr_str target, uint32_t pos)
{
	unsigned code = 0;
	if (target.len == 0 || target.ptr[0] != '=') {
		wsr_flow_redirect_url(e, target, pos);
		return;
	}
	for (size_t i = 1; i < target.len && i < 4; i++)
		code = code * 10 + (unsigned)(target.ptr[i] - '0') % 10;
	wsr_decide_status(e, code >= 200 && code <= 999 ? code : 404, pos);
}

bool wsr_try_files(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_list list = e->file->try_files;
	if (list.count == 0 || e->file->root.v == WSR_NONE)
		return false;
	for (uint32_t i = 0; i + 1 < list.count; i++) {
		uint32_t tmpl = *wsr_tmpl_item_at(e->table, list.first + i);
		bool there = try_candidate(e, tmpl);
		wsr_trace(e, pos, there ? "try_files: found" : "try_files: not found", wsr_eval_tmpl(e, tmpl));
		if (there)
			return false;
	}
	try_fallback(e, wsr_eval_tmpl(e, *wsr_tmpl_item_at(e->table, list.first + list.count - 1)), pos);
	return true;
}

/* --- the decision -------------------------------------------------------------------------------------------------------- */

static bool is_method(const struct wsr_eval *e, const char *name)
{
	return wsr_str_eq(e->method, wsr_cstr(name));
}

void wsr_decide_file(struct wsr_eval *e, uint32_t pos)
{
	struct wsr_str path;
	if (!is_method(e, "GET") && !is_method(e, "HEAD") && !is_method(e, "POST")) {
		wsr_decide_status(e, 405, pos);
	} else if (e->file->alias && e->prefix_lost) {
		wsr_eval_fail(e, "alias cannot be used where the URI was rewritten", pos);
		wsr_decide_status(e, 500, pos);
	} else if (!wsr_file_path(e, e->uri, &path)) {
		wsr_decide_status(e, e->error ? 500 : 404, pos);
	} else {
		struct wsr_decision *d = wsr_decide(e, WSR_DECIDE_FILE, pos);
		d->path = path;
		d->directory = e->uri.len && e->uri.ptr[e->uri.len - 1] == '/';
		d->content_type = wsr_content_type(e);
		wsr_trace(e, pos, "file", path);
	}
}

/* Try one index file. @return true if a decision was made. */
static bool try_index(struct wsr_eval *e, struct wsr_str folder, uint32_t tmpl, uint32_t pos)
{
	struct wsr_str name = wsr_eval_tmpl(e, tmpl), constant;
	if (name.len == 0)
		return false;
	if (name.ptr[0] == '/') {
		wsr_flow_redirect(e, name, e->args, pos);
		return true;
	}
	if (wsr_uri_dotdots(name) && !wsr_tmpl_constant(e->table, tmpl, &constant))
		return false;
	struct wsr_str path_parts[] = { folder, name }, uri_parts[] = { e->uri, name };
	struct wsr_str path = wsr_join(e->arena, path_parts, 2);
	bool there = path.ptr && file_is(e, path, WSR_FILE_EXISTS);
	wsr_trace(e, pos, there ? "index: found" : "index: not found", path);
	if (there)
		wsr_flow_redirect(e, wsr_join(e->arena, uri_parts, 2), e->args, pos);
	return there;
}

const struct wsr_decision *wsr_eval_index(struct wsr_eval *e)
{
	struct wsr_list list = e->file->index;
	struct wsr_str folder;
	uint32_t pos = e->decision.pos;
	if (!wsr_file_path(e, e->uri, &folder) || !file_is(e, folder, WSR_FILE_IS_DIR)) {
		wsr_decide_status(e, 404, pos);
		return &e->decision;
	}
	for (uint32_t i = 0; i < list.count; i++)
		if (try_index(e, folder, *wsr_tmpl_item_at(e->table, list.first + i), pos))
			return &e->decision;
	wsr_decide_status(e, 403, pos);
	return &e->decision;
}

const struct wsr_decision *wsr_eval_add_slash(struct wsr_eval *e)
{
	bool query = e->httpd ? e->args.ptr != NULL : e->args.len > 0; /* httpd keeps a "?" alone */
	struct wsr_str path = e->httpd ? wsr_httpd_escape(e->arena, e->uri, WSR_HTTPD_ESCAPE_FILE) : wsr_uri_escape(e->arena, e->uri, WSR_ESCAPE_PATH);
	struct wsr_str parts[] = { path, WSR_STR("/"), query ? WSR_STR("?") : WSR_STR_NULL, e->args };
	wsr_decide_redirect(e, 301, wsr_join(e->arena, parts, 4), e->decision.pos);
	return &e->decision;
}
