/* SPDX-License-Identifier: BSD-2-Clause */
/* `httpd { }` of a server as text: what lower_httpd*.c read. Used by dump_plan*.c. */
#ifndef COMPILER_DUMP_HTTPD_H
#define COMPILER_DUMP_HTTPD_H

#include "compiler/dump_plan.h"

/* dump_httpd.c */
/** The block of a host; the settings of its first layer are the server's. */
void httpd_block_text(struct plan_dump *d, const struct wsr_host *h);

/* dump_httpd_rule.c */
/** Rules of a layer, one line each, in the order in which they act. */
void httpd_rules_text(struct plan_dump *d, const struct wsr_layer *y);

/* dump_httpd_word.c */
/** A string, template or expression as a word that is no keyword. */
void httpd_word(struct plan_dump *d, struct wsr_str s);
void httpd_text(struct plan_dump *d, uint32_t tmpl);
void httpd_regex(struct plan_dump *d, uint32_t regex);
/** " key=text" */
void httpd_keyed(struct plan_dump *d, const char *key, struct wsr_str s);
/** A tree of conditions as words; " if ..." with a blank in front, nothing for WSR_NONE. */
void httpd_condition(struct plan_dump *d, uint32_t cond);
void httpd_if(struct plan_dump *d, uint32_t cond);

#endif
