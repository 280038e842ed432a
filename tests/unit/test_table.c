/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table reader on a good table: it opens, the accessors return what was written; and on files that are not what was written: cut, longer,
 * flipped bits, other byte order, other version, unknown features, a directory that lies. Each has its named reason.
 *
 * `test_table --write-seeds DIR` writes the small seed files of the fuzz target instead.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib_c/table_image.h"

static uint8_t *sample_bytes(size_t *len)
{
	struct image im;
	uint8_t *bytes;

	image_sample(&im);
	bytes = image_bytes(&im, len);
	image_free(&im);
	return bytes;
}

static enum wsr_error refusal(const void *bytes, size_t len)
{
	struct wsr_refusal why;
	struct wsr_table t;

	if (wsr_table_init(&t, bytes, len, &why)) {
		assert_int_equal(why.error, WSR_E_OK);
		return WSR_E_OK;
	}
	assert_int_not_equal(why.error, WSR_E_OK);
	assert_null(t.bytes);
	return why.error;
}

#define assert_refused(bytes, len, symbol) assert_string_equal(wsr_error_name(refusal(bytes, len)), #symbol)

/* --- a good table ------------------------------------------------------------------------------------------------- */

static void test_sample_opens(void **state)
{
	struct wsr_refusal why;
	struct wsr_table t;
	char text[128];
	size_t len;
	uint8_t *bytes = sample_bytes(&len);

	(void)state;
	if (!wsr_table_init(&t, bytes, len, &why))
		fail_msg("%s", wsr_refusal_text(&why, text, sizeof(text)));
	for (uint32_t kind = 1; kind <= WSR_SECTION_MAX; kind++)
		if (t.section[kind].count == 0)
			fail_msg("the sample has no record in section %u", kind);
	assert_int_equal(wsr_server_count(&t), 2);
	assert_true(wsr_str_eq(wsr_string(&t, wsr_global(&t)->origin), WSR_STR("site.conf")));
	assert_int_equal(wsr_string(&t, wsr_global(&t)->origin).ptr[9], 0);
	assert_null(wsr_string(&t, 0).ptr);
	wsr_table_close(&t);
	free(bytes);
}

static void test_templates_and_positions(void **state)
{
	struct wsr_refusal why;
	struct wsr_table t;
	struct wsr_str s;
	char buf[64];
	size_t len;
	uint8_t *bytes = sample_bytes(&len);

	(void)state;
	assert_true(wsr_table_init(&t, bytes, len, &why));
	assert_true(wsr_tmpl_constant(&t, 0, &s));
	assert_int_equal(s.len, 0);
	assert_true(wsr_tmpl_constant(&t, 1, &s));
	assert_true(wsr_str_eq(s, WSR_STR("https://example.org")));
	assert_false(wsr_tmpl_constant(&t, 2, &s));
	assert_string_equal(wsr_pos_text(&t, 1, false, buf, sizeof(buf)), "site.conf:14");
	assert_string_equal(wsr_pos_text(&t, 2, true, buf, sizeof(buf)), "conf.d/proxy.inc:3:5");
	assert_string_equal(wsr_pos_text(&t, WSR_NONE, true, buf, sizeof(buf)), "-");
	assert_string_equal(wsr_pos_text(&t, 1, false, buf, 6), "site."); /* cut, still ended */
	free(bytes);
}

static void test_find(void **state)
{
	struct wsr_refusal why;
	struct wsr_table t;
	size_t len;
	uint8_t *bytes = sample_bytes(&len);
	const struct wsr_nameset *names;

	(void)state;
	assert_true(wsr_table_init(&t, bytes, len, &why));
	names = wsr_nameset_at(&t, 0);
	assert_int_equal(wsr_name_find(&t, names->exact, WSR_STR("example.net"))->server, 1);
	assert_int_equal(wsr_name_find(&t, names->exact, WSR_STR("www.example.org"))->server, 0);
	assert_null(wsr_name_find(&t, names->exact, WSR_STR("example.com")));
	assert_null(wsr_name_find(&t, names->exact, WSR_STR("")));
	assert_null(wsr_name_find(&t, (struct wsr_list){ 0, 0 }, WSR_STR("example.net")));
	assert_non_null(wsr_name_find(&t, names->leading, WSR_STR(".example.org")));
	assert_int_equal(wsr_map_find(&t, wsr_map_at(&t, 0)->slots, WSR_STR("websocket"))->value, 1);
	assert_int_equal(wsr_map_find(&t, wsr_map_at(&t, 0)->slots, WSR_STR_NULL)->value, 0);
	assert_true(wsr_str_eq(wsr_string(&t, wsr_mime_find(&t, wsr_mime_at(&t, 0)->slots, WSR_STR("css"))->type), WSR_STR("text/css")));
	assert_null(wsr_mime_find(&t, wsr_mime_at(&t, 0)->slots, WSR_STR("png")));
	free(bytes);
}

/* A writer of a later minor version: longer records, a section kind and an optional feature of its own, a longer header. */
static void test_later_minor_opens(void **state)
{
	struct wsr_refusal why;
	struct wsr_table t;
	struct image im;
	size_t len;
	uint8_t *bytes;
	struct image_section *peers = &im.section[WSR_SECTION_peer];
	const uint32_t stride = sizeof(struct wsr_peer) + 16;
	uint8_t *wide = calloc(2, stride);

	(void)state;
	image_sample(&im);
	for (uint32_t i = 0; i < 2; i++)
		memcpy(wide + (size_t)i * stride, peers->data + i * sizeof(struct wsr_peer), sizeof(struct wsr_peer));
	free(peers->data);
	*peers = (struct image_section){ .data = wide, .used_bytes = 2 * stride, .cap_bytes = 2 * stride, .count = 2, .stride = stride };
	bytes = image_bytes(&im, &len);
	image_free(&im);
	((struct wsr_header *)bytes)->minor = WSR_MINOR + 7;
	((struct wsr_header *)bytes)->features_optional = UINT64_C(1) << 63;
	image_directory(bytes, WSR_SECTION_access_rule)->kind = 4711;
	for (uint32_t i = 0; i < 7; i++)
		((struct wsr_body *)image_record(bytes, WSR_SECTION_body, i))->access = (struct wsr_list){ 0, 0 };
	((struct wsr_cond *)image_record(bytes, WSR_SECTION_cond, 2))->b = 0;
	((struct wsr_host *)image_record(bytes, WSR_SECTION_host, 0))->trusted = (struct wsr_list){ 0, 0 };
	image_seal(bytes, len);
	assert_true(wsr_table_init(&t, bytes, len, &why));
	assert_int_equal(wsr_peer_at(&t, 1)->kind, WSR_PEER_UNIX);
	assert_int_equal(wsr_access_rule_count(&t), 0);
	free(bytes);
}

/* --- files that are not what was written -------------------------------------------------------------------------- */

static void test_every_truncation(void **state)
{
	size_t len;
	uint8_t *bytes = sample_bytes(&len);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1); /* its own allocation, so that a sanitizer sees a read behind it */

		memcpy(exact, bytes, cut);
		if (cut == 0)
			assert_refused(exact, cut, EMPTY);
		else
			assert_refused(exact, cut, TRUNCATED);
		free(exact);
	}
	free(bytes);
}

static void test_trailing(void **state)
{
	size_t len;
	uint8_t *bytes = sample_bytes(&len);
	uint8_t *longer = calloc(1, len + 8);

	(void)state;
	memcpy(longer, bytes, len);
	assert_refused(longer, len + 1, TRAILING);
	assert_refused(longer, len + 8, TRAILING);
	free(longer);
	free(bytes);
}

/* Behind the fields that a reader of any version looks at first, every flipped bit is a wrong checksum. */
static void test_every_bit_flip(void **state)
{
	size_t len;
	uint8_t *bytes = sample_bytes(&len);

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		size_t at = bit / 8;
		enum wsr_error e;

		bytes[at] ^= (uint8_t)(1u << bit % 8);
		e = refusal(bytes, len);
		bytes[at] ^= (uint8_t)(1u << bit % 8);
		if (at >= offsetof(struct wsr_header, header_bytes) || at / 2 == offsetof(struct wsr_header, minor) / 2)
			assert_int_equal(e, WSR_E_CHECKSUM);
		else
			assert_int_not_equal(e, WSR_E_OK);
	}
	assert_int_equal(refusal(bytes, len), WSR_E_OK);
	free(bytes);
}

static void test_not_a_table(void **state)
{
	static const char text[] __attribute__((aligned(8))) = "server { listen 80; }\n";
	uint8_t zeros[4096] __attribute__((aligned(8))) = { 0 };

	(void)state;
	assert_refused(text, sizeof(text), MAGIC);
	assert_refused(text, 3, MAGIC);
	assert_refused(zeros, sizeof(zeros), MAGIC);
	assert_refused(zeros, 0, EMPTY);
	assert_refused(zeros + 1, 0, EMPTY);
}

static void test_header_reasons(void **state)
{
	size_t len;
	uint8_t *bytes = sample_bytes(&len), *good = malloc(len);
	struct wsr_header *h = (void *)bytes;

	(void)state;
	memcpy(good, bytes, len);
#define HEADER_EDIT(statement, symbol, seal) \
	do { \
		memcpy(bytes, good, len); \
		statement; \
		if (seal) \
			image_seal(bytes, len); \
		assert_refused(bytes, len, symbol); \
	} while (0)
	for (int seal = 0; seal < 2; seal++) { /* these say the same whether the checksum is right or not */
		HEADER_EDIT(h->magic[0] = 'X', MAGIC, seal);
		HEADER_EDIT(h->endian_mark = __builtin_bswap32(WSR_ENDIAN_MARK), ENDIAN, seal);
		HEADER_EDIT(h->endian_mark = 0, HEADER, seal);
		HEADER_EDIT(h->major = 2, VERSION, seal);
		HEADER_EDIT(h->major = 0, VERSION, seal);
		HEADER_EDIT(h->total_bytes += 8, TRUNCATED, seal);
		HEADER_EDIT(h->total_bytes -= 8, TRAILING, seal);
		HEADER_EDIT(h->total_bytes = UINT64_MAX, TOO_LARGE, seal);
	}
	HEADER_EDIT(h->features_required = UINT64_C(1) << 62, FEATURES, true);
	HEADER_EDIT(h->features_required = UINT64_C(1) << 63, FEATURES, true);
	HEADER_EDIT(h->features_required = UINT64_C(1) << 62, CHECKSUM, false);
	HEADER_EDIT(h->crc32c ^= 1, CHECKSUM, false);
	HEADER_EDIT(h->reserved = 1, HEADER, true);
	HEADER_EDIT(h->header_bytes = 80, HEADER, true);
	HEADER_EDIT(h->header_bytes = 92, HEADER, true);
	HEADER_EDIT(h->header_bytes = UINT32_MAX - 7, HEADER, true);
	HEADER_EDIT(h->section_count = UINT32_MAX, HEADER, true);
	HEADER_EDIT(h->section_count = 0, SECTION, true);
	free(good);
	free(bytes);
}

static void test_directory_reasons(void **state)
{
	size_t len;
	uint8_t *bytes = sample_bytes(&len), *good = malloc(len);

	(void)state;
	memcpy(good, bytes, len);
#define DIR_EDIT(name, statement, symbol) \
	do { \
		struct wsr_section *s; \
		memcpy(bytes, good, len); \
		s = image_directory(bytes, WSR_SECTION_##name); \
		statement; \
		image_seal(bytes, len); \
		assert_refused(bytes, len, symbol); \
	} while (0)
	DIR_EDIT(tmpl, s->offset += 4, SECTION);               /* misaligned */
	DIR_EDIT(tmpl, s->offset -= 8, SECTION);               /* overlaps the one before */
	DIR_EDIT(string, s->offset = 0, SECTION);              /* overlaps the header */
	DIR_EDIT(error_page, s->offset = len + 8, SECTION);
	DIR_EDIT(error_page, s->offset = UINT64_MAX - 7, SECTION);
	DIR_EDIT(error_page, s->count = len, SECTION);
	DIR_EDIT(error_page, s->count = UINT64_MAX / 12 + 1, SECTION);
	DIR_EDIT(error_page, s->count = UINT32_MAX, SECTION);
	DIR_EDIT(error_page, s->kind = WSR_SECTION_tmpl, SECTION); /* twice */
	DIR_EDIT(error_page, s->stride = 0, SECTION);
	DIR_EDIT(error_page, s->stride = 8, STRIDE);
	DIR_EDIT(srv, s->stride = 36, STRIDE);                 /* records of 8-byte fields would be misaligned */
	DIR_EDIT(string, s->stride = 2; s->count = 8, STRIDE);
	DIR_EDIT(string, s->kind = 4711, SECTION);             /* missing */
	DIR_EDIT(global, s->kind = 4711, GLOBAL);
	DIR_EDIT(global, s->count = 0, GLOBAL);
	free(good);
	free(bytes);
}

static void test_misaligned_memory(void **state)
{
	size_t len;
	uint8_t *bytes = sample_bytes(&len), *moved = malloc(len + 4);

	(void)state;
	memcpy(moved + 4, bytes, len);
	assert_refused(moved + 4, len, HEADER);
	free(moved);
	free(bytes);
}

/* --- from a file -------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) {
		fprintf(stderr, "cannot write %s\n", path);
		exit(2);
	}
}

static void test_open_file(void **state)
{
	char path[] = "/tmp/wsr-test-table-XXXXXX";
	struct wsr_refusal why;
	struct wsr_table t;
	size_t len;
	uint8_t *bytes = sample_bytes(&len);

	(void)state;
	close(mkstemp(path));
	write_file(path, bytes, len);
	assert_true(wsr_table_open(&t, path, &why));
	assert_true(t.owned);
	assert_int_equal(wsr_server_count(&t), 2);
	wsr_table_close(&t);
	assert_null(t.bytes);

	write_file(path, bytes, len - 8);
	assert_false(wsr_table_open(&t, path, &why));
	assert_int_equal(why.error, WSR_E_TRUNCATED);
	write_file(path, bytes, 0);
	assert_false(wsr_table_open(&t, path, &why));
	assert_int_equal(why.error, WSR_E_EMPTY);
	unlink(path);
	assert_false(wsr_table_open(&t, path, &why));
	assert_int_equal(why.error, WSR_E_OPEN);
	assert_false(wsr_table_open(&t, "/", &why));
	assert_int_equal(why.error, WSR_E_READ);
	free(bytes);
}

static void test_messages(void **state)
{
	struct wsr_refusal why = { WSR_E_INDEX, "location", 12 };
	char buf[128];

	(void)state;
	assert_string_equal(wsr_refusal_text(&why, buf, sizeof(buf)), "a reference points outside its section (section location, record 12)");
	why.section = NULL;
	assert_string_equal(wsr_refusal_text(&why, buf, sizeof(buf)), "a reference points outside its section");
	assert_string_equal(wsr_error_name(WSR_E_TRUNCATED), "TRUNCATED");
	assert_string_equal(wsr_error_name((enum wsr_error)999), "UNKNOWN");
	assert_string_equal(wsr_strerror((enum wsr_error)999), "unknown error");
}

static int write_seeds(const char *dir)
{
	static const uint32_t servers[] = { 0, 1, 5 };
	char path[4096];
	size_t len;
	uint8_t *bytes = sample_bytes(&len);

	snprintf(path, sizeof(path), "%s/sample", dir);
	write_file(path, bytes, len);
	free(bytes);
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		struct image im;

		image_many(&im, servers[i]);
		bytes = image_bytes(&im, &len);
		image_free(&im);
		snprintf(path, sizeof(path), "%s/servers-%u", dir, servers[i]);
		write_file(path, bytes, len);
		free(bytes);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample_opens),
		cmocka_unit_test(test_templates_and_positions),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_later_minor_opens),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_trailing),
		cmocka_unit_test(test_every_bit_flip),
		cmocka_unit_test(test_not_a_table),
		cmocka_unit_test(test_header_reasons),
		cmocka_unit_test(test_directory_reasons),
		cmocka_unit_test(test_misaligned_memory),
		cmocka_unit_test(test_open_file),
		cmocka_unit_test(test_messages),
	};

	if (argc == 3 && strcmp(argv[1], "--write-seeds") == 0)
		return write_seeds(argv[2]);
	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
