/* SPDX-License-Identifier: BSD-2-Clause */
/* OpenSSL's memory: blocks of all sizes keep their content and their place, spans are given back, and an SSL object that slept is what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/tls_memory.h"
#include "tests/unit/tls_world.h"

#define BLOCKS 6000

static struct {
	uint8_t *at;
	size_t len;
	uint8_t seed;
} blocks[BLOCKS];

static uint32_t state = 1;

static uint32_t next_random(void)
{
	state = state * 1664525u + 1013904223u;
	return state >> 8;
}

/* Mostly small, now and then up to past the largest class. */
static size_t some_length(void)
{
	static const uint32_t limits[] = { 64, 300, 1100, 1100, 8300, 24000 };
	uint32_t kind = next_random() % 8;

	if (kind > 5) /* objects that lie apart, and blocks that fit between them */
		return kind == 6 ? 7600 : 540;
	return 1 + next_random() % limits[kind];
}

static void fill(int i, size_t from)
{
	for (size_t k = from; k < blocks[i].len; k++)
		blocks[i].at[k] = (uint8_t)(blocks[i].seed + k);
}

static void check(int i, size_t len)
{
	for (size_t k = 0; k < len; k++)
		if (blocks[i].at[k] != (uint8_t)(blocks[i].seed + k))
			fail_msg("block %d of %zu bytes: byte %zu was overwritten", i, blocks[i].len, k);
}

static void test_blocks_keep_their_content(void **unused)
{
	(void)unused;
	for (int step = 0; step < 60000; step++) {
		int i = (int)(next_random() % BLOCKS);
		if (!blocks[i].at) {
			blocks[i].len = some_length();
			blocks[i].seed = (uint8_t)next_random();
			blocks[i].at = OPENSSL_malloc(blocks[i].len);
			assert_non_null(blocks[i].at);
			assert_int_equal((uintptr_t)blocks[i].at % 16, 0);
			fill(i, 0);
		} else if (next_random() % 4 == 0) {
			size_t len = some_length(), both = len < blocks[i].len ? len : blocks[i].len;
			blocks[i].at = OPENSSL_realloc(blocks[i].at, len);
			assert_non_null(blocks[i].at);
			blocks[i].len = len;
			check(i, both);
			fill(i, both);
		} else {
			check(i, blocks[i].len);
			OPENSSL_free(blocks[i].at);
			blocks[i].at = NULL;
		}
	}
	for (int i = 0; i < BLOCKS; i++) {
		if (blocks[i].at)
			check(i, blocks[i].len);
		OPENSSL_free(blocks[i].at);
		blocks[i].at = NULL;
	}
}

static size_t resident_bytes(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_what_is_free_goes_back(void **unused)
{
	enum { N = 4000, BYTES = 7600 };
	static void *p[N];
	size_t before = resident_bytes();

	(void)unused;
	for (int i = 0; i < N; i++)
		memset(p[i] = OPENSSL_malloc(BYTES), 1, BYTES);
	assert_true(resident_bytes() - before > (size_t)N * BYTES / 2);
	for (int i = 0; i < N; i++)
		OPENSSL_free(p[i]);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is free to find its use */
	assert_true(resident_bytes() < before + (4u << 20));
#endif
}

/* --- sleeping ------------------------------------------------------------------------------------------------------------------ */

static void test_sleep_and_wake(void **unused)
{
	struct tls_ctxs *ctxs = tls_ctxs_new(&table, keys, NULL, TLS_CTXS_KEPT);
	struct tls_pair p;
	uint8_t before[7168];

	(void)unused;
	pair_open(&p, tls_ctxs_get(ctxs, A, NULL));
	pair_handshake(&p);
	for (int i = 0; i < 3; i++) {
		pair_message(p.client, p.server);
		pair_message(p.server, p.client);
		memcpy(before, p.server, sizeof(before));
		void *asleep = tls_memory_sleep(p.server);
#if !defined(__SANITIZE_ADDRESS__) && OPENSSL_VERSION_NUMBER < 0x30200000L
		assert_non_null(asleep);
		assert_memory_not_equal(before, p.server, sizeof(before));
#endif
		if (asleep)
			tls_memory_wake(p.server, asleep);
		assert_memory_equal(before, p.server, sizeof(before));
	}
	pair_message(p.client, p.server);
	assert_null(tls_memory_sleep(before)); /* not of ours */
	void *full = OPENSSL_malloc(7600);
	memset(full, 1, 7600);
	assert_null(tls_memory_sleep(full));
	OPENSSL_free(full);
	pair_close(&p);
	tls_ctxs_free(ctxs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_keep_their_content),
		cmocka_unit_test(test_what_is_free_goes_back),
		cmocka_unit_test(test_sleep_and_wake),
	};

	tls_memory_install();
	return cmocka_run_group_tests(tests, make_world, NULL);
}
