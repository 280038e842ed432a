/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's main: takes generations from the master in two steps, swaps one pointer at COMMIT, serves until told to stop. Between the fork and the first COMMIT it
 * serves nobody. What a message brings is either put into the pending offer or released.
 */
#include <event2/dns.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "eval/wsr_date.h"
#include "runtime/channel.h"
#include "runtime/conn.h"
#include "runtime/listeners.h"
#include "runtime/log.h"
#include "runtime/log_buffers.h"
#include "runtime/upstream.h"
#include "runtime/worker_main.h"

#define UPSTREAM_KEEPALIVE 64u

/* An offered generation that is not committed yet. */
struct offer {
	struct generation *gen;
	int *listen_fds;
	uint32_t listen_count;
};

struct worker_process {
	struct worker w;
	int channel;
	struct event readable;
	struct event signals[3];
	struct offer offer;
	struct table_memory table;  /* what the worker was forked with, until it is offered */
	uint32_t table_generation;
};

void worker_clock(struct worker *w)
{
	struct timespec ts;
	char date[WSR_DATE_BYTES];
	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	if (ts.tv_sec == w->clock_s)
		return;
	w->clock_s = ts.tv_sec;
	memcpy(w->http_date, wsr_http_date(ts.tv_sec, date).ptr, sizeof(w->http_date) - 1);
}

void worker_connection_closed(struct worker *w)
{
	if (w->listeners_paused && w->counters->connections < w->max_connections)
		listeners_resume(w);
	if (w->draining && w->counters->connections == 0)
		loop_break(&w->loop);
}

/* --- offers ------------------------------------------------------------------------------------------------------------ */

static void offer_drop(struct offer *o)
{
	for (uint32_t i = 0; i < o->listen_count; i++)
		if (o->listen_fds[i] >= 0)
			close(o->listen_fds[i]);
	free(o->listen_fds);
	generation_unref(o->gen);
	*o = (struct offer){ 0 };
}

static void close_fds(struct channel_msg *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		close(m->fds[i]);
	m->count = 0;
}

static void say(struct worker_process *wp, enum channel_type type, uint32_t generation, const char *text)
{
	struct channel_msg m = { .type = type, .generation = generation };
	snprintf(m.text, sizeof(m.text), "%s", text);
	if (!channel_send(wp->channel, &m))
		loop_break(&wp->w.loop); /* the master is gone, or does not read: it will start another worker */
}

/* The bytes of the offered table: a sealed file that came with the offer, or what the worker was forked with. */
static bool offered_table(struct worker_process *wp, const struct channel_msg *m, struct table_memory *out)
{
	if (m->count == 2)
		return table_memory_map(out, m->fds[1]);
	if (m->count != 1 || m->generation != wp->table_generation)
		return false;
	*out = wp->table;
	wp->table = (struct table_memory){ 0 };
	return true;
}

static void on_offer(struct worker_process *wp, struct channel_msg *m)
{
	char why[256] = "the offered table cannot be mapped";
	struct table_memory memory;
	offer_drop(&wp->offer);
	struct generation *g = offered_table(wp, m, &memory) ? generation_new(&memory, m->fds[0], m->generation, wp->w.tickets, false, why, sizeof(why)) : NULL;
	close_fds(m);
	if (!g) {
		say(wp, CHANNEL_REFUSED, m->generation, why);
		return;
	}
	tls_ctxs_use_staples(g->tls, wp->w.staples);
	uint32_t n = wsr_listen_count(&g->table);
	wp->offer = (struct offer){ .gen = g, .listen_fds = malloc((n ? n : 1) * sizeof(int)), .listen_count = n };
	for (uint32_t i = 0; wp->offer.listen_fds && i < n; i++)
		wp->offer.listen_fds[i] = -1;
	if (!wp->offer.listen_fds) {
		wp->offer.listen_count = 0;
		offer_drop(&wp->offer);
		say(wp, CHANNEL_REFUSED, m->generation, "out of memory");
	}
}

static void on_listeners(struct worker_process *wp, struct channel_msg *m)
{
	struct offer *o = &wp->offer;
	for (uint32_t i = 0; i < m->count; i++) {
		if (o->gen && o->gen->number == m->generation && m->index[i] < o->listen_count && o->listen_fds[m->index[i]] < 0)
			o->listen_fds[m->index[i]] = m->fds[i];
		else
			close(m->fds[i]);
	}
	m->count = 0;
}

static struct generation *generation_by_number(struct worker_process *wp, uint32_t number)
{
	if (wp->offer.gen && wp->offer.gen->number == number)
		return wp->offer.gen;
	return wp->w.gen && wp->w.gen->number == number ? wp->w.gen : NULL;
}

static void on_logs(struct worker_process *wp, struct channel_msg *m)
{
	struct generation *g = generation_by_number(wp, m->generation);
	if (!g) {
		close_fds(m);
		return;
	}
	log_flush(&wp->w);
	for (uint32_t i = 0; i < m->count; i++) {
		if (m->type == CHANNEL_ACCESS_LOGS)
			generation_set_access_fd(g, m->index[i], m->fds[i]);
		else
			generation_set_error_fd(g, m->index[i], m->fds[i]);
	}
	m->count = 0;
}

static void on_prepare(struct worker_process *wp, uint32_t number)
{
	if (!wp->offer.gen || wp->offer.gen->number != number)
		return; /* refused already */
	for (uint32_t i = 0; i < wp->offer.listen_count; i++)
		if (wp->offer.listen_fds[i] < 0) {
			say(wp, CHANNEL_REFUSED, number, "a listening socket did not arrive");
			offer_drop(&wp->offer);
			return;
		}
	say(wp, CHANNEL_READY, number, "");
}

/* Descriptors that are nobody's connection: standard streams, event loop, channel, resolver, and a few files that are open for a moment. */
#define OWN_DESCRIPTORS 24u

/*
 * As many clients as can each have a second descriptor, for the upstream or the file: who is accepted must not be told 500 for want of one. Beside them stay free
 * what a reload brings along (listeners and logs, once more).
 */
static uint32_t clients_with_descriptors(const struct worker *w, uint32_t wanted)
{
	const struct generation *g = w->gen;
	struct rlimit lim;
	uint64_t fixed = OWN_DESCRIPTORS + 2u * ((uint64_t)wsr_listen_count(&g->table) + g->access_fd_count + g->error_fd_count);
	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur == RLIM_INFINITY)
		return wanted;
	uint64_t room = lim.rlim_cur > fixed + 2 ? (lim.rlim_cur - fixed) / 2 : 1;
	if (room >= wanted)
		return wanted;
	if (w->index == 0)
		log_error(w->gen, WSR_NONE, WSR_LOG_WARN, NULL,
			  "worker_connections is %u, but %llu file descriptors are enough for %llu clients and their upstreams: no more are accepted at a time", wanted,
			  (unsigned long long)lim.rlim_cur, (unsigned long long)room);
	return (uint32_t)room;
}

static void on_commit(struct worker_process *wp, uint32_t number)
{
	struct worker *w = &wp->w;
	if (!wp->offer.gen || wp->offer.gen->number != number)
		return;
	struct generation *old = w->gen;
	w->gen = wp->offer.gen;
	w->max_connections = clients_with_descriptors(w, w->connections_override ? w->connections_override : wsr_global(&w->gen->table)->worker_connections);
	listeners_apply(w, wp->offer.listen_fds, wp->offer.listen_count);
	free(wp->offer.listen_fds);
	wp->offer = (struct offer){ 0 };
	tls_ctxs_staple_ahead(w->gen->tls);
	if (old) {
		conn_generation_changed(w);
		log_flush(w);
		generation_unref(old);
	}
	say(wp, CHANNEL_COMMITTED, number, "");
}

static void on_drain(struct worker *w)
{
	if (w->draining)
		return;
	w->draining = true;
	if (w->gen)
		listeners_close(w);
	conn_drain(w);
	if (w->counters->connections == 0)
		loop_break(&w->loop);
}

/* A message came without its descriptors: there is no room for them. What is being served goes on. */
static void on_lost(struct worker_process *wp, const struct channel_msg *m)
{
	bool offered = m->type == CHANNEL_OFFER || (wp->offer.gen && wp->offer.gen->number == m->generation);
	if (offered) {
		offer_drop(&wp->offer);
		say(wp, CHANNEL_REFUSED, m->generation, "a worker has no file descriptors left for the new table");
	} else if (wp->w.gen && wp->w.gen->number == m->generation) {
		log_error(wp->w.gen, WSR_NONE, WSR_LOG_ALERT, NULL, "no file descriptors left: logs are not reopened, the old files are written on");
	}
}

static void handle(struct worker_process *wp, struct channel_msg *m)
{
	if (m->lost) {
		on_lost(wp, m);
		return;
	}
	switch (m->type) {
	case CHANNEL_OFFER: on_offer(wp, m); break;
	case CHANNEL_LISTENERS: on_listeners(wp, m); break;
	case CHANNEL_ACCESS_LOGS:
	case CHANNEL_ERROR_LOGS: on_logs(wp, m); break;
	case CHANNEL_PREPARE: on_prepare(wp, m->generation); break;
	case CHANNEL_COMMIT: on_commit(wp, m->generation); break;
	case CHANNEL_DROP: offer_drop(&wp->offer); break;
	case CHANNEL_LOGS_DONE:
		log_close_files(&wp->w);
		say(wp, CHANNEL_REOPENED, m->generation, "");
		break;
	case CHANNEL_DRAIN: on_drain(&wp->w); break;
	default: break;
	}
	close_fds(m);
}

static void on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct worker_process *wp = arg;
	struct channel_msg m;
	int got;
	(void)what;
	loop_now(&wp->w.loop);
	while ((got = channel_receive(fd, &m)) > 0)
		handle(wp, &m);
	if (got < 0)
		loop_break(&wp->w.loop); /* without a master nobody could stop us */
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct worker_process *wp = arg;
	(void)what;
	if (sig == SIGQUIT)
		on_drain(&wp->w);
	else
		loop_break(&wp->w.loop);
}

/* What libevent and its resolver have to say goes where our own messages go; their callbacks carry no context, and a process has one worker. */
static struct worker *log_worker;

static void on_libevent_log(int severity, const char *text)
{
	enum wsr_log_level level = severity == EVENT_LOG_ERR ? WSR_LOG_ERROR : severity == EVENT_LOG_WARN ? WSR_LOG_WARN : WSR_LOG_INFO;
	if (severity != EVENT_LOG_DEBUG)
		log_error(log_worker->gen, log_worker->gen ? wsr_global(&log_worker->gen->table)->error_log : WSR_NONE, level, NULL, "%s", text);
}

static void on_resolver_log(int is_warning, const char *text)
{
	on_libevent_log(is_warning ? EVENT_LOG_WARN : EVENT_LOG_MSG, text);
}

static void on_staple_log(void *worker, bool bad, const char *text)
{
	const struct worker *w = worker;
	log_error(w->gen, w->gen ? wsr_global(&w->gen->table)->error_log : WSR_NONE, bad ? WSR_LOG_ERROR : WSR_LOG_NOTICE, NULL, "%s", text);
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

static void *get_arena_block(void *slabs)
{
	return slabs_get(slabs);
}

static void put_arena_block(void *slabs, void *block)
{
	slabs_put(slabs, block);
}

static bool worker_init(struct worker_process *wp, const struct worker_start *start)
{
	struct worker *w = &wp->w;
	*w = (struct worker){ .index = start->index, .pid = getpid(), .prefix = start->prefix, .max_connections = start->max_connections,
			      .connections_override = start->connections_override, .counters = start->counters, .tickets = start->tickets };
	w->arenas = (struct wsr_arena_pool){ .get = get_arena_block, .put = put_arena_block, .source = &w->arena_blocks };
	log_worker = w;
	event_set_log_callback(on_libevent_log);
	evdns_set_log_fn(on_resolver_log);
	if (!loop_init(&w->loop))
		return false;
	slabs_init(&w->arena_blocks, &w->loop, WSR_ARENA_BLOCK);
	loop_now(&w->loop);
	worker_clock(w);
	w->logs = log_buffers_new(w);
	w->upstreams = upstreams_new(&w->loop, UPSTREAM_KEEPALIVE);
	w->staples = staples_new(&w->loop, on_staple_log, w);
	w->conns = conn_set_new(w);
	wp->channel = start->channel;
	wp->table = start->table;
	wp->table_generation = start->table_generation;
	event_assign(&wp->readable, w->loop.base, wp->channel, EV_READ | EV_PERSIST, on_channel, wp);
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT };
	bool ok = w->logs && w->upstreams && w->staples && w->conns && event_add(&wp->readable, NULL) == 0;
	for (size_t i = 0; ok && i < sizeof(signals) / sizeof(*signals); i++) {
		evsignal_assign(&wp->signals[i], w->loop.base, signals[i], on_signal, wp);
		ok = evsignal_add(&wp->signals[i], NULL) == 0;
	}
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	return ok;
}

_Noreturn void worker_main(const struct worker_start *start)
{
	static struct worker_process wp; /* reachable until the end: what is still open at exit is no leak */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != start->master)
		_exit(0);
	if (!privilege_drop(&start->ids) || !worker_init(&wp, start)) {
		log_error(NULL, WSR_NONE, WSR_LOG_EMERG, NULL, "worker %u cannot start: no privilege drop, memory or event loop", start->index);
		_exit(1);
	}
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL); /* blocked since the fork */
	loop_run(&wp.w.loop);
	log_flush(&wp.w);
	exit(0);
}
