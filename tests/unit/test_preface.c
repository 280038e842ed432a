/* SPDX-License-Identifier: BSD-2-Clause */
/* Headers of the PROXY protocol as bytes: what is complete, what may become one, what is none. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/preface.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(s) (const unsigned char *)(s), sizeof(s) - 1

static const char *client_of(const struct preface_header *h, char *text)
{
	if (h->addr_len == 0)
		return "";
	bool four = h->addr.sa.sa_family == AF_INET;
	return inet_ntop(h->addr.sa.sa_family, four ? (const void *)&h->addr.in.sin_addr : (const void *)&h->addr.in6.sin6_addr, text, INET6_ADDRSTRLEN);
}

/* Every beginning of it may become a header; behind it anything may follow. */
static void check_good(const unsigned char *data, size_t len, const char *client, unsigned port)
{
	char text[INET6_ADDRSTRLEN];
	struct preface_header h;
	unsigned char *more = malloc(len + 1);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(preface_parse(data, i, &h), PREFACE_MORE);
	memcpy(more, data, len);
	more[len] = 'G';
	assert_int_equal(preface_parse(more, len + 1, &h), PREFACE_DONE);
	assert_int_equal(h.bytes, len);
	assert_string_equal(client_of(&h, text), client);
	if (*client)
		assert_int_equal(ntohs(h.addr.sa.sa_family == AF_INET ? h.addr.in.sin_port : h.addr.in6.sin6_port), port);
	free(more);
}

static void test_good(void **state)
{
	(void)state;
	check_good(BYTES("PROXY TCP4 192.0.2.5 10.0.0.1 1111 80\r\n"), "192.0.2.5", 1111);
	check_good(BYTES("PROXY TCP6 2001:db8::5 ::1 65535 443\r\n"), "2001:db8::5", 65535);
	check_good(BYTES("PROXY UNKNOWN\r\n"), "", 0);
	check_good(BYTES("PROXY UNKNOWN ffff:: x 1 2\r\n"), "", 0);
	check_good(BYTES(V2 "\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x15\xb3\0\x50"), "192.0.2.7", 5555);
	check_good(BYTES(V2 "\x21\x11\0\x0f\xc0\0\x02\x07\x0a\0\0\x01\x15\xb3\0\x50\x04\0\0"), "192.0.2.7", 5555);
	check_good(BYTES(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x50"), "2001:db8::9", 1);
	check_good(BYTES(V2 "\x20\0\0\0"), "", 0);      /* LOCAL: a check by the balancer itself */
	check_good(BYTES(V2 "\x21\0\0\x03xyz"), "", 0); /* an address of a kind that is not read */
}

static void test_bad(void **state)
{
	static const struct { const char *text; size_t len; } bad[] = {
#define BAD(s) { s, sizeof(s) - 1 }
		BAD("GET / HTTP/1.1\r\n"), BAD("\x16\x03\x01"), BAD("PROXY TCP4 nonsense 10.0.0.1 1 2\r\n"), BAD("PROXY TCP4 192.0.2.5 10.0.0.1 1 2\n"),
		BAD("PROXY TCP4 192.0.2.5 10.0.0.1 1 65536\r\n"), BAD("PROXY TCP4 192.0.2.5 10.0.0.1 1 2 3\r\n"), BAD("PROXY TCP4 192.0.2.5 10.0.0.1 1\r\n"),
		BAD("PROXY TCP5 192.0.2.5 10.0.0.1 1 2\r\n"), BAD("PROXY TCP4  192.0.2.5 10.0.0.1 1 2\r\n"), BAD("PROXY TCP4 2001:db8::5 ::1 1 2\r\n"), BAD("PROXY \r\n"),
		BAD(V2 "\x31\x11\0\x0c" "123456789012"), BAD(V2 "\x22\x11\0\x0c" "123456789012"), BAD(V2 "\x21\x11\0\x0b" "12345678901"), BAD(V2 "\x21\x21\0\x0c" "123456789012"),
		BAD(V2 "\x21\x11\xff\xff"),
#undef BAD
	};
	struct preface_header h;
	char long_line[200];
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(preface_parse((const unsigned char *)bad[i].text, bad[i].len, &h), PREFACE_BAD);
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "PROXY ", 6);
	assert_int_equal(preface_parse((const unsigned char *)long_line, 106, &h), PREFACE_MORE);
	assert_int_equal(preface_parse((const unsigned char *)long_line, sizeof(long_line), &h), PREFACE_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad) };
	return cmocka_run_group_tests_name("preface", tests, NULL, NULL);
}
