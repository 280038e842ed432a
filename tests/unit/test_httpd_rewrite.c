/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mod_rewrite, RewriteMap, environment variables and <If>: configurations in Apache's language, requests and the decision that each must give. What is wanted
 * is what httpd 2.4.71 does with the same text and request (its answer, or the name that its log says the request was mapped to).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "tests/lib_c/site.h"

#define FILES "/html/ /html/f.txt /html/app/ /html/app/real/ /html/app/real/a.txt /html/base/ /etc/ /etc/hostname /html/index.html"

/* The first decision: which file is asked for, whether it is there or not. */
static void expect(const char *main_server, const char *host, const struct site_vector *v)
{
	struct site s;
	assert_true(site_open_host(&s, main_server, host, FILES));
	assert_int_equal(site_ask(&s, v, false), 0);
	site_close(&s);
}

/* --- redirects and statuses ------------------------------------------------------------------------------------------------ */

static void test_redirects(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /q7/a%20b%c3%253", "302 http://e.org/x/a%20b%c3%253" }, { "GET /q8/a%20b%26%c3", "302 http://e.org/x?y=a%20b&%c3" },
		{ "GET /q8/a?k=1", "302 http://e.org/x?y=a" }, { "GET /q9/a%20b", "403" }, { "GET /r1/a%20b?q=%41", "301 http://t/t/a%20b?q=%41" },
		{ "GET /r2/x", "301 http://t/t/x" }, { "GET /r4/x", "404" }, { "GET /r5/x", "404" }, { "GET /gone", "410" }, { "GET /forb", "403" },
		{ "GET /qs1?z", "302 http://t/t?a=b" }, { "GET /qs2?z", "302 http://t/t?a=b&z" }, { "GET /qs3?z", "302 http://t/t" },
		{ "GET /qs4?z", "302 http://t/t" }, { "GET /qs5/a%20b?z=%20", "302 http://t/t?x=a%20b&z=%2520" },
		{ "GET /qs5/a%26", "302 http://t/t?x=a&" }, { "GET /bs1", "302 http://t/t$1%11x$" }, { "GET /sub1", "302 http://e.org/a0b1?x" },
		{ "GET /re1?a%20b", "302 http://e.org/a?b=a%20b&c" }, { "GET /re2/%20c", "302 http://e.org/a%20b/%20c" }, { "GET /re3/x", "302 http://e.org/%23x" },
		{ "GET /re4/x", "302 http://e.org/#x" }, { "GET /re5", "302 http://e.org" }, { "GET /re6", "302 http://e.org?x%20y" },
		{ "GET /re8", "302 http://t/a?x0y" }, { "GET /re9", "302 http://t/a?x%2520y" }, { "GET /see", "303 http://t/p" },
		{ "GET /qsl", "302 http://t/q/a?b=1%3fc" }, { "GET /b/a%20b%26+", "302 http://t/q?x=a+b%2526%252b" },
		{ "GET /bnp/a%20b", "302 http://t/q?x=a%2520b" }, { "GET /bne/a%20b_", "302 http://t/q?x=a%20b_" }, { "GET /bc/a%20b", "302 http://t/q?x=a+b" },
		{ "GET /r1/x|Host: other:99", "301 http://other:99/t/x" }, { "GET /port", "302 http://t/x80y" },
		{ "GET /port|Host: t:81", "302 http://t:81/x81y" },
		{ NULL, NULL },
	};
	(void)state;
	expect("", "RewriteEngine On\n"
	       "RewriteRule ^/q7/(.*)$ http://e.org/x/$1 [R]\n"
	       "RewriteRule ^/q8/(.*)$ http://e.org/x?y=$1 [R,L]\n"
	       "RewriteRule ^/q9/(.*)$ http://e.org/x?y=$1 [R,NE,L]\n"
	       "RewriteRule ^/r1/(.*)$ /t/$1 [R=301,L]\n"
	       "RewriteRule ^/r2/(.*)$ t/$1 [R=301,L]\n"
	       "RewriteRule ^/r4/(.*)$ - [R=404]\n"
	       "RewriteRule ^/r5/(.*)$ /x [R=404]\n"
	       "RewriteRule ^/gone - [G]\n"
	       "RewriteRule ^/forb - [F]\n"
	       "RewriteRule ^/qs1$ /t?a=b [R,L]\n"
	       "RewriteRule ^/qs2$ /t?a=b [QSA,R,L]\n"
	       "RewriteRule ^/qs3$ /t [QSD,R,L]\n"
	       "RewriteRule ^/qs4$ /t? [R,L]\n"
	       "RewriteRule ^/qs5/(.*)$ /t?x=$1 [R,L,QSA]\n"
	       "RewriteRule ^/bs1 /t\\$1\\%1%41x$ [R,L,NE]\n"
	       "RewriteRule ^/sub1 http://e.org/a%20b%41\\?x [R,L]\n"
	       "RewriteRule ^/re1 http://e.org/a?b=%{QUERY_STRING}&c [R,NE]\n"
	       "RewriteRule ^/re2/(.*) \"http://e.org/a b/$1\" [R]\n"
	       "RewriteRule ^/re3/(.*) http://e.org/#$1 [R]\n"
	       "RewriteRule ^/re4/(.*) http://e.org/#$1 [R,NE]\n"
	       "RewriteRule ^/re5$ http://e.org [R]\n"
	       "RewriteRule ^/re6$ \"http://e.org?x y\" [R]\n"
	       "RewriteRule ^/re8$ /a?x%20y [R]\n"
	       "RewriteRule ^/re9$ /a?x\\%20y [R]\n"
	       "RewriteRule ^/see$ /p [R=seeother,L]\n"
	       "RewriteRule ^/qsl$ /q/a?b=1?c [R,L]\n"
	       "RewriteRule ^/b/(.*)$ /q?x=$1 [B,R,L]\n"
	       "RewriteRule ^/bnp/(.*)$ /q?x=$1 [B,BNP,R,L]\n"
	       "RewriteRule \"^/bne/(.*)$\" /q?x=$1 [BNE=_,R,L]\n"
	       "RewriteRule ^/port /x%{SERVER_PORT}y [R]\n"
	       "RewriteRule ^/bc/(.*)$ /q?x=$1 [BCTLS,R,L]\n", v);
}

/* --- results that stay here ------------------------------------------------------------------------------------------------- */

static void test_files_and_backends(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /f.txt", "file /html/f.txt" }, { "GET /q1/x%3fy", "403" }, { "GET /q1/xy", "file /html/b/xy" }, { "GET /q2/x%3fy", "file /html/b" },
		{ "GET /q2/x%20y", "403" }, { "GET /r6/f.txt", "file /html/f.txt" }, { "GET /r6/etc/hostname", "file /html/etc/hostname" },
		{ "GET /r7/f.txt", "file /html/f.txt" }, { "GET /s1/hostname", "file /etc/hostname" }, { "GET /s3/f.txt", "file /html/f.txt" },
		{ "GET /p2/etc", "file /html/petc" }, { "GET /self/f.txt", "302 http://t/f.txt" },
		{ "GET /q3/a%20b%41%c3?q=%20", "-> GET /x/a%20bA%C3?q=%20 127.0.0.1:9" }, { "GET /q3/x%3fy", "403" }, { "GET /q4/a%20b", "403" },
		{ "GET /q4/a%26b", "-> GET /x?y=a&b 127.0.0.1:9" }, { "GET /q5/a%20b%26", "-> GET /x?y=a+b%26 127.0.0.1:9" },
		{ "GET /q6/a%26b", "-> GET /x?y=a&b 127.0.0.1:9" }, { "GET /n1x", "500" }, { "GET /next/caca", "302 http://t/found/cbcb" },
		{ "GET /skip", "file /html/skip" }, { "GET /chain1", "303 http://t/" }, { "GET /chain2", "file /html/chain2" },
		{ "GET /pt", "-> GET /P/x 127.0.0.1:9" }, { "GET /nopt", "file /html/prox/x" }, { "GET /last", "file /html/f.txt" },
		{ NULL, NULL },
	};
	(void)state;
	expect("", "RewriteEngine On\n"
	       "ProxyPass /prox http://127.0.0.1:9/P\n"
	       "RewriteRule ^/q1/(.*)$ /b/$1\n"
	       "RewriteRule ^/q2/(.*)$ /b?x=$1\n"
	       "RewriteRule ^/q3/(.*)$ http://127.0.0.1:9/x/$1 [P]\n"
	       "RewriteRule ^/q4/(.*)$ http://127.0.0.1:9/x?y=$1 [P]\n"
	       "RewriteRule ^/q5/(.*)$ http://127.0.0.1:9/x?y=$1 [P,B]\n"
	       "RewriteRule ^/q6/(.*)$ http://127.0.0.1:9/x?y=$1 [P,NE]\n"
	       "RewriteRule ^/r6/(.*)$ $1\n"
	       "RewriteRule ^/r7/(.*)$ /html/$1\n"
	       "RewriteRule ^/s1/(.*)$ /etc/$1\n"
	       "RewriteRule ^/s3(.*)$ /html$1\n"
	       "RewriteRule ^/p2/(.*)$ /p$1\n"
	       "RewriteRule ^/self/(.*)$ http://t/$1\n"
	       "RewriteRule ^/n1(.*)$ /n2$1 [N=3]\n"
	       "RewriteRule ^/n2(.*)$ /n1$1 [N=3]\n"
	       "RewriteRule ^/next/(.*)a(.*)$ /next/$1b$2 [N]\n"
	       "RewriteRule ^/next/(.*)$ /found/$1 [R,L]\n"
	       "RewriteRule ^/skip$ - [S=1]\n"
	       "RewriteRule ^/skip$ - [F]\n"
	       "RewriteCond %{REQUEST_URI} ^/(c)hain\n"
	       "RewriteRule ^/chain1 - [C]\n"
	       "RewriteRule ^/chain2 - [F]\n"
	       "RewriteRule ^/chain1 /%1 [R=303]\n"
	       "RewriteRule ^/pt$ /prox/x [PT]\n"
	       "RewriteRule ^/nopt$ /prox/x\n"
	       "RewriteRule ^/last$ /f.txt [L]\n"
	       "RewriteRule ^/f.txt$ /index.html [C]\n"
	       "RewriteRule ^/never$ /x\n"
	       "RewriteRule ^/index.html$ /f.txt\n", v);
}

/* A "?" of the request's may not begin the query; with QSL the last one counts. */
static void test_question_marks(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /a%3f", "file /html/b" }, { "GET /c%3f", "403" }, { "GET /c", "file /html/b" }, { "GET /d%3f", "file /html/b%3f" }, { "GET /e?a?b", "403" }, { "GET /e%3f?a", "file /html/ba" },
		{ "GET /f%3f", "-> GET /b%3F?q=1 127.0.0.1:9" }, { "GET /g%3f", "403" }, { "GET /h%3f", "-> GET /b 127.0.0.1:9" }, { "GET /i|X: ?", "403" }, { "GET /j%3F", "403" },
		{ "GET /k?q", "-> GET /b%3Fx=1?q 127.0.0.1:9" }, { "GET /k%3f?q", "-> GET /b%3F%3Fx=1?q 127.0.0.1:9" }, { "GET /l?q", "-> GET /b%3Fx= 127.0.0.1:9" }, { "GET /l%3f", "403" },
		{ "GET /n?&", "-> GET /b? 127.0.0.1:9" }, { "GET /o", "400" }, { "GET /o%20", "403" }, { "GET /p%20q", "file /html/b" }, { "GET /p\\q", "file /html/b" }, { "GET /own", "302 http://t/x" }, { "GET /zz/a", "file /html/zz/b" }, { "GET /zz/aa", "500" }, { "GET /xlt", "410" }, { "GET /base/", "file /html/f.txt" }, { "GET /base/index.html", "file /html/base/index.html" }, { "GET /m%20", "403" }, { "GET /m%22", "-> GET /b\" 127.0.0.1:9" },
		{ NULL, NULL },
	};
	(void)state;
	expect("", "RewriteEngine On\n"
	       "RewriteRule ^/a(.*)$ /b?r=$1 [L]\n"
	       "RewriteRule ^/c(.*)$ /b$1?r=1 [L]\n"
	       "RewriteRule ^/d(.*)$ /b$1?r=1 [L,B]\n"
	       "RewriteRule ^/e(.*)$ /b%{QUERY_STRING} [L]\n"
	       "RewriteRule ^/f(.*)$ http://127.0.0.1:9/b$1?q=1 [P,QSL]\n"
	       "RewriteRule ^/g(.*)$ /b?q=1$1 [L,QSL]\n"
	       "RewriteRule ^/h(.*)$ http://127.0.0.1:9/b$1 [P,UnsafeAllow3F]\n"
	       "RewriteRule ^/i(.*)$ /b%{HTTP:X}?r=1 [L]\n"
	       "RewriteRule ^/k(.*)$ http://127.0.0.1:9/b$1?x=1? [P,QSA]\n"
	       "RewriteRule ^/l(.*)$ http://127.0.0.1:9/b$1?x=$1? [P]\n"
	       "RewriteRule ^/m(.*)$ http://127.0.0.1:9/b$1 [P,NE]\n"
	       "RewriteRule ^(/zz/.*)a(.*)$ $1b$2 [N=3]\n"
	       "RewriteRule ^/own$ /x%{ENV:V} [R,E=V:a]\n"
	       "RewriteCond %{REQUEST_URI} <b [NC]\n"
	       "RewriteRule ^/xlt$ - [G]\n"
	       "RewriteCond %{IS_SUBREQ} =true\n"
	       "RewriteRule ^/base/index.html$ /f.txt [L]\n"
	       "RewriteRule ^/n http://127.0.0.1:9/b? [P,QSA]\n"
	       "RewriteRule ^/o(.*)$ http://e.example/?r=$1 [PT]\n"
	       "RewriteRule ^/p\\ q$ /b [L]\n"
	       "RewriteRule \"^/p\\\\q$\" /b [L]\n"
	       "RewriteCond $1 (.*)\n"
	       "RewriteRule ^/j(.*)$ /b%1?r=1 [L]\n", v);
}

/* --- conditions ------------------------------------------------------------------------------------------------------------ */

static void test_conditions(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /cmp1|X-N: 4", "file /html/cmp1" }, { "GET /cmp1|X-N: 6", "403" }, { "GET /cmp1|X-N: 40", "403" }, { "GET /cmp1|X-N: a", "403" },
		{ "GET /cmp2|X-N: 5", "file /html/cmp2" }, { "GET /cmp2|X-N: 6", "403" }, { "GET /cmp2|X-N: a", "file /html/cmp2" },
		{ "GET /cmp3|X-N: 5", "403" }, { "GET /cmp3|X-N: 40", "file /html/cmp3" }, { "GET /cmp3", "403" }, { "GET /cmp4", "403" },
		{ "GET /cmp4|X-N: 1", "file /html/cmp4" }, { "GET /cmp5|X-N: a", "302 http://t/x-cm-/cmp5" }, { "GET /cmp5|X-N: b", "file /html/cmp5" },
		{ "GET /or1", "403" }, { "GET /or2", "file /html/or2" }, { "GET /file/f.txt", "403" }, { "GET /file/none", "file /html/file/none" },
		{ "GET /nc|X-A: ABC", "403" }, { "GET /nc|X-A: abd", "file /html/nc" }, { "GET /eq|X-A: ABC", "403" }, { "GET /two|X-B: 1|X-B: 2", "302 http://t/1,_2" },
		{ "GET /req", "302 http://t/GET_/req_HTTP/1.1" },
		{ NULL, NULL },
	};
	(void)state;
	expect("", "RewriteEngine On\n"
	       "RewriteCond %{HTTP:X-N} >5\nRewriteRule ^/cmp1 - [F]\n"
	       "RewriteCond %{HTTP:X-N} -gt5\nRewriteRule ^/cmp2 - [F]\n"
	       "RewriteCond %{HTTP:X-N} <=5\nRewriteRule ^/cmp3 - [F]\n"
	       "RewriteCond %{HTTP:X-N} =\"\"\nRewriteRule ^/cmp4 - [F]\n"
	       "RewriteCond expr \"%{HTTP:X-N} == 'a' && %{REQUEST_URI} =~ m#^/(cm)p5#\"\nRewriteRule ^/cmp5 /x-%1-$0 [R]\n"
	       "RewriteCond a b [OR]\nRewriteCond c c\nRewriteCond d e [OR]\nRewriteCond f f [OR]\nRewriteRule ^/or1 - [F]\n"
	       "RewriteCond a b [OR]\nRewriteCond c d\nRewriteRule ^/or2 - [F]\n"
	       "RewriteCond %{DOCUMENT_ROOT}/$1 -f\nRewriteRule ^/file/(.*) - [F]\n"
	       "RewriteCond %{HTTP:X-A} ^abc$ [NC]\nRewriteRule ^/nc - [F]\n"
	       "RewriteCond %{HTTP:X-A} =abc [NC]\nRewriteRule ^/eq - [F]\n"
	       "RewriteCond %{HTTP:X-B} ^(\\d,)\\s(\\d)\nRewriteRule ^/two /%1_%2 [R]\n"
	       "RewriteCond %{THE_REQUEST} ^(\\S+)\\s(\\S+)\\s(.*)$\nRewriteRule ^/req /%1_%2_%3 [R]\n", v);
}

/* --- sections -------------------------------------------------------------------------------------------------------------- */

static void test_sections(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /app/d1", "file /html/app/real/a.txt" }, { "GET /app/d2", "file /html/f.txt" },
		{ "GET /app/d3/a%20b?q=1", "301 http://t/html/app/new/a%20b?q=1" }, { "GET /app/d4", "500" },
		{ "GET /app/d5/a%20b?q=1%20", "-> GET /new/a%20b?q=1%20 127.0.0.1:9" }, { "GET /app/front/zz?k", "file /html/app/real/a.txt" },
		{ "GET /app/d8", "-> GET /P/z 127.0.0.1:9" }, { "GET /app/d10/a", "file /html/app/real/b.txt" }, { "GET /base/d1", "302 http://t/bb/real/a.txt" },
		{ "GET /base/d2", "302 http://t/abs" }, { "GET /base/d3", "file /html/bb/rel" }, { "GET /proxr/x/yy?q|X-A: 1", "-> GET /new/yy?q 127.0.0.1:9" },
		{ "GET /proxr/x/yy?q|X-A: 2", "file /html/f.txt" }, { "GET /proxr/x/yy?q|X-A: 3", "302 http://t/foo/yy?q" }, { "GET /proxr/x/yy|X-A: 4", "400" },
		{ "GET /proxr/x", "-> GET /R/x 127.0.0.1:9" }, { "GET /loc/x/yy?q|X-A: 1", "500" }, { "GET /loc/x/yy?q|X-A: 2", "302 http://t/loc/g/yy?q" },
		{ "GET /lm/x/yy", "302 http://t/%5e/lm/y/yy" }, { "GET /off/x", "file /html/off/x" }, { "GET /cond/x?goo", "403" }, { "GET /cond/x?nogo", "410" },
		{ "GET /cond/x?", "302 http://t/else?" },
		{ NULL, NULL },
	};
	(void)state;
	expect("RewriteEngine On", "ProxyPass /prox http://127.0.0.1:9/P\nProxyPass /proxr http://127.0.0.1:9/R\n"
	       "<Location /proxr>\n"
	       "RewriteCond %{HTTP:X-A} 1\nRewriteRule x/(.*)$ http://127.0.0.1:9/new/$1 [P]\n"
	       "RewriteCond %{HTTP:X-A} 2\nRewriteRule x/(.*)$ /f.txt\n"
	       "RewriteCond %{HTTP:X-A} 3\nRewriteRule x/(.*)$ foo/$1 [R]\n"
	       "RewriteCond %{HTTP:X-A} 4\nRewriteRule x/(.*)$ foo/$1\n"
	       "</Location>\n"
	       "<Location /loc>\n"
	       "RewriteCond %{HTTP:X-A} 1\nRewriteRule x(.*)$ f.txt\n"
	       "RewriteCond %{HTTP:X-A} 2\nRewriteRule x(.*)$ g$1 [R]\n"
	       "</Location>\n"
	       "<LocationMatch ^/lm>\nRewriteRule x(.*)$ y$1 [R]\n</LocationMatch>\n"
	       "<Location /off>\nRewriteEngine Off\nRewriteRule . - [F]\n</Location>\n"
	       "<Location /cond>\n<If \"%{QUERY_STRING} =~ /^go(.*)/\">\nRewriteRule . - [F]\n</If>\n"
	       "<ElseIf \"-n %{QUERY_STRING}\">\nRewriteRule . - [G]\n</ElseIf>\n<Else>\nRewriteRule . /else [R]\n</Else>\n</Location>\n"
	       "<Directory /html/app>\n"
	       "RewriteRule ^d1$ real/a.txt\n"
	       "RewriteRule ^d2$ /f.txt\n"
	       "RewriteRule ^d3(.*)$ new$1 [R=301]\n"
	       "RewriteRule ^d4(.*)$ d4x$1\n"
	       "RewriteRule ^d5(.*)$ http://127.0.0.1:9/new$1 [P]\n"
	       "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteCond %{REQUEST_FILENAME} !-d\nRewriteRule ^front/(.*)$ real/a.txt?r=$1 [L,QSA]\n"
	       "RewriteRule ^d8$ /prox/z [L]\n"
	       "RewriteRule ^d10/(.*)$ real/b.txt [END]\n"
	       "RewriteRule ^real/b.txt$ real/a.txt\n"
	       "</Directory>\n"
	       "<Directory /html/base>\nRewriteBase /bb\n"
	       "RewriteRule ^d1(.*)$ real/a.txt [R]\nRewriteRule ^d2(.*)$ /abs [R]\nRewriteRule ^d3(.*)$ rel\n"
	       "</Directory>\n", v);
}

/* --- maps ------------------------------------------------------------------------------------------------------------------ */

static void test_maps(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /m/One", "302 http://t/first" }, { "GET /m/one", "302 http://t/lower" }, { "GET /m/none", "302 http://t/x-none" },
		{ "GET /m/value", "302 http://t/x-value" }, { "GET /n/none", "302 http://t/" }, { "GET /up/aB%20", "302 http://t/AB%20" },
		{ "GET /low/aB", "302 http://t/ab" }, { "GET /esc/a%20b", "302 http://t/a%2520b" }, { "GET /un/a%2520b", "302 http://t/a%20b" },
		{ "GET /nest/ONE", "302 http://t/lower" }, { "GET /rnd", "302 http://t/same" },
		{ NULL, NULL },
	};
	char path[] = "/tmp/wsrp-map-XXXXXX", conf[2048];
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	(void)state;
	assert_non_null(f);
	fputs("# comment\nOne first # behind\nOne second\none\tlower\n blank x\nvalue\nrnd same|same\n", f);
	fclose(f);
	snprintf(conf, sizeof(conf), "RewriteEngine On\nRewriteRule ^/m/(.*)$ /${map:$1|x-$1} [R]\nRewriteRule ^/n/(.*)$ /${map:$1} [R]\nRewriteRule ^/up/(.*)$ /${up:$1} [R]\n"
		 "RewriteRule ^/low/(.*)$ /${low:$1} [R]\nRewriteRule ^/esc/(.*)$ /${esc:$1} [R]\nRewriteRule ^/un/(.*)$ /${un:$1} [R]\n"
		 "RewriteRule ^/nest/(.*)$ /${map:${low:$1}} [R]\nRewriteRule ^/(rnd)$ /${rnd:$1} [R]\n"
		 "RewriteMap map txt:%s\nRewriteMap rnd rnd:%s\nRewriteMap up int:toupper\nRewriteMap low int:tolower\nRewriteMap esc int:escape\nRewriteMap un int:unescape\n",
		 path, path);
	expect("", conf, v);
	unlink(path);
}

/* --- environment ------------------------------------------------------------------------------------------------------------ */

static void test_environment(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /e1", "302 http://t/-1--1-" }, { "GET /e1|X-Q: axb", "302 http://t/%3cx%3e---1-yes" }, { "GET /b|User-Agent: Mozilla MSIE 6.0", "302 http://t/6-ie" },
		{ "GET /b|User-Agent: x", "302 http://t/-" }, { "GET /x|X-E: 3", "302 http://t/big" }, { "GET /x|X-E: 2", "302 http://t/small" },
		{ "GET /u|X-E: 2", "302 http://t/" }, { "GET /rule", "302 http://t/got-rule" }, { "GET /inter/x", "302 http://t/sec-" },
		{ NULL, NULL },
	};
	(void)state;
	expect("SetEnv MAINV main\nSetEnvIf Request_URI ^ MAINIF=1\n",
	       "RewriteEngine On\n"
	       "SetEnvIf X-Q \"^a(.*)b$\" Q=<$1> !MAINIF\n"
	       "SetEnvIf Q \"^<x>$\" QX=yes\n"
	       "SetEnvIf Nope ^$ EMPTY\n"
	       "BrowserMatch \"MSIE ([0-9])\" VER=$1\nBrowserMatchNoCase msie IE=ie\n"
	       "SetEnvIfExpr \"req('X-E') -gt 2\" SIZE=big\nSetEnvIfExpr \"%{HTTP:X-E} -le 2\" SIZE=small\n"
	       "RewriteRule ^/e1 /%{ENV:Q}-%{ENV:MAINIF}-%{ENV:MAINV}-%{ENV:EMPTY}-%{ENV:QX} [R]\n"
	       "RewriteRule ^/b$ /%{ENV:VER}-%{ENV:IE} [R]\n"
	       "RewriteRule ^/x$ /%{ENV:SIZE} [R]\n"
	       "RewriteRule ^/u$ - [E=!SIZE]\nRewriteRule ^/u$ /%{ENV:SIZE} [R]\n"
	       "RewriteRule ^/(rule)$ - [E=RE:got-$1]\nRewriteRule ^/rule$ /%{ENV:RE} [R]\n"
	       "RewriteRule ^/again$ /%{ENV:REDIRECT_S}-%{ENV:S} [R]\n"
	       "<Location /inter>\nRewriteRule ^ - [E=S:sec]\nRewriteRule ^ /again\n</Location>\n", v);
}

/* The main server's rules, where a virtual host asks for them. */
static void test_inheritance(void **state)
{
	static const struct site_vector none[] = { { "GET /m", "file /html/m" }, { "GET /v", "403" }, { NULL, NULL } };
	static const struct site_vector behind[] = { { "GET /m", "410" }, { "GET /v", "403" }, { NULL, NULL } };
	static const struct site_vector before[] = { { "GET /m", "410" }, { "GET /v", "410" }, { NULL, NULL } };
	static const char main_server[] = "RewriteEngine On\nRewriteRule ^/[mv]$ - [G]\n", host[] = "RewriteRule ^/v$ - [F]\n";
	char text[200];
	(void)state;
	expect(main_server, host, none);
	snprintf(text, sizeof(text), "RewriteOptions Inherit\n%s", host);
	expect(main_server, text, behind);
	snprintf(text, sizeof(text), "RewriteOptions InheritBefore\n%s", host);
	expect(main_server, text, before);
	snprintf(text, sizeof(text), "RewriteOptions InheritDown\n%s", main_server);
	expect(text, host, behind);
	expect(main_server, "RewriteEngine Off\nRewriteRule ^/v$ - [F]\n", (const struct site_vector[]){ { "GET /v", "file /html/v" }, { NULL, NULL } });
}

/* The recipe of all manuals: what asks for a WebSocket goes to ws://, everything else to http://. */
static void test_websockets(void **state)
{
	static const struct site_vector v[] = {
		{ "GET /a?b|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "tunnel websocket /a?b 127.0.0.1:9" },
		{ "GET /a|Connection: keep-alive, Upgrade|Upgrade: WebSocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "tunnel WebSocket /a 127.0.0.1:9" },
		{ "GET /a", "-> GET /a 127.0.0.1:9" },
		{ NULL, NULL },
	};
	(void)state;
	expect("", "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} websocket [NC]\nRewriteCond %{HTTP:Connection} upgrade [NC]\nRewriteRule ^/?(.*) \"ws://127.0.0.1:9/$1\" [P,L]\n"
	       "ProxyPass / http://127.0.0.1:9/\n", v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirects),   cmocka_unit_test(test_files_and_backends), cmocka_unit_test(test_question_marks), cmocka_unit_test(test_conditions), cmocka_unit_test(test_sections),
		cmocka_unit_test(test_maps),        cmocka_unit_test(test_environment),        cmocka_unit_test(test_inheritance), cmocka_unit_test(test_websockets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
