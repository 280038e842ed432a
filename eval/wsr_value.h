/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of variables and template parts. Private to eval. */
#ifndef WSR_VALUE_H
#define WSR_VALUE_H

#include "eval/wsr_eval.h"

/** Value of a built-in variable; false: it has none (empty, logged as "-"). */
bool wsr_var_value(struct wsr_eval *e, unsigned id, struct wsr_str suffix, struct wsr_str *out);

/** User and password of the request's Basic authorization (RFC 7617); false: there is none, or it is malformed. */
bool wsr_basic_credentials(struct wsr_eval *e, struct wsr_str *user, struct wsr_str *password);

/** Value of a user variable, computed now if it is a map. */
bool wsr_user_value(struct wsr_eval *e, uint32_t slot, struct wsr_str *out);

/** Value of one part of a template, a literal included; false: it has none. */
bool wsr_part_value(struct wsr_eval *e, const struct wsr_part *part, struct wsr_str *out);

/** A template's value followed by a NUL, for paths; { NULL, 0 } out of memory. */
struct wsr_str wsr_tmpl_z(struct wsr_eval *e, uint32_t tmpl);

/** Template of the value that a map has for the current request. */
uint32_t wsr_map_value(struct wsr_eval *e, const struct wsr_map *m);

/** Path of the file for the current URI (nginx: ngx_http_map_uri_to_path), NUL-terminated; false: there is none that may be served. */
bool wsr_file_path(struct wsr_eval *e, struct wsr_str uri, struct wsr_str *out);

/** A sentence for the error log and a status of 500; the first one wins. */
void wsr_eval_fail(struct wsr_eval *e, const char *why, uint32_t pos);

/** Decode base64 up to the padding into room for s.len bytes. @return the length, SIZE_MAX for a foreign character. */
size_t wsr_base64_decode(struct wsr_str s, char *out);

/** Decimal digits of n. */
struct wsr_str wsr_number(struct wsr_arena *a, uint64_t n);

#endif
