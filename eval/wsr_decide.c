/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers of our own: texts of `return`, redirects, and errors with what error_page says about them. In: the state of the evaluation. Out:
 * e->decision.
 *
 * An error page says the status and our name, nothing that came from the client.
 */
#include "eval/wsr_httpd.h"
#include "eval/wsr_location.h"
#include "eval/wsr_uri.h"

struct wsr_decision *wsr_decide(struct wsr_eval *e, enum wsr_decision_kind kind, uint32_t pos)
{
	e->decision = (struct wsr_decision){ .kind = kind, .pos = pos, .upstream = WSR_NONE, .peer = WSR_NONE, .status = e->error_status };
	e->proxy_host = WSR_STR_NULL;
	return &e->decision;
}

void wsr_decide_close(struct wsr_eval *e, uint32_t pos)
{
	wsr_decide(e, WSR_DECIDE_CLOSE, pos);
	wsr_trace(e, pos, "closed without an answer", WSR_STR_NULL);
}

/* --- types --------------------------------------------------------------------------------------------------------------- */

/* Extension of the last segment, in nginx's sense: "/.profile" has none (ngx_http_set_exten). */
static struct wsr_str extension(struct wsr_str uri)
{
	for (size_t i = uri.len; i-- > 2;) {
		if (uri.ptr[i] == '/')
			break;
		if (uri.ptr[i] == '.' && uri.ptr[i - 1] != '/')
			return wsr_from(uri, i + 1);
	}
	return WSR_STR_NULL;
}

struct wsr_str wsr_content_type(struct wsr_eval *e)
{
	char lower[32];
	if (e->httpd && e->httpd->type.ptr)
		return e->httpd->type;
	bool mapped = e->httpd && e->httpd->mapped == WSR_MAPPED_FILE;
	struct wsr_str ext = extension(mapped ? e->httpd->path : e->uri);
	if (ext.len > 0 && ext.len <= sizeof(lower) && e->file->types.v != WSR_NONE) {
		for (size_t i = 0; i < ext.len; i++)
			lower[i] = (char)wsr_lower((unsigned char)ext.ptr[i]);
		const struct wsr_mime_slot *s = wsr_mime_find(e->table, wsr_mime_at(e->table, e->file->types.v)->slots, wsr_str(lower, ext.len));
		if (s)
			return wsr_string(e->table, s->type);
	}
	return wsr_string(e->table, e->file->default_type.v);
}

void wsr_decide_text(struct wsr_eval *e, unsigned status, struct wsr_str text, uint32_t pos)
{
	struct wsr_decision *d = wsr_decide(e, WSR_DECIDE_ANSWER, pos);
	if (!d->status)
		d->status = (uint16_t)status;
	wsr_trace(e, pos, "answered", WSR_STR_NULL);
	if (status == 204 || status == 304)
		return;
	d->body = text;
	d->content_type = wsr_content_type(e);
}

/* --- pages --------------------------------------------------------------------------------------------------------------- */

static void own_page(struct wsr_eval *e, unsigned status)
{
	struct wsr_str page = wsr_status_page(e->arena, status, e->core->server_tokens);
	if (!page.ptr)
		return;
	e->decision.body = page;
	e->decision.content_type = WSR_STR("text/html");
}

/* nginx's codes of its own, which a client sees as 400. */
static unsigned visible_status(unsigned status)
{
	return status >= 494 && status <= 497 ? 400 : status;
}

static void answer_page(struct wsr_eval *e, unsigned status, struct wsr_str location, uint32_t pos)
{
	e->error_status = 0;
	struct wsr_decision *d = wsr_decide(e, WSR_DECIDE_ANSWER, pos);
	d->status = (uint16_t)visible_status(status);
	d->location = location;
	if (d->status >= 300 && d->status != 304)
		own_page(e, d->status);
	wsr_trace(e, pos, "answered with a page of our own", wsr_reason(d->status));
}

static const struct wsr_error_page *find_error_page(const struct wsr_eval *e, unsigned status)
{
	struct wsr_list list = e->fieldset->error_page;
	if (e->error_page || e->cycles > WSR_MAX_CYCLES)
		return NULL;
	for (uint32_t i = 0; i < list.count; i++) {
		const struct wsr_error_page *p = wsr_error_page_at(e->table, list.first + i);
		if (p->status == status)
			return p;
	}
	return NULL;
}

/* What error_page says: another URI of this server, a named location, or a redirect (nginx: ngx_http_send_error_page). */
static void follow_error_page(struct wsr_eval *e, unsigned status, const struct wsr_error_page *p)
{
	struct wsr_str target = wsr_eval_tmpl(e, p->target);
	char first = target.len ? target.ptr[0] : '\0';
	wsr_trace(e, p->pos, "error_page", target);
	if (p->answer == WSR_ERROR_PAGE_TEXT) {
		answer_page(e, status, WSR_STR_NULL, p->pos);
		e->decision.body = target;
		e->decision.content_type = WSR_STR("text/html; charset=iso-8859-1");
		return;
	}
	e->error_page = true;
	if (first != '/' && first != '@') {
		answer_page(e, wsr_is_redirect(p->answer) ? p->answer : 302, target, p->pos);
		return;
	}
	e->error_status = (uint16_t)(p->answer == 0 ? visible_status(status) : p->answer == 1 ? 0 : p->answer);
	if (first == '/' && (e->httpd || !(e->request && e->request->head_method))) /* httpd asks with GET for a HEAD too (ap_internal_redirect) */
		e->method = WSR_STR("GET");
	if (first == '/' && e->httpd)
		wsr_httpd_internal_redirect(e, target, p->pos);
	else
		wsr_flow_redirect_url(e, target, p->pos);
}

/* A subrequest that is being looked up only tells its status. */
static void answer_lookup(struct wsr_eval *e, unsigned status, struct wsr_str location, uint32_t pos)
{
	struct wsr_decision *d = wsr_decide(e, WSR_DECIDE_ANSWER, pos);
	d->status = (uint16_t)status;
	d->location = location;
}

static void decide_status(struct wsr_eval *e, unsigned status, struct wsr_str location, uint32_t pos)
{
	if (e->httpd && e->httpd->outer) {
		answer_lookup(e, status, location, pos);
		return;
	}
	const struct wsr_error_page *p = find_error_page(e, status);
	/* an error on the way to an ErrorDocument leaves the error that it was for (ap_die) */
	if (e->httpd && e->error_page && e->error_status) {
		status = e->error_status;
		location = WSR_STR_NULL;
	}
	if (p)
		follow_error_page(e, status, p);
	else
		answer_page(e, status, location, pos);
}

void wsr_decide_status(struct wsr_eval *e, unsigned status, uint32_t pos)
{
	decide_status(e, status, WSR_STR_NULL, pos);
}

static bool is_no_field_value(struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
			return true;
	return false;
}

void wsr_decide_redirect(struct wsr_eval *e, unsigned status, struct wsr_str location, uint32_t pos)
{
	if (location.len && location.ptr[0] == '/')
		location = wsr_eval_absolute(e, location);
	if (e->httpd && is_no_field_value(location)) {
		wsr_eval_fail(e, "a redirect to a URL with control characters", pos); /* modules/http/http_filters.c: check_headers */
		wsr_decide_status(e, 500, pos);
		return;
	}
	wsr_trace(e, pos, "redirected", location);
	decide_status(e, status, location, pos);
}
