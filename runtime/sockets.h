/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master's listening sockets. TCP: one SO_REUSEPORT socket per worker and address, kept over reloads and worker restarts so that nothing queued is lost. Before
 * binding, each new address is tried without the option, so that a second instance fails with "address in use" instead of stealing traffic. A unix socket
 * is one descriptor shared by all workers.
 */
#ifndef RUNTIME_SOCKETS_H
#define RUNTIME_SOCKETS_H

#include "table/wsr_table.h"

struct bound {
	uint32_t refs;              /* sets that hold it */
	char text[128];             /* canonical address: the key */
	uint16_t family;            /* as wsr_listen */
	uint16_t port;
	uint8_t addr[16];
	bool ipv6only;
	char *unlink_path;          /* of a unix socket that is ours to remove, else NULL */
	uint32_t count;             /* sockets: one per worker, or 1 */
	int *fds;
};

/* One entry per listen of a table, in its order. */
struct socket_set {
	struct bound **items;
	uint32_t count;
};

/**
 * The sockets for a table: those of `current` where the address is the same (more are made when there are more workers), new ones otherwise.
 * Bound only: sockets_listen() makes them accept.
 * @return false with a sentence; then *next is empty and nothing has changed but additional sockets of kept addresses.
 */
bool sockets_prepare(struct socket_set *next, const struct socket_set *current, const struct wsr_table *t, uint32_t workers, char *why, size_t cap);
/** Descriptor of listen `index` for a worker. */
int sockets_fd(const struct socket_set *set, uint32_t index, uint32_t worker);
/**
 * Set the options of each listen on its sockets (backlog, buffers; kept sockets may have new ones) and listen. Last step before the workers are told to accept:
 * until then a client is refused and knows it, instead of waiting for a daemon that may not come up.
 * @return NULL, or the address of the last one that failed, with errno
 */
const char *sockets_listen(const struct socket_set *set, const struct wsr_table *t);
/** Close the sockets beyond `workers`: nobody accepts on them any more. */
void sockets_trim(const struct socket_set *set, uint32_t workers);
/** Let go; sockets that no set holds are closed, unix ones removed from the file system. */
void sockets_release(struct socket_set *set);
/** In a forked worker: close the descriptors without removing anything from the file system. */
void sockets_forget(struct socket_set *set);

#endif
