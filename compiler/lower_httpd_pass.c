/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backends of httpd's phases in our own language: `worker`, which joins a URL with an upstream and its parameters, and `pass`, which sends paths there. In:
 * checked statements of an `httpd` or `section` block. Out: worker and pass records of the host or layer.
 *
 * Targets are written as in ProxyPass. A target belongs to the worker whose URL is the longest beginning of its own, unless worker= names another.
 */
#include "compiler/apache_worker.h"
#include "compiler/lower_httpd.h"
#include "compiler/value.h"

const struct httpd_name httpd_worker_flags[] = {
	{ "upgrade_any", WSR_WORKER_UPGRADE_ANY }, { "no_reuse", WSR_WORKER_NO_REUSE }, { "no_fallback", WSR_WORKER_NO_FALLBACK },
	{ "no_failover", WSR_WORKER_NO_FAILOVER }, { "semicolon", WSR_WORKER_SEMICOLON }, { NULL, 0 },
};

const struct httpd_name httpd_member_flags[] = { { "ws", WSR_MEMBER_WS }, { "upgrade_any", WSR_MEMBER_UPGRADE_ANY }, { NULL, 0 } };

#define RETRY_MS 60000u
#define MEMBERS_MAX 256u

/* --- worker ---------------------------------------------------------------------------------------------------------------- */

static bool keyed_ms(struct words *w, const char *key, uint64_t *ms)
{
	struct wsr_str v;
	if (!words_keyed(w, key, &v))
		return false;
	if (!value_duration_ms(v, false, ms)) {
		w->at--;
		words_wrong(w, "a time is wanted");
	}
	return true;
}

struct build { struct words w; struct wsr_worker k; struct wsr_str upstream; struct word target; struct wsr_member members[MEMBERS_MAX]; uint32_t count; };

/* What stands behind the keyword "member" is about that server of the upstream. */
static bool member_word(struct build *b)
{
	struct words *w = &b->w;
	struct wsr_member *m = &b->members[b->count - 1];
	struct wsr_str v;
	for (const struct httpd_name *f = httpd_member_flags; f->name; f++)
		if (words_take(w, f->name)) {
			m->flags |= f->bits;
			return true;
		}
	if (words_keyed(w, "route", &v))
		m->route = plan_str(w->l->plan, v);
	else if (words_keyed(w, "uri", &v))
		m->uri = plan_str(w->l->plan, v);
	else if (words_keyed(w, "upgrade", &v))
		m->upgrade = plan_str_lower(w->l->plan, v);
	else
		return keyed_ms(w, "timeout", &m->timeout_ms);
	return true;
}

static bool worker_word(struct build *b)
{
	struct words *w = &b->w;
	struct wsr_str v;
	uint64_t number;
	if (b->count < MEMBERS_MAX && words_take(w, "member")) {
		b->count++;
		return true;
	}
	if (b->count)
		return member_word(b);
	if (keyed_ms(w, "timeout", &b->k.timeout_ms) || keyed_ms(w, "connect_timeout", &b->k.connect_timeout_ms) || keyed_ms(w, "retry", &b->k.retry_ms))
		return true;
	for (const struct httpd_name *f = httpd_worker_flags; f->name; f++)
		if (words_take(w, f->name)) {
			b->k.flags |= f->bits;
			return true;
		}
	if (words_keyed(w, "upstream", &v)) {
		b->upstream = v;
	} else if (words_keyed(w, "target", &v)) {
		b->target = (struct word){ .text = v.ptr, .len = (uint32_t)v.len & 0x3fffffffu, .span = node_arg(w->n, w->at - 1)->span };
	} else if (words_keyed(w, "upgrade", &v)) {
		b->k.upgrade = plan_str_lower(w->l->plan, v);
	} else if (words_keyed(w, "sticky", &v)) {
		b->k.sticky_cookie = plan_str(w->l->plan, v);
		b->k.sticky_path = b->k.sticky_path ? b->k.sticky_path : b->k.sticky_cookie;
	} else if (words_keyed(w, "sticky_path", &v)) {
		b->k.sticky_path = plan_str(w->l->plan, v);
	} else if (words_keyed(w, "max_attempts", &v) && value_uint(v, &number)) {
		b->k.max_attempts = (uint32_t)(number < UINT32_MAX ? number : UINT32_MAX);
	} else {
		return false;
	}
	return true;
}

static void finish_worker(struct level *lv, struct build *b, const struct word *url, bool balancer)
{
	struct lower *l = b->w.l;
	struct apache_url u;
	uint32_t upstream = lower_upstream_find(l, b->upstream);
	if (upstream == WSR_NONE) {
		diag_at(l->cc, CHECK_ARGUMENT, node_head_span(b->w.n), "no upstream '%s': upstream=NAME names one", diag_quote(l->cc, b->upstream.ptr, b->upstream.len));
		return;
	}
	if (!apache_url_read(l, b->target.text ? &b->target : url, false, false, &u))
		return;
	if (u.balancer) {
		diag_at(l->cc, CHECK_PROXY_URL, url->span, "target=URL is missing: what the members of a balancer have in common");
		return;
	}
	if (!b->target.text)
		u.path = WSR_STR_NULL;
	u.balancer = balancer;
	b->k.url = plan_str(l->plan, word_str(url));
	b->k.proxy = apache_proxy(l, b->w.n, &u, upstream);
	b->k.flags |= balancer ? WSR_WORKER_BALANCER : 0;
	b->k.members = pool_run(&l->plan->member, b->members, b->count);
	uint32_t peers = ((const struct wsr_upstream *)pool_at(&l->plan->upstream, upstream))->peers.count;
	if (b->count != (balancer ? peers : 0))
		diag_at(l->cc, CHECK_ARGUMENT, node_head_span(b->w.n), balancer ? "'member' stands %u times for %u servers of the upstream: once for each is wanted" :
			"'member' belongs to a balancer://", b->count, peers);
	else
		apache_push(l, &lv->section->host->workers, &b->k, b->w.n);
}

void lower_httpd_worker(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct build b = { .w = { .l = l, .n = n }, .k = { .retry_ms = RETRY_MS }, .upstream = WSR_STR("") };
	(void)arg;
	const struct word *url = words_next(&b.w, "the URL of a backend is wanted");
	while (!b.w.failed && worker_word(&b))
		;
	if (!b.w.failed && !words_end(&b.w))
		words_wrong(&b.w, "upstream=, target=, timeout=, connect_timeout=, retry=, upgrade=, sticky=, sticky_path=, max_attempts=, a flag, or member with route=, uri=, upgrade=, timeout=, ws is wanted");
	if (!b.w.failed)
		finish_worker(lv, &b, url, url->len > 11 && wsr_str_eq_nocase(wsr_str(url->text, 11), WSR_STR("balancer://")));
}

/* --- pass ------------------------------------------------------------------------------------------------------------------ */

/* Ordinal of the worker with this very URL, or of the one whose URL is the longest beginning. */
static uint32_t find_worker(struct lower *l, const struct apache_host *h, struct wsr_str url, bool exact)
{
	uint32_t best = WSR_NONE;
	size_t best_len = 0;
	for (uint32_t i = 0; i < h->workers.records.count; i++) {
		struct wsr_str own = plan_text(l->plan, ((const struct wsr_worker *)pool_at(&h->workers.records, i))->url);
		bool begins = own.len <= url.len && memcmp(own.ptr, url.ptr, own.len) == 0 && (!exact || own.len == url.len);
		if (begins && own.len >= best_len) {
			best = i;
			best_len = own.len;
		}
	}
	return best;
}

static bool pass_option(struct words *w, struct wsr_pass *p, struct wsr_str *worker)
{
	static const struct { const char *name; uint32_t flag; } flags[] = { { "nocanon", WSR_PASS_NOCANON }, { "interpolate", WSR_PASS_INTERPOLATE }, { "lookup", WSR_PASS_LOOKUP } };
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (words_take(w, flags[i].name)) {
			p->flags |= flags[i].flag;
			return true;
		}
	return words_keyed(w, "worker", worker);
}

/* Where requests go, as lower_ap_proxy_pass() has it but for the worker, which stands on its own. */
static bool pass_target(struct words *w, struct level *lv, const struct word *target, struct wsr_str worker, struct wsr_pass *p)
{
	struct lower *l = w->l;
	struct apache_url u;
	struct wsr_str constant;
	bool captures = p->regex != WSR_NONE, live = p->flags & WSR_PASS_INTERPOLATE;
	if (!apache_url_read(l, target, captures, live, &u))
		return false;
	p->target = apache_substitution(l, u.text, captures, false);
	if (live) {
		p->live_from = apache_substitution(l, plan_text(l->plan, p->from), false, true);
		p->live_target = apache_substitution(l, u.text, captures, true);
	}
	if (captures && plan_tmpl_constant(l->plan, p->target, &constant))
		p->flags |= WSR_PASS_APPEND;
	if (u.variable) {
		struct wsr_proxy proxy = { .flags = WSR_PROXY_VARIABLES | u.flags, .upstream = WSR_NONE, .url = p->target };
		p->proxy = plan_record_at(l->plan, &l->plan->proxy, &proxy, offsetof(struct wsr_proxy, pos), lower_place(l, w->n->span));
		return true;
	}
	struct wsr_str url = u.balancer ? wsr_str(u.text.ptr, u.text.len - u.path.len) : u.text;
	char *lower = arena_copy(&l->cc->arena, url.ptr, url.len);
	for (size_t i = 0; i < url.len - (u.balancer ? 0 : u.path.len); i++)
		lower[i] = (char)wsr_lower((unsigned char)lower[i]);
	const char *dollar = captures && !u.balancer ? memchr(lower, '$', url.len) : NULL;
	url = wsr_str(lower, dollar ? (size_t)(dollar - lower) : url.len);
	p->worker = find_worker(l, lv->section->host, worker.ptr ? worker : url, worker.ptr || u.balancer);
	if (p->worker == WSR_NONE) {
		diag_at(l->cc, CHECK_PROXY_URL, target->span, "no 'worker' above has this URL or a beginning of it");
		return false;
	}
	const struct wsr_worker *k = pool_at(&lv->section->host->workers.records, p->worker);
	uint32_t upstream = ((const struct wsr_proxy *)pool_at(&l->plan->proxy, k->proxy))->upstream;
	p->proxy = u.balancer ? k->proxy : apache_proxy(l, w->n, &u, upstream);
	if (captures || live)
		p->flags |= WSR_PASS_LOOKUP;
	return true;
}

/* pass [FROM | ~ REGEX] to TARGET|! [option ...] */
void lower_httpd_pass(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct words w = { .l = l, .n = n };
	struct wsr_pass p = { .regex = WSR_NONE, .proxy = WSR_NONE, .target = WSR_NONE, .worker = WSR_NONE, .live_from = WSR_NONE, .live_target = WSR_NONE };
	struct wsr_str worker = WSR_STR_NULL;
	bool section = lv->section->layer.kind != WSR_LAYER_HOST;
	(void)arg;
	const struct word *first = node_arg(n, 0);
	if ((first->quote == WORD_PLAIN && word_is(first, "~*")) || words_take(&w, "~"))
		p.regex = words_regex(&w, "a regular expression is wanted");
	else if (!(first->quote == WORD_PLAIN && word_is(first, "to")))
		p.from = plan_str(l->plan, word_str(words_next(&w, "")));
	else
		p.from = lv->section->layer.name;
	if (!w.failed && !words_take(&w, "to"))
		words_wrong(&w, "'to' and a target, or '!', is wanted");
	const struct word *target = words_next(&w, "a target, or '!', is wanted");
	while (!w.failed && pass_option(&w, &p, &worker))
		;
	if (!w.failed && !words_end(&w))
		words_wrong(&w, "nocanon, interpolate, lookup, worker=URL or the end is wanted");
	if (w.failed || !target)
		return;
	if (target->quote == WORD_PLAIN && word_is(target, "!"))
		p.flags |= WSR_PASS_EXCLUDE;
	else if (!pass_target(&w, lv, target, worker, &p))
		return;
	if (section)
		lv->section->layer.pass = plan_record_at(l->plan, &l->plan->pass, &p, offsetof(struct wsr_pass, pos), lower_place(l, n->span));
	else
		apache_push(l, &lv->section->host->passes, &p, n);
}
