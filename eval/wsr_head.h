/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one parser of HTTP/1 heads (RFC 9112 sections 2 to 6), for requests and responses, for the daemon and for `wsrpc explain`. Strict: what
 * can be read in two ways is refused, not repaired. It looks only at the bytes it is given, keeps no pointer into them between calls, and
 * after WSR_HEAD_DONE gives one value: the head, with its framing decided once from the whole of it (RFC 9112 section 6.3).
 */
#ifndef WSR_HEAD_H
#define WSR_HEAD_H

#include "eval/wsr_arena.h"

/* Field names that somebody here asks for; the parser classifies each field once. X(symbol, "lower-case name") */
#define WSR_FIELD_NAMES(X) \
	X(HOST, "host") X(CONNECTION, "connection") X(CONTENT_LENGTH, "content-length") X(TRANSFER_ENCODING, "transfer-encoding") \
	X(UPGRADE, "upgrade") X(EXPECT, "expect") X(TE, "te") X(TRAILER, "trailer") X(KEEP_ALIVE, "keep-alive") \
	X(PROXY_CONNECTION, "proxy-connection") X(PROXY_AUTHENTICATE, "proxy-authenticate") X(PROXY_AUTHORIZATION, "proxy-authorization") \
	X(HTTP2_SETTINGS, "http2-settings") X(DATE, "date") X(SERVER, "server") X(LOCATION, "location") X(REFRESH, "refresh") \
	X(CONTENT_TYPE, "content-type") X(CONTENT_RANGE, "content-range") X(CONTENT_ENCODING, "content-encoding") X(LAST_MODIFIED, "last-modified") X(ETAG, "etag") \
	X(IF_MODIFIED_SINCE, "if-modified-since") X(IF_UNMODIFIED_SINCE, "if-unmodified-since") X(IF_NONE_MATCH, "if-none-match") X(IF_MATCH, "if-match") \
	X(IF_RANGE, "if-range") X(RANGE, "range") X(ACCEPT_RANGES, "accept-ranges") X(COOKIE, "cookie") X(SET_COOKIE, "set-cookie") X(X_FORWARDED_FOR, "x-forwarded-for") \
	X(USER_AGENT, "user-agent") X(REFERER, "referer") X(AUTHORIZATION, "authorization") X(EXPIRES, "expires") X(CACHE_CONTROL, "cache-control") \
	X(X_PAD, "x-pad") X(X_ACCEL_REDIRECT, "x-accel-redirect") X(X_ACCEL_EXPIRES, "x-accel-expires") X(X_ACCEL_BUFFERING, "x-accel-buffering") \
	X(X_ACCEL_CHARSET, "x-accel-charset") X(X_ACCEL_LIMIT_RATE, "x-accel-limit-rate") \
	X(SEC_WEBSOCKET_KEY, "sec-websocket-key") X(SEC_WEBSOCKET_ACCEPT, "sec-websocket-accept") X(SEC_WEBSOCKET_VERSION, "sec-websocket-version") \
	X(SEC_WEBSOCKET_PROTOCOL, "sec-websocket-protocol") X(SEC_WEBSOCKET_EXTENSIONS, "sec-websocket-extensions")

enum wsr_field_id {
	WSR_F_OTHER,
#define X(symbol, name) WSR_F_##symbol,
	WSR_FIELD_NAMES(X)
#undef X
	WSR_F_COUNT
};

enum {
	WSR_FIELD_HOP = 1,      /* hop-by-hop: one of RFC 9110 section 7.6.1 or named by Connection; never forwarded */
	WSR_FIELD_INVALID = 2,  /* name that nginx would drop (ignore_invalid_headers, underscores_in_headers): not forwarded, not visible as $http_ */
};

struct wsr_field {
	struct wsr_str name;        /* as received */
	struct wsr_str value;       /* without leading and trailing white space */
	uint8_t id;                 /* enum wsr_field_id */
	uint8_t flags;
	bool as_is;                 /* of a head that was read: the line is "name: value" and CRLF, with one space and no other white space around the value */
};

enum wsr_framing { WSR_FRAMING_NONE, WSR_FRAMING_LENGTH, WSR_FRAMING_CHUNKED, WSR_FRAMING_UNTIL_CLOSE };
enum wsr_target_form { WSR_TARGET_ORIGIN, WSR_TARGET_ABSOLUTE, WSR_TARGET_AUTHORITY, WSR_TARGET_ASTERISK };

struct wsr_head {
	/* request */
	struct wsr_str method;
	struct wsr_str target;      /* as received, for $request */
	struct wsr_str path;        /* raw path of the target, "/..." (absolute-form: its path, "/" when empty; asterisk: "*") */
	struct wsr_str query;       /* raw, without "?" */
	struct wsr_str host;        /* authority: absolute-form's, else Host; as received, valid (RFC 3986 section 3.2.2), may carry a port */
	struct wsr_str line;        /* whole request line, for $request */
	bool has_query;
	enum wsr_target_form form;
	bool head_method;           /* HEAD */
	bool expect_continue;
	/* response */
	uint16_t status;
	struct wsr_str reason;
	/* both */
	uint8_t minor;              /* HTTP/1.minor: 0 or 1 (1.2 and later count as 1) */
	enum wsr_framing framing;
	uint64_t content_length;    /* with WSR_FRAMING_LENGTH */
	bool close;                 /* the sender will or wants to close after this message (RFC 9112 section 9.3) */
	bool connection_upgrade;    /* Connection names upgrade */
	struct wsr_str upgrade;     /* value of the Upgrade field, empty = none */
	struct wsr_field *fields;   /* in order of arrival */
	uint32_t field_count;
	size_t head_bytes;          /* length of the head, empty line included: the body starts there */
	const struct wsr_field *first[WSR_F_COUNT]; /* first field of each known id, or NULL */
};

/* Why a head was refused. X(symbol, status for a client, sentence for the log). A response that is refused is answered with 502. */
#define WSR_HEAD_ERRORS(X) \
	X(REQUEST_LINE,     400, "malformed request line") \
	X(METHOD,           400, "malformed method") \
	X(METHOD_CONNECT,   405, "CONNECT is not served") \
	X(TARGET,           400, "malformed request target") \
	X(VERSION,          400, "malformed HTTP version") \
	X(VERSION_MAJOR,    505, "HTTP version not supported") \
	X(BARE_LF,          400, "line ends without CR") \
	X(BARE_CR,          400, "CR without LF") \
	X(NUL,              400, "control character in the head") \
	X(FIELD_NAME,       400, "malformed field name") \
	X(FIELD_VALUE,      400, "malformed field value") \
	X(FOLDED,           400, "folded field line") \
	X(NO_COLON,         400, "field line without a colon") \
	X(LINE_TOO_LONG,    414, "request line too long") \
	X(FIELD_TOO_LONG,   400, "field line too long") \
	X(HEAD_TOO_LARGE,   400, "head too large") \
	X(TOO_MANY_FIELDS,  400, "too many fields") \
	X(HOST_MISSING,     400, "HTTP/1.1 request without Host") \
	X(HOST_REPEATED,    400, "more than one Host") \
	X(HOST_INVALID,     400, "malformed Host") \
	X(LENGTH_INVALID,   400, "malformed Content-Length") \
	X(LENGTH_REPEATED,  400, "more than one Content-Length") \
	X(LENGTH_AND_TE,    400, "Content-Length together with Transfer-Encoding") \
	X(TE_UNKNOWN,       501, "unknown transfer coding") \
	X(TE_INVALID,       400, "malformed Transfer-Encoding") \
	X(TE_HTTP10,        400, "Transfer-Encoding in an HTTP/1.0 message") \
	X(EXPECT_UNKNOWN,   417, "unknown expectation") \
	X(STATUS_LINE,      502, "malformed status line") \
	X(MEMORY,           500, "out of memory")

enum wsr_head_error {
	WSR_HEAD_E_NONE,
#define X(symbol, status, sentence) WSR_HEAD_E_##symbol,
	WSR_HEAD_ERRORS(X)
#undef X
};

struct wsr_head_limits {
	size_t line_bytes;          /* longest request line, without CRLF: large_client_header_buffers' size, LimitRequestLine */
	size_t field_bytes;         /* longest field line, without CRLF; 0 = line_bytes */
	size_t head_bytes;          /* whole head: number times size */
	uint32_t fields;            /* count */
	bool underscores;           /* names with "_" count as valid */
	bool keep_invalid;          /* ignore_invalid_headers off: odd names (tokens all the same) count as valid */
};

enum wsr_head_status { WSR_HEAD_MORE, WSR_HEAD_DONE, WSR_HEAD_BAD };

/* Progress over calls: the buffer may move between them. Zero-initialise for each head, together with an empty or reset arena. */
struct wsr_head_parser {
	uint32_t line_start;        /* of the first line that is not complete yet */
	uint32_t scan;              /* bytes before this one hold no line end */
	uint32_t line_count;        /* complete lines, start line included */
	uint32_t start_line, start_line_len; /* offset and length of the start line once line_count > 0 */
	uint32_t field_count, field_cap;
	struct wsr_field *fields;   /* in the arena: slices of the buffer as it lay in the last call */
	uintptr_t buf;              /* ... there */
	enum wsr_head_error error;
};

/**
 * Go on parsing a request head. Call with all bytes received so far for this head, as often as there are new ones; cost over all calls is
 * linear in their number, and the result does not depend on how the bytes were split over calls. A leading empty line is skipped (one, RFC 9112 section 2.2).
 * @param arena  the same in all calls for one head
 * @return WSR_HEAD_DONE with *h filled in (slices of buf, field array from arena); WSR_HEAD_BAD with p->error, where *h holds what the request line said if
 *         that line was in order, and otherwise only h->line, as far as it was read; or WSR_HEAD_MORE, where *h means nothing.
 * Which fields are HOP: those of RFC 9110 section 7.6.1, Trailer of a request (its trailers are not passed on), and what Connection names except Host,
 * Content-Length and Transfer-Encoding, whose meaning a client must not be able to take away. INVALID is set in requests only, as nginx does.
 * upgrade is empty unless there is exactly one Upgrade field, in an HTTP/1.1 message.
 */
enum wsr_head_status wsr_head_request(struct wsr_head_parser *p, const char *buf, size_t len, const struct wsr_head_limits *limits,
				      struct wsr_arena *arena, struct wsr_head *h);

/** The same for a response to a request with this method (framing depends on HEAD, 1xx, 204, 304: RFC 9112 section 6.3). */
enum wsr_head_status wsr_head_response(struct wsr_head_parser *p, const char *buf, size_t len, const struct wsr_head_limits *limits,
				       bool request_was_head, struct wsr_arena *arena, struct wsr_head *h);

unsigned wsr_head_error_status(enum wsr_head_error e);
const char *wsr_head_error_text(enum wsr_head_error e);
/** @param name  a token, in any case */
enum wsr_field_id wsr_field_id(struct wsr_str name);

/** True for a valid field name (token, RFC 9110 section 5.6.2). */
bool wsr_is_token(struct wsr_str s);
/** True for what Host and an absolute target may hold: uri-host [":" port], not empty (RFC 9110 section 7.2). */
bool wsr_is_authority(struct wsr_str s);

/* --- chunked coding (RFC 9112 section 7.1) ------------------------------------------------------------------------- */

struct wsr_chunked {
	uint8_t state;              /* private; zero-initialise */
	uint8_t digits;
	uint16_t extra_bytes;       /* of the current chunk's extensions; in the trailer section: of all lines taken so far */
	uint64_t left;              /* bytes of the current chunk's data still to come */
};

struct wsr_chunk_out {
	struct wsr_str data;        /* payload found: a slice of the input; may be empty */
	struct wsr_str trailer;     /* a complete trailer line was found: "Name: value" slice without CRLF, else empty */
	size_t used;                /* bytes of the input consumed */
	bool done;                  /* last chunk and trailer section complete */
	bool bad;                   /* malformed: close the connection */
};

/**
 * Take the next piece off a chunked body: skips framing, returns at the first payload run, at a complete trailer line, at the end, or when the input is
 * used up. Call again with what is behind `used` until `used` is 0 or done or bad is set. Strict: CRLF only, at most 16 hex digits and below 2^63; chunk extensions are
 * dropped, at most WSR_CHUNK_EXT_MAX bytes of them a chunk; trailers are validated as fields, the section has at most WSR_TRAILER_MAX bytes.
 * A trailer line split over calls: `used` stops before it (the caller keeps the rest and calls again with more), bounded by the trailer limit.
 */
#define WSR_CHUNK_EXT_MAX 1024u
#define WSR_TRAILER_MAX  16384u
struct wsr_chunk_out wsr_chunked_next(struct wsr_chunked *c, const char *in, size_t len);

/** Split "Name: value" as a field line of a head is read. @return false if it is not one (name no token, control byte, no colon, folded). */
bool wsr_field_split(struct wsr_str line, struct wsr_str *name, struct wsr_str *value);

/* --- writing heads -------------------------------------------------------------------------------------------------- */

/*
 * A head under construction in arena memory. wsr_out_field() is the one function that writes a field: a name that is no token or a value with a control
 * byte (CR, LF, NUL and the others, HTAB excepted) is refused (the field is left out and out->refused counts it), whatever the configuration or a client
 * put there; wsr_out_known() is its second half. White space around the value is cut off. So what it writes, wsr_head_* reads back equal.
 */
struct wsr_out {
	struct wsr_arena *arena;
	char *ptr;
	size_t len, cap;
	uint32_t refused;
	bool failed;                /* out of memory: the head must not be sent */
};

void wsr_out_init(struct wsr_out *o, struct wsr_arena *arena, size_t expect_bytes);
void wsr_out_bytes(struct wsr_out *o, struct wsr_str s);
void wsr_out_field(struct wsr_out *o, struct wsr_str name, struct wsr_str value);
/** The same for a field of ours: the name is a literal, the value known to hold no control byte and no white space around it. */
void wsr_out_own(struct wsr_out *o, struct wsr_str name, struct wsr_str value);
/** The same for a name that needs no check: a literal, or one that the parser gave. */
void wsr_out_known(struct wsr_out *o, struct wsr_str name, struct wsr_str value);
/**
 * The fields from index `first` up to `end` of a head that wsr_head_request() or wsr_head_response() has read and nobody has changed: what they hold was checked there.
 * Lines that stand as they would be written are copied together; the array's order is that of the lines.
 */
void wsr_out_read(struct wsr_out *o, const struct wsr_head *h, uint32_t first, uint32_t end);
void wsr_out_end(struct wsr_out *o); /* the empty line */
/** "METHOD target HTTP/1.minor"; a method that is no token or a target with a byte outside 0x21..0x7e, 0x80..0xff or with "#" marks the head failed. */
void wsr_out_request_line(struct wsr_out *o, struct wsr_str method, struct wsr_str target, unsigned minor);
/** A reason with a control byte is written as the empty one; a status outside 100..999 marks the head failed. */
void wsr_out_status_line(struct wsr_out *o, unsigned minor, unsigned status, struct wsr_str reason);
/** Standard reason phrase (RFC 9110 section 15), "" for an unknown code. */
struct wsr_str wsr_reason(unsigned status);

#endif
