/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table behind wsr_chars.h. Rows do not overlap; a byte without a row may stand nowhere.
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
