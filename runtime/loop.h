/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop of one worker: libevent's base, the clock, the timers, the run queue and the scratch buffers that let idle connections own none.
 *
 * "Later" is the run queue: a list of tasks emptied once a turn by one zero-time-out event, so that other descriptors are polled between
 * two rounds. Nothing here calls event_active() on itself. One thread per loop; loops share nothing.
 */
#ifndef RUNTIME_LOOP_H
#define RUNTIME_LOOP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>

#include "runtime/timer.h"

#define LOOP_SCRATCH_BYTES (64u * 1024) /* size of each scratch buffer */
#define LOOP_WIDE_BYTES    (224u * 1024) /* ... of `plain`, for streams that read wide */
#define LOOP_CIPHER_BYTES  (LOOP_WIDE_BYTES + LOOP_WIDE_BYTES / 16) /* the same as records, even small ones (22 of 512 bytes) */
#define LOOP_GATHER_BYTES  (16u * 1024) /* one TLS record */

struct slabs;
struct stream;
struct tls_link;

/** One piece of work for the next turn. Lives inside its object; zero-initialised is "not queued". fn may free the object. */
struct task {
	struct task *next, *prev;    /* NULL = not queued */
	void (*fn)(struct task *);
};

struct loop {
	struct event_base *base;
	uint64_t now_ms;             /* monotonic; refreshed by loop_now() and at the start of each of our callbacks */
	uint8_t *plain;              /* what a stream hands to on_data; valid until the callback returns */
	uint8_t *cipher_in;          /* ciphertext received, during one read operation */
	uint8_t *cipher_out;         /* ciphertext made by one operation, before its send */
	uint8_t *gather;             /* small pieces of one write joined into one TLS record */
	size_t cipher_out_len;
	struct task queue;           /* ring: next is the oldest */
	struct event queue_event;
	struct timer_wheel wheel;
	struct event wheel_event;    /* of wheel_fd, edge-triggered: a timerfd that nobody reads */
	int wheel_fd;
	uint32_t clock_step_ms;      /* of the loop's clock */
	struct slabs *slabs;         /* see slab.h */
	struct timer slab_timer;
	struct stream *closing;      /* streams without an owner that still flush or linger */
	uint32_t closing_count;
	struct tls_link *awake, *awake_last; /* TLS connections that may have used their memory lately, see tls_bio.c */
	struct timer awake_timer;
	bool broken;                 /* loop_break() was called since the run began */
	uint64_t stream_events;      /* socket events handled, for tests: an idle connection makes none */
};

/**
 * Make the base and the buffers. Ignores SIGPIPE in this process.
 * Builds with a sanitizer or -DWSR_DEBUG turn on libevent's debug mode: call before any other event is made, and call event_debug_unassign()
 * before the memory of an event is released.
 * @return false without memory or descriptors; *loop needs no loop_free() then
 */
bool loop_init(struct loop *loop);

/**
 * libevent's checks (an event added before it is assigned, freed while pending ...): must be on before the first base, so whoever makes one without loop_init()
 * calls this first. Does nothing the second time and in builds without a sanitizer.
 */
void loop_debug_mode(void);

/** Close what still flushes or lingers, release the base. Everything else that uses the loop must have been released before. */
void loop_free(struct loop *loop);

/** Run until loop_break(), or without events. */
void loop_run(struct loop *loop);
/** Run at most about `ms` or until loop_break(). @return true when broken, false when the time ran out. For tests and shutdown. */
bool loop_run_for(struct loop *loop, uint64_t ms);
/** Leave loop_run() after the callback that is running. */
void loop_break(struct loop *loop);

/** Refresh and return loop->now_ms: milliseconds on CLOCK_MONOTONIC_COARSE. Call it first in callbacks registered with libevent directly. */
uint64_t loop_now(struct loop *loop);

/** Run the task in the next turn of the loop. A task that is queued already keeps its place. Tasks queued while the queue runs wait for the turn after. */
void loop_later(struct loop *loop, struct task *task);
/** Take the task out of the queue. Harmless when it is not queued. Must be called before the memory of a queued task is released. */
void loop_cancel(struct task *task);

static inline bool task_is_queued(const struct task *task)
{
	return task->next != 0;
}

/** The object that holds a task, timer or event as a member. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
