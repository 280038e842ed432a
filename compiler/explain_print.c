/* SPDX-License-Identifier: BSD-2-Clause */
/* The two forms of an explanation: text for people, JSON (jansson) for programs. Keys of the JSON form stay as they are; new ones may come. */
#include <jansson.h>
#include <stdlib.h>

#include "compiler/explain.h"

static const char *pos_text(const struct explanation *x, uint32_t pos, char *buf, size_t cap)
{
	return wsr_pos_text(&x->table, pos, false, buf, cap);
}

static const struct wsr_location *matched(const struct explanation *x)
{
	return wsr_location_at(&x->table, x->eval.matched);
}

/* "prefix /ws/", "exact /", "regex ~ \.php$", "the server itself" */
static void location_text(const struct explanation *x, char *buf, size_t cap)
{
	static const char *const kinds[] = { "", "prefix ", "exact ", "regex ", "named ", "if ", "" };
	const struct wsr_body *body = wsr_body_at(&x->table, matched(x)->body);
	struct wsr_str name = wsr_string(&x->table, body->name);
	if (body->kind == WSR_LOCATION_SERVER)
		snprintf(buf, cap, "the server itself");
	else
		snprintf(buf, cap, "%s%.*s", kinds[body->kind], WSR_FMT(name));
}

/* "http://127.0.0.1:3000", or the group's name */
void explain_upstream_address(const struct explanation *x, char *buf, size_t cap)
{
	const struct wsr_decision *d = x->decision;
	const char *scheme = d->tls ? "https" : "http";
	if (d->upstream != WSR_NONE)
		snprintf(buf, cap, "%s://%s", scheme, wsr_string(&x->table, wsr_upstream_at(&x->table, d->upstream)->name).ptr);
	else if (d->port == 0)
		snprintf(buf, cap, "%s://unix:%.*s", scheme, WSR_FMT(d->host));
	else
		snprintf(buf, cap, "%s://%.*s:%u", scheme, WSR_FMT(d->host), d->port);
}

/* How many there are to choose from; whose turn it is, only the daemon knows. */
static unsigned peers(const struct explanation *x)
{
	return x->upstream == WSR_NONE ? 1 : wsr_upstream_at(&x->table, x->upstream)->peers.count;
}

static void print_head(FILE *out, struct wsr_str head)
{
	for (size_t i = 0; i < head.len;) {
		const char *end = memchr(head.ptr + i, '\r', head.len - i);
		size_t len = end ? (size_t)(end - head.ptr) - i : head.len - i;
		if (len > 0)
			fprintf(out, "    %.*s\n", (int)len, head.ptr + i);
		i += len + 2;
	}
}

/* What happens without an upstream. */
static void print_own(const struct wsr_decision *d, FILE *out)
{
	if (d->kind == WSR_DECIDE_FILE)
		fprintf(out, "file %.*s", WSR_FMT(d->path));
	else if (d->kind == WSR_DECIDE_CLOSE)
		fprintf(out, "close without an answer");
	else
		fprintf(out, "answer %u", d->status);
	if (d->kind == WSR_DECIDE_ANSWER && d->location.len)
		fprintf(out, ", Location: %.*s", WSR_FMT(d->location));
}

static void print_decision(const struct explanation *x, FILE *out)
{
	char rule[512];
	fprintf(out, "decision  ");
	if (x->forwarded)
		fprintf(out, "proxy to %s%s", x->address, x->tunnel ? "; a verified 101 opens a tunnel" : "");
	else
		print_own(x->decision, out);
	fprintf(out, "\nrule      %s\n", pos_text(x, x->rule, rule, sizeof(rule)));
	if (x->eval.error)
		fprintf(out, "error     %s (%s)\n", x->eval.error, pos_text(x, x->eval.error_pos, rule, sizeof(rule)));
}

void explain_print_text(struct explanation *x, FILE *out)
{
	const struct wsr_listen *l = wsr_listen_at(&x->table, x->eval.listen);
	const struct wsr_server *s = wsr_server_at(&x->table, x->eval.server);
	char where[512], text[1024];
	fprintf(out, "request   %s %s\n", x->options->method, x->options->url);
	fprintf(out, "listener  %s%s  (%s)\n", wsr_string(&x->table, l->text).ptr, l->flags & WSR_LISTEN_TLS ? " TLS" : "",
		pos_text(x, l->pos, where, sizeof(where)));
	fprintf(out, "server    \"%.*s\"  (%s)\n", WSR_FMT(wsr_string(&x->table, s->name)), pos_text(x, s->pos, where, sizeof(where)));
	location_text(x, text, sizeof(text));
	fprintf(out, "location  %s  (%s)\n", text, pos_text(x, matched(x)->pos, where, sizeof(where)));
	for (unsigned i = 0; i < x->step_count; i++)
		fprintf(out, "  %2u. %-16s %s%s%.*s\n", i + 1, pos_text(x, x->steps[i].pos, where, sizeof(where)), x->steps[i].what,
			x->steps[i].detail.len ? ": " : "", WSR_FMT(x->steps[i].detail));
	print_decision(x, out);
	if (x->have_upstream) {
		fprintf(out, peers(x) > 1 ? "upstream request, if it is the turn of the first of %u\n" : "upstream request\n", peers(x));
		print_head(out, x->upstream_text);
	}
	if (x->have_answer) {
		if (!x->have_upstream)
			fprintf(out, "answer\n");
		else if (x->answer_rule == x->rule)
			fprintf(out, "answer, if the upstream says %u\n", x->answer.status);
		else
			fprintf(out, "answer in place of the upstream's %u  (%s)\n", x->options->upstream_status, pos_text(x, x->answer_rule, where, sizeof(where)));
		print_head(out, x->answer_text);
	}
}

/* JSON text is UTF-8; bytes that are not are shown as the characters of Latin-1. */
static json_t *json_text(struct wsr_str s)
{
	json_t *j = json_stringn(s.ptr ? s.ptr : "", s.len);
	if (j)
		return j;
	char *utf8 = malloc(2 * s.len + 1), *p = utf8;
	for (size_t i = 0; utf8 && i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c >= 0x80)
			*p++ = (char)(0xc0 | c >> 6);
		*p++ = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
	}
	j = utf8 ? json_stringn(utf8, (size_t)(p - utf8)) : NULL;
	free(utf8);
	return j;
}

static json_t *json_cstr(const char *z)
{
	return json_text(wsr_cstr(z));
}

static json_t *json_fields(const struct wsr_head *h)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < h->field_count; i++)
		json_array_append_new(list, json_pack("[o, o]", json_text(h->fields[i].name), json_text(h->fields[i].value)));
	return list;
}

static json_t *json_upstream(const struct explanation *x)
{
	const struct wsr_head *h = &x->upstream_request;
	return json_pack("{s:o, s:i, s:o, s:o, s:s, s:o}", "address", json_cstr(x->address), "peers", (int)peers(x), "method", json_text(h->method), "target",
			 json_text(h->target), "version", h->minor == 0 ? "HTTP/1.0" : "HTTP/1.1", "headers", json_fields(h));
}

static json_t *json_steps(const struct explanation *x)
{
	char where[512];
	json_t *list = json_array();
	for (unsigned i = 0; i < x->step_count; i++)
		json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "rule", json_cstr(pos_text(x, x->steps[i].pos, where, sizeof(where))), "what",
						      x->steps[i].what, "detail", json_text(x->steps[i].detail)));
	return list;
}

bool explain_print_json(struct explanation *x, FILE *out)
{
	char rule[512], where[512], other[512], location[1024];
	const struct wsr_server *s = wsr_server_at(&x->table, x->eval.server);
	unsigned status = x->have_answer ? x->answer.status : x->decision->status;
	location_text(x, location, sizeof(location));
	json_t *root = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:o}", "listener",
				 json_text(wsr_string(&x->table, wsr_listen_at(&x->table, x->eval.listen)->text)), "server",
				 json_text(wsr_string(&x->table, s->name)), "server_rule", json_cstr(pos_text(x, s->pos, where, sizeof(where))), "location",
				 json_cstr(location), "location_rule", json_cstr(pos_text(x, matched(x)->pos, where, sizeof(where))), "rule",
				 json_cstr(pos_text(x, x->rule, rule, sizeof(rule))), "decision", explain_decision_name(x), "status", (int)status, "steps",
				 json_steps(x));
	if (root)
		json_object_set_new(root, "answer_rule", json_cstr(pos_text(x, x->answer_rule, other, sizeof(other))));
	if (root && x->have_upstream)
		json_object_set_new(root, "upstream", json_upstream(x));
	if (root && x->decision->kind == WSR_DECIDE_FILE)
		json_object_set_new(root, "file", json_text(x->decision->path));
	if (root && x->have_answer)
		json_object_set_new(root, "response_headers", json_fields(&x->answer));
	bool ok = root && json_dumpf(root, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF;
	json_decref(root);
	return ok;
}
