/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of the built-in variables, computed when somebody asks. In: the request head, the response head, the state of the evaluation; facts that
 * only the daemon knows are asked through struct wsr_world. Out: a slice of what is there already wherever possible.
 *
 * "Has no value" and "is empty" differ in the access log only ("-" and nothing); which is which follows nginx 1.22.
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"
#include "eval/wsr_value.h"

#include <stdio.h>

static const struct wsr_head no_request;

static const struct wsr_head *request_of(const struct wsr_eval *e)
{
	return e->request ? e->request : &no_request;
}

static bool some(struct wsr_str s, struct wsr_str *out)
{
	*out = s;
	return s.ptr != NULL;
}

/* --- fields, arguments, cookies ------------------------------------------------------------------------------------------ */

/* "user_agent" names "User-Agent". */
static bool names_field(struct wsr_str variable, struct wsr_str field)
{
	if (variable.len != field.len)
		return false;
	for (size_t i = 0; i < field.len; i++) {
		unsigned char c = wsr_lower((unsigned char)field.ptr[i]);
		if ((c == '-' ? '_' : c) != (unsigned char)variable.ptr[i])
			return false;
	}
	return true;
}

static const struct wsr_field *find_field(const struct wsr_head *h, struct wsr_str variable)
{
	for (uint32_t i = 0; i < h->field_count; i++)
		if (!(h->fields[i].flags & WSR_FIELD_INVALID) && names_field(variable, h->fields[i].name))
			return &h->fields[i];
	return NULL;
}

/* All fields of one name, and `last` if it is not NULL, joined. */
static bool join_fields(struct wsr_eval *e, enum wsr_field_id id, const struct wsr_str separator, const struct wsr_str *last, struct wsr_str *out)
{
	const struct wsr_head *h = request_of(e);
	uint32_t count = 0;
	for (uint32_t i = 0; i < h->field_count; i++)
		count += h->fields[i].id == id;
	if (count == 0)
		return last ? some(*last, out) : false;
	if (count == 1 && !last)
		return some(h->first[id]->value, out);
	struct wsr_str *parts = wsr_arena_alloc(e->arena, (2 * (size_t)count + 1) * sizeof(*parts));
	size_t n = 0;
	if (!parts)
		return false;
	for (uint32_t i = 0; i < h->field_count; i++) {
		if (h->fields[i].id != id)
			continue;
		if (n > 0)
			parts[n++] = separator;
		parts[n++] = h->fields[i].value;
	}
	if (last) {
		parts[n++] = separator;
		parts[n++] = *last;
	}
	return some(wsr_join(e->arena, parts, n), out);
}

static bool request_field(struct wsr_eval *e, struct wsr_str variable, struct wsr_str *out)
{
	const struct wsr_field *f = find_field(request_of(e), variable);
	if (!f)
		return false;
	if (f->id == WSR_F_COOKIE)
		return join_fields(e, WSR_F_COOKIE, WSR_STR("; "), NULL, out);
	if (f->id == WSR_F_X_FORWARDED_FOR)
		return join_fields(e, WSR_F_X_FORWARDED_FOR, WSR_STR(", "), NULL, out);
	return some(f->value, out);
}

static bool known_field(const struct wsr_head *h, enum wsr_field_id id, struct wsr_str *out)
{
	return h->first[id] && some(h->first[id]->value, out);
}

static bool response_field(const struct wsr_head *h, struct wsr_str variable, struct wsr_str *out)
{
	const struct wsr_field *f = h ? find_field(h, variable) : NULL;
	return f && some(f->value, out);
}

/* After the head was made httpd's fields are those of the head, a content type without its parameters (mod_log_config: log_header_out). */
static bool httpd_sent_field(const struct wsr_httpd *h, struct wsr_str variable, struct wsr_str *out)
{
	const struct wsr_field_list *lists[] = { &h->sent_always, &h->sent };
	for (size_t k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < lists[k]->count; i++) {
			struct wsr_str value = lists[k]->fields[i].value;
			if (!names_field(variable, lists[k]->fields[i].name))
				continue;
			const char *end = wsr_str_eq(variable, WSR_STR("content_type")) && value.len ? memchr(value.ptr, ';', value.len) : NULL;
			return some(end ? wsr_str(value.ptr, (size_t)(end - value.ptr)) : value, out);
		}
	}
	return false;
}

/* A field of the answer: the upstream's, or what we decided ourselves. */
static bool sent_field(struct wsr_eval *e, struct wsr_str variable, struct wsr_str *out)
{
	if (e->httpd && (e->httpd->sent.count || e->httpd->sent_always.count))
		return httpd_sent_field(e->httpd, variable, out);
	if (e->response)
		return response_field(e->response, variable, out);
	if (wsr_str_eq(variable, WSR_STR("content_type")))
		return e->decision.content_type.len && some(e->decision.content_type, out);
	if (wsr_str_eq(variable, WSR_STR("location")))
		return e->decision.location.len && some(e->decision.location, out);
	return false;
}

/* First argument of this name, without regard to case (nginx: ngx_http_arg). */
static bool argument(struct wsr_str args, struct wsr_str name, struct wsr_str *out)
{
	const char *s = args.ptr, *end = args.ptr + args.len;
	while (s < end) {
		const char *stop = memchr(s, '&', (size_t)(end - s));
		if (!stop)
			stop = end;
		if ((size_t)(stop - s) > name.len && s[name.len] == '=' && wsr_str_eq_nocase(wsr_str(s, name.len), name))
			return some(wsr_str(s + name.len + 1, (size_t)(stop - s) - name.len - 1), out);
		s = stop + 1;
	}
	return false;
}

static const char *skip_spaces(const char *s, const char *end)
{
	while (s < end && *s == ' ')
		s++;
	return s;
}

/* One pair list "a=1; b=2" (nginx: ngx_http_parse_multi_header_lines). */
static bool cookie_in(struct wsr_str list, struct wsr_str name, struct wsr_str *out)
{
	const char *s = list.ptr, *end = list.ptr + list.len;
	while (s < end) {
		if ((size_t)(end - s) >= name.len && wsr_str_eq_nocase(wsr_str(s, name.len), name)) {
			const char *v = skip_spaces(s + name.len, end);
			if (v < end && *v == '=') {
				v = skip_spaces(v + 1, end);
				const char *stop = memchr(v, ';', (size_t)(end - v));
				return some(wsr_str(v, (size_t)((stop ? stop : end) - v)), out);
			}
		}
		while (s < end && *s != ';' && *s != ',')
			s++;
		s = skip_spaces(s + (s < end), end);
	}
	return false;
}

static bool cookie(const struct wsr_head *h, enum wsr_field_id id, struct wsr_str name, struct wsr_str *out)
{
	for (uint32_t i = 0; h && i < h->field_count; i++)
		if (h->fields[i].id == id && cookie_in(h->fields[i].value, name, out))
			return true;
	return false;
}

/* --- the request line and the connection --------------------------------------------------------------------------------- */

static bool fact(struct wsr_eval *e, enum wsr_var_id id, struct wsr_str *out)
{
	*out = WSR_STR_NULL;
	return e->world && e->world->fact && e->world->fact(e->world_ctx, id, e->arena, out);
}

/* The status that was sent; before that, the one that is decided. */
static bool status(struct wsr_eval *e, struct wsr_str *out)
{
	if (fact(e, WSR_V_STATUS, out))
		return true;
	unsigned code = e->response ? e->response->status : e->decision.status;
	return code && some(wsr_number(e->arena, code), out) && out->ptr;
}

static bool is_tls(const struct wsr_eval *e)
{
	return wsr_listen_at(e->table, e->listen)->flags & WSR_LISTEN_TLS;
}

static bool request_uri(struct wsr_eval *e, struct wsr_str *out)
{
	const struct wsr_head *h = request_of(e);
	if (!h->has_query)
		return some(h->path, out);
	if (h->path.ptr + h->path.len + 1 == h->query.ptr)
		return some(wsr_str(h->path.ptr, h->path.len + 1 + h->query.len), out);
	struct wsr_str parts[] = { h->path, WSR_STR("?"), h->query };
	return some(wsr_join(e->arena, parts, 3), out);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t wsr_base64_decode(struct wsr_str s, char *out)
{
	size_t n = 0;
	unsigned bits = 0, held = 0;
	while (s.len && s.ptr[s.len - 1] == '=')
		s.len--;
	for (size_t i = 0; i < s.len; i++) {
		int v = base64_value(s.ptr[i]);
		if (v < 0)
			return SIZE_MAX;
		bits = bits << 6 | (unsigned)v;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[n++] = (char)(bits >> held);
		}
	}
	return n;
}

bool wsr_basic_credentials(struct wsr_eval *e, struct wsr_str *user, struct wsr_str *password)
{
	struct wsr_str value;
	if (!known_field(request_of(e), WSR_F_AUTHORIZATION, &value) || value.len < 6 || !wsr_str_eq_nocase(wsr_str(value.ptr, 6), WSR_STR("basic ")))
		return false;
	value = wsr_trim(wsr_from(value, 6));
	char *text = wsr_arena_alloc(e->arena, value.len + 1);
	size_t len = text ? wsr_base64_decode(value, text) : SIZE_MAX;
	const char *colon = len == SIZE_MAX || len == 0 ? NULL : memchr(text, ':', len);
	if (!colon)
		return false;
	*user = wsr_str(text, (size_t)(colon - text));
	*password = wsr_str(colon + 1, len - user->len - 1);
	return true;
}

/* What the client says to be; in httpd, who was authenticated. */
static bool remote_user(struct wsr_eval *e, struct wsr_str *out)
{
	struct wsr_str password;
	if (e->httpd)
		return some(e->httpd->user, out);
	return wsr_basic_credentials(e, out, &password) && out->len > 0;
}

/* The client's address, as text or in bytes: a trusted proxy's word before the connection's own. */
static bool client_address(struct wsr_eval *e, enum wsr_var_id id, struct wsr_str *out)
{
	if (e->client.ptr)
		return some(id == WSR_V_REMOTE_ADDR ? e->client : e->client_binary, out);
	return fact(e, id, out) && out->ptr;
}

static bool forwarded_for(struct wsr_eval *e, struct wsr_str *out)
{
	struct wsr_str address;
	if (!client_address(e, WSR_V_REMOTE_ADDR, &address))
		address = WSR_STR("");
	return join_fields(e, WSR_F_X_FORWARDED_FOR, WSR_STR(", "), &address, out);
}

/* --- what the table says ------------------------------------------------------------------------------------------------- */

struct wsr_str wsr_number(struct wsr_arena *a, uint64_t n)
{
	char digits[24], *p = digits + sizeof(digits);
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	return wsr_arena_dup(a, wsr_str(p, (size_t)(digits + sizeof(digits) - p)));
}

static bool rule(struct wsr_eval *e, struct wsr_str *out)
{
	char text[512];
	uint32_t pos = e->httpd ? e->decision.pos : wsr_location_at(e->table, e->matched)->pos; /* sections of httpd overlap: what decided is named */
	return some(wsr_arena_dup(e->arena, wsr_cstr(wsr_pos_text(e->table, pos, false, text, sizeof(text)))), out);
}

static bool table_name(struct wsr_eval *e, struct wsr_str *out)
{
	static const char hex[16] = "0123456789abcdef";
	char text[12];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = hex[e->table->header->identity[i / 2] >> (i % 2 ? 0 : 4) & 15];
	return some(wsr_arena_dup(e->arena, wsr_str(text, sizeof(text))), out);
}

static bool document_root(struct wsr_eval *e, struct wsr_str *out)
{
	return e->file->root.v != WSR_NONE && some(wsr_eval_tmpl(e, e->file->root.v), out);
}

static bool proxy_port(struct wsr_eval *e, struct wsr_str *out)
{
	return e->decision.proxy && some(wsr_number(e->arena, e->decision.port), out);
}

static bool server_name(struct wsr_eval *e, struct wsr_str *out)
{
	struct wsr_str name = wsr_string(e->table, wsr_server_at(e->table, e->server)->name);
	return some(name.ptr ? name : WSR_STR(""), out);
}

bool wsr_var_value(struct wsr_eval *e, unsigned id, struct wsr_str suffix, struct wsr_str *out)
{
	const struct wsr_head *h = request_of(e);
	*out = WSR_STR_NULL;
	switch (id) {
	case WSR_V_HTTP_:            return request_field(e, suffix, out);
	case WSR_V_ARG_:             return e->args.len > 0 && argument(e->args, suffix, out);
	case WSR_V_COOKIE_:          return cookie(h, WSR_F_COOKIE, suffix, out);
	case WSR_V_SENT_HTTP_:       return sent_field(e, suffix, out);
	case WSR_V_UPSTREAM_HTTP_:   return response_field(e->upstream_head, suffix, out);
	case WSR_V_UPSTREAM_COOKIE_: return cookie(e->upstream_head, WSR_F_SET_COOKIE, suffix, out);
	case WSR_V_ARGS:
	case WSR_V_QUERY_STRING:     return some(e->args, out);
	case WSR_V_IS_ARGS:          return some(e->args.len ? WSR_STR("?") : WSR_STR(""), out);
	case WSR_V_URI:
	case WSR_V_DOCUMENT_URI:     return some(e->uri, out);
	case WSR_V_REQUEST_URI:      return request_uri(e, out);
	case WSR_V_REQUEST:          return some(h->line, out);
	case WSR_V_REQUEST_METHOD:   return some(e->method, out);
	case WSR_V_HOST:             return e->host.len ? some(e->host, out) : server_name(e, out);
	case WSR_V_HTTP_HOST_FIELD:  return h && h->form == WSR_TARGET_ABSOLUTE ? some(h->host, out) : known_field(h, WSR_F_HOST, out);
	case WSR_V_SERVER_NAME:      return server_name(e, out);
	case WSR_V_SERVER_PROTOCOL:  return e->request && some(h->minor ? WSR_STR("HTTP/1.1") : WSR_STR("HTTP/1.0"), out);
	case WSR_V_SCHEME:           return some(is_tls(e) ? WSR_STR("https") : WSR_STR("http"), out);
	case WSR_V_HTTPS:            return some(is_tls(e) ? WSR_STR("on") : WSR_STR(""), out);
	case WSR_V_REMOTE_USER:      return remote_user(e, out);
	case WSR_V_REMOTE_ADDR:
	case WSR_V_BINARY_REMOTE_ADDR: return client_address(e, (enum wsr_var_id)id, out);
	case WSR_V_REMOTE_PORT:      return e->client_port.ptr ? some(e->client_port, out) : fact(e, WSR_V_REMOTE_PORT, out) && out->ptr;
	case WSR_V_PROXY_ADD_X_FORWARDED_FOR: return forwarded_for(e, out);
	case WSR_V_PROXY_HOST:       return some(e->proxy_host, out);
	case WSR_V_PROXY_PORT:       return proxy_port(e, out);
	case WSR_V_CONTENT_LENGTH:   return known_field(h, WSR_F_CONTENT_LENGTH, out);
	case WSR_V_CONTENT_TYPE:     return known_field(h, WSR_F_CONTENT_TYPE, out);
	case WSR_V_DOCUMENT_ROOT:    return document_root(e, out);
	case WSR_V_REQUEST_FILENAME: return wsr_file_path(e, e->uri, out);
	case WSR_V_NGINX_VERSION:    return some(WSR_STR(WSR_VERSION), out);
	case WSR_V_UPSTREAM_CACHE_STATUS: return false;
	case WSR_V_LIMIT_RATE:       return some(WSR_STR("0"), out);
	case WSR_V_STATUS:           return status(e, out);
	case WSR_V_WSRP_RULE:        return rule(e, out);
	case WSR_V_WSRP_TABLE:       return table_name(e, out);
	default:
		if (id >= WSR_V_HTTPD_FIELD_ && id <= WSR_V_HTTPD_KEPT)
			return wsr_httpd_var(e, id, suffix, out);
		return id < WSR_VAR_MAX && fact(e, (enum wsr_var_id)id, out) && out->ptr;
	}
}
