/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who the client is, when a trusted peer names it, and whether it may come in: set_real_ip_from, allow and deny, auth_basic, satisfy. In: the settings of the
 * current location, the request's fields. Out: e->client, a decision of 401 or 403, or none.
 *
 * Meanings follow nginx 1.22 (ngx_http_realip_module.c, ngx_http_core_module.c: ngx_http_core_access_phase, ngx_http_auth_basic_module.c).
 */
#include "eval/wsr_access.h"

#include "eval/wsr_uri.h"

#include <arpa/inet.h>

static const struct wsr_body *body_of(const struct wsr_eval *e)
{
	return wsr_body_at(e->table, wsr_location_at(e->table, e->location)->body);
}

/* --- addresses ----------------------------------------------------------------------------------------------------------- */

bool wsr_address_read(struct wsr_str s, struct wsr_address *a)
{
	char text[INET6_ADDRSTRLEN];
	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	a->len = inet_pton(AF_INET, text, a->bytes) == 1 ? 4 : inet_pton(AF_INET6, text, a->bytes) == 1 ? 16 : 0;
	return a->len > 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) & (uint8_t)(0xff << (8 - rest))) == 0;
}

bool wsr_access_rule_holds(const struct wsr_access_rule *r, struct wsr_str address)
{
	if (r->unix_socket)
		return address.len == 0;
	if (r->family == 0)
		return true;
	size_t len = r->family == 4 ? 4 : 16;
	return address.len == len && r->prefix_bits <= len * 8 && same_bits(r->addr, (const uint8_t *)address.ptr, r->prefix_bits);
}

/* An IPv4 address that came over IPv6 counts as IPv4. */
static struct wsr_str unmapped(struct wsr_str a)
{
	static const char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff };
	return a.len == 16 && memcmp(a.ptr, mapped, sizeof(mapped)) == 0 ? wsr_from(a, 12) : a;
}

struct wsr_str wsr_client_address(struct wsr_eval *e)
{
	struct wsr_str a;
	return wsr_var_value(e, WSR_V_BINARY_REMOTE_ADDR, WSR_STR_NULL, &a) ? unmapped(a) : WSR_STR_NULL;
}

const struct wsr_access_rule *wsr_address_listed(const struct wsr_table *t, struct wsr_list rules, struct wsr_str address)
{
	for (uint32_t i = 0; i < rules.count; i++) {
		const struct wsr_access_rule *r = wsr_access_rule_at(t, rules.first + i);
		if (wsr_access_rule_holds(r, address))
			return r;
	}
	return NULL;
}

/* --- the address that a trusted peer names -------------------------------------------------------------------------------- */

struct named_client {
	struct wsr_list trusted;
	bool recursive;
	struct wsr_str now;         /* 4 or 16 bytes, empty for a unix socket: believed so far */
	struct wsr_address address; /* what `now` points to once something was found */
	struct wsr_str port;        /* digits behind it; empty = none */
	bool found;
};

/* Digits of a port from 1 on. */
static bool is_port(struct wsr_str s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9' || n > 6553)
			return false;
		n = n * 10 + (unsigned)(s.ptr[i] - '0');
	}
	return n >= 1 && n <= 65535;
}

/* "192.0.2.1", "2001:db8::1", "192.0.2.1:80", "[2001:db8::1]:80" */
static bool read_with_port(struct wsr_str s, struct wsr_address *a, struct wsr_str *port)
{
	*port = WSR_STR("");
	if (wsr_address_read(s, a))
		return true;
	const char *colon = s.len ? memrchr(s.ptr, ':', s.len) : NULL;
	if (!colon)
		return false;
	struct wsr_str host = wsr_str(s.ptr, (size_t)(colon - s.ptr));
	*port = wsr_from(s, host.len + 1);
	bool brackets = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
	if (brackets)
		host = wsr_str(host.ptr + 1, host.len - 2);
	return is_port(*port) && wsr_address_read(host, a) && (a->len == 16) == brackets;
}

static bool is_gap(char c)
{
	return c == ' ' || c == ',';
}

/* Addresses of one field from its end on, as long as the one before is trusted. @return false when the search is over */
static bool search(struct wsr_eval *e, struct named_client *c, struct wsr_str list)
{
	do {
		struct wsr_address next;
		struct wsr_str port;
		if (!wsr_address_listed(e->table, c->trusted, c->now))
			return false;
		while (list.len > 1 && is_gap(list.ptr[list.len - 1]))
			list.len--;
		size_t start = list.len;
		while (start > 0 && !is_gap(list.ptr[start - 1]))
			start--;
		if (!read_with_port(wsr_from(list, start), &next, &port))
			return false;
		c->address = next;
		c->now = unmapped(wsr_str((const char *)c->address.bytes, c->address.len));
		c->port = port;
		c->found = true;
		list.len = start;
	} while (c->recursive && list.len > 0);
	return c->recursive;
}

/* X-Forwarded-For is a list over all lines of that name, of other fields the first counts. */
static void search_fields(struct wsr_eval *e, struct named_client *c, struct wsr_str name)
{
	const struct wsr_head *h = e->request;
	if (!wsr_str_eq_nocase(name, WSR_STR("X-Forwarded-For"))) {
		for (uint32_t i = 0; i < h->field_count; i++)
			if (wsr_str_eq_nocase(h->fields[i].name, name) && !(h->fields[i].flags & WSR_FIELD_INVALID)) {
				search(e, c, h->fields[i].value);
				return;
			}
		return;
	}
	for (uint32_t i = h->field_count; i-- > 0;)
		if (h->fields[i].id == WSR_F_X_FORWARDED_FOR && !search(e, c, h->fields[i].value))
			return;
}

void wsr_real_ip(struct wsr_eval *e)
{
	const struct wsr_body *b = body_of(e);
	if (b->trusted.count == 0 || e->client.ptr || e->httpd || !e->request)
		return;
	struct named_client c = { .trusted = b->trusted, .recursive = e->core->real_ip_recursive, .now = wsr_client_address(e) };
	struct wsr_str name = wsr_string(e->table, e->core->real_ip_header.v), said;
	char text[INET6_ADDRSTRLEN];
	if (!wsr_str_eq_nocase(name, WSR_STR("proxy_protocol")))
		search_fields(e, &c, name);
	else if (wsr_var_value(e, WSR_V_PROXY_PROTOCOL_ADDR, WSR_STR_NULL, &said) && said.len)
		search(e, &c, said);
	if (c.found && c.port.len == 0 && wsr_str_eq_nocase(name, WSR_STR("proxy_protocol")))
		wsr_var_value(e, WSR_V_PROXY_PROTOCOL_PORT, WSR_STR_NULL, &c.port);
	if (!c.found || !inet_ntop(c.address.len == 4 ? AF_INET : AF_INET6, c.address.bytes, text, sizeof(text)))
		return;
	e->client = wsr_arena_dup(e->arena, wsr_cstr(text));
	e->client_binary = wsr_arena_dup(e->arena, wsr_str((const char *)c.address.bytes, c.address.len));
	e->client_port = c.port;
	wsr_trace(e, WSR_NONE, "the client is, as a trusted peer says", e->client);
}

/* --- access -------------------------------------------------------------------------------------------------------------- */

enum verdict { NO_OPINION, GRANTED, REFUSED, PASSWORD_WANTED };

static enum verdict by_address(struct wsr_eval *e, uint32_t *pos)
{
	struct wsr_list rules = body_of(e)->access;
	struct wsr_str address = rules.count ? wsr_client_address(e) : WSR_STR_NULL;
	for (uint32_t i = 0; i < rules.count; i++) {
		const struct wsr_access_rule *r = wsr_access_rule_at(e->table, rules.first + i);
		if (!wsr_access_rule_holds(r, address))
			continue;
		wsr_trace(e, r->pos, r->deny ? "denied" : "allowed", WSR_STR_NULL);
		*pos = r->pos;
		return r->deny ? REFUSED : GRANTED;
	}
	return NO_OPINION;
}

/* The realm goes out as it is: what holds a control character is refused where fields are written. */
static enum verdict ask(struct wsr_eval *e, struct wsr_str realm)
{
	struct wsr_str parts[] = { WSR_STR("Basic realm=\""), realm, WSR_STR("\"") };
	e->challenge = wsr_join(e->arena, parts, 3);
	return PASSWORD_WANTED;
}

static enum verdict by_password(struct wsr_eval *e)
{
	const struct wsr_world *w = e->world;
	struct wsr_str file = wsr_string(e->table, e->core->auth_user_file.v), realm, user, password;
	if (e->core->auth_realm.v == WSR_NONE || file.len == 0)
		return NO_OPINION;
	realm = wsr_eval_tmpl(e, e->core->auth_realm.v);
	if (wsr_str_eq(realm, WSR_STR("off")))
		return NO_OPINION;
	if (!wsr_basic_credentials(e, &user, &password))
		return ask(e, realm);
	if (!w || !w->authenticate || !w->file || !w->file(e->world_ctx, file.ptr, WSR_FILE_EXISTS)) {
		wsr_trace(e, WSR_NONE, "the password file is missing", file);
		return REFUSED;
	}
	if (!w->authenticate(e->world_ctx, file.ptr, user, password))
		return ask(e, realm);
	wsr_trace(e, WSR_NONE, "authenticated", user);
	return GRANTED;
}

bool wsr_access_refused(struct wsr_eval *e)
{
	bool any = e->core->satisfy_any;
	uint32_t pos = wsr_location_at(e->table, e->location)->pos;
	enum verdict address = by_address(e, &pos);
	if (address == GRANTED && any)
		return false;
	enum verdict password = address == REFUSED && !any ? NO_OPINION : by_password(e);
	if (password == GRANTED && any)
		address = NO_OPINION;
	if (password == PASSWORD_WANTED)
		wsr_decide_status(e, 401, pos);
	else if (address == REFUSED || password == REFUSED)
		wsr_decide_status(e, 403, pos);
	else
		return false;
	return true;
}
