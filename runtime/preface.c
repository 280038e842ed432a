/* SPDX-License-Identifier: BSD-2-Clause */
/* PROXY protocol: see preface.h. The layout is that of "The PROXY protocol, versions 1 & 2" (HAProxy Technologies), sections 2.1 and 2.2. */
#include "runtime/preface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/wsr_access.h"
#include "runtime/conn.h"
#include "runtime/generation.h"
#include "runtime/listener.h"
#include "runtime/worker.h"

#define V1_MAX  107u            /* with its CR LF */
#define V2_HEAD 16u

static const unsigned char signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* --- reading ------------------------------------------------------------------------------------------------------------- */

static bool read_port(const char *text, uint16_t *port)
{
	unsigned long n = 0;
	size_t i = 0;
	for (; text[i] >= '0' && text[i] <= '9' && i < 6; i++)
		n = n * 10 + (unsigned long)(text[i] - '0');
	*port = (uint16_t)n;
	return i > 0 && text[i] == '\0' && n <= 65535;
}

static bool read_address(int family, const char *text, const char *port, union preface_address *out)
{
	uint16_t number;
	out->sa.sa_family = (sa_family_t)family;
	if (inet_pton(family, text, family == AF_INET ? (void *)&out->in.sin_addr : (void *)&out->in6.sin6_addr) != 1 || !read_port(port, &number))
		return false;
	*(family == AF_INET ? &out->in.sin_port : &out->in6.sin6_port) = htons(number);
	return true;
}

/* Words of "TCP4 10.0.0.1 10.0.0.2 1234 80"; strings end in NUL. */
static bool take_address(char *const word[5], struct preface_header *out)
{
	int family = strcmp(word[0], "TCP4") == 0 ? AF_INET : strcmp(word[0], "TCP6") == 0 ? AF_INET6 : AF_UNSPEC;
	if (family == AF_UNSPEC || !read_address(family, word[1], word[3], &out->addr) || !read_address(family, word[2], word[4], &out->local))
		return false;
	out->addr_len = family == AF_INET ? sizeof(out->addr.in) : sizeof(out->addr.in6);
	return true;
}

static enum preface_result parse_text(const unsigned char *data, size_t len, struct preface_header *out)
{
	char line[V1_MAX], *word[5];
	size_t most = len < V1_MAX ? len : V1_MAX;
	const unsigned char *lf = memchr(data, '\n', most);
	if (!lf)
		return len < V1_MAX ? PREFACE_MORE : PREFACE_BAD;
	size_t size = (size_t)(lf - data);
	if (size < 14 || data[size - 1] != '\r' || memchr(data, '\0', size))
		return PREFACE_BAD;
	out->bytes = size + 1;
	memcpy(line, data + 6, size - 7); /* between "PROXY " and CR */
	line[size - 7] = '\0';
	if (strcmp(line, "UNKNOWN") == 0 || strncmp(line, "UNKNOWN ", 8) == 0)
		return PREFACE_DONE;
	char *rest = line;
	for (unsigned i = 0; i < 5; i++)
		word[i] = rest ? strsep(&rest, " ") : (char *)(uintptr_t)"";
	return !rest && take_address(word, out) ? PREFACE_DONE : PREFACE_BAD;
}

static enum preface_result parse_binary(const unsigned char *data, size_t len, struct preface_header *out)
{
	if (len < V2_HEAD)
		return PREFACE_MORE;
	size_t more = (size_t)data[14] << 8 | data[15];
	unsigned command = data[12], family = data[13];
	if ((command != 0x20 && command != 0x21) || more > PREFACE_MAX - V2_HEAD)
		return PREFACE_BAD;
	if (len - V2_HEAD < more)
		return PREFACE_MORE;
	out->bytes = V2_HEAD + more;
	const unsigned char *body = data + V2_HEAD;
	if (command == 0x21 && family == 0x11 && more >= 12) {
		out->addr.in.sin_family = out->local.in.sin_family = AF_INET;
		memcpy(&out->addr.in.sin_addr, body, 4);
		memcpy(&out->local.in.sin_addr, body + 4, 4);
		memcpy(&out->addr.in.sin_port, body + 8, 2);
		memcpy(&out->local.in.sin_port, body + 10, 2);
		out->addr_len = sizeof(out->addr.in);
	} else if (command == 0x21 && family == 0x21 && more >= 36) {
		out->addr.in6.sin6_family = out->local.in6.sin6_family = AF_INET6;
		memcpy(&out->addr.in6.sin6_addr, body, 16);
		memcpy(&out->local.in6.sin6_addr, body + 16, 16);
		memcpy(&out->addr.in6.sin6_port, body + 32, 2);
		memcpy(&out->local.in6.sin6_port, body + 34, 2);
		out->addr_len = sizeof(out->addr.in6);
	} else if (command == 0x21 && (family == 0x11 || family == 0x21)) {
		return PREFACE_BAD; /* too short for its own addresses */
	}
	return PREFACE_DONE;
}

enum preface_result preface_parse(const unsigned char *data, size_t len, struct preface_header *out)
{
	static const char word[6] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
	size_t a = len < sizeof(word) ? len : sizeof(word), b = len < sizeof(signature) ? len : sizeof(signature);
	*out = (struct preface_header){ .bytes = 0 };
	if (memcmp(data, word, a) == 0)
		return len < sizeof(word) ? PREFACE_MORE : parse_text(data, len, out);
	if (memcmp(data, signature, b) == 0)
		return parse_binary(data, len, out);
	return PREFACE_BAD;
}

/* --- waiting ------------------------------------------------------------------------------------------------------------- */

struct preface {
	struct preface *next, **at;
	struct worker *w;
	struct listener *l;
	int fd;
	bool rename;
	struct event event;
	struct timer timer;
	socklen_t addr_len;
	struct sockaddr_storage addr;
};

/* @return its descriptor */
static int leave(struct preface *p)
{
	int fd = p->fd;
	event_del(&p->event);
	event_debug_unassign(&p->event);
	timer_clear(&p->w->loop, &p->timer);
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	p->w->counters->connections--;
	return fd;
}

static void finish(struct preface *p)
{
	struct worker *w = p->w;
	listener_unref(p->l);
	free(p);
	worker_connection_closed(w);
}

static void give_up(struct preface *p)
{
	close(leave(p));
	finish(p);
}

static void on_time(struct timer *timer)
{
	give_up(container_of(timer, struct preface, timer));
}

/* The header is complete: what follows is the client's. */
static void go_on(struct preface *p, const struct preface_header *h)
{
	unsigned char header[PREFACE_MAX];
	int fd = leave(p);
	bool renamed = p->rename && h->addr_len > 0;
	if (recv(fd, header, h->bytes, 0) == (ssize_t)h->bytes)
		conn_accept(p->w, p->l, fd, renamed ? &h->addr.sa : (const struct sockaddr *)&p->addr, renamed ? h->addr_len : p->addr_len, h);
	else
		close(fd);
	if (p->w->counters->connections > 0) {
		listener_unref(p->l);
		free(p);
	} else {
		finish(p);
	}
}

static void on_header(evutil_socket_t fd, short what, void *arg)
{
	struct preface *p = arg;
	struct preface_header h;
	unsigned char data[PREFACE_MAX];
	(void)what;
	loop_now(&p->w->loop);
	ssize_t n = recv(fd, data, sizeof(data), MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	enum preface_result result = n > 0 ? preface_parse(data, (size_t)n, &h) : PREFACE_BAD;
	if (result == PREFACE_DONE)
		go_on(p, &h);
	else if (result == PREFACE_BAD || (size_t)n == sizeof(data))
		give_up(p);
}

static uint64_t time_of(const struct worker *w, const struct listener *l)
{
	const struct wsr_table *t = &w->gen->table;
	return wsr_srv_at(t, wsr_server_at(t, wsr_listen_at(t, l->index)->default_server)->srv)->client_header_timeout_ms;
}

/* RemoteIPProxyProtocolExceptions: who connects from there sends no header. */
static bool is_exempt(const struct worker *w, const struct sockaddr *addr)
{
	const struct wsr_table *t = w->gen ? &w->gen->table : NULL;
	struct wsr_list rules = t ? wsr_global(t)->exempt : (struct wsr_list){ 0, 0 };
	struct wsr_str bytes = WSR_STR_NULL;
	if (addr->sa_family == AF_INET)
		bytes = wsr_str((const char *)&((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
	else if (addr->sa_family == AF_INET6)
		bytes = wsr_str((const char *)&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, 16);
	return rules.count > 0 && bytes.len > 0 && wsr_address_listed(t, rules, bytes) != NULL;
}

void preface_accept(struct worker *w, struct listener *l, int fd, const struct sockaddr *addr, socklen_t len, bool rename)
{
	if (is_exempt(w, addr)) {
		conn_accept(w, l, fd, addr, len, NULL);
		return;
	}
	struct preface *p = l->index != WSR_NONE && len <= sizeof(p->addr) ? calloc(1, sizeof(*p)) : NULL;
	if (!p) {
		close(fd);
		return;
	}
	*p = (struct preface){ .next = w->prefaces, .at = &w->prefaces, .w = w, .l = l, .fd = fd, .rename = rename, .timer.fn = on_time, .addr_len = len };
	memcpy(&p->addr, addr, len);
	if (event_assign(&p->event, w->loop.base, fd, EV_READ | EV_PERSIST | EV_ET, on_header, p) != 0 || event_add(&p->event, NULL) != 0) {
		close(fd);
		free(p);
		return;
	}
	if (p->next)
		p->next->at = &p->next;
	w->prefaces = p;
	listener_ref(l);
	w->counters->connections++;
	timer_set(&w->loop, &p->timer, time_of(w, l));
}

void preface_close_all(struct worker *w)
{
	while (w->prefaces) {
		struct preface *p = w->prefaces;
		close(leave(p));
		listener_unref(p->l);
		free(p);
	}
}
