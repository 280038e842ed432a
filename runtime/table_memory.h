/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the bytes of a table lie. Whoever verifies and whoever serves must see the same bytes, whatever becomes of the file, so they are copied first. Two ways:
 *
 * - Private memory, read from the file and write-protected: for the table of the start. Workers are forked with it and share its pages. It costs half of what
 *   a memory file does, since pages can be huge and need no entry in any file's index.
 * - A mapping of a sealed memory file (memfile.h), which can be sent to workers that run already: for a reload.
 */
#ifndef RUNTIME_TABLE_MEMORY_H
#define RUNTIME_TABLE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_memory {
	const void *bytes;          /* aligned to a page */
	size_t len;
	void *map;                  /* what holds them; NULL = nothing */
	size_t map_len;
};

/** All of a regular file of at most max_bytes. @return false with errno (EFBIG: larger; EISDIR, EINVAL: not a regular file). */
bool table_memory_read(struct table_memory *m, const char *path, uint64_t max_bytes);
/** A sealed file's bytes; the descriptor may be closed afterwards. @return false with errno. An empty file gives len 0. */
bool table_memory_map(struct table_memory *m, int fd);
/** Harmless on one that holds nothing. */
void table_memory_free(struct table_memory *m);

#endif
