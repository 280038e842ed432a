/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths and what stands in them: decoding, escaping, joining. All results live in the arena; pure functions of their arguments. */
#ifndef WSR_URI_H
#define WSR_URI_H

#include "eval/wsr_arena.h"

/** What an escaped text is to become a part of (nginx's two sets; docs: proxy_pass, rewrite). */
enum wsr_escape_set {
	WSR_ESCAPE_PATH = 1,        /* controls, space, " # % < > ? \ ^ ` { | }, 0x7f and above */
	WSR_ESCAPE_ARGS = 2,        /* these and & + ; */
	WSR_ESCAPE_BROKEN = 4,      /* only what may not stand in a request line: controls, space, #, 0x7f and above (RFC 3986 is ASCII) */
};

/** Percent-encode what the set names. The text itself when nothing needs it; { NULL, 0 } out of memory. */
struct wsr_str wsr_uri_escape(struct wsr_arena *a, struct wsr_str s, enum wsr_escape_set set);

/** Decode the printable part of %XX up to the first "?", as nginx does with the result of a redirecting rewrite.. */
struct wsr_str wsr_uri_unescape_redirect(struct wsr_arena *a, struct wsr_str s);

/** Resolve "." and ".." segments and merge slashes of a path that starts with "/". @return false above the root or out of memory. */
bool wsr_uri_resolve(struct wsr_arena *a, struct wsr_str path, struct wsr_str *out);

/** The strings joined and NUL-terminated; { NULL, 0 } out of memory. */
struct wsr_str wsr_join(struct wsr_arena *a, const struct wsr_str *parts, size_t count);
static inline struct wsr_str wsr_join2(struct wsr_arena *a, struct wsr_str first, struct wsr_str second)
{
	return wsr_join(a, (const struct wsr_str[]){ first, second }, 2);
}

/** How many ".." segments a path has. */
unsigned wsr_uri_dotdots(struct wsr_str path);

static inline bool wsr_starts_with(struct wsr_str s, struct wsr_str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline struct wsr_str wsr_from(struct wsr_str s, size_t off)
{
	return wsr_str(s.ptr + off, s.len - off);
}

#endif
