/* SPDX-License-Identifier: BSD-2-Clause */
/* The close reasons of close_reasons.def as an enum with its words. */
#ifndef RUNTIME_CLOSE_REASON_H
#define RUNTIME_CLOSE_REASON_H

#include <stdbool.h>

enum close_reason {
#define CLOSE_REASON(symbol, is_error, sentence) CLOSE_##symbol,
#include "runtime/close_reasons.def"
	CLOSE_REASON_MAX
};

#define CLOSE_REASON_NAME_BYTES 32u
/** "client_closed", the symbol in lower case, into buf; returns buf. */
const char *close_reason_name(enum close_reason r, char buf[CLOSE_REASON_NAME_BYTES]);
/** The sentence for the error log. */
const char *close_reason_text(enum close_reason r);
bool close_reason_is_error(enum close_reason r);

#endif
