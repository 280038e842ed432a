/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which peer of an upstream serves the next request: the balancing methods and the passive failure marks, with nginx's arithmetic. In: peers and what was tried.
 * Out: a peer. Knows neither sockets nor names.
 */
#ifndef RUNTIME_BALANCE_H
#define RUNTIME_BALANCE_H

#include "table/wsr_format.h"
#include "table/wsr_str.h"

struct balance_peer {
	/* settings */
	uint32_t weight;            /* at least 1 */
	uint32_t max_fails;         /* 0 = never marked */
	uint32_t max_conns;         /* 0 = no limit */
	uint64_t fail_timeout_ms;
	bool backup, down;
	bool httpd;                 /* as httpd: marked even when it is the only one, and of full weight again afterwards */
	/* state */
	bool tried;                 /* set by the caller before balance_pick() */
	int64_t effective_weight, current_weight;
	uint32_t conns;             /* in use */
	uint64_t bytes;             /* sent and received, for WSR_BALANCE_TRAFFIC */
	uint32_t fails;
	uint64_t accessed_ms, checked_ms; /* last failure; last time the mark was looked at */
};

struct balance_query {
	enum wsr_balance method;
	uint64_t now_ms;
	struct wsr_str client_addr; /* ip_hash: 4 or 16 bytes */
	struct wsr_str hash_key;    /* hash */
	uint32_t random;            /* random: any number */
};

/** Weights as set, no failures. */
void balance_init(struct balance_peer *p);
/** @return index of the peer to use, or -1: none is up, below its limit and untried. Backup peers only when no other is left. */
int balance_pick(struct balance_peer *const *peers, uint32_t count, const struct balance_query *q);
/** A peer was taken although it was nobody's turn, because a session belongs to it: it counts as its turn (mod_proxy_balancer: proxy_balancer_pre_request). */
void balance_taken(struct balance_peer *const *peers, uint32_t count, uint32_t at, uint64_t now_ms);
/** Whether a peer may be used now, `tried` aside. */
bool balance_usable(const struct balance_peer *p, uint64_t now_ms, bool single);
/** The peer answered (forgets failures once their time has passed) or failed. `single`: the only peer is never marked. */
void balance_report(struct balance_peer *p, bool failed, bool single, uint64_t now_ms);
/** One peer and no backup: there is no choice, so marks do not count. */
bool balance_single(struct balance_peer *const *peers, uint32_t count);

#endif
