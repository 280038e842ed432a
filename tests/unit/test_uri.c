/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths: what normalisation gives and refuses (checked against nginx 1.22 by hand), what each escape set escapes, counting of "..", and that no byte
 * behind the input is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "eval/wsr_eval.h"
#include "eval/wsr_uri.h"

static struct wsr_arena arena;

static int setup(void **state)
{
	(void)state;
	wsr_arena_init(&arena, NULL, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wsr_arena_reset(&arena);
	return 0;
}

/* The input in memory of exactly its size, so that a sanitizer sees a read behind it. */
static bool normalise(const char *raw, bool merge, struct wsr_str *out)
{
	size_t len = strlen(raw);
	char *exact = malloc(len ? len : 1);
	assert_non_null(exact);
	memcpy(exact, raw, len);
	bool ok = wsr_uri_normalise(&arena, wsr_str(exact, len), merge, out);
	if (ok)
		*out = wsr_arena_dup(&arena, *out);
	free(exact);
	return ok;
}

static void expect_path(const char *raw, bool merge, const char *want)
{
	struct wsr_str got;
	assert_true(normalise(raw, merge, &got));
	if (!wsr_str_eq(got, wsr_cstr(want)))
		fail_msg("%s: got %.*s, want %s", raw, WSR_FMT(got), want);
}

static void test_normalise(void **state)
{
	static const char *const cases[][2] = {
		{ "/", "/" }, { "/a", "/a" }, { "/a/", "/a/" }, { "/a//b", "/a/b" }, { "//", "/" }, { "///a", "/a" }, { "/a/.", "/a/" },
		{ "/a/./b", "/a/b" }, { "/.", "/" }, { "/./", "/" }, { "/a/..", "/" }, { "/a/../", "/" }, { "/a/b/..", "/a/" }, { "/a/b/../c", "/a/c" },
		{ "/a/b/../../c", "/c" }, { "/a/.b", "/a/.b" }, { "/a/..b", "/a/..b" }, { "/a/...", "/a/..." }, { "/a/b.", "/a/b." },
		{ "/%41", "/A" }, { "/a%2Fb", "/a/b" }, { "/a%2f%2e%2e/b", "/b" }, { "/a/%2e", "/a/" }, { "/a%3Fb", "/a?b" }, { "/a%23b", "/a#b" },
		{ "/a%25b", "/a%b" }, { "/a%2541", "/a%41" }, { "/%e2%82%ac", "/\xe2\x82\xac" }, { "/a%20b", "/a b" }, { "/a%0d%0ab", "/a\r\nb" },
		{ "/a//../b", "/b" }, { "/a/b/%2e%2e", "/a/" }, { "/+", "/+" }, { "/a\\..\\b", "/a\\..\\b" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_path(cases[i][0], true, cases[i][1]);
}

static void test_slashes_kept(void **state)
{
	(void)state;
	expect_path("/a//b", false, "/a//b");
	expect_path("//", false, "//");
	expect_path("/a//../b", false, "/a/b");
	expect_path("/a//./b", false, "/a//b");
	expect_path("/a/b//", false, "/a/b//");
}

static void test_refused(void **state)
{
	static const char *const cases[] = { "", "a", "*", "/..", "/../", "/a/../..", "/a/../../b", "/%2e%2e/", "/%", "/%4", "/%4g", "/%g4", "/a%00b", "/.%2e" };
	struct wsr_str out;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int merge = 0; merge < 2; merge++)
			if (normalise(cases[i], merge, &out))
				fail_msg("%s: accepted as %.*s", cases[i], WSR_FMT(out));
}

static void test_usual_path_is_not_copied(void **state)
{
	struct wsr_str raw = WSR_STR("/static/app.js"), out;
	(void)state;
	assert_true(wsr_uri_normalise(&arena, raw, true, &out));
	assert_ptr_equal(out.ptr, raw.ptr);
	assert_ptr_equal(wsr_uri_escape(&arena, raw, WSR_ESCAPE_ARGS).ptr, raw.ptr);
	assert_ptr_equal(wsr_uri_unescape_redirect(&arena, raw).ptr, raw.ptr);
}

/* Which bytes are escaped: nginx's tables for a path and for arguments, ours for what breaks a request line. */
static void test_escape_sets(void **state)
{
	static const char path[] = " \"#%<>?\\^`{|}", args[] = "&+;";
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char byte = (char)c, want[4];
		bool odd = c < 0x20 || c >= 0x7f || (c && strchr(path, (int)c));
		bool broken = c <= 0x20 || c >= 0x7f || c == '#';
		snprintf(want, sizeof(want), "%%%02X", c);
		struct wsr_str s = wsr_str(&byte, 1);
		assert_int_equal(wsr_str_eq(wsr_uri_escape(&arena, s, WSR_ESCAPE_PATH), wsr_cstr(want)), odd);
		assert_int_equal(wsr_str_eq(wsr_uri_escape(&arena, s, WSR_ESCAPE_ARGS), wsr_cstr(want)), odd || (c && strchr(args, (int)c)));
		assert_int_equal(wsr_str_eq(wsr_uri_escape(&arena, s, WSR_ESCAPE_BROKEN), wsr_cstr(want)), broken);
	}
}

static void expect_unescaped(const char *in, const char *want)
{
	struct wsr_str got = wsr_uri_unescape_redirect(&arena, wsr_cstr(in));
	if (!wsr_str_eq(got, wsr_cstr(want)))
		fail_msg("%s: got %.*s, want %s", in, WSR_FMT(got), want);
}

static void test_unescape_redirect(void **state)
{
	(void)state;
	expect_unescaped("/a%26b", "/a&b");
	expect_unescaped("/a%20b", "/a%20b");
	expect_unescaped("/a%0D%0Ab", "/a%0D%0Ab");
	expect_unescaped("/a%3Fb%26", "/a?b%26");
	expect_unescaped("/a%25b", "/a%25b");
	expect_unescaped("/a%41?b=%41", "/aA?b=%41");
	expect_unescaped("/a%4", "/a%4");
	expect_unescaped("/a%E2", "/a%E2");
}

static void test_dotdots(void **state)
{
	(void)state;
	assert_int_equal(wsr_uri_dotdots(WSR_STR("/a/b")), 0);
	assert_int_equal(wsr_uri_dotdots(WSR_STR("..")), 1);
	assert_int_equal(wsr_uri_dotdots(WSR_STR("../../x")), 2);
	assert_int_equal(wsr_uri_dotdots(WSR_STR("/a../b")), 0);
	assert_int_equal(wsr_uri_dotdots(WSR_STR("/a/..b/..")), 1);
	assert_int_equal(wsr_uri_dotdots(WSR_STR("/...")), 0);
	assert_int_equal(wsr_uri_dotdots(WSR_STR("")), 0);
}

static void test_no_memory(void **state)
{
	struct wsr_arena small;
	struct wsr_str out, parts[] = { WSR_STR("a"), WSR_STR("b") };
	(void)state;
	wsr_arena_init(&small, NULL, 0);
	assert_false(wsr_uri_normalise(&small, WSR_STR("/a//b"), true, &out));
	assert_null(wsr_uri_escape(&small, WSR_STR(" "), WSR_ESCAPE_PATH).ptr);
	assert_null(wsr_join(&small, parts, 2).ptr);
	wsr_arena_reset(&small);
}

static void test_variable_names(void **state)
{
	struct wsr_str suffix;
	(void)state;
	for (unsigned id = 0; id < WSR_VAR_MAX; id++) {
		const char *name = wsr_var_name((enum wsr_var_id)id);
		char longer[64];
		size_t len = strlen(name);
		bool family = name[len - 1] == '_';
		snprintf(longer, sizeof(longer), "%s%s", name, family ? "x_y" : "");
		assert_int_equal(wsr_var_find(wsr_cstr(longer), &suffix), id);
		assert_true(wsr_str_eq(suffix, family ? WSR_STR("x_y") : WSR_STR_NULL));
	}
	assert_int_equal(wsr_var_find(WSR_STR("http_"), &suffix), WSR_VAR_MAX);
	assert_int_equal(wsr_var_find(WSR_STR("nothing"), &suffix), WSR_VAR_MAX);
	assert_int_equal(wsr_var_find(WSR_STR(""), &suffix), WSR_VAR_MAX);
	assert_int_equal(wsr_var_find(WSR_STR("http_host"), &suffix), WSR_V_HTTP_HOST_FIELD);
	assert_int_equal(wsr_var_find(WSR_STR("upstream_http_x"), &suffix), WSR_V_UPSTREAM_HTTP_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_normalise, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slashes_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usual_path_is_not_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escape_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unescape_redirect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dotdots, setup, teardown),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_variable_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
