/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rewrite programs, return and variables: configurations, requests and the decision that each must give. The wanted results are what
 * nginx 1.22 does with the same configuration and request, except where a line says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "tests/lib_c/site.h"

#define FILES "html/ html/index.html html/a.txt html/d/ html/d/index.html html/d/x.html html/e/ html/e/y.txt html/404.html html/50x.html alias/ alias/z.txt alias/i/ alias/i/index.html secret/ secret/s.txt secret.txt html/b.html html/sp%ace.txt"

/* --- rewrite in a server */
static const struct site_vector server_rewrites_vectors[] = {
	{ "GET /old/a", "200 /new/a||/old/a" }, { "GET /old/a?x=1", "200 /new/a|x=1|/old/a?x=1" }, { "GET /o2/a", "200 /new2/a||/o2/a" },
	{ "GET /o2/xa?q", "200 /new3/xa|q|/o2/xa?q" }, { "GET /red/a%20b", "302 http://t:8080/to/a%20b" },
	{ "GET /red/a?x=1", "302 http://t:8080/to/a?x=1" }, { "GET /perm/a?x=1", "301 http://x.org/a?a=b&x=1" },
	{ "GET /perm/a%26b%2fc%3fd", "301 http://x.org/a&b/c?d?a=b" }, { "GET /na/a?x=1", "200 /n/a||/na/a?x=1" },
	{ "GET /wa/a%26b?x=1", "200 /n/a&b|k=a%26b&x=1|/wa/a%26b?x=1" }, { "GET /wa/a+b?x=1", "200 /n/a+b|k=a%2Bb&x=1|/wa/a+b?x=1" },
	{ "GET /wa/b", "200 /n/b|k=b|/wa/b" }, { "GET /url/%c3%a9", "302 https://t/%C3%A9" }, { "GET /url/a?b", "302 https://t/a?b" },
	{ "GET /red/%0d%0aX", "302 http://t:8080/to/%0D" },
	{ NULL, NULL },
};
static const struct site_group server_rewrites = {
	.http = "",
	.server = "rewrite ^/old/(.*)$ /new/$1 last;\n"
		"rewrite ^/o2/(.*)$ /new2/$1;\n"
		"rewrite ^/new2/(x.*) /new3/$1;\n"
		"rewrite ^/red/(.*) /to/$1 redirect;\n"
		"rewrite ^/perm/(.*) http://x.org/$1?a=b permanent;\n"
		"rewrite ^/na/(.*) /n/$1? last;\n"
		"rewrite ^/wa/(.*) /n/$1?k=$1 last;\n"
		"rewrite ^/url/(.*) https://$host/$1;\n"
		"location / { return 200 \"$uri|$args|$request_uri\"; }\n",
	.vectors = server_rewrites_vectors,
};

/* --- rewrite in locations */
static const struct site_vector location_rewrites_vectors[] = {
	{ "GET /l/a", "-> GET /n/a 127.0.0.1:9" }, { "GET /m/a", "-> GET /n/a 127.0.0.1:9" }, { "GET /p/a%20b?c=1", "-> GET /q/a%20b?c=1 127.0.0.1:9" },
	{ "GET /r/x", "200 s /s" }, { "GET /loop", "500" }, { "GET /br/a%41%20?x", "-> GET /n/aA%20?x 127.0.0.1:9" },
	{ "GET /v/a?b=1", "-> GET /w/a?z=1&b=1 127.0.0.1:9" }, { "GET /v/%c3%a9", "-> GET /w/%C3%A9?z=1 127.0.0.1:9" },
	{ NULL, NULL },
};
static const struct site_group location_rewrites = {
	.http = "",
	.server = "location /l/ { rewrite ^/l/(.*)$ /m/$1 last; return 200 notreached; }\n"
		"location /m/ { rewrite ^/m/(.*)$ /n/$1 break; return 200 \"never $uri\"; proxy_pass http://127.0.0.1:9; }\n"
		"location /n/ { return 200 n; }\n"
		"location /p/ { rewrite ^/p/(.*)$ /q/$1 break; proxy_pass http://127.0.0.1:9/base/; }\n"
		"location /r/ { rewrite ^ /s; proxy_pass http://127.0.0.1:9; }\n"
		"location /s { return 200 \"s $uri\"; }\n"
		"location /loop { rewrite ^ /loop last; }\n"
		"location /br/ { rewrite ^/br/(.*) /n/$1; break; proxy_pass http://127.0.0.1:9; }\n"
		"location /v/ { rewrite ^/v/(.*)$ /w/$1?z=1 break; proxy_pass http://127.0.0.1:9; }\n",
	.vectors = location_rewrites_vectors,
};

/* --- return */
static const struct site_vector returns_vectors[] = {
	{ "GET /200", "200 t t http 8080 GET" }, { "GET /204", "204 " }, { "GET /301?a=b", "301 http://t:8080/x?a=b" },
	{ "GET /302", "302 http://y.org/" }, { "GET /url?x", "302 https://z.org/url?x" }, { "GET /303", "303 x" },
	{ "GET /308/%20x", "308 http://t:8080/308/ x" }, { "GET /403", "403" }, { "GET /403t", "403 text" }, { "GET /444", "close" },
	{ "GET /500", "500" }, { "GET /200n", "200 " }, { "GET /400", "400 bad" }, { "GET /s", "302 http://k/" }, { "GET /429", "429" },
	{ "HEAD /200", "200 t t http 8080 HEAD" }, { "GET /200|Host: T.:99", "200 t t http 8080 GET" },
	{ "GET /301|Host: abc:1234", "301 http://abc:8080/x" }, { "GET /301 HTTP/1.0|Host: ", "refused" },
	{ "GET /200|Host: [::1]:80", "200 t [::1] http 8080 GET" },
	{ NULL, NULL },
};
static const struct site_group returns = {
	.http = "types { text/css css; } "
		"default_type text/plain; ",
	.server = "location /200 { return 200 \"t $host $scheme $server_port $request_method\"; }\n"
		"location /204 { return 204; }\n"
		"location /301 { return 301 /x$is_args$args; }\n"
		"location /302 { return 302 http://y.org/; }\n"
		"location /url { return https://z.org$request_uri; }\n"
		"location /303 { return 303 x; }\n"
		"location /308 { return 308 $uri; }\n"
		"location /403 { return 403; }\n"
		"location /403t { return 403 text; }\n"
		"location /444 { return 444; }\n"
		"location /500 { return 500; }\n"
		"location /301n { return 301; }\n"
		"location /200n { return 200; }\n"
		"location /418 { return 418; }\n"
		"location /400 { return 400 bad; }\n"
		"location /s { return $scheme://k/; }\n"
		"location /304 { return 304; }\n"
		"location /429 { return 429; }\n"
		"location /999 {return 999; }\n"
		"location /0 { return 0; }\n",
	.vectors = returns_vectors,
};

/* --- absolute redirects */
static const struct site_vector absolute_vectors[] = {
	{ "GET /a|Host: q", "301 http://t:8080/b" }, { "GET /c|Host: q", "301 http://t/d" }, { "GET /e", "301 /f" },
	{ "GET /g|Host: Q", "302 http://q/h" },
	{ NULL, NULL },
};
static const struct site_group absolute = {
	.http = "",
	.server = "server_name_in_redirect on;\n"
		"location /a { return 301 /b; }\n"
		"location /c { port_in_redirect off; return 301 /d; }\n"
		"location /e { absolute_redirect off; return 301 /f; }\n"
		"location /g { port_in_redirect off; server_name_in_redirect off; return 302 /h; }\n",
	.vectors = absolute_vectors,
};

/* --- if and set */
static const struct site_vector conditions_vectors[] = {
	{ "GET /?", "200 BnxF|d|" }, { "GET /?a=1", "200 aBnxF|d|" }, { "GET /?a=0", "200 BnxF|d|" }, { "GET /?a=00", "200 aBnxF|d|" },
	{ "GET /?b=1", "200 bnxF|d|" }, { "GET /?c=12", "200 B21nxF|d|" }, { "GET /?c=x", "200 BF|d|" }, { "GET /?c=X1", "200 B1XF|d|" },
	{ "GET /?m=x", "200 BnxF|X|" }, { "GET /?m=X", "200 BnxF|X|" }, { "GET /?m=yab", "200 BnxF|Yab|ab" }, { "GET /?m=Yab", "200 BnxF|d|" },
	{ "GET /?a=1&b=1&c=pq&m=y", "200 abqpnxF|Y|" }, { "POST /", "405" }, { "GET /|X-Y: azzq", "200 BnxF-zz|d|zz" }, { "GET /i", "200 i 1" },
	{ "GET /i?z=1", "403" }, { "GET /i?u=1", "200 zz/zz" }, { "GET /i?w=2", "404" }, { "GET /s", "200 s" }, { "GET /s?p=1", "200 s" },
	{ "GET /t?p=1", "-> GET /t?p=1 127.0.0.1:9" }, { "GET /w?p=1", "-> GET /ww?p=1 127.0.0.1:9" }, { "GET /wx?p=1", "-> GET /wwx?p=1 127.0.0.1:9" },
	{ NULL, NULL },
};
static const struct site_group conditions = {
	.http = "map $arg_m $mm { default d; x X; ~^y(.*)$ \"Y$1\"; } ",
	.server = "set $v \"\";\n"
		"if ($arg_a) { set $v \"${v}a\"; }\n"
		"if ($arg_b = 1) { set $v \"${v}b\"; }\n"
		"if ($arg_b != 1) { set $v \"${v}B\"; }\n"
		"if ($arg_c ~ ^(.)(.)) { set $v \"$v$2$1\"; }\n"
		"if ($arg_c !~* ^X) { set $v \"${v}nx\"; }\n"
		"if ($request_method = POST) { return 405; }\n"
		"if (-f $document_root/a.txt) { set $v \"${v}F\"; }\n"
		"if ($http_x_y ~* \"(?<nm>Z+)\") { set $v \"$v-$nm\"; }\n"
		"location / { return 200 \"$v|$mm|$1\"; }\n"
		"location /i { if ($arg_z) { return 403; } if ($arg_u) { rewrite ^ /zz last; } set $k 1; if ($arg_w = 2) { break; } return 200 \"i $k\"; }\n"
		"location /zz { return 200 zz$uri; }\n"
		"location /s { if ($arg_p) { proxy_pass http://127.0.0.1:9; } return 200 s; }\n"
		"location /t { proxy_pass http://127.0.0.1:9; if ($arg_p) { set $q 1; } }\n"
		"location /w { if ($arg_p) { add_header X-A b; } proxy_pass http://127.0.0.1:9/ww; }\n",
	.files = FILES,
	.vectors = conditions_vectors,
};

/* --- variables of the request */
static const struct site_vector variables_vectors[] = {
	{ "GET /?a=1", "200 1|1|||||a=1|?|a=1|||||192.0.2.7|HTTP/1.1|GET /?a=1 HTTP/1.1" },
	{ "GET /?A=2&a=3", "200 2|2|||||A=2&a=3|?|A=2&a=3|||||192.0.2.7|HTTP/1.1|GET /?A=2&a=3 HTTP/1.1" },
	{ "GET /?xa=1&a=4&a=5", "200 4|4|||||xa=1&a=4&a=5|?|xa=1&a=4&a=5|||||192.0.2.7|HTTP/1.1|GET /?xa=1&a=4&a=5 HTTP/1.1" },
	{ "GET /?a", "200 ||||||a|?|a|||||192.0.2.7|HTTP/1.1|GET /?a HTTP/1.1" },
	{ "GET /?a&a=2", "200 2|2|||||a&a=2|?|a&a=2|||||192.0.2.7|HTTP/1.1|GET /?a&a=2 HTTP/1.1" },
	{ "GET /?a=&b_c=7", "200 ||7||||a=&b_c=7|?|a=&b_c=7|||||192.0.2.7|HTTP/1.1|GET /?a=&b_c=7 HTTP/1.1" },
	{ "GET /?a=1=2&", "200 1=2|1=2|||||a=1=2&|?|a=1=2&|||||192.0.2.7|HTTP/1.1|GET /?a=1=2& HTTP/1.1" },
	{ "GET /|Cookie: s=1; t=2", "200 |||1|2|||||||s=1; t=2||192.0.2.7|HTTP/1.1|GET / HTTP/1.1" },
	{ "GET /|Cookie: ss=0; s=1,t=3", "200 |||1,t=3|3|||||||ss=0; s=1,t=3||192.0.2.7|HTTP/1.1|GET / HTTP/1.1" },
	{ "GET /|Cookie: S = 5 ;T=6", "200 |||5 |6|||||||S = 5 ;T=6||192.0.2.7|HTTP/1.1|GET / HTTP/1.1" },
	{ "GET /|Cookie: a=b|Cookie: s=2|X-A: 1|X-A: 2", "200 |||2||1||||||a=b; s=2||192.0.2.7|HTTP/1.1|GET / HTTP/1.1" },
	{ "GET /|X-Forwarded-For: 1.2.3.4|X-Forwarded-For: 5.6.7.8", "200 ||||||||||||1.2.3.4, 5.6.7.8|1.2.3.4, 5.6.7.8, 192.0.2.7|HTTP/1.1|GET / HTTP/1.1" },
	{ "GET /|Authorization: Basic dXNlcjpwYXNz", "200 |||||||||user||||192.0.2.7|HTTP/1.1|GET / HTTP/1.1" },
	{ "GET /|Authorization: basic   dXNlcg==", "200 |||||||||||||192.0.2.7|HTTP/1.1|GET / HTTP/1.1" },
	{ "GET /|Authorization: Basic OnA=", "200 |||||||||||||192.0.2.7|HTTP/1.1|GET / HTTP/1.1" },
	{ "GET / HTTP/1.0|Content-Type: x/y", "200 ||||||||||x/y|||192.0.2.7|HTTP/1.0|GET / HTTP/1.0" }, { "GET /set?o=2", "200 n=1|?|1|n=1" },
	{ "GET /?", "200 |||||||||||||192.0.2.7|HTTP/1.1|GET /? HTTP/1.1" },
	{ NULL, NULL },
};
static const struct site_group variables = {
	.http = "",
	.server = "location / { return 200 \"$arg_a|$arg_A|$arg_b_c|$cookie_s|$cookie_T|$http_x_a|$args|$is_args|$query_string|$remote_user|$content_type|$http_cookie|$http_x_forwarded_for|$proxy_add_x_forwarded_for|$server_protocol|$request\"; }\n"
		"location /set { set $args \"n=1\"; return 200 \"$args|$is_args|$arg_n|$query_string\"; }\n",
	.vectors = variables_vectors,
};

static void check(void **state)
{
	assert_int_equal(site_check(*state), 0);
}

#define GROUP(name) { #name, check, NULL, NULL, (void *)(uintptr_t)&name }

int main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP(server_rewrites),
		GROUP(location_rewrites),
		GROUP(returns),
		GROUP(absolute),
		GROUP(conditions),
		GROUP(variables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
