/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host names to addresses without waiting: the hosts file first, then A and AAAA by evdns, kept for their TTL. In: a name. Out: a list of addresses that is renewed
 * when it is asked for after it ran out.
 *
 * Invariant: a reply that fails or is truncated never replaces good addresses; only an authoritative "no such name" does.
 */
#ifndef RUNTIME_RESOLVE_H
#define RUNTIME_RESOLVE_H

#include <netinet/in.h>

#include "runtime/loop.h"
#include "table/wsr_str.h"

#define RESOLVE_MAX_ADDRESSES 32u /* of one name; more are ignored */

struct resolve_addr {
	uint8_t family;             /* 4 or 6 */
	uint8_t bytes[16];          /* network order; IPv4 in the first four */
};

struct resolvers;             /* of one worker: one resolver per distinct setting */
struct resolver;

/** One name under one resolver. Fields are for reading. */
struct resolve_name {
	struct resolve_name *next;
	struct resolver *resolver;
	uint32_t refs;
	uint32_t serial;            /* changes with the addresses; 0 = never resolved */
	uint32_t count;
	struct resolve_addr addr[RESOLVE_MAX_ADDRESSES];
	uint64_t expires_ms;        /* 0 = ask at once */
	struct resolve_query *query; /* under way */
	struct resolve_wait *waiting;
	char why[96];               /* of the last failure */
	char text[];
};

/** Somebody who wants to know when a query ends. Zero-initialised but for fn. */
struct resolve_wait {
	struct resolve_wait *next, **pprev;
	void (*fn)(struct resolve_wait *); /* from the loop; not called after resolve_forget() */
};

/** @param hosts_path  NULL = /etc/hosts.   @return NULL without memory */
struct resolvers *resolvers_new(struct loop *loop, const char *hosts_path);
/** All names must have been released. NULL is allowed. */
void resolvers_free(struct resolvers *rs);

/**
 * The entry of a name; nothing is asked yet.
 * @param servers     space-separated addresses, "addr:port", "[v6]:port"; empty = resolv.conf with its search list
 * @param valid_ms    how long addresses are used; 0 = TTL of the answer
 * @param timeout_ms  of one query, 0 = 30 s
 * @return one reference, NULL without memory or with a name over 255 bytes
 */
struct resolve_name *resolve_get(struct resolvers *rs, struct wsr_str name, struct wsr_str servers, uint64_t valid_ms, uint64_t timeout_ms);
/** NULL is allowed. */
void resolve_release(struct resolve_name *n);

/**
 * Bring the addresses up to date: from the hosts file at once, otherwise by a query unless one is under way or they are still valid.
 * @return true when the entry can be used as it is (it may have no addresses: see why), false when a query is under way that is worth waiting for.
 *         Addresses that ran out less than a minute ago are worth using meanwhile.
 */
bool resolve_refresh(struct resolve_name *n);
/** Be called once when the query under way has ended. */
void resolve_wait(struct resolve_name *n, struct resolve_wait *w);
/** Harmless if not waiting. */
void resolve_forget(struct resolve_wait *w);

#endif
