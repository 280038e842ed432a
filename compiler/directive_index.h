/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directive table's look-up structures and what is made from its rows once per compile. Shared by directive.c and identify.c only.
 */
#ifndef COMPILER_DIRECTIVE_INDEX_H
#define COMPILER_DIRECTIVE_INDEX_H

#include <stdint.h>

#include "compiler/directive.h"

enum {
#define D(dialect, name, contexts, signature, default_text, policy, verdict, lowering, sentence, note) +1
	DIRECTIVE_COUNT = 0
#include "grammar/directives.def"
};

#define DIRECTIVE_SLOTS 2048u   /* a power of two; chains through `next` */

struct directive_index {
	uint16_t first[DIRECTIVE_SLOTS]; /* row number + 1; 0 = none */
	uint16_t next[DIRECTIVE_COUNT];
	uint8_t name_len[DIRECTIVE_COUNT];
	const struct directive *patterns[DIRECTIVE_COUNT];
	unsigned pattern_count;
	const struct signature *signatures[DIRECTIVE_COUNT];
	const struct node *defaults[DIRECTIVE_COUNT];
	bool noted[DIRECTIVE_COUNT]; /* its difference was told */
	struct repeat {             /* the last statement of a row and the block it stood in */
		const struct node *parent, *statement;
	} repeats[DIRECTIVE_COUNT];
};

const struct signature *directive_signature(struct compiler *cc, const struct directive *def);

#endif
