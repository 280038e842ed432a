/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regions of equal objects: see slab.h. A region begins at a multiple of its size, so that an object's address leads to it.
 *
 * Invariant: a full region is in no list, one with room in `room`, one without objects in `empty` unless it was alone in `room` when it lost its last object. The
 * timer is set while there are regions in some `empty`; it unmaps as many as stayed there since it came last.
 */
#include "runtime/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/loop.h"

#define ALIGNMENT 16u

struct free_object {
	struct free_object *next;
};

struct slab {
	struct slab *next, **pprev;
	struct free_object *free;    /* given back, the newest first */
	uint32_t used;               /* objects given out */
	uint32_t fresh_at;           /* offset behind the last object that was ever given out: the pages from there on were not touched yet */
};

#define HEADER ((sizeof(struct slab) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PLAIN_MALLOC true
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PLAIN_MALLOC true
#endif
#ifndef PLAIN_MALLOC
#define PLAIN_MALLOC false
#endif

static bool is_full(const struct slabs *s, const struct slab *slab)
{
	return !slab->free && s->stride > SLAB_BYTES - slab->fresh_at;
}

static void link_slab(struct slab **list, struct slab *slab)
{
	slab->next = *list;
	slab->pprev = list;
	if (slab->next)
		slab->next->pprev = &slab->next;
	*list = slab;
}

static void unlink_slab(struct slab *slab)
{
	*slab->pprev = slab->next;
	if (slab->next)
		slab->next->pprev = slab->pprev;
}

/* Twice the size holds an aligned region; what lies around it goes back. */
static struct slab *map_slab(void)
{
	char *start = mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		return NULL;
	size_t before = -(uintptr_t)start % SLAB_BYTES, behind = SLAB_BYTES - before;
	if (before > 0)
		munmap(start, before);
	if (behind > 0)
		munmap(start + before + SLAB_BYTES, behind);
	struct slab *slab = (struct slab *)(void *)(start + before);
	slab->fresh_at = HEADER;
	return slab;
}

static void unmap_empty(struct slabs *s, uint32_t count)
{
	for (; count > 0; count--) {
		struct slab *slab = s->empty;
		unlink_slab(slab);
		munmap(slab, SLAB_BYTES);
		s->empty_count--;
	}
}

/* --- the timer --------------------------------------------------------------------------------------------------------- */

static void on_trim(struct timer *timer)
{
	struct loop *loop = container_of(timer, struct loop, slab_timer);
	bool again = false;

	for (struct slabs *s = loop->slabs; s; s = s->next) {
		unmap_empty(s, s->empty_least);
		s->empty_least = s->empty_count;
		again |= s->empty_count > 0;
	}
	if (again)
		timer_set(loop, timer, SLAB_TRIM_MS);
}

void slabs_init(struct slabs *s, struct loop *loop, size_t size)
{
	*s = (struct slabs){ .loop = loop, .next = loop->slabs, .pprev = &loop->slabs, .stride = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT };
	if (s->next)
		s->next->pprev = &s->next;
	loop->slabs = s;
	loop->slab_timer.fn = on_trim;
}

void slabs_drain(struct slabs *s)
{
	unmap_empty(s, s->empty_count);
	if (s->room) /* the one that was alone */
		munmap(s->room, SLAB_BYTES);
	s->room = NULL;
	*s->pprev = s->next;
	if (s->next)
		s->next->pprev = s->pprev;
	if (!s->loop->slabs)
		timer_clear(s->loop, &s->loop->slab_timer);
}

/* --- objects ----------------------------------------------------------------------------------------------------------- */

/* A region with room, at the head of its list. */
static struct slab *find_room(struct slabs *s)
{
	struct slab *slab = s->room ? s->room : s->empty ? s->empty : map_slab();

	if (!slab || slab == s->room)
		return slab;
	if (slab == s->empty) {
		unlink_slab(slab);
		s->empty_count--;
		if (s->empty_least > s->empty_count)
			s->empty_least = s->empty_count;
	}
	link_slab(&s->room, slab);
	return slab;
}

void *slabs_get(struct slabs *s)
{
	if (PLAIN_MALLOC)
		return malloc(s->stride);
	struct slab *slab = find_room(s);
	if (!slab)
		return NULL;
	void *object = slab->free;
	if (object) {
		slab->free = slab->free->next;
	} else {
		object = (char *)slab + slab->fresh_at;
		slab->fresh_at += (uint32_t)s->stride;
	}
	slab->used++;
	if (is_full(s, slab))
		unlink_slab(slab);
	return object;
}

void slabs_put(struct slabs *s, void *object)
{
	if (PLAIN_MALLOC || !object) {
		free(object);
		return;
	}
	struct slab *slab = (struct slab *)((uintptr_t)object - (uintptr_t)object % SLAB_BYTES);
	struct free_object *freed = object;
	bool was_full = is_full(s, slab);
	freed->next = slab->free;
	slab->free = freed;
	if (was_full)
		link_slab(&s->room, slab);
	if (--slab->used > 0 || (s->room == slab && !slab->next))
		return;
	unlink_slab(slab);
	link_slab(&s->empty, slab);
	s->empty_count++;
	if (!timer_is_set(&s->loop->slab_timer))
		timer_set(s->loop, &s->loop->slab_timer, SLAB_TRIM_MS);
}
