/* SPDX-License-Identifier: BSD-2-Clause */
/* Regular expressions of a table, compiled at first use. Private to eval. */
#ifndef WSR_REGEX_H
#define WSR_REGEX_H

#include "eval/wsr_eval.h"

/**
 * Run expression `regex` of r's table.
 * @param out  filled in on WSR_MATCH (spans into subject, which is kept by reference); may be NULL
 */
enum wsr_match_result wsr_regex_run(struct wsr_regexes *r, uint32_t regex, struct wsr_str subject, struct wsr_captures *out);

/** Take over captures of a match: e->captures and the variables of the named groups. */
void wsr_regex_keep(struct wsr_eval *e, uint32_t regex, const struct wsr_captures *c);

/** Text of group n of the last match; empty when unset. */
struct wsr_str wsr_capture(const struct wsr_captures *c, unsigned n);

#endif
