/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one reader of the table format: open, verify, read. A `struct wsr_table` comes only out of a successful open; after that every
 * index and reference that stands in a record is known to be in bounds, so the accessors below check nothing. Used by wsrpc, wsrpd, eval and tests.
 */
#ifndef WSR_TABLE_H
#define WSR_TABLE_H

#include "table/wsr_format.h"
#include "table/wsr_str.h"

/* Why a table was refused. X(symbol, sentence) */
#define WSR_ERRORS(X) \
	X(OK,          "no error") \
	X(OPEN,        "cannot open the file") \
	X(READ,        "cannot read the file") \
	X(MEMORY,      "out of memory") \
	X(EMPTY,       "the file is empty") \
	X(TRUNCATED,   "the file is shorter than its header says") \
	X(TRAILING,    "the file is longer than its header says") \
	X(TOO_LARGE,   "the file is larger than 4 GiB") \
	X(MAGIC,       "not a wsrp table") \
	X(ENDIAN,      "written for the other byte order") \
	X(VERSION,     "written in a format version that this program does not read") \
	X(FEATURES,    "needs a feature that this program does not have") \
	X(CHECKSUM,    "the checksum does not match: the file is damaged") \
	X(IDENTITY,    "the content does not match its SHA-256 identity") \
	X(HEADER,      "the header is inconsistent") \
	X(SECTION,     "a section lies outside the file, overlaps, is misaligned or missing") \
	X(STRIDE,      "a section's records are smaller than this version needs") \
	X(STRING,      "a string reference points outside the string section") \
	X(INDEX,       "a reference points outside its section") \
	X(RANGE,       "a list reaches outside its section") \
	X(ENUM,        "a field holds a value outside its set") \
	X(HASH,        "a hash table is not usable: size, empty slot or place of a key") \
	X(TRIE,        "a location trie is not usable: order of children or cycle") \
	X(PROGRAM,     "a rewrite program jumps backwards or out of its end") \
	X(SCOPE,       "nested locations are too deep or form a cycle") \
	X(REGEX,       "a regular expression has too many groups") \
	X(ORDER,       "records do not stand in the order that the format demands") \
	X(RESERVED,    "a reserved field is not zero") \
	X(GLOBAL,      "the process-wide record is missing")

enum wsr_error {
#define X(symbol, sentence) WSR_E_##symbol,
	WSR_ERRORS(X)
#undef X
};

/** Detail of a refusal: which section and record, for the message after the sentence. */
struct wsr_refusal {
	enum wsr_error error;
	const char *section;        /* name of the section or NULL */
	uint64_t record;            /* its ordinal */
};

struct wsr_table {
	const uint8_t *bytes;
	size_t len;
	const struct wsr_header *header;
	struct wsr_section_view {
		const uint8_t *base;
		uint32_t stride;
		uint32_t count;
	} section[WSR_SECTION_MAX + 1];
	bool owned;                 /* bytes were read by wsr_table_open and are freed by wsr_table_close */
};

/**
 * Check all of a table that lies in memory; afterwards every accessor is safe on it.
 * @param bytes  8-byte aligned, must stay unchanged and mapped until wsr_table_close()
 * @return true, or false with *why filled in and nothing kept.   Cost: one pass over the bytes. Layout: FORMAT.md.
 */
bool wsr_table_init(struct wsr_table *t, const void *bytes, size_t len, struct wsr_refusal *why);

/**
 * Read a table again that wsr_table_init() has accepted, byte for byte the same since (a sealed file, verified by another process): only the directory is read.
 * Never for bytes from anywhere else.   Cost: independent of the size.
 */
bool wsr_table_attach(struct wsr_table *t, const void *bytes, size_t len, struct wsr_refusal *why);

/** Read a file into memory and wsr_table_init() it. For tools; wsrpd copies into a sealed descriptor instead. */
bool wsr_table_open(struct wsr_table *t, const char *path, struct wsr_refusal *why);

/** Release what wsr_table_open() holds; harmless after wsr_table_init(). */
void wsr_table_close(struct wsr_table *t);

/** Sentence of an error, for people. */
const char *wsr_strerror(enum wsr_error e);
/** Symbol of an error, for tests and scripts ("TRUNCATED"). */
const char *wsr_error_name(enum wsr_error e);
/** "sentence (section location, record 12)" into buf; returns buf. */
const char *wsr_refusal_text(const struct wsr_refusal *why, char *buf, size_t cap);

/** CRC-32C (Castagnoli), hardware where the machine has it. Start with crc = 0. */
uint32_t wsr_crc32c(uint32_t crc, const void *data, size_t len);
/** The same without special instructions: what other machines run, and what the tests compare with. */
uint32_t wsr_crc32c_portable(uint32_t crc, const void *data, size_t len);

/** The hash of every string table in the format (FORMAT.md, section 5). Frozen by the format. */
uint32_t wsr_hash(const char *s, size_t len);

/* wsr_<section>_at(t, i): record i; wsr_<section>_count(t). i must be in bounds (see above). */
#define X(num, name, type) \
	static inline const type *wsr_##name##_at(const struct wsr_table *t, uint32_t i) \
	{ \
		return (const type *)(const void *)(t->section[num].base + (size_t)i * t->section[num].stride); \
	} \
	static inline uint32_t wsr_##name##_count(const struct wsr_table *t) \
	{ \
		return t->section[num].count; \
	}
WSR_SECTIONS(X)
#undef X

/** The string behind a reference; { NULL, 0 } for 0. NUL-terminated. */
static inline struct wsr_str wsr_string(const struct wsr_table *t, wsr_sref ref)
{
	if (ref == 0)
		return WSR_STR_NULL;
	const uint8_t *rec = t->section[WSR_SECTION_string].base + ref;
	uint32_t len;
	memcpy(&len, rec, sizeof(len));
	return wsr_str((const char *)rec + sizeof(len), len);
}

static inline const struct wsr_global *wsr_global(const struct wsr_table *t)
{
	return wsr_global_at(t, 0);
}

/** The constant string of a template, if it has no variable part. */
bool wsr_tmpl_constant(const struct wsr_table *t, uint32_t tmpl, struct wsr_str *out);

/** "site.conf:14" (or "site.conf:14:9" with column) into buf; returns buf. pos may be WSR_NONE: "-". */
const char *wsr_pos_text(const struct wsr_table *t, uint32_t pos, bool column, char *buf, size_t cap);

/** Look up key in a map_slot / mime_slot / name_slot table. The key must already be lower case. @return the slot's record or NULL. */
const struct wsr_map_slot *wsr_map_find(const struct wsr_table *t, struct wsr_list slots, struct wsr_str key);
const struct wsr_mime_slot *wsr_mime_find(const struct wsr_table *t, struct wsr_list slots, struct wsr_str key);
const struct wsr_name_slot *wsr_name_find(const struct wsr_table *t, struct wsr_list slots, struct wsr_str key);

#endif
