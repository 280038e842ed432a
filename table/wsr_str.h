/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A borrowed run of bytes: pointer and length, not NUL-terminated unless its origin says so.
 * Strings that come out of a table are followed by a NUL and live as long as the table reference is held;
 * strings that come out of an evaluation live as long as its arena.
 */
#ifndef WSR_STR_H
#define WSR_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wsr_str {
	const char *ptr;
	size_t len;
};

#define WSR_STR(lit) ((struct wsr_str){ (lit), sizeof(lit) - 1 })
#define WSR_STR_NULL ((struct wsr_str){ NULL, 0 })
/* For printf("%.*s", WSR_FMT(s)). */
#define WSR_FMT(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct wsr_str wsr_str(const char *ptr, size_t len)
{
	return (struct wsr_str){ ptr, len };
}

static inline struct wsr_str wsr_cstr(const char *z)
{
	return (struct wsr_str){ z, z ? strlen(z) : 0 };
}

static inline bool wsr_str_eq(struct wsr_str a, struct wsr_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline unsigned char wsr_lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

/** Equal without regard to ASCII case (RFC 9110 section 5.1 for field names). */
static inline bool wsr_str_eq_nocase(struct wsr_str a, struct wsr_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (wsr_lower((unsigned char)a.ptr[i]) != wsr_lower((unsigned char)b.ptr[i]))
			return false;
	return true;
}

#endif
