/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chunked decoder: payload and trailers of good bodies, refusal of bad ones, and that neither depends on how the bytes were split.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "eval/wsr_head.h"

struct result {
	char payload[70000], trailers[70000];
	size_t payload_len, trailers_len, used;
	bool done, bad;
};

/** Decode with input arriving in steps; bytes that the decoder leaves are kept, as its callers do. */
static void decode(const char *in, size_t len, size_t first, size_t step, struct result *r)
{
	struct wsr_chunked c = { 0 };
	memset(r, 0, sizeof(*r));
	for (size_t have = first < len ? first : len;; have = have + step < len ? have + step : len) {
		size_t rest = have - r->used;
		char *copy = malloc(rest ? rest : 1);
		memcpy(copy, in + r->used, rest);
		for (size_t at = 0;;) {
			struct wsr_chunk_out out = wsr_chunked_next(&c, copy + at, rest - at);
			if (out.data.len)
				memcpy(r->payload + r->payload_len, out.data.ptr, out.data.len);
			r->payload_len += out.data.len;
			if (out.trailer.len && !out.bad) {
				memcpy(r->trailers + r->trailers_len, out.trailer.ptr, out.trailer.len);
				r->trailers[r->trailers_len + out.trailer.len] = '|';
				r->trailers_len += out.trailer.len + 1;
			}
			at += out.used;
			r->used += out.used;
			r->done = out.done;
			r->bad = out.bad;
			if (out.used == 0 || out.done || out.bad)
				break;
		}
		free(copy);
		if (r->done || r->bad || have == len)
			return;
	}
}

static struct result whole, split;

static void decode_all(const char *in, size_t len)
{
	decode(in, len, len, 1, &whole);
	for (size_t first = 0; first <= len; first++) {
		decode(in, len, first, first ? len : 1, &split);
		assert_int_equal(whole.done, split.done);
		assert_int_equal(whole.bad, split.bad);
		if (whole.bad)
			continue;
		assert_int_equal(whole.used, split.used);
		assert_int_equal(whole.payload_len, split.payload_len);
		assert_memory_equal(whole.payload, split.payload, whole.payload_len);
		assert_int_equal(whole.trailers_len, split.trailers_len);
		assert_memory_equal(whole.trailers, split.trailers, whole.trailers_len);
	}
}

static void expect_body(const char *in, const char *payload, const char *trailers, size_t rest)
{
	decode_all(in, strlen(in));
	assert_false(whole.bad);
	assert_true(whole.done);
	assert_int_equal(whole.payload_len, strlen(payload));
	assert_memory_equal(whole.payload, payload, whole.payload_len);
	assert_string_equal(whole.trailers, trailers);
	assert_int_equal(whole.used, strlen(in) - rest);
}

static void test_good(void **state)
{
	(void)state;
	expect_body("0\r\n\r\n", "", "", 0);
	expect_body("5\r\nhello\r\n0\r\n\r\nGET", "hello", "", 3);
	expect_body("5\r\nhello\r\n00A\r\n0123456789\r\n000\r\n\r\n", "hello0123456789", "", 0);
	expect_body("3;a=b;c=\"d e\"\r\nabc\r\n1 ; x\r\nz\r\n0;y\r\nA: b\r\nC:\td\r\n\r\n", "abcz", "A: b|C:\td|", 0);
	expect_body("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "", 0);
	expect_body("0000000000000001\r\nx\r\n0\r\n\r\n", "x", "", 0);
}

static void test_bad(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\r\n", "x\r\n", " 5\r\n", "5 \r\n", "5\n", "5\r5\r\n", "-1\r\n", "+1\r\n", "0x5\r\n", "5;\r\n", "5;=\r\n", "5;a\n", "5;a\x01\r\n",
		"00000000000000001\r\n", "8000000000000000\r\n", "ffffffffffffffff\r\n", "5\r\nhelloX", "5\r\nhello\n", "5\r\nhello\r\r", "5\r\nhello\r\n\r\n",
		"0\r\nA b\r\n", "0\r\n A: b\r\n", "0\r\nA : b\r\n", "0\r\nA: b\n", "0\r\n\n", "0\r\nA: b\rc\r\n", "0\r\nA: \x01\r\n", "0\r\n: b\r\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		decode_all(bad[i], strlen(bad[i]));
		if (!whole.bad)
			print_error("accepted: %s\n", bad[i]);
		assert_true(whole.bad);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	char *in = malloc(40000);
	size_t len = (size_t)sprintf(in, "1;");
	memset(in + len, 'x', WSR_CHUNK_EXT_MAX + 10);
	decode(in, len + WSR_CHUNK_EXT_MAX + 10, 1, 1, &whole);
	assert_true(whole.bad);
	/* one endless trailer line, and many short ones */
	len = (size_t)sprintf(in, "0\r\nA: ");
	memset(in + len, 'x', 20000);
	decode(in, len + 20000, 1, 1000, &whole);
	assert_true(whole.bad);
	len = (size_t)sprintf(in, "0\r\n");
	while (len < 20000)
		len += (size_t)sprintf(in + len, "A: b\r\n");
	decode(in, len, len, 1, &whole);
	assert_true(whole.bad);
	decode(in, len, 1, 977, &whole);
	assert_true(whole.bad);
	free(in);
	/* not complete: neither done nor bad */
	decode_all("5\r\nhel", 6);
	assert_false(whole.bad || whole.done);
	assert_int_equal(whole.payload_len, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_bounds) };
	return cmocka_run_group_tests_name("chunked", tests, NULL, NULL);
}
