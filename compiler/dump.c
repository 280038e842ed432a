/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `wsrpc dump [--stage=tree|plan|table] FILE`: what was understood, after each arrow. FILE is a table or a configuration, told apart by its first
 * bytes; a configuration is compiled in memory. Without --stage the meaning is printed.
 */
#include "compiler/dump.h"

#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "compiler/emit.h"
#include "compiler/lower.h"

enum dump_stage { STAGE_MEANING, STAGE_TREE, STAGE_PLAN, STAGE_TABLE };

struct dump_job {
	enum dump_stage stage;
	const char *path;
	const char *text;           /* instead of a file */
	unsigned char *bytes;       /* the table that was made */
	size_t len;
	bool ok;
	bool unreadable;            /* the main file itself */
};

/* text -> bytes; with STAGE_TREE only the tree, which is printed. */
static void compile(struct compiler *cc, void *arg)
{
	struct dump_job *job = arg;
	struct plan plan;
	bool ok = job->text ? compiler_front_text(cc, "defaults", job->text, strlen(job->text)) : compiler_front(cc, job->path);
	if (ok && job->stage == STAGE_TREE) {
		tree_dump(cc, cc->root, stdout);
		job->ok = true;
	} else if (ok) {
		plan_init(&plan);
		job->ok = lower_config(cc, &plan) && emit_table(&plan, &job->bytes, &job->len);
		plan_free(&plan);
	}
	job->unreadable = !ok && cc->source_count == 0;
	if (!job->text)
		diag_print(cc, stderr, false);
}

static bool run(struct dump_job *job)
{
	struct compiler_options options = { 0 };
	struct compiler cc;
	compiler_init(&cc, &options);
	bool ran = compiler_run(&cc, compile, job);
	compiler_free(&cc);
	return ran && job->ok;
}

/* A table, or bytes that cannot be configuration either: nothing at all, or a NUL where a header has several and text has none. The table's reader tells what is
 * wrong with those. UTF-16 text has NULs too, but begins with its mark. A pipe can be read once only: it is configuration. */
static bool is_table(const char *path)
{
	unsigned char start[64];
	struct stat st;
	FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
	if (!f)
		return false;
	size_t n = fread(start, 1, sizeof(start), f);
	bool readable = !ferror(f);
	fclose(f);
	if (n >= 2 && (start[0] ^ start[1]) == 0x01 && (start[0] | start[1]) == 0xff)
		return false;
	return readable && (n == 0 || memchr(start, '\0', n));
}

static int refused(const char *path, const struct wsr_refusal *why)
{
	char text[300];
	fprintf(stderr, "wsrpc: %s: %s\n", path, wsr_refusal_text(why, text, sizeof(text)));
	return 2;
}

static int no_tree(const char *path)
{
	fprintf(stderr, "wsrpc: %s is a table: it has no tree any more\n", path);
	return 2;
}

static int print(struct dump_job *job, const struct wsr_table *t)
{
	struct dump_job empty = { .text = "events { } http { }" };
	struct wsr_table defaults;
	struct wsr_refusal why;
	if (job->stage == STAGE_TABLE) {
		dump_sections(stdout, t);
		return 0;
	}
	if (!run(&empty) || !wsr_table_init(&defaults, empty.bytes, empty.len, &why)) {
		fputs("wsrpc: the defaults do not compile\n", stderr);
		return 2;
	}
	if (job->stage == STAGE_PLAN)
		dump_plan(stdout, t, &defaults);
	else
		dump_meaning(stdout, t, &defaults);
	free(empty.bytes);
	return 0;
}

static int usage(void)
{
	fputs("usage: wsrpc dump [--stage=tree|plan|table] FILE\n", stderr);
	return 2;
}

static bool read_stage(const char *name, enum dump_stage *stage)
{
	static const char *const names[] = { "meaning", "tree", "plan", "table" };
	for (unsigned i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0) {
			*stage = (enum dump_stage)i;
			return true;
		}
	return false;
}

int cmd_dump(int argc, char **argv)
{
	static const struct option options[] = { { "stage", required_argument, NULL, 's' }, { NULL, 0, NULL, 0 } };
	struct dump_job job = { 0 };
	struct wsr_table t;
	struct wsr_refusal why;
	int c, rc;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c != 's' || !read_stage(optarg, &job.stage))
			return usage();
	if (optind != argc - 1)
		return usage();
	job.path = argv[optind];
	if (is_table(job.path)) {
		if (!wsr_table_open(&t, job.path, &why))
			return refused(job.path, &why);
		if (job.stage == STAGE_TREE)
			rc = no_tree(job.path);
		else
			rc = print(&job, &t);
		wsr_table_close(&t);
		return rc;
	}
	if (!run(&job))
		return job.unreadable ? 2 : 1;
	if (job.stage == STAGE_TREE)
		return 0;
	if (!wsr_table_init(&t, job.bytes, job.len, &why))
		return refused(job.path, &why);
	rc = print(&job, &t);
	free(job.bytes);
	return rc;
}
