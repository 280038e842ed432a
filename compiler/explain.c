/* SPDX-License-Identifier: BSD-2-Clause */
/* The `explain` command: see explain.h. Builds the bytes of a request, then goes the daemon's way with them: head parser, evaluation, head writers. */
#include "compiler/explain.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/htpasswd.h"
#include "compiler/address.h"

#define EXPLAIN_ARENA_BYTES (16u << 20)
#define PLAIN_ON_TLS        497u /* as runtime/conn.c: plain HTTP on a port that speaks TLS, answered with 400 */

/* --- the request ------------------------------------------------------------------------------------------------------- */

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool parse_url(const char *text, struct explain_url *url)
{
	*url = (struct explain_url){ 0 };
	if (starts(text, "https://") || starts(text, "wss://"))
		url->tls = true;
	else if (!starts(text, "http://") && !starts(text, "ws://"))
		return false;
	url->websocket = text[0] == 'w';
	const char *host = strstr(text, "://") + 3;
	size_t len = strcspn(host, "/?#");
	const char *end = host + len;
	const char *bracket = *host == '[' ? memchr(host, ']', len) : NULL;
	const char *colon = memchr(bracket ? bracket : host, ':', (size_t)(end - (bracket ? bracket : host)));
	url->host = wsr_str(host, (size_t)((colon ? colon : end) - host));
	url->port = url->tls ? 443 : 80;
	if (colon) {
		char *stop;
		unsigned long port = strtoul(colon + 1, &stop, 10);
		if (stop != end || stop == colon + 1 || port == 0 || port > 65535)
			return false;
		url->port = (uint16_t)port;
		url->port_written = port != (url->tls ? 443u : 80u);
	}
	url->target = wsr_str(end, strcspn(end, "#"));
	return url->host.len > 0;
}

static bool has_field(const struct explain_options *o, const char *name)
{
	size_t len = strlen(name);
	for (unsigned i = 0; i < o->field_count; i++)
		if (strncasecmp(o->fields[i], name, len) == 0 && o->fields[i][len] == ':')
			return true;
	return false;
}

struct text {
	char *ptr;
	size_t len, cap;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(t->ptr + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	t->len += n > 0 && (size_t)n < t->cap - t->len ? (size_t)n : 0;
}

static size_t fields_length(const char *const *fields, unsigned count)
{
	size_t len = 0;
	for (unsigned i = 0; i < count; i++)
		len += strlen(fields[i]) + 2;
	return len;
}

static struct wsr_str request_text(struct explanation *x)
{
	const struct explain_options *o = x->options;
	const struct explain_url *u = &x->url;
	struct text t = { .cap = 1024 + strlen(o->method) + strlen(o->url) * 2 + fields_length(o->fields, o->field_count) };
	t.ptr = wsr_arena_alloc(&x->arena, t.cap);
	if (!t.ptr)
		return WSR_STR_NULL;
	bool slash = u->target.len > 0 && (u->target.ptr[0] == '/' || u->target.ptr[0] == '*');
	add(&t, "%s %s%.*s HTTP/1.%d\r\n", o->method, slash ? "" : "/", WSR_FMT(u->target), o->http10 ? 0 : 1);
	if (!has_field(o, "Host") && u->port_written)
		add(&t, "Host: %.*s:%u\r\n", WSR_FMT(u->host), u->port);
	else if (!has_field(o, "Host"))
		add(&t, "Host: %.*s\r\n", WSR_FMT(u->host));
	/* ws:// and wss:// ask for the handshake of RFC 6455 section 1.2, with its sample nonce */
	if (u->websocket && !has_field(o, "Upgrade"))
		add(&t, "Upgrade: websocket\r\n");
	if (u->websocket && !has_field(o, "Connection"))
		add(&t, "Connection: Upgrade\r\n");
	if (u->websocket && !has_field(o, "Sec-WebSocket-Key"))
		add(&t, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n");
	for (unsigned i = 0; i < o->field_count; i++)
		add(&t, "%s\r\n", o->fields[i]);
	if (o->body_bytes >= 0)
		add(&t, "Content-Length: %lld\r\n", o->body_bytes);
	add(&t, "\r\n");
	return wsr_str(t.ptr, t.len);
}

/* --- listener and limits -------------------------------------------------------------------------------------------------- */

/* The address of the URL's host, if it is a literal, must be the listener's own or the listener a wildcard; a name fits any. */
static bool listener_fits(const struct explanation *x, const struct wsr_listen *l)
{
	const struct explain_url *u = &x->url;
	if (l->family == 1 || l->port != u->port || !(l->flags & WSR_LISTEN_TLS) != !u->tls)
		return false;
	struct wsr_str text = wsr_string(&x->table, l->text);
	bool literal = u->host.ptr[0] == '[' || u->host.len == strspn(u->host.ptr, "0123456789.");
	return !literal || l->flags & WSR_LISTEN_WILDCARD || (text.len > u->host.len && memcmp(text.ptr, u->host.ptr, u->host.len) == 0);
}

/* --listen names the listener as it is printed, or an address that a client connected to and that a wildcard of the same family and port answers for. */
static bool listener_named(const struct explanation *x, const struct wsr_listen *l, bool *exact)
{
	struct address a;
	*exact = strcmp(wsr_string(&x->table, l->text).ptr, x->options->listen) == 0;
	if (*exact || !(l->flags & WSR_LISTEN_WILDCARD) || address_parse(wsr_cstr(x->options->listen), ADDRESS_LISTEN, 80, &a) || a.port != l->port)
		return *exact;
	return (a.kind == WSR_PEER_IPV4 && (l->family == 4 || !(l->flags & WSR_LISTEN_IPV6ONLY))) || (a.kind == WSR_PEER_IPV6 && l->family == 6);
}

static bool find_listener(struct explanation *x)
{
	uint32_t best = WSR_NONE, n = wsr_listen_count(&x->table);
	bool exact = false;
	for (uint32_t i = 0; i < n && !exact; i++) {
		const struct wsr_listen *l = wsr_listen_at(&x->table, i);
		if (x->options->listen) {
			if (listener_named(x, l, &exact))
				best = i;
		} else if (listener_fits(x, l) && (best == WSR_NONE || wsr_listen_at(&x->table, best)->flags & WSR_LISTEN_WILDCARD)) {
			best = i; /* an exact address is preferred to a wildcard */
		}
	}
	x->eval.listen = best;
	if (best != WSR_NONE)
		return true;
	fprintf(stderr, "wsrpc: nobody listens for this URL%s%s; listeners are:\n", x->options->listen ? " on " : "", x->options->listen ? x->options->listen : "");
	for (uint32_t i = 0; i < n; i++)
		fprintf(stderr, "  %s%s\n", wsr_string(&x->table, wsr_listen_at(&x->table, i)->text).ptr,
			wsr_listen_at(&x->table, i)->flags & WSR_LISTEN_TLS ? " (TLS)" : "");
	return false;
}

static bool parse_request(struct explanation *x, struct wsr_str text)
{
	struct wsr_head_limits limits = wsr_request_limits(&x->table, x->eval.listen);
	struct wsr_head_parser parser = { 0 };
	if (wsr_head_request(&parser, text.ptr, text.len, &limits, &x->arena, &x->request) == WSR_HEAD_DONE)
		return true;
	fprintf(stderr, "wsrpc: the request is refused with %u: %s\n", wsr_head_error_status(parser.error), wsr_head_error_text(parser.error));
	return false;
}

/* --- evaluation ---------------------------------------------------------------------------------------------------------- */

static void on_trace(void *ctx, uint32_t pos, const char *what, struct wsr_str detail)
{
	struct explanation *x = ctx;
	if (x->step_count < EXPLAIN_MAX_STEPS)
		x->steps[x->step_count++] = (struct explain_step){ pos, what, wsr_arena_dup(&x->arena, detail) };
}

/* Carry a FILE decision on as far as the daemon would: index files, missing slash, missing file. */
static void follow_files(struct explanation *x)
{
	for (unsigned i = 0; i < WSR_MAX_CYCLES && x->decision->kind == WSR_DECIDE_FILE; i++) {
		const char *path = x->decision->path.ptr;
		if (x->decision->directory)
			x->decision = wsr_eval_index(&x->eval);
		else if (explain_world.file(x, path, WSR_FILE_IS_DIR))
			x->decision = wsr_eval_add_slash(&x->eval);
		else if (!explain_world.file(x, path, WSR_FILE_IS_FILE))
			x->decision = wsr_eval_error(&x->eval, 404);
		else
			return;
	}
}

static const struct wsr_head_limits wide = { .line_bytes = 1u << 20, .head_bytes = 4u << 20, .fields = 10000, .underscores = true };

static void write_upstream(struct explanation *x)
{
	struct wsr_out out;
	struct wsr_head_parser parser = { 0 };
	wsr_out_init(&out, &x->arena, 1024);
	wsr_eval_upstream_head(&x->eval, x->request.framing, x->request.content_length, true, &out);
	x->upstream_text = wsr_str(out.ptr, out.len);
	x->have_upstream = !out.failed && wsr_head_request(&parser, out.ptr, out.len, &wide, &x->arena, &x->upstream_request) == WSR_HEAD_DONE;
}

/* The upstream's response as the options describe it. */
static bool make_response(struct explanation *x, struct wsr_head *up)
{
	const struct explain_options *o = x->options;
	unsigned status = o->upstream_status ? o->upstream_status : x->decision->tunnel ? 101 : 200;
	struct text t = { .cap = 512 + fields_length(o->upstream_fields, o->upstream_field_count) };
	t.ptr = wsr_arena_alloc(&x->arena, t.cap);
	if (!t.ptr)
		return false;
	add(&t, "HTTP/1.1 %u %s\r\n", status, wsr_reason(status).ptr);
	for (unsigned i = 0; i < o->upstream_field_count; i++)
		add(&t, "%s\r\n", o->upstream_fields[i]);
	add(&t, "\r\n");
	struct wsr_head_parser parser = { 0 };
	return wsr_head_response(&parser, t.ptr, t.len, &wide, x->request.head_method, &x->arena, up) == WSR_HEAD_DONE;
}

static void write_answer(struct explanation *x)
{
	struct wsr_head up;
	const struct wsr_decision *d = x->decision;
	bool proxied = d->kind == WSR_DECIDE_PROXY;
	if (d->kind == WSR_DECIDE_CLOSE || (proxied && !make_response(x, &up)))
		return;
	struct wsr_answer a = { .status = d->status, .keepalive = !x->request.close, .content_type = d->content_type, .location = d->location,
				.framing = WSR_FRAMING_LENGTH, .length = d->body.len };
	if (proxied) {
		a = (struct wsr_answer){ .status = d->status ? d->status : up.status, .keepalive = a.keepalive, .framing = up.framing, .length = up.content_length,
					 .tunnel = d->tunnel && up.status == 101 };
		if (a.framing == WSR_FRAMING_UNTIL_CLOSE && !x->options->http10)
			a.framing = WSR_FRAMING_CHUNKED;
	} else if (d->kind == WSR_DECIDE_FILE) {
		a.status = 200;
		a.framing = WSR_FRAMING_NONE;
	}
	/* RFC 9110 section 8.6, as runtime/answer.c: no length where there can be no body, but for HEAD. */
	bool bodyless = x->request.head_method || a.status < 200 || a.status == 204 || a.status == 304;
	if (bodyless && !(x->request.head_method && a.framing == WSR_FRAMING_LENGTH && a.status >= 200 && a.status != 204))
		a.framing = WSR_FRAMING_NONE;
	struct wsr_out out;
	struct wsr_head_parser parser = { 0 };
	wsr_out_init(&out, &x->arena, 1024);
	wsr_eval_answer_head(&x->eval, proxied ? &up : NULL, &a, &out);
	x->answer_text = wsr_str(out.ptr, out.len);
	x->have_answer = !out.failed && wsr_head_response(&parser, out.ptr, out.len, &wide, false, &x->arena, &x->answer) == WSR_HEAD_DONE;
}

/* To the upstream, and from there on when our own page takes the place of what it answers; the page may be on an upstream too. */
static void forward(struct explanation *x)
{
	unsigned status = x->options->upstream_status;
	x->forwarded = true;
	x->tunnel = x->decision->tunnel;
	x->upstream = x->decision->upstream;
	explain_upstream_address(x, x->address, sizeof(x->address));
	write_upstream(x);
	if (!wsr_eval_intercepts(&x->eval, status))
		return;
	x->decision = wsr_eval_error(&x->eval, status);
	follow_files(x);
	if (x->decision->kind == WSR_DECIDE_PROXY)
		write_upstream(x);
}

const char *explain_decision_name(const struct explanation *x)
{
	if (x->forwarded)
		return x->tunnel ? "tunnel" : "proxy";
	switch (x->decision->kind) {
	case WSR_DECIDE_FILE: return "file";
	case WSR_DECIDE_CLOSE: return "close";
	default: return "answer";
	}
}

static bool explain(struct explanation *x)
{
	struct wsr_str text = request_text(x);
	if (!text.ptr || !find_listener(x) || !parse_request(x, text))
		return false;
	x->eval.table = &x->table;
	x->eval.world = &explain_world;
	x->eval.world_ctx = x;
	x->eval.arena = &x->arena;
	x->eval.request = &x->request;
	x->eval.trace = on_trace;
	x->eval.trace_ctx = x;
	bool tls = wsr_listen_at(&x->table, x->eval.listen)->flags & WSR_LISTEN_TLS;
	x->decision = tls && !x->url.tls ? wsr_eval_bad_request(&x->eval, PLAIN_ON_TLS) : wsr_eval_begin(&x->eval);
	if (x->no_handshake) {
		fprintf(stderr, "wsrpc: the TLS handshake is refused: a client certificate is wanted (--client-certificate)\n");
		return false;
	}
	follow_files(x);
	x->rule = x->decision->pos;
	if (x->decision->kind == WSR_DECIDE_PROXY)
		forward(x);
	x->answer_rule = x->decision->pos;
	write_answer(x);
	return true;
}

/* --- the command ---------------------------------------------------------------------------------------------------------- */

static int usage(FILE *out, int status)
{
	fputs("usage: wsrpc explain TABLE URL [options]\n"
	      "Which rule answers this request, why, and what the upstream gets. ws: and wss: URLs ask for a WebSocket.\n\n"
	      "  -X METHOD              request method (GET)\n"
	      "  -H 'NAME: VALUE'       a request field; repeat it for more\n"
	      "  --body-length N        the request has a body of N bytes\n"
	      "  --http1.0              an HTTP/1.0 client\n"
	      "  --client ADDRESS       the client's address (127.0.0.1)\n"
	      "  --listen ADDRESS       the address connected to (found from the URL)\n"
	      "  --sni NAME             the name of the TLS handshake, '' = none (the URL's host)\n"
	      "  --client-certificate   the client shows a certificate that is accepted\n"
	      "  -p PREFIX              folder for relative paths (the table's folder)\n"
	      "  --upstream-status N    what the upstream is taken to answer (200; 101 for a WebSocket)\n"
	      "  --upstream-header 'NAME: VALUE'\n"
	      "  --json                 for programs\n\n"
	      "Exit status: 0 decided, 1 the request is refused or nobody listens there, 2 usage or system.\n", out);
	return status;
}

enum { OPT_LISTEN = 256, OPT_CLIENT, OPT_BODY, OPT_HTTP10, OPT_STATUS, OPT_UPSTREAM_FIELD, OPT_SNI, OPT_CERTIFICATE, OPT_JSON, OPT_HELP };

static bool add_field(const char **list, unsigned *count, const char *text)
{
	if (*count == EXPLAIN_MAX_FIELDS || !strchr(text, ':') || strpbrk(text, "\r\n")) {
		fprintf(stderr, "wsrpc: explain: found \"%s\", allowed is NAME: VALUE, at most %u times\n", text, EXPLAIN_MAX_FIELDS);
		return false;
	}
	list[(*count)++] = text;
	return true;
}

static bool parse_number(const char *text, long long max, long long *out)
{
	char *end;
	*out = strtoll(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && *out <= max)
		return true;
	fprintf(stderr, "wsrpc: explain: found \"%s\", allowed is a number up to %lld\n", text, max);
	return false;
}

static bool parse_option(struct explain_options *o, int c)
{
	long long n = 0;
	switch (c) {
	case 'X': o->method = optarg; return true;
	case 'p': o->prefix = optarg; return true;
	case 'H': return add_field(o->fields, &o->field_count, optarg);
	case OPT_LISTEN: o->listen = optarg; return true;
	case OPT_CLIENT: o->client = optarg; return true;
	case OPT_SNI: o->sni = optarg; return true;
	case OPT_CERTIFICATE: o->certificate = true; return true;
	case OPT_BODY: return parse_number(optarg, INT64_MAX / 2, &o->body_bytes);
	case OPT_HTTP10: o->http10 = true; return true;
	case OPT_JSON: o->json = true; return true;
	case OPT_UPSTREAM_FIELD: return add_field(o->upstream_fields, &o->upstream_field_count, optarg);
	case OPT_STATUS:
		if (!parse_number(optarg, 599, &n) || n < 100)
			return false;
		o->upstream_status = (unsigned)n;
		return true;
	default: return false;
	}
}

/* @return -1 to go on, else the exit status */
static int parse_options(struct explain_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "listen", required_argument, NULL, OPT_LISTEN },   { "client", required_argument, NULL, OPT_CLIENT },
		{ "body-length", required_argument, NULL, OPT_BODY }, { "http1.0", no_argument, NULL, OPT_HTTP10 },
		{ "upstream-status", required_argument, NULL, OPT_STATUS }, { "upstream-header", required_argument, NULL, OPT_UPSTREAM_FIELD },
		{ "sni", required_argument, NULL, OPT_SNI }, { "client-certificate", no_argument, NULL, OPT_CERTIFICATE },
		{ "json", no_argument, NULL, OPT_JSON }, { "help", no_argument, NULL, OPT_HELP }, { 0 },
	};
	int c;
	*o = (struct explain_options){ .method = "GET", .client = "127.0.0.1", .body_bytes = -1 };
	optind = 0;
	while ((c = getopt_long(argc, argv, "X:H:p:h", longs, NULL)) != -1) {
		if (c == 'h' || c == OPT_HELP)
			return usage(stdout, 0);
		if (!parse_option(o, c))
			return usage(stderr, 2);
	}
	if (argc - optind != 2)
		return usage(stderr, 2);
	o->table_path = argv[optind];
	o->url = argv[optind + 1];
	return -1;
}

static bool open_table(struct explanation *x)
{
	struct wsr_refusal refusal;
	char text[256];
	const char *slash = strrchr(x->options->table_path, '/');
	if (x->options->prefix)
		snprintf(x->folder, sizeof(x->folder), "%s", x->options->prefix);
	else if (slash)
		snprintf(x->folder, sizeof(x->folder), "%.*s", (int)(slash - x->options->table_path), x->options->table_path);
	else
		snprintf(x->folder, sizeof(x->folder), ".");
	if (wsr_table_open(&x->table, x->options->table_path, &refusal))
		return true;
	fprintf(stderr, "wsrpc: %s: %s\n", x->options->table_path, wsr_refusal_text(&refusal, text, sizeof(text)));
	return false;
}

int cmd_explain(int argc, char **argv)
{
	struct explain_options o;
	int status = parse_options(&o, argc, argv);
	if (status >= 0)
		return status;
	struct explanation *x = calloc(1, sizeof(*x));
	if (!x)
		return 2;
	x->options = &o;
	status = 2;
	wsr_arena_init(&x->arena, NULL, EXPLAIN_ARENA_BYTES);
	if (!parse_url(o.url, &x->url)) {
		fprintf(stderr, "wsrpc: explain: found \"%s\", allowed is http, https, ws or wss://HOST[:PORT][/PATH]\n", o.url);
	} else if (open_table(x)) {
		x->eval.regexes = wsr_regexes_new(&x->table);
		status = !x->eval.regexes ? 2 : explain(x) ? 0 : 1;
		if (status == 0 && o.json)
			status = explain_print_json(x, stdout) ? 0 : 2;
		else if (status == 0)
			explain_print_text(x, stdout);
		wsr_regexes_free(x->eval.regexes);
		wsr_table_close(&x->table);
		htpasswd_free(x->passwords);
	}
	wsr_arena_reset(&x->arena);
	free(x);
	return status;
}
