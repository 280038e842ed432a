/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Radix tries over location paths, see trie.h. The items are sorted by their bytes, so each node is a range of items and the length of
 * path they have in common: the label of a child is what the first and the last item of its range share. Each step consumes at least one
 * byte or one item, so the depth is bounded by the number of items.
 */
#include "compiler/trie.h"

#include <stdlib.h>

static int by_path(const void *a, const void *b)
{
	const struct trie_item *x = a, *y = b;
	size_t len = x->path.len < y->path.len ? x->path.len : y->path.len;
	int c = len ? memcmp(x->path.ptr, y->path.ptr, len) : 0;
	if (c)
		return c;
	if (x->path.len != y->path.len)
		return x->path.len < y->path.len ? -1 : 1;
	return (int)x->exact - (int)y->exact;
}

/* Bytes that all items of a sorted range have in common. */
static size_t common(const struct trie_item *first, const struct trie_item *last, size_t from)
{
	size_t i = from;
	while (i < first->path.len && i < last->path.len && first->path.ptr[i] == last->path.ptr[i])
		i++;
	return i;
}

/* End of the group that shares the byte at depth with items[lo]. */
static uint32_t group_end(const struct trie_item *items, uint32_t lo, uint32_t hi, size_t depth)
{
	uint32_t end = lo + 1;
	while (end < hi && items[end].path.ptr[depth] == items[lo].path.ptr[depth])
		end++;
	return end;
}

static void label(struct plan *p, uint32_t node, struct wsr_str text)
{
	wsr_sref ref = plan_str(p, text);
	struct wsr_trie *n = pool_at(&p->trie, node);
	n->label = ref;
	n->first_byte = (uint8_t)text.ptr[0];
}

/* Fill in node for items[lo, hi), all of which share depth bytes. The node's label is already written. */
static void build(struct plan *p, uint32_t node, const struct trie_item *items, uint32_t lo, uint32_t hi, size_t depth)
{
	struct wsr_trie *n = pool_at(&p->trie, node);
	n->exact = n->prefix = WSR_NONE;
	for (; lo < hi && items[lo].path.len == depth; lo++) {
		if (items[lo].exact)
			n->exact = items[lo].ordinal;
		else
			n->prefix = items[lo].ordinal;
	}
	uint32_t children = 0;
	for (uint32_t i = lo; i < hi; i = group_end(items, i, hi, depth))
		children++;
	uint32_t child = pool_reserve(&p->trie, children);
	n = pool_at(&p->trie, node); /* the pool may have moved */
	n->first_child = children ? child : 0;
	n->child_count = (uint16_t)children;
	for (uint32_t i = lo, end; i < hi; i = end, child++) {
		end = group_end(items, i, hi, depth);
		size_t to = common(&items[i], &items[end - 1], depth);
		label(p, child, wsr_str(items[i].path.ptr + depth, to - depth));
		build(p, child, items, i, end, to);
	}
}

uint32_t trie_build(struct plan *p, struct trie_item *items, uint32_t count)
{
	if (count == 0)
		return WSR_NONE;
	qsort(items, count, sizeof(*items), by_path);
	uint32_t root = pool_reserve(&p->trie, 1);
	size_t shared = common(&items[0], &items[count - 1], 0);
	if (shared)
		label(p, root, wsr_str(items[0].path.ptr, shared));
	build(p, root, items, 0, count, shared);
	return root;
}
