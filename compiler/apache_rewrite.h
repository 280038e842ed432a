/* SPDX-License-Identifier: BSD-2-Clause */
/* mod_rewrite between its files and the section that holds its rules. */
#ifndef COMPILER_APACHE_REWRITE_H
#define COMPILER_APACHE_REWRITE_H

#include "compiler/apache.h"

/** All statements of a section are lowered: rules of the main server are taken over where asked for, what was left over is reported. */
void apache_rewrite_done(struct lower *l, struct level *lv, struct apache_section *s);

/** Conditions of a rule with P that are to find WebSocket handshakes: say which handshakes they miss. @param flags WSR_RULE_* of the rule */
void apache_rewrite_check_upgrade(struct lower *l, const struct node *rule, uint32_t flags);

/** The main server's SetEnvIf and SetEnv come before a virtual host's own. */
void apache_env_done(struct lower *l, struct level *lv, struct apache_section *s);

#endif
