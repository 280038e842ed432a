/* SPDX-License-Identifier: BSD-2-Clause */
/* Large blocks: see pages.h. */
#include "compiler/pages.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

void *pages_alloc(size_t bytes)
{
	if (bytes < HUGE_PAGE)
		return malloc(bytes);
	void *p = NULL;
	if (posix_memalign(&p, HUGE_PAGE, bytes) != 0)
		return NULL;
	madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* the rest stays as small as it is; a machine without them does nothing */
	return p;
}
