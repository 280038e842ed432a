/* SPDX-License-Identifier: BSD-2-Clause */
/* One input of a fuzz target of the compiler: see fuzz_compile.h. */
#include "tests/lib_c/fuzz_compile.h"

#include <stdio.h>
#include <stdlib.h>

#include "compiler/compiler.h"
#include "compiler/emit.h"
#include "compiler/lower.h"
#include "table/wsr_table.h"

struct input {
	const char *text;
	size_t len;
	struct plan plan;
	bool lowered;
	FILE *null;
};

static void run(struct compiler *cc, void *arg)
{
	struct input *in = arg;

	bool whole = compiler_front_text(cc, "/nowhere/fuzz.conf", in->text, in->len);
	if (cc->root && !cc->torn) /* as wsrpc does: a tree with errors is lowered for its messages only */
		in->lowered = lower_config(cc, &in->plan) && whole;
}

static void print(struct compiler *cc, void *arg)
{
	struct input *in = arg;

	tree_dump(cc, cc->root, in->null);
	diag_print(cc, in->null, true);
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

int fuzz_compile(const struct compiler_options *options, const char *text, size_t len, uint64_t fail_at)
{
	struct compiler cc;
	struct input in = { .text = text, .len = len, .null = fopen("/dev/null", "w") };

	if (!in.null)
		abort();
	compiler_init(&cc, options);
	cc.arena.ceiling_bytes = (size_t)256 << 20;
	cc.arena.fail_at = fail_at;
	plan_init(&in.plan);
	if (compiler_run(&cc, run, &in) && compiler_run(&cc, print, &in) && in.lowered && !diag_failed(&cc))
		emit(&in.plan);
	plan_free(&in.plan);
	compiler_free(&cc);
	fclose(in.null);
	return 0;
}

int fuzz_compile_input(const struct compiler_options *options, const uint8_t *data, size_t size)
{
	if (size == 0)
		return fuzz_compile(options, "", 0, 0);
	return fuzz_compile(options, (const char *)data + 1, size - 1, data[0] >= 128 ? (uint64_t)(data[0] - 127) * 8 : 0);
}
