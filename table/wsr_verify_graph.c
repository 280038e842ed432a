/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold between the records of a table: strings one behind the other, hash tables that find their keys, programs that only go forward,
 * tries without cycles, scopes of bounded depth. Each check costs a pass over what it owns; things that could be shared by many owners either
 * may not overlap (hash tables, programs, locations of scopes) or are worked out once (tries), so no file can make the walk quadratic.
 */
#include "table/wsr_verify.h"

/* --- strings ------------------------------------------------------------------------------------------------------ */

static bool all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != 0)
			return false;
	return true;
}

bool wsr_verify_strings(struct wsr_walk *w)
{
	const uint8_t *base = w->t->section[WSR_SECTION_string].base;
	uint32_t total = w->t->section[WSR_SECTION_string].count;
	uint32_t off = 8;

	if (total < 8 || !all_zero(base, 8))
		return wsr_fail(w, WSR_E_STRING);
	while (total - off >= 8) {
		uint32_t len, end;

		memcpy(&len, base + off, sizeof(len));
		if (len > total - off - sizeof(len) - 1) /* room for the bytes and a NUL */
			return wsr_fail(w, WSR_E_STRING);
		end = off + (uint32_t)sizeof(len) + len; /* at the NUL; then zeros up to the next multiple of 4 */
		w->string_starts[off >> 5] |= (uint8_t)(1u << (off >> 2 & 7));
		off = (end | 3) + 1;
		if (off > total || off == 0 || !all_zero(base + end, off - end))
			return wsr_fail(w, WSR_E_STRING);
	}
	return wsr_want(w, all_zero(base + off, total - off), WSR_E_STRING); /* filled up to 8: too short for a string */
}

/* --- hash tables -------------------------------------------------------------------------------------------------- */

static const struct wsr_slot_key *slot_at(const struct wsr_walk *w, uint32_t section, uint32_t index)
{
	return wsr_slot_at(&w->t->section[section], index);
}

enum { BATCH = 16 };

/* Keys are far apart: each is asked for when its slot is read, and hashed when the batch is full. */
struct key_batch {
	const struct wsr_slot_key *slot[BATCH];
	uint32_t count;
};

/* An incomplete batch repeats its last slot up to four. */
static bool batch_is_right(struct wsr_walk *w, struct key_batch *b)
{
	for (uint32_t i = 0; i < b->count; i += 4) {
		const struct wsr_slot_key *slot[4];
		struct wsr_str key[4];
		uint32_t hash[4];

		for (uint32_t k = 0; k < 4; k++) {
			slot[k] = b->slot[i + k < b->count ? i + k : b->count - 1];
			key[k] = wsr_string(w->t, slot[k]->key);
		}
		wsr_hash_four(key, hash);
		for (uint32_t k = 0; k < 4; k++)
			if (hash[k] != slot[k]->hash)
				return wsr_fail(w, WSR_E_HASH);
	}
	b->count = 0;
	return true;
}

/* Each key is a string and has the hash that its slot says. */
static bool check_keys(struct wsr_walk *w, uint32_t section, struct wsr_list slots)
{
	const uint8_t *strings = w->t->section[WSR_SECTION_string].base;
	struct key_batch batch = { .count = 0 };

	for (uint32_t i = 0; i < slots.count; i++) {
		const struct wsr_slot_key *slot = slot_at(w, section, slots.first + i);

		/* Which slots are filled is as good as random: no branch here may depend on it. */
		if (!(wsr_is_string(w, slot->key) | (slot->key == 0)))
			return wsr_fail(w, WSR_E_STRING);
		__builtin_prefetch(strings + slot->key);
		batch.slot[batch.count] = slot;
		batch.count += slot->key != 0;
		if (batch.count == BATCH && !batch_is_right(w, &batch))
			return false;
	}
	return batch_is_right(w, &batch);
}

static uint32_t find_empty(const struct wsr_walk *w, uint32_t section, struct wsr_list slots)
{
	uint32_t empty = 0;

	while (empty < slots.count && slot_at(w, section, slots.first + empty)->key != 0)
		empty++;
	return empty;
}

/*
 * Once around from the empty slot. `run` filled slots lie directly before each: the home of its key must be one of them or itself. Branches as in
 * check_keys().
 */
static bool check_places(struct wsr_walk *w, uint32_t section, struct wsr_list slots, uint32_t empty)
{
	uint32_t mask = slots.count - 1, run = 0, lost = 0;

	for (uint32_t n = 1; n < slots.count; n++) {
		uint32_t at = (empty + n) & mask;
		const struct wsr_slot_key *slot = slot_at(w, section, slots.first + at);
		uint32_t filled = slot->key != 0;

		lost |= filled & (((at - slot->hash) & mask) > run);
		run = (run + 1) & -filled;
	}
	return wsr_want(w, !lost, WSR_E_HASH);
}

bool wsr_verify_hash(struct wsr_walk *w, uint32_t section, struct wsr_list slots)
{
	uint32_t empty;

	if (!wsr_want_list(w, section, slots))
		return false;
	if (slots.count == 0)
		return true;
	if ((slots.count & (slots.count - 1)) != 0)
		return wsr_fail(w, WSR_E_HASH);
	if (slots.first < w->slots_end[section])
		return wsr_fail(w, WSR_E_ORDER);
	w->slots_end[section] = (uint64_t)slots.first + slots.count;
	empty = find_empty(w, section, slots);
	return wsr_want(w, empty < slots.count, WSR_E_HASH) && check_keys(w, section, slots) && check_places(w, section, slots, empty);
}

/* --- programs ----------------------------------------------------------------------------------------------------- */

static bool op_jumps(uint8_t op)
{
	return op == WSR_OP_IF_TRUE || op == WSR_OP_IF_EQUAL || op == WSR_OP_IF_MATCH || op == WSR_OP_IF_FILE;
}

bool wsr_verify_program(struct wsr_walk *w, const struct wsr_program *program)
{
	if (!wsr_want_list(w, WSR_SECTION_insn, (struct wsr_list){ program->first, program->count }))
		return false;
	if (program->count > WSR_MAX_PROGRAM)
		return wsr_fail(w, WSR_E_PROGRAM);
	if (program->count == 0)
		return true;
	if (program->first < w->insns_end)
		return wsr_fail(w, WSR_E_ORDER);
	w->insns_end = (uint64_t)program->first + program->count;
	for (uint32_t i = 0; i < program->count; i++) {
		const struct wsr_insn *insn = wsr_insn_at(w->t, program->first + i);

		if (op_jumps(insn->op) && (insn->c <= i || insn->c > program->count))
			return wsr_fail(w, WSR_E_PROGRAM);
	}
	return true;
}

/* --- tries -------------------------------------------------------------------------------------------------------- */

static uint32_t top_of(uint32_t top, uint32_t ordinal)
{
	/* WSR_NONE + 1 = 0: none */
	return ordinal + 1 > top ? ordinal + 1 : top;
}

static bool check_label(struct wsr_walk *w, const struct wsr_trie *node)
{
	struct wsr_str label;

	if (node->label == 0) /* a root; as a child it is refused by check_children */
		return wsr_want(w, node->first_byte == 0, WSR_E_TRIE);
	if (!wsr_want_string(w, node->label))
		return false;
	label = wsr_string(w->t, node->label);
	return wsr_want(w, label.len > 0 && (uint8_t)label.ptr[0] == node->first_byte, WSR_E_TRIE);
}

static bool check_children(struct wsr_walk *w, uint32_t index, const struct wsr_trie *node)
{
	struct wsr_list children = { node->first_child, node->child_count };
	int last = -1;

	if (children.count == 0)
		return true;
	if (!wsr_want_list(w, WSR_SECTION_trie, children))
		return false;
	if (children.count > 256 || children.first <= index)
		return wsr_fail(w, WSR_E_TRIE);
	for (uint32_t i = 0; i < children.count; i++) {
		const struct wsr_trie *child = wsr_trie_at(w->t, children.first + i);

		if (child->label == 0 || child->first_byte <= last)
			return wsr_fail(w, WSR_E_TRIE);
		last = child->first_byte;
		if (w->trie_top[children.first + i] > w->trie_top[index])
			w->trie_top[index] = w->trie_top[children.first + i];
	}
	return true;
}

bool wsr_verify_tries(struct wsr_walk *w)
{
	for (uint32_t index = wsr_trie_count(w->t); index-- > 0;) {
		const struct wsr_trie *node = wsr_trie_at(w->t, index);

		w->why->record = index;
		w->trie_top[index] = top_of(top_of(0, node->exact), node->prefix);
		if (!wsr_want(w, node->reserved == 0, WSR_E_RESERVED) || !check_label(w, node) || !check_children(w, index, node))
			return false;
	}
	return true;
}

/* --- scopes ------------------------------------------------------------------------------------------------------- */

/* The scope's own locations: taken by no other scope, and what they nest comes later and not too deep. */
static bool check_scope_locations(struct wsr_walk *w, uint32_t index, const struct wsr_scope *scope)
{
	for (uint32_t i = 0; i < scope->loc_count; i++) {
		uint32_t location = scope->loc_base + i;
		uint32_t nested = wsr_location_at(w->t, location)->scope;
		uint8_t bit = (uint8_t)(1u << (location & 7));

		if (w->location_taken[location >> 3] & bit)
			return wsr_fail(w, WSR_E_SCOPE);
		w->location_taken[location >> 3] |= bit;
		if (nested == WSR_NONE)
			continue;
		if (!wsr_want_index(w, WSR_SECTION_scope, nested))
			return false;
		if (nested <= index || w->scope_depth[index] >= WSR_MAX_SCOPE_DEPTH)
			return wsr_fail(w, WSR_E_SCOPE);
		if (w->scope_depth[nested] <= w->scope_depth[index])
			w->scope_depth[nested] = (uint8_t)(w->scope_depth[index] + 1);
	}
	return true;
}

/* Each location stands at most once in the list, so its length is bounded by the locations, which no other scope has. */
static bool check_scope_regexes(struct wsr_walk *w, const struct wsr_scope *scope)
{
	if (!wsr_want_list(w, WSR_SECTION_scope_regex, scope->regexes))
		return false;
	if (scope->regexes.count > scope->loc_count)
		return wsr_fail(w, WSR_E_RANGE);
	for (uint32_t i = 0; i < scope->regexes.count; i++) {
		uint32_t ordinal = *wsr_scope_regex_at(w->t, scope->regexes.first + i);

		if (ordinal >= scope->loc_count)
			return wsr_fail(w, WSR_E_INDEX);
		if (!wsr_want_location(w, scope->loc_base + ordinal, WSR_LOCATION_REGEX))
			return false;
	}
	return true;
}

bool wsr_verify_scope(struct wsr_walk *w, uint32_t index)
{
	const struct wsr_scope *scope = wsr_scope_at(w->t, index);

	if (w->scope_depth[index] == 0)
		w->scope_depth[index] = 1;
	if (!wsr_want_list(w, WSR_SECTION_location, (struct wsr_list){ scope->loc_base, scope->loc_count }) ||
	    !wsr_want_index0(w, WSR_SECTION_trie, scope->trie))
		return false;
	if (scope->trie != WSR_NONE && w->trie_top[scope->trie] > scope->loc_count)
		return wsr_fail(w, WSR_E_INDEX);
	return check_scope_locations(w, index, scope) && check_scope_regexes(w, scope);
}
