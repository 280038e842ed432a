/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop's own parts: base, clock, run queue, scratch buffers. The wheel is in timer.c.
 *
 * Invariant: queue_event is pending exactly while the queue is not empty, and its time-out is zero, so every turn polls all descriptors once between two
 * rounds of tasks.
 */
#include "runtime/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/stream.h"

#if defined(__SANITIZE_ADDRESS__) && !defined(WSR_DEBUG)
#define WSR_DEBUG 1
#elif defined(__has_feature) && !defined(WSR_DEBUG)
#if __has_feature(address_sanitizer)
#define WSR_DEBUG 1
#endif
#endif

void loop_debug_mode(void)
{
#ifdef WSR_DEBUG
	static bool done;

	if (!done)
		event_enable_debug_mode();
	done = true;
#endif
}

uint64_t loop_now(struct loop *loop)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	loop->now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	return loop->now_ms;
}

static void on_wheel(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	timer_wheel_turn(arg);
}

/* --- run queue ---------------------------------------------------------------------------------------------------- */

static void ring_init(struct task *head)
{
	head->next = head->prev = head;
}

static void ring_remove(struct task *task)
{
	task->prev->next = task->next;
	task->next->prev = task->prev;
	task->next = task->prev = NULL;
}

static void on_queue(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	struct task round;

	(void)fd;
	(void)what;
	loop_now(loop);
	if (loop->queue.next == &loop->queue)
		return;
	/* Move all to a ring of this round: what is queued from now on waits for the next one, and loop_cancel() works on either. */
	round = loop->queue;
	round.next->prev = round.prev->next = &round;
	ring_init(&loop->queue);
	while (round.next != &round) {
		struct task *task = round.next;
		ring_remove(task);
		task->fn(task);
	}
}

void loop_later(struct loop *loop, struct task *task)
{
	static const struct timeval zero;

	if (task->next)
		return;
	if (loop->queue.next == &loop->queue && event_add(&loop->queue_event, &zero) != 0)
		event_active(&loop->queue_event, EV_TIMEOUT, 1); /* no memory for the time-out heap: unfair for once, but it runs */
	task->prev = loop->queue.prev;
	task->next = &loop->queue;
	task->prev->next = task;
	loop->queue.prev = task;
}

void loop_cancel(struct task *task)
{
	if (task->next)
		ring_remove(task); /* an empty round costs one turn */
}

/* --- life and run -------------------------------------------------------------------------------------------------- */

static void release(struct loop *loop)
{
	free(loop->plain);
	free(loop->cipher_in);
	free(loop->cipher_out);
	free(loop->gather);
	if (loop->wheel_fd >= 0)
		close(loop->wheel_fd);
	if (loop->base)
		event_base_free(loop->base);
	memset(loop, 0, sizeof(*loop));
}

/* Without this libevent reads the clock after every wait, for time-outs that we do not have. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = config && event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0 ? event_base_new_with_config(config) : NULL;

	if (config)
		event_config_free(config);
	return base;
}

static uint32_t clock_step_ms(void)
{
	struct timespec step = { 0 };

	clock_getres(CLOCK_MONOTONIC_COARSE, &step);
	return (uint32_t)(step.tv_nsec / 1000000) + 1;
}

bool loop_init(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	loop_debug_mode();
	signal(SIGPIPE, SIG_IGN); /* evbuffer_write() and sendfile() have no MSG_NOSIGNAL */
	ring_init(&loop->queue);
	loop->wheel.armed_tick = UINT64_MAX;
	loop->wheel.tick = loop_now(loop) / TIMER_TICK_MS;
	loop->clock_step_ms = clock_step_ms();
	loop->wheel_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	loop->base = new_base();
	loop->plain = malloc(LOOP_WIDE_BYTES);
	loop->cipher_in = malloc(LOOP_SCRATCH_BYTES);
	loop->cipher_out = malloc(LOOP_CIPHER_BYTES);
	loop->gather = malloc(LOOP_GATHER_BYTES);
	if (!loop->base || loop->wheel_fd < 0 || !loop->plain || !loop->cipher_in || !loop->cipher_out || !loop->gather ||
	    event_assign(&loop->queue_event, loop->base, -1, 0, on_queue, loop) != 0 ||
	    event_assign(&loop->wheel_event, loop->base, loop->wheel_fd, EV_READ | EV_ET | EV_PERSIST, on_wheel, loop) != 0 ||
	    event_add(&loop->wheel_event, NULL) != 0) {
		release(loop);
		return false;
	}
	return true;
}

void loop_free(struct loop *loop)
{
	stream_free_closing(loop);
	event_del(&loop->queue_event);
	event_del(&loop->wheel_event);
	event_debug_unassign(&loop->queue_event);
	event_debug_unassign(&loop->wheel_event);
	release(loop);
}

void loop_run(struct loop *loop)
{
	event_base_dispatch(loop->base);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	bool *expired = arg;

	(void)fd;
	(void)what;
	*expired = true;
}

bool loop_run_for(struct loop *loop, uint64_t ms)
{
	bool expired = false;
	struct event limit;
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	if (event_assign(&limit, loop->base, -1, 0, on_limit, &expired) != 0 || event_add(&limit, &tv) != 0)
		return false;
	loop->broken = false;
	while (!expired && !loop->broken)
		event_base_loop(loop->base, EVLOOP_ONCE);
	event_del(&limit);
	event_debug_unassign(&limit);
	return loop->broken;
}

void loop_break(struct loop *loop)
{
	loop->broken = true;
	event_base_loopbreak(loop->base);
}
