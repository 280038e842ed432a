/* SPDX-License-Identifier: BSD-2-Clause */
/* Plan -> the bytes of a table. */
#ifndef COMPILER_EMIT_H
#define COMPILER_EMIT_H

#include "compiler/plan.h"

/**
 * Write the table of a plan.
 * @param bytes  set to a new block, to be released with free()
 * @return false when the table would exceed WSR_MAX_TABLE_BYTES or the hash function is not to be had
 */
bool emit_table(const struct plan *plan, unsigned char **bytes, size_t *len);

#endif
