/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Header fields as httpd handles them: RequestHeader and Header (mod_headers), what a backend gets (mod_proxy_http: ap_proxy_create_hdrbrgd) and the head of the
 * answer. In: the layers that hold, the other side's head. Out: an edited request head in e->request, or the bytes of one head.
 *
 * mod_headers keeps two tables for an answer: the one that handlers and backends fill (onsuccess), and one that goes out with errors too (always).
 * Framing and connection fields are never taken from the configuration, whatever it says: they are written here alone.
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_date.h"
#include "eval/wsr_field_list.h"
#include "eval/wsr_fields.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"
#include "eval/wsr_value.h"

#include <stdio.h>

#define MAX_EDITS 1000u /* replacements of one edit* */

/* --- operations ---------------------------------------------------------------------------------------------------------- */

/* One field's value with the first match (all: every match) replaced. */
static struct wsr_str edited(struct wsr_eval *e, const struct wsr_header_op *op, struct wsr_str value, bool all)
{
	struct wsr_str rest = value, done = WSR_STR_NULL;
	for (uint32_t i = 0; i < (all ? MAX_EDITS : 1); i++) {
		if (wsr_eval_match(e, op->regex, rest) != WSR_MATCH)
			break;
		uint32_t start = e->captures.span[0], end = e->captures.span[1];
		struct wsr_str parts[] = { done, wsr_str(rest.ptr, start), wsr_eval_tmpl(e, op->value) };
		bool empty = end == start;
		done = wsr_join(e->arena, parts, 3);
		if (!done.ptr)
			return value;
		if (empty && end < rest.len) { /* an empty match: go on behind the next character, or it would match for ever */
			struct wsr_str step[] = { done, wsr_str(rest.ptr + end, 1) };
			done = wsr_join(e->arena, step, 2);
			end++;
		}
		rest = wsr_from(rest, end);
		if (rest.len == 0)
			break;
	}
	struct wsr_str parts[] = { done, rest };
	return done.ptr ? wsr_join(e->arena, parts, 2) : value;
}

static void edit(struct wsr_eval *e, const struct wsr_header_op *op, struct wsr_field_list *list, struct wsr_str name)
{
	for (uint32_t i = wsr_fields_find(list, name, 0); i < list->count; i = wsr_fields_find(list, name, i + 1))
		list->fields[i].value = edited(e, op, list->fields[i].value, op->action == WSR_HEADER_EDIT_ALL);
}

/* Fields of one name stand as one, as httpd has them from reading on (apr_table_compress). */
static struct wsr_field_list list_of(struct wsr_eval *e, const struct wsr_head *h)
{
	struct wsr_field_list list = { .arena = e->arena };
	for (uint32_t i = 0; i < h->field_count; i++) {
		uint32_t count = list.count;
		wsr_fields_append(&list, h->fields[i].name, h->fields[i].value, false);
		if (list.count > count)
			list.fields[count].flags = h->fields[i].flags;
	}
	return list;
}

/* Header echo: request fields whose name matches go back to the client, as they stand after RequestHeader. */
static void echo(struct wsr_eval *e, const struct wsr_header_op *op, struct wsr_field_list *list)
{
	if (!e->request)
		return;
	struct wsr_field_list fields = list_of(e, e->request);
	for (uint32_t i = 0; i < fields.count; i++)
		if (wsr_eval_match(e, op->regex, fields.fields[i].name) == WSR_MATCH)
			wsr_fields_add(list, fields.fields[i].name, fields.fields[i].value);
	list->failed |= fields.failed;
}

static void apply(struct wsr_eval *e, const struct wsr_header_op *op, struct wsr_field_list *list)
{
	struct wsr_str name = wsr_string(e->table, op->name);
	if (wsr_cond_eval(e, op->condition) != WSR_TRUE)
		return;
	wsr_trace(e, op->pos, "header field changed", name);
	switch (op->action) {
	case WSR_HEADER_SET:    wsr_fields_set(list, name, wsr_eval_tmpl(e, op->value)); break;
	case WSR_HEADER_APPEND: wsr_fields_append(list, name, wsr_eval_tmpl(e, op->value), false); break;
	case WSR_HEADER_MERGE:  wsr_fields_append(list, name, wsr_eval_tmpl(e, op->value), true); break;
	case WSR_HEADER_ADD:    wsr_fields_add(list, name, wsr_eval_tmpl(e, op->value)); break;
	case WSR_HEADER_UNSET:  wsr_fields_remove(list, name); break;
	case WSR_HEADER_SET_IF_EMPTY:
		if (wsr_fields_find(list, name, 0) == list->count)
			wsr_fields_add(list, name, wsr_eval_tmpl(e, op->value));
		break;
	case WSR_HEADER_EDIT:
	case WSR_HEADER_EDIT_ALL: edit(e, op, list, name); break;
	case WSR_HEADER_ECHO:   echo(e, op, list); break;
	}
}

/* --- RequestHeader ------------------------------------------------------------------------------------------------------- */

/* The rest of the evaluation sees the same message with other fields. Its framing was decided when it was read. */
void wsr_httpd_replace_request(struct wsr_eval *e, const struct wsr_field_list *list)
{
	struct wsr_head *h = list->failed ? NULL : wsr_arena_alloc(e->arena, sizeof(*h));
	if (!h) {
		wsr_eval_fail(e, "out of memory", WSR_NONE);
		return;
	}
	*h = *e->request;
	h->fields = list->fields;
	h->field_count = list->count;
	memset(h->first, 0, sizeof(h->first));
	for (uint32_t i = list->count; i-- > 0;)
		h->first[list->fields[i].id] = &list->fields[i];
	h->first[WSR_F_OTHER] = NULL;
	if (!h->first[WSR_F_UPGRADE])
		h->upgrade = WSR_STR_NULL;
	e->request = h;
}

static bool has_request_ops(const struct wsr_httpd *s, bool early)
{
	for (uint32_t i = 0; i < s->layer_count; i++)
		if (s->layers[i]->request_headers.count)
			return !early || i == 0;
	return false;
}

static void change_request(struct wsr_eval *e, bool early)
{
	struct wsr_httpd *s = e->httpd;
	if (!e->request || !has_request_ops(s, early))
		return;
	struct wsr_field_list list = list_of(e, e->request);
	for (uint32_t i = 0; i < (early ? 1 : s->layer_count); i++) {
		struct wsr_list ops = s->layers[i]->request_headers;
		for (uint32_t k = 0; k < ops.count; k++) {
			const struct wsr_header_op *op = wsr_header_op_at(e->table, ops.first + k);
			if (!(op->flags & WSR_HEADER_EARLY) == !early)
				apply(e, op, &list);
		}
	}
	wsr_httpd_replace_request(e, &list);
}

void wsr_httpd_early_fields(struct wsr_eval *e)
{
	change_request(e, true);
}

void wsr_httpd_request_fields(struct wsr_eval *e)
{
	change_request(e, false);
}

/* --- the backend's request ----------------------------------------------------------------------------------------------- */

static struct wsr_str fact(struct wsr_eval *e, enum wsr_var_id id)
{
	struct wsr_str s;
	return wsr_var_value(e, id, WSR_STR_NULL, &s) && s.ptr ? s : WSR_STR("");
}

/* Host as the client sent it; of an absolute target its host, which takes the field's place (RFC 9112 section 3.2.2). */
static struct wsr_str client_host(const struct wsr_eval *e)
{
	const struct wsr_field *f = e->request && e->request->form != WSR_TARGET_ABSOLUTE ? e->request->first[WSR_F_HOST] : NULL;
	return f ? f->value : e->request ? e->request->host : WSR_STR("");
}

/* ServerName, or what the client asked for where there is none. */
static struct wsr_str own_name(const struct wsr_eval *e)
{
	struct wsr_str name = wsr_string(e->table, wsr_server_at(e->table, e->server)->name);
	return name.len ? name : e->host;
}

/* ":8080" of the client's Host. */
static struct wsr_str host_port(struct wsr_str host)
{
	size_t at = host.len;
	while (at > 0 && host.ptr[at - 1] >= '0' && host.ptr[at - 1] <= '9')
		at--;
	return at > 0 && at < host.len && host.ptr[at - 1] == ':' ? wsr_from(host, at) : WSR_STR("");
}

/* "1.1 www.example.org:8080" (ap_proxy_create_hdrbrgd); Full adds the program. The port is the one that the client named. */
static void add_via(struct wsr_eval *e, struct wsr_field_list *list, unsigned minor)
{
	struct wsr_str port = host_port(client_host(e));
	bool tls = wsr_listen_at(e->table, e->listen)->flags & WSR_LISTEN_TLS;
	bool usual = port.len == 0 || wsr_str_eq(port, tls ? WSR_STR("443") : WSR_STR("80"));
	struct wsr_str parts[] = { minor ? WSR_STR("1.1 ") : WSR_STR("1.0 "), own_name(e), usual ? WSR_STR("") : WSR_STR(":"), usual ? WSR_STR("") : port,
				   e->proxyset->via == WSR_VIA_FULL ? WSR_STR(" (wsrp/" WSR_VERSION ")") : WSR_STR("") };
	struct wsr_str value = wsr_join(e->arena, parts, 5);
	if (value.ptr)
		wsr_fields_append(list, WSR_STR("Via"), value, false);
}

static void via(struct wsr_eval *e, struct wsr_field_list *list, unsigned minor)
{
	if (e->proxyset->via == WSR_VIA_BLOCK)
		wsr_fields_remove(list, WSR_STR("Via"));
	else if (e->proxyset->via != WSR_VIA_OFF)
		add_via(e, list, minor);
}

/* Max-Forwards counts down, whatever the method (mod_proxy: proxy_handler). */
static void count_forwards(struct wsr_eval *e, struct wsr_field_list *list)
{
	uint32_t at = wsr_fields_find(list, WSR_STR("Max-Forwards"), 0);
	uint64_t n = 0;
	if (at == list->count)
		return;
	struct wsr_str v = list->fields[at].value;
	for (size_t i = 0; i < v.len && i < 9 && v.ptr[i] >= '0' && v.ptr[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(v.ptr[i] - '0');
	struct wsr_str less = wsr_number(e->arena, n > 0 ? n - 1 : 0);
	if (less.ptr)
		list->fields[at].value = less;
}

/* The client's fields, those of one name joined, as httpd does when it reads a request (apr_table_compress); Host and hop-by-hop fields left out. */
static struct wsr_field_list forwarded(struct wsr_eval *e)
{
	struct wsr_field_list list = { .arena = e->arena };
	const struct wsr_head *rq = e->request;
	for (uint32_t i = 0; i < rq->field_count; i++) {
		const struct wsr_field *f = &rq->fields[i];
		if (!wsr_belongs_to_connection(f) && f->id != WSR_F_HOST && f->id != WSR_F_TRAILER)
			wsr_fields_append(&list, f->name, f->value, false);
	}
	count_forwards(e, &list);
	return list;
}

/* ProxyPreserveHost: the client's Host; ServerName where there is none (HTTP/1.0). What is no authority never goes out. */
static struct wsr_str backend_host(struct wsr_eval *e, struct wsr_str asked)
{
	if (!e->proxyset->preserve_host)
		return wsr_target_authority(e);
	if (asked.len == 0 && e->request && !e->request->first[WSR_F_HOST])
		asked = own_name(e);
	return wsr_is_authority(asked) ? asked : wsr_target_authority(e);
}

void wsr_httpd_upstream_head(struct wsr_eval *e, enum wsr_framing framing, uint64_t length, bool keepalive, struct wsr_out *out)
{
	const struct wsr_decision *d = &e->decision;
	struct wsr_str host = client_host(e);
	wsr_out_request_line(out, d->method, d->target, 1);
	wsr_out_field(out, WSR_STR("Host"), backend_host(e, host));
	struct wsr_field_list list = forwarded(e);
	via(e, &list, e->request->minor);
	if (e->proxyset->add_forwarded) {
		wsr_fields_append(&list, WSR_STR("X-Forwarded-For"), fact(e, WSR_V_REMOTE_ADDR), false);
		if (host.len)
			wsr_fields_append(&list, WSR_STR("X-Forwarded-Host"), host, false);
		wsr_fields_append(&list, WSR_STR("X-Forwarded-Server"), own_name(e), false);
	}
	for (uint32_t i = 0; i < list.count; i++)
		wsr_out_field(out, list.fields[i].name, list.fields[i].value);
	wsr_write_framing(out, framing, length);
	if (d->tunnel) {
		wsr_out_field(out, WSR_STR("Upgrade"), d->protocol);
		wsr_out_field(out, WSR_STR("Connection"), WSR_STR("Upgrade"));
	} else {
		wsr_out_field(out, WSR_STR("Connection"), keepalive ? WSR_STR("Keep-Alive") : WSR_STR("close"));
	}
	if (list.failed)
		out->failed = true;
	wsr_out_end(out);
}

/* --- the answer ---------------------------------------------------------------------------------------------------------- */

static bool has_field(const struct wsr_field_list *l, const char *name)
{
	return wsr_fields_find(l, wsr_cstr(name), 0) < l->count;
}

static bool is_content_type(struct wsr_str name)
{
	return wsr_str_eq_nocase(name, WSR_STR("Content-Type"));
}

/* The answer's type stands beside both tables: set and edit change it there too, the rest does not reach it (mod_headers: do_headers_fixup). */
static void apply_to_type(struct wsr_eval *e, const struct wsr_header_op *op, const struct wsr_field_list *list, bool was_there)
{
	struct wsr_str *type = &e->httpd->answer_type;
	uint32_t at = wsr_fields_find(list, WSR_STR("Content-Type"), 0);
	if (wsr_cond_eval(e, op->condition) != WSR_TRUE)
		return;
	if (op->action == WSR_HEADER_UNSET)
		*type = WSR_STR_NULL;
	else if ((op->action == WSR_HEADER_EDIT || op->action == WSR_HEADER_EDIT_ALL) && type->len)
		*type = edited(e, op, *type, op->action == WSR_HEADER_EDIT_ALL);
	else if (at < list->count && (op->action == WSR_HEADER_SET || (op->action == WSR_HEADER_SET_IF_EMPTY && !was_there)))
		*type = list->fields[at].value;
}

static bool contains_nocase(struct wsr_str s, struct wsr_str part)
{
	for (size_t i = 0; i + part.len <= s.len; i++)
		if (wsr_str_eq_nocase(wsr_str(s.ptr + i, part.len), part))
			return true;
	return false;
}

/* AddDefaultCharset (server/core.c: ap_make_content_type). */
static struct wsr_str with_charset(struct wsr_eval *e, struct wsr_str type)
{
	struct wsr_str parts[] = { type, WSR_STR("; charset="), wsr_string(e->table, e->fieldset->default_charset.v) };
	bool text = contains_nocase(type, WSR_STR("text/plain")) || contains_nocase(type, WSR_STR("text/html"));
	if (parts[2].len == 0 || !text || contains_nocase(type, WSR_STR("charset=")))
		return type;
	struct wsr_str joined = wsr_join(e->arena, parts, 3);
	return joined.ptr ? joined : type;
}

/* Whatever the tables say, an answer with a type has one field for it (http_filters.c: ap_http_header_filter). */
static void settle_type(struct wsr_eval *e, struct wsr_field_list *always, struct wsr_field_list *fields)
{
	if (e->httpd->answer_type.len == 0)
		return;
	wsr_fields_remove(always, WSR_STR("Content-Type"));
	wsr_fields_set(fields, WSR_STR("Content-Type"), with_charset(e, e->httpd->answer_type));
}

static void header_ops(struct wsr_eval *e, struct wsr_field_list *list, bool always)
{
	const struct wsr_httpd *s = e->httpd;
	for (uint32_t i = 0; i < s->layer_count; i++) {
		struct wsr_list ops = s->layers[i]->response_headers;
		for (uint32_t k = 0; k < ops.count; k++) {
			const struct wsr_header_op *op = wsr_header_op_at(e->table, ops.first + k);
			if (!(op->flags & WSR_HEADER_ALWAYS) != !always)
				continue;
			bool typed = is_content_type(wsr_string(e->table, op->name)), was_there = typed && has_field(list, "Content-Type");
			apply(e, op, list);
			if (typed)
				apply_to_type(e, op, list, was_there);
		}
	}
}

/* Fields of the backend with ProxyPassReverse and its kin applied. */
static void backend_fields(struct wsr_eval *e, const struct wsr_head *up, struct wsr_field_list *list)
{
	for (uint32_t i = 0; i < up->field_count; i++) {
		const struct wsr_field *f = &up->fields[i];
		if (!wsr_belongs_to_connection(f))
			wsr_fields_add(list, f->name, wsr_httpd_reverse(e, f));
	}
	via(e, list, up->minor);
}

static void own_fields(const struct wsr_answer *a, struct wsr_field_list *list)
{
	if (a->location.len)
		wsr_fields_add(list, WSR_STR("Location"), a->location);
	for (uint32_t i = 0; i < a->extra_count; i++)
		wsr_fields_add(list, a->extra[i].name, a->extra[i].value);
}

static bool asks_for_keepalive(const struct wsr_eval *e)
{
	const struct wsr_field *f = e->request ? e->request->first[WSR_F_CONNECTION] : NULL;
	static const struct wsr_str token = { "keep-alive", 10 };
	for (size_t i = 0; f && i + token.len <= f->value.len; i++)
		if (wsr_str_eq_nocase(wsr_str(f->value.ptr + i, token.len), token))
			return true;
	return false;
}

/* ap_set_keepalive: the fields are sent to clients that speak of it. */
static void write_connection(struct wsr_eval *e, const struct wsr_answer *a, struct wsr_out *out)
{
	char text[64];
	if (a->tunnel || (a->status == 426 && e->decision.protocol.len)) {
		bool said = a->tunnel && e->response && e->response->upgrade.len; /* in the backend's own spelling */
		wsr_out_field(out, WSR_STR("Upgrade"), said ? e->response->upgrade : e->decision.protocol);
		wsr_out_field(out, WSR_STR("Connection"), WSR_STR("Upgrade"));
	} else if (!a->keepalive) {
		wsr_out_field(out, WSR_STR("Connection"), WSR_STR("close"));
	} else if (asks_for_keepalive(e)) {
		struct wsr_str used = fact(e, WSR_V_CONNECTION_REQUESTS);
		uint64_t n = 0, most = e->core->keepalive_requests;
		for (size_t i = 0; i < used.len && used.ptr[i] >= '0' && used.ptr[i] <= '9'; i++)
			n = n * 10 + (uint64_t)(used.ptr[i] - '0');
		if (most && most != UINT64_MAX)
			snprintf(text, sizeof(text), "timeout=%llu, max=%llu", (unsigned long long)e->core->keepalive_timeout_ms / 1000,
				 (unsigned long long)(most > n ? most - n : 0));
		else
			snprintf(text, sizeof(text), "timeout=%llu", (unsigned long long)e->core->keepalive_timeout_ms / 1000);
		wsr_out_field(out, WSR_STR("Keep-Alive"), wsr_cstr(text));
		wsr_out_field(out, WSR_STR("Connection"), WSR_STR("Keep-Alive"));
	}
}

static void write_list(struct wsr_field_list *list, struct wsr_out *out)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (!wsr_belongs_to_connection(&list->fields[i]))
			wsr_out_field(out, list->fields[i].name, list->fields[i].value);
	if (list->failed)
		out->failed = true;
}

/* A HEAD answer and a 304 tell the length that a GET would have had (RFC 9110 section 8.6). */
static void write_answer_framing(const struct wsr_head *up, const struct wsr_answer *a, struct wsr_out *out)
{
	bool lengthless = a->status < 200 || a->status == 204;
	if (a->framing == WSR_FRAMING_NONE && up && up->first[WSR_F_CONTENT_LENGTH] && !lengthless)
		wsr_out_field(out, WSR_STR("Content-Length"), up->first[WSR_F_CONTENT_LENGTH]->value);
	else
		wsr_write_framing(out, a->framing, a->length);
}

/* One rule of ExpiresByType, "a3600 text/css", and the type that it is for. @return does it hold for this type? */
static bool expires_by(struct wsr_str rule, struct wsr_str type, bool *by_file, int64_t *seconds)
{
	uint64_t n = 0;
	size_t i = 1;
	for (; i < rule.len && rule.ptr[i] >= '0' && rule.ptr[i] <= '9' && n < UINT32_MAX; i++)
		n = n * 10 + (uint64_t)(rule.ptr[i] - '0');
	struct wsr_str wanted = wsr_from(rule, i < rule.len ? i + 1 : i);
	bool all = wanted.len > 1 && wanted.ptr[wanted.len - 1] == '*' && wanted.ptr[wanted.len - 2] == '/';
	wanted.len -= all;
	if (wanted.len == 0 || !(all ? type.len > wanted.len : type.len == wanted.len) || !wsr_str_eq_nocase(wsr_str(type.ptr, wanted.len), wanted))
		return false;
	*by_file = rule.ptr[0] == 'm';
	*seconds = (int64_t)n;
	return true;
}

/* How long this answer lives: the rule for its type, that for all of its kind, or ExpiresDefault (mod_expires: expires_filter). @return false: nothing is said */
static bool lifetime(struct wsr_eval *e, bool *by_file, int64_t *seconds)
{
	struct wsr_list rules = e->fieldset->expires_types;
	struct wsr_str type = e->httpd->answer_type;
	const char *end = type.len ? memchr(type.ptr, ';', type.len) : NULL;
	type.len = end ? (size_t)(end - type.ptr) : type.len;
	while (type.len && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
		type.len--;
	for (unsigned stars = 0; stars < 2; stars++)
		for (uint32_t i = 0; i < rules.count; i++) {
			struct wsr_str rule = wsr_string(e->table, *wsr_str_item_at(e->table, rules.first + i));
			if (rule.len && (rule.ptr[rule.len - 1] == '*') == (stars > 0) && expires_by(rule, type, by_file, seconds))
				return true;
		}
	*by_file = e->fieldset->expires_kind == WSR_EXPIRES_MODIFIED;
	*seconds = (int64_t)e->fieldset->expires_s;
	return e->fieldset->expires_kind != WSR_EXPIRES_OFF;
}

/* Expires and max-age, unless the answer has an Expires or is an error. What came from a backend was never modified here. */
static void expire(struct wsr_eval *e, const struct wsr_head *up, unsigned status, struct wsr_field_list *list)
{
	bool by_file;
	int64_t seconds;
	uint32_t modified = wsr_fields_find(list, WSR_STR("Last-Modified"), 0);
	if (status >= 400 || has_field(list, "Expires") || !lifetime(e, &by_file, &seconds) || (by_file && (up || modified == list->count)))
		return;
	int64_t now = wsr_now_s(e);
	int64_t at = (by_file ? wsr_http_date_parse(list->fields[modified].value) : now) + seconds;
	at = at > now ? at : now;
	char date[WSR_DATE_BYTES], age[40];
	snprintf(age, sizeof(age), "max-age=%lld", (long long)(at - now));
	struct wsr_str control = wsr_arena_dup(e->arena, wsr_cstr(age)), expires = wsr_arena_dup(e->arena, wsr_http_date(at, date));
	if (!control.ptr || !expires.ptr) {
		list->failed = true;
		return;
	}
	wsr_fields_append(list, WSR_STR("Cache-Control"), control, false);
	wsr_fields_add(list, WSR_STR("Expires"), expires);
}

/* Names of a Vary field, those that are there already left out; blanks and commas part them. */
static void collect_vary(struct wsr_str value, struct wsr_field_list *names)
{
	static const char parts[] = ", \t";
	while (value.len) {
		size_t len = 0;
		while (len < value.len && !memchr(parts, value.ptr[len], sizeof(parts) - 1))
			len++;
		struct wsr_str name = wsr_str(value.ptr, len);
		if (len && wsr_fields_find(names, name, 0) == names->count)
			wsr_fields_add(names, name, WSR_STR(""));
		value = wsr_from(value, len < value.len ? len + 1 : len);
	}
}

/* All Vary fields become one, "a,b" (http_filters.c: fixup_vary). */
static void join_vary(struct wsr_eval *e, struct wsr_field_list *always, struct wsr_field_list *fields)
{
	static const struct wsr_str vary = { "Vary", 4 };
	struct wsr_field_list *both[] = { always, fields }, names = { .arena = e->arena };
	for (size_t k = 0; k < 2; k++)
		for (uint32_t i = 0; i < both[k]->count; i++)
			if (wsr_str_eq_nocase(both[k]->fields[i].name, vary))
				collect_vary(both[k]->fields[i].value, &names);
	if (names.count == 0 && !names.failed)
		return;
	struct wsr_str *parts = wsr_arena_alloc(e->arena, 2 * (size_t)names.count * sizeof(*parts));
	for (uint32_t i = 0; parts && i < names.count; i++) {
		parts[2 * i] = i ? WSR_STR(",") : WSR_STR_NULL;
		parts[2 * i + 1] = names.fields[i].name;
	}
	wsr_fields_remove(always, vary);
	struct wsr_str joined = parts ? wsr_join(e->arena, parts, 2 * names.count) : WSR_STR_NULL;
	if (names.failed || !joined.ptr)
		fields->failed = true;
	else
		wsr_fields_set(fields, vary, joined);
}

void wsr_httpd_answer_head(struct wsr_eval *e, const struct wsr_head *up, const struct wsr_answer *a, struct wsr_out *out)
{
	struct wsr_field_list fields = { .arena = e->arena }, always = { .arena = e->arena };
	/* ap_send_error_response: redirects of our own too, but not what OPTIONS is told */
	bool error = !up && e->decision.kind == WSR_DECIDE_ANSWER && !(a->status == 200 && e->decision.allow.ptr);
	e->response = up;
	e->upstream_head = up ? up : e->upstream_head;
	e->httpd->sent = e->httpd->sent_always = (struct wsr_field_list){ 0 };
	if (up)
		backend_fields(e, up, &fields);
	own_fields(a, &fields);
	e->httpd->answer_type = up && up->first[WSR_F_CONTENT_TYPE] ? up->first[WSR_F_CONTENT_TYPE]->value : a->status == 304 ? e->decision.content_type : a->content_type;
	for (uint32_t i = 0; i < e->httpd->cookies.count; i++)
		wsr_fields_add(&always, e->httpd->cookies.fields[i].name, e->httpd->cookies.fields[i].value);
	if (a->status == 401 && !up && e->httpd->challenge.len)
		wsr_fields_add(&always, WSR_STR("WWW-Authenticate"), e->httpd->challenge);
	if (!a->tunnel) { /* mod_headers does not see a 101 */
		expire(e, up, a->status, &fields);
		header_ops(e, &always, true);
		if (!error || e->httpd->host->flags & WSR_HOST_IIS) /* outbound rules are for every answer (URL Rewrite Module 2.0 Configuration Reference) */
			header_ops(e, &fields, false);
		join_vary(e, &always, &fields);
	}
	if (a->status != 304)
		settle_type(e, &always, &fields);
	wsr_out_status_line(out, 1, a->status, up && up->status == a->status && up->reason.len ? up->reason : wsr_reason(a->status));
	if (a->date.len > 0 && !has_field(&fields, "Date"))
		wsr_out_field(out, WSR_STR("Date"), a->date);
	if (!has_field(&fields, "Server"))
		wsr_out_field(out, WSR_STR("Server"), e->core->server_tokens ? WSR_STR("wsrp/" WSR_VERSION) : WSR_STR("wsrp"));
	write_list(&always, out);
	write_list(&fields, out);
	if (a->framing == WSR_FRAMING_LENGTH && !has_field(&fields, "Content-Length"))
		wsr_fields_add(&fields, WSR_STR("Content-Length"), wsr_number(e->arena, a->length)); /* for the log; what is sent follows */
	e->httpd->sent_always = always;
	e->httpd->sent = fields;
	write_answer_framing(up, a, out);
	write_connection(e, a, out);
	wsr_out_end(out);
}
