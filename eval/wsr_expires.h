/* SPDX-License-Identifier: BSD-2-Clause */
/* expires: which Expires and Cache-Control an answer gets. Private to eval. */
#ifndef WSR_EXPIRES_H
#define WSR_EXPIRES_H

#include "eval/wsr_date.h"
#include "eval/wsr_eval.h"

struct wsr_expiry {
	bool given;                 /* fields of ours take the place of the upstream's */
	char date[WSR_DATE_BYTES];
	char control[40];
	struct wsr_str expires;     /* in date */
};

/** What `expires` of the current location says about an answer. up: the upstream's head, if its Last-Modified goes on; NULL otherwise. */
void wsr_expiry_find(struct wsr_eval *e, const struct wsr_head *up, const struct wsr_answer *a, struct wsr_expiry *out);
void wsr_expiry_write(const struct wsr_expiry *x, struct wsr_out *out);

#endif
