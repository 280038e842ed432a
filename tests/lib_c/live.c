/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker in the test program: see live.h. */
#include "tests/lib_c/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "compiler/compiler.h"
#include "compiler/emit.h"
#include "compiler/lower.h"
#include "runtime/log.h"
#include "runtime/log_buffers.h"
#include "runtime/upstream.h"

static void compile(struct live *s, const char *conf)
{
	struct compiler_options options = { 0 };
	struct compiler cc;
	struct plan plan;
	struct wsr_refusal why;
	size_t len;
	char text[16384], port[16];
	size_t n = (size_t)snprintf(text, sizeof(text), "error_log /dev/null; ");
	snprintf(port, sizeof(port), "%u", s->port);
	for (const char *p = conf; *p && n + sizeof(port) < sizeof(text);) {
		bool here = strncmp(p, "PORT", 4) == 0;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s", here ? (int)strlen(port) : 1, here ? port : p);
		p += here ? 4 : 1;
	}
	compiler_init(&cc, &options);
	plan_init(&plan);
	if (!compiler_front_text(&cc, "test.conf", text, n) || !lower_config(&cc, &plan))
		fail_msg("the configuration does not compile: %s", text);
	assert_true(emit_table(&plan, &s->table, &len));
	plan_free(&plan);
	compiler_free(&cc);
	char reason[128];
	if (!wsr_table_init(&s->gen.table, s->table, len, &why))
		fail_msg("the table is refused: %s", wsr_refusal_text(&why, reason, sizeof(reason)));
}

void live_backend(struct live *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	s->backend = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->backend, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(s->backend, 16), 0);
	getsockname(s->backend, (struct sockaddr *)&in, &len);
	s->port = ntohs(in.sin_port);
}

void live_start(struct live *s, const char *conf)
{
	snprintf(s->folder, sizeof(s->folder), "/tmp/wsr-live-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	compile(s, conf);
	s->gen.refs = 1;
	s->gen.number = 1;
	s->gen.regexes = wsr_regexes_new(&s->gen.table);
	s->gen.access_fd_count = wsr_log_ref_count(&s->gen.table);
	s->gen.access_fds = calloc(s->gen.access_fd_count + 1, sizeof(int));
	s->gen.error_fd_count = wsr_error_log_count(&s->gen.table);
	s->gen.error_fds = calloc(s->gen.error_fd_count + 1, sizeof(int));
	for (uint32_t i = 0; i < s->gen.access_fd_count; i++)
		s->gen.access_fds[i] = -1;
	for (uint32_t i = 0; i < s->gen.error_fd_count; i++)
		s->gen.error_fds[i] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	s->w = (struct worker){ .gen = &s->gen, .prefix = s->folder, .max_connections = 100, .counters = &s->counters, .pid = getpid(), .arenas.free_max = 16 };
	s->counters = (struct worker_counters){ 0 };
	assert_true(loop_init(&s->w.loop));
	s->w.logs = log_buffers_new(&s->w);
	s->w.upstreams = upstreams_new(&s->w.loop, 8);
	s->w.conns = conn_set_new(&s->w);
	s->listener = (struct listener){ .worker = &s->w, .fd = -1, .refs = 1 };
	worker_clock(&s->w);
}

void live_stop(struct live *s)
{
	conn_drain(&s->w);
	live_run(s, 20);
	assert_int_equal(s->counters.connections, 0);
	conn_set_free(s->w.conns);
	log_flush(&s->w);
	upstreams_free(s->w.upstreams);
	loop_free(&s->w.loop);
	wsr_arena_pool_drain(&s->w.arenas);
	assert_int_equal(s->gen.refs, 1);
	assert_int_equal(s->listener.refs, 1);
	free(s->w.logs);
	wsr_regexes_free(s->gen.regexes);
	wsr_table_close(&s->gen.table);
	free(s->table);
	for (uint32_t i = 0; i < s->gen.access_fd_count; i++)
		if (s->gen.access_fds[i] >= 0)
			close(s->gen.access_fds[i]);
	for (uint32_t i = 0; i < s->gen.error_fd_count; i++)
		close(s->gen.error_fds[i]);
	free(s->gen.access_fds);
	free(s->gen.error_fds);
	rmdir(s->folder);
	if (s->backend > 0)
		close(s->backend);
	*s = (struct live){ 0 };
}

void live_run(struct live *s, unsigned ms)
{
	loop_run_for(&s->w.loop, ms);
}

int live_connect(struct live *s)
{
	int pair[2];
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	conn_accept(&s->w, &s->listener, pair[0], (struct sockaddr *)&un, sizeof(un.sun_family), NULL);
	return pair[1];
}

int live_accept(struct live *s)
{
	for (unsigned i = 0; i < 400; i++) {
		int fd = accept4(s->backend, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			return fd;
		live_run(s, 5);
	}
	fail_msg("nobody connected to the backend");
	return -1;
}

void live_send(struct live *s, int fd, const char *text, size_t len)
{
	for (unsigned i = 0; len > 0 && i < 2000; i++) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (n < 0 && errno != EAGAIN) {
			return; /* the other side may have closed on purpose */
		}
		if (len > 0)
			live_run(s, 2);
	}
}

const char *live_read(struct live *s, int fd, const char *until, size_t *len)
{
	static char buf[4 << 20];
	size_t have = 0;
	for (unsigned i = 0; i < 1500; i++) {
		ssize_t n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0);
		if (n > 0)
			have += (size_t)n;
		buf[have] = '\0';
		if (len)
			*len = have;
		bool over = n == 0 || (n < 0 && errno != EAGAIN);
		if (until ? memmem(buf, have, until, strlen(until)) != NULL : over)
			return buf;
		if (over)
			break;
		if (n < 0)
			live_run(s, 2);
	}
	fail_msg("not received: %s; but: %s", until ? until : "end", buf);
	return buf;
}

bool live_closed(struct live *s, int fd)
{
	char buf[65536];
	for (unsigned i = 0; i < 400; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		if (n < 0)
			live_run(s, 5);
	}
	return false;
}

bool live_quiet(struct live *s, int fd, unsigned ms)
{
	char byte;
	live_run(s, ms);
	return recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}
