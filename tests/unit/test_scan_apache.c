/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words, quotes, joined lines, comments and sections as httpd reads them (each case was tried on 2.4.71), ${NAME}, and the mistakes that reading finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "tests/lib_c/front.h"

struct example {
	const char *text, *wanted;
};

static void expect(char *(*view)(const char *text), const struct example *e, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *found = view(e[i].text);
		if (strcmp(found, e[i].wanted) != 0)
			fail_msg("text: %s\nwanted:\n%s\nfound:\n%s", e[i].text, e[i].wanted, found);
		free(found);
	}
}
#define EXPECT(view, list) expect(view, list, sizeof(list) / sizeof((list)[0]))

static void test_words(void **state)
{
	static const struct example list[] = {
		{ "", "" },
		{ "a", "[a];\n" },
		{ "a b\tc \r\n\n  d\v\fe\n", "[a] [b] [c];\n[d] [e];\n" },
		{ "a;b {c}\n", "[a;b] [{c}];\n" },
		{ "a # b\n", "[a] [#] [b];\n" },
		{ "  # a b\na#b\n#\\\nc\nd", "[a#b];\n[d];\n" },
		{ "a\\\nb \\\r\n c\\\n\\\n  # d\n", "[ab] [c] [#] [d];\n" },
		{ "a \"b c\" 'd \"e' f\"g\n", "[a] [b c] [d \"e] [f\"g];\n" },
		{ "a \"b\"c 'd'\"e\"\n", "[a] [b] [c] [d] [e];\n" },
		{ "a \"b\\\"c\\\\d\\e'\" 'f\\'g\\\"'\n", "[a] [b\"c\\d\\e'] [f'g\\\"];\n" },
		{ "a b\\\\c\\d\\\"e\n", "[a] [b\\c\\d\\\"e];\n" },
		{ "a \"b\\\nc\"\n", "[a] [bc];\n" },
		{ "a \"\" ''\n", "[a] [] [];\n" },
		{ "a \\", "[a] [\\];\n" },
		{ "\"a b\" c\n", "[a b] [c];\n" },
	};
	(void)state;
	EXPECT(front_apache_words, list);
}

static void test_sections(void **state)
{
	static const struct example list[] = {
		{ "<A>\n</A>\n", "[A] {\n}\n" },
		{ "<A b \"c d\" >\n  e\n</a>\nf\n", "[A] [b] [c d] {\n[e];\n}\n[f];\n" },
		{ "<A >= 2>\n</A>\n", "[A] [>=] [2] {\n}\n" },
		{ "<A \"b>c\">\n<D/>\n</D/>\n</A>", "[A] [b>c] {\n[D/] {\n}\n}\n" },
		{ "<A \\\n b>\n</A>", "[A] [b] {\n}\n" },
	};
	(void)state;
	EXPECT(front_apache_words, list);
}

static void test_mistakes(void **state)
{
	static const struct example list[] = {
		{ "a \"b c\n", "[a] [b c];\n1:3-4 warning quote-open: this quote is not closed: the word reaches to the end of its line\n" },
		{ "</A>\n", "1:1-5 error section: '</A>' closes nothing: no section is open here\n" },
		{ "<A>\n", "[A] {\n}\n1:2-3 error section: section 'A' is not closed: '</A>' is missing\n  note: the file ends here\n" },
		{ "<A>\n<B>\n</A>\n",
		  "[A] {\n[B] {\n}\n}\n2:2-3 error section: section 'B' is not closed: '</B>' is missing\n  note: this closes a section around it\n" },
		{ "<A\n</A>\n", "[A] {\n}\n1:3-3 error syntax: the '>' that ends the head of this section is missing\n" },
		{ "<A>\n</A\n", "[A] {\n}\n2:1-4 error syntax: the '>' right behind the name is missing\n" },
		{ "<A> b\n</A>\n", "[A] {\n}\n1:5-6 warning text-behind-tag: text behind the '>' has no effect\n" },
		{ "\xef\xbb\xbf""a\n", "[a];\n1:1-4 error invisible-letter: invisible character U+FEFF (byte order mark) is no blank: write one\n" },
		{ "a\xc2\xa0""b \"c\xc2\xa0\"\n",
		  "[a\xc2\xa0""b] [c\xc2\xa0];\n1:2-4 error invisible-letter: invisible character U+00A0 (no-break space) is no blank: write one\n" },
	};
	(void)state;
	EXPECT(front_apache_words, list);
}

static void test_names(void **state)
{
	static const struct example list[] = {
		{ "Define A \"b c\"\nInclude ${A}\n",
		  "2:1-13 error argument-count: too many arguments of 'Include'\n  note: syntax: Include <path>\n" },
		{ "Define A b\nUnDefine A\nDefine ${A}\n",
		  "3:1-12 warning undefined-name: ${A} is not defined: the text stays as it is\n  note: write 'Define A VALUE' above, or --define A=VALUE\n" },
		{ "Define A\n<IfDefine A>\nDefine B c\n</IfDefine>\n<IfDefine !B>\nx\n</IfDefine>\n",
		  "2:2-12 note branch: '<IfDefine A>' is taken: the name is defined\n5:2-13 note branch: '<IfDefine !B>' is left out, 1 statement: the name is defined\n" },
		{ "<IfVersion < 2.4.0>\n</IfVersion>\n<IfVersion !~ ^2\\.[0-3]>\n</IfVersion>\n<IfVersion = /^2/>\n</IfVersion>\n<IfVersion 2.4.71>\n</IfVersion>\n",
		  "1:2-19 note branch: '<IfVersion < 2.4.0>' is left out, 0 statements: the version followed is 2.4.71\n"
		  "3:2-24 note branch: '<IfVersion !~ ^2\\.[0-3]>' is taken: the version followed is 2.4.71\n"
		  "5:2-18 note branch: '<IfVersion = /^2/>' is taken: the version followed is 2.4.71\n"
		  "7:2-18 note branch: '<IfVersion 2.4.71>' is taken: the version followed is 2.4.71\n" },
		{ "<IfModule mod_rewrite.c>\n</IfModule>\n<IfModule !ssl_module>\n</IfModule>\n<ifmodule rewrite>\n</ifmodule>\n",
		  "1:2-24 note branch: '<IfModule mod_rewrite.c>' is taken: its directives are compiled\n"
		  "3:2-22 note branch: '<IfModule !ssl_module>' is left out, 0 statements: its directives are compiled\n"
		  "5:2-18 note branch: '<ifmodule rewrite>' is left out, 0 statements: its directives are not compiled\n" },
	};
	(void)state;
	EXPECT(front_apache_messages, list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
