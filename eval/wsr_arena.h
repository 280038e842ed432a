/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bump allocator for everything that lives as long as one request. It takes blocks from its owner's pool, knows a ceiling, and is
 * released in one go. Allocation failure and the ceiling both give NULL; callers in eval turn that into status 500.
 */
#ifndef WSR_ARENA_H
#define WSR_ARENA_H

#include "table/wsr_str.h"

#define WSR_ARENA_BLOCK 4096u /* bytes of a usual block, header included */

/** Free blocks shared by many arenas of one thread, so that a kept-alive request costs no malloc. Zero-initialised is empty. */
struct wsr_arena_pool {
	struct wsr_arena_block *free;
	uint32_t free_count;
	uint32_t free_max;          /* blocks kept; 0 = keep none */
	/* Where other usual blocks come from and go to; NULL: malloc and free. */
	void *(*get)(void *source);
	void (*put)(void *source, void *block);
	void *source;
};

struct wsr_arena {
	struct wsr_arena_pool *pool; /* may be NULL: malloc and free */
	struct wsr_arena_block *block;
	char *next, *end;
	size_t used_bytes;          /* sum of all blocks */
	size_t max_bytes;           /* ceiling for used_bytes */
};

void wsr_arena_init(struct wsr_arena *a, struct wsr_arena_pool *pool, size_t max_bytes);
/** Give all blocks back; the arena is empty and usable again. */
void wsr_arena_reset(struct wsr_arena *a);
void wsr_arena_pool_drain(struct wsr_arena_pool *pool);
#define WSR_ARENA_ALIGNMENT 8u
/** wsr_arena_alloc() when the current block has no room. */
void *wsr_arena_more(struct wsr_arena *a, size_t len);
/** @return 8-byte aligned, uninitialised; NULL at the ceiling or out of memory. */
static inline void *wsr_arena_alloc(struct wsr_arena *a, size_t len)
{
	size_t room = (size_t)(a->end - a->next); /* a multiple of the alignment */
	if (len == 0 || len > room)
		return wsr_arena_more(a, len);
	void *p = a->next;
	a->next += (len + WSR_ARENA_ALIGNMENT - 1) / WSR_ARENA_ALIGNMENT * WSR_ARENA_ALIGNMENT;
	return p;
}
/** A NUL-terminated copy; { NULL, 0 } on failure. */
struct wsr_str wsr_arena_dup(struct wsr_arena *a, struct wsr_str s);

#endif
