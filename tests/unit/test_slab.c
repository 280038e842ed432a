/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slabs: objects do not overlap, are aligned, are reused newest first, and regions that nobody uses are given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "runtime/loop.h"
#include "runtime/slab.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOLED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOLED 0
#endif
#endif
#ifndef POOLED
#define POOLED 1
#endif

#define COUNT 1000u

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

/* Mappings of this process: regions come and go with them. */
static unsigned mapped_kilobytes(void)
{
	unsigned pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &pages), 1);
	fclose(f);
	return pages * 4;
}

static void use_all(struct slabs *s, size_t size)
{
	static unsigned char *object[COUNT];
	for (unsigned i = 0; i < COUNT; i++) {
		object[i] = slabs_get(s);
		assert_non_null(object[i]);
		assert_int_equal((uintptr_t)object[i] % 16, 0);
		memset(object[i], (int)(i % 251), size);
	}
	for (unsigned i = 0; i < COUNT; i++)
		for (size_t k = 0; k < size; k += size - 1)
			assert_int_equal(object[i][k], i % 251);
	/* Given back in an order that empties no region early. */
	for (unsigned step = 0; step < 7; step++)
		for (unsigned i = step; i < COUNT; i += 7)
			slabs_put(s, object[i]);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 8, 88, 560, 1912, 4096, SLAB_BYTES / 2 - 64, SLAB_BYTES / 2 };
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct slabs s;
		slabs_init(&s, &loop, sizes[i]);
		use_all(&s, sizes[i]);
		/* What a burst needed stays for the next one, and goes when none comes. */
		unsigned before = mapped_kilobytes(), empty = s.empty_count;
		use_all(&s, sizes[i]);
		assert_int_equal(s.empty_count, empty);
		for (unsigned turn = 0; turn < 200 && timer_is_set(&loop.slab_timer); turn++)
			loop_run_for(&loop, SLAB_TRIM_MS);
		if (POOLED) {
			assert_true(empty > 0 || sizes[i] * COUNT < SLAB_BYTES);
			assert_int_equal(s.empty_count, 0);
			assert_true(mapped_kilobytes() + empty * (SLAB_BYTES / 1024) <= before + 64); /* 64: for others */
		}
		assert_false(timer_is_set(&loop.slab_timer));
		use_all(&s, sizes[i]);
		slabs_drain(&s);
		assert_null(s.room);
		assert_null(s.empty);
		assert_null(loop.slabs);
	}
}

static void test_reuse(void **state)
{
	struct slabs s;
	(void)state;
	slabs_init(&s, &loop, 100);
	void *a = slabs_get(&s), *b = slabs_get(&s);
	assert_ptr_not_equal(a, b);
	slabs_put(&s, a);
	void *again = slabs_get(&s);
	if (POOLED)
		assert_ptr_equal(again, a);
	slabs_put(&s, NULL);
	slabs_put(&s, b);
	slabs_put(&s, again);
	slabs_drain(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sizes), cmocka_unit_test(test_reuse) };
	return cmocka_run_group_tests_name("slab", tests, setup, teardown);
}
