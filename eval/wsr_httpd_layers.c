/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections: which of them hold for a request, and the settings that follow. In: the URI, and once the request is mapped its file name or URL. Out:
 * e->httpd->layers and the settings in e.
 *
 * The host's layers stand in the order in which httpd lays them over each other (server/request.c): Directory by depth, DirectoryMatch, Files, Proxy, Location,
 * If. The complete settings for one section alone are in the table; only where several hold cells are laid over each other, in copies.
 */
#include "eval/wsr_httpd.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"

/* --- does a section hold? ------------------------------------------------------------------------------------------------ */

/* A regular expression that fails is 500, never "does not hold": the section may be what protects the path. */
static bool matches(struct wsr_eval *e, const struct wsr_layer *y, struct wsr_str subject)
{
	enum wsr_match_result result = wsr_regex_run(e->regexes, y->regex, subject, NULL);
	if (result == WSR_MATCH_FAILED)
		wsr_eval_fail(e, "a regular expression does not compile or ran into its limit", y->pos);
	return result == WSR_MATCH;
}

/* Named groups of <LocationMatch> are MATCH_NAME in the environment. */
static void keep_names(struct wsr_eval *e, uint32_t regex, const struct wsr_captures *c)
{
	const struct wsr_regex *rx = wsr_regex_at(e->table, regex);
	for (uint32_t i = 0; i < rx->names.count; i++) {
		const struct wsr_regex_name *n = wsr_regex_name_at(e->table, rx->names.first + i);
		struct wsr_str name = wsr_string(e->table, wsr_variable_at(e->table, n->slot)->name);
		char key[128] = "env:MATCH_";
		size_t len = 10;
		for (size_t k = 0; k < name.len && len + 1 < sizeof(key); k++)
			key[len++] = (char)(name.ptr[k] >= 'a' && name.ptr[k] <= 'z' ? name.ptr[k] - 32 : name.ptr[k]);
		wsr_httpd_set_environment(e, wsr_str(key, len), wsr_capture(c, n->group));
	}
}

static bool location_matches(struct wsr_eval *e, const struct wsr_layer *y)
{
	struct wsr_captures c;
	if (wsr_regex_at(e->table, y->regex)->names.count == 0)
		return matches(e, y, e->uri);
	enum wsr_match_result result = wsr_regex_run(e->regexes, y->regex, e->uri, &c);
	if (result == WSR_MATCH_FAILED)
		wsr_eval_fail(e, "a regular expression does not compile or ran into its limit", y->pos);
	if (result == WSR_MATCH)
		keep_names(e, y->regex, &c);
	return result == WSR_MATCH;
}

static bool location_holds(struct wsr_eval *e, const struct wsr_layer *y)
{
	if (y->regex != WSR_NONE)
		return location_matches(e, y);
	struct wsr_str name = wsr_string(e->table, y->name);
	return wsr_httpd_merges(e) ? wsr_httpd_below(e->uri, name) : wsr_httpd_in_location(e->uri, name);
}

static bool is_folder(struct wsr_eval *e, struct wsr_str path)
{
	return e->world && e->world->file && e->world->file(e->world_ctx, path.ptr, WSR_FILE_IS_DIR);
}

/* Folder part of a file name: without the last segment unless it ends in "/" or is a folder itself. */
static struct wsr_str folder_of(struct wsr_eval *e, struct wsr_str path)
{
	if (path.len && path.ptr[path.len - 1] != '/' && is_folder(e, path))
		return path;
	while (path.len > 1 && path.ptr[path.len - 1] != '/')
		path.len--;
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	return path;
}

/* Wildcards stand for one folder name each: every folder on the way down is tried. */
static bool folder_matches(struct wsr_eval *e, const struct wsr_layer *y, struct wsr_str folder)
{
	for (size_t len = 1; len <= folder.len; len++)
		if ((len == folder.len || folder.ptr[len] == '/') && matches(e, y, wsr_str(folder.ptr, len)))
			return true;
	return false;
}

static bool directory_holds(struct wsr_eval *e, const struct wsr_layer *y)
{
	struct wsr_str folder = folder_of(e, e->httpd->path);
	return y->regex != WSR_NONE ? folder_matches(e, y, folder) : wsr_httpd_below(folder, wsr_string(e->table, y->name));
}

static struct wsr_str last_segment(struct wsr_str path)
{
	size_t from = path.len;
	while (from > 0 && path.ptr[from - 1] != '/')
		from--;
	return wsr_from(path, from);
}

static bool is_there(struct wsr_eval *e, struct wsr_str path)
{
	return is_folder(e, path) || (e->world && e->world->file && e->world->file(e->world_ctx, path.ptr, WSR_FILE_IS_FILE));
}

/* What the way through folders ends at: the name behind the last folder that is there. What follows is PATH_INFO (ap_directory_walk). */
static struct wsr_str walked_name(struct wsr_eval *e, struct wsr_str path)
{
	size_t end = path.len;
	if (path.len == 0 || is_there(e, path))
		return last_segment(path);
	for (size_t len = path.len; len-- > 1;) {
		if (path.ptr[len] != '/')
			continue;
		struct wsr_str upper = wsr_arena_dup(e->arena, wsr_str(path.ptr, len));
		if (!upper.ptr)
			return last_segment(path);
		if (is_folder(e, upper))
			return wsr_str(path.ptr + len + 1, end - len - 1);
		end = len;
	}
	return wsr_str(path.ptr + 1, end - 1);
}

static bool files_hold(struct wsr_eval *e, const struct wsr_layer *y)
{
	struct wsr_str name = walked_name(e, e->httpd->path);
	return y->regex != WSR_NONE ? matches(e, y, name) : wsr_str_eq(name, wsr_string(e->table, y->name));
}

static bool proxy_holds(struct wsr_eval *e, const struct wsr_layer *y)
{
	return y->regex != WSR_NONE ? matches(e, y, e->httpd->path) : wsr_starts_with(e->httpd->path, wsr_string(e->table, y->name));
}

static bool kind_holds(struct wsr_eval *e, const struct wsr_layer *y)
{
	enum wsr_mapped mapped = e->httpd->mapped;
	switch (y->kind) {
	case WSR_LAYER_DIRECTORY:       return mapped == WSR_MAPPED_FILE && directory_holds(e, y);
	case WSR_LAYER_DIRECTORY_MATCH: return mapped == WSR_MAPPED_FILE && matches(e, y, e->httpd->path);
	case WSR_LAYER_FILES:
	case WSR_LAYER_FILES_MATCH:     return mapped == WSR_MAPPED_FILE && files_hold(e, y);
	case WSR_LAYER_PROXY:
	case WSR_LAYER_PROXY_MATCH:     return mapped == WSR_MAPPED_PROXY && proxy_holds(e, y);
	case WSR_LAYER_LOCATION:
	case WSR_LAYER_LOCATION_MATCH:  return location_holds(e, y);
	default:                        return y->kind == WSR_LAYER_IF && wsr_cond_eval(e, y->condition) == WSR_TRUE;
	}
}

static bool is_active(const struct wsr_httpd *h, const struct wsr_layer *y)
{
	for (uint32_t i = 0; i < h->layer_count; i++)
		if (h->layers[i] == y)
			return true;
	return false;
}

static bool holds(struct wsr_eval *e, const struct wsr_layer *y)
{
	const struct wsr_httpd *h = e->httpd;
	if (y->inside && !is_active(h, wsr_layer_at(e->table, h->host->layers.first + y->inside - 1u)))
		return false;
	return kind_holds(e, y);
}

/* --- settings of several sections ---------------------------------------------------------------------------------------- */

enum group { GROUP_core, GROUP_file, GROUP_log, GROUP_proxy, GROUP_fields, GROUPS };

static const struct { uint8_t group; uint16_t offset; } cells[] = {
#define STRUCT_core   struct wsr_core
#define STRUCT_file   struct wsr_file
#define STRUCT_log    struct wsr_log
#define STRUCT_proxy  struct wsr_proxyset
#define STRUCT_fields struct wsr_fieldset
#define WSR_SETTING(group, kind, name, comment) { GROUP_##group, offsetof(STRUCT_##group, name) },
#include "table/wsr_settings.def"
};
#define CELL_BYTES 8u
#define CELL_COUNT (sizeof(cells) / sizeof(*cells))

static const size_t group_bytes[GROUPS] = {
	sizeof(struct wsr_core), sizeof(struct wsr_file), sizeof(struct wsr_log), sizeof(struct wsr_proxyset), sizeof(struct wsr_fieldset),
};

static void groups_of(struct wsr_eval *e, uint32_t location, const void *groups[GROUPS])
{
	const struct wsr_body *b = wsr_body_at(e->table, wsr_location_at(e->table, location)->body);
	groups[GROUP_core] = wsr_core_at(e->table, b->core);
	groups[GROUP_file] = wsr_fileset_at(e->table, b->file);
	groups[GROUP_log] = wsr_logset_at(e->table, b->log);
	groups[GROUP_proxy] = wsr_proxyset_at(e->table, b->proxyset);
	groups[GROUP_fields] = wsr_fieldset_at(e->table, b->fieldset);
}

/* The cells that a section gives, over what holds before. @return false out of memory. */
static bool lay_over(struct wsr_eval *e, const struct wsr_layer *y, const void *base[GROUPS], void *copy[GROUPS])
{
	const void *own[GROUPS];
	groups_of(e, y->location, own);
	for (size_t i = 0; i < CELL_COUNT; i++) {
		if (!(y->set[i / 64] >> (i % 64) & 1))
			continue;
		uint8_t g = cells[i].group;
		if (!copy[g]) {
			copy[g] = wsr_arena_alloc(e->arena, group_bytes[g]);
			if (!copy[g])
				return false;
			memcpy(copy[g], base[g], group_bytes[g]);
			base[g] = copy[g];
		}
		memcpy((char *)copy[g] + cells[i].offset, (const char *)own[g] + cells[i].offset, CELL_BYTES);
	}
	return true;
}

/* Settings of all layers that hold. @return false out of memory. */
static bool settle(struct wsr_eval *e)
{
	const struct wsr_httpd *h = e->httpd;
	wsr_flow_use(e, h->layers[h->layer_count - 1]->location);
	e->matched = e->location;
	if (h->layer_count <= 2)
		return true;
	const void *base[GROUPS];
	void *copy[GROUPS] = { NULL };
	groups_of(e, h->layers[1]->location, base);
	for (uint32_t i = 2; i < h->layer_count; i++)
		if (!lay_over(e, h->layers[i], base, copy))
			return false;
	e->core = base[GROUP_core];
	e->file = base[GROUP_file];
	e->log = base[GROUP_log];
	e->proxyset = base[GROUP_proxy];
	e->fieldset = base[GROUP_fields];
	return true;
}

/* --- the walk ------------------------------------------------------------------------------------------------------------ */

static bool walk(struct wsr_eval *e, bool locations_only)
{
	struct wsr_httpd *h = e->httpd;
	struct wsr_list all = h->host->layers;
	h->layer_count = 1;
	for (uint32_t i = 1; i < all.count; i++) {
		const struct wsr_layer *y = wsr_layer_at(e->table, all.first + i);
		if (locations_only && y->kind != WSR_LAYER_LOCATION && y->kind != WSR_LAYER_LOCATION_MATCH)
			continue;
		bool active = holds(e, y);
		if (e->error)
			break;
		if (!active)
			continue;
		if (!locations_only)
			wsr_trace(e, y->pos, "section holds", wsr_string(e->table, y->name));
		if (h->layer_count == WSR_MAX_ACTIVE_LAYERS) {
			wsr_eval_fail(e, "too many sections hold for one request", y->pos);
			break;
		}
		h->layers[h->layer_count++] = y;
	}
	if (!e->error && !settle(e))
		wsr_eval_fail(e, "out of memory", h->host->pos);
	if (e->error)
		wsr_decide_status(e, 500, e->error_pos);
	return !e->error;
}

bool wsr_httpd_locations(struct wsr_eval *e)
{
	return walk(e, true);
}

bool wsr_httpd_sections(struct wsr_eval *e)
{
	struct wsr_httpd *h = e->httpd;
	if (h->mapped == WSR_MAPPED_FILE) { /* sections name folders with single slashes */
		h->path = wsr_httpd_merge_slashes(e->arena, h->path);
		if (!h->path.ptr) {
			wsr_eval_fail(e, "out of memory", h->host->pos);
			wsr_decide_status(e, 500, h->host->pos);
			return false;
		}
	}
	return walk(e, false);
}
