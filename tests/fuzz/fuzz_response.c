/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Response heads: any bytes parse without a fault, splits do not change the result, and framing is one of those that RFC 9112 section 6.3 allows. The first
 * byte chooses the split and whether the request was HEAD.
 */
#include <stdlib.h>

#include "eval/wsr_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wsr_head_limits limits = { .line_bytes = 1000, .head_bytes = 1000, .fields = 20 };

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

static void require_framing(const struct wsr_head *h, bool head)
{
	bool none = head || h->status < 200 || h->status == 204 || h->status == 304;
	REQUIRE(h->status >= 100 && h->status <= 999);
	REQUIRE((h->framing == WSR_FRAMING_NONE) == none);
	REQUIRE(h->framing != WSR_FRAMING_UNTIL_CLOSE || h->close);
	REQUIRE(h->framing != WSR_FRAMING_CHUNKED || h->minor == 1);
	REQUIRE(!(h->first[WSR_F_CONTENT_LENGTH] && h->first[WSR_F_TRANSFER_ENCODING]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const char *buf = (const char *)data + 1;
	size_t len = size - 1, step = data[0] % 16 + 1;
	bool head = data[0] & 0x80;
	struct wsr_arena a, b;
	struct wsr_head whole, split;
	struct wsr_head_parser p = { 0 }, q = { 0 };
	wsr_arena_init(&a, NULL, 1 << 20);
	wsr_arena_init(&b, NULL, 1 << 20);
	enum wsr_head_status s = wsr_head_response(&p, buf, len, &limits, head, &a, &whole), t = WSR_HEAD_MORE;
	char *copy = NULL;
	for (size_t have = 0; t == WSR_HEAD_MORE && have < len;) {
		have = have + step < len ? have + step : len;
		free(copy);
		REQUIRE((copy = malloc(have)));
		memcpy(copy, buf, have);
		t = wsr_head_response(&q, copy, have, &limits, head, &b, &split);
	}
	REQUIRE(s == t && p.error == q.error);
	if (s == WSR_HEAD_DONE) {
		REQUIRE(whole.status == split.status && whole.framing == split.framing && whole.content_length == split.content_length);
		REQUIRE(whole.close == split.close && whole.field_count == split.field_count && whole.head_bytes == split.head_bytes);
		require_framing(&whole, head);
	}
	free(copy);
	wsr_arena_reset(&a);
	wsr_arena_reset(&b);
	return 0;
}
