/* SPDX-License-Identifier: BSD-2-Clause */
/* One input of a fuzz target of the evaluation: see fuzz_site.h. */
#include "tests/lib_c/fuzz_site.h"

#include <stdlib.h>

static const struct wsr_head_limits limits = { .line_bytes = 4096, .head_bytes = 16384, .fields = 64 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Read back what we wrote: one head that takes all the bytes. */
static void parse_back(const struct wsr_out *out, bool response, bool was_head, struct wsr_arena *arena, struct wsr_head *h)
{
	struct wsr_head_limits wide = { .line_bytes = 1 << 20, .head_bytes = 1 << 20, .fields = 1000, .underscores = true };
	struct wsr_head_parser p = { 0 };
	enum wsr_head_status status = response ? wsr_head_response(&p, out->ptr, out->len, &wide, was_head, arena, h)
					       : wsr_head_request(&p, out->ptr, out->len, &wide, arena, h);
	must(status == WSR_HEAD_DONE && h->head_bytes == out->len);
}

static void check_upstream(struct site *s, struct wsr_arena *arena)
{
	struct wsr_eval *e = &s->e;
	const struct wsr_decision *d = &e->decision;
	struct wsr_head back;
	struct wsr_out out;
	wsr_out_init(&out, &s->arena, 256);
	wsr_eval_upstream_head(e, s->request.framing, s->request.content_length, true, &out);
	if (out.failed)
		return;
	parse_back(&out, false, false, arena, &back);
	must(wsr_str_eq(back.method, d->method) && wsr_str_eq(back.target, d->target));
	must(back.framing == s->request.framing);
	must(back.framing != WSR_FRAMING_LENGTH || back.content_length == s->request.content_length);
	must(d->tunnel ? back.connection_upgrade && wsr_str_eq(back.upgrade, d->protocol) : back.upgrade.len == 0);
}

static bool has_no_body(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}

static void check_answer(struct site *s, const struct wsr_head *up, struct wsr_arena *arena)
{
	struct wsr_eval *e = &s->e;
	const struct wsr_decision *d = &e->decision;
	struct wsr_answer a = { .status = d->status ? d->status : up ? up->status : 200, .keepalive = true, .content_type = d->content_type, .location = d->location };
	struct wsr_head back;
	struct wsr_out out;
	if (a.status < 100 || a.status > 599)
		return;
	if (!has_no_body(a.status) && !s->request.head_method) {
		a.framing = WSR_FRAMING_LENGTH;
		a.length = up ? 5 : d->body.len;
	}
	if (up) {
		a.content_type = WSR_STR_NULL;
		a.location = WSR_STR_NULL;
	}
	wsr_out_init(&out, &s->arena, 256);
	wsr_eval_answer_head(e, up, &a, &out);
	if (out.failed)
		return;
	parse_back(&out, true, s->request.head_method, arena, &back);
	must(back.status == a.status && back.framing == a.framing && (a.framing != WSR_FRAMING_LENGTH || back.content_length == a.length));
}

static void check(struct site *s, const struct wsr_head *up)
{
	struct wsr_arena arena;
	wsr_arena_init(&arena, NULL, 1 << 20);
	if (s->e.decision.kind == WSR_DECIDE_PROXY) {
		check_upstream(s, &arena);
		if (up && up->status != 101)
			check_answer(s, up, &arena);
	} else if (s->e.decision.kind == WSR_DECIDE_ANSWER) {
		check_answer(s, NULL, &arena);
	} else if (s->e.decision.kind == WSR_DECIDE_FILE) {
		must(s->e.decision.path.ptr[s->e.decision.path.len] == '\0' && !strstr(s->e.decision.path.ptr, "/../"));
	}
	for (uint32_t i = 0; i < wsr_log_format_count(&s->table); i++) {
		const struct wsr_log_format *f = wsr_log_format_at(&s->table, i);
		struct wsr_str line = wsr_eval_log_line(&s->e, f);
		must(f->escape == WSR_ESCAPE_NONE || !memchr(line.ptr, '\n', line.len));
	}
	wsr_arena_reset(&arena);
}

int fuzz_site(struct site *s, const char *conf, const char *files, const uint8_t *data, size_t size)
{
	struct wsr_head_parser p = { 0 }, q = { 0 };
	struct wsr_head response;
	if (!s->bytes && !site_open(s, conf))
		abort();
	s->files = files;
	if (size < 2)
		return 0;
	const char *text = (const char *)data + 1;
	wsr_arena_reset(&s->arena);
	wsr_arena_init(&s->arena, NULL, data[0] & 0x80 ? 6000 : 1 << 20);
	site_start(s);
	if (wsr_head_request(&p, text, size - 1, &limits, &s->arena, &s->request) != WSR_HEAD_DONE)
		return 0;
	size_t used = s->request.head_bytes;
	bool answered = wsr_head_response(&q, text + used, size - 1 - used, &limits, s->request.head_method, &s->arena, &response) == WSR_HEAD_DONE;
	wsr_eval_begin(&s->e);
	check(s, answered ? &response : NULL);
	if (data[0] & 1) {
		site_result(s);
		site_settle(s);
		check(s, answered ? &response : NULL);
	}
	if (data[0] & 2) {
		wsr_eval_error(&s->e, data[0] & 4 ? 502 : 404);
		check(s, answered ? &response : NULL);
	}
	if (data[0] & 8) {
		wsr_eval_bad_request(&s->e, 400);
		check(s, NULL);
	}
	return 0;
}
