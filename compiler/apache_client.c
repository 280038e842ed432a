/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who the client is and what it may send: RemoteIP* (mod_remoteip), LimitRequest*, RequestReadTimeout (mod_reqtimeout). In: checked statements of a main
 * server or virtual host. Out: the host's trusted proxies, and settings that act before a host is known.
 */
#include "compiler/apache.h"
#include "compiler/value.h"

void lower_apache_remote_header(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->section->host->record.remote_header = plan_str(l->plan, arg_str(n, 0));
}

/* It belongs to addresses, not to hosts: of those that share one the last that says anything counts (apache_listen.c). */
void lower_apache_proxy_protocol(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	lv->section->host->proxy_protocol_said = true;
	lv->section->host->proxy_protocol = word_is_nocase(node_arg(n, 0), "on");
}

/* One list for all hosts, wherever they say it (mod_remoteip keeps it beside the configuration of hosts). */
void lower_apache_preface_exempt(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv, (void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		struct wsr_access_rule rule;
		const struct word *w = node_arg(n, i);
		struct plan_place at = lower_place(l, w->span);
		if (!apache_network(word_str(w), &rule)) {
			diag_at(l->cc, CHECK_ADDRESS, w->span, "'%s' is no address or network: names of hosts are not looked up", diag_quote(l->cc, w->text, w->len));
			continue;
		}
		pool_push(&l->exempt, &rule);
		pool_push(&l->exempt_places, &at);
	}
}

/* Private addresses are believed from internal proxies only: `deny` marks those. */
void lower_apache_remote_proxy(struct lower *l, struct level *lv, const struct node *n, unsigned internal)
{
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		struct wsr_access_rule rule;
		const struct word *w = node_arg(n, i);
		if (!apache_network(word_str(w), &rule)) {
			diag_at(l->cc, CHECK_ADDRESS, w->span, "'%s' is no address or network: names of hosts are not looked up when compiling",
				diag_quote(l->cc, w->text, w->len));
			continue;
		}
		rule.deny = internal != 0;
		apache_push(l, &lv->section->host->trusted, &rule, n);
	}
}

/* LimitRequestLine, LimitRequestFieldSize: httpd lets one octet more pass than the number says. */
void lower_apache_limit_bytes(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	(void)l;
	uint64_t v = 0;
	value_uint(arg_str(n, 0), &v);
	uint32_t bytes = (uint32_t)(v < UINT32_MAX / 8 ? v + 1 : UINT32_MAX / 8);
	memcpy((char *)&lv->server->srv + offset, &bytes, sizeof(bytes));
	if (lv->server->srv.large_header_bytes < bytes)
		lv->server->srv.large_header_bytes = bytes;
}

void lower_apache_limit_fields(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	uint64_t v = 0;
	value_uint(arg_str(n, 0), &v);
	lv->server->srv.field_count = (uint32_t)(v == 0 || v > 32767 ? 32767 : v); /* 0: no limit; httpd's own ceiling */
}

/* --- RequestReadTimeout -------------------------------------------------------------------------------------------------- */

static bool number(struct wsr_str *s, uint64_t *v)
{
	size_t len = 0;
	while (len < s->len && s->ptr[len] >= '0' && s->ptr[len] <= '9')
		len++;
	bool ok = len > 0 && value_uint(wsr_str(s->ptr, len), v);
	*s = wsr_str(s->ptr + len, s->len - len);
	return ok;
}

/*
 * "header=20-40,MinRate=500", "body=20,MinRate=500", "handshake=5". A time that grows with what arrives becomes its largest value for a head; a body's rate is
 * not watched, its silence is.
 */
void lower_apache_read_timeout(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		const struct word *w = node_arg(n, i);
		struct wsr_str s = word_str(w);
		const char *equal = s.len ? memchr(s.ptr, '=', s.len) : NULL;
		struct wsr_str key = equal ? wsr_str(s.ptr, (size_t)(equal - s.ptr)) : s;
		uint64_t first = 0, last = 0;
		bool head = wsr_str_eq_nocase(key, WSR_STR("header")), body = wsr_str_eq_nocase(key, WSR_STR("body"));
		s = equal ? wsr_str(equal + 1, s.len - key.len - 1) : wsr_str("", 0);
		bool ok = (head || body || wsr_str_eq_nocase(key, WSR_STR("handshake"))) && number(&s, &first);
		if (ok && s.len && s.ptr[0] == '-') {
			s = wsr_str(s.ptr + 1, s.len - 1);
			ok = number(&s, &last);
		}
		if (!ok || (s.len && s.ptr[0] != ',')) {
			diag_at(l->cc, CHECK_ARGUMENT, w->span, "header=, body= or handshake= with seconds is wanted (20, 20-40 or 20-40,MinRate=500), not '%s'",
				diag_quote(l->cc, w->text, w->len));
			continue;
		}
		uint64_t ms = 1000 * (last > first ? last : first);
		if (head)
			lv->server->srv.client_header_timeout_ms = ms;
		if (!body)
			continue;
		lv->s.core.client_body_timeout_ms = ms;
		level_mark(lv, SET_client_body_timeout_ms);
	}
}
