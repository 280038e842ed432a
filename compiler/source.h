/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source texts: each file read, its bytes, where it was included, and positions.
 *
 * A position is a file index and byte offsets (struct span); line and column are computed when something is printed. The bytes stay in
 * the arena until the end of the compile, so that words and messages may point into them.
 */
#ifndef COMPILER_SOURCE_H
#define COMPILER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct compiler;

/** Bytes start .. end - 1 of source `file`. */
struct span {
	uint32_t file;              /* index into compiler.sources */
	uint32_t start, end;
};

#define SOURCE_NONE UINT32_MAX
#define SOURCE_MAX_BYTES (UINT32_C(1) << 30)
#define SOURCE_SLOTS 1024u
#define SPAN_NONE ((struct span){ SOURCE_NONE, 0, 0 })

struct source {
	const char *path;           /* how it is opened; NULL for built-in text */
	const char *name;           /* how it is printed: the main file as named, others relative to its folder or as written */
	char *text;                 /* followed by two NULs */
	uint32_t len;
	struct span included_from;  /* the include statement's argument; file = SOURCE_NONE for the main file */
	uint32_t same_path;         /* index + 1 of an earlier source whose path may be the same; 0 = none */
	bool builtin;               /* not a file: directive defaults, built-in mime.types */
	uint32_t *line_starts;      /* offsets of the line beginnings, made at the first use */
	uint32_t line_count;
	uint32_t line_last;         /* the line that was asked for last: the next one is near */
	struct span *comments;      /* '#' to the end of the line, in order; for formatting */
	size_t comment_count, comment_cap;
};

/** A text that is read in place of the file at a path. */
struct source_overlay {
	const char *path, *text;
	size_t len;
};

/** From `a` to `b`, which stand in the same file. */
static inline struct span span_join(struct span a, struct span b)
{
	return (struct span){ a.file, a.start, b.end };
}
/** The empty place right behind a span. */
static inline struct span span_after(struct span s)
{
	return (struct span){ s.file, s.end, s.end };
}

/**
 * Read a file ("-" = standard input, printed as `name`).
 * @return its index, or SOURCE_NONE with errno set (EFBIG above SOURCE_MAX_BYTES, EISDIR for a folder).
 */
uint32_t source_read(struct compiler *cc, const char *path, const char *name, struct span included_from);
/** A file that was read before, included once more: the text is shared. @return SOURCE_NONE when it was not read. */
uint32_t source_again(struct compiler *cc, const char *path, struct span included_from);
/** A text that is not a file; copied. */
uint32_t source_builtin(struct compiler *cc, const char *name, const char *text, size_t len, struct span included_from);

struct source *source_at(const struct compiler *cc, uint32_t file);
const char *source_name(const struct compiler *cc, uint32_t file);
/** Line and column, both from 1; the column counts bytes. */
void source_position(struct compiler *cc, uint32_t file, uint32_t offset, uint32_t *line, uint32_t *column);
/** Text of a line (from 1) without its end. */
const char *source_line(struct compiler *cc, uint32_t file, uint32_t line, size_t *len);
/** True when the two offsets of one file stand on one line. */
bool source_same_line(const struct compiler *cc, uint32_t file, uint32_t a, uint32_t b);

#endif
