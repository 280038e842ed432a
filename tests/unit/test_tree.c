/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree behind the front half: positions, inferred context, includes in place; and every allocation failing once ends the compile
 * cleanly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "compiler/compiler.h"
#include "tests/lib_c/front.h"

struct example {
	const char *text, *dump;
};

static void test_dump(void **state)
{
	static const struct example list[] = {
		{ "events { }\nhttp {\n  server { listen 80; }\n}\n",
		  "events {  # t.conf:1\n}\nhttp {  # t.conf:2\n    server {  # t.conf:3\n        listen 80;  # t.conf:3\n    }\n}\n" },
		{ "http { log_format x \"a\\\"b\" 'c'; }",
		  "http {  # t.conf:1\n    log_format x \"a\\\"b\" 'c';  # t.conf:1\n}\n" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		char *dump = front_dump(list[i].text);
		assert_string_equal(dump, list[i].dump);
		free(dump);
	}
}

static void test_inferred_context(void **state)
{
	static const struct example list[] = {
		{ "server { }", "http {  # t.conf:1, inferred\n    server {  # t.conf:1\n    }\n}\n" },
		{ "upstream a { server b; }\nserver { }",
		  "http {  # t.conf:1, inferred\n    upstream a {  # t.conf:1\n        server b;  # t.conf:1\n    }\n    server {  # t.conf:2\n    }\n}\n" },
		{ "location / { }", "http {  # t.conf:1, inferred\n    server {  # t.conf:1, inferred\n        location / {  # t.conf:1\n        }\n    }\n}\n" },
		{ "listen 80;\nroot a;", "http {  # t.conf:1, inferred\n    server {  # t.conf:1, inferred\n        listen 80;  # t.conf:1\n        root a;  # t.conf:2\n    }\n}\n" },
		{ "proxy_pass http://a;", "http {  # t.conf:1, inferred\n    server {  # t.conf:1, inferred\n        location / {  # t.conf:1, inferred\n            proxy_pass http://a;  # t.conf:1\n        }\n    }\n}\n" },
		{ "error_log a;\nuser b;", "error_log a;  # t.conf:1\nuser b;  # t.conf:2\n" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		char *dump = front_dump(list[i].text);
		assert_string_equal(dump, list[i].dump);
		free(dump);
	}
}

/* --- files ---------------------------------------------------------------------------------------------------------- */

struct folder {
	char path[64];
};

static void write_file(const struct folder *f, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static int make_folder(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));
	char sub[80];

	strcpy(f->path, "/tmp/wsr-tree-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	snprintf(sub, sizeof(sub), "%s/sites", f->path);
	assert_int_equal(mkdir(sub, 0755), 0);
	write_file(f, "main.conf", "events { }\nhttp {\n    include mime.types;\n    include sites/*.conf;\n    include sites/none*;\n}\n");
	write_file(f, "common", "proxy_read_timeout 5s; # shared\n");
	write_file(f, "sites/b.conf", "server { server_name b; include common; location / { proxy_pass http://127.0.0.1:1; } }\n");
	write_file(f, "sites/a.conf", "\xef\xbb\xbfserver { listen 80\n server_name \"a\\\"\"; include common; }\n");
	write_file(f, "sites/Z.conf", "zzz 5mn;\n");
	*state = f;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *f = *state;
	static const char *const names[] = { "sites/a.conf", "sites/b.conf", "sites/Z.conf", "common", "main.conf", "sites", "" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->path, names[i]);
		if (remove(path) != 0)
			return -1;
	}
	free(f);
	return 0;
}

static void run_front(struct compiler *cc, void *arg)
{
	compiler_front(cc, arg);
}

static void test_includes(void **state)
{
	const struct folder *f = *state;
	struct compiler_options options = { .strict = false };
	struct compiler cc;
	char path[80];
	const char *names[8];
	size_t count = 0;

	snprintf(path, sizeof(path), "%s/main.conf", f->path);
	compiler_init(&cc, &options);
	assert_true(compiler_run(&cc, run_front, path));
	for (size_t i = 0; i < cc.source_count && count < 8; i++)
		names[count++] = cc.sources[i]->name;
	assert_int_equal(count, 7);
	assert_string_equal(names[1], "built-in mime.types");
	assert_string_equal(names[2], "sites/Z.conf"); /* byte order: capitals first */
	assert_string_equal(names[3], "sites/a.conf");
	assert_string_equal(names[4], "sites/b.conf");
	assert_string_equal(names[5], "common"); /* relative to the main file, not to sites/ */
	assert_ptr_equal(cc.sources[5]->text, cc.sources[6]->text);
	assert_int_equal(cc.diags.errors, 2);
	compiler_free(&cc);
}

/* One folder up for a fragment, and nowhere else. */
static void test_fragment_includes(void **state)
{
	const struct folder *f = *state;
	struct compiler_options options = { .strict = false };
	struct compiler cc;
	char path[80];

	snprintf(path, sizeof(path), "%s/sites/b.conf", f->path);
	compiler_init(&cc, &options);
	assert_true(compiler_run(&cc, run_front, path));
	assert_int_equal(cc.diags.errors, 0);
	assert_int_equal(cc.source_count, 2);
	compiler_free(&cc);
}

static void test_every_allocation_fails(void **state)
{
	const struct folder *f = *state;
	char path[80];
	unsigned long n = 1;

	snprintf(path, sizeof(path), "%s/main.conf", f->path);
	while (!front_with_failure(path, n))
		n++;
	assert_true(n > 200);
}

/* The same through lowering, on a configuration without mistakes; all of the first ones, then a sample. */
static void test_lowering_runs_out_of_memory(void **state)
{
	static const char path[] = "tests/conf/good/whole.conf";
	unsigned long n = 1;

	(void)state;
	if (access(path, R_OK) != 0)
		return; /* started in another folder */
	while (!front_with_failure(path, n))
		n += n < 100 ? 1 : 1 + n / 100;
	assert_true(n > 1000);
}

static void test_ceiling(void **state)
{
	const struct folder *f = *state;
	struct compiler_options options = { .strict = false };
	struct compiler cc;
	char path[80];

	snprintf(path, sizeof(path), "%s/main.conf", f->path);
	compiler_init(&cc, &options);
	cc.arena.ceiling_bytes = 4096;
	assert_false(compiler_run(&cc, run_front, path));
	compiler_free(&cc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_inferred_context),
		cmocka_unit_test_setup_teardown(test_includes, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_fragment_includes, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_every_allocation_fails, make_folder, remove_folder),
		cmocka_unit_test(test_lowering_runs_out_of_memory),
		cmocka_unit_test_setup_teardown(test_ceiling, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
