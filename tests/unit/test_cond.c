/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions that no text gives in this form: three truths, depth, groups that are collected, functions that call each other. The tables are made by hand; what
 * comparisons and patterns say stands in test_apache_expr.c and test_httpd_rewrite.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "eval/wsr_call.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_regex.h"
#include "tests/lib_c/table_image.h"

struct world {
	struct image im;
	uint8_t *bytes;
	struct wsr_table table;
	struct wsr_arena arena;
	struct wsr_httpd httpd;
	struct wsr_eval e;
};

static void begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	image_sample(&w->im);
}

/* Verify what was built and make an evaluation that has nothing but it. */
static void ready(struct world *w)
{
	size_t len;
	struct wsr_refusal why;
	char text[200];
	w->bytes = image_bytes(&w->im, &len);
	if (!wsr_table_init(&w->table, w->bytes, len, &why))
		fail_msg("%s", wsr_refusal_text(&why, text, sizeof(text)));
	wsr_arena_init(&w->arena, NULL, 1 << 20);
	w->e.table = &w->table;
	w->e.arena = &w->arena;
	w->e.regexes = wsr_regexes_new(&w->table);
	w->e.httpd = &w->httpd;
}

static void end(struct world *w)
{
	wsr_regexes_free(w->e.regexes);
	wsr_arena_reset(&w->arena);
	wsr_table_close(&w->table);
	free(w->bytes);
	image_free(&w->im);
}

static uint32_t node(struct world *w, unsigned op, unsigned flags, unsigned size)
{
	return image_cond(&w->im, (struct wsr_cond){ .op = (uint8_t)op, .flags = (uint8_t)flags, .size = (uint16_t)size, .pos = WSR_NONE });
}

/* op over a constant truth and "somebody is authenticated". */
static uint32_t pair(struct world *w, unsigned op, bool constant)
{
	uint32_t root = node(w, op, 0, 3);
	node(w, WSR_COND_TRUE, constant ? 0 : WSR_COND_NOT, 1);
	node(w, WSR_COND_VALID_USER, 0, 1);
	return root;
}

static void test_users(void **state)
{
	struct world w;
	(void)state;
	begin(&w);
	uint32_t and_false = pair(&w, WSR_COND_AND, false), and_true = pair(&w, WSR_COND_AND, true);
	uint32_t or_false = pair(&w, WSR_COND_OR, false), or_true = pair(&w, WSR_COND_OR, true), not = node(&w, WSR_COND_VALID_USER, WSR_COND_NOT, 1);
	uint32_t named = image_cond(&w.im, (struct wsr_cond){ .op = WSR_COND_USER, .size = 1, .a = 0, .b = 2, .pos = WSR_NONE });
	ready(&w);
	assert_int_equal(wsr_cond_eval(&w.e, WSR_NONE), WSR_TRUE);
	assert_int_equal(wsr_cond_eval(&w.e, and_false), WSR_FALSE);
	assert_int_equal(wsr_cond_eval(&w.e, and_true), WSR_NEEDS_USER);
	assert_int_equal(wsr_cond_eval(&w.e, or_false), WSR_NEEDS_USER);
	assert_int_equal(wsr_cond_eval(&w.e, or_true), WSR_TRUE);
	assert_int_equal(wsr_cond_eval(&w.e, not), WSR_NEEDS_USER);
	assert_int_equal(wsr_cond_eval(&w.e, named), WSR_NEEDS_USER);
	w.httpd.user = WSR_STR("key.pem"); /* item 1 of the sample's strings */
	assert_int_equal(wsr_cond_eval(&w.e, and_true), WSR_TRUE);
	assert_int_equal(wsr_cond_eval(&w.e, or_false), WSR_TRUE);
	assert_int_equal(wsr_cond_eval(&w.e, not), WSR_FALSE);
	assert_int_equal(wsr_cond_eval(&w.e, named), WSR_TRUE);
	w.httpd.user = WSR_STR("key");
	assert_int_equal(wsr_cond_eval(&w.e, named), WSR_FALSE);
	assert_null(w.e.error);
	end(&w);
}

/* `depth` groups around one true leaf. */
static enum wsr_truth nested(unsigned depth, bool *failed)
{
	struct world w;
	begin(&w);
	uint32_t root = node(&w, WSR_COND_AND, 0, depth + 1);
	for (unsigned i = 1; i < depth; i++)
		node(&w, WSR_COND_AND, 0, depth + 1 - i);
	node(&w, WSR_COND_TRUE, 0, 1);
	ready(&w);
	enum wsr_truth t = wsr_cond_eval(&w.e, root);
	*failed = w.e.error != NULL;
	end(&w);
	return t;
}

static void test_depth(void **state)
{
	bool failed;
	(void)state;
	assert_int_equal(nested(WSR_MAX_COND_DEPTH - 1, &failed), WSR_TRUE);
	assert_false(failed);
	assert_int_equal(nested(WSR_MAX_COND_DEPTH, &failed), WSR_FALSE);
	assert_true(failed);
}

static uint32_t constant(struct world *w, const char *text)
{
	uint32_t part = image_part(&w->im, (struct wsr_part){ .kind = WSR_PART_LITERAL, .arg = image_text(&w->im, text) });
	return image_tmpl(&w->im, (struct wsr_tmpl){ part, 1 });
}

static uint32_t match(struct world *w, const char *text, const char *pattern, uint32_t groups, unsigned flags)
{
	uint32_t regex = image_regex(&w->im, (struct wsr_regex){ .pattern = image_text(&w->im, pattern), .capture_count = groups, .pos = WSR_NONE });
	return image_cond(&w->im, (struct wsr_cond){ .op = WSR_COND_MATCH, .flags = (uint8_t)flags, .size = 1, .a = constant(w, text), .b = regex, .pos = WSR_NONE });
}

static void expect_capture(struct world *w, unsigned n, const char *text)
{
	struct wsr_str s = wsr_capture(&w->httpd.condition, n);
	if (!wsr_str_eq(s, wsr_cstr(text)))
		fail_msg("group %u: want '%s', got '%.*s'", n, text, WSR_FMT(s));
}

/* mod_rewrite has the groups of the last condition, IIS with trackAllCaptures those of all; a negated one gives none. */
static void test_groups(void **state)
{
	struct world w;
	(void)state;
	begin(&w);
	uint32_t both = node(&w, WSR_COND_AND, 0, 4);
	match(&w, "abc", "(a)(b)", 3, 0);
	match(&w, "xyz", "(q)", 2, WSR_COND_NOT);
	match(&w, "xyz", "y(z)", 2, 0);
	ready(&w);
	assert_int_equal(wsr_cond_eval(&w.e, both), WSR_TRUE);
	expect_capture(&w, 0, "yz");
	expect_capture(&w, 1, "z");
	expect_capture(&w, 2, "");
	w.httpd.condition.count = 0;
	w.httpd.track_captures = true;
	assert_int_equal(wsr_cond_eval(&w.e, both), WSR_TRUE);
	expect_capture(&w, 0, "ab");
	expect_capture(&w, 1, "a");
	expect_capture(&w, 2, "b");
	expect_capture(&w, 3, "z");
	end(&w);
}

/* A function whose argument is itself. */
static void test_call_cycle(void **state)
{
	struct world w;
	struct wsr_str out;
	(void)state;
	begin(&w);
	uint32_t call = w.im.section[WSR_SECTION_call].count;
	uint32_t part = image_part(&w.im, (struct wsr_part){ .kind = WSR_PART_CALL, .arg = call });
	uint32_t tmpl = image_tmpl(&w.im, (struct wsr_tmpl){ part, 1 });
	assert_int_equal(image_call(&w.im, (struct wsr_call){ .function = WSR_FUNCTION_LOWER, .argument = tmpl, .map = WSR_NONE, .fallback = WSR_NONE }), call);
	uint32_t shout = image_call(&w.im, (struct wsr_call){ .function = WSR_FUNCTION_UPPER, .argument = constant(&w, "aB1"), .map = WSR_NONE, .fallback = WSR_NONE });
	ready(&w);
	assert_true(wsr_call_value(&w.e, shout, &out));
	assert_true(wsr_str_eq(out, WSR_STR("AB1")));
	assert_null(w.e.error);
	wsr_call_value(&w.e, call, &out);
	assert_non_null(w.e.error);
	assert_int_equal(w.e.call_depth, 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users), cmocka_unit_test(test_depth), cmocka_unit_test(test_groups), cmocka_unit_test(test_call_cycle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
