/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wsr-echo: options, listening sockets and the event loop.  Prints one "listening on ADDRESS" line per socket, then
 * "ready", and serves until SIGINT or SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "examples/echo/echo.h"

enum { MAX_LISTENERS = 16, PAUSE_MS = 100 };

struct listener {
	struct event event, retry;
	struct echo *echo;
	const char *path;  /* of a unix socket, removed at exit */
	int fd;
};

static const char USAGE[] =
	"usage: wsr-echo [-v] [-l ADDRESS:PORT | -l unix:PATH]...\n"
	"HTTP and WebSocket backend that shows what it received (default: -l 127.0.0.1:9000; port 0 takes a free one).\n"
	"  /small         a fixed answer of 3 bytes        /bytes/N     N bytes with Content-Length\n"
	"  /chunked/N     N bytes in chunks                /status/N    this status\n"
	"  /delay/MS      answers after MS milliseconds    /slow[/N]    N (10) lines, one every 100 ms\n"
	"  /mirror        the request body as received     any other    the request as received, as JSON for /json\n"
	"                                                               or 'Accept: application/json'\n"
	"A WebSocket handshake on any path gets an echo; on /greet a message comes with the 101.  Text messages ?head\n"
	"(answers the handshake as received), ?close [CODE] and ?abort are commands.  -v prints each request line.\n";

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	event_add(&l->event, NULL);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	struct timeval pause = {0, PAUSE_MS * 1000};

	(void)what;
	for (;;) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client >= 0) {
			conn_new(l->echo, client);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			event_del(&l->event);
			event_add(&l->retry, &pause);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	event_base_loopbreak(arg);
}

static int fail(const char *what, const char *name)
{
	fprintf(stderr, "wsr-echo: %s %s: %s\n", what, name, strerror(errno));
	return -1;
}

/** Bind and listen; @return the descriptor, or -1 after a message. */
static int listen_on(const struct sockaddr *addr, socklen_t len, const char *name)
{
	int on = 1, fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail("socket", name);
	if (addr->sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, addr, len) != 0 || listen(fd, 4096) != 0) {
		fail("cannot listen on", name);
		close(fd);
		return -1;
	}
	return fd;
}

/** Remove a socket file nobody listens on any more. */
static void remove_stale(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) != 0 && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int listen_unix(struct listener *l, const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return fail("cannot listen on", path);
	}
	strcpy(un.sun_path, path);
	remove_stale(&un);
	l->fd = listen_on((struct sockaddr *)&un, sizeof(un), path);
	if (l->fd < 0)
		return -1;
	l->path = path;
	printf("listening on unix:%s\n", path);
	return 0;
}

/** ADDRESS:PORT or [ADDRESS]:PORT, numeric, port 0 allowed; @return the address length, 0 when it is none. */
static socklen_t parse_address(const char *name, struct sockaddr_storage *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(name, ':');
	size_t len = colon ? (size_t)(colon - name) : 0;
	char *end;
	unsigned long port;

	memset(addr, 0, sizeof(*addr));
	if (len == 0 || len >= sizeof(host))
		return 0;
	memcpy(host, name, len);
	host[len] = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end != '\0' || port > 65535)
		return 0;
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1 ? sizeof(*in6) : 0;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? sizeof(*in) : 0;
}

static int listen_inet(struct listener *l, const char *name)
{
	struct sockaddr_storage addr;
	struct sockaddr *sa = (struct sockaddr *)&addr;
	socklen_t len = parse_address(name, &addr);
	char host[INET6_ADDRSTRLEN] = "";

	if (len == 0) {
		errno = EINVAL;
		return fail("cannot read address", name);
	}
	l->fd = listen_on(sa, len, name);
	if (l->fd < 0)
		return -1;
	getsockname(l->fd, sa, &len);
	if (sa->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)sa)->sin6_addr, host, sizeof(host));
		printf("listening on [%s]:%d\n", host, ntohs(((struct sockaddr_in6 *)sa)->sin6_port));
	} else {
		inet_ntop(AF_INET, &((struct sockaddr_in *)sa)->sin_addr, host, sizeof(host));
		printf("listening on %s:%d\n", host, ntohs(((struct sockaddr_in *)sa)->sin_port));
	}
	return 0;
}

static int listener_start(struct listener *l, struct echo *echo, const char *name)
{
	int rc = strncmp(name, "unix:", 5) == 0 ? listen_unix(l, name + 5) : listen_inet(l, name);

	if (rc != 0)
		return rc;
	l->echo = echo;
	event_assign(&l->event, echo->base, l->fd, EV_READ | EV_PERSIST, on_accept, l);
	evtimer_assign(&l->retry, echo->base, on_retry, l);
	return event_add(&l->event, NULL);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool echo_init(struct echo *echo)
{
	echo->base = event_base_new();
	echo->scratch = malloc(ECHO_SCRATCH);
	echo->pattern = malloc(ECHO_PATTERN);
	if (echo->base == NULL || echo->scratch == NULL || echo->pattern == NULL)
		return false;
	for (size_t i = 0; i < ECHO_PATTERN; i += 64)
		memcpy(echo->pattern + i, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n", 64);
	return true;
}

int main(int argc, char **argv)
{
	static struct listener listeners[MAX_LISTENERS];
	static struct echo echo;
	const char *names[MAX_LISTENERS] = {"127.0.0.1:9000"};
	struct event term, interrupt;
	int count = 0, option;

	while ((option = getopt(argc, argv, "l:vh")) != -1) {
		if (option == 'l' && count < MAX_LISTENERS) {
			names[count++] = optarg;
		} else if (option == 'v') {
			echo.verbose = true;
		} else {
			fputs(USAGE, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind < argc) {
		fputs(USAGE, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	if (!echo_init(&echo))
		return 2;
	for (int i = 0; i < (count ? count : 1); i++)
		if (listener_start(&listeners[i], &echo, names[i]) != 0)
			return 2;
	evsignal_assign(&term, echo.base, SIGTERM, on_signal, echo.base);
	evsignal_assign(&interrupt, echo.base, SIGINT, on_signal, echo.base);
	event_add(&term, NULL);
	event_add(&interrupt, NULL);
	puts("ready");
	fflush(stdout);
	event_base_dispatch(echo.base);
	for (int i = 0; i < MAX_LISTENERS; i++)
		if (listeners[i].path != NULL)
			unlink(listeners[i].path);
	return 0;
}
