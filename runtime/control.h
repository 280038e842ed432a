/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket beside the pid file (mode 0600; root and the master's own user only): one command line in, answer lines out ("warning: ..." among them), the
 * last of them "ok" or "error: reason"; the connection is closed then. `wsrpd -s` is its client.
 */
#ifndef RUNTIME_CONTROL_H
#define RUNTIME_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/options.h"

struct master;

enum control_wait { CONTROL_NOTHING, CONTROL_RELOAD, CONTROL_REOPEN, CONTROL_EXIT };

/** Listen at `path`, where control_alive() said that nobody answers; a place listened at before is left then. @return false with a sentence, nothing has changed */
bool control_open(struct master *m, const char *path, char *why, size_t cap);
/** A line for everybody who waits for this kind of outcome, before it comes: what they should know although it went well. */
void control_warn(struct master *m, enum control_wait kind, const char *text);
/** Tell everybody who waits for this kind of outcome; why NULL = it went well. */
void control_finish(struct master *m, enum control_wait kind, const char *why);
void control_close(struct master *m);
/** In a new worker: let go of the descriptors of the socket and of everybody connected to it, who would otherwise wait for this process to end too. */
void control_forget(const struct master *m);
/** Is a master answering at this socket? */
bool control_alive(const char *path);

/** `wsrpd -s COMMAND`. @return exit status: 0 done, 1 refused or failed, 2 no master there. */
int control_command(const struct options *o);

#endif
