/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compiler's memory: everything one compile makes lives in one arena and is freed at its end, so no stage frees anything.
 *
 * An allocation never returns NULL. When memory runs out, when the ceiling is reached or when the test hook says so, control goes to the
 * point that compiler_run() set (longjmp); what the arena holds by then is still owned by it. Code that holds something else (a file
 * descriptor, a library's object) across an allocation must register it with arena_on_free().
 */
#ifndef COMPILER_ARENA_H
#define COMPILER_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;
struct arena_cleanup;

struct arena {
	struct arena_chunk *chunks;
	struct arena_cleanup *cleanups;
	char *next;                 /* free room of the current chunk */
	size_t room;
	size_t used_bytes;          /* obtained from the system */
	size_t ceiling_bytes;       /* 0 = no ceiling */
	uint64_t allocation_count;
	uint64_t fail_at;           /* test hook: the allocation with this ordinal fails; 0 = none */
	jmp_buf *out_of_memory;     /* where a failed allocation goes; abort() when NULL */
};

void arena_init(struct arena *a, size_t ceiling_bytes);
void arena_free(struct arena *a);

/** 8-byte aligned, not cleared. A size of 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t bytes);
/** Cleared; count * size is checked for overflow. */
void *arena_calloc(struct arena *a, size_t count, size_t size);
/** Bytes plus a NUL behind them. */
char *arena_copy(struct arena *a, const void *bytes, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);
/**
 * Room for one more element in a growing array: *items has *cap elements of which count are used.
 * The old array stays in the arena (sizes double, so at most half is lost).
 */
void *arena_grow(struct arena *a, void *items, size_t count, size_t *cap, size_t element_bytes);
/** Call fn(object) when the arena is freed, last registered first. */
void arena_on_free(struct arena *a, void (*fn)(void *object), void *object);

#define ARENA_NEW(a, type) ((type *)arena_calloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_calloc((a), (n), sizeof(type)))

#endif
