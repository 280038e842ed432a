/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker's life: from the fork to its exit. */
#ifndef RUNTIME_WORKER_MAIN_H
#define RUNTIME_WORKER_MAIN_H

#include "runtime/privilege.h"
#include "runtime/table_memory.h"
#include "runtime/worker.h"

/** What a worker gets from the master at its birth; everything else comes over the channel. */
struct worker_start {
	int channel;
	uint32_t index;
	struct worker_counters *counters;
	struct tls_tickets *tickets;
	const char *prefix;
	uint32_t max_connections, connections_override;
	struct identity_ids ids;
	pid_t master;
	struct table_memory table;  /* of generation `table_generation`; empty = none: it will be sent */
	uint32_t table_generation;
};

_Noreturn void worker_main(const struct worker_start *start);

#endif
