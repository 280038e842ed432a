/* SPDX-License-Identifier: BSD-2-Clause */
/* Networks as Apache writes them: "10.1", "10.1.2.0/24", "10.0.0.0/255.0.0.0", "2001:db8::/32". In: text. Out: an access rule without place. */
#include <arpa/inet.h>

#include "compiler/apache_expr.h"
#include "compiler/value.h"

/* "10", "10.1", "10.1.2": whole octets, a network of as many bits. */
static bool partial_ipv4(struct wsr_str s, struct wsr_access_rule *r)
{
	unsigned octets = 0, value = 0, digits = 0;
	if (s.len && s.ptr[s.len - 1] == '.')
		s.len--;
	for (size_t i = 0; i <= s.len; i++) {
		if (i == s.len || s.ptr[i] == '.') {
			if (!digits || value > 255 || octets == 4)
				return false;
			r->addr[octets++] = (uint8_t)value;
			value = digits = 0;
		} else if (s.ptr[i] >= '0' && s.ptr[i] <= '9' && digits < 3) {
			value = value * 10 + (unsigned)(s.ptr[i] - '0');
			digits++;
		} else {
			return false;
		}
	}
	r->family = 4;
	r->prefix_bits = (uint8_t)(octets * 8);
	return octets > 0;
}

/* 255.255.0.0 as bits; false when the ones do not come first. */
static bool mask_bits(struct wsr_str s, uint8_t *bits)
{
	struct wsr_access_rule m = { 0 };
	if (!partial_ipv4(s, &m) || m.prefix_bits != 32)
		return false;
	uint32_t v = (uint32_t)m.addr[0] << 24 | (uint32_t)m.addr[1] << 16 | (uint32_t)m.addr[2] << 8 | m.addr[3];
	*bits = v ? (uint8_t)__builtin_popcount(v) : 0;
	return *bits == 0 || v == UINT32_MAX << (32 - *bits);
}

static void clear_rest(struct wsr_access_rule *r)
{
	for (unsigned i = 0; i < sizeof(r->addr); i++)
		if (r->prefix_bits < 8 * (i + 1))
			r->addr[i] &= r->prefix_bits > 8 * i ? (uint8_t)(0xff00u >> (r->prefix_bits - 8 * i)) : 0;
}

bool apache_network(struct wsr_str s, struct wsr_access_rule *r)
{
	char text[INET6_ADDRSTRLEN];
	const char *slash = s.len ? memchr(s.ptr, '/', s.len) : NULL;
	struct wsr_str host = slash ? wsr_str(s.ptr, (size_t)(slash - s.ptr)) : s;
	uint64_t bits = 0;
	*r = (struct wsr_access_rule){ 0 };
	if (host.len == 0 || host.len >= sizeof(text))
		return false;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET6, text, r->addr) == 1) {
		r->family = 6;
		r->prefix_bits = 128;
	} else if (!partial_ipv4(host, r)) {
		return false;
	}
	if (slash) {
		struct wsr_str tail = wsr_str(slash + 1, s.len - host.len - 1);
		if (value_uint(tail, &bits) && bits <= (r->family == 4 ? 32u : 128u))
			r->prefix_bits = (uint8_t)bits;
		else if (r->family != 4 || !mask_bits(tail, &r->prefix_bits))
			return false;
	}
	clear_rest(r);
	return true;
}

uint32_t apache_network_record(struct lower *l, const struct wsr_access_rule *rule, struct span at)
{
	struct wsr_access_rule copy = *rule;
	return plan_record_at(l->plan, &l->plan->access_rule, &copy, offsetof(struct wsr_access_rule, pos), lower_place(l, at));
}
