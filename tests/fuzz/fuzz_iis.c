/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a web.config, through to the verified table: see fuzz_compile.h. The lowest bit of the first byte says whether patterns are for whole URLs. */
#include "compiler/compiler.h"
#include "tests/lib_c/fuzz_compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const listens[] = { "80", "ssl:127.0.0.1:443" };
	return fuzz_compile_input(&(struct compiler_options){ .dialect = DIALECT_IIS, .listens = listens, .listen_count = 2, .certificate = "site.pem",
							.assume_full_url = size > 0 && data[0] & 1 }, data, size);
}
