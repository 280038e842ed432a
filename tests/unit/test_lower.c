/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lowering: inheritance, nginx's lists, the rules that are made from others (proxy_redirect, WebSocket recipe, $server_name), and that many equal servers
 * cost little. What is refused, and with which words, stands in tests/conf/bad and tests/test_accept.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "compiler/emit.h"
#include "compiler/lower.h"
#include "table/wsr_table.h"

struct job { const char *text; bool ok; unsigned char *bytes; size_t len; };

static struct job job;
static struct wsr_table t;

static void run(struct compiler *cc, void *arg)
{
	struct plan plan;
	(void)arg;
	plan_init(&plan);
	job.ok = compiler_front_text(cc, "t.conf", job.text, strlen(job.text)) && lower_config(cc, &plan) && emit_table(&plan, &job.bytes, &job.len);
	plan_free(&plan);
}

static void compile(const char *text)
{
	struct compiler_options options = { 0 };
	struct compiler cc;
	struct wsr_refusal why;
	job = (struct job){ .text = text };
	compiler_init(&cc, &options);
	assert_true(compiler_run(&cc, run, NULL));
	compiler_free(&cc);
	assert_true(job.ok);
	assert_true(wsr_table_init(&t, job.bytes, job.len, &why));
}

static int teardown(void **state)
{
	(void)state;
	free(job.bytes);
	job.bytes = NULL;
	return 0;
}

/* The location with this name (of its first occurrence). */
static const struct wsr_location *find(const char *name)
{
	for (uint32_t i = 0; i < wsr_location_count(&t); i++) {
		const struct wsr_body *b = wsr_body_at(&t, wsr_location_at(&t, i)->body);
		if (b->kind != WSR_LOCATION_SERVER && b->kind != WSR_LOCATION_IF && wsr_str_eq(wsr_string(&t, b->name), wsr_cstr(name)))
			return wsr_location_at(&t, i);
	}
	fail_msg("no location %s", name);
	return NULL;
}

static const struct wsr_proxyset *proxy_of(const char *name)
{
	return wsr_proxyset_at(&t, wsr_body_at(&t, find(name)->body)->proxyset);
}

static const struct wsr_fieldset *fields_of(const char *name)
{
	return wsr_fieldset_at(&t, wsr_body_at(&t, find(name)->body)->fieldset);
}

/* "A B" = names of a list of fields. */
static void assert_fields(struct wsr_list list, const char *names)
{
	char text[200] = "";
	for (uint32_t i = 0; i < list.count; i++)
		sprintf(text + strlen(text), "%s%s", i ? " " : "", wsr_string(&t, wsr_field_op_at(&t, list.first + i)->name).ptr);
	assert_string_equal(text, names);
}

static void assert_redirect(const char *location, const char *from, const char *to)
{
	struct wsr_list rules = fields_of(location)->proxy_redirect;
	struct wsr_str text;
	assert_int_equal(rules.count, 1);
	assert_true(wsr_tmpl_constant(&t, wsr_redirect_rule_at(&t, rules.first)->from, &text));
	assert_string_equal(text.ptr, from);
	assert_true(wsr_tmpl_constant(&t, wsr_redirect_rule_at(&t, rules.first)->to, &text));
	assert_string_equal(text.ptr, to);
}

#define SERVER(text) "events { } http { server { listen 127.0.0.1:1; " text " } }"

static void test_inheritance(void **state)
{
	(void)state;
	compile("events { } http { proxy_read_timeout 5s; proxy_set_header A 1; proxy_set_header B 2; server { listen 127.0.0.1:1;"
		"location /own { proxy_read_timeout 7s; } location /all { } location /late { proxy_set_header C 3; } location /in { location /in/side { } proxy_send_timeout 9s; }"
		"proxy_connect_timeout 3s; } }");
	assert_int_equal(proxy_of("/own")->proxy_read_timeout_ms, 7000);
	assert_int_equal(proxy_of("/all")->proxy_read_timeout_ms, 5000);
	assert_int_equal(proxy_of("/all")->proxy_connect_timeout_ms, 3000); /* written behind the location */
	assert_int_equal(proxy_of("/in/side")->proxy_send_timeout_ms, 9000);
	assert_fields(fields_of("/all")->proxy_set_header, "A B");
	assert_fields(fields_of("/late")->proxy_set_header, "C"); /* any here drops all from around */
}

static void test_redirects(void **state)
{
	(void)state;
	compile(SERVER("location /plain/ { proxy_pass http://b:8080; } location /uri/ { proxy_pass http://b/base/; } location /off { proxy_pass http://b; proxy_redirect off; }"
		"location ~ re { proxy_pass http://c; } location /in { proxy_pass http://d/; location /in/side { proxy_pass http://e/; } }"));
	assert_redirect("/plain/", "http://b:8080/", "/");
	assert_redirect("/uri/", "http://b/base/", "/uri/");
	assert_int_equal(fields_of("/off")->proxy_redirect.count, 0);
	assert_redirect("re", "http://c/", "/");
	assert_redirect("/in/side", "http://d/", "/in"); /* inherited, as nginx does */
}

static void test_recipe(void **state)
{
	(void)state;
	compile("events { } http { map $http_upgrade $cu { default upgrade; '' close; } server { listen 127.0.0.1:1;"
		"proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $cu;"
		"location /on { proxy_pass http://b; } location /half { proxy_pass http://b; proxy_set_header Upgrade $http_upgrade; }"
		"location /old { proxy_pass http://b; proxy_http_version 1.0; } location /off { proxy_pass http://b; websocket off; }"
		"location /scheme { proxy_pass ws://b; proxy_set_header A a; } location /none { proxy_pass http://b; proxy_set_header Connection upgrade; } } }");
	assert_int_equal(proxy_of("/on")->websocket, WSR_WEBSOCKET_ON);
	assert_fields(fields_of("/on")->proxy_set_header, "Host");
	assert_int_equal(proxy_of("/half")->websocket, WSR_WEBSOCKET_OFF);
	assert_int_equal(proxy_of("/old")->websocket, WSR_WEBSOCKET_OFF);
	assert_int_equal(proxy_of("/off")->websocket, WSR_WEBSOCKET_OFF);
	assert_int_equal(proxy_of("/scheme")->websocket, WSR_WEBSOCKET_ON);
	assert_int_equal(proxy_of("/none")->websocket, WSR_WEBSOCKET_OFF);
}

/* Jumps of `if`, and that a block switches settings only where one of the blocks has some. */
static void test_program(void **state)
{
	(void)state;
	compile(SERVER("location /a { if ($host) { set $x 1; } return 200 $x; } location /b { if ($host) { add_header A 1; } if ($uri) { } }"));
	const struct wsr_program *p = wsr_program_at(&t, find("/a")->program);
	assert_int_equal(p->count, 3);
	assert_int_equal(wsr_insn_at(&t, p->first)->op, WSR_OP_IF_TRUE);
	assert_int_equal(wsr_insn_at(&t, p->first)->c, 2);
	p = wsr_program_at(&t, find("/b")->program);
	assert_int_equal(p->count, 4);
	assert_int_equal(wsr_insn_at(&t, p->first + 1)->op, WSR_OP_USE);
	assert_int_equal(wsr_insn_at(&t, p->first + 3)->op, WSR_OP_USE);
}

static void test_names(void **state)
{
	(void)state;
	compile("events { } http { server { listen 127.0.0.1:1; server_name .Example.org a.*; } server { listen 127.0.0.1:1 default_server; server_name \"\" b; }"
		"server { listen 127.0.0.1:2; server_name b; } }");
	assert_int_equal(wsr_listen_count(&t), 2);
	const struct wsr_listen *l = wsr_listen_at(&t, 0);
	const struct wsr_nameset *set = wsr_nameset_at(&t, l->nameset);
	assert_int_equal(l->default_server, 1);
	assert_int_equal(wsr_name_find(&t, set->exact, WSR_STR("example.org"))->server, 0);
	assert_int_equal(wsr_name_find(&t, set->leading, WSR_STR(".example.org"))->server, 0);
	assert_int_equal(wsr_name_find(&t, set->trailing, WSR_STR("a."))->server, 0);
	assert_int_equal(wsr_name_find(&t, set->exact, WSR_STR("b"))->server, 1);
	assert_string_equal(wsr_string(&t, wsr_server_at(&t, 0)->name).ptr, "example.org");
}

/* Equal things stand once: what a further server costs is its own records. */
static void test_many_servers(void **state)
{
	enum { SERVERS = 2000 };
	size_t cap = 200 + SERVERS * 300u, len;
	char *text = malloc(cap);
	(void)state;
	assert_non_null(text);
	len = (size_t)sprintf(text, "events { } http { access_log off;\n");
	for (int i = 0; i < SERVERS; i++)
		len += (size_t)sprintf(text + len, "server { listen 127.0.0.1:1; server_name host%04d.example.org;\n location / { proxy_pass http://127.0.0.1:9; proxy_set_header Host $host; }\n"
			" location /old { return 301 https://$host$request_uri; } }\n", i);
	sprintf(text + len, "}\n");
	compile(text);
	free(text);
	assert_int_equal(wsr_server_count(&t), SERVERS);
	assert_true(wsr_body_count(&t) < 3 * PLAN_PLACES);
	assert_true(wsr_program_count(&t) < 2 * PLAN_PLACES);
	assert_int_equal(wsr_trie_count(&t), 2);
	assert_true(job.len < 200 * SERVERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_inheritance, teardown), cmocka_unit_test_teardown(test_redirects, teardown),
		cmocka_unit_test_teardown(test_recipe, teardown), cmocka_unit_test_teardown(test_program, teardown),
		cmocka_unit_test_teardown(test_names, teardown), cmocka_unit_test_teardown(test_many_servers, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
