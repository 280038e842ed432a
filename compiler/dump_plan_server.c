/* SPDX-License-Identifier: BSD-2-Clause */
/* Servers, locations and rewrite programs of a table as configuration; see dump_plan.c. */
#include <stdlib.h>

#include "compiler/dump_httpd.h"

static void blanks(struct plan_dump *d)
{
	fprintf(d->out, "%*s", (int)(4 * d->depth), "");
}

/* --- programs -------------------------------------------------------------------------------------------------------- */

static void condition(struct plan_dump *d, const struct wsr_insn *in)
{
	static const char *const tests[] = { "", "-f", "-d", "-e", "-x" };
	const char *not = in->flags & WSR_INSN_NOT ? "!" : "";
	fputs("if (", d->out);
	if (in->op == WSR_OP_IF_FILE)
		fprintf(d->out, "%s%s ", not, tests[in->code]);
	dump_tmpl(d->out, d->t, in->a);
	if (in->op == WSR_OP_IF_EQUAL) {
		fprintf(d->out, " %s= ", not);
		dump_tmpl(d->out, d->t, in->b);
	} else if (in->op == WSR_OP_IF_MATCH) {
		fprintf(d->out, " %s", not);
		dump_regex(d->out, d->t, in->b);
	}
	fputs(") {\n", d->out);
	d->depth++;
}

static void redirect_from(struct plan_dump *d, const struct wsr_insn *in)
{
	if (in->a != WSR_NONE)
		dump_regex_word(d->out, d->t, in->a);
	else if (in->c != WSR_NONE)
		dump_tmpl(d->out, d->t, in->c);
	if (in->a != WSR_NONE || in->c != WSR_NONE)
		fputc(' ', d->out);
}

static void rewrite(struct plan_dump *d, const struct wsr_insn *in)
{
	char *text = NULL, *word;
	size_t len = 0;
	fputs("rewrite ", d->out);
	dump_string(d->out, d->t, wsr_regex_at(d->t, in->a)->pattern);
	fputc(' ', d->out);
	FILE *m = open_memstream(&text, &len);
	if (!m)
		return;
	dump_tmpl(m, d->t, in->b);
	fclose(m);
	/* "?" at the end keeps the request's arguments away: inside the quotes when there are some */
	word = text;
	if (in->flags & WSR_REWRITE_ADD_ARGS)
		fputs(word, d->out);
	else if (len && word[len - 1] == '"')
		fprintf(d->out, "%.*s?\"", (int)len - 1, word);
	else
		fprintf(d->out, "%s?", word);
	free(text);
	if (in->flags & WSR_REWRITE_REDIRECT)
		fputs(in->code == 301 ? " permanent" : " redirect", d->out);
	else
		fputs(in->flags & WSR_REWRITE_LAST ? " last" : in->flags & WSR_REWRITE_BREAK ? " break" : "", d->out);
}

static void statement(struct plan_dump *d, const struct wsr_insn *in)
{
	blanks(d);
	switch (in->op) {
	case WSR_OP_SET:
		fprintf(d->out, "set $%.*s ", WSR_FMT(wsr_string(d->t, wsr_variable_at(d->t, in->a)->name)));
		dump_tmpl(d->out, d->t, in->b);
		break;
	case WSR_OP_REWRITE: rewrite(d, in); break;
	case WSR_OP_RETURN:
		fprintf(d->out, "return %u", in->code);
		if (in->b != WSR_NONE) {
			fputc(' ', d->out);
			dump_tmpl(d->out, d->t, in->b);
		}
		break;
	case WSR_OP_BREAK: fputs("break", d->out); break;
	case WSR_OP_REDIRECT:
		fprintf(d->out, "redirect %u ", in->code);
		redirect_from(d, in);
		dump_tmpl(d->out, d->t, in->b);
		break;
	default: break;
	}
	fputs(";\n", d->out);
}

static void proxy_line(struct plan_dump *d, uint32_t proxy)
{
	blanks(d);
	fputs("proxy_pass ", d->out);
	dump_proxy_url(d->out, d->t, proxy);
	fputs(";\n", d->out);
}

/* What an `if` block of a location sets; the surrounding location is `around`. */
static void used(struct plan_dump *d, const struct wsr_location *loc, const struct wsr_location *around)
{
	const struct wsr_body *b = wsr_body_at(d->t, loc->body), *outer = wsr_body_at(d->t, around->body);
	bool own = loc->proxy != WSR_NONE && loc->proxy != around->proxy;
	if (own)
		proxy_line(d, loc->proxy);
	plan_settings(d, b, false, d->t, outer);
	plan_redirects(d, b, d->t, outer, false);
}

static void program(struct plan_dump *d, uint32_t index, const struct wsr_location *around)
{
	if (index == WSR_NONE)
		return;
	const struct wsr_program *p = wsr_program_at(d->t, index);
	uint32_t close = WSR_NONE;
	for (uint32_t i = 0; i < p->count; i++) {
		const struct wsr_insn *in = wsr_insn_at(d->t, p->first + i);
		if (i == close) {
			plan_close(d);
			close = WSR_NONE;
		}
		if (in->op >= WSR_OP_IF_TRUE && in->op <= WSR_OP_IF_FILE) {
			blanks(d);
			condition(d, in);
			close = in->c;
			if (close == i + 1) {
				plan_close(d);
				close = WSR_NONE;
			}
		} else if (in->op == WSR_OP_USE) {
			used(d, wsr_location_at(d->t, in->a), around);
		} else {
			statement(d, in);
		}
	}
	if (close != WSR_NONE)
		plan_close(d);
}

/* --- locations ------------------------------------------------------------------------------------------------------- */

static void scope(struct plan_dump *d, uint32_t index, const struct wsr_body *outer);

static void location(struct plan_dump *d, const struct wsr_location *loc, const struct wsr_body *outer)
{
	const struct wsr_body *b = wsr_body_at(d->t, loc->body);
	bool fixed = loc->proxy != WSR_NONE && !(wsr_proxy_at(d->t, loc->proxy)->flags & WSR_PROXY_VARIABLES);
	blanks(d);
	fprintf(d->out, "location %s%s", b->kind == WSR_LOCATION_EXACT ? "= " : "", b->flags & WSR_LOCATION_NOREGEX ? "^~ " : "");
	if (b->kind == WSR_LOCATION_REGEX)
		dump_regex(d->out, d->t, b->regex);
	else
		dump_string(d->out, d->t, b->name);
	fputs(" {\n", d->out);
	d->depth++;
	if (loc->proxy != WSR_NONE) {
		proxy_line(d, loc->proxy);
		plan_websocket(d, b); /* said always: neither the fields nor the scheme shall decide again */
	}
	plan_settings(d, b, loc->proxy != WSR_NONE, d->t, outer);
	plan_redirects(d, b, d->t, outer, fixed);
	program(d, loc->program, loc);
	scope(d, loc->scope, b);
	plan_close(d);
}

static void scope(struct plan_dump *d, uint32_t index, const struct wsr_body *outer)
{
	if (index == WSR_NONE)
		return;
	const struct wsr_scope *s = wsr_scope_at(d->t, index);
	for (uint32_t i = 0; i < s->loc_count; i++)
		location(d, wsr_location_at(d->t, s->loc_base + i), outer);
}

/* --- servers --------------------------------------------------------------------------------------------------------- */

/* One name of a server on one address; a server without names there has an entry with text NULL when it is the default. */
struct server_name { uint32_t server, listen, ordinal; char *text; };
struct server_names { struct server_name *list; size_t count, cap; };

static void add_name(struct server_names *all, uint32_t server, uint32_t listen, char *text)
{
	if (all->count == all->cap) {
		all->cap = all->cap ? 2 * all->cap : 64;
		all->list = intern_realloc(all->list, all->cap * sizeof(*all->list));
	}
	all->list[all->count] = (struct server_name){ server, listen, (uint32_t)all->count, text };
	all->count++;
}

static char *joined(const char *before, struct wsr_str s, const char *after)
{
	char *text = intern_realloc(NULL, strlen(before) + s.len + strlen(after) + 1);
	sprintf(text, "%s%.*s%s", before, WSR_FMT(s), after);
	return text;
}

static void slot_names(struct server_names *all, const struct wsr_table *t, uint32_t listen, struct wsr_list slots, const char *before, const char *after)
{
	for (uint32_t i = 0; i < slots.count; i++) {
		const struct wsr_name_slot *s = wsr_name_slot_at(t, slots.first + i);
		if (s->key)
			add_name(all, s->server, listen, joined(before, wsr_string(t, s->key), after));
	}
}

static int by_server(const void *a, const void *b)
{
	const struct server_name *x = a, *y = b;
	if (x->server != y->server)
		return x->server < y->server ? -1 : 1;
	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static void collect_names(struct server_names *all, const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_listen_count(t); i++) {
		const struct wsr_listen *l = wsr_listen_at(t, i);
		const struct wsr_nameset *set = wsr_nameset_at(t, l->nameset);
		add_name(all, l->default_server, i, NULL);
		slot_names(all, t, i, set->exact, "", "");
		slot_names(all, t, i, set->leading, "*", "");
		slot_names(all, t, i, set->trailing, "", "*");
		for (uint32_t k = 0; k < set->regexes.count; k++) {
			const struct wsr_name_regex *r = wsr_name_regex_at(t, set->regexes.first + k);
			add_name(all, r->server, i, joined("~", wsr_string(t, wsr_regex_at(t, r->regex)->pattern), ""));
		}
	}
	if (all->count)
		qsort(all->list, all->count, sizeof(*all->list), by_server);
}

/* Options are given once per address, by its default server, which is said by default_server. */
static void listen_line(struct plan_dump *d, const struct wsr_listen *l, bool fallback)
{
	blanks(d);
	fputs("listen ", d->out);
	dump_string(d->out, d->t, l->text);
	fputs(l->flags & WSR_LISTEN_TLS ? " ssl" : "", d->out);
	fputs(l->flags & WSR_LISTEN_PROXY_CLIENT ? " proxy_protocol_httpd" : l->flags & WSR_LISTEN_PROXY_PROTOCOL ? " proxy_protocol" : "", d->out);
	if (fallback) {
		fputs(" default_server", d->out);
		fputs(l->flags & WSR_LISTEN_REUSEPORT ? " reuseport" : "", d->out);
		fputs(l->flags & WSR_LISTEN_DEFERRED ? " deferred" : "", d->out);
		fputs(l->flags & WSR_LISTEN_KEEPALIVE ? " so_keepalive=on" : "", d->out);
		if (l->family == 6)
			fputs(l->flags & WSR_LISTEN_IPV6ONLY ? " ipv6only=on" : " ipv6only=off", d->out);
		if (l->backlog >= 0)
			fprintf(d->out, " backlog=%d", l->backlog);
		if (l->rcvbuf)
			fprintf(d->out, " rcvbuf=%u", l->rcvbuf);
		if (l->sndbuf)
			fprintf(d->out, " sndbuf=%u", l->sndbuf);
		if (l->fastopen)
			fprintf(d->out, " fastopen=%u", l->fastopen);
	}
	fputs(";\n", d->out);
}

/* The first word becomes $server_name. A name that another server took is repeated and ignored again. */
static void name_line(struct plan_dump *d, struct wsr_str first, const struct server_name *names, size_t count)
{
	blanks(d);
	fputs("server_name ", d->out);
	dump_word(d->out, first);
	for (size_t i = 0; i < count; i++) {
		bool known = !names[i].text || wsr_str_eq(wsr_cstr(names[i].text), first);
		for (size_t k = 0; k < i && !known; k++)
			known = names[k].text && strcmp(names[k].text, names[i].text) == 0;
		if (known)
			continue;
		fputc(' ', d->out);
		dump_word(d->out, wsr_cstr(names[i].text));
	}
	fputs(";\n", d->out);
}

static void server(struct plan_dump *d, uint32_t index, const struct wsr_body *http, const struct server_name *names, size_t count)
{
	const struct wsr_server *s = wsr_server_at(d->t, index);
	const struct wsr_location *self = wsr_location_at(d->t, s->location);
	const struct wsr_body *b = wsr_body_at(d->t, self->body);
	fprintf(d->out, "%*sserver {", (int)(4 * d->depth), "");
	plan_place_comment(d, s->pos);
	fputc('\n', d->out);
	d->depth++;
	for (size_t i = 0; i < count; i++)
		if (i == 0 || names[i].listen != names[i - 1].listen) {
			const struct wsr_listen *l = wsr_listen_at(d->t, names[i].listen);
			listen_line(d, l, l->default_server == index);
		}
	if (!count)
		fprintf(d->out, "%*slisten none;%s\n", (int)(4 * d->depth), "", d->places ? " # no address is known: write one in place of none" : "");
	name_line(d, wsr_string(d->t, s->name), names, count);
	plan_srv(d, wsr_srv_at(d->t, s->srv));
	plan_tls(d, s->tls);
	plan_settings(d, b, false, d->t, http);
	plan_redirects(d, b, d->t, http, false);
	program(d, s->program, self);
	scope(d, s->scope, b);
	if (s->host != WSR_NONE)
		httpd_block_text(d, wsr_host_at(d->t, s->host));
	plan_close(d);
}

/* What no address leads to answers nothing; a table that has no addresses at all (a web.config without --listen) is printed whole. */
static void left_out(struct plan_dump *d, const struct wsr_body *http, const struct server_names *all)
{
	for (uint32_t i = 0; i < wsr_server_count(d->t); i++) {
		bool found = false;
		for (size_t k = 0; k < all->count && !found; k++)
			found = all->list[k].server == i;
		if (found)
			continue;
		if (wsr_listen_count(d->t) == 0) {
			server(d, i, http, NULL, 0);
		} else if (d->places) {
			fprintf(d->out, "%*s# a server that no address leads to is left out", (int)(4 * d->depth), "");
			plan_place_comment(d, wsr_server_at(d->t, i)->pos);
			fputc('\n', d->out);
		}
	}
}

void plan_servers(struct plan_dump *d, const struct wsr_body *http)
{
	struct server_names all = { 0 };
	collect_names(&all, d->t);
	for (size_t i = 0, j; i < all.count; i = j) {
		for (j = i; j < all.count && all.list[j].server == all.list[i].server; j++)
			;
		server(d, all.list[i].server, http, all.list + i, j - i);
	}
	left_out(d, http, &all);
	for (size_t i = 0; i < all.count; i++)
		free(all.list[i].text);
	free(all.list);
}
