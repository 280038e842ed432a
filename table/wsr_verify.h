/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of table/: the walk over all records and its bounds-checked primitives. Between opening the section directory (wsr_table.c) and
 * the end of wsr_verify_records() only these may be used to follow a reference; afterwards the accessors of wsr_table.h may.
 *
 * wsr_verify.c and wsr_verify_httpd.c have the check of each record, wsr_verify_graph.c what holds between records: hash tables, programs, tries, scopes.
 * Each primitive returns true, or false after noting its reason.
 */
#ifndef WSR_VERIFY_H
#define WSR_VERIFY_H

#include "table/wsr_table.h"

#define SECTION(name) WSR_SECTION_##name

/* The start that the records of all slot sections share. */
struct wsr_slot_key { wsr_sref key; uint32_t hash; };

static inline const struct wsr_slot_key *wsr_slot_at(const struct wsr_section_view *view, uint32_t index)
{
	return (const void *)(view->base + (size_t)index * view->stride);
}

struct wsr_walk {
	const struct wsr_table *t;
	struct wsr_refusal *why;
	uint8_t *string_starts;     /* bit per 4 bytes of the string section: a record starts here */
	uint32_t *trie_top;         /* per node: 1 + the largest location ordinal at or below it, 0 = none */
	uint8_t *scope_depth;       /* per scope: 1 + that of the scope holding its location, 1 at the top */
	uint64_t locations_end;     /* end of the locations of the last scope seen */
	uint64_t slots_end[WSR_SECTION_MAX + 1]; /* of map_slot, mime_slot, name_slot: end of the last hash table seen */
	uint64_t insns_end;         /* end of the last program seen */
	const struct wsr_named *named_before; /* the record before this one, NULL at the first */
};

/** Check every record of every section of a table whose section directory is known to be good. */
bool wsr_verify_records(const struct wsr_table *t, struct wsr_refusal *why);

/* wsr_walk_<section>(): all records of one section. */
#define X(num, name, type) bool wsr_walk_##name(struct wsr_walk *w);
WSR_SECTIONS(X)
#undef X

/** One record starts where the one before it ended, from the first byte to the last; remembers the starts. */
bool wsr_verify_strings(struct wsr_walk *w);
/** A hash table in a slot section: size, empty slot, hashes, and every key found from its home slot. */
bool wsr_verify_hash(struct wsr_walk *w, uint32_t section, struct wsr_list slots);
/** A program: its place among the others, length, and that its jumps go forward. */
bool wsr_verify_program(struct wsr_walk *w, const struct wsr_program *program);
/** All tries, from the last node to the first, so that children are known before their parents. */
bool wsr_verify_tries(struct wsr_walk *w);
/** A scope: its locations, the locations its trie and regexes name, and the depth of what is nested in it. Scopes come in order. */
bool wsr_verify_scope(struct wsr_walk *w, uint32_t scope);

static inline bool wsr_fail(struct wsr_walk *w, enum wsr_error error)
{
	w->why->error = error;
	return false;
}

static inline bool wsr_want(struct wsr_walk *w, bool holds, enum wsr_error error)
{
	return holds || wsr_fail(w, error);
}

static inline bool wsr_is_string(const struct wsr_walk *w, wsr_sref ref)
{
	return ref < w->t->section[WSR_SECTION_string].count && ref % 4 == 0 && w->string_starts[ref >> 5] >> (ref >> 2 & 7) & 1;
}

/* A string that must be there. */
static inline bool wsr_want_string(struct wsr_walk *w, wsr_sref ref)
{
	return wsr_want(w, wsr_is_string(w, ref), WSR_E_STRING);
}

/* A string or none. */
static inline bool wsr_want_string0(struct wsr_walk *w, wsr_sref ref)
{
	return ref == 0 || wsr_want_string(w, ref);
}

static inline bool wsr_want_index(struct wsr_walk *w, uint32_t section, uint32_t index)
{
	return wsr_want(w, index < w->t->section[section].count, WSR_E_INDEX);
}

/* An index or WSR_NONE. */
static inline bool wsr_want_index0(struct wsr_walk *w, uint32_t section, uint32_t index)
{
	return index == WSR_NONE || wsr_want_index(w, section, index);
}

static inline bool wsr_want_list(struct wsr_walk *w, uint32_t section, struct wsr_list list)
{
	uint32_t count = w->t->section[section].count;

	return wsr_want(w, list.first <= count && list.count <= count - list.first, WSR_E_RANGE);
}

/* The kind of a location's body, 0 where a reference on the way is out of bounds. */
static inline int wsr_location_kind(const struct wsr_walk *w, uint32_t location)
{
	uint32_t body;

	if (location >= w->t->section[WSR_SECTION_location].count)
		return 0;
	body = wsr_location_at(w->t, location)->body;
	return body < w->t->section[WSR_SECTION_body].count ? wsr_body_at(w->t, body)->kind : 0;
}

/* A location of that kind. */
static inline bool wsr_want_location(struct wsr_walk *w, uint32_t location, enum wsr_location_kind kind)
{
	return wsr_want_index(w, WSR_SECTION_location, location) &&
	       wsr_want(w, wsr_location_kind(w, location) == (int)kind, WSR_E_ENUM);
}

static inline bool wsr_want_enum(struct wsr_walk *w, uint64_t value, uint64_t min, uint64_t max)
{
	return wsr_want(w, value >= min && value <= max, WSR_E_ENUM);
}

static inline bool wsr_want_bits(struct wsr_walk *w, uint64_t value, uint64_t known)
{
	return wsr_want(w, (value & ~known) == 0, WSR_E_ENUM);
}

static inline bool wsr_want_zero(struct wsr_walk *w, uint64_t value)
{
	return wsr_want(w, value == 0, WSR_E_RESERVED);
}

static inline bool wsr_want_pos(struct wsr_walk *w, uint32_t pos)
{
	return wsr_want_index0(w, SECTION(pos), pos);
}

static inline bool wsr_want_tmpl(struct wsr_walk *w, uint32_t tmpl)
{
	return wsr_want_index(w, SECTION(tmpl), tmpl);
}

static inline bool wsr_want_tmpl0(struct wsr_walk *w, uint32_t tmpl)
{
	return wsr_want_index0(w, SECTION(tmpl), tmpl);
}

static inline bool wsr_want_none(struct wsr_walk *w, uint32_t index)
{
	return wsr_want(w, index == WSR_NONE, WSR_E_INDEX);
}

/* Call check_<name>() for each record; note the record where one fails. */
#define EACH(name, type) \
	bool wsr_walk_##name(struct wsr_walk *w) \
	{ \
		const struct wsr_section_view *view = &w->t->section[WSR_SECTION_##name]; \
		uint32_t count = view->count, stride = view->stride; \
		const uint8_t *record = view->base; \
		for (uint32_t i = 0; i < count; i++, record += stride) \
			if (!check_##name(w, (const type *)(const void *)record)) { \
				w->why->record = i; \
				return false; \
			} \
		return true; \
	}

#endif
