/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a running master is found: the pid file and the control socket beside it. Their place is the table's "pid" (or -o pid=), so it may change with a reload; the
 * master then moves, so that `wsrpd -s COMMAND TABLE` finds it by the table that it serves. Another master's files are never taken over.
 */
#ifndef RUNTIME_RENDEZVOUS_H
#define RUNTIME_RENDEZVOUS_H

#include <stdbool.h>
#include <stddef.h>

struct master;

/** At the start. @return false with a sentence: another master is there, or the files cannot be made although they were asked for. */
bool rendezvous_open(struct master *m, char *why, size_t cap);
/** A reload is committed: go where m->next_settings says. What fails is logged, and the old place stays. */
void rendezvous_move(struct master *m);
/** At the end. */
void rendezvous_close(struct master *m);

#endif
