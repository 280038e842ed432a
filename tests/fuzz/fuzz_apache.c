/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as Apache's language, through to the verified table: see fuzz_compile.h. */
#include "compiler/compiler.h"
#include "tests/lib_c/fuzz_compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const defines[] = { "NAME=value", "FLAG" };
	return fuzz_compile_input(&(struct compiler_options){ .dialect = DIALECT_APACHE, .defines = defines, .define_count = 2 }, data, size);
}
