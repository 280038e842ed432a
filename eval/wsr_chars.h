/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a byte may be part of in HTTP/1 messages, in one table, for the parser, the chunked decoder and the writer of heads alike: what one accepts
 * the other may write and nothing else.
 */
#ifndef WSR_CHARS_H
#define WSR_CHARS_H

#include "table/wsr_str.h"

enum {
	WSR_C_LINE = 1,      /* inside a line of a head: everything but control bytes, HTAB excepted; bytes from 0x80 on are obs-text (RFC 9110 section 5.5) */
	WSR_C_TOKEN = 2,     /* tchar (RFC 9110 section 5.6.2) */
	WSR_C_NAME = 4,      /* field names that nginx takes as valid: letters, digits, "-" */
	WSR_C_TARGET = 8,    /* request target: no space, no control byte, no "#" (RFC 9112 section 3.2) */
	WSR_C_HOST = 16,     /* reg-name: unreserved, sub-delims, "%" (RFC 3986 section 3.2.2) */
	WSR_C_METHOD = 32,   /* methods as nginx takes them: upper-case letters, "_", "-" */
	WSR_C_HEX = 64,
};

extern const uint8_t wsr_char_class[256];

static inline bool wsr_char_is(char c, unsigned what)
{
	return wsr_char_class[(unsigned char)c] & what;
}

/** Length of the leading run of bytes of this class. */
static inline size_t wsr_span(struct wsr_str s, unsigned what)
{
	size_t n = 0;
	while (n < s.len && wsr_char_is(s.ptr[n], what))
		n++;
	return n;
}

/*
 * The same for the classes that most bytes of a head belong to, sixteen bytes at a time where the processor can: PLAIN is WSR_C_NAME and ".", the bytes
 * of nearly every host; ASCII is WSR_C_TARGET below 0x80; QUOTED is what may stand between double quotes as it is: printable ASCII but '"' and '\\'.
 */
size_t wsr_line_span(struct wsr_str s);
size_t wsr_target_span(struct wsr_str s);
size_t wsr_name_span(struct wsr_str s);
size_t wsr_plain_span(struct wsr_str s);
size_t wsr_ascii_span(struct wsr_str s);
size_t wsr_quoted_span(struct wsr_str s);

/** Value of a hexadecimal digit, or -1. */
static inline int wsr_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** Without leading and trailing OWS (RFC 9110 section 5.6.3). */
static inline struct wsr_str wsr_trim(struct wsr_str s)
{
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

#endif
