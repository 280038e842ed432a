/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker inside the test program which serves a configuration text: compiled, verified and mapped as in the real one, with clients on socket
 * pairs and backends on loopback sockets that the test itself reads and writes. Time passes only inside live_run() and the reading functions.
 */
#ifndef TESTS_LIB_C_LIVE_H
#define TESTS_LIB_C_LIVE_H

#include "runtime/conn.h"

struct live {
	struct worker w;
	struct worker_counters counters;
	struct generation gen;
	struct listener listener;
	unsigned char *table;
	char folder[64];            /* prefix: a fresh folder below /tmp */
	int backend;                /* listening socket, -1 = none */
	unsigned port;              /* of it */
};

/** Open a backend's listening socket on a free port of 127.0.0.1; live->port. Call before live_start() if the text names it. */
void live_backend(struct live *s);
/** Compile and serve; "PORT" in the text becomes the backend's port. Ends the program on any error. */
void live_start(struct live *s, const char *conf);
void live_stop(struct live *s);
/** Let the worker run for about so long. */
void live_run(struct live *s, unsigned ms);

/** A new client connection. @return its descriptor */
int live_connect(struct live *s);
/** The next connection to the backend; fails the test after 2 s. */
int live_accept(struct live *s);
/** Write all of text, running the worker meanwhile. */
void live_send(struct live *s, int fd, const char *text, size_t len);
/**
 * Read until the text `until` was seen, or with NULL until the peer closed; fails the test after 3 s.
 * @return what was read, NUL-terminated, valid until the next call; *len may be NULL
 */
const char *live_read(struct live *s, int fd, const char *until, size_t *len);
/** Is the connection closed or reset within 2 s? Bytes before are dropped. */
bool live_closed(struct live *s, int fd);
/** Nothing to read and not closed, for this long. */
bool live_quiet(struct live *s, int fd, unsigned ms);

#endif
