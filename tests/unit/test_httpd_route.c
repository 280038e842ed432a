/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing of Apache configuration: ProxyPass, Location, Redirect, Alias, files, workers, sessions. Configurations in Apache's language, requests and the
 * decision that each must give; what is wanted is what httpd 2.4.71 does with the same text and request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "tests/lib_c/site.h"

#define FILES "/html/ /html/gone.html /html/fb.html /html/x.html /html/dir/ /html/idx/ /html/idx/index.html /other/ /other/a.txt"

static void open_host(struct site *s, const char *host)
{
	assert_true(site_open_host(s, "", host, FILES));
}

static void expect(const char *host, const struct site_vector *v)
{
	struct site s;
	open_host(&s, host);
	assert_int_equal(site_ask(&s, v, true), 0);
	site_close(&s);
}

#define UPGRADE "|Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Sec-WebSocket-Version: 13"

static void test_order_and_mapping(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /nn/x", "-> GET /n/x 127.0.0.1:9" }, { "GET /ns", "-> GET /m/ 127.0.0.1:9" }, { "GET /ns/x", "-> GET /m//x 127.0.0.1:9" },
		{ "GET /sn/x", "-> GET /m2x 127.0.0.1:9" }, { "GET /sn", "404" }, { "GET /bare", "-> GET / 127.0.0.1:9" },
		{ "GET /bare/x?q", "-> GET /x?q 127.0.0.1:9" }, { "GET /bar", "404" }, { "GET /barex", "404" },
		{ "GET /nn/keep/x", "-> GET /n/keep/x 127.0.0.1:9" }, { "GET /open/x", "404" }, { "GET /pc/z", "-> GET /a%2520b/z 127.0.0.1:9" },
		{ "GET /q/z?y=2", "-> GET /a%3Fx=1/z?y=2 127.0.0.1:9" }, { "GET /q/z?", "-> GET /a%3Fx=1/z? 127.0.0.1:9" },
		{ "GET /nc/%41/b%20c?d=e", "-> GET /%41/b%20c?d=e 127.0.0.1:9" }, { "GET /match/1/2.x", "-> GET /m/2/1 127.0.0.1:9" },
		{ "GET /whole/p?q", "-> GET /w/whole/p?q 127.0.0.1:9" }, { "GET /NN/x", "404" }, { "GET /lost/a", "500" },
		{ "GET /lost/@", "400" }, { "GET /lost/b@/x", "400" }, { "GET /lost/%23b/x", "400" }, { "GET /lost/%3Fb", "400" }, { "GET /lost/:b", "500" }, { "GET /lost/99999", "400" },
		{ "GET /lost/8", "500" }, { "GET /lost/@other.example/", "500" }, { "GET /lost/b@%5B", "400" },
		{ "GET /whole1/$1", "-> GET /w1/$1/whole1/$1 127.0.0.1:9" },
		{ NULL, NULL },
	};
	(void)state;
	expect("ProxyPass /open !\nProxyPass /nn http://127.0.0.1:9/n\nProxyPass /nn/keep !\nProxyPass /ns http://127.0.0.1:9/m/\nProxyPass /sn/ http://127.0.0.1:9/m2\n"
	       "ProxyPass /bare http://127.0.0.1:9\nProxyPass /pc http://127.0.0.1:9/a%20b\nProxyPass /q http://127.0.0.1:9/a?x=1\nProxyPass /nc/ http://127.0.0.1:9/ nocanon\n"
	       "ProxyPassMatch ^/match/(.)/(.)\\.x$ http://127.0.0.1:9/m/$2/$1\nProxyPassMatch ^/whole1/(.*) http://127.0.0.1:9/w1/$1\nProxyPassMatch ^/whole http://127.0.0.1:9/w\nProxyPass /lost/ http://127.0.0.1:9\n", v);
}

static void test_paths(void **state)
{
	static const struct site_vector v[] = {
		{ "GET //x//y", "-> GET /x/y 127.0.0.1:9" }, { "GET /a/./b/../c", "-> GET /a/c 127.0.0.1:9" }, { "GET /%41", "-> GET /A 127.0.0.1:9" },
		{ "GET /a%2Fb", "404" }, { "GET /a%00", "404" }, { "GET /a%zz", "400" }, { "GET /../x", "400" }, { "GET /a/.%2e/b", "-> GET /b 127.0.0.1:9" },
		{ "GET /%c3%a4|X: 1", "-> GET /%C3%A4 127.0.0.1:9" }, { "GET /a\\b", "-> GET /a%5Cb 127.0.0.1:9" }, { "GET /%e4%20%7c", "-> GET /%E4%20%7C 127.0.0.1:9" },
		{ "GET /a;b=c", "-> GET /a;b=c 127.0.0.1:9" }, { "GET /a/..", "-> GET / 127.0.0.1:9" }, { "OPTIONS *", "200 " },
		{ NULL, NULL },
	};
	(void)state;
	expect("ProxyPass / http://127.0.0.1:9/\n", v);
}

static void test_sections(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /loc/x", "-> GET /inner/x 127.0.0.1:9" }, { "GET /loc/deep/x", "-> GET /deep/x 127.0.0.1:9" }, { "GET /loc/off/x", "404" },
		{ "GET /locx", "-> GET /outer/locx 127.0.0.1:9" }, { "GET /lm/a/b?x", "-> GET /lmx/a/b?x 127.0.0.1:9" }, { "GET /ln/a?x", "-> GET /lnx/ln/a?x 127.0.0.1:9" },
		{ "GET /red/a/b?q=1", "302 https://one.example/x?q=1" }, { "GET /two/a?q=1", "302 https://two.example/y/a?q=1" }, { "GET /shut/x", "403" },
		{ NULL, NULL },
	};
	(void)state;
	expect("ProxyPass /loc http://127.0.0.1:9/first\nProxyPass / http://127.0.0.1:9/outer/\n<Location /loc>\nProxyPass http://127.0.0.1:9/inner\n</Location>\n"
	       "<Location /loc/deep>\nProxyPass http://127.0.0.1:9/deep\n</Location>\n<Location /loc/off>\nProxyPass !\n</Location>\n"
	       "<LocationMatch \"^/lm/(.*)$\">\nProxyPassMatch http://127.0.0.1:9/lmx/$1\n</LocationMatch>\n<LocationMatch \"^/ln/(.*)$\">\nProxyPass http://127.0.0.1:9/lnx\n</LocationMatch>\n"
	       "<Location /red>\nRedirect 302 https://one.example/x\n</Location>\n<Location /two>\nRedirect 302 /two https://two.example/y\n</Location>\n"
	       "<Location /shut>\nRequire all denied\n</Location>\n", v);
}

static void test_redirects_and_files(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /goneone", "~410 file /html/gone.html" }, { "GET /frag/x?q", "302 https://f.example/a#frag/x?q" }, { "GET /rm/a%20b?z=1", "302 https://rm.example/a%20b?own=1" },
		{ "GET /rel/x?z", "307 http://t/other/x?z" }, { "GET /rel|Host: t:81", "307 http://t:81/other" }, { "GET /r404", "404" },
		{ "GET /dir", "301 http://t/dir/" }, { "GET /idx/", "file /html/idx/index.html" }, { "GET /idx", "301 http://t/idx/" }, { "GET /nofile", "file /html/fb.html" },
		{ "GET /dir/", "file /html/fb.html" }, { "PUT /x.html", "302 https://x.example/405" }, { "OPTIONS /x.html", "200 " },
		{ "GET /x.html/more", "404" }, { "GET /al/a.txt", "file /other/a.txt" }, { "GET /alx", "file /html/fb.html" }, { "GET /am/a.txt", "file /other/a.txt" },
		{ "GET /cgi/x.sh", "403 no scripts" },
		{ NULL, NULL },
	};
	(void)state;
	expect("Redirect gone /goneone\nRedirect 302 /frag https://f.example/a#frag\nRedirectMatch 302 ^/rm/(.*)$ https://rm.example/$1?own=1\nRedirect 307 /rel /other\n"
	       "Redirect 404 /r404\nFallbackResource /fb.html\nErrorDocument 410 /gone.html\nErrorDocument 405 https://x.example/405\nErrorDocument 403 \"no scripts\"\n"
	       "Alias /al /other\nAliasMatch ^/am/(.*)$ /other/$1\nScriptAlias /cgi /other\nDirectoryIndex index.html\n", v);
}

/* AllowEncodedSlashes NoDecode as far as it goes. */
static void test_kept_slashes(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /a%2Fb%25cc", "-> GET /r/a%2Fb%25cc 127.0.0.1:9" }, { "GET /sec/a%2fb", "-> GET /r/sec/a%252fb 127.0.0.1:9" }, { "GET /a%25", "400" },  { "GET /sec/a%25", "-> GET /r/sec/a%25 127.0.0.1:9" },
		{ NULL, NULL },
	};
	(void)state;
	expect("AllowEncodedSlashes NoDecode\nProxyPass / http://127.0.0.1:9/r/\n<Location /sec>\nRequire all granted\n</Location>\n", v);
}

/* Names too long for a file system are refused before access, redirects and methods of a section are looked at. */
static void test_long_names(void **state)
{
	char name[300], request[400];
	struct site s;
	(void)state;
	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	open_host(&s, "<Location />\nRedirectMatch . http://e.example/\n</Location>\n");
	snprintf(request, sizeof(request), "DELETE /dir/%s", name);
	assert_string_equal(site_request(&s, request), "403");
	snprintf(request, sizeof(request), "GET /none/%s", name);
	assert_string_equal(site_request(&s, request), "302 http://e.example/");
	name[255] = '\0';
	snprintf(request, sizeof(request), "GET /dir/%s", name);
	assert_string_equal(site_request(&s, request), "302 http://e.example/");
	site_close(&s);
}

/* Index files are asked for as requests of their own; whether a path is a folder is the mapped file's matter, not the path's. */
static void test_folders(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /dir/", "403" }, { "GET /idx/", "file /html/idx/index.html" }, { "OPTIONS /dir", "301 http://t/dir/" }, { "OPTIONS /dir/", "200 " }, { "PUT /dir/", "405" },
		{ "GET /f/", "file /html/x.html" }, { "GET /f/a/", "file /html/x.html" }, { "GET /tofolder/?q", "301 http://t/tofolder/index.html/?q" }, { "GET /tofolder/index.html/", "301 http://t/tofolder/index.html/index.html/" },
		{ "GET /x.html/", "404" }, { "GET /viafile/", "404" }, { "POST /dir/", "404" },
		{ NULL, NULL },
	};
	static const struct site_vector rules[] = {
		{ "GET /dir/?q", "301 http://e.example/index.html-dir?q" }, { "GET /idx/", "-> GET /b/idx/index.html 127.0.0.1:9" }, { "HEAD /idx/", "-> HEAD /b/idx/index.html 127.0.0.1:9" },
		{ NULL, NULL },
	};
	static const struct site_vector raw[] = {
		{ "GET /idx/?q", "-> GET /n/index.html?q 127.0.0.1:9" }, { "GET /..%2f%2f//idx", "301 http://t/idx/" }, { NULL, NULL },
	};
	static const struct site_vector refused[] = {
		{ "GET /dir/", "410" }, { "GET /idx/", "file /html/fb.html" }, { NULL, NULL },
	};
	static const struct site_vector sections[] = {
		{ "GET /sec/none", "file /html/fb.html" }, { "GET /sec/", "file /html/fb.html" }, { "GET /own/none", "file /html/x.html" }, { "GET /ctl/a%7Fb", "500" }, { "GET //../x", "400" }, { "GET //own//none", "file /html/x.html" }, { "GET /x/..//idx/", "302 http://e.example/index.html" }, { NULL, NULL },
	};
	static const struct site_vector around[] = { { "GET /dir/", "500" }, { "GET /none", "500" }, { NULL, NULL } };
	(void)state;
	expect("RewriteEngine On\nRewriteRule ^/f(/a)?/$ /x.html\nRewriteRule ^/tofolder/ /dir\nRewriteRule ^/viafile/$ /dir/\nRewriteRule ^/viafile/index.html$ /x.html/more\n", v);
	expect("RedirectMatch 301 ^/(dir)/([^/]+)$ http://e.example/$2-$1\nProxyPassMatch ^(/idx/.+)$ http://127.0.0.1:9/b$1\n", rules);
	expect("AllowEncodedSlashes On\nProxyPassMatch ^/idx/(.+)$ http://127.0.0.1:9/n/$1 nocanon\n", raw);
	expect("DirectoryIndex a.html b.html\nRewriteEngine On\nRewriteRule ^/dir/a.html$ - [G]\nRewriteRule ^/dir/b.html$ /x [R]\nRewriteRule ^/idx/b.html$ /fb.html\n"
	       "RewriteRule ^/idx/a.html$ /gone.html [NS]\n", refused);
	expect("MergeSlashes Off\nFallbackResource /fb.html\n<Location /sec>\nRequire all granted\n</Location>\n<Location /own>\nFallbackResource /x.html\n</Location>\n"
	       "RedirectMatch ^/idx/(.+) http://e.example/$1\nRedirectMatch ^/ctl/(.*) http://e.example/?q=$1\n", sections);
	expect("RewriteEngine On\nRewriteRule ^/dir/index.html$ /dir/ [PT]\nFallbackResource /missing\n", around);
}

static void test_upgrades(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /ws" UPGRADE, "tunnel websocket /ws 127.0.0.1:9" }, { "GET /ws", "-> GET /ws 127.0.0.1:9" }, { "GET /up/x" UPGRADE, "tunnel websocket /up/x 127.0.0.1:9" },
		{ "GET /any|Upgrade: foo/1|Connection: Upgrade", "tunnel foo/1 /any 127.0.0.1:10" }, { "GET /up/x|Upgrade: foo/1|Connection: Upgrade", "-> GET /up/x 127.0.0.1:9" },
		{ "GET /ws|Upgrade: foo, websocket|Connection: Upgrade", "-> GET /ws 127.0.0.1:9" }, { "GET /plain" UPGRADE, "-> GET /plain 127.0.0.1:11" },
		{ "POST /ws" UPGRADE, "-> POST /ws 127.0.0.1:9" }, { "GET /old" UPGRADE, "tunnel websocket /old 127.0.0.1:9" },
		{ NULL, NULL },
	};
	static const struct site_vector old[] = {
		{ "GET /ws" UPGRADE, "tunnel WebSocket /ws 127.0.0.1:9" }, { "GET /ws", "-> GET /rest/ws 127.0.0.1:9" }, { "GET /ws|Upgrade: foo", "426" },
		{ NULL, NULL },
	};
	(void)state;
	expect("ProxyPass /ws ws://127.0.0.1:9/ws\nProxyPass /up http://127.0.0.1:9/up upgrade=websocket\nProxyPass /any http://127.0.0.1:10/any upgrade=ANY\n"
	       "ProxyPass /plain http://127.0.0.1:11/plain\nProxyPass /old ws://127.0.0.1:9/old\n", v);
	expect("ProxyWebsocketFallbackToProxyHttp Off\nProxyPass /ws ws://127.0.0.1:9/ws\nProxyPass / http://127.0.0.1:9/rest/\n", old);
}

/* A rule whose URL begins with another one's has that one's worker, with its parameters. */
static void test_shared_workers(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /up" UPGRADE, "-> GET /x 127.0.0.1:9" }, { "GET /topsub" UPGRADE, "tunnel websocket /sub 127.0.0.1:10" }, { NULL, NULL },
	};
	(void)state;
	expect("ProxyPass /plain http://127.0.0.1:9/x\nProxyPass /up http://127.0.0.1:9/x upgrade=websocket\nProxyPass /top http://127.0.0.1:10/ upgrade=websocket\n"
	       "ProxyPass /topsub http://127.0.0.1:10/sub\n", v);
}

static const char BALANCER[] = "<Proxy balancer://c>\nBalancerMember http://127.0.0.1:9/b route=one\nBalancerMember http://127.0.0.1:10/b route=two timeout=7\n"
			       "ProxySet stickysession=SID|sid\n</Proxy>\nProxyPass / balancer://c/ nofailover=On\n";

static uint32_t peer_for(struct site *s, const char *request)
{
	site_request(s, request);
	assert_int_equal(s->e.decision.kind, WSR_DECIDE_PROXY);
	return s->e.decision.peer;
}

static void test_sessions(void **state)
{
	struct site s;
	(void)state;
	open_host(&s, BALANCER);
	assert_string_equal(site_request(&s, "GET /x?y"), "-> GET /b/x?y 127.0.0.1:9");
	assert_int_equal(peer_for(&s, "GET /x"), WSR_NONE);
	assert_int_equal(peer_for(&s, "GET /x|Cookie: a=1; SID=q.two"), 1);
	assert_true(s.e.decision.only_peer);
	assert_int_equal(peer_for(&s, "GET /x|Cookie: SID=q.one"), 0);
	assert_int_equal(peer_for(&s, "GET /x?sid=q.two"), 1);
	assert_int_equal(peer_for(&s, "GET /x;sid=q.two"), 1);
	assert_int_equal(peer_for(&s, "GET /x|Cookie: SID=q.three"), WSR_NONE);
	assert_int_equal(peer_for(&s, "GET /x|Cookie: XSID=q.two"), WSR_NONE);
	assert_int_equal(peer_for(&s, "GET /x|Cookie: SID=two"), WSR_NONE);
	wsr_eval_member(&s.e, 1);
	assert_non_null(strstr(site_upstream_head(&s), "\r\nHost: 127.0.0.1:10\r\n"));
	site_close(&s);
}

static void expect_location(struct site *s, const char *value, const char *want)
{
	char response[256], line[256];
	site_request(s, "GET /app/x");
	snprintf(response, sizeof(response), "HTTP/1.1 302 Found|Location: %s|Content-Length: 0", value);
	snprintf(line, sizeof(line), "\r\nLocation: %s\r\n", want);
	assert_non_null(strstr(site_answer_head(s, response), line));
}

static void test_way_back(void **state)
{
	struct site s;
	(void)state;
	open_host(&s, "ProxyPass / http://127.0.0.1:9/\nProxyPassReverse /app http://127.0.0.1:9/in\nProxyPassReverse /three/ /x/\nProxyPassReverse / http://127.0.0.1:9/\n"
		      "ProxyPassReverseCookiePath /in /out\nProxyPassReverseCookieDomain h.internal pub.example\n"
		      "<Location /app>\nProxyPassReverse http://alias.example/\n</Location>\n");
	expect_location(&s, "http://127.0.0.1:9/in/y", "http://t/app/y");
	expect_location(&s, "HTTP://127.0.0.1:9/IN/y", "http://t/app/y");
	expect_location(&s, "http://127.0.0.1:9/other", "http://t/other");
	expect_location(&s, "http://elsewhere/x/y", "http://t/three/y");
	expect_location(&s, "http://localhost/in/y", "http://localhost/in/y");
	expect_location(&s, "https://127.0.0.1:9/in/y", "https://127.0.0.1:9/in/y");
	expect_location(&s, "/relative", "/relative");
	expect_location(&s, "http://alias.example/z", "http://t/appz");
	site_request(&s, "GET /app/x");
	const char *head = site_answer_head(&s, "HTTP/1.1 200 OK|Set-Cookie: a=1; Path=/in/x; Domain=h.internal|Set-Cookie: b=path=/in; path=/in|Content-Length: 0");
	assert_non_null(strstr(head, "\r\nSet-Cookie: a=1; Path=/out; Domain=pub.example\r\n"));
	assert_non_null(strstr(head, "\r\nSet-Cookie: b=path=/in; path=/out\r\n"));
	site_close(&s);
}

/* Timeouts of the worker come before the section's; a tunnel ends after the longer one of Timeout and the backend's. */
static void test_timeouts(void **state)
{
	struct site s;
	(void)state;
	open_host(&s, "Timeout 20\nProxyTimeout 3\nProxyPass /w http://127.0.0.1:9/w timeout=7 connectiontimeout=300ms\nProxyPass /ws ws://127.0.0.1:10/\nProxyPass / http://127.0.0.1:11/\n");
	site_request(&s, "GET /w");
	assert_int_equal(s.e.proxyset->proxy_read_timeout_ms, 7000);
	assert_int_equal(s.e.proxyset->proxy_connect_timeout_ms, 300);
	site_request(&s, "GET /x");
	assert_int_equal(s.e.proxyset->proxy_read_timeout_ms, 3000);
	assert_int_equal(s.e.core->client_body_timeout_ms, 20000);
	site_request(&s, "GET /ws" UPGRADE);
	assert_int_equal(s.e.proxyset->websocket_idle_timeout_ms, 20000);
	site_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_mapping), cmocka_unit_test(test_paths), cmocka_unit_test(test_sections), cmocka_unit_test(test_redirects_and_files),
		cmocka_unit_test(test_folders), cmocka_unit_test(test_kept_slashes), cmocka_unit_test(test_long_names), 		cmocka_unit_test(test_upgrades), cmocka_unit_test(test_shared_workers), cmocka_unit_test(test_sessions), cmocka_unit_test(test_way_back),
		cmocka_unit_test(test_timeouts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
