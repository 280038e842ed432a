/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a request head, and what follows them as an upstream's response head, through evaluation on a site's table. What wsrp would send to
 * either side is parsed back: it must be one head, with the framing that was asked for and with nothing that the decision does not say.
 */
#ifndef TESTS_LIB_C_FUZZ_SITE_H
#define TESTS_LIB_C_FUZZ_SITE_H

#include "tests/lib_c/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** @param s  zero before the first input, opened then  @param files  see struct site  @param data  its first byte chooses how the daemon would have gone on  @return 0 */
int fuzz_site(struct site *s, const char *conf, const char *files, const uint8_t *data, size_t size);

#endif
