/* SPDX-License-Identifier: BSD-2-Clause */
/* `wsrpc dump`: the views of what was understood. */
#ifndef COMPILER_DUMP_H
#define COMPILER_DUMP_H

#include <stdbool.h>
#include <stdio.h>

#include "table/wsr_table.h"

/** The meaning of a table. `defaults` is the table of an empty configuration: settings equal to it are left out. */
void dump_meaning(FILE *out, const struct wsr_table *t, const struct wsr_table *defaults);
/** The table as a configuration in our own language, which compiles to an equal table (positions aside). @param places  comments name lines of the source */
void dump_plan(FILE *out, const struct wsr_table *t, const struct wsr_table *defaults, bool places);
/** True when a server runs the phases of httpd: the defaults of its text are httpd's. */
bool dump_plan_is_httpd(const struct wsr_table *t);
/** Sections and records, field by field. */
void dump_sections(FILE *out, const struct wsr_table *t);

/** The command. @return 0, 1 when the configuration has errors, 2 usage or system */
int cmd_dump(int argc, char **argv);

#endif
