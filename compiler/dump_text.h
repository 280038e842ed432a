/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of a table as text, in the syntax of the configuration: words, templates, expressions, settings. Used by the three dumps. */
#ifndef COMPILER_DUMP_TEXT_H
#define COMPILER_DUMP_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "compiler/plan.h"
#include "table/wsr_table.h"

/** A word, in double quotes with escapes where the bare text would not read as one word. */
void dump_word(FILE *out, struct wsr_str s);
/** The string behind a reference as a word; "-" for none. */
void dump_string(FILE *out, const struct wsr_table *t, wsr_sref ref);
/** A template as a word with $variables; "-" for WSR_NONE. */
void dump_tmpl(FILE *out, const struct wsr_table *t, uint32_t tmpl);
/** The text of a template or of a prefix and a template in one word: "if=" and a condition. */
void dump_tmpl_after(FILE *out, const struct wsr_table *t, const char *prefix, uint32_t tmpl);
/** The text of a template, not made a word. */
void dump_tmpl_text(FILE *out, const struct wsr_table *t, uint32_t tmpl);
/** "~ pattern" or "~* pattern". */
void dump_regex(FILE *out, const struct wsr_table *t, uint32_t regex);
/** The same as one word: "~pattern". */
void dump_regex_word(FILE *out, const struct wsr_table *t, uint32_t regex);
/** " (site.conf:12)", nothing without a position. */
void dump_pos(FILE *out, const struct wsr_table *t, uint32_t pos);

/** "10.0.0.0/8", "unix:", "all" */
void dump_network(FILE *out, const struct wsr_access_rule *r);
/** A line "proxy to ..." for a proxy_pass, indented by so many blanks; nothing for WSR_NONE. */
void dump_proxy(FILE *out, const struct wsr_table *t, uint32_t proxy, unsigned blanks);
/** "scheme://host[:port][path]" as proxy_pass takes it. */
void dump_proxy_url(FILE *out, const struct wsr_table *t, uint32_t proxy);
/** The extensions of a type map, sorted: what is printed must not depend on the order of hashes. @return to be freed; with 0 in *count without memory. */
struct wsr_str *dump_mime_keys(const struct wsr_table *t, struct wsr_list slots, uint32_t *count);
/** The cases of a map, one line each: strings sorted, then expressions in order. */
void dump_map_cases(FILE *out, const struct wsr_table *t, const struct wsr_map *m, const char *before, const char *after);

/** What statements call a log format, an upstream, a map without a variable, a condition of logs: its name where that is one word and nobody's else. */
const char *dump_format_label(const struct wsr_table *t, uint32_t format, char *text, size_t size);
const char *dump_upstream_label(const struct wsr_table *t, uint32_t upstream, char *text, size_t size);
const char *dump_map_label(const struct wsr_table *t, uint32_t map, char *text, size_t size);
const char *dump_when_label(const struct wsr_table *t, uint32_t cond, char *text, size_t size);
bool dump_map_has_variable(const struct wsr_table *t, uint32_t map);

/** A record's groups: where the cells of the settings lie. */
struct dump_groups { const void *group[PLAN_GROUPS]; };
struct dump_groups dump_groups_of(const struct wsr_table *t, const struct wsr_body *body);
/** Value of a setting, one line per item of a list, each line but the first led by a newline and indent. */
void dump_cell(FILE *out, const struct wsr_table *t, const struct dump_groups *g, enum plan_setting cell, const char *indent);
static inline struct wsr_list dump_list(const struct dump_groups *g, enum plan_setting cell)
{
	struct wsr_list list;
	memcpy(&list, (const char *)g->group[plan_setting_info[cell].group] + plan_setting_info[cell].group_offset, sizeof(list));
	return list;
}
static inline uint64_t dump_u64(const struct dump_groups *g, enum plan_setting cell)
{
	uint64_t v;
	memcpy(&v, (const char *)g->group[plan_setting_info[cell].group] + plan_setting_info[cell].group_offset, sizeof(v));
	return v;
}
/** True when a setting has the same text in both; positions count as nothing. */
bool dump_cell_equal(const struct wsr_table *a, const struct dump_groups *ga, const struct wsr_table *b, const struct dump_groups *gb, enum plan_setting cell);

#endif
