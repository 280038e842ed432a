/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plan -> bytes. The pools of the plan are the sections of the table, so emitting is: measure, then one pass of copies in the order of
 * WSR_SECTIONS, then identity and checksum. Nothing here depends on time, addresses or names of the machine. Layout: table/FORMAT.md.
 */
#include "compiler/emit.h"

#include <stdlib.h>

#include "common/identity.h"
#include "table/wsr_table.h"

#define SECTION_COUNT WSR_SECTION_MAX
#define ALIGN8(n) (((n) + 7) & ~UINT64_C(7))

static const struct pool *section_pool(const struct plan *p, uint32_t kind)
{
	switch (kind) {
#define X(num, name, type) case num: return &p->name;
	WSR_SECTIONS(X)
#undef X
	}
	return NULL;
}

/* Offsets of all sections. @return size of the whole file. */
static uint64_t measure(const struct plan *p, struct wsr_section dir[SECTION_COUNT])
{
	uint64_t at = ALIGN8(sizeof(struct wsr_header) + SECTION_COUNT * sizeof(struct wsr_section));
	uint32_t n = 0;
#define X(num, name, type) \
	dir[n++] = (struct wsr_section){ .kind = num, .stride = sizeof(type), .offset = at, .count = p->name.count }; \
	at += ALIGN8((uint64_t)p->name.count * sizeof(type));
	WSR_SECTIONS(X)
#undef X
	return at;
}

bool emit_table(const struct plan *plan, unsigned char **bytes, size_t *len)
{
	struct wsr_section dir[SECTION_COUNT];
	uint64_t total = measure(plan, dir);
	if (total >= WSR_MAX_TABLE_BYTES)
		return false;
	unsigned char *out = intern_alloc(total);
	struct wsr_header h = {
		.endian_mark = WSR_ENDIAN_MARK,
		.major = WSR_MAJOR,
		.minor = WSR_MINOR,
		.total_bytes = total,
		.header_bytes = sizeof(h),
		.section_count = SECTION_COUNT,
		.features_required = plan->host.count ? WSR_FEATURE_HOST : 0,
	};
	memcpy(h.magic, WSR_MAGIC, sizeof(h.magic));
	memcpy(out + sizeof(h), dir, sizeof(dir));
	uint64_t at = sizeof(h) + sizeof(dir);
	for (uint32_t i = 0; i < SECTION_COUNT; i++) {
		const struct pool *pool = section_pool(plan, dir[i].kind);
		size_t bytes_here = (size_t)(dir[i].count * dir[i].stride);
		memset(out + at, 0, dir[i].offset - at); /* padding */
		if (bytes_here)
			memcpy(out + dir[i].offset, pool->data, bytes_here);
		at = dir[i].offset + bytes_here;
	}
	memset(out + at, 0, total - at);
	memcpy(out, &h, sizeof(h));
	if (!identity_of(out, total, h.identity)) {
		free(out);
		return false;
	}
	memcpy(out, &h, sizeof(h));
	h.crc32c = wsr_crc32c(0, out, total);
	memcpy(out, &h, sizeof(h));
	*bytes = out;
	*len = total;
	return true;
}
