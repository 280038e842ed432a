/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times, sizes and numbers as nginx reads them. Overflow is refused, never wrapped.
 */
#include "compiler/value.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool value_uint(struct wsr_str s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.ptr[i]))
			return false;
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) || __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
			return false;
	}
	*out = n;
	return true;
}

struct unit {
	const char *name;
	unsigned rank;              /* units stand in falling order, each at most once */
	uint64_t ms;
};

#define SECOND UINT64_C(1000)
static const struct unit units[] = {
	{ "y", 8, 365 * 24 * 3600 * SECOND }, { "M", 7, 30 * 24 * 3600 * SECOND }, { "w", 6, 7 * 24 * 3600 * SECOND },
	{ "d", 5, 24 * 3600 * SECOND },       { "h", 4, 3600 * SECOND },           { "ms", 1, 1 },
	{ "m", 3, 60 * SECOND },              { "s", 2, SECOND },
};

static const struct unit *unit_find(struct wsr_str s)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);
		if (s.len >= len && memcmp(s.ptr, units[i].name, len) == 0)
			return &units[i];
	}
	return NULL;
}

bool value_duration_ms(struct wsr_str s, bool seconds_only, uint64_t *out)
{
	uint64_t total = 0;
	unsigned rank = 9;
	size_t i = 0;

	if (s.len == 0)
		return false;
	while (i < s.len) {
		size_t start = i;
		uint64_t n, part;

		while (i < s.len && is_digit(s.ptr[i]))
			i++;
		if (!value_uint(wsr_str(s.ptr + start, i - start), &n))
			return false;
		const struct unit *u = unit_find(wsr_str(s.ptr + i, s.len - i));
		if (u)
			i += strlen(u->name);
		else if (i == s.len || s.ptr[i] == ' ') /* a bare number: seconds */
			u = unit_find(WSR_STR("s"));
		else
			return false;
		if (u->rank >= rank || (seconds_only && u->ms == 1))
			return false;
		rank = u->rank;
		if (__builtin_mul_overflow(n, u->ms, &part) || __builtin_add_overflow(total, part, &total) || total > INT64_MAX)
			return false;
		while (i < s.len && s.ptr[i] == ' ')
			i++;
	}
	*out = total;
	return true;
}

bool value_size(struct wsr_str s, bool giga_allowed, uint64_t *out)
{
	uint64_t factor = 1, n;

	if (s.len == 0)
		return false;
	switch (s.ptr[s.len - 1]) {
	case 'k':
	case 'K':
		factor = UINT64_C(1) << 10;
		break;
	case 'm':
	case 'M':
		factor = UINT64_C(1) << 20;
		break;
	case 'g':
	case 'G':
		if (!giga_allowed)
			return false;
		factor = UINT64_C(1) << 30;
		break;
	default:
		break;
	}
	if (factor != 1)
		s.len--;
	if (!value_uint(s, &n) || __builtin_mul_overflow(n, factor, &n) || n > INT64_MAX)
		return false;
	*out = n;
	return true;
}

bool value_keyed(struct wsr_str s, const char *key, struct wsr_str *out)
{
	size_t len = strlen(key);

	if (s.len <= len || memcmp(s.ptr, key, len) != 0 || s.ptr[len] != '=')
		return false;
	*out = wsr_str(s.ptr + len + 1, s.len - len - 1);
	return true;
}
