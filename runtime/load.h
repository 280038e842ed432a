/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration as the master holds it: the copy of the table file, verified; the sealed key store; open log files. Loading changes nothing that is
 * running; what fails is told in one sentence that names the file.
 */
#ifndef RUNTIME_LOAD_H
#define RUNTIME_LOAD_H

#include "runtime/generation.h"
#include "runtime/options.h"

struct loaded {
	int table_fd;               /* sealed copy; -1 = private memory that workers are forked with */
	int key_fd;
	struct generation *gen;     /* the master's own view: for reading the table, checking keys, logging */
	char identity[65];          /* SHA-256 in hexadecimal */
	uint64_t bytes;
};

enum load_for {
	LOAD_FOR_FORK,              /* workers that are started afterwards */
	LOAD_FOR_SENDING,           /* workers that run already */
};

/** Copy and verify the table, so that the settings can be found. */
struct loaded *load_table(const char *path, uint32_t number, enum load_for use, char *why, size_t cap);
/**
 * Read the key files, check that certificates and keys fit; open the logs.
 * @param full_check  also recompute the SHA-256 identity and check every certificate (-t); a start checks at most LOAD_CHECK_TLS of them
 */
bool load_rest(struct loaded *l, const struct settings *s, bool full_check, char *why, size_t cap);
void load_free(struct loaded *l);
/** Open all log files again (USR1): replaces the descriptors in l->gen. @return false with the first failure; what could be opened is replaced. */
bool load_open_logs(struct loaded *l, const struct settings *s, char *why, size_t cap);

#define LOAD_CHECK_TLS 64u

#endif
