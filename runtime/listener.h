/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listening socket as one worker sees it. The descriptor belongs to the master, which keeps it over reloads and worker restarts; the worker
 * watches it and gives each accepted descriptor to conn_accept(). At `worker_connections` or out of descriptors all listeners of the worker pause: idle kept-alive
 * connections are closed first, and it is logged once a second at most.
 */
#ifndef RUNTIME_LISTENER_H
#define RUNTIME_LISTENER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/socket.h>

#include "table/wsr_table.h"

struct worker;

struct listener {
	struct listener *next;
	struct worker *worker;
	struct event event;
	int fd;
	uint32_t index;             /* of listen in the worker's current table; WSR_NONE once it is gone: connections close after their answer */
	uint32_t refs;              /* connections that were accepted here, and the worker's list */
	bool tls;                   /* under the current table */
	bool proxied;               /* clients send a PROXY header first */
	bool renamed;               /* ... and are known by the address in it */
	bool gone;                  /* no longer in the configuration: drained and closed */
	uint64_t tls_key;           /* hash of what a kept-alive TLS connection depends on (certificate and client verification settings of the default server); a change
	                             * closes kept-alive connections after their answer */
	char text[128];             /* canonical address, the key across reloads */
};

void listener_ref(struct listener *l);
void listener_unref(struct listener *l);
/** All listeners of the worker stop or go on accepting. */
void listeners_pause(struct worker *w, const char *why);
void listeners_resume(struct worker *w);

#endif
