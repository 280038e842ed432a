/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an expression, a test string, a pattern or a substitution of an Apache configuration: there is no crash, and what compiles is a table that passes
 * the verifier and evaluates for one request. The first byte chooses where the bytes stand.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/compiler.h"
#include "compiler/emit.h"
#include "compiler/lower.h"
#include "table/wsr_table.h"

#define MAX_INPUT 2000u

struct input {
	char text[3 * MAX_INPUT + 300];
	struct plan plan;
	bool lowered;
};

static void run(struct compiler *cc, void *arg)
{
	struct input *in = arg;
	bool whole = compiler_front_text(cc, "/nowhere/fuzz.conf", in->text, strlen(in->text));
	if (cc->root && !cc->torn)
		in->lowered = lower_config(cc, &in->plan) && whole;
}

static void emit(const struct plan *plan)
{
	unsigned char *bytes = NULL;
	struct wsr_table table;
	struct wsr_refusal why;
	size_t len;
	if (!emit_table(plan, &bytes, &len))
		return;
	if (!wsr_table_init(&table, bytes, len, &why))
		abort();
	wsr_table_close(&table);
	free(bytes);
}

/* Quoted so that the scanner gives back these bytes. */
static void build(struct input *in, const uint8_t *data, size_t size)
{
	static const char *const frames[][2] = {
		{ "SetEnvIfExpr \"", "\" A=$1" }, { "RewriteCond expr \"", "\"\nRewriteRule ^ - [F]" }, { "RewriteRule ^/(.*) \"", "\" [R]" },
		{ "RewriteCond \"", "\" ^(.*)$\nRewriteRule ^ /%1 [P]" }, { "RewriteRule \"", "\" /x$1" }, { "RewriteRule ^ /x \"", "\"" },
		{ "RewriteCond %{REQUEST_URI} \"", "\" [NC]\nRewriteRule ^ -" }, { "SetEnvIf \"", "\" (.*) B=$1" },
	};
	const char *const *frame = frames[data[0] % (sizeof(frames) / sizeof(*frames))];
	char *p = in->text + sprintf(in->text, "<VirtualHost *:80>\nRewriteEngine On\nRewriteMap low int:tolower\n%s", frame[0]);
	for (size_t i = 1; i < size && i < MAX_INPUT; i++) {
		if (data[i] == '\0' || data[i] == '\n')
			continue;
		if (data[i] == '"' || data[i] == '\\')
			*p++ = '\\';
		*p++ = (char)data[i];
	}
	sprintf(p, "%s\n</VirtualHost>\n", frame[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct compiler_options options = { .strict = false };
	struct compiler cc;
	if (size < 2)
		return 0;
	struct input *in = calloc(1, sizeof(*in));
	if (!in)
		abort();
	build(in, data, size);
	compiler_init(&cc, &options);
	plan_init(&in->plan);
	if (compiler_run(&cc, run, in) && in->lowered && cc.diags.errors == 0)
		emit(&in->plan);
	plan_free(&in->plan);
	compiler_free(&cc);
	free(in);
	return 0;
}
