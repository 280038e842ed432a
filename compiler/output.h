/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting results on disk so that a reader sees the old file or the new one, whole, never anything else.
 */
#ifndef COMPILER_OUTPUT_H
#define COMPILER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct compiler;

/**
 * Write bytes to a new file in the target's folder, sync it, rename it over the target and sync the folder. "-" is standard output; a device or pipe is written to, not replaced.
 * @return false with errno set and nothing left behind; the target is then as it was
 */
bool output_write(const char *path, const void *bytes, size_t len);

/** As output_write() for a file that is there: the new one keeps its owner and mode. */
bool output_replace(const char *path, const void *bytes, size_t len);

/** Write a make rule "target: every file read". @return as output_write() */
bool output_depfile(struct compiler *cc, const char *path, const char *target);

#endif
