/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Password and group files: each kind of hash (made with `openssl passwd` and crypt(3)) with the right and a wrong password, changed and damaged files, groups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/htpasswd.h"

static char path[64];

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(path, "/tmp/wsr-htpasswd-XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static bool check(struct htpasswd *h, const char *user, const char *password)
{
	const char *why;
	bool ok = htpasswd_check(h, path, wsr_cstr(user), wsr_cstr(password), &why);
	assert_null(why);
	return ok;
}

static void hashes(void **state)
{
	static const struct { const char *hash, *password; } known[] = {
		{ "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0", "secret" },
		{ "$apr1$ab$TpQ7wzdHj0GPTcdU5OPlb0", "a longer secret of more than sixteen" },
		{ "$apr1$saltsalt$a8ml/vK5HEjiZ5oypDWA7/", "" },
		{ "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", "secret" },
		{ "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1", "secret" },
		{ "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "secret" },
		{ "$1$saltsalt$EZwpulm3n/U3/d29vWj0g/", "a longer secret of 24 ch" },
		{ "abNANd1rDfiNc", "secret" },
		{ "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "secret" },
	};
	(void)state;
	struct htpasswd *h = htpasswd_new();
	char text[256];
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		snprintf(text, sizeof(text), "# comment\nother:x\nmary:%s:full name\r\nzoe:y\n", known[i].hash);
		write_file(text);
		assert_true(check(h, "mary", known[i].password));
		assert_true(check(h, "mary", known[i].password)); /* now from memory */
		assert_false(check(h, "mary", "wrong"));
		assert_false(check(h, "mar", known[i].password));
		assert_false(check(h, "", known[i].password));
		assert_false(check(h, "# comment\nother", "x"));
	}
	htpasswd_free(h);
}

static void changed_file(void **state)
{
	(void)state;
	struct htpasswd *h = htpasswd_new();
	write_file("mary:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
	assert_true(check(h, "mary", "secret"));
	write_file("mary:$apr1$ab$TpQ7wzdHj0GPTcdU5OPlb0\n");
	assert_false(check(h, "mary", "secret"));
	assert_true(check(h, "mary", "a longer secret of more than sixteen"));
	write_file("");
	assert_false(check(h, "mary", "a longer secret of more than sixteen"));
	htpasswd_free(h);
}

static void damaged_lines(void **state)
{
	static const char *const lines[] = { "mary", "mary:", "mary:$apr1$", "mary:$apr1$abc", "mary:{SHA}", "mary:$2y$", "mary:*", "mary:$6$rounds=99999999999$x$y", ":secret" };
	(void)state;
	struct htpasswd *h = htpasswd_new();
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		write_file(lines[i]);
		assert_false(check(h, "mary", "secret"));
		assert_false(check(h, "mary", ""));
	}
	htpasswd_free(h);
}

static void missing_file(void **state)
{
	const char *why;
	(void)state;
	struct htpasswd *h = htpasswd_new();
	assert_false(htpasswd_check(h, "/nonexistent/file", WSR_STR("mary"), WSR_STR("secret"), &why));
	assert_non_null(why);
	assert_false(htpasswd_check(h, "/", WSR_STR("mary"), WSR_STR("secret"), &why));
	assert_string_equal(why, "not a regular file");
	htpasswd_free(h);
}

static void groups(void **state)
{
	const char *why;
	(void)state;
	struct htpasswd *h = htpasswd_new();
	write_file("admin: mary joe\nstaff:\tann  bob\n");
	assert_true(htpasswd_member(h, path, WSR_STR("mary"), WSR_STR("admin"), &why));
	assert_true(htpasswd_member(h, path, WSR_STR("joe"), WSR_STR("admin"), &why));
	assert_true(htpasswd_member(h, path, WSR_STR("bob"), WSR_STR("staff"), &why));
	assert_false(htpasswd_member(h, path, WSR_STR("ann"), WSR_STR("admin"), &why));
	assert_false(htpasswd_member(h, path, WSR_STR("jo"), WSR_STR("admin"), &why));
	assert_false(htpasswd_member(h, path, WSR_STR(""), WSR_STR("staff"), &why));
	assert_false(htpasswd_member(h, path, WSR_STR("mary"), WSR_STR("nobody"), &why));
	htpasswd_free(h);
}

/* As eval's worlds ask: the store comes with the first question, names are relative to a folder. */
static void questions(void **state)
{
	struct htpasswd *h = NULL;
	struct htpasswd_answer a;
	char folder[sizeof(path)], name[PATH_MAX + 1];
	const struct wsr_str staff = WSR_STR("staff"), admin = WSR_STR("admin");
	(void)state;
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	*slash = '\0';
	write_file("mary:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nstaff: mary\n");
	htpasswd_ask(&h, folder, &(struct htpasswd_question){ .file = slash + 1, .user = WSR_STR("mary"), .password = WSR_STR("secret") }, &a);
	assert_true(a.yes);
	assert_non_null(h);
	assert_string_equal(a.path, path);
	htpasswd_ask(&h, folder, &(struct htpasswd_question){ .file = path, .user = WSR_STR("mary"), .password = WSR_STR("Secret") }, &a);
	assert_false(a.yes);
	assert_null(a.why);
	htpasswd_ask(&h, "/nonexistent", &(struct htpasswd_question){ .file = path, .user = WSR_STR("mary"), .group = &staff }, &a);
	assert_true(a.yes);
	htpasswd_ask(&h, folder, &(struct htpasswd_question){ .file = path, .user = WSR_STR("mary"), .group = &admin }, &a);
	assert_false(a.yes);
	htpasswd_ask(&h, "/nonexistent", &(struct htpasswd_question){ .file = "file", .user = WSR_STR("mary") }, &a);
	assert_false(a.yes);
	assert_string_equal(a.path, "/nonexistent/file");
	assert_string_equal(a.why, "No such file or directory");
	memset(name, 'a', PATH_MAX);
	name[PATH_MAX] = '\0';
	htpasswd_ask(&h, folder, &(struct htpasswd_question){ .file = name, .user = WSR_STR("mary") }, &a);
	assert_false(a.yes);
	assert_string_equal(a.why, "File name too long");
	htpasswd_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hashes, setup, teardown),
		cmocka_unit_test_setup_teardown(changed_file, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_file, setup, teardown),
		cmocka_unit_test_setup_teardown(groups, setup, teardown),
		cmocka_unit_test_setup_teardown(questions, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
