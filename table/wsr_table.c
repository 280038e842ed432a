/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From bytes to a `struct wsr_table`: header, section directory, then the walk over all records (wsr_verify.c); and the accessors that are
 * too long for the header. Nothing is copied: the table points into the caller's bytes.
 *
 * The order of the checks decides which reason a person reads. What a reader of any version can know comes first (magic, byte order, major),
 * then the length, then the checksum; all else is looked at only in a file that arrived as it was written.
 */
#include "table/wsr_table.h"
#include "table/wsr_verify.h"

#include <stdio.h>

/* --- messages ----------------------------------------------------------------------------------------------------- */

const char *wsr_strerror(enum wsr_error e)
{
	switch (e) {
#define X(symbol, sentence) case WSR_E_##symbol: return sentence;
	WSR_ERRORS(X)
#undef X
	}
	return "unknown error";
}

const char *wsr_error_name(enum wsr_error e)
{
	switch (e) {
#define X(symbol, sentence) case WSR_E_##symbol: return #symbol;
	WSR_ERRORS(X)
#undef X
	}
	return "UNKNOWN";
}

const char *wsr_refusal_text(const struct wsr_refusal *why, char *buf, size_t cap)
{
	if (why->section)
		snprintf(buf, cap, "%s (section %s, record %llu)", wsr_strerror(why->error), why->section, (unsigned long long)why->record);
	else
		snprintf(buf, cap, "%s", wsr_strerror(why->error));
	return buf;
}

static bool refuse(struct wsr_refusal *why, enum wsr_error error)
{
	why->error = error;
	return false;
}

/* --- header and section directory --------------------------------------------------------------------------------- */

/* What every version of the format has in the same place: magic, byte order, version. Bytes that may become a table are TRUNCATED. */
static bool check_start(const uint8_t *bytes, size_t len, struct wsr_refusal *why)
{
	size_t magic_len = sizeof(WSR_MAGIC) - 1;
	uint32_t mark;
	uint16_t major;

	if (len == 0)
		return refuse(why, WSR_E_EMPTY);
	if (memcmp(bytes, WSR_MAGIC, len < magic_len ? len : magic_len) != 0)
		return refuse(why, WSR_E_MAGIC);
	if (len < offsetof(struct wsr_header, minor))
		return refuse(why, WSR_E_TRUNCATED);
	memcpy(&mark, bytes + offsetof(struct wsr_header, endian_mark), sizeof(mark));
	if (mark == __builtin_bswap32(WSR_ENDIAN_MARK))
		return refuse(why, WSR_E_ENDIAN);
	if (mark != WSR_ENDIAN_MARK)
		return refuse(why, WSR_E_HEADER);
	memcpy(&major, bytes + offsetof(struct wsr_header, major), sizeof(major));
	if (major != WSR_MAJOR)
		return refuse(why, WSR_E_VERSION);
	return true;
}

static uint32_t file_crc(const uint8_t *bytes, size_t len)
{
	static const uint8_t zero[sizeof(uint32_t)];
	size_t at = offsetof(struct wsr_header, crc32c);
	uint32_t crc = wsr_crc32c(0, bytes, at);

	crc = wsr_crc32c(crc, zero, sizeof(zero));
	return wsr_crc32c(crc, bytes + at + sizeof(zero), len - at - sizeof(zero));
}

static bool check_header(const uint8_t *bytes, size_t len, struct wsr_refusal *why)
{
	const struct wsr_header *h = (const void *)bytes;

	if (!check_start(bytes, len, why))
		return false;
	if (len < sizeof(*h))
		return refuse(why, WSR_E_TRUNCATED);
	if (len > WSR_MAX_TABLE_BYTES || h->total_bytes > WSR_MAX_TABLE_BYTES)
		return refuse(why, WSR_E_TOO_LARGE);
	if (len != h->total_bytes)
		return refuse(why, len < h->total_bytes ? WSR_E_TRUNCATED : WSR_E_TRAILING);
	if (file_crc(bytes, len) != h->crc32c)
		return refuse(why, WSR_E_CHECKSUM);
	if (h->features_required & ~WSR_FEATURES_REQUIRED_KNOWN)
		return refuse(why, WSR_E_FEATURES);
	if (h->header_bytes < sizeof(*h) || h->header_bytes % 8 != 0 || h->header_bytes > len || h->reserved != 0)
		return refuse(why, WSR_E_HEADER);
	if (h->section_count > (len - h->header_bytes) / sizeof(struct wsr_section))
		return refuse(why, WSR_E_HEADER);
	return true;
}

struct record_shape { uint32_t size, align; };

/* Size and alignment of a known section's records; 0 for an unknown kind. */
static struct record_shape shape_of(uint32_t kind)
{
	switch (kind) {
#define X(num, name, type) case num: return (struct record_shape){ sizeof(type), _Alignof(type) };
	WSR_SECTIONS(X)
#undef X
	}
	return (struct record_shape){ 0, 0 };
}

static const char *section_name(uint32_t kind)
{
	switch (kind) {
#define X(num, name, type) case num: return #name;
	WSR_SECTIONS(X)
#undef X
	}
	return "unknown";
}

/* One entry of the directory. Sections stand in the order of their offsets: `end` is where the one before ended. */
static bool open_section(struct wsr_table *t, const struct wsr_section *s, uint64_t *end, struct wsr_refusal *why)
{
	struct record_shape shape = shape_of(s->kind);
	struct wsr_section_view *view;

	if (s->offset % 8 != 0 || s->offset < *end || s->offset > t->len)
		return refuse(why, WSR_E_SECTION);
	if (s->count >= UINT32_MAX || s->stride == 0 || s->count > (t->len - s->offset) / s->stride)
		return refuse(why, WSR_E_SECTION);
	*end = s->offset + s->count * s->stride;
	if (shape.size == 0)
		return true;
	if (s->stride < shape.size || s->stride % shape.align != 0 || (s->kind == WSR_SECTION_string && s->stride != 1))
		return refuse(why, WSR_E_STRIDE);
	view = &t->section[s->kind];
	if (view->base)
		return refuse(why, WSR_E_SECTION); /* a second one of this kind */
	view->base = t->bytes + s->offset;
	view->stride = s->stride;
	view->count = (uint32_t)s->count;
	return true;
}

static bool open_directory(struct wsr_table *t, struct wsr_refusal *why)
{
	const struct wsr_section *s = (const void *)(t->bytes + t->header->header_bytes);
	uint64_t end = t->header->header_bytes + (uint64_t)t->header->section_count * sizeof(*s);

	for (uint32_t i = 0; i < t->header->section_count; i++)
		if (!open_section(t, &s[i], &end, why)) {
			why->section = section_name(s[i].kind);
			return false;
		}
	if (!t->section[WSR_SECTION_string].base)
		return refuse(why, WSR_E_SECTION);
	if (t->section[WSR_SECTION_global].count != 1)
		return refuse(why, WSR_E_GLOBAL);
	return true;
}

bool wsr_table_init(struct wsr_table *t, const void *bytes, size_t len, struct wsr_refusal *why)
{
	*why = (struct wsr_refusal){ .error = WSR_E_OK };
	*t = (struct wsr_table){ .bytes = bytes, .len = len, .header = bytes };
	if (len > 0 && (uintptr_t)bytes % 8 != 0)
		refuse(why, WSR_E_HEADER);
	else if (check_header(bytes, len, why) && open_directory(t, why) && wsr_verify_records(t, why))
		return true;
	*t = (struct wsr_table){ 0 };
	return false;
}

bool wsr_table_attach(struct wsr_table *t, const void *bytes, size_t len, struct wsr_refusal *why)
{
	*why = (struct wsr_refusal){ .error = WSR_E_OK };
	*t = (struct wsr_table){ .bytes = bytes, .len = len, .header = bytes };
	if (len >= sizeof(struct wsr_header) && check_start(bytes, len, why) && t->header->total_bytes == len && open_directory(t, why))
		return true;
	if (why->error == WSR_E_OK)
		why->error = WSR_E_TRUNCATED;
	*t = (struct wsr_table){ 0 };
	return false;
}

/* --- accessors ---------------------------------------------------------------------------------------------------- */

bool wsr_tmpl_constant(const struct wsr_table *t, uint32_t tmpl, struct wsr_str *out)
{
	const struct wsr_tmpl *r = wsr_tmpl_at(t, tmpl);
	const struct wsr_part *part;

	if (r->part_count == 0) {
		*out = WSR_STR("");
		return true;
	}
	part = wsr_part_at(t, r->first_part);
	if (r->part_count != 1 || part->kind != WSR_PART_LITERAL)
		return false;
	*out = wsr_string(t, part->arg);
	return true;
}

const char *wsr_pos_text(const struct wsr_table *t, uint32_t pos, bool column, char *buf, size_t cap)
{
	const struct wsr_pos *p;
	struct wsr_str file;

	if (pos == WSR_NONE) {
		snprintf(buf, cap, "-");
		return buf;
	}
	p = wsr_pos_at(t, pos);
	file = wsr_string(t, *wsr_file_name_at(t, p->file));
	if (column)
		snprintf(buf, cap, "%.*s:%u:%u", WSR_FMT(file), p->line, p->column);
	else
		snprintf(buf, cap, "%.*s:%u", WSR_FMT(file), p->line);
	return buf;
}

#define SAME_START(type) \
	_Static_assert(offsetof(type, key) == offsetof(struct wsr_slot_key, key) && offsetof(type, hash) == offsetof(struct wsr_slot_key, hash), #type)
SAME_START(struct wsr_map_slot);
SAME_START(struct wsr_mime_slot);
SAME_START(struct wsr_name_slot);

/* Linear probing; ends because the verifier has seen an empty slot. */
static const void *find_slot(const struct wsr_table *t, uint32_t section, struct wsr_list slots, struct wsr_str key)
{
	const struct wsr_section_view *view = &t->section[section];
	uint32_t hash, mask = slots.count - 1;

	if (slots.count == 0)
		return NULL;
	hash = wsr_hash(key.ptr, key.len);
	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		const struct wsr_slot_key *slot = wsr_slot_at(view, slots.first + i);

		if (slot->key == 0)
			return NULL;
		if (slot->hash == hash && wsr_str_eq(wsr_string(t, slot->key), key))
			return slot;
	}
}

const struct wsr_map_slot *wsr_map_find(const struct wsr_table *t, struct wsr_list slots, struct wsr_str key)
{
	return find_slot(t, WSR_SECTION_map_slot, slots, key);
}

const struct wsr_mime_slot *wsr_mime_find(const struct wsr_table *t, struct wsr_list slots, struct wsr_str key)
{
	return find_slot(t, WSR_SECTION_mime_slot, slots, key);
}

const struct wsr_name_slot *wsr_name_find(const struct wsr_table *t, struct wsr_list slots, struct wsr_str key)
{
	return find_slot(t, WSR_SECTION_name_slot, slots, key);
}
