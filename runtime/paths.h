/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths of a table below the worker's prefix. */
#ifndef RUNTIME_PATHS_H
#define RUNTIME_PATHS_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#define PATHS_MAX PATH_MAX

/** "prefix/path", or path if it is absolute. @return false if it is too long for the system. */
static inline bool path_from_prefix(const char *prefix, const char *path, char out[PATHS_MAX])
{
	int n = path[0] == '/' ? snprintf(out, PATHS_MAX, "%s", path) : snprintf(out, PATHS_MAX, "%s/%s", prefix, path);
	return n > 0 && n < PATHS_MAX;
}

#endif
