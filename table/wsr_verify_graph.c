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

/* The NUL of a string stands in its last four bytes, and zeros fill them up. Sections start at a multiple of 8, so these four are aligned. */
static bool ends_in_zeros(const uint8_t *base, uint32_t end)
{
	uint32_t last;

	memcpy(&last, base + (end & ~3u), sizeof(last));
	return last >> 8 * (end & 3) == 0;
}

bool wsr_verify_strings(struct wsr_walk *w)
{
	const uint8_t *base = w->t->section[WSR_SECTION_string].base;
	uint8_t *starts = w->string_starts;
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
		starts[off >> 5] |= (uint8_t)(1u << (off >> 2 & 7));
		off = (end | 3) + 1;
		if (off > total || off == 0 || !ends_in_zeros(base, end))
			return wsr_fail(w, WSR_E_STRING);
	}
	return wsr_want(w, all_zero(base + off, total - off), WSR_E_STRING); /* filled up to 8: too short for a string */
}

/* --- hash tables -------------------------------------------------------------------------------------------------- */

/* The slots of one hash table, known to lie in their section. */
struct slots {
	const uint8_t *first;
	uint32_t stride, count;
};

static const struct wsr_slot_key *slot_at(const struct slots *s, uint32_t index)
{
	return (const void *)(s->first + (size_t)index * s->stride);
}

enum { BATCH = 32 };

/* Keys are far apart: each is asked for when its slot is read, and hashed when the batch is full. */
static bool batch_is_right(const struct wsr_table *t, const struct wsr_slot_key *const *batch, uint32_t count)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct wsr_str key = wsr_string(t, batch[i]->key);

		wrong |= wsr_hash(key.ptr, key.len) ^ batch[i]->hash;
	}
	return wrong == 0;
}

/* Each key is a string and has the hash that its slot says. Which slots are filled is as good as random: no branch here may depend on it. */
static bool check_keys(struct wsr_walk *w, const struct slots *slots)
{
	const uint8_t *strings = w->t->section[WSR_SECTION_string].base;
	const struct wsr_slot_key *batch[BATCH];
	uint32_t filled = 0;

	for (uint32_t i = 0; i < slots->count; i++) {
		const struct wsr_slot_key *slot = slot_at(slots, i);

		if (!(wsr_is_string(w, slot->key) | (slot->key == 0)))
			return wsr_fail(w, WSR_E_STRING);
		__builtin_prefetch(strings + slot->key);
		__builtin_prefetch(strings + slot->key + 31);
		batch[filled] = slot;
		filled += slot->key != 0;
		if (filled == BATCH) {
			if (!batch_is_right(w->t, batch, filled))
				return wsr_fail(w, WSR_E_HASH);
			filled = 0;
		}
	}
	return wsr_want(w, batch_is_right(w->t, batch, filled), WSR_E_HASH);
}

static uint32_t find_empty(const struct slots *slots)
{
	uint32_t empty = 0;

	while (empty < slots->count && slot_at(slots, empty)->key != 0)
		empty++;
	return empty;
}

/*
 * Once around from the empty slot. `run` filled slots lie directly before each: the home of its key must be one of them or itself. Branches as in
 * check_keys().
 */
static bool check_places(struct wsr_walk *w, const struct slots *slots, uint32_t empty)
{
	uint32_t mask = slots->count - 1, run = 0, lost = 0;

	for (uint32_t n = 1; n < slots->count; n++) {
		uint32_t at = (empty + n) & mask;
		const struct wsr_slot_key *slot = slot_at(slots, at);
		uint32_t filled = slot->key != 0;

		lost |= filled & (((at - slot->hash) & mask) > run);
		run = (run + 1) & -filled;
	}
	return wsr_want(w, !lost, WSR_E_HASH);
}

bool wsr_verify_hash(struct wsr_walk *w, uint32_t section, struct wsr_list list)
{
	const struct wsr_section_view *view = &w->t->section[section];
	struct slots slots = { view->base, view->stride, list.count };
	uint32_t empty;

	if (!wsr_want_list(w, section, list))
		return false;
	if (list.count == 0)
		return true;
	if ((list.count & (list.count - 1)) != 0)
		return wsr_fail(w, WSR_E_HASH);
	if (list.first < w->slots_end[section])
		return wsr_fail(w, WSR_E_ORDER);
	w->slots_end[section] = (uint64_t)list.first + list.count;
	slots.first += (size_t)list.first * slots.stride;
	empty = find_empty(&slots);
	return wsr_want(w, empty < list.count, WSR_E_HASH) && check_keys(w, &slots) && check_places(w, &slots, empty);
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

/* What a scope's locations nest comes later and not too deep. */
static bool check_nested(struct wsr_walk *w, uint32_t index, uint32_t nested)
{
	if (!wsr_want_index(w, WSR_SECTION_scope, nested))
		return false;
	if (nested <= index || w->scope_depth[index] >= WSR_MAX_SCOPE_DEPTH)
		return wsr_fail(w, WSR_E_SCOPE);
	if (w->scope_depth[nested] <= w->scope_depth[index])
		w->scope_depth[nested] = (uint8_t)(w->scope_depth[index] + 1);
	return true;
}

static bool check_scope_locations(struct wsr_walk *w, uint32_t index, const struct wsr_scope *scope)
{
	for (uint32_t i = 0; i < scope->loc_count; i++) {
		uint32_t nested = wsr_location_at(w->t, scope->loc_base + i)->scope;

		if (nested != WSR_NONE && !check_nested(w, index, nested))
			return false;
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
	if (scope->loc_base < w->locations_end)
		return wsr_fail(w, WSR_E_SCOPE);
	w->locations_end = (uint64_t)scope->loc_base + scope->loc_count;
	if (scope->trie != WSR_NONE && w->trie_top[scope->trie] > scope->loc_count)
		return wsr_fail(w, WSR_E_INDEX);
	return check_scope_locations(w, index, scope) && check_scope_regexes(w, scope);
}
