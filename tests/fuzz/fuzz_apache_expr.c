/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an expression, a test string, a pattern or a substitution of an Apache configuration: there is no crash, and what compiles is a table that passes
 * the verifier and evaluates for one request. The first byte chooses where the bytes stand.
 */
#include "compiler/compiler.h"
#include "tests/lib_c/fuzz_compile.h"

#include <stdio.h>

#define MAX_INPUT 2000u

/* Quoted so that the scanner gives back these bytes. */
static size_t build(char *text, const uint8_t *data, size_t size)
{
	static const char *const frames[][2] = {
		{ "SetEnvIfExpr \"", "\" A=$1" }, { "RewriteCond expr \"", "\"\nRewriteRule ^ - [F]" }, { "RewriteRule ^/(.*) \"", "\" [R]" },
		{ "RewriteCond \"", "\" ^(.*)$\nRewriteRule ^ /%1 [P]" }, { "RewriteRule \"", "\" /x$1" }, { "RewriteRule ^ /x \"", "\"" },
		{ "RewriteCond %{REQUEST_URI} \"", "\" [NC]\nRewriteRule ^ -" }, { "SetEnvIf \"", "\" (.*) B=$1" },
	};
	const char *const *frame = frames[data[0] % (sizeof(frames) / sizeof(*frames))];
	char *p = text + sprintf(text, "<VirtualHost *:80>\nRewriteEngine On\nRewriteMap low int:tolower\n%s", frame[0]);
	for (size_t i = 1; i < size && i < MAX_INPUT; i++) {
		if (data[i] == '\0' || data[i] == '\n')
			continue;
		if (data[i] == '"' || data[i] == '\\')
			*p++ = '\\';
		*p++ = (char)data[i];
	}
	p += sprintf(p, "%s\n</VirtualHost>\n", frame[1]);
	return (size_t)(p - text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[3 * MAX_INPUT + 300];
	if (size < 2)
		return 0;
	return fuzz_compile(&(struct compiler_options){ .strict = false }, text, build(text, data, size), 0);
}
