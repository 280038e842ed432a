/* SPDX-License-Identifier: BSD-2-Clause */
/* The service manager's readiness protocol, sd_notify(3): one datagram of "NAME=VALUE" lines to $NOTIFY_SOCKET; without that variable nothing happens. */
#ifndef RUNTIME_NOTIFY_H
#define RUNTIME_NOTIFY_H

/** Everything is served: READY=1 and a status line. */
void notify_ready(const char *status);
/** RELOADING=1 with the monotonic time that Type=notify-reload asks for. */
void notify_reloading(void);
void notify_stopping(void);

#endif
