/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table behind wsr_chars.h, and the searches that take sixteen bytes at once. Rows do not overlap; a byte without a row may stand nowhere. What
 * the table says is what holds: a unit test compares the fast searches with it for every byte at every place.
 */
#include "eval/wsr_chars.h"

#define L WSR_C_LINE
#define T WSR_C_TOKEN
#define N WSR_C_NAME
#define G WSR_C_TARGET
#define H WSR_C_HOST
#define M WSR_C_METHOD
#define X WSR_C_HEX

const uint8_t wsr_char_class[256] = {
	['\t'] = L,
	[' '] = L,
	['!'] = L | T | G | H,
	['"'] = L | G,
	['#'] = L | T,
	['$'] = L | T | G | H,
	['%'] = L | T | G | H,
	['&'] = L | T | G | H,
	['\''] = L | T | G | H,
	['('] = L | G | H,
	[')'] = L | G | H,
	['*'] = L | T | G | H,
	['+'] = L | T | G | H,
	[','] = L | G | H,
	['-'] = L | T | G | H | N | M,
	['.'] = L | T | G | H,
	['/'] = L | G,
	['0' ... '9'] = L | T | G | H | N | X,
	[':'] = L | G,
	[';'] = L | G | H,
	['<'] = L | G,
	['='] = L | G | H,
	['>'] = L | G,
	['?'] = L | G,
	['@'] = L | G,
	['A' ... 'F'] = L | T | G | H | N | M | X,
	['G' ... 'Z'] = L | T | G | H | N | M,
	['['] = L | G,
	['\\'] = L | G,
	[']'] = L | G,
	['^'] = L | T | G,
	['_'] = L | T | G | H | M,
	['`'] = L | T | G,
	['a' ... 'f'] = L | T | G | H | N | X,
	['g' ... 'z'] = L | T | G | H | N,
	['{'] = L | G,
	['|'] = L | T | G,
	['}'] = L | G,
	['~'] = L | T | G | H,
	[0x80 ... 0xff] = L | G,
};

#undef L
#undef T
#undef N
#undef G
#undef H
#undef M
#undef X

#ifdef __SSE2__
#include <immintrin.h>

static inline __m128i all(char c)
{
	return _mm_set1_epi8(c);
}

/* Bytes from `from` to `to`, both included. */
static inline __m128i between(__m128i x, unsigned char from, unsigned char to)
{
	__m128i above = _mm_sub_epi8(x, all((char)from)), width = all((char)(to - from));
	return _mm_cmpeq_epi8(_mm_min_epu8(above, width), above);
}

/* Each of these: a bit for every byte that is not of the class. */

static inline unsigned not_line(__m128i x)
{
	__m128i control = _mm_andnot_si128(_mm_cmpeq_epi8(x, all('\t')), between(x, 0, 0x1f));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_cmpeq_epi8(x, all(0x7f))));
}

static inline unsigned not_target(__m128i x)
{
	__m128i other = _mm_or_si128(_mm_cmpeq_epi8(x, all('#')), _mm_cmpeq_epi8(x, all(0x7f)));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(between(x, 0, ' '), other));
}

static inline unsigned not_ascii(__m128i x)
{
	return not_target(x) | (unsigned)_mm_movemask_epi8(x);
}

static inline __m128i name(__m128i x)
{
	__m128i letter = between(_mm_or_si128(x, all(0x20)), 'a', 'z');
	return _mm_or_si128(_mm_or_si128(letter, between(x, '0', '9')), _mm_cmpeq_epi8(x, all('-')));
}

static inline unsigned not_name(__m128i x)
{
	return ~(unsigned)_mm_movemask_epi8(name(x)) & 0xffff;
}

static inline unsigned not_plain(__m128i x)
{
	return ~(unsigned)_mm_movemask_epi8(_mm_or_si128(name(x), _mm_cmpeq_epi8(x, all('.')))) & 0xffff;
}

static inline unsigned not_quoted(__m128i x)
{
	__m128i mark = _mm_or_si128(_mm_cmpeq_epi8(x, all('"')), _mm_cmpeq_epi8(x, all('\\')));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(mark, _mm_andnot_si128(between(x, 0x20, 0x7e), all((char)0xff))));
}

static inline __m128i sixteen(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i eight(const char *p)
{
	return _mm_loadl_epi64((const __m128i *)(const void *)p);
}

/* Nothing outside s is read: the last piece overlaps the one before it. */
#define SPAN(function, not_of_class, holds) \
	size_t function(struct wsr_str s) \
	{ \
		size_t n = 0; \
		unsigned other; \
		if (s.len >= 16) { \
			for (; s.len - n >= 16; n += 16) \
				if ((other = not_of_class(sixteen(s.ptr + n)))) \
					return n + (unsigned)__builtin_ctz(other); \
			other = n < s.len ? not_of_class(sixteen(s.ptr + s.len - 16)) : 0; \
			return other ? s.len - 16 + (unsigned)__builtin_ctz(other) : s.len; \
		} \
		if (s.len >= 8) { \
			if ((other = not_of_class(eight(s.ptr)) & 0xff)) \
				return (unsigned)__builtin_ctz(other); \
			other = not_of_class(eight(s.ptr + s.len - 8)) & 0xff; \
			return other ? s.len - 8 + (unsigned)__builtin_ctz(other) : s.len; \
		} \
		while (n < s.len && (holds)) \
			n++; \
		return n; \
	}
#else
#define SPAN(function, not_of_class, holds) \
	size_t function(struct wsr_str s) \
	{ \
		size_t n = 0; \
		while (n < s.len && (holds)) \
			n++; \
		return n; \
	}
#endif

SPAN(wsr_line_span, not_line, wsr_char_is(s.ptr[n], WSR_C_LINE))
SPAN(wsr_target_span, not_target, wsr_char_is(s.ptr[n], WSR_C_TARGET))
SPAN(wsr_name_span, not_name, wsr_char_is(s.ptr[n], WSR_C_NAME))
SPAN(wsr_ascii_span, not_ascii, (unsigned char)s.ptr[n] < 0x80 && wsr_char_is(s.ptr[n], WSR_C_TARGET))
SPAN(wsr_quoted_span, not_quoted, s.ptr[n] >= 0x20 && s.ptr[n] < 0x7f && s.ptr[n] != '"' && s.ptr[n] != '\\')
SPAN(wsr_plain_span, not_plain, wsr_char_is(s.ptr[n], WSR_C_NAME) || s.ptr[n] == '.')
