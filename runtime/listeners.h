/* SPDX-License-Identifier: BSD-2-Clause */
/* What the worker's main file does with its listeners as a whole: see listener.h for one of them. */
#ifndef RUNTIME_LISTENERS_H
#define RUNTIME_LISTENERS_H

#include "runtime/listener.h"

/**
 * Follow the worker's current generation: addresses that stay keep their socket, new ones start accepting, those that are gone are drained and closed.
 * @param fds  descriptor of each listen record, -1 = none came; all are taken over
 */
void listeners_apply(struct worker *w, int *fds, uint32_t count);
/** Drain and close all (QUIT). */
void listeners_close(struct worker *w);
/** Hash of the TLS settings that a kept-alive connection depends on; see listener.h. */
uint64_t listeners_tls_key(const struct wsr_table *t);

#endif
