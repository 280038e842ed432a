/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `wsrpc dump --stage=table`: the header, the sections with their sizes, and every record field by field, as the format has them. For
 * people who look for a fault in the compiler or the reader; the members come from records.def and wsr_settings.def.
 */
#include <inttypes.h>

#include "common/identity.h"
#include "compiler/dump.h"
#include "compiler/dump_text.h"

static void number(FILE *out, const char *name, uint64_t v)
{
	if (v == WSR_NONE)
		fprintf(out, " %s=-", name);
	else
		fprintf(out, " %s=%" PRIu64, name, v);
}

static void string(FILE *out, const struct wsr_table *t, const char *name, wsr_sref ref)
{
	fprintf(out, " %s=", name);
	dump_string(out, t, ref);
}

static void list(FILE *out, const char *name, struct wsr_list v)
{
	fprintf(out, " %s=%" PRIu32 "+%" PRIu32, name, v.first, v.count);
}

static void address(FILE *out, const char *name, const uint8_t a[16])
{
	fprintf(out, " %s=", name);
	for (int i = 0; i < 16; i++)
		fprintf(out, "%02x", a[i]);
}

#define PRINT_NUM(m)  number(out, #m, (uint64_t)r->m);
#define PRINT_STR(m)  string(out, t, #m, r->m);
#define PRINT_LIST(m) list(out, #m, r->m);
#define PRINT_ADDR(m) address(out, #m, r->addr);

#define RECORD(section) static void print_##section(FILE *out, const struct wsr_table *t, uint32_t i) { (void)t; const RECORD_TYPE(section) *r = wsr_##section##_at(t, i);
#define RECORD_TYPE(section) __typeof__(*wsr_##section##_at(NULL, 0))
#define FIELD(section, member, kind) PRINT_##kind(member)
#define END(section) }
#include "compiler/records.def"

static void print_file_name(FILE *out, const struct wsr_table *t, uint32_t i)
{
	string(out, t, "name", *wsr_file_name_at(t, i));
}

static void print_str_item(FILE *out, const struct wsr_table *t, uint32_t i)
{
	string(out, t, "value", *wsr_str_item_at(t, i));
}

static void print_tmpl_item(FILE *out, const struct wsr_table *t, uint32_t i)
{
	number(out, "tmpl", *wsr_tmpl_item_at(t, i));
}

static void print_scope_regex(FILE *out, const struct wsr_table *t, uint32_t i)
{
	number(out, "ordinal", *wsr_scope_regex_at(t, i));
}

/* The cells of one group, in the order of wsr_settings.def. */
static void print_group(FILE *out, const struct wsr_table *t, const void *record, enum plan_group group)
{
	for (unsigned i = 0; i < SET_COUNT; i++) {
		const struct plan_setting_info *info = &plan_setting_info[i];
		uint64_t v;
		struct wsr_list l;
		if (info->group != group)
			continue;
		memcpy(&v, (const char *)record + info->group_offset, sizeof(v));
		memcpy(&l, (const char *)record + info->group_offset, sizeof(l));
		if (info->kind == PLAN_KIND_U64)
			number(out, info->name, v);
		else if (info->kind == PLAN_KIND_STR)
			string(out, t, info->name, (wsr_sref)v);
		else if (info->kind == PLAN_KIND_TMPL || info->kind == PLAN_KIND_MIME)
			number(out, info->name, v);
		else
			list(out, info->name, l);
	}
}

#define PRINT_GROUP(section, group) \
	static void print_##section(FILE *out, const struct wsr_table *t, uint32_t i) { print_group(out, t, wsr_##section##_at(t, i), PLAN_GROUP_##group); }
PRINT_GROUP(core, core)
PRINT_GROUP(fileset, file)
PRINT_GROUP(logset, log)
PRINT_GROUP(proxyset, proxy)
PRINT_GROUP(fieldset, fields)

/* Strings one after the other, with their references. */
static void print_strings(FILE *out, const struct wsr_table *t)
{
	const struct wsr_section_view *s = &t->section[WSR_SECTION_string];
	for (uint32_t at = 8; at < s->count;) {
		struct wsr_str v = wsr_string(t, at);
		fprintf(out, "%" PRIu32 ": ", at);
		dump_word(out, v);
		fputc('\n', out);
		at += (uint32_t)((sizeof(uint32_t) + v.len + 1 + 3) & ~(size_t)3);
	}
}

static void print_string(FILE *out, const struct wsr_table *t, uint32_t i)
{
	(void)out, (void)t, (void)i; /* print_strings() */
}

void dump_sections(FILE *out, const struct wsr_table *t)
{
	static const struct { const char *name; void (*print)(FILE *, const struct wsr_table *, uint32_t); } sections[WSR_SECTION_MAX + 1] = {
#define X(num, name, type) [num] = { #name, print_##name },
		WSR_SECTIONS(X)
#undef X
	};
	char identity[IDENTITY_TEXT];
	fprintf(out, "table %u.%u bytes=%zu sections=%" PRIu32 " crc32c=%08" PRIx32 " features=%" PRIx64 "/%" PRIx64 "\nidentity %s\n", t->header->major,
		t->header->minor, t->len, t->header->section_count, t->header->crc32c, t->header->features_required, t->header->features_optional,
		identity_text(t->header->identity, 64, identity));
	for (unsigned s = 1; s <= WSR_SECTION_MAX; s++) {
		const struct wsr_section_view *v = &t->section[s];
		fprintf(out, "section %s count=%" PRIu32 " stride=%" PRIu32 " bytes=%" PRIu64 "\n", sections[s].name, v->count, v->stride,
			(uint64_t)v->count * v->stride);
		for (uint32_t i = 0; i < v->count && s != WSR_SECTION_string; i++) {
			fprintf(out, "%" PRIu32 ":", i);
			sections[s].print(out, t, i);
			fputc('\n', out);
		}
		if (s == WSR_SECTION_string)
			print_strings(out, t);
	}
}
