/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One loaded configuration inside a worker (and, without regexes and TLS contexts, inside the master): the mapped table and what hangs on it. References are
 * held by exchanges and by handshakes in progress, by nothing else, so that after any number of reloads one generation remains.
 * The table was verified by the master before anybody else saw it, in the very memory or sealed file that workers read.
 */
#ifndef RUNTIME_GENERATION_H
#define RUNTIME_GENERATION_H

#include "eval/wsr_eval.h"
#include "runtime/keystore.h"
#include "runtime/table_memory.h"
#include "runtime/tls_ctx.h"
#include "table/wsr_table.h"

struct generation {
	uint32_t refs;
	uint32_t number;            /* 1 for the first, counts up at each reload */
	struct wsr_table table;
	struct table_memory memory; /* the table's bytes */
	struct wsr_regexes *regexes;
	struct keystore keys;       /* certificates and keys as read by the master */
	struct tls_ctxs *tls;       /* runtime/tls_ctx: made lazily from table and keys */
	int *access_fds;            /* per log_ref with a constant path, else -1 */
	int *error_fds;             /* per error_log; 2 = standard error */
	uint32_t access_fd_count, error_fd_count;
	char identity[13];          /* first 12 hexadecimal digits of the table's identity */
};

/**
 * Make a generation from the table's bytes and the key store's descriptor, which is mapped and may be closed afterwards.
 * @param memory   taken, also on failure
 * @param key_fd   -1 = no keys
 * @param tickets  shared session ticket keys, NULL = none; must outlive the generation
 * @param verify   check all of the table; false only where the master has verified this very memory
 * @return one reference, or NULL with a sentence in why.
 */
struct generation *generation_new(struct table_memory *memory, int key_fd, uint32_t number, const struct tls_tickets *tickets, bool verify, char *why,
				  size_t cap);
/** Where runtime/tls_ctx.h finds this generation's certificates and keys. */
struct key_source generation_keys(const struct generation *g);
/** Takes descriptors over: access log of log_ref `ref` / error log `index`. A second call closes the former one (reopen). */
void generation_set_access_fd(struct generation *g, uint32_t ref, int fd);
void generation_set_error_fd(struct generation *g, uint32_t index, int fd);
struct generation *generation_ref(struct generation *g);
/** Release a reference; the last one unmaps and closes. NULL is allowed. */
void generation_unref(struct generation *g);

#endif
