/* SPDX-License-Identifier: BSD-2-Clause */
/* Worker processes as the master sees them: see procs.h. */
#include "runtime/procs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/control.h"
#include "runtime/log.h"
#include "runtime/worker_main.h"

static void on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct proc *p = arg;
	struct channel_msg m;
	(void)what;
	int got = channel_receive(fd, &m);
	if (got > 0) {
		for (uint32_t i = 0; i < m.count; i++)
			close(m.fds[i]); /* workers have none to give */
		m.count = 0;
		master_on_message(p, &m);
	} else if (got < 0) {
		event_del(&p->readable); /* the process is ending: SIGCHLD tells the rest */
	}
}

/* In the child: nothing of the master may stay but what the worker gets on purpose. */
_Noreturn static void become_worker(struct proc *p, const struct loaded *l, int channel)
{
	struct master *m = p->master;
	struct worker_start start = {
		.channel = channel,
		.index = p->index,
		.counters = &m->counters[p->index],
		.tickets = m->tickets,
		.prefix = strdup(m->settings.prefix),
		.max_connections = m->settings.worker_connections,
		.connections_override = m->options.worker_connections ? m->settings.worker_connections : 0,
		.ids = m->ids,
		.master = getppid(),
	};
	if (l->table_fd < 0) {
		start.table = l->gen->memory;
		start.table_generation = l->gen->number;
		l->gen->memory = (struct table_memory){ 0 }; /* stays when the master's view of it goes */
	}
	event_reinit(m->base); /* an epoll instance of its own, so that freeing removes nothing from the master's */
	event_base_free(m->base);
	for (uint32_t i = 0; i < MAX_WORKERS; i++)
		if (m->procs[i].channel >= 0)
			close(m->procs[i].channel);
	control_forget(m);
	if (m->ready_fd >= 0)
		close(m->ready_fd);
	sockets_forget(&m->sockets);
	sockets_forget(&m->next_sockets);
	load_free(m->next);
	load_free(m->current);
	worker_main(&start);
}

bool proc_start(struct proc *p, const struct loaded *l)
{
	int fds[2];
	if (!channel_pair(fds))
		return false;
	memset((void *)&p->master->counters[p->index], 0, sizeof(p->master->counters[p->index]));
	/* A signal that comes before the child has its own handlers waits until it has (worker_main). */
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		become_worker(p, l, fds[1]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return false;
	}
	p->pid = pid;
	p->channel = fds[0];
	p->generation = 0;
	p->started_ms = monotonic_ms();
	p->reopening = false;
	event_assign(&p->readable, p->master->base, p->channel, EV_READ | EV_PERSIST, on_channel, p);
	return event_add(&p->readable, NULL) == 0;
}

void proc_close_channel(struct proc *p)
{
	if (p->channel < 0)
		return;
	event_del(&p->readable);
	close(p->channel);
	p->channel = -1;
}

bool proc_send(struct proc *p, enum channel_type type, uint32_t generation)
{
	struct channel_msg m = { .type = type, .generation = generation };
	return p->channel >= 0 && channel_send(p->channel, &m);
}

/* Send descriptors in messages of at most CHANNEL_MAX_FDS. */
struct fd_batch {
	struct proc *p;
	struct channel_msg m;
	bool ok;
};

static void batch_flush(struct fd_batch *b)
{
	if (b->m.count > 0)
		b->ok = b->ok && channel_send(b->p->channel, &b->m);
	b->m.count = 0;
}

static void batch_add(struct fd_batch *b, uint32_t index, int fd)
{
	if (fd < 0)
		return;
	b->m.index[b->m.count] = index;
	b->m.fds[b->m.count++] = fd;
	if (b->m.count == CHANNEL_MAX_FDS)
		batch_flush(b);
}

static bool send_logs(struct proc *p, const struct loaded *l)
{
	struct fd_batch b = { .p = p, .m = { .type = CHANNEL_ACCESS_LOGS, .generation = l->gen->number }, .ok = true };
	for (uint32_t i = 0; i < l->gen->access_fd_count; i++)
		batch_add(&b, i, l->gen->access_fds[i]);
	batch_flush(&b);
	b.m.type = CHANNEL_ERROR_LOGS;
	for (uint32_t i = 0; i < l->gen->error_fd_count; i++)
		batch_add(&b, i, l->gen->error_fds[i]);
	batch_flush(&b);
	return b.ok;
}

bool proc_offer(struct proc *p, const struct loaded *l, const struct socket_set *sockets)
{
	struct channel_msg offer = { .type = CHANNEL_OFFER, .generation = l->gen->number, .count = 1, .fds = { l->key_fd, l->table_fd } };
	if (l->table_fd >= 0)
		offer.count = 2;
	if (p->channel < 0 || !channel_send(p->channel, &offer))
		return false;
	struct fd_batch b = { .p = p, .m = { .type = CHANNEL_LISTENERS, .generation = l->gen->number }, .ok = true };
	for (uint32_t i = 0; i < sockets->count; i++)
		batch_add(&b, i, sockets_fd(sockets, i, p->index));
	batch_flush(&b);
	return b.ok && send_logs(p, l) && proc_send(p, CHANNEL_PREPARE, l->gen->number);
}

bool proc_send_logs(struct proc *p, const struct loaded *l)
{
	return send_logs(p, l) && proc_send(p, CHANNEL_LOGS_DONE, l->gen->number);
}
