/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time-outs of one worker: a hashed wheel of intrusive timers, driven by a single timerfd.
 *
 * A timer lives inside the object that it guards. Moving its time later only stores a number (the wheel looks again when the old slot comes
 * round), so a read-silence time-out that is pushed on by every read costs nothing. Times are rounded up to TIMER_TICK_MS and never early.
 * Any length is allowed (days, 2^40 ms): what lies behind the horizon is looked at once a revolution.
 */
#ifndef RUNTIME_TIMER_H
#define RUNTIME_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

#define TIMER_TICK_MS 8u
#define TIMER_SLOTS   4096u /* horizon: 4095 ticks, 32.8 s; must be a multiple of 64 */

/** Zero-initialised is a cleared timer. `fn` recovers its object from the timer's address. */
struct timer {
	struct timer *next, **pprev; /* of the slot's list; pprev NULL = not set */
	uint64_t due_ms;             /* on the loop's clock */
	uint64_t wake_tick;          /* slot it stands in: at or before due_ms */
	void (*fn)(struct timer *);
};

struct timer_wheel {
	uint64_t tick;               /* last tick worked off */
	uint64_t armed_tick;         /* the timerfd fires at this tick; UINT64_MAX = not armed */
	uint64_t used[TIMER_SLOTS / 64]; /* bit: slot has a timer */
	struct timer *slot[TIMER_SLOTS];
};

/** Fire fn once, `ms` from now. Replaces an earlier time. ms above 2^62 counts as 2^62. Cheap, above all when the new time is later. */
void timer_set(struct loop *loop, struct timer *t, uint64_t ms);

/** timer_set() for a timer that is set already and whose new time is on the loop's clock and not earlier. @return false: timer_set() is needed */
static inline bool timer_delay(struct timer *t, uint64_t due_ms)
{
	if (!t->pprev || due_ms < t->due_ms)
		return false;
	t->due_ms = due_ms;
	return true;
}

/** Never fires after this. Harmless on a cleared timer. Must be called before the memory of a set timer is released. */
void timer_clear(struct loop *loop, struct timer *t);

/** Work off the slots that are due; called by loop.c when the wheel's timerfd fires. */
void timer_wheel_turn(struct loop *loop);

static inline bool timer_is_set(const struct timer *t)
{
	return t->pprev != 0;
}

#endif
