/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer wheel: 4096 slots of one tick each, a bitmap of used slots, one timerfd armed for the earliest used slot. A time-out in libevent's heap would make
 * every turn of the loop ask for the time twice and every wait set up a timer in the kernel; this one is touched about once a tick at most.
 *
 * Invariants: a set timer stands in slot (wake_tick mod TIMER_SLOTS) with wheel.tick < wake_tick <= wheel.tick + TIMER_SLOTS - 1, and wake_tick is at
 * or before the tick of due_ms. So a slot holds timers of one revolution only, and raising due_ms needs no move.
 */
#include "runtime/loop.h"

#include <sys/timerfd.h>

static uint64_t tick_after(uint64_t ms)
{
	return (ms + TIMER_TICK_MS - 1) / TIMER_TICK_MS;
}

static void link_timer(struct timer_wheel *w, struct timer *t, uint64_t now_ms)
{
	uint64_t wake = tick_after(t->due_ms);
	uint64_t soonest = now_ms / TIMER_TICK_MS + 1; /* a timer never fires in the pass that sets it */

	if (wake < soonest)
		wake = soonest;
	if (wake > w->tick + TIMER_SLOTS - 1)
		wake = w->tick + TIMER_SLOTS - 1;
	struct timer **head = &w->slot[wake % TIMER_SLOTS];
	t->wake_tick = wake;
	t->next = *head;
	t->pprev = head;
	if (*head)
		(*head)->pprev = &t->next;
	*head = t;
	w->used[wake % TIMER_SLOTS / 64] |= UINT64_C(1) << (wake % 64);
}

static void unlink_timer(struct timer *t)
{
	*t->pprev = t->next;
	if (t->next)
		t->next->pprev = t->pprev;
	t->next = NULL;
	t->pprev = NULL;
}

/* The first tick after w->tick whose slot is used; UINT64_MAX if there is none. */
static uint64_t next_used(const struct timer_wheel *w)
{
	uint64_t start = w->tick + 1;
	uint32_t slot = start % TIMER_SLOTS;
	uint32_t word = slot / 64;
	uint64_t bits = w->used[word] & (UINT64_MAX << (slot % 64));

	for (uint32_t i = 0; i <= TIMER_SLOTS / 64; i++) {
		if (bits != 0) {
			uint32_t found = word * 64 + (uint32_t)__builtin_ctzll(bits);
			return start + (found + TIMER_SLOTS - slot) % TIMER_SLOTS;
		}
		word = (word + 1) % (TIMER_SLOTS / 64);
		bits = w->used[word];
	}
	return UINT64_MAX;
}

/* Have the loop call us at `tick`, unless it does so earlier already. The loop's clock may lag behind the exact one by a step of it. */
static void arm(struct loop *loop, uint64_t tick)
{
	struct timer_wheel *w = &loop->wheel;

	if (tick >= w->armed_tick)
		return;
	uint64_t at_ms = tick * TIMER_TICK_MS + loop->clock_step_ms;
	struct itimerspec at = { .it_value = { (time_t)(at_ms / 1000), (long)(at_ms % 1000 * 1000000) } };
	w->armed_tick = timerfd_settime(loop->wheel_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0 ? tick : UINT64_MAX;
}

void timer_set(struct loop *loop, struct timer *t, uint64_t ms)
{
	struct timer_wheel *w = &loop->wheel;
	uint64_t now_ms = loop_now(loop);

	if (ms > UINT64_C(1) << 62)
		ms = UINT64_C(1) << 62;
	t->due_ms = now_ms + ms;
	if (t->pprev) {
		if (t->wake_tick <= tick_after(t->due_ms))
			return;
		unlink_timer(t);
	}
	if (w->armed_tick == UINT64_MAX && next_used(w) == UINT64_MAX)
		w->tick = now_ms / TIMER_TICK_MS; /* an empty wheel stood still */
	link_timer(w, t, now_ms);
	arm(loop, t->wake_tick);
}

void timer_clear(struct loop *loop, struct timer *t)
{
	(void)loop;
	if (t->pprev)
		unlink_timer(t); /* the slot's bit stays set: the wheel looks at the empty slot once */
}

/* Take the timers of one slot; those whose time was moved go to their new slot, the others fire. */
static void run_slot(struct loop *loop, uint64_t tick)
{
	struct timer_wheel *w = &loop->wheel;
	uint32_t slot = tick % TIMER_SLOTS;
	struct timer *list = w->slot[slot];

	w->slot[slot] = NULL;
	w->used[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
	w->tick = tick;
	if (list)
		list->pprev = &list; /* a callback may clear or set any timer, also one of this list */
	while (list) {
		struct timer *t = list;
		unlink_timer(t);
		if (t->due_ms > loop->now_ms)
			link_timer(w, t, loop->now_ms);
		else
			t->fn(t);
	}
}

void timer_wheel_turn(struct loop *loop)
{
	struct timer_wheel *w = &loop->wheel;
	uint64_t now_tick = loop_now(loop) / TIMER_TICK_MS;
	uint64_t tick;

	while ((tick = next_used(w)) <= now_tick)
		run_slot(loop, tick);
	if (w->tick < now_tick)
		w->tick = now_tick;
	w->armed_tick = UINT64_MAX;
	tick = next_used(w);
	if (tick != UINT64_MAX)
		arm(loop, tick);
}
