/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP/1 head parser of wsr_head.h: bytes of a request or response head come in, one struct wsr_head goes out.
 *
 * It works in three steps. Lines are cut off as they arrive (next_line), every byte looked at once; the start line and each field line are checked as
 * soon as they are complete; when the empty line has come, the fields become slices of the buffer and the framing is decided from all of them
 * (RFC 9112 section 6.3). Every error is a function of the bytes up to the one that shows it, so splits never change a result.
 */
#include "eval/wsr_head.h"

#include "eval/wsr_chars.h"

#define FIELDS_FIRST 16u            /* field records of the first allocation */

/* --- words --------------------------------------------------------------------------------------------------------- */

unsigned wsr_head_error_status(enum wsr_head_error e)
{
	static const uint16_t status[] = {
		[WSR_HEAD_E_NONE] = 200,
#define X(symbol, code, sentence) [WSR_HEAD_E_##symbol] = code,
		WSR_HEAD_ERRORS(X)
#undef X
	};
	return status[e];
}

const char *wsr_head_error_text(enum wsr_head_error e)
{
	static const char *const text[] = {
		[WSR_HEAD_E_NONE] = "no error",
#define X(symbol, code, sentence) [WSR_HEAD_E_##symbol] = sentence,
		WSR_HEAD_ERRORS(X)
#undef X
	};
	return text[e];
}

/* Names are letters, digits and "-": of all bytes that a token may hold, 0x20 turns only the upper-case letter into such a one. */
static inline uint64_t differs_8(const char *token, const char *name)
{
	uint64_t a, b;
	memcpy(&a, token, sizeof(a));
	memcpy(&b, name, sizeof(b));
	return (a | UINT64_C(0x2020202020202020)) ^ b;
}

static inline uint32_t differs_4(const char *token, const char *name)
{
	uint32_t a, b;
	memcpy(&a, token, sizeof(a));
	memcpy(&b, name, sizeof(b));
	return (a | 0x20202020u) ^ b;
}

/** Is the token this name, of the same length? Two pieces that may overlap, and the ones between them. */
static bool is_name(struct wsr_str token, const char *name)
{
	size_t last = token.len;
	if (last >= 8) {
		uint64_t differs = differs_8(token.ptr, name) | differs_8(token.ptr + last - 8, name + last - 8);
		for (size_t i = 8; i + 8 < last; i += 8)
			differs |= differs_8(token.ptr + i, name + i);
		return differs == 0;
	}
	if (last >= 4)
		return (differs_4(token.ptr, name) | differs_4(token.ptr + last - 4, name + last - 4)) == 0;
	for (size_t i = 0; i < last; i++)
		if ((token.ptr[i] | 0x20) != name[i])
			return false;
	return true;
}

enum wsr_field_id wsr_field_id(struct wsr_str name)
{
	static const char *const names[] = {
		"",
#define X(symbol, text) text,
		WSR_FIELD_NAMES(X)
#undef X
	};
	/* Few names share a length, fewer the first letter too. A unit test finds every name here. */
	static const uint8_t of_length[][7] = {
		[2] = { WSR_F_TE },
		[4] = { WSR_F_HOST, WSR_F_DATE, WSR_F_ETAG },
		[5] = { WSR_F_RANGE, WSR_F_X_PAD },
		[6] = { WSR_F_SERVER, WSR_F_COOKIE, WSR_F_EXPECT },
		[7] = { WSR_F_UPGRADE, WSR_F_REFERER, WSR_F_EXPIRES, WSR_F_TRAILER, WSR_F_REFRESH },
		[8] = { WSR_F_LOCATION, WSR_F_IF_MATCH, WSR_F_IF_RANGE },
		[10] = { WSR_F_USER_AGENT, WSR_F_CONNECTION, WSR_F_KEEP_ALIVE, WSR_F_SET_COOKIE },
		[12] = { WSR_F_CONTENT_TYPE },
		[13] = { WSR_F_CACHE_CONTROL, WSR_F_LAST_MODIFIED, WSR_F_ACCEPT_RANGES, WSR_F_IF_NONE_MATCH, WSR_F_CONTENT_RANGE, WSR_F_AUTHORIZATION },
		[14] = { WSR_F_CONTENT_LENGTH, WSR_F_HTTP2_SETTINGS },
		[15] = { WSR_F_X_FORWARDED_FOR, WSR_F_X_ACCEL_EXPIRES, WSR_F_X_ACCEL_CHARSET },
		[16] = { WSR_F_PROXY_CONNECTION, WSR_F_CONTENT_ENCODING, WSR_F_X_ACCEL_REDIRECT },
		[17] = { WSR_F_TRANSFER_ENCODING, WSR_F_IF_MODIFIED_SINCE, WSR_F_X_ACCEL_BUFFERING, WSR_F_SEC_WEBSOCKET_KEY },
		[18] = { WSR_F_PROXY_AUTHENTICATE, WSR_F_X_ACCEL_LIMIT_RATE },
		[19] = { WSR_F_PROXY_AUTHORIZATION, WSR_F_IF_UNMODIFIED_SINCE },
		[20] = { WSR_F_SEC_WEBSOCKET_ACCEPT },
		[21] = { WSR_F_SEC_WEBSOCKET_VERSION },
		[22] = { WSR_F_SEC_WEBSOCKET_PROTOCOL },
		[24] = { WSR_F_SEC_WEBSOCKET_EXTENSIONS },
	};
	if (name.len >= sizeof(of_length) / sizeof(of_length[0]))
		return WSR_F_OTHER;
	for (const uint8_t *id = of_length[name.len]; *id; id++)
		if ((name.ptr[0] | 0x20) == names[*id][0] && is_name(name, names[*id]))
			return (enum wsr_field_id)*id;
	return WSR_F_OTHER;
}

bool wsr_is_token(struct wsr_str s)
{
	return s.len > 0 && (wsr_name_span(s) == s.len || wsr_span(s, WSR_C_TOKEN) == s.len);
}

/* --- lines --------------------------------------------------------------------------------------------------------- */

static enum wsr_head_status bad(struct wsr_head_parser *p, enum wsr_head_error e)
{
	p->error = e;
	return WSR_HEAD_BAD;
}

static size_t longest_line(const struct wsr_head_parser *p, const struct wsr_head_limits *limits)
{
	return p->line_count > 0 && limits->field_bytes ? limits->field_bytes : limits->line_bytes;
}

/** Everything but a line that is there whole and in order: why not, and from where to go on. */
static enum wsr_head_status no_line(struct wsr_head_parser *p, const char *buf, size_t len, const struct wsr_head_limits *limits)
{
	size_t i = p->scan, most = longest_line(p, limits);
	size_t line_room = most < SIZE_MAX - p->line_start ? p->line_start + most : SIZE_MAX;
	size_t stop = len < line_room ? len : line_room;
	if (stop > limits->head_bytes)
		stop = limits->head_bytes;
	if (i < stop)
		i += wsr_line_span(wsr_str(buf + i, stop - i));
	p->scan = (uint32_t)i;
	if (i == len)
		return WSR_HEAD_MORE;
	if (buf[i] == '\r') {
		/* The line end has to fit too: one more byte for LF. */
		if (limits->head_bytes - i < 2)
			return bad(p, WSR_HEAD_E_HEAD_TOO_LARGE);
		return i + 1 == len ? WSR_HEAD_MORE : bad(p, WSR_HEAD_E_BARE_CR);
	}
	if (i >= limits->head_bytes)
		return bad(p, WSR_HEAD_E_HEAD_TOO_LARGE);
	if (buf[i] == '\n')
		return bad(p, WSR_HEAD_E_BARE_LF);
	if (!wsr_char_is(buf[i], WSR_C_LINE))
		return bad(p, WSR_HEAD_E_NUL);
	return bad(p, p->line_count == 0 ? WSR_HEAD_E_LINE_TOO_LONG : WSR_HEAD_E_FIELD_TOO_LONG);
}

/** Cut the next line off, without CRLF. DONE = *line is set, MORE = it is not complete. */
static inline enum wsr_head_status next_line(struct wsr_head_parser *p, const char *buf, size_t len, const struct wsr_head_limits *limits, struct wsr_str *line)
{
	size_t stop = len < limits->head_bytes ? len : limits->head_bytes, i = p->scan;
	if (i < stop)
		i += wsr_line_span(wsr_str(buf + i, stop - i));
	if (i + 1 >= stop || buf[i] != '\r' || buf[i + 1] != '\n' || i - p->line_start > longest_line(p, limits))
		return no_line(p, buf, len, limits);
	*line = wsr_str(buf + p->line_start, i - p->line_start);
	p->line_start = p->scan = (uint32_t)i + 2;
	return WSR_HEAD_DONE;
}

/** RFC 9112 section 5: no white space before the colon, no folding, OWS around the value is not part of it. */
static enum wsr_head_error split_field(struct wsr_str line, struct wsr_str *name, struct wsr_str *value)
{
	size_t n = wsr_name_span(line);
	if (n == 0 || n == line.len || line.ptr[n] != ':') { /* an odd name, or none */
		if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
			return WSR_HEAD_E_FOLDED;
		n = wsr_span(line, WSR_C_TOKEN);
		if (n == line.len)
			return WSR_HEAD_E_NO_COLON;
		if (n == 0 || line.ptr[n] != ':')
			return memchr(line.ptr, ':', line.len) ? WSR_HEAD_E_FIELD_NAME : WSR_HEAD_E_NO_COLON;
	}
	*name = wsr_str(line.ptr, n);
	*value = wsr_trim(wsr_str(line.ptr + n + 1, line.len - n - 1));
	return WSR_HEAD_E_NONE;
}

bool wsr_field_split(struct wsr_str line, struct wsr_str *name, struct wsr_str *value)
{
	return line.len > 0 && wsr_line_span(line) == line.len && split_field(line, name, value) == WSR_HEAD_E_NONE;
}

/* --- start lines --------------------------------------------------------------------------------------------------- */

/** Up to eight groups of 16 bits, the last two possibly as IPv4, one "::" (RFC 3986 section 3.2.2; no zone: RFC 6874 is not for requests). */
static bool is_ipv6(struct wsr_str s)
{
	unsigned groups = 0;
	bool gap = false;
	size_t i = 0;
	if (s.len >= 2 && s.ptr[0] == ':' && s.ptr[1] == ':') {
		gap = true;
		i = 2;
	}
	while (i < s.len) {
		size_t n = wsr_span(wsr_str(s.ptr + i, s.len - i), WSR_C_HEX);
		if (i + n < s.len && s.ptr[i + n] == '.') {
			unsigned dots = 0, digits = 0, octet = 0;
			for (; i < s.len; i++) {
				if (s.ptr[i] == '.' && digits && dots < 3) {
					dots++;
					digits = octet = 0;
				} else if (s.ptr[i] >= '0' && s.ptr[i] <= '9' && ++digits <= 3) {
					octet = octet * 10 + (unsigned)(s.ptr[i] - '0');
					if (octet > 255)
						return false;
				} else {
					return false;
				}
			}
			groups += 2;
			return dots == 3 && digits && (gap ? groups < 8 : groups == 8);
		}
		if (n == 0 || n > 4)
			return false;
		groups++;
		i += n;
		if (i == s.len)
			break;
		if (s.ptr[i++] != ':' || i == s.len)
			return false;
		if (s.ptr[i] == ':') {
			if (gap)
				return false;
			gap = true;
			i++;
		}
	}
	return gap ? groups < 8 : groups == 8;
}

/** uri-host [":" port] without userinfo, not empty (RFC 9110 section 7.2, RFC 3986 section 3.2). */
bool wsr_is_authority(struct wsr_str s)
{
	size_t n;
	if (s.len && s.ptr[0] == '[') {
		const char *close = memchr(s.ptr, ']', s.len);
		if (!close || !is_ipv6(wsr_str(s.ptr + 1, (size_t)(close - s.ptr) - 1)))
			return false;
		n = (size_t)(close - s.ptr) + 1;
	} else {
		n = wsr_plain_span(s);
		if (n < s.len && s.ptr[n] != ':') {
			n = wsr_span(s, WSR_C_HOST);
			for (size_t i = 0; i < n; i++)
				if (s.ptr[i] == '%' && (n - i < 3 || wsr_hex_digit(s.ptr[i + 1]) < 0 || wsr_hex_digit(s.ptr[i + 2]) < 0))
					return false;
		}
		if (n == 0)
			return false;
	}
	if (n == s.len)
		return true;
	if (s.ptr[n] != ':')
		return false;
	unsigned long port = 0;
	for (n++; n < s.len; n++) {
		if (s.ptr[n] < '0' || s.ptr[n] > '9')
			return false;
		port = port * 10 + (unsigned long)(s.ptr[n] - '0');
		if (port > 65535)
			return false;
	}
	return true;
}

/** Length of "http://" or "https://" at the start, 0 if neither. */
static size_t scheme_length(struct wsr_str s)
{
	static const struct wsr_str schemes[] = { { "http://", 7 }, { "https://", 8 } };
	for (size_t i = 0; i < 2; i++)
		if (s.len >= schemes[i].len && wsr_str_eq_nocase(wsr_str(s.ptr, schemes[i].len), schemes[i]))
			return schemes[i].len;
	return 0;
}

/** RFC 9112 section 3.2: origin-form, absolute-form or, for OPTIONS, the asterisk. */
static enum wsr_head_error parse_target(struct wsr_head *h)
{
	struct wsr_str t = h->target;
	if (t.len == 0 || wsr_target_span(t) != t.len)
		return WSR_HEAD_E_TARGET;
	if (t.len == 1 && t.ptr[0] == '*') {
		h->form = WSR_TARGET_ASTERISK;
		h->path = t;
		return wsr_str_eq(h->method, WSR_STR("OPTIONS")) ? WSR_HEAD_E_NONE : WSR_HEAD_E_TARGET;
	}
	h->form = WSR_TARGET_ORIGIN;
	if (t.ptr[0] != '/') {
		size_t n = scheme_length(t);
		if (n == 0)
			return WSR_HEAD_E_TARGET;
		h->form = WSR_TARGET_ABSOLUTE;
		t.ptr += n;
		t.len -= n;
		for (n = 0; n < t.len && t.ptr[n] != '/' && t.ptr[n] != '?';)
			n++;
		h->host = wsr_str(t.ptr, n);
		if (!wsr_is_authority(h->host))
			return WSR_HEAD_E_TARGET;
		t.ptr += n;
		t.len -= n;
	}
	const char *mark = memchr(t.ptr, '?', t.len);
	h->path = wsr_str(t.ptr, mark ? (size_t)(mark - t.ptr) : t.len);
	if (h->path.len == 0)
		h->path = WSR_STR("/");
	if (mark) {
		h->has_query = true;
		h->query = wsr_str(mark + 1, (size_t)(t.ptr + t.len - mark) - 1);
	}
	return WSR_HEAD_E_NONE;
}

/** "HTTP/1.x" (RFC 9112 section 2.3). */
static enum wsr_head_error parse_version(struct wsr_str s, struct wsr_head *h)
{
	if (s.len == 8 && memcmp(s.ptr, "HTTP/1.1", 8) == 0) {
		h->minor = 1;
		return WSR_HEAD_E_NONE;
	}
	if (s.len != 8 || memcmp(s.ptr, "HTTP/", 5) != 0 || s.ptr[5] < '0' || s.ptr[5] > '9' || s.ptr[6] != '.' || s.ptr[7] < '0' || s.ptr[7] > '9')
		return WSR_HEAD_E_VERSION;
	if (s.ptr[5] != '1')
		return WSR_HEAD_E_VERSION_MAJOR;
	h->minor = s.ptr[7] != '0';
	return WSR_HEAD_E_NONE;
}

static enum wsr_head_error parse_request_line(struct wsr_str line, struct wsr_head *h)
{
	const char *first = memchr(line.ptr, ' ', line.len);
	const char *last = memrchr(line.ptr, ' ', line.len);
	if (!first || first == last)
		return WSR_HEAD_E_REQUEST_LINE;
	h->method = wsr_str(line.ptr, (size_t)(first - line.ptr));
	h->target = wsr_str(first + 1, (size_t)(last - first) - 1);
	if (h->method.len == 0 || wsr_span(h->method, WSR_C_METHOD) != h->method.len)
		return WSR_HEAD_E_METHOD;
	if (wsr_str_eq(h->method, WSR_STR("CONNECT")))
		return WSR_HEAD_E_METHOD_CONNECT;
	h->head_method = wsr_str_eq(h->method, WSR_STR("HEAD"));
	enum wsr_head_error e = parse_target(h);
	return e ? e : parse_version(wsr_str(last + 1, (size_t)(line.ptr + line.len - last) - 1), h);
}

/** RFC 9112 section 4; the space before an empty reason may be missing, which leaves nothing ambiguous. */
static enum wsr_head_error parse_status_line(struct wsr_str line, struct wsr_head *h)
{
	if (line.len < 12 || line.ptr[8] != ' ' || parse_version(wsr_str(line.ptr, 8), h) || (line.len > 12 && line.ptr[12] != ' '))
		return WSR_HEAD_E_STATUS_LINE;
	for (size_t i = 9; i < 12; i++) {
		if (line.ptr[i] < '0' || line.ptr[i] > '9')
			return WSR_HEAD_E_STATUS_LINE;
		h->status = (uint16_t)(h->status * 10 + (line.ptr[i] - '0'));
	}
	if (h->status < 100)
		return WSR_HEAD_E_STATUS_LINE;
	if (line.len > 13)
		h->reason = wsr_str(line.ptr + 13, line.len - 13);
	return WSR_HEAD_E_NONE;
}

/* --- the whole head ------------------------------------------------------------------------------------------------ */

static bool is_hop(enum wsr_field_id id, bool request)
{
	switch (id) {
	case WSR_F_CONNECTION:
	case WSR_F_KEEP_ALIVE:
	case WSR_F_PROXY_CONNECTION:
	case WSR_F_TE:
	case WSR_F_TRANSFER_ENCODING:
	case WSR_F_UPGRADE:
	case WSR_F_HTTP2_SETTINGS:
		return true;
	case WSR_F_TRAILER:
		return request;
	default:
		return false;
	}
}

/** What nginx drops by default: a name with anything but letters, digits and "-". */
static bool is_odd_name(struct wsr_str name, const struct wsr_head_limits *limits)
{
	if (limits->keep_invalid)
		return false;
	size_t i = wsr_name_span(name);
	while (i < name.len && (wsr_char_is(name.ptr[i], WSR_C_NAME) || (limits->underscores && name.ptr[i] == '_')))
		i++;
	return i < name.len;
}

static bool reserve_field(struct wsr_head_parser *p, struct wsr_arena *arena)
{
	if (p->field_count < p->field_cap)
		return true;
	uint32_t cap = p->field_cap ? p->field_cap * 2 : FIELDS_FIRST;
	struct wsr_field *more = wsr_arena_alloc(arena, cap * sizeof(*more));
	if (!more)
		return false;
	if (p->field_count)
		memcpy(more, p->fields, p->field_count * sizeof(*more));
	p->fields = more;
	p->field_cap = cap;
	return true;
}

/** A field line becomes a field, with slices of the buffer as it lies now. */
static enum wsr_head_error keep_field(struct wsr_head_parser *p, struct wsr_str line, const struct wsr_head_limits *limits, bool request,
				      struct wsr_arena *arena)
{
	struct wsr_str name, value;
	enum wsr_head_error e = split_field(line, &name, &value);
	if (e)
		return e;
	if (p->field_count >= limits->fields)
		return WSR_HEAD_E_TOO_MANY_FIELDS;
	if (!reserve_field(p, arena))
		return WSR_HEAD_E_MEMORY;
	enum wsr_field_id id = wsr_field_id(name);
	unsigned flags = is_hop(id, request) ? WSR_FIELD_HOP : 0;
	if (request && id == WSR_F_OTHER && is_odd_name(name, limits))
		flags |= WSR_FIELD_INVALID;
	bool as_is = value.ptr == name.ptr + name.len + 2 && value.ptr[-1] == ' ' && value.ptr + value.len == line.ptr + line.len;
	p->fields[p->field_count++] = (struct wsr_field){ .name = name, .value = value, .id = (uint8_t)id, .flags = (uint8_t)flags, .as_is = as_is };
	return WSR_HEAD_E_NONE;
}

static const char *moved(const char *at, uintptr_t from, const char *to)
{
	return to + ((uintptr_t)at - from);
}

/** The slices follow the buffer. */
static void follow_buffer(struct wsr_head_parser *p, const char *buf)
{
	for (uint32_t i = 0; p->buf != (uintptr_t)buf && i < p->field_count; i++) {
		p->fields[i].name.ptr = moved(p->fields[i].name.ptr, p->buf, buf);
		p->fields[i].value.ptr = moved(p->fields[i].value.ptr, p->buf, buf);
	}
	p->buf = (uintptr_t)buf;
}

static void give_fields(const struct wsr_head_parser *p, struct wsr_head *h)
{
	h->fields = p->fields;
	h->field_count = p->field_count;
	for (uint32_t i = 0; i < p->field_count; i++) {
		struct wsr_field *f = &p->fields[i];
		if (f->id != WSR_F_OTHER && !h->first[f->id])
			h->first[f->id] = f;
	}
}

static bool is_repeated(const struct wsr_head *h, enum wsr_field_id id)
{
	for (const struct wsr_field *f = h->first[id] ? h->first[id] + 1 : NULL; f && f < h->fields + h->field_count; f++)
		if (f->id == id)
			return true;
	return false;
}

/** A name in Connection takes its field away (RFC 9110 section 7.6.1), but never those that say where a message ends or whom it is for. */
static void mark_named(struct wsr_head *h, struct wsr_str name)
{
	enum wsr_field_id id = wsr_field_id(name);
	if (id == WSR_F_HOST || id == WSR_F_CONTENT_LENGTH || id == WSR_F_TRANSFER_ENCODING)
		return;
	for (uint32_t i = 0; i < h->field_count; i++)
		if (h->fields[i].id == id && wsr_str_eq_nocase(h->fields[i].name, name))
			h->fields[i].flags |= WSR_FIELD_HOP;
}

/** Read all Connection fields: persistence (RFC 9112 section 9.3), upgrade, named fields. */
static void read_connection(struct wsr_head *h)
{
	bool keep = h->minor > 0, closes = false;
	for (const struct wsr_field *f = h->first[WSR_F_CONNECTION]; f && f < h->fields + h->field_count; f++) {
		if (f->id != WSR_F_CONNECTION)
			continue;
		struct wsr_str rest = f->value;
		while (rest.len) {
			const char *comma = memchr(rest.ptr, ',', rest.len);
			size_t n = comma ? (size_t)(comma - rest.ptr) : rest.len;
			struct wsr_str name = wsr_trim(wsr_str(rest.ptr, n));
			rest = comma ? wsr_str(comma + 1, rest.len - n - 1) : WSR_STR_NULL;
			if (wsr_str_eq_nocase(name, WSR_STR("close")))
				closes = true;
			else if (wsr_str_eq_nocase(name, WSR_STR("keep-alive")))
				keep = true;
			else if (wsr_str_eq_nocase(name, WSR_STR("upgrade")))
				h->connection_upgrade = true;
			else if (wsr_is_token(name))
				mark_named(h, name);
		}
	}
	h->close = closes || !keep;
	if (h->first[WSR_F_UPGRADE] && h->minor > 0 && !is_repeated(h, WSR_F_UPGRADE))
		h->upgrade = h->first[WSR_F_UPGRADE]->value;
}

/** 1*DIGIT (RFC 9110 section 8.6), below 2^63 so that sums cannot wrap. */
static bool parse_length(struct wsr_str s, uint64_t *out)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		unsigned digit = (unsigned)(s.ptr[i] - '0');
		if (n > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return s.len > 0;
}

/**
 * What the framing fields say, for requests and responses alike (RFC 9112 sections 6.1 to 6.3): at most one of Content-Length and Transfer-Encoding, at
 * most once, and no coding but chunked. Sets h->framing to LENGTH, CHUNKED or NONE (= neither field).
 */
static enum wsr_head_error read_framing(struct wsr_head *h)
{
	const struct wsr_field *length = h->first[WSR_F_CONTENT_LENGTH], *te = h->first[WSR_F_TRANSFER_ENCODING];
	if (length && te)
		return WSR_HEAD_E_LENGTH_AND_TE;
	if (length) {
		if (is_repeated(h, WSR_F_CONTENT_LENGTH))
			return WSR_HEAD_E_LENGTH_REPEATED;
		if (!parse_length(length->value, &h->content_length))
			return WSR_HEAD_E_LENGTH_INVALID;
		h->framing = WSR_FRAMING_LENGTH;
	}
	if (te) {
		if (h->minor == 0)
			return WSR_HEAD_E_TE_HTTP10;
		if (is_repeated(h, WSR_F_TRANSFER_ENCODING) || wsr_span(te->value, WSR_C_TOKEN) == 0)
			return WSR_HEAD_E_TE_INVALID;
		if (!wsr_str_eq_nocase(te->value, WSR_STR("chunked")))
			return WSR_HEAD_E_TE_UNKNOWN;
		h->framing = WSR_FRAMING_CHUNKED;
	}
	return WSR_HEAD_E_NONE;
}

/** RFC 9112 section 3.2: one Host, valid; the authority of an absolute-form target wins over it. */
static enum wsr_head_error read_host(struct wsr_head *h)
{
	const struct wsr_field *host = h->first[WSR_F_HOST];
	if (!host)
		return h->minor > 0 ? WSR_HEAD_E_HOST_MISSING : WSR_HEAD_E_NONE;
	if (is_repeated(h, WSR_F_HOST))
		return WSR_HEAD_E_HOST_REPEATED;
	if (!wsr_is_authority(host->value))
		return WSR_HEAD_E_HOST_INVALID;
	if (h->form != WSR_TARGET_ABSOLUTE)
		h->host = host->value;
	return WSR_HEAD_E_NONE;
}

/** RFC 9110 section 10.1.1; HTTP/1.0 clients cannot mean it. */
static enum wsr_head_error read_expect(struct wsr_head *h)
{
	for (const struct wsr_field *f = h->first[WSR_F_EXPECT]; f && f < h->fields + h->field_count; f++) {
		if (f->id != WSR_F_EXPECT)
			continue;
		if (!wsr_str_eq_nocase(f->value, WSR_STR("100-continue")))
			return WSR_HEAD_E_EXPECT_UNKNOWN;
		h->expect_continue = h->minor > 0;
	}
	return WSR_HEAD_E_NONE;
}

static enum wsr_head_error finish_request(struct wsr_head *h)
{
	read_connection(h);
	enum wsr_head_error e = read_framing(h);
	if (!e)
		e = read_host(h);
	return e ? e : read_expect(h);
}

static enum wsr_head_error finish_response(struct wsr_head *h, bool request_was_head)
{
	read_connection(h);
	enum wsr_head_error e = read_framing(h);
	if (e)
		return e;
	if (request_was_head || h->status < 200 || h->status == 204 || h->status == 304) {
		h->framing = WSR_FRAMING_NONE;
	} else if (h->framing == WSR_FRAMING_NONE) {
		h->framing = WSR_FRAMING_UNTIL_CLOSE;
		h->close = true;
	}
	return WSR_HEAD_E_NONE;
}

enum direction { REQUEST, RESPONSE, RESPONSE_TO_HEAD };

/** Makes *h what this line says. */
static enum wsr_head_error parse_start_line(struct wsr_str line, enum direction what, struct wsr_head *h)
{
	memset(h, 0, sizeof(*h));
	enum wsr_head_error e = what == REQUEST ? parse_request_line(line, h) : parse_status_line(line, h);
	if (e)
		memset(h, 0, sizeof(*h));
	h->line = line;
	return e;
}

static enum wsr_head_error finish(const struct wsr_head_parser *p, enum direction what, struct wsr_head *h)
{
	give_fields(p, h);
	h->head_bytes = p->line_start;
	return what == REQUEST ? finish_request(h) : finish_response(h, what == RESPONSE_TO_HEAD);
}

/** A complete line that is not the end of the head. */
static enum wsr_head_error take_line(struct wsr_head_parser *p, const char *buf, struct wsr_str line, const struct wsr_head_limits *limits,
				     enum direction what, struct wsr_arena *arena, struct wsr_head *h)
{
	enum wsr_head_error e;
	if (p->line_count > 0) {
		e = keep_field(p, line, limits, what == REQUEST, arena);
	} else {
		/* RFC 9112 section 2.2: one empty line before a request is left over from a client that sent CRLF behind a body. */
		if (line.len == 0 && what == REQUEST && line.ptr == buf)
			return WSR_HEAD_E_NONE;
		e = parse_start_line(line, what, h);
		p->start_line = (uint32_t)(line.ptr - buf);
		p->start_line_len = (uint32_t)line.len;
	}
	if (!e)
		p->line_count++;
	return e;
}

static enum wsr_head_status parse(struct wsr_head_parser *p, const char *buf, size_t len, const struct wsr_head_limits *limits, enum direction what,
				  struct wsr_arena *arena, struct wsr_head *h)
{
	if (p->error)
		return WSR_HEAD_BAD;
	if (len > UINT32_MAX)
		len = UINT32_MAX;
	bool start_line_known = p->line_count > 0;
	enum wsr_head_status s;
	enum wsr_head_error e = WSR_HEAD_E_NONE;
	struct wsr_str line;
	follow_buffer(p, buf);
	while (!e && (s = next_line(p, buf, len, limits, &line)) == WSR_HEAD_DONE) {
		if (line.len == 0 && p->line_count > 0)
			break;
		e = take_line(p, buf, line, limits, what, arena, h);
	}
	if (!e && s == WSR_HEAD_MORE)
		return s;
	/* The buffer may have moved since the start line was read: once more, now that h is given back. What ends before its line does is for the log. */
	if (start_line_known)
		parse_start_line(wsr_str(buf + p->start_line, p->start_line_len), what, h);
	else if (p->line_count == 0 && !e)
		*h = (struct wsr_head){ .line = wsr_str(buf + p->line_start, p->scan - p->line_start) };
	if (!e && s == WSR_HEAD_DONE)
		e = finish(p, what, h);
	if (e)
		return bad(p, e);
	return s;
}

enum wsr_head_status wsr_head_request(struct wsr_head_parser *p, const char *buf, size_t len, const struct wsr_head_limits *limits,
				      struct wsr_arena *arena, struct wsr_head *h)
{
	return parse(p, buf, len, limits, REQUEST, arena, h);
}

enum wsr_head_status wsr_head_response(struct wsr_head_parser *p, const char *buf, size_t len, const struct wsr_head_limits *limits,
				       bool request_was_head, struct wsr_arena *arena, struct wsr_head *h)
{
	return parse(p, buf, len, limits, request_was_head ? RESPONSE_TO_HEAD : RESPONSE, arena, h);
}
