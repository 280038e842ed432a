/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Smooth weighted round robin, and the other methods that fall back on it. A peer that failed max_fails times within fail_timeout is left out for fail_timeout; each
 * failure also lowers its effective weight, each turn raises it again by one.
 */
#include "runtime/balance.h"

#include <stdio.h>

#define MAX_REHASH 20u /* tries of a hash method before round robin decides */

void balance_init(struct balance_peer *p)
{
	p->effective_weight = p->weight;
	p->current_weight = 0;
	p->fails = 0;
	p->accessed_ms = p->checked_ms = 0;
}

bool balance_usable(const struct balance_peer *p, uint64_t now_ms, bool single)
{
	if (p->down || (p->max_conns && p->conns >= p->max_conns))
		return false;
	return single || p->max_fails == 0 || p->fails < p->max_fails || now_ms - p->checked_ms > p->fail_timeout_ms;
}

bool balance_single(struct balance_peer *const *peers, uint32_t count)
{
	return count == 1 && !peers[0]->backup && !peers[0]->httpd;
}

void balance_report(struct balance_peer *p, bool failed, bool single, uint64_t now_ms)
{
	if (single) {
		p->fails = 0;
	} else if (failed) {
		p->fails++;
		p->accessed_ms = p->checked_ms = now_ms;
		if (p->max_fails > 0 && !p->httpd)
			p->effective_weight -= p->weight / p->max_fails;
		if (p->effective_weight < 0)
			p->effective_weight = 0;
	} else if (p->accessed_ms < p->checked_ms) {
		p->fails = 0; /* it was given another chance after the mark and took it */
	}
}

struct choice {
	struct balance_peer *const *peers;
	uint32_t count;
	const struct balance_query *q;
	bool backup, single;
};

static bool candidate(const struct choice *c, const struct balance_peer *p)
{
	return p->backup == c->backup && !p->tried && balance_usable(p, c->q->now_ms, c->single);
}

/* least: only peers with the fewest connections for their weight (that of `least`) take part. */
static int round_robin(const struct choice *c, const struct balance_peer *least)
{
	int64_t total = 0;
	int best = -1;

	for (uint32_t i = 0; i < c->count; i++) {
		struct balance_peer *p = c->peers[i];
		if (!candidate(c, p) || (least && (uint64_t)p->conns * least->weight != (uint64_t)least->conns * p->weight))
			continue;
		p->current_weight += p->effective_weight;
		total += p->effective_weight;
		if (p->effective_weight < p->weight)
			p->effective_weight++;
		if (best < 0 || p->current_weight > c->peers[best]->current_weight)
			best = (int)i;
	}
	if (best >= 0)
		c->peers[best]->current_weight -= total;
	return best;
}

static int least_conn(const struct choice *c)
{
	const struct balance_peer *least = NULL;

	for (uint32_t i = 0; i < c->count; i++) {
		const struct balance_peer *p = c->peers[i];
		if (candidate(c, p) && (!least || (uint64_t)p->conns * least->weight < (uint64_t)least->conns * p->weight))
			least = p;
	}
	return least ? round_robin(c, least) : -1;
}

/* httpd's bytraffic: fewest bytes for the weight. */
static int least_traffic(const struct choice *c)
{
	int least = -1;

	for (uint32_t i = 0; i < c->count; i++) {
		const struct balance_peer *p = c->peers[i];
		if (candidate(c, p) && (least < 0 || p->bytes / p->weight < c->peers[least]->bytes / c->peers[least]->weight))
			least = (int)i;
	}
	return least;
}

/* The peer in whose share of the summed weights `hash` falls; every peer of the group has its share, whatever its state. */
static int by_weight(const struct choice *c, uint64_t hash)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < c->count; i++)
		total += c->peers[i]->backup == c->backup ? c->peers[i]->weight : 0;
	if (total == 0)
		return -1;
	hash %= total;
	for (uint32_t i = 0; i < c->count; i++) {
		if (c->peers[i]->backup != c->backup)
			continue;
		if (hash < c->peers[i]->weight)
			return (int)i;
		hash -= c->peers[i]->weight;
	}
	return -1;
}

/* nginx: the first three bytes of an IPv4 address, all of an IPv6 address. */
static int ip_hash(const struct choice *c)
{
	struct wsr_str addr = c->q->client_addr;
	size_t len = addr.len == 4 ? 3 : addr.len;
	uint32_t hash = 89;

	for (uint32_t tries = 0; tries < MAX_REHASH; tries++) {
		for (size_t i = 0; i < len; i++)
			hash = (hash * 113 + (unsigned char)addr.ptr[i]) % 6271;
		int at = by_weight(c, hash);
		if (at < 0 || candidate(c, c->peers[at]))
			return at;
	}
	return round_robin(c, NULL);
}

static uint32_t crc32_add(uint32_t crc, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

/* The sum of ((crc32([n] key) >> 16) & 0x7fff) over the tries so far, as Cache::Memcached does it. */
static int key_hash(const struct choice *c)
{
	uint64_t hash = 0;
	char again[16];

	for (uint32_t tries = 0; tries <= MAX_REHASH; tries++) {
		int len = tries ? snprintf(again, sizeof(again), "%u", tries) : 0;
		uint32_t crc = crc32_add(UINT32_MAX, again, (size_t)len);
		crc = ~crc32_add(crc, c->q->hash_key.ptr, c->q->hash_key.len);
		hash += crc >> 16 & 0x7fff;
		int at = by_weight(c, hash);
		if (at < 0 || candidate(c, c->peers[at]))
			return at;
	}
	return round_robin(c, NULL);
}

static int random_peer(const struct choice *c)
{
	uint64_t number = c->q->random;

	for (uint32_t tries = 0; tries < MAX_REHASH; tries++) {
		int at = by_weight(c, number >> 16);
		if (at < 0 || candidate(c, c->peers[at]))
			return at;
		number = (number * 1103515245 + 12345) & UINT32_MAX;
	}
	return round_robin(c, NULL);
}

static int pick_from(const struct choice *c)
{
	switch (c->q->method) {
	case WSR_BALANCE_LEAST_CONN:
		return least_conn(c);
	case WSR_BALANCE_IP_HASH:
		return ip_hash(c);
	case WSR_BALANCE_HASH:
		return key_hash(c);
	case WSR_BALANCE_RANDOM:
		return random_peer(c);
	case WSR_BALANCE_TRAFFIC:
		return least_traffic(c);
	case WSR_BALANCE_ROUND_ROBIN:
		break;
	}
	return round_robin(c, NULL);
}

void balance_taken(struct balance_peer *const *peers, uint32_t count, uint32_t at, uint64_t now_ms)
{
	bool single = balance_single(peers, count);
	int64_t total = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct balance_peer *p = peers[i];
		if (p->backup != peers[at]->backup || p->tried || !balance_usable(p, now_ms, single))
			continue;
		p->current_weight += p->effective_weight;
		total += p->effective_weight;
	}
	peers[at]->current_weight -= total;
}

int balance_pick(struct balance_peer *const *peers, uint32_t count, const struct balance_query *q)
{
	struct choice c = { peers, count, q, false, balance_single(peers, count) };
	int at = pick_from(&c);

	if (at < 0) {
		c.backup = true;
		at = pick_from(&c);
	}
	if (at >= 0 && q->now_ms - peers[at]->checked_ms > peers[at]->fail_timeout_ms)
		peers[at]->checked_ms = q->now_ms;
	return at;
}
