/* SPDX-License-Identifier: BSD-2-Clause */
/* Command line of wsrpd. Values given with -o win over the table's. */
#ifndef RUNTIME_OPTIONS_H
#define RUNTIME_OPTIONS_H

#include <stdbool.h>

#include "table/wsr_table.h"

/* X(member, "name", sentence): the settings that -o knows. */
#define OPTION_OVERRIDES(X) \
	X(user,               "user",               "NAME [GROUP] that workers run as") \
	X(worker_processes,   "worker_processes",   "number of workers or auto") \
	X(worker_connections, "worker_connections", "client connections of one worker") \
	X(pid,                "pid",                "file for the master's process id; the control socket lies beside it") \
	X(error_log,          "error_log",          "PATH [LEVEL] of the process's own error log") \
	X(daemon,             "daemon",             "on: go to the background once every worker is ready")

struct options {
	const char *table_path;     /* as given; NULL without one (-s with -o pid=) */
	const char *prefix;         /* -p or NULL: the table's folder */
	const char *command;        /* -s, or NULL */
	bool test;                  /* -t */
#define X(member, name, sentence) const char *member;
	OPTION_OVERRIDES(X)
#undef X
};

/** Parse argv. @return -1 go on, otherwise the exit status (help, version, usage error). */
int options_parse(struct options *o, int argc, char **argv);

/** What the process uses, after table and -o are put together. Strings are owned by the structure, free with settings_free(). */
struct settings {
	char *prefix;               /* absolute, no trailing slash */
	char *table_path;           /* absolute */
	char *pid_path;             /* absolute */
	char *control_path;         /* absolute: pid path with ".sock" */
	char *user, *group;         /* NULL = stay (not root) */
	bool user_is_default;       /* neither table nor command line names one */
	char *error_log;            /* absolute path, NULL = the table's */
	enum wsr_log_level error_level;
	unsigned workers;           /* at least 1 */
	unsigned worker_connections;
	bool daemon;
	bool pid_is_default;        /* nobody asked for a pid file: failing to write it is a warning */
};

#define MAX_WORKERS 256u

/** Paths that do not need the table (for -s), from options alone; t may be NULL. @return false with a sentence in why. */
bool settings_make(struct settings *s, const struct options *o, const struct wsr_table *t, char *why, size_t cap);
void settings_free(struct settings *s);
/** "prefix/path" or path if absolute; malloc'ed, NULL out of memory. */
char *path_below(const char *prefix, struct wsr_str path);

#endif
