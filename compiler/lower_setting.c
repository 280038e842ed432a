/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statements that set a cell of wsr_settings.def: plain kinds (flag, time, size, number, string, template) by one function each, and those with a
 * shape of their own. The checker has matched the signature already, so conversions cannot fail except where a message says so.
 */
#include "compiler/lower.h"
#include "compiler/value.h"

static void *cell_at(struct level *lv, unsigned cell)
{
	return (char *)&lv->s + plan_setting_info[cell].offset;
}

static void put_u64(struct level *lv, unsigned cell, uint64_t v)
{
	memcpy(cell_at(lv, cell), &v, sizeof(v));
	level_mark(lv, cell);
}

/* STR, TMPL and MIME cells: the index and 32 zero bits. */
static void put_index(struct level *lv, unsigned cell, uint32_t v)
{
	put_u64(lv, cell, v);
}

static void put_list(struct level *lv, unsigned cell, struct wsr_list v)
{
	memcpy(cell_at(lv, cell), &v, sizeof(v));
	level_mark(lv, cell);
}

/* --- plain kinds ----------------------------------------------------------------------------------------------------- */

void lower_flag(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	(void)l;
	put_u64(lv, cell, word_is(node_arg(n, 0), "on"));
}

void lower_ms(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	uint64_t v = 0;
	(void)l;
	value_duration_ms(arg_str(n, 0), false, &v);
	put_u64(lv, cell, v);
}

void lower_size(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	uint64_t v = 0;
	(void)l;
	value_size(arg_str(n, 0), true, &v);
	put_u64(lv, cell, v);
}

void lower_uint(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	uint64_t v = 0;
	(void)l;
	value_uint(arg_str(n, 0), &v);
	put_u64(lv, cell, v);
}

void lower_if_modified_since(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	const struct word *w = node_arg(n, 0);
	put_u64(lv, SET_if_modified_since, word_is(w, "off") ? WSR_IF_MODIFIED_OFF : word_is(w, "before") ? WSR_IF_MODIFIED_BEFORE : WSR_IF_MODIFIED_EXACT);
}

void lower_str(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	put_index(lv, cell, plan_str(l->plan, arg_str(n, 0)));
}

void lower_not_off(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	(void)l;
	put_u64(lv, cell, !word_is(node_arg(n, 0), "off"));
}

void lower_str_or_off(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	put_index(lv, cell, word_is(node_arg(n, 0), "off") ? 0 : plan_str(l->plan, arg_str(n, 0)));
}

void lower_tmpl(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	put_index(lv, cell, lower_tmpl_arg(l, n, 0));
}

static void scratch_start(struct lower *l, uint32_t stride)
{
	l->scratch.cap = (uint32_t)((uint64_t)l->scratch.cap * l->scratch.stride / stride);
	l->scratch.stride = stride;
	l->scratch.count = 0;
	l->places.count = 0;
}

static void scratch_place(struct lower *l, const struct node *n)
{
	struct plan_place at = lower_place(l, n->span);
	pool_push(&l->places, &at);
}

static struct wsr_list scratch_run(struct lower *l, struct pool *pool, size_t pos_offset)
{
	return plan_run_at(l->plan, pool, l->scratch.data, l->scratch.count, pos_offset, (struct plan_place *)l->places.data);
}

/* The statements of the block with the same row, from n on: a list is made of all of them at the first. */
#define EACH_ALIKE(m, n) for (const struct node *m = (n); m; m = m->next) if (m->def == (n)->def && !m->bad)

/* All arguments of one statement, in lower case. */
void lower_strings(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	scratch_start(l, sizeof(wsr_sref));
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		wsr_sref ref = plan_str_lower(l->plan, arg_str(n, i));
		pool_push(&l->scratch, &ref);
	}
	put_list(lv, cell, pool_run(&l->plan->str_item, l->scratch.data, l->scratch.count));
}

/* One argument of each such statement, in lower case (proxy_hide_header). */
void lower_string_lines(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	if (level_has(lv, cell))
		return;
	scratch_start(l, sizeof(wsr_sref));
	EACH_ALIKE(m, n) {
		wsr_sref ref = plan_str_lower(l->plan, arg_str(m, 0));
		pool_push(&l->scratch, &ref);
	}
	put_list(lv, cell, pool_run(&l->plan->str_item, l->scratch.data, l->scratch.count));
}

/* --- client side ----------------------------------------------------------------------------------------------------- */

void lower_keepalive_timeout(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t ms = 0;
	(void)l;
	(void)arg;
	value_duration_ms(arg_str(n, 0), false, &ms);
	put_u64(lv, SET_keepalive_timeout_ms, ms);
	ms = 0;
	if (node_arg_count(n) > 1)
		value_duration_ms(arg_str(n, 1), false, &ms);
	put_u64(lv, SET_keepalive_header_s, ms / 1000);
}

void lower_internal(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l;
	(void)n;
	(void)arg;
	put_u64(lv, SET_internal, 1);
}

/* --- files ----------------------------------------------------------------------------------------------------------- */

void lower_root(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	struct wsr_str path = arg_str(n, 0);
	if (level_has(lv, SET_root)) {
		diag_at(l->cc, CHECK_DUPLICATE_DIRECTIVE, n->span, "'root' and 'alias' in one block");
		return;
	}
	if (memmem(path.ptr, path.len, "$document_root", 14) || memmem(path.ptr, path.len, "${document_root", 15))
		diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "$document_root is made from 'root' and cannot be used in it");
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	if (path.len == 1 && path.ptr[0] == '/')
		path.len = 0;
	put_index(lv, SET_root, lower_template(l, n, node_arg(n, 0), path, 0));
	put_u64(lv, SET_alias, 0);
}

void lower_alias(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (level_has(lv, SET_root)) {
		diag_at(l->cc, CHECK_DUPLICATE_DIRECTIVE, n->span, "'root' and 'alias' in one block");
		return;
	}
	if (lv->location && lv->location->kind == WSR_LOCATION_NAMED) {
		diag_at(l->cc, CHECK_WRONG_CONTEXT, n->span, "'alias' cannot be used inside the named location '%s'",
			diag_quote(l->cc, lv->location->name.ptr, lv->location->name.len));
		return;
	}
	put_index(lv, SET_root, lower_tmpl_arg(l, n, 0));
	put_u64(lv, SET_alias, 1);
}

static struct wsr_list template_list(struct lower *l, const struct node *n)
{
	uint32_t list[64];
	unsigned count = node_arg_count(n) < 64 ? node_arg_count(n) : 64;
	if (node_arg_count(n) > 64)
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, n->span, "more than 64 arguments");
	for (unsigned i = 0; i < count; i++)
		list[i] = lower_tmpl_arg(l, n, i);
	return pool_run(&l->plan->tmpl_item, list, count);
}

/* `index` lines of one block add up (nginx: ngx_http_index_set_index). */
void lower_index(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (level_has(lv, SET_index))
		return;
	uint32_t list[64], count = 0;
	EACH_ALIKE(m, n)
		for (unsigned i = 0; i < node_arg_count(m); i++)
			if (count < 64)
				list[count++] = lower_tmpl_arg(l, m, i);
	put_list(lv, SET_index, pool_run(&l->plan->tmpl_item, list, count));
}

void lower_try_files(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	struct wsr_str last = arg_str(n, node_arg_count(n) - 1);
	uint64_t code = 0;
	if (last.len && last.ptr[0] == '=' && (!value_uint(wsr_str(last.ptr + 1, last.len - 1), &code) || code > 999))
		diag_at(l->cc, CHECK_VALUE, node_arg(n, node_arg_count(n) - 1)->span, "invalid code '%s'", diag_quote(l->cc, last.ptr, last.len));
	put_list(lv, SET_try_files, template_list(l, n));
}

/* --- MIME types ------------------------------------------------------------------------------------------------------ */

static void mime_add(struct lower *l, struct plan_table *t, const struct node *n, const struct word *w, wsr_sref type)
{
	struct plan_slot *old = plan_table_add(t, l->plan, plan_str_lower(l->plan, word_str(w)), type);
	if (!old)
		return;
	/* nginx warns and the last one wins. */
	struct wsr_str before = plan_text(l->plan, old->value);
	if (old->value != type)
		diag_at(l->cc, CHECK_DUPLICATE_EXTENSION, w->span, "the extension '%s' had the type '%s' before: now '%s'",
			diag_quote(l->cc, w->text, w->len), diag_quote(l->cc, before.ptr, before.len), diag_quote(l->cc, n->words[0].text, n->words[0].len));
	old->value = type;
}

/* Equal tables are one record. */
uint32_t lower_mime_index(struct lower *l, struct plan_table *t)
{
	struct pool *mimes = &l->plan->mime;
	for (uint32_t i = 0; i < mimes->count; i++)
		if (plan_table_equal(t, &l->plan->mime_slot, ((struct wsr_mime *)pool_at(mimes, i))->slots)) {
			plan_table_free(t);
			return i;
		}
	struct wsr_mime mime = { plan_table_done(t, &l->plan->mime_slot) };
	return pool_push(mimes, &mime);
}

void lower_types(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	uint32_t count = 0;
	if (level_has(lv, SET_types))
		return;
	EACH_ALIKE(m, n)
		NODE_EACH_CHILD(c, m)
			count += c->word_count;
	struct plan_table t;
	plan_table_init(&t, count);
	EACH_ALIKE(m, n) {
		NODE_EACH_CHILD(c, m) {
			if (c->bad || !c->def || c->def->contexts != C_TYPES)
				continue;
			wsr_sref type = plan_str(l->plan, word_str(&c->words[0]));
			for (unsigned i = 0; i < node_arg_count(c); i++)
				mime_add(l, &t, c, node_arg(c, i), type);
		}
	}
	put_index(lv, SET_types, lower_mime_index(l, &t));
}

void lower_default_types(struct lower *l, struct level *lv)
{
	static const char *const types[][2] = { { "text/html", "html" }, { "image/gif", "gif" }, { "image/jpeg", "jpg" } };
	uint32_t n = sizeof(types) / sizeof(*types);
	struct plan_table t;
	plan_table_init(&t, n);
	for (uint32_t i = 0; i < n; i++)
		plan_table_add(&t, l->plan, plan_str(l->plan, wsr_cstr(types[i][1])), plan_str(l->plan, wsr_cstr(types[i][0])));
	put_index(lv, SET_types, lower_mime_index(l, &t));
}

/* --- fields ---------------------------------------------------------------------------------------------------------- */

void lower_add_header(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (level_has(lv, SET_add_header))
		return;
	scratch_start(l, sizeof(struct wsr_field_op));
	EACH_ALIKE(m, n) {
		struct wsr_field_op op = {
			.name = plan_str(l->plan, arg_str(m, 0)),
			.value = lower_tmpl_arg(l, m, 1),
			.flags = node_arg_count(m) > 2 ? WSR_FIELD_ALWAYS : 0,
		};
		pool_push(&l->scratch, &op);
		scratch_place(l, m);
	}
	put_list(lv, SET_add_header, scratch_run(l, &l->plan->field_op, offsetof(struct wsr_field_op, pos)));
}

/* "$http_upgrade", or the token itself. */
static bool forwards_upgrade(const struct node *n)
{
	return word_is(node_arg(n, 1), "$http_upgrade") || word_is(node_arg(n, 1), "${http_upgrade}") ||
		wsr_str_eq_nocase(arg_str(n, 1), WSR_STR("websocket"));
}

/* "upgrade", or something the request decides ($connection_upgrade, $http_connection). */
static bool forwards_connection(const struct node *n)
{
	struct wsr_str v = arg_str(n, 1);
	return lower_has_variables(v) || wsr_str_eq_nocase(v, WSR_STR("upgrade")) || wsr_str_eq_nocase(v, WSR_STR("keep-alive, upgrade"));
}

static bool field_is(const struct node *n, const char *name)
{
	return wsr_str_eq_nocase(arg_str(n, 0), wsr_cstr(name));
}

/* Which lines of the recipe for WebSockets stand in this list of proxy_set_header statements. */
static void find_recipe(struct level *lv, const struct node *n)
{
	bool connection = false;
	lv->recipe_node = NULL;
	EACH_ALIKE(m, n) {
		if (field_is(m, "Upgrade") && forwards_upgrade(m))
			lv->recipe_node = m;
		if (field_is(m, "Connection") && forwards_connection(m))
			connection = true;
	}
	lv->recipe = !lv->recipe_node ? RECIPE_NONE : connection ? RECIPE_COMPLETE : RECIPE_NO_CONNECTION;
}

/* Connection and framing of the upstream's request are ours to write (eval/wsr_fields.c), and it has one Host: what is written for them is not sent. */
static void not_sent(struct lower *l, const struct level *lv, const struct node *first, const struct node *n)
{
	static const char *const ours[] = { "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Content-Length", "Expect" };
	bool dropped = false;
	const struct node *host = NULL;
	if (!arg_str(n, 1).len)
		return;
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		dropped = dropped || field_is(n, ours[i]);
	if (dropped || (field_is(n, "Upgrade") && lv->recipe == RECIPE_NONE))
		diag_at(l->cc, CHECK_FIELD_NOT_SENT, n->span, "'%s' is not sent: connection and framing of the upstream's request are written here", diag_quote(l->cc, arg_str(n, 0).ptr, arg_str(n, 0).len));
	EACH_ALIKE(m, first) {
		if (m == n)
			break;
		host = field_is(m, "Host") ? m : host;
	}
	if (host && field_is(n, "Host")) {
		struct diag *d = diag_at(l->cc, CHECK_FIELD_NOT_SENT, n->span, "a second 'Host' is not sent: servers refuse a request with two");
		diag_note(l->cc, d, host->span, "the one that is sent");
	}
}

/*
 * The list of one block. The two fields of a complete WebSocket recipe are dropped: `websocket on` takes their place, which forwards the
 * handshake of a WebSocket and of nothing else.
 */
void lower_proxy_set_header(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (level_has(lv, SET_proxy_set_header))
		return;
	find_recipe(lv, n);
	scratch_start(l, sizeof(struct wsr_field_op));
	EACH_ALIKE(m, n) {
		if (lv->recipe == RECIPE_COMPLETE && (field_is(m, "Upgrade") || field_is(m, "Connection")))
			continue;
		not_sent(l, lv, n, m);
		struct wsr_field_op op = { .name = plan_str(l->plan, arg_str(m, 0)), .value = lower_tmpl_arg(l, m, 1) };
		pool_push(&l->scratch, &op);
		scratch_place(l, m);
	}
	put_list(lv, SET_proxy_set_header, scratch_run(l, &l->plan->field_op, offsetof(struct wsr_field_op, pos)));
}

/* expires [modified] time | @time of day | epoch | max | off, or a text that says one of these when a request comes. */
void lower_expires(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	bool modified = node_arg_count(n) > 1;
	const struct word *w = node_arg(n, modified);
	struct wsr_str s = word_str(w);
	uint64_t ms = 0, kind = modified ? WSR_EXPIRES_MODIFIED : WSR_EXPIRES_ACCESS;
	uint32_t text = WSR_NONE;
	char sign = s.len ? s.ptr[0] : '\0';
	if (!modified && word_is(w, "off")) {
		kind = WSR_EXPIRES_OFF;
	} else if (!modified && word_is(w, "epoch")) {
		kind = WSR_EXPIRES_EPOCH;
	} else if (!modified && word_is(w, "max")) {
		kind = WSR_EXPIRES_MAX;
	} else if (lower_has_variables(s)) {
		kind = modified ? WSR_EXPIRES_MODIFIED_TEXT : WSR_EXPIRES_TEXT;
		text = lower_tmpl_arg(l, n, modified);
	} else if (!value_duration_ms(sign == '-' || sign == '+' || sign == '@' ? wsr_str(s.ptr + 1, s.len - 1) : s, true, &ms)) {
		diag_at(l->cc, CHECK_DURATION, w->span, "'%s' is no time, and none of epoch, max, off", diag_quote(l->cc, s.ptr, s.len));
	} else if (sign == '@') {
		kind = WSR_EXPIRES_DAILY;
		if (modified || ms > UINT64_C(86400000))
			diag_at(l->cc, CHECK_VALUE, w->span, modified ? "a time of day cannot count from the file's date: leave 'modified' away" : "a day has 24 hours");
	}
	int64_t seconds = (int64_t)(ms / 1000);
	put_u64(lv, SET_expires_kind, kind);
	put_u64(lv, SET_expires_s, (uint64_t)(sign == '-' ? -seconds : seconds));
	lv->s.fields.expires_text.v = text; /* belongs to the kind, as set as that is */
}

/* error_page code ... [=[answer]] target; one record per code. */
void lower_error_page(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (level_has(lv, SET_error_page))
		return;
	scratch_start(l, sizeof(struct wsr_error_page));
	EACH_ALIKE(m, n) {
		unsigned codes = node_arg_count(m) - 1;
		struct wsr_error_page page = { .target = lower_tmpl_arg(l, m, codes) };
		struct wsr_str answer = codes > 1 ? arg_str(m, codes - 1) : WSR_STR_NULL;
		uint64_t v = 1;
		if (answer.len && answer.ptr[0] == '=') {
			codes--;
			if (wsr_str_eq(answer, WSR_STR("=text")))
				v = WSR_ERROR_PAGE_TEXT;
			else if (answer.len > 1 && (!value_uint(wsr_str(answer.ptr + 1, answer.len - 1), &v) || v < 100 || v > 999))
				diag_at(l->cc, CHECK_VALUE, node_arg(m, codes)->span, "invalid status '%s'", diag_quote(l->cc, answer.ptr, answer.len));
			page.answer = (uint16_t)v;
		}
		for (unsigned i = 0; i < codes; i++) {
			if (!value_uint(arg_str(m, i), &v) || v < 300 || v > 599 || v == 499)
				diag_at(l->cc, CHECK_VALUE, node_arg(m, i)->span, "the status '%s' must be between 300 and 599 and not 499",
					diag_quote(l->cc, node_arg(m, i)->text, node_arg(m, i)->len));
			page.status = (uint16_t)v;
			pool_push(&l->scratch, &page);
			scratch_place(l, m);
		}
	}
	put_list(lv, SET_error_page, scratch_run(l, &l->plan->error_page, offsetof(struct wsr_error_page, pos)));
}

/* --- proxy settings -------------------------------------------------------------------------------------------------- */

void lower_proxy_http_version(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l;
	(void)arg;
	lv->http_version_written = !l->defaults;
	put_u64(lv, SET_proxy_http_version, word_is(node_arg(n, 0), "1.0") ? 10 : 11);
}

void lower_proxy_buffers(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t count = 0, bytes = 0;
	(void)l;
	(void)arg;
	value_uint(arg_str(n, 0), &count);
	value_size(arg_str(n, 1), false, &bytes);
	if (bytes && count > UINT32_MAX / bytes)
		count = UINT32_MAX / bytes;
	put_u64(lv, SET_proxy_buffers_bytes, count * bytes);
}

/* Words that stand for bits. */
struct bit_name { const char *name; uint32_t bits; };

static uint32_t bits_of(const struct node *n, const struct bit_name *names, size_t count)
{
	uint32_t bits = 0;
	for (unsigned i = 0; i < node_arg_count(n); i++)
		for (size_t k = 0; k < count; k++)
			if (word_is(node_arg(n, i), names[k].name))
				bits |= names[k].bits;
	return bits;
}

void lower_proxy_next_upstream(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	static const struct bit_name names[] = {
		{ "error", WSR_NEXT_ERROR }, { "timeout", WSR_NEXT_TIMEOUT }, { "invalid_header", WSR_NEXT_INVALID_HEADER },
		{ "http_500", WSR_NEXT_HTTP_500 }, { "http_502", WSR_NEXT_HTTP_502 }, { "http_503", WSR_NEXT_HTTP_503 },
		{ "http_504", WSR_NEXT_HTTP_504 }, { "http_403", WSR_NEXT_HTTP_403 }, { "http_404", WSR_NEXT_HTTP_404 },
		{ "http_429", WSR_NEXT_HTTP_429 }, { "non_idempotent", WSR_NEXT_NON_IDEMPOTENT },
	};
	(void)l;
	(void)arg;
	put_u64(lv, SET_proxy_next_upstream, bits_of(n, names, sizeof(names) / sizeof(*names)));
}

void lower_proxy_ignore_headers(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	bool accel = false;
	(void)l, (void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++)
		accel = accel || wsr_str_eq_nocase(arg_str(n, i), WSR_STR("X-Accel-Redirect"));
	put_u64(lv, SET_proxy_ignore_accel, accel || (level_has(lv, SET_proxy_ignore_accel) && lv->s.proxy.proxy_ignore_accel));
}

void lower_websocket(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l;
	(void)arg;
	lv->websocket_written = !l->defaults;
	put_u64(lv, SET_websocket, word_is(node_arg(n, 0), "only") ? WSR_WEBSOCKET_ONLY : word_is(node_arg(n, 0), "on") ? WSR_WEBSOCKET_ON : WSR_WEBSOCKET_OFF);
}

void lower_resolver(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	char *list = arena_copy(&l->cc->arena, "", 0);
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		struct wsr_str valid;
		uint64_t ms = 0;
		if (value_keyed(arg_str(n, i), "valid", &valid)) {
			if (!value_duration_ms(valid, false, &ms))
				diag_at(l->cc, CHECK_DURATION, node_arg(n, i)->span, "'%s' is no time", diag_quote(l->cc, valid.ptr, valid.len));
			put_u64(lv, SET_resolver_valid_ms, ms);
		} else if (!memchr(arg_str(n, i).ptr, '=', arg_str(n, i).len)) {
			list = arena_printf(&l->cc->arena, "%s%s%.*s", list, *list ? " " : "", WSR_FMT(arg_str(n, i)));
		}
	}
	put_index(lv, SET_resolver, plan_str(l->plan, wsr_cstr(list)));
}

/* --- settings of a server, before a location is known: arg = offset in struct wsr_srv -------------------------------- */

static void put_srv32(struct level *lv, unsigned offset, uint64_t v)
{
	uint32_t v32 = (uint32_t)(v < UINT32_MAX ? v : UINT32_MAX);
	memcpy((char *)&lv->server->srv + offset, &v32, sizeof(v32));
}

void lower_srv_ms(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	uint64_t v = 0;
	(void)l;
	value_duration_ms(arg_str(n, 0), false, &v);
	memcpy((char *)&lv->server->srv + offset, &v, sizeof(v));
}

void lower_srv_size(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	uint64_t v = 0;
	(void)l;
	value_size(arg_str(n, 0), false, &v);
	put_srv32(lv, offset, v);
}

void lower_srv_flag(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	(void)l;
	put_srv32(lv, offset, word_is(node_arg(n, 0), "on"));
}

void lower_large_client_header_buffers(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t count = 0, bytes = 0;
	(void)l, (void)arg;
	value_uint(arg_str(n, 0), &count);
	value_size(arg_str(n, 1), false, &bytes);
	put_srv32(lv, offsetof(struct wsr_srv, large_header_count), count);
	put_srv32(lv, offsetof(struct wsr_srv, large_header_bytes), bytes);
}
