/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rewrite program of a server or location: set, if, rewrite, return, break, redirect. In: the state of the evaluation. Out: that state
 * changed (URI, arguments, variables, settings), or a decision.
 *
 * Jumps go forward only (the table's verifier sees to it), so a program ends after at most as many steps as it has instructions.
 * Meanings are those of nginx's rewrite module (ngx_http_script_*_code).
 */
#include "eval/wsr_flow.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"

#define MAX_PARTS 64u

struct run {
	struct wsr_eval *e;
	uint32_t length;            /* of the program */
	uint32_t next;              /* instruction to run next */
	bool search;                /* the URI changed since the last search of a location */
	bool decided;
};

static void decided(struct run *r)
{
	r->decided = true;
	r->next = r->length;
}

/* Out of memory, a failed expression, a cycle of maps: e->error says which. */
static void failed(struct run *r, uint32_t pos)
{
	wsr_eval_fail(r->e, "out of memory", pos);
	wsr_decide_status(r->e, 500, r->e->error_pos);
	decided(r);
}

static void jump_unless(struct run *r, const struct wsr_insn *in, bool holds)
{
	if (in->flags & WSR_INSN_NOT)
		holds = !holds;
	wsr_trace(r->e, in->pos, holds ? "condition holds" : "condition does not hold", WSR_STR_NULL);
	if (!holds)
		r->next = in->c;
}

/* --- if ------------------------------------------------------------------------------------------------------------------ */

static void if_true(struct run *r, const struct wsr_insn *in)
{
	struct wsr_str v = wsr_eval_tmpl(r->e, in->a);
	jump_unless(r, in, v.len > 1 || (v.len == 1 && v.ptr[0] != '0'));
}

static void if_equal(struct run *r, const struct wsr_insn *in)
{
	struct wsr_str a = wsr_eval_tmpl(r->e, in->a);
	jump_unless(r, in, wsr_str_eq(a, wsr_eval_tmpl(r->e, in->b)));
}

static void if_match(struct run *r, const struct wsr_insn *in)
{
	enum wsr_match_result result = wsr_eval_match(r->e, in->b, wsr_eval_tmpl(r->e, in->a));
	if (result == WSR_MATCH_FAILED) {
		failed(r, in->pos);
		return;
	}
	if (result == WSR_NO_MATCH)
		r->e->captures.count = 0;
	jump_unless(r, in, result == WSR_MATCH);
}

static void if_file(struct run *r, const struct wsr_insn *in)
{
	struct wsr_str path = wsr_tmpl_z(r->e, in->a);
	const struct wsr_world *w = r->e->world;
	if (!path.ptr)
		failed(r, in->pos);
	else
		jump_unless(r, in, w && w->file && w->file(r->e->world_ctx, path.ptr, (enum wsr_file_test)in->code));
}

/* --- set and break ------------------------------------------------------------------------------------------------------- */

static void set_variable(struct run *r, const struct wsr_insn *in)
{
	struct wsr_eval *e = r->e;
	struct wsr_str value = wsr_eval_tmpl(e, in->b);
	struct wsr_str name = wsr_string(e->table, wsr_variable_at(e->table, in->a)->name);
	e->values[in->a] = value;
	if (name.len == 4 && memcmp(name.ptr, "args", 4) == 0)
		e->args = value; /* the one built-in variable that can be set */
	wsr_trace(e, in->pos, "set", value);
}

static void break_program(struct run *r)
{
	if (r->search) {
		r->e->prefix_lost = true;
		r->e->uri_changed = true;
	}
	r->search = false;
	r->next = r->length;
}

/* --- rewrite ------------------------------------------------------------------------------------------------------------- */

/* Did the client write something in its path that decoding changed or could change? Then captures are escaped again on their way back into a URL. */
static bool was_encoded(const struct wsr_eval *e)
{
	struct wsr_str path = e->request ? e->request->path : WSR_STR_NULL;
	return path.len && (memchr(path.ptr, '%', path.len) || memchr(path.ptr, '+', path.len));
}

enum escaping { ESCAPE_NOTHING, ESCAPE_BEHIND_QUESTION, ESCAPE_ALL };

/* The replacement's value with its captures escaped; *split = where the part behind the "?" begins, or SIZE_MAX. */
static struct wsr_str replacement(struct wsr_eval *e, uint32_t tmpl, enum escaping escaping, enum wsr_escape_set set, size_t *split)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(e->table, tmpl);
	struct wsr_str small[MAX_PARTS], *values = small;
	size_t len = 0;
	bool escape = escaping == ESCAPE_ALL;
	*split = SIZE_MAX;
	if (t->part_count > MAX_PARTS)
		values = wsr_arena_alloc(e->arena, t->part_count * sizeof(*values));
	for (uint32_t i = 0; values && i < t->part_count; i++) {
		const struct wsr_part *part = wsr_part_at(e->table, t->first_part + i);
		if (!wsr_part_value(e, part, &values[i]))
			values[i] = WSR_STR_NULL;
		if (part->kind == WSR_PART_CAPTURE && escape)
			values[i] = wsr_uri_escape(e->arena, values[i], set);
		len += values[i].len;
		if (part->kind == WSR_PART_ARGS_START && *split == SIZE_MAX) {
			*split = len;
			escape = escaping != ESCAPE_NOTHING;
		}
	}
	return values ? wsr_join(e->arena, values, t->part_count) : WSR_STR_NULL;
}

static struct wsr_str with_args(struct wsr_eval *e, struct wsr_str url, struct wsr_str separator)
{
	struct wsr_str parts[] = { url, separator, e->args };
	return wsr_join(e->arena, parts, 3);
}

static void rewrite_to_url(struct run *r, const struct wsr_insn *in)
{
	struct wsr_eval *e = r->e;
	size_t split;
	struct wsr_str url = replacement(e, in->b, was_encoded(e) ? ESCAPE_ALL : ESCAPE_NOTHING, WSR_ESCAPE_ARGS, &split);
	if (url.ptr)
		url = wsr_uri_unescape_redirect(e->arena, url);
	if (url.ptr && in->flags & WSR_REWRITE_ADD_ARGS && e->args.len)
		url = with_args(e, url, in->flags & WSR_REWRITE_HAS_ARGS ? WSR_STR("&") : WSR_STR("?"));
	if (!url.ptr) {
		failed(r, in->pos);
		return;
	}
	wsr_decide_redirect(e, in->code, url, in->pos);
	decided(r);
}

static void rewrite_path(struct run *r, const struct wsr_insn *in)
{
	struct wsr_eval *e = r->e;
	bool add = in->flags & WSR_REWRITE_ADD_ARGS;
	size_t split;
	struct wsr_str uri = replacement(e, in->b, was_encoded(e) ? ESCAPE_BEHIND_QUESTION : ESCAPE_NOTHING, WSR_ESCAPE_ARGS, &split);
	if (!uri.ptr) {
		failed(r, in->pos);
		return;
	}
	if (split != SIZE_MAX) {
		struct wsr_str args = wsr_from(uri, split);
		uri.len = split - 1; /* without the "?" */
		e->args = add && e->args.len ? with_args(e, args, WSR_STR("&")) : args;
	} else if (!add) {
		e->args.len = 0;
	}
	if (uri.len == 0) {
		wsr_eval_fail(e, "the rewritten URI has a zero length", in->pos);
		failed(r, in->pos);
		return;
	}
	e->uri = uri;
	e->internal = true;
	e->uri_changed = true;
	wsr_trace(e, in->pos, "rewritten", uri);
	if (in->flags & WSR_REWRITE_BREAK)
		e->prefix_lost = true;
	r->search = !(in->flags & WSR_REWRITE_BREAK);
	if (in->flags & (WSR_REWRITE_BREAK | WSR_REWRITE_LAST))
		r->next = r->length;
}

static void rewrite(struct run *r, const struct wsr_insn *in)
{
	enum wsr_match_result result = wsr_eval_match(r->e, in->a, r->e->uri);
	if (result == WSR_MATCH_FAILED)
		failed(r, in->pos);
	else if (result == WSR_NO_MATCH)
		r->e->captures.count = 0;
	else if (in->flags & WSR_REWRITE_REDIRECT)
		rewrite_to_url(r, in);
	else
		rewrite_path(r, in);
}

/* --- return and redirect ------------------------------------------------------------------------------------------------- */

static void return_now(struct run *r, const struct wsr_insn *in)
{
	struct wsr_eval *e = r->e;
	decided(r);
	if (in->code == 444) {
		wsr_decide_close(e, in->pos);
		return;
	}
	e->decision.status = in->code; /* $status in the text */
	struct wsr_str text = in->b == WSR_NONE ? WSR_STR("") : wsr_eval_tmpl(e, in->b);
	if (!text.ptr || e->error)
		failed(r, in->pos);
	else if (wsr_is_redirect(in->code) || in->flags & WSR_RETURN_URL)
		wsr_decide_redirect(e, in->code, text, in->pos);
	else if (in->code < 400 || in->b != WSR_NONE)
		wsr_decide_text(e, in->code, text, in->pos);
	else
		wsr_decide_status(e, in->code, in->pos);
}

/*
 * TO with the rest of the path in it and the query behind it. The rest goes before TO's own query or fragment; exactly one slash stands between, so
 * that "https://example.org" can never become "https://example.orgx".
 */
static struct wsr_str redirect_url(struct wsr_eval *e, struct wsr_str to, struct wsr_str rest)
{
	size_t path = 0;
	while (path < to.len && to.ptr[path] != '?' && to.ptr[path] != '#')
		path++;
	struct wsr_str tail = wsr_from(to, path);
	bool query = e->args.len && !(tail.len && memchr(tail.ptr, '?', tail.len));
	if (rest.len && path && to.ptr[path - 1] == '/')
		path--;
	rest = wsr_uri_escape(e->arena, rest, WSR_ESCAPE_PATH);
	struct wsr_str parts[] = { wsr_str(to.ptr, path), rest, query ? WSR_STR("?") : WSR_STR_NULL, query ? e->args : WSR_STR_NULL, tail };
	return wsr_join(e->arena, parts, 5);
}

/* "/old" holds for "/old" and all below it. *rest = what stands behind, "" or "/...". */
static bool below(struct wsr_str uri, struct wsr_str from, struct wsr_str *rest)
{
	if (!wsr_starts_with(uri, from))
		return false;
	if (from.len && from.ptr[from.len - 1] == '/')
		from.len--;
	*rest = wsr_from(uri, from.len);
	return rest->len == 0 || rest->ptr[0] == '/';
}

static void redirect(struct run *r, const struct wsr_insn *in)
{
	struct wsr_eval *e = r->e;
	struct wsr_str rest = WSR_STR("");
	size_t split;
	if (in->a != WSR_NONE) {
		enum wsr_match_result result = wsr_eval_match(e, in->a, e->uri);
		if (result == WSR_MATCH_FAILED)
			failed(r, in->pos);
		if (result != WSR_MATCH)
			return;
	} else if (in->c != WSR_NONE && !below(e->uri, wsr_eval_tmpl(e, in->c), &rest)) {
		return;
	}
	struct wsr_str url = replacement(e, in->b, ESCAPE_ALL, WSR_ESCAPE_PATH, &split);
	if (url.ptr)
		url = redirect_url(e, url, rest);
	if (!url.ptr) {
		failed(r, in->pos);
		return;
	}
	wsr_decide_redirect(e, in->code, url, in->pos);
	decided(r);
}

/* --- the loop ------------------------------------------------------------------------------------------------------------ */

static void step(struct run *r, const struct wsr_insn *in)
{
	switch (in->op) {
	case WSR_OP_SET:      set_variable(r, in); break;
	case WSR_OP_IF_TRUE:  if_true(r, in); break;
	case WSR_OP_IF_EQUAL: if_equal(r, in); break;
	case WSR_OP_IF_MATCH: if_match(r, in); break;
	case WSR_OP_IF_FILE:  if_file(r, in); break;
	case WSR_OP_REWRITE:  rewrite(r, in); break;
	case WSR_OP_RETURN:   return_now(r, in); break;
	case WSR_OP_BREAK:    break_program(r); break;
	case WSR_OP_USE:      wsr_flow_use(r->e, in->a); break;
	case WSR_OP_REDIRECT: redirect(r, in); break;
	}
}

enum wsr_program_end wsr_program_run(struct wsr_eval *e, uint32_t program)
{
	if (program == WSR_NONE)
		return WSR_PROGRAM_GO_ON;
	const struct wsr_program *p = wsr_program_at(e->table, program);
	struct run r = { .e = e, .length = p->count };
	while (r.next < r.length) {
		const struct wsr_insn *in = wsr_insn_at(e->table, p->first + r.next++);
		step(&r, in);
		if (e->error && !r.decided)
			failed(&r, in->pos);
	}
	return r.decided ? WSR_PROGRAM_DECIDED : r.search ? WSR_PROGRAM_SEARCH : WSR_PROGRAM_GO_ON;
}
