/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members of balancers: the session that belongs to one of them, and what changes when one is chosen. In: the request and the balancer's members. Out:
 * e->decision.peer while choosing; path, tunnel, time-outs and variables of the member that got the request.
 *
 * Members may differ in scheme, path and parameters (mod_proxy_balancer.c: proxy_balancer_pre_request), so all of that is settled anew for each one tried.
 */
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

/* Value of a cookie as mod_proxy_balancer finds it: the name at the beginning or behind a blank, ";" or ",". */
static bool cookie_value(struct wsr_str list, struct wsr_str name, struct wsr_str *out)
{
	for (size_t i = 0; i + name.len < list.len; i++) {
		char before = i ? list.ptr[i - 1] : ';';
		if ((before != ';' && before != ',' && before != ' ' && before != '\t') || list.ptr[i + name.len] != '=' || memcmp(list.ptr + i, name.ptr, name.len) != 0)
			continue;
		size_t from = i + name.len + 1, n = 0;
		while (from + n < list.len && list.ptr[from + n] != ';' && list.ptr[from + n] != ',')
			n++;
		*out = wsr_str(list.ptr + from, n);
		return true;
	}
	return false;
}

/* "NAME=value" anywhere in path or query; the value ends at "?" or "&", or at ";" where scolonpathdelim says so. */
static bool path_value(struct wsr_str url, struct wsr_str name, bool semicolon, struct wsr_str *out)
{
	for (size_t i = 0; i + name.len < url.len; i++) {
		if (memcmp(url.ptr + i, name.ptr, name.len) != 0 || url.ptr[i + name.len] != '=')
			continue;
		size_t from = i + name.len + 1, n = 0;
		while (from + n < url.len && url.ptr[from + n] != '?' && url.ptr[from + n] != '&' && !(semicolon && url.ptr[from + n] == ';'))
			n++;
		*out = wsr_str(url.ptr + from, n);
		return n > 0;
	}
	return false;
}

/* The route that the client's session names: what stands behind the first dot of its value. */
static struct wsr_str session_route(struct wsr_eval *e, const struct wsr_worker *w)
{
	struct wsr_str value = WSR_STR_NULL;
	bool found = w->sticky_path && path_value(e->decision.target, wsr_string(e->table, w->sticky_path), w->flags & WSR_WORKER_SEMICOLON, &value);
	for (uint32_t i = 0; !found && w->sticky_cookie && e->request && i < e->request->field_count; i++)
		found = e->request->fields[i].id == WSR_F_COOKIE && cookie_value(e->request->fields[i].value, wsr_string(e->table, w->sticky_cookie), &value);
	const char *dot = found && value.len ? memchr(value.ptr, '.', value.len) : NULL;
	return dot ? wsr_from(value, (size_t)(dot - value.ptr) + 1) : WSR_STR_NULL;
}

static struct wsr_str route_of(const struct wsr_eval *e, const struct wsr_worker *w, uint32_t member)
{
	return wsr_string(e->table, wsr_member_at(e->table, w->members.first + member)->route);
}

void wsr_httpd_choose_member(struct wsr_eval *e)
{
	const struct wsr_worker *w = e->httpd->worker;
	if (!w || !(w->flags & WSR_WORKER_BALANCER))
		return;
	struct wsr_str route = e->httpd->route = session_route(e, w);
	for (uint32_t i = 0; route.len && i < w->members.count; i++) {
		if (!wsr_str_eq(route_of(e, w, i), route))
			continue;
		wsr_trace(e, w->pos, "session belongs to the member with the route", route);
		e->decision.peer = i;
		e->decision.only_peer = w->flags & WSR_WORKER_NO_FAILOVER;
		return;
	}
}

void wsr_httpd_set_environment(struct wsr_eval *e, struct wsr_str name, struct wsr_str value)
{
	for (uint32_t i = 0; e->values && i < wsr_variable_count(e->table); i++)
		if (wsr_str_eq(wsr_string(e->table, wsr_variable_at(e->table, i)->name), name))
			e->values[i] = value.ptr ? value : WSR_STR("");
}

void wsr_eval_member(struct wsr_eval *e, uint32_t peer)
{
	const struct wsr_httpd *h = e->httpd;
	const struct wsr_worker *w = h ? h->worker : NULL;
	if (!w || !(w->flags & WSR_WORKER_BALANCER))
		return;
	struct wsr_str route = route_of(e, w, peer);
	bool by_route = h->route.len && wsr_str_eq(h->route, route);
	e->decision.peer = peer;
	if (!wsr_httpd_fit_member(e, peer))
		wsr_eval_fail(e, "out of memory", w->pos);
	wsr_httpd_set_environment(e, WSR_STR("env:BALANCER_NAME"), wsr_string(e->table, w->url));
	wsr_httpd_set_environment(e, WSR_STR("env:BALANCER_WORKER_ROUTE"), route);
	if (h->route.len) {
		wsr_httpd_set_environment(e, WSR_STR("env:BALANCER_SESSION_ROUTE"), h->route);
		wsr_httpd_set_environment(e, WSR_STR("env:BALANCER_SESSION_STICKY"), wsr_string(e->table, w->sticky_cookie));
	}
	if (w->sticky_cookie && !by_route)
		wsr_httpd_set_environment(e, WSR_STR("env:BALANCER_ROUTE_CHANGED"), WSR_STR("1"));
}
