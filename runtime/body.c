/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bodies: see body.h. Invariant of the reader: bytes behind the end of a body are never touched, so that a pipelined message starts exactly there.
 */
#include "runtime/body.h"

#include <stdio.h>
#include <stdlib.h>

void body_in_init(struct body_in *b, enum wsr_framing framing, uint64_t length)
{
	*b = (struct body_in){ .framing = (uint8_t)framing, .left = framing == WSR_FRAMING_LENGTH ? length : 0 };
	b->done = framing == WSR_FRAMING_NONE || (framing == WSR_FRAMING_LENGTH && length == 0);
}

void body_in_release(struct body_in *b)
{
	free(b->line);
	b->line = NULL;
	b->line_len = 0;
}

static void take(struct wsr_str *in, size_t n)
{
	in->ptr += n;
	in->len -= n;
}

/** The decoder left the start of a trailer line: keep it until its end comes. */
static void keep_line(struct body_in *b, struct wsr_str *in)
{
	char *line = realloc(b->line, WSR_TRAILER_MAX);
	if (!line || in->len > WSR_TRAILER_MAX - b->line_len) {
		free(line);
		b->line = NULL;
		b->bad = true;
		return;
	}
	memcpy(line + b->line_len, in->ptr, in->len);
	b->line = line;
	b->line_len = (uint16_t)(b->line_len + in->len);
	take(in, in->len);
}

/** A line is being kept: add up to its end, then decode it from the copy. */
static struct body_piece finish_line(struct body_in *b, struct wsr_str *in)
{
	const char *lf = memchr(in->ptr, '\n', in->len);
	struct wsr_str part = wsr_str(in->ptr, lf ? (size_t)(lf - in->ptr) + 1 : in->len);
	take(in, part.len);
	keep_line(b, &part);
	if (b->bad || !lf)
		return (struct body_piece){ 0 };
	struct wsr_chunk_out out = wsr_chunked_next(&b->chunked, b->line, b->line_len);
	b->done = out.done;
	b->bad = out.bad;
	b->line_len = 0;
	return (struct body_piece){ .trailer = out.bad ? WSR_STR_NULL : out.trailer };
}

static struct body_piece next_chunked(struct body_in *b, struct wsr_str *in)
{
	if (b->line_len)
		return finish_line(b, in);
	struct wsr_chunk_out out = wsr_chunked_next(&b->chunked, in->ptr, in->len);
	take(in, out.used);
	b->done = out.done;
	b->bad = out.bad;
	if (out.bad)
		return (struct body_piece){ 0 };
	b->bytes += out.data.len;
	if (out.used == 0 && !out.done)
		keep_line(b, in);
	return (struct body_piece){ .payload = out.data, .trailer = out.trailer };
}

struct body_piece body_in_next(struct body_in *b, struct wsr_str *in)
{
	struct body_piece piece = { 0 };
	if (b->done || b->bad || in->len == 0)
		return piece;
	if (b->framing == WSR_FRAMING_CHUNKED)
		return next_chunked(b, in);
	size_t n = in->len;
	if (b->framing == WSR_FRAMING_LENGTH) {
		if (n > b->left)
			n = (size_t)b->left;
		b->left -= n;
		b->done = b->left == 0;
	}
	piece.payload = wsr_str(in->ptr, n);
	b->bytes += n;
	take(in, n);
	return piece;
}

bool body_in_eof(struct body_in *b)
{
	if (b->framing == WSR_FRAMING_UNTIL_CLOSE && !b->bad)
		b->done = true;
	return b->done;
}

void pieces_init(struct pieces *p, struct stream *to)
{
	p->to = to;
	p->bytes = 0;
	p->count = p->frames = 0;
}

void pieces_flush(struct pieces *p)
{
	if (p->count)
		stream_write(p->to, p->iov, p->count);
	p->count = p->frames = 0;
}

void pieces_add(struct pieces *p, struct wsr_str s)
{
	if (s.len == 0)
		return;
	if (p->count == PIECES_MAX)
		pieces_flush(p);
	p->iov[p->count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)s.ptr, .iov_len = s.len };
	p->bytes += s.len;
}

void pieces_payload(struct pieces *p, enum wsr_framing framing, struct wsr_str payload)
{
	if (payload.len == 0)
		return;
	if (framing != WSR_FRAMING_CHUNKED) {
		pieces_add(p, payload);
		return;
	}
	if (p->frames == PIECES_FRAMES || p->count > PIECES_MAX - 3)
		pieces_flush(p);
	char *frame = p->frame[p->frames++];
	int n = snprintf(frame, sizeof(p->frame[0]), "%zx\r\n", payload.len);
	pieces_add(p, wsr_str(frame, (size_t)n));
	pieces_add(p, payload);
	pieces_add(p, WSR_STR("\r\n"));
}
