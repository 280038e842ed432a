/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `wsrpc dump --stage=plan`: a table as a configuration in our own language. Compiling the text gives a table that means the same, positions aside, which
 * a test holds against every good configuration: so nothing that changes an answer can be in a table and not in the language. Each block
 * states what differs from the block around it; what nothing can reach (a server whose names are all taken) is left out.
 */
#include "compiler/dump_plan.h"

#include <stdlib.h>

void plan_line(struct plan_dump *d, const char *name)
{
	fprintf(d->out, "%*s%s ", (int)(4 * d->depth), "", name);
}

void plan_place_comment(struct plan_dump *d, uint32_t pos)
{
	if (!d->places || pos == WSR_NONE)
		return;
	const struct wsr_pos *p = wsr_pos_at(d->t, pos);
	fprintf(d->out, " # %.*s:%u", WSR_FMT(wsr_string(d->t, *wsr_file_name_at(d->t, p->file))), p->line);
}

void plan_end(struct plan_dump *d, uint32_t pos)
{
	fputc(';', d->out);
	plan_place_comment(d, pos);
	fputc('\n', d->out);
}

static void end(struct plan_dump *d)
{
	fputs(";\n", d->out);
}

void plan_word_line(struct plan_dump *d, const char *name, struct wsr_str value)
{
	plan_line(d, name);
	dump_word(d->out, value);
	end(d);
}

void plan_string_line(struct plan_dump *d, const char *name, wsr_sref ref)
{
	if (ref)
		plan_word_line(d, name, wsr_string(d->t, ref));
}

void plan_number_line(struct plan_dump *d, const char *name, uint64_t v, const char *unit)
{
	plan_line(d, name);
	fprintf(d->out, "%llu%s;\n", (unsigned long long)v, unit);
}

void plan_flag_line(struct plan_dump *d, const char *name, bool on)
{
	plan_line(d, name);
	fprintf(d->out, "%s;\n", on ? "on" : "off");
}

void plan_open(struct plan_dump *d, const char *text)
{
	fprintf(d->out, "%*s%s {\n", (int)(4 * d->depth), "", text);
	d->depth++;
}

void plan_close(struct plan_dump *d)
{
	d->depth--;
	fprintf(d->out, "%*s}\n", (int)(4 * d->depth), "");
}

/* --- settings -------------------------------------------------------------------------------------------------------- */

/* The statement of each cell, from the rows that lower to one cell. */
struct cell_row { const char *name; lower_fn fn; unsigned cell; };
static const struct cell_row cell_rows[] = {
#define LOWER(name, class, function, argument) { #name, lower_##function, argument },
#include "compiler/lowering.def"
};

static bool plain_cell(const struct cell_row *row)
{
	lower_fn fn = row->fn;
	return strncmp(row->name, "httpd_", 6) != 0 && (fn == lower_flag || fn == lower_not_off || fn == lower_ms || fn == lower_size || fn == lower_uint || fn == lower_str || fn == lower_str_or_off ||
		fn == lower_tmpl || fn == lower_strings || fn == lower_string_lines);
}

static const struct cell_row *row_of(enum plan_setting cell)
{
	for (size_t i = 0; i < sizeof(cell_rows) / sizeof(*cell_rows); i++)
		if (plain_cell(&cell_rows[i]) && cell_rows[i].cell == cell)
			return &cell_rows[i];
	return NULL;
}

void plan_string_list(struct plan_dump *d, const char *name, struct wsr_list list, bool one_line)
{
	for (uint32_t i = 0; i < list.count; i++) {
		if (i == 0 || !one_line)
			plan_line(d, name);
		dump_string(d->out, d->t, *wsr_str_item_at(d->t, list.first + i));
		fputs(i + 1 < list.count && one_line ? " " : ";\n", d->out);
	}
}

static void plain(struct plan_dump *d, const struct cell_row *row, const struct dump_groups *g)
{
	enum plan_setting cell = (enum plan_setting)row->cell;
	uint64_t v = dump_u64(g, cell);
	if (row->fn == lower_flag || row->fn == lower_not_off)
		plan_flag_line(d, row->name, v);
	else if (row->fn == lower_ms)
		plan_number_line(d, row->name, v, "ms");
	else if (row->fn == lower_size || row->fn == lower_uint)
		plan_number_line(d, row->name, v, "");
	else if (row->fn == lower_str)
		plan_string_line(d, row->name, (wsr_sref)v);
	else if (row->fn == lower_str_or_off)
		plan_word_line(d, row->name, v ? wsr_string(d->t, (wsr_sref)v) : WSR_STR("off"));
	else if (row->fn == lower_strings || row->fn == lower_string_lines)
		plan_string_list(d, row->name, dump_list(g, cell), row->fn == lower_strings);
	else if ((uint32_t)v != WSR_NONE) {
		plan_line(d, row->name);
		dump_tmpl(d->out, d->t, (uint32_t)v);
		end(d);
	}
}

void plan_bits_line(struct plan_dump *d, const char *name, uint64_t bits, const char *const *names, unsigned count, const char *none)
{
	plan_line(d, name);
	if (!bits)
		fputs(none, d->out);
	for (unsigned i = 0, any = 0; i < count; i++)
		if (bits >> i & 1)
			fprintf(d->out, "%s%s", any++ ? " " : "", names[i]);
	end(d);
}

void plan_crl_check_line(struct plan_dump *d, const char *name, uint64_t v)
{
	static const char *const modes[] = { "chain", "leaf", "none", "none" };
	plan_line(d, name);
	fprintf(d->out, "%s%s", modes[v & WSR_CRL_MODE], v & WSR_CRL_MISSING_OK ? " no_crl_for_cert_ok" : "");
	end(d);
}

const char *const plan_tls_versions[4] = { "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };

/* Lists whose items are printed by dump_cell() as the words of a statement. */
static void list_lines(struct plan_dump *d, const char *name, const struct dump_groups *g, enum plan_setting cell, const char *after)
{
	char lead[200];
	snprintf(lead, sizeof(lead), "%s;\n%*s%s ", after, (int)(4 * d->depth), "", name);
	plan_line(d, name);
	dump_cell(d->out, d->t, g, cell, lead);
	fprintf(d->out, "%s;\n", after);
}

static void template_list(struct plan_dump *d, const char *name, struct wsr_list list)
{
	if (!list.count)
		return;
	plan_line(d, name);
	for (uint32_t i = 0; i < list.count; i++) {
		fputs(i ? " " : "", d->out);
		dump_tmpl(d->out, d->t, *wsr_tmpl_item_at(d->t, list.first + i));
	}
	end(d);
}

/* The type of an extension in httpd's own list; NULL when the table has none there. */
static bool in_list(struct plan_dump *d, struct wsr_list own, struct wsr_str key, struct wsr_str type)
{
	const struct wsr_mime_slot *s = wsr_mime_find(d->defaults, own, key);
	return s && wsr_str_eq(wsr_string(d->defaults, s->type), type);
}

/* One line for an extension, but for those of the list `own` of the defaults. */
static void type_lines(struct plan_dump *d, const char *name, struct wsr_list slots, struct wsr_list own)
{
	uint32_t n;
	struct wsr_str *keys = dump_mime_keys(d->t, slots, &n);
	plan_open(d, name);
	for (uint32_t i = 0; i < n; i++) {
		wsr_sref type = wsr_mime_find(d->t, slots, keys[i])->type;
		if (own.count && in_list(d, own, keys[i], wsr_string(d->t, type)))
			continue;
		fprintf(d->out, "%*s", (int)(4 * d->depth), "");
		dump_string(d->out, d->t, type);
		fputc(' ', d->out);
		dump_word(d->out, keys[i]);
		end(d);
	}
	plan_close(d);
	free(keys);
}

/* httpd's list with more in it: only what differs is printed. @return false when something of the list is missing */
static bool types_added(struct plan_dump *d, struct wsr_list slots)
{
	struct dump_groups g = dump_groups_of(d->defaults, wsr_body_at(d->defaults, wsr_global(d->defaults)->default_body));
	uint32_t mime = (uint32_t)dump_u64(&g, SET_types);
	struct wsr_list own = mime == WSR_NONE ? (struct wsr_list){ 0, 0 } : wsr_mime_at(d->defaults, mime)->slots;
	if (own.count < 64)
		return false; /* nginx's own are three */
	for (uint32_t i = 0; i < own.count; i++) {
		const struct wsr_mime_slot *s = wsr_mime_slot_at(d->defaults, own.first + i);
		if (s->key && !wsr_mime_find(d->t, slots, wsr_string(d->defaults, s->key)))
			return false;
	}
	type_lines(d, "types_add", slots, own);
	return true;
}

static void types_block(struct plan_dump *d, uint32_t mime)
{
	struct wsr_list slots = mime == WSR_NONE ? (struct wsr_list){ 0, 0 } : wsr_mime_at(d->t, mime)->slots;
	if (types_added(d, slots))
		return;
	type_lines(d, "types", slots, (struct wsr_list){ 0, 0 });
}

/* An empty list below a list that is not can only come from the WebSocket recipe, whose two fields are dropped. */
static void empty_fields(struct plan_dump *d)
{
	plan_word_line(d, "proxy_set_header Upgrade", WSR_STR("$http_upgrade"));
	plan_word_line(d, "proxy_set_header Connection", WSR_STR("upgrade"));
}

static void expires_line(struct plan_dump *d, const struct dump_groups *g)
{
	static const char *const words[] = { "off", "epoch", "max" };
	uint64_t kind = dump_u64(g, SET_expires_kind);
	int64_t s = (int64_t)dump_u64(g, SET_expires_s);
	plan_line(d, "expires");
	fputs(kind == WSR_EXPIRES_MODIFIED || kind == WSR_EXPIRES_MODIFIED_TEXT ? "modified " : "", d->out);
	if (kind < 3)
		fputs(words[kind], d->out);
	else if (kind >= WSR_EXPIRES_TEXT)
		dump_tmpl(d->out, d->t, (uint32_t)dump_u64(g, SET_expires_text));
	else
		fprintf(d->out, "%s%llds", kind == WSR_EXPIRES_DAILY ? "@" : "", (long long)s);
	end(d);
}

void plan_error_log_line(struct plan_dump *d, uint32_t index)
{
	static const char *const levels[] = { "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug" };
	const struct wsr_error_log *log = wsr_error_log_at(d->t, index);
	plan_line(d, "error_log");
	dump_string(d->out, d->t, log->path);
	fprintf(d->out, " %s;\n", levels[log->level - WSR_LOG_EMERG]);
}

static void resolver_line(struct plan_dump *d, const struct dump_groups *g)
{
	wsr_sref ref = (wsr_sref)dump_u64(g, SET_resolver);
	if (!ref)
		return;
	plan_line(d, "resolver");
	fprintf(d->out, "%.*s", WSR_FMT(wsr_string(d->t, ref)));
	if (dump_u64(g, SET_resolver_valid_ms))
		fprintf(d->out, " valid=%llus", (unsigned long long)dump_u64(g, SET_resolver_valid_ms) / 1000);
	end(d);
}

static const char *const websocket_words[] = { "off", "on", "only" };

void plan_websocket(struct plan_dump *d, const struct wsr_body *body)
{
	struct dump_groups g = dump_groups_of(d->t, body);
	plan_word_line(d, "websocket", wsr_cstr(websocket_words[dump_u64(&g, SET_websocket)]));
}

static void special(struct plan_dump *d, enum plan_setting cell, const struct dump_groups *g)
{
	static const char *const next[] = { "error", "timeout", "invalid_header", "http_500", "http_502", "http_503", "http_504", "http_403", "http_404",
		"http_429", "non_idempotent" };
	static const char *const check_words[] = { "off", "on", "default" };
	static const char *const via_words[] = { "off", "on", "full", "block" };
	static const char *const modified_words[] = { "off", "exact", "before" };
	uint64_t v = dump_u64(g, cell);
	switch (cell) {
	case SET_keepalive_timeout_ms:
		plan_line(d, "keepalive_timeout");
		fprintf(d->out, "%llums", (unsigned long long)v);
		if (dump_u64(g, SET_keepalive_header_s))
			fprintf(d->out, " %llus", (unsigned long long)dump_u64(g, SET_keepalive_header_s));
		end(d);
		break;
	case SET_internal: fprintf(d->out, "%*sinternal;\n", (int)(4 * d->depth), ""); break;
	case SET_root:
		plan_line(d, dump_u64(g, SET_alias) ? "alias" : "root");
		dump_tmpl(d->out, d->t, (uint32_t)v);
		end(d);
		break;
	case SET_index: template_list(d, "index", dump_list(g, cell)); break;
	case SET_try_files: template_list(d, dump_list(g, cell).count == 1 ? "fallback_resource" : "try_files", dump_list(g, cell)); break;
	case SET_types: types_block(d, (uint32_t)v); break;
	case SET_access_log:
		if (dump_list(g, cell).count)
			list_lines(d, "access_log", g, cell, "");
		else
			plan_word_line(d, "access_log", WSR_STR("off"));
		break;
	case SET_error_log: plan_error_log_line(d, (uint32_t)v); break;
	case SET_proxy_http_version: plan_word_line(d, "proxy_http_version", v == 10 ? WSR_STR("1.0") : WSR_STR("1.1")); break;
	case SET_proxy_buffers_bytes:
		plan_line(d, "proxy_buffers");
		fprintf(d->out, "2 %llu;\n", (unsigned long long)v / 2);
		break;
	case SET_proxy_next_upstream: plan_bits_line(d, "proxy_next_upstream", v, next, sizeof(next) / sizeof(*next), "off"); break;
	case SET_proxy_ssl_protocols: plan_bits_line(d, "proxy_ssl_protocols", v, plan_tls_versions, 4, ""); break;
	case SET_websocket: plan_word_line(d, "websocket", wsr_cstr(websocket_words[v])); break;
	case SET_resolver: resolver_line(d, g); break;
	case SET_proxy_set_header:
		if (dump_list(g, cell).count)
			list_lines(d, "proxy_set_header", g, cell, "");
		else
			empty_fields(d);
		break;
	case SET_add_header: list_lines(d, "add_header", g, cell, ""); break;
	case SET_error_page: list_lines(d, "error_page", g, cell, ""); break;
	case SET_expires_kind: expires_line(d, g); break;
	case SET_auth_user_file: plan_string_line(d, "auth_basic_user_file", (wsr_sref)v); break;
	case SET_proxy_ignore_accel: plan_word_line(d, "proxy_ignore_headers", v ? WSR_STR("X-Accel-Redirect") : WSR_STR("X-Accel-Expires")); break;
	case SET_satisfy_any: plan_word_line(d, "satisfy", v ? WSR_STR("any") : WSR_STR("all")); break;
	case SET_preserve_host: plan_flag_line(d, "proxy_preserve_host", v); break;
	case SET_add_forwarded: plan_flag_line(d, "proxy_add_forwarded", v); break;
	case SET_interpolate_env: plan_flag_line(d, "proxy_interpolate_env", v); break;
	case SET_proxy_ssl_engine: plan_flag_line(d, "proxy_ssl_engine", v); break;
	case SET_proxy_ssl_check_name: plan_word_line(d, "proxy_ssl_check_name", wsr_cstr(check_words[v % 3])); break;
	case SET_proxy_ssl_check_cn: plan_word_line(d, "proxy_ssl_check_cn", wsr_cstr(check_words[v % 3])); break;
	case SET_proxy_ssl_check_expire: plan_word_line(d, "proxy_ssl_check_expire", wsr_cstr(check_words[v % 3])); break;
	case SET_proxy_ssl_crl_check: plan_crl_check_line(d, "proxy_ssl_crl_check", v); break;
	case SET_proxy_ssl_verify: plan_word_line(d, "proxy_ssl_verify_chain", v == WSR_PROXY_VERIFY_CHAIN ? WSR_STR("on") : WSR_STR("no_ca")); break;
	case SET_via: plan_word_line(d, "proxy_via", wsr_cstr(via_words[v & 3])); break;
	case SET_override_statuses: plan_string_list(d, "proxy_override_statuses", dump_list(g, cell), true); break;
	case SET_default_charset: plan_word_line(d, "default_charset", wsr_string(d->t, (wsr_sref)v)); break;
	case SET_expires_types: plan_string_list(d, "expires_types", dump_list(g, cell), true); break;
	case SET_if_modified_since: plan_word_line(d, "if_modified_since", wsr_cstr(modified_words[v % 3])); break;
	default: break; /* part of another statement: keepalive_header_s, alias, resolver_valid_ms, expires_s, expires_text, proxy_redirect */
	}
}

/* Cells that one statement sets together, by the cell of the statement; does any of them differ? */
static bool group_differs(struct plan_dump *d, enum plan_setting cell, const struct dump_groups *g, const struct wsr_table *t, const struct dump_groups *o)
{
	static const enum plan_setting sets[][2] = {
		{ SET_keepalive_timeout_ms, SET_keepalive_header_s }, { SET_root, SET_alias }, { SET_resolver, SET_resolver_valid_ms },
		{ SET_expires_kind, SET_expires_s }, { SET_expires_kind, SET_expires_text },
	};
	/* try_files is not inherited: what stands here was written here */
	bool differs = cell == SET_try_files ? dump_list(g, cell).count > 0 : !dump_cell_equal(d->t, g, t, o, cell);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		differs = differs || (sets[i][0] == cell && !dump_cell_equal(d->t, g, t, o, sets[i][1]));
	return differs;
}

static void network_lines(struct plan_dump *d, struct wsr_list rules, const struct wsr_list *outer, const char *no, const char *yes)
{
	if (outer && outer->first == rules.first && outer->count == rules.count)
		return;
	for (uint32_t i = 0; i < rules.count; i++) {
		const struct wsr_access_rule *r = wsr_access_rule_at(d->t, rules.first + i);
		plan_line(d, r->deny ? no : yes);
		dump_network(d->out, r);
		end(d);
	}
}

/* A setting that has no value, although one around it may have: lists without items and the like. Those that have a word for it are left to it. */
static bool is_none(const struct dump_groups *g, enum plan_setting cell, const struct cell_row *row)
{
	unsigned kind = plan_setting_info[cell].kind;
	if (kind == PLAN_KIND_U64 || cell == SET_access_log || cell == SET_proxy_redirect || cell == SET_proxy_set_header || cell == SET_types || cell == SET_try_files ||
	    (row && row->fn == lower_str_or_off))
		return false;
	if (kind == PLAN_KIND_STR || kind == PLAN_KIND_TMPL)
		return (uint32_t)dump_u64(g, cell) == (kind == PLAN_KIND_STR ? 0 : WSR_NONE);
	return dump_list(g, cell).count == 0;
}

static void setting(struct plan_dump *d, enum plan_setting cell, const struct dump_groups *g)
{
	const struct cell_row *row = row_of(cell);
	if (is_none(g, cell, row))
		plan_word_line(d, "none", wsr_cstr(plan_setting_info[cell].name));
	else if (row && !(cell == SET_proxy_ssl_verify && dump_u64(g, cell) > WSR_PROXY_VERIFY_ON))
		plain(d, row, g);
	else
		special(d, cell, g);
}

void plan_layer_settings(struct plan_dump *d, const struct wsr_layer *y)
{
	struct dump_groups g = dump_groups_of(d->t, wsr_body_at(d->t, wsr_location_at(d->t, y->location)->body));
	for (unsigned i = 0; i < SET_COUNT; i++) {
		enum plan_setting cell = (enum plan_setting)i;
		if (!(y->set[i / 64] >> (i % 64) & 1))
			continue;
		if (cell == SET_try_files && dump_list(&g, cell).count == 0)
			plan_word_line(d, "none", WSR_STR("try_files"));
		else
			setting(d, cell, &g);
	}
}

void plan_settings(struct plan_dump *d, const struct wsr_body *body, bool proxied, const struct wsr_table *t, const struct wsr_body *outer)
{
	struct dump_groups g = dump_groups_of(d->t, body), o = dump_groups_of(t, outer);
	for (unsigned i = 0; i < SET_COUNT; i++) {
		enum plan_setting cell = (enum plan_setting)i;
		if (!group_differs(d, cell, &g, t, &o))
			continue;
		if (cell == SET_websocket && proxied)
			continue; /* plan_websocket() */
		if (cell == SET_root && dump_u64(&g, SET_alias) >= 2)
			continue; /* inherited: the number of bytes follows from the nesting */
		setting(d, cell, &g);
	}
	network_lines(d, body->access, t == d->t ? &outer->access : NULL, "deny", "allow");
	network_lines(d, body->trusted, t == d->t ? &outer->trusted : NULL, "", "set_real_ip_from");
}

void plan_redirects(struct plan_dump *d, const struct wsr_body *body, const struct wsr_table *t, const struct wsr_body *outer, bool proxied)
{
	struct dump_groups g = dump_groups_of(d->t, body), o = dump_groups_of(t, outer);
	bool equal = dump_cell_equal(d->t, &g, t, &o, SET_proxy_redirect);
	if (dump_list(&g, SET_proxy_redirect).count == 0) {
		if (proxied || !equal)
			plan_word_line(d, "proxy_redirect", WSR_STR("off"));
	} else if (!equal) {
		list_lines(d, "proxy_redirect", &g, SET_proxy_redirect, "");
	}
}
