/* SPDX-License-Identifier: BSD-2-Clause */
/* `httpd { }` of a server as text, see dump_httpd.h: the host, its workers and passes, its sections in the order in which they are laid over each other. */
#include "compiler/dump_httpd.h"

#include <stdlib.h>

#include "compiler/lower_httpd.h"

static void flag(struct plan_dump *d, const char *name, bool on)
{
	if (!on)
		return;
	plan_line(d, name);
	fputs("on;\n", d->out);
}

static void string(struct plan_dump *d, const char *name, wsr_sref ref)
{
	if (!ref)
		return;
	plan_line(d, name);
	httpd_word(d, wsr_string(d->t, ref));
	fputs(";\n", d->out);
}

/* --- workers --------------------------------------------------------------------------------------------------------------- */

static void target(struct plan_dump *d, const struct wsr_proxy *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&text, &len);
	if (!m)
		return;
	fprintf(m, "%s%s://%.*s", p->flags & WSR_PROXY_WS ? "ws" : "http", p->flags & WSR_PROXY_TLS ? "s" : "", WSR_FMT(wsr_string(d->t, p->host)));
	if (p->uri)
		fprintf(m, "%.*s", WSR_FMT(wsr_string(d->t, p->uri)));
	fclose(m);
	httpd_keyed(d, "target", wsr_str(text, len));
	free(text);
}

static void time_ms(struct plan_dump *d, const char *key, uint64_t ms, uint64_t usual)
{
	if (ms != usual && ms % 1000)
		fprintf(d->out, " %s=%llums", key, (unsigned long long)ms);
	else if (ms != usual)
		fprintf(d->out, " %s=%llus", key, (unsigned long long)ms / 1000);
}

static void member(struct plan_dump *d, const struct wsr_member *m)
{
	fputs(" member", d->out);
	if (m->route)
		httpd_keyed(d, "route", wsr_string(d->t, m->route));
	if (m->uri)
		httpd_keyed(d, "uri", wsr_string(d->t, m->uri));
	if (m->upgrade)
		httpd_keyed(d, "upgrade", wsr_string(d->t, m->upgrade));
	for (const struct httpd_name *f = httpd_member_flags; f->name; f++)
		if (m->flags & f->bits)
			fprintf(d->out, " %s", f->name);
	time_ms(d, "timeout", m->timeout_ms, 0);
}

static void worker(struct plan_dump *d, const struct wsr_worker *w)
{
	const struct wsr_proxy *p = wsr_proxy_at(d->t, w->proxy);
	char label[600];
	plan_line(d, "worker");
	httpd_word(d, wsr_string(d->t, w->url));
	httpd_keyed(d, "upstream", wsr_cstr(dump_upstream_label(d->t, p->upstream, label, sizeof(label))));
	if (w->flags & WSR_WORKER_BALANCER)
		target(d, p);
	time_ms(d, "timeout", w->timeout_ms, 0);
	time_ms(d, "connect_timeout", w->connect_timeout_ms, 0);
	time_ms(d, "retry", w->retry_ms, 60000);
	if (w->upgrade)
		httpd_keyed(d, "upgrade", wsr_string(d->t, w->upgrade));
	for (const struct httpd_name *f = httpd_worker_flags; f->name; f++)
		if (w->flags & f->bits)
			fprintf(d->out, " %s", f->name);
	if (w->sticky_cookie)
		httpd_keyed(d, "sticky", wsr_string(d->t, w->sticky_cookie));
	if (w->sticky_cookie && w->sticky_path != w->sticky_cookie)
		httpd_keyed(d, "sticky_path", wsr_string(d->t, w->sticky_path));
	if (w->max_attempts)
		fprintf(d->out, " max_attempts=%u", w->max_attempts);
	for (uint32_t i = 0; i < w->members.count; i++)
		member(d, wsr_member_at(d->t, w->members.first + i));
	plan_end(d, w->pos);
}

/* --- pass ------------------------------------------------------------------------------------------------------------------ */

/* A target as ProxyPass has it: groups are $1 where the rule has an expression, and a backslash is itself elsewhere. */
static char *pass_target(struct plan_dump *d, const struct wsr_pass *p)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(d->t, p->target);
	char *text = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&text, &len);
	if (!m)
		return NULL;
	for (uint32_t i = 0; i < t->part_count; i++) {
		const struct wsr_part *part = wsr_part_at(d->t, t->first_part + i);
		struct wsr_str s = part->kind == WSR_PART_LITERAL ? wsr_string(d->t, part->arg) : WSR_STR_NULL;
		if (part->kind == WSR_PART_CAPTURE)
			fprintf(m, "$%u", part->id);
		for (size_t k = 0; k < s.len; k++) {
			bool digit = k + 1 < s.len && s.ptr[k + 1] >= '0' && s.ptr[k + 1] <= '9';
			if (p->regex != WSR_NONE && (s.ptr[k] == '\\' || (s.ptr[k] == '$' && digit)))
				fputc('\\', m);
			fputc(s.ptr[k], m);
		}
	}
	fclose(m);
	return text;
}

/* The worker that a target finds by itself: lower_httpd_pass.c has the same rule. */
static uint32_t expected_worker(struct plan_dump *d, const struct wsr_host *h, const struct wsr_pass *p, const char *text)
{
	size_t len = strlen(text), head = 0;
	bool balancer = strncasecmp(text, "balancer://", 11) == 0;
	const char *colon = strstr(text, "://"), *slash = colon ? strchr(colon + 3, '/') : NULL;
	const char *dollar = p->regex != WSR_NONE && !balancer ? strchr(text, '$') : NULL;
	head = slash ? (size_t)(slash - text) : len;
	len = balancer ? head : dollar ? (size_t)(dollar - text) : len;
	uint32_t best = WSR_NONE;
	size_t best_len = 0;
	for (uint32_t i = 0; i < h->workers.count; i++) {
		struct wsr_str own = wsr_string(d->t, wsr_worker_at(d->t, h->workers.first + i)->url);
		size_t common = own.len < head ? own.len : head;
		bool begins = own.len <= len && (!balancer || own.len == len) && strncasecmp(own.ptr, text, common) == 0 && memcmp(own.ptr + common, text + common, own.len - common) == 0;
		if (begins && own.len >= best_len) {
			best = i;
			best_len = own.len;
		}
	}
	return best;
}

static void pass(struct plan_dump *d, const struct wsr_host *h, const struct wsr_pass *p, wsr_sref around)
{
	plan_line(d, "pass");
	if (p->regex != WSR_NONE) {
		fputs(wsr_regex_at(d->t, p->regex)->flags & WSR_REGEX_CASELESS ? "" : "~ ", d->out);
		httpd_regex(d, p->regex);
		fputc(' ', d->out);
	} else if (p->from != around) {
		httpd_word(d, wsr_string(d->t, p->from));
		fputc(' ', d->out);
	}
	fputs("to ", d->out);
	char *text = p->flags & WSR_PASS_EXCLUDE ? NULL : pass_target(d, p);
	if (!text) {
		fputc('!', d->out);
		plan_end(d, p->pos);
		return;
	}
	httpd_word(d, wsr_cstr(text));
	if (p->worker != WSR_NONE && expected_worker(d, h, p, text) != p->worker)
		httpd_keyed(d, "worker", wsr_string(d->t, wsr_worker_at(d->t, h->workers.first + p->worker)->url));
	fputs(p->flags & WSR_PASS_NOCANON ? " nocanon" : "", d->out);
	fputs(p->flags & WSR_PASS_INTERPOLATE ? " interpolate" : "", d->out);
	fputs(p->flags & WSR_PASS_LOOKUP && p->regex == WSR_NONE && !(p->flags & WSR_PASS_INTERPOLATE) ? " lookup" : "", d->out);
	plan_end(d, p->pos);
	free(text);
}

/* --- sections -------------------------------------------------------------------------------------------------------------- */

static void condition_line(struct plan_dump *d, const char *name, uint32_t cond)
{
	if (cond == WSR_NONE)
		return;
	plan_line(d, name);
	httpd_condition(d, cond);
	plan_end(d, wsr_cond_at(d->t, cond)->pos);
}

static void auth(struct plan_dump *d, uint32_t index)
{
	if (index == WSR_NONE)
		return;
	const struct wsr_auth *a = wsr_auth_at(d->t, index);
	fprintf(d->out, "%*sauth", (int)(4 * d->depth), "");
	fprintf(d->out, "%s%s", a->flags & WSR_AUTH_BASIC ? " basic" : "", a->flags & WSR_AUTH_NONE ? " off" : "");
	if (a->realm != WSR_NONE) {
		fputc(' ', d->out);
		dump_tmpl_after(d->out, d->t, "realm=", a->realm);
	}
	if (a->user_file)
		httpd_keyed(d, "users", wsr_string(d->t, a->user_file));
	if (a->group_file)
		httpd_keyed(d, "groups", wsr_string(d->t, a->group_file));
	plan_end(d, a->pos);
}

static void rewrite_options(struct plan_dump *d, uint32_t options)
{
	if (!options)
		return;
	fprintf(d->out, "%*srewrite_options%s", (int)(4 * d->depth), "", options == WSR_REWRITE_SAID ? " none" : "");
	for (const struct httpd_name *o = httpd_rewrite_options; o->name; o++)
		if (options & o->bits)
			fprintf(d->out, " %s", o->name);
	fputs(";\n", d->out);
}

static void require_merge(struct plan_dump *d, unsigned merge)
{
	static const char *const words[] = { "", "and", "or", "off" };
	if (merge == WSR_MERGE_REPLACE)
		return;
	plan_line(d, "require_merge");
	fprintf(d->out, "%s;\n", words[merge]);
}

/* What hosts and sections have alike. */
static void content(struct plan_dump *d, const struct wsr_host *h, const struct wsr_layer *y)
{
	if (y->flags & (WSR_LAYER_REWRITE_ON | WSR_LAYER_REWRITE_OFF)) {
		plan_line(d, "rewrite_engine");
		fprintf(d->out, "%s;\n", y->flags & WSR_LAYER_REWRITE_ON ? "on" : "off");
	}
	rewrite_options(d, y->rewrite_options);
	string(d, "rewrite_base", y->rewrite_base);
	condition_line(d, "require", y->require);
	require_merge(d, (y->flags & WSR_LAYER_MERGE) >> WSR_LAYER_MERGE_SHIFT);
	condition_line(d, "hosts", y->hosts);
	if (y->flags & (WSR_LAYER_SATISFY_ALL | WSR_LAYER_SATISFY_ANY)) {
		plan_line(d, "satisfy_rules");
		fprintf(d->out, "%s;\n", y->flags & WSR_LAYER_SATISFY_ANY ? "any" : "all");
	}
	auth(d, y->auth);
	httpd_rules_text(d, y);
	if (y->pass != WSR_NONE)
		pass(d, h, wsr_pass_at(d->t, y->pass), y->name);
}

static bool referred_to(struct plan_dump *d, const struct wsr_host *h, uint32_t ordinal)
{
	for (uint32_t i = ordinal + 1; i < h->layers.count; i++)
		if (wsr_layer_at(d->t, h->layers.first + i)->inside == ordinal + 1)
			return true;
	return false;
}

static void section(struct plan_dump *d, const struct wsr_host *h, uint32_t ordinal)
{
	static const struct { const char *word; bool match; } kinds[] = {
		{ "", false }, { "", false }, { "directory", false }, { "directory", true }, { "files", false }, { "files", true }, { "location", false }, { "location", true },
		{ "proxy", false }, { "proxy", true }, { "", false },
	};
	const struct wsr_layer *y = wsr_layer_at(d->t, h->layers.first + ordinal);
	fprintf(d->out, "%*ssection", (int)(4 * d->depth), "");
	if (referred_to(d, h, ordinal))
		fprintf(d->out, " as s%u", ordinal);
	if (y->inside)
		fprintf(d->out, " inside s%u", y->inside - 1u);
	if (y->kind != WSR_LAYER_IF) {
		fprintf(d->out, " %s%s ", kinds[y->kind].word, kinds[y->kind].match ? " ~" : "");
		httpd_word(d, wsr_string(d->t, y->name));
	}
	httpd_if(d, y->condition);
	fputs(" {", d->out);
	plan_place_comment(d, y->pos);
	fputc('\n', d->out);
	d->depth++;
	plan_layer_settings(d, y);
	content(d, h, y);
	plan_close(d);
}

/* --- the host -------------------------------------------------------------------------------------------------------------- */

static void trusted(struct plan_dump *d, const struct wsr_access_rule *r)
{
	plan_line(d, r->deny ? "internal_proxy" : "trusted_proxy");
	dump_network(d->out, r);
	plan_end(d, r->pos);
}

void httpd_block_text(struct plan_dump *d, const struct wsr_host *h)
{
	plan_open(d, "httpd");
	flag(d, "iis", h->flags & WSR_HOST_IIS);
	string(d, "server_admin", h->admin);
	if (h->canonical_port) {
		plan_line(d, "server_port");
		fprintf(d->out, "%u;\n", h->canonical_port);
	}
	flag(d, "canonical_name", h->flags & WSR_HOST_CANONICAL_NAME);
	flag(d, "canonical_port", h->flags & WSR_HOST_CANONICAL_PORT);
	flag(d, "strict_sni", h->flags & WSR_HOST_STRICT_SNI);
	if (h->flags & (WSR_HOST_SLASHES_ON | WSR_HOST_SLASHES_NODECODE)) {
		plan_line(d, "encoded_slashes");
		fprintf(d->out, "%s;\n", h->flags & WSR_HOST_SLASHES_ON ? "on" : "nodecode");
	}
	if (h->flags & WSR_HOST_NO_TRACE) {
		plan_line(d, "trace");
		fputs("off;\n", d->out);
	}
	string(d, "remote_header", h->remote_header);
	for (uint32_t i = 0; i < h->trusted.count; i++)
		trusted(d, wsr_access_rule_at(d->t, h->trusted.first + i));
	for (uint32_t i = 0; i < h->workers.count; i++)
		worker(d, wsr_worker_at(d->t, h->workers.first + i));
	content(d, h, wsr_layer_at(d->t, h->layers.first));
	for (uint32_t i = 0; i < h->passes.count; i++)
		pass(d, h, wsr_pass_at(d->t, h->passes.first + i), 0);
	for (uint32_t i = 1; i < h->layers.count; i++)
		section(d, h, i);
	plan_close(d);
}
