/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The nearest spelling: edit distance with transpositions, against one candidate after the other. A candidate counts when not more than
 * a third of the letters is wrong.
 */
#ifndef COMPILER_SPELL_H
#define COMPILER_SPELL_H

#include "table/wsr_str.h"

struct spell {
	struct wsr_str written;
	struct wsr_str best;        /* ptr NULL: none is near */
	unsigned distance;          /* of the best; candidates must be nearer */
};

struct spell spell_start(struct wsr_str written);
/** Offer a candidate; the first of equally near ones stays. It must outlive the spell. */
void spell_try(struct spell *s, struct wsr_str candidate);

#endif
