/* SPDX-License-Identifier: BSD-2-Clause */
/* Who the client is and whether it may come in. Private to eval. */
#ifndef WSR_ACCESS_H
#define WSR_ACCESS_H

#include "eval/wsr_flow.h"

struct wsr_address { uint8_t bytes[16]; size_t len; /* 4 or 16 */ };

/** An IPv4 or IPv6 address as text. */
bool wsr_address_read(struct wsr_str s, struct wsr_address *a);

/** Is an address of 4 or 16 bytes (empty: a unix socket's client) what an access rule names? */
bool wsr_access_rule_holds(const struct wsr_access_rule *r, struct wsr_str address);
/** The first of the rules that names the address, or NULL. */
const struct wsr_access_rule *wsr_address_listed(const struct wsr_table *t, struct wsr_list rules, struct wsr_str address);
/** The client's address in 4 or 16 bytes; an IPv4 client of an IPv6 socket counts as IPv4. Empty for unix sockets. */
struct wsr_str wsr_client_address(struct wsr_eval *e);

/** set_real_ip_from of the current location: take the address that a trusted peer names, once for a request. */
void wsr_real_ip(struct wsr_eval *e);

/** allow, deny and auth_basic of the current location, joined as satisfy says. @return true after a decision of 401 or 403 */
bool wsr_access_refused(struct wsr_eval *e);

#endif
