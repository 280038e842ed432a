/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections in memory and their way into the bytes of a table file; see table_image.h. */
#include "tests/lib_c/table_image.h"

#include <stdio.h>
#include <stdlib.h>

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		abort();
	}
	return p;
}

void image_init(struct image *im)
{
	*im = (struct image){ 0 };
#define X(num, name, type) im->section[num].stride = sizeof(type);
	WSR_SECTIONS(X)
#undef X
	for (int i = 0; i < 8; i++)
		image_string(im, 0);
}

void image_free(struct image *im)
{
	for (size_t i = 0; i <= WSR_SECTION_MAX; i++)
		free(im->section[i].data);
}

static void append_bytes(struct image_section *s, const void *bytes, size_t len)
{
	while (s->cap_bytes - s->used_bytes < len) {
		s->cap_bytes = s->cap_bytes ? s->cap_bytes * 2 : 256;
		s->data = must(realloc(s->data, s->cap_bytes));
	}
	memcpy(s->data + s->used_bytes, bytes, len);
	s->used_bytes += len;
}

uint32_t image_append(struct image *im, uint32_t kind, const void *record)
{
	struct image_section *s = &im->section[kind];

	append_bytes(s, record, s->stride);
	return s->count++;
}

wsr_sref image_text(struct image *im, const char *z)
{
	struct image_section *s = &im->section[WSR_SECTION_string];
	static const char zeros[4];
	uint32_t len = (uint32_t)strlen(z);
	wsr_sref ref = s->count;

	append_bytes(s, &len, sizeof(len));
	append_bytes(s, z, len);
	append_bytes(s, zeros, 4 - len % 4);
	s->count = (uint32_t)s->used_bytes;
	return ref;
}

struct wsr_list image_hash(struct image *im, uint32_t kind, uint32_t slot_count, const struct image_key *keys, uint32_t key_count)
{
	struct wsr_list list = { im->section[kind].count, slot_count };
	struct wsr_map_slot none = { 0 };
	uint8_t *slots;

	for (uint32_t i = 0; i < slot_count; i++)
		image_append(im, kind, &none);
	slots = im->section[kind].data + (size_t)list.first * sizeof(none);
	for (uint32_t i = 0; i < key_count; i++) {
		struct wsr_map_slot slot = { image_text(im, keys[i].key), wsr_hash(keys[i].key, strlen(keys[i].key)), keys[i].value }, there;
		uint32_t at = slot.hash & (slot_count - 1);

		for (;; at = (at + 1) & (slot_count - 1)) {
			memcpy(&there, slots + at * sizeof(there), sizeof(there));
			if (there.key == 0)
				break;
		}
		memcpy(slots + at * sizeof(slot), &slot, sizeof(slot));
	}
	return list;
}

void image_seal(uint8_t *bytes, size_t len)
{
	struct wsr_header *h = (void *)bytes;

	if (len < sizeof(*h))
		return;
	h->crc32c = 0;
	h->crc32c = wsr_crc32c(0, bytes, len);
}

uint8_t *image_bytes(const struct image *im, size_t *len)
{
	struct wsr_header h = { .endian_mark = WSR_ENDIAN_MARK, .major = WSR_MAJOR, .minor = WSR_MINOR, .header_bytes = sizeof(h) };
	struct wsr_section *dir;
	uint64_t offset;
	uint8_t *bytes;

	memcpy(h.magic, WSR_MAGIC, sizeof(h.magic));
	h.total_bytes = sizeof(h);
	for (uint32_t kind = 1; kind <= WSR_SECTION_MAX; kind++)
		if (im->section[kind].count) {
			h.section_count++;
			h.total_bytes += sizeof(*dir) + (im->section[kind].used_bytes + 7) / 8 * 8;
		}
	bytes = must(calloc(1, h.total_bytes));
	dir = (void *)(bytes + sizeof(h));
	offset = sizeof(h) + h.section_count * sizeof(*dir);
	for (uint32_t kind = 1; kind <= WSR_SECTION_MAX; kind++) {
		const struct image_section *s = &im->section[kind];

		if (!s->count)
			continue;
		*dir++ = (struct wsr_section){ .kind = kind, .stride = s->stride, .offset = offset, .count = s->count };
		memcpy(bytes + offset, s->data, s->used_bytes);
		offset += (s->used_bytes + 7) / 8 * 8;
	}
	memcpy(bytes, &h, sizeof(h));
	image_seal(bytes, h.total_bytes);
	*len = h.total_bytes;
	return bytes;
}

struct wsr_section *image_directory(uint8_t *bytes, uint32_t kind)
{
	struct wsr_header *h = (void *)bytes;
	struct wsr_section *dir = (void *)(bytes + h->header_bytes);

	for (uint32_t i = 0; i < h->section_count; i++)
		if (dir[i].kind == kind)
			return &dir[i];
	return NULL;
}

void *image_record(uint8_t *bytes, uint32_t kind, uint32_t index)
{
	struct wsr_section *s = image_directory(bytes, kind);

	return s ? bytes + s->offset + (size_t)index * s->stride : NULL;
}
