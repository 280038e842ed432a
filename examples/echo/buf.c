/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growing buffers and borrowed strings.  A buffer doubles up to the ceiling its caller names, and never beyond it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "examples/echo/echo.h"

bool buf_add(struct buf *b, const void *ptr, size_t len, size_t max)
{
	size_t cap = b->cap ? b->cap : 256;
	char *grown;

	if (len == 0)
		return true;
	if (b->len > max || len > max - b->len)
		return false;
	while (cap < b->len + len)
		cap *= 2;
	if (cap != b->cap) {
		grown = realloc(b->ptr, cap);
		if (grown == NULL)
			return false;
		b->ptr = grown;
		b->cap = cap;
	}
	memcpy(b->ptr + b->len, ptr, len);
	b->len += len;
	return true;
}

bool buf_printf(struct buf *b, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text))
		return false;
	return buf_add(b, text, (size_t)n, SIZE_MAX / 2);
}

void buf_free(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){0};
}

bool str_is(struct str s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.ptr, text, s.len) == 0;
}

bool str_has_token(struct str list, const char *token)
{
	const char *p = list.ptr, *end = list.ptr + list.len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end, *last = stop;

		while (p < last && (*p == ' ' || *p == '\t'))
			p++;
		while (last > p && (last[-1] == ' ' || last[-1] == '\t'))
			last--;
		if (str_is((struct str){p, (size_t)(last - p)}, token))
			return true;
		p = stop + 1;
	}
	return false;
}
