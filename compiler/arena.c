/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arena allocation: chunks of growing size obtained with pages_alloc(), small allocations cut from the newest, large ones with a chunk of their
 * own. Invariant: used_bytes never exceeds ceiling_bytes, and a failed allocation leaves the arena as it was.
 */
#include "compiler/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/pages.h"

#define CHUNK_FIRST ((size_t)64 << 10)
#define CHUNK_LAST  ((size_t)4 << 20)
#define ALIGN       ((size_t)8)

struct arena_chunk {
	struct arena_chunk *older;
	size_t bytes;
	char data[];
};

struct arena_cleanup {
	struct arena_cleanup *older;
	void (*fn)(void *object);
	void *object;
};

void arena_init(struct arena *a, size_t ceiling_bytes)
{
	memset(a, 0, sizeof(*a));
	a->ceiling_bytes = ceiling_bytes;
}

void arena_free(struct arena *a)
{
	for (struct arena_cleanup *c = a->cleanups; c; c = c->older)
		c->fn(c->object);
	while (a->chunks) {
		struct arena_chunk *older = a->chunks->older;
		free(a->chunks);
		a->chunks = older;
	}
	memset(a, 0, sizeof(*a));
}

static _Noreturn void out_of_memory(struct arena *a)
{
	if (!a->out_of_memory)
		abort();
	longjmp(*a->out_of_memory, 1);
}

static struct arena_chunk *chunk_new(struct arena *a, size_t bytes)
{
	struct arena_chunk *c;

	if (bytes > SIZE_MAX - sizeof(*c))
		out_of_memory(a);
	if (a->ceiling_bytes && bytes + sizeof(*c) > a->ceiling_bytes - a->used_bytes)
		out_of_memory(a);
	c = pages_alloc(sizeof(*c) + bytes);
	if (!c)
		out_of_memory(a);
	c->bytes = bytes;
	a->used_bytes += sizeof(*c) + bytes;
	return c;
}

/* Large: its own chunk, behind the current one so that the current one's room is still used. */
static void *alloc_large(struct arena *a, size_t bytes)
{
	struct arena_chunk *c = chunk_new(a, bytes);

	if (a->chunks) {
		c->older = a->chunks->older;
		a->chunks->older = c;
	} else {
		c->older = NULL;
		a->chunks = c;
	}
	return c->data;
}

static void *alloc_slow(struct arena *a, size_t bytes)
{
	size_t size = CHUNK_FIRST;

	while (size < CHUNK_LAST && size < a->used_bytes / 2)
		size *= 2;
	if (bytes > size / 4)
		return alloc_large(a, bytes);
	struct arena_chunk *c = chunk_new(a, size - sizeof(*c)); /* in all a whole number of pages */
	c->older = a->chunks;
	a->chunks = c;
	a->next = c->data + bytes;
	a->room = c->bytes - bytes;
	return c->data;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	if (++a->allocation_count == a->fail_at || bytes > SIZE_MAX - ALIGN)
		out_of_memory(a);
	bytes = (bytes + ALIGN - 1) & ~(ALIGN - 1);
	if (bytes > a->room)
		return alloc_slow(a, bytes);
	void *p = a->next;
	a->next += bytes;
	a->room -= bytes;
	return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		out_of_memory(a);
	return memset(arena_alloc(a, bytes), 0, bytes);
}

char *arena_copy(struct arena *a, const void *bytes, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (len)
		memcpy(p, bytes, len);
	p[len] = '\0';
	return p;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char usual[128]; /* most texts are short: printed once, not measured first */
	va_list again;

	va_copy(again, ap);
	int len = vsnprintf(usual, sizeof(usual), fmt, again);
	va_end(again);
	if (len < 0)
		out_of_memory(a);
	if ((size_t)len < sizeof(usual))
		return arena_copy(a, usual, (size_t)len);
	char *p = arena_alloc(a, (size_t)len + 1);
	vsnprintf(p, (size_t)len + 1, fmt, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

void *arena_grow(struct arena *a, void *items, size_t count, size_t *cap, size_t element_bytes)
{
	if (count < *cap)
		return items;
	size_t wanted = *cap ? *cap * 2 : 8, bytes;
	if (wanted < *cap || __builtin_mul_overflow(wanted, element_bytes, &bytes))
		out_of_memory(a);
	void *grown = arena_alloc(a, bytes);
	if (count)
		memcpy(grown, items, count * element_bytes);
	*cap = wanted;
	return grown;
}

void arena_on_free(struct arena *a, void (*fn)(void *object), void *object)
{
	struct arena_cleanup *c = arena_alloc(a, sizeof(*c));

	*c = (struct arena_cleanup){ a->cleanups, fn, object };
	a->cleanups = c;
}
