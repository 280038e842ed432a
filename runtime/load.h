/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration as the master holds it: the sealed copy of the table file, verified; the sealed key store; open log files. Loading changes nothing that is
 * running; what fails is told in one sentence that names the file.
 */
#ifndef RUNTIME_LOAD_H
#define RUNTIME_LOAD_H

#include "runtime/generation.h"
#include "runtime/options.h"

struct loaded {
	int table_fd, key_fd;
	struct generation *gen;     /* the master's own view: for reading the table, checking keys, logging */
	char identity[65];          /* SHA-256 in hexadecimal */
	uint64_t bytes;
};

/**
 * Copy, seal, verify; read the key files, check that certificates and keys fit; open the logs.
 * @param full_check  also recompute the SHA-256 identity and check every certificate (-t); a start checks at most LOAD_CHECK_TLS of them
 */
struct loaded *load_open(const struct settings *s, uint32_t number, bool full_check, char *why, size_t cap);
/** Only the table part of it, to find the settings. */
struct loaded *load_table(const char *path, uint32_t number, char *why, size_t cap);
bool load_rest(struct loaded *l, const struct settings *s, bool full_check, char *why, size_t cap);
void load_free(struct loaded *l);
/** Open all log files again (USR1): replaces the descriptors in l->gen. @return false with the first failure; what could be opened is replaced. */
bool load_open_logs(struct loaded *l, const struct settings *s, char *why, size_t cap);

#define LOAD_CHECK_TLS 64u

#endif
