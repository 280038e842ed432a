/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for objects of one size that live for the length of a request or less than their connection. In: get. Out: put.
 *
 * They stand in mapped regions of their own instead of malloc's heap, for two reasons: a kept-alive request asks malloc for nothing; and what a burst of requests needed
 * is given back when it is over, where in the heap it would remain as holes between the streams and tunnels that stay. What was not needed for SLAB_TRIM_MS
 * is unmapped by a timer of the loop. A build with the address sanitizer uses malloc, so that it sees the use of a released object.
 */
#ifndef RUNTIME_SLAB_H
#define RUNTIME_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define SLAB_BYTES   (32u * 1024) /* of a region */
#define SLAB_TRIM_MS 20u

struct loop;
struct slab;

/** Objects of one size. Between slabs_init() and slabs_drain() it stands in the loop's list and must not move. */
struct slabs {
	struct loop *loop;
	struct slabs *next, **pprev; /* of the loop */
	size_t stride;               /* bytes from object to object */
	struct slab *room;           /* regions in use that have room, the one used last first */
	struct slab *empty;          /* regions without objects */
	uint32_t empty_count;
	uint32_t empty_least;        /* least number of them since the timer came last */
};

/** @param size  of an object, 1..SLAB_BYTES / 2 */
void slabs_init(struct slabs *s, struct loop *loop, size_t size);
/** Unmap what is kept; all objects must have been given back. */
void slabs_drain(struct slabs *s);

/** @return uninitialised memory for one object, aligned to 16 bytes; NULL without memory */
void *slabs_get(struct slabs *s);
/** Give it back. NULL is allowed. */
void slabs_put(struct slabs *s, void *object);

#endif
