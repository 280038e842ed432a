/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tunnel: two streams whose bytes go to each other, and nothing else. It opens only after a 101 that proxy_response.c has verified; then the exchange, its arena
 * and its reference to the generation are gone, and what the tunnel needs of them (time-outs, log line) has been copied.
 *
 * Half-close travels (FIN for FIN), an abort travels at once, a side above its high-water mark stops the reading of the other one, and silence in
 * both directions for the idle time-out, counted from the 101 on, ends it.
 */
#ifndef RUNTIME_TUNNEL_H
#define RUNTIME_TUNNEL_H

#include "runtime/exchange.h"

/**
 * Send the 101 with what came behind the upstream's, join the two streams, end the exchange. x is gone afterwards.
 * @param head       of the answer to the client
 * @param from_upstream  bytes that followed the upstream's head
 */
void tunnel_open(struct exchange *x, struct wsr_out *head, struct wsr_str from_upstream);

/** Our own bytes of an idle clear tunnel, streams included, log line excluded; for tests and status. */
size_t tunnel_idle_bytes(void);

#endif
