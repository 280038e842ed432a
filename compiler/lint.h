/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `wsrpc lint` does with messages beside printing them: JSON for programs, and applying their cures to the files. Cures are applied in rounds, each on the
 * text that the round before left, all in memory; only then files are written, whole and atomically.
 */
#ifndef COMPILER_LINT_H
#define COMPILER_LINT_H

#include <jansson.h>

#include "compiler/compiler.h"

#define LINT_ROUNDS 10u         /* cures of cures: more means that they turn in circles */

/** A file that is changed; or is not, and why. */
struct lint_file {
	char *path;                 /* as the compiler opens it */
	char *real;                 /* without symbolic links: what is replaced */
	char *before, *after;
	size_t before_len, after_len;
	const char *refused;        /* a sentence; NULL */
};

/** The state of lint --fix over its rounds. Zero to begin with. */
struct lint_fixes {
	struct lint_file *files;
	size_t count;
	struct source_overlay *overlays; /* of the changed ones, for the next round */
	size_t overlay_count;
	bool failed;                /* out of memory */
};

/** Apply the cures of a compile's messages. @return how many; 0 = nothing is left to cure */
unsigned lint_apply(struct compiler *cc, struct lint_fixes *f);
/**
 * Print the changes as diffs; with `write` replace the files, each unless it is not any more what was read.
 * @return false when one could not be written; the reason stands on stderr
 */
bool lint_write(const struct lint_fixes *f, bool write, FILE *diffs);
void lint_fixes_free(struct lint_fixes *f);

/** Append a compile's messages, sorted by place. Allocates in the compile's arena. */
void lint_json(struct compiler *cc, json_t *list);

#endif
