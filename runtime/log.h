/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error log and access log of one process. Files are opened by the master and handed over as descriptors (logs with variables in their path are
 * opened by the worker below their constant folder). An error line names its rule: "..., rule: site.conf:14". Access lines are collected and written
 * once at the end of a turn of the loop, whole lines per write, so that files opened with O_APPEND never interleave.
 */
#ifndef RUNTIME_LOG_H
#define RUNTIME_LOG_H

#include <stdarg.h>

#include "table/wsr_table.h"

struct generation;
struct worker;

/** What an error line may add behind its message; all may be empty. */
struct log_context {
	uint64_t connection;        /* serial number of the client connection, 0 = none: "*45" */
	struct wsr_str client;      /* address */
	struct wsr_str server;      /* first name */
	struct wsr_str request;     /* request line */
	struct wsr_str upstream;    /* "http://127.0.0.1:9000/x" or an address */
	uint32_t rule;              /* position in gen's table, WSR_NONE = none */
};

/**
 * Write one line to an error log, if its level lets it through:  2026/11/21 02:00:00 [error] PID#0: *45 MESSAGE, client: ..., rule: site.conf:14
 * @param gen        generation whose error log is meant; NULL before there is one: standard error
 * @param error_log  index in its table (e->log->error_log); WSR_NONE = the process's own
 * @param ctx        may be NULL.   Control characters in any part are written as \xXX.
 */
void log_error(const struct generation *gen, uint32_t error_log, enum wsr_log_level level, const struct log_context *ctx, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/** Would a line of this level be written? To avoid making it. */
bool log_wants(const struct generation *gen, uint32_t error_log, enum wsr_log_level level);

/**
 * Append one access line (without newline) to a log.
 * @param ref   index of log_ref in gen's table
 * @param path  evaluated path if it is not constant, else ignored
 */
void log_access(struct worker *w, struct generation *gen, uint32_t ref, struct wsr_str path, struct wsr_str line);

/** Write what is collected, now; called by the loop at the end of a turn and at exit. */
void log_flush(struct worker *w);

const char *log_level_name(enum wsr_log_level level);

#endif
