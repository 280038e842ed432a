/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a status code says: its reason phrase and the page of our own that goes with it. Both are constants for every code listed here, so that a redirect
 * costs no formatting; any other code has no reason, and its page is put together in the arena.
 */
#include "eval/wsr_flow.h"
#include "eval/wsr_uri.h"

/* RFC 9110 section 15, and the registry. */
#define STATUSES(X) \
	X(100, "Continue") X(101, "Switching Protocols") X(103, "Early Hints") \
	X(200, "OK") X(201, "Created") X(202, "Accepted") X(203, "Non-Authoritative Information") X(204, "No Content") \
	X(205, "Reset Content") X(206, "Partial Content") \
	X(300, "Multiple Choices") X(301, "Moved Permanently") X(302, "Found") X(303, "See Other") X(304, "Not Modified") \
	X(305, "Use Proxy") X(307, "Temporary Redirect") X(308, "Permanent Redirect") \
	X(400, "Bad Request") X(401, "Unauthorized") X(402, "Payment Required") X(403, "Forbidden") X(404, "Not Found") \
	X(405, "Method Not Allowed") X(406, "Not Acceptable") X(407, "Proxy Authentication Required") X(408, "Request Timeout") \
	X(409, "Conflict") X(410, "Gone") X(411, "Length Required") X(412, "Precondition Failed") X(413, "Content Too Large") \
	X(414, "URI Too Long") X(415, "Unsupported Media Type") X(416, "Range Not Satisfiable") X(417, "Expectation Failed") \
	X(421, "Misdirected Request") X(422, "Unprocessable Content") X(426, "Upgrade Required") X(428, "Precondition Required") \
	X(429, "Too Many Requests") X(431, "Request Header Fields Too Large") X(451, "Unavailable For Legal Reasons") \
	X(500, "Internal Server Error") X(501, "Not Implemented") X(502, "Bad Gateway") X(503, "Service Unavailable") \
	X(504, "Gateway Timeout") X(505, "HTTP Version Not Supported") X(507, "Insufficient Storage") \
	X(511, "Network Authentication Required")

#define PAGE_START "<!DOCTYPE html>\n<html><head><title>"
#define PAGE_MIDDLE "</title></head>\n<body><h1>"
#define PAGE_VERSION "</h1><hr><p>wsrp/" WSR_VERSION "</p></body></html>\n"
#define PAGE_NO_VERSION "</h1><hr><p>wsrp</p></body></html>\n"

struct status {
	struct wsr_str reason, page, page_without_version;
};

enum {
	UNKNOWN,
#define X(code, reason) AT_##code,
	STATUSES(X)
#undef X
};

#define TEXT(lit) { (lit), sizeof(lit) - 1 }

static const struct status *find(unsigned status)
{
	static const uint8_t at[] = {
#define X(code, reason) [code] = AT_##code,
		STATUSES(X)
#undef X
	};
	static const struct status known[] = {
		[UNKNOWN] = { TEXT(""), { NULL, 0 }, { NULL, 0 } },
#define X(code, reason) { TEXT(reason), TEXT(PAGE_START #code " " reason PAGE_MIDDLE #code " " reason PAGE_VERSION), \
			  TEXT(PAGE_START #code " " reason PAGE_MIDDLE #code " " reason PAGE_NO_VERSION) },
		STATUSES(X)
#undef X
	};
	return &known[status < sizeof(at) ? at[status] : UNKNOWN];
}

struct wsr_str wsr_reason(unsigned status)
{
	return find(status)->reason;
}

struct wsr_str wsr_status_page(struct wsr_arena *a, unsigned status, bool version)
{
	const struct status *s = find(status);
	struct wsr_str page = version ? s->page : s->page_without_version;
	if (page.ptr)
		return page;
	struct wsr_str number = wsr_number(a, status);
	struct wsr_str parts[] = { WSR_STR(PAGE_START), number, WSR_STR(PAGE_MIDDLE), number, version ? WSR_STR(PAGE_VERSION) : WSR_STR(PAGE_NO_VERSION) };
	return number.ptr ? wsr_join(a, parts, sizeof(parts) / sizeof(*parts)) : WSR_STR_NULL;
}
