/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the access log that only the worker's main file needs: making it, and reopening. */
#ifndef RUNTIME_LOG_BUFFERS_H
#define RUNTIME_LOG_BUFFERS_H

struct worker;
struct log_buffers;

/** @return NULL without memory. Lives as long as the worker. */
struct log_buffers *log_buffers_new(struct worker *w);
/** Close the logs with variables in their path; they are opened again at their next line. */
void log_close_files(struct worker *w);

#endif
