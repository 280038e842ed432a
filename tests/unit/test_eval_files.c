/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request targets, files, error pages and what is refused: configurations, requests and the decision that each must give. The wanted results are what
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

/* --- request targets for an upstream */
static const struct site_vector targets_vectors[] = {
	{ "GET /", "-> GET / 127.0.0.1:9" }, { "GET /a", "-> GET /Z 127.0.0.1:9" }, { "GET /a/", "-> GET /Z/ 127.0.0.1:9" },
	{ "GET /ab", "-> GET /Zb 127.0.0.1:9" }, { "GET /a/b", "301 http://t:8080/a/b/" }, { "GET /a/b/", "-> GET / 127.0.0.1:9" },
	{ "GET /a/b/c", "-> GET /c 127.0.0.1:9" }, { "GET /A", "-> GET /A 127.0.0.1:9" }, { "GET /a.php", "-> GET /Z.php 127.0.0.1:9" },
	{ "GET /a/x.php", "-> GET /Z/x.php 127.0.0.1:9" }, { "GET /a/b/y.php", "-> GET /y.php 127.0.0.1:9" },
	{ "GET /img/x.png", "-> GET /img/x.png 127.0.0.1:9" }, { "GET /img/", "-> GET /img/ 127.0.0.1:9" }, { "GET /img", "-> GET /img 127.0.0.1:9" },
	{ "GET //a", "-> GET /Z 127.0.0.1:9" }, { "GET /a//b", "301 http://t:8080/a/b/" }, { "GET /a/../b", "-> GET /a/../b 127.0.0.1:9" },
	{ "GET /%61", "-> GET /Z 127.0.0.1:9" }, { "GET /a%2Fb", "301 http://t:8080/a/b/" }, { "GET /a%20b", "-> GET /Z%20b 127.0.0.1:9" },
	{ "GET /x?y=1&z=2", "-> GET /q?w=1?y=1&z=2 127.0.0.1:9" }, { "GET /a?q", "-> GET /Z?q 127.0.0.1:9" },
	{ "GET /a/?q=1", "-> GET /Z/?q=1 127.0.0.1:9" }, { "GET /a/%7Cx", "-> GET /Z/%7Cx 127.0.0.1:9" },
	{ "GET /a/%3Fx", "-> GET /Z/%3Fx 127.0.0.1:9" }, { "GET /a/%23x", "-> GET /Z/%23x 127.0.0.1:9" },
	{ "GET /a/%25x", "-> GET /Z/%25x 127.0.0.1:9" }, { "GET /a/%22%3C%3E%5C%5E%60%7B%7D", "-> GET /Z/%22%3C%3E%5C%5E%60%7B%7D 127.0.0.1:9" },
	{ "GET /a/%c3%a9?%c3", "-> GET /Z/%C3%A9?%c3 127.0.0.1:9" }, { "GET /a/+x", "-> GET /Z/+x 127.0.0.1:9" },
	{ "GET /a/%2Bx", "-> GET /Z/+x 127.0.0.1:9" }, { "GET /a/./b", "301 http://t:8080/a/b/" }, { "GET /a/\\x", "-> GET /Z/\\x 127.0.0.1:9" },
	{ "GET /a/\"x", "-> GET /Z/\"x 127.0.0.1:9" }, { "GET /a/<x>", "-> GET /Z/<x> 127.0.0.1:9" }, { "GET /a/^x", "-> GET /Z/^x 127.0.0.1:9" },
	{ "POST /a/b", "301 http://t:8080/a/b/" }, { "HEAD /a", "-> HEAD /Z 127.0.0.1:9" }, { "DELETE /x", "-> DELETE /q?w=1 127.0.0.1:9" },
	{ "GET http://t/a/b?c", "301 http://t:8080/a/b/?c" }, { "GET http://t?c", "-> GET /?c 127.0.0.1:9" }, { "GET /a?", "-> GET /Z 127.0.0.1:9" },
	{ "GET /aZ?", "-> GET /ZZ 127.0.0.1:9" }, { "OPTIONS /x", "-> OPTIONS /q?w=1 127.0.0.1:9" },
	{ NULL, NULL },
};
static const struct site_group targets = {
	.http = "",
	.server = "location / { proxy_pass http://127.0.0.1:9; }\n"
		"location /a { proxy_pass http://127.0.0.1:9/Z; }\n"
		"location /a/b/ { proxy_pass http://127.0.0.1:9/; }\n"
		"location /x { proxy_pass http://127.0.0.1:9/q?w=1; }\n",
	.vectors = targets_vectors,
};

/* --- proxy_pass with variables */
static const struct site_vector variable_targets_vectors[] = {
	{ "GET /", "-> GET / 127.0.0.1:9" }, { "GET /a", "-> GET /Z 127.0.0.1:9" }, { "GET /a/", "-> GET /Z 127.0.0.1:9" },
	{ "GET /ab", "-> GET /Z 127.0.0.1:9" }, { "GET /a/b", "301 http://t:8080/a/b/" }, { "GET /a/b/", "-> GET /a/b/ 127.0.0.1:9" },
	{ "GET /a/b/c", "-> GET /a/b/c 127.0.0.1:9" }, { "GET /A", "-> GET /A 127.0.0.1:9" }, { "GET /a.php", "-> GET /Z 127.0.0.1:9" },
	{ "GET /a/x.php", "-> GET /Z 127.0.0.1:9" }, { "GET /a/b/y.php", "-> GET /a/b/y.php 127.0.0.1:9" },
	{ "GET /img/x.png", "-> GET /pic/x.png 127.0.0.1:9" }, { "GET /img/", "-> GET /pic/ 127.0.0.1:9" }, { "GET /img", "-> GET /pic 127.0.0.1:9" },
	{ "GET //a", "-> GET /Z 127.0.0.1:9" }, { "GET /a//b", "301 http://t:8080/a/b/" }, { "GET /a/../b", "-> GET /a/../b 127.0.0.1:9" },
	{ "GET /%61", "-> GET /Z 127.0.0.1:9" }, { "GET /a%2Fb", "301 http://t:8080/a/b/" }, { "GET /a%20b", "-> GET /Z 127.0.0.1:9" },
	{ "GET /x?y=1&z=2", "-> GET //x?y=1&z=2 127.0.0.1:9" }, { "GET /a?q", "-> GET /Z 127.0.0.1:9" }, { "GET /a/?q=1", "-> GET /Z 127.0.0.1:9" },
	{ "GET /q/1", "-> GET /?z=1 127.0.0.1:9" }, { "GET /img/a%20b?c", "-> GET /pic/a%20b?c 127.0.0.1:9" },
	{ NULL, NULL },
};
static const struct site_group variable_targets = {
	.http = "",
	.server = "set $b 127.0.0.1:9;\n"
		"location / { proxy_pass http://$b; }\n"
		"location /a { proxy_pass http://$b/Z; }\n"
		"location /a/b/ { proxy_pass http://$b$request_uri; }\n"
		"location /x { proxy_pass http://$b/$uri$is_args$args; }\n"
		"location /img { rewrite ^/img(.*)$ /pic$1 break; proxy_pass http://$b; }\n"
		"location ~ ^/q/(.*) { proxy_pass http://$b?z=$1; }\n",
	.vectors = variable_targets_vectors,
};

/* --- error_page */
static const struct site_vector errors_vectors[] = {
	{ "GET /404", "404" }, { "GET /403", "201 forb" }, { "GET /500", "200 named /500 " }, { "GET /500?a=b", "200 named /500 a=b" },
	{ "GET /401", "302 http://x.org/login" }, { "GET /402", "301 http://x.org/pay" }, { "GET /410", "201 gone x=1 GET /gone" },
	{ "GET /405", "~405 -> GET /405 127.0.0.1:9" }, { "GET /int", "404" }, { "GET /toint", "200 int" }, { "GET /d", "200 x" },
	{ "GET /deny", "201 forb" }, { "GET /none", "404" }, { "GET /nof/x", "404" }, { "POST /410", "201 gone x=1 GET /gone" },
	{ "POST /405", "~405 -> POST /405 127.0.0.1:9" }, { "HEAD /410", "201 gone x=1 HEAD /gone" }, { "POST /404", "404" },
	{ NULL, NULL },
};
static const struct site_group errors = {
	.http = "",
	.server = "error_page 404 /404.html;\n"
		"error_page 403 = /p403;\n"
		"error_page 500 502 =200 @named;\n"
		"error_page 401 http://x.org/login;\n"
		"error_page 402 =301 http://x.org/pay;\n"
		"error_page 410 =201 /gone?x=1;\n"
		"error_page 405 =405 @m;\n"
		"location /404 { return 404; }\n"
		"location /403 { return 403; }\n"
		"location /p403 { return 201 forb; }\n"
		"location /500 { return 500; }\n"
		"location /401 { return 401; }\n"
		"location /402 { return 402; }\n"
		"location /410 { return 410; }\n"
		"location /gone { return 200 \"gone $args $request_method $uri\"; }\n"
		"location @named { return 200 \"named $uri $args\"; }\n"
		"location /405 { return 405; }\n"
		"location @m { proxy_pass http://127.0.0.1:9; }\n"
		"location /int { internal; return 200 int; }\n"
		"location /toint { rewrite ^ /int last; }\n"
		"location /d { deny all; return 200 x; }\n"
		"location /deny { deny all; }\n"
		"location /allow { allow 127.0.0.0/8; deny all; }\n"
		"location /nof { root nowhere; }\n",
	.files = FILES,
	.vectors = errors_vectors,
};

/* --- error pages with errors of their own */
static const struct site_vector error_chains_vectors[] = {
	{ "GET /nf", "404" }, { "GET /loop", "500 l2" }, { "GET /x", "403" }, { "GET /y", "404" }, { "GET /q/a", "200 z/z/q/a" },
	{ "GET /zz/none", "200 z/zz/none" },
	{ NULL, NULL },
};
static const struct site_group error_chains = {
	.http = "",
	.server = "error_page 404 =404 /nf;\n"
		"error_page 500 /loop;\n"
		"location /nf { return 404; }\n"
		"location /loop { error_page 500 /loop2; return 500; }\n"
		"location /loop2 { return 200 l2; }\n"
		"location /x { error_page 404 = @a; return 404; }\n"
		"location @a { error_page 403 @b; return 403; }\n"
		"location @b { return 200 b; }\n"
		"location /y { recursive_error_pages off; error_page 403 = /nf; return 403; }\n"
		"location /q { error_page 404 \"=\" \"/z$uri\"; }\n"
		"location /z { return 200 \"z$uri\"; }\n",
	.vectors = error_chains_vectors,
};

/* --- root, alias and index */
static const struct site_vector files_vectors[] = {
	{ "GET /", "404" }, { "GET /a.txt", "file html/a.txt" }, { "GET /nope", "404" }, { "GET /d", "301 http://t:8080/d/" },
	{ "GET /d?q=1", "301 http://t:8080/d/?q=1" }, { "GET /d/", "file html/b.html" }, { "GET /e/", "file html/e/y.txt" },
	{ "GET /e", "301 http://t:8080/e/" }, { "GET /i/z.txt", "file alias/z.txt" }, { "GET /iz.txt", "404" }, { "GET /i", "301 http://t:8080/i/" },
	{ "GET /j", "404" }, { "GET /j/", "403" }, { "GET /j/z.txt", "file alias/z.txt" }, { "GET /j/../a.txt", "file html/a.txt" },
	{ "GET /k/z.txt", "file alias/z.txt" }, { "GET /k/", "403" }, { "GET /k/i/", "file alias/i/index.html" }, { "GET /k/../secret/s.txt", "404" },
	{ "GET /nest/z.txt", "file alias/z.txt" }, { "GET /nest/i/", "file alias/i/index.html" }, { "GET /nest/i/nope", "404" },
	{ "GET /k/%2e%2e/secret/s.txt", "404" }, { "GET /abs/", "file alias/i/index.html" }, { "GET /d/x.html", "file html/d/x.html" },
	{ "GET /a.txt/", "404" }, { "GET /%61.txt", "file html/a.txt" }, { "GET /nope/", "404" }, { "GET /sp%25ace.txt", "file html/sp%ace.txt" },
	{ "GET /.", "404" }, { "GET /a.txt/x", "404" }, { "POST /a.txt", "405" }, { "PUT /a.txt", "405" }, { "DELETE /", "405" },
	{ "HEAD /a.txt", "file html/a.txt" }, { "POST /", "404" }, { "POST /nope", "404" }, { "OPTIONS /a.txt", "405" },
	{ "POST /d", "301 http://t:8080/d/" },
	{ NULL, NULL },
};
static const struct site_group files = {
	.http = "",
	.server = "root html;\n"
		"location /i { alias alias; }\n"
		"location /j/ { alias alias/; }\n"
		"location ~ ^/k/(.*)$ { alias alias/$1; }\n"
		"location /noidx { root html; index none.html; }\n"
		"location /e/ { index nope y.txt; }\n"
		"location /d/ { index /b.html; }\n"
		"location /abs/ { alias alias/i/; index index.html; }\n"
		"location /sub/ { root html/; location /sub/x { alias secret; } }\n"
		"location /nest/ { alias alias/; location ~ txt$ { expires 1d; } location /nest/i/ { expires 2d; } }\n",
	.files = FILES,
	.vectors = files_vectors,
};

/* --- try_files */
static const struct site_vector try_files_vectors[] = {
	{ "GET /", "file html/index.html" }, { "GET /a.txt", "file html/a.txt" }, { "GET /d", "301 http://t:8080/d/" },
	{ "GET /d/", "file html/d/index.html" }, { "GET /zz", "file html/b.html" }, { "GET /n/a", "404" }, { "GET /m", "file html/a.txt" },
	{ "GET /o/x", "200 n /o/x" }, { "GET /p", "200 q x=/p" }, { "GET /r/z.txt", "file alias/z.txt" }, { "GET /r/nope", "403" },
	{ "GET /r/", "403" }, { "GET /t/x", "-> GET /t/x 127.0.0.1:9" }, { "GET /u/a.txt", "file html/a.txt" },
	{ "GET /u/d/x.html", "file html/d/x.html" }, { "GET /u/zz", "410" }, { "GET /v", "404" }, { "GET /e", "301 http://t:8080/e/" },
	{ "GET /e/", "403" }, { "GET /loop", "500" },
	{ NULL, NULL },
};
static const struct site_group try_files = {
	.http = "",
	.server = "root html;\n"
		"location / { try_files $uri $uri/ /b.html; }\n"
		"location /n { try_files $uri =404; }\n"
		"location /m { try_files /a.txt =404; }\n"
		"location /o { try_files $uri @n; }\n"
		"location @n { return 200 \"n $uri\"; }\n"
		"location /p { try_files /none/$uri /q?x=$uri; }\n"
		"location /q { return 200 \"q $args\"; }\n"
		"location /r/ { alias alias/; try_files $uri =403; }\n"
		"location /s { try_files $uri =200; }\n"
		"location /t { try_files /a.txt =404; proxy_pass http://127.0.0.1:9; }\n"
		"location ~ ^/u/(.*)$ { try_files /$1 =410; }\n"
		"location /v { try_files $uri $uri/ =404; }\n"
		"location /loop { try_files /nope /loop; }\n",
	.files = FILES,
	.vectors = try_files_vectors,
};

/* --- alias in corners */
static const struct site_vector alias_vectors[] = {
	{ "GET /a/a.txt", "file html/a.txt" }, { "GET /aa.txt", "404" }, { "GET /b/a.txt", "file html/a.txt" }, { "GET /b/nn", "file html/index.html" },
	{ "GET /c/a.txt", "file html/a.txt" }, { "GET /c/", "file html/index.html" }, { "GET /c/d/", "file html/d/index.html" },
	{ "GET /c", "301 http://t:8080/c/" }, { "GET /w/x", "500" }, { "GET /x../secret.txt", "404" }, { "GET /xz.txt", "file alias/z.txt" },
	{ NULL, NULL },
};
static const struct site_group alias = {
	.http = "",
	.server = "location /a { alias html; }\n"
		"location /b/ { alias html/; try_files $uri index.html =404; }\n"
		"location ~ ^/c(.*)$ { alias html$1; index index.html; }\n"
		"location /x { alias alias/; }\n"
		"location /w { alias html; rewrite ^ /w/a.txt break; }\n",
	.files = FILES,
	.vectors = alias_vectors,
};

/* --- merge_slashes off */
static const struct site_vector slashes_kept_vectors[] = {
	{ "GET /", "200 /" }, { "GET /a", "200 /a" }, { "GET /a/", "200 /a/" }, { "GET /ab", "200 /ab" }, { "GET /a/b", "200 /a/b" },
	{ "GET /a/b/", "200 /a/b/" }, { "GET /a/b/c", "200 /a/b/c" }, { "GET /A", "200 /A" }, { "GET /a.php", "200 /a.php" },
	{ "GET /a/x.php", "200 /a/x.php" }, { "GET /a/b/y.php", "200 /a/b/y.php" }, { "GET /img/x.png", "200 /img/x.png" },
	{ "GET /img/", "200 /img/" }, { "GET /img", "200 /img" }, { "GET //a", "200 //a" }, { "GET /a//b", "200 /a//b" }, { "GET /a/../b", "200 /b" },
	{ "GET /%61", "200 /a" }, { "GET /a%2Fb", "200 /a/b" }, { "GET /a%20b", "200 /a b" }, { "GET /x?y=1&z=2", "200 /x" }, { "GET /a?q", "200 /a" },
	{ "GET /a/?q=1", "200 /a/" }, { "GET //x", "200 dbl //x" }, { "GET //x//y/../z", "200 dbl //x//z" }, { "GET /a//../b", "200 /a/b" },
	{ NULL, NULL },
};
static const struct site_group slashes_kept = {
	.http = "",
	.server = "merge_slashes off;\n"
		"location / { return 200 \"$uri\"; }\n"
		"location //x { return 200 \"dbl $uri\"; }\n",
	.vectors = slashes_kept_vectors,
};

/* --- paths that are refused */
static const struct site_vector bad_paths_vectors[] = {
	{ "GET /%", "400" }, { "GET /%zz", "400" }, { "GET /%00", "400" }, { "GET /..", "400" }, { "GET /../a", "400" }, { "GET /a/../..", "400" },
	{ "GET /%2e%2e", "400" }, { "GET *", "refused" }, { "GET /a/%2e%2e/%2e%2e/b", "400" }, { "OPTIONS *", "400" },
	{ NULL, NULL },
};
static const struct site_group bad_paths = {
	.http = "",
	.server = "location / { return 200 \"$uri\"; }\n",
	.vectors = bad_paths_vectors,
};

/* --- client_max_body_size */
static const struct site_vector large_bodies_vectors[] = {
	{ "POST /|Content-Length: 11", "413 big GET" }, { "POST /y|Content-Length: 11", "200 named" }, { "POST /|Content-Length: 0", "200 ok" },
	{ NULL, NULL },
};
static const struct site_group large_bodies = {
	.http = "",
	.server = "client_max_body_size 10;\n"
		"error_page 413 /big;\n"
		"location /big { return 200 \"big $request_method\"; }\n"
		"location / { return 200 ok; }\n"
		"location /x { client_max_body_size 100; return 200 x; }\n"
		"location /y { error_page 413 =200 @b; }\n"
		"location @b { return 200 named; }\n",
	.vectors = large_bodies_vectors,
};

static void check(void **state)
{
	assert_int_equal(site_check(*state), 0);
}

#define GROUP(name) { #name, check, NULL, NULL, (void *)(uintptr_t)&name }

int main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP(targets),
		GROUP(variable_targets),
		GROUP(errors),
		GROUP(error_chains),
		GROUP(files),
		GROUP(try_files),
		GROUP(alias),
		GROUP(slashes_kept),
		GROUP(bad_paths),
		GROUP(large_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
