/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a configuration, in the language that they seem to be in: see fuzz_compile.h. */
#include "compiler/compiler.h"
#include "tests/lib_c/fuzz_compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_compile_input(&(struct compiler_options){ .strict = false }, data, size);
}
