/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between master and worker over a SOCK_SEQPACKET pair, with descriptors (unix(7), SCM_RIGHTS). Both ends are non-blocking: a worker that does not take
 * its messages counts as not answering.
 *
 * A generation is offered in pieces (OFFER, LISTENERS, ACCESS_LOGS, ERROR_LOGS), then PREPARE asks for READY or REFUSED; COMMIT makes it the current one
 * (COMMITTED), DROP forgets it. Log messages with the number of the current generation reopen its logs; LOGS_DONE asks for REOPENED.
 */
#ifndef RUNTIME_CHANNEL_H
#define RUNTIME_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#define CHANNEL_MAX_FDS 120

#define CHANNEL_MESSAGES(X) \
	X(OFFER)        /* fds: keys; the table, unless the worker was forked with it */ \
	X(LISTENERS)    /* fds[i] listens for index[i] of the offered table */ \
	X(ACCESS_LOGS)  /* fds[i] is the file of log_ref index[i] */ \
	X(ERROR_LOGS)   /* fds[i] is the file of error_log index[i] */ \
	X(PREPARE) \
	X(READY) \
	X(REFUSED)      /* text: why */ \
	X(COMMIT) \
	X(COMMITTED) \
	X(DROP) \
	X(LOGS_DONE) \
	X(REOPENED) \
	X(DRAIN)        /* finish what is running, then exit */

enum channel_type {
#define X(symbol) CHANNEL_##symbol,
	CHANNEL_MESSAGES(X)
#undef X
	CHANNEL_TYPE_COUNT
};

struct channel_msg {
	uint32_t type;              /* enum channel_type */
	uint32_t generation;
	uint32_t count;             /* descriptors */
	uint32_t reserved;
	uint32_t index[CHANNEL_MAX_FDS];
	char text[256];             /* NUL-terminated */
	int fds[CHANNEL_MAX_FDS];   /* not part of the payload: travels as SCM_RIGHTS; the receiver owns them */
	bool lost;                  /* received: its descriptors did not fit into this process; count is 0 */
};

bool channel_pair(int fds[2]);
/** @return false with errno; EAGAIN when the other end does not read. Descriptors stay the caller's. */
bool channel_send(int fd, const struct channel_msg *m);
/** @return 1 a message, 0 nothing there (EAGAIN), -1 the other end is gone or the message was not one of ours. */
int channel_receive(int fd, struct channel_msg *m);

#endif
