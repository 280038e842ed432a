/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compiler's front half on texts, with what came out as plain strings, for unit tests. The caller frees results.
 */
#ifndef TESTS_FRONT_H
#define TESTS_FRONT_H

#include <stdbool.h>
#include <stddef.h>

/** Words of a text as scanned: "[name] [arg];" and "[name] {" ... "}" on lines of their own; messages behind, as front_messages(). */
char *front_words(const char *text, size_t len);
/** Messages of the whole front half, one a line: "3:14 error duration: unknown unit 'mn' in '5mn'". Notes as "  note: ...". */
char *front_messages(const char *text);
/** The same as printed for people. */
char *front_printed(const char *text);
/** `wsrpc dump --stage=tree`. */
char *front_dump(const char *text);
/** The same for texts in Apache's language. */
char *front_apache_words(const char *text);
char *front_apache_messages(const char *text);
char *front_apache_dump(const char *text);
/** Compile a file as far as its plan, with the n-th allocation failing. @return true when it came to its end */
bool front_with_failure(const char *path, unsigned long n);

#endif
