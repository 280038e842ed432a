/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields that an answer has from upstreams which sent X-Accel-Redirect. Private to eval. */
#ifndef WSR_KEPT_H
#define WSR_KEPT_H

#include "eval/wsr_field_list.h"

struct wsr_kept {
	struct wsr_str type;        /* Content-Type of the last; ptr NULL = none */
	struct wsr_field_list fields;
};

#endif
