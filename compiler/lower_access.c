/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of networks: allow and deny in the order of the text, and whose word about the client's address is believed (set_real_ip_from). A block without any
 * takes those around it (nginx: ngx_http_access_merge_loc_conf, ngx_http_realip_merge_loc_conf).
 */
#include <arpa/inet.h>

#include "compiler/lower.h"
#include "compiler/value.h"

/* Clear the bits behind the prefix. @return true when some were set. */
static bool mask_rest(uint8_t *addr, unsigned bytes, unsigned bits)
{
	bool any = false;
	for (unsigned i = 0; i < bytes; i++) {
		unsigned keep = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;
		uint8_t mask = (uint8_t)(0xff00u >> keep);
		any = any || (addr[i] & ~mask);
		addr[i] &= mask;
	}
	return any;
}

/* An address or address/bits. */
static bool read_network(struct wsr_str s, struct wsr_access_rule *r, bool *low_bits)
{
	char text[INET6_ADDRSTRLEN + 1];
	const char *slash = memchr(s.ptr, '/', s.len);
	size_t len = slash ? (size_t)(slash - s.ptr) : s.len;
	uint64_t bits;
	if (len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, r->addr) == 1)
		r->family = 4;
	else if (inet_pton(AF_INET6, text, r->addr) == 1)
		r->family = 6;
	else
		return false;
	unsigned bytes = r->family == 4 ? 4 : 16;
	bits = 8 * bytes;
	if (slash && (!value_uint(wsr_str(slash + 1, s.len - len - 1), &bits) || bits > 8 * bytes))
		return false;
	r->prefix_bits = (uint8_t)bits;
	*low_bits = mask_rest(r->addr, bytes, (unsigned)bits);
	return true;
}

static struct wsr_access_rule read_rule(struct lower *l, const struct node *n, const char *allowed)
{
	struct wsr_access_rule r = { .deny = node_is(n, "deny") };
	const struct word *w = node_arg(n, 0);
	bool low_bits = false;
	if (word_is(w, "all") && !node_is(n, "set_real_ip_from"))
		return r;
	if (word_is(w, "unix:"))
		r.unix_socket = 1;
	else if (!read_network(word_str(w), &r, &low_bits))
		diag_at(l->cc, CHECK_ADDRESS, w->span, "'%s' is no network: %s", diag_quote(l->cc, w->text, w->len), allowed);
	if (low_bits)
		diag_at(l->cc, CHECK_NETWORK_LOW_BITS, w->span, "the low bits of '%s' have no meaning", diag_quote(l->cc, w->text, w->len));
	return r;
}

/* The statements of a block that are lowered by fn, from n on, as one list. */
static struct wsr_list read_rules(struct lower *l, const struct node *n, lower_fn fn, const char *allowed)
{
	struct pool rules, places;
	pool_init(&rules, sizeof(struct wsr_access_rule));
	pool_init(&places, sizeof(struct plan_place));
	for (const struct node *m = n; m; m = m->next) {
		if (!lowered_by(m, fn))
			continue;
		struct wsr_access_rule r = read_rule(l, m, allowed);
		struct plan_place at = lower_place(l, m->span);
		pool_push(&rules, &r);
		pool_push(&places, &at);
	}
	struct wsr_list list = plan_run_at(l->plan, &l->plan->access_rule, rules.data, rules.count, offsetof(struct wsr_access_rule, pos), (struct plan_place *)places.data);
	pool_free(&rules);
	pool_free(&places);
	return list;
}

void lower_access_rule(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (!lv->access_set)
		lv->access = read_rules(l, n, lower_access_rule, "an address, address/bits, unix: or all");
	lv->access_set = true;
}

void lower_set_real_ip_from(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (!lv->trusted_set)
		lv->trusted = read_rules(l, n, lower_set_real_ip_from, "an address, address/bits or unix: (a name would have to be looked up while compiling)");
	lv->trusted_set = true;
}

void lower_satisfy(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	lv->s.core.satisfy_any = word_is(node_arg(n, 0), "any");
	level_mark(lv, SET_satisfy_any);
}

void lower_auth_basic_user_file(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (lower_has_variables(arg_str(n, 0)))
		diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "a password file cannot depend on variables: write a location, or a server, for each");
	lv->s.core.auth_user_file.v = plan_str(l->plan, arg_str(n, 0));
	level_mark(lv, SET_auth_user_file);
}
