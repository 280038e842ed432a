/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backends of Apache configuration: URLs of ProxyPass and BalancerMember, the parameters behind them, workers and balancers. A worker belongs to its
 * host (or to the main server, whose workers come first in every host) and is shared by every rule whose URL begins with its own, as httpd does it.
 */
#ifndef COMPILER_APACHE_WORKER_H
#define COMPILER_APACHE_WORKER_H

#include "compiler/address.h"
#include "compiler/apache.h"

/** A target. Slices point into the text. */
struct apache_url {
	struct wsr_str text;        /* from the scheme on, without "unix:...|" */
	struct wsr_str socket;      /* path of a unix socket, or empty */
	struct wsr_str authority;   /* "host:port" as written; name of a balancer */
	struct wsr_str path;        /* from the first "/" behind the host; may be empty */
	struct address address;     /* not for balancers and variable hosts */
	uint32_t flags;             /* WSR_PROXY_TLS, WSR_PROXY_WS */
	uint16_t port;
	bool balancer;
	bool variable;              /* a capture or variable stands in the host */
	bool captures;              /* "$1" stands for something: a worker is known by what comes before it */
};

/** Read a target; what is wrong with it is reported. captures: "$1" may stand in it; environment: "${NAME}" may. */
bool apache_url_read(struct lower *l, const struct word *w, bool captures, bool environment, struct apache_url *u);

/** key=value words behind a target. */
struct apache_parameters {
	struct wsr_worker worker;   /* scalars and flags; url, proxy and routes are not set */
	struct wsr_peer peer;       /* weight and flags of a balancer's member */
	struct wsr_str route;
	uint32_t balance;           /* enum wsr_balance */
	uint32_t pass_flags;        /* WSR_PASS_NOCANON and the like */
	uint32_t keepalive;         /* idle connections kept */
	bool has_keepalive, has_balance;
	const struct word *first;   /* of those that concern the worker; NULL when there is none */
};
void apache_parameters_init(struct apache_parameters *p);
/** Read words from index `from` on; unknown ones are errors, those without effect here say so. */
void apache_parameters_read(struct lower *l, const struct node *n, unsigned from, bool balancer, struct apache_parameters *p);

/**
 * The worker for a target: one that is there already and fits, or a new one.
 * @return its ordinal among the workers of the host; WSR_NONE for a host that only the request names
 */
uint32_t apache_worker(struct lower *l, struct level *lv, const struct node *n, const struct apache_url *u, const struct apache_parameters *p);
/** Balancers that are declared and that no rule named yet. */
void apache_balancers(struct lower *l, struct apache_host *h);
/** ProxyPassReverse with "balancer://name/path": one rule for each member. */
void apache_balancer_reverse(struct lower *l, struct level *lv, const struct node *n, struct wsr_str external, struct wsr_str internal);
/** Worker of a host by ordinal, the main server's first. */
struct wsr_worker *apache_worker_at(struct apache_host *h, uint32_t ordinal);
/** Does a URL come after the beginning of this worker's, so that the request decides which worker it is? */
bool apache_worker_ambiguous(struct lower *l, struct apache_host *h, struct wsr_str url);
/** Record of where a target goes, with the upstream of its worker. */
uint32_t apache_proxy(struct lower *l, const struct node *n, const struct apache_url *u, uint32_t upstream);

/** A number of seconds, or with ms, s, min, h behind it (apr's ap_timeout_parameter_parse). */
bool apache_seconds(struct wsr_str s, uint64_t *ms);

#endif
