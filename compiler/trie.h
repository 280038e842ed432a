/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Radix tries over location paths. In: the prefix and exact locations of one level with their ordinals in it. Out: nodes in the plan's
 * trie section. Nodes of one parent are consecutive and sorted by their first byte, and a child's index is larger than its parent's.
 */
#ifndef COMPILER_TRIE_H
#define COMPILER_TRIE_H

#include "compiler/plan.h"

struct trie_item {
	struct wsr_str path;        /* must not lie in the plan's string section */
	uint32_t ordinal;           /* of the location, relative to its scope */
	bool exact;                 /* "= path" */
};

/** Build a trie. Items are sorted in place; equal (path, exact) pairs must not occur. @return its root; WSR_NONE for no items. */
uint32_t trie_build(struct plan *p, struct trie_item *items, uint32_t count);

#endif
