/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending an answer: the persistence decision, the head by eval, the body's framing towards this client, the end. Used for answers of our own, for files and
 * for upstream responses alike.
 */
#ifndef RUNTIME_ANSWER_H
#define RUNTIME_ANSWER_H

#include "runtime/exchange.h"

/**
 * Make the head of the answer: fills in date and keepalive, chooses the framing for this client and remembers it in x->framing. Nothing is sent yet.
 * @param up  the upstream's head or NULL
 * @param a   status, framing, length and what else the head says; UNTIL_CLOSE becomes CHUNKED for clients that know it
 * @return false: no memory; nothing was sent
 */
bool answer_head(struct exchange *x, const struct wsr_head *up, struct wsr_answer *a, struct wsr_out *out);
/** True if this answer has no body whatever its head says (HEAD, 1xx, 204, 304). */
bool answer_is_bodyless(const struct exchange *x, unsigned status);
/** Send the head and what belongs behind it in the same write. */
void answer_begin(struct exchange *x, struct wsr_out *head, struct pieces *p);
/** Send pieces and count them. */
void answer_send(struct exchange *x, struct pieces *p);
/** The answer of an ANSWER decision, whole; ends the exchange. */
void answer_decision(struct exchange *x);
/** Send an answer whose body is in memory; ends the exchange. */
void answer_whole(struct exchange *x, struct wsr_answer *a, struct wsr_str body);
/** The answer is complete: ends the exchange. */
void answer_end(struct exchange *x);

#endif
