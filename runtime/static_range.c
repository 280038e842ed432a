/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions and ranges of requests for files, without any file: field values in, verdicts out. Where RFC 9110 leaves a choice, nginx's is taken
 * (ngx_http_not_modified_filter_module, ngx_http_range_filter_module).
 */
#include "eval/wsr_chars.h"
#include "eval/wsr_date.h"
#include "runtime/static.h"

static struct wsr_str value_of(const struct wsr_head *rq, enum wsr_field_id id)
{
	return rq->first[id] ? rq->first[id]->value : WSR_STR_NULL;
}

static struct wsr_str without_weak(struct wsr_str tag)
{
	return tag.len > 2 && tag.ptr[0] == 'W' && tag.ptr[1] == '/' ? wsr_str(tag.ptr + 2, tag.len - 2) : tag;
}

/** Is the tag in this list, or the list "*"? Weak comparison takes W/ for equal (RFC 9110 section 8.8.3.2). */
static bool names_tag(struct wsr_str list, struct wsr_str etag, bool weak)
{
	if (list.len == 1 && list.ptr[0] == '*')
		return true;
	while (list.len > 0 && etag.len > 0) {
		const char *comma = memchr(list.ptr, ',', list.len);
		size_t n = comma ? (size_t)(comma - list.ptr) : list.len;
		struct wsr_str tag = wsr_trim(wsr_str(list.ptr, n));
		if (wsr_str_eq(weak ? without_weak(tag) : tag, etag))
			return true;
		list = comma ? wsr_str(comma + 1, list.len - n - 1) : WSR_STR_NULL;
	}
	return false;
}

/* nginx: ngx_http_test_if_modified. exact: any other date means that the client has another file. */
static bool is_modified(struct wsr_str since, time_t mtime, enum wsr_if_modified how)
{
	int64_t at = wsr_http_date_parse(since);
	return how == WSR_IF_MODIFIED_OFF || (at != mtime && (how == WSR_IF_MODIFIED_EXACT || at < mtime));
}

unsigned static_condition(const struct wsr_head *rq, time_t mtime, struct wsr_str etag, enum wsr_if_modified how)
{
	struct wsr_str unmodified = value_of(rq, WSR_F_IF_UNMODIFIED_SINCE), match = value_of(rq, WSR_F_IF_MATCH);
	struct wsr_str modified = value_of(rq, WSR_F_IF_MODIFIED_SINCE), none_match = value_of(rq, WSR_F_IF_NONE_MATCH);
	if (unmodified.len) {
		int64_t since = wsr_http_date_parse(unmodified);
		if (since < 0 || since < mtime)
			return 412;
	}
	if (match.len && !names_tag(match, etag, false))
		return 412;
	if (modified.len == 0 && none_match.len == 0)
		return 200;
	if (modified.len && is_modified(modified, mtime, how))
		return 200;
	if (none_match.len && !names_tag(none_match, etag, true))
		return 200;
	return 304;
}

bool static_range_allowed(const struct wsr_head *rq, time_t mtime, struct wsr_str etag)
{
	struct wsr_str if_range = value_of(rq, WSR_F_IF_RANGE);
	if (if_range.len == 0)
		return true;
	if (if_range.ptr[if_range.len - 1] == '"')
		return wsr_str_eq(if_range, etag);
	return wsr_http_date_parse(if_range) == mtime;
}

static void skip_space(struct wsr_str *s)
{
	while (s->len && (s->ptr[0] == ' ' || s->ptr[0] == '\t')) {
		s->ptr++;
		s->len--;
	}
}

/** 1*DIGIT, at most 2^63 - 1. */
static bool take_number(struct wsr_str *s, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;
	for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++) {
		if (n > ((uint64_t)INT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(s->ptr[i] - '0');
	}
	s->ptr += i;
	s->len -= i;
	*out = n;
	return i > 0;
}

static bool take_char(struct wsr_str *s, char c)
{
	skip_space(s);
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	s->ptr++;
	s->len--;
	return true;
}

/** "first-last", "first-" or "-suffix"; an empty result (first >= end) is not satisfiable. */
static bool take_range(struct wsr_str *s, uint64_t size, struct static_range *out)
{
	uint64_t last;
	skip_space(s);
	if (take_char(s, '-')) {
		if (!take_number(s, &last))
			return false;
		*out = (struct static_range){ last < size ? size - last : 0, last ? size : 0 };
		return true;
	}
	if (!take_number(s, &out->first) || !take_char(s, '-'))
		return false;
	skip_space(s);
	if (s->len == 0 || s->ptr[0] == ',') {
		out->end = size;
		return true;
	}
	if (!take_number(s, &last) || last < out->first)
		return false;
	out->end = last < size ? last + 1 : size;
	return true;
}

enum static_part static_parse_ranges(struct wsr_str field, uint64_t size, struct static_range *out, unsigned *count)
{
	uint64_t total = 0;
	*count = 0;
	if (field.len < 7 || !wsr_str_eq_nocase(wsr_str(field.ptr, 6), WSR_STR("bytes=")))
		return STATIC_WHOLE;
	struct wsr_str rest = wsr_str(field.ptr + 6, field.len - 6);
	do {
		struct static_range r;
		if (!take_range(&rest, size, &r))
			return STATIC_UNSATISFIABLE;
		if (r.first >= r.end && r.first == 0)
			return STATIC_WHOLE; /* of an empty file every range is the whole */
		if (r.first >= r.end)
			continue;
		if (*count == STATIC_RANGES_MAX)
			return STATIC_WHOLE;
		out[(*count)++] = r;
		total += r.end - r.first; /* at most 64 times a file's size below 2^63 / 64 in practice; compared below */
	} while (take_char(&rest, ','));
	skip_space(&rest);
	if (rest.len > 0 || *count == 0)
		return STATIC_UNSATISFIABLE;
	/* Overlapping ranges must not make an answer larger than the file. */
	return total > size ? STATIC_WHOLE : STATIC_RANGES;
}
