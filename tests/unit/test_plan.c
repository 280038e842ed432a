/* SPDX-License-Identifier: BSD-2-Clause */
/* The primitives of the plan: equal content stands once, references stay valid, hash tables can be searched, and places are kept up to the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "compiler/plan.h"
#include "table/wsr_table.h"

static struct plan p;

static int setup(void **state)
{
	(void)state;
	plan_init(&p);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	plan_free(&p);
	return 0;
}

static void test_strings(void **state)
{
	char text[32];
	wsr_sref refs[1000];
	(void)state;
	wsr_sref empty = plan_str(&p, wsr_str("", 0));
	assert_true(empty != 0);
	assert_int_equal(plan_text(&p, empty).len, 0);
	for (int i = 0; i < 1000; i++)
		refs[i] = plan_str(&p, wsr_str(text, (size_t)sprintf(text, "name%d", i)));
	for (int i = 0; i < 1000; i++) {
		struct wsr_str s = wsr_str(text, (size_t)sprintf(text, "name%d", i));
		assert_int_equal(plan_str(&p, s), refs[i]);
		assert_true(wsr_str_eq(plan_text(&p, refs[i]), s));
		assert_int_equal(refs[i] % 4, 0);
		assert_int_equal(plan_text(&p, refs[i]).ptr[s.len], '\0');
	}
	assert_int_equal(plan_str_lower(&p, WSR_STR("NAME7")), refs[7]);
	assert_true(wsr_str_eq(plan_text(&p, plan_str(&p, WSR_STR("a\0b"))), WSR_STR("a\0b")));
}

static void test_runs(void **state)
{
	uint32_t one[] = { 1, 2, 3 }, other[] = { 1, 2 };
	(void)state;
	struct wsr_list a = pool_run(&p.tmpl_item, one, 3), b = pool_run(&p.tmpl_item, other, 2), none = pool_run(&p.tmpl_item, one, 0);
	assert_int_equal(none.count, 0);
	assert_int_equal(pool_run(&p.tmpl_item, one, 3).first, a.first);
	assert_int_equal(pool_run(&p.tmpl_item, other, 2).first, b.first);
	assert_int_equal(b.first, 3);
	assert_int_equal(p.tmpl_item.count, 5);
}

static void test_templates(void **state)
{
	struct wsr_str text;
	(void)state;
	uint32_t constant = plan_tmpl_const(&p, WSR_STR("abc")), empty = plan_tmpl_const(&p, wsr_str("", 0));
	assert_true(plan_tmpl_constant(&p, constant, &text) && wsr_str_eq(text, WSR_STR("abc")));
	assert_true(plan_tmpl_constant(&p, empty, &text) && text.len == 0);
	assert_int_equal(plan_tmpl_const(&p, WSR_STR("abc")), constant);
	struct wsr_part variable = { .kind = WSR_PART_CAPTURE, .id = 1 };
	assert_false(plan_tmpl_constant(&p, plan_tmpl(&p, &variable, 1), &text));
}

/* Copies up to the limit know their places, those behind it share one record without. */
static void test_places(void **state)
{
	uint32_t last = WSR_NONE;
	(void)state;
	for (uint32_t i = 0; i < PLAN_PLACES + 10; i++) {
		struct wsr_field_op op = { .name = 8, .value = 1 };
		struct plan_place at = { 0, i + 1, 1 };
		uint32_t index = plan_record_at(&p, &p.field_op, &op, offsetof(struct wsr_field_op, pos), at);
		uint32_t pos = ((struct wsr_field_op *)pool_at(&p.field_op, index))->pos;
		if (i < PLAN_PLACES) {
			assert_int_equal(((struct wsr_pos *)pool_at(&p.pos, pos))->line, i + 1);
		} else {
			assert_int_equal(pos, WSR_NONE);
			assert_true(last == WSR_NONE || last == index);
			last = index;
		}
	}
	assert_int_equal(p.field_op.count, PLAN_PLACES + 1);
	struct wsr_field_op op = { .name = 8, .value = 1 };
	uint32_t index = plan_record_at(&p, &p.field_op, &op, offsetof(struct wsr_field_op, pos), (struct plan_place){ 0 });
	assert_int_equal(index, last);
}

static void test_table(void **state)
{
	char text[32];
	(void)state;
	for (uint32_t n = 0; n < 200; n = n < 4 ? n + 1 : n * 2) {
		struct plan_table t;
		plan_table_init(&t, n);
		for (uint32_t i = 0; i < n; i++)
			assert_null(plan_table_add(&t, &p, plan_str(&p, wsr_str(text, (size_t)sprintf(text, "k%u", i))), i));
		if (n)
			assert_int_equal(plan_table_add(&t, &p, plan_str(&p, WSR_STR("k0")), 77)->value, 0);
		struct wsr_list list = plan_table_done(&t, &p.map_slot);
		assert_true(n ? (list.count & (list.count - 1)) == 0 && list.count > n && n <= list.count - list.count / 5 : list.count == 0);
		for (uint32_t i = 0; i < n; i++) {
			size_t len = (size_t)sprintf(text, "k%u", i);
			uint32_t at = wsr_hash(text, len) & (list.count - 1);
			const struct wsr_map_slot *s;
			while ((s = pool_at(&p.map_slot, list.first + at))->key && !wsr_str_eq(plan_text(&p, s->key), wsr_str(text, len)))
				at = (at + 1) & (list.count - 1);
			assert_int_equal(s->value, i);
		}
	}
}

static void test_index(void **state)
{
	struct pool_index x = { 0 };
	(void)state;
	assert_null(index_find(&x, 5));
	for (uint32_t i = 0; i < 1000; i++) {
		struct pool_entry *e = index_at(&x, (uint64_t)i << 20);
		assert_int_equal(e->first, WSR_NONE);
		e->first = i;
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(index_find(&x, (uint64_t)i << 20)->first, i);
	assert_null(index_find(&x, 7));
	index_free(&x);
}

/* Each row of wsr_settings.def knows its place: a cell written through the whole is read through the group. */
static void test_settings(void **state)
{
	struct plan_settings s;
	const void *groups[] = { &s.core, &s.file, &s.log, &s.proxy, &s.fields };
	(void)state;
	for (unsigned i = 0; i < SET_COUNT; i++) {
		const struct plan_setting_info *info = &plan_setting_info[i];
		uint64_t v = i + 1, got;
		memset(&s, 0, sizeof(s));
		memcpy((char *)&s + info->offset, &v, sizeof(v));
		memcpy(&got, (const char *)groups[info->group] + info->group_offset, sizeof(got));
		assert_int_equal(got, v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown), cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_templates, setup, teardown), cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table, setup, teardown), cmocka_unit_test(test_index), cmocka_unit_test(test_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
