/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP dates against libc's calendar over the whole range, and what is not a date. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "eval/wsr_date.h"

static void test_agrees_with_libc(void **state)
{
	(void)state;
	for (int64_t at = 0; at < INT64_C(253402300799); at += INT64_C(7654321) + at / 97) {
		char ours[WSR_DATE_BYTES], theirs[WSR_DATE_BYTES];
		time_t t = (time_t)at;
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		struct wsr_str text = wsr_http_date(at, ours);
		assert_string_equal(ours, theirs);
		assert_int_equal(wsr_http_date_parse(text), at);
	}
}

static void test_rfc_example(void **state)
{
	(void)state;
	assert_int_equal(wsr_http_date_parse(WSR_STR("Sun, 06 Nov 1994 08:49:37 GMT")), 784111777);
}

static void test_clamped(void **state)
{
	(void)state;
	char buf[WSR_DATE_BYTES];
	wsr_http_date(-5, buf);
	assert_string_equal(buf, "Thu, 01 Jan 1970 00:00:00 GMT");
	wsr_http_date(INT64_MAX, buf);
	assert_string_equal(buf, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void test_not_dates(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Xxx 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:61:37 GMT", "Sun, 06 Nov 19x4 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(wsr_http_date_parse(wsr_cstr(bad[i])), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_libc),
		cmocka_unit_test(test_rfc_example),
		cmocka_unit_test(test_clamped),
		cmocka_unit_test(test_not_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
