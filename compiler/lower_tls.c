/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ssl_*: the TLS settings of http and server blocks. They write into a struct wsr_tls template; a server that has certificates (or
 * refuses handshakes) gets it as its record. Files are names here: nothing is opened.
 */
#include "compiler/lower.h"
#include "compiler/value.h"

/* arg of lower_tls_str and lower_tls_flag: offset of the member. */
static void put32(struct level *lv, unsigned offset, uint32_t v)
{
	memcpy((char *)&lv->server->tls + offset, &v, sizeof(v));
}

void lower_ssl(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	bool on = word_is(node_arg(n, 0), "on");
	lv->server->ssl = on ? n : NULL;
	(void)l;
}

void lower_tls_str(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	put32(lv, offset, plan_str(l->plan, arg_str(n, 0)));
}

/* ssl_certificate, ssl_certificate_key and ssl_session_ticket_key: all of a block make one list. */
void lower_tls_files(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	wsr_sref list[32];
	uint32_t count = 0;
	struct server_level *s = lv->server;
	bool *done = offset == offsetof(struct wsr_tls, keys) ? &s->keys_set :
		offset == offsetof(struct wsr_tls, certificates) ? &s->certificates_set : &s->ticket_keys_set;
	if (*done)
		return;
	*done = true;
	for (const struct node *m = n; m; m = m->next) {
		if (m->def != n->def || m->bad)
			continue;
		if (count == 32) {
			diag_at(l->cc, CHECK_VALUE, m->span, "more than 32 files");
			break;
		}
		if (lower_has_variables(arg_str(m, 0)))
			diag_at(l->cc, CHECK_VALUE, node_arg(m, 0)->span, "a certificate's file cannot depend on variables: files are read once, before any request");
		list[count++] = plan_str(l->plan, arg_str(m, 0));
	}
	struct wsr_list run = pool_run(&l->plan->str_item, list, count);
	memcpy((char *)&s->tls + offset, &run, sizeof(run));
	if (offset == offsetof(struct wsr_tls, certificates))
		s->certificate = n;
	else if (offset == offsetof(struct wsr_tls, keys))
		s->key = n;
}

void lower_tls_flag(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	(void)l;
	put32(lv, offset, word_is(node_arg(n, 0), "on"));
}

static const struct { const char *name; uint32_t bit; } versions[] = {
	{ "TLSv1", WSR_TLS_1_0 }, { "TLSv1.1", WSR_TLS_1_1 }, { "TLSv1.2", WSR_TLS_1_2 }, { "TLSv1.3", WSR_TLS_1_3 },
};

/* Bits of the versions that are listed; SSLv2 and SSLv3 name nothing that exists any more. */
static uint32_t version_bits(struct lower *l, const struct node *n)
{
	uint32_t bits = 0;
	for (unsigned i = 0; i < node_arg_count(n); i++)
		for (size_t k = 0; k < sizeof(versions) / sizeof(*versions); k++)
			if (word_is(node_arg(n, i), versions[k].name))
				bits |= versions[k].bit;
	if (!bits)
		diag_at(l->cc, CHECK_VALUE, n->span, "none of these protocol versions can be used; there are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3");
	return bits;
}

void lower_tls_protocols(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->server->tls.protocols = version_bits(l, n);
}

void lower_proxy_ssl_protocols(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->s.proxy.proxy_ssl_protocols = version_bits(l, n);
	level_mark(lv, SET_proxy_ssl_protocols);
}

/* off | none | [builtin[:size]] [shared:name:size] */
void lower_tls_session_cache(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	struct wsr_tls *t = &lv->server->tls;
	t->session_cache = WSR_TLS_CACHE_NONE;
	t->session_cache_bytes = 0;
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		struct wsr_str s = arg_str(n, i);
		uint64_t v = 0;
		if (wsr_str_eq(s, WSR_STR("off"))) {
			t->session_cache = WSR_TLS_CACHE_OFF;
		} else if (wsr_str_eq(s, WSR_STR("none"))) {
			t->session_cache = WSR_TLS_CACHE_NONE;
		} else if (s.len >= 7 && memcmp(s.ptr, "builtin", 7) == 0) {
			if (t->session_cache != WSR_TLS_CACHE_SHARED)
				t->session_cache = WSR_TLS_CACHE_BUILTIN;
		} else if (s.len > 7 && memcmp(s.ptr, "shared:", 7) == 0) {
			const char *colon = memchr(s.ptr + 7, ':', s.len - 7);
			const char *end = s.ptr + s.len;
			if (!colon || !value_size(wsr_str(colon + 1, (size_t)(end - colon - 1)), false, &v) || v < 8192 || v > UINT32_MAX)
				diag_at(l->cc, CHECK_VALUE, node_arg(n, i)->span, "invalid session cache '%s': shared:NAME:SIZE with a size of at least 8k",
					diag_quote(l->cc, s.ptr, s.len));
			t->session_cache = WSR_TLS_CACHE_SHARED;
			t->session_cache_bytes = (uint32_t)v;
		} else {
			diag_at(l->cc, CHECK_VALUE, node_arg(n, i)->span, "invalid session cache '%s': off, none, builtin or shared:NAME:SIZE",
				diag_quote(l->cc, s.ptr, s.len));
		}
	}
}

void lower_tls_session_timeout(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l;
	(void)arg;
	value_duration_ms(arg_str(n, 0), true, &lv->server->tls.session_timeout_ms);
}

/* auto = the library's own list */
void lower_tls_curves(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->server->tls.curves = word_is(node_arg(n, 0), "auto") ? 0 : plan_str(l->plan, arg_str(n, 0));
}

void lower_tls_verify_client(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	static const char *const words[] = { "off", "on", "optional", "optional_no_ca" };
	(void)l;
	(void)arg;
	for (uint32_t i = 0; i < 4; i++)
		if (word_is(node_arg(n, 0), words[i]))
			lv->server->tls.verify_client = WSR_TLS_VERIFY_OFF + i;
}

void lower_tls_verify_depth(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t v = 1;
	(void)l;
	(void)arg;
	value_uint(arg_str(n, 0), &v);
	lv->server->tls.verify_depth = (uint32_t)v;
}

/* arg: a bit of `stapling`. */
void lower_tls_stapling(struct lower *l, struct level *lv, const struct node *n, unsigned bit)
{
	(void)l;
	lv->server->tls.stapling &= ~bit;
	if (word_is_nocase(node_arg(n, 0), "on"))
		lv->server->tls.stapling |= bit;
}

void lower_tls_stapling_responder(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_str url = arg_str(n, 0);
	(void)arg;
	if (url.len < 8 || !wsr_str_eq_nocase(wsr_str(url.ptr, 7), WSR_STR("http://")))
		diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "'%s' cannot be asked: responders have URLs of plain HTTP, http://HOST[:PORT]/PATH",
			diag_quote(l->cc, url.ptr, url.len));
	lv->server->tls.stapling_responder = plan_str(l->plan, url);
}

/* arg: offset of a member in seconds; a number without unit is one of them, -1 is WSR_NONE. */
void lower_tls_stapling_time(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	uint64_t ms = UINT64_MAX;
	(void)l;
	value_duration_ms(arg_str(n, 0), true, &ms);
	put32(lv, offset, ms / 1000 < WSR_NONE ? (uint32_t)(ms / 1000) : WSR_NONE);
}

void lower_tls_stapling_timeout(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t ms = 0;
	(void)l, (void)arg;
	value_duration_ms(arg_str(n, 0), false, &ms);
	lv->server->tls.stapling_timeout_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

void tls_stapling_defaults(struct wsr_tls *t)
{
	t->stapling_timeout_ms = WSR_STAPLING_TIMEOUT_MS;
	t->stapling_valid_s = WSR_STAPLING_VALID_S;
	t->stapling_error_s = WSR_STAPLING_ERROR_S;
	t->stapling_skew_s = WSR_STAPLING_SKEW_S;
	t->stapling_max_age_s = WSR_NONE;
}

void tls_stapling_done(struct wsr_tls *t, wsr_sref resolver)
{
	if (t->stapling & WSR_STAPLING_ON) {
		t->stapling_resolver = resolver;
		return;
	}
	t->stapling = t->stapling_file = t->stapling_responder = t->stapling_resolver = 0;
	t->stapling_timeout_ms = t->stapling_valid_s = t->stapling_error_s = t->stapling_skew_s = t->stapling_max_age_s = 0;
}

void lower_tls_buffer_size(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t v = 0;
	(void)l;
	(void)arg;
	value_size(arg_str(n, 0), false, &v);
	lv->server->tls.buffer_bytes = (uint32_t)(v < UINT32_MAX ? v : UINT32_MAX);
}
