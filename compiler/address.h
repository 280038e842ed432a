/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as nginx writes them in listen, proxy_pass and upstream servers: host:port, [ipv6]:port, unix:path, with an URI part where allowed. */
#ifndef COMPILER_ADDRESS_H
#define COMPILER_ADDRESS_H

#include "table/wsr_format.h"
#include "table/wsr_str.h"

#define ADDRESS_LISTEN 1u   /* a port or "*" alone is an address; no URI part */
#define ADDRESS_URI    2u   /* a URI part may follow */

struct address {
	uint16_t kind;              /* enum wsr_peer_kind; IPV4 with wildcard for "*" and for a port alone */
	bool wildcard;              /* every local address of the family */
	bool no_port;               /* the port is the default one because none was written */
	uint16_t port;              /* 0 for a unix socket */
	uint16_t last_port;         /* end of a range (listen only), otherwise equal to port */
	uint8_t bytes[16];          /* of a literal, network order */
	struct wsr_str host;        /* name, literal without brackets or path; borrowed from the text */
	struct wsr_str port_text;   /* as written; empty without one */
	struct wsr_str uri;         /* as written, from "/" or "?" on; for unix sockets what stands behind the second ":" */
};

/** @return NULL when text is such an address, otherwise what is wrong with it (nginx's words where it has some). */
const char *address_parse(struct wsr_str text, unsigned flags, uint16_t default_port, struct address *out);

#endif
