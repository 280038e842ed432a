/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a request head through evaluation on a table made from Apache text: rules, maps, conditions, environment, sections, header operations. What would
 * be sent to a backend is parsed back; decisions must be complete. The first byte chooses how much memory a request may take.
 */
#include "tests/lib_c/site.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char CONF[] =
	"RewriteEngine On\nSetEnvIf Request_URI ^/(.)(.*)$ FIRST=$1 REST=$2\n"
	"<VirtualHost 127.0.0.1:8080>\nServerName t:8080\nDocumentRoot /html\n"
	"RewriteMap low int:tolower\nRewriteMap up int:toupper\nRewriteMap esc int:escape\nRewriteMap un int:unescape\n"
	"SetEnvIf X-A \"^(a+)(.*)$\" A=$1 B=$2\nSetEnvIfExpr \"%{HTTP:X-B} =~ /^(.)(.*)$/ && -n $2\" C=$2\nBrowserMatch x !A\n"
	"RewriteRule ^/r/(.*)$ /s/$1?a=$1&b=%{HTTP:X-A} [R,QSA,L,CO=n:$1:.d:10:/]\n"
	"RewriteRule ^/ne/(.*)$ http://h/$1?$1 [R,NE,L]\n"
	"RewriteRule ^/b/(.*)$ http://127.0.0.1:9/$1?q=$1 [P,B,BNE=/]\n"
	"RewriteRule ^/p/(.*)$ http://127.0.0.1:9/$1?q=$1 [P]\n"
	"RewriteRule ^/pne/(.*)$ http://127.0.0.1:9/$1?q=$1 [P,NE,UnsafeAllow3F]\n"
	"RewriteRule ^/any/(.*)$ $1 [P]\n"
	"RewriteRule ^/f/(.*)$ $1 [T=text/$1]\n"
	"RewriteRule ^/map/(.*)$ /${low:$1}/${up:$1|x}/${esc:$1}/${un:$1|${low:y}} [R,L]\n"
	"RewriteRule ^/n(.*)a(.*)$ /n$1b$2$2 [N]\n"
	"RewriteCond %{HTTP:X-N} -gt5 [OR]\nRewriteCond %{HTTP:X-N} <abc\nRewriteCond expr \"%{REQUEST_URI} -strmatch '/x*' || req('X-C') in {'a','b'}\"\n"
	"RewriteRule ^/x(.*) - [E=X:%1$1%{ENV:A}%{ENV:C}]\n"
	"RewriteCond %{REQUEST_FILENAME}%{PATH_INFO} ^(.*)$\nRewriteRule ^/pt(.*)$ /app/%1 [PT]\n"
	"RewriteCond %{HTTP:Upgrade} websocket [NC]\nRewriteRule ^/ws(.*) ws://127.0.0.1:9/$1 [P]\n"
	"ProxyPass /proxy http://127.0.0.1:9/base\nAlias /al /alias\n"
	"<Location /sec>\nRewriteRule ^(.*)$ /f/$1?%{QUERY_STRING} [QSL]\n</Location>\n"
	"<LocationMatch \"^/lm/(.*)\">\nRewriteRule (.)$ $1$1 [R]\n</LocationMatch>\n"
	"<Directory /html/app>\nRewriteBase /b\nRewriteRule ^(.)(.*)$ $2$1?%{ENV:FIRST} [DPI,QSA]\nRewriteRule ^loop$ loop2\n</Directory>\n"
	"<Location /h>\nHeader set X-H \"%{A}e %{X}e\"\nRequestHeader set X-R \"expr=%{tolower:%{HTTP:X-A}}\" env=A\nRequestHeader edit X-B ^(.) $1$1\n</Location>\n"
	"<If \"%{QUERY_STRING} =~ /if(.)/\">\nHeader set X-If 1\nRewriteRule ^ /done [R]\n</If>\n"
	"</VirtualHost>\n";

static const struct wsr_head_limits limits = { .line_bytes = 4096, .head_bytes = 16384, .fields = 64 };

static struct site *the_site(void)
{
	static struct site site;
	static bool open;
	if (!open && !site_open(&site, CONF))
		abort();
	open = true;
	site.files = "/html/ /html/app/ /html/app/x /html/f.txt /alias/ /alias/y";
	return &site;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_backend(struct site *s)
{
	struct wsr_head_limits wide = { .line_bytes = 1 << 20, .head_bytes = 1 << 20, .fields = 1000, .underscores = true };
	struct wsr_head_parser p = { 0 };
	struct wsr_head back;
	struct wsr_arena arena;
	struct wsr_out out;
	wsr_arena_init(&arena, NULL, 1 << 20);
	wsr_out_init(&out, &s->arena, 256);
	wsr_eval_upstream_head(&s->e, s->request.framing, s->request.content_length, true, &out);
	if (!out.failed) {
		must(wsr_head_request(&p, out.ptr, out.len, &wide, &arena, &back) == WSR_HEAD_DONE && back.head_bytes == out.len);
		must(wsr_str_eq(back.method, s->e.decision.method) && wsr_str_eq(back.target, s->e.decision.target));
		must(back.framing == s->request.framing);
	}
	wsr_arena_reset(&arena);
}

static void check_answer(struct site *s)
{
	const struct wsr_decision *d = &s->e.decision;
	struct wsr_answer a = { .status = d->status ? d->status : 200, .keepalive = true, .content_type = d->content_type, .location = d->location };
	struct wsr_out out;
	wsr_out_init(&out, &s->arena, 256);
	wsr_eval_answer_head(&s->e, NULL, &a, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct site *s = the_site();
	struct wsr_head_parser p = { 0 };
	if (size < 2)
		return 0;
	wsr_arena_reset(&s->arena);
	wsr_arena_init(&s->arena, NULL, data[0] & 0x80 ? 8000 : 1 << 20);
	site_start(s);
	if (wsr_head_request(&p, (const char *)data + 1, size - 1, &limits, &s->arena, &s->request) != WSR_HEAD_DONE)
		return 0;
	wsr_eval_begin(&s->e);
	const struct wsr_decision *d = &s->e.decision;
	if (d->kind == WSR_DECIDE_PROXY)
		check_backend(s);
	else if (d->kind == WSR_DECIDE_ANSWER)
		check_answer(s);
	else if (d->kind == WSR_DECIDE_FILE)
		must(d->path.ptr[d->path.len] == '\0' && !strstr(d->path.ptr, "/../"));
	return 0;
}
