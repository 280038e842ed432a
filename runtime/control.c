/* SPDX-License-Identifier: BSD-2-Clause */
/* Control socket, both ends: see control.h. The master's end never blocks; a client that says nothing is dropped after a while. */
#include "runtime/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/log.h"
#include "runtime/master.h"

#define MAX_CLIENTS 16

struct control_client {
	struct control_client *next;
	struct master *master;
	struct bufferevent *bev;
	enum control_wait waits;
	bool answered;              /* the outcome is written: close once it has left */
};

static void client_free(struct control_client *c)
{
	struct control_client **at = &c->master->clients;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	bufferevent_free(c->bev);
	free(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct control_client *c = arg;
	if (c->answered && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		client_free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	client_free(arg);
}

static void finish_client(struct control_client *c, const char *why)
{
	c->waits = CONTROL_NOTHING;
	c->answered = true;
	struct evbuffer *out = bufferevent_get_output(c->bev);
	if (why)
		evbuffer_add_printf(out, "error: %s\n", why);
	else
		evbuffer_add_printf(out, "ok\n");
}

void control_warn(struct master *m, enum control_wait kind, const char *text)
{
	for (struct control_client *c = m->clients; c; c = c->next)
		if (c->waits == kind)
			evbuffer_add_printf(bufferevent_get_output(c->bev), "warning: %s\n", text);
}

void control_finish(struct master *m, enum control_wait kind, const char *why)
{
	for (struct control_client *c = m->clients; c; c = c->next)
		if (c->waits == kind)
			finish_client(c, why);
}

static void print_status(struct master *m, struct evbuffer *out)
{
	uint32_t running = 0;
	for (uint32_t i = 0; i < MAX_WORKERS; i++)
		running += m->procs[i].state == PROC_RUNNING;
	evbuffer_add_printf(out, "version: " WSR_VERSION "\npid: %ld\nuptime_s: %lld\ngeneration: %u\ntable: %s\ntable_bytes: %llu\nidentity: %s\norigin: %s\ncompiler: %s\nworkers: %u\n",
			    (long)getpid(), (long long)(monotonic_ms() - m->started_ms) / 1000, m->current->gen->number, m->settings.table_path,
			    (unsigned long long)m->current->bytes, m->current->identity,
			    wsr_string(&m->current->gen->table, wsr_global(&m->current->gen->table)->origin).ptr,
			    wsr_string(&m->current->gen->table, wsr_global(&m->current->gen->table)->compiler).ptr, running);
	for (uint32_t i = 0; i < MAX_WORKERS; i++) {
		const struct proc *p = &m->procs[i];
		const volatile struct worker_counters *c = &m->counters[i];
		if (p->state == PROC_NONE)
			continue;
		evbuffer_add_printf(out, "worker %u: pid %ld generation %u connections %llu idle %llu tunnels %llu accepted %llu requests %llu "
				    "answers_1xx %llu answers_2xx %llu answers_3xx %llu answers_4xx %llu answers_5xx %llu closed_unanswered %llu "
				    "handshakes %llu resumed %llu handshakes_failed %llu upstream_requests %llu upstream_reused %llu upstream_failures %llu paused %llu\n",
				    i, (long)p->pid, p->generation, (unsigned long long)c->connections, (unsigned long long)c->idle,
				    (unsigned long long)c->tunnels, (unsigned long long)c->accepted, (unsigned long long)c->requests,
				    (unsigned long long)c->answers[1], (unsigned long long)c->answers[2], (unsigned long long)c->answers[3],
				    (unsigned long long)c->answers[4], (unsigned long long)c->answers[5], (unsigned long long)c->answers[0],
				    (unsigned long long)c->handshakes, (unsigned long long)c->handshakes_resumed, (unsigned long long)c->handshakes_failed,
				    (unsigned long long)c->upstream_requests, (unsigned long long)c->upstream_reused,
				    (unsigned long long)c->upstream_failures, (unsigned long long)c->paused);
	}
}

static void run_command(struct control_client *c, const char *line)
{
	struct master *m = c->master;
	if (!m->current) {
		finish_client(c, "starting: no table is served yet");
		return;
	}
	log_error(m->current->gen, WSR_NONE, WSR_LOG_NOTICE, NULL, "control socket: \"%.32s\"", line);
	if (!strcmp(line, "status")) {
		print_status(m, bufferevent_get_output(c->bev));
		finish_client(c, NULL);
	} else if (!strcmp(line, "reload")) {
		c->waits = CONTROL_RELOAD;
		master_reload(m);
	} else if (!strcmp(line, "reopen")) {
		c->waits = CONTROL_REOPEN;
		master_reopen(m);
	} else if (!strcmp(line, "quit")) {
		c->waits = CONTROL_EXIT;
		master_quit(m);
	} else if (!strcmp(line, "stop")) {
		c->waits = CONTROL_EXIT;
		master_stop(m);
	} else {
		finish_client(c, "unknown command; allowed are reload, quit, stop, reopen, status");
	}
}

static void on_readable(struct bufferevent *bev, void *arg)
{
	char *line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF);
	if (line) {
		bufferevent_disable(bev, EV_READ);
		bufferevent_set_timeouts(bev, NULL, NULL);
		bufferevent_enable(bev, EV_READ); /* keep seeing the client go away */
		run_command(arg, line);
		free(line);
	} else if (evbuffer_get_length(bufferevent_get_input(bev)) > 64) {
		client_free(arg);
	}
}

static bool peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && (cred.uid == 0 || cred.uid == geteuid());
}

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	(void)what;
	struct master *m = arg;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	unsigned open = 0;
	for (struct control_client *c = m->clients; c; c = c->next)
		open++;
	struct control_client *c = peer_allowed(fd) && open < MAX_CLIENTS ? calloc(1, sizeof(*c)) : NULL;
	struct bufferevent *bev = c ? bufferevent_socket_new(m->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (!bev) {
		free(c);
		close(fd);
		return;
	}
	struct timeval wait = { 5, 0 };
	*c = (struct control_client){ .next = m->clients, .master = m, .bev = bev };
	m->clients = c;
	bufferevent_setcb(bev, on_readable, on_written, on_event, c);
	bufferevent_set_timeouts(bev, &wait, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static int connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	return fd;
}

bool control_alive(const char *path)
{
	int fd = connect_to(path);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void stop_listening(struct master *m)
{
	if (m->control_fd < 0)
		return;
	event_del(&m->control_event);
	close(m->control_fd);
	unlink(m->control_path);
	m->control_fd = -1;
}

bool control_open(struct master *m, const char *path, char *why, size_t cap)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	snprintf(why, cap, "control socket \"%s\": path longer than %zu bytes", path, sizeof(at.sun_path) - 1);
	if (strlen(path) >= sizeof(at.sun_path))
		return false;
	memcpy(at.sun_path, path, strlen(path) + 1);
	unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0177);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 8) == 0;
	umask(before);
	if (!ok) {
		snprintf(why, cap, "control socket \"%s\": %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	stop_listening(m);
	m->control_fd = fd;
	memcpy(m->control_path, path, strlen(path) + 1);
	event_assign(&m->control_event, m->base, fd, EV_READ | EV_PERSIST, on_accept, m);
	return event_add(&m->control_event, NULL) == 0;
}

void control_close(struct master *m)
{
	while (m->clients) {
		/* Last words: a few bytes into an empty socket buffer. The bufferevent's own buffer may be read, not drained, by others. */
		struct evbuffer_iovec out;
		if (evbuffer_peek(bufferevent_get_output(m->clients->bev), -1, NULL, &out, 1) > 0 &&
		    send(bufferevent_getfd(m->clients->bev), out.iov_base, out.iov_len, MSG_NOSIGNAL) < 0)
			log_error(m->current ? m->current->gen : NULL, WSR_NONE, WSR_LOG_WARN, NULL, "control socket: %s", strerror(errno));
		client_free(m->clients);
	}
	stop_listening(m);
}

void control_forget(const struct master *m)
{
	for (const struct control_client *c = m->clients; c; c = c->next)
		close(bufferevent_getfd(c->bev));
	if (m->control_fd >= 0)
		close(m->control_fd);
}

/* --- the client ------------------------------------------------------------------------------------------------------ */

static int read_answer(int fd)
{
	char line[4096];
	FILE *in = fdopen(fd, "r");
	int status = 1;
	bool done = false;
	while (in && !done && fgets(line, sizeof(line), in)) {
		if (!strcmp(line, "ok\n")) {
			status = 0;
			done = true;
		} else if (!strncmp(line, "error: ", 7)) {
			fprintf(stderr, "wsrpd: %s", line + 7);
			done = true;
		} else if (!strncmp(line, "warning: ", 9)) {
			fprintf(stderr, "wsrpd: %s", line);
		} else {
			fputs(line, stdout);
		}
	}
	if (!done)
		fprintf(stderr, "wsrpd: the master closed the connection without an outcome\n");
	if (in)
		fclose(in);
	return status;
}

static bool known_command(const char *c)
{
	return !strcmp(c, "reload") || !strcmp(c, "quit") || !strcmp(c, "stop") || !strcmp(c, "reopen") || !strcmp(c, "status");
}

/* The default place, where a master is that was started before its table named a "pid". */
static int connect_beside(const char *table_path)
{
	char *path = NULL;
	int fd = asprintf(&path, "%s.sock", table_path) < 0 ? -1 : connect_to(path);
	free(path);
	return fd;
}

int control_command(const struct options *o)
{
	if (!known_command(o->command)) {
		fprintf(stderr, "wsrpd: -s: found \"%s\", allowed are reload, quit, stop, reopen, status\n", o->command);
		return 2;
	}
	/* The pid directive of the table decides where the socket lies; a table that no longer opens must not keep anybody from stopping the daemon. */
	struct settings s;
	char why[512] = "";
	struct wsr_table t;
	struct wsr_refusal refusal;
	bool have = !o->pid && o->table_path && wsr_table_open(&t, o->table_path, &refusal);
	bool ok = settings_make(&s, o, have ? &t : NULL, why, sizeof(why));
	if (have)
		wsr_table_close(&t);
	int fd = ok ? connect_to(s.control_path) : -1;
	int error = errno;
	if (ok && fd < 0 && !s.pid_is_default && !o->pid)
		fd = connect_beside(s.table_path);
	if (!ok)
		fprintf(stderr, "wsrpd: %s\n", why);
	else if (fd < 0)
		fprintf(stderr, "wsrpd: no master answers at \"%s\": %s%s\n", s.control_path, strerror(error),
			have ? "; one that was started with another \"pid\" than the table's is found with -o pid=FILE" : "");
	settings_free(&s);
	if (fd < 0)
		return 2;
	char line[64];
	int n = snprintf(line, sizeof(line), "%s\n", o->command);
	if (write(fd, line, (size_t)n) != n) {
		perror("wsrpd: control socket");
		close(fd);
		return 2;
	}
	return read_answer(fd);
}
