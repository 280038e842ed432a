/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker knows about one upstream: its servers and their addresses, failure marks, TLS context and sessions, idle connections. For upstream.c only.
 *
 * A pool is keyed by the value of everything that was set, contents of certificate files included: equal settings meet in one pool whatever table they come from,
 * unequal ones never share a connection. A pool without users is forgotten after POOL_UNUSED_MS.
 */
#ifndef RUNTIME_POOL_H
#define RUNTIME_POOL_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/balance.h"
#include "runtime/resolve.h"
#include "runtime/slab.h"
#include "runtime/tls_peer.h"
#include "runtime/upstream.h"

#define POOL_BUCKETS    256u
#define POOL_MAX        2048u   /* pools of one worker: names from variables make them */
#define POOL_UNUSED_MS  600000u
#define POOL_CACHE      64u

union pool_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/** One address. Lives as long as it is listed or used. */
struct peer {
	struct balance_peer balance;
	struct pool *pool;
	uint32_t refs;               /* the list, calls, leases, idle connections */
	uint32_t server;             /* ordinal of the server it comes from */
	bool listed;                 /* false: the name no longer leads here */
	struct idle *idle;           /* newest first */
	SSL_SESSION *session;        /* newest, to resume */
	socklen_t addr_len;
	union pool_addr addr;
	char text[160];
};

/** A server as configured. */
struct server {
	uint32_t kind;               /* enum wsr_peer_kind */
	uint16_t port;
	uint32_t serial;             /* of the name when the peers were made from it */
	struct resolve_name *name;   /* NAME only */
	struct wsr_peer set;         /* numbers and flags as set */
	char *host;
};

/** An idle connection, watched: a byte, a close or the time-out drops it. */
struct idle {
	struct idle *next, **pprev;  /* of the peer, newest first */
	struct idle *older, *newer;  /* of the pool */
	struct peer *peer;
	struct stream *stream;
	uint32_t requests;           /* served so far */
	uint64_t opened_ms;
};

struct pool {
	struct pool *next;           /* bucket */
	struct upstreams *owner;
	uint32_t refs;               /* calls and leases; idle connections do not keep a pool */
	uint64_t used_ms;
	uint32_t hash;
	struct wsr_str key;
	char *name;                  /* for messages */
	enum wsr_balance method;
	bool httpd;                  /* failures are counted as httpd does */
	/* servers and peers */
	struct server *servers;
	uint32_t server_count;
	struct peer **peers;
	struct balance_peer **view;  /* the same, as balance_pick() wants them */
	uint32_t peer_count;
	/* TLS */
	bool tls;
	SSL_CTX *ctx;                /* NULL with tls: tls_why says what is wrong */
	char tls_why[256];
	char *ssl_name;              /* without port; "" = none */
	bool send_name, reuse_sessions;
	enum wsr_proxy_verify verify;
	struct tls_peer_checks checks;
	/* local address */
	union pool_addr bind;
	socklen_t bind_len;          /* 0 = none */
	/* idle connections */
	struct idle *newest, *oldest;
	uint32_t idle_count, idle_max, max_requests;
	uint64_t idle_timeout_ms, max_time_ms;
};

/* A request's shortest way to its pool, for as long as its generation lives. */
struct pool_cache {
	uint64_t serial;             /* of the key source; 0 = empty */
	uint32_t upstream, proxyset;
	bool tls;
	struct pool *pool;
};

struct upstreams {
	struct loop *loop;
	struct resolvers *resolvers;
	uint32_t keepalive;          /* of implicit upstreams */
	uint32_t pool_count;
	struct pool *bucket[POOL_BUCKETS];
	struct pool_cache cache[POOL_CACHE];
	struct timer purge;
	struct slabs calls, idles;  /* memory of upstream.c and pool.c */
	char *key;                   /* scratch for building a key */
	size_t key_len, key_cap;
};

/** The pool of a request, made at first use; one reference. NULL without memory or when there are too many in use. */
struct pool *pool_get(struct upstreams *us, const struct upstream_request *rq);
void pool_release(struct pool *pool);
/** Forget pools without users that were not used for `unused_ms`. */
void pool_purge(struct upstreams *us, uint64_t unused_ms);

/**
 * Renew the list of peers from what the names say now.
 * @return a name that is being resolved and is worth waiting for when there are no peers yet, else NULL
 */
struct resolve_name *pool_update(struct pool *pool);
/** Why there is no peer: the reason of the first name that gave none. */
const char *pool_why_empty(const struct pool *pool);

struct peer *peer_ref(struct peer *p);
void peer_release(struct peer *p);

/** Keep a connection. Takes the stream; it may have been closed when this returns (pool full: the oldest goes). */
void pool_keep(struct peer *p, struct stream *s, uint32_t requests, uint64_t opened_ms);
/** Newest idle connection to a peer. @return NULL if there is none; otherwise without handler: set one before the loop runs */
struct stream *pool_take(struct peer *p, uint32_t *requests, uint64_t *opened_ms);
/** Close idle connections of a pool. @return how many */
uint32_t pool_close_idle(struct pool *pool);
/** Close a stream of ours: its TLS session no longer reports to the peer. */
void pool_close_stream(struct stream *s);

#endif
