/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wsrpc: options, then the stages in order.
 *
 *     text -> tree -> checked tree -> plan -> bytes -> verify -> rename into place
 *
 * Exit status: 0 fine, 1 the configuration has errors, 2 usage or system.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/compiler.h"
#include "compiler/dialect.h"
#include "compiler/dump.h"
#include "compiler/emit.h"
#include "compiler/explain.h"
#include "compiler/lint.h"
#include "compiler/lower.h"
#include "compiler/output.h"
#include "table/wsr_table.h"

enum { EXIT_FINE = 0, EXIT_CONFIGURATION = 1, EXIT_SYSTEM = 2 };

#define MAX_LEVEL_OPTIONS 64u
#define MAX_DEFINES       64u

static const char usage[] =
	"usage: wsrpc [options] site.conf -o site.bin    compile\n"
	"       wsrpc lint [options] [--json | --fix [--dry-run]] site.conf ...\n"
	"                                                messages only, or their safe cures applied\n"
	"       wsrpc dump [--stage=tree|plan|table | --source=nginx] FILE\n"
	"                                                what was understood\n"
	"       wsrpc explain site.bin URL [-X METHOD] [-H 'Name: value'] ...\n"
	"                                                which rule answers, and what the upstream gets\n"
	"       wsrpc help [DIRECTIVE]                   this text, or what a directive means\n"
	"\n"
	"  -o FILE                 write the table here; - is standard output\n"
	"  --depfile FILE          write a make rule that names every file read\n"
	"  --stdin-filename NAME   when site.conf is -: the name in messages; includes are relative to its folder\n"
	"  --dialect NAME          nginx, apache or iis: the language of site.conf; without it the content tells\n"
	"  --listen [ssl:]ADDRESS  IIS: an address and port, or a port, to listen on\n"
	"  --certificate FILE      IIS: certificate (chain) for ssl: addresses; --certificate-key FILE\n"
	"  --assume-full-url       IIS: patterns that begin with a scheme match the whole URL\n"
	"  --define NAME[=VALUE]   Apache: as 'Define NAME VALUE' in front of the first line\n"
	"  --strict                missing include patterns and mime.types are errors\n"
	"  --check-files           also look whether certificates, keys and roots can be read\n"
	"  -W NAME, -W no-NAME     turn the check [NAME] on as a warning, or off; -W all\n"
	"  -E NAME                 make the check [NAME] an error; -E all: every warning\n"
	"  --json                  lint: messages as JSON, with the edits that cure them\n"
	"  --fix                   lint: apply the cures that are safe and print what changed; --dry-run changes nothing\n"
	"  --checks                list the checks\n"
	"  --directives            list the directives\n"
	"  --version               version, and the table format that is written\n"
	"\n"
	"Exit status: 0 fine, 1 the configuration has errors, 2 usage or system.\n";

struct job {
	struct compiler_options options;
	const char *input;
	const char *output;         /* NULL: messages only */
	const char *depfile;
	struct { const char *name; bool error; } levels[MAX_LEVEL_OPTIONS]; /* -W and -E, in order */
	unsigned level_count;
	const char *defines[MAX_DEFINES];
	const char *listens[MAX_DEFINES];
	bool json, fix, dry_run;    /* lint */
	json_t *messages;           /* collected here in place of being printed */
	struct lint_fixes *fixes;   /* messages are cured in place of being printed */
	unsigned cured;             /* in this run */
	/* Results. */
	struct plan plan;
	unsigned char *bytes;
	size_t len;
	bool compiled;
};

/* --- the stages ----------------------------------------------------------------------------------------------------- */

static void run_stages(struct compiler *cc, void *arg)
{
	struct job *job = arg;

	for (unsigned i = 0; i < job->level_count; i++)
		check_option(cc, job->levels[i].name, job->levels[i].error);
	bool whole = compiler_front(cc, job->input);
	/* What stands for itself is looked at all the same, so that one run tells all independent errors; statements in error are left out. */
	if (cc->root && !cc->torn && lower_config(cc, &job->plan) && whole)
		job->compiled = true;
}

static bool verify(const struct job *job)
{
	struct wsr_table table;
	struct wsr_refusal why;
	char text[160];

	if (wsr_table_init(&table, job->bytes, job->len, &why)) {
		wsr_table_close(&table);
		return true;
	}
	fprintf(stderr, "wsrpc: internal error: the table made is not valid: %s\n", wsr_refusal_text(&why, text, sizeof(text)));
	return false;
}

static int write_results(struct compiler *cc, struct job *job)
{
	if (!emit_table(&job->plan, &job->bytes, &job->len)) {
		fprintf(stderr, "wsrpc: the table would be larger than 4 GiB, or memory ran out\n");
		return EXIT_SYSTEM;
	}
	if (!verify(job))
		return EXIT_SYSTEM;
	if (!output_write(job->output, job->bytes, job->len)) {
		fprintf(stderr, "wsrpc: cannot write '%s': %s\n", job->output, strerror(errno));
		return EXIT_SYSTEM;
	}
	if (job->depfile && !output_depfile(cc, job->depfile, job->output)) {
		fprintf(stderr, "wsrpc: cannot write '%s': %s\n", job->depfile, strerror(errno));
		return EXIT_SYSTEM;
	}
	return EXIT_FINE;
}

static bool colour_wanted(void)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 && !(no_colour && *no_colour);
}

static void use_messages(struct compiler *cc, void *arg)
{
	struct job *job = arg;

	if (job->fixes)
		job->cured = lint_apply(cc, job->fixes);
	else if (job->messages)
		lint_json(cc, job->messages);
	else
		diag_print(cc, stderr, colour_wanted());
}

/* No message but this one is about a place that is not in the text: the main file itself could not be read. */
static int status_of(const struct compiler *cc)
{
	if (!diag_failed(cc))
		return EXIT_FINE;
	return cc->source_count == 0 ? EXIT_SYSTEM : EXIT_CONFIGURATION;
}

static int run_job(struct job *job)
{
	struct compiler cc;
	int status;

	job->options.defines = job->defines;
	job->options.listens = job->listens;
	job->compiled = false;
	compiler_init(&cc, &job->options);
	plan_init(&job->plan);
	if (!compiler_run(&cc, run_stages, job) || !compiler_run(&cc, use_messages, job)) {
		fprintf(stderr, "wsrpc: out of memory\n");
		status = EXIT_SYSTEM;
	} else {
		status = status_of(&cc);
		if (status == EXIT_FINE && job->output && job->compiled)
			status = write_results(&cc, job);
	}
	free(job->bytes);
	job->bytes = NULL;
	plan_free(&job->plan);
	compiler_free(&cc);
	return status;
}

/* --- options -------------------------------------------------------------------------------------------------------- */

static int usage_error(const char *text, const char *detail)
{
	fprintf(stderr, "wsrpc: %s%s\nTry 'wsrpc --help'.\n", text, detail);
	return EXIT_SYSTEM;
}

static int list_checks(void)
{
	static const char *const levels[] = { "off", "note", "warning", "error" };

	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		const struct check_info *c = check_info((enum check_id)i);
		printf("%-24s %-8s %s\n%33s for instance: %s\n", c->name, levels[c->level], c->sentence, "", c->bad);
	}
	return EXIT_FINE;
}

static int print_version(void)
{
	printf("wsrpc %s\nwrites table format %d.%d\n", WSR_VERSION, WSR_MAJOR, WSR_MINOR);
	return EXIT_FINE;
}

static bool level_option(struct job *job, const char *name, bool error)
{
	const char *bare = !error && strncmp(name, "no-", 3) == 0 ? name + 3 : name;

	if (job->level_count == MAX_LEVEL_OPTIONS || (strcmp(bare, "all") != 0 && check_find(bare, strlen(bare)) == CHECK_COUNT))
		return false;
	job->levels[job->level_count].name = name;
	job->levels[job->level_count++].error = error;
	return true;
}

enum {
	OPTION_DEPFILE = 256, OPTION_STDIN, OPTION_STRICT, OPTION_FILES, OPTION_CHECKS, OPTION_DIRECTIVES, OPTION_VERSION, OPTION_HELP, OPTION_DIALECT,
	OPTION_DEFINE, OPTION_LISTEN, OPTION_CERTIFICATE, OPTION_CERTIFICATE_KEY, OPTION_FULL_URL,
	OPTION_JSON, OPTION_FIX, OPTION_DRY_RUN
};

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "depfile", required_argument, NULL, OPTION_DEPFILE },
	{ "stdin-filename", required_argument, NULL, OPTION_STDIN },
	{ "dialect", required_argument, NULL, OPTION_DIALECT },
	{ "define", required_argument, NULL, OPTION_DEFINE },
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "certificate", required_argument, NULL, OPTION_CERTIFICATE },
	{ "certificate-key", required_argument, NULL, OPTION_CERTIFICATE_KEY },
	{ "assume-full-url", no_argument, NULL, OPTION_FULL_URL },
	{ "strict", no_argument, NULL, OPTION_STRICT },
	{ "check-files", no_argument, NULL, OPTION_FILES },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "fix", no_argument, NULL, OPTION_FIX },
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "checks", no_argument, NULL, OPTION_CHECKS },
	{ "directives", no_argument, NULL, OPTION_DIRECTIVES },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

/* @return -1 to go on, or the exit status */
static int read_option(struct job *job, int c)
{
	switch (c) {
	case 'o':
		job->output = optarg;
		return -1;
	case 'W':
	case 'E':
		return level_option(job, optarg, c == 'E') ? -1 : usage_error("no such check: ", optarg);
	case OPTION_DEPFILE:
		job->depfile = optarg;
		return -1;
	case OPTION_STDIN:
		job->options.stdin_filename = optarg;
		return -1;
	case OPTION_DIALECT:
		job->options.dialect = dialect_named(optarg);
		return job->options.dialect != DIALECT_AUTO ? -1 : usage_error("no such dialect: ", optarg);
	case OPTION_DEFINE:
		if (job->options.define_count == MAX_DEFINES || *optarg == '\0' || *optarg == '=')
			return usage_error("cannot take --define ", optarg);
		job->defines[job->options.define_count++] = optarg;
		return -1;
	case OPTION_LISTEN:
		if (job->options.listen_count == MAX_DEFINES)
			return usage_error("cannot take --listen ", optarg);
		job->listens[job->options.listen_count++] = optarg;
		return -1;
	case OPTION_CERTIFICATE:
		job->options.certificate = optarg;
		return -1;
	case OPTION_CERTIFICATE_KEY:
		job->options.certificate_key = optarg;
		return -1;
	case OPTION_FULL_URL:
		job->options.assume_full_url = true;
		return -1;
	case OPTION_STRICT:
		job->options.strict = true;
		return -1;
	case OPTION_FILES:
		job->options.check_files = true;
		return -1;
	case OPTION_JSON:
		job->json = true;
		return -1;
	case OPTION_FIX:
		job->fix = true;
		return -1;
	case OPTION_DRY_RUN:
		job->dry_run = true;
		return -1;
	case OPTION_CHECKS:
		return list_checks();
	case OPTION_DIRECTIVES:
		directive_list(stdout);
		return EXIT_FINE;
	case OPTION_VERSION:
		return print_version();
	case OPTION_HELP:
		fputs(usage, stdout);
		return EXIT_FINE;
	default:
		return usage_error("unknown option or missing argument", "");
	}
}

/* @return -1 when the options were read; optind is then the first file */
static int read_options(struct job *job, int argc, char **argv)
{
	int c, status = -1;

	opterr = 0;
	optind = 1;
	while (status < 0 && (c = getopt_long(argc, argv, "o:W:E:", long_options, NULL)) != -1)
		status = read_option(job, c);
	return status;
}

/* --- commands: argv[0] is the command's name ------------------------------------------------------------------------- */

static int cmd_compile(int argc, char **argv)
{
	struct job job = { .output = NULL };
	int status = read_options(&job, argc, argv);

	if (status >= 0)
		return status;
	if (argc - optind != 1)
		return usage_error(argc == optind ? "no configuration given" : "one configuration at a time", "");
	if (job.json || job.fix || job.dry_run)
		return usage_error("--json, --fix and --dry-run are for 'wsrpc lint'", "");
	if (!job.output)
		return usage_error("where does the table go? Give -o FILE, or use 'wsrpc lint'", "");
	if (job.depfile && strcmp(job.output, "-") == 0)
		return usage_error("--depfile needs the name of an output file", "");
	job.input = argv[optind];
	return run_job(&job);
}

/* Rounds of cures in memory, then the files, then the messages that are left. */
static int fix_file(struct job *job)
{
	struct lint_fixes fixes = { 0 };
	int status;

	job->fixes = &fixes;
	for (unsigned round = 0; round < LINT_ROUNDS && !fixes.failed; round++) {
		job->cured = 0;
		run_job(job);
		job->options.overlays = fixes.overlays;
		job->options.overlay_count = fixes.overlay_count;
		if (job->cured == 0)
			break;
	}
	job->fixes = NULL;
	bool written = !fixes.failed && lint_write(&fixes, !job->dry_run, stdout);
	if (!written && !job->dry_run)
		job->options.overlay_count = 0;
	status = run_job(job);
	lint_fixes_free(&fixes);
	return written ? status : EXIT_SYSTEM;
}

static int lint_file(const struct job *job, const char *name)
{
	struct job one = *job;

	one.input = name;
	if (one.fix && strcmp(name, "-") == 0)
		return usage_error("--fix needs a file", "");
	return one.fix ? fix_file(&one) : run_job(&one);
}

static int cmd_lint(int argc, char **argv)
{
	struct job job = { .output = NULL };
	int worst = read_options(&job, argc, argv);

	if (worst >= 0)
		return worst;
	if (argc == optind)
		return usage_error("no configuration given", "");
	if (job.output || job.depfile)
		return usage_error("lint writes no file", "");
	if ((job.json && job.fix) || (job.dry_run && !job.fix))
		return usage_error(job.json ? "--json and --fix exclude each other" : "--dry-run belongs to --fix", "");
	job.messages = job.json ? json_array() : NULL;
	for (worst = EXIT_FINE; optind < argc; optind++) {
		int status = lint_file(&job, argv[optind]);
		worst = status > worst ? status : worst;
	}
	if (job.messages && (json_dumpf(job.messages, stdout, JSON_INDENT(2)) != 0 || fputc('\n', stdout) == EOF))
		worst = EXIT_SYSTEM;
	json_decref(job.messages);
	return worst;
}

static int cmd_help(int argc, char **argv)
{
	if (argc < 2) {
		fputs(usage, stdout);
		return EXIT_FINE;
	}
	return directive_help(argv[1], stdout) ? EXIT_FINE : usage_error("no such directive: ", argv[1]);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "compile", cmd_compile }, { "lint", cmd_lint }, { "dump", cmd_dump }, { "explain", cmd_explain }, { "help", cmd_help },
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs(usage, stderr);
		return EXIT_SYSTEM;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return cmd_compile(argc, argv);
}
