/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools of records and strings that keep equal content once; see intern.h. The index of a pool holds (hash, first, count) and compares the bytes in
 * the pool itself, so that a run costs 16 bytes beside its records. Everything is deterministic: the hash decides only where the index looks.
 */
#include "compiler/intern.h"

#include <stdio.h>
#include <stdlib.h>

#include "compiler/pages.h"

static void *there(void *p)
{
	if (!p) {
		fputs("wsrpc: out of memory\n", stderr);
		exit(2);
	}
	return p;
}

void *intern_realloc(void *old, size_t len)
{
	return there(realloc(old, len ? len : 1));
}

void *intern_alloc(size_t len)
{
	return there(pages_alloc(len ? len : 1));
}

/* The last bytes, fewer than eight, as a number: two loads that overlap instead of a copy of unknown length. */
static uint64_t last_bytes(const unsigned char *s, size_t len)
{
	uint32_t low, high;
	if (len == 0)
		return 0;
	if (len < 4)
		return (uint64_t)s[0] | (uint64_t)s[len / 2] << 8 * (len / 2) | (uint64_t)s[len - 1] << 8 * (len - 1);
	memcpy(&low, s, sizeof(low));
	memcpy(&high, s + len - sizeof(high), sizeof(high));
	return low | (uint64_t)high << 8 * (len - sizeof(high));
}

uint64_t intern_hash(const void *data, size_t len)
{
	const unsigned char *s = data;
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15) ^ len;
	while (len >= 8) {
		uint64_t w;
		memcpy(&w, s, 8);
		h = (h ^ w) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
		s += 8;
		len -= 8;
	}
	h = (h ^ last_bytes(s, len)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 29;
}

void pool_init(struct pool *p, uint32_t stride)
{
	*p = (struct pool){ .stride = stride };
}

void pool_free(struct pool *p)
{
	free(p->data);
	free(p->index.entries);
	free(p->copies.entries);
	*p = (struct pool){ .stride = p->stride };
}

/* A table has at most 2^32 - 2 records of a kind and 4 GiB in all; a source text that needs more is refused here. */
static void pool_room(struct pool *p, uint32_t n)
{
	if (n <= p->cap - p->count)
		return;
	uint64_t cap = p->cap ? p->cap : 64;
	while (cap - p->count < n)
		cap *= 2;
	if (cap * p->stride > WSR_MAX_TABLE_BYTES || cap >= WSR_NONE) {
		fputs("wsrpc: the table would be larger than 4 GiB\n", stderr);
		exit(2);
	}
	p->data = intern_realloc(p->data, cap * p->stride);
	p->cap = (uint32_t)cap;
}

uint32_t pool_reserve(struct pool *p, uint32_t n)
{
	uint32_t first = p->count;
	pool_room(p, n);
	if (n)
		memset(pool_at(p, first), 0, (size_t)n * p->stride);
	p->count += n;
	return first;
}

static uint32_t pool_append(struct pool *p, const void *recs, uint32_t n)
{
	uint32_t first = p->count;
	pool_room(p, n);
	memcpy(pool_at(p, first), recs, (size_t)n * p->stride);
	p->count += n;
	return first;
}

uint32_t pool_push(struct pool *p, const void *rec)
{
	return pool_append(p, rec, 1);
}

static void index_grow(struct pool_index *x)
{
	uint32_t mask = x->mask ? x->mask * 2 + 1 : 63;
	struct pool_entry *e = intern_alloc(((size_t)mask + 1) * sizeof(*e));
	memset(e, 0, ((size_t)mask + 1) * sizeof(*e));
	for (uint32_t i = 0; x->entries && i <= x->mask; i++) {
		if (!x->entries[i].count)
			continue;
		uint32_t at = (uint32_t)x->entries[i].hash & mask;
		while (e[at].count)
			at = (at + 1) & mask;
		e[at] = x->entries[i];
	}
	free(x->entries);
	x->entries = e;
	x->mask = mask;
}

static void index_room(struct pool_index *x)
{
	if (!x->entries || x->used >= x->mask - x->mask / 4)
		index_grow(x);
}

/* Keys of such an index are numbers: spread them before the low bits choose a place. */
static uint64_t spread(uint64_t key)
{
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return key ^ key >> 32;
}

const struct pool_entry *index_find(const struct pool_index *x, uint64_t key)
{
	if (!x->entries)
		return NULL;
	uint64_t hash = spread(key);
	for (uint32_t at = (uint32_t)hash & x->mask; x->entries[at].count; at = (at + 1) & x->mask)
		if (x->entries[at].hash == hash)
			return &x->entries[at];
	return NULL;
}

struct pool_entry *index_at(struct pool_index *x, uint64_t key)
{
	uint64_t hash = spread(key);
	index_room(x);
	uint32_t at = (uint32_t)hash & x->mask;
	for (; x->entries[at].count; at = (at + 1) & x->mask)
		if (x->entries[at].hash == hash)
			return &x->entries[at];
	x->entries[at] = (struct pool_entry){ hash, WSR_NONE, 1 };
	x->used++;
	return &x->entries[at];
}

void index_free(struct pool_index *x)
{
	free(x->entries);
	*x = (struct pool_index){ 0 };
}

struct wsr_list pool_run(struct pool *p, const void *recs, uint32_t n)
{
	if (n == 0)
		return (struct wsr_list){ 0, 0 };
	size_t len = (size_t)n * p->stride;
	uint64_t hash = intern_hash(recs, len);
	index_room(&p->index);
	uint32_t at = (uint32_t)hash & p->index.mask;
	for (; p->index.entries[at].count; at = (at + 1) & p->index.mask) {
		const struct pool_entry *e = &p->index.entries[at];
		if (e->hash == hash && e->count == n && memcmp(pool_at(p, e->first), recs, len) == 0)
			return (struct wsr_list){ e->first, n };
	}
	uint32_t first = pool_append(p, recs, n);
	p->index.entries[at] = (struct pool_entry){ hash, first, n };
	p->index.used++;
	return (struct wsr_list){ first, n };
}

uint32_t pool_intern(struct pool *p, const void *rec)
{
	return pool_run(p, rec, 1).first;
}

/* Two contents with one hash are counted as one: the number only decides whether positions are kept. */
uint32_t pool_copies(struct pool *p, const void *recs, uint32_t n)
{
	uint64_t hash = intern_hash(recs, (size_t)n * p->stride);
	index_room(&p->copies);
	uint32_t at = (uint32_t)hash & p->copies.mask;
	for (; p->copies.entries[at].count; at = (at + 1) & p->copies.mask)
		if (p->copies.entries[at].hash == hash)
			return p->copies.entries[at].first++;
	p->copies.entries[at] = (struct pool_entry){ hash, 1, 1 };
	p->copies.used++;
	return 0;
}

/* --- strings -------------------------------------------------------------------------------------------------------- */

void strings_init(struct pool *p)
{
	pool_init(p, 1);
	pool_reserve(p, 8); /* so that no string has reference 0 */
}

struct wsr_str strings_get(const struct pool *p, wsr_sref ref)
{
	if (ref == 0)
		return WSR_STR_NULL;
	uint32_t len;
	memcpy(&len, p->data + ref, sizeof(len));
	return wsr_str(p->data + ref + sizeof(len), len);
}

wsr_sref strings_intern(struct pool *p, struct wsr_str s)
{
	uint64_t hash = intern_hash(s.ptr, s.len);
	index_room(&p->index);
	uint32_t at = (uint32_t)hash & p->index.mask;
	for (; p->index.entries[at].count; at = (at + 1) & p->index.mask) {
		const struct pool_entry *e = &p->index.entries[at];
		if (e->hash == hash && wsr_str_eq(strings_get(p, e->first), s))
			return e->first;
	}
	if (s.len > UINT32_MAX / 2) {
		fputs("wsrpc: a string is longer than 2 GiB\n", stderr);
		exit(2);
	}
	uint32_t len = (uint32_t)s.len;
	uint32_t ref = pool_reserve(p, (uint32_t)((sizeof(len) + s.len + 1 + 3) & ~(size_t)3));
	memcpy(p->data + ref, &len, sizeof(len));
	if (s.len)
		memcpy(p->data + ref + sizeof(len), s.ptr, s.len);
	p->index.entries[at] = (struct pool_entry){ hash, ref, 1 };
	p->index.used++;
	return ref;
}
