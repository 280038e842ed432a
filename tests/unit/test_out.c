/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head writer: exact bytes, what it refuses, growth, and that the parser reads back what was written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "eval/wsr_chars.h"
#include "eval/wsr_flow.h"

static struct wsr_arena arena;
static struct wsr_out out;

static void start(size_t max)
{
	wsr_arena_init(&arena, NULL, max);
	wsr_out_init(&out, &arena, 16);
}

static void expect_bytes(const char *text)
{
	assert_false(out.failed);
	assert_int_equal(out.len, strlen(text));
	assert_memory_equal(out.ptr, text, out.len);
	wsr_arena_reset(&arena);
}

static void test_bytes(void **state)
{
	(void)state;
	start(1 << 20);
	wsr_out_request_line(&out, WSR_STR("GET"), WSR_STR("/a?b"), 1);
	wsr_out_field(&out, WSR_STR("Host"), WSR_STR(" example.org\t"));
	wsr_out_field(&out, WSR_STR("Empty"), WSR_STR_NULL);
	wsr_out_end(&out);
	expect_bytes("GET /a?b HTTP/1.1\r\nHost: example.org\r\nEmpty: \r\n\r\n");
	start(1 << 20);
	wsr_out_status_line(&out, 0, 404, wsr_reason(404));
	wsr_out_status_line(&out, 1, 299, wsr_reason(299));
	wsr_out_status_line(&out, 1, 200, WSR_STR("a\rb"));
	expect_bytes("HTTP/1.0 404 Not Found\r\nHTTP/1.1 299 \r\nHTTP/1.1 200 \r\n");
}

static void test_refused(void **state)
{
	(void)state;
	static const struct { struct wsr_str name, value; } bad[] = {
		{ { "A", 1 }, { "b\r\nX: y", 7 } }, { { "A", 1 }, { "b\nc", 3 } }, { { "A", 1 }, { "b\0c", 3 } }, { { "A", 1 }, { "\x7f", 1 } },
		{ { "A\r\n", 3 }, { "b", 1 } }, { { "A b", 3 }, { "b", 1 } }, { { "", 0 }, { "b", 1 } }, { { "A:", 2 }, { "b", 1 } },
	};
	start(1 << 20);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		wsr_out_field(&out, bad[i].name, bad[i].value);
	assert_int_equal(out.refused, sizeof(bad) / sizeof(bad[0]));
	expect_bytes("");
	static const struct wsr_str targets[] = { { "", 0 }, { "/ b", 3 }, { "/\r\n", 3 }, { "/#", 2 }, { "/\0", 2 } };
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		start(1 << 20);
		wsr_out_request_line(&out, WSR_STR("GET"), targets[i], 1);
		assert_true(out.failed);
		wsr_arena_reset(&arena);
	}
	start(1 << 20);
	wsr_out_request_line(&out, WSR_STR("G T"), WSR_STR("/"), 1);
	assert_true(out.failed);
	wsr_arena_reset(&arena);
	start(1 << 20);
	wsr_out_status_line(&out, 1, 99, WSR_STR(""));
	assert_true(out.failed);
	wsr_arena_reset(&arena);
}

static void test_growth(void **state)
{
	(void)state;
	start(1 << 20);
	wsr_out_status_line(&out, 1, 200, wsr_reason(200));
	for (unsigned i = 0; i < 500; i++)
		wsr_out_field(&out, WSR_STR("X-Field"), WSR_STR("some value"));
	wsr_out_end(&out);
	assert_false(out.failed);
	struct wsr_head_parser p = { 0 };
	struct wsr_head_limits limits = { .line_bytes = 100, .head_bytes = 100000, .fields = 500 };
	struct wsr_head h;
	assert_int_equal(wsr_head_response(&p, out.ptr, out.len, &limits, false, &arena, &h), WSR_HEAD_DONE);
	assert_int_equal(h.field_count, 500);
	assert_int_equal(h.head_bytes, out.len);
	wsr_arena_reset(&arena);
	start(WSR_ARENA_BLOCK);
	for (unsigned i = 0; i < 500; i++)
		wsr_out_field(&out, WSR_STR("X-Field"), WSR_STR("some value"));
	assert_true(out.failed);
	wsr_arena_reset(&arena);
}

/* Fields that were read go on as they are or as they should have been written; a gap in a run leaves nothing of what stood there. */
static void test_read(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC:3\r\nD:  4\r\nE: 5 \r\nF: \r\nG:\r\nh_i: 6\t7\r\n\r\n";
	static const char *const lines[] = { "A: 1\r\n", "B: 2\r\n", "C: 3\r\n", "D: 4\r\n", "E: 5\r\n", "F: \r\n", "G: \r\n", "h_i: 6\t7\r\n" };
	struct wsr_head_limits limits = { .line_bytes = 100, .head_bytes = 1000, .fields = 9 };
	struct wsr_head_parser p = { 0 };
	struct wsr_head h;
	struct wsr_arena heads;
	(void)state;
	wsr_arena_init(&heads, NULL, 1 << 20);
	assert_int_equal(wsr_head_response(&p, text, sizeof(text) - 1, &limits, false, &heads, &h), WSR_HEAD_DONE);
	assert_int_equal(h.field_count, 8);
	for (unsigned first = 0; first <= 8; first++)
		for (unsigned end = first; end <= 8; end++) {
			char want[200] = "";
			start(1 << 20);
			for (unsigned i = first; i < end; i++)
				strcat(want, lines[i]);
			wsr_out_read(&out, &h, first, end);
			expect_bytes(want);
		}
	wsr_arena_reset(&heads);
}

static size_t plain_span(struct wsr_str s)
{
	size_t n = 0;
	while (n < s.len && (wsr_char_is(s.ptr[n], WSR_C_NAME) || s.ptr[n] == '.'))
		n++;
	return n;
}

static size_t ascii_span(struct wsr_str s)
{
	size_t n = 0;
	while (n < s.len && (unsigned char)s.ptr[n] < 0x80 && wsr_char_is(s.ptr[n], WSR_C_TARGET))
		n++;
	return n;
}

static size_t quoted_span(struct wsr_str s)
{
	size_t n = 0;
	while (n < s.len && (unsigned char)s.ptr[n] >= 0x20 && (unsigned char)s.ptr[n] < 0x7f && !strchr("\"\\", s.ptr[n]))
		n++;
	return n;
}

static void assert_spans(struct wsr_str s)
{
	assert_int_equal(wsr_quoted_span(s), quoted_span(s));
	assert_int_equal(wsr_line_span(s), wsr_span(s, WSR_C_LINE));
	assert_int_equal(wsr_target_span(s), wsr_span(s, WSR_C_TARGET));
	assert_int_equal(wsr_name_span(s), wsr_span(s, WSR_C_NAME));
	assert_int_equal(wsr_plain_span(s), plain_span(s));
	assert_int_equal(wsr_ascii_span(s), ascii_span(s));
}

/* Sixteen bytes at a time or one by one: every byte at every place of runs of every length gives the same, and nothing behind the run is looked at. */
static void test_spans(void **state)
{
	static const char around[] = { 'a', 'Z', '0', '-', '.', '/', '\t', ' ', (char)0xff };
	char text[35];
	(void)state;
	for (size_t len = 0; len <= sizeof(text); len++) {
		char *s = text + sizeof(text) - len;
		for (size_t at = 0; at < len; at++)
			for (unsigned byte = 0; byte < 256; byte++) {
				memset(text, around[byte % sizeof(around)], sizeof(text));
				s[at] = (char)byte;
				assert_spans(wsr_str(s, len));
				memset(s, around[at % sizeof(around)], at);
				assert_spans(wsr_str(s, len));
				if (at + 1 < len)
					s[at + 1] = (char)(byte ^ 0x20);
				assert_spans(wsr_str(s, at + 1));
			}
	}
	assert_spans(WSR_STR_NULL);
}

/* The constant pages and the ones that are put together have one shape. */
static void test_status(void **state)
{
	(void)state;
	wsr_arena_init(&arena, NULL, 1 << 20);
	assert_string_equal(wsr_reason(100).ptr, "Continue");
	assert_string_equal(wsr_reason(511).ptr, "Network Authentication Required");
	static const unsigned unknown[] = { 0, 99, 102, 299, 512, 999, 65535 };
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		assert_int_equal(wsr_reason(unknown[i]).len, 0);
	assert_string_equal(wsr_status_page(&arena, 301, false).ptr,
			    "<!DOCTYPE html>\n<html><head><title>301 Moved Permanently</title></head>\n"
			    "<body><h1>301 Moved Permanently</h1><hr><p>wsrp</p></body></html>\n");
	assert_string_equal(wsr_status_page(&arena, 599, true).ptr,
			    "<!DOCTYPE html>\n<html><head><title>599</title></head>\n<body><h1>599</h1><hr><p>wsrp/" WSR_VERSION "</p></body></html>\n");
	wsr_arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bytes), cmocka_unit_test(test_refused), cmocka_unit_test(test_growth),
					    cmocka_unit_test(test_read), cmocka_unit_test(test_spans), cmocka_unit_test(test_status) };
	return cmocka_run_group_tests_name("out", tests, NULL, NULL);
}
