/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections of Apache's language whose content depends on the server that reads them.
 */
#ifndef COMPILER_APACHE_BRANCH_H
#define COMPILER_APACHE_BRANCH_H

#include <stdbool.h>

#include "table/wsr_str.h"

struct compiler;
struct node;

enum apache_branch { APACHE_NO_BRANCH, APACHE_TAKEN, APACHE_LEFT_OUT };

/** Decide <IfModule>, <IfDefine>, <IfVersion>, <IfFile>, <IfDirective>, <IfSection>; a note says how. Any other section: APACHE_NO_BRANCH. */
enum apache_branch apache_branch(struct compiler *cc, const struct node *n);

/** True for names of modules that are stood for, "mod_ssl.c" or "ssl_module". */
bool apache_has_module(struct wsr_str name);

/** After Define or --define, and before UnDefine. In apache_read.c. */
bool apache_is_defined(const struct compiler *cc, struct wsr_str name);

#endif
