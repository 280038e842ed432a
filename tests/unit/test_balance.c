/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Balancing arithmetic: order of smooth round robin, failure marks and their end, least connections, the hashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "runtime/balance.h"

static struct balance_peer peer[4];
static struct balance_peer *const peers[4] = { &peer[0], &peer[1], &peer[2], &peer[3] };

static void set_peers(uint32_t a, uint32_t b, uint32_t c)
{
	const uint32_t weight[3] = { a, b, c };

	memset(peer, 0, sizeof(peer));
	for (int i = 0; i < 3; i++) {
		peer[i] = (struct balance_peer){ .weight = weight[i], .max_fails = 1, .fail_timeout_ms = 10000 };
		balance_init(&peer[i]);
	}
}

static void test_round_robin(void **state)
{
	struct balance_query q = { .now_ms = 1000000 };
	char got[16] = "";

	(void)state;
	set_peers(5, 1, 1);
	for (int i = 0; i < 7; i++)
		got[i] = (char)('a' + balance_pick(peers, 3, &q));
	assert_string_equal(got, "aabacaa"); /* the order nginx documents for these weights */
	peer[0].tried = true;
	for (int i = 0; i < 10; i++)
		assert_int_not_equal(balance_pick(peers, 3, &q), 0);
	peer[1].tried = peer[2].tried = true;
	assert_int_equal(balance_pick(peers, 3, &q), -1);
}

static void test_failure_marks(void **state)
{
	struct balance_query q = { .now_ms = 1000000 };

	(void)state;
	set_peers(1, 1, 1);
	peer[2].backup = true;
	balance_report(&peer[0], true, false, q.now_ms);
	for (int i = 0; i < 5; i++)
		assert_int_equal(balance_pick(peers, 3, &q), 1);
	peer[1].down = true;
	assert_int_equal(balance_pick(peers, 3, &q), 2); /* backup only now */
	peer[2].max_conns = 1;
	peer[2].conns = 1;
	assert_int_equal(balance_pick(peers, 3, &q), -1);
	q.now_ms += 10001; /* one request finds out whether it is back */
	assert_int_equal(balance_pick(peers, 3, &q), 0);
	assert_int_equal(balance_pick(peers, 3, &q), -1);
	balance_report(&peer[0], false, false, q.now_ms + 5);
	assert_int_equal(peer[0].fails, 0);
	assert_int_equal(balance_pick(peers, 3, &q), 0);
	/* No choice, no mark. */
	set_peers(1, 0, 0);
	balance_report(&peer[0], true, balance_single(peers, 1), q.now_ms);
	assert_int_equal(balance_pick(peers, 1, &q), 0);
}

static void test_least_conn(void **state)
{
	struct balance_query q = { .method = WSR_BALANCE_LEAST_CONN, .now_ms = 1000000 };

	(void)state;
	set_peers(1, 2, 1);
	peer[0].conns = 1;
	peer[1].conns = 1;
	peer[2].conns = 1;
	assert_int_equal(balance_pick(peers, 3, &q), 1); /* one connection for twice the weight */
	peer[1].conns = 3;
	peer[0].conns = 0;
	assert_int_equal(balance_pick(peers, 3, &q), 0);
}

static void test_hashes(void **state)
{
	static const enum wsr_balance methods[] = { WSR_BALANCE_IP_HASH, WSR_BALANCE_HASH, WSR_BALANCE_RANDOM };

	(void)state;
	for (int m = 0; m < 3; m++) {
		int count[3] = { 0 };
		set_peers(1, 1, 2);
		for (uint32_t i = 0; i < 4000; i++) {
			uint32_t addr = htonl(i << 8);
			struct balance_query q = { .method = methods[m], .now_ms = 1000000, .client_addr = wsr_str((char *)&addr, 4),
						   .hash_key = wsr_str((char *)&addr, 4), .random = i * 2654435761u };
			int at = balance_pick(peers, 3, &q);
			assert_in_range(at, 0, 2);
			assert_int_equal(balance_pick(peers, 3, &q), at); /* the same key, the same peer */
			count[at]++;
			peer[at].tried = true;
			int other = balance_pick(peers, 3, &q);
			assert_true(other >= 0 && other != at);
			peer[at].tried = false;
		}
		assert_in_range(count[0], 800, 1200);
		assert_in_range(count[2], 1700, 2300);
	}
	/* Clients of one /24 stay together. */
	struct balance_query q = { .method = WSR_BALANCE_IP_HASH, .now_ms = 1000000, .client_addr = wsr_str("\xc0\x00\x02\x01", 4) };
	int at = balance_pick(peers, 3, &q);
	q.client_addr = wsr_str("\xc0\x00\x02\xfe", 4);
	assert_int_equal(balance_pick(peers, 3, &q), at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_robin),
		cmocka_unit_test(test_failure_marks),
		cmocka_unit_test(test_least_conn),
		cmocka_unit_test(test_hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
