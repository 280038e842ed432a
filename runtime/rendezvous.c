/* SPDX-License-Identifier: BSD-2-Clause */
/* Pid file and control socket: see rendezvous.h. The new place is taken before the old one is left, so that the master can always be found. */
#include "runtime/rendezvous.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/control.h"
#include "runtime/log.h"
#include "runtime/master.h"

static bool write_pid(const char *path, char *why, size_t cap)
{
	FILE *f = fopen(path, "w");
	bool ok = f && fprintf(f, "%ld\n", (long)getpid()) > 0;
	if (f && fclose(f) != 0)
		ok = false;
	if (!ok)
		snprintf(why, cap, "pid file \"%s\": %s", path, strerror(errno));
	return ok;
}

/* Without them nothing can be told to the daemon but by signals. */
bool rendezvous_open(struct master *m, char *why, size_t cap)
{
	if (control_alive(m->settings.control_path)) {
		snprintf(why, cap, "another wsrpd answers at \"%s\"", m->settings.control_path);
		return false;
	}
	m->pid_written = write_pid(m->settings.pid_path, why, cap);
	if (m->pid_written && control_open(m, m->settings.control_path, why, cap))
		return true;
	if (!m->settings.pid_is_default)
		return false;
	log_error(NULL, WSR_NONE, WSR_LOG_WARN, NULL, "%s; going on without \"wsrpd -s\"", why);
	return true;
}

static bool take_place(struct master *m, const struct settings *next, char *why, size_t cap)
{
	bool same_socket = !strcmp(next->control_path, m->settings.control_path);
	if (!same_socket && control_alive(next->control_path)) {
		snprintf(why, cap, "another wsrpd answers at \"%s\"", next->control_path);
		return false;
	}
	if (!write_pid(next->pid_path, why, cap))
		return false;
	if (!same_socket && !control_open(m, next->control_path, why, cap)) {
		unlink(next->pid_path);
		return false;
	}
	return true;
}

static void swap_paths(char **a, char **b)
{
	char *kept = *a;
	*a = *b;
	*b = kept;
}

void rendezvous_move(struct master *m)
{
	struct settings *next = &m->next_settings;
	char why[512];
	if (!strcmp(next->pid_path, m->settings.pid_path))
		return;
	if (!take_place(m, next, why, sizeof(why))) {
		log_error(m->current->gen, WSR_NONE, WSR_LOG_ALERT, NULL, "%s; pid file and control socket stay at \"%s\"", why, m->settings.pid_path);
		return;
	}
	if (m->pid_written)
		unlink(m->settings.pid_path);
	m->pid_written = true;
	swap_paths(&m->settings.pid_path, &next->pid_path); /* released with the reload's settings */
	swap_paths(&m->settings.control_path, &next->control_path);
}

void rendezvous_close(struct master *m)
{
	control_close(m);
	if (m->pid_written)
		unlink(m->settings.pid_path);
}
