/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a request head, and what follows them as an upstream's response head, through evaluation on a table with something of everything. What
 * wsrp would send to either side is parsed back: it must be one head, with the framing that was asked for and with nothing that the decision does not
 * say. The first byte chooses how the daemon would have gone on.
 */
#include "tests/lib_c/site.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char CONF[] =
	"error_log x.log;\nevents {}\nhttp {\n"
	"types { text/html html; } log_format f '$uri $args $http_x $cookie_a $arg_a $remote_user $m $first'; log_format j escape=json '$request_uri $http_x';\n"
	"access_log a f; access_log b j;\n"
	"map $uri $m { default \"<$arg_a>\"; /a A; ~^/(?<first>[^/]+)/(.*) \"$2\"; } map $http_x $n { hostnames; default $m; .example.org 1; a.* 2; }\n"
	"upstream group { server 127.0.0.1:9; }\n"
	"server { listen 127.0.0.1:8080 default_server; server_name t; error_page 404 /404$uri; error_page 403 =200 @n; error_page 502 https://x.org/$uri;\n"
	"  set $v \"$arg_v$m\"; rewrite ^/w/(.*)$ /v/$1?k=$1; redirect /moved https://x.org/to; redirect 301 \"~^/rx/(.*)$\" /ry/$1;\n"
	"  location / { root html; try_files $uri $uri/ /b$uri; add_header X-U $uri; }\n"
	"  location /v/ { websocket on; proxy_set_header X-V $v$n; proxy_set_header Host $http_x$host; proxy_set_header Connection $http_x; proxy_set_header Content-Length 7;\n"
	"    proxy_pass http://group/base/; proxy_redirect http://group/ /v/; add_header X-A \"$v$upstream_http_y$sent_http_location\" always; }\n"
	"  location /p { proxy_pass http://group; proxy_set_header X-F $proxy_add_x_forwarded_for; proxy_hide_header Y; }\n"
	"  location /u { proxy_pass $arg_u; } location /uri { proxy_pass http://group$uri; }\n"
	"  location ~ ^/al(.*)$ { alias alias/$1; index index.html $arg_i; } location /ap { alias dir/; }\n"
	"  location /r { if ($arg_a ~* \"^(b+)(.*)$\") { return 302 /$2$uri; } if ($request_method = POST) { return 200 $uri$1; } rewrite ^/r(.+) $1 last; return 403; }\n"
	"  location /b/ { rewrite ^/b/(.*)$ /c/$1 break; proxy_pass http://group/x/; } location @n { return 201 $uri$args; }\n"
	"  location /l { rewrite ^ /l$uri last; } location = /e { return 301 $arg_a; } location /d { deny all; } }\n"
	"server { listen 127.0.0.1:8080; server_name *.example.org ~^(?<sub>[a-z]+)\\.net$ www.*; location / { websocket only; upgrade_protocols websocket foo;\n"
	"    proxy_set_header X-S $sub$1; proxy_pass http://group/$sub; } }\n}\n";

static const struct wsr_head_limits limits = { .line_bytes = 4096, .head_bytes = 16384, .fields = 64 };

static struct site *the_site(void)
{
	static struct site site;
	static bool open;
	if (!open && !site_open(&site, CONF))
		abort();
	open = true;
	site.files = "html/ html/index.html html/a html/b/ alias/ alias/x dir/ dir/y";
	return &site;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Read back what we wrote: one head that takes all the bytes. */
static void parse_back(const struct wsr_out *out, bool response, bool was_head, struct wsr_arena *arena, struct wsr_head *h)
{
	struct wsr_head_limits wide = { .line_bytes = 1 << 20, .head_bytes = 1 << 20, .fields = 1000, .underscores = true };
	struct wsr_head_parser p = { 0 };
	enum wsr_head_status status = response ? wsr_head_response(&p, out->ptr, out->len, &wide, was_head, arena, h)
					       : wsr_head_request(&p, out->ptr, out->len, &wide, arena, h);
	must(status == WSR_HEAD_DONE && h->head_bytes == out->len);
}

static void check_upstream(struct site *s, struct wsr_arena *arena)
{
	struct wsr_eval *e = &s->e;
	const struct wsr_decision *d = &e->decision;
	struct wsr_head back;
	struct wsr_out out;
	wsr_out_init(&out, &s->arena, 256);
	wsr_eval_upstream_head(e, s->request.framing, s->request.content_length, true, &out);
	if (out.failed)
		return;
	parse_back(&out, false, false, arena, &back);
	must(wsr_str_eq(back.method, d->method) && wsr_str_eq(back.target, d->target));
	must(back.framing == s->request.framing);
	must(back.framing != WSR_FRAMING_LENGTH || back.content_length == s->request.content_length);
	must(d->tunnel ? back.connection_upgrade && wsr_str_eq(back.upgrade, d->protocol) : back.upgrade.len == 0);
}

static bool has_no_body(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}

static void check_answer(struct site *s, const struct wsr_head *up, struct wsr_arena *arena)
{
	struct wsr_eval *e = &s->e;
	const struct wsr_decision *d = &e->decision;
	struct wsr_answer a = { .status = d->status ? d->status : up ? up->status : 200, .keepalive = true, .content_type = d->content_type, .location = d->location };
	struct wsr_head back;
	struct wsr_out out;
	if (a.status < 100 || a.status > 599)
		return;
	if (!has_no_body(a.status) && !s->request.head_method) {
		a.framing = WSR_FRAMING_LENGTH;
		a.length = up ? 5 : d->body.len;
	}
	if (up) {
		a.content_type = WSR_STR_NULL;
		a.location = WSR_STR_NULL;
	}
	wsr_out_init(&out, &s->arena, 256);
	wsr_eval_answer_head(e, up, &a, &out);
	if (out.failed)
		return;
	parse_back(&out, true, s->request.head_method, arena, &back);
	must(back.status == a.status && back.framing == a.framing && (a.framing != WSR_FRAMING_LENGTH || back.content_length == a.length));
}

static void check(struct site *s, const struct wsr_head *up)
{
	struct wsr_arena arena;
	wsr_arena_init(&arena, NULL, 1 << 20);
	if (s->e.decision.kind == WSR_DECIDE_PROXY) {
		check_upstream(s, &arena);
		if (up && up->status != 101)
			check_answer(s, up, &arena);
	} else if (s->e.decision.kind == WSR_DECIDE_ANSWER) {
		check_answer(s, NULL, &arena);
	} else if (s->e.decision.kind == WSR_DECIDE_FILE) {
		must(s->e.decision.path.ptr[s->e.decision.path.len] == '\0' && !strstr(s->e.decision.path.ptr, "/../"));
	}
	for (uint32_t i = 0; i < wsr_log_format_count(&s->table); i++) {
		const struct wsr_log_format *f = wsr_log_format_at(&s->table, i);
		struct wsr_str line = wsr_eval_log_line(&s->e, f);
		must(f->escape == WSR_ESCAPE_NONE || !memchr(line.ptr, '\n', line.len));
	}
	wsr_arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct site *s = the_site();
	struct wsr_head_parser p = { 0 }, q = { 0 };
	struct wsr_head response;
	if (size < 2)
		return 0;
	const char *text = (const char *)data + 1;
	wsr_arena_reset(&s->arena);
	wsr_arena_init(&s->arena, NULL, data[0] & 0x80 ? 6000 : 1 << 20);
	site_start(s);
	if (wsr_head_request(&p, text, size - 1, &limits, &s->arena, &s->request) != WSR_HEAD_DONE)
		return 0;
	size_t used = s->request.head_bytes;
	bool answered = wsr_head_response(&q, text + used, size - 1 - used, &limits, s->request.head_method, &s->arena, &response) == WSR_HEAD_DONE;
	wsr_eval_begin(&s->e);
	check(s, answered ? &response : NULL);
	if (data[0] & 1) {
		site_result(s);
		site_settle(s);
		check(s, answered ? &response : NULL);
	}
	if (data[0] & 2) {
		wsr_eval_error(&s->e, data[0] & 4 ? 502 : 404);
		check(s, answered ? &response : NULL);
	}
	if (data[0] & 8) {
		wsr_eval_bad_request(&s->e, 400);
		check(s, NULL);
	}
	return 0;
}
