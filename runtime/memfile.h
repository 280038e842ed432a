/* SPDX-License-Identifier: BSD-2-Clause */
/* Sealed anonymous files (memfd_create(2)): written once, then nobody can change, grow or shrink them, so a mapping of one can be trusted. */
#ifndef RUNTIME_MEMFILE_H
#define RUNTIME_MEMFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @return a new empty file that can be sealed, close-on-exec, or -1 with errno. */
int memfile_new(const char *name);
/** Write all of len bytes at an offset. @return false with errno. */
bool memfile_write_at(int fd, uint64_t offset, const void *data, size_t len);
/** No more writes, growing or shrinking, for anybody. @return false with errno. */
bool memfile_seal(int fd);
/** A sealed copy of a whole regular file of at most max_bytes. @return descriptor, or -1 with errno (EFBIG: larger). */
int memfile_copy(const char *path, uint64_t max_bytes, const char *name);

#endif
