/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections of a host: <Directory>, <Files>, <Location>, <Proxy>, <If> and their Match spellings become layers. In: the host's block (and the main
 * server's, whose sections come first) with the settings of the host. Out: layers behind the host's own, in the order in which httpd lays them over each other.
 */
#include "compiler/apache_worker.h"

#include <stdlib.h>

/* Order of server/request.c: file system, file names, URLs of backends, paths, conditions. */
enum section_class { CLASS_DIRECTORY, CLASS_DIRECTORY_MATCH, CLASS_FILES, CLASS_PROXY, CLASS_LOCATION, CLASS_IF };

static const struct { const char *name; uint8_t kind, match, class; } kinds[] = {
	{ "Directory",      WSR_LAYER_DIRECTORY,       WSR_LAYER_DIRECTORY_MATCH, CLASS_DIRECTORY },
	{ "DirectoryMatch", WSR_LAYER_DIRECTORY_MATCH, WSR_LAYER_DIRECTORY_MATCH, CLASS_DIRECTORY_MATCH },
	{ "Files",          WSR_LAYER_FILES,           WSR_LAYER_FILES_MATCH,     CLASS_FILES },
	{ "FilesMatch",     WSR_LAYER_FILES_MATCH,     WSR_LAYER_FILES_MATCH,     CLASS_FILES },
	{ "Proxy",          WSR_LAYER_PROXY,           WSR_LAYER_PROXY_MATCH,     CLASS_PROXY },
	{ "ProxyMatch",     WSR_LAYER_PROXY_MATCH,     WSR_LAYER_PROXY_MATCH,     CLASS_PROXY },
	{ "Location",       WSR_LAYER_LOCATION,        WSR_LAYER_LOCATION_MATCH,  CLASS_LOCATION },
	{ "LocationMatch",  WSR_LAYER_LOCATION_MATCH,  WSR_LAYER_LOCATION_MATCH,  CLASS_LOCATION },
	{ "If",             WSR_LAYER_IF,              WSR_LAYER_IF,              CLASS_IF },
	{ "ElseIf",         WSR_LAYER_IF,              WSR_LAYER_IF,              CLASS_IF },
	{ "Else",           WSR_LAYER_IF,              WSR_LAYER_IF,              CLASS_IF },
};

struct item {
	const struct node *node;
	const struct item *parent;
	uint32_t order, depth, ordinal;
	uint8_t kind, class;
	bool expression;            /* "~" in front of the argument */
};

/* --- collecting ---------------------------------------------------------------------------------------------------------- */

static uint32_t components(struct wsr_str path)
{
	uint32_t n = 0;
	for (size_t i = 0; i + 1 < path.len; i++)
		n += path.ptr[i] == '/' && path.ptr[i + 1] != '/';
	return n;
}

static const struct word *argument(const struct item *it)
{
	return node_arg(it->node, it->expression ? 1 : 0);
}

static bool describe(const struct node *n, struct item *it)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(n->def->name, kinds[i].name) != 0)
			continue;
		*it = (struct item){ .node = n, .kind = kinds[i].kind, .class = kinds[i].class };
		if (it->class == CLASS_IF)
			return true;
		it->expression = node_arg_count(n) > 1 && word_is(node_arg(n, 0), "~");
		if (it->expression) {
			it->kind = kinds[i].match;
			it->class = it->class == CLASS_DIRECTORY ? CLASS_DIRECTORY_MATCH : it->class;
		}
		if (it->class == CLASS_DIRECTORY)
			it->depth = components(word_str(argument(it)));
		return node_arg_count(n) > it->expression;
	}
	return false;
}

/* <Proxy balancer://NAME> that says who its members are and nothing of requests: nothing to lay over other sections, in none of all the hosts. */
static bool members_only(const struct node *section, const struct item *it)
{
	NODE_EACH_CHILD(c, section)
		if (c->def && !c->bad && !lowered_by(c, lower_ap_balancer_member) && !lowered_by(c, lower_ap_proxy_set))
			return false;
	return it->kind == WSR_LAYER_PROXY;
}

static void collect(struct lower *l, struct pool *items, const struct node *block, const struct item *parent)
{
	NODE_EACH_CHILD(n, block) {
		struct item found, *it;
		if (!n->def || n->bad || !n->block || !describe(n, &found) || members_only(n, &found))
			continue;
		it = ARENA_NEW(&l->cc->arena, struct item);
		*it = found;
		it->parent = parent;
		it->order = items->count;
		pool_push(items, &it);
		collect(l, items, n, it);
	}
}

static int compare(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* --- names --------------------------------------------------------------------------------------------------------------- */

bool apache_is_glob(struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '*' || s.ptr[i] == '?' || (s.ptr[i] == '[' && memchr(s.ptr + i, ']', s.len - i)))
			return true;
	}
	return false;
}

/*
 * Shell pattern -> expression over the whole text; in paths no wildcard stands for "/" (apr_fnmatch, APR_FNM_PATHNAME), and a slash stands for several: httpd
 * compares with the path after their merging.
 */
static struct wsr_str glob_expression(struct lower *l, struct wsr_str s, bool path)
{
	static const char no_slash[] = "(?!/)";
	char *out = arena_alloc(&l->cc->arena, 5 * s.len + 8);
	size_t n = 0;
	out[n++] = '^';
	for (size_t i = 0; i < s.len; i++) {
		const char *close = s.ptr[i] == '[' ? memchr(s.ptr + i, ']', s.len - i) : NULL;
		if (s.ptr[i] == '*' || s.ptr[i] == '?') {
			const char *one = path ? "[^/]" : "(?s:.)";
			memcpy(out + n, one, strlen(one));
			n += strlen(one);
			if (s.ptr[i] == '*')
				out[n++] = '*';
		} else if (close) {
			size_t len = (size_t)(close - (s.ptr + i)) + 1;
			if (path) {
				memcpy(out + n, no_slash, sizeof(no_slash) - 1);
				n += sizeof(no_slash) - 1;
			}
			memcpy(out + n, s.ptr + i, len);
			if (len > 1 && out[n + 1] == '!')
				out[n + 1] = '^';
			n += len;
			i += len - 1;
		} else {
			if (s.ptr[i] == '\\' && i + 1 < s.len)
				i++;
			if (strchr("\\^$.|?*+()[]{}", s.ptr[i]))
				out[n++] = '\\';
			out[n++] = s.ptr[i];
			if (path && s.ptr[i] == '/')
				out[n++] = '+';
		}
	}
	memcpy(out + n, "\\z", 2);
	return wsr_str(out, n + 2);
}

/* "/a//b/" -> "/a/b": folders are compared without the slash at the end. */
static struct wsr_str folder_name(struct lower *l, struct wsr_str s)
{
	char *out = arena_alloc(&l->cc->arena, s.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != '/' || n == 0 || out[n - 1] != '/')
			out[n++] = s.ptr[i];
	while (n > 1 && out[n - 1] == '/')
		n--;
	return wsr_str(out, n);
}

bool apache_section_name(struct lower *l, const struct node *n, const struct word *w, struct wsr_layer *y)
{
	struct wsr_str name = word_str(w);
	bool expression = y->kind == WSR_LAYER_DIRECTORY_MATCH || y->kind == WSR_LAYER_FILES_MATCH || y->kind == WSR_LAYER_LOCATION_MATCH ||
			  y->kind == WSR_LAYER_PROXY_MATCH;
	if (y->kind == WSR_LAYER_DIRECTORY)
		name = folder_name(l, name);
	y->name = plan_str(l->plan, name);
	if (expression) {
		y->regex = lower_regex(l, n, w, name, false);
		return y->regex != WSR_NONE;
	}
	if (apache_is_glob(name)) {
		bool path = y->kind == WSR_LAYER_DIRECTORY || y->kind == WSR_LAYER_LOCATION;
		y->flags |= WSR_LAYER_GLOB;
		y->regex = lower_regex(l, n, w, glob_expression(l, name, path), false);
		return y->regex != WSR_NONE;
	}
	return true;
}

/* --- layers -------------------------------------------------------------------------------------------------------------- */

static void lower_item(struct lower *l, const struct level *host_level, struct apache_host *host, const struct item *it)
{
	struct level lv;
	struct apache_section s;
	level_child(&lv, host_level);
	lv.server = NULL;
	lv.section = &s;
	apache_section_init(&s, host, it->node, (enum wsr_layer_kind)it->kind);
	s.layer.inside = (uint16_t)(it->parent ? it->parent->ordinal + 1 : 0);
	if (it->class == CLASS_IF)
		s.layer.condition = apache_if_condition(l, it->node);
	if (it->class == CLASS_IF || apache_section_name(l, it->node, argument(it), &s.layer))
		level_apply(l, &lv, it->node);
	if (level_has(&lv, SET_proxy_ssl_crl_check))
		apache_proxy_tls_revocation(l, &lv, it->node);
	apache_section_done(l, &lv, &s);
}

void apache_sections(struct lower *l, const struct level *host_level, struct apache_host *host)
{
	struct pool items;
	apache_balancers(l, host);
	pool_init(&items, sizeof(struct item *));
	if (host->main)
		collect(l, &items, host->main->node, NULL);
	collect(l, &items, host->node, NULL);
	struct item **list = (struct item **)(void *)items.data;
	if (items.count)
		qsort(list, items.count, sizeof(*list), compare);
	for (uint32_t i = 0; i < items.count; i++) {
		list[i]->ordinal = i + 1; /* the host's own layer is number 0 */
		if (i < UINT16_MAX - 2)
			lower_item(l, host_level, host, list[i]);
		else if (i == UINT16_MAX - 2)
			diag_at(l->cc, CHECK_VALUE, list[i]->node->span, "more than %u sections in one host", UINT16_MAX - 2);
	}
	pool_free(&items);
}
