/* SPDX-License-Identifier: BSD-2-Clause */
/* Client connections of a worker, as the listeners and the worker's main file see them. */
#ifndef RUNTIME_CONN_H
#define RUNTIME_CONN_H

#include <sys/socket.h>

#include "runtime/worker.h"

/** @return NULL without memory. Lives as long as the worker. */
struct conn_set *conn_set_new(struct worker *w);

/** Serve an accepted descriptor, which is taken. Counts it in w->counters->connections; takes a reference to the listener. */
void conn_accept(struct worker *w, struct listener *l, int fd, const struct sockaddr *addr, socklen_t len);

/** Overload: close at most `max` connections that wait between two requests, the longest waiting first. @return how many */
unsigned conn_close_idle(struct worker *w, unsigned max);

/** QUIT: close waiting connections now, the others after their current answer; tunnels go on. */
void conn_drain(struct worker *w);

/** w->gen was replaced: waiting connections whose listener is gone or whose TLS settings differ are closed, the others take the new one at their next request. */
void conn_generation_changed(struct worker *w);

#endif
