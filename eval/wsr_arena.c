/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bump allocator of wsr_arena.h. Blocks form a list, newest first; a request larger than a usual block gets a block of its own.
 * Invariant: used_bytes is the sum of the blocks in the list and never exceeds max_bytes; only blocks of the usual size go back into the pool.
 */
#include "eval/wsr_arena.h"

#include <stdlib.h>

struct wsr_arena_block {
	struct wsr_arena_block *next;
	size_t len;                 /* bytes of the block, this header included */
};

#define ALIGNMENT WSR_ARENA_ALIGNMENT
_Static_assert(WSR_ARENA_BLOCK % ALIGNMENT == 0, "what is left of a block is a multiple");
#define BLOCK_HEADER ((sizeof(struct wsr_arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WSR_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WSR_ASAN 1
#endif
#ifdef WSR_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

void wsr_arena_init(struct wsr_arena *a, struct wsr_arena_pool *pool, size_t max_bytes)
{
	*a = (struct wsr_arena){ .pool = pool, .max_bytes = max_bytes };
}

static void *usual_block(struct wsr_arena_pool *pool)
{
	return pool && pool->get ? pool->get(pool->source) : malloc(WSR_ARENA_BLOCK);
}

static void free_usual(struct wsr_arena_pool *pool, struct wsr_arena_block *b)
{
	if (pool && pool->put)
		pool->put(pool->source, b);
	else
		free(b);
}

static struct wsr_arena_block *block_new(struct wsr_arena *a, size_t len)
{
	if (len > a->max_bytes - a->used_bytes)
		return NULL;
	struct wsr_arena_block *b;
	if (len == WSR_ARENA_BLOCK && a->pool && a->pool->free) {
		b = a->pool->free;
		ASAN_UNPOISON_MEMORY_REGION((char *)b + BLOCK_HEADER, len - BLOCK_HEADER);
		a->pool->free = b->next;
		a->pool->free_count--;
	} else if (!(b = len == WSR_ARENA_BLOCK ? usual_block(a->pool) : malloc(len))) {
		return NULL;
	}
	b->len = len;
	b->next = a->block;
	a->block = b;
	a->used_bytes += len;
	return b;
}

static void block_release(struct wsr_arena_pool *pool, struct wsr_arena_block *b)
{
	if (b->len != WSR_ARENA_BLOCK) {
		free(b);
		return;
	}
	if (!pool || pool->free_count >= pool->free_max) {
		free_usual(pool, b);
		return;
	}
	b->next = pool->free;
	pool->free = b;
	pool->free_count++;
	/* A slice that outlives its request is a bug which a sanitizer build shall see even though the block is only pooled. */
	ASAN_POISON_MEMORY_REGION((char *)b + BLOCK_HEADER, WSR_ARENA_BLOCK - BLOCK_HEADER);
}

void wsr_arena_reset(struct wsr_arena *a)
{
	while (a->block) {
		struct wsr_arena_block *b = a->block;
		a->block = b->next;
		block_release(a->pool, b);
	}
	a->next = a->end = NULL;
	a->used_bytes = 0;
}

void wsr_arena_pool_drain(struct wsr_arena_pool *pool)
{
	while (pool->free) {
		struct wsr_arena_block *b = pool->free;
		ASAN_UNPOISON_MEMORY_REGION((char *)b + BLOCK_HEADER, WSR_ARENA_BLOCK - BLOCK_HEADER);
		pool->free = b->next;
		free_usual(pool, b);
	}
	pool->free_count = 0;
}

void *wsr_arena_more(struct wsr_arena *a, size_t len)
{
	if (len > SIZE_MAX - BLOCK_HEADER - ALIGNMENT)
		return NULL;
	len = len ? (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
	if (len <= (size_t)(a->end - a->next)) {
		void *p = a->next;
		a->next += len;
		return p;
	}
	bool own = len > WSR_ARENA_BLOCK - BLOCK_HEADER;
	struct wsr_arena_block *b = block_new(a, own ? BLOCK_HEADER + len : WSR_ARENA_BLOCK);
	if (!b)
		return NULL;
	char *start = (char *)b + BLOCK_HEADER;
	/* A block of its own is full at once: what is left of the current one stays in use, unless there is no current one. */
	if (!own) {
		a->next = start + len;
		a->end = (char *)b + b->len;
	}
	return start;
}

struct wsr_str wsr_arena_dup(struct wsr_arena *a, struct wsr_str s)
{
	if (s.len == SIZE_MAX)
		return WSR_STR_NULL;
	char *p = wsr_arena_alloc(a, s.len + 1);
	if (!p)
		return WSR_STR_NULL;
	if (s.len)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return wsr_str(p, s.len);
}
