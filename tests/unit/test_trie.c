/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tries: for sets of paths, some chosen and some made at random, a search by the rules of the format finds what a search through the list finds;
 * nodes stand in the order that the verifier wants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "compiler/trie.h"

struct found { uint32_t exact, prefix; };

/* Walk the nodes: the exact location of a path and the longest prefix. */
static struct found search(const struct plan *p, uint32_t root, struct wsr_str path)
{
	struct found f = { WSR_NONE, WSR_NONE };
	size_t at = 0;
	for (uint32_t node = root; node != WSR_NONE;) {
		const struct wsr_trie *n = pool_at(&p->trie, node);
		struct wsr_str label = plan_text(p, n->label);
		if (path.len - at < label.len || (label.len && memcmp(path.ptr + at, label.ptr, label.len)))
			return f;
		at += label.len;
		if (n->prefix != WSR_NONE)
			f.prefix = n->prefix;
		if (at == path.len) {
			f.exact = n->exact;
			return f;
		}
		node = WSR_NONE;
		for (uint32_t i = 0; i < n->child_count; i++) {
			const struct wsr_trie *c = pool_at(&p->trie, n->first_child + i);
			if (c->first_byte == (uint8_t)path.ptr[at])
				node = n->first_child + i;
		}
	}
	return f;
}

static struct found search_list(const struct trie_item *items, uint32_t count, struct wsr_str path)
{
	struct found f = { WSR_NONE, WSR_NONE };
	size_t longest = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (items[i].exact && wsr_str_eq(items[i].path, path))
			f.exact = items[i].ordinal;
		if (!items[i].exact && items[i].path.len <= path.len && memcmp(items[i].path.ptr, path.ptr, items[i].path.len) == 0 &&
		    (f.prefix == WSR_NONE || items[i].path.len > longest)) {
			f.prefix = items[i].ordinal;
			longest = items[i].path.len;
		}
	}
	return f;
}

static void check_order(const struct plan *p, uint32_t root)
{
	for (uint32_t i = root; i < p->trie.count; i++) {
		const struct wsr_trie *n = pool_at(&p->trie, i);
		assert_true(i == root || plan_text(p, n->label).len > 0);
		for (uint32_t k = 0; k < n->child_count; k++) {
			const struct wsr_trie *c = pool_at(&p->trie, n->first_child + k);
			assert_true(n->first_child + k > i);
			assert_int_equal(c->first_byte, (uint8_t)plan_text(p, c->label).ptr[0]);
			assert_true(k == 0 || c->first_byte > (c - 1)->first_byte);
		}
	}
}

static void check(struct plan *p, struct trie_item *items, uint32_t count, const char *const *questions)
{
	uint32_t root = trie_build(p, items, count);
	check_order(p, root);
	for (; *questions; questions++) {
		struct found a = search(p, root, wsr_cstr(*questions)), b = search_list(items, count, wsr_cstr(*questions));
		if (a.exact != b.exact || a.prefix != b.prefix)
			fail_msg("'%s': exact %u prefix %u, wanted %u %u", *questions, a.exact, a.prefix, b.exact, b.prefix);
	}
}

static void test_chosen(void **state)
{
	static const char *const questions[] = { "/", "/a", "/ab", "/abc", "/abd", "/b", "", "/api/", "/api/v1", "/api/v1/x", "/apiary", "x", NULL };
	struct trie_item items[] = {
		{ WSR_STR("/"), 0, false }, { WSR_STR("/ab"), 1, false }, { WSR_STR("/abc"), 2, true }, { WSR_STR("/abc"), 3, false },
		{ WSR_STR("/api/"), 4, false }, { WSR_STR("/api/v1"), 5, true }, { WSR_STR("/api/v1/"), 6, false }, { WSR_STR("/b"), 7, true },
	};
	struct plan p;
	(void)state;
	plan_init(&p);
	check(&p, items, 8, questions);
	assert_int_equal(trie_build(&p, items, 0), WSR_NONE);
	plan_free(&p);
}

static void test_random(void **state)
{
	enum { PATHS = 40, ROUNDS = 200 };
	static char texts[PATHS][8];
	const char *questions[PATHS + 1] = { NULL };
	struct trie_item items[PATHS];
	(void)state;
	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		struct plan p;
		uint32_t count = 0;
		plan_init(&p);
		for (int i = 0; i < PATHS; i++) {
			int len = 1 + rand() % 6;
			for (int k = 0; k < len; k++)
				texts[i][k] = k ? "/ab"[rand() % 3] : '/';
			texts[i][len] = '\0';
			questions[i] = texts[i];
			struct trie_item item = { wsr_cstr(texts[i]), (uint32_t)i, rand() % 3 == 0 };
			bool known = false;
			for (uint32_t k = 0; k < count; k++)
				known = known || (items[k].exact == item.exact && wsr_str_eq(items[k].path, item.path));
			if (!known && i % 4)
				items[count++] = item;
		}
		check(&p, items, count, questions);
		plan_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_chosen), cmocka_unit_test(test_random) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
