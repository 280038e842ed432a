/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The phases of httpd in our own language: what the files lower_httpd*.c and lower_braces.c share with each other and with the lowering of servers. They make
 * the records that Apache and IIS configuration becomes, one statement for one record, so that `wsrpc dump --source=nginx` can print any table.
 */
#ifndef COMPILER_LOWER_HTTPD_H
#define COMPILER_LOWER_HTTPD_H

#include "compiler/apache.h"
#include "compiler/apache_cond.h"

/* lower_httpd.c */
/** The `httpd` block of a server, or NULL. */
const struct node *httpd_block(const struct node *server);
/** Its host. lv holds the settings of the server. @return index of host */
uint32_t httpd_host(struct lower *l, struct level *lv, const struct node *server);
/** `defaults httpd` in http: the settings start from httpd's. */
void httpd_defaults(struct lower *l, struct level *lv, const struct node *http);
/** `lookup` blocks and `condition` lines of http. */
void httpd_named(struct lower *l, const struct node *http);
/** Map of a `lookup`; WSR_NONE when there is none. */
uint32_t httpd_lookup_find(struct lower *l, struct wsr_str name);
/** Tree of a `condition`; WSR_NONE when there is none. */
uint32_t httpd_condition_find(struct lower *l, struct wsr_str name);

/* lower_httpd_cond.c */
/** Words of a statement, read from left to right. */
struct words {
	struct lower *l;
	const struct node *n;
	unsigned at;                /* argument to be read next */
	bool failed;                /* something was reported */
};
static inline bool words_end(const struct words *w)
{
	return w->at >= node_arg_count(w->n);
}
/** Take this keyword if it stands here; in quotes it is none. */
bool words_take(struct words *w, const char *keyword);
/** Take "key=..." if it stands here, and what follows the "=". */
bool words_keyed(struct words *w, const char *key, struct wsr_str *value);
/** The next word; reports and fails with `what` when there is none. @return NULL then */
const struct word *words_next(struct words *w, const char *what);
/** The next word as a template; as an expression, "~*" in front of it: without regard to case. WSR_NONE after an error. */
uint32_t words_text(struct words *w, const char *what);
uint32_t words_regex(struct words *w, const char *what);
/** Report the word at `at`, or the end of the statement. */
void words_wrong(struct words *w, const char *what);
/** All words up to the end as a condition. @return index of cond; WSR_NONE after an error */
uint32_t words_condition(struct words *w);
/** The same behind the keyword "if"; WSR_NONE without it. What else is left is reported. */
uint32_t words_if(struct words *w);

/* lower_braces.c */
/** The part for what stands between "${" and "}". @return false after an error */
bool braces_part(struct lower *l, const struct node *n, const struct word *w, struct wsr_str inside, struct wsr_part *part);
/** Where the text from s on, behind a "${", ends: at its "}"; end without one. */
const char *braces_end(const char *s, const char *end);
/** A name whose special characters are written %7D. */
struct wsr_str braces_name(struct lower *l, struct wsr_str s);
const char *httpd_function_name(uint32_t function);

/** Flags of RewriteRule, of workers and actions of Header: their names for both directions. */
struct httpd_name { const char *name; uint32_t bits; };
extern const struct httpd_name httpd_rule_flags[], httpd_worker_flags[], httpd_member_flags[], httpd_rewrite_options[], httpd_actions[], httpd_file_tests[], httpd_welcomes[];
/** What a substitution says about itself: WSR_RULE_PREFIX_STAT. @param literal  text of its first part, when that is constant; whole: there is no other */
uint32_t httpd_rule_derived(struct wsr_str literal, bool whole);

/** Word that stands for something in the statements above, and must be quoted to be a text. */
bool httpd_is_keyword(struct wsr_str s);

#endif
