/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words, quotes, escapes, comments and punctuation as nginx reads them (ngx_conf_read_token; each case was tried on nginx 1.22), and the
 * mistakes that the scanner and the grammar report.
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
	const char *text, *words;
};

static void expect_words(const struct example *e, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *words = front_words(e[i].text, strlen(e[i].text));
		if (strcmp(words, e[i].words) != 0)
			fail_msg("text: %s\nwanted:\n%s\nfound:\n%s", e[i].text, e[i].words, words);
		free(words);
	}
}
#define EXPECT_WORDS(list) expect_words(list, sizeof(list) / sizeof((list)[0]))

static void test_words(void **state)
{
	static const struct example list[] = {
		{ "", "" },
		{ "a;", "[a];\n" },
		{ "a b\tc\r\nd\n;", "[a] [b] [c] [d];\n" },
		{ "a;b;", "[a];\n[b];\n" },
		{ "a{b;}", "[a] {\n[b];\n}\n" },
		{ "a{}b{}", "[a] {\n}\n[b] {\n}\n" },
		{ "a b}c;", "[a] [b}c];\n" },
		{ "a b=c,d:e/f;", "[a] [b=c,d:e/f];\n" },
	};
	(void)state;
	EXPECT_WORDS(list);
}

static void test_comments(void **state)
{
	static const struct example list[] = {
		{ "#c\na;", "[a];\n" },
		{ "a b#c;", "[a] [b#c];\n" },
		{ "a #c;{}\"\n b;", "[a] [b];\n" },
		{ "a;#c", "[a];\n" },
		{ "a { #c }\n}", "[a] {\n}\n" },
	};
	(void)state;
	EXPECT_WORDS(list);
}

static void test_quotes(void **state)
{
	static const struct example list[] = {
		{ "a \"b c\";", "[a] [b c];\n" },
		{ "a 'b c';", "[a] [b c];\n" },
		{ "a \"\";", "[a] [];\n" },
		{ "a 'b\"c';", "[a] [b\"c];\n" },
		{ "a \"b;{}#\";", "[a] [b;{}#];\n" },
		{ "a \"b\nc\";", "[a] [b\nc];\n" },
		{ "a b\"c;", "[a] [b\"c];\n" },
		{ "a b'c d'e;", "[a] [b'c] [d'e];\n" },
		{ "\"a\" 'b';", "[a] [b];\n" },
		{ "if ($a = \"b\"){}", "[if] [($a] [=] [b] [)] {\n}\n" },
		{ "a \"b\"{}", "[a] [b] {\n}\n" },
	};
	(void)state;
	EXPECT_WORDS(list);
}

static void test_escapes(void **state)
{
	static const struct example list[] = {
		{ "a \\\"b;", "[a] [\"b];\n" },
		{ "a \"b\\\"c\";", "[a] [b\"c];\n" },
		{ "a 'b\\'c';", "[a] [b'c];\n" },
		{ "a b\\\\c;", "[a] [b\\c];\n" },
		{ "a \\t\\r\\n;", "[a] [\t\r\n];\n" },
		{ "a \\d\\.;", "[a] [\\d\\.];\n" },
		{ "a b\\ c;", "[a] [b\\ c];\n" },
		{ "a b\\;c;", "[a] [b\\;c];\n" },
		{ "a b\\{2\\};", "[a] [b\\{2\\}];\n" },
		{ "a \"\\\\\";", "[a] [\\];\n" },
		{ "a \\#b;", "[a] [\\#b];\n" },
	};
	(void)state;
	EXPECT_WORDS(list);
}

static void test_dollars(void **state)
{
	static const struct example list[] = {
		{ "a ${b};", "[a] [${b}];\n" },
		{ "a b${c}d;", "[a] [b${c}d];\n" },
		{ "a $b{}", "[a] [$b] {\n}\n" },
		{ "a ${b}{}", "[a] [${b}] {\n}\n" },
		{ "a $;", "[a] [$];\n" },
		{ "a ^/b$ {}", "[a] [^/b$] {\n}\n" },
		{ "a \"${b}\";", "[a] [${b}];\n" },
		{ "a ^/b{2} ;", "[a] [^/b] {\n[2}];\n}\n1:1-6 error unbalanced-brace: this block is not closed: a '}' is missing\n  note: the file ends here\n" },
	};
	(void)state;
	/* The last: a brace in an expression without quotes opens a block, as in nginx. */
	EXPECT_WORDS(list);
}

static void test_invisible(void **state)
{
	static const struct example list[] = {
		{ "\xef\xbb\xbf" "a;", "[a];\n1:1-4 warning invisible-character: invisible character U+FEFF (byte order mark) is read as a blank\n" },
		{ "a\xc2\xa0" "b\xc2\xa0;", "[a] [b];\n1:2-4 warning invisible-character: invisible character U+00A0 (no-break space) is read as a blank\n  note: 1 more of them in this file\n" },
		{ "a \"b\xc2\xa0\";", "[a] [b\xc2\xa0];\n" },
		{ "a \"b\"\xe3\x80\x80;", "[a] [b];\n1:6-9 warning invisible-character: invisible character U+3000 (ideographic space) is read as a blank\n" },
		{ "# \xc2\xa0\na;", "[a];\n" },
		{ "a b\xe2\x80\x8b;", "[a] [b];\n1:4-7 warning invisible-character: invisible character U+200B (zero-width space) is read as a blank\n" },
		{ "a \xc3\xa4\xc3\xb6;", "[a] [\xc3\xa4\xc3\xb6];\n" },
		{ "a b\xc3\xa4" "c\\ d${e}\xe2\x82\xac;", "[a] [b\xc3\xa4" "c\\ d${e}\xe2\x82\xac];\n" },
		{ "a \xe4\xf6;", "[a] [\xe4\xf6];\n" },
		{ "\xc3\xa4{}", "[\xc3\xa4] {\n}\n" },
	};
	(void)state;
	EXPECT_WORDS(list);
}

static void test_mistakes(void **state)
{
	static const struct example list[] = {
		{ "a \"b\"c;", "[a] [b] [c];\n1:6-7 error syntax: unexpected text right behind a quoted word\n  note: a closing quote is followed by a blank, ';', '{' or ')'\n" },
		{ "a \"b", "[a];\n1:3-4 error unterminated-string: this quote is never closed: the text behind it runs to the end of the file\n" },
		{ "a { b 'c\n}", "[a] {\n[b];\n}\n1:7-8 error unterminated-string: this quote is never closed: the text behind it runs to the end of the file\n" },
		{ ";", "1:1-2 error syntax: unexpected ';': no statement stands in front of it\n" },
		{ "a{};", "[a] {\n}\n1:4-5 error syntax: unexpected ';': no statement stands in front of it\n  note: a block ends with '}' alone\n" },
		{ "{}", " {\n}\n1:1-2 error syntax: unexpected '{': no name stands in front of it\n" },
		{ "a b", "[a] [b];\n1:4-4 error missing-semicolon: missing ';' after 'a b' at the end of the file\n" },
		{ "a { b }", "[a] {\n[b];\n}\n1:6-6 error missing-semicolon: missing ';' after 'b'\n" },
		{ "a;}b;", "[a];\n[b];\n1:3-4 error unbalanced-brace: unexpected '}': no block is open here\n" },
		{ "a{}}", "[a] {\n}\n1:4-5 error unbalanced-brace: unexpected '}': no block is open here\n  note: the block before it starts here\n  note: and was closed here\n" },
		{ "a { b {", "[a] {\n[b] {\n}\n}\n1:5-6 error unbalanced-brace: this block is not closed: a '}' is missing\n  note: the file ends here\n"
		             "1:1-2 error unbalanced-brace: this block is not closed: a '}' is missing\n  note: the file ends here\n" },
		{ "a { b c", "[a] {\n[b] [c];\n}\n1:8-8 error missing-semicolon: missing ';' after 'b c' at the end of the file\n"
		             "1:1-2 error unbalanced-brace: this block is not closed: a '}' is missing\n  note: the file ends here\n" },
		{ "a b }", "[a] [b];\n1:4-4 error missing-semicolon: missing ';' after 'a b'\n1:5-6 error unbalanced-brace: unexpected '}': no block is open here\n" },
		{ "a {{ b }};", "[a] {\n {\n[b];\n}\n}\n1:3-5 error placeholder-left: '{{' is left over from a template: fill the template in before compiling\n"
		                "1:10-11 error syntax: unexpected ';': no statement stands in front of it\n  note: a block ends with '}' alone\n" },
		{ "a \\", "[a];\n1:3-4 error syntax: nothing follows the backslash\n1:2-2 error missing-semicolon: missing ';' after 'a' at the end of the file\n" },
	};
	(void)state;
	EXPECT_WORDS(list);
}

static void test_nul(void **state)
{
	static const char plain[] = "a\0b;", quoted[] = "a \"b\0c\";", word[] = "a \xc3\xa4\0;";
	char *words;

	(void)state;
	words = front_words(plain, sizeof(plain) - 1);
	assert_non_null(strstr(words, "control-character"));
	free(words);
	words = front_words(quoted, sizeof(quoted) - 1);
	assert_non_null(strstr(words, "control-character"));
	free(words);
	words = front_words(word, sizeof(word) - 1);
	assert_non_null(strstr(words, "control-character"));
	free(words);
}

static void test_depth(void **state)
{
	char text[2000];
	char *words;

	(void)state;
	memset(text, 0, sizeof(text));
	for (int i = 0; i < 300; i++)
		strcat(text, "a{");
	words = front_words(text, strlen(text));
	assert_non_null(strstr(words, "error nesting: more than 128 blocks"));
	assert_null(strstr(words, "unbalanced-brace"));
	free(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),  cmocka_unit_test(test_comments), cmocka_unit_test(test_quotes),   cmocka_unit_test(test_escapes), cmocka_unit_test(test_dollars),
		cmocka_unit_test(test_invisible), cmocka_unit_test(test_mistakes), cmocka_unit_test(test_nul), cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
