/* SPDX-License-Identifier: BSD-2-Clause */
/* See front.h. */
#include "tests/lib_c/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/compiler.h"
#include "compiler/lower.h"

struct work {
	const char *text;
	size_t len;
	bool words_only;
	enum dialect dialect;
};

static void run(struct compiler *cc, void *arg)
{
	const struct work *w = arg;

	if (!w->words_only) {
		compiler_front_text(cc, "t.conf", w->text, w->len);
		return;
	}
	directive_init(cc);
	cc->root = tree_node(cc, NULL);
	tree_parse(cc, w->dialect, source_builtin(cc, "t.conf", w->text, w->len, SPAN_NONE), cc->root);
}

static void start(struct compiler *cc, struct work *w)
{
	struct compiler_options options = { .dialect = w->dialect };

	compiler_init(cc, &options);
	if (!compiler_run(cc, run, w))
		abort();
}

static void print_words(FILE *out, const struct node *parent)
{
	NODE_EACH_CHILD(n, parent) {
		for (unsigned i = 0; i < n->word_count; i++)
			fprintf(out, "%s[%.*s]", i ? " " : "", WSR_FMT(word_str(&n->words[i])));
		if (!n->block) {
			fputs(";\n", out);
			continue;
		}
		fputs(" {\n", out);
		print_words(out, n);
		fputs("}\n", out);
	}
}

static void print_messages(FILE *out, struct compiler *cc)
{
	static const char *const levels[] = { "off", "note", "warning", "error" };

	for (size_t i = 0; i < cc->diags.count; i++) {
		const struct diag *d = cc->diags.list[i];
		uint32_t line = 0, column = 0;
		if (d->at.file != SOURCE_NONE)
			source_position(cc, d->at.file, d->at.start, &line, &column);
		fprintf(out, "%u:%u-%u %s %s: %s\n", line, column, column + d->at.end - d->at.start, levels[d->level], check_info(d->check)->name, d->text);
		for (const struct diag_note *n = d->notes; n; n = n->next)
			fprintf(out, "  note: %s\n", n->text);
	}
}

static char *words_text(enum dialect dialect, const char *text, size_t len)
{
	struct work w = { text, len, true, dialect };
	struct compiler cc;
	char *result = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&result, &size);

	start(&cc, &w);
	print_words(out, cc.root);
	print_messages(out, &cc);
	compiler_free(&cc);
	fclose(out);
	return result;
}

char *front_words(const char *text, size_t len)
{
	return words_text(DIALECT_NGINX, text, len);
}

char *front_apache_words(const char *text)
{
	return words_text(DIALECT_APACHE, text, strlen(text));
}

enum view { MESSAGES, PRINTED, DUMP };

static char *view_text(enum dialect dialect, const char *text, enum view view)
{
	struct work w = { text, strlen(text), false, dialect };
	struct compiler cc;
	char *result = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&result, &size);

	start(&cc, &w);
	if (view == DUMP)
		tree_dump(&cc, cc.root, out);
	else if (view == PRINTED)
		diag_print(&cc, out, false);
	else
		print_messages(out, &cc);
	compiler_free(&cc);
	fclose(out);
	return result;
}

char *front_messages(const char *text)
{
	return view_text(DIALECT_NGINX, text, MESSAGES);
}

char *front_apache_messages(const char *text)
{
	return view_text(DIALECT_APACHE, text, MESSAGES);
}

char *front_apache_dump(const char *text)
{
	return view_text(DIALECT_APACHE, text, DUMP);
}

char *front_printed(const char *text)
{
	return view_text(DIALECT_NGINX, text, PRINTED);
}

char *front_dump(const char *text)
{
	return view_text(DIALECT_NGINX, text, DUMP);
}

struct whole {
	const char *path;
	struct plan plan;
};

static void run_path(struct compiler *cc, void *arg)
{
	struct whole *w = arg;

	if (compiler_front(cc, w->path))
		lower_config(cc, &w->plan);
}

static void run_print(struct compiler *cc, void *arg)
{
	diag_print(cc, arg, true);
}

bool front_with_failure(const char *path, unsigned long n)
{
	struct compiler_options options = { .strict = false };
	struct compiler cc;
	struct whole w = { .path = path };

	plan_init(&w.plan);
	compiler_init(&cc, &options);
	cc.arena.fail_at = n;
	FILE *null = fopen("/dev/null", "w");
	bool done = compiler_run(&cc, run_path, &w) && compiler_run(&cc, run_print, null);
	fclose(null);
	plan_free(&w.plan);
	compiler_free(&cc);
	return done;
}
