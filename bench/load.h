/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmark programs share: addresses, non-blocking sockets, a clock, a latency histogram, the TLS client, and
 * the protocol with bench/run.py: print "ready", wait for a line, run, print one line of JSON, wait for the end of
 * standard input (so that the caller can read the servers' accounts while all connections still stand).
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define NS_PER_S 1000000000ull

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void die_tls(const char *what)
{
	fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/** Every descriptor we may have, and no signal from a closed peer. */
static inline void prepare_process(void)
{
	struct rlimit limit;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/** "127.0.0.1:8080" with an optional path behind it, which is returned ("/" when there is none). */
static inline const char *parse_target(const char *text, struct sockaddr_in *addr)
{
	const char *colon = strchr(text, ':'), *slash = strchr(text, '/');
	char host[64];

	memset(addr, 0, sizeof(*addr));
	addr->sin_family = AF_INET;
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
		fprintf(stderr, "not ADDRESS:PORT: %s\n", text);
		exit(2);
	}
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	addr->sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &addr->sin_addr) != 1) {
		fprintf(stderr, "not a numeric IPv4 address: %s\n", host);
		exit(2);
	}
	return slash ? slash : "/";
}

static inline int connect_start(const struct sockaddr_in *addr)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0 && errno != EINPROGRESS)
		die("connect");
	return fd;
}

static inline void watch(int epoll, int fd, void *ptr)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = ptr};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		die("epoll_ctl");
}

static inline SSL_CTX *client_tls(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		die_tls("SSL_CTX_new");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	return ctx;
}

static inline void say_ready(bool wait)
{
	char line[64];

	puts("ready");
	fflush(stdout);
	if (wait && fgets(line, sizeof(line), stdin) == NULL)
		exit(0);
}

static inline void wait_for_end(bool wait)
{
	char line[64];

	fflush(stdout);
	while (wait && fgets(line, sizeof(line), stdin) != NULL)
		;
}

/** Latencies in buckets of at most 3 % width (32 to each power of two). */
struct histogram {
	uint64_t bucket[64 * 64];
	uint64_t count;
};

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	unsigned power = ns < 64 ? 0 : (unsigned)(63 - __builtin_clzll(ns)) - 5;
	size_t index = power == 0 ? (size_t)ns : (size_t)power * 32 + (ns >> power);

	h->bucket[index < 4096 ? index : 4095]++;
	h->count++;
}

/** @return the lower end of the bucket which holds this part (0.5, 0.99) of all values, in ns. */
static inline uint64_t histogram_part(const struct histogram *h, double part)
{
	uint64_t want = (uint64_t)((double)h->count * part), seen = 0;

	for (size_t i = 0; i < 4096; i++) {
		seen += h->bucket[i];
		if (seen > want && i < 64)
			return i;
		if (seen > want)
			return (uint64_t)(i % 32 + 32) << (i / 32 - 1);
	}
	return 0;
}

#endif
