/* SPDX-License-Identifier: BSD-2-Clause */
/* The master process: see master.h. In: options, signals, control commands, what workers say. Out: workers that serve one generation. */
#include "runtime/master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/control.h"
#include "runtime/loop.h"
#include "runtime/log.h"
#include "runtime/notify.h"
#include "runtime/procs.h"
#include "runtime/rendezvous.h"
#include "runtime/tls.h"

#define TICKET_ROTATION_S 3600

int64_t monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct generation *log_gen(const struct master *m)
{
	return m->current ? m->current->gen : m->next ? m->next->gen : NULL;
}

#define master_log(m, level, ...) log_error(log_gen(m), WSR_NONE, level, NULL, __VA_ARGS__)

static bool all_in(const struct master *m, enum proc_state state)
{
	for (uint32_t i = 0; i < m->proc_count; i++)
		if (m->procs[i].state != state)
			return false;
	return true;
}

static bool any_alive(const struct master *m)
{
	for (uint32_t i = 0; i < MAX_WORKERS; i++)
		if (m->procs[i].pid > 0)
			return true;
	return false;
}

/* --- one worker ------------------------------------------------------------------------------------------------------- */

static void proc_lost(struct proc *p)
{
	if (p->pid > 0)
		kill(p->pid, SIGKILL); /* does not take its messages: SIGCHLD follows and starts another one */
}

static void proc_launch(struct proc *p, const struct loaded *l, const struct socket_set *sockets)
{
	if (!proc_start(p, l)) {
		master_log(p->master, WSR_LOG_ALERT, "cannot start worker %u: %s", p->index, strerror(errno));
		struct timeval soon = { 1, 0 };
		p->state = PROC_RESTARTING;
		event_add(&p->restart, &soon);
		return;
	}
	struct timeval limit = { RELOAD_TIMEOUT_S, 0 };
	p->state = PROC_PREPARING;
	event_add(&p->deadline, &limit);
	if (!proc_offer(p, l, sockets))
		proc_lost(p);
}

/* A new worker that hangs would keep its share of the connections waiting, and every reload. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct proc *p = arg;
	(void)fd;
	(void)what;
	master_log(p->master, WSR_LOG_ALERT, "worker %u (pid %ld) does not serve %d s after its start: it is killed", p->index, (long)p->pid, RELOAD_TIMEOUT_S);
	proc_lost(p);
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
	struct proc *p = arg;
	(void)fd;
	(void)what;
	if (p->master->phase == MASTER_SERVING)
		proc_launch(p, p->master->current, &p->master->sockets);
}

/* --- reload ------------------------------------------------------------------------------------------------------------ */

static void reload_try(struct master *m);

static void reload_failed(struct master *m, const char *why)
{
	uint32_t number = m->next ? m->next->gen->number : 0;
	log_error(m->current ? m->current->gen : NULL, WSR_NONE, WSR_LOG_EMERG, NULL, "%s: %s; %s", m->starting ? "start failed" : "reload refused", why,
		  m->starting ? "nothing is served" : "the old table goes on");
	for (uint32_t i = 0; i < MAX_WORKERS; i++) {
		struct proc *p = &m->procs[i];
		if (p->state == PROC_PREPARING || p->state == PROC_PREPARED) {
			if (p->generation == 0)
				continue; /* a new worker: its own exchange goes on */
			p->state = PROC_RUNNING;
			if (!proc_send(p, CHANNEL_DROP, number))
				proc_lost(p);
		}
	}
	evtimer_del(&m->reload_timer);
	load_free(m->next);
	m->next = NULL;
	sockets_release(&m->next_sockets);
	settings_free(&m->next_settings);
	m->reload = RELOAD_IDLE;
	control_finish(m, CONTROL_RELOAD, why);
	if (m->starting) {
		m->exit_status = 1;
		master_stop(m);
		return;
	}
	notify_ready("serving the former table: the last reload was refused");
	reload_try(m);
}

/* Every worker has the new generation: it is the current one. */
static void reload_done(struct master *m)
{
	char status[256];
	bool first = m->starting;
	evtimer_del(&m->reload_timer);
	m->reload = RELOAD_IDLE;
	m->starting = false;
	snprintf(status, sizeof(status), "serving %s, table %.12s, generation %u, %u workers",
		 wsr_string(&m->current->gen->table, wsr_global(&m->current->gen->table)->origin).ptr, m->current->identity, m->current->gen->number, m->proc_count);
	master_log(m, WSR_LOG_NOTICE, "%s", status);
	notify_ready(status);
	control_finish(m, CONTROL_RELOAD, NULL);
	if (first && m->ready_fd >= 0) {
		if (write(m->ready_fd, "0", 1) != 1)
			master_log(m, WSR_LOG_WARN, "the starting process is gone");
		close(m->ready_fd);
		m->ready_fd = -1;
	}
	reload_try(m);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Rights and limits of processes are taken at the start of the master, which would have to give them up or get them back now. */
static void warn_of_settings_for_the_start(struct master *m)
{
	const char *changed = NULL;
	if (!same_text(m->settings.user, m->next_settings.user) || !same_text(m->settings.group, m->next_settings.group))
		changed = "the new table's \"user\" takes effect at the next start: workers keep the one they have";
	else if (wsr_global(&m->current->gen->table)->worker_rlimit_nofile != wsr_global(&m->next->gen->table)->worker_rlimit_nofile)
		changed = "the new table's \"worker_rlimit_nofile\" takes effect at the next start: workers keep the limit they have";
	if (!changed)
		return;
	master_log(m, WSR_LOG_WARN, "%s", changed);
	control_warn(m, CONTROL_RELOAD, changed);
}

/* All are ready: from here on the new generation is what a restarted worker gets. */
static void reload_commit(struct master *m)
{
	m->reload = RELOAD_COMMITTING;
	if (!m->starting)
		warn_of_settings_for_the_start(m);
	load_free(m->current);
	m->current = m->next;
	m->next = NULL;
	struct socket_set old = m->sockets;
	m->sockets = m->next_sockets;
	m->next_sockets = (struct socket_set){ 0 };
	const char *deaf = sockets_listen(&m->sockets, &m->current->gen->table);
	if (deaf)
		master_log(m, WSR_LOG_ALERT, "cannot listen on %s: %s", deaf, strerror(errno));
	if (deaf && m->starting) {
		m->exit_status = 1;
		master_stop(m);
		return;
	}
	rendezvous_move(m);
	m->settings.worker_connections = m->next_settings.worker_connections;
	uint32_t wanted = m->next_settings.workers;
	settings_free(&m->next_settings);
	for (uint32_t i = 0; i < m->proc_count; i++) {
		struct proc *p = &m->procs[i];
		if (p->state != PROC_PREPARED)
			continue;
		p->state = PROC_COMMITTING;
		if (!proc_send(p, CHANNEL_COMMIT, m->current->gen->number))
			proc_lost(p);
	}
	for (uint32_t i = wanted; i < m->proc_count; i++) {
		m->procs[i].state = PROC_DRAINING;
		proc_send(&m->procs[i], CHANNEL_DRAIN, 0);
	}
	sockets_release(&old); /* before a worker is forked, which would keep them */
	for (uint32_t i = m->proc_count; i < wanted; i++)
		if (m->procs[i].state == PROC_NONE)
			proc_launch(&m->procs[i], m->current, &m->sockets);
	m->proc_count = wanted;
	sockets_trim(&m->sockets, wanted);
}

static void on_reload_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	(void)fd;
	(void)what;
	if (m->reload == RELOAD_OFFERED)
		reload_failed(m, "a worker did not answer in time");
	else if (m->reload == RELOAD_COMMITTING)
		for (uint32_t i = 0; i < m->proc_count; i++)
			if (m->procs[i].state == PROC_COMMITTING)
				proc_lost(&m->procs[i]);
}

static void reload_begin(struct master *m)
{
	char why[1024];
	m->reload_wanted = false;
	notify_reloading();
	m->next = load_table(m->settings.table_path, ++m->last_generation, LOAD_FOR_SENDING, why, sizeof(why));
	if (!m->next || !settings_make(&m->next_settings, &m->options, &m->next->gen->table, why, sizeof(why)) ||
	    !load_rest(m->next, &m->next_settings, false, why, sizeof(why)) ||
	    !sockets_prepare(&m->next_sockets, &m->sockets, &m->next->gen->table, m->next_settings.workers, why, sizeof(why))) {
		reload_failed(m, why);
		return;
	}
	struct timeval limit = { RELOAD_TIMEOUT_S, 0 };
	m->reload = RELOAD_OFFERED;
	evtimer_add(&m->reload_timer, &limit);
	for (uint32_t i = 0; i < m->proc_count; i++) {
		m->procs[i].state = PROC_PREPARING;
		if (!proc_offer(&m->procs[i], m->next, &m->next_sockets)) {
			reload_failed(m, "a worker does not take its messages");
			return;
		}
	}
}

/* A reload begins when nothing else is under way, else it waits for that. */
static void reload_try(struct master *m)
{
	if (m->reload_wanted && m->reload == RELOAD_IDLE && m->phase == MASTER_SERVING && all_in(m, PROC_RUNNING))
		reload_begin(m);
}

void master_reload(struct master *m)
{
	if (m->phase != MASTER_SERVING) {
		control_finish(m, CONTROL_RELOAD, "the master is stopping");
		return;
	}
	m->reload_wanted = true;
	reload_try(m);
}

/* --- what workers say --------------------------------------------------------------------------------------------------- */

static void on_ready(struct proc *p, uint32_t generation)
{
	struct master *m = p->master;
	if (p->state != PROC_PREPARING || m->phase != MASTER_SERVING) /* the end does not wait for a reload */
		return;
	if (m->current && generation == m->current->gen->number) { /* a restarted worker catches up */
		p->state = PROC_COMMITTING;
		if (!proc_send(p, CHANNEL_COMMIT, generation))
			proc_lost(p);
		return;
	}
	if (!m->next || generation != m->next->gen->number)
		return; /* an offer that has been taken back since */
	p->state = PROC_PREPARED;
	if (m->reload == RELOAD_OFFERED && all_in(m, PROC_PREPARED))
		reload_commit(m);
}

static void on_refused(struct proc *p, const struct channel_msg *msg)
{
	struct master *m = p->master;
	if (m->next && msg->generation == m->next->gen->number)
		reload_failed(m, msg->text);
	else if (m->current && msg->generation == m->current->gen->number && p->state != PROC_RUNNING)
		proc_lost(p); /* a new worker that cannot have what the others serve */
}

static void on_committed(struct proc *p, uint32_t generation)
{
	struct master *m = p->master;
	if (p->state != PROC_COMMITTING)
		return;
	p->state = PROC_RUNNING;
	p->generation = generation;
	event_del(&p->deadline);
	if (!all_in(m, PROC_RUNNING))
		return;
	if (m->reload == RELOAD_COMMITTING)
		reload_done(m);
	else
		reload_try(m);
}

static void check_reopened(struct master *m)
{
	for (uint32_t i = 0; i < MAX_WORKERS; i++)
		if (m->procs[i].reopening)
			return;
	control_finish(m, CONTROL_REOPEN, NULL);
}

void master_on_message(struct proc *p, const struct channel_msg *msg)
{
	struct master *m = p->master;
	switch (msg->type) {
	case CHANNEL_READY: on_ready(p, msg->generation); break;
	case CHANNEL_COMMITTED: on_committed(p, msg->generation); break;
	case CHANNEL_REOPENED:
		p->reopening = false;
		check_reopened(m);
		break;
	case CHANNEL_REFUSED: on_refused(p, msg); break;
	default: break;
	}
}

void master_reopen(struct master *m)
{
	char why[1024];
	if (m->phase != MASTER_SERVING || m->starting) {
		control_finish(m, CONTROL_REOPEN, "the master is not serving");
		return;
	}
	if (!load_open_logs(m->current, &m->settings, why, sizeof(why))) {
		master_log(m, WSR_LOG_EMERG, "reopening the logs: %s", why);
		control_finish(m, CONTROL_REOPEN, why);
		return;
	}
	for (uint32_t i = 0; i < MAX_WORKERS; i++) {
		struct proc *p = &m->procs[i];
		if (p->state != PROC_RUNNING && p->state != PROC_DRAINING)
			continue;
		p->reopening = proc_send_logs(p, m->current);
		if (!p->reopening)
			proc_lost(p);
	}
	check_reopened(m);
}

/* --- ends of processes -------------------------------------------------------------------------------------------------- */

static void log_death(const struct proc *p, int status)
{
	struct master *m = p->master;
	if (WIFSIGNALED(status))
		master_log(m, WSR_LOG_ALERT, "worker %u (pid %ld) was killed by signal %d%s", p->index, (long)p->pid, WTERMSIG(status),
			   WCOREDUMP(status) ? ", core dumped" : "");
	else if (WEXITSTATUS(status) != 0)
		master_log(m, WSR_LOG_ALERT, "worker %u (pid %ld) exited with status %d", p->index, (long)p->pid, WEXITSTATUS(status));
}

static void proc_ended(struct proc *p, int status)
{
	struct master *m = p->master;
	enum proc_state was = p->state;
	bool young = monotonic_ms() - p->started_ms < 1000;
	log_death(p, status);
	proc_close_channel(p);
	event_del(&p->deadline);
	p->pid = -1;
	p->reopening = false;
	p->state = PROC_NONE;
	check_reopened(m);
	if (m->phase != MASTER_SERVING || (was == PROC_DRAINING && p->index >= m->proc_count))
		return;
	if (m->reload == RELOAD_OFFERED && was != PROC_DRAINING)
		reload_failed(m, "a worker ended while it looked at the new table");
	if (m->phase != MASTER_SERVING || p->index >= m->proc_count)
		return;
	if (m->starting && m->reload == RELOAD_COMMITTING && young) {
		reload_failed(m, "a worker ended at its start");
		return;
	}
	struct timeval delay = { young ? 1 : 0, 0 }; /* a worker that cannot live is not started in a loop */
	p->state = PROC_RESTARTING;
	event_add(&p->restart, &delay);
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	pid_t pid;
	int status;
	(void)fd;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (uint32_t i = 0; i < MAX_WORKERS; i++)
			if (m->procs[i].pid == pid)
				proc_ended(&m->procs[i], status);
	if (m->phase != MASTER_SERVING && !any_alive(m))
		event_base_loopexit(m->base, NULL);
}

static void on_kill_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	(void)fd;
	(void)what;
	for (uint32_t i = 0; i < MAX_WORKERS; i++)
		if (m->procs[i].pid > 0)
			kill(m->procs[i].pid, SIGKILL);
}

static void leave(struct master *m, int phase, int sig, int64_t limit_ms)
{
	m->phase = phase;
	notify_stopping();
	control_finish(m, CONTROL_RELOAD, "the master is stopping");
	for (uint32_t i = 0; i < MAX_WORKERS; i++) {
		struct proc *p = &m->procs[i];
		event_del(&p->restart);
		event_del(&p->deadline);
		if (p->pid > 0 && (sig != 0 || !proc_send(p, CHANNEL_DRAIN, 0)))
			kill(p->pid, sig ? sig : SIGTERM);
	}
	evtimer_del(&m->reload_timer);
	sockets_release(&m->sockets); /* what is queued is still the workers'; whoever comes from now on is refused and knows it */
	sockets_release(&m->next_sockets);
	struct timeval limit = { limit_ms / 1000, limit_ms % 1000 * 1000 };
	if (limit_ms > 0)
		evtimer_add(&m->kill_timer, &limit);
	if (!any_alive(m))
		event_base_loopexit(m->base, NULL);
}

void master_quit(struct master *m)
{
	if (m->phase != MASTER_SERVING)
		return;
	master_log(m, WSR_LOG_NOTICE, "finishing what is running, then exiting");
	leave(m, MASTER_QUITTING, 0, m->current ? (int64_t)wsr_global(&m->current->gen->table)->worker_shutdown_timeout_ms : 0);
}

void master_stop(struct master *m)
{
	if (m->phase == MASTER_STOPPING)
		return;
	master_log(m, WSR_LOG_NOTICE, "stopping");
	leave(m, MASTER_STOPPING, SIGTERM, 5000);
}

/* --- start --------------------------------------------------------------------------------------------------------------- */

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct master *m = arg;
	(void)what;
	switch (sig) {
	case SIGHUP: master_reload(m); break;
	case SIGUSR1: master_reopen(m); break;
	case SIGQUIT: master_quit(m); break;
	default: master_stop(m); break;
	}
}

static void on_rotate(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	(void)fd;
	(void)what;
	if (!tls_tickets_rotate(m->tickets))
		master_log(m, WSR_LOG_ALERT, "cannot make a session ticket key: the old ones go on");
}

static bool watch(struct master *m)
{
	static const int signals[] = { SIGHUP, SIGUSR1, SIGQUIT, SIGTERM, SIGINT };
	size_t n = sizeof(signals) / sizeof(*signals);
	bool ok = true;
	for (size_t i = 0; i < n; i++) {
		evsignal_assign(&m->signals[i], m->base, signals[i], on_signal, m);
		ok = ok && evsignal_add(&m->signals[i], NULL) == 0;
	}
	evsignal_assign(&m->signals[n], m->base, SIGCHLD, on_child, m);
	ok = ok && evsignal_add(&m->signals[n], NULL) == 0;
	struct timeval hour = { TICKET_ROTATION_S, 0 };
	event_assign(&m->rotate_timer, m->base, -1, EV_PERSIST, on_rotate, m);
	evtimer_assign(&m->reload_timer, m->base, on_reload_timeout, m);
	evtimer_assign(&m->kill_timer, m->base, on_kill_timeout, m);
	for (uint32_t i = 0; i < MAX_WORKERS; i++) {
		m->procs[i] = (struct proc){ .master = m, .index = i, .pid = -1, .channel = -1 };
		evtimer_assign(&m->procs[i].restart, m->base, on_restart, &m->procs[i]);
		evtimer_assign(&m->procs[i].deadline, m->base, on_deadline, &m->procs[i]);
	}
	return ok && event_add(&m->rotate_timer, &hour) == 0;
}

static void raise_nofile(const struct wsr_table *t)
{
	struct rlimit lim;
	rlim_t wanted = wsr_global(t)->worker_rlimit_nofile;
	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	if (wanted == 0)
		wanted = lim.rlim_max; /* the soft limit of 1024 is for select(2) users */
	lim.rlim_cur = wanted;
	if (wanted > lim.rlim_max)
		lim.rlim_max = wanted;
	if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
		log_error(NULL, WSR_NONE, WSR_LOG_WARN, NULL, "worker_rlimit_nofile: %s", strerror(errno));
}

static void *shared_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* To the background: the starting process waits for "ready" and gives the outcome as its exit status. */
static int go_background(void)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid > 0) {
		char byte;
		close(fds[1]);
		_exit(read(fds[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(fds[0]);
	if (pid < 0 || setsid() < 0) {
		close(fds[1]);
		return -1;
	}
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	return fds[1];
}

static bool master_prepare(struct master *m, char *why, size_t cap)
{
	m->next = load_table(m->options.table_path, ++m->last_generation, LOAD_FOR_FORK, why, cap);
	if (!m->next || !settings_make(&m->settings, &m->options, &m->next->gen->table, why, cap) ||
	    !settings_make(&m->next_settings, &m->options, &m->next->gen->table, why, cap) ||
	    !privilege_lookup(&m->ids, m->settings.user, m->settings.group, m->settings.user_is_default, why, cap) ||
	    !load_rest(m->next, &m->settings, false, why, cap))
		return false;
	m->proc_count = m->settings.workers;
	if (!sockets_prepare(&m->next_sockets, NULL, &m->next->gen->table, m->proc_count, why, cap))
		return false;
	m->counters = shared_memory(MAX_WORKERS * sizeof(*m->counters));
	m->tickets = shared_memory(sizeof(*m->tickets));
	snprintf(why, cap, "out of memory, or no random numbers for session tickets");
	if (!m->counters || !m->tickets || !tls_tickets_rotate(m->tickets))
		return false;
	if (m->settings.daemon && (m->ready_fd = go_background()) < 0) {
		snprintf(why, cap, "cannot go to the background: %s", strerror(errno));
		return false;
	}
	loop_debug_mode();
	m->base = event_base_new();
	snprintf(why, cap, "cannot make an event loop");
	if (!m->base || !watch(m) || !rendezvous_open(m, why, cap))
		return false;
	raise_nofile(&m->next->gen->table);
	return true;
}

static void master_free(struct master *m)
{
	control_finish(m, CONTROL_EXIT, m->exit_status ? "the master ended with an error" : NULL);
	rendezvous_close(m);
	sockets_release(&m->next_sockets);
	sockets_release(&m->sockets);
	load_free(m->next);
	load_free(m->current);
	settings_free(&m->next_settings);
	settings_free(&m->settings);
	if (m->base)
		event_base_free(m->base);
	if (m->ready_fd >= 0)
		close(m->ready_fd);
}

int master_run(const struct options *o)
{
	static struct master m;
	char why[1024] = "";
	m.options = *o;
	m.control_fd = m.ready_fd = -1;
	m.starting = true;
	m.started_ms = monotonic_ms();
	signal(SIGPIPE, SIG_IGN);
	if (!master_prepare(&m, why, sizeof(why))) {
		log_error(m.next ? m.next->gen : NULL, WSR_NONE, WSR_LOG_EMERG, NULL, "start failed: %s", why);
		master_free(&m);
		return 1;
	}
	struct timeval limit = { RELOAD_TIMEOUT_S, 0 };
	m.reload = RELOAD_OFFERED;
	evtimer_add(&m.reload_timer, &limit);
	for (uint32_t i = 0; i < m.proc_count; i++)
		proc_launch(&m.procs[i], m.next, &m.next_sockets);
	event_base_dispatch(m.base);
	master_log(&m, WSR_LOG_NOTICE, "exit");
	master_free(&m);
	return m.exit_status;
}
