/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ap_expr: expressions, the request they look at, and whether they hold. Each stands in SetEnvIfExpr of one virtual host; a rule tells by a status whether the
 * variable was set. Wanted is what httpd 2.4 says; messages for wrong expressions stand in tests/conf/bad.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "tests/lib_c/site.h"

struct vector { const char *expression, *request; bool holds; };

static bool evaluate(const char *expression, const char *request)
{
	char conf[4096];
	struct site s;
	snprintf(conf, sizeof(conf), "<VirtualHost 127.0.0.1:8080>\nServerName t\nServerAdmin a@b\nDocumentRoot /html\nRewriteEngine On\nSetEnvIf X-Env (.*) SEEN=$1\n"
		 "SetEnvIfExpr '%s' HOLDS\nRewriteCond %%{ENV:HOLDS} 1\nRewriteRule ^ - [R=204]\nRewriteRule ^ - [G]\n</VirtualHost>\n", expression);
	if (!site_open(&s, conf))
		fail_msg("does not compile: %s", expression);
	s.files = "/html/ /html/f.txt";
	const char *got = site_request(&s, request);
	bool holds = strncmp(got, "204", 3) == 0;
	if (!holds && strcmp(got, "410") != 0)
		fail_msg("%s: unexpected %s", expression, got);
	site_close(&s);
	return holds;
}

static void expect(const struct vector *v)
{
	int failed = 0;
	for (; v->expression; v++) {
		if (evaluate(v->expression, v->request) == v->holds)
			continue;
		print_error("%s on %s: want %s\n", v->expression, v->request, v->holds ? "true" : "false");
		failed++;
	}
	assert_int_equal(failed, 0);
}

static void test_comparisons(void **state)
{
	static const struct vector v[] = {
		{ "%{REQUEST_URI} == \"/a\"", "GET /a", true }, { "%{REQUEST_URI} == \"/a\"", "GET /b", false }, { "%{REQUEST_URI} = \"/a\"", "GET /a", true },
		{ "%{REQUEST_URI} != \"/a\"", "GET /b", true }, { "\"b\" > \"a\"", "GET /", true }, { "\"a\" > \"b\"", "GET /", false },
		{ "\"aa\" < \"b\"", "GET /", true }, { "\"b\" >= \"b\"", "GET /", true }, { "\"b\" <= \"a\"", "GET /", false },
		{ "\"10\" -gt \"9\"", "GET /", true }, { "10 -gt 9", "GET /", true }, { "10 gt 9", "GET /", true }, { "\"10\" > \"9\"", "GET /", false },
		{ "3 -eq \"3x\"", "GET /", true }, { "3 -ne 4", "GET /", true }, { "3 -le 3", "GET /", true }, { "3 -lt 3", "GET /", false }, { "4 -ge 3", "GET /", true },
		{ "\"-4\" -lt 3", "GET /", true },
		{ "%{HTTP:X-A} in { \"a\", \"b\" }", "GET /|X-A: b", true }, { "%{HTTP:X-A} in { \"a\", \"b\" }", "GET /|X-A: c", false },
		{ "\"a\" . \"b\" == \"ab\"", "GET /", true }, { "\"x%{REQUEST_METHOD}y\" == \"xGETy\"", "GET /", true },
		{ NULL, NULL, false },
	};
	(void)state;
	expect(v);
}

static void test_patterns(void **state)
{
	static const struct vector v[] = {
		{ "%{REQUEST_URI} =~ /^.a$/", "GET /a", true }, { "%{REQUEST_URI} =~ /^.A$/", "GET /a", false }, { "%{REQUEST_URI} =~ /^.A$/i", "GET /a", true },
		{ "%{REQUEST_URI} !~ /a/", "GET /b", true }, { "%{REQUEST_URI} =~ m#^/a/b#", "GET /a/b", true }, { "%{REQUEST_URI} =~ /\\/a\\/b/", "GET /a/b", true },
		{ "%{REQUEST_URI} =~ /^.(b+)/ && $1 == \"bb\"", "GET /bb", true }, { "%{REQUEST_URI} -strmatch \"/a*\"", "GET /a/b", true },
		{ "%{REQUEST_URI} -strmatch \"/A*\"", "GET /a/b", false }, { "%{REQUEST_URI} -strcmatch \"/A*\"", "GET /a/b", true },
		{ "%{REQUEST_URI} -fnmatch \"/a*\"", "GET /a/b", false }, { "%{REQUEST_URI} -fnmatch \"/?b\"", "GET /ab", true }, { "%{REQUEST_URI} -strmatch \"/[a-c]x\"", "GET /bx", true },
		{ "%{REQUEST_URI} -strmatch \"/[!a-c]x\"", "GET /bx", false }, { "%{REQUEST_URI} -strmatch \"/a.b\"", "GET /axb", false },
		{ NULL, NULL, false },
	};
	(void)state;
	expect(v);
}

static void test_tests(void **state)
{
	static const struct vector v[] = {
		{ "-n %{QUERY_STRING}", "GET /?a", true }, { "-n %{QUERY_STRING}", "GET /", false }, { "-z %{QUERY_STRING}", "GET /", true },
		{ "-T %{HTTP:X-A}", "GET /|X-A: Off", false }, { "-T %{HTTP:X-A}", "GET /|X-A: no", false }, { "-T %{HTTP:X-A}", "GET /|X-A: 0", false },
		{ "-T %{HTTP:X-A}", "GET /", false }, { "-T %{HTTP:X-A}", "GET /|X-A: on", true }, { "-R \"192.0.2.0/24\"", "GET /", true }, { "-R \"192.0\"", "GET /", true },
		{ "-R \"10.0.0.0/8\"", "GET /", false }, { "%{REMOTE_ADDR} -ipmatch \"192.0.2.7\"", "GET /", true }, { "%{REMOTE_ADDR} -ipmatch \"2001:db8::/32\"", "GET /", false },
		{ "-f \"/html/f.txt\"", "GET /", true }, { "-d \"/html\"", "GET /", true }, { "-e %{DOCUMENT_ROOT} . \"/none\"", "GET /", false },
		{ "-f \"%{DOCUMENT_ROOT}%{REQUEST_URI}\"", "GET /f.txt", true }, { "-f \"/html\"", "GET /", false },
		{ NULL, NULL, false },
	};
	(void)state;
	expect(v);
}

static void test_logic(void **state)
{
	static const struct vector v[] = {
		{ "true", "GET /", true }, { "false", "GET /", false }, { "!false", "GET /", true }, { "!!true", "GET /", true }, { "true || false && false", "GET /", true },
		{ "(true || false) && false", "GET /", false }, { "! (true && false)", "GET /", true }, { "!(-n %{QUERY_STRING}) || true", "GET /?a", true },
		{ "((((true))))", "GET /", true }, { "! -n %{QUERY_STRING}", "GET /", true }, { "!%{QUERY_STRING} == \"a\"", "GET /?b", true },
		{ "false || false || \"a\" == \"a\" && ! \"a\" == \"b\"", "GET /", true },
		{ NULL, NULL, false },
	};
	(void)state;
	expect(v);
}

static void test_functions(void **state)
{
	static const struct vector v[] = {
		{ "req(\"X-A\") == \"1, 2\"", "GET /|X-A: 1|x-a: 2", true }, { "http(\"Host\") == \"t\"", "GET /", true }, { "tolower(\"ABC\") == \"abc\"", "GET /", true },
		{ "toupper(%{HTTP:X-A}) == \"ABC\"", "GET /|X-A: aBc", true }, { "escape(\"a b%\") == \"a%20b%25\"", "GET /", true }, { "unescape(\"a%20b\") == \"a b\"", "GET /", true },
		{ "unescape(\"a%2\") == \"\"", "GET /", true }, { "base64(\"abcd\") == \"YWJjZA==\"", "GET /", true }, { "unbase64(\"YWJjZA==\") == \"abcd\"", "GET /", true },
		{ "tolower(toupper(\"aB\")) == \"ab\"", "GET /", true }, { "reqenv(\"SEEN\") == \"x\"", "GET /|X-Env: x", true }, { "%{ENV:SEEN} == \"x\"", "GET /|X-Env: x", true },
		{ "%{reqenv:SEEN} == \"\"", "GET /|X-Env: ", true }, { "%{tolower:ABC} == \"abc\"", "GET /", true }, { "%{HTTPS} == \"off\"", "GET /", true },
		{ "\"%{SERVER_NAME}:%{SERVER_PORT}\" == \"t:80\"", "GET /", true },
		{ NULL, NULL, false },
	};
	(void)state;
	expect(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comparisons), cmocka_unit_test(test_patterns), cmocka_unit_test(test_tests), cmocka_unit_test(test_logic), cmocka_unit_test(test_functions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
