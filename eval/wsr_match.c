/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which server, which location: the two searches of every request, in nginx's order. A host name costs one hash look-up per label at most, a path one walk
 * down a trie; neither grows with the number of servers or locations, only regular expressions are tried one by one.
 */
#include "eval/wsr_match.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"

#define HOST_MAX 255u /* longest DNS name; longer ones can only match an expression */

/* --- servers ------------------------------------------------------------------------------------------------------------- */

struct wsr_str wsr_host_clean(struct wsr_str host)
{
	if (host.len && host.ptr[0] == '[') {
		const char *close = memchr(host.ptr, ']', host.len);
		return close ? wsr_str(host.ptr, (size_t)(close - host.ptr) + 1) : host;
	}
	const char *colon = host.len ? memchr(host.ptr, ':', host.len) : NULL;
	if (colon)
		host.len = (size_t)(colon - host.ptr);
	if (host.len && host.ptr[host.len - 1] == '.')
		host.len--;
	return host;
}

/* "*.example.org" is stored as ".example.org": try each suffix that starts with a dot and has something before it, the longest first. */
static uint32_t find_leading(const struct wsr_table *t, struct wsr_list names, struct wsr_str host)
{
	for (size_t i = 1; names.count && i < host.len; i++) {
		if (host.ptr[i] != '.')
			continue;
		const struct wsr_name_slot *s = wsr_name_find(t, names, wsr_from(host, i));
		if (s)
			return s->server;
	}
	return WSR_NONE;
}

/* "www.example.*" is stored as "www.example.". */
static uint32_t find_trailing(const struct wsr_table *t, struct wsr_list names, struct wsr_str host)
{
	for (size_t i = host.len; names.count && i-- > 1;) {
		if (host.ptr[i] != '.' || i + 1 == host.len)
			continue;
		const struct wsr_name_slot *s = wsr_name_find(t, names, wsr_str(host.ptr, i + 1));
		if (s)
			return s->server;
	}
	return WSR_NONE;
}

static struct wsr_server_match match_expressions(const struct wsr_table *t, struct wsr_regexes *r, const struct wsr_listen *l, struct wsr_list list,
						 struct wsr_str host, struct wsr_captures *captures)
{
	for (uint32_t i = 0; i < list.count; i++) {
		const struct wsr_name_regex *n = wsr_name_regex_at(t, list.first + i);
		enum wsr_match_result result = wsr_regex_run(r, n->regex, host, captures);
		if (result == WSR_MATCH)
			return (struct wsr_server_match){ n->server, n->regex, WSR_BY_REGEX };
		if (result == WSR_MATCH_FAILED)
			return (struct wsr_server_match){ n->server, n->regex, WSR_BY_FAILURE };
	}
	return (struct wsr_server_match){ l->default_server, WSR_NONE, WSR_BY_DEFAULT };
}

/* httpd: names and patterns of all hosts in the order of the text, the first that fits wins. Servers are numbered in that order. */
static struct wsr_server_match match_ordered(const struct wsr_table *t, struct wsr_regexes *r, const struct wsr_listen *l, struct wsr_str host,
					     struct wsr_captures *captures)
{
	const struct wsr_nameset *names = wsr_nameset_at(t, l->nameset);
	const struct wsr_name_slot *s = wsr_name_find(t, names->exact, host);
	for (uint32_t i = 0; i < names->regexes.count; i++) {
		const struct wsr_name_regex *n = wsr_name_regex_at(t, names->regexes.first + i);
		if (s && n->server >= s->server)
			break;
		enum wsr_match_result result = wsr_regex_run(r, n->regex, host, captures);
		if (result != WSR_NO_MATCH)
			return (struct wsr_server_match){ n->server, n->regex, result == WSR_MATCH ? WSR_BY_LEADING : WSR_BY_FAILURE };
	}
	return (struct wsr_server_match){ s ? s->server : l->default_server, WSR_NONE, s ? WSR_BY_NAME : WSR_BY_DEFAULT };
}

struct wsr_server_match wsr_match_host(const struct wsr_table *t, struct wsr_regexes *r, uint32_t listen, struct wsr_str host, struct wsr_captures *captures)
{
	const struct wsr_listen *l = wsr_listen_at(t, listen);
	const struct wsr_nameset *names = wsr_nameset_at(t, l->nameset);
	if (names->flags & WSR_NAMESET_ORDERED)
		return match_ordered(t, r, l, host, captures);
	if (host.len == 0) {
		const struct wsr_name_slot *s = wsr_name_find(t, names->exact, host); /* server_name "" is for requests without a host */
		return (struct wsr_server_match){ s ? s->server : l->default_server, WSR_NONE, s ? WSR_BY_NAME : WSR_BY_DEFAULT };
	}
	if (host.len <= HOST_MAX) {
		const struct wsr_name_slot *s = wsr_name_find(t, names->exact, host);
		if (s)
			return (struct wsr_server_match){ s->server, WSR_NONE, WSR_BY_NAME };
		uint32_t server = find_leading(t, names->leading, host);
		if (server != WSR_NONE)
			return (struct wsr_server_match){ server, WSR_NONE, WSR_BY_LEADING };
		server = find_trailing(t, names->trailing, host);
		if (server != WSR_NONE)
			return (struct wsr_server_match){ server, WSR_NONE, WSR_BY_TRAILING };
	}
	return match_expressions(t, r, l, names->regexes, host, captures);
}

uint32_t wsr_match_server(const struct wsr_table *t, struct wsr_regexes *r, uint32_t listen, struct wsr_str host, struct wsr_captures *captures)
{
	char lower[HOST_MAX];
	struct wsr_str name = wsr_host_clean(host);
	if (name.len == 0 || name.len > HOST_MAX) /* a handshake without a name is the default server's, whatever server_name "" says */
		return wsr_listen_at(t, listen)->default_server;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = (char)wsr_lower((unsigned char)name.ptr[i]);
	struct wsr_server_match m = wsr_match_host(t, r, listen, wsr_str(lower, name.len), captures);
	if (captures && m.how == WSR_BY_REGEX)
		captures->subject = name; /* spans count bytes, which are the same in both */
	return m.how == WSR_BY_FAILURE ? wsr_listen_at(t, listen)->default_server : m.server;
}

/* --- locations ----------------------------------------------------------------------------------------------------------- */

static void note(struct wsr_eval *e, uint32_t location, const char *what)
{
	if (!e->trace)
		return;
	const struct wsr_location *l = wsr_location_at(e->table, location);
	e->trace(e->trace_ctx, l->pos, what, wsr_string(e->table, wsr_body_at(e->table, l->body)->name));
}

static const struct wsr_body *body_of(const struct wsr_table *t, uint32_t location)
{
	return wsr_body_at(t, wsr_location_at(t, location)->body);
}

static const struct wsr_trie *find_child(const struct wsr_table *t, const struct wsr_trie *n, unsigned char byte)
{
	uint32_t lo = 0, hi = n->child_count;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		const struct wsr_trie *child = wsr_trie_at(t, n->first_child + mid);
		if (child->first_byte == byte)
			return child;
		if (child->first_byte < byte)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Does a prefix that ends at `at` hold for this path? Only those of whole segments can fail. */
static bool prefix_holds(const struct wsr_table *t, uint32_t location, struct wsr_str uri, size_t at)
{
	return !(body_of(t, location)->flags & WSR_LOCATION_SEGMENT) || at == uri.len || uri.ptr[at] == '/' || (at > 0 && uri.ptr[at - 1] == '/');
}

/* The location for "<uri>/" that asks for a redirect, given its node. */
static uint32_t slash_redirect(const struct wsr_table *t, uint32_t base, const struct wsr_trie *n)
{
	if (n->exact != WSR_NONE && body_of(t, base + n->exact)->flags & WSR_LOCATION_AUTO_REDIRECT)
		return base + n->exact;
	if (n->prefix != WSR_NONE && body_of(t, base + n->prefix)->flags & WSR_LOCATION_AUTO_REDIRECT)
		return base + n->prefix;
	return WSR_NONE;
}

enum found { NOTHING, BY_PREFIX, FINAL, REDIRECT, FAILED };

/* Exact and prefix locations of one level (nginx: ngx_http_core_find_static_location). */
static enum found find_static(const struct wsr_table *t, const struct wsr_scope *s, struct wsr_str uri, uint32_t *location)
{
	enum found found = NOTHING;
	size_t at = 0;
	if (s->trie == WSR_NONE)
		return NOTHING;
	for (const struct wsr_trie *n = wsr_trie_at(t, s->trie); n;) {
		struct wsr_str label = wsr_string(t, n->label);
		size_t rest = uri.len - at;
		if (rest < label.len || (label.len && memcmp(uri.ptr + at, label.ptr, label.len) != 0)) {
			bool slash = label.len == rest + 1 && label.ptr[rest] == '/' && memcmp(uri.ptr + at, label.ptr, rest) == 0;
			uint32_t to = slash ? slash_redirect(t, s->loc_base, n) : WSR_NONE;
			if (to == WSR_NONE)
				return found;
			*location = to;
			return REDIRECT;
		}
		at += label.len;
		if (at == uri.len && n->exact != WSR_NONE) {
			*location = s->loc_base + n->exact;
			return FINAL;
		}
		bool prefix = n->prefix != WSR_NONE && prefix_holds(t, s->loc_base + n->prefix, uri, at);
		if (prefix) {
			*location = s->loc_base + n->prefix;
			found = BY_PREFIX;
		}
		if (at == uri.len && prefix)
			return found;
		n = find_child(t, n, at == uri.len ? '/' : (unsigned char)uri.ptr[at]);
	}
	return found;
}

static enum found find_location(struct wsr_eval *e, uint32_t scope, struct wsr_str uri, uint32_t *location);

static enum found find_nested(struct wsr_eval *e, struct wsr_str uri, uint32_t *location)
{
	uint32_t scope = wsr_location_at(e->table, *location)->scope;
	return scope == WSR_NONE ? NOTHING : find_location(e, scope, uri, location);
}

/* One level and what is nested in it (nginx: ngx_http_core_find_location). NOTHING leaves *location as the outer level found it. */
static enum found find_location(struct wsr_eval *e, uint32_t scope, struct wsr_str uri, uint32_t *location)
{
	const struct wsr_scope *s = wsr_scope_at(e->table, scope);
	enum found found = find_static(e->table, s, uri, location);
	bool no_regex = false;
	if (found == BY_PREFIX) {
		no_regex = body_of(e->table, *location)->flags & WSR_LOCATION_NOREGEX;
		note(e, *location, no_regex ? "longest prefix, expressions are not tried" : "longest prefix");
		found = find_nested(e, uri, location);
	}
	if (found >= FINAL) {
		if (found == FINAL)
			note(e, *location, "chosen");
		return found;
	}
	for (uint32_t i = 0; !no_regex && i < s->regexes.count; i++) {
		uint32_t candidate = s->loc_base + *wsr_scope_regex_at(e->table, s->regexes.first + i);
		enum wsr_match_result result = wsr_eval_match(e, body_of(e->table, candidate)->regex, uri);
		note(e, candidate, result == WSR_MATCH ? "expression matches" : result == WSR_NO_MATCH ? "expression does not match" : "expression failed");
		if (result == WSR_NO_MATCH)
			continue;
		if (result == WSR_MATCH_FAILED)
			return FAILED;
		*location = candidate;
		return find_nested(e, uri, location) == FAILED ? FAILED : FINAL;
	}
	return found;
}

uint32_t wsr_match_location(struct wsr_eval *e, uint32_t scope, struct wsr_str uri, bool *redirect)
{
	uint32_t location = WSR_NONE;
	*redirect = false;
	if (scope == WSR_NONE)
		return WSR_NONE;
	enum found found = find_location(e, scope, uri, &location);
	*redirect = found == REDIRECT;
	return found == FAILED ? WSR_NONE : location;
}
