/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of `wsrpc dump` that only hosts of Apache and IIS configuration have: sections, rules, backends. */
#ifndef COMPILER_DUMP_HOST_H
#define COMPILER_DUMP_HOST_H

#include <stdio.h>

#include "table/wsr_table.h"

/** Indented by one step, behind what every server has. */
void dump_host(FILE *out, const struct wsr_table *t, uint32_t host);

#endif
