/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chunked decoder of wsr_head.h (RFC 9112 section 7.1): bytes of a body come in, payload runs and trailer lines go out as slices of the input.
 * It holds no buffer; its whole state is struct wsr_chunked. Nothing but CRLF ends a line, so that nobody else can see another chunk than we do.
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_head.h"

#define SIZE_DIGITS 16u

enum state {
	SIZE,                       /* at or in the digits of a size */
	BEFORE_EXT,                 /* white space behind them: only an extension may follow */
	EXT_NAME,                   /* behind ";": a name has to begin */
	EXT,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,                    /* at the start of a trailer line or of the last CRLF */
	DONE,
};

/** One byte of a chunk's first line. @return false if it may not stand there. */
static bool size_line_byte(struct wsr_chunked *c, char b)
{
	int digit = wsr_hex_digit(b);
	switch ((enum state)c->state) {
	case SIZE:
		if (digit >= 0) {
			/* Below 2^63, so that sums of sizes cannot wrap. */
			if (c->digits == SIZE_DIGITS || c->left > (uint64_t)INT64_MAX >> 4)
				return false;
			c->digits++;
			c->left = c->left << 4 | (unsigned)digit;
			return true;
		}
		if (c->digits == 0)
			return false;
		/* fall through */
	case BEFORE_EXT:
		if (b == ' ' || b == '\t')
			c->state = BEFORE_EXT;
		else if (b == ';')
			c->state = EXT_NAME;
		else if (b == '\r' && c->state == SIZE)
			c->state = SIZE_LF;
		else
			return false;
		break;
	case EXT_NAME:
		if (wsr_char_is(b, WSR_C_TOKEN))
			c->state = EXT;
		else if (b != ' ' && b != '\t')
			return false;
		break;
	case EXT:
		if (b == '\r')
			c->state = SIZE_LF;
		else if (!wsr_char_is(b, WSR_C_LINE))
			return false;
		break;
	default:
		if (b != '\n')
			return false;
		c->state = c->left ? DATA : TRAILER;
		c->extra_bytes = 0;
		return true;
	}
	return ++c->extra_bytes <= WSR_CHUNK_EXT_MAX;
}

/** The bytes between a chunk's data and the next size. */
static bool data_end_byte(struct wsr_chunked *c, char b)
{
	if (b != (c->state == DATA_CR ? '\r' : '\n'))
		return false;
	c->state = c->state == DATA_CR ? DATA_LF : SIZE;
	c->digits = 0;
	return true;
}

/** At a trailer line: takes it whole, or nothing if its end is not there yet. */
static void trailer_line(struct wsr_chunked *c, const char *in, size_t len, struct wsr_chunk_out *out)
{
	size_t room = WSR_TRAILER_MAX - c->extra_bytes;
	const char *lf = memchr(in, '\n', len);
	size_t line = lf ? (size_t)(lf - in) + 1 : len;
	if (line > room) {
		out->bad = true;
		return;
	}
	if (!lf)
		return;
	if (line < 2 || in[line - 2] != '\r') {
		out->bad = true;
		return;
	}
	out->used += line;
	if (line == 2) {
		c->state = DONE;
		out->done = true;
		return;
	}
	struct wsr_str name, value;
	c->extra_bytes = (uint16_t)(c->extra_bytes + line);
	out->trailer = wsr_str(in, line - 2);
	out->bad = !wsr_field_split(out->trailer, &name, &value);
}

struct wsr_chunk_out wsr_chunked_next(struct wsr_chunked *c, const char *in, size_t len)
{
	struct wsr_chunk_out out = { .done = c->state == DONE };
	while (out.used < len && c->state != DONE) {
		switch ((enum state)c->state) {
		case DATA: {
			size_t n = len - out.used < c->left ? len - out.used : (size_t)c->left;
			out.data = wsr_str(in + out.used, n);
			out.used += n;
			c->left -= n;
			if (c->left == 0)
				c->state = DATA_CR;
			return out;
		}
		case TRAILER:
			trailer_line(c, in + out.used, len - out.used, &out);
			return out;
		case DATA_CR:
		case DATA_LF:
			out.bad = !data_end_byte(c, in[out.used]);
			break;
		default:
			out.bad = !size_line_byte(c, in[out.used]);
			break;
		}
		if (out.bad)
			return out;
		out.used++;
	}
	return out;
}
