/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a configuration: see fuzz_compile.h. The first byte chooses an allocation that fails, so that running out of memory is tried everywhere too.
 */
#include "tests/lib_c/fuzz_compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return fuzz_compile("", 0, 0);
	return fuzz_compile((const char *)data + 1, size - 1, data[0] >= 128 ? (uint64_t)(data[0] - 127) * 8 : 0);
}
