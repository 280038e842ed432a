/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key=value words behind targets of ProxyPass, BalancerMember and ProxySet. In: the words. Out: struct apache_parameters. A key that httpd does not know, or a
 * value that it refuses, is an error; one that cannot act here says why.
 */
#include "compiler/apache_worker.h"
#include "compiler/value.h"

#define KEEPALIVE_CONNECTIONS 32u
#define RETRY_MS 60000u

bool apache_seconds(struct wsr_str s, uint64_t *ms)
{
	static const struct { const char *unit; uint64_t factor; } units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "mi", 60000 }, { "min", 60000 }, { "h", 3600000 } };
	size_t digits = 0;
	uint64_t v;
	while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
		digits++;
	if (!value_uint(wsr_str(s.ptr, digits), &v) || v > UINT32_MAX)
		return false;
	struct wsr_str unit = wsr_str(s.ptr + digits, s.len - digits);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (wsr_str_eq_nocase(unit, wsr_cstr(units[i].unit))) {
			*ms = v * units[i].factor;
			return true;
		}
	return false;
}

void apache_parameters_init(struct apache_parameters *p)
{
	*p = (struct apache_parameters){
		.worker = { .retry_ms = RETRY_MS }, .peer = { .weight = 100, .max_fails = 1, .fail_timeout_ms = RETRY_MS }, .keepalive = KEEPALIVE_CONNECTIONS,
	};
}

enum parameter {
	P_TIMEOUT, P_CONNECT, P_RETRY, P_UPGRADE, P_DISABLE_REUSE, P_ENABLE_REUSE, P_LOADFACTOR, P_ROUTE, P_STATUS, P_LBMETHOD, P_STICKY, P_NOFAILOVER,
	P_MAXATTEMPTS, P_SEMICOLON, P_LBSET, P_MAPPING, P_NONE
};
/* What each is for: a balancer's parameters and a member's own. */
static const struct { const char *key; enum parameter what; bool of_balancer, of_member; const char *why; } parameters[] = {
	{ "timeout", P_TIMEOUT, true, true, NULL }, { "connectiontimeout", P_CONNECT, false, true, NULL }, { "retry", P_RETRY, false, true, NULL },
	{ "upgrade", P_UPGRADE, false, true, NULL }, { "disablereuse", P_DISABLE_REUSE, false, true, NULL }, { "enablereuse", P_ENABLE_REUSE, false, true, NULL },
	{ "loadfactor", P_LOADFACTOR, false, true, NULL }, { "route", P_ROUTE, false, true, NULL }, { "status", P_STATUS, false, true, NULL },
	{ "lbmethod", P_LBMETHOD, true, false, NULL }, { "stickysession", P_STICKY, true, false, NULL }, { "nofailover", P_NOFAILOVER, true, false, NULL },
	{ "maxattempts", P_MAXATTEMPTS, true, false, NULL },
	{ "mapping", P_MAPPING, true, true, "rules are always matched against the decoded path" },
	{ "min", P_NONE, false, true, "connections are opened when they are needed" },
	{ "max", P_NONE, false, true, "the number of connections to a backend is not limited" },
	{ "smax", P_NONE, false, true, "idle connections are closed after a minute" },
	{ "acquire", P_NONE, false, true, "a request never waits for a free connection" },
	{ "ttl", P_NONE, false, true, "idle connections are closed after a minute" },
	{ "address_ttl", P_NONE, false, true, "names live as long as the name server says" },
	{ "iobuffersize", P_NONE, false, true, "buffers are sized by the daemon" },
	{ "receivebuffersize", P_NONE, false, true, "buffers are sized by the system" },
	{ "responsefieldsize", P_NONE, false, true, "response heads have one limit of 64 kB" },
	{ "keepalive", P_NONE, false, true, "idle connections are short-lived anyway" },
	{ "flushpackets", P_NONE, false, true, "what a backend sends is passed on at once" },
	{ "flushwait", P_NONE, false, true, "what a backend sends is passed on at once" },
	{ "flusher", P_NONE, false, true, "what a backend sends is passed on at once" },
	{ "ping", P_NONE, false, true, "a backend that has closed is noticed when the request is sent" },
	{ "lbset", P_LBSET, false, true, NULL },
	{ "redirect", P_NONE, false, true, "a route that is gone is balanced anew" },
	{ "secret", P_NONE, false, true, "it belongs to ajp" },
	{ "stickysessionsep", P_NONE, true, false, "the route stands behind the first dot" },
	{ "scolonpathdelim", P_SEMICOLON, true, false, NULL },
	{ "failonstatus", P_NONE, true, false, "a status is never a failure of the backend" },
	{ "failontimeout", P_NONE, true, false, "a slow answer is never a failure of the backend" },
	{ "nonce", P_NONE, true, false, "there is no balancer manager" },
	{ "growth", P_NONE, true, false, "there is no balancer manager" },
	{ "forcerecovery", P_NONE, true, false, "members come back after retry=" },
	{ "hcmethod", P_NONE, false, true, "backends are watched through their answers alone" },
	{ "hcpasses", P_NONE, false, true, "backends are watched through their answers alone" },
	{ "hcfails", P_NONE, false, true, "backends are watched through their answers alone" },
	{ "hcinterval", P_NONE, false, true, "backends are watched through their answers alone" },
	{ "hcuri", P_NONE, false, true, "backends are watched through their answers alone" },
	{ "hcexpr", P_NONE, false, true, "backends are watched through their answers alone" },
	{ "hctemplate", P_NONE, false, true, "backends are watched through their answers alone" },
};

static void wrong_value(struct lower *l, const struct word *w, const char *allowed)
{
	diag_at(l->cc, CHECK_PROXY_PARAMETER, w->span, "'%s': the value is %s", diag_quote(l->cc, w->text, w->len), allowed);
}

static bool read_switch(struct lower *l, const struct word *w, struct wsr_str v)
{
	bool on = wsr_str_eq_nocase(v, WSR_STR("on"));
	if (!on && !wsr_str_eq_nocase(v, WSR_STR("off")))
		wrong_value(l, w, "on or off");
	return on;
}

static uint64_t read_number(struct lower *l, const struct word *w, struct wsr_str v, uint64_t least, const char *allowed)
{
	uint64_t n = 0;
	if (!value_uint(v, &n) || n < least || n > 1000000) {
		wrong_value(l, w, allowed);
		return least;
	}
	return n;
}

/* "2.5" -> 250: httpd counts in hundredths, from 1 to 100. */
static uint32_t read_factor(struct lower *l, const struct word *w, struct wsr_str v)
{
	uint64_t whole = 0, part = 0;
	const char *dot = memchr(v.ptr, '.', v.len);
	struct wsr_str left = wsr_str(v.ptr, dot ? (size_t)(dot - v.ptr) : v.len);
	struct wsr_str right = dot ? wsr_str(dot + 1, v.len - left.len - 1) : wsr_str("0", 1);
	bool good = value_uint(left, &whole) && value_uint(right, &part) && right.len <= 2;
	uint64_t factor = whole * 100 + (right.len == 1 ? part * 10 : part);
	if (!good || factor < 100 || factor > 10000) {
		wrong_value(l, w, "a number from 1 to 100");
		return 100;
	}
	return (uint32_t)factor;
}

/* "+H-D": letters stay with the sign before them. */
static void read_status(struct lower *l, const struct word *w, struct wsr_str v, struct apache_parameters *p)
{
	bool on = true;
	for (size_t i = 0; i < v.len; i++) {
		uint32_t flag = 0;
		switch (v.ptr[i] | 0x20) {
		case '+' | 0x20: on = true; continue;
		case '-' | 0x20: on = false; continue;
		case 'h': case 'r': flag = WSR_PEER_BACKUP; break;
		case 'd': case 's': case 'n': case 'c': flag = WSR_PEER_DOWN; break;
		case 'i': p->peer.max_fails = on ? 0 : 1; continue;
		case 'e': continue; /* starts in error: it is tried all the same, as httpd does after retry= */
		default:
			wrong_value(l, w, "a list of the letters D, S, I, H, R, E, N and C, each with + or -");
			return;
		}
		p->peer.flags = on ? p->peer.flags | flag : p->peer.flags & ~flag;
	}
}

static void read_method(struct lower *l, const struct word *w, struct wsr_str v, struct apache_parameters *p)
{
	static const struct { const char *name; uint32_t balance; } methods[] = {
		{ "byrequests", WSR_BALANCE_ROUND_ROBIN }, { "bybusyness", WSR_BALANCE_LEAST_CONN }, { "bytraffic", WSR_BALANCE_TRAFFIC },
	};
	p->has_balance = true;
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (wsr_str_eq_nocase(v, wsr_cstr(methods[i].name))) {
			p->balance = methods[i].balance;
			return;
		}
	wrong_value(l, w, "byrequests, bytraffic or bybusyness");
}

static void read_upgrade(struct lower *l, struct wsr_str v, struct apache_parameters *p)
{
	p->worker.flags &= ~WSR_WORKER_UPGRADE_ANY;
	if (wsr_str_eq_nocase(v, WSR_STR("any")))
		p->worker.flags |= WSR_WORKER_UPGRADE_ANY;
	p->worker.upgrade = plan_str_lower(l->plan, v);
}

static void read_time(struct lower *l, const struct word *w, struct wsr_str v, uint64_t *ms)
{
	if (!apache_seconds(v, ms) || *ms == 0)
		wrong_value(l, w, "a number of seconds, at least 1, or one with ms, s, min or h behind it");
}

static void read_sticky(struct lower *l, struct wsr_str v, struct apache_parameters *p)
{
	const char *bar = memchr(v.ptr, '|', v.len);
	struct wsr_str cookie = wsr_str(v.ptr, bar ? (size_t)(bar - v.ptr) : v.len);
	p->worker.sticky_cookie = plan_str(l->plan, cookie);
	p->worker.sticky_path = bar ? plan_str(l->plan, wsr_str(bar + 1, v.len - cookie.len - 1)) : p->worker.sticky_cookie;
}

static void set_parameter(struct lower *l, const struct word *w, enum parameter what, struct wsr_str v, bool balancer, struct apache_parameters *p)
{
	uint64_t seconds;
	switch (what) {
	case P_TIMEOUT:
		if (balancer)
			diag_at(l->cc, CHECK_PROXY_PARAMETER_INERT, w->span, "'timeout' of a balancer has no effect: a request never waits for a free member");
		else
			p->worker.timeout_ms = read_number(l, w, v, 1, "a number of seconds, at least 1") * 1000;
		break;
	case P_CONNECT: read_time(l, w, v, &p->worker.connect_timeout_ms); break;
	case P_RETRY:
		seconds = read_number(l, w, v, 0, "a number of seconds");
		p->worker.retry_ms = p->peer.fail_timeout_ms = seconds * 1000;
		p->peer.max_fails = seconds > 0;
		break;
	case P_UPGRADE:       read_upgrade(l, v, p); break;
	case P_DISABLE_REUSE: p->has_keepalive = true; p->keepalive = read_switch(l, w, v) ? 0 : KEEPALIVE_CONNECTIONS; break;
	case P_ENABLE_REUSE:  p->has_keepalive = true; p->keepalive = read_switch(l, w, v) ? KEEPALIVE_CONNECTIONS : 0; break;
	case P_LOADFACTOR:    p->peer.weight = read_factor(l, w, v); break;
	case P_ROUTE:         p->route = v; break;
	case P_STATUS:        read_status(l, w, v, p); break;
	case P_LBMETHOD:      read_method(l, w, v, p); break;
	case P_STICKY:        read_sticky(l, v, p); break;
	case P_NOFAILOVER:    p->worker.flags |= read_switch(l, w, v) ? WSR_WORKER_NO_FAILOVER : 0; break;
	case P_LBSET:         p->peer.flags |= read_number(l, w, v, 0, "a number") ? WSR_PEER_BACKUP : 0; break; /* later sets are asked when the first has nobody left */
	case P_SEMICOLON:     p->worker.flags |= read_switch(l, w, v) ? WSR_WORKER_SEMICOLON : 0; break;
	case P_MAXATTEMPTS:   p->worker.max_attempts = (uint32_t)read_number(l, w, v, 0, "a number"); break;
	default:              break;
	}
}

static bool read_keyword(const struct word *w, struct apache_parameters *p)
{
	static const struct { const char *word; uint32_t flag; } words[] = {
		{ "nocanon", WSR_PASS_NOCANON }, { "interpolate", WSR_PASS_INTERPOLATE }, { "noquery", 0 /* httpd 2.4 reads it and sends the query all the same */ },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (wsr_str_eq_nocase(word_str(w), wsr_cstr(words[i].word))) {
			p->pass_flags |= words[i].flag;
			return true;
		}
	return false;
}

static void read_word(struct lower *l, const struct word *w, bool balancer, struct apache_parameters *p)
{
	const char *equals = memchr(w->text, '=', w->len);
	if (!equals) {
		diag_at(l->cc, CHECK_PROXY_PARAMETER, w->span, "'%s' is neither key=value nor nocanon, interpolate or noquery", diag_quote(l->cc, w->text, w->len));
		return;
	}
	struct wsr_str key = wsr_str(w->text, (size_t)(equals - w->text)), v = wsr_str(equals + 1, w->len - key.len - 1);
	if (!p->first)
		p->first = w;
	for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++) {
		if (!wsr_str_eq_nocase(key, wsr_cstr(parameters[i].key)) || !(balancer ? parameters[i].of_balancer : parameters[i].of_member))
			continue;
		if (parameters[i].why)
			diag_at(l->cc, CHECK_PROXY_PARAMETER_INERT, w->span, "'%s' has no effect: %s", parameters[i].key, parameters[i].why);
		else
			set_parameter(l, w, parameters[i].what, v, balancer, p);
		return;
	}
	diag_at(l->cc, CHECK_PROXY_PARAMETER, w->span, "unknown %s parameter '%s'", balancer ? "balancer" : "worker", diag_quote(l->cc, key.ptr, key.len));
}

void apache_parameters_read(struct lower *l, const struct node *n, unsigned from, bool balancer, struct apache_parameters *p)
{
	for (unsigned i = from; i < node_arg_count(n); i++)
		if (!read_keyword(node_arg(n, i), p))
			read_word(l, node_arg(n, i), balancer, p);
}
