/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers, locations and maps: configurations, requests and the decision that each must give. The wanted results are what
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

/* --- prefix, exact, ^~ and expressions of one level */
static const struct site_vector levels_vectors[] = {
	{ "GET /", "200 root" }, { "GET /a", "200 exact" }, { "GET /a/", "200 pre /a/" }, { "GET /ab", "200 root" }, { "GET /a/b", "200 pre /a/b" },
	{ "GET /a/b/", "200 pre /a/b/" }, { "GET /a/b/c", "200 pre /a/b/c" }, { "GET /A", "200 root" }, { "GET /a.php", "200 php" },
	{ "GET /a/x.php", "200 php" }, { "GET /a/b/y.php", "200 php" }, { "GET /img/x.png", "200 img" }, { "GET /img/", "200 img" },
	{ "GET /img", "200 root" }, { "GET //a", "200 exact" }, { "GET /a//b", "200 pre /a/b" }, { "GET /a/../b", "200 root" },
	{ "GET /%61", "200 exact" }, { "GET /a%2Fb", "200 pre /a/b" }, { "GET /a%20b", "200 root" }, { "GET /x?y=1&z=2", "200 root" },
	{ "GET /a?q", "200 exact" }, { "GET /a/?q=1", "200 pre /a/" },
	{ NULL, NULL },
};
static const struct site_group levels = {
	.http = "",
	.server = "location / { return 200 root; }\n"
		"location = /a { return 200 exact; }\n"
		"location /a/ { return 200 \"pre $uri\"; }\n"
		"location ^~ /img/ { return 200 img; }\n"
		"location ~ \\.php$ { return 200 php; }\n"
		"location ~* \\.PNG$ { return 200 png; }\n",
	.vectors = levels_vectors,
};

/* --- nested locations */
static const struct site_vector nested_vectors[] = {
	{ "GET /", "file html/index.html" }, { "GET /a", "200 a" }, { "GET /a/", "200 slash" }, { "GET /ab", "200 a" }, { "GET /a/b", "200 ab" },
	{ "GET /a/b/", "200 ab" }, { "GET /a/b/c", "200 abc" }, { "GET /A", "404" }, { "GET /a.php", "200 nested " }, { "GET /a/x.php", "200 nested " },
	{ "GET /a/b/y.php", "200 nested " }, { "GET /img/x.png", "200 inner " }, { "GET /img/", "200 re img" }, { "GET /img", "200 re img" },
	{ "GET //a", "200 a" }, { "GET /a//b", "200 ab" }, { "GET /a/../b", "404" }, { "GET /%61", "200 a" }, { "GET /a%2Fb", "200 ab" },
	{ "GET /a%20b", "200 a" }, { "GET /x?y=1&z=2", "200 re x" }, { "GET /a?q", "200 a" }, { "GET /a/?q=1", "200 slash" },
	{ NULL, NULL },
};
static const struct site_group nested = {
	.http = "",
	.server = "location /a { return 200 a; location /a/b { return 200 ab; location ~ c$ { return 200 abc; } } location ~ \\.php$ { return 200 \"nested $1\"; } location = /a/ { return 200 slash; } }\n"
		"location ~ ^/(img|x) { return 200 \"re $1\"; location ~ ng$ { return 200 \"inner $1\"; } }\n"
		"location ~ php { return 200 outer; }\n",
	.files = FILES,
	.vectors = nested_vectors,
};

/* --- ^~ holds for its own level only */
static const struct site_vector nested_noregex_vectors[] = {
	{ "GET /", "file html/index.html" }, { "GET /a", "200 a" }, { "GET /a/", "200 a" }, { "GET /ab", "200 a" }, { "GET /a/b", "200 ab" },
	{ "GET /a/b/", "200 ab" }, { "GET /a/b/c", "200 ab" }, { "GET /A", "404" }, { "GET /a.php", "200 a" }, { "GET /a/x.php", "200 a" },
	{ "GET /a/b/y.php", "200 ab" }, { "GET /img/x.png", "404" }, { "GET /img/", "404" }, { "GET /img", "404" }, { "GET //a", "200 a" },
	{ "GET /a//b", "200 ab" }, { "GET /a/../b", "404" }, { "GET /%61", "200 a" }, { "GET /a%2Fb", "200 ab" }, { "GET /a%20b", "200 a" },
	{ "GET /x?y=1&z=2", "404" }, { "GET /a?q", "200 a" }, { "GET /a/?q=1", "200 a" },
	{ NULL, NULL },
};
static const struct site_group nested_noregex = {
	.http = "",
	.server = "location ^~ /a { location /a/b { return 200 ab; } return 200 a; }\n"
		"location ~ c$ { return 200 c; }\n"
		"location ~ php { return 200 outer; }\n",
	.files = FILES,
	.vectors = nested_noregex_vectors,
};

/* --- "/x" is sent to "/x/" */
static const struct site_vector slash_vectors[] = {
	{ "GET /", "file html/index.html" }, { "GET /a", "301 http://t:8080/a/" }, { "GET /a/", "-> GET /a/ 127.0.0.1:9" }, { "GET /ab", "404" },
	{ "GET /a/b", "-> GET /a/b 127.0.0.1:9" }, { "GET /a/b/", "-> GET /a/b/ 127.0.0.1:9" }, { "GET /a/b/c", "-> GET /a/b/c 127.0.0.1:9" },
	{ "GET /A", "404" }, { "GET /a.php", "404" }, { "GET /a/x.php", "-> GET /a/x.php 127.0.0.1:9" },
	{ "GET /a/b/y.php", "-> GET /a/b/y.php 127.0.0.1:9" }, { "GET /img/x.png", "-> GET /pics/x.png 127.0.0.1:9" },
	{ "GET /img/", "-> GET /pics/ 127.0.0.1:9" }, { "GET /img", "301 http://t:8080/img/" }, { "GET //a", "301 http://t:8080/a/" },
	{ "GET /a//b", "-> GET /a//b 127.0.0.1:9" }, { "GET /a/../b", "404" }, { "GET /%61", "301 http://t:8080/a/" },
	{ "GET /a%2Fb", "-> GET /a%2Fb 127.0.0.1:9" }, { "GET /a%20b", "404" }, { "GET /x?y=1&z=2", "200 x" }, { "GET /a?q", "301 http://t:8080/a/?q" },
	{ "GET /a/?q=1", "-> GET /a/?q=1 127.0.0.1:9" },
	{ NULL, NULL },
};
static const struct site_group slash = {
	.http = "",
	.server = "location /a/ { proxy_pass http://127.0.0.1:9; }\n"
		"location /img/ { proxy_pass http://127.0.0.1:9/pics/; }\n"
		"location /x { return 200 x; }\n",
	.files = FILES,
	.vectors = slash_vectors,
};

/* --- ... unless a location for "/x" exists */
static const struct site_vector slash_shadowed_vectors[] = {
	{ "GET /", "200 i" }, { "GET /a", "200 exact" }, { "GET /a/", "-> GET /a/ 127.0.0.1:9" }, { "GET /ab", "404" },
	{ "GET /a/b", "-> GET /a/b 127.0.0.1:9" }, { "GET /a/b/", "-> GET /a/b/ 127.0.0.1:9" }, { "GET /a/b/c", "-> GET /a/b/c 127.0.0.1:9" },
	{ "GET /A", "404" }, { "GET /a.php", "404" }, { "GET /a/x.php", "-> GET /a/x.php 127.0.0.1:9" },
	{ "GET /a/b/y.php", "-> GET /a/b/y.php 127.0.0.1:9" }, { "GET /img/x.png", "-> GET /x.png 127.0.0.1:9" },
	{ "GET /img/", "-> GET / 127.0.0.1:9" }, { "GET /img", "301 http://t:8080/img/" }, { "GET //a", "200 exact" },
	{ "GET /a//b", "-> GET /a//b 127.0.0.1:9" }, { "GET /a/../b", "404" }, { "GET /%61", "200 exact" },
	{ "GET /a%2Fb", "-> GET /a%2Fb 127.0.0.1:9" }, { "GET /a%20b", "404" }, { "GET /x?y=1&z=2", "404" }, { "GET /a?q", "200 exact" },
	{ "GET /a/?q=1", "-> GET /a/?q=1 127.0.0.1:9" },
	{ NULL, NULL },
};
static const struct site_group slash_shadowed = {
	.http = "",
	.server = "location /a/ { proxy_pass http://127.0.0.1:9; }\n"
		"location = /a { return 200 exact; }\n"
		"location /i { return 200 i; }\n"
		"location /img/ { proxy_pass http://127.0.0.1:9/; }\n",
	.files = FILES,
	.vectors = slash_shadowed_vectors,
};

/* --- ... for an exact location too */
static const struct site_vector slash_exact_vectors[] = {
	{ "GET /", "200 r" }, { "GET /a", "301 http://t:8080/a/" }, { "GET /a/", "-> GET /a/ 127.0.0.1:9" }, { "GET /ab", "200 re" },
	{ "GET /a/b", "200 re" }, { "GET /a/b/", "200 re" }, { "GET /a/b/c", "200 re" }, { "GET /A", "200 r" }, { "GET /a.php", "200 re" },
	{ "GET /a/x.php", "200 re" }, { "GET /a/b/y.php", "200 re" }, { "GET /img/x.png", "200 r" }, { "GET /img/", "200 r" }, { "GET /img", "200 r" },
	{ "GET //a", "301 http://t:8080/a/" }, { "GET /a//b", "200 re" }, { "GET /a/../b", "200 r" }, { "GET /%61", "301 http://t:8080/a/" },
	{ "GET /a%2Fb", "200 re" }, { "GET /a%20b", "200 re" }, { "GET /x?y=1&z=2", "200 r" }, { "GET /a?q", "301 http://t:8080/a/?q" },
	{ "GET /a/?q=1", "-> GET /a/?q=1 127.0.0.1:9" },
	{ NULL, NULL },
};
static const struct site_group slash_exact = {
	.http = "",
	.server = "location = /a/ { proxy_pass http://127.0.0.1:9; }\n"
		"location ~ a { return 200 re; }\n"
		"location / { return 200 r; }\n",
	.vectors = slash_exact_vectors,
};

/* --- ... without scheme and host */
static const struct site_vector slash_relative_vectors[] = {
	{ "GET /", "file html/index.html" }, { "GET /a", "301 /a/" }, { "GET /a/", "-> GET /a/ 127.0.0.1:9" }, { "GET /ab", "404" },
	{ "GET /a/b", "-> GET /a/b 127.0.0.1:9" }, { "GET /a/b/", "-> GET /a/b/ 127.0.0.1:9" }, { "GET /a/b/c", "-> GET /a/b/c 127.0.0.1:9" },
	{ "GET /A", "404" }, { "GET /a.php", "404" }, { "GET /a/x.php", "-> GET /a/x.php 127.0.0.1:9" },
	{ "GET /a/b/y.php", "-> GET /a/b/y.php 127.0.0.1:9" }, { "GET /img/x.png", "404" }, { "GET /img/", "404" }, { "GET /img", "404" },
	{ "GET //a", "301 /a/" }, { "GET /a//b", "-> GET /a//b 127.0.0.1:9" }, { "GET /a/../b", "404" }, { "GET /%61", "301 /a/" },
	{ "GET /a%2Fb", "-> GET /a%2Fb 127.0.0.1:9" }, { "GET /a%20b", "301 /a%20b/" }, { "GET /x?y=1&z=2", "404" }, { "GET /a?q", "301 /a/?q" },
	{ "GET /a/?q=1", "-> GET /a/?q=1 127.0.0.1:9" }, { "GET /a%20b?c", "301 /a%20b/?c" },
	{ NULL, NULL },
};
static const struct site_group slash_relative = {
	.http = "",
	.server = "absolute_redirect off;\n"
		"location /a/ { proxy_pass http://127.0.0.1:9; }\n"
		"location \"/a b/\" { proxy_pass http://127.0.0.1:9; }\n",
	.files = FILES,
	.vectors = slash_relative_vectors,
};

/* --- choice of server */
static const struct site_vector servers_vectors[] = {
	{ "GET /|Host: t", "200 def" }, { "GET /|Host: ex.org", "200 one" }, { "GET /|Host: EX.org:80", "200 one" },
	{ "GET /|Host: a.ex.org", "200 three a.ex.org" }, { "GET /|Host: b.ex.org", "200 one" }, { "GET /|Host: x.b.ex.org", "200 three x.b.ex.org" },
	{ "GET /|Host: www.ex.net", "200 one" }, { "GET /|Host: www.ex.com", "200 three www.ex.com" }, { "GET /|Host: www.ex.co.uk", "200 one" },
	{ "GET /|Host: dot.com", "200 two    dot.com" }, { "GET /|Host: q.dot.com", "200 two    dot.com" },
	{ "GET /|Host: r1.ab", "200 two 1 1 ab dot.com" }, { "GET /|Host: R22.XY", "200 two 22 22 xy dot.com" }, { "GET /|Host: ex.org.", "200 one" },
	{ "GET /|Host: [::1]", "200 def" }, { "GET /|Host: 1.2.3.4", "200 def" }, { "GET http://ex.org/|Host: dot.com", "200 one" },
	{ "GET / HTTP/1.0|Host:", "refused" },
	{ NULL, NULL },
};
static const struct site_group servers = {
	.http = "",
	.server = "return 200 def;\n"
		"} server { listen 127.0.0.1:8080;\n"
		"server_name ex.org *.ex.org www.ex.*;\n"
		"return 200 one;\n"
		"} server { listen 127.0.0.1:8080;\n"
		"server_name .dot.com \"~^r(?<n>\\d+)\\.(\\w+)$\";\n"
		"return 200 \"two $n $1 $2 $server_name\";\n"
		"} server { listen 127.0.0.1:8080;\n"
		"server_name a.ex.org www.ex.com \"\" *.b.ex.org;\n"
		"return 200 \"three $host\";\n",
	.vectors = servers_vectors,
};

/* --- map */
static const struct site_vector maps_vectors[] = {
	{ "GET /|Host: ex.org", "200 dot||<dot>|" }, { "GET /|Host: a.ex.org", "200 dot||<dot>|" }, { "GET /|Host: a.b.ex.org", "200 dot||<dot>|" },
	{ "GET /|Host: w.com", "200 d||<d>|" }, { "GET /|Host: a.w.com", "200 exact||<exact>|" }, { "GET /|Host: b.w.com", "200 star||<star>|" },
	{ "GET /|Host: c.b.w.com", "200 star||<star>|" }, { "GET /|Host: tr.x", "200 trail||<trail>|" },
	{ "GET /|Host: tr.x.y", "200 trail||<trail>|" }, { "GET /|Host: r12.z", "200 re12||<re12>|" }, { "GET /|Host: EX.ORG", "200 dot||<dot>|" },
	{ "GET /|Host: ex.org.", "200 dot||<dot>|" }, { "GET /|Host: tr", "200 d||<d>|" }, { "GET /|Host: xtr.a", "200 d||<d>|" },
	{ "GET /a", "200 d|low|<dlow>|" }, { "GET /A", "200 d|low|<dlow>|" }, { "GET /RE12", "200 d|12|<d12>|12" },
	{ "GET /n/x", "200 d|/n/x!|<d/n/x!>|" }, { "GET /?d=9", "200 d|9|<d9>|" },
	{ NULL, NULL },
};
static const struct site_group maps = {
	.http = "map $host $h { hostnames; default d; .ex.org dot; *.w.com star; tr.* trail; a.w.com exact; ~^r(\\d+)\\. re$1; } "
		"map $uri $u { default $arg_d; /A low; \"\" empty; ~*^/re(?<rest>.*) $rest; ~/x$ \"$uri!\"; } "
		"map $h$u $two { dexact q; default \"<$h$u>\"; } ",
	.server = "location / { return 200 \"$h|$u|$two|$rest\"; }\n",
	.vectors = maps_vectors,
};

/* --- groups of expressions */
static const struct site_vector groups_vectors[] = {
	{ "GET /aa/b1", "200 b1" }, { "GET /n1", "200 [1][]" }, { "GET /n2", "200 [][2]" }, { "GET /n", "200 [][]" }, { "GET /set", "200 [][]" },
	{ NULL, NULL },
};
static const struct site_group groups = {
	.http = "",
	.server = "location ~ \"^/a{2}/(?<x>\\w+)$\" { return 200 \"$x\"; }\n"
		"location ~ ^/n(1)?(2)?$ { return 200 \"[$1][$2]\"; }\n"
		"set $y \"$1\";\n"
		"location /set { set $z $z2; set $z2 q; return 200 \"[$z][$y]\"; }\n",
	.vectors = groups_vectors,
};

static void check(void **state)
{
	assert_int_equal(site_check(*state), 0);
}

#define GROUP(name) { #name, check, NULL, NULL, (void *)(uintptr_t)&name }

int main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP(levels),
		GROUP(nested),
		GROUP(nested_noregex),
		GROUP(slash),
		GROUP(slash_shadowed),
		GROUP(slash_exact),
		GROUP(slash_relative),
		GROUP(servers),
		GROUP(maps),
		GROUP(groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
