/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values inside words, read as nginx reads them: the argument checks and the lowering use the same functions, so what the checker lets
 * through always converts. All are pure; on failure *out is untouched.
 */
#ifndef COMPILER_VALUE_H
#define COMPILER_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table/wsr_str.h"

/**
 * A time: "60", "60s", "1h 30m", "500ms" (nginx: ngx_parse_time). A number without unit counts seconds. Units y M w d h m s ms, each at
 * most once and in this order.
 * @param seconds_only  the directive takes whole seconds: "ms" is refused
 */
bool value_duration_ms(struct wsr_str s, bool seconds_only, uint64_t *out);
/** A size in bytes: "4096", "8k", "1m", "1g" (nginx: ngx_parse_size, ngx_parse_offset). */
bool value_size(struct wsr_str s, bool giga_allowed, uint64_t *out);
/** A decimal number without sign. */
bool value_uint(struct wsr_str s, uint64_t *out);
/** The text behind "key=" when the word starts so. */
bool value_keyed(struct wsr_str s, const char *key, struct wsr_str *out);

#endif
