/* SPDX-License-Identifier: BSD-2-Clause */
/* The identity of a table: of its content alone, changed by every content byte, refused where the header makes no sense. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/identity.h"
#include "tests/lib_c/table_image.h"

static uint8_t *identified_sample(size_t *len)
{
	struct image im;
	uint8_t *bytes;

	image_sample(&im);
	bytes = image_bytes(&im, len);
	image_free(&im);
	assert_true(identity_of(bytes, *len, ((struct wsr_header *)bytes)->identity));
	image_seal(bytes, *len);
	return bytes;
}

static void test_content_alone(void **state)
{
	size_t len;
	uint8_t *bytes = identified_sample(&len);
	struct wsr_header *h = (void *)bytes;

	(void)state;
	assert_true(identity_holds(bytes, len));
	h->crc32c ^= 1; /* the header has no part in it */
	assert_true(identity_holds(bytes, len));
	h->identity[31] ^= 1;
	assert_false(identity_holds(bytes, len));
	h->identity[31] ^= 1;
	for (size_t i = sizeof(*h); i < len; i += 37) {
		bytes[i] ^= 1;
		assert_false(identity_holds(bytes, len));
		bytes[i] ^= 1;
	}
	assert_false(identity_holds(bytes, len - 1));
	free(bytes);
}

static void test_bad_header(void **state)
{
	size_t len;
	uint8_t *bytes = identified_sample(&len);
	uint8_t sum[IDENTITY_BYTES];

	(void)state;
	assert_false(identity_of(bytes, sizeof(struct wsr_header) - 1, sum));
	((struct wsr_header *)bytes)->header_bytes = (uint32_t)len + 1;
	assert_false(identity_of(bytes, len, sum));
	((struct wsr_header *)bytes)->header_bytes = 0;
	assert_false(identity_holds(bytes, len));
	free(bytes);
}

/* FIPS 180-4: SHA-256 of "abc" */
static void test_known_and_text(void **state)
{
	uint8_t bytes[sizeof(struct wsr_header) + 3] __attribute__((aligned(8))) = { 0 };
	uint8_t sum[IDENTITY_BYTES];
	char text[IDENTITY_TEXT];

	(void)state;
	((struct wsr_header *)bytes)->header_bytes = sizeof(struct wsr_header);
	memcpy(bytes + sizeof(struct wsr_header), "abc", 3);
	assert_true(identity_of(bytes, sizeof(bytes), sum));
	assert_string_equal(identity_text(sum, 64, text), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(identity_text(sum, 12, text), "ba7816bf8f01");
	assert_string_equal(identity_text(sum, 3, text), "ba7");
	assert_string_equal(identity_text(sum, 0, text), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content_alone),
		cmocka_unit_test(test_bad_header),
		cmocka_unit_test(test_known_and_text),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
