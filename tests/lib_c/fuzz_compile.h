/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration text through the whole compiler, as wsrpc does it: scan, parse, check, and when that finds no error lower, emit and verify. Whatever comes in, there is
 * no crash, the messages can be printed, and a table that is made is one that the daemon accepts. Included files are not found: the folder does not exist.
 */
#ifndef TESTS_LIB_C_FUZZ_COMPILE_H
#define TESTS_LIB_C_FUZZ_COMPILE_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct compiler_options;

/** @param fail_at  number of the allocation that fails, 0 = none  @return 0; aborts when the daemon would refuse the table */
int fuzz_compile(const struct compiler_options *options, const char *text, size_t len, uint64_t fail_at);
/** The same with a first byte that chooses the allocation, so that running out of memory is tried everywhere too; below 128 none fails. The rest is the text. */
int fuzz_compile_input(const struct compiler_options *options, const uint8_t *data, size_t size);

#endif
