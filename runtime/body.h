/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message bodies on their way through: a reader that takes the framing off (RFC 9112 section 6), a writer that puts another one on, and the vector of
 * pieces that leave in one write. Payload is never copied here; only a trailer line that was split over reads is kept, at most 16 KB.
 */
#ifndef RUNTIME_BODY_H
#define RUNTIME_BODY_H

#include <sys/uio.h>

#include "eval/wsr_head.h"
#include "runtime/stream.h"

/* --- reading ---------------------------------------------------------------------------------------------------------- */

/** A body that is being received. body_in_init() on zeroed memory; body_in_release() at the end. */
struct body_in {
	uint64_t left;              /* LENGTH: bytes to come */
	uint64_t bytes;             /* payload so far */
	struct wsr_chunked chunked;
	char *line;                 /* start of a trailer line whose end has not come yet, or NULL */
	uint16_t line_len;
	uint8_t framing;            /* enum wsr_framing */
	bool done;                  /* the body is complete */
	bool bad;                   /* malformed, or no memory: nothing more can be read from this connection */
};

/** What body_in_next() found. Both empty: need more input, or done or bad. */
struct body_piece {
	struct wsr_str payload;     /* slice of the input */
	struct wsr_str trailer;     /* a field line; valid until the next call */
};

void body_in_init(struct body_in *b, enum wsr_framing framing, uint64_t length);
void body_in_release(struct body_in *b);
/**
 * Take the next piece off *in, which is moved on behind it. Call until *in is empty or b->done or b->bad; what is left then lies behind the body.
 */
struct body_piece body_in_next(struct body_in *b, struct wsr_str *in);
/** The sender closed: completes a body that runs until then. @return true if the body is complete. */
bool body_in_eof(struct body_in *b);

/* --- writing ---------------------------------------------------------------------------------------------------------- */

#define PIECES_MAX 64
#define PIECES_FRAMES 24

/** Pieces for one stream_write(). Lives on the stack; what was added must stay valid until pieces_flush(). */
struct pieces {
	struct stream *to;
	uint64_t bytes;             /* added so far, flushed ones included */
	int count, frames;
	struct iovec iov[PIECES_MAX];
	char frame[PIECES_FRAMES][24]; /* chunk sizes */
};

void pieces_init(struct pieces *p, struct stream *to);
void pieces_add(struct pieces *p, struct wsr_str s);
/** Payload in the framing of the receiver: as a chunk, or as it is. Empty payload adds nothing. */
void pieces_payload(struct pieces *p, enum wsr_framing framing, struct wsr_str payload);
/** Write what was added. */
void pieces_flush(struct pieces *p);

#endif
