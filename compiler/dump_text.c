/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of a table as text, see dump_text.h. Words are quoted so that the scanner reads them back as the same bytes (nginx: inside quotes a
 * backslash escapes quotes, backslash, t, r and n).
 */
#include "compiler/dump_text.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "eval/wsr_eval.h"

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool bare(struct wsr_str s)
{
	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!name_char(s.ptr[i]) && !strchr("$./:@*=~^,+%!&?|-[]()<>", s.ptr[i]))
			return false;
	return s.ptr[s.len - 1] != '$';
}

void dump_word(FILE *out, struct wsr_str s)
{
	if (bare(s)) {
		fwrite(s.ptr, 1, s.len, out);
		return;
	}
	fputc('"', out);
	for (size_t i = 0; i < s.len; i++) {
		switch (s.ptr[i]) {
		case '"': case '\\': fputc('\\', out); fputc(s.ptr[i], out); break;
		case '\n': fputs("\\n", out); break;
		case '\r': fputs("\\r", out); break;
		case '\t': fputs("\\t", out); break;
		default: fputc(s.ptr[i], out);
		}
	}
	fputc('"', out);
}

void dump_string(FILE *out, const struct wsr_table *t, wsr_sref ref)
{
	if (ref == 0)
		fputc('-', out);
	else
		dump_word(out, wsr_string(t, ref));
}

/* Inside a function a brace or bar would end it; a dollar begins something everywhere (lower_braces.c). */
static void literal_text(FILE *out, struct wsr_str s, unsigned depth)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '$')
			fputs("${$}", out);
		else if (depth && (s.ptr[i] == '}' || s.ptr[i] == '|'))
			fprintf(out, "${x:%02x}", (unsigned char)s.ptr[i]);
		else
			fputc(s.ptr[i], out);
	}
}

/* A name in braces. */
static void name_text(FILE *out, struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (strchr("{}|%$", s.ptr[i]))
			fprintf(out, "%%%02X", (unsigned char)s.ptr[i]);
		else
			fputc(s.ptr[i], out);
	}
}

/* "$name", "${name}", or "${var:name}" where the plain name would be read as something else. */
static void variable_text(FILE *out, const struct wsr_table *t, const struct wsr_part *p, bool brace)
{
	char text[256];
	struct wsr_str suffix = wsr_string(t, p->arg), found = WSR_STR_NULL;
	if (p->id == WSR_V_HTTPD_FIELD_) {
		fputs("${field:", out);
		name_text(out, suffix);
		fputc('}', out);
		return;
	}
	const char *name = wsr_var_name((enum wsr_var_id)p->id);
	int len = snprintf(text, sizeof(text), "%s%.*s", name, WSR_FMT(suffix));
	bool plain = len < (int)sizeof(text) && len <= 120;
	for (int i = 0; plain && i < len; i++)
		plain = name_char(text[i]) && !(text[i] >= 'A' && text[i] <= 'Z');
	plain = plain && wsr_var_find(wsr_str(text, (size_t)len), &found) == (enum wsr_var_id)p->id && wsr_str_eq(found, suffix);
	if (plain) {
		fprintf(out, brace ? "${%s}" : "$%s", text);
		return;
	}
	fprintf(out, "${var:%s", name);
	name_text(out, suffix);
	fputc('}', out);
}

/* Variables of the environment have their prefix in their name. */
static void user_text(FILE *out, struct wsr_str name, bool brace)
{
	if (!memchr(name.ptr, ':', name.len)) {
		fprintf(out, brace ? "${%.*s}" : "$%.*s", WSR_FMT(name));
		return;
	}
	fputs("${", out);
	name_text(out, name);
	fputc('}', out);
}

static void tmpl_text(FILE *out, const struct wsr_table *t, uint32_t tmpl, unsigned depth);

static void call_text(FILE *out, const struct wsr_table *t, const struct wsr_call *c, unsigned depth)
{
	static const char *const names[] = { "", "lower", "upper", "escape", "unescape", "base64", "unbase64", "map", "random", "default", "ahead", "ahead_file" };
	char label[32];
	fprintf(out, "${%s:", names[c->function]);
	if (c->map != WSR_NONE)
		fprintf(out, "%s:", dump_map_label(t, c->map, label, sizeof(label)));
	tmpl_text(out, t, c->argument, depth + 1);
	if (c->fallback != WSR_NONE) {
		fputc('|', out);
		tmpl_text(out, t, c->fallback, depth + 1);
	}
	fputc('}', out);
}

static void part_text(FILE *out, const struct wsr_table *t, const struct wsr_part *p, bool brace, unsigned depth)
{
	switch (p->kind) {
	case WSR_PART_LITERAL: literal_text(out, wsr_string(t, p->arg), depth); break;
	case WSR_PART_VARIABLE: variable_text(out, t, p, brace); break;
	case WSR_PART_USER: user_text(out, wsr_string(t, wsr_variable_at(t, p->arg)->name), brace); break;
	case WSR_PART_CAPTURE: fprintf(out, p->id ? "$%u" : "${%u}", p->id); break;
	case WSR_PART_CONDITION_CAPTURE: fprintf(out, "${%%%u}", p->id); break;
	case WSR_PART_ARGS_START: fputc('?', out); break;
	case WSR_PART_CALL: call_text(out, t, wsr_call_at(t, p->arg), depth); break;
	}
}

static void tmpl_text(FILE *out, const struct wsr_table *t, uint32_t tmpl, unsigned depth)
{
	const struct wsr_tmpl *m = wsr_tmpl_at(t, tmpl);
	for (uint32_t i = 0; i < m->part_count; i++) {
		const struct wsr_part *next = i + 1 < m->part_count ? wsr_part_at(t, m->first_part + i + 1) : NULL;
		struct wsr_str after = next && next->kind == WSR_PART_LITERAL ? wsr_string(t, next->arg) : WSR_STR_NULL;
		part_text(out, t, wsr_part_at(t, m->first_part + i), after.len && name_char(after.ptr[0]), depth);
	}
}

void dump_tmpl_text(FILE *out, const struct wsr_table *t, uint32_t tmpl)
{
	tmpl_text(out, t, tmpl, 0);
}

void dump_tmpl_after(FILE *out, const struct wsr_table *t, const char *prefix, uint32_t tmpl)
{
	char *text = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&text, &len);
	if (!m)
		return;
	fputs(prefix, m);
	tmpl_text(m, t, tmpl, 0);
	fclose(m);
	dump_word(out, wsr_str(text, len));
	free(text);
}

void dump_tmpl(FILE *out, const struct wsr_table *t, uint32_t tmpl)
{
	if (tmpl == WSR_NONE)
		fputc('-', out);
	else
		dump_tmpl_after(out, t, "", tmpl);
}

void dump_regex(FILE *out, const struct wsr_table *t, uint32_t regex)
{
	const struct wsr_regex *r = wsr_regex_at(t, regex);
	fputs(r->flags & WSR_REGEX_CASELESS ? "~* " : "~ ", out);
	dump_word(out, wsr_string(t, r->pattern));
}

void dump_regex_word(FILE *out, const struct wsr_table *t, uint32_t regex)
{
	const struct wsr_regex *r = wsr_regex_at(t, regex);
	char *text = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&text, &len);
	if (!m)
		return;
	fprintf(m, "%s%.*s", r->flags & WSR_REGEX_CASELESS ? "~*" : "~", WSR_FMT(wsr_string(t, r->pattern)));
	fclose(m);
	dump_word(out, wsr_str(text, len));
	free(text);
}

void dump_pos(FILE *out, const struct wsr_table *t, uint32_t pos)
{
	char text[4096];
	if (pos != WSR_NONE)
		fprintf(out, " (%s)", wsr_pos_text(t, pos, false, text, sizeof(text)));
}

void dump_network(FILE *out, const struct wsr_access_rule *r)
{
	char text[INET6_ADDRSTRLEN];
	if (r->unix_socket)
		fputs("unix:", out);
	else if (r->family == 0)
		fputs("all", out);
	else
		fprintf(out, "%s/%u", inet_ntop(r->family == 4 ? AF_INET : AF_INET6, r->addr, text, sizeof(text)), r->prefix_bits);
}

/* --- proxy_pass ------------------------------------------------------------------------------------------------------ */

void dump_proxy_url(FILE *out, const struct wsr_table *t, uint32_t proxy)
{
	const struct wsr_proxy *p = wsr_proxy_at(t, proxy);
	char *text = NULL;
	size_t len = 0;
	if (p->flags & WSR_PROXY_VARIABLES) {
		dump_tmpl(out, t, p->url);
		return;
	}
	FILE *m = open_memstream(&text, &len);
	if (!m)
		return;
	const struct wsr_upstream *up = wsr_upstream_at(t, p->upstream);
	bool tls = p->flags & WSR_PROXY_TLS, ws = p->flags & WSR_PROXY_WS, local = up->flags & WSR_UPSTREAM_IMPLICIT && wsr_peer_at(t, up->peers.first)->kind == WSR_PEER_UNIX;
	/* a group is found without regard to case, and its name is sent as written */
	struct wsr_str host = wsr_string(t, up->flags & WSR_UPSTREAM_IMPLICIT ? up->name : p->host);
	fprintf(m, "%s%s://%.*s", ws ? "ws" : "http", tls ? "s" : "", WSR_FMT(host));
	if (p->uri)
		fprintf(m, "%s%.*s", local ? ":" : "", WSR_FMT(wsr_string(t, p->uri)));
	fclose(m);
	dump_word(out, wsr_str(text, len));
	free(text);
}

void dump_proxy(FILE *out, const struct wsr_table *t, uint32_t proxy, unsigned blanks)
{
	if (proxy == WSR_NONE)
		return;
	const struct wsr_proxy *p = wsr_proxy_at(t, proxy);
	fprintf(out, "%*sproxy to ", (int)blanks, "");
	dump_proxy_url(out, t, proxy);
	if (p->host) {
		fputs(" host ", out);
		dump_string(out, t, p->host);
	}
	if (p->upstream != WSR_NONE)
		fprintf(out, " port %u upstream %u", p->port, p->upstream);
	dump_pos(out, t, p->pos);
	fputc('\n', out);
}

/* --- settings -------------------------------------------------------------------------------------------------------- */

struct dump_groups dump_groups_of(const struct wsr_table *t, const struct wsr_body *b)
{
	return (struct dump_groups){ {
		wsr_core_at(t, b->core), wsr_fileset_at(t, b->file), wsr_logset_at(t, b->log), wsr_proxyset_at(t, b->proxyset),
		wsr_fieldset_at(t, b->fieldset),
	} };
}

static void field_op(FILE *out, const struct wsr_table *t, const struct wsr_field_op *op)
{
	dump_string(out, t, op->name);
	fputc(' ', out);
	dump_tmpl(out, t, op->value);
	fputs(op->flags & WSR_FIELD_ALWAYS ? " always" : "", out);
}

static void redirect_rule(FILE *out, const struct wsr_table *t, const struct wsr_redirect_rule *r)
{
	if (r->flags & WSR_REDIRECT_REGEX)
		dump_regex_word(out, t, r->from);
	else
		dump_tmpl(out, t, r->from);
	fputc(' ', out);
	dump_tmpl(out, t, r->to);
}

static void error_page(FILE *out, const struct wsr_table *t, const struct wsr_error_page *p)
{
	fprintf(out, "%u ", p->status);
	if (p->answer == 1)
		fputs("= ", out);
	else if (p->answer == WSR_ERROR_PAGE_TEXT)
		fputs("=text ", out);
	else if (p->answer)
		fprintf(out, "=%u ", p->answer);
	dump_tmpl(out, t, p->target);
}

static void log_ref(FILE *out, const struct wsr_table *t, const struct wsr_log_ref *r)
{
	dump_tmpl(out, t, r->path);
	fputc(' ', out);
	char label[300];
	dump_word(out, wsr_cstr(dump_format_label(t, r->format, label, sizeof(label))));
	if (r->condition != WSR_NONE) {
		fputc(' ', out);
		dump_tmpl_after(out, t, "if=", r->condition);
	}
	if (r->when != WSR_NONE)
		fprintf(out, " when=%s", dump_when_label(t, r->when, label, sizeof(label)));
}

static void list_item(FILE *out, const struct wsr_table *t, unsigned kind, uint32_t i)
{
	switch (kind) {
	case PLAN_KIND_LIST_STR: dump_string(out, t, *wsr_str_item_at(t, i)); break;
	case PLAN_KIND_LIST_TMPL: dump_tmpl(out, t, *wsr_tmpl_item_at(t, i)); break;
	case PLAN_KIND_LIST_FIELD: field_op(out, t, wsr_field_op_at(t, i)); break;
	case PLAN_KIND_LIST_REDIRECT: redirect_rule(out, t, wsr_redirect_rule_at(t, i)); break;
	case PLAN_KIND_LIST_LOG: log_ref(out, t, wsr_log_ref_at(t, i)); break;
	case PLAN_KIND_LIST_ERROR_PAGE: error_page(out, t, wsr_error_page_at(t, i)); break;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct wsr_str *x = a, *y = b;
	int c = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
	return c ? c : (x->len > y->len) - (x->len < y->len);
}

struct wsr_str *dump_mime_keys(const struct wsr_table *t, struct wsr_list slots, uint32_t *count)
{
	struct wsr_str *keys = calloc(slots.count ? slots.count : 1, sizeof(*keys));
	uint32_t n = 0;
	for (uint32_t i = 0; keys && i < slots.count; i++)
		if (wsr_mime_slot_at(t, slots.first + i)->key)
			keys[n++] = wsr_string(t, wsr_mime_slot_at(t, slots.first + i)->key);
	if (n)
		qsort(keys, n, sizeof(*keys), by_key);
	*count = n;
	return keys;
}

/* "html text/html" per extension. */
static void mime_text(FILE *out, const struct wsr_table *t, uint32_t mime, const char *indent)
{
	struct wsr_list slots = wsr_mime_at(t, mime)->slots;
	uint32_t n;
	struct wsr_str *keys = dump_mime_keys(t, slots, &n);
	for (uint32_t i = 0; i < n; i++) {
		fputs(i ? indent : "", out);
		dump_word(out, keys[i]);
		fputc(' ', out);
		dump_string(out, t, wsr_mime_find(t, slots, keys[i])->type);
	}
	if (!n)
		fputc('-', out);
	free(keys);
}

/* A key that would be read as something else gets a backslash (nginx: map, "\\default"). */
static void map_key(FILE *out, struct wsr_str key)
{
	static const char *const special[] = { "default", "hostnames", "include", "volatile" };
	bool escape = key.len && (key.ptr[0] == '~' || key.ptr[0] == '\\');
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		escape = escape || wsr_str_eq(key, wsr_cstr(special[i]));
	char *text = escape ? malloc(key.len + 1) : NULL;
	if (text) {
		text[0] = '\\';
		memcpy(text + 1, key.ptr, key.len);
		key = wsr_str(text, key.len + 1);
	}
	dump_word(out, key);
	free(text);
}

void dump_map_cases(FILE *out, const struct wsr_table *t, const struct wsr_map *m, const char *before, const char *after)
{
	struct wsr_str *keys = calloc(m->slots.count ? m->slots.count : 1, sizeof(*keys));
	uint32_t n = 0;
	for (uint32_t i = 0; keys && i < m->slots.count; i++)
		if (wsr_map_slot_at(t, m->slots.first + i)->key)
			keys[n++] = wsr_string(t, wsr_map_slot_at(t, m->slots.first + i)->key);
	if (n)
		qsort(keys, n, sizeof(*keys), by_key);
	for (uint32_t i = 0; i < n; i++) {
		fputs(before, out);
		map_key(out, keys[i]);
		fputc(' ', out);
		dump_tmpl(out, t, wsr_map_find(t, m->slots, keys[i])->value);
		fprintf(out, "%s\n", after);
	}
	for (uint32_t i = 0; i < m->regexes.count; i++) {
		const struct wsr_map_regex *r = wsr_map_regex_at(t, m->regexes.first + i);
		fputs(before, out);
		dump_regex_word(out, t, r->regex);
		fputc(' ', out);
		dump_tmpl(out, t, r->value);
		fprintf(out, "%s\n", after);
	}
	free(keys);
}

void dump_cell(FILE *out, const struct wsr_table *t, const struct dump_groups *g, enum plan_setting cell, const char *indent)
{
	unsigned kind = plan_setting_info[cell].kind;
	uint32_t index = (uint32_t)dump_u64(g, cell);
	struct wsr_list list = dump_list(g, cell);
	if (cell == SET_error_log) {
		const struct wsr_error_log *log = wsr_error_log_at(t, index);
		dump_string(out, t, log->path);
		fprintf(out, " level %u", log->level);
		return;
	}
	switch (kind) {
	case PLAN_KIND_U64: fprintf(out, "%llu", (unsigned long long)dump_u64(g, cell)); break;
	case PLAN_KIND_STR: dump_string(out, t, index); break;
	case PLAN_KIND_TMPL: dump_tmpl(out, t, index); break;
	case PLAN_KIND_MIME:
		if (index != WSR_NONE)
			mime_text(out, t, index, indent);
		else
			fputc('-', out);
		break;
	default:
		for (uint32_t i = 0; i < list.count; i++) {
			fputs(i ? indent : "", out);
			list_item(out, t, kind, list.first + i);
		}
		if (!list.count)
			fputc('-', out);
	}
}

bool dump_cell_equal(const struct wsr_table *a, const struct dump_groups *ga, const struct wsr_table *b, const struct dump_groups *gb, enum plan_setting cell)
{
	char *text[2] = { NULL, NULL };
	size_t len[2] = { 0, 0 };
	if (a == b && dump_u64(ga, cell) == dump_u64(gb, cell))
		return true;
	if (plan_setting_info[cell].kind == PLAN_KIND_U64 && cell != SET_error_log)
		return dump_u64(ga, cell) == dump_u64(gb, cell);
	for (int i = 0; i < 2; i++) {
		FILE *m = open_memstream(&text[i], &len[i]);
		if (!m)
			return false;
		dump_cell(m, i ? b : a, i ? gb : ga, cell, "\n");
		fclose(m);
	}
	bool equal = wsr_str_eq(wsr_str(text[0], len[0]), wsr_str(text[1], len[1]));
	free(text[0]);
	free(text[1]);
	return equal;
}
