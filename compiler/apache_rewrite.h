/* SPDX-License-Identifier: BSD-2-Clause */
/* mod_rewrite between its files and the section that holds its rules. */
#ifndef COMPILER_APACHE_REWRITE_H
#define COMPILER_APACHE_REWRITE_H

#include "compiler/apache.h"

/** All statements of a section are lowered: rules of the main server are taken over where asked for, what was left over is reported. */
void apache_rewrite_done(struct lower *l, struct level *lv, struct apache_section *s);

/* Words of mod_rewrite have no case. */
static inline bool apache_is_word(struct wsr_str s, const char *text)
{
	return wsr_str_eq_nocase(s, wsr_cstr(text));
}

/** Flags of a statement, being read. */
struct apache_flags {
	struct lower *l;
	const struct node *node;
	const struct word *word;
	const char *at, *end;
};

/** @return false, reported, when argument i does not stand in brackets */
bool apache_flags_begin(struct apache_flags *r, struct lower *l, const struct node *n, unsigned i);
/** The next flag and what stands behind its "=". @return false at the end */
bool apache_flags_next(struct apache_flags *r, struct wsr_str *key, struct wsr_str *value);
void apache_flag_bad(struct apache_flags *r, struct wsr_str s, const char *what);

/** What the third argument of RewriteRule, if there is one, makes of the rule. @return whether the pattern is matched without case */
bool apache_rewrite_flags(struct lower *l, const struct node *n, struct wsr_rewrite_rule *rule);

/** Conditions of a rule with P that are to find WebSocket handshakes: say which handshakes they miss. @param flags WSR_RULE_* of the rule */
void apache_rewrite_check_upgrade(struct lower *l, const struct node *rule, uint32_t flags);

/** The main server's SetEnvIf and SetEnv come before a virtual host's own. */
void apache_env_done(struct lower *l, struct level *lv, struct apache_section *s);

#endif
