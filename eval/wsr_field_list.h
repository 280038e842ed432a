/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of fields that can be edited, as mod_headers edits httpd's tables: names compare without regard to case, a name may stand several times.
 * Private to eval. Memory is the request's arena; when it runs out the list is marked and stays as it is.
 */
#ifndef WSR_FIELD_LIST_H
#define WSR_FIELD_LIST_H

#include "eval/wsr_eval.h"

struct wsr_field_list {
	struct wsr_arena *arena;
	struct wsr_field *fields;
	uint32_t count, cap;
	bool failed;
};

/** First field of this name from index `from` on; count when there is none. */
uint32_t wsr_fields_find(const struct wsr_field_list *l, struct wsr_str name, uint32_t from);
void wsr_fields_add(struct wsr_field_list *l, struct wsr_str name, struct wsr_str value);
/** One field with this value in place of all of this name; the first one keeps its place. */
void wsr_fields_set(struct wsr_field_list *l, struct wsr_str name, struct wsr_str value);
/** Value behind ", " at the end of the first field of this name, or a new field. unique: not if it is an element of that list already. */
void wsr_fields_append(struct wsr_field_list *l, struct wsr_str name, struct wsr_str value, bool unique);
void wsr_fields_remove(struct wsr_field_list *l, struct wsr_str name);

#endif
