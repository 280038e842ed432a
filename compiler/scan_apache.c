/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The actions of grammar/apache.l, and Apache's rule of words, which is needed a second time for lines whose text changed after reading (${VAR}).
 *
 * A word in quotes loses a backslash in front of that quote or of another backslash; a plain word only in front of a backslash
 * (ap_getword_conf). A backslash at the end of a line is taken out with the line end, wherever it stands.
 */
#include "compiler/scan_apache.h"

#include <string.h>

#include "compiler/compiler.h"
#include "compiler/fix.h"
#include "compiler/scan.h"

/* Length of the line end that a backslash at p joins, 0 when it joins none. */
static size_t join_len(const char *p, const char *end)
{
	if (p + 1 < end && p[1] == '\n')
		return 2;
	return p + 2 < end && p[1] == '\r' && p[2] == '\n' ? 3 : 0;
}

/* --- words ---------------------------------------------------------------------------------------------------------- */

/* The value of a raw word: quotes and escapes taken away. It is never longer than the raw text. */
static struct wsr_str unquote(struct compiler *cc, struct wsr_str raw, enum word_quote *quote)
{
	char q = raw.len && (raw.ptr[0] == '"' || raw.ptr[0] == '\'') ? raw.ptr[0] : '\0';

	*quote = q == '"' ? WORD_DOUBLE : q ? WORD_SINGLE : WORD_PLAIN;
	if (q) {
		raw.ptr++;
		raw.len--;
	}
	if (!memchr(raw.ptr, '\\', raw.len)) {
		if (q && raw.len && raw.ptr[raw.len - 1] == q)
			raw.len--;
		return raw;
	}
	char *out = arena_alloc(&cc->arena, raw.len), *p = out;
	const char *end = raw.ptr + raw.len;
	for (const char *s = raw.ptr; s < end; s++) {
		if (q && *s == q)
			break;
		if (*s == '\\') {
			size_t join = join_len(s, end);
			if (join) {
				s += join - 1;
				continue;
			}
			if (s + 1 < end && (s[1] == '\\' || (q && s[1] == q)))
				s++;
		}
		*p++ = *s;
	}
	return wsr_str(out, (size_t)(p - out));
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool apache_next_word(struct compiler *cc, struct wsr_str *text, struct word *out)
{
	const char *p = text->ptr, *end = text->ptr + text->len, *start;
	enum word_quote quote;

	while (p < end && is_blank(*p))
		p++;
	start = p;
	if (p < end && (*p == '"' || *p == '\'')) {
		char q = *p++;
		while (p < end && *p != q)
			p += *p == '\\' && p + 1 < end && (p[1] == q || p[1] == '\\') ? 2 : 1;
		p += p < end;
	} else {
		while (p < end && !is_blank(*p))
			p++;
	}
	*text = wsr_str(p, (size_t)(end - p));
	if (p == start)
		return false;
	struct wsr_str value = unquote(cc, wsr_str(start, (size_t)(p - start)), &quote);
	*out = (struct word){ .text = value.ptr, .len = (uint32_t)value.len & (SOURCE_MAX_BYTES - 1), .quote = quote, .span = SPAN_NONE };
	return true;
}

bool apache_next_rewrite_word(struct wsr_str *text, struct word *out)
{
	const char *p = text->ptr, *end = text->ptr + text->len;

	while (p < end && is_blank(*p))
		p++;
	if (p == end)
		return false;
	char q = *p == '"' || *p == '\'' ? *p++ : '\0';
	const char *start = p;
	while (p < end && (q ? *p != q : !is_blank(*p)))
		p += *p == '\\' && p + 1 < end && is_blank(p[1]) ? 2 : 1;
	*out = (struct word){ .text = start, .len = (uint32_t)(p - start) & (SOURCE_MAX_BYTES - 1), .quote = q == '"' ? WORD_DOUBLE : q ? WORD_SINGLE : WORD_PLAIN, .span = SPAN_NONE };
	p += q && p < end;
	*text = wsr_str(p, (size_t)(end - p));
	return true;
}

const char *apache_joined(struct compiler *cc, const char *text, size_t len)
{
	char *out = arena_alloc(&cc->arena, len + 1), *p = out;
	const char *end = text + len;

	for (const char *s = text; s < end; s++) {
		size_t join = *s == '\\' ? join_len(s, end) : 0;
		if (join)
			s += join - 1;
		else
			*p++ = *s;
	}
	*p = '\0';
	return out;
}

/* --- what the bytes of a word show ------------------------------------------------------------------------------------ */

static size_t invisible_len(const unsigned char *b, size_t len)
{
	if (len >= 2 && b[0] == 0xc2 && b[1] == 0xa0)
		return 2;
	if (len < 3)
		return 0;
	if (b[0] == 0xe2 && b[1] == 0x80 && ((b[2] >= 0x80 && b[2] <= 0x8f) || b[2] == 0xa8 || b[2] == 0xa9 || b[2] == 0xaf))
		return 3;
	if (b[0] == 0xe2 && b[1] == 0x81 && (b[2] == 0x9f || b[2] == 0xa0))
		return 3;
	return (b[0] == 0xe3 && b[1] == 0x80 && b[2] == 0x80) || (b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf) ? 3 : 0;
}

/* httpd takes these characters for letters, so that two words become one; nobody means that. */
static void find_invisible(struct scan *s, const struct span *at)
{
	const char *text = s->base;

	for (uint32_t i = at->start; i < at->end; i++) {
		size_t len = (unsigned char)text[i] < 0xc2 ? 0 : invisible_len((const unsigned char *)text + i, at->end - i);
		if (!len)
			continue;
		struct span one = { at->file, i, i + (uint32_t)len };
		scan_invisible(s, &one, text + i);
		s->spoiled = true;
		i += (uint32_t)len - 1;
	}
}

static bool is_closed(const char *text, size_t len, char q)
{
	size_t i = 1;

	while (i < len && text[i] != q)
		i += text[i] == '\\' && i + 1 < len && (text[i + 1] == q || text[i + 1] == '\\') ? 2 : 1;
	return i < len;
}

void scan_apache_word(struct scan *s, const struct span *at, struct word *out)
{
	struct wsr_str raw = { s->base + at->start, at->end - at->start };
	enum word_quote quote;
	struct wsr_str value = unquote(s->cc, raw, &quote);

	if (quote == WORD_PLAIN)
		find_invisible(s, at);
	else if (!is_closed(raw.ptr, raw.len, raw.ptr[0]))
		diag_at(s->cc, CHECK_QUOTE_OPEN, (struct span){ at->file, at->start, at->start + 1 }, "this quote is not closed: the word reaches to the end of its line");
	*out = (struct word){ .text = value.ptr, .len = (uint32_t)value.len & (SOURCE_MAX_BYTES - 1), .quote = quote, .span = *at };
}

/* --- sections --------------------------------------------------------------------------------------------------------- */

/* Place of the last '>' in the line that goes on at `from`; SCAN_NO_END when there is none. */
static uint32_t last_bracket(const struct scan *s, uint32_t from)
{
	const char *end = s->base + s->source->len;
	uint32_t found = SCAN_NO_END;

	for (const char *p = s->base + from; p < end && *p != '\n'; p++) {
		if (*p == '>')
			found = (uint32_t)(p - s->base);
		else if (*p == '\\' && join_len(p, end))
			p += join_len(p, end) - 1;
	}
	return found;
}

/* Called at the '<' alone: flex has a NUL in place of the byte behind a token while its action runs, and that byte must not be the '>'. */
void scan_section_start(struct scan *s, const struct span *at)
{
	s->section_end = last_bracket(s, at->start);
}

void scan_open_tag(struct scan *s, const struct span *at, struct word *out)
{
	find_invisible(s, at);
	*out = (struct word){ .text = s->base + at->start, .len = (at->end - at->start) & (SOURCE_MAX_BYTES - 1), .quote = WORD_PLAIN, .span = *at };
}

void scan_close_tag(struct scan *s, const struct span *at, struct word *out)
{
	bool closed = s->base[at->end - 1] == '>';
	struct span name = { at->file, at->start + 2, at->end - closed };

	if (!closed)
		diag_at(s->cc, CHECK_SYNTAX, *at, "the '>' right behind the name is missing");
	*out = (struct word){ .text = s->base + name.start, .len = (name.end - name.start) & (SOURCE_MAX_BYTES - 1), .quote = WORD_PLAIN, .span = name };
}

void scan_behind_tag(struct scan *s, const struct span *at)
{
	struct span text = *at;

	while (text.end > text.start && is_blank(s->base[text.end - 1]))
		text.end--;
	struct diag *d = diag_at(s->cc, CHECK_TEXT_BEHIND_TAG, text, "text behind the '>' has no effect");
	while (text.start > 0 && is_blank(s->base[text.start - 1]))
		text.start--;
	fix_edit(s->cc, d, text, "%s", "");
}
