/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request heads: any bytes parse without a fault; splits do not change the result; a head that is accepted and written again by wsr_out_* reads back
 * equal, and what the rest of the program relies on holds. The first byte chooses the split.
 */
#include <stdlib.h>

#include "eval/wsr_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wsr_head_limits limits = { .line_bytes = 300, .head_bytes = 1000, .fields = 20 };

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

static void require_same(const struct wsr_head *a, const struct wsr_head *b)
{
	REQUIRE(wsr_str_eq(a->method, b->method) && wsr_str_eq(a->target, b->target) && wsr_str_eq(a->host, b->host));
	REQUIRE(a->minor == b->minor && a->framing == b->framing && a->content_length == b->content_length && a->field_count == b->field_count);
	REQUIRE(a->close == b->close && a->connection_upgrade == b->connection_upgrade && a->expect_continue == b->expect_continue);
	for (uint32_t i = 0; i < a->field_count; i++) {
		REQUIRE(wsr_str_eq(a->fields[i].name, b->fields[i].name) && wsr_str_eq(a->fields[i].value, b->fields[i].value));
		REQUIRE(a->fields[i].id == b->fields[i].id && a->fields[i].flags == b->fields[i].flags);
	}
}

static void require_invariants(const struct wsr_head *h, const char *buf)
{
	REQUIRE(h->path.len > 0 && (h->path.ptr[0] == '/' || h->form == WSR_TARGET_ASTERISK));
	REQUIRE(h->minor == 0 || h->host.len > 0);
	REQUIRE(memcmp(buf + h->head_bytes - 4, "\r\n\r\n", 4) == 0);
	REQUIRE(!(h->first[WSR_F_CONTENT_LENGTH] && h->first[WSR_F_TRANSFER_ENCODING]));
	REQUIRE(!h->first[WSR_F_HOST] || !(h->first[WSR_F_HOST]->flags & WSR_FIELD_HOP));
}

static void require_round_trip(const struct wsr_head *h)
{
	struct wsr_arena arena;
	struct wsr_out out;
	struct wsr_head again;
	struct wsr_head_parser p = { 0 };
	struct wsr_head_limits wide = { .line_bytes = 2000, .head_bytes = 4000, .fields = 20 };
	wsr_arena_init(&arena, NULL, 1 << 20);
	wsr_out_init(&out, &arena, 16);
	wsr_out_request_line(&out, h->method, h->target, h->minor);
	for (uint32_t i = 0; i < h->field_count; i++)
		wsr_out_field(&out, h->fields[i].name, h->fields[i].value);
	wsr_out_end(&out);
	REQUIRE(!out.failed && out.refused == 0);
	REQUIRE(wsr_head_request(&p, out.ptr, out.len, &wide, &arena, &again) == WSR_HEAD_DONE);
	REQUIRE(again.head_bytes == out.len);
	require_same(h, &again);
	wsr_arena_reset(&arena);
}

/* Any fields of a head, copied together where they can be, are what each one alone gives. */
static void require_copied_alike(const struct wsr_head *h, unsigned chosen)
{
	struct wsr_arena arena;
	struct wsr_out together, alone;
	uint32_t run = 0;
	wsr_arena_init(&arena, NULL, 1 << 20);
	wsr_out_init(&together, &arena, 16);
	wsr_out_init(&alone, &arena, 16);
	for (uint32_t i = 0; i < h->field_count; i++) {
		if (chosen >> i % 8 & 1) {
			wsr_out_known(&alone, h->fields[i].name, h->fields[i].value);
			continue;
		}
		wsr_out_read(&together, h, run, i);
		run = i + 1;
	}
	wsr_out_read(&together, h, run, h->field_count);
	REQUIRE(wsr_str_eq(wsr_str(together.ptr, together.len), wsr_str(alone.ptr, alone.len)));
	wsr_arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const char *buf = (const char *)data + 1;
	size_t len = size - 1, step = data[0] % 16 + 1;
	struct wsr_arena a, b;
	struct wsr_head whole, split;
	struct wsr_head_parser p = { 0 }, q = { 0 };
	wsr_arena_init(&a, NULL, 1 << 20);
	wsr_arena_init(&b, NULL, 1 << 20);
	enum wsr_head_status s = wsr_head_request(&p, buf, len, &limits, &a, &whole), t = WSR_HEAD_MORE;
	char *copy = NULL;
	for (size_t have = 0; t == WSR_HEAD_MORE && have < len;) {
		have = have + step < len ? have + step : len;
		free(copy);
		REQUIRE((copy = malloc(have)));
		memcpy(copy, buf, have);
		t = wsr_head_request(&q, copy, have, &limits, &b, &split);
	}
	REQUIRE(s == t && p.error == q.error);
	if (s == WSR_HEAD_DONE) {
		require_same(&whole, &split);
		require_invariants(&whole, buf);
		require_round_trip(&whole);
		require_copied_alike(&whole, 0xff);
		require_copied_alike(&split, data[0]);
	}
	free(copy);
	wsr_arena_reset(&a);
	wsr_arena_reset(&b);
	return 0;
}
