/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving up root in a worker, for good: capabilities(7), prctl(2) PR_SET_NO_NEW_PRIVS. */
#ifndef RUNTIME_PRIVILEGE_H
#define RUNTIME_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct identity_ids {
	bool change;                /* false: not root, stay as we are */
	uid_t uid;
	gid_t gid;
	char name[64];
};

/** Look the user and group up (group NULL: the user's own, "nogroup" where it has the number of no group). @return false with a sentence. */
bool privilege_lookup(struct identity_ids *ids, const char *user, const char *group, char *why, size_t cap);
/** Become them; checks that there is no way back. @return false with errno: the process must not serve. */
bool privilege_drop(const struct identity_ids *ids);

#endif
