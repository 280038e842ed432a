/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools: growing arrays of equal records which keep equal content once. What goes in is a record (or a run of them), what comes out is its final
 * index in the table, so nothing ever has to be patched afterwards. Order is the order of first appearance: the same input gives the same pool
 * whatever the addresses in memory are. Memory that cannot be had ends the program with exit code 2, as everywhere in the compiler.
 */
#ifndef COMPILER_INTERN_H
#define COMPILER_INTERN_H

#include "table/wsr_format.h"
#include "table/wsr_str.h"

/* Open-addressing index from content to (first record, number of records). */
struct pool_index {
	struct pool_entry { uint64_t hash; uint32_t first, count; } *entries;
	uint32_t used, mask;        /* mask + 1 entries; an entry with count 0 is free */
};

struct pool {
	char *data;
	uint32_t count, cap;        /* records */
	uint32_t stride;            /* bytes of one record; set by pool_init() */
	struct pool_index index;    /* interned content */
	struct pool_index copies;   /* how often a run was seen, positions left out: first is the number */
};

/** Entry of a key in an index of its own (not one of a pool's); a new one has first = WSR_NONE. Valid until the next call. */
struct pool_entry *index_at(struct pool_index *x, uint64_t key);
/** The same without making one: NULL if the key is not there. */
const struct pool_entry *index_find(const struct pool_index *x, uint64_t key);
void index_free(struct pool_index *x);

void pool_init(struct pool *p, uint32_t stride);
void pool_free(struct pool *p);

/** Record i; valid until the next growth of the pool. */
static inline void *pool_at(const struct pool *p, uint32_t i)
{
	return p->data + (size_t)i * p->stride;
}

/** n further records, all bytes zero. @return index of the first. */
uint32_t pool_reserve(struct pool *p, uint32_t n);
/** Append a copy of a record. @return its index. */
uint32_t pool_push(struct pool *p, const void *rec);
/** Index of a record equal to this one, appended if there is none. */
uint32_t pool_intern(struct pool *p, const void *rec);
/** A run of n records equal to these, appended if there is none; { 0, 0 } for none at all. */
struct wsr_list pool_run(struct pool *p, const void *recs, uint32_t n);
/** Count this content in p->copies. @return how often it was counted before. */
uint32_t pool_copies(struct pool *p, const void *recs, uint32_t n);

/** The string section: records { length, bytes, NUL, padding } as in the table. pool_init(p, 1) and this before the first string. */
void strings_init(struct pool *p);
/** Reference of an interned string; the empty string has a reference too. */
wsr_sref strings_intern(struct pool *p, struct wsr_str s);
/** The string behind a reference; valid until the next string is interned. { NULL, 0 } for 0. */
struct wsr_str strings_get(const struct pool *p, wsr_sref ref);

/** 64-bit hash of bytes, for the pools only: never written anywhere. */
uint64_t intern_hash(const void *data, size_t len);

/** realloc() that ends the program when memory is out. */
void *intern_realloc(void *old, size_t len);
/** Fresh memory for a block that does not grow: pages_alloc() with the same end. */
void *intern_alloc(size_t len);

#endif
