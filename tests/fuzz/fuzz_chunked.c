/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunked bodies: any bytes decode without a fault, and payload, trailers and end are the same for every split. The first byte chooses the split.
 */
#include <stdlib.h>

#include "eval/wsr_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

struct result {
	char *bytes;                /* payload, then trailer lines each behind a NUL */
	size_t len, used;
	bool done, bad;
};

static void add(struct result *r, struct wsr_str s)
{
	if (s.len)
		memcpy(r->bytes + r->len, s.ptr, s.len);
	r->len += s.len;
}

static void decode(const char *in, size_t len, size_t step, struct result *r)
{
	struct wsr_chunked c = { 0 };
	*r = (struct result){ .bytes = malloc(2 * len + 1) };
	REQUIRE(r->bytes);
	for (size_t have = 0; have < len && !r->done && !r->bad;) {
		have = have + step < len ? have + step : len;
		for (;;) {
			struct wsr_chunk_out out = wsr_chunked_next(&c, in + r->used, have - r->used);
			REQUIRE(out.used <= have - r->used);
			r->done = out.done;
			r->bad = out.bad;
			r->used += out.used;
			if (!out.bad)
				add(r, out.data);
			if (out.trailer.len && !out.bad) {
				add(r, wsr_str("", 1));
				add(r, out.trailer);
			}
			if (out.used == 0 || out.done || out.bad)
				break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct result whole, split;
	decode((const char *)data + 1, size - 1, size, &whole);
	decode((const char *)data + 1, size - 1, data[0] % 16 + 1, &split);
	REQUIRE(whole.done == split.done && whole.bad == split.bad);
	if (!whole.bad)
		REQUIRE(whole.used == split.used && whole.len == split.len && memcmp(whole.bytes, split.bytes, whole.len) == 0);
	free(whole.bytes);
	free(split.bytes);
	return 0;
}
