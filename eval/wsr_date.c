/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP dates: see wsr_date.h. Days are counted from 1 March of year 0, so that leap days come last in a year. */
#include "eval/wsr_date.h"

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

#define DAYS_400_YEARS 146097
#define DAYS_TO_1970   719468 /* from 1 March of year 0 */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void put_two(char *p, int n)
{
	p[0] = (char)('0' + n / 10);
	p[1] = (char)('0' + n % 10);
}

struct wsr_str wsr_http_date(int64_t epoch_s, char buf[WSR_DATE_BYTES])
{
	const int64_t last = INT64_C(253402300799); /* 31 Dec 9999 */
	epoch_s = epoch_s > last ? last : epoch_s < 0 ? 0 : epoch_s;
	int64_t days = floor_div(epoch_s, 86400), second = epoch_s - days * 86400;
	int64_t shifted = days + DAYS_TO_1970, era = floor_div(shifted, DAYS_400_YEARS);
	int64_t of_era = shifted - era * DAYS_400_YEARS;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t march_month = (5 * of_year + 2) / 153;
	int day = (int)(of_year - (153 * march_month + 2) / 5 + 1);
	int month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
	int year = (int)(year_of_era + era * 400 + (month <= 2));
	int weekday = (int)((days + 4) % 7); /* 1 January 1970 was a Thursday */
	memcpy(buf, "Sun, 01 Jan 1970 00:00:00 GMT", 30); /* filled in without printf(), which took a sixth of the instructions of a small file's answer */
	memcpy(buf, day_names + 3 * weekday, 3);
	put_two(buf + 5, day);
	memcpy(buf + 8, month_names + 3 * (month - 1), 3);
	put_two(buf + 12, year / 100);
	put_two(buf + 14, year % 100);
	put_two(buf + 17, (int)(second / 3600));
	put_two(buf + 20, (int)(second / 60 % 60));
	put_two(buf + 23, (int)(second % 60));
	return wsr_str(buf, 29);
}

static int two_digits(const char *p)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return -1;
	return (p[0] - '0') * 10 + (p[1] - '0');
}

static int find_month(const char *p)
{
	for (int m = 0; m < 12; m++)
		if (!memcmp(p, month_names + 3 * m, 3))
			return m + 1;
	return -1;
}

int64_t wsr_http_date_parse(struct wsr_str text)
{
	const char *p = text.ptr;
	if (text.len != 29 || memcmp(p + 3, ", ", 2) || p[7] != ' ' || p[11] != ' ' || p[16] != ' ' || p[19] != ':' || p[22] != ':' ||
	    memcmp(p + 25, " GMT", 4))
		return -1;
	int day = two_digits(p + 5), month = find_month(p + 8), century = two_digits(p + 12), year = two_digits(p + 14);
	int hour = two_digits(p + 17), minute = two_digits(p + 20), second = two_digits(p + 23);
	if (day < 1 || day > 31 || month < 0 || century < 0 || year < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return -1;
	int64_t y = century * 100 + year - (month <= 2), era = floor_div(y, 400), of_era = y - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t days = era * DAYS_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
	return days * 86400 + hour * 3600 + minute * 60 + second;
}
