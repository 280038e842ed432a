/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of single values. A complaint points at the bytes that are wrong inside the word ("mn" of "5mn") and says what is allowed.
 * What needs more than the word itself (does this upstream exist, does this regular expression compile) is left to lowering.
 */
#include "compiler/kind.h"

#include <arpa/inet.h>
#include <string.h>

#include "compiler/compiler.h"
#include "compiler/value.h"

#define DIGITS "0123456789"

static bool complain(struct complaint *why, enum check_id check, size_t from, size_t to, const char *text, const char *allowed)
{
	*why = (struct complaint){ check, text, allowed, from, to };
	return false;
}

static const char *quoted(struct compiler *cc, struct wsr_str v)
{
	return diag_quote(cc, v.ptr, v.len);
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* RFC 9110 section 5.6.2. */
static bool is_token_char(char c)
{
	return c != '\0' && (is_name_char(c) || strchr("!#$%&'*+-.^`|~", c) != NULL);
}

static bool ok_int(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	uint64_t n;

	if (!value_uint(v, &n))
		return complain(why, CHECK_INTEGER, 0, v.len, arena_printf(&cc->arena, "'%s' is not a number", quoted(cc, v)), NULL);
	if (n >= low && n <= high)
		return true;
	const char *range = high == INT32_MAX ? arena_printf(&cc->arena, "at least %llu is wanted", (unsigned long long)low)
	                                      : arena_printf(&cc->arena, "%llu to %llu is allowed", (unsigned long long)low, (unsigned long long)high);
	return complain(why, CHECK_INTEGER, 0, v.len, arena_printf(&cc->arena, "'%s' is out of range", quoted(cc, v)), range);
}

/* The first run of letters that is no unit, for "unknown unit 'mn' in '5mn'". */
static bool complain_unit(struct compiler *cc, struct wsr_str v, enum check_id check, const char *what, const char *allowed, struct complaint *why)
{
	size_t from = 0;

	while (from < v.len && strchr(DIGITS, v.ptr[from]))
		from++;
	if (from == 0 || from == v.len)
		return complain(why, check, 0, v.len, arena_printf(&cc->arena, "'%s' is not %s", quoted(cc, v), what), allowed);
	size_t to = from;
	while (to < v.len && !strchr(DIGITS " ", v.ptr[to]))
		to++;
	if (to == v.len)
		return complain(why, check, from, to,
		                arena_printf(&cc->arena, "unknown unit '%s' in '%s'", quoted(cc, wsr_str(v.ptr + from, to - from)), quoted(cc, v)), allowed);
	return complain(why, check, 0, v.len, arena_printf(&cc->arena, "'%s' is not %s", quoted(cc, v), what), allowed);
}

static bool ok_duration(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	uint64_t ms;

	(void)low;
	(void)high;
	return value_duration_ms(v, false, &ms) ||
	       complain_unit(cc, v, CHECK_DURATION, "a time", "a time is a number and a unit: ms, s, m, h, d, w, M (30 days), y; without unit: seconds", why);
}

static bool ok_duration_s(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	uint64_t ms;

	(void)low;
	(void)high;
	return value_duration_ms(v, true, &ms) ||
	       complain_unit(cc, v, CHECK_DURATION, "a time in whole seconds", "a time is a number and a unit: s, m, h, d, w, M (30 days), y; without unit: seconds",
	                     why);
}

static bool ok_size(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	uint64_t bytes;

	(void)low;
	(void)high;
	return value_size(v, false, &bytes) || complain_unit(cc, v, CHECK_SIZE, "a size", "a size is a number of bytes, or one with k or m", why);
}

static bool ok_offset(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	uint64_t bytes;

	(void)low;
	(void)high;
	return value_size(v, true, &bytes) || complain_unit(cc, v, CHECK_SIZE, "a size", "a size is a number of bytes, or one with k, m or g", why);
}

static bool ok_string(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	(void)cc;
	(void)v;
	(void)low;
	(void)high;
	(void)why;
	return true;
}

static bool ok_nonempty(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	(void)cc;
	(void)low;
	(void)high;
	return v.len > 0 || complain(why, CHECK_ARGUMENT, 0, 0, "an empty word where one with text is wanted", NULL);
}

/* What stands in "${...}" beyond a name is looked at by lowering (lower_braces.c). @return the index behind the "}"; 0 for an ordinary name */
static size_t special_braces(struct wsr_str v, size_t i)
{
	unsigned open = 0;
	size_t end = i;

	while (end < v.len && is_name_char(v.ptr[end]))
		end++;
	bool special = end < v.len && (v.ptr[end] == ':' || (end == i && (v.ptr[i] == '$' || v.ptr[i] == '%')));
	for (; special && i < v.len; i++) {
		if (v.ptr[i] == '}' && open-- == 0)
			return i + 1;
		open += v.ptr[i] == '$' && i + 1 < v.len && v.ptr[i + 1] == '{';
	}
	return 0;
}

/* Variables as ngx_http_script_compile finds them: $name, ${name}, $1. */
static bool ok_text(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	(void)cc;
	(void)low;
	(void)high;
	for (size_t i = 0; i < v.len; i++) {
		size_t start = i, name;

		if (v.ptr[i] != '$')
			continue;
		bool braced = i + 1 < v.len && v.ptr[i + 1] == '{';
		name = i += braced ? 2 : 1;
		size_t behind = braced ? special_braces(v, i) : 0;
		if (behind) {
			i = behind - 1;
			continue;
		}
		while (i < v.len && is_name_char(v.ptr[i]))
			i++;
		if (braced && (i == v.len || v.ptr[i] != '}'))
			return complain(why, CHECK_VARIABLE_SYNTAX, start, i, "'${' without '}' behind the name of a variable", NULL);
		if (i == name)
			return complain(why, CHECK_VARIABLE_SYNTAX, start, i < v.len ? i + 1 : i, "no name of a variable follows '$'",
			                "a '$' cannot stand for itself here");
		if (!braced)
			i--;
	}
	return true;
}

static bool ok_text_or_regex(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	return (v.len && v.ptr[0] == '~') || ok_text(cc, v, low, high, why);
}

static bool ok_path_or_regex(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	if (v.len && v.ptr[0] == '~')
		return true;
	if (v.len && (v.ptr[0] == '/' || v.ptr[0] == '$'))
		return ok_text(cc, v, low, high, why);
	return complain(why, CHECK_ARGUMENT, 0, v.len, arena_printf(&cc->arena, "'%s' is not a path", quoted(cc, v)),
	                "a path starts with '/', a regular expression with '~'");
}

static bool ok_variable(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	size_t i = 1;

	(void)low;
	(void)high;
	if (v.len == 0 || v.ptr[0] != '$')
		return complain(why, CHECK_VARIABLE_SYNTAX, 0, v.len, arena_printf(&cc->arena, "'%s' is not a variable", quoted(cc, v)), "a variable is written $name");
	while (i < v.len && is_name_char(v.ptr[i]))
		i++;
	if (i == v.len && v.len > 1)
		return true;
	return complain(why, CHECK_VARIABLE_SYNTAX, i < v.len ? i : 0, i < v.len ? i + 1 : v.len,
	                arena_printf(&cc->arena, "'%s' is not the name of a variable", quoted(cc, v)), "names are made of letters, digits and '_'");
}

static bool ok_header(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	(void)low;
	(void)high;
	if (v.len == 0)
		return complain(why, CHECK_ARGUMENT, 0, 0, "the name of a field is empty", NULL);
	for (size_t i = 0; i < v.len; i++)
		if (!is_token_char(v.ptr[i]))
			return complain(why, CHECK_ARGUMENT, i, i + 1, arena_printf(&cc->arena, "'%s' is not the name of a field", quoted(cc, v)),
			                v.ptr[i] == ':' ? "the name stands without ':'" : "names are made of letters, digits and '-'");
	return true;
}

static bool starts_with(struct wsr_str v, const char *prefix)
{
	size_t len = strlen(prefix);

	return v.len >= len && wsr_str_eq_nocase(wsr_str(v.ptr, len), wsr_cstr(prefix));
}

static bool ok_url(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	static const char *const schemes[] = { "http://", "https://", "ws://", "wss://" };

	if (!ok_text(cc, v, low, high, why))
		return false;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (starts_with(v, schemes[i]))
			return v.len > strlen(schemes[i]) || complain(why, CHECK_ARGUMENT, 0, v.len, "no host follows the scheme", "write for instance http://127.0.0.1:8080");
	if (v.len && v.ptr[0] == '$')
		return true;
	return complain(why, CHECK_ARGUMENT, 0, v.len, arena_printf(&cc->arena, "'%s' does not start with a scheme", quoted(cc, v)),
	                "allowed are http://, https://, ws:// and wss://");
}

static bool ok_absolute_url(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	if (!ok_text(cc, v, low, high, why))
		return false;
	if (starts_with(v, "http://") || starts_with(v, "https://") || starts_with(v, "$scheme"))
		return true;
	return complain(why, CHECK_ARGUMENT, 0, v.len, arena_printf(&cc->arena, "'%s' is neither a status nor a URL", quoted(cc, v)),
	                "a status is 0 to 999; a URL starts with http://, https:// or $scheme");
}

/* "host", "host:port", "port", "[v6]:port", "unix:path": the port's range is checked here, the host by lowering. */
static bool ok_address(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	uint64_t port;

	(void)low;
	(void)high;
	if (v.len == 0)
		return complain(why, CHECK_ARGUMENT, 0, 0, "an empty word where an address is wanted", NULL);
	if (starts_with(v, "unix:"))
		return v.len > 5 || complain(why, CHECK_ARGUMENT, 0, v.len, "no path follows 'unix:'", NULL);
	for (size_t i = 0; i < v.len; i++)
		if (strchr("=/<>@", v.ptr[i]))
			return complain(why, CHECK_ARGUMENT, i, i + 1, arena_printf(&cc->arena, "'%s' is not an address", quoted(cc, v)),
			                "an address is a port, a host or host:port, [IPv6]:port or unix:path, without scheme and path");
	if (value_uint(v, &port) && (port < 1 || port > 65535))
		return complain(why, CHECK_INTEGER, 0, v.len, arena_printf(&cc->arena, "'%s' is not a port", quoted(cc, v)), "ports are 1 to 65535");
	const char *colon = memrchr(v.ptr, ':', v.len), *bracket = memrchr(v.ptr, ']', v.len);
	if (!colon || (bracket && bracket > colon) || (!bracket && memchr(v.ptr, ':', (size_t)(colon - v.ptr))))
		return true;
	size_t at = (size_t)(colon + 1 - v.ptr);
	if (memchr(v.ptr + at, '-', v.len - at))
		return true; /* a range of ports of listen: lowering reads it */
	if (value_uint(wsr_str(v.ptr + at, v.len - at), &port) && port >= 1 && port <= 65535)
		return true;
	return complain(why, CHECK_INTEGER, at, v.len, arena_printf(&cc->arena, "'%s' is not a port", quoted(cc, wsr_str(v.ptr + at, v.len - at))),
	                "ports are 1 to 65535");
}

static bool ok_network(struct compiler *cc, struct wsr_str v, uint64_t low, uint64_t high, struct complaint *why)
{
	unsigned char bytes[16];
	char host[INET6_ADDRSTRLEN];
	uint64_t bits;
	const char *slash = v.len ? memchr(v.ptr, '/', v.len) : NULL;
	size_t len = slash ? (size_t)(slash - v.ptr) : v.len;

	(void)low;
	(void)high;
	if (wsr_str_eq(v, WSR_STR("all")) || wsr_str_eq(v, WSR_STR("unix:")))
		return true;
	if (len < sizeof(host)) {
		memcpy(host, v.ptr, len);
		host[len] = '\0';
		unsigned max = inet_pton(AF_INET, host, bytes) == 1 ? 32 : inet_pton(AF_INET6, host, bytes) == 1 ? 128 : 0;
		if (max && (!slash || (value_uint(wsr_str(slash + 1, v.len - len - 1), &bits) && bits <= max)))
			return true;
		if (max)
			return complain(why, CHECK_ARGUMENT, len + 1, v.len, arena_printf(&cc->arena, "'%s' is not a length of a prefix",
			                quoted(cc, wsr_str(slash + 1, v.len - len - 1))), max == 32 ? "0 to 32 is allowed" : "0 to 128 is allowed");
	}
	return complain(why, CHECK_ARGUMENT, 0, v.len, arena_printf(&cc->arena, "'%s' is not a network", quoted(cc, v)),
	                "allowed are an address, address/bits, unix: and all; names are not looked up");
}

static const struct kind kinds[] = {
	{ "int", ok_int, "a number" },
	{ "duration", ok_duration, "a time" },
	{ "duration s", ok_duration_s, "a time" },
	{ "size", ok_size, "a size" },
	{ "offset", ok_offset, "a size" },
	{ "path", ok_nonempty, "a path" },
	{ "text", ok_text, "a text" },
	{ "text or ~regex", ok_text_or_regex, "a text" },
	{ "path or ~regex", ok_path_or_regex, "a path" },
	{ "string", ok_string, "a word" },
	{ "url", ok_url, "a URL" },
	{ "absolute url", ok_absolute_url, "a URL" },
	{ "regex", ok_nonempty, "a regular expression" },
	{ "variable", ok_variable, "a variable" },
	{ "name", ok_nonempty, "a name" },
	{ "header", ok_header, "the name of a field" },
	{ "method", ok_header, "a method" },
	{ "address", ok_address, "an address" },
	{ "network", ok_network, "a network" },
};

const struct kind *kind_find(const char *name, size_t len, uint64_t *low, uint64_t *high)
{
	*low = 0;
	*high = INT32_MAX;
	if (len > 4 && memcmp(name, "int ", 4) == 0) {
		const char *dots = memmem(name, len, "..", 2);
		if (!dots || !value_uint(wsr_str(name + 4, (size_t)(dots - name) - 4), low) ||
		    !value_uint(wsr_str(dots + 2, len - (size_t)(dots + 2 - name)), high))
			return NULL;
		len = 3;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, name, len) == 0)
			return &kinds[i];
	return NULL;
}
