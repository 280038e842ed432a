/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * X-Accel-Redirect: an upstream's response that names another place of this server, which is sent instead. In: the response's head. Out: a decision for that
 * place; the fields that nginx takes along (ngx_http_upstream.c: ngx_http_upstream_process_headers) are kept for the head of the answer.
 *
 * The named path is the upstream's, so it may lead into `internal` locations; one that climbs with ".." is answered with 404.
 */
#include "eval/wsr_flow.h"
#include "eval/wsr_kept.h"
#include "eval/wsr_uri.h"

static bool is_kept(const struct wsr_field *f)
{
	return f->id == WSR_F_SET_COOKIE || f->id == WSR_F_CACHE_CONTROL || f->id == WSR_F_EXPIRES || wsr_str_eq_nocase(f->name, WSR_STR("Content-Disposition"));
}

/* Fields of the response join those of a redirect before it. */
static bool keep_fields(struct wsr_eval *e, const struct wsr_head *up)
{
	struct wsr_kept *k = e->kept;
	if (!k) {
		k = wsr_arena_alloc(e->arena, sizeof(*k));
		if (!k)
			return false;
		*k = (struct wsr_kept){ .fields.arena = e->arena };
	}
	for (uint32_t i = 0; i < up->field_count; i++) {
		const struct wsr_field *f = &up->fields[i];
		if (f->id == WSR_F_CONTENT_TYPE)
			k->type = f->value;
		if (!is_kept(f))
			continue;
		wsr_fields_add(&k->fields, f->name, f->value);
		if (!k->fields.failed)
			k->fields.fields[k->fields.count - 1].id = f->id;
	}
	e->kept = k;
	return !k->fields.failed;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct wsr_str decoded(struct wsr_arena *a, struct wsr_str s)
{
	char *out = wsr_arena_alloc(a, s.len + 1);
	size_t n = 0;
	for (size_t i = 0; out && i < s.len; i++) {
		bool escape = s.ptr[i] == '%' && i + 2 < s.len && hex(s.ptr[i + 1]) >= 0 && hex(s.ptr[i + 2]) >= 0;
		out[n++] = escape ? (char)(hex(s.ptr[i + 1]) << 4 | hex(s.ptr[i + 2])) : s.ptr[i];
		i += escape ? 2 : 0;
	}
	return wsr_str(out, n);
}

/* The named path and arguments. @return false for one that may not be followed */
static bool read_place(struct wsr_eval *e, struct wsr_str value, struct wsr_str *path, struct wsr_str *args)
{
	const char *question = value.len ? memchr(value.ptr, '?', value.len) : NULL;
	*args = WSR_STR_NULL;
	if (question) {
		*args = wsr_from(value, (size_t)(question - value.ptr) + 1);
		value.len = (size_t)(question - value.ptr);
	}
	if (value.len == 0 || value.ptr[0] != '/' || wsr_uri_dotdots(value) > 0)
		return false;
	*path = decoded(e->arena, value);
	return path->ptr && !memchr(path->ptr, '\0', path->len) && wsr_uri_dotdots(*path) == 0;
}

bool wsr_eval_accelerate(struct wsr_eval *e, const struct wsr_head *up)
{
	const struct wsr_field *f = up->first[WSR_F_X_ACCEL_REDIRECT];
	struct wsr_str path, args;
	if (e->httpd || !f || e->proxyset->proxy_ignore_accel)
		return false;
	uint32_t pos = wsr_location_at(e->table, e->location)->pos;
	e->upstream_head = up;
	wsr_trace(e, pos, "X-Accel-Redirect", f->value);
	if (!keep_fields(e, up))
		wsr_decide_status(e, 500, pos);
	else if (f->value.len && f->value.ptr[0] == '@')
		wsr_flow_redirect(e, f->value, e->args, pos);
	else if (!read_place(e, f->value, &path, &args))
		wsr_decide_status(e, 404, pos);
	else {
		if (!(e->request && e->request->head_method))
			e->method = WSR_STR("GET");
		wsr_flow_redirect(e, path, args, pos);
	}
	return true;
}
