/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scanner's actions. A word's value is a slice of the source; only a word with a backslash is copied, because nginx removes it in
 * front of a quote or another backslash and reads \t, \r and \n as the character (ngx_conf_read_token). Other escapes stay as they are,
 * for the sake of regular expressions.
 */
#include "compiler/scan.h"

#include <string.h>

#include "compiler/compiler.h"
#include "compiler/fix.h"

void scan_comment(struct scan *s, const struct span *at)
{
	struct source *src = s->source;

	src->comments = arena_grow(&s->cc->arena, src->comments, src->comment_count, &src->comment_cap, sizeof(*src->comments));
	src->comments[src->comment_count++] = *at;
}

static uint32_t code_point(const unsigned char *b)
{
	if (b[0] < 0xe0)
		return (uint32_t)(b[0] & 0x1f) << 6 | (b[1] & 0x3f);
	return (uint32_t)(b[0] & 0x0f) << 12 | (uint32_t)(b[1] & 0x3f) << 6 | (b[2] & 0x3f);
}

void scan_invisible(struct scan *s, const struct span *at, const char *bytes)
{
	uint32_t cp = code_point((const unsigned char *)bytes);

	unsigned i = 0;
	while (i < s->invisible_count && s->invisible[i].code_point != cp)
		i++;
	if (i == SCAN_MAX_INVISIBLE)
		return;
	struct invisible *v = &s->invisible[i];
	if (i == s->invisible_count) {
		*v = (struct invisible){ .code_point = cp };
		s->invisible_count++;
	}
	v->at = arena_grow(&s->cc->arena, v->at, v->count, &v->cap, sizeof(*v->at));
	v->at[v->count++] = *at;
}

static const char *invisible_name(uint32_t cp)
{
	switch (cp) {
	case 0xa0:
		return "no-break space";
	case 0x200b:
		return "zero-width space";
	case 0x200c:
		return "zero-width non-joiner";
	case 0x200d:
		return "zero-width joiner";
	case 0x200e:
	case 0x200f:
		return "direction mark";
	case 0x2028:
	case 0x2029:
		return "line separator";
	case 0x202f:
		return "narrow no-break space";
	case 0x2060:
		return "word joiner";
	case 0x3000:
		return "ideographic space";
	case 0xfeff:
		return "byte order mark";
	default:
		return "typographic space";
	}
}

/* nginx's quoting: the value is shorter than the text, never longer. */
static const char *unescape(struct compiler *cc, const char *text, size_t len, uint32_t *out_len)
{
	char *out = arena_alloc(&cc->arena, len), *p = out;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '\\' && i + 1 < len) {
			switch (text[i + 1]) {
			case '"':
			case '\'':
			case '\\':
				c = text[++i];
				break;
			case 't':
				c = '\t';
				i++;
				break;
			case 'r':
				c = '\r';
				i++;
				break;
			case 'n':
				c = '\n';
				i++;
				break;
			default:
				break;
			}
		}
		*p++ = c;
	}
	*out_len = (uint32_t)(p - out);
	return out;
}

void scan_word(struct scan *s, const struct span *at, enum word_quote quote, struct word *out)
{
	const char *text = s->base + at->start;
	uint32_t len = at->end - at->start;

	if (quote != WORD_PLAIN) {
		text++;
		len -= 2;
		if (memchr(text, '\0', len))
			scan_nul(s, at);
	}
	if (memchr(text, '\\', len))
		text = unescape(s->cc, text, len, &len);
	out->text = text;
	out->len = len & SOURCE_MAX_BYTES ? SOURCE_MAX_BYTES - 1 : len;
	out->quote = quote;
	out->span = *at;
}

void scan_word_start(struct scan *s, const struct span *at)
{
	s->word = *at;
}

/* The word reaches to the start of the token that ended it, which is scanned again. */
void scan_word_end(struct scan *s, struct span *at, struct word *out)
{
	s->word.end = at->start;
	*at = s->word;
	scan_word(s, at, WORD_PLAIN, out);
}

void scan_glued(struct scan *s, const struct span *at)
{
	struct diag *d = diag_at(s->cc, CHECK_SYNTAX, *at, "unexpected text right behind a quoted word");
	diag_note(s->cc, d, SPAN_NONE, "a closing quote is followed by a blank, ';', '{' or ')'");
	s->spoiled = true;
}

void scan_unterminated(struct scan *s, const struct span *at)
{
	struct span quote = { at->file, at->start, at->start + 1 };

	diag_at(s->cc, CHECK_UNTERMINATED, quote, "this quote is never closed: the text behind it runs to the end of the file");
	s->truncated = true;
}

void scan_lone_backslash(struct scan *s, const struct span *at)
{
	diag_at(s->cc, CHECK_SYNTAX, *at, "nothing follows the backslash");
}

void scan_nul(struct scan *s, const struct span *at)
{
	diag_at(s->cc, CHECK_CONTROL_CHARACTER, *at, "NUL byte: this is not a text file, or it is damaged");
	s->spoiled = true;
}

bool scan_open(struct scan *s, const struct span *at)
{
	if (s->depth < SCAN_MAX_DEPTH) {
		s->depth++;
		return true;
	}
	diag_at(s->cc, CHECK_NESTING, *at, "more than %u blocks inside each other", SCAN_MAX_DEPTH);
	s->truncated = true;
	return false;
}

bool scan_close(struct scan *s)
{
	if (s->depth == 0)
		return false;
	s->depth--;
	return true;
}

void scan_end(struct scan *s, struct span *at)
{
	*at = (struct span){ s->file, s->source->len, s->source->len };
}

void scan_finish(struct scan *s)
{
	for (unsigned i = 0; i < s->invisible_count; i++) {
		const struct invisible *v = &s->invisible[i];
		struct diag *d = s->refuse_invisible ? diag_at(s->cc, CHECK_INVISIBLE_LETTER, v->at[0], "invisible character U+%04X (%s) is no blank: write one", v->code_point,
		                                               invisible_name(v->code_point))
		                                     : diag_at(s->cc, CHECK_INVISIBLE_CHARACTER, v->at[0], "invisible character U+%04X (%s) is read as a blank",
		                                               v->code_point, invisible_name(v->code_point));
		if (v->count > 1)
			diag_note(s->cc, d, SPAN_NONE, "%zu more of them in this file", v->count - 1);
		for (size_t k = 0; k < v->count; k++)
			fix_edit(s->cc, d, v->at[k], " ");
	}
}
