/* SPDX-License-Identifier: BSD-2-Clause */
/* What the writers of heads for nginx and for httpd configuration share. Private to eval. */
#ifndef WSR_FIELDS_H
#define WSR_FIELDS_H

#include "eval/wsr_eval.h"

/** Fields that belong to one connection or to the framing: never copied from one side to the other. */
bool wsr_belongs_to_connection(const struct wsr_field *f);
/** Content-Length or Transfer-Encoding, or neither. */
void wsr_write_framing(struct wsr_out *out, enum wsr_framing framing, uint64_t length);
/** Host and port of the backend of a PROXY decision: as written, or as the variables gave them. */
struct wsr_str wsr_target_authority(struct wsr_eval *e);
/** Seconds since 1970. */
int64_t wsr_now_s(struct wsr_eval *e);

#endif
