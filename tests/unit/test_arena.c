/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arena: alignment, its ceiling, blocks of their own for large requests, and that a pool is filled and emptied as it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "eval/wsr_arena.h"

static void test_alignment_and_large(void **state)
{
	(void)state;
	struct wsr_arena a;
	wsr_arena_init(&a, NULL, 1 << 20);
	char *last = NULL;
	for (size_t len = 0; len < 3000; len += 7) {
		char *p = wsr_arena_alloc(&a, len);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 8, 0);
		memset(p, 1, len);
		last = p;
	}
	char *small = wsr_arena_alloc(&a, 8);
	char *large = wsr_arena_alloc(&a, 100000);
	memset(large, 2, 100000);
	/* a large block does not throw away what is left of the current one */
	assert_ptr_equal(wsr_arena_alloc(&a, 8), small + 8);
	assert_non_null(last);
	wsr_arena_reset(&a);
	assert_int_equal(a.used_bytes, 0);
}

static void test_ceiling(void **state)
{
	(void)state;
	struct wsr_arena a;
	wsr_arena_init(&a, NULL, 3 * WSR_ARENA_BLOCK);
	assert_null(wsr_arena_alloc(&a, SIZE_MAX));
	assert_null(wsr_arena_alloc(&a, SIZE_MAX - 20));
	assert_null(wsr_arena_alloc(&a, 3 * WSR_ARENA_BLOCK));
	unsigned n = 0;
	while (wsr_arena_alloc(&a, 1000))
		n++;
	assert_int_equal(n, 12);
	assert_true(a.used_bytes <= a.max_bytes);
	wsr_arena_reset(&a);
	assert_non_null(wsr_arena_alloc(&a, 1000));
	wsr_arena_reset(&a);
}

static void test_pool(void **state)
{
	(void)state;
	struct wsr_arena_pool pool = { .free_max = 2 };
	struct wsr_arena a;
	wsr_arena_init(&a, &pool, 1 << 20);
	void *first = wsr_arena_alloc(&a, 10);
	for (unsigned i = 0; i < 3; i++)
		wsr_arena_alloc(&a, 4000);
	wsr_arena_reset(&a);
	assert_int_equal(pool.free_count, 2);
	wsr_arena_alloc(&a, 10);
	assert_int_equal(pool.free_count, 1);
	wsr_arena_reset(&a);
	assert_non_null(first);
	wsr_arena_pool_drain(&pool);
	assert_int_equal(pool.free_count, 0);
	assert_null(pool.free);
}

static void test_dup(void **state)
{
	(void)state;
	struct wsr_arena a;
	wsr_arena_init(&a, NULL, 1 << 20);
	struct wsr_str s = wsr_arena_dup(&a, WSR_STR("abc"));
	assert_string_equal(s.ptr, "abc");
	s = wsr_arena_dup(&a, WSR_STR_NULL);
	assert_non_null(s.ptr);
	assert_string_equal(s.ptr, "");
	wsr_arena_reset(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment_and_large), cmocka_unit_test(test_ceiling), cmocka_unit_test(test_pool), cmocka_unit_test(test_dup),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
