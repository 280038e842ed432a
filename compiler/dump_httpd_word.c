/* SPDX-License-Identifier: BSD-2-Clause */
/* Words and conditions of `httpd` blocks, see dump_httpd.h. In: strings, templates, trees of wsr_cond. Out: words that lower_httpd_cond.c reads as the same. */
#include "compiler/dump_httpd.h"

#include <stdlib.h>

#include "compiler/lower_httpd.h"

void httpd_word(struct plan_dump *d, struct wsr_str s)
{
	if (httpd_is_keyword(s))
		fprintf(d->out, "\"%.*s\"", WSR_FMT(s));
	else
		dump_word(d->out, s);
}

void httpd_text(struct plan_dump *d, uint32_t tmpl)
{
	char *text = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&text, &len);
	if (!m)
		return;
	dump_tmpl_text(m, d->t, tmpl);
	fclose(m);
	httpd_word(d, wsr_str(text, len));
	free(text);
}

void httpd_regex(struct plan_dump *d, uint32_t regex)
{
	const struct wsr_regex *r = wsr_regex_at(d->t, regex);
	fputs(r->flags & WSR_REGEX_CASELESS ? "~* " : "", d->out);
	httpd_word(d, wsr_string(d->t, r->pattern));
}

void httpd_keyed(struct plan_dump *d, const char *key, struct wsr_str s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&text, &len);
	if (!m)
		return;
	fprintf(m, "%s=%.*s", key, WSR_FMT(s));
	fclose(m);
	fputc(' ', d->out);
	dump_word(d->out, wsr_str(text, len));
	free(text);
}

/* --- conditions ------------------------------------------------------------------------------------------------------------ */

static void networks(struct plan_dump *d, const struct wsr_cond *c)
{
	fputs("client", d->out);
	for (uint32_t i = 0; i < c->b; i++) {
		fputc(' ', d->out);
		dump_network(d->out, wsr_access_rule_at(d->t, c->a + i));
	}
}

static void names(struct plan_dump *d, const struct wsr_cond *c)
{
	fputs(c->op == WSR_COND_USER ? "user" : "group", d->out);
	for (uint32_t i = 0; i < c->b; i++) {
		fputc(' ', d->out);
		httpd_word(d, wsr_string(d->t, *wsr_str_item_at(d->t, c->a + i)));
	}
}

static void comparison(struct plan_dump *d, const struct wsr_cond *c)
{
	static const char *const ops[] = {
		[WSR_COND_EQUAL] = "=", [WSR_COND_LESS] = "<", [WSR_COND_LESS_EQUAL] = "<=", [WSR_COND_INT_EQUAL] = "-eq", [WSR_COND_INT_LESS] = "-lt",
		[WSR_COND_INT_LESS_EQUAL] = "-le",
	};
	httpd_text(d, c->a);
	if (c->op == WSR_COND_MATCH) {
		fputs(wsr_regex_at(d->t, c->b)->flags & WSR_REGEX_CASELESS ? " " : " ~ ", d->out);
		httpd_regex(d, c->b);
		return;
	}
	fprintf(d->out, " %s%s%s ", ops[c->op], c->flags & WSR_COND_NOCASE ? "i" : "", c->flags & WSR_COND_BY_LENGTH ? "n" : "");
	httpd_text(d, c->b);
}

static void one_text(struct plan_dump *d, const char *test, uint32_t tmpl)
{
	fprintf(d->out, "%s ", test);
	httpd_text(d, tmpl);
}

static const char *test_name(const struct httpd_name *t, uint32_t test)
{
	while (t->name && t->bits != test)
		t++;
	return t->name;
}

static void leaf(struct plan_dump *d, const struct wsr_cond *c)
{
	switch (c->op) {
	case WSR_COND_TRUE:       fputs("all", d->out); break;
	case WSR_COND_VALID_USER: fputs("valid_user", d->out); break;
	case WSR_COND_NOT_EMPTY:  one_text(d, "-n", c->a); break;
	case WSR_COND_PRESENT:    one_text(d, "-v", c->a); break;
	case WSR_COND_TRUTH:      one_text(d, "-t", c->a); break;
	case WSR_COND_FILE:       one_text(d, test_name(httpd_file_tests, c->b), c->a); break;
	case WSR_COND_WELCOME:    one_text(d, test_name(httpd_welcomes, c->b), c->a); break;
	case WSR_COND_CLIENT:     networks(d, c); break;
	case WSR_COND_USER:
	case WSR_COND_GROUP:      names(d, c); break;
	default:                  comparison(d, c); break;
	}
}

static void tree(struct plan_dump *d, uint32_t index, bool outermost)
{
	const struct wsr_cond *c = wsr_cond_at(d->t, index);
	fputs(c->flags & WSR_COND_NOT ? "not " : "", d->out);
	if (c->op != WSR_COND_AND && c->op != WSR_COND_OR) {
		leaf(d, c);
		return;
	}
	bool parens = !outermost || c->flags & WSR_COND_NOT;
	fputs(parens ? "( " : "", d->out);
	for (uint32_t i = 1; i < c->size; i += wsr_cond_at(d->t, index + i)->size) {
		fputs(i == 1 ? "" : c->op == WSR_COND_AND ? " and " : " or ", d->out);
		tree(d, index + i, false);
	}
	fputs(parens ? " )" : "", d->out);
}

void httpd_condition(struct plan_dump *d, uint32_t cond)
{
	tree(d, cond, true);
}

void httpd_if(struct plan_dump *d, uint32_t cond)
{
	if (cond == WSR_NONE)
		return;
	fputs(" if ", d->out);
	httpd_condition(d, cond);
}
