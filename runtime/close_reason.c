/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of close_reasons.def. */
#include "runtime/close_reason.h"

#include <stddef.h>

static const struct {
	const char *symbol, *sentence;
	bool is_error;
} reasons[] = {
#define CLOSE_REASON(symbol, is_error, sentence) { #symbol, sentence, is_error },
#include "runtime/close_reasons.def"
};

const char *close_reason_name(enum close_reason r, char buf[CLOSE_REASON_NAME_BYTES])
{
	size_t i = 0;
	for (; reasons[r].symbol[i] && i + 1 < CLOSE_REASON_NAME_BYTES; i++)
		buf[i] = reasons[r].symbol[i] == '_' ? '_' : (char)(reasons[r].symbol[i] | 0x20);
	buf[i] = '\0';
	return buf;
}

const char *close_reason_text(enum close_reason r)
{
	return reasons[r].sentence;
}

bool close_reason_is_error(enum close_reason r)
{
	return reasons[r].is_error;
}
