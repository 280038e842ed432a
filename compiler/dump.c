/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `wsrpc dump [--stage=tree|plan|table] FILE`: what was understood, after each arrow; `wsrpc dump --source=nginx FILE`: the table as a configuration in our own
 * language. FILE is a table or a configuration, told apart by its first bytes; a configuration is compiled in memory. Without either the meaning is printed.
 */
#include "compiler/dump.h"

#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "compiler/dialect.h"
#include "compiler/emit.h"
#include "compiler/lower.h"

#define MAX_WORDS 64

enum dump_stage { STAGE_MEANING, STAGE_TREE, STAGE_PLAN, STAGE_TABLE, STAGE_SOURCE };

struct dump_job {
	enum dump_stage stage;
	const char *path;
	const char *text;           /* instead of a file */
	struct compiler_options options; /* for a configuration that is compiled */
	const char *defines[MAX_WORDS], *listens[MAX_WORDS];
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
	struct compiler cc;
	job->options.defines = job->defines;
	job->options.listens = job->listens;
	compiler_init(&cc, &job->options);
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

#define DEFAULTS(first) "events { } http { " first " server { listen 127.0.0.1:1 ssl; ssl_certificate a; ssl_certificate_key a; } }"

static int print(struct dump_job *job, const struct wsr_table *t)
{
	/* a server with a certificate, so that the defaults of TLS are there too */
	struct dump_job empty = { .text = dump_plan_is_httpd(t) ? DEFAULTS("defaults httpd;") : DEFAULTS("") };
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
	if (job->stage == STAGE_PLAN || job->stage == STAGE_SOURCE)
		dump_plan(stdout, t, &defaults, job->stage == STAGE_SOURCE);
	else
		dump_meaning(stdout, t, &defaults);
	free(empty.bytes);
	return 0;
}

static int usage(void)
{
	fputs("usage: wsrpc dump [--stage=tree|plan|table | --source=nginx] [--dialect NAME] [--define NAME[=VALUE]] [--listen ADDRESS] [--certificate FILE]\n"
	      "                  [--certificate-key FILE] [--assume-full-url] FILE\n", stderr);
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

static bool read_source(const char *name, enum dump_stage *stage)
{
	*stage = STAGE_SOURCE;
	if (strcmp(name, "nginx") == 0)
		return true;
	fprintf(stderr, "wsrpc: no such language to print: '%s'; there is nginx, with directives of our own\n", name);
	return false;
}

static bool add_word(const char **words, unsigned *count, const char *word)
{
	if (*count == MAX_WORDS)
		return false;
	words[(*count)++] = word;
	return true;
}

static bool read_option(struct dump_job *job, int c)
{
	switch (c) {
	case 's': return read_stage(optarg, &job->stage);
	case 'S': return read_source(optarg, &job->stage);
	case 'd': return (job->options.dialect = dialect_named(optarg)) != DIALECT_AUTO;
	case 'D': return add_word(job->defines, &job->options.define_count, optarg);
	case 'l': return add_word(job->listens, &job->options.listen_count, optarg);
	case 'c': job->options.certificate = optarg; return true;
	case 'k': job->options.certificate_key = optarg; return true;
	case 'u': job->options.assume_full_url = true; return true;
	default:  return false;
	}
}

int cmd_dump(int argc, char **argv)
{
	static const struct option options[] = {
		{ "stage", required_argument, NULL, 's' }, { "source", required_argument, NULL, 'S' }, { "dialect", required_argument, NULL, 'd' },
		{ "define", required_argument, NULL, 'D' }, { "listen", required_argument, NULL, 'l' }, { "certificate", required_argument, NULL, 'c' },
		{ "certificate-key", required_argument, NULL, 'k' }, { "assume-full-url", no_argument, NULL, 'u' }, { NULL, 0, NULL, 0 },
	};
	struct dump_job job = { 0 };
	struct wsr_table t;
	struct wsr_refusal why;
	int c, rc;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!read_option(&job, c))
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
