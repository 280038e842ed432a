/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests on compiled configurations: see site.h. */
#include "tests/lib_c/site.h"

#include "compiler/compiler.h"
#include "compiler/emit.h"
#include "compiler/lower.h"

#include <stdio.h>
#include <stdlib.h>

struct job { const char *conf; unsigned char *bytes; size_t len; };

static void compile(struct compiler *cc, void *arg)
{
	struct job *j = arg;
	struct plan plan;
	if (!compiler_front_text(cc, "site.conf", j->conf, strlen(j->conf)))
		return;
	plan_init(&plan);
	if (lower_config(cc, &plan))
		emit_table(&plan, &j->bytes, &j->len);
	plan_free(&plan);
}

bool site_open(struct site *s, const char *conf)
{
	struct compiler *cc = calloc(1, sizeof(*cc));
	struct compiler_options options = { 0 };
	struct wsr_refusal why;
	struct job job = { .conf = conf };
	char text[200];
	memset(s, 0, sizeof(*s));
	if (!cc)
		return false;
	compiler_init(cc, &options);
	compiler_run(cc, compile, &job);
	if (!job.bytes)
		diag_print(cc, stderr, false);
	compiler_free(cc);
	free(cc);
	s->bytes = job.bytes;
	if (!job.bytes)
		return false;
	if (!wsr_table_init(&s->table, job.bytes, job.len, &why)) {
		fprintf(stderr, "table refused: %s\n", wsr_refusal_text(&why, text, sizeof(text)));
		return false;
	}
	s->regexes = wsr_regexes_new(&s->table);
	wsr_arena_init(&s->arena, NULL, 1 << 20);
	return s->regexes != NULL;
}

void site_close(struct site *s)
{
	wsr_arena_reset(&s->arena);
	wsr_regexes_free(s->regexes);
	free(s->bytes);
	free(s->text);
}

/* --- the world ----------------------------------------------------------------------------------------------------------- */

static bool client_bytes(struct site *s, struct wsr_str *out)
{
	const char *hex = s->client ? s->client : "c0000207";
	size_t len = strlen(hex) / 2;
	char *bytes = wsr_arena_alloc(&s->arena, len + 1);
	if (!bytes)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned v;
		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			return false;
		bytes[i] = (char)v;
	}
	*out = wsr_str(bytes, len);
	return true;
}

static bool fact(void *ctx, enum wsr_var_id id, struct wsr_arena *arena, struct wsr_str *out)
{
	(void)arena;
	switch (id) {
	case WSR_V_REMOTE_ADDR:        *out = WSR_STR("192.0.2.7"); return true;
	case WSR_V_BINARY_REMOTE_ADDR: return client_bytes(ctx, out);
	case WSR_V_SERVER_PORT:        *out = WSR_STR("8080"); return true;
	case WSR_V_SERVER_ADDR:        *out = WSR_STR("127.0.0.1"); return true;
	case WSR_V_STATUS:             *out = WSR_STR("200"); return true;
	case WSR_V_SSL_PROTOCOL:       return false;
	default:                       *out = WSR_STR("fact"); return true;
	}
}

static bool listed(const char *files, const char *path, bool folder)
{
	size_t len = strlen(path);
	if (!folder && len > 1 && path[len - 1] == '/')
		return false;
	while (len > 1 && path[len - 1] == '/')
		len--;
	for (const char *f = files; f && *f;) {
		size_t n = strcspn(f, " ");
		bool is_folder = n > 0 && f[n - 1] == '/';
		if (is_folder == folder && n - is_folder == len && memcmp(f, path, len) == 0)
			return true;
		f += n + (f[n] == ' ');
	}
	return false;
}

static bool file(void *ctx, const char *path, enum wsr_file_test test)
{
	struct site *s = ctx;
	bool is_file = listed(s->files, path, false), is_folder = listed(s->files, path, true);
	return test == WSR_FILE_IS_DIR ? is_folder : test == WSR_FILE_EXISTS ? is_file || is_folder : is_file;
}

static unsigned certified(void *ctx, uint32_t tls)
{
	(void)ctx, (void)tls;
	return 496; /* a client without a certificate */
}

static const struct wsr_world world = { .fact = fact, .file = file, .certified = certified };

/* --- requests ------------------------------------------------------------------------------------------------------------ */

static char *expand(const char *request)
{
	size_t cap = 2 * strlen(request) + 64, n = 0;
	char *text = malloc(cap);
	const char *line = request + strcspn(request, "|");
	if (!text)
		abort();
	bool version = memmem(request, (size_t)(line - request), " HTTP/", 6) != NULL;
	n += (size_t)snprintf(text, cap, "%.*s%s\r\n", (int)(line - request), request, version ? "" : " HTTP/1.1");
	if (!strstr(line, "|Host:"))
		n += (size_t)snprintf(text + n, cap - n, "Host: t\r\n");
	while (*line == '|') {
		size_t len = strcspn(line + 1, "|");
		n += (size_t)snprintf(text + n, cap - n, "%.*s\r\n", (int)len, line + 1);
		line += 1 + len;
	}
	snprintf(text + n, cap - n, "\r\n");
	return text;
}

static bool is_page(const struct wsr_decision *d)
{
	return d->body.len > 9 && memcmp(d->body.ptr, "<!DOCTYPE", 9) == 0;
}

static void describe_proxy(const struct wsr_eval *e, const struct wsr_decision *d, char *out, size_t cap)
{
	if (d->tunnel)
		snprintf(out, cap, "tunnel %.*s %.*s %.*s", WSR_FMT(d->protocol), WSR_FMT(d->target), WSR_FMT(e->proxy_host));
	else
		snprintf(out, cap, "-> %.*s %.*s %.*s", WSR_FMT(d->method), WSR_FMT(d->target), WSR_FMT(e->proxy_host));
}

const char *site_result(struct site *s)
{
	const struct wsr_decision *d = &s->e.decision;
	char *out = s->result;
	size_t cap = sizeof(s->result);
	if (d->kind != WSR_DECIDE_ANSWER && d->status) {
		int n = snprintf(out, cap, "~%u ", d->status);
		out += n;
		cap -= (size_t)n;
	}
	switch (d->kind) {
	case WSR_DECIDE_PROXY: describe_proxy(&s->e, d, out, cap); break;
	case WSR_DECIDE_CLOSE: snprintf(out, cap, "close"); break;
	case WSR_DECIDE_FILE:  snprintf(out, cap, "%s %.*s", d->directory ? "folder" : "file", WSR_FMT(d->path)); break;
	case WSR_DECIDE_ANSWER:
		if (d->location.len)
			snprintf(out, cap, "%u %.*s", d->status, WSR_FMT(d->location));
		else if (is_page(d))
			snprintf(out, cap, "%u", d->status);
		else
			snprintf(out, cap, "%u %.*s", d->status, WSR_FMT(d->body));
		break;
	}
	return s->result;
}

void site_start(struct site *s)
{
	memset(&s->e, 0xa5, sizeof(s->e)); /* what wsr_eval_begin() does not set must not matter */
	s->e.table = &s->table;
	s->e.regexes = s->regexes;
	s->e.world = &world;
	s->e.world_ctx = s;
	s->e.arena = &s->arena;
	s->e.request = &s->request;
	s->e.listen = 0;
	s->e.trace = NULL;
}

const char *site_request(struct site *s, const char *request)
{
	static const struct wsr_head_limits limits = { .line_bytes = 8192, .head_bytes = 32768, .fields = 100 };
	struct wsr_head_parser p = { 0 };
	wsr_arena_reset(&s->arena);
	free(s->text);
	s->text = expand(request);
	site_start(s);
	if (wsr_head_request(&p, s->text, strlen(s->text), &limits, &s->arena, &s->request) != WSR_HEAD_DONE) {
		snprintf(s->result, sizeof(s->result), "refused");
		return s->result;
	}
	wsr_eval_begin(&s->e);
	return site_result(s);
}

static bool settle_step(struct site *s)
{
	const struct wsr_decision *d = &s->e.decision;
	if (d->kind != WSR_DECIDE_FILE)
		return false;
	if (d->directory)
		wsr_eval_index(&s->e);
	else if (file(s, d->path.ptr, WSR_FILE_IS_DIR))
		wsr_eval_add_slash(&s->e);
	else if (!file(s, d->path.ptr, WSR_FILE_IS_FILE))
		wsr_eval_error(&s->e, 404);
	else if (wsr_str_eq(s->e.method, WSR_STR("POST")))
		wsr_eval_error(&s->e, 405);
	else
		return false;
	return true;
}

const char *site_settle(struct site *s)
{
	if (strcmp(s->result, "refused") == 0)
		return s->result;
	for (int i = 0; i < 20 && settle_step(s); i++)
		continue;
	return site_result(s);
}

bool site_open_host(struct site *s, const char *main_server, const char *host, const char *files)
{
	char *conf = NULL;
	if (asprintf(&conf, "%s\n<VirtualHost 127.0.0.1:8080>\nServerName t\nDocumentRoot /html\n%s</VirtualHost>\n", main_server, host) < 0)
		return false;
	bool compiled = site_open(s, conf);
	free(conf);
	s->files = files;
	return compiled;
}

int site_ask(struct site *s, const struct site_vector *v, bool settled)
{
	int failed = 0;
	for (; v->request; v++) {
		const char *got = site_request(s, v->request);
		if (settled)
			got = site_settle(s);
		if (strcmp(got, v->want) == 0)
			continue;
		fprintf(stderr, "%s\n  got:  %s\n  want: %s\n", v->request, got, v->want);
		failed++;
	}
	return failed;
}

int site_check(const struct site_group *g)
{
	struct site s;
	char *conf = NULL;
	if (asprintf(&conf, "error_log x.log;\nevents {}\nhttp {\n%s\nserver {\nlisten 127.0.0.1:8080;\nserver_name t;\n%s\n}\n}\n", g->http, g->server) < 0)
		return -1;
	bool compiled = site_open(&s, conf);
	free(conf);
	if (!compiled)
		return -1;
	s.files = g->files;
	int failed = site_ask(&s, g->vectors, true);
	site_close(&s);
	return failed;
}

/* --- heads --------------------------------------------------------------------------------------------------------------- */

static const char *head_text(struct wsr_out *out)
{
	if (out->failed)
		return "failed";
	wsr_out_bytes(out, wsr_str("", 1));
	return out->ptr;
}

const char *site_upstream_head(struct site *s)
{
	struct wsr_out out;
	wsr_out_init(&out, &s->arena, 512);
	wsr_eval_upstream_head(&s->e, s->request.framing, s->request.content_length, true, &out);
	return head_text(&out);
}

const char *site_answer_head(struct site *s, const char *response)
{
	static const struct wsr_head_limits limits = { .line_bytes = 8192, .head_bytes = 32768, .fields = 100 };
	struct wsr_head_parser p = { 0 };
	struct wsr_out out;
	char *text = wsr_arena_alloc(&s->arena, 2 * strlen(response) + 8), *t = text;
	if (!text)
		return "failed";
	for (const char *c = response; *c; c++) {
		if (*c == '|')
			*t++ = '\r';
		*t++ = *c == '|' ? '\n' : *c;
	}
	memcpy(t, "\r\n\r\n", 5);
	if (wsr_head_response(&p, text, strlen(text), &limits, s->request.head_method, &s->arena, &s->response) != WSR_HEAD_DONE)
		return "refused";
	struct wsr_answer a = { .status = s->e.decision.status ? s->e.decision.status : s->response.status, .framing = s->response.framing,
				.length = s->response.content_length, .keepalive = true, .tunnel = s->e.decision.tunnel && s->response.status == 101 };
	wsr_out_init(&out, &s->arena, 512);
	wsr_eval_answer_head(&s->e, &s->response, &a, &out);
	return head_text(&out);
}
