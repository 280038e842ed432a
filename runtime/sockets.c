/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets of the master: see sockets.h. */
#include "runtime/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

#define FAMILY_UNIX 1
#define DEFAULT_BACKLOG 511 /* nginx's on Linux */

static socklen_t make_address(union address *a, const struct wsr_table *t, const struct wsr_listen *l)
{
	memset(a, 0, sizeof(*a));
	if (l->family == FAMILY_UNIX) {
		struct wsr_str path = wsr_string(t, l->path);
		if (path.len >= sizeof(a->un.sun_path))
			return 0;
		a->un.sun_family = AF_UNIX;
		memcpy(a->un.sun_path, path.ptr, path.len);
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	}
	if (l->family == 6) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(l->port);
		memcpy(&a->in6.sin6_addr, l->addr, 16);
		return sizeof(a->in6);
	}
	a->in.sin_family = AF_INET;
	a->in.sin_port = htons(l->port);
	memcpy(&a->in.sin_addr, l->addr, 4);
	return sizeof(a->in);
}

static int open_socket(const union address *a, socklen_t len, bool ipv6only, bool reuseport)
{
	int on = 1, off = 0;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	bool inet = a->sa.sa_family != AF_UNIX;
	if ((inet && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
	    (inet && reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
	    (a->sa.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, ipv6only ? &on : &off, sizeof(on)) < 0) ||
	    bind(fd, &a->sa, len) < 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* A socket file that nobody listens on is left over from a crash and may go. */
static bool remove_stale(const union address *a, socklen_t len)
{
	struct stat st;
	if (lstat(a->un.sun_path, &st) < 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return false;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool alive = connect(fd, &a->sa, len) == 0 || errno == EAGAIN;
	close(fd);
	if (alive) {
		errno = EADDRINUSE;
		return false;
	}
	return unlink(a->un.sun_path) == 0;
}

/* Two addresses of ours may not be probed against each other: a wildcard of the same port and family is known to be there. */
static bool overlaps_own(const struct socket_set *set, const struct wsr_listen *l)
{
	static const uint8_t any[16];
	for (uint32_t i = 0; set && i < set->count; i++) {
		const struct bound *b = set->items[i];
		if (!b || b->family == FAMILY_UNIX || l->family == FAMILY_UNIX || b->port != l->port)
			continue;
		size_t n = l->family == 6 ? 16 : 4;
		bool dual = (b->family == 6 && !b->ipv6only) || (l->family == 6 && !(l->flags & WSR_LISTEN_IPV6ONLY));
		if (dual || (b->family == l->family && (!memcmp(b->addr, any, n) || !memcmp(l->addr, any, n))))
			return true;
	}
	return false;
}

static bool probe(const union address *a, socklen_t len, const struct wsr_listen *l)
{
	int fd = open_socket(a, len, l->flags & WSR_LISTEN_IPV6ONLY, false);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void apply_options(int fd, const struct wsr_listen *l)
{
	int on = 1, rcvbuf = (int)l->rcvbuf, sndbuf = (int)l->sndbuf, queue = (int)l->fastopen;
	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (sndbuf)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	if (l->flags & WSR_LISTEN_KEEPALIVE)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (l->flags & WSR_LISTEN_DEFERRED)
		setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
	if (queue)
		setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue));
}

static bool start_listening(int fd, const struct wsr_listen *l)
{
	apply_options(fd, l);
	return listen(fd, l->backlog > 0 ? l->backlog : DEFAULT_BACKLOG) == 0;
}

/* Bring the number of sockets up to what the workers need. */
static bool add_sockets(struct bound *b, const union address *a, socklen_t len, uint32_t wanted)
{
	if (b->count >= wanted)
		return true;
	int *fds = realloc(b->fds, wanted * sizeof(*fds));
	if (!fds)
		return false;
	b->fds = fds;
	while (b->count < wanted) {
		int fd = open_socket(a, len, b->ipv6only, true);
		if (fd < 0)
			return false;
		b->fds[b->count++] = fd;
	}
	return true;
}

static void bound_unref(struct bound *b)
{
	if (!b || --b->refs > 0)
		return;
	for (uint32_t i = 0; i < b->count; i++)
		close(b->fds[i]);
	if (b->unlink_path)
		unlink(b->unlink_path);
	free(b->unlink_path);
	free(b->fds);
	free(b);
}

static struct bound *bound_new(const struct wsr_table *t, const struct wsr_listen *l, const struct socket_set *own, const struct socket_set *next,
			       uint32_t workers)
{
	union address a;
	socklen_t len = make_address(&a, t, l);
	errno = ENAMETOOLONG;
	if (len == 0)
		return NULL;
	bool is_unix = l->family == FAMILY_UNIX;
	if (is_unix ? !remove_stale(&a, len) : !overlaps_own(own, l) && !overlaps_own(next, l) && !probe(&a, len, l))
		return NULL;
	struct bound *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->refs = 1;
	b->family = l->family;
	b->port = l->port;
	b->ipv6only = l->flags & WSR_LISTEN_IPV6ONLY;
	memcpy(b->addr, l->addr, sizeof(b->addr));
	snprintf(b->text, sizeof(b->text), "%.*s", WSR_FMT(wsr_string(t, l->text)));
	if (!add_sockets(b, &a, len, is_unix ? 1 : workers)) {
		int saved = errno;
		bound_unref(b);
		errno = saved;
		return NULL;
	}
	if (is_unix) {
		b->unlink_path = strdup(a.un.sun_path);
		chmod(a.un.sun_path, 0666); /* as nginx: the folder's mode decides who may connect */
	}
	return b;
}

static struct bound *find_bound(const struct socket_set *set, const char *text, bool ipv6only)
{
	for (uint32_t i = 0; set && i < set->count; i++)
		if (!strcmp(set->items[i]->text, text) && set->items[i]->ipv6only == ipv6only)
			return set->items[i];
	return NULL;
}

bool sockets_prepare(struct socket_set *next, const struct socket_set *current, const struct wsr_table *t, uint32_t workers, char *why, size_t cap)
{
	uint32_t n = wsr_listen_count(t);
	*next = (struct socket_set){ .items = calloc(n ? n : 1, sizeof(*next->items)) };
	for (uint32_t i = 0; next->items && i < n; i++) {
		const struct wsr_listen *l = wsr_listen_at(t, i);
		struct bound *b = find_bound(current, wsr_string(t, l->text).ptr, l->flags & WSR_LISTEN_IPV6ONLY);
		union address a;
		socklen_t len = make_address(&a, t, l);
		errno = 0;
		if (b && add_sockets(b, &a, len, l->family == FAMILY_UNIX ? 1 : workers))
			b->refs++;
		else
			b = b ? NULL : bound_new(t, l, current, next, workers);
		if (!b) {
			char where[256];
			snprintf(why, cap, "cannot listen on %s (%s): %s", wsr_string(t, l->text).ptr, wsr_pos_text(t, l->pos, false, where, sizeof(where)),
				 errno == EADDRINUSE ? "address in use" : strerror(errno));
			sockets_release(next);
			return false;
		}
		next->items[next->count++] = b;
	}
	if (!next->items)
		snprintf(why, cap, "out of memory");
	return next->items != NULL;
}

int sockets_fd(const struct socket_set *set, uint32_t index, uint32_t worker)
{
	const struct bound *b = set->items[index];
	return b->fds[b->count == 1 ? 0 : worker % b->count];
}

const char *sockets_listen(const struct socket_set *set, const struct wsr_table *t)
{
	const char *failed = NULL;
	for (uint32_t i = 0; i < set->count; i++)
		for (uint32_t k = 0; k < set->items[i]->count; k++)
			if (!start_listening(set->items[i]->fds[k], wsr_listen_at(t, i)))
				failed = set->items[i]->text;
	return failed;
}

void sockets_trim(const struct socket_set *set, uint32_t workers)
{
	for (uint32_t i = 0; i < set->count; i++) {
		struct bound *b = set->items[i];
		while (b->count > workers && b->count > 1)
			close(b->fds[--b->count]);
	}
}

void sockets_release(struct socket_set *set)
{
	for (uint32_t i = 0; i < set->count; i++)
		bound_unref(set->items[i]);
	free(set->items);
	*set = (struct socket_set){ 0 };
}

void sockets_forget(struct socket_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		struct bound *b = set->items[i];
		while (b->count > 0) /* whoever else refers to it: no socket may stay in this process */
			close(b->fds[--b->count]);
		free(b->unlink_path);
		b->unlink_path = NULL;
	}
	sockets_release(set);
}
