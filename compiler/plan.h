/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan: what a configuration means, dialect and inheritance gone. It consists of the records of the table with their final indexes,
 * one pool per section, so that emit_table() only measures and copies. Made by lower_config() from the checked tree, read by emit.c.
 *
 * Equal content stands once. Records that know their place in the source (rewrite instructions, fields, rules ...) are equal only together with
 * their places, until one content has been seen PLAN_PLACES times: further copies share one record whose place is WSR_NONE, and a reader
 * falls back to the place of the location or server. So ordinary sites keep every line number and generated ones stay small.
 */
#ifndef COMPILER_PLAN_H
#define COMPILER_PLAN_H

#include "compiler/intern.h"

#define PLAN_PLACES 16u

struct plan {
#define X(num, name, type) struct pool name;
	WSR_SECTIONS(X)
#undef X
};

/** The settings of one level after inheritance; each member is one group of wsr_settings.def. */
struct plan_settings {
	struct wsr_core core;
	struct wsr_file file;
	struct wsr_log log;
	struct wsr_proxyset proxy;
	struct wsr_fieldset fields;
};

enum plan_group { PLAN_GROUP_core, PLAN_GROUP_file, PLAN_GROUP_log, PLAN_GROUP_proxy, PLAN_GROUP_fields, PLAN_GROUPS };

enum plan_kind {
	PLAN_KIND_U64, PLAN_KIND_STR, PLAN_KIND_TMPL, PLAN_KIND_MIME, PLAN_KIND_LIST_STR, PLAN_KIND_LIST_TMPL, PLAN_KIND_LIST_FIELD,
	PLAN_KIND_LIST_REDIRECT, PLAN_KIND_LIST_LOG, PLAN_KIND_LIST_ERROR_PAGE
};

/* One number per row of wsr_settings.def. */
enum plan_setting {
#define WSR_SETTING(group, kind, name, comment) SET_##name,
#include "table/wsr_settings.def"
	SET_COUNT
};

/** What is known of a setting: where its cell lies in struct plan_settings and in its group's record. */
struct plan_setting_info {
	const char *name;
	const char *comment;
	uint16_t offset;            /* in struct plan_settings */
	uint16_t group_offset;      /* in the group's record */
	uint8_t group;              /* enum plan_group */
	uint8_t kind;               /* enum plan_kind */
};
extern const struct plan_setting_info plan_setting_info[SET_COUNT];

void plan_init(struct plan *p);
void plan_free(struct plan *p);

/** Interned string. s must not point into the plan. */
wsr_sref plan_str(struct plan *p, struct wsr_str s);
/** Interned string in lower case (ASCII). */
wsr_sref plan_str_lower(struct plan *p, struct wsr_str s);
/** The bytes of an interned string, valid until the next one is interned. */
struct wsr_str plan_text(const struct plan *p, wsr_sref ref);

/** Index of a template of these parts; neighbouring literals must have been joined. */
uint32_t plan_tmpl(struct plan *p, const struct wsr_part *parts, uint32_t count);
/** Template of one literal (of no part at all for the empty string). */
uint32_t plan_tmpl_const(struct plan *p, struct wsr_str s);
/** True with the text if a template has no variable part. */
bool plan_tmpl_constant(const struct plan *p, uint32_t tmpl, struct wsr_str *out);

/** Where a record comes from; line 0: from no file (a default). */
struct plan_place { uint32_t file, line, column; };
/** Index of an interned position; WSR_NONE for line 0. */
uint32_t plan_pos(struct plan *p, struct plan_place at);

/**
 * A run of records that hold a position at pos_offset: intern them with the places given (see above).
 * @param recs   the records; their position members are overwritten
 * @param places one per record
 */
struct wsr_list plan_run_at(struct plan *p, struct pool *pool, void *recs, uint32_t n, size_t pos_offset, const struct plan_place *places);
/** The same for one record. @return its index. */
uint32_t plan_record_at(struct plan *p, struct pool *pool, void *rec, size_t pos_offset, struct plan_place place);

/* --- hash tables of strings ------------------------------------------------------------------------------------------ */

/* map_slot, mime_slot and name_slot have this shape. */
struct plan_slot { wsr_sref key; uint32_t hash; uint32_t value; };

/** A hash table under construction: power of two of slots, at most four fifths full, linear probing (wsr_format.h). */
struct plan_table {
	struct plan_slot *slots;
	uint32_t count, used;       /* count slots */
};
/** Room for n keys. */
void plan_table_init(struct plan_table *t, uint32_t n);
/** Add a key. @return NULL, or the slot that already holds this key (nothing is changed then). */
struct plan_slot *plan_table_add(struct plan_table *t, struct plan *p, wsr_sref key, uint32_t value);
/** Move the table into its section, behind all that is there (tables of different owners do not overlap: FORMAT.md); { 0, 0 } when it has no key.
 *  Frees the construction. */
struct wsr_list plan_table_done(struct plan_table *t, struct pool *pool);
/** Hash of the content, and comparison with a table that is already in its section: for owners that are stored once. */
uint64_t plan_table_hash(const struct plan_table *t);
bool plan_table_equal(const struct plan_table *t, const struct pool *pool, struct wsr_list list);
void plan_table_free(struct plan_table *t);

#endif
