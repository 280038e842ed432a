/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages about the configuration: collected while the stages run, sorted by position and printed at the end of a stage.
 *
 * Every message belongs to a check of compiler/checks.def, which gives its name in brackets, its level and its sentence; -W and -E change
 * the level by that name. A text says what was found and what is allowed, in lower case, without a full stop, the user's text in quotes.
 */
#ifndef COMPILER_DIAG_H
#define COMPILER_DIAG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "compiler/source.h"

struct compiler;

enum diag_level { DIAG_OFF, DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

enum check_id {
#define CHECK(symbol, name, level, sentence, bad) CHECK_##symbol,
#include "compiler/checks.def"
	CHECK_COUNT
};

struct check_info {
	const char *name;           /* "missing-semicolon" */
	enum diag_level level;      /* unless changed by -W, -E or --strict */
	const char *sentence;       /* what it looks for */
	const char *bad;            /* shortest text that fires it */
};

/** A further line of a message: the other place, or what is allowed. */
struct diag_note {
	struct span at;             /* file = SOURCE_NONE: no place of its own */
	const char *text;
	struct diag_note *next;
};

/** Bytes of a source and what would stand in their place: `at` may be empty (insert), so may the text (leave out). */
struct diag_edit {
	struct span at;
	const char *text;
	struct diag_edit *next;
};

struct diag {
	enum check_id check;
	enum diag_level level;
	struct span at;
	const char *text;
	struct diag_note *notes, *last_note;
	struct diag_edit *edits, *last_edit; /* together they are the cure; NULL = none that is safe */
	unsigned ordinal;           /* order of reporting, the tie-break of sorting */
};

/* Messages kept of each level: a generated file with one mistake in every server is told once per hundred, not per line. */
#define DIAG_MAX 100u

struct diags {
	struct diag **list;
	size_t count, cap, printed;
	unsigned errors, warnings, notes; /* reported so far */
	unsigned dropped;           /* counted but not kept: beyond DIAG_MAX of their level */
	enum diag_level level[CHECK_COUNT];
};

const struct check_info *check_info(enum check_id check);
/** @return the check's id or CHECK_COUNT */
enum check_id check_find(const char *name, size_t len);

void diag_init(struct compiler *cc);
/**
 * Report. @return the message, to which notes can be added; NULL when the check is off or DIAG_MAX is reached (diag_note accepts NULL).
 */
struct diag *diag_at(struct compiler *cc, enum check_id check, struct span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** Add a note with a place of its own ("first defined here"), or SPAN_NONE. */
void diag_note(struct compiler *cc, struct diag *d, struct span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** True when an error was reported: stop after this stage. */
bool diag_failed(const struct compiler *cc);
/** Put what was not printed yet in the order of its places. */
void diag_sort(struct compiler *cc);
/** Print what was not printed yet, sorted by position: main file and included ones in reading order. Allocates. */
void diag_print(struct compiler *cc, FILE *out, bool colour);
/** The user's text for a message: at most `DIAG_QUOTE_MAX` bytes, control characters as \xNN; in the arena. */
const char *diag_quote(struct compiler *cc, const char *text, size_t len);
#define DIAG_QUOTE_MAX 60

#endif
