/* SPDX-License-Identifier: BSD-2-Clause */
/* Privilege drop of workers: see privilege.h. */
#include "runtime/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

bool privilege_lookup(struct identity_ids *ids, const char *user, const char *group, bool bare, char *why, size_t cap)
{
	*ids = (struct identity_ids){ 0 };
	if (geteuid() != 0 || !user)
		return true;
	struct passwd *pw = getpwnam(user);
	if (!pw) {
		snprintf(why, cap, "user \"%s\" does not exist", user);
		return false;
	}
	ids->change = true;
	ids->uid = pw->pw_uid;
	ids->gid = pw->pw_gid;
	struct group *gr = group ? getgrnam(group) : NULL;
	if (group && !gr) {
		snprintf(why, cap, "group \"%s\" does not exist", group);
		return false;
	}
	if (gr)
		ids->gid = gr->gr_gid;
	ids->groups[0] = ids->gid;
	ids->group_count = 1;
	if (bare)
		return true;
	ids->group_count = PRIVILEGE_GROUPS;
	if (getgrouplist(user, ids->gid, ids->groups, &ids->group_count) < 0) {
		snprintf(why, cap, "user \"%s\" is in %d groups: at most %d are possible", user, ids->group_count, PRIVILEGE_GROUPS);
		return false;
	}
	return true;
}

bool privilege_drop(const struct identity_ids *ids)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	if (!ids->change)
		return true;
	if (setgid(ids->gid) < 0 || setgroups((size_t)ids->group_count, ids->groups) < 0 || setuid(ids->uid) < 0)
		return false;
	if (ids->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		errno = EPERM;
		return false;
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* keys are mapped: no core file, no ptrace by the same user */
	return true;
}
