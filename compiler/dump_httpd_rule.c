/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of a layer as statements, see dump_httpd.h: what lower_httpd_rule.c reads. One record is one line, with the place it came from behind it. */
#include "compiler/dump_httpd.h"

#include <stdlib.h>

#include "compiler/lower_httpd.h"

/* A name inside a word: what would end it is written %3A. */
static void put_name(FILE *out, struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c <= ' ' || c >= 0x7f || strchr("%:|{}$\"'\\;#!", c))
			fprintf(out, "%%%02X", c);
		else
			fputc(c, out);
	}
}

/* Environment variables have a prefix in their names, so that they meet no other variable. */
static struct wsr_str env_name(const struct plan_dump *d, uint32_t slot)
{
	struct wsr_str s = wsr_string(d->t, wsr_variable_at(d->t, slot)->name);
	return s.len > 4 && memcmp(s.ptr, "env:", 4) == 0 ? wsr_str(s.ptr + 4, s.len - 4) : s;
}

static void keyed_text(struct plan_dump *d, const char *key, uint32_t tmpl)
{
	if (tmpl == WSR_NONE)
		return;
	fputc(' ', d->out);
	dump_tmpl_after(d->out, d->t, key, tmpl);
}

/* --- rewrite_rule ---------------------------------------------------------------------------------------------------------- */

static uint32_t derived(const struct plan_dump *d, uint32_t tmpl)
{
	const struct wsr_tmpl *t = wsr_tmpl_at(d->t, tmpl);
	const struct wsr_part *p = t->part_count ? wsr_part_at(d->t, t->first_part) : NULL;
	return httpd_rule_derived(p && p->kind == WSR_PART_LITERAL ? wsr_string(d->t, p->arg) : WSR_STR_NULL, t->part_count == 1);
}

static void rule_env(struct plan_dump *d, const struct wsr_env_op *op)
{
	char *key = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&key, &len);
	if (!m)
		return;
	fputs(op->flags & WSR_ENV_UNSET ? "E=!" : "E=", m);
	put_name(m, env_name(d, op->slot));
	fputc(':', m);
	fclose(m);
	keyed_text(d, key, op->value);
	free(key);
}

static void rule_flags(struct plan_dump *d, const struct wsr_rewrite_rule *r)
{
	uint32_t looks = r->target != WSR_NONE ? derived(d, r->target) : 0, differs = looks ^ r->flags;
	for (const struct httpd_name *f = httpd_rule_flags; f->name; f++)
		if (r->flags & f->bits)
			fprintf(d->out, " %s", f->name);
	if (differs & WSR_RULE_PREFIX_STAT)
		fputs(r->flags & WSR_RULE_PREFIX_STAT ? " +stat" : " -stat", d->out);
	if (r->flags & WSR_RULE_REDIRECT)
		fprintf(d->out, " R=%u", r->status);
	if (r->flags & WSR_RULE_STATUS)
		fprintf(d->out, " status=%u", r->status);
	if (r->skip)
		fprintf(d->out, " S=%u", r->skip);
	if (r->limit)
		fprintf(d->out, " limit=%u", r->limit);
	if (r->escape) {
		fputs(" escape=", d->out);
		put_name(d->out, wsr_string(d->t, r->escape));
	}
}

static void rewrite(struct plan_dump *d, const struct wsr_rewrite_rule *r)
{
	plan_line(d, "rewrite_rule");
	fputs(r->flags & WSR_RULE_NOT ? "not " : "", d->out);
	httpd_regex(d, r->regex);
	fputc(' ', d->out);
	if (r->flags & WSR_RULE_NOTHING || r->target == WSR_NONE)
		fputc('-', d->out);
	else
		httpd_text(d, r->target);
	rule_flags(d, r);
	for (uint32_t i = 0; i < r->env.count; i++)
		rule_env(d, wsr_env_op_at(d->t, r->env.first + i));
	for (uint32_t i = 0; i < r->cookies.count; i++)
		keyed_text(d, "CO=", *wsr_tmpl_item_at(d->t, r->cookies.first + i));
	keyed_text(d, "T=", r->type);
	keyed_text(d, "H=", r->handler);
	httpd_if(d, r->condition);
	plan_end(d, r->pos);
}

/* --- the others ------------------------------------------------------------------------------------------------------------ */

static void alias(struct plan_dump *d, const struct wsr_alias_rule *r)
{
	bool redirect = r->kind == WSR_ALIAS_REDIRECT || r->kind == WSR_ALIAS_REDIRECT_MATCH;
	const char *blank = redirect ? " " : "";
	plan_line(d, redirect ? "redirect_rule" : "alias_rule");
	if (redirect)
		fprintf(d->out, "%u", r->status);
	if (r->regex != WSR_NONE) {
		fprintf(d->out, "%s%s", blank, wsr_regex_at(d->t, r->regex)->flags & WSR_REGEX_CASELESS ? "" : "~ ");
		httpd_regex(d, r->regex);
		blank = " ";
	} else if (r->from) {
		fputs(blank, d->out);
		httpd_word(d, wsr_string(d->t, r->from));
		blank = " ";
	}
	if (r->target != WSR_NONE) {
		fprintf(d->out, "%sto ", blank);
		httpd_text(d, r->target);
	}
	plan_end(d, r->pos);
}

static void environment(struct plan_dump *d, const struct wsr_env_op *op)
{
	plan_line(d, "env_rule");
	fprintf(d->out, "%s%s", op->flags & WSR_ENV_LATE ? "late " : "", op->flags & WSR_ENV_UNSET ? "unset " : "");
	httpd_word(d, env_name(d, op->slot));
	if (!(op->flags & WSR_ENV_UNSET) || wsr_tmpl_at(d->t, op->value)->part_count) {
		fputc(' ', d->out);
		httpd_text(d, op->value);
	}
	httpd_if(d, op->condition);
	plan_end(d, op->pos);
}

static void header(struct plan_dump *d, const char *name, const struct wsr_header_op *h)
{
	const struct httpd_name *a = httpd_actions;
	while (a->name && a->bits != h->action)
		a++;
	plan_line(d, name);
	fprintf(d->out, "%s%s%s ", h->flags & WSR_HEADER_ALWAYS ? "always " : "", h->flags & WSR_HEADER_EARLY ? "early " : "", a->name);
	httpd_word(d, wsr_string(d->t, h->name));
	if (h->action == WSR_HEADER_EDIT || h->action == WSR_HEADER_EDIT_ALL) {
		fputc(' ', d->out);
		httpd_regex(d, h->regex);
	}
	if (h->value != WSR_NONE) {
		fputc(' ', d->out);
		httpd_text(d, h->value);
	}
	httpd_if(d, h->condition);
	plan_end(d, h->pos);
}

static void reverse(struct plan_dump *d, const struct wsr_reverse *r)
{
	static const char *const names[] = { "", "reverse", "reverse_cookie_domain", "reverse_cookie_path" };
	plan_line(d, names[r->kind]);
	httpd_word(d, wsr_string(d->t, r->internal));
	fputc(' ', d->out);
	httpd_word(d, wsr_string(d->t, r->external));
	fputs(r->live_internal != WSR_NONE ? " interpolate" : "", d->out);
	plan_end(d, r->pos);
}

void httpd_rules_text(struct plan_dump *d, const struct wsr_layer *y)
{
	for (uint32_t i = 0; i < y->env.count; i++)
		environment(d, wsr_env_op_at(d->t, y->env.first + i));
	for (uint32_t i = 0; i < y->request_headers.count; i++)
		header(d, "request_header", wsr_header_op_at(d->t, y->request_headers.first + i));
	for (uint32_t i = 0; i < y->rewrites.count; i++)
		rewrite(d, wsr_rewrite_rule_at(d->t, y->rewrites.first + i));
	for (uint32_t i = 0; i < y->aliases.count; i++)
		alias(d, wsr_alias_rule_at(d->t, y->aliases.first + i));
	for (uint32_t i = 0; i < y->reverses.count; i++)
		reverse(d, wsr_reverse_at(d->t, y->reverses.first + i));
	for (uint32_t i = 0; i < y->response_headers.count; i++)
		header(d, "response_header", wsr_header_op_at(d->t, y->response_headers.first + i));
}
