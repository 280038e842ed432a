/* SPDX-License-Identifier: BSD-2-Clause */
/* Large blocks of memory in huge pages, where the machine has them: fewer faults while they fill up, and fewer misses where they are looked up at random. */
#ifndef COMPILER_PAGES_H
#define COMPILER_PAGES_H

#include <stddef.h>

/** As malloc(); release with free(). Blocks of 2 MiB and more are aligned to that, and their whole huge pages asked for as such. */
void *pages_alloc(size_t bytes);

#endif
