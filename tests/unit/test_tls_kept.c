/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker keeps the server contexts that were used last: which ones go, that connections keep theirs, and that memory stays within the bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tls_world.h"

/* With a reference of our own, so that a context made later cannot have the same address. */
static SSL_CTX *get(struct tls_ctxs *ctxs, uint32_t tls)
{
	SSL_CTX *ctx = tls_ctxs_get(ctxs, tls, NULL);

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_up_ref(ctx), 1);
	return ctx;
}

static bool is_kept(struct tls_ctxs *ctxs, uint32_t tls, SSL_CTX *ctx)
{
	SSL_CTX *now = get(ctxs, tls);

	SSL_CTX_free(now);
	return now == ctx;
}

static void test_the_oldest_goes(void **state)
{
	struct tls_ctxs *ctxs = tls_ctxs_new(&table, keys, NULL, 2);
	SSL_CTX *a = get(ctxs, A), *b = get(ctxs, B_TLS12);

	(void)state;
	assert_true(is_kept(ctxs, A, a)); /* and is the newest now */
	assert_true(is_kept(ctxs, B_TLS12, b));
	assert_true(is_kept(ctxs, A, a));
	for (int i = 0; i < 3; i++)
		assert_null(tls_ctxs_get(ctxs, BROKEN, NULL)); /* takes nobody's place */
	SSL_CTX *one = get(ctxs, ONE_PROTOCOL_13);
	assert_true(is_kept(ctxs, A, a));
	assert_true(is_kept(ctxs, ONE_PROTOCOL_13, one));
	assert_false(is_kept(ctxs, B_TLS12, b)); /* made anew, in the place of A */
	assert_true(is_kept(ctxs, ONE_PROTOCOL_13, one));
	assert_false(is_kept(ctxs, A, a));
	SSL_CTX_free(a);
	SSL_CTX_free(b);
	SSL_CTX_free(one);
	tls_ctxs_free(ctxs);
}

static void test_one_place(void **state)
{
	struct tls_ctxs *ctxs = tls_ctxs_new(&table, keys, NULL, 1);
	SSL_CTX *a = get(ctxs, A);

	(void)state;
	assert_true(is_kept(ctxs, A, a));
	SSL_CTX *b = get(ctxs, B_TLS12);
	assert_true(is_kept(ctxs, B_TLS12, b));
	assert_false(is_kept(ctxs, A, a));
	SSL_CTX_free(a);
	SSL_CTX_free(b);
	tls_ctxs_free(ctxs);
}

/* Between the beginning of a handshake and its end the context is dropped. */
static void test_connections_keep_theirs(void **state)
{
	struct tls_ctxs *ctxs = tls_ctxs_new(&table, keys, NULL, 1);
	struct tls_pair p;

	(void)state;
	pair_open(&p, tls_ctxs_get(ctxs, A, NULL));
	SSL_do_handshake(p.client);
	assert_non_null(tls_ctxs_get(ctxs, B_TLS12, NULL));
	pair_handshake(&p);
	tls_ctxs_free(ctxs);
	pair_message(p.client, p.server);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_oldest_goes),
		cmocka_unit_test(test_one_place),
		cmocka_unit_test(test_connections_keep_theirs),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
