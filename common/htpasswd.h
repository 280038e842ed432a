/* SPDX-License-Identifier: BSD-2-Clause */
/* Password and group files of Basic authentication, as htpasswd writes them. One per worker; files are read with the worker's rights and again when they change. */
#ifndef COMMON_HTPASSWD_H
#define COMMON_HTPASSWD_H

#include <limits.h>
#include <stdbool.h>

#include "table/wsr_str.h"

struct htpasswd;

/** @return NULL out of memory or without random bytes. */
struct htpasswd *htpasswd_new(void);
void htpasswd_free(struct htpasswd *h);

/**
 * Does the file know this user with this password? Understands bcrypt ($2y$), apr1, SHA-1 ({SHA}, salted {SSHA}), {PLAIN} and what crypt(3) does. A right answer is remembered
 * (as a keyed hash) until the line changes, so that slow hashes are paid once.
 * @param path  NUL-terminated and absolute
 * @param why   when false: a sentence if the file was the cause, else NULL
 */
bool htpasswd_check(struct htpasswd *h, const char *path, struct wsr_str user, struct wsr_str password, const char **why);

/** Does a group file ("group: user user ...") name the user as a member of the group? */
bool htpasswd_member(struct htpasswd *h, const char *path, struct wsr_str user, struct wsr_str group, const char **why);

/** What eval asks of its world: does this user have this password (`group` NULL), or is this user a member of the group? */
struct htpasswd_question {
	const char *file;           /* as in the configuration: relative to the folder, or absolute */
	struct wsr_str user, password;
	const struct wsr_str *group;
};
struct htpasswd_answer {
	bool yes;
	const char *why;            /* when not: a sentence if the question could not be answered, else NULL */
	char path[PATH_MAX];        /* of the file; as much as fits */
};

/** @param h  made at the first question, when it is NULL */
void htpasswd_ask(struct htpasswd **h, const char *folder, const struct htpasswd_question *q, struct htpasswd_answer *a);

#endif
