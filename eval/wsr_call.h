/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls in templates, and httpd's ways of escaping. Private to eval. */
#ifndef WSR_CALL_H
#define WSR_CALL_H

#include "eval/wsr_value.h"

/** Value of a call record; false: it has none. */
bool wsr_call_value(struct wsr_eval *e, uint32_t call, struct wsr_str *out);

/**
 * Percent-encode what a rule's flag B names.
 * @param set   the characters to encode; empty: all but letters, digits and "_"
 * @param plus  a blank becomes "+"
 */
struct wsr_str wsr_httpd_escape_capture(struct wsr_arena *a, struct wsr_str s, struct wsr_str set, bool plus);
/** Decode %XX. A wrong escape or a NUL: { NULL, 0 }, as out of memory. */
struct wsr_str wsr_httpd_unescape(struct wsr_arena *a, struct wsr_str s);

#endif
