/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the format freezes: values of CRC-32C (RFC 3720 appendix B.4) and of wsr_hash(); that both ways to compute the checksum agree for every length and
 * alignment; and, with random sets of names, that look-up by hash finds exactly what a walk over the list finds.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/lib_c/table_image.h"

/* xorshift: the same numbers on every machine */
static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void test_crc_known(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (uint8_t i = 0; i < 32; i++)
		up[i] = i;
	assert_int_equal(wsr_crc32c(0, "123456789", 9), 0xE3069283u);
	assert_int_equal(wsr_crc32c(0, zeros, 32), 0x8A9136AAu);
	assert_int_equal(wsr_crc32c(0, ones, 32), 0x62A8AB43u);
	assert_int_equal(wsr_crc32c(0, up, 32), 0x46DD794Eu);
	assert_int_equal(wsr_crc32c(0, "", 0), 0);
	assert_int_equal(wsr_crc32c_portable(0, "123456789", 9), 0xE3069283u);
	assert_int_equal(wsr_crc32c_portable(0, up, 32), 0x46DD794Eu);
}

static void test_crc_both_ways(void **state)
{
	enum { LEN = 20000 };
	uint8_t *data = malloc(LEN + 8);
	uint32_t seed = 1, whole;

	(void)state;
	for (int i = 0; i < LEN + 8; i++)
		data[i] = (uint8_t)next_random(&seed);
	for (size_t len = 0; len < LEN; len += len < 600 ? 1 : 97)
		for (size_t shift = 0; shift < 8; shift += 3)
			assert_int_equal(wsr_crc32c(7, data + shift, len), wsr_crc32c_portable(7, data + shift, len));
	whole = wsr_crc32c(0, data, LEN);
	for (size_t cut = 0; cut < LEN; cut += 911) /* a checksum goes on where it stopped */
		assert_int_equal(wsr_crc32c(wsr_crc32c(0, data, cut), data + cut, LEN - cut), whole);
	free(data);
}

static void test_hash_known(void **state)
{
	(void)state;
	assert_int_equal(wsr_hash("", 0), 0);
	assert_int_equal(wsr_hash("example.org", 11), 0x9E9B1A01u);
	assert_int_equal(wsr_hash("\0\377", 2), 0xFFD0C840u);
}

/* As FORMAT.md says it, a byte at a time. */
static uint32_t hash_in_prose(const char *s, size_t len)
{
	uint64_t h = len;
	size_t at = 0;

	do {
		uint64_t word = 0;

		for (unsigned k = 0; k < 8 && at < len; k++)
			word |= (uint64_t)(uint8_t)s[at++] << 8 * k;
		h = (h ^ word) * 0x9E3779B97F4A7C15u;
		h ^= h >> 32;
	} while (at < len);
	return (uint32_t)(h * 0x9E3779B97F4A7C15u >> 32);
}

/* Every length and alignment, with bytes behind the end that must not count. */
static void test_hash_lengths(void **state)
{
	char text[96];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)next_random(&seed);
	for (size_t len = 0; len < 64; len++)
		for (size_t shift = 0; shift < 9; shift++)
			assert_int_equal(wsr_hash(text + shift, len), hash_in_prose(text + shift, len));
}

/* --- look-up against a walk over the list ------------------------------------------------------------------------- */

#define MAX_NAMES 300

struct names {
	char text[MAX_NAMES][32];
	struct image_key key[MAX_NAMES];
	uint32_t count;
};

/* Short names over few letters, so that many collide in their slots and many questions almost match. */
static void random_name(uint32_t *seed, char *out)
{
	uint32_t len = next_random(seed) % 6;

	for (uint32_t i = 0; i < len; i++)
		out[i] = "ab.-"[next_random(seed) % 4];
	out[len] = 0;
}

static const struct image_key *walk_list(const struct names *n, const char *name)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (strcmp(n->key[i].key, name) == 0)
			return &n->key[i];
	return NULL;
}

static void random_names(struct names *n, uint32_t *seed)
{
	uint32_t wanted = next_random(seed) % MAX_NAMES;

	n->count = 0;
	for (uint32_t i = 0; i < wanted; i++) {
		random_name(seed, n->text[n->count]);
		if (walk_list(n, n->text[n->count]))
			continue;
		n->key[n->count] = (struct image_key){ n->text[n->count], next_random(seed) % 2 };
		n->count++;
	}
}

static void compare(const struct wsr_table *t, struct wsr_list slots, const struct names *n, const char *name)
{
	const struct wsr_name_slot *found = wsr_name_find(t, slots, wsr_cstr(name));
	const struct image_key *expected = walk_list(n, name);

	assert_int_equal(found != NULL, expected != NULL);
	if (found) {
		assert_int_equal(found->server, expected->value);
		assert_true(wsr_str_eq(wsr_string(t, found->key), wsr_cstr(name)));
	}
}

static void test_names_like_list(void **state)
{
	static struct names names;
	uint32_t seed = 20240229;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct wsr_refusal why;
		struct wsr_list slots;
		struct wsr_table t;
		struct image im;
		uint32_t slot_count = 1;
		char name[32];
		size_t len;
		uint8_t *bytes;

		random_names(&names, &seed);
		while (slot_count <= names.count) /* as full as allowed: long runs */
			slot_count *= 2;
		image_sample(&im);
		slots = image_hash(&im, WSR_SECTION_name_slot, slot_count, names.key, names.count);
		image_nameset(&im, (struct wsr_nameset){ .exact = slots });
		bytes = image_bytes(&im, &len);
		image_free(&im);
		assert_true(wsr_table_init(&t, bytes, len, &why));
		for (uint32_t i = 0; i < names.count; i++)
			compare(&t, slots, &names, names.key[i].key);
		for (int i = 0; i < 500; i++) {
			random_name(&seed, name);
			compare(&t, slots, &names, name);
		}
		free(bytes);
	}
}

/* --- cost --------------------------------------------------------------------------------------------------------- */

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Best of a few runs; the bound is generous, since other work may share the machine and a sanitizer slows it. */
static double open_ms(const uint8_t *bytes, size_t len)
{
	struct wsr_refusal why;
	struct wsr_table t;
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		double start = now_ms(), took;

		if (!wsr_table_init(&t, bytes, len, &why))
			fail_msg("%s in %s", wsr_error_name(why.error), why.section);
		took = now_ms() - start;
		best = took < best ? took : best;
	}
	return best;
}

static void test_large_table(void **state)
{
	struct image im;
	size_t len;
	uint8_t *bytes;
	double ms;

	(void)state;
	image_many(&im, 40000);
	bytes = image_bytes(&im, &len);
	image_free(&im);
	ms = open_ms(bytes, len);
	print_message("40000 servers: %.1f MB verified in %.1f ms\n", (double)len / 1e6, ms);
	assert_true(ms < 500);
	free(bytes);
}

/* Many owners of one large thing must not cost its size each time: refused at the second owner. */
static void test_shared_slots_refused(void **state)
{
	struct wsr_refusal why;
	struct wsr_table t;
	struct image im;
	struct wsr_list slots;
	double start;
	size_t len;
	uint8_t *bytes;

	(void)state;
	image_sample(&im);
	slots = image_hash(&im, WSR_SECTION_name_slot, 1 << 16, NULL, 0);
	for (int i = 0; i < 50000; i++)
		image_nameset(&im, (struct wsr_nameset){ .exact = slots });
	bytes = image_bytes(&im, &len);
	image_free(&im);
	start = now_ms();
	assert_false(wsr_table_init(&t, bytes, len, &why));
	assert_int_equal(why.error, WSR_E_ORDER);
	assert_true(now_ms() - start < 500);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc_known),
		cmocka_unit_test(test_crc_both_ways),
		cmocka_unit_test(test_hash_known),
		cmocka_unit_test(test_hash_lengths),
		cmocka_unit_test(test_names_like_list),
		cmocka_unit_test(test_large_table),
		cmocka_unit_test(test_shared_slots_refused),
	};

	return cmocka_run_group_tests_name("table_hash", tests, NULL, NULL);
}
