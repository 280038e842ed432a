/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages as printed: order, carets under tabs and characters of several bytes, long lines cut, the ceiling; positions in sources.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "compiler/compiler.h"
#include "tests/lib_c/front.h"

static void expect_printed(const char *text, const char *wanted)
{
	char *found = front_printed(text);

	assert_string_equal(found, wanted);
	free(found);
}

static void test_layout(void **state)
{
	(void)state;
	expect_printed("http {\n    proxy_read_timeout 5mn;\n}\n",
	               "t.conf:2:25: error: unknown unit 'mn' in '5mn' [duration]\n"
	               "    2 |     proxy_read_timeout 5mn;\n"
	               "      |                         ^~\n"
	               "      = note: a time is a number and a unit: ms, s, m, h, d, w, M (30 days), y; without unit: seconds\n");
	expect_printed("http {\n\tsendfile\t\xc3\xa4\xc3\xb6;\r\n}\n",
	               "t.conf:2:11: error: '\xc3\xa4\xc3\xb6' is not allowed here [argument]\n"
	               "    2 | \tsendfile\t\xc3\xa4\xc3\xb6;\n"
	               "      | \t        \t^~\n"
	               "      = note: allowed: on, off\n");
}

/* Found by the parser and by the argument check; told from top to bottom. */
static void test_order(void **state)
{
	char *found = front_printed("http {\n    sendfile x;\n    ;\n    etag y;\n    root \"a\"b;\n}\n");
	const char *a = strstr(found, "t.conf:2:"), *b = strstr(found, "t.conf:3:"), *c = strstr(found, "t.conf:4:"), *d = strstr(found, "t.conf:5:");

	(void)state;
	assert_true(a && b && c && d && a < b && b < c && c < d);
	free(found);
}

static void test_long_line(void **state)
{
	char text[2000] = "http { root \"";
	char *found;

	(void)state;
	memset(text + strlen(text), 'x', 1000);
	strcat(text, "\"; sendfile maybe; }");
	found = front_printed(text);
	assert_non_null(strstr(found, "t.conf:1:1026: error"));
	assert_non_null(strstr(found, "sendfile maybe; }\n"));
	assert_true(strlen(found) < 600);
	free(found);
}

static void test_ceiling(void **state)
{
	char *text = calloc(1, 10000), *found;
	unsigned count = 0;

	(void)state;
	strcpy(text, "http {\n");
	for (int i = 0; i < 300; i++)
		strcat(text, "zz;\n");
	strcat(text, "}\n");
	found = front_printed(text);
	for (const char *p = found; (p = strstr(p, "error: unknown directive")) != NULL; p++)
		count++;
	assert_int_equal(count, DIAG_MAX);
	assert_non_null(strstr(found, "wsrpc: note: 200 more messages are not shown\n"));
	free(found);
	free(text);
}

static void check_positions(struct compiler *cc, void *arg)
{
	static const char text[] = "a\nbc\r\n\nd";
	uint32_t file = source_builtin(cc, "x", text, sizeof(text) - 1, SPAN_NONE), line, column;
	size_t len;

	(void)arg;
	source_position(cc, file, 0, &line, &column);
	assert_true(line == 1 && column == 1);
	source_position(cc, file, 1, &line, &column); /* the line end belongs to its line */
	assert_true(line == 1 && column == 2);
	source_position(cc, file, 3, &line, &column);
	assert_true(line == 2 && column == 2);
	source_position(cc, file, 7, &line, &column);
	assert_true(line == 4 && column == 1);
	source_position(cc, file, 8, &line, &column); /* the end of the text */
	assert_true(line == 4 && column == 2);
	assert_memory_equal(source_line(cc, file, 2, &len), "bc", 2);
	assert_int_equal(len, 2);
	source_line(cc, file, 3, &len);
	assert_int_equal(len, 0);
	assert_true(source_same_line(cc, file, 2, 4));
	assert_false(source_same_line(cc, file, 2, 7));

	assert_string_equal(diag_quote(cc, "a\nb\x7f", 4), "a\\x0ab\\x7f");
	char longer[100];
	memset(longer, 'y', sizeof(longer));
	memcpy(longer + DIAG_QUOTE_MAX - 4, "\xe2\x82\xac", 3); /* the cut would fall into this character */
	const char *quoted = diag_quote(cc, longer, sizeof(longer));
	assert_int_equal(strlen(quoted), DIAG_QUOTE_MAX - 4 + 3);
	assert_string_equal(quoted + DIAG_QUOTE_MAX - 4, "...");
}

static void test_positions(void **state)
{
	struct compiler_options options = { .strict = false };
	struct compiler cc;

	(void)state;
	compiler_init(&cc, &options);
	assert_true(compiler_run(&cc, check_positions, NULL));
	compiler_free(&cc);
}

static void test_levels(void **state)
{
	struct compiler_options options = { .strict = false };
	struct compiler cc;

	(void)state;
	compiler_init(&cc, &options);
	assert_true(check_option(&cc, "obsolete-directive", true));
	assert_int_equal(cc.diags.level[CHECK_OBSOLETE_DIRECTIVE], DIAG_ERROR);
	assert_true(check_option(&cc, "no-obsolete-directive", false));
	assert_int_equal(cc.diags.level[CHECK_OBSOLETE_DIRECTIVE], DIAG_OFF);
	assert_true(check_option(&cc, "duplicate-directive", false));
	assert_int_equal(cc.diags.level[CHECK_DUPLICATE_DIRECTIVE], DIAG_WARNING);
	assert_true(check_option(&cc, "all", true));
	assert_int_equal(cc.diags.level[CHECK_INVISIBLE_CHARACTER], DIAG_ERROR);
	assert_false(check_option(&cc, "no-such-check", false));
	compiler_free(&cc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),  cmocka_unit_test(test_order),     cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_ceiling), cmocka_unit_test(test_positions), cmocka_unit_test(test_levels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
