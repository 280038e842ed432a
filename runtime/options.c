/* SPDX-License-Identifier: BSD-2-Clause */
/* wsrpd's command line and what comes of it together with the table: see options.h. */
#include "runtime/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "eval/wsr_eval.h"
#include "runtime/log.h"

static void print_help(FILE *out)
{
	fputs("usage: wsrpd [-t] [-p PREFIX] [-o NAME=VALUE]... TABLE\n"
	      "       wsrpd -s reload|quit|stop|reopen|status [-o pid=FILE] [TABLE]\n"
	      "Serve a table made by wsrpc, in the foreground.\n\n"
	      "  -t              open and check the table, its certificates and keys, then exit\n"
	      "  -p PREFIX       folder for relative paths (default: the table's folder)\n"
	      "  -s COMMAND      tell the running master, wait for the outcome, exit 0 when every worker has done it\n"
	      "  --version       version, table format and feature bits that this program reads\n"
	      "  -o NAME=VALUE   wins over the table; NAME is one of\n", out);
#define X(member, name, sentence) fprintf(out, "      %-18s %s\n", name, sentence);
	OPTION_OVERRIDES(X)
#undef X
	fputs("\nSignals: TERM and INT stop, QUIT finishes what is running, HUP reloads the table, USR1 reopens the logs.\n", out);
}

static void print_version(void)
{
	printf("wsrpd " WSR_VERSION "\n"
	       "table format: reads %d.x (knows up to %d.%d)\n"
	       "required features known: 0x%llx, optional features known: 0x%llx\n",
	       WSR_MAJOR, WSR_MAJOR, WSR_MINOR, (unsigned long long)WSR_FEATURES_REQUIRED_KNOWN,
	       (unsigned long long)WSR_FEATURES_OPTIONAL_KNOWN);
}

static bool set_override(struct options *o, const char *arg)
{
	const char *eq = strchr(arg, '=');
	if (!eq)
		return false;
	struct wsr_str name = wsr_str(arg, (size_t)(eq - arg));
#define X(member, text, sentence) \
	if (wsr_str_eq(name, WSR_STR(text))) { \
		o->member = eq + 1; \
		return true; \
	}
	OPTION_OVERRIDES(X)
#undef X
	return false;
}

static int usage_error(const char *what, const char *arg)
{
	fprintf(stderr, "wsrpd: %s%s%s\nwsrpd: try wsrpd -h\n", what, arg ? ": " : "", arg ? arg : "");
	return 2;
}

int options_parse(struct options *o, int argc, char **argv)
{
	*o = (struct options){ 0 };
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		print_version();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		print_help(stdout);
		return 0;
	}
	int c;
	opterr = 0;
	while ((c = getopt(argc, argv, "tp:o:s:hvV")) != -1) {
		switch (c) {
		case 't': o->test = true; break;
		case 'p': o->prefix = optarg; break;
		case 's': o->command = optarg; break;
		case 'o':
			if (!set_override(o, optarg))
				return usage_error("-o does not know", optarg);
			break;
		case 'h': print_help(stdout); return 0;
		case 'v':
		case 'V': print_version(); return 0;
		default: return usage_error("unknown option or missing argument", argv[optind - 1]);
		}
	}
	if (optind < argc)
		o->table_path = argv[optind++];
	if (optind < argc)
		return usage_error("more than one table", argv[optind]);
	if (!o->table_path && !(o->command && o->pid))
		return usage_error(o->command ? "name the table, or its pid file with -o pid=FILE" : "name a table", NULL);
	return -1;
}

char *path_below(const char *prefix, struct wsr_str path)
{
	char *out = NULL;
	int n = path.len > 0 && path.ptr[0] == '/' ? asprintf(&out, "%.*s", WSR_FMT(path)) : asprintf(&out, "%s/%.*s", prefix, WSR_FMT(path));
	return n < 0 ? NULL : out;
}

static char *absolute(const char *path)
{
	if (path[0] == '/')
		return strdup(path);
	char *cwd = getcwd(NULL, 0);
	char *out = cwd ? path_below(cwd, wsr_cstr(path)) : NULL;
	free(cwd);
	return out;
}

/* "prefix" of -p, else the folder of the table. */
static char *find_prefix(const struct options *o, const char *table_path)
{
	char *prefix = absolute(o->prefix ? o->prefix : table_path ? table_path : ".");
	if (!prefix)
		return NULL;
	char *slash = strrchr(prefix, '/');
	if (!o->prefix && table_path && slash)
		*(slash == prefix ? slash + 1 : slash) = '\0';
	size_t len = strlen(prefix);
	while (len > 1 && prefix[len - 1] == '/')
		prefix[--len] = '\0';
	return prefix;
}

static char *control_beside(const char *pid_path)
{
	size_t len = strlen(pid_path);
	bool ends_in_pid = len > 4 && !strcmp(pid_path + len - 4, ".pid");
	char *out = NULL;
	return asprintf(&out, "%.*s.sock", (int)(ends_in_pid ? len - 4 : len), pid_path) < 0 ? NULL : out;
}

static bool parse_count(const char *text, const char *name, unsigned max, unsigned *out, char *why, size_t cap)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && v >= 1 && v <= max) {
		*out = (unsigned)v;
		return true;
	}
	snprintf(why, cap, "-o %s: found \"%s\", allowed are 1 to %u", name, text, max);
	return false;
}

static bool find_workers(struct settings *s, const struct options *o, const struct wsr_global *g, char *why, size_t cap)
{
	unsigned n = g ? g->worker_processes : 1;
	if (o->worker_processes && !strcmp(o->worker_processes, "auto"))
		n = 0;
	else if (o->worker_processes && !parse_count(o->worker_processes, "worker_processes", MAX_WORKERS, &n, why, cap))
		return false;
	if (n == 0) {
		long cores = sysconf(_SC_NPROCESSORS_ONLN);
		n = cores > 0 ? (unsigned)cores : 1;
	}
	s->workers = n > MAX_WORKERS ? MAX_WORKERS : n;
	s->worker_connections = g ? g->worker_connections : 512;
	return !o->worker_connections || parse_count(o->worker_connections, "worker_connections", 10000000, &s->worker_connections, why, cap);
}

static bool find_error_log(struct settings *s, const struct options *o, char *why, size_t cap)
{
	s->error_level = WSR_LOG_ERROR;
	if (!o->error_log)
		return true;
	const char *space = strchr(o->error_log, ' ');
	struct wsr_str path = space ? wsr_str(o->error_log, (size_t)(space - o->error_log)) : wsr_cstr(o->error_log);
	if (space) {
		enum wsr_log_level level = WSR_LOG_EMERG;
		while (level <= WSR_LOG_DEBUG && strcmp(log_level_name(level), space + 1))
			level++;
		if (level > WSR_LOG_DEBUG) {
			snprintf(why, cap, "-o error_log: unknown level \"%s\"", space + 1);
			return false;
		}
		s->error_level = level;
	}
	s->error_log = wsr_str_eq(path, WSR_STR("stderr")) ? strdup("stderr") : path_below(s->prefix, path);
	return s->error_log != NULL;
}

/* "user NAME [GROUP]" matters only to root; nginx's default user is nobody. */
static bool find_user(struct settings *s, const struct options *o, const struct wsr_table *t)
{
	if (geteuid() != 0)
		return true;
	if (o->user) {
		const char *space = strchr(o->user, ' ');
		s->user = space ? strndup(o->user, (size_t)(space - o->user)) : strdup(o->user);
		s->group = space ? strdup(space + 1) : NULL;
		return s->user && (!space || s->group);
	}
	struct wsr_str user = wsr_string(t, wsr_global(t)->user), group = wsr_string(t, wsr_global(t)->group);
	s->user_is_default = user.len == 0;
	s->user = strdup(user.len ? user.ptr : "nobody");
	s->group = group.len ? strdup(group.ptr) : NULL;
	return s->user && (!group.len || s->group);
}

bool settings_make(struct settings *s, const struct options *o, const struct wsr_table *t, char *why, size_t cap)
{
	*s = (struct settings){ 0 };
	snprintf(why, cap, "out of memory");
	const struct wsr_global *g = t ? wsr_global(t) : NULL;
	s->table_path = o->table_path ? absolute(o->table_path) : NULL;
	s->prefix = find_prefix(o, s->table_path);
	if ((o->table_path && !s->table_path) || !s->prefix)
		return false;
	struct wsr_str pid = o->pid ? wsr_cstr(o->pid) : g ? wsr_string(t, g->pid) : WSR_STR_NULL;
	if (pid.len) {
		s->pid_path = o->pid ? absolute(o->pid) : path_below(s->prefix, pid);
	} else if (s->table_path) {
		s->pid_is_default = true;
		if (asprintf(&s->pid_path, "%s.pid", s->table_path) < 0)
			s->pid_path = NULL;
	}
	s->control_path = s->pid_path ? control_beside(s->pid_path) : NULL;
	if (!s->control_path)
		return false;
	if (!find_workers(s, o, g, why, cap) || !find_error_log(s, o, why, cap) || (t && !find_user(s, o, t)))
		return false;
	s->daemon = o->daemon ? !strcmp(o->daemon, "on") : g && g->daemon;
	return true;
}

void settings_free(struct settings *s)
{
	free(s->prefix);
	free(s->table_path);
	free(s->pid_path);
	free(s->control_path);
	free(s->user);
	free(s->group);
	free(s->error_log);
	*s = (struct settings){ 0 };
}
