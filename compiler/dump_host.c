/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections, rules and backends of one host, in the order in which they act, each with its place. See dump_host.h. Values that a section gives itself are
 * printed in full; conditions by their size, since their parts are what `dump --stage=table` is for.
 */
#include "compiler/dump_host.h"
#include "compiler/dump_text.h"

struct view {
	FILE *out;
	const struct wsr_table *t;
};


static void line_end(const struct view *v, uint32_t pos)
{
	dump_pos(v->out, v->t, pos);
	fputc('\n', v->out);
}

static void word(const struct view *v, const char *name, wsr_sref ref)
{
	if (!ref)
		return;
	fprintf(v->out, *name ? " %s " : " ", name);
	dump_string(v->out, v->t, ref);
}

static void template(const struct view *v, const char *name, uint32_t tmpl)
{
	if (tmpl == WSR_NONE)
		return;
	fprintf(v->out, " %s ", name);
	dump_tmpl(v->out, v->t, tmpl);
}

static void expression(const struct view *v, uint32_t regex)
{
	if (regex == WSR_NONE)
		return;
	fputc(' ', v->out);
	dump_regex(v->out, v->t, regex);
}

/* --- rules --------------------------------------------------------------------------------------------------------------- */

static void pass(const struct view *v, const char *lead, const struct wsr_pass *p)
{
	static const struct { uint32_t bit; const char *name; } flags[] = {
		{ WSR_PASS_NOCANON, "nocanon" }, { WSR_PASS_INTERPOLATE, "interpolate" }, { WSR_PASS_LOOKUP, "worker-by-url" }, { WSR_PASS_APPEND, "append" },
	};
	fprintf(v->out, "%s%s", lead, p->flags & WSR_PASS_EXCLUDE ? "exclude" : "pass");
	word(v, "path", p->from);
	expression(v, p->regex);
	template(v, "to", p->target);
	template(v, "interpolated", p->live_target);
	if (p->worker != WSR_NONE)
		fprintf(v->out, " worker %u", p->worker);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (p->flags & flags[i].bit)
			fprintf(v->out, " %s", flags[i].name);
	line_end(v, p->pos);
}

static void member(const struct view *v, uint32_t ordinal, const struct wsr_member *m, const struct wsr_peer *p)
{
	fprintf(v->out, "        member %u", ordinal);
	word(v, "", p->text);
	word(v, "path", m->uri);
	word(v, "route", m->route);
	word(v, "upgrade", m->upgrade);
	fputs(m->flags & WSR_MEMBER_WS ? " websocket" : "", v->out);
	fputs(p->flags & WSR_PEER_PLAIN ? " clear-text" : "", v->out);
	if (m->timeout_ms)
		fprintf(v->out, " timeout_ms %llu", (unsigned long long)m->timeout_ms);
	line_end(v, p->pos);
}

static void worker(const struct view *v, uint32_t ordinal, const struct wsr_worker *w)
{
	fprintf(v->out, "    worker %u ", ordinal);
	dump_string(v->out, v->t, w->url);
	fprintf(v->out, " upstream %u timeout_ms %llu connect_timeout_ms %llu retry_ms %llu", wsr_proxy_at(v->t, w->proxy)->upstream, (unsigned long long)w->timeout_ms,
		(unsigned long long)w->connect_timeout_ms, (unsigned long long)w->retry_ms);
	word(v, "upgrade", w->upgrade);
	word(v, "session", w->sticky_cookie);
	fputs(w->flags & WSR_WORKER_NO_FAILOVER ? " nofailover" : "", v->out);
	fputs(w->flags & WSR_WORKER_NO_FALLBACK ? " tunnels-only" : "", v->out);
	line_end(v, w->pos);
	for (uint32_t i = 0; i < w->members.count; i++)
		member(v, i, wsr_member_at(v->t, w->members.first + i), wsr_peer_at(v->t, wsr_upstream_at(v->t, wsr_proxy_at(v->t, w->proxy)->upstream)->peers.first + i));
}

static void alias(const struct view *v, const struct wsr_alias_rule *r)
{
	bool redirect = r->kind == WSR_ALIAS_REDIRECT || r->kind == WSR_ALIAS_REDIRECT_MATCH;
	fputs("        ", v->out);
	if (redirect)
		fprintf(v->out, "redirect %u", r->status);
	else
		fputs("alias", v->out);
	word(v, "path", r->from);
	expression(v, r->regex);
	template(v, "to", r->target);
	line_end(v, r->pos);
}

static void reverse(const struct view *v, const struct wsr_reverse *r)
{
	static const char *const kinds[] = { "", "location", "cookie-domain", "cookie-path" };
	fprintf(v->out, "        reverse %s", kinds[r->kind]);
	word(v, "backend", r->internal);
	word(v, "client", r->external);
	template(v, "interpolated", r->live_internal);
	template(v, "client", r->live_external);
	line_end(v, r->pos);
}

static void rewrite(const struct view *v, const struct wsr_rewrite_rule *r)
{
	fprintf(v->out, "        rewrite%s", r->flags & WSR_RULE_NOT ? " not" : "");
	expression(v, r->regex);
	template(v, "to", r->target);
	fprintf(v->out, " flags %#x", r->flags);
	if (r->status)
		fprintf(v->out, " status %u", r->status);
	if (r->condition != WSR_NONE)
		fprintf(v->out, " condition of %u", wsr_cond_at(v->t, r->condition)->size);
	line_end(v, r->pos);
}

static void header(const struct view *v, const char *side, const struct wsr_header_op *h)
{
	static const char *const actions[] = { "", "set", "append", "merge", "add", "unset", "edit", "edit*", "setifempty", "note", "echo" };
	fprintf(v->out, "        %s%s %s ", side, h->flags & WSR_HEADER_ALWAYS ? " always" : "", actions[h->action]);
	dump_string(v->out, v->t, h->name);
	expression(v, h->regex);
	template(v, "value", h->value);
	if (h->condition != WSR_NONE)
		fprintf(v->out, " condition of %u", wsr_cond_at(v->t, h->condition)->size);
	line_end(v, h->pos);
}

static void environment(const struct view *v, const struct wsr_env_op *op)
{
	fprintf(v->out, "        env%s%s ", op->flags & WSR_ENV_LATE ? " late" : "", op->flags & WSR_ENV_UNSET ? " unset" : "");
	dump_string(v->out, v->t, wsr_variable_at(v->t, op->slot)->name);
	template(v, "value", op->value);
	if (op->condition != WSR_NONE)
		fprintf(v->out, " condition of %u", wsr_cond_at(v->t, op->condition)->size);
	line_end(v, op->pos);
}

/* --- sections ------------------------------------------------------------------------------------------------------------ */

static void cells(const struct view *v, const struct wsr_layer *y)
{
	struct dump_groups g = dump_groups_of(v->t, wsr_body_at(v->t, wsr_location_at(v->t, y->location)->body));
	char lead[160];
	for (unsigned cell = 0; cell < SET_COUNT; cell++) {
		if (!(y->set[cell / 64] >> (cell % 64) & 1))
			continue;
		snprintf(lead, sizeof(lead), "\n        %s ", plan_setting_info[cell].name);
		fputs(lead + 1, v->out);
		dump_cell(v->out, v->t, &g, (enum plan_setting)cell, lead);
		fputc('\n', v->out);
	}
}

static void layer(const struct view *v, uint32_t ordinal, const struct wsr_layer *y)
{
	static const char *const kinds[] = { "", "host", "directory", "directory-match", "files", "files-match", "location", "location-match", "proxy", "proxy-match", "if" };
	fprintf(v->out, "    section %u %s", ordinal, kinds[y->kind]);
	word(v, "", y->name);
	if (y->inside)
		fprintf(v->out, " inside %u", y->inside - 1u);
	if (y->condition != WSR_NONE)
		fprintf(v->out, " condition of %u", wsr_cond_at(v->t, y->condition)->size);
	if (y->require != WSR_NONE)
		fprintf(v->out, " require of %u", wsr_cond_at(v->t, y->require)->size);
	if (y->hosts != WSR_NONE)
		fprintf(v->out, " order of %u", wsr_cond_at(v->t, y->hosts)->size);
	line_end(v, y->pos);
	if (y->kind != WSR_LAYER_HOST) /* a host's settings are printed with its server */
		cells(v, y);
	for (uint32_t i = 0; i < y->env.count; i++)
		environment(v, wsr_env_op_at(v->t, y->env.first + i));
	for (uint32_t i = 0; i < y->rewrites.count; i++)
		rewrite(v, wsr_rewrite_rule_at(v->t, y->rewrites.first + i));
	if (y->pass != WSR_NONE)
		pass(v, "        ", wsr_pass_at(v->t, y->pass));
	for (uint32_t i = 0; i < y->aliases.count; i++)
		alias(v, wsr_alias_rule_at(v->t, y->aliases.first + i));
	for (uint32_t i = 0; i < y->reverses.count; i++)
		reverse(v, wsr_reverse_at(v->t, y->reverses.first + i));
	for (uint32_t i = 0; i < y->request_headers.count; i++)
		header(v, "request-header", wsr_header_op_at(v->t, y->request_headers.first + i));
	for (uint32_t i = 0; i < y->response_headers.count; i++)
		header(v, "header", wsr_header_op_at(v->t, y->response_headers.first + i));
}

/* What belongs to the host and to none of its layers, by the names that `dump --source=nginx` writes. */
static void host_line(struct view *v, const struct wsr_host *h)
{
	static const struct { uint32_t bit; const char *name; } flags[] = {
		{ WSR_HOST_SLASHES_ON, "encoded_slashes on" }, { WSR_HOST_SLASHES_NODECODE, "encoded_slashes nodecode" }, { WSR_HOST_CANONICAL_NAME, "canonical_name" },
		{ WSR_HOST_CANONICAL_PORT, "canonical_port" }, { WSR_HOST_STRICT_SNI, "strict_sni" }, { WSR_HOST_IIS, "iis" }, { WSR_HOST_NO_TRACE, "trace off" },
	};
	fputs("    host", v->out);
	word(v, "admin", h->admin);
	word(v, "remote-field", h->remote_header);
	if (h->canonical_port)
		fprintf(v->out, " server_port %u", h->canonical_port);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (h->flags & flags[i].bit)
			fprintf(v->out, " %s", flags[i].name);
	for (uint32_t i = 0; i < h->trusted.count; i++) {
		const struct wsr_access_rule *r = wsr_access_rule_at(v->t, h->trusted.first + i);
		fputs(r->deny ? " internal_proxy " : " trusted_proxy ", v->out);
		dump_network(v->out, r);
	}
	dump_pos(v->out, v->t, h->pos);
	fputc('\n', v->out);
}

void dump_host(FILE *out, const struct wsr_table *t, uint32_t host)
{
	struct view v = { out, t };
	const struct wsr_host *h = wsr_host_at(t, host);
	host_line(&v, h);
	for (uint32_t i = 0; i < h->workers.count; i++)
		worker(&v, i, wsr_worker_at(t, h->workers.first + i));
	for (uint32_t i = 0; i < h->passes.count; i++)
		pass(&v, "    ", wsr_pass_at(t, h->passes.first + i));
	for (uint32_t i = 0; i < h->layers.count; i++)
		layer(&v, i, wsr_layer_at(t, h->layers.first + i));
}
