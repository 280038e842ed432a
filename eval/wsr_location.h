/* SPDX-License-Identifier: BSD-2-Clause */
/* Location values of our own making: from a path to a URL with the scheme, host and port that the settings ask for. */
#ifndef WSR_LOCATION_H
#define WSR_LOCATION_H

#include "eval/wsr_eval.h"

/**
 * "/x" -> "https://host:port/x" under absolute_redirect, server_name_in_redirect and port_in_redirect (nginx: ngx_http_core_module's documentation); unchanged with
 * absolute_redirect off.
 */
struct wsr_str wsr_eval_absolute(struct wsr_eval *e, struct wsr_str path);

#endif
