/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving up root in a worker, for good: capabilities(7), prctl(2) PR_SET_NO_NEW_PRIVS. */
#ifndef RUNTIME_PRIVILEGE_H
#define RUNTIME_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PRIVILEGE_GROUPS 256

struct identity_ids {
	bool change;                /* false: not root, stay as we are */
	uid_t uid;
	gid_t gid;
	gid_t groups[PRIVILEGE_GROUPS]; /* supplementary, gid among them */
	int group_count;
};

/**
 * Look the user and its groups up, once for all workers: name services load libraries and may ask other machines.
 * @param user   NULL: stay as we are
 * @param group  NULL: the user's own
 * @param bare   no supplementary groups: nobody chose this user for the groups it is in
 * @return false with a sentence
 */
bool privilege_lookup(struct identity_ids *ids, const char *user, const char *group, bool bare, char *why, size_t cap);
/** Become them; checks that there is no way back. @return false with errno: the process must not serve. */
bool privilege_drop(const struct identity_ids *ids);

#endif
