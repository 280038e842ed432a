/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files: ranges and conditions as functions of their fields, then whole answers from a worker in this process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "runtime/static.h"
#include "tests/lib_c/live.h"

static void test_ranges(void **state)
{
	(void)state;
	static const struct { const char *field; enum static_part part; const char *ranges; } t[] = {
		{ "bytes=0-0", STATIC_RANGES, "0-1 " }, { "Bytes=2-", STATIC_RANGES, "2-10 " }, { "bytes=-3", STATIC_RANGES, "7-10 " },
		{ "bytes=-30", STATIC_RANGES, "0-10 " }, { "bytes=5-99", STATIC_RANGES, "5-10 " }, { "bytes= 0 - 1 , 3-4 ", STATIC_RANGES, "0-2 3-5 " },
		{ "bytes=20-,1-2", STATIC_RANGES, "1-3 " }, { "bytes=10-", STATIC_UNSATISFIABLE, "" }, { "bytes=-0", STATIC_UNSATISFIABLE, "" },
		{ "bytes=3-2", STATIC_UNSATISFIABLE, "" }, { "bytes=", STATIC_WHOLE, "" }, { "bytes=a", STATIC_UNSATISFIABLE, "" },
		{ "bytes=1-2x", STATIC_UNSATISFIABLE, "" }, { "bytes=1", STATIC_UNSATISFIABLE, "" }, { "lines=1-2", STATIC_WHOLE, "" },
		{ "bytes=0-9,0-9", STATIC_WHOLE, "" }, { "bytes=99999999999999999999-", STATIC_UNSATISFIABLE, "" }, { "bytes=0-1,", STATIC_UNSATISFIABLE, "" },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct static_range r[STATIC_RANGES_MAX];
		unsigned n;
		char text[256] = "";
		enum static_part part = static_parse_ranges(wsr_cstr(t[i].field), 10, r, &n);
		for (unsigned k = 0; part == STATIC_RANGES && k < n; k++)
			sprintf(text + strlen(text), "%u-%u ", (unsigned)r[k].first, (unsigned)r[k].end);
		if (part != t[i].part)
			print_error("%s\n", t[i].field);
		assert_int_equal(part, t[i].part);
		assert_string_equal(text, t[i].ranges);
	}
}

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"

static void test_conditions(void **state)
{
	(void)state;
	static const struct { const char *fields; unsigned status; } t[] = {
		{ "", 200 }, { "If-Modified-Since: " DATE "\r\n", 304 }, { "If-Modified-Since: " LATER "\r\n", 200 },
		{ "If-Modified-Since: yesterday\r\n", 200 }, { "If-None-Match: \"e\"\r\n", 304 }, { "If-None-Match: W/\"e\"\r\n", 304 },
		{ "If-None-Match: \"x\", \"e\"\r\n", 304 }, { "If-None-Match: *\r\n", 304 }, { "If-None-Match: \"x\"\r\n", 200 },
		{ "If-None-Match: \"x\"\r\nIf-Modified-Since: " DATE "\r\n", 200 }, { "If-Match: \"e\"\r\n", 200 }, { "If-Match: *\r\n", 200 },
		{ "If-Match: W/\"e\"\r\n", 412 }, { "If-Match: \"x\"\r\n", 412 }, { "If-Unmodified-Since: " DATE "\r\n", 200 },
		{ "If-Unmodified-Since: " EARLIER "\r\n", 412 }, { "If-Unmodified-Since: " LATER "\r\n", 200 }, { "If-Unmodified-Since: x\r\n", 412 },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char text[512];
		struct wsr_arena arena;
		struct wsr_head_parser p = { 0 };
		struct wsr_head h;
		struct wsr_head_limits limits = { .line_bytes = 500, .head_bytes = 500, .fields = 9 };
		wsr_arena_init(&arena, NULL, 1 << 16);
		int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", t[i].fields);
		assert_int_equal(wsr_head_request(&p, text, (size_t)n, &limits, &arena, &h), WSR_HEAD_DONE);
		if (static_condition(&h, 784111777, WSR_STR("\"e\""), WSR_IF_MODIFIED_EXACT) != t[i].status)
			fail_msg("%s", t[i].fields);
		wsr_arena_reset(&arena);
	}
}

/* --- answers ------------------------------------------------------------------------------------------------------------- */

static struct live s;

static void write_file(const char *name, size_t len, char first)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", s.folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (size_t i = 0; i < len; i++)
		fputc(first + (char)(i % 10), f);
	fclose(f);
}

static void remove_files(void)
{
	char command[256];
	snprintf(command, sizeof(command), "rm -rf %s/www", s.folder);
	assert_int_equal(system(command), 0);
}

static void start(void)
{
	char path[256];
	live_start(&s, "access_log off; log_not_found off; types { text/html html; text/plain txt; } default_type application/x-other; server { listen 80; root www; \
		error_page 404 /missing.html; }");
	snprintf(path, sizeof(path), "%s/www", s.folder);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/www/dir", s.folder);
	mkdir(path, 0755);
	write_file("www/ten.txt", 10, '0');
	write_file("www/empty", 0, '0');
	write_file("www/large", 300000, '0');
	write_file("www/dir/index.html", 5, 'a');
	write_file("www/missing.html", 3, 'x');
}

static const char *ask(const char *request)
{
	static char copy[1 << 20];
	int fd = live_connect(&s);
	size_t len;
	live_send(&s, fd, request, strlen(request));
	const char *got = live_read(&s, fd, NULL, &len);
	assert_true(len < sizeof(copy));
	memcpy(copy, got, len + 1);
	close(fd);
	return copy;
}

static void expect(const char *got, const char *part)
{
	if (!strstr(got, part))
		fail_msg("not there: %s\nin: %.800s", part, got);
}

#define END " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"

static void test_files(void **state)
{
	(void)state;
	start();
	const char *got = ask("GET /ten.txt" END "\r\n");
	expect(got, " 200 OK\r\n");
	expect(got, "Content-Type: text/plain\r\n");
	expect(got, "Content-Length: 10\r\n");
	expect(got, "Last-Modified: ");
	expect(got, "Accept-Ranges: bytes\r\n");
	expect(got, "-a\"\r\n");
	expect(got, "\r\n\r\n0123456789");
	got = ask("HEAD /ten.txt" END "\r\n");
	expect(got, "Content-Length: 10\r\n");
	assert_string_equal(got + strlen(got) - 4, "\r\n\r\n");
	got = ask("GET /empty" END "\r\n");
	expect(got, "Content-Type: application/x-other\r\n");
	expect(got, "Content-Length: 0\r\n");
	got = ask("GET /large" END "\r\n");
	assert_int_equal(strlen(strstr(got, "\r\n\r\n")), 300004);
	got = ask("GET /dir" END "\r\n");
	expect(got, " 301 ");
	expect(got, "/dir/\r\n");
	expect(ask("GET /dir/" END "\r\n"), "\r\n\r\nabcde");
	expect(ask("GET /none" END "\r\n"), " 404 ");
	expect(ask("GET /none" END "Range: bytes=0-0\r\n\r\n"), "\r\n\r\nxyz");
	expect(ask("POST /ten.txt" END "Content-Length: 3\r\n\r\nabc"), " 405 ");
	expect(ask("PUT /ten.txt" END "Content-Length: 0\r\n\r\n"), "Allow: GET, HEAD\r\n");
	expect(ask("POST /none" END "Content-Length: 0\r\n\r\n"), " 404 ");
	expect(ask("GET /ten.txt/x" END "\r\n"), " 404 ");
	expect(ask("GET /../../etc/passwd" END "\r\n"), " 400 ");
	remove_files();
	live_stop(&s);
}

static void test_parts(void **state)
{
	(void)state;
	start();
	const char *got = ask("GET /ten.txt" END "Range: bytes=2-4\r\n\r\n");
	expect(got, " 206 Partial Content\r\n");
	expect(got, "Content-Range: bytes 2-4/10\r\n");
	expect(got, "Content-Length: 3\r\n");
	expect(got, "\r\n\r\n234");
	got = ask("GET /ten.txt" END "Range: bytes=0-1,-2\r\n\r\n");
	expect(got, "Content-Type: multipart/byteranges; boundary=");
	expect(got, "Content-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--");
	expect(got, "Content-Range: bytes 8-9/10\r\n\r\n89\r\n--");
	unsigned length = 0;
	sscanf(strstr(got, "Content-Length: "), "Content-Length: %u", &length);
	assert_int_equal(strlen(strstr(got, "\r\n\r\n") + 4), length);
	got = ask("GET /ten.txt" END "Range: bytes=10-\r\n\r\n");
	expect(got, " 416 ");
	expect(got, "Content-Range: bytes */10\r\n");
	expect(ask("GET /ten.txt" END "Range: bytes=0-0\r\nIf-Range: \"x\"\r\n\r\n"), " 200 ");
	expect(ask("GET /large" END "Range: bytes=200000-299999\r\n\r\n"), "Content-Length: 100000\r\n");
	got = ask("GET /ten.txt" END "If-None-Match: *\r\n\r\n");
	expect(got, " 304 Not Modified\r\n");
	assert_null(strstr(got, "Content-Length"));
	expect(ask("GET /ten.txt" END "If-Match: \"x\"\r\n\r\n"), " 412 ");
	remove_files();
	live_stop(&s);
}

/* Two files over one connection, the first one large: the second answer starts exactly behind it. */
static void test_keepalive(void **state)
{
	(void)state;
	static const char request[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /ten.txt" END "\r\n";
	size_t len;
	start();
	int fd = live_connect(&s);
	live_send(&s, fd, request, sizeof(request) - 1);
	live_run(&s, 100); /* nobody reads yet */
	const char *got = live_read(&s, fd, NULL, &len);
	const char *body = strstr(got, "\r\n\r\n") + 4;
	assert_memory_equal(body + 300000, "HTTP/1.1 200 OK", 15);
	expect(body + 300000, "\r\n\r\n0123456789");
	close(fd);
	remove_files();
	live_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges), cmocka_unit_test(test_conditions), cmocka_unit_test(test_files), cmocka_unit_test(test_parts),
		cmocka_unit_test(test_keepalive),
	};
	return cmocka_run_group_tests_name("static", tests, NULL, NULL);
}
