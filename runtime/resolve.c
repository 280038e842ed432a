/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names by hosts file and evdns. One evdns base per distinct `resolver` setting, made when the first name needs it; A and AAAA are asked side by side and
 * the entry changes once, when both have ended or the time is up.
 */
#include "runtime/resolve.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <event2/dns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEGATIVE_MS     2000u   /* a failure is remembered so long */
#define MIN_VALID_MS    1000u   /* a TTL of 0 must not make a query of every request */
#define MAX_VALID_MS    86400000u
#define STALE_OK_MS     60000u
#define HOSTS_VALID_MS  1000u   /* the file's date is looked at so often */
#define DEFAULT_TIMEOUT_MS 30000u
#define HOSTS_MAX_BYTES (1u << 20)

struct resolver {
	struct resolver *next;
	struct resolvers *owner;
	struct evdns_base *dns;      /* NULL until needed */
	struct resolve_name *names;
	uint32_t refs;
	uint64_t valid_ms, timeout_ms;
	struct timespec conf_mtime;  /* of resolv.conf when it was read */
	char servers[];              /* as set; "" = resolv.conf */
};

struct resolvers {
	struct loop *loop;
	struct resolver *list;
	const char *hosts_path;
	char *hosts;                 /* text of the hosts file, NULL = none */
	struct timespec hosts_mtime;
	uint64_t hosts_checked_ms;
};

struct resolve_query {
	struct resolve_name *name;   /* NULL: nobody is interested any more, only evdns still holds us */
	struct evdns_request *request[2];
	struct timer deadline;
	uint32_t count;
	struct resolve_addr addr[RESOLVE_MAX_ADDRESSES];
	int ttl_s;                   /* the shorter one */
	int error;                   /* a failure that is not authoritative; 0 = none */
	unsigned running;
};

struct resolvers *resolvers_new(struct loop *loop, const char *hosts_path)
{
	struct resolvers *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return NULL;
	rs->loop = loop;
	rs->hosts_path = hosts_path ? hosts_path : "/etc/hosts";
	return rs;
}

static void resolver_free(struct resolver *r)
{
	struct resolver **at = &r->owner->list;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (r->dns)
		evdns_base_free(r->dns, 0);
	free(r);
}

void resolvers_free(struct resolvers *rs)
{
	if (!rs)
		return;
	while (rs->list)
		resolver_free(rs->list);
	free(rs->hosts);
	free(rs);
}

/* --- hosts file ------------------------------------------------------------------------------------------------------- */

static void load_hosts(struct resolvers *rs)
{
	struct stat st;

	if (rs->hosts_checked_ms != 0 && rs->loop->now_ms - rs->hosts_checked_ms < HOSTS_VALID_MS)
		return;
	rs->hosts_checked_ms = rs->loop->now_ms;
	if (stat(rs->hosts_path, &st) != 0)
		memset(&st, 0, sizeof(st));
	if (rs->hosts && st.st_mtim.tv_sec == rs->hosts_mtime.tv_sec && st.st_mtim.tv_nsec == rs->hosts_mtime.tv_nsec)
		return;
	rs->hosts_mtime = st.st_mtim;
	free(rs->hosts);
	rs->hosts = calloc(1, HOSTS_MAX_BYTES + 1);
	FILE *f = rs->hosts ? fopen(rs->hosts_path, "re") : NULL;
	if (f) {
		size_t len = fread(rs->hosts, 1, HOSTS_MAX_BYTES, f);
		char *fit = realloc(rs->hosts, len + 1);
		rs->hosts = fit ? fit : rs->hosts;
		fclose(f);
	}
}

static bool parse_addr(const char *text, struct resolve_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->family = 4;
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		return true;
	out->family = 6;
	return inet_pton(AF_INET6, text, out->bytes) == 1;
}

/* Two answers or lines may name one address: it counts once. @return the new count of addr[0..count] */
static uint32_t take_new(const struct resolve_addr *addr, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(&addr[i], &addr[count], sizeof(addr[0])) == 0)
			return count;
	return count + 1;
}

/* Whether a line of the hosts file (address, names, "#" comment) names `name`. */
static bool line_names(const char *p, const char *end, const char *name)
{
	size_t len = strlen(name);

	while (p < end && *p != '#') {
		const char *word = p;
		while (p < end && *p != '#' && !isspace((unsigned char)*p))
			p++;
		if (wsr_str_eq_nocase(wsr_str(word, (size_t)(p - word)), wsr_str(name, len)))
			return true;
		while (p < end && isspace((unsigned char)*p))
			p++;
	}
	return false;
}

static uint32_t find_in_hosts(const char *p, const char *name, struct resolve_addr *addr)
{
	uint32_t count = 0;
	char text[64];

	while (p && *p && count < RESOLVE_MAX_ADDRESSES) {
		const char *end = p + strcspn(p, "\n");
		const char *start = p + strspn(p, " \t");
		size_t len = strcspn(start, " \t\r\n#");

		if (len > 0 && len < sizeof(text) && start + len < end) {
			memcpy(text, start, len);
			text[len] = '\0';
			const char *names = start + len + strspn(start + len, " \t");
			if (parse_addr(text, &addr[count]) && line_names(names, end, name))
				count = take_new(addr, count);
		}
		p = *end ? end + 1 : end;
	}
	return count;
}

/* localhost and what ends in it is ourselves (RFC 6761 section 6.3), also without a hosts file. */
static uint32_t find_local(const char *name, struct resolve_addr *addr)
{
	static const char local[] = "localhost";
	size_t len = strlen(name), tail = sizeof(local) - 1;

	if (len < tail || strcasecmp(name + len - tail, local) != 0 || (len > tail && name[len - tail - 1] != '.'))
		return 0;
	parse_addr("127.0.0.1", &addr[0]);
	return 1;
}

/* --- queries ------------------------------------------------------------------------------------------------------------ */

static void set_addresses(struct resolve_name *n, const struct resolve_addr *addr, uint32_t count)
{
	bool same = n->count == count && (count == 0 || memcmp(n->addr, addr, sizeof(addr[0]) * count) == 0);

	if (same && n->serial != 0)
		return;
	if (count > 0)
		memcpy(n->addr, addr, sizeof(addr[0]) * count);
	n->count = count;
	n->serial = n->serial == UINT32_MAX ? 1 : n->serial + 1;
}

static int compare_addr(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct resolve_addr));
}

static void wake(struct resolve_name *n)
{
	struct resolve_wait *list = n->waiting;

	n->waiting = NULL;
	if (list)
		list->pprev = &list;
	n->refs++; /* a waiter may release the last one */
	while (list) {
		struct resolve_wait *w = list;
		resolve_forget(w);
		w->fn(w);
	}
	resolve_release(n);
}

static uint64_t valid_ms(const struct resolver *r, int ttl_s)
{
	uint64_t ms = ttl_s > 0 ? (uint64_t)ttl_s * 1000 : 0;

	if (r->valid_ms > 0)
		return r->valid_ms;
	return ms < MIN_VALID_MS ? MIN_VALID_MS : ms > MAX_VALID_MS ? MAX_VALID_MS : ms;
}

/* The query is over: what came is used; a failure that proves nothing keeps what there was. */
static void conclude(struct resolve_query *q, int error)
{
	struct resolve_name *n = q->name;
	struct loop *loop = n->resolver->owner->loop;

	n->query = NULL;
	q->name = NULL;
	timer_clear(loop, &q->deadline);
	if (q->count > 0) {
		qsort(q->addr, q->count, sizeof(q->addr[0]), compare_addr); /* servers rotate their answers */
		set_addresses(n, q->addr, q->count);
		n->expires_ms = loop->now_ms + valid_ms(n->resolver, q->ttl_s);
		n->why[0] = '\0';
	} else {
		snprintf(n->why, sizeof(n->why), "%s", evdns_err_to_string(error));
		if (error == DNS_ERR_NOTEXIST || error == DNS_ERR_NODATA)
			set_addresses(n, NULL, 0);
		n->expires_ms = loop->now_ms + NEGATIVE_MS;
	}
	for (int i = 0; i < 2; i++)
		if (q->request[i])
			evdns_cancel_request(n->resolver->dns, q->request[i]); /* ends in on_answer() with DNS_ERR_CANCEL, later */
	if (q->running == 0)
		free(q);
	wake(n);
}

static void add_answer(struct resolve_query *q, char type, int count, int ttl, const void *addresses)
{
	size_t width = type == DNS_IPv6_AAAA ? 16 : 4;

	for (int i = 0; i < count && q->count < RESOLVE_MAX_ADDRESSES; i++) {
		struct resolve_addr *a = &q->addr[q->count];
		memset(a, 0, sizeof(*a));
		a->family = type == DNS_IPv6_AAAA ? 6 : 4;
		memcpy(a->bytes, (const char *)addresses + (size_t)i * width, width);
		q->count = take_new(q->addr, q->count);
	}
	if (count > 0 && (q->ttl_s < 0 || ttl < q->ttl_s))
		q->ttl_s = ttl;
}

static void on_answer(struct resolve_query *q, int which, int result, char type, int count, int ttl, const void *addresses)
{
	q->request[which] = NULL;
	q->running--;
	if (!q->name) {
		if (q->running == 0)
			free(q);
		return;
	}
	loop_now(q->name->resolver->owner->loop);
	if (result == DNS_ERR_NONE && (type == DNS_IPv4_A || type == DNS_IPv6_AAAA))
		add_answer(q, type, count, ttl, addresses);
	else if (result != DNS_ERR_NOTEXIST && result != DNS_ERR_NODATA)
		q->error = result;
	if (q->running == 0)
		conclude(q, q->error ? q->error : DNS_ERR_NOTEXIST);
}

static void on_a(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	on_answer(arg, 0, result, type, count, ttl, addresses);
}

static void on_aaaa(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	on_answer(arg, 1, result, type, count, ttl, addresses);
}

static void on_deadline(struct timer *timer)
{
	conclude(container_of(timer, struct resolve_query, deadline), DNS_ERR_TIMEOUT);
}

/* Servers of the setting; without any, those of resolv.conf, read again when the file has changed. */
static bool prepare_dns(struct resolver *r)
{
	struct stat st;
	char servers[1024], attempts[8], *save = NULL;

	memset(&st, 0, sizeof(st));
	if (r->servers[0] == '\0' && stat("/etc/resolv.conf", &st) != 0)
		memset(&st, 0, sizeof(st));
	if (r->dns && (r->servers[0] || memcmp(&st.st_mtim, &r->conf_mtime, sizeof(st.st_mtim)) == 0))
		return true;
	if (!r->dns)
		r->dns = evdns_base_new(r->owner->loop->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!r->dns)
		return false;
	/* Asked again every two seconds until resolver_timeout, our own deadline, is over (nginx: every five). */
	snprintf(attempts, sizeof(attempts), "%u", r->timeout_ms / 2000 < 250 ? (unsigned)(r->timeout_ms / 2000) + 3 : 253u);
	evdns_base_set_option(r->dns, "timeout:", "2");
	evdns_base_set_option(r->dns, "attempts:", attempts);
	if (r->servers[0] == '\0') {
		r->conf_mtime = st.st_mtim;
		evdns_base_clear_nameservers_and_suspend(r->dns);
		evdns_base_search_clear(r->dns);
		evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL & ~DNS_OPTION_HOSTSFILE, "/etc/resolv.conf");
		evdns_base_resume(r->dns);
		return true;
	}
	snprintf(servers, sizeof(servers), "%s", r->servers);
	for (char *word = strtok_r(servers, " ", &save); word; word = strtok_r(NULL, " ", &save))
		evdns_base_nameserver_ip_add(r->dns, word);
	return true;
}

/* Asking for AAAA is worth it only where IPv6 leads somewhere (as AI_ADDRCONFIG of getaddrinfo). Connecting a datagram socket sends nothing. */
static bool have_ipv6(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(53), .sin6_addr.s6_addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void ask(struct resolve_name *n)
{
	struct resolver *r = n->resolver;
	int flags = r->servers[0] ? DNS_QUERY_NO_SEARCH : 0;
	struct resolve_query *q = calloc(1, sizeof(*q));

	if (!q || !prepare_dns(r)) {
		free(q);
		snprintf(n->why, sizeof(n->why), "out of memory");
		n->expires_ms = r->owner->loop->now_ms + NEGATIVE_MS;
		return;
	}
	q->name = n;
	q->ttl_s = -1;
	q->deadline.fn = on_deadline;
	n->query = q;
	/* Answers come from the loop, also those that are known at once. Count both before asking. */
	q->running = have_ipv6() ? 2 : 1;
	bool both = q->running == 2;
	q->request[0] = evdns_base_resolve_ipv4(r->dns, n->text, flags, on_a, q);
	if (both)
		q->request[1] = evdns_base_resolve_ipv6(r->dns, n->text, flags, on_aaaa, q);
	q->running = (q->request[0] != NULL) + (q->request[1] != NULL);
	if (q->running == 0) {
		n->query = NULL;
		free(q);
		snprintf(n->why, sizeof(n->why), "no name server could be asked");
		n->expires_ms = r->owner->loop->now_ms + NEGATIVE_MS;
		return;
	}
	timer_set(r->owner->loop, &q->deadline, r->timeout_ms);
}

/* --- names --------------------------------------------------------------------------------------------------------------- */

static struct resolver *find_resolver(struct resolvers *rs, struct wsr_str servers, uint64_t valid, uint64_t timeout)
{
	struct resolver *r;

	for (r = rs->list; r; r = r->next)
		if (wsr_str_eq(servers, wsr_cstr(r->servers)) && r->valid_ms == valid && r->timeout_ms == timeout)
			return r;
	r = calloc(1, sizeof(*r) + servers.len + 1);
	if (!r)
		return NULL;
	if (servers.len > 0)
		memcpy(r->servers, servers.ptr, servers.len);
	r->owner = rs;
	r->valid_ms = valid;
	r->timeout_ms = timeout;
	r->next = rs->list;
	rs->list = r;
	return r;
}

struct resolve_name *resolve_get(struct resolvers *rs, struct wsr_str name, struct wsr_str servers, uint64_t valid, uint64_t timeout)
{
	if (name.len == 0 || name.len > 255 || memchr(name.ptr, 0, name.len))
		return NULL;
	struct resolver *r = find_resolver(rs, servers, valid, timeout ? timeout : DEFAULT_TIMEOUT_MS);
	if (!r)
		return NULL;
	for (struct resolve_name *n = r->names; n; n = n->next)
		if (wsr_str_eq_nocase(name, wsr_cstr(n->text))) {
			n->refs++;
			return n;
		}
	struct resolve_name *n = calloc(1, sizeof(*n) + name.len + 1);
	if (!n) {
		if (r->refs == 0)
			resolver_free(r);
		return NULL;
	}
	memcpy(n->text, name.ptr, name.len);
	n->resolver = r;
	n->refs = 1;
	n->next = r->names;
	r->names = n;
	r->refs++;
	return n;
}

void resolve_release(struct resolve_name *n)
{
	if (!n || --n->refs > 0)
		return;
	struct resolver *r = n->resolver;
	struct resolve_name **at = &r->names;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	if (n->query) { /* freed when evdns lets go of it */
		struct resolve_query *q = n->query;
		q->name = NULL;
		timer_clear(r->owner->loop, &q->deadline);
		for (int i = 0; i < 2; i++)
			if (q->request[i])
				evdns_cancel_request(r->dns, q->request[i]);
	}
	free(n);
	r->refs--; /* the resolver stays: its servers' state is worth keeping, and there are few of them */
}

bool resolve_refresh(struct resolve_name *n)
{
	struct resolvers *rs = n->resolver->owner;
	struct resolve_addr addr[RESOLVE_MAX_ADDRESSES];
	uint64_t now = loop_now(rs->loop);

	if (n->query)
		return n->count > 0 && now < n->expires_ms + STALE_OK_MS;
	if (n->expires_ms > now)
		return true;
	load_hosts(rs);
	uint32_t count = find_in_hosts(rs->hosts, n->text, addr);
	if (count == 0)
		count = find_local(n->text, addr);
	if (count > 0) {
		set_addresses(n, addr, count);
		n->expires_ms = now + HOSTS_VALID_MS;
		return true;
	}
	uint64_t expired = n->expires_ms;
	ask(n);
	return !n->query || (n->count > 0 && now < expired + STALE_OK_MS);
}

void resolve_wait(struct resolve_name *n, struct resolve_wait *w)
{
	w->next = n->waiting;
	w->pprev = &n->waiting;
	if (n->waiting)
		n->waiting->pprev = &w->next;
	n->waiting = w;
}

void resolve_forget(struct resolve_wait *w)
{
	if (!w->pprev)
		return;
	*w->pprev = w->next;
	if (w->next)
		w->next->pprev = w->pprev;
	w->next = NULL;
	w->pprev = NULL;
}
