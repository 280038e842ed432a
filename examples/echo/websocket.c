/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * WebSocket (RFC 6455): the handshake, and echoing frames as they come.
 *
 * Frames are answered inside the buffer they were read into: our frame header is four bytes shorter than the masked one,
 * so the unmasked frame is written over it and everything one read brought leaves in one send.  The payload of a long
 * frame is passed on as it arrives; control frames and short ones are handled whole.  Fragments stay fragments.
 * Text is echoed without a look at its encoding.
 *
 * Short text messages which start with '?' are commands: ?head (the handshake head), ?close [CODE], ?abort (reset).
 */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "examples/echo/echo.h"

enum {
	OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10,
	FIN = 0x80, MASKED = 0x80,
	WHOLE_FRAME_MAX = 125,  /* payload; frames up to this are handled whole */
};

struct frame {
	uint8_t first;  /* FIN, RSV and opcode */
	uint64_t payload;
	size_t header;  /* bytes, mask included */
	uint32_t mask;
};

void websocket_accept(struct conn *c, struct request *r)
{
	static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[SHA_DIGEST_LENGTH], accept[32];
	char text[24 + sizeof(magic)];
	struct buf *out = &c->echo->reply;
	const char *comma = r->ws_protocol.ptr ? memchr(r->ws_protocol.ptr, ',', r->ws_protocol.len) : NULL;
	size_t protocol_len = comma ? (size_t)(comma - r->ws_protocol.ptr) : r->ws_protocol.len;

	if (!str_is(r->ws_version, "13") || r->ws_key.len != 24 || r->http10 || !str_is(r->method, "GET")) {
		answer_refuse(c, 426);
		return;
	}
	memcpy(text, r->ws_key.ptr, 24);
	memcpy(text + 24, magic, sizeof(magic));
	SHA1((unsigned char *)text, 24 + sizeof(magic) - 1, digest);
	EVP_EncodeBlock(accept, digest, sizeof(digest));
	out->len = 0;
	buf_printf(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			"Sec-WebSocket-Accept: %s\r\n", (char *)accept);
	if (protocol_len > 0 && protocol_len <= 128)
		buf_printf(out, "Sec-WebSocket-Protocol: %.*s\r\n", (int)protocol_len, r->ws_protocol.ptr);
	buf_add(out, "\r\n", 2, SIZE_MAX / 2);
	if (r->path.len == 6 && memcmp(r->path.ptr, "/greet", 6) == 0)
		buf_add(out, "\x81\x05hello", 7, SIZE_MAX / 2);  /* a message in the same segment as the 101 */
	conn_write(c, out->ptr, out->len, false);
	if (!buf_add(&c->head, r->head.ptr, r->head.len, ECHO_MAX_HEAD + ECHO_SCRATCH))
		c->dead = true;
	c->state = CONN_WEBSOCKET;
}

/** Our frame header for this one (section 5.2; unmasked), written to out; @return its length. */
static size_t put_header(char *out, uint8_t first, uint64_t payload)
{
	int bytes = payload <= 125 ? 0 : payload <= UINT16_MAX ? 2 : 8;

	out[0] = (char)first;
	out[1] = (char)(bytes == 0 ? payload : bytes == 2 ? 126 : 127);
	for (int i = 0; i < bytes; i++)
		out[2 + i] = (char)(payload >> (8 * (bytes - 1 - i)));
	return 2 + (size_t)bytes;
}

/** Read a frame header; false when it is incomplete. */
static bool get_header(struct frame *f, const char *data, size_t len)
{
	const uint8_t *p = (const uint8_t *)data;
	size_t bytes;

	if (len < 2)
		return false;
	f->first = p[0];
	bytes = (p[1] & 127) == 126 ? 2 : (p[1] & 127) == 127 ? 8 : 0;
	f->header = 2 + bytes + ((p[1] & MASKED) ? 4 : 0);
	if (len < f->header)
		return false;
	f->payload = bytes ? 0 : p[1] & 127;
	for (size_t i = 0; i < bytes; i++)
		f->payload = f->payload << 8 | p[2 + i];
	f->mask = 0;
	if (p[1] & MASKED)
		memcpy(&f->mask, p + 2 + bytes, 4);
	return true;
}

/** Sections 5.1, 5.2, 5.4 and 5.5: masked, nothing negotiated in RSV, fragments in sequence, short whole control frames. */
static bool frame_is_valid(const struct conn *c, const struct frame *f, const char *data)
{
	int opcode = f->first & 15;
	bool fin = f->first & FIN;

	if (!(data[1] & MASKED) || (f->first & 0x70) || f->payload >> 62)
		return false;
	switch (opcode) {
	case OP_CONTINUATION:
		return c->ws_in_message;
	case OP_TEXT:
	case OP_BINARY:
		return !c->ws_in_message;
	case OP_CLOSE:
		return fin && f->payload <= 125 && f->payload != 1;
	case OP_PING:
	case OP_PONG:
		return fin && f->payload <= 125;
	default:
		return false;
	}
}

/** Unmask `len` bytes from `in` to `out`, which lies at least 2 bytes before `in` or at it; rotates the mask. */
static void unmask(struct conn *c, char *out, const char *in, size_t len)
{
	uint64_t wide = (uint64_t)c->ws_mask << 32 | c->ws_mask, word;
	unsigned turn = (unsigned)(len % 4) * 8;
	size_t i = 0;

	for (; len - i >= 8; i += 8) {
		memcpy(&word, in + i, 8);
		word ^= wide;
		memcpy(out + i, &word, 8);
	}
	for (; i < len; i++)
		out[i] = (char)(in[i] ^ (char)(c->ws_mask >> (8 * (i % 4))));
	if (turn)
		c->ws_mask = c->ws_mask >> turn | c->ws_mask << (32 - turn);
}

static void send_close(struct conn *c, unsigned code)
{
	char frame[4] = {(char)(FIN | OP_CLOSE), 2, (char)(code >> 8), (char)code};

	conn_write(c, frame, sizeof(frame), false);
	c->ws_closing = true;
}

/** Obey a text message that is a command; false when it is none. */
static bool command(struct conn *c, const char *text, size_t len)
{
	struct linger reset = {1, 0};
	char header[10];

	if (len == 5 && memcmp(text, "?head", 5) == 0) {
		conn_write(c, header, put_header(header, FIN | OP_TEXT, c->head.len), true);
		conn_write(c, c->head.ptr, c->head.len, false);
		return true;
	}
	if (len >= 6 && len <= 11 && memcmp(text, "?close", 6) == 0) {
		char digits[8] = "";

		memcpy(digits, text + 6, len - 6);
		send_close(c, (unsigned)atoi(digits) ? (unsigned)atoi(digits) : 1000);
		return true;
	}
	if (len == 6 && memcmp(text, "?abort", 6) == 0) {
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		c->dead = true;
		return true;
	}
	return false;
}

/** Answer a short frame whose payload has been unmasked at `payload`; @return bytes of the answer from `out` on. */
static size_t whole_frame(struct conn *c, const struct frame *f, char *out, char *payload)
{
	size_t header = (size_t)(payload - out), len = (size_t)f->payload;

	switch (f->first & 15) {
	case OP_CLOSE:
		if (c->ws_closing)
			len = header = 0;  /* the answer to our own */
		c->ws_closing = true;
		conn_write(c, out, header + len, false);
		conn_finish(c);
		return 0;
	case OP_PONG:
		return 0;
	case OP_PING:
		out[0] = (char)(FIN | OP_PONG);
		return header + len;
	case OP_TEXT:
		if ((f->first & FIN) && len > 0 && payload[0] == '?' && command(c, payload, len))
			return 0;
		return header + len;
	default:
		return header + len;
	}
}

/** Frames which must not overtake what has been collected: control of the connection, and commands. */
static bool must_flush(const struct frame *f, const char *data)
{
	char start = (char)(data[f->header] ^ (char)f->mask);

	return (f->first & 15) == OP_CLOSE || ((f->first & 15) == OP_TEXT && f->payload > 0 && start == '?');
}

size_t websocket_input(struct conn *c, char *data, size_t len)
{
	size_t in = 0, out = 0;  /* data[0..out) is to be sent, data[in..len) is to be read; out <= in */
	struct frame f;

	while (in < len && c->state == CONN_WEBSOCKET && !c->dead) {
		size_t n;

		if (c->left > 0) {
			n = c->left < len - in ? (size_t)c->left : len - in;
			unmask(c, data + out, data + in, n);
			c->left -= n;
			in += n;
			out += n;
			continue;
		}
		if (!get_header(&f, data + in, len - in))
			break;
		if (!frame_is_valid(c, &f, data + in)) {
			conn_write(c, data, out, false);
			send_close(c, 1002);
			conn_finish(c);
			return len;
		}
		if (f.payload <= WHOLE_FRAME_MAX && len - in - f.header < f.payload)
			break;
		if (f.payload <= WHOLE_FRAME_MAX && must_flush(&f, data + in)) {
			conn_write(c, data, out, false);
			out = 0;
		}
		if ((f.first & 15) <= OP_BINARY)
			c->ws_in_message = !(f.first & FIN);
		c->ws_mask = f.mask;
		n = put_header(data + out, f.first, f.payload);
		in += f.header;
		if (f.payload > WHOLE_FRAME_MAX) {
			c->left = f.payload;
			out += n;
			continue;
		}
		unmask(c, data + out + n, data + in, (size_t)f.payload);
		out += whole_frame(c, &f, data + out, data + out + n);
		in += (size_t)f.payload;
	}
	if (!c->ws_closing)  /* nothing follows a close frame (section 5.5.1) */
		conn_write(c, data, out, false);
	return in;
}
