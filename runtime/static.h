/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FILE decisions: from a path to an answer with validators, conditions (RFC 9110 section 13) and ranges (section 14). What nginx's static, not-modified and
 * range modules do, with their results.
 */
#ifndef RUNTIME_STATIC_H
#define RUNTIME_STATIC_H

#include <time.h>

#include "runtime/exchange.h"

#define STATIC_RANGES_MAX 64u   /* a request with more ranges gets the whole file */

/** A range of bytes: from `first` to before `end`. */
struct static_range {
	uint64_t first, end;
};

/** What of a file is asked for. */
enum static_part { STATIC_WHOLE, STATIC_RANGES, STATIC_UNSATISFIABLE };

/**
 * Read a Range field.
 * @param out   room for STATIC_RANGES_MAX; *count of them are filled in for STATIC_RANGES
 */
enum static_part static_parse_ranges(struct wsr_str field, uint64_t size, struct static_range *out, unsigned *count);

/** 200, 304 or 412: what the conditional fields of the request say. `etag` may be empty. */
unsigned static_condition(const struct wsr_head *rq, time_t mtime, struct wsr_str etag, enum wsr_if_modified how);

/** Does If-Range, if there is one, allow ranges? */
bool static_range_allowed(const struct wsr_head *rq, time_t mtime, struct wsr_str etag);

/** Serve x->eval.decision.path. May end the exchange. */
void static_start(struct exchange *x);
/** The client took everything; goes on or ends the exchange. */
void static_client_drained(struct exchange *x);
/** Close the file, if one is open. */
void static_release(struct exchange *x);

#endif
