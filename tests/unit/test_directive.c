/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directive table: every row is well-formed, its default passes its own signature; look-up by name, pattern and context; values; and
 * arguments that fit or do not, with the place that is blamed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "compiler/compiler.h"
#include "compiler/signature.h"
#include "compiler/value.h"
#include "tests/lib_c/front.h"

static void run_rows(struct compiler *cc, void *arg)
{
	(void)arg;
	directive_init(cc);
	for (unsigned i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_row(i);
		cc->dialect = d->dialect;
		const struct signature *sig = signature_new(cc, d->signature);
		const struct node *def = directive_default(cc, d);

		assert_int_equal(d->ordinal, i);
		assert_true(d->sentence && d->sentence[strlen(d->sentence) - 1] == '.');
		if (d->verdict == EXACT || d->verdict == OURS)
			assert_true(!d->note || d->policy & OBSOLETE);
		else
			assert_non_null(d->note);
		if (d->note && d->note[strlen(d->note) - 1] == '.')
			fail_msg("%s: the note ends with a full stop", d->name);
		if (def && (def->next || def->block || !signature_matches(cc, sig, def->words + 1, node_arg_count(def))))
			fail_msg("%s: the default '%s' does not fit '%s'", d->name, d->default_text, d->signature);
		/* A block says what is inside, and nothing else does. */
		if (d->verdict == EXACT)
			assert_int_equal(signature_has_block(sig), directive_opens(d) != 0);
		assert_ptr_equal(directive_find(cc, d->name, strlen(d->name), d->contexts)->name, d->name);
	}
	assert_int_equal(cc->diags.count, 0);
}

static void test_rows(void **state)
{
	struct compiler_options options = { .strict = false };
	struct compiler cc;

	(void)state;
	compiler_init(&cc, &options);
	assert_true(compiler_run(&cc, run_rows, NULL));
	compiler_free(&cc);
}

static const struct directive *find(struct compiler *cc, const char *name, uint32_t contexts)
{
	return directive_find(cc, name, strlen(name), contexts);
}

static void run_find(struct compiler *cc, void *arg)
{
	(void)arg;
	directive_init(cc);
	assert_int_equal(directive_opens(find(cc, "server", C_HTTP)), C_SERVER);
	assert_int_equal(directive_opens(find(cc, "server", C_UPSTREAM)), 0);
	assert_null(find(cc, "server", C_SERVER));
	assert_null(find(cc, "serve", C_HTTP));
	assert_null(find(cc, "", C_HTTP));
	assert_string_equal(find(cc, "gzip_types", C_HTTP)->name, "gzip_*");
	assert_string_equal(find(cc, "gzip", C_HTTP)->name, "gzip");
	assert_string_equal(find(cc, "limit_req_zone", C_HTTP)->name, "limit_req_zone");
	assert_string_equal(find(cc, "limit_req_status", C_HTTP)->name, "limit_req_*");
	assert_string_equal(find(cc, "access_by_lua_block", C_LOCATION)->name, "*_by_lua*");
	assert_string_equal(find(cc, "server", C_MAP)->name, "*");
	assert_string_equal(find(cc, "default", C_MAP)->name, "default");
	assert_string_equal(find(cc, "text/html", C_TYPES)->name, "*");
	assert_null(find(cc, "text/html", C_HTTP));
}

static void test_find(void **state)
{
	struct compiler_options options = { .strict = false };
	struct compiler cc;

	(void)state;
	compiler_init(&cc, &options);
	assert_true(compiler_run(&cc, run_find, NULL));
	compiler_free(&cc);
}

static void test_durations(void **state)
{
	static const struct { const char *text; bool seconds, ok; uint64_t ms; } list[] = {
		{ "0", false, true, 0 },          { "60", false, true, 60000 },    { "60s", false, true, 60000 },  { "500ms", false, true, 500 },
		{ "500ms", true, false, 0 },      { "1h30m", false, true, 5400000 }, { "1h 30m", false, true, 5400000 }, { "30m1h", false, false, 0 },
		{ "1d", true, true, 86400000 },   { "1M", false, true, 2592000000 }, { "1y", false, true, 31536000000 }, { "1w", false, true, 604800000 },
		{ "1h1h", false, false, 0 },      { "1h30", false, true, 3630000 },  { "", false, false, 0 },        { "s", false, false, 0 },
		{ "-1", false, false, 0 },        { "1.5s", false, false, 0 },       { "5mn", false, false, 0 },     { "99999999999999999999s", false, false, 0 },
		{ "9223372036854775807s", false, false, 0 }, { "1m500ms", false, true, 60500 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		uint64_t ms = 0;
		if (value_duration_ms(wsr_cstr(list[i].text), list[i].seconds, &ms) != list[i].ok || ms != list[i].ms)
			fail_msg("'%s' gives %llu", list[i].text, (unsigned long long)ms);
	}
}

static void test_sizes(void **state)
{
	static const struct { const char *text; bool giga, ok; uint64_t bytes; } list[] = {
		{ "0", false, true, 0 },       { "4096", false, true, 4096 }, { "8k", false, true, 8192 },  { "8K", false, true, 8192 }, { "1m", false, true, 1048576 },
		{ "1g", false, false, 0 },     { "1g", true, true, 1073741824 }, { "k", false, false, 0 },  { "", false, false, 0 },     { "1kb", false, false, 0 },
		{ "9999999999999999999g", true, false, 0 }, { "-1", true, false, 0 }, { "1 k", true, false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		uint64_t bytes = 0;
		if (value_size(wsr_cstr(list[i].text), list[i].giga, &bytes) != list[i].ok || bytes != list[i].bytes)
			fail_msg("'%s' gives %llu", list[i].text, (unsigned long long)bytes);
	}
}

/* Statements of a server block: what is said about each; "" = nothing. */
static void test_arguments(void **state)
{
	static const struct { const char *statement, *message; } list[] = {
		{ "listen 127.0.0.1:80 reuseport default_server backlog=5;", "" },
		{ "listen [::]:443 ssl ipv6only=on;", "" },
		{ "listen unix:/run/a.sock;", "" },
		{ "listen 80 backlog=;", "1:34-42 error integer: '' is not a number\n" },
		{ "error_page 404 /x;", "" },
		{ "error_page 404 500 =200 /x;", "" },
		{ "error_page 404 = /x;", "" },
		{ "error_page 404;", "1:24-38 error argument-count: 'error_page' needs more than 1 argument\n  note: syntax: error_page <int 300..599>... [=|=text|=<int 100..999>] <text>\n" },
		{ "redirect https://a.example.org/;", "" },
		{ "redirect /old /new;", "" },
		{ "redirect 308 /old /new;", "" },
		{ "redirect 309 /old /new;", "1:33-36 error integer: '309' is out of range\n" },
		{ "redirect old /new;", "1:33-36 error argument: 'old' is not a path\n" },
		{ "access_log /a combined if=$host buffer=4k;", "" },
		{ "access_log off;", "" },
		{ "expires modified +1d;", "" },
		{ "server_name a b *.c ~^(?<x>.+)$;", "" },
		{ "rewrite ^/(.*)$ /x/$1 last;", "" },
		{ "return 301 https://$host$request_uri;", "" },
		{ "if ($host = \"a b\") { return 403; }", "" },
		{ "try_files $uri $uri/ =404;", "" },
		{ "keepalive_timeout 5m 20;", "" },
		{ "types { text/html html; text/css; }", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text), "events{} http{ server{ %s }}", list[i].statement);
		char *found = front_messages(text);
		if (*list[i].message ? strncmp(found, list[i].message, strlen(list[i].message)) != 0 : *found != '\0')
			fail_msg("%s\nwanted: %s\nfound: %s", list[i].statement, list[i].message, found);
		free(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),  cmocka_unit_test(test_find),      cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_arguments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
