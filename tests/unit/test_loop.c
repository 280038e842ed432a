/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop: order and fairness of the run queue, timers of every length, moving and clearing them while they fire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/loop.h"

static struct loop loop;

static int setup(void **state)
{
	(void)state;
	return loop_init(&loop) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(&loop);
	return 0;
}

/* --- run queue ------------------------------------------------------------------------------------------------------ */

struct job {
	struct task task;
	int runs, again;
	struct job *cancel, *queue;
	int write_fd;               /* a byte goes there at the third run; 0 = nowhere */
	char *trace;
	char letter;
};

static void run_job(struct task *task)
{
	struct job *j = container_of(task, struct job, task);

	j->runs++;
	if (j->trace)
		j->trace[strlen(j->trace)] = j->letter;
	if (j->write_fd && j->runs == 3)
		assert_int_equal(write(j->write_fd, "x", 1), 1);
	if (j->cancel)
		loop_cancel(&j->cancel->task);
	if (j->queue)
		loop_later(&loop, &j->queue->task);
	if (j->again > 0 && j->again--)
		loop_later(&loop, &j->task);
}

static void test_queue_order(void **state)
{
	char trace[16] = "";
	struct job c = { .task.fn = run_job, .trace = trace, .letter = 'c' };
	struct job b = { .task.fn = run_job, .trace = trace, .letter = 'b' };
	struct job a = { .task.fn = run_job, .trace = trace, .letter = 'a', .cancel = &b, .queue = &c };

	(void)state;
	loop_later(&loop, &a.task);
	loop_later(&loop, &b.task);
	loop_later(&loop, &a.task); /* keeps its place */
	assert_true(task_is_queued(&b.task));
	loop_run_for(&loop, 30);
	assert_string_equal(trace, "ac");
	assert_false(task_is_queued(&b.task));
	loop_cancel(&b.task);
	loop_later(&loop, &b.task);
	loop_cancel(&b.task);
	loop_later(&loop, &c.task); /* an emptied queue works on */
	loop_run_for(&loop, 30);
	assert_string_equal(trace, "acc");
}

static void count_read(evutil_socket_t fd, short what, void *arg)
{
	char byte;

	(void)what;
	if (read(fd, &byte, 1) == 1)
		++*(int *)arg;
	loop_break(&loop);
}

/* A task that queues itself for ever must not keep descriptors from being served. */
static void test_queue_starves_nobody(void **state)
{
	struct job forever = { .task.fn = run_job, .again = 10000000 };
	struct event ev;
	int fd[2], count = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(event_assign(&ev, loop.base, fd[0], EV_READ, count_read, &count), 0);
	assert_int_equal(event_add(&ev, NULL), 0);
	forever.write_fd = fd[1];
	loop_later(&loop, &forever.task);
	assert_true(loop_run_for(&loop, 2000));
	assert_int_equal(count, 1);
	assert_in_range(forever.runs, 3, 10);
	loop_cancel(&forever.task);
	event_del(&ev);
	event_debug_unassign(&ev);
	close(fd[0]);
	close(fd[1]);
}

/* --- timers --------------------------------------------------------------------------------------------------------- */

struct alarm {
	struct timer timer;
	uint64_t at_ms;
	int runs;
	uint64_t repeat_ms;
	bool repeat;
	struct alarm *clear;
};

static void on_alarm(struct timer *timer)
{
	struct alarm *a = container_of(timer, struct alarm, timer);

	a->runs++;
	a->at_ms = loop.now_ms;
	if (a->clear)
		timer_clear(&loop, &a->clear->timer);
	if (a->repeat)
		timer_set(&loop, timer, a->repeat_ms);
}

static void test_timer_times(void **state)
{
	static const uint64_t ms[] = { 0, 1, 7, 8, 9, 40, 100, 200 };
	struct alarm a[8];
	uint64_t start = loop_now(&loop);

	(void)state;
	memset(a, 0, sizeof(a));
	for (int i = 7; i >= 0; i--) {
		a[i].timer.fn = on_alarm;
		timer_set(&loop, &a[i].timer, ms[i]);
	}
	loop_run_for(&loop, 300);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(a[i].runs, 1);
		assert_false(timer_is_set(&a[i].timer));
		assert_true(a[i].at_ms >= start + ms[i]);
		assert_true(a[i].at_ms <= start + ms[i] + 1000);
	}
}

static void test_timer_moves(void **state)
{
	struct alarm later = { .timer.fn = on_alarm }, sooner = { .timer.fn = on_alarm }, gone = { .timer.fn = on_alarm };
	uint64_t start = loop_now(&loop);

	(void)state;
	assert_false(timer_delay(&later.timer, start + 150)); /* not set */
	timer_set(&loop, &later.timer, 20);
	assert_true(timer_delay(&later.timer, start + 150));
	assert_false(timer_delay(&later.timer, start + 40));
	timer_set(&loop, &sooner.timer, 100000);
	timer_set(&loop, &sooner.timer, 30);
	timer_set(&loop, &gone.timer, 30);
	timer_clear(&loop, &gone.timer);
	timer_clear(&loop, &gone.timer);
	loop_run_for(&loop, 90);
	assert_int_equal(later.runs, 0);
	assert_int_equal(sooner.runs, 1);
	loop_run_for(&loop, 200);
	assert_int_equal(later.runs, 1);
	assert_true(later.at_ms >= start + 150);
	assert_int_equal(gone.runs, 0);
}

/* Timers of one slot that clear each other, and one that sets itself again with no delay at all. */
static void test_timer_in_callback(void **state)
{
	struct alarm a = { .timer.fn = on_alarm }, b = { .timer.fn = on_alarm };
	struct alarm spin = { .timer.fn = on_alarm, .repeat = true, .repeat_ms = 0 };

	(void)state;
	a.clear = &b;
	b.clear = &a;
	timer_set(&loop, &a.timer, 16);
	timer_set(&loop, &b.timer, 16);
	timer_set(&loop, &spin.timer, 0);
	loop_run_for(&loop, 100);
	assert_int_equal(a.runs + b.runs, 1);
	assert_in_range(spin.runs, 3, 100 / TIMER_TICK_MS + 2);
	timer_clear(&loop, &spin.timer);
}

/* Days, centuries and the largest number; beyond the horizon of the wheel and still in order. */
static void test_timer_long(void **state)
{
	struct alarm far[4];
	static const uint64_t ms[] = { UINT64_C(86400000) * 30, UINT64_C(1) << 40, UINT64_MAX, 40000 };

	(void)state;
	memset(far, 0, sizeof(far));
	for (int i = 0; i < 4; i++) {
		far[i].timer.fn = on_alarm;
		timer_set(&loop, &far[i].timer, ms[i]);
	}
	loop_run_for(&loop, 30);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(far[i].runs, 0);
		/* in a slot of this revolution, looked at again when it comes round */
		assert_in_range(far[i].timer.wake_tick - loop.wheel.tick, 1, TIMER_SLOTS - 1);
		timer_clear(&loop, &far[i].timer);
	}
}

static long cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000L + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* Pushing a time-out on by every read must cost no more than storing a number. */
static void test_timer_push_is_cheap(void **state)
{
	struct alarm a = { .timer.fn = on_alarm };
	long start = cpu_us();

	(void)state;
	timer_set(&loop, &a.timer, 50000);
	uint64_t wake = a.timer.wake_tick;
	for (int i = 0; i < 100000; i++)
		timer_set(&loop, &a.timer, 60000);
	assert_int_equal(a.timer.wake_tick, wake);
	print_message("timer_set, later: %.0f ns\n", (double)(cpu_us() - start) * 1000 / 100000);
	timer_clear(&loop, &a.timer);
	start = cpu_us();
	loop_run_for(&loop, 300);
	assert_true(cpu_us() - start < 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_queue_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue_starves_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_in_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_push_is_cheap, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
