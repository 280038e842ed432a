/* SPDX-License-Identifier: BSD-2-Clause */
/* IMF-fixdate (RFC 9110 section 5.6.7), without libc's calendar: pure, and the same in every locale. */
#ifndef WSR_DATE_H
#define WSR_DATE_H

#include "table/wsr_str.h"

#define WSR_DATE_BYTES 40u

/** "Sun, 06 Nov 1994 08:49:37 GMT" into buf; the result points there. Seconds since 1970; years 0 to 9999. */
struct wsr_str wsr_http_date(int64_t epoch_s, char buf[WSR_DATE_BYTES]);
/** The same backwards. @return -1 for anything that is not an IMF-fixdate */
int64_t wsr_http_date_parse(struct wsr_str text);

#endif
