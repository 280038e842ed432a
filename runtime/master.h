/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master: opens the table, sockets, logs and keys; starts workers and restarts one that dies; reloads in two steps. It serves nobody and reads nothing that a
 * client sent.
 *
 * Reload: load and bind (failure: nothing has changed), offer to every worker, and only when all have answered READY tell all to COMMIT. One refusal, death or
 * time-out, and everybody drops the offer.
 */
#ifndef RUNTIME_MASTER_H
#define RUNTIME_MASTER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/types.h>

#include "runtime/load.h"
#include "runtime/options.h"
#include "runtime/privilege.h"
#include "runtime/sockets.h"
#include "runtime/worker.h"

#define RELOAD_TIMEOUT_S 30      /* for workers to answer an offer, and to commit it */

enum proc_state {
	PROC_NONE,                  /* slot unused */
	PROC_PREPARING,             /* has an offer, has not answered */
	PROC_PREPARED,              /* answered READY */
	PROC_COMMITTING,
	PROC_RUNNING,               /* serves generation `generation` */
	PROC_DRAINING,              /* told to finish */
	PROC_RESTARTING,            /* died; is started again by its timer */
};

struct proc {
	struct master *master;
	uint32_t index;
	pid_t pid;
	int channel;
	enum proc_state state;
	uint32_t generation;        /* committed */
	int64_t started_ms;
	bool reopening;             /* has not answered the last log reopening */
	struct event readable;
	struct event restart;
	struct event deadline;      /* of a new worker: it serves by then, or is replaced */
};

enum reload_state { RELOAD_IDLE, RELOAD_OFFERED, RELOAD_COMMITTING };

struct control_client;

struct master {
	struct event_base *base;
	struct options options;
	struct settings settings;
	struct identity_ids ids;
	struct loaded *current;
	struct socket_set sockets;
	struct proc procs[MAX_WORKERS];
	uint32_t proc_count;        /* slots that shall run */
	struct worker_counters *counters; /* shared, one per slot */
	struct tls_tickets *tickets;      /* shared */
	uint32_t last_generation;   /* number given out last */
	/* a reload in progress */
	enum reload_state reload;
	bool reload_wanted;         /* asked for while one is running or a worker is not settled */
	struct loaded *next;
	struct settings next_settings;
	struct socket_set next_sockets;
	struct event reload_timer;
	bool pid_written;           /* the pid file is ours to remove */
	bool starting;              /* the first generation is not committed yet */
	int64_t started_ms;
	enum { MASTER_SERVING, MASTER_QUITTING, MASTER_STOPPING } phase;
	int exit_status;
	struct event signals[8];
	struct event rotate_timer;
	struct event kill_timer;
	/* control socket */
	int control_fd;
	char control_path[108];     /* of it; as long as an address takes */
	struct event control_event;
	struct control_client *clients;
	int ready_fd;               /* daemon: pipe to the waiting parent, else -1 */
};

/** Serve until told to stop. @return exit status. */
int master_run(const struct options *o);

/* For control.c. */
void master_reload(struct master *m);
void master_reopen(struct master *m);
void master_quit(struct master *m);
void master_stop(struct master *m);
int64_t monotonic_ms(void);

#endif
