/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables made by hand, for tests: records are appended to sections, then the whole is written out as the bytes of a table file with a right
 * checksum. Nothing is checked here: what is appended may be as wrong as a test needs it. The compiler's emitter is not used, so that
 * reader and writer are tested against the format and not against each other.
 */
#ifndef TESTS_LIB_C_TABLE_IMAGE_H
#define TESTS_LIB_C_TABLE_IMAGE_H

#include "table/wsr_table.h"

struct image {
	struct image_section {
		uint8_t *data;
		size_t used_bytes, cap_bytes;
		uint32_t count, stride;
	} section[WSR_SECTION_MAX + 1];
};

/** A key of a hash table and the value of its slot. */
struct image_key { const char *key; uint32_t value; };

/** An empty image; release with image_free(). Running out of memory ends the program. */
void image_init(struct image *im);
void image_free(struct image *im);

/** Append a string record. @return its reference; equal strings are not shared */
wsr_sref image_text(struct image *im, const char *z);
/** Append a record of the section's size. @return its index */
uint32_t image_append(struct image *im, uint32_t kind, const void *record);
/** Append a hash table of `slot_count` slots (a power of two, more than key_count). */
struct wsr_list image_hash(struct image *im, uint32_t kind, uint32_t slot_count, const struct image_key *keys, uint32_t key_count);

/* image_<section>(im, record): append a record. @return its index */
#define X(num, name, type) \
	static inline uint32_t image_##name(struct image *im, type record) \
	{ \
		return image_append(im, num, &record); \
	}
WSR_SECTIONS(X)
#undef X

/** Write out: fresh memory, release with free(). Sections without records are left out. */
uint8_t *image_bytes(const struct image *im, size_t *len);
/** Put the right checksum into bytes that were edited; does nothing if they are shorter than a header. */
void image_seal(uint8_t *bytes, size_t len);
/** Record `index` of a section in written bytes; NULL if there is no such section. */
void *image_record(uint8_t *bytes, uint32_t kind, uint32_t index);
/** Directory entry of a section in written bytes; NULL if there is none. */
struct wsr_section *image_directory(uint8_t *bytes, uint32_t kind);

/**
 * A small valid table with records in every section, each operation, each kind of template part and of location. Which record is
 * which is written beside each in table_image_sample.c.
 */
void image_sample(struct image *im);
/** A valid table of `servers` servers with two names and two locations each on one listener: "host<i>.example.org", "www.host<i>.example.org". */
void image_many(struct image *im, uint32_t servers);

#endif
