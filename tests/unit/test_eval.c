/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What evaluation adds to nginx's rules and where it is stricter: tunnels, `redirect`, access rules by address, log lines, bad requests, limits. Each
 * case compiles its configuration; results are written as in tests/lib_c/site.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "tests/lib_c/site.h"

static void expect(const char *server, const struct site_vector *vectors)
{
	assert_int_equal(site_check(&(struct site_group){ .http = "", .server = server, .files = "", .vectors = vectors }), 0);
}

static void open_server(struct site *s, const char *http, const char *server)
{
	char conf[4096];
	snprintf(conf, sizeof(conf), "error_log x.log;\nevents {}\nhttp {\n%s\nserver {\nlisten 127.0.0.1:8080;\nserver_name t;\n%s\n}\n}\n", http, server);
	assert_true(site_open(s, conf));
}

#define UPGRADE "|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13"
#define KEY "|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

static void test_tunnel(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /" UPGRADE KEY, "tunnel websocket / 127.0.0.1:9" },
		{ "GET /" KEY "|Connection: keep-alive, upgrade|Upgrade: WebSocket", "tunnel websocket / 127.0.0.1:9" },
		{ "GET /", "-> GET / 127.0.0.1:9" },
		{ "POST /" UPGRADE KEY, "-> POST / 127.0.0.1:9" },
		{ "GET / HTTP/1.0" UPGRADE KEY, "-> GET / 127.0.0.1:9" },
		{ "GET /" UPGRADE, "-> GET / 127.0.0.1:9" },
		{ "GET /" UPGRADE "|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=", "-> GET / 127.0.0.1:9" },
		{ "GET /" UPGRADE "|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==", "-> GET / 127.0.0.1:9" },
		{ "GET /" UPGRADE KEY "|Content-Length: 3", "-> GET / 127.0.0.1:9" },
		{ "GET /" KEY "|Upgrade: websocket", "-> GET / 127.0.0.1:9" },
		{ "GET /" KEY "|Connection: upgrade|Upgrade: h2c", "-> GET / 127.0.0.1:9" },
		{ "GET /" KEY "|Connection: upgrade|Upgrade: websocket, h2c", "-> GET / 127.0.0.1:9" },
		{ "GET /off" UPGRADE KEY, "-> GET /off 127.0.0.1:9" },
		{ "GET /only" UPGRADE KEY, "tunnel websocket /only 127.0.0.1:9" },
		{ "GET /only", "426" },
		{ "POST /only" UPGRADE KEY, "426" },
		{ "GET /more|Connection: upgrade|Upgrade: Foo", "tunnel foo /more 127.0.0.1:9" },
		{ "GET /more" UPGRADE KEY, "tunnel websocket /more 127.0.0.1:9" },
		{ "GET /more|Connection: upgrade|Upgrade: bar", "-> GET /more 127.0.0.1:9" },
		{ "GET /base/x?y" UPGRADE KEY, "tunnel websocket /b/x?y 127.0.0.1:9" },
		{ NULL, NULL },
	};
	(void)state;
	expect("websocket on; location / { proxy_pass http://127.0.0.1:9; } location /off { websocket off; proxy_pass http://127.0.0.1:9; }"
	       "location /only { websocket only; proxy_pass http://127.0.0.1:9; }"
	       "location /more { upgrade_protocols websocket foo; proxy_pass http://127.0.0.1:9; }"
	       "location /base/ { proxy_pass http://127.0.0.1:9/b/; }", v);
}

static void test_upgrade_never_passes_without_tunnel(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "location / { proxy_pass http://127.0.0.1:9; }");
	site_request(&s, "GET /" UPGRADE KEY);
	assert_null(strcasestr(site_upstream_head(&s), "upgrade"));
	site_close(&s);
}

static void test_426_names_the_protocol(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "location / { websocket only; proxy_pass http://127.0.0.1:9; }");
	assert_string_equal(site_request(&s, "GET /"), "426");
	assert_true(wsr_str_eq(s.e.decision.protocol, WSR_STR("websocket")));
	site_close(&s);
}

static void test_redirect(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /old", "301 http://t:8080/new" },
		{ "GET /old/", "301 http://t:8080/new/" },
		{ "GET /old/a%20b/c?x=1", "301 http://t:8080/new/a%20b/c?x=1" },
		{ "GET /older", "301 https://example.org/older" },
		{ "GET /q/x?a=1", "302 https://q.example.org/x?own=2" },
		{ "GET /h/x?a=1", "302 https://h.example.org/p/x?a=1#frag" },
		{ "GET /n/12/z?k=v", "308 http://t:8080/num/12?k=v" },
		{ "GET /n/1%3F2", "301 https://example.org/n/1%3F2" },
		{ "GET /.evil.org", "301 https://example.org/.evil.org" },
		{ "GET /a%0d%0aX:y", "301 https://example.org/a%0D%0AX:y" },
		{ "GET /all/x?y", "302 https://all.example.org/fixed?y" },
		{ NULL, NULL },
	};
	(void)state;
	expect("location /all { redirect https://all.example.org/fixed; }"
	       "location / { redirect 301 /old /new; redirect /q/ https://q.example.org?own=2; redirect /h https://h.example.org/p/#frag;"
	       "redirect 308 \"~^/n/([0-9]+)/z$\" /num/$1; redirect 301 / https://example.org; }", v);
}

static void expect_client(struct site *s, const char *client, const char *request, const char *want)
{
	s->client = client;
	assert_string_equal(site_request(s, request), want);
}

static void test_access(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "location / { allow 10.0.0.0/9; deny 192.0.2.7; allow 192.0.2.0/24; allow 2001:db8::/33; deny all; proxy_pass http://127.0.0.1:9; }"
			    "location /open { allow 10.0.0.1; proxy_pass http://127.0.0.1:9; }");
	expect_client(&s, "0a7f0001", "GET /", "-> GET / 127.0.0.1:9");
	expect_client(&s, "0a800001", "GET /", "403");
	expect_client(&s, "c0000207", "GET /", "403");
	expect_client(&s, "c0000208", "GET /", "-> GET / 127.0.0.1:9");
	expect_client(&s, "00000000000000000000ffff0a000001", "GET /", "-> GET / 127.0.0.1:9");
	expect_client(&s, "20010db8000000000000000000000001", "GET /", "-> GET / 127.0.0.1:9");
	expect_client(&s, "20010db8800000000000000000000001", "GET /", "403");
	expect_client(&s, "", "GET /", "403");
	expect_client(&s, "c0000207", "GET /open", "-> GET /open 127.0.0.1:9");
	site_close(&s);
}

static void expect_line(struct site *s, const char *format, const char *request, const char *want)
{
	site_request(s, request);
	for (uint32_t i = 0; i < wsr_log_format_count(&s->table); i++) {
		const struct wsr_log_format *f = wsr_log_format_at(&s->table, i);
		if (!wsr_str_eq(wsr_string(&s->table, f->name), wsr_cstr(format)))
			continue;
		struct wsr_str line = wsr_eval_log_line(&s->e, f);
		assert_int_equal(line.len, strlen(want));
		assert_memory_equal(line.ptr, want, line.len);
		return;
	}
	fail_msg("no format %s", format);
}

static void test_log_lines(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "log_format d '$uri|$args|$http_x|$is_args|$remote_user|\"$host\"'; log_format j escape=json '$uri|$http_x|$args';"
			"log_format n escape=none '$uri|$http_x|$args'; access_log a.log d; access_log b.log j; access_log c.log n;",
		    "location / { return 200; }");
	expect_line(&s, "d", "GET /", "/|-|-||-|\"t\"");
	expect_line(&s, "d", "GET /a%0a%22%5c%7f%c3?q|X: \"z\"", "/a\\x0A\\x22\\x5C\\x7F\\xC3|q|\\x22z\\x22|?|-|\"t\"");
	expect_line(&s, "j", "GET /a%0a%22%5c%01%c3|X: a\tb", "/a\\n\\\"\\\\\\u0001\xc3|a\\tb|");
	expect_line(&s, "n", "GET /a%22?x", "/a\"||x");
	site_close(&s);
}

static void test_bad_request(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "error_page 400 =418 /bad; error_page 414 https://example.org/long; location /bad { return 200 \"b $request_method$args$host\"; } location / { return 200; }");
	site_request(&s, "GET /");
	s.e.request = NULL;
	wsr_eval_bad_request(&s.e, 400);
	assert_string_equal(site_result(&s), "418 b GETt");
	wsr_eval_bad_request(&s.e, 414);
	assert_string_equal(site_result(&s), "302 https://example.org/long");
	wsr_eval_bad_request(&s.e, 501);
	assert_string_equal(site_result(&s), "501");
	assert_null(memmem(s.e.decision.body.ptr, s.e.decision.body.len, "example", 7));
	site_close(&s);
}

static void test_errors_while_carrying_out(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "error_page 502 /sorry; error_page 504 =503 @slow; location / { proxy_pass http://127.0.0.1:9; } location /sorry { return 200 s; }"
			    "location @slow { proxy_pass http://127.0.0.1:10; }");
	site_request(&s, "POST /x?y");
	wsr_eval_error(&s.e, 502);
	assert_string_equal(site_result(&s), "502 s");
	site_request(&s, "POST /x?y");
	wsr_eval_error(&s.e, 504);
	assert_string_equal(site_result(&s), "~503 -> POST /x?y 127.0.0.1:10");
	wsr_eval_error(&s.e, 502);
	assert_string_equal(site_result(&s), "502");
	site_request(&s, "GET /x");
	wsr_eval_error(&s.e, 497);
	assert_string_equal(site_result(&s), "400");
	site_request(&s, "GET /x");
	wsr_eval_redirect(&s.e, WSR_STR("/sorry"), WSR_STR_NULL);
	assert_string_equal(site_result(&s), "200 s");
	wsr_eval_redirect(&s.e, WSR_STR("@nobody"), WSR_STR_NULL);
	assert_string_equal(site_result(&s), "500");
	assert_non_null(s.e.error);
	site_close(&s);
}

/* What fails is 500 with a sentence, never a pass. */
static void test_failures(void **state)
{
	struct site s;
	char maps[2048] = "";
	(void)state;
	for (int i = 0; i < 40; i++) /* deeper than the limit, which guards the stack */
		snprintf(maps + strlen(maps), sizeof(maps) - strlen(maps), "map $m%d $m%d { default $m%d; } ", i + 1, i, i + 1);
	strcat(maps, "map $uri $m40 { default x; }");
	open_server(&s, maps,
		    "location /deep { return 200 $m0; } location /ifdeep { if ($m0) { return 403; } return 200; } location /less { return 200 $m20; }"
		    "location /re { if ($arg_x ~ \"^(([a-z])+.)+[A-Z]([a-z])+$\") { return 403; } proxy_pass http://127.0.0.1:9; }"
		    "location /url { proxy_pass $arg_u; } location /loop { rewrite ^ /loop last; }");
	static const char *const requests[] = { "GET /deep", "GET /ifdeep", "GET /re?x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
						"GET /url?u=ftp://x/", "GET /url?u=http://", "GET /url?u=http://a:0/", "GET /url?u=http://a:70000/",
						"GET /url?u=http://[::1/", "GET /loop" };
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(site_request(&s, requests[i]), "500") != 0 || !s.e.error)
			fail_msg("%s: %s", requests[i], s.result);
	}
	assert_string_equal(site_request(&s, "GET /less"), "200 x");
	assert_string_equal(site_request(&s, "GET /re?x=aB"), "-> GET /re?x=aB 127.0.0.1:9");
	assert_null(s.e.error);
	site_close(&s);
}

static void expect_url(struct site *s, const char *request, const char *target, const char *host, unsigned port, bool tls, const char *proxy_host)
{
	site_request(s, request);
	const struct wsr_decision *d = &s->e.decision;
	assert_int_equal(d->kind, WSR_DECIDE_PROXY);
	assert_true(wsr_str_eq(d->target, wsr_cstr(target)));
	assert_true(wsr_str_eq(d->host, wsr_cstr(host)));
	assert_int_equal(d->port, port);
	assert_int_equal(d->tls, tls);
	assert_true(wsr_str_eq(s->e.proxy_host, wsr_cstr(proxy_host)));
}

static void test_urls_from_variables(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "upstream group { server 127.0.0.1:9; }", "location / { proxy_pass $arg_u; }");
	expect_url(&s, "GET /x?u=http://a", "/x?u=http://a", "a", 80, false, "a");
	expect_url(&s, "GET /x?u=https://a/", "/", "a", 443, true, "a");
	expect_url(&s, "GET /x?u=http://a:81/b?c", "/b?c", "a", 81, false, "a:81");
	expect_url(&s, "GET /x?u=http://a:80", "/x?u=http://a:80", "a", 80, false, "a");
	expect_url(&s, "GET /x?u=https://[::1]:8443/", "/", "::1", 8443, true, "[::1]:8443");
	expect_url(&s, "GET /x?u=http://a?q", "/?q", "a", 80, false, "a");
	expect_url(&s, "GET /x?u=http://unix:/run/a.sock:/y", "/y", "/run/a.sock", 0, false, "localhost");
	assert_int_equal(s.e.decision.upstream, WSR_NONE);
	expect_url(&s, "GET /x?u=http://GROUP/y", "/y", "GROUP", 80, false, "GROUP");
	assert_int_not_equal(s.e.decision.upstream, WSR_NONE);
	site_close(&s);
}

/* Whatever a variable holds, the upstream gets one request. */
static void test_injection(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "location / { proxy_set_header X-Path $uri; proxy_pass http://127.0.0.1:9$uri; } location /r { return 302 $uri; }"
			    "location /w { rewrite ^/w(.*)$ /v$1?k=$1 break; proxy_pass http://127.0.0.1:9; }");
	assert_string_equal(site_request(&s, "GET /a%20HTTP/1.1%0d%0aX:%20y"), "-> GET /a%20HTTP/1.1%0D%0AX:%20y 127.0.0.1:9");
	assert_null(strstr(site_upstream_head(&s), "X-Path"));
	assert_string_equal(site_request(&s, "GET /w/a%20b%09"), "-> GET /v/a%20b%09?k=/a%20b%09 127.0.0.1:9");
	site_request(&s, "GET /r%0d%0aX:y");
	assert_int_equal(s.e.decision.status, 302);
	site_close(&s);
}

static struct { uint32_t count; char text[4096]; } seen;

static void note(void *ctx, uint32_t pos, const char *what, struct wsr_str detail)
{
	(void)ctx;
	(void)pos;
	size_t n = strlen(seen.text);
	snprintf(seen.text + n, sizeof(seen.text) - n, "%s %.*s\n", what, WSR_FMT(detail));
	seen.count++;
}

/* server_name "" takes requests without a host; a TLS handshake without a name is the default server's. */
static void test_no_host(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "return 200 default; } server { listen 127.0.0.1:8080; server_name \"\"; return 200 none; } server { listen 127.0.0.1:8080; server_name \"~^$\" other; return 200 regex;");
	assert_string_equal(site_request(&s, "GET / HTTP/1.0|Host: "), "refused");
	assert_string_equal(site_request(&s, "GET /|Host: t"), "200 default");
	s.request.host = WSR_STR_NULL;
	wsr_eval_begin(&s.e);
	assert_string_equal(site_result(&s), "200 none");
	assert_int_equal(wsr_match_server(&s.table, s.regexes, 0, WSR_STR(""), NULL), wsr_listen_at(&s.table, 0)->default_server);
	assert_int_not_equal(wsr_match_server(&s.table, s.regexes, 0, WSR_STR("OTHER.:443"), NULL), wsr_listen_at(&s.table, 0)->default_server);
	site_close(&s);
}

static void test_trace(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "location / { return 200; } location /a { if ($arg_x) { return 403; } proxy_pass http://127.0.0.1:9; } location ~ z$ { return 200; }");
	site_request(&s, "GET /a");
	s.e.trace = note;
	wsr_eval_begin(&s.e);
	static const char *const steps[] = { "server by name t\n", "longest prefix /a\n", "expression does not match z$\n", "condition does not hold", "passed on" };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		assert_non_null(strstr(seen.text, steps[i]));
	site_close(&s);
}

/* Every arena size from nothing to plenty: a decision is made and nothing is read that is not there. */
static void test_no_memory(void **state)
{
	static const char request[] = "GET /a%20b/c?u=http://x/&q=1|X-Forwarded-For: 1.2.3.4|Host: T";
	struct site s;
	(void)state;
	open_server(&s, "map $uri $m { default \"<$uri>\"; ~b(.)c $1; } map $a $c { default $m; }",
		    "set $a \"$m$c$arg_q\"; error_page 404 500 /e$a; rewrite ^/(a.*)$ /b$1?x=$1; location /b { set $c $a; proxy_set_header X \"$c $proxy_add_x_forwarded_for\";"
		    "add_header Y \"$a$c\"; proxy_pass http://$host/$uri$c; } location /e { try_files $uri$a =404; }");
	for (size_t bytes = 0; bytes < 40000; bytes += bytes < 4096 ? 64 : 512) {
		site_request(&s, request);
		struct wsr_arena small;
		wsr_arena_init(&small, NULL, bytes);
		s.e.arena = &small;
		wsr_eval_begin(&s.e);
		if (s.e.decision.kind == WSR_DECIDE_PROXY) {
			struct wsr_out out;
			wsr_out_init(&out, &small, 64);
			wsr_eval_upstream_head(&s.e, WSR_FRAMING_NONE, 0, true, &out);
		} else {
			assert_int_equal(s.e.decision.kind, WSR_DECIDE_ANSWER);
		}
		struct wsr_out answer;
		wsr_out_init(&answer, &small, 64);
		struct wsr_answer a = { .status = 500 };
		wsr_eval_answer_head(&s.e, NULL, &a, &answer);
		wsr_arena_reset(&small);
	}
	site_close(&s);
}

/* A usual proxied request takes nothing from the arena but its head. */
static void test_usual_request_is_free(void **state)
{
	struct site s;
	(void)state;
	open_server(&s, "", "location / { proxy_pass http://127.0.0.1:9; } location /static/ { proxy_pass http://127.0.0.1:10; }");
	site_request(&s, "GET /app/index.html?x=1|User-Agent: x");
	struct wsr_arena none;
	wsr_arena_init(&none, NULL, 0);
	s.e.arena = &none;
	wsr_eval_begin(&s.e);
	assert_string_equal(site_result(&s), "-> GET /app/index.html?x=1 127.0.0.1:9");
	site_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_upgrade_never_passes_without_tunnel),
		cmocka_unit_test(test_426_names_the_protocol),
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_log_lines),
		cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_errors_while_carrying_out),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_urls_from_variables),
		cmocka_unit_test(test_injection),
		cmocka_unit_test(test_no_host),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_usual_request_is_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
