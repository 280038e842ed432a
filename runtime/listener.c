/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets of a worker, and overload: see listener.h. */
#include "runtime/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/conn.h"
#include "runtime/listeners.h"
#include "runtime/log.h"
#include "runtime/preface.h"
#include "runtime/upstream.h"
#include "runtime/worker.h"

#define ACCEPT_TURN 64      /* connections taken from one listener before the others have their turn */
#define RETRY_MS 500        /* after EMFILE, when nothing closes by itself */
#define IDLE_BATCH 16u      /* kept-alive connections closed at once to make room */

void listener_ref(struct listener *l)
{
	l->refs++;
}

void listener_unref(struct listener *l)
{
	if (--l->refs == 0)
		free(l);
}

void listeners_resume(struct worker *w)
{
	if (!w->listeners_paused)
		return;
	w->listeners_paused = false;
	for (struct listener *l = w->listeners; l; l = l->next)
		if (event_add(&l->event, NULL) < 0)
			log_error(w->gen, WSR_NONE, WSR_LOG_ALERT, NULL, "cannot watch %s", l->text);
}

static void on_retry(struct timer *t)
{
	listeners_resume(container_of(t, struct worker, resume));
}

void listeners_pause(struct worker *w, const char *why)
{
	if (w->listeners_paused)
		return;
	w->listeners_paused = true;
	w->counters->paused++;
	for (struct listener *l = w->listeners; l; l = l->next)
		event_del(&l->event);
	w->resume.fn = on_retry;
	timer_set(&w->loop, &w->resume, RETRY_MS);
	time_t now = time(NULL);
	if (now != w->pause_logged) { /* once a second at most */
		w->pause_logged = now;
		log_error(w->gen, WSR_NONE, WSR_LOG_ALERT, NULL, "not accepting connections for a moment: %s", why);
	}
}

static bool make_room(struct worker *w)
{
	if (w->counters->connections < w->max_connections)
		return true;
	if (conn_close_idle(w, IDLE_BATCH) > 0 && w->counters->connections < w->max_connections)
		return true;
	listeners_pause(w, "worker_connections, or the descriptors for them, are used up");
	return false;
}

static bool out_of_descriptors(struct worker *w)
{
	if (conn_close_idle(w, IDLE_BATCH) == 0 && upstreams_close_idle(w->upstreams) == 0)
		listeners_pause(w, strerror(errno));
	return false;
}

/* @return false when this listener has nothing more to give now. */
static bool accept_one(struct listener *l)
{
	struct worker *w = l->worker;
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	if (!make_room(w))
		return false;
	int fd = accept4(l->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0 && l->proxied)
		preface_accept(w, l, fd, (struct sockaddr *)&addr, len, l->renamed);
	else if (fd >= 0)
		conn_accept(w, l, fd, (struct sockaddr *)&addr, len, NULL);
	if (fd >= 0)
		return true;
	switch (errno) {
	case ECONNABORTED:
	case EINTR:
	case EPERM:
	case EPROTO: return true;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM: return out_of_descriptors(w);
	default: return false;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	(void)fd;
	(void)what;
	loop_now(&l->worker->loop);
	for (int i = 0; i < ACCEPT_TURN && accept_one(l); i++)
		;
}

/* --- from one generation to the next ------------------------------------------------------------------------------------- */

static uint64_t mix_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t mix_string(uint64_t h, const struct wsr_table *t, wsr_sref ref)
{
	struct wsr_str s = wsr_string(t, ref);
	return mix_bytes(mix_bytes(h, &s.len, sizeof(s.len)), s.ptr, s.len);
}

static uint64_t mix_strings(uint64_t h, const struct wsr_table *t, struct wsr_list list)
{
	for (uint32_t i = 0; i < list.count; i++)
		h = mix_string(h, t, *wsr_str_item_at(t, list.first + i));
	return h;
}

uint64_t listeners_tls_key(const struct wsr_table *t)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (uint32_t i = 0; i < wsr_tls_count(t); i++) {
		const struct wsr_tls *tls = wsr_tls_at(t, i);
		uint32_t numbers[] = { tls->protocols, tls->verify_client, tls->verify_depth, tls->reject_handshake, tls->crl_check };
		h = mix_bytes(h, numbers, sizeof(numbers));
		h = mix_strings(h, t, tls->certificates);
		h = mix_strings(h, t, tls->keys);
		h = mix_string(h, t, tls->ciphers);
		h = mix_string(h, t, tls->client_certificate);
		h = mix_string(h, t, tls->trusted_certificate);
		h = mix_string(h, t, tls->crl);
		h = mix_string(h, t, tls->client_folder);
		h = mix_string(h, t, tls->crl_folder);
	}
	return h;
}

static struct listener *find(struct worker *w, const char *text)
{
	for (struct listener *l = w->listeners; l; l = l->next)
		if (!strcmp(l->text, text))
			return l;
	return NULL;
}

static struct listener *listener_new(struct worker *w, int fd, const char *text)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->worker = w;
	l->fd = fd;
	l->refs = 1;
	snprintf(l->text, sizeof(l->text), "%s", text);
	event_assign(&l->event, w->loop.base, fd, EV_READ | EV_PERSIST, on_readable, l);
	if (!w->listeners_paused && event_add(&l->event, NULL) < 0) {
		free(l);
		return NULL;
	}
	l->next = w->listeners;
	w->listeners = l;
	return l;
}

/* What is queued belongs to the clients who were let in: accept until empty, then close. */
static void retire(struct listener *l)
{
	l->gone = true;
	while (accept_one(l))
		;
	event_del(&l->event);
	close(l->fd);
	l->index = WSR_NONE;
	listener_unref(l);
}

void listeners_close(struct worker *w)
{
	preface_close_all(w);
	timer_clear(&w->loop, &w->resume);
	while (w->listeners) {
		struct listener *l = w->listeners;
		w->listeners = l->next;
		retire(l);
	}
}

void listeners_apply(struct worker *w, int *fds, uint32_t count)
{
	const struct wsr_table *t = &w->gen->table;
	uint64_t tls_key = listeners_tls_key(t);
	for (struct listener *l = w->listeners; l; l = l->next)
		l->index = WSR_NONE;
	for (uint32_t i = 0; i < count; i++) {
		const struct wsr_listen *rec = wsr_listen_at(t, i);
		const char *text = wsr_string(t, rec->text).ptr;
		struct listener *l = fds[i] >= 0 ? find(w, text) : NULL;
		if (fds[i] >= 0 && !l)
			l = listener_new(w, fds[i], text);
		else if (fds[i] >= 0)
			close(fds[i]); /* a duplicate of the one we watch */
		fds[i] = -1;
		if (!l)
			continue;
		l->index = i;
		l->tls = rec->flags & WSR_LISTEN_TLS;
		l->proxied = rec->flags & WSR_LISTEN_PROXY_PROTOCOL;
		l->renamed = rec->flags & WSR_LISTEN_PROXY_CLIENT;
		l->tls_key = l->tls ? tls_key : 0;
	}
	for (struct listener **at = &w->listeners; *at;) {
		struct listener *l = *at;
		if (l->index != WSR_NONE) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		retire(l);
	}
}
