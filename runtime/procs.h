/* SPDX-License-Identifier: BSD-2-Clause */
/* The master's worker processes: start, offer a generation, commit, restart. Used by master.c only; see master.h for the protocol. */
#ifndef RUNTIME_PROCS_H
#define RUNTIME_PROCS_H

#include "runtime/channel.h"
#include "runtime/master.h"

/** Fork the worker of a slot, with the memory of a table that cannot be sent. In the child this does not return. @return false with errno. */
bool proc_start(struct proc *p, const struct loaded *l);
/** Send a whole generation and PREPARE. @return false when the worker does not take it. */
bool proc_offer(struct proc *p, const struct loaded *l, const struct socket_set *sockets);
/** Send a message without content. */
bool proc_send(struct proc *p, enum channel_type type, uint32_t generation);
/** Send the current generation's log files anew and LOGS_DONE. */
bool proc_send_logs(struct proc *p, const struct loaded *l);
/** Forget a process that has ended or was told to; closes its channel. */
void proc_close_channel(struct proc *p);

/* Implemented in master.c: what a worker said, and that it is gone from the channel. */
void master_on_message(struct proc *p, const struct channel_msg *m);

#endif
