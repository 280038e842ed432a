/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One worker process: one event loop, no threads. Everything a connection needs that is not its own hangs here. Runs as `user`, gets generations, listeners
 * and log descriptors from the master over a socket pair (runtime/channel.h), and ends when the master is gone.
 */
#ifndef RUNTIME_WORKER_H
#define RUNTIME_WORKER_H

#include <sys/types.h>

#include "eval/wsr_arena.h"
#include "runtime/generation.h"
#include "runtime/listener.h"
#include "runtime/loop.h"
#include "runtime/slab.h"

struct conn_set;        /* runtime/conn.c: the worker's client connections and recycled objects */
struct upstreams;       /* runtime/upstream.c: pools, peers, names */
struct tls_tickets;     /* runtime/tls.h: session ticket keys, shared by all workers */
struct staples;
struct log_buffers;

/** Counters in memory shared with the master; one slot per worker, written by it alone. `wsrpd -s status` prints them. */
struct worker_counters {
	uint64_t connections;       /* open client connections, tunnels included */
	uint64_t tunnels;           /* open tunnels */
	uint64_t idle;              /* open connections between two requests */
	uint64_t accepted;          /* since the worker started */
	uint64_t requests;
	uint64_t answers[6];        /* by class: [1] 1xx ... [5] 5xx; [0] closed without an answer */
	uint64_t tunnels_opened;
	uint64_t handshakes;        /* TLS, complete */
	uint64_t handshakes_resumed;
	uint64_t handshakes_failed;
	uint64_t upstream_requests;
	uint64_t upstream_failures;
	uint64_t upstream_reused;   /* requests sent on a kept-alive connection */
	uint64_t bytes_in, bytes_out; /* client side payload */
	uint64_t paused;            /* times that listeners paused */
	uint64_t generations;       /* generations alive in the worker */
};

struct worker {
	struct loop loop;
	struct generation *gen;     /* the current one */
	uint32_t index;             /* ordinal of the worker, from 0 */
	pid_t pid;
	const char *prefix;         /* absolute folder for relative paths, without "/" at its end */
	uint32_t max_connections;   /* worker_connections of the current table, or -o's, or fewer when there are not two descriptors for each */
	uint32_t connections_override; /* -o worker_connections, 0 = the table's */
	struct listener *listeners;
	struct preface *prefaces;   /* connections that owe us a PROXY header */
	bool listeners_paused;
	struct timer resume;        /* goes on accepting although nothing was closed here */
	time_t pause_logged;
	bool draining;              /* QUIT: no new connections, no more keep-alive */
	struct worker_counters *counters;
	struct wsr_arena_pool arenas;
	struct slabs arena_blocks;
	struct conn_set *conns;
	struct upstreams *upstreams;
	struct tls_tickets *tickets;
	struct staples *staples;    /* runtime/staple.h */
	struct log_buffers *logs;
	struct htpasswd *passwords; /* made at first use */
	uint64_t next_serial;       /* of client connections */
	/* clock strings, renewed when the second changes */
	time_t clock_s;
	char http_date[32];         /* IMF-fixdate */
	time_t local_s;             /* second of the local texts, made when a log asks (facts.c) */
	char time_local[48], time_iso8601[48];
};

/** Bring the clock strings up to date; call before using http_date. Cheap when the second has not changed. */
void worker_clock(struct worker *w);

/** Called by conn.c whenever a connection ended: goes on accepting if it was paused, ends the process when draining and none is left. */
void worker_connection_closed(struct worker *w);

#endif
